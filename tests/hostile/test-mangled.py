#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A ledger that somebody else has been at: `bawn logs`, `show` and `ledger` read
what is left of it.  They neither crash nor hang, no byte of it steers the
terminal, and a record that was changed is told by `bawn ledger verify`.

BAWN_HOSTILE_ALL=1: some thousand ledgers; else some, of a seed.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'e2e'))

import ledgerfile  # noqa: E402
from harness import BAWN, SLOW, World, check, equal, main, test  # noqa: E402

ALL = os.environ.get('BAWN_HOSTILE_ALL') == '1'
SEED = int(os.environ.get('BAWN_HOSTILE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_HOSTILE_SECONDS', '4'))
LONG = 3600 if ALL else 120
ODD = [5, -1, 1 << 62, 1e300, True, None, '', 'x', '\x1b[2J', '\u202e\u0007', [],
       {}, 'x' * 30000]
VERBS = (('logs', '@'), ('logs', '--json', '@'), ('show', '@'),
         ('show', '--json', '@'), ('ps', '--all'), ('ledger', 'verify'),
         ('ledger', 'query', 'kind = session.open'))

w = World()
w.sh('echo "#" >> Makefile; curl -m 1 http://192.0.2.1/ ; true')
w.stop_daemon()
LEDGER = w.state + '/ledger'
GOOD = w.top + '/good'
shutil.copytree(LEDGER, GOOD)
JOURNAL = os.path.basename(ledgerfile.newest_journal(GOOD))
GOOD_TEXT = ledgerfile.read_file(GOOD, JOURNAL)
RECORDS = ledgerfile.journal_entries(GOOD_TEXT)
r = random.Random(SEED)


# Each gives the new text of the journal; its frames fit, but for the first two.

def cut(_):
    return GOOD_TEXT[:r.randrange(len(GOOD_TEXT))]


def flip(_):
    text = bytearray(GOOD_TEXT)
    for _ in range(r.choice((1, 1, 8))):
        text[r.randrange(len(text))] ^= 1 << r.randrange(8)
    return bytes(text)


def field(records):
    """A field that is there, of a type or size it does not have."""
    n = r.randrange(len(records))
    both = list(records[n])
    which = 1 if both[1] and r.random() < .5 else 0
    row = json.loads(both[which])
    row[r.choice(list(row))] = r.choice(ODD)
    both[which] = json.dumps(row, separators=(',', ':')).encode()
    return ledgerfile.journal_of([*records[:n], tuple(both), *records[n + 1:]])


def raw(records):
    n = r.randrange(len(records))
    new = r.choice((b'', b'\n', b'\0\n', b'\xff\xfe\n', b'\x1b[31m\n', b'{}\n', b'[1]\n',
                    b'{"a":' * 100 + b'\n', b'{"v":1,"v":1}\n', b'x' * 60000))
    new = (new, None) if r.random() < .5 else (records[n][0], new)
    return ledgerfile.journal_of([*records[:n], new, *records[n:]])


def order(records):
    records = list(records)
    while records == RECORDS:
        r.shuffle(records)
    return ledgerfile.journal_of(records)


def twice(records):
    n = r.randrange(len(records))
    return ledgerfile.journal_of([*records[:n], records[n], *records[n:]])


KINDS = (cut, flip, field, raw, order, twice)


def ask(what, verb):
    p = subprocess.Popen([BAWN, *verb], cwd=w.project, env=w.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(timeout=20 * SLOW)
    except subprocess.TimeoutExpired:
        p.kill()
        raise AssertionError(f'{what}: {verb} hangs') from None
    check(p.returncode in (0, 1, 2), f'{what}: {verb} ends with '
          f'{p.returncode}: {err[-1500:]}')
    check(b'Sanitizer' not in err and b'runtime error' not in err,
          f'{what}: {verb}: {err[-2000:]}')
    told = err if '--json' in verb else out + err
    for c in told.decode('utf-8'):
        check(c in '\n\t' or c.isprintable(), f'{what}: {verb} prints {c!r}')
    return p.returncode


def one(kind, n):
    what = f'{kind.__name__} {n}'
    text = kind(RECORDS)
    with open(f'{LEDGER}/{JOURNAL}', 'wb') as f:
        f.write(text)
    for verb in VERBS:
        code = ask(what, verb)
        if verb == ('ledger', 'verify') and text != GOOD_TEXT:
            check(code != 0, f'{what}: nobody noticed: {text[:3000]}')


@test('all stands before it is mangled')
def _():
    check(len(RECORDS) > 4, f'{RECORDS}')
    for verb in VERBS:
        equal(ask('good', verb), 0, f'{verb}')


@test('a mangled ledger', LONG)
def _():
    end = time.monotonic() + SECONDS
    n = 0
    while n < 3000 if ALL else time.monotonic() < end:
        one(KINDS[n % len(KINDS)], n)
        n += 1
    print(f'# {n} ledgers')


@test('other files in its place')
def _():
    path = f'{LEDGER}/{JOURNAL}'
    for what, make in (('a directory', os.mkdir), ('a FIFO', os.mkfifo),
                       ('a link', lambda p: os.symlink('/dev/zero', p)),
                       ('nothing', lambda p: None)):
        if os.path.lexists(path):
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
        make(path)
        for verb in VERBS:
            ask(what, verb)
    shutil.rmtree(LEDGER)
    for verb in VERBS:
        ask('no ledger', verb)


main()
