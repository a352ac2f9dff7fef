#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ledger: what it says, that changes show, that a torn tail is mended."""

import hashlib
import json
import os
import signal
import subprocess

import ledgerfile
from harness import (World, alive, check, contains, descendants, equal, main,
                     test, wait_for)


def fresh(n=3):
    w = World()
    for i in range(n):
        equal(w.run('sh', '-c', f'exit {i}').code, i, 'run')
    return w


def ledger(w):
    return w.state + '/ledger'


@test('leaves, payloads, tree and checkpoint are what the document says')
def form():
    w = fresh()
    w.stop_daemon()
    seq = 0
    all = ledgerfile.entries(ledger(w))
    for leaf, payload in all:
        row = json.loads(leaf)
        equal((row['v'], row['seq']), (2, seq + 1), 'v, seq')
        seq = row['seq']
        for key in ('at', 'session', 'kind', 'verdict', 'trust', 'count'):
            check(key in row, f'no {key} in {row}')
        if payload:
            equal(row['payload'], hashlib.sha256(payload).hexdigest(), 'its hash')
            equal(len(json.loads(payload)['salt']), 32, 'salt')
        else:
            check('payload' not in row, f'{row}')
    _, size, root = ledgerfile.checkpoint(ledger(w))
    equal(size, len(all), 'what is below the checkpoint')
    equal(root, ledgerfile.root([leaf for leaf, _ in all]), 'root')
    equal(ledgerfile.read_file(ledger(w), f'tile/entries/000.p/{size}'),
          b''.join(len(leaf).to_bytes(2, 'big') + leaf for leaf, _ in all),
          'the partial bundle')
    equal(os.stat(ledger(w) + '/key').st_mode & 0o777, 0o600, 'the key')
    w.verify()
    w.close()


def tampered(change, what):
    w = fresh()
    w.stop_daemon()
    path = ledgerfile.newest_journal(ledger(w))
    data = ledgerfile.read_file(path)
    with open(path, 'wb') as f:
        f.write(change(data))
    r = w.bawn('ledger', 'verify')
    equal(r.code, 1, f'{what}: {r}')
    w.close()


@test('a changed byte, a dropped record, an added one, a cut tail are seen')
def tampering():
    tampered(lambda d: d.replace(b'"code":1', b'"code":0', 1), 'a change')

    def remade(change):
        def f(data):
            records = ledgerfile.journal_entries(data)
            return ledgerfile.journal_of(change(records))
        return f
    tampered(remade(lambda a: a[:2] + a[3:]), 'a dropped record')
    tampered(remade(lambda a: a[:2] + [a[3], a[2]] + a[4:]), 'two swapped')
    tampered(remade(lambda a: a + a[-1:]), 'a record added')
    tampered(remade(lambda a: a[:-1]), 'a cut tail')
    tampered(remade(lambda a: [(x, y.replace(b'"code":2', b'"code":0') if y else y)
                               for x, y in a]), 'a payload')


@test('a torn tail is put aside, recorded, and all verifies')
def torn():
    w = fresh()
    pid = w.keeper_pid()
    for x in [pid, *descendants(pid)]:
        try:
            os.kill(x, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for('the end', 3, lambda: not alive(pid))
    with open(ledgerfile.newest_journal(ledger(w)), 'ab') as f:
        f.write(b'bawnJ1R\n\0\0\1\0\0\0\0\1 and so on')
    equal(w.run('true', timeout=20).code, 0, f'run: {w.log()}')
    w.verify()
    rows = w.records('kind = ledger.torn')
    equal(len(rows), 1, 'ledger.torn')
    check(os.path.exists(f'{ledger(w)}/{rows[0]["kept"]}'), 'the torn bytes are gone')
    w.close()


@test('a checkpoint follows by itself when nothing more comes')
def published():
    w = fresh(1)
    n = len(w.records('v > 0'))
    wait_for('the checkpoint', 5,
             lambda: ledgerfile.checkpoint(ledger(w))[1] >= n)
    w.verify()
    w.close()


@test('query: fields, numbers, and, or, not, parentheses')
def query():
    w = fresh(4)
    equal(len(w.records('kind = session.close')), 4, '=')
    equal(len(w.records('kind = session.close and code > 1')), 2, '>')
    equal(len(w.records('kind = session.close and code < 1')), 1, '<')
    equal(len(w.records('kind = session.close and not code = 0')), 3, 'not')
    equal(len(w.records('kind = session.close and (code = 1 or code = 3)')),
          2, 'or')
    equal(len(w.records('kind = session.close and code != 2')), 3, '!=')
    check(len(w.records('argv ~ exit')) >= 4, '~')
    newest = w.records('session = @')
    equal(len({r['session'] for r in newest}), 1, '@')
    equal([r['code'] for r in newest if r['kind'] == 'session.close'], [3],
          'the newest')
    r = w.bawn('ledger', 'query', 'kind = ')
    equal(r.code, 64, f'a broken expression: {r}')
    equal(r.err.count('\n'), 1, 'one line')
    plain = w.bawn('ledger', 'query', 'kind = session.close')
    equal((plain.code, len(plain.out.splitlines())), (0, 4), f'{plain}')
    w.close()


@test('tail -f shows records as they come')
def tail():
    w = fresh(1)
    from harness import BAWN
    p = subprocess.Popen([BAWN, 'ledger', 'tail', '-f', '--json'], env=w.env,
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    # The newest are shown first: it is at the end, or nearly.
    seen = [json.loads(p.stdout.readline())]
    w.sh('exit 42')
    while seen[-1].get('code') != 42:
        line = p.stdout.readline()
        check(line, f'it ended after {seen[-3:]}')
        seen.append(json.loads(line))
    p.terminate()
    p.wait(5)
    w.close()


@test('bytes that are not text survive')
def odd_bytes():
    w = World()
    name = b'a\xff\xfe\x1b[2J\n"'
    w.call(w.argv([b'true', name]))
    rows = w.records()
    opened = [r for r in rows if r['kind'] == 'session.open'][0]
    check('\udcff' in json.dumps(opened, ensure_ascii=False) or
          '\\xff' in opened['argv'].lower(), f'argv {opened["argv"]!r}')
    r = w.bawn('logs', '@')
    check('\x1b' not in r.out, 'an escape sequence in bawn logs')
    w.verify()
    w.close()


@test('what was acknowledged survives kill -9 of everything', 90)
def acknowledged():
    w = World()
    done = 0
    for i in range(6):
        if w.run('sh', '-c', f'exit {i}', timeout=20).code == i:
            done += 1
        pid = w.keeper_pid()
        for x in [*descendants(pid), pid]:
            try:
                os.kill(x, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for('the end', 3, lambda: not alive(pid))
    equal(len(w.records('kind = session.close and code > -1')), done,
          'closing records')
    w.verify()
    w.close()


@test('a ledger that cannot be written: no session starts')
def unwritable():
    w = fresh(1)
    w.stop_daemon()
    where = w.state + '/ledger'
    os.rename(where, where + '.away')
    w.write(where, 'a file where the directory should be\n')
    r = w.run('touch', 'must-not-exist', timeout=20)
    equal(r.code, 125, f'{r}')
    check(not os.path.exists(w.project + '/must-not-exist'), 'it ran')
    os.unlink(where)
    os.rename(where + '.away', where)
    equal(w.run('true', timeout=20).code, 0, 'and again')
    w.verify()
    w.close()


main()
