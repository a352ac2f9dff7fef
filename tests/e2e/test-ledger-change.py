#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Erasing and another key while bawnd runs and a session writes: the session
loses nothing, and whoever is killed meanwhile, what was asked for is done."""

import os
import signal
import subprocess
import threading
import time

import ledgerfile
from harness import (BAWN, World, check, contains, descendants, equal, main,
                     test, wait_for)

FILES = 'version: 1\naudit: {files: writes}\n'
# One record each, until the file `stop` is there.
WRITE = ('i=0; while [ ! -e stop ]; do i=$((i+1)); : > made-$i; done; '
         'echo $i > made')


def scribe(w):
    """The pid of the daemon's scribe."""
    for pid in descendants(w.keeper_pid()):
        try:
            with open(f'/proc/{pid}/comm') as f:
                if f.read().strip() == 'bawnd:scribe':
                    return pid
        except OSError:
            pass
    return None


def holds(w, word):
    """Is @word in a file of the ledger, or of what was made from it?"""
    for top, _, names in os.walk(w.state):
        for name in names:
            if 'log' not in name and word in ledgerfile.read_file(top, name):
                return f'{top}/{name}'
    return None


def old_session(w, n):
    """A session that is over, with @n files of that word."""
    equal(w.sh(f'i=0; while [ $i -lt {n} ]; do i=$((i+1)); '
               f': > a-word-of-mine-$i; done').code, 0, 'run')
    return w.records('kind = session.open')[-1]['session']


@test('while a session writes', 120)
def writes():
    w = World(FILES)
    mine = old_session(w, 2000)
    # So that there is an index.
    equal(w.bawn('ledger', 'index').code, 0, 'index')
    p = w.popen(['sh', '-c', WRITE])
    wait_for('the first file', 15, lambda: os.path.exists(w.project + '/made-50'))
    key = w.bawn('ledger', 'key').out.strip()
    first = w.bawn('ledger', 'rotate-key')
    equal(first.code, 0, f'{first}')
    check(first.out.strip() != key, 'the same key')
    w.verify()
    r = w.bawn('ledger', 'erase', '--session', mine, '--why', 'asked by letter')
    equal(r.code, 0, f'{r}')
    check(int(r.out.split()[0]) >= 2000, r.out)
    equal(holds(w, b'a-word-of-mine'), None, 'where it still is')
    w.verify()
    equal(w.records('path ~ *a-word-of-mine*'), [], 'found')
    # Both at once, by several.
    calls = [['ledger', 'rotate-key'], ['ledger', 'erase', '--session', mine],
             ['ledger', 'rotate-key']] * 2
    codes = []
    jobs = [threading.Thread(target=lambda a=a: codes.append(w.bawn(*a)))
            for a in calls]
    for j in jobs:
        j.start()
    for j in jobs:
        j.join()
    for r in codes:
        check(r.code == 0 or 'try again' in r.err, f'{r}')
    check(any(r.code == 0 for r in codes), f'{codes}')
    w.write('stop', '')
    equal(p.wait(60), 0, 'the session')
    with open(w.project + '/made') as f:
        made = int(f.read())
    w.stop_daemon()
    w.verify()
    rows = w.records('session = @ and kind = file.create and path ~ */made-*')
    equal(len(rows), made, 'records of the session that wrote')
    check(not any(r.get('erased') for r in rows), 'erased')
    equal(len(w.records(f'session = {mine} and kind = file.create')), 2000,
          'records of the old one')
    said = w.records('kind = ledger.erase')
    equal([(r['of'], r['why']) for r in said], [(mine, 'asked by letter')], 'said')
    check(said[0]['user'] == rows[0]['user'] != '', f'{said}')
    equal(w.bawn('ledger', 'verify', '--key', key).code, 0, 'the first key')
    w.close()


@test('killed in the middle, the next daemon goes on', 240)
def killed():
    for n in range(8):
        w = World(FILES)
        mine = old_session(w, 600)
        p = w.popen(['sh', '-c', WRITE])
        wait_for('the first file', 15,
                 lambda: os.path.exists(w.project + '/made-20'))
        who = scribe(w) if n % 2 else w.keeper_pid()
        change = subprocess.Popen(
            [BAWN, 'ledger', 'erase', '--session', mine], env=w.env,
            cwd=w.project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(n * 0.004)
        os.kill(who, signal.SIGKILL)
        out, err = change.communicate(timeout=60)
        # Done before, or by itself after, or it says that it was not.
        check(change.returncode in (0, 2), f'{change.returncode} {out} {err}')
        p.wait(30)
        w.write('stop', '')
        asked = os.path.exists(w.state + '/ledger/erasing')
        equal(w.run('true').code, 0, 'the next daemon')
        if asked or change.returncode == 0:
            wait_for('the erasure', 30, lambda: not os.path.exists(
                w.state + '/ledger/erasing'))
            equal(holds(w, b'a-word-of-mine'), None, 'where it still is')
        w.verify()
        # What the killed scribe had said it has, is there; again is no harm.
        r = w.bawn('ledger', 'erase', '--session', mine)
        equal(r.code, 0, f'{r}')
        equal(holds(w, b'a-word-of-mine'), None, 'where it still is')
        equal(len(w.records(f'session = {mine} and kind = file.create')), 600,
              'records')
        w.stop_daemon()
        w.verify()
        w.close()


@test('without a daemon, and with one that is ending')
def alone():
    w = World(FILES)
    mine = old_session(w, 20)
    pid = w.keeper_pid()
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGTERM)
    p = subprocess.Popen([BAWN, 'ledger', 'erase', '--session', mine], env=w.env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    out, err = p.communicate(timeout=60)
    if p.returncode != 0:
        contains(err.decode(), 'bawnd', 'why')
    w.stop_daemon()
    r = w.bawn('ledger', 'erase', '--session', mine)
    equal(r.code, 0, f'{r}')
    equal(holds(w, b'a-word-of-mine'), None, 'where it still is')
    w.verify()
    w.close()


main()
