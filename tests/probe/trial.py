# SPDX-License-Identifier: Apache-2.0
"""One sandbox, tried: every row of the probe, what the host saw of it, what the
ledger says (of bawn only), and what a `kill -9` of the sandbox leaves."""

import contextlib
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import time

import host as hosts
import ledger
import scope
import terminal

RUN_SECONDS = 180
KILL_SECONDS = 2.0   # until what is inside must have ended
START_SECONDS = 20
DAEMONS = ('bawnd',)  # stays between runs, on purpose


class Trial:
    """rows: dictionaries of the probe's, each with word (host.py), evidence
    and, of bawn, record."""

    def __init__(self, peer):
        self.name, self.words = peer.name, peer.words
        self.version = ''
        self.why_absent = ''
        self.rows, self.unnamed, self.phantoms = [], [], []
        self.head = {}
        self.trouble = ''
        self.res_untried = ''

    def as_dict(self):
        return dict(self.__dict__)


def from_dict(members):
    t = Trial.__new__(Trial)
    t.__dict__.update(members)
    return t


class HostTerminal:
    """A terminal of the host that nobody in a sandbox may write to."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)

    def written(self):
        ready, _, _ = select.select([self.master], [], [], 0)
        return os.read(self.master, 65536) if ready else b''

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def parse(text):
    """(head, rows): what the probe printed, between what else was shown."""
    head, rows = {}, []
    for line in text.splitlines():
        line = line.strip()
        at = line.find('{"')
        if at < 0:
            continue
        with contextlib.suppress(ValueError):
            one = json.loads(line[at:])
            if 'probe' in one:
                head = one
            elif 'id' in one:
                rows.append(one)
    return head, rows


def outside_of(lines):
    """The probe's own lines of @lines, for --baseline."""
    return ''.join(x[x.find('{"'):].strip() + '\n' for x in lines.splitlines()
                   if '{"' in x)


def try_peer(peer, host, program, only=None, baseline=None, exist=()):
    """(Trial, what the probe printed)."""
    t = Trial(peer)
    t.version = peer.version()
    host.renew(program, exist)
    tty = HostTerminal()
    try:
        keys = dict(peer.keys(), host_tty=tty.path)
        fixtures = host.tell(keys)
        command = [host.tools + '/bawn-probe', '--json', '--fixtures',
                   fixtures]
        if only:
            command += ['--only', only]
        if baseline:
            host.write(host.tools + '/baseline', baseline)
            command += ['--baseline', host.tools + '/baseline']
        before = hosts.Before(host)
        ended = terminal.run(peer.argv(command), peer.env(), host.project,
                             RUN_SECONDS, known={host.process.pid},
                             fine=DAEMONS)
        effects = before.after(ended, tty.written())
    finally:
        tty.close()
    t.head, t.rows = parse(ended.output)
    if not t.rows or ended.late:
        t.trouble = (f'{"no end in time; " if ended.late else ""}'
                     f'code {ended.code}: {ended.output[-600:]}')
    hosts.share_out(effects, t.rows)
    for r in t.rows:
        r['word'], r['evidence'] = hosts.judge(r, effects)
    t.unnamed, t.phantoms = effects.unnamed, effects.phantoms
    ledger.add(peer, host, t.rows)
    return t, ended.output


def made_by(t):
    """Files of the project that rows of `wtx` made, relative to it."""
    found = []
    for r in t.rows:
        if r['class'] == 'wtx':
            for what in r['evidence']:
                path, made, _ = what.partition(' was made')
                if made:
                    found.append(path.replace('home/project/', '', 1))
    return tuple(found)


def try_existing(t, peer, host, program, only, state):
    """The rows of `wtx` again, with all their files there: an id with @there.
    Adds them to @t."""
    if only and not only.startswith('wtx') or not state.exist:
        return
    ids = [r['id'] for r in t.rows if r['class'] == 'wtx'
           and any(x.partition(' was ')[0] == 'home/project/' + p
                   for p in state.exist for x in state.by_id[r['id']])]
    if not ids:
        return
    more, _ = try_peer(peer, host, program, ','.join(ids), state.baseline,
                       state.exist)
    for r in more.rows:
        r['id'] += '@there'
    t.rows += more.rows
    t.unnamed += more.unnamed
    t.phantoms += more.phantoms
    t.trouble = t.trouble or more.trouble


# ---- resources ----

def try_resources(t, peer, host, program):
    """Rows of the class `res`, within bounds of their own.  Adds them to @t."""
    why = scope.too_small(host.top)
    if why:
        t.res_untried = why
        return
    host.renew(program)
    command = [host.tools + '/bawn-probe', '--json', '--resources', '--only',
               'res', '--fixtures', host.tell(peer.keys())]
    bounds = scope.Scope()
    try:
        ended = terminal.run(peer.frugal(command), peer.env(), host.project,
                             RUN_SECONDS, known={host.process.pid},
                             fine=DAEMONS, enter=bounds.enter)
    finally:
        peer.finish()
        bounds.close()
    _, rows = parse(ended.output)
    if not rows or ended.late:
        t.trouble = t.trouble or f'resources: {ended.output[-600:]}'
    for r in rows:
        r['word'], r['evidence'] = r['outcome'], []
        r['record'] = ''
    t.rows += rows


# ---- death ----

def copy_sleep(host):
    """A command that any sandbox can run, without libraries of its own."""
    sleep = shutil.which('sleep')
    argv = []
    out = subprocess.run(['ldd', sleep], capture_output=True, text=True,
                         check=True).stdout
    for path in re.findall(r'(/\S+)', out):
        copy = f'{host.tools}/{os.path.basename(path)}'
        shutil.copy(path, copy)
        if 'ld-' in os.path.basename(path):
            argv = [copy, '--library-path', host.tools]
    shutil.copy(sleep, host.tools + '/sleep')
    return argv + [host.tools + '/sleep']


def with_word(word):
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                with open(f'/proc/{name}/cmdline', 'rb') as f:
                    args = f.read().split(b'\0')
                # Launchers have it among their arguments too.
                if word in args[-2:] and args[0].endswith(
                        (b'/sleep', b'.so.2', b'.so.1')):
                    found.append(int(name))
    return found


def row(one, what, word, error, evidence):
    return {'id': one, 'class': 'death', 'what': what, 'error': error,
            'outcome': word, 'detail': '', 'ref': 'facts of supervisors',
            'word': word, 'evidence': evidence, 'record': ''}


def try_death(peer, host, program):
    """Rows of the class `death`: the sandbox's first process is killed while
    a command runs in it."""
    host.renew(program)
    host.tell(peer.keys())
    before = set(hosts.tree(host.project, skip=(host.tools,)))
    word = f'{1000 + secrets.randbelow(9000)}.{os.getpid():07}'
    p = subprocess.Popen(peer.launch(copy_sleep(host) + [word]), env=peer.env(),
                         cwd=host.project, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True)
    rows = []
    try:
        end = time.monotonic() + START_SECONDS
        while not with_word(word.encode()) and time.monotonic() < end:
            if p.poll() is not None:
                break
            time.sleep(0.02)
        if not with_word(word.encode()):
            return []
        time.sleep(0.2)
        p.kill()
        p.wait()
        end = time.monotonic() + KILL_SECONDS
        while with_word(word.encode()) and time.monotonic() < end:
            time.sleep(0.02)
        alive = with_word(word.encode())
        rows.append(row('death.kill-survivor',
                        'run on when the sandbox was ended by kill -9',
                        hosts.REACHED if alive else hosts.REFUSED, '',
                        ['the command was still running'] if alive else []))
        made = sorted(set(hosts.tree(host.project, skip=(host.tools,))) -
                      before)
        rows.append(row('death.kill-phantoms',
                        'leave files of the sandbox in the project after it',
                        hosts.REACHED if made else hosts.REFUSED, '',
                        [x.replace(host.project + '/', '') for x in made]))
        terminal.kill(dict.fromkeys(alive))
    finally:
        with contextlib.suppress(OSError):
            os.killpg(p.pid, signal.SIGKILL)
        p.kill()
        p.wait()
        terminal.kill(terminal.strays({host.process.pid}, DAEMONS))
    return rows
