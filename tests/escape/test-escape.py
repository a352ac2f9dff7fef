#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each program of this folder tries one way out of a jail, and must fail.

usage: test-escape.py DIR     where driver and the programs were built

As root everything runs twice: as root, whose jail runs as nobody's user on an
idmapped workspace, and as a plain user.
"""

import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

BUILD = sys.argv[1]
PLAIN_UID = 61418
SLOW = int(os.environ.get('BAWN_TEST_SLOW', 1))
PROGRAMS = '''sockets foreign-abi namespaces mounting kernel terminal setid proc
    files descriptors network unix processes privileges late layers nested'''.split()
NAMESPACES = 'user mnt pid net ipc uts cgroup'.split()
# Where the plan says nested: these walls give way, all others must stand.
GIVE_WAY = {'namespaces', 'mounting', 'layers'}

# Without namespaces: what a program says that it cannot ask for, by the words
# of doc/landlock.md; and programs that ask for nothing else.
LACKS = {
    'terminal': {'terminals'}, 'proc': {'processes', 'metadata'},
    'files': {'hide', 'private-tmp'}, 'unix': {'network.sockets'},
}
NOT_ALONE = {
    'late': 'hide: a file that is covered while the session runs',
    'layers': 'each wall behind another is a namespace or a mount',
    'nested': 'nested: true is refused with this backend',
}

results = []


def report(name, ok, text=''):
    results.append(ok)
    for line in text.splitlines():
        print('#', line.lstrip('# '))
    print(f'{"ok" if ok else "not ok"} {len(results)} - {name}', flush=True)


def answer(listener):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        conn.sendall(b'host')
        conn.close()


def listen(family, address):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind(address)
    s.listen()
    threading.Thread(target=answer, args=(s,), daemon=True).start()
    return s


class World:
    """A project, things beside it that a jail must not see, and its user."""

    def __init__(self, uid):
        self.uid = uid
        self.top = tempfile.mkdtemp(prefix='bawn-escape-')
        os.chmod(self.top, 0o755)
        self.bin = os.path.join(self.top, 'bin')
        self.project = os.path.join(self.top, 'project')
        os.mkdir(self.bin)
        os.mkdir(self.project)
        for name in ['driver'] + PROGRAMS:
            shutil.copy(os.path.join(BUILD, name), self.bin)
        self.write('secret', 'host')
        self.write('project/.env', 'hidden')
        self.write('project/late', 'hidden later')
        os.mkdir(os.path.join(self.project, 'keys'))
        self.write('project/keys/secret', 'hidden')
        os.makedirs(os.path.join(self.project, 'deep/er'))
        self.write('project/deep/er/.env', 'hidden')
        self.abstract = os.path.basename(self.top)
        self.path = os.path.join(self.top, 'socket')
        self.tcp = listen(socket.AF_INET, ('127.0.0.1', 0))
        self.unix = [listen(socket.AF_UNIX, '\0' + self.abstract),
                     listen(socket.AF_UNIX, self.path)]
        os.chmod(self.path, 0o777)
        for where, dirs, files in os.walk(self.top):
            for name in dirs + files:
                os.chown(os.path.join(where, name), uid, uid)
        os.chown(self.top, uid, uid)
        self.refused = os.path.join(self.top, 'refused')

    def write(self, name, text):
        with open(os.path.join(self.top, name), 'w') as f:
            f.write(text)

    def drop(self):
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)

    def driver(self, options, command, **more):
        if os.geteuid() != self.uid:
            more['preexec_fn'] = self.drop
        argv = [os.path.join(self.bin, 'driver'), '--project', self.project,
                '--see', self.bin] + options + ['--'] + command
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, **more)

    def run(self, options, command):
        p = self.driver(options, command)
        try:
            out, _ = p.communicate(timeout=60 * SLOW)
        except subprocess.TimeoutExpired:
            p.kill()
            return 'timeout', p.communicate()[0]
        return p.returncode, out

    def done(self):
        for s in self.unix + [self.tcp]:
            s.close()
        shutil.rmtree(self.top, ignore_errors=True)


def arguments(w, name):
    """Options of the driver, arguments of the program."""
    inside = '/tmp/agent'
    hidden = os.path.join(w.project, '.env'), os.path.join(w.project, 'keys')
    late = os.path.join(w.project, 'late')
    return {
        'terminal': (['--tty'], []),
        'layers': ([], [w.bin] + [os.readlink('/proc/self/ns/' + n)
                                  for n in NAMESPACES]),
        'proc': ([], [str(os.getpid())]),
        'files': (['--hide', hidden[0], '--hide', hidden[1]],
                  [os.path.join(w.top, 'secret'), '.env', 'keys']),
        'descriptors': (['--leak'], []),
        'network': (['--allow', '192.0.2.0/24', '--deny', '192.0.2.128/25'],
                    [str(w.tcp.getsockname()[1])]),
        'unix': (['--listen', inside], [w.abstract, w.path, inside]),
        'processes': ([], [str(os.getpid())]),
        'late': (['--cover', late], [late]),
        'nested': (['--nested', '--hide', hidden[0], '--hide', hidden[1],
                    '--hide', os.path.join(w.project, 'deep/er/.env'),
                    '--cover', late],
                   ['.env', 'keys', 'deep', 'late',
                    str(w.tcp.getsockname()[1])]),
    }.get(name, ([], []))


RECORDED = {
    'namespaces': {'unshare', 'clone', 'setns'},
    'mounting': {'mount', 'umount2', 'pivot_root', 'chroot', 'fsopen',
                 'fsconfig', 'fsmount', 'fspick', 'open_tree', 'move_mount',
                 'mount_setattr'},
    'kernel': {'bpf', 'perf_event_open', 'keyctl', 'add_key', 'userfaultfd',
               'finit_module', 'pidfd_getfd', 'reboot'},
    'setid': {'fchmod', 'fchmodat', 'openat', 'mkdirat', 'mknodat'},
}


def check_program(w, who, name, more=()):
    options, args = arguments(w, name)
    options = list(more) + options
    alone = '--landlock' in options
    if alone and '--listen' in options:
        at = options.index('--listen')
        del options[at:at + 2]
    if os.path.exists(w.refused):
        os.unlink(w.refused)
    code, out = w.run(options + ['--refused', w.refused],
                      [os.path.join(w.bin, name)] + args)
    if code == 77:
        report(f'{who}: {name} # SKIP not on this machine', True)
        return
    report(f'{who}: {name}', code == 0, out if code == 0
           else f'exit {code}\n{out}')
    if alone:
        said = {x[8:] for x in out.splitlines() if x.startswith('# lacks ')}
        report(f'{who}: {name} lacks what is documented',
               said == LACKS.get(name, set()), f'{said}')
    if name in RECORDED and code == 0:
        with open(w.refused) as f:
            seen = set(f.read().split())
        missing = RECORDED[name] - seen
        report(f'{who}: {name} is on the record', not missing,
               f'not asked: {sorted(missing)}' if missing else '')


def check_exit_codes(w, who, options=()):
    for want, command in [
            (0, ['true']), (1, ['false']), (7, ['sh', '-c', 'exit 7']),
            (127, ['no-such-command']), (127, ['/no/such/command']),
            (126, ['/etc/passwd']), (126, [w.project]),
            (128 + 15, ['sh', '-c', 'kill -TERM $$']),
            (128 + 9, ['sh', '-c', 'kill -KILL $$'])]:
        code, out = w.run(list(options), command)
        report(f'{who}: exit {want} of {command[0]}', code == want,
               f'exit {code}\n{out}' if code != want else '')


def args_of(*argv):
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', errors='replace') as f:
                if f.read().split('\0')[:-1] == list(argv):
                    found.append(pid)
        except OSError:
            pass
    return found


def gone_args(name, mark, seconds):
    end = time.monotonic() + seconds * SLOW
    while args_of(name, mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def check_survivors(w, who, options=()):
    """Nothing outlives the command, nor the supervisor's kill -9."""
    mark = str(71000 + os.getpid() % 20000)
    code, out = w.run(list(options), ['sh', '-c',
                           f'(setsid sleep {mark} &) ; sleep 0.1'])
    report(f'{who}: a daemon ends with the command',
           code == 0 and gone_args('sleep', mark, 1), out)

    p = w.driver(list(options),
                 ['sh', '-c', f'(setsid sleep {mark} &); sleep {mark}'])
    end = time.monotonic() + 10 * SLOW
    while len(args_of('sleep', mark)) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    begun = len(args_of('sleep', mark))
    p.send_signal(signal.SIGKILL)
    p.wait()
    report(f'{who}: all ends with the supervisor',
           begun == 2 and gone_args('sleep', mark, 1), f'{begun} began')
    p.communicate()


def check_one_by_one(w, who):
    """Each way in which a jail hears of its supervisor's end, alone."""
    mark = str(91000 + os.getpid() % 8000)
    command = ['sh', '-c', f'sleep {mark}; exit']

    def begin(*options):
        p = w.driver(list(options), command)
        end = time.monotonic() + 10 * SLOW
        while not args_of('sleep', mark) and time.monotonic() < end:
            time.sleep(0.02)
        return p, len(args_of('sleep', mark))

    # Its socket says nothing to an init that is stopped: the signal does.
    p, begun = begin()
    kids = [int(x) for x in filter(str.isdigit, os.listdir('/proc'))
            if parent(x) == p.pid]
    for pid in kids:
        os.kill(pid, signal.SIGSTOP)
    p.kill()
    p.wait()
    gone = gone_args('sleep', mark, 1)
    report(f'{who}: a stopped init dies by signal', begun == 1 and
           len(kids) == 1 and gone, f'{begun} began, init {kids}')
    for pid in kids if not gone else []:
        os.kill(pid, signal.SIGKILL)
    p.communicate()

    # No parent dies here: the socket tells.
    p, begun = begin('--hang-up')
    gone = gone_args('sleep', mark, 1)
    report(f'{who}: init ends with its socket', begun == 1 and gone and
           p.poll() is None, f'{begun} began, driver {p.poll()}')
    p.kill()
    p.communicate()


def parent(pid):
    """Of one that lives: who held the id maps is dead, and reaped when there is
    time."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            state, up = f.read().rpartition(')')[2].split()[:2]
    except OSError:
        return 0
    return 0 if state in 'ZX' else int(up)


def check_init_environment(w, who):
    """As root, who may look: what init was started with is not in it."""
    mark = f'30.{os.getpid()}'  # other tests sleep, too
    p = w.driver([], ['sleep', mark], env=dict(os.environ, SECRET_='told'))
    end = time.monotonic() + 10 * SLOW
    seen = b''
    while not args_of('sleep', mark) and time.monotonic() < end:
        time.sleep(0.02)
    kids = [x for x in filter(str.isdigit, os.listdir('/proc'))
            if parent(x) == p.pid]
    for pid in kids:
        with open(f'/proc/{pid}/environ', 'rb') as f:
            seen += f.read()
    report(f"{who}: init's environment is wiped", len(kids) == 1 and
           b'told' not in seen, f'init {kids}, {len(seen)} bytes')
    p.kill()
    p.communicate()


def check_ownership(w, who, options=()):
    """What the jail made is the owner's on the host, without set-id bits."""
    code, out = w.run(list(options), ['sh', '-c', 'echo x > mine; mkdir dir'])
    st = os.stat(os.path.join(w.project, 'mine')) if code == 0 else None
    report(f'{who}: files belong to the owner',
           st is not None and st.st_uid == w.uid, out)
    bits = 0
    for where, dirs, files in os.walk(w.project):
        for name in dirs + files:
            mode = os.lstat(os.path.join(where, name)).st_mode
            bits |= mode & (stat.S_ISUID | stat.S_ISGID)
    report(f'{who}: no set-id file was planted', bits == 0)


def check_mount_points(w, who):
    """Covers and mounts leave no stub behind."""
    before = sorted(os.listdir(w.top)), sorted(os.listdir(w.project))
    code, out = w.run(['--hide', os.path.join(w.project, '.env')], ['true'])
    after = sorted(os.listdir(w.top)), sorted(os.listdir(w.project))
    report(f'{who}: nothing is left in the project',
           code == 0 and before == after, out)


def check_failures(w, who):
    """What cannot be carried out fails at once, and says why."""
    planted = os.path.join(w.project, 'planted')
    os.symlink('/etc', planted)
    missing = os.path.join(w.top, 'missing')
    for options, want in [
            (['--see', missing], missing),
            (['--see', planted], planted),
            # A mount point on the host's side would have to be made.
            (['--listen', '/usr/bawn-no-such-dir/socket'], '/usr/bawn-no'),
            (['--listen', planted + '/bawn-socket'], planted)]:
        begun = time.monotonic()
        code, out = w.run(options, ['true'])
        quick = time.monotonic() - begun < 5 * SLOW
        report(f'{who}: refused: {" ".join(options)}',
               code == 125 and want in out and quick, out)
    os.unlink(planted)


def check_masked_proc(w, who):
    """In a container whose /proc is masked: the remedy is named."""
    masked = ['unshare', '-m', 'sh', '-c',
              'mount -t tmpfs none /proc/acpi && exec "$@"', 'sh']
    driver = [os.path.join(w.bin, 'driver'), '--project', w.project]
    p = subprocess.run(masked + driver + ['--', 'true'], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if 'mount:' in p.stdout or 'unshare:' in p.stdout:
        report(f'{who}: masked /proc # SKIP cannot be tried here', True)
        return
    report(f'{who}: masked /proc', p.returncode == 125 and
           'systempaths=unconfined' in p.stdout, p.stdout)


CHECKS = {'exit codes': check_exit_codes, 'survivors': check_survivors,
          'one by one': check_one_by_one, 'ownership': check_ownership,
          'failures': check_failures}
# Of these and the programs, only the one that is named; "": all.
ONLY = os.environ.get('BAWN_TEST_ONLY', '')


def wants(name):
    return ONLY in ('', name)


def landlock_abi():
    nr = 444  # landlock_create_ruleset, everywhere
    return ctypes.CDLL(None).syscall(nr, None, 0, 1)


def check_alone(uid, who):
    """All again without namespaces, `backend: landlock`."""
    if landlock_abi() < 6:
        report(f'{who} # SKIP no Landlock of version 6', True)
        return
    w = World(uid)
    options = ['--landlock']
    try:
        for name in filter(wants, PROGRAMS):
            if name in NOT_ALONE:
                report(f'{who}: {name} is not had: {NOT_ALONE[name]}', True)
            else:
                check_program(w, who, name, options)
        for name in ('exit codes', 'survivors', 'ownership'):
            if wants(name):
                CHECKS[name](w, who, options)
    finally:
        w.done()


def main():
    users = [('root', 0), ('user', PLAIN_UID)] if os.geteuid() == 0 \
        else [('user', os.geteuid())]
    for who, uid in users:
        w = World(uid)
        try:
            if wants('mount points'):
                check_mount_points(w, who)
            for name in filter(wants, PROGRAMS):
                check_program(w, who, name)
            for name, check in CHECKS.items():
                if wants(name):
                    check(w, who)
            if uid == 0 and wants('environment'):
                check_init_environment(w, who)
            if uid == 0 and wants('masked'):
                check_masked_proc(w, who)
        finally:
            w.done()
        w = World(uid)
        try:
            for name in filter(wants, PROGRAMS):
                if name not in GIVE_WAY | {'nested'}:
                    check_program(w, who + ', nested', name, ['--nested'])
            if wants('survivors'):
                check_survivors(w, who + ', nested', ['--nested'])
        finally:
            w.done()
        check_alone(uid, who + ', alone')
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


sys.exit(main())
