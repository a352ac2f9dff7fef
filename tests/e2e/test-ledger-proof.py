#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the ledger proves, to bawn itself and to code that is not bawn's: Go's
sumdb packages read the checkpoint, tiles and receipts."""

import base64
import hashlib
import json
import os
import shutil
import subprocess

import ledgerfile
from harness import Skip, World, check, contains, equal, main, test

HERE = os.path.dirname(os.path.abspath(__file__))
GOPATH = '/usr/share/gocode'


def go_check(w):
    """The Go program, built; None: it cannot be."""
    if not shutil.which('go') or not os.path.isdir(
            GOPATH + '/src/golang.org/x/mod/sumdb'):
        return None
    exe = w.top + '/ledger-check'
    env = {**os.environ, 'GO111MODULE': 'off', 'GOPATH': GOPATH,
           'GOCACHE': w.top + '/gocache', 'GOFLAGS': '', 'CGO_ENABLED': '0'}
    subprocess.run(['go', 'build', '-o', exe, HERE + '/ledger-check.go'], env=env,
                   check=True, timeout=300)
    return exe


def filled():
    w = World()
    equal(w.run('sh', '-c', 'exit 3').code, 3, 'run')
    equal(w.run('true').code, 0, 'run')
    w.stop_daemon()
    return w


def key_of(w):
    r = w.bawn('ledger', 'key')
    equal(r.code, 0, f'{r}')
    return r.out.strip()


@test('verify by code that is not ours: checkpoint, tiles, leaves, a receipt', 400)
def others():
    w = filled()
    exe = go_check(w)
    if not exe:
        w.close()
        raise Skip('no golang-golang-x-mod-dev')
    ledger = w.state + '/ledger'
    opened = w.records('kind = session.open')[0]['seq']
    out = w.top + '/r.tlog-proof'
    equal(w.bawn('ledger', 'prove', '--out', out, str(opened)).code, 0, 'prove')
    leaf = next(x for x, _ in ledgerfile.entries(ledger)
                if json.loads(x)['seq'] == opened)
    with open(w.top + '/leaf', 'wb') as f:
        f.write(leaf)
    args = [exe, key_of(w), ledger, out, w.top + '/leaf']
    p = subprocess.run(args, capture_output=True, text=True)
    equal(p.returncode, 0, p.stderr)
    contains(p.stdout, 'bawn.ledger/', 'origin')
    # And it would notice: another leaf, another tree.
    with open(w.top + '/leaf', 'ab') as f:
        f.write(b' ')
    equal(subprocess.run(args, capture_output=True).returncode, 1, 'a leaf')
    # Each: one of an earlier checkpoint may still be there, and is not read.
    for d, _, names in os.walk(ledger + '/tile/0'):
        for x in names:
            with open(os.path.join(d, x), 'r+b') as f:
                f.write(b'xxxx')
    p = subprocess.run(args[:3], capture_output=True)
    equal(p.returncode, 1, 'a tile')
    w.close()


@test('a receipt stands alone, and nothing else passes for it')
def receipt():
    w = filled()
    key = key_of(w)
    closed = w.records('kind = session.close and code = 3')[0]
    r = w.bawn('ledger', 'prove', str(closed['seq']))
    equal(r.code, 0, f'{r}')
    path = w.top + '/receipt'
    w.write(path, r.out)
    shutil.rmtree(w.state)
    shown = w.bawn('ledger', 'check-proof', '--json', '--key', key, path)
    equal(shown.code, 0, f'{shown}')
    equal(json.loads(shown.out), closed, 'the record')
    contains(w.bawn('ledger', 'check-proof', '--key', key, path).out, 'good', 'told')
    lines = r.out.split('\n')
    for i, line in enumerate(lines):
        if not line:
            continue
        at = len(line) // 2
        bad = line[:at] + ('A' if line[at] != 'A' else 'B') + line[at + 1:]
        w.write(path, '\n'.join([*lines[:i], bad, *lines[i + 1:]]))
        equal(w.bawn('ledger', 'check-proof', '--key', key, path).code, 1,
              f'line {i}: {bad}')
    name, ident, text = key.split('+', 2)
    other = bytearray(base64.b64decode(text))
    other[5] ^= 1
    w.write(path, r.out)
    for bad in ('', 'x', f'{name}+{ident}+' + base64.b64encode(other).decode()):
        check(w.bawn('ledger', 'check-proof', '--key', bad, path).code != 0,
              f'key {bad!r}')
    w.close()


@test('what was seen once must still hold')
def seen():
    w = filled()
    key = key_of(w)
    r = w.bawn('ledger', 'verify')
    equal(r.code, 0, f'{r}')
    contains(r.out, 'for the first time', 'a new key')
    old = w.bawn('ledger', 'checkpoint').out
    w.write(w.top + '/old', old)
    good = w.top + '/good'
    shutil.copytree(w.state + '/ledger', good)
    equal(w.run('true').code, 0, 'run')
    w.stop_daemon()
    r = w.bawn('ledger', 'verify')
    equal(r.code, 0, f'{r}')
    contains(r.out, 'signed by the key known before', 'the key')
    for more in ([], ['--key', key], ['--since', w.top + '/old'],
                 ['--key', key, '--since', w.top + '/old']):
        equal(w.bawn('ledger', 'verify', *more).code, 0, f'{more}')
    w.write(w.top + '/none', 'not a checkpoint\n')
    equal(w.bawn('ledger', 'verify', '--since', w.top + '/none').code, 1, 'none')
    equal(w.bawn('ledger', 'verify', '--key', 'x').code, 64, 'no key')
    # An older checkpoint alone is not a step towards that.
    shutil.copy(good + '/checkpoint', w.state + '/ledger/checkpoint')
    equal(w.bawn('ledger', 'verify').code, 0, 'more than it speaks of')
    # Back to what it was: each for itself is whole, but history went back.
    shutil.rmtree(w.state + '/ledger')
    shutil.copytree(good, w.state + '/ledger')
    r = w.bawn('ledger', 'verify')
    equal(r.code, 1, f'{r}')
    contains(r.out, 'cut off', 'a rollback')
    # Another ledger in its place, signed by another key.
    shutil.rmtree(w.state + '/ledger')
    equal(w.run('true').code, 0, 'run')
    equal(w.run('true').code, 0, 'run')
    w.stop_daemon()
    equal(w.bawn('ledger', 'verify').code, 1, 'another key')
    equal(w.bawn('ledger', 'verify', '--key', key).code, 1, 'and with --key')
    w.close()


@test('a whole tile in the place of a part has to begin with it')
def in_place():
    w = filled()
    w.stop_daemon()
    ledger = w.state + '/ledger'
    good = w.top + '/good'
    shutil.copytree(ledger, good)
    for name in ('tile/0/000', 'tile/entries/000'):
        for keep in (True, False):
            with open(f'{ledger}/{name}', 'wb') as f:
                f.write(bytes(8192))
            if not keep:
                shutil.rmtree(f'{ledger}/{name}.p')
            r = w.bawn('ledger', 'verify')
            equal(r.code, 1, f'{name} {keep}: {r}')
            shutil.rmtree(ledger)
            shutil.copytree(good, ledger)
    w.verify()
    w.close()


@test('another key: what was trusted leads to it')
def rotate():
    w = filled()
    first = key_of(w)
    w.verify()
    r = w.bawn('ledger', 'rotate-key')
    equal(r.code, 0, f'{r}')
    second = key_of(w)
    equal(r.out.strip(), second, 'said')
    check(first != second, 'the same key')
    w.verify()
    # And by the daemon that runs, when there is one.
    equal(w.run('true').code, 0, 'run')
    check(w.keeper_pid(), 'no daemon')
    r = w.bawn('ledger', 'rotate-key', '--why', 'a laptop was lost')
    equal(r.code, 0, f'{r}')
    third = key_of(w)
    equal(r.out.strip(), third, 'said')
    check(third not in (first, second), 'the same key')
    w.stop_daemon()
    w.verify()
    for key in (first, second, third):
        equal(w.bawn('ledger', 'verify', '--key', key).code, 0, key)
    rows = w.records('kind = ledger.key')
    equal([r.get('why') for r in rows], [None, 'a laptop was lost'], 'why')
    check(rows[0]['user'] and rows[0]['user'] == rows[1]['user'], f'{rows}')
    w.close()


@test('what a session said can be erased, and nothing else shows it')
def erase():
    w = World()
    equal(w.run('sh', '-c', ': a-word-of-mine').code, 0, 'run')
    equal(w.run('true').code, 0, 'run')
    w.stop_daemon()
    before = len(w.records('v > 0'))
    mine = w.records('argv ~ a-word-of-mine')[0]['session']
    equal(w.bawn('ledger', 'erase').code, 64, 'all')
    r = w.bawn('ledger', 'erase', '--session', mine)
    equal(r.code, 0, f'{r}')
    w.verify()
    rows = w.records('v > 0')
    equal(len(rows), before + 1, 'records')
    check(any(x.get('erased') for x in rows if x['session'] == mine), f'{rows}')
    check(not any(x.get('erased') for x in rows if x['session'] != mine), 'others')
    for top, _, names in os.walk(w.state + '/ledger'):
        for name in names:
            check(b'a-word-of-mine' not in ledgerfile.read_file(top, name),
                  f'{top}/{name}')
    equal(w.bawn('ledger', 'erase', '--before', '2020-01-01').code, 0, 'nothing')
    equal(w.bawn('ledger', 'erase', '--before', 'soon').code, 64, 'no date')
    equal(w.bawn('ledger', 'erase', '--session', mine, '--why', 'x' * 257).code,
          64, 'too long')
    w.verify()
    w.close()


@test('limits of what is kept are said, and heard by the daemon')
def limits():
    w = filled()
    contains(w.bawn('ledger', 'limit').out, 'no limit', 'none')
    r = w.bawn('ledger', 'limit', '--size', '500', '--days', '90')
    equal(r.code, 0, f'{r}')
    contains(w.bawn('ledger', 'limit').out, 'size 500 MB, days 90', 'said')
    equal(w.bawn('ledger', 'limit', '--days', '0').code, 0, 'no days')
    contains(w.bawn('ledger', 'limit').out, 'days 0 (no limit)', 'said')
    equal(w.run('true').code, 0, 'run')
    w.verify()
    w.stop_daemon()
    w.write(w.state + '/ledger-limits', 'payload-bytes all\n')
    r = w.run('true', timeout=20)
    equal(r.code, 125, 'a file that says nothing')
    contains(r.err, 'ledger-limits', 'why')
    w.close()


@test('a ledger of the first form goes on')
def first_form():
    w = World()
    equal(w.run('true').code, 0, 'run')
    w.stop_daemon()
    rows = ledgerfile.rows(w.state + '/ledger')
    shutil.rmtree(w.state + '/ledger')
    os.mkdir(w.state + '/ledger', 0o700)
    prev, text = '0' * 64, b''
    for row in rows:
        row = {'v': 1, **{k: x for k, x in row.items()
                          if k not in ('v', 'salt', 'payload')}, 'prev': prev}
        line = json.dumps(row, separators=(',', ':')).encode()
        prev = hashlib.sha256(line).hexdigest()
        text += line + b'\n'
    with open(w.state + '/ledger/000001.jsonl', 'wb') as f:
        f.write(text)
    head = json.dumps({'v': 1, 'seq': len(rows), 'hash': prev,
                       'file': '000001.jsonl', 'size': len(text)},
                      separators=(',', ':'))
    w.write(w.state + '/ledger/head', head + ' ' * (255 - len(head)) + '\n')
    for verb in (['verify'], ['tail'], ['query', 'v > 0']):
        r = w.bawn('ledger', *verb)
        equal(r.code, 2, f'{verb}: {r}')
        contains(r.err, 'older form', f'{verb}')
    equal(w.run('sh', '-c', 'exit 5').code, 5, f'run: {w.log()}')
    w.verify()
    equal(len(w.records('kind = session.close')), 2, 'sessions')
    equal([x['seq'] for x in w.records('v > 0')],
          list(range(1, len(w.records('v > 0')) + 1)), 'numbers go on')
    check(os.path.exists(w.state + '/ledger/first/000001.jsonl'), 'first/')
    w.close()


main()
