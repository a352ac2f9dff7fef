#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A false init (puppet-init.c) before the real supervisor: every message of the
protocol, in every form, in every phase.  `bawn run` neither crashes nor hangs, it
says why it ended, nothing of the command runs, and the ledger has each session's
end.

BAWN_HOSTILE_ALL=1: all of them; else what a seed chooses.
"""

import contextlib
import os
import random
import socket
import subprocess
import time

import frames
from frames import INLINE_MAX, NAMES, T, WRONG, Gone, body_of
from stage import SLOW, WAIT, check, equal
from harness import BIN, LANDLOCK, World, main, skip, test

ALL = os.environ.get('BAWN_HOSTILE_ALL') == '1'
SEED = int(os.environ.get('BAWN_HOSTILE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_HOSTILE_SECONDS', '4'))
LONG = 3600 if ALL else 120
RUN = os.path.join(os.path.dirname(os.path.dirname(BIN)), 'tests', 'hostile',
                   'bawn')
INIT = sorted(n for name, n in T.items() if name.startswith('INIT_'))
STRANGERS = [0, T['GO'], T['CLOSE'], T['PLAN'], len(T) + 1, 70000]
# What each message could mean, and keys that the supervisor has for itself.
BODY = body_of({'text': 'no', 'errno': 1, 'code': 3, 'signal': 0, 'pid': 1,
                'exec_errno': 0, 'syscall': 1, 'error': 1, 'args': '0x1',
                'sockets': 0,
                'layers': {'userns': True, 'cgroup': 'x', 'protected': 7}})
PHASES = ('born', 'plan', 'net', 'ready', 'go', 'started')

w = World()
w.run('true')  # the daemon
both = w.write(w.top + '/both.yaml', 'version: 1\n')
alone = w.write(w.top + '/alone.yaml', f'version: 1\n{LANDLOCK}')


class Puppet:
    """`bawn run` and what it takes for its init."""

    def __init__(self, policy):
        path = w.top + '/stage'
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        listener.settimeout(WAIT)
        self.process = subprocess.Popen(
            [RUN, 'run', '--policy', policy, '--', 'touch', 'it-ran'],
            cwd=w.project, env=dict(w.env, BAWN_STAGE=path,
                                    BAWN_PUPPET='warden' if policy == alone
                                    else 'init'),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.life = listener.accept()[0]
        listener.close()
        m = frames.receive(self.life, WAIT)
        self.sock = socket.socket(fileno=m.fds[0])

    def go_to(self, phase):
        """As an honest warden would."""
        for step in PHASES[1:PHASES.index(phase) + 1]:
            if step == 'plan':
                frames.expect(self.sock, 'PLAN', WAIT).close()
            elif step == 'net':
                self.relay, theirs = socket.socketpair(socket.AF_UNIX,
                                                       socket.SOCK_SEQPACKET)
                frames.say(self.sock, 'INIT_NET', {}, 0, [theirs.fileno()])
                theirs.close()
            elif step == 'ready':
                frames.say(self.sock, 'INIT_READY',
                           {'layers': {'backend': 'puppet'}, 'sockets': 0}, 0)
            elif step == 'go':
                frames.expect(self.sock, 'INIT_GO', WAIT).close()
            elif step == 'started':
                frames.say(self.sock, 'INIT_STARTED', {'pid': 1}, 0)

    def lie(self, kind, wrong):
        with contextlib.suppress(Gone):
            wrong.send(self.sock, kind, 1, BODY, INLINE_MAX)
        time.sleep(0.005)

    def end(self, what):
        self.sock.close()
        self.life.close()
        try:
            out, err = self.process.communicate(timeout=WAIT + 12 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f'{what}: hangs') from None
        code = self.process.returncode
        check(code >= 0, f'{what}: dies of {-code}: {err} {w.log()[-600:]}')
        check(b'AddressSanitizer' not in err and b'runtime error' not in err,
              f'{what}: {err[-2000:]}')
        check(err == b'' or err.startswith(b'bawn'), f'{what}: {err!r}')
        check(err or code == 3, f'{what}: code {code} and not a word')
        check(not os.path.exists(w.project + '/it-ran'), f'{what}: it ran')


def one(policy, phase, kind, wrong):
    what = (f'{phase}: {NAMES.get(kind, kind)}, {wrong.name}, '
            f'{os.path.basename(policy)}')
    p = Puppet(policy)
    p.go_to(phase)
    p.lie(kind, wrong)
    p.end(what)


def some(policy, phases):
    cases = [(policy, phase, kind, wrong) for phase in phases
             for kind in INIT + STRANGERS for wrong in WRONG]
    random.Random(SEED).shuffle(cases)
    end = time.monotonic() + SECONDS
    n = 0
    for case in cases:
        if not ALL and time.monotonic() > end:
            break
        one(*case)
        n += 1
    print(f'# {n} of {len(cases)} cases')


def need_landlock():
    r = w.run('--policy', alone, 'true')
    if 'Landlock' in r.err:
        skip('no Landlock of version 6')


@test('a false init says anything to the supervisor', LONG)
def _():
    some(both, ('born', 'plan'))


@test('a false warden says anything, in every phase', LONG)
def _():
    need_landlock()
    some(alone, PHASES)


@test('an honest puppet is believed: the phases are what they are called')
def _():
    need_landlock()
    p = Puppet(alone)
    p.go_to('started')
    frames.say(p.sock, 'INIT_EXIT', {'code': 3, 'signal': 0}, 0)
    p.end('honest')
    equal(p.process.returncode, 3, 'its code')


@test('the daemon lives, and the ledger has each end')
def _():
    equal(w.run('true').code, 0, 'an ordinary run')
    told = [r['session'] for r in w.records('kind = session.open')]
    ended = [r['session'] for r in w.records('kind = session.close')]
    equal(sorted(told), sorted(ended), 'opened and closed')
    check(len(told) > 9, 'nothing was tried')
    w.verify()


main()
