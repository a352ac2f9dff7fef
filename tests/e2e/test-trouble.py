#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the machine runs out of, and what a user does at the wrong moment: bawn
works, or says in one line what to do; it never hangs and leaves nothing."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'soak'))

import pen
import harness
from harness import (AS_ROOT, SLOW, Failure, Term, World, check, contains,
                     equal, main, skip, wait_for)

pen.enter()
BLOCK = 4096


def test(name, seconds=60):
    """As the harness's; what a failed one left does not disturb the next."""
    def add(fn):
        def run():
            for pid in pen.table():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            fn()
        return harness.test(name, seconds)(run)
    return add


def alone():
    """Nothing but bawnd is there, if that; and no group of a session."""
    end = time.monotonic() + 2 * SLOW
    while True:
        left = list(pen.of_sessions().values())
        if not left:
            return
        check(time.monotonic() < end, f'processes of a session: {left}')
        time.sleep(0.01)


def clear(r, *parts):
    """It worked, or one line says why not."""
    check(r.seconds < 8 * SLOW, f'it took {r.seconds:.1f} s: {r}')
    if r.code == 0:
        return True
    equal(r.code, 125, f'{r}')
    # That it waits for a daemon that is ending is no reason.
    lines = [x for x in r.err.splitlines()
             if 'private home' not in x and 'waiting for the bawnd' not in x]
    equal(len(lines), 1, f'lines of {r}')
    check(lines[0].startswith('bawn: '), f'{r}')
    for part in parts:
        contains(lines[0], part, 'the line')
    return False


def story(w):
    """kind and code of what opened and closed, by session."""
    found = {}
    for r in w.records('kind = session.open or kind = session.close'):
        found.setdefault(r['session'], []).append(r)
    for rows in found.values():
        equal([r['kind'] for r in rows], ['session.open', 'session.close'],
              'a session on the ledger')
    return [rows[1] for rows in found.values()]


# ---- no room ----

class Small:
    """A world whose state is on a file system that can be filled."""

    def __init__(self):
        self.world = World()
        self.state = f'{pen.Places.top}/small/state'
        self.filler = os.path.dirname(self.state) + '/filler'
        # A failed test may have left both.
        subprocess.run(['rm', '-rf', self.state, self.filler], check=True)
        os.mkdir(self.state, 0o700)
        self.world.state = self.world.env['BAWN_STATE_DIR'] = self.state

    def fill(self, leave=0):
        fd = os.open(self.filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while os.write(fd, b'x' * BLOCK):
                pass
        except OSError:
            pass
        if leave:
            os.ftruncate(fd, os.fstat(fd).st_size - leave)
        os.close(fd)

    def room(self):
        os.unlink(self.filler)

    def close(self):
        self.world.stop_daemon()
        self.world.close()
        subprocess.run(['rm', '-rf', self.state, self.filler], check=True)


@test('no room for the first session', 120)
def full_at_start():
    worked = 0
    for blocks in range(12):
        s = Small()
        w = s.world
        s.fill(blocks * BLOCK)
        ok = clear(w.run('true'), 'No space left', 'make room', s.state)
        worked += ok
        # A second try is no worse than the first.
        clear(w.run('true'), 'No space left', 'make room', s.state)
        alone()
        time.sleep(0.3 * SLOW)  # a daemon that was just starting has looked
        s.room()
        equal(w.run('true').code, 0, 'with room')
        # What it owes of the sessions before is tried each second.
        wait_for('every closing record', 5, lambda: len(
            w.records('kind = session.open')) == len(
            w.records('kind = session.close')))
        w.verify()
        story(w)
        s.close()
    check(worked > 0, 'not even with eleven blocks')


# Each connection that is refused is a record.
NOISE = '''
import socket, sys
print("there", flush=True)
sys.stdin.readline()
for i in range(3000):
    try:
        socket.create_connection(("192.0.2.%d" % (i % 250 + 1), 1024 + i), 2)
    except OSError:
        pass
print("done", flush=True)
sys.stdin.readline()
sys.exit(7)
'''


def noisy_on_full_disk(s):
    """A session that has made its noise since the disk of @s was filled."""
    w = s.world
    p = w.popen(['/usr/bin/python3', '-c', NOISE], stdin=subprocess.PIPE,
                options=['--no-hints'])
    equal(p.stdout.readline(), b'there\n', 'start')
    s.fill()
    p.stdin.write(b'go\n')
    p.stdin.flush()
    equal(p.stdout.readline(), b'done\n', f'{w.log()}')
    return p


@test('the disk fills up under a running session', 120)
def full_while_running():
    s = Small()
    w = s.world
    p = noisy_on_full_disk(s)

    # By then the last page of the ledger is full too.
    def refused():
        r = w.run('true')
        return None if r.code == 0 else r
    r = wait_for('a session that finds no room', 20, refused)
    clear(r, 'No space left', 'make room', s.state)
    began = time.monotonic()
    p.stdin.write(b'end\n')
    p.stdin.flush()
    equal(p.wait(20), 7, 'its own code')
    check(time.monotonic() - began < 3 * SLOW, 'the end waits for the disk')
    err = p.stderr.read().decode()
    contains(err, 'is not recorded yet', 'what is said at the end')
    equal(err.count('\n'), 1, f'lines: {err}')
    alone()
    w.verify()
    s.room()
    # The same daemon writes what it owes.
    wait_for('the closing record', 5, lambda: [
        r for r in w.records('kind = session.close') if r['code'] == 7])
    equal(w.run('true').code, 0, f'with room: {w.log()}')
    w.verify()
    rows = [r for r in story(w) if r['code'] == 7]
    equal([r['reason'] for r in rows], [''], 'it ended by itself')
    s.close()


@test('the daemon ends while the disk is full: the next one closes', 60)
def full_and_stopped():
    s = Small()
    w = s.world
    p = noisy_on_full_disk(s)
    p.stdin.write(b'end\n')
    p.stdin.flush()
    equal(p.wait(20), 7, 'its own code')
    pid = w.keeper_pid()
    os.kill(pid, signal.SIGTERM)
    wait_for('the end of the daemon', 4, lambda: not pen.stat(pid))
    s.room()
    equal(w.run('true').code, 0, f'with room: {w.log()}')
    w.verify()
    wait_for('a whole story', 3, lambda: len(story(w)) == 2)
    s.close()


@test('a state directory that cannot be written')
def read_only():
    w = World()
    name = os.path.basename(w.top)
    roomy = f'{pen.Places.top}/roomy/{name}'
    os.mkdir(roomy, 0o700)
    w.state = f'{pen.Places.top}/read-only/{name}'
    w.env['BAWN_STATE_DIR'] = w.state
    r = w.run('true')
    check(not clear(r, 'Read-only', w.state, 'make it writable'), f'{r}')
    check(r.seconds < 2 * SLOW, f'it took {r.seconds} s')
    equal(os.listdir(roomy), [], 'made there')
    # Written to before, then not any more.
    w.env['BAWN_STATE_DIR'] = roomy
    w.state = roomy
    equal(w.run('true').code, 0, 'writable')
    w.stop_daemon()
    w.env['BAWN_STATE_DIR'] = f'{pen.Places.top}/read-only/{name}'
    check(not clear(w.run('true'), 'Read-only'), 'it worked?')
    equal(w.bawn('ledger', 'verify').code, 0, 'verify needs no writing')
    w.env['BAWN_STATE_DIR'] = roomy
    equal(w.run('true').code, 0, 'writable again')
    w.verify()
    w.stop_daemon()
    subprocess.run(['rm', '-rf', roomy], check=True)
    w.close()


# ---- descriptors and processes ----

def limited(w, what, n, words=('true',), timeout=20):
    """A run with its own daemon under RLIMIT @what = @n."""
    def pre():
        resource.setrlimit(what, (n, n))
    began = time.monotonic()
    p = subprocess.Popen(w.argv(words), env=w.env, cwd=w.project,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, preexec_fn=pre)
    try:
        out, err = p.communicate(timeout=timeout * SLOW)
    except subprocess.TimeoutExpired:
        p.kill()
        raise Failure(f'with a limit of {n} it does not end: '
                      f'{p.communicate()}') from None

    class R:
        code, seconds = p.returncode, time.monotonic() - began

        def __repr__(self):
            return f'(limit {n}, code {self.code}, err {self.err!r})'
    r = R()
    r.out, r.err = out.decode(), err.decode()
    return r


@test('few descriptors: it works, or says so', 240)
def descriptors():
    w = World()
    worked = []
    for n in (*range(4, 40), 48, 64):
        w.stop_daemon()
        if clear(limited(w, resource.RLIMIT_NOFILE, n)):
            worked.append(n)
        alone()
    check(worked and max(worked) == 64, f'worked with {worked}')
    w.stop_daemon()
    equal(w.run('true').code, 0, 'as usual')
    w.verify()
    story(w)
    w.close()


@test('a daemon that runs out of descriptors serves whom it can', 120)
def busy_daemon():
    w = World()
    equal(limited(w, resource.RLIMIT_NOFILE, 96).code, 0, 'the first')
    running = [w.popen(['sh', '-c', 'echo there; read x'],
                       stdin=subprocess.PIPE) for _ in range(25)]
    there = refused = 0
    for p in running:
        if p.stdout.readline() == b'there\n':
            there += 1
            continue
        equal(p.wait(20), 125, 'exit code')
        line = p.stderr.read().decode()
        equal(line.count('\n'), 1, f'lines: {line}')
        contains(line, 'bawn: ', 'the line')
        refused += 1
    check(there > 3 and refused > 0, f'{there} run, {refused} refused')
    for p in running:
        p.stdin.close()
        p.wait(20)
    wait_for('room again', 5, lambda: w.run('true').code == 0)
    w.verify()
    wait_for('a whole story', 3, lambda: story(w))
    alone()
    w.close()


def group_pids():
    """The pen's own pids group, or None."""
    found = [g for g in pen.Groups.all if '/pids/' in g]
    return found[0] if found else None


@test('few processes: it works, or says so', 240)
def processes():
    w = World()
    group = group_pids()
    if AS_ROOT and not group:
        skip('no cgroup to count processes in')
    worked = []
    for n in (*range(1, 14), 40):
        w.stop_daemon()
        now = len(os.listdir('/proc/self/task')) + 1
        if AS_ROOT:
            with open(group + '/pids.current') as f:
                now = int(f.read())
            with open(group + '/pids.max', 'w') as f:
                f.write(str(now + n))
            try:
                r = w.run('true', timeout=20)
            finally:
                with open(group + '/pids.max', 'w') as f:
                    f.write('max')
        else:
            r = limited(w, resource.RLIMIT_NPROC, now + n)
        if clear(r):
            worked.append(n)
        alone()
    check(worked and max(worked) == 40, f'worked with {worked}')
    w.stop_daemon()
    equal(w.run('true').code, 0, 'as usual')
    w.verify()
    story(w)
    w.close()


# ---- the wrong moment ----

def everything():
    return [p for p in pen.table()]


@test('all is stopped for six seconds, at any point, and goes on', 120)
def suspended():
    w = World()
    w.run('true')
    rng = random.Random(7)
    for _ in range(3):
        running = []
        for n in range(12):
            running.append(w.popen(['sh', '-c', 'sleep 0.02; exit 3']))
            time.sleep(rng.uniform(0, 0.006))
        pids = everything()
        rng.shuffle(pids)
        # Again: a command that goes on later than its init counts as stopped,
        # and its supervisor stops itself.
        for sig, then in ((signal.SIGSTOP, 6), (signal.SIGCONT, 1),
                          (signal.SIGCONT, 0)):
            for pid in pids:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
            time.sleep(then)
        for p in running:
            code = p.wait(20)
            equal((code, p.stderr.read()), (3, b''), f'{w.log()}')
    wait_for('a whole story', 3, lambda: story(w))
    w.verify()
    alone()
    w.close()


def at_random(rng, w, words, act, seconds):
    """A run on a terminal, and @act(term) at a random moment of it."""
    t = Term(w.argv(words), w.env, w.project)
    # Before that the terminal has nobody to send a signal to.
    wait_for('the job in front', 5, lambda: os.tcgetpgrp(t.fd) == t.pid)
    end = time.monotonic() + rng.uniform(0, seconds)
    while time.monotonic() < end:
        t.pump(0.0005)
    act(t)
    return t


@test('Ctrl-C at any point', 120)
def interrupted():
    w = World()
    w.run('true')
    rng = random.Random(3)
    # Not our own handler in the child, before it becomes bawn.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for n in range(40):
        if n % 8 == 0:
            w.stop_daemon()
        t = at_random(rng, w, ['sleep', '30'], lambda t: t.send('\x03'), 0.03)
        code = t.wait(5)
        check(code in (130, -signal.SIGINT), f'round {n}: exit code {code}')
        t.close()
        alone()
    wait_for('a whole story', 3, lambda: story(w) or True)
    w.verify()
    equal(w.run('true').code, 0, 'the next one')
    w.close()


SHELL = ['bash', '--norc', '--noprofile', '-i']


def expect_any(t, *parts, seconds=8):
    """The first of @parts that is seen; all up to it is taken off."""
    end = time.monotonic() + seconds * SLOW
    while True:
        found = [(t.seen.find(p), p) for p in parts if p in t.seen]
        if found:
            at, part = min(found)
            t.seen = t.seen[at + len(part):]
            return part
        check(time.monotonic() < end, f'none of {parts} in {t.seen!r}')
        t.pump(0.05)


@test('Ctrl-Z at any point, and on again', 120)
def suspended_by_key():
    w = World()
    w.run('true')
    rng = random.Random(4)
    stopped = 0
    t = Term(SHELL, dict(w.env, PS1='$ ', HISTFILE='/dev/null'), w.project)
    t.expect('$ ')
    # One process: a shell's vfork(2) cannot be stopped half way by anybody.
    line = ' '.join(w.argv(['/usr/bin/python3', '-S', '-c', '"import time; '
                            'time.sleep(0.2); print(\'out$\' + str(1+1))"']))
    for n in range(30):
        if n % 8 == 0:
            w.stop_daemon()
        t.send(line.replace('out$', f'out{n}-') + '\n')
        t.expect('1+1))"')
        end = time.monotonic() + rng.uniform(0, 0.1)
        while time.monotonic() < end:
            t.pump(0.0005)
        t.send('\x1a')
        done = f'out{n}-2'.encode()
        if expect_any(t, b'Stopped', done) == b'Stopped':
            stopped += 1
            t.expect('$ ')
            alone_stopped()
            t.send('fg\n')
            expect_any(t, done)
        t.expect('$ ')
    check(stopped > 20, f'stopped {stopped} times of 30')
    t.send('exit\n')
    t.wait(5)
    t.close()
    alone()
    wait_for('a whole story', 3, lambda: story(w) or True)
    w.verify()
    w.close()


def alone_stopped():
    """The supervisor is stopped, and so is the command, if there is one."""
    states = [(c, (pen.stat(p) or 'X')[0])
              for p, (_, c) in pen.table().items() if c in ('bawn', 'python3')]
    check(any(s == 'T' for _, s in states), f'nothing is stopped: {states}')


@test('the terminal is closed at any point', 120)
def hung_up():
    w = World()
    w.run('true')
    rng = random.Random(5)
    for n in range(40):
        if n % 8 == 0:
            w.stop_daemon()

        def close(t):
            os.close(t.fd)
            t.fd = os.open('/dev/null', os.O_RDWR)
        t = at_random(rng, w, ['sh', '-c', 'trap "" HUP; sleep 30'], close,
                      0.03)
        try:
            t.wait(9)
        finally:
            t.close()
        alone()
    wait_for('a whole story', 3, lambda: story(w) or True)
    w.verify()
    equal(w.run('true').code, 0, 'the next one')
    w.close()


@test('a terminal that takes nothing holds nobody up')
def stopped_terminal():
    w = World()
    t = Term(w.argv(['sh', '-c', 'trap "exit 9" TERM; echo go; '
                     'while :; do echo 0123456789012345678901234567890; '
                     'done']), w.env, w.project)
    t.expect('go')
    time.sleep(0.3)  # and nobody reads: it fills up
    os.kill(t.pid, signal.SIGTERM)
    time.sleep(0.1)
    os.kill(t.pid, signal.SIGTERM)
    wait_for('the jail is gone', 2, lambda: not [
        c for _, c in pen.table().values() if c in ('sh', 'sleep')])
    for _ in range(4):
        time.sleep(0.1)
        if t.done():
            break
        os.kill(t.pid, signal.SIGTERM)
    wait_for('the supervisor is gone', 6, t.done)
    t.close()
    alone()
    w.verify()
    w.close()


# ---- the daemon is started anew ----

@test('bawnd is started anew under running sessions', 60)
def restarted():
    w = World()
    stay = ['sh', '-c', 'trap "" TERM HUP; echo there; sleep 30 & wait; '
            'sleep 30']
    for sig, within in ((signal.SIGKILL, 1.5), (signal.SIGTERM, 8)):
        running = [w.popen(stay) for _ in range(6)]
        for p in running:
            equal(p.stdout.readline(), b'there\n', 'start')
        pid = w.keeper_pid()
        os.kill(pid, sig)
        began = time.monotonic()
        # Who comes now is served by the next one.
        r = w.run('echo', 'next', timeout=20)
        equal((r.code, r.out), (0, 'next\n'), f'{r} {w.log()}')
        for p in running:
            check(p.wait(20) != 0, 'exit code 0')
            line = p.stderr.read().decode()
            equal(line.count('\n'), 1, f'lines: {line!r}')
            contains(line, 'bawnd', 'the line')
        took = time.monotonic() - began
        check(took < within * SLOW, f'{sig}: it took {took:.1f} s')
        check(w.keeper_pid() != pid, 'the same daemon')
        wait_for('a whole story', 3, lambda: story(w))
        w.verify()
        alone()
    w.close()


main()
