#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The n-th call of keeper, scribe and relay fails (fail.c), driven by their own
unit tests: what those do on purpose (hostile peers, full disks, kills,
crowds) comes together with what fails by itself.

The driver is left alone, so what it expects may not come, and its verdict does
not count.  The laws: nothing of the role crashes, and nothing hangs.

A part of `make torture` alone: a run takes half a minute when the driver waits
for what does not come.  BAWN_TORTURE_ALL=1: many n for each; else some, of
BAWN_TORTURE_SEED, until BAWN_TORTURE_SECONDS for each test are over.
"""

import contextlib
import errno
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'e2e'))

from harness import BIN, SLOW, check, main, test  # noqa: E402

BUILD = os.path.dirname(os.path.dirname(BIN))
FAIL = BUILD + '/tests/torture/bawn-fail.so'
SHARED = struct.Struct('=6I2I16s32s16sI')  # of fail.c
CLASSES = ('memory', 'write', 'fork', 'descriptor', 'wall', 'read')
ALL = os.environ.get('BAWN_TORTURE_ALL') == '1'
SEED = int(os.environ.get('BAWN_TORTURE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_TORTURE_SECONDS', '2'))
LONG = 14400 if ALL else 200
RUN_SECONDS = 120 * SLOW
SHOTS = 60  # of each kind, in the long form

KINDS = [(c, e, how) for c, e in (
    ('memory', errno.ENOMEM), ('write', errno.ENOSPC), ('fork', errno.EAGAIN),
    ('descriptor', errno.EMFILE), ('read', errno.EIO), ('wall', errno.EPERM))
    for how in ('once', 'on')]


def shoot(program, role, kind, n):
    """Counts, hits, crashes of one run with the @n-th call of @kind failing."""
    name, err, how = kind
    what = f'{os.path.basename(program)}: {name} {how} {n} of {role}'
    with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryFile() as log:
        f.write(bytes(SHARED.size))
        f.flush()
        os.chmod(f.name, 0o666)  # a relay of root's is nobody
        env = dict(os.environ, LD_PRELOAD=FAIL,
                   BAWN_FAIL=f'{f.name}:{name}:{n}:{err}:{how}:{role}')
        p = subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL,
                             stdout=log, stderr=log, start_new_session=True)
        late = False
        try:
            p.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            late = True
        # A driver that gives up leaves the servers that it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        log.seek(0)
        out = log.read()
        check(not late, f'{what}: hangs: {out[-1500:]}')
        with open(f.name, 'rb') as g:
            got = SHARED.unpack(g.read(SHARED.size))
    check(got[7] == 0, f'{what}: crash of {got[10]} after {got[9]}: '
          f'{out[-2500:].decode(errors="replace")}')
    return dict(zip(CLASSES, got)), got[6]


def torture(name, role):
    program = f'{BUILD}/src/{name}'
    r = random.Random(SEED)
    calls, _ = shoot(program, role, KINDS[0], 0)
    check(calls['memory'] + calls['read'] > 0, f'{role} does nothing: {calls}')
    plans = [(k, r.sample(range(1, calls[k[0]] + 1),
                          min(SHOTS, calls[k[0]]))) for k in KINDS]
    r.shuffle(plans)
    end = time.monotonic() + SECONDS
    tried = hit = 0
    while plans and (ALL or time.monotonic() < end):
        kind, todo = plans.pop(0)
        if todo:
            hit += shoot(program, role, kind, todo.pop())[1] > 0
            tried += 1
            plans.append((kind, todo))
    print(f'# {tried} tried, {hit} reached; {calls}')


@test('the scribe, by its own tests', LONG)
def _():
    torture('ledger/test-ledger-scribe', 'bawnd:scribe')


@test('the keeper, by its own tests', LONG)
def _():
    torture('keeper/test-keeper-session', 'bawnd:keeper')


@test('a relay, by its own tests', LONG)
def _():
    torture('relay/test-zygote', 'bawnd:relay')


main()
