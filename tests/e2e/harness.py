# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: TAP, and a world to run bawn in.

A World is a directory with a home, a project, a state and a run-time directory
of its own, so that a test neither sees nor disturbs the user's bawn.  Fixtures
(servers.py) listen on loopback and are reached through `connect` and `dns` of
the policy and through nothing else.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

BIN = os.environ.get('BAWN_BIN') or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))), 'build', 'src', 'cmd')
BAWN = os.path.join(BIN, 'bawn')
BAWND = os.path.join(BIN, 'bawnd')
SANITIZED = os.environ.get('BAWN_SANITIZED') == '1'
# A sanitizer makes everything some times slower, an emulated processor more.
SLOW = max(4 if SANITIZED else 1, int(os.environ.get('BAWN_TEST_SLOW', 1)))
AS_ROOT = os.getuid() == 0
TEST_SECONDS = 60


class Skip(Exception):
    pass


class Failure(AssertionError):
    pass


def skip(why):
    raise Skip(why)


def check(cond, what):
    if not cond:
        raise Failure(what)


def equal(got, want, what):
    if got != want:
        raise Failure(f'{what}: got {got!r}, want {want!r}')


def contains(text, part, what):
    if part not in text:
        raise Failure(f'{what}: no {part!r} in {text!r}')


_tests = []


def test(name, seconds=TEST_SECONDS):
    def add(fn):
        _tests.append((name, seconds, fn))
        return fn
    return add


def _late(signum, frame):
    raise Failure('no end in time')


def main():
    """
    Runs what @test collected, or those whose name holds argv[1], or
    BAWN_TEST_ONLY where the runner gives the arguments.
    """
    wanted = sys.argv[1] if len(sys.argv) > 1 else \
        os.environ.get('BAWN_TEST_ONLY', '')
    picked = [t for t in _tests if wanted in t[0]]
    print(f'1..{len(picked)}', flush=True)
    bad = 0
    signal.signal(signal.SIGALRM, _late)
    # Ignored in a job in the background, and bawn lets ignored ones be.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    for n, (name, seconds, fn) in enumerate(picked, 1):
        signal.alarm(seconds * SLOW)
        began = time.monotonic()
        try:
            fn()
            print(f'ok {n} - {name}', flush=True)
        except Skip as why:
            print(f'ok {n} - {name} # SKIP {why}', flush=True)
        except BaseException as e:  # a broken test must not hide the others
            if isinstance(e, KeyboardInterrupt):
                raise
            bad += 1
            signal.alarm(0)
            print(f'not ok {n} - {name}', flush=True)
            lines = ([str(e)] if isinstance(e, Failure)
                     else traceback.format_exc().splitlines())
            where = traceback.extract_tb(e.__traceback__)
            at = [f for f in where if 'harness.py' not in f.filename]
            if at:
                lines.append(f'at {os.path.basename(at[-1].filename)}:'
                             f'{at[-1].lineno}')
            for line in lines:
                print(f'# {line[:2000]}', flush=True)
        finally:
            signal.alarm(0)
        if os.environ.get('BAWN_TEST_TIMES'):
            print(f'# {time.monotonic() - began:.2f} s', flush=True)
    for w in list(World.all):
        w.close(keep=bool(bad) and bool(os.environ.get('BAWN_TEST_KEEP')))
    sys.stdout.flush()
    os._exit(1 if bad else 0)


def wait_for(what, seconds, fn):
    """Polls @fn until it gives something true, which is returned."""
    end = time.monotonic() + seconds * SLOW
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure(f'not within {seconds * SLOW} s: {what}')
        time.sleep(0.01)


class Result:
    def __init__(self, code, out, err, seconds):
        self.code, self.seconds = code, seconds
        self.out = out.decode('utf-8', 'replace')
        self.err = err.decode('utf-8', 'replace')
        self.raw = out

    def __repr__(self):
        return f'(code {self.code}, out {self.out!r}, err {self.err!r})'


# All that the second backend lacks, and the tests then do without.
LANDLOCK = '''backend: landlock
backend_accept: [hide, protect, metadata, private-home, private-tmp, private-etc,
  processes, ports, terminals, total-kill, process-limit, audit]
'''


def landlock_abi():
    nr = 444  # landlock_create_ruleset, everywhere
    return ctypes.CDLL(None).syscall(nr, None, 0, 1)


# Enough for each fixture; a test adds what it is about.
POLICY = 'version: 1\n'


class World:
    all = []

    def __init__(self, policy=POLICY, base='/var/tmp'):
        self.top = tempfile.mkdtemp(prefix='bw-', dir=base)
        os.chmod(self.top, 0o755)
        self.home = self.top + '/h'
        self.project = self.home + '/proj'
        self.state = self.top + '/s'
        self.runtime = self.top + '/r'
        for d in (self.home, self.home + '/.ssh', self.state, self.runtime):
            os.mkdir(d, 0o700)
        os.mkdir(self.project, 0o755)
        self.write(self.home + '/.ssh/id_secret', 'TOP-SECRET-KEY\n')
        self.write(self.home + '/.gitconfig',
                   '[user]\n\tname = Test User\n\temail = t@example.org\n')
        keep = ('PATH', 'LANG', 'TZ', 'USER', 'LOGNAME', 'SHELL',
                'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'BAWN_WEAKEN')
        self.env = {k: os.environ[k] for k in keep if k in os.environ}
        # Private tools of one user (a shim in a home) are not what is tested.
        self.env['PATH'] = ':'.join(
            p for p in self.env.get('PATH', '').split(':')
            if not p.startswith(('/root', '/home'))) or '/usr/bin:/bin'
        self.env.update(HOME=self.home, BAWN_STATE_DIR=self.state,
                        BAWN_RUNTIME_DIR=self.runtime, TERM='xterm',
                        USER=self.env.get('USER', 'test'))
        self.policy_path = self.top + '/policy.yaml'
        self.policy(policy)
        self.servers = []
        self.prefix = []
        World.all.append(self)

    def write(self, path, text, mode=0o644):
        if not path.startswith('/'):
            path = os.path.join(self.project, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def policy(self, text):
        if os.environ.get('BAWN_TEST_BACKEND') == 'landlock':
            # It passes no sockets of the host on.
            text = re.sub(r'  sockets: .*\n', '', text)
            text = text.replace('version: 1\n', 'version: 1\n' + LANDLOCK, 1)
        self.write(self.policy_path, text)

    def admin(self, **layers):
        """
        Puts org= and team= where an administrator would, for this world only:
        all that it starts sees an /etc of its own.  Call it before the first
        session; a layer can be changed later by calling it again.
        """
        etc = self.top + '/admin'
        for d in ('', '/bawn', '/upper', '/work'):
            os.makedirs(etc + d, exist_ok=True)
        for name, text in layers.items():
            tmp = self.write(f'{etc}/{name}.new', text)
            os.rename(tmp, f'{etc}/bawn/{name}.yaml')
        how = [] if AS_ROOT else ['-U', '--map-current-user', '--keep-caps']
        self.prefix = [
            'unshare', *how, '-m', 'sh', '-ec',
            'mount -t tmpfs none "$0/work"; mkdir "$0/work/u" "$0/work/w"; '
            'mkdir "$0/work/u/bawn"; mount -t overlay none '
            '-o "lowerdir=/etc,upperdir=$0/work/u,workdir=$0/work/w" /etc; '
            'mount --bind "$0/bawn" /etc/bawn; exec "$@"', etc]

    def serve(self, server):
        """Owns a fixture: it ends with the world."""
        self.servers.append(server)
        return server

    def argv(self, command, options=()):
        return [BAWN, 'run', '--policy', self.policy_path, *options, '--',
                *command]

    def popen(self, command, options=(), **kw):
        kw.setdefault('stdin', subprocess.DEVNULL)
        kw.setdefault('stdout', subprocess.PIPE)
        kw.setdefault('stderr', subprocess.PIPE)
        kw.setdefault('cwd', self.project)
        kw.setdefault('env', self.env)
        return subprocess.Popen(self.prefix + self.argv(command, options),
                                **kw)

    def run(self, *command, options=(), stdin=None, timeout=30, cwd=None,
            env=None):
        return self.call(self.argv(command, options), stdin=stdin,
                         timeout=timeout, cwd=cwd, env=env)

    def sh(self, script, **kw):
        return self.run('sh', '-c', script, **kw)

    def bawn(self, *args, **kw):
        return self.call([BAWN, *args], **kw)

    def call(self, argv, stdin=None, timeout=30, cwd=None, env=None):
        began = time.monotonic()
        p = subprocess.Popen(
            self.prefix + argv, cwd=cwd or self.project, env=dict(self.env, **(env or {})),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = p.communicate(stdin, timeout=timeout * SLOW)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failure(f'{argv[1:]} did not end: out {out[-800:]!r}, '
                          f'err {err[-800:]!r}') from None
        return Result(p.returncode, out, err, time.monotonic() - began)

    def records(self, expr='session = @'):
        """The ledger's records that match @expr."""
        r = self.bawn('ledger', 'query', '--json', expr)
        equal(r.code, 0, f'ledger query {expr!r}: {r.err}')
        return [json.loads(x) for x in r.out.splitlines()]

    def refused(self, **fields):
        """The newest session's net.refuse records with these fields."""
        return self.having('net.refuse', **fields)

    def granted(self, **fields):
        return self.having('net.grant', **fields)

    def having(self, kind, **fields):
        return [r for r in self.records() if r['kind'] == kind
                and all(r.get(k) == v for k, v in fields.items())]

    def verify(self):
        r = self.bawn('ledger', 'verify')
        equal(r.code, 0, f'ledger verify: {r}')
        return r

    def lock(self):
        try:
            with open(self.state + '/lock') as f:
                return json.loads(f.read() or '{}')
        except (OSError, ValueError):
            return {}

    def keeper_pid(self):
        pid = self.lock().get('pid')
        return pid if pid and alive(pid) and is_daemon(pid) else None

    def log(self):
        try:
            with open(self.state + '/bawnd.log', errors='replace') as f:
                return f.read()[-3000:]
        except OSError:
            return ''

    def stop_daemon(self):
        pid = self.keeper_pid()
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 3
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def close(self, keep=False):
        World.all.remove(self)
        for s in self.servers:
            with contextlib.suppress(Exception):
                s.close()
        self.stop_daemon()
        if keep:
            print(f'# kept {self.top}')
        else:
            shutil.rmtree(self.top, ignore_errors=True)


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def is_daemon(pid):
    """The lock of one that died names a number that may be another's now."""
    try:
        with open(f'/proc/{pid}/comm') as f:
            return 'bawnd' in f.read()
    except OSError:
        return False


def processes():
    """pid -> (ppid, comm, command line) of all that can be seen."""
    found = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat') as f:
                stat = f.read()
            with open(f'/proc/{name}/cmdline', 'rb') as f:
                line = f.read().replace(b'\0', b' ').decode('utf-8', 'replace')
        except OSError:
            continue
        head, _, tail = stat.rpartition(')')
        fields = tail.split()
        if fields[0] in 'ZX':
            continue
        found[int(name)] = (int(fields[1]), head.partition('(')[2], line)
    return found


def descendants(pid):
    table = processes()
    found, todo = [], [pid]
    while todo:
        up = todo.pop()
        kids = [p for p, row in table.items() if row[0] == up]
        found += kids
        todo += kids
    return found


def mark(n):
    """Seconds to sleep that no other run on this machine sleeps: @n and ours."""
    return f'{n}.{os.getpid():07}'


def with_mark(mark):
    """pids whose command line holds @mark; tests put one into a sleep."""
    return [p for p, row in processes().items() if mark in row[2]
            and p != os.getpid()]


def in_front(seconds):
    """Whether `sleep @seconds`, a mark(), runs, and a key would reach it."""
    for pid in with_mark('sleep ' + seconds):
        try:
            with open(f'/proc/{pid}/stat') as f:
                head, _, tail = f.read().rpartition(')')
        except OSError:
            continue
        group, terminal = tail.split()[2], tail.split()[5]
        if head.endswith('(sleep') and group == terminal:
            return True
    return False


def until_in_front(seconds):
    wait_for(f'sleep {seconds} in front', 10, lambda: in_front(seconds))


def mounts_below(path):
    with open('/proc/self/mountinfo') as f:
        return [x for x in f if x.split()[4].startswith(path)]


class Term:
    """A command on a pty of its own, as a user would start it."""

    def __init__(self, argv, env, cwd, rows=24, cols=80):
        self.seen = b''
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ,
                            struct.pack('HHHH', rows, cols, 0, 0))
                os.chdir(cwd)
                os.execvpe(argv[0], argv, env)
            finally:
                os._exit(111)

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack('HHHH', rows, cols, 0, 0))

    def send(self, data):
        os.write(self.fd, data if isinstance(data, bytes) else data.encode())

    def pump(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            data = b''
        self.seen += data
        return bool(data)

    def expect(self, part, seconds=15):
        """Everything up to and with @part, which is taken off."""
        part = part if isinstance(part, bytes) else part.encode()
        end = time.monotonic() + seconds * SLOW
        while part not in self.seen:
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f'terminal: no {part!r} in '
                              f'{self.seen[-1500:]!r}')
            if not self.pump(min(left, 0.2)) and self.done():
                while self.pump(0.05):
                    pass
                if part not in self.seen:
                    raise Failure(f'terminal closed, no {part!r} in '
                                  f'{self.seen[-1500:]!r}')
        head, _, self.seen = self.seen.partition(part)
        return (head + part).decode('utf-8', 'replace')

    def done(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def wait(self, seconds=15):
        end = time.monotonic() + seconds * SLOW
        while not self.done():
            self.pump(0.05)
            if time.monotonic() > end:
                raise Failure(f'still running; last seen '
                              f'{self.seen[-1500:]!r}')
        return os.waitstatus_to_exitcode(self.status)

    def close(self):
        if not self.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = 9
        os.close(self.fd)
