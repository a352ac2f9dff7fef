#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The n-th allocation, write, fork, descriptor, read or wall fails, for n from 1
until a run does not come that far (fail.c).

Laws, for the daemon and for `bawn run`:
  1. nothing crashes and nothing hangs;
  2. the command runs behind all walls, or does not run and one line says why;
  3. what `bawn run` saw closed is on the ledger, which verifies; each session
     that was opened is closed there, at the latest by the next daemon;
  4. afterwards an ordinary run works in the same state, and nothing is left.

BAWN_TORTURE_ALL=1: each n (`make torture`); else some, of BAWN_TORTURE_SEED,
until BAWN_TORTURE_SECONDS for each test are over.
"""

import contextlib
import errno
import os
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'e2e'))

from harness import (BIN, SLOW, Failure, World, alive, check, equal,  # noqa
                     main, processes, test, wait_for)

HERE = os.path.join(os.path.dirname(os.path.dirname(BIN)), 'tests', 'torture')
FAIL = HERE + '/bawn-fail.so'
RUN = HERE + '/bawn'  # not linked statically, so that FAIL is loaded
BAWN = BIN + '/bawn'
BAWND = BIN + '/bawnd'

ALL = os.environ.get('BAWN_TORTURE_ALL') == '1'
SEED = int(os.environ.get('BAWN_TORTURE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_TORTURE_SECONDS', '0.5'))
ONE = os.environ.get('BAWN_TORTURE_SHOT')  # class:errno:how:n, that alone
# In the long form each n up to here, and beyond one in STRIDE: a session
# begins early, and later calls repeat.
EACH, STRIDE = 400, 7
LONG = 7200 if ALL else 150
RUN_SECONDS = 40 * SLOW

CLASSES = ('memory', 'write', 'fork', 'descriptor', 'wall', 'read')
SHARED = struct.Struct('=6I2I16s32s16sI')

# class, error, how
KINDS = [
    ('memory', errno.ENOMEM, 'once'), ('memory', errno.ENOMEM, 'on'),
    ('write', errno.ENOSPC, 'once'), ('write', errno.ENOSPC, 'on'),
    ('write', errno.EIO, 'once'), ('write', errno.EINTR, 'once'),
    ('write', 0, 'short'),
    ('fork', errno.EAGAIN, 'once'), ('fork', errno.EAGAIN, 'on'),
    ('descriptor', errno.EMFILE, 'once'), ('descriptor', errno.EMFILE, 'on'),
    ('descriptor', errno.ENFILE, 'once'),
    ('wall', errno.EPERM, 'once'), ('wall', errno.EPERM, 'on'),
    ('wall', errno.ENOSYS, 'once'), ('wall', errno.EINVAL, 'once'),
    ('read', errno.EINTR, 'once'), ('read', errno.EIO, 'once'),
]

# In the jail.  Says "begun" before it looks, and "behind walls" when all stand.
INSIDE = r'''
echo begun
s=/proc/self/status
grep -q '^Seccomp:.2$' $s || { echo no seccomp; exit 91; }
grep -q '^NoNewPrivs:.1$' $s || { echo new privileges; exit 91; }
grep -q '^CapEff:.0*$' $s && grep -q '^CapBnd:.0*$' $s ||
	{ echo capabilities; exit 91; }
[ "$(sed 1,2d /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo ] ||
	{ echo another network; exit 91; }
[ -e ~/.ssh/id_secret ] && { echo a secret; exit 91; }
[ -e "$1" ] && { echo the host; exit 91; }
[ -e proj.env ] && { echo nothing hidden; exit 91; }
[ "$(cat .env 2>/dev/null)" = "" ] || { echo nothing hidden; exit 91; }
unshare -U true 2>/dev/null && { echo user namespaces; exit 91; }
mount -t tmpfs none /tmp 2>/dev/null && { echo mounts; exit 91; }
kill -0 "$2" 2>/dev/null && { echo a process outside; exit 91; }
(echo x > /usr/x) 2>/dev/null && { echo /usr can be written; exit 91; }
echo behind walls
'''

w = World()
w.write('.env', 'SECRET=1\n')
w.write(w.top + '/outside', 'the host\n')
counters = w.top + '/counters'


class Shot:
    """One run with BAWN_FAIL: what was called, and what was hit."""

    def __init__(self, kind, n, role=''):
        self.kind, self.n, self.role, self.hits = kind, n, role, 0
        with open(counters, 'wb') as f:
            f.write(bytes(SHARED.size))
        os.chmod(counters, 0o666)
        name, err, how = kind
        self.env = {'LD_PRELOAD': FAIL,
                    'BAWN_FAIL': f'{counters}:{name}:{n}:{err}:{how}:{role}'}

    def read(self):
        with open(counters, 'rb') as f:
            got = SHARED.unpack(f.read(SHARED.size))
        self.all_calls = dict(zip(CLASSES, got))
        self.hits, self.crashes = got[6], got[7]
        self.who, self.what, self.dead = (
            x.split(b'\0')[0].decode() for x in got[8:11])
        self.foreign = got[11]
        return self

    def again(self):
        return 'again: BAWN_TORTURE_SHOT=' + ':'.join(
            str(x) for x in (*self.kind, self.n))

    def __str__(self):
        name, err, how = self.kind
        at = f': {self.what} in {self.who}' if self.hits else ''
        return (f'{name} {errno.errorcode.get(err, err)} {how} {self.n}'
                f'{" of " + self.role if self.role else ""}{at}')


class Sleeper:
    """Somebody outside, whom nobody in a jail may signal."""

    def __init__(self):
        self.process = subprocess.Popen(['sleep', '7200'])
        self.pid = self.process.pid

    def close(self):
        self.process.kill()
        self.process.wait()


sleeper = w.serve(Sleeper())


def argv(program, script=INSIDE):
    return [program, 'run', '--policy', w.policy_path, '--', 'sh', '-c',
            script, 'sh', w.top + '/outside', str(sleeper.pid)]


def run(program, env, what):
    p = subprocess.Popen(argv(program), cwd=w.project, env=env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = p.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        raise Failure(f'{what}: `bawn run` hangs; {w.log()[-600:]}') from None
    return p.returncode, out.decode(), err.decode('utf-8', 'replace')


def judge(what, code, out, err):
    """Laws 1 and 2.  True: it ran."""
    check(code >= 0, f'{what}: `bawn run` dies of signal {-code}: {err}')
    check('assert' not in err.lower(), f'{what}: {err}')
    check(code != 91, f'{what}: a wall is missing: {out}')
    if 'behind walls' in out:
        return True
    # It may have been ended in the middle, but not have passed by a wall.
    check(code != 0, f'{what}: code 0, and no walls: {out!r} {err!r}')
    check(err.strip(), f'{what}: code {code} and not a word')
    check('bawn' in err, f'{what}: code {code}: {err!r}')
    return False


def ledger_is_whole(what, closed):
    """Law 3; @closed: so many sessions ended well by what `bawn run` saw."""
    r = w.bawn('ledger', 'verify')
    equal(r.code, 0, f'{what}: {r}')
    opened = [x['session'] for x in w.records('kind = session.open')]
    ended = [x['session'] for x in w.records('kind = session.close')]
    equal(sorted(opened), sorted(ended), f'{what}: opened and closed')
    check(len(ended) >= closed, f'{what}: {closed} ended, {len(ended)} known')


def daemons():
    """Ours, by where their log is."""
    found = []
    for pid, row in processes().items():
        if row[1].startswith('bawnd'):
            with contextlib.suppress(OSError):
                if os.readlink(f'/proc/{pid}/fd/2').startswith(w.state):
                    found.append(pid)
    return found


def nothing_left(what):
    wait_for(f'{what}: no process left: {daemons()}', 10,
             lambda: not daemons())
    with open('/proc/self/mountinfo') as f:
        check(w.top not in f.read(), f'{what}: a mount is left')


def numbers(total):
    """Which n are tried, of @total calls that an undisturbed run makes."""
    if ALL:
        return [n for n in range(1, total + 1)
                if n <= EACH or n % STRIDE == 0]
    # The short form: spread over all of them, the same each time.
    r = random.Random(SEED)
    picked = list(range(1, total + 1))
    r.shuffle(picked)
    return picked


def torture(shoot, kinds, role=''):
    """@shoot(Shot) runs once and judges; counts first how far a run goes."""
    if ONE:
        name, err, how, n = ONE.split(':')
        kinds = [(name, int(err), how)]
    tried = hit = foreign = 0
    order = list(kinds)
    random.Random(SEED).shuffle(order)
    shot = Shot(order[0], 0, role)
    shoot(shot)
    total = shot.read().all_calls
    plans = [(kind, [int(n)] if ONE else numbers(total[kind[0]]))
             for kind in order]
    end = time.monotonic() + SECONDS * len(kinds)
    while plans and (ALL or ONE or time.monotonic() < end):
        kind, todo = plans.pop(0)
        if not todo:
            continue
        shot = Shot(kind, todo.pop(0), role)
        try:
            shoot(shot)
        except AssertionError as e:
            raise Failure(f'{shot.read()}: {e} ({shot.again()})') from None
        shot.read()
        equal(shot.crashes, 0,
              f'{shot}: {shot.dead} crashes ({shot.again()}): '
              f'{w.log()[-2000:]}')
        tried += 1
        hit += shot.hits > 0
        foreign += shot.foreign
        plans.append((kind, todo))
    left = sum(len(todo) for _, todo in plans)
    print(f'# {tried} tried, {hit} reached, {left} left out, '
          f'{foreign} crashes within libraries')


# ---- the daemon ----

state = {'closed': 0}
shots = []


def daemon(env):
    log = open(w.state + '/bawnd.log', 'ab')
    p = subprocess.Popen([BAWND, '--foreground', '--idle', '60'], env=env,
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                         start_new_session=True, cwd='/')
    log.close()
    return p


def stop(p, what, shot=None):
    with contextlib.suppress(ProcessLookupError):
        p.terminate()
    try:
        p.wait(25 * SLOW)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        raise Failure(f'{what}: bawnd does not end: '
                      f'{w.log()[-600:]}') from None
    foreign = shot and shot.read().foreign
    check(p.returncode >= 0 or foreign,
          f'{what}: bawnd dies of {-p.returncode}: {w.log()[-2500:]}')


def shoot_daemon(shot):
    """A daemon under fire, and two ordinary runs; then one without."""
    p = daemon(dict(w.env, **shot.env))
    try:
        wait_for('the daemon or its end', 10, lambda: p.poll() is not None
                 or w.lock().get('pid') == p.pid)
        for _ in range(2):
            code, out, err = run(BAWN, w.env, str(shot))
            if judge(str(shot), code, out, err):
                state['closed'] += code == 0
    finally:
        stop(p, str(shot), shot)
    # The next daemon looks after what this one left, under fire or not.
    shots.append(str(shot))
    if ONE or len(shots) % 4 == 0:
        after(' or '.join(shots[-4:]))


def after(what):
    """Law 4."""
    code, out, err = run(BAWN, w.env, what)
    equal((code, 'behind walls' in out), (0, True),
          f'{what}: the run after it: {err} {w.log()[-600:]}')
    state['closed'] += 1
    ledger_is_whole(what, state['closed'])
    w.stop_daemon()
    nothing_left(what)


def of(*names):
    return [k for k in KINDS if k[0] in names]


@test('daemon: no memory', LONG)
def _():
    torture(shoot_daemon, of('memory'))


@test('daemon: writes fail', LONG)
def _():
    torture(shoot_daemon, of('write'))


@test('daemon: no process, no descriptor', LONG)
def _():
    torture(shoot_daemon, of('fork', 'descriptor'))


@test('daemon: its own walls and reads', LONG)
def _():
    torture(shoot_daemon, of('wall', 'read'))


# ---- bawn run ----

def shoot_run(shot):
    """`bawn run` and its init under fire, beside a daemon that is not."""
    code, out, err = run(RUN, dict(w.env, **shot.env), str(shot))
    if judge(str(shot), code, out, err):
        state['closed'] += code == 0
    code, out, err = run(BAWN, w.env, str(shot))
    equal((code, 'behind walls' in out), (0, True),
          f'{shot}: the run after it: {err} {w.log()[-600:]}')
    state['closed'] += 1


def run_torture(*names):
    torture(shoot_run, of(*names))
    w.stop_daemon()
    after('all of these')


@test('bawn run: no memory', LONG)
def _():
    run_torture('memory')


@test('bawn run: writes fail', LONG)
def _():
    run_torture('write')


@test('bawn run: no process, no descriptor', LONG)
def _():
    run_torture('fork', 'descriptor')


@test('bawn run: a wall cannot be built', LONG)
def _():
    run_torture('wall')


@test('bawn run: reads fail', LONG)
def _():
    run_torture('read')


main()
