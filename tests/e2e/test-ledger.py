#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ledger: what it says, that changes show, that a torn tail is mended."""

import hashlib
import json
import os
import signal
import subprocess
import time

from harness import (World, alive, check, contains, descendants, equal, main,
                     test, wait_for)


def ledger_files(w):
    where = w.state + '/ledger'
    return sorted(os.path.join(where, f) for f in os.listdir(where)
                  if f.endswith('.jsonl'))


def fresh(n=3):
    w = World()
    for i in range(n):
        equal(w.run('sh', '-c', f'exit {i}').code, i, 'run')
    return w


@test('each line carries the hash of the line before')
def chain():
    w = fresh()
    prev, seq = '0' * 64, None
    for path in ledger_files(w):
        for line in open(path, 'rb').read().splitlines():
            row = json.loads(line)
            equal(row['prev'], prev, f'prev of {row["seq"]}')
            if seq is not None:
                equal(row['seq'], seq + 1, 'seq')
            seq = row['seq']
            prev = hashlib.sha256(line).hexdigest()
            for key in ('v', 'at', 'kind', 'verdict', 'trust'):
                check(key in row, f'no {key} in {row}')
    w.close()


def tampered(change, what):
    w = fresh()
    w.stop_daemon()
    path = ledger_files(w)[0]
    data = open(path, 'rb').read()
    with open(path, 'wb') as f:
        f.write(change(data))
    r = w.bawn('ledger', 'verify')
    equal(r.code, 1, f'{what}: {r}')
    w.close()


@test('a changed byte, a dropped line, an added line, a cut tail are seen')
def tampering():
    tampered(lambda d: d.replace(b'"code":1', b'"code":0', 1), 'a change')

    def drop(d):
        lines = d.splitlines(True)
        return b''.join(lines[:2] + lines[3:])
    tampered(drop, 'a dropped line')

    def swap(d):
        lines = d.splitlines(True)
        lines[2], lines[3] = lines[3], lines[2]
        return b''.join(lines)
    tampered(swap, 'two lines swapped')
    tampered(lambda d: d + d.splitlines(True)[-1], 'a line added')
    tampered(lambda d: b''.join(d.splitlines(True)[:-1]), 'a cut tail')


@test('a torn last line is put aside, recorded, and all verifies')
def torn():
    w = fresh()
    pid = w.keeper_pid()
    for x in [pid, *descendants(pid)]:
        try:
            os.kill(x, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for('the end', 3, lambda: not alive(pid))
    with open(ledger_files(w)[-1], 'ab') as f:
        f.write(b'{"v":1,"seq":9999,"at"')
    equal(w.run('true', timeout=20).code, 0, f'run: {w.log()}')
    w.verify()
    check(w.records('kind = ledger.torn'), 'no ledger.torn record')
    check([f for f in os.listdir(w.state + '/ledger') if 'torn' in f],
          'the torn bytes are gone')
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
    time.sleep(0.5)
    w.sh('exit 42')
    found = False
    end = time.monotonic() + 10
    os.set_blocking(p.stdout.fileno(), False)
    seen = b''
    while time.monotonic() < end and not found:
        seen += p.stdout.read() or b''
        found = any(json.loads(x).get('code') == 42
                    for x in seen.splitlines(True) if x.endswith(b'\n'))
        time.sleep(0.02)
    p.terminate()
    p.wait(5)
    check(found, f'seen {seen[-500:]}')
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
