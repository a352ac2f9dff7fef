#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The other way round: a false daemon and a false relay before the real `bawn`,
and a false supervisor before the real relay.  Nothing of the command runs that
no keeper let go, `bawn` neither crashes nor hangs, and it says why it ended.

BAWN_HOSTILE_ALL=1: every message in every form; else what a seed chooses.
"""

import contextlib
import fcntl
import json
import os
import random
import select
import socket
import subprocess
import time

import frames
from frames import INLINE_MAX, NAMES, T, WRONG, Gone, body_of
from stage import SLOW, WAIT, Client, Daemon, Relay, check, equal, wait_for
from harness import BAWN, World, main, test

ALL = os.environ.get('BAWN_HOSTILE_ALL') == '1'
SEED = int(os.environ.get('BAWN_HOSTILE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_HOSTILE_SECONDS', '4'))
LONG = 3600 if ALL else 120
STRANGERS = [0, len(T) + 1, 70000]
BODY = body_of({'code': 2, 'text': 'no', 'sessions': [], 'reason': 'why',
                'session': '0' * 20, 'plan': {}, 'pid': 1})

d = Daemon()


def shuffled(*lists):
    """All combinations, in an order that the seed gives."""
    every = [()]
    for values in lists:
        every = [e + (v,) for e in every for v in values]
    random.Random(SEED).shuffle(every)
    return every


def run_some(cases, fn):
    end = time.monotonic() + SECONDS
    n = 0
    for case in cases:
        if not ALL and time.monotonic() > end:
            break
        fn(*case)
        n += 1
    print(f'# {n} of {len(cases)} cases')


def kinds():
    return sorted(T.values()) + STRANGERS


def end_of(p, what, codes):
    """It ends by itself, in time, and says one thing that is ours."""
    try:
        out, err = p.communicate(timeout=WAIT + 12 * SLOW)
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
        raise AssertionError(f'{what}: hangs') from None
    check(p.returncode >= 0, f'{what}: dies of {-p.returncode}: {err}')
    check(p.returncode in codes, f'{what}: code {p.returncode}: {err}')
    check(b'AddressSanitizer' not in err and b'runtime error' not in err,
          f'{what}: {err[-2000:]}')
    check(not codes[0] or err.startswith(b'bawn'), f'{what}: {err!r}')
    return out, err


# ---- a false daemon ----

class False_:
    """Found where the real one would be."""

    def __init__(self):
        self.world = World()
        self.world.serve(self)
        path = self.world.runtime + '/false.sock'
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.lock = open(self.world.state + '/lock', 'w')
        json.dump({'socket': path, 'build': d.build, 'pid': os.getpid()},
                  self.lock)
        self.lock.flush()
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def start(self, *args):
        w = self.world
        p = subprocess.Popen([BAWN, *args], cwd=w.project, env=w.env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        ready, _, _ = select.select([self.listener], [], [], WAIT)
        check(ready, 'it does not come')
        return p, self.listener.accept()[0]

    def close(self):
        self.listener.close()
        self.lock.close()


false = False_()


def lie(sock, kind, wrong):
    with contextlib.suppress(Gone):
        wrong.send(sock, kind, 1, BODY, INLINE_MAX)


def false_to_run(greets, kind, wrong):
    what = f'to bawn run: {NAMES.get(kind, kind)}, {wrong.name}'
    p, sock = false.start('run', '--policy', false.world.policy_path, '--',
                          'touch', 'it-ran')
    if greets:
        frames.say(sock, 'HELLO', {'build': d.build})
        frames.expect(sock, 'OPEN', WAIT).close()
    lie(sock, kind, wrong)
    time.sleep(0.01)
    sock.close()
    # Gone in the beginning, a daemon is asked for once more: none is there.
    for _ in range(4):
        ready, _, _ = select.select([false.listener, p.stderr], [], [], WAIT)
        if false.listener not in ready:
            break
        false.listener.accept()[0].close()
    end_of(p, what, (125, 1, 2, 64, 128 + 15))
    check(not os.path.exists(false.world.project + '/it-ran'),
          f'{what}: the command ran')


def false_to_verb(verb, kind, wrong):
    what = f'to bawn {verb[0]}: {NAMES.get(kind, kind)}, {wrong.name}'
    p, sock = false.start(*verb)
    frames.say(sock, 'HELLO', {'build': d.build})
    lie(sock, kind, wrong)
    sock.close()
    end_of(p, what, (0, 1, 2, 64))


@test('a false daemon says anything to bawn run', LONG)
def _():
    run_some(shuffled((True, False), kinds(), WRONG), false_to_run)


@test('a false daemon says anything to ps and kill', LONG)
def _():
    run_some(shuffled((('ps',), ('kill', '@')), kinds(), WRONG),
             false_to_verb)


# What stands where, in the place of what each expects.
ODD = [5, -1, 1 << 62, 1e300, True, None, 'x', '\x1b[2J\n', 'x' * 70000, [], [[]],
       [5], [None, {}], {}, {'id': 5}, {'sessions': {}}]
ROW = {'id': '0' * 20, 'state': 'running', 'task': 'T-1', 'argv': 'true',
       'started': 1, 'pid': 1, 'cwd': '/'}


def odd_sessions():
    yield from ODD
    for key in ROW:
        for odd in ODD:
            yield [{**ROW, key: odd}]
    yield [{}] * 10000


def check_text(what, text):
    for c in text.decode():
        check(c == '\n' or c.isprintable(), f'{what}: {c!r} on the terminal')


def odd_answer(verb, sessions):
    what = f'to bawn {" ".join(verb)}: sessions {str(sessions)[:100]}'
    p, sock = false.start(*verb)
    frames.say(sock, 'HELLO', {'build': d.build})
    with contextlib.suppress(Gone):
        frames.say(sock, 'SESSIONS', {'sessions': sessions})
    sock.close()
    out, err = end_of(p, what, (0, 1, 2, 64))
    if '--json' not in verb:
        check_text(what, out)
    check_text(what, err)


def odd_grant(head):
    what = f'to bawn run: GRANT {str(head)[:100]}'
    p, sock = false.start('run', '--policy', false.world.policy_path, '--',
                          'touch', 'it-ran')
    frames.say(sock, 'HELLO', {'build': d.build})
    frames.expect(sock, 'OPEN', WAIT).close()
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.suppress(Gone):
        frames.say(sock, 'GRANT', {**head, 'plan': {}}, 7, [a.fileno()])
    sock.close()
    a.close()
    b.close()
    _, err = end_of(p, what, (125, 1, 2, 64))
    check_text(what, err)
    check(not os.path.exists(false.world.project + '/it-ran'),
          f'{what}: the command ran')


@test('a false daemon answers ps with rows that make no sense', LONG)
def _():
    run_some(shuffled((('ps',), ('ps', '--json'), ('ps', '--all')),
                      list(odd_sessions())), odd_answer)


@test('a false daemon grants with words that make no sense', LONG)
def _():
    run_some(shuffled([{'session': '0' * 20, 'notices': x} for x in ODD] +
                      [{'session': x, 'notices': []} for x in ODD]), odd_grant)


# ---- a false relay, before the real supervisor ----

def false_relay(ready, kind, wrong):
    what = (f'to the supervisor, {"after" if ready else "before"} READY: '
            f'{NAMES.get(kind, kind)}, {wrong.name}')
    d.next_relay(b'm')
    p = d.world.popen(['sh', '-c', 'echo begun; exec sleep 600'])
    relay = Relay(d)
    if ready:
        frames.expect(relay.supervisor, 'SOCKETS', WAIT).close()
        frames.say(relay.supervisor, 'READY')
        equal(p.stdout.readline(), b'begun\n', f'{what}: the command')
    lie(relay.supervisor, kind, wrong)
    name = NAMES.get(kind)
    relay.close()  # which a session does not survive, whatever was said
    out, err = end_of(p, what, (125, 1, 2))
    if not ready and name != 'READY':
        equal(out, b'', f'{what}: the command ran without a relay')
    wait_for(f'{what}: the session to be closed', 10,
             lambda: d.sessions() == [])


@test('a false relay says anything to the supervisor', LONG)
def _():
    run_some(shuffled((True, False), kinds(), WRONG), false_relay)


# ---- a false supervisor, before the real relay ----

def false_supervisor(kind, wrong):
    what = f'to the relay: {NAMES.get(kind, kind)}, {wrong.name}'
    d.next_relay(b'z')  # the zygote's
    c = Client(d)
    frames.say(c.sock, 'OPEN', c.open_body(), 7)
    m = c.expect('GRANT')
    d.opened.append(m.json()['session'])
    c.to_relay = socket.socket(fileno=m.fds[0])
    for fd in m.fds[1:]:
        os.close(fd)
    c.expect('GO')
    lie(c.to_relay, kind, wrong)
    # No message is right: the descriptors are not those of a jail.
    check(frames.closes(c.to_relay, WAIT), f'{what}: the relay goes on')
    c.say_close()
    c.expect('CLOSED', skip=('TERMINATE',))
    c.close()


@test('a false supervisor says anything to the relay', LONG)
def _():
    run_some(shuffled(kinds(), WRONG), false_supervisor)
    d.settle()


@test('the keeper dies, and its relay does not: the session ends')
def _():
    # A real relay dies with its keeper, and the session with either; here is
    # the keeper's death alone.
    mine = Daemon()
    mine.next_relay(b'm')
    p = mine.world.popen(['sh', '-c', 'echo begun; exec sleep 600'])
    relay = Relay(mine)
    frames.expect(relay.supervisor, 'SOCKETS', WAIT).close()
    frames.say(relay.supervisor, 'READY')
    equal(p.stdout.readline(), b'begun\n', 'the command')
    mine.process.kill()
    mine.process.wait()
    _, err = end_of(p, 'without a keeper', (125, 1, 2))
    check(b'bawnd died' in err, f'why it ended: {err!r}')
    relay.close()
    mine.close()


@test('the daemon lives, and the ledger has each end')
def _():
    d.alive('after all')
    told = d.world.records('kind = session.open')
    ended = [r['session'] for r in d.world.records('kind = session.close')]
    for r in told:
        equal(ended.count(r['session']), 1, f'session.close of {r}')
    d.world.verify()
    d.close()


main()
