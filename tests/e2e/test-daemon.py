#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bawnd: one per user whatever races, idle exit, another build's daemon."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import (BAWN, BAWND, BIN, SLOW, World, alive, check, contains,
                     descendants, equal, main, mark, processes, skip, test,
                     wait_for)


def keepers(w):
    """pids of the daemons whose state directory is @w's."""
    found = []
    for pid, (ppid, comm, line) in processes().items():
        if 'bawnd' not in comm + line:
            continue
        try:
            with open(f'/proc/{pid}/environ', 'rb') as f:
                if w.state.encode() in f.read():
                    found.append(pid)
        except OSError:
            if pid == w.keeper_pid():
                found.append(pid)
    return found


@test('the first run starts it, the second finds it')
def started_once():
    w = World()
    equal(w.run('true').code, 0, 'first')
    first = w.keeper_pid()
    check(first, f'no daemon: {w.log()}')
    equal(w.run('true').code, 0, 'second')
    equal(w.keeper_pid(), first, 'pid')
    w.close()


@test('ten runs at once without a daemon start one', 90)
def race():
    w = World()
    seen, codes, said = set(), [], []

    def one():
        r = w.run('true', timeout=40)
        codes.append(r.code)
        said.append(r.err)
        seen.add(w.keeper_pid())

    threads = [threading.Thread(target=one) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(codes, [0] * 10, f'exit codes: {said} {w.log()}')
    equal(len(seen), 1, f'daemons {seen}')
    starts = [r for r in w.records('kind = daemon.start')]
    equal(len(starts), 1, 'daemon.start records')
    w.close()


@test('state and socket are ours alone')
def modes():
    w = World()
    w.run('true')
    for path in (w.state, w.runtime):
        equal(os.stat(path).st_mode & 0o777, 0o700, path)
    sock = w.lock()['socket']
    check(sock.startswith(w.runtime + '/'), f'socket {sock}')
    check(os.stat(w.state + '/ledger').st_mode & 0o077 == 0, 'ledger')
    w.close()


@test('a run-time directory of somebody else is refused')
def foreign_directory():
    w = World()
    os.chmod(w.runtime, 0o777)
    r = w.run('true')
    equal(r.code, 125, f'{r}')
    contains(r.err, w.runtime, 'the line names the directory')
    w.close()


@test('a stale lock and a stale socket do no harm')
def stale():
    w = World()
    w.run('true')
    pid = w.keeper_pid()
    for x in [*descendants(pid), pid]:
        try:
            os.kill(x, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for('the end', 3, lambda: not alive(pid))
    equal(w.run('true', timeout=20).code, 0, f'{w.log()}')
    check(w.keeper_pid() != pid, 'a new daemon')
    w.close()


@test('idle, it exits', 100)
def idle():
    w = World()
    p = subprocess.Popen([BAWND, '--idle', '1'], env=w.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for('the daemon', 10, w.keeper_pid)
    pid = w.keeper_pid()
    q = w.popen(['sh', '-c', 'echo up; read go'], stdin=subprocess.PIPE)
    equal(q.stdout.readline(), b'up\n', 'the session')
    time.sleep(2)
    check(alive(pid), 'it left a session alone')
    q.communicate(b'go\n', timeout=20)
    wait_for('its exit', 10, lambda: not alive(pid))
    p.poll()
    equal([x for x in keepers(w)], [], 'processes left')
    equal(w.run('true', timeout=20).code, 0, 'and starts again')
    w.verify()
    w.close()


def other_build(w):
    """A copy of our programs whose build id differs, or a skip."""
    where = w.top + '/other'
    os.mkdir(where)
    r = w.bawn('--version')
    ids = re.findall(rb'[0-9A-Za-z.+-]{12,}', r.raw)
    check(ids, f'--version shows no build id: {r}')
    for name in os.listdir(BIN):
        full = os.path.join(BIN, name)
        if not (os.path.isfile(full) and os.access(full, os.X_OK)):
            continue
        with open(full, 'rb') as f:
            data = f.read()
        for x in ids:
            data = data.replace(x, x[:-1] + (b'0' if x[-1:] != b'0' else b'1'))
        w.write(f'{where}/{name}', data, 0o755)
    changed = w.call([where + '/bawn', '--version'])
    check(changed.code == 0 and changed.out != r.out, 'the id did not change')
    return where


@test('another build waits until the old daemon has no session', 90)
def drains():
    w = World()
    where = other_build(w)
    first = w.popen(['sh', '-c', 'echo up; read go'], stdin=subprocess.PIPE)
    equal(first.stdout.readline(), b'up\n', f'the old session: {w.log()}')
    old = w.keeper_pid()
    argv = w.argv(['sh', '-c', 'echo new build'])
    argv[0] = where + '/bawn'
    p = subprocess.Popen(argv, cwd=w.project, env=w.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    contains(p.stderr.readline(), b'waiting', 'it says that it waits')
    check(p.poll() is None and alive(old), 'it did not wait')
    first.communicate(b'go\n', timeout=20)
    equal(first.returncode, 0, 'the old session')
    out, err = p.communicate(timeout=40)
    equal((p.returncode, out), (0, b'new build\n'), f'{err} {w.log()}')
    check(w.keeper_pid() != old, 'the same daemon')
    w.verify()
    w.close()


@test('it ends on SIGTERM, and its sessions with it')
def terminated():
    w = World()
    p = w.popen(['sleep', mark(98751)])
    pid = wait_for('a daemon', 10, w.keeper_pid)
    wait_for('the session', 10,
             lambda: any('sleep ' + mark(98751) in r[2] and r[1] == 'sleep'
                         for r in processes().values()))
    os.kill(pid, signal.SIGTERM)
    check(p.wait(15) != 0, 'exit code 0')
    wait_for('its exit', 10, lambda: not alive(pid))
    equal(w.run('true', timeout=20).code, 0, 'a new one starts')
    kinds = [r['kind'] for r in w.records('kind = daemon.stop')]
    check(kinds, 'no daemon.stop record')
    w.verify()
    w.close()


@test('it stays small', 60)
def small():
    w = World()
    for _ in range(30):
        w.run('true')
    pid = w.keeper_pid()
    with open(f'/proc/{pid}/statm') as f:
        kib = int(f.read().split()[1]) * 4
    limit = 400_000 if SLOW > 1 else 24_000
    check(kib < limit, f'{kib} KiB resident after 30 sessions')
    fds = len(os.listdir(f'/proc/{pid}/fd'))
    check(fds < 40, f'{fds} descriptors after 30 sessions')
    w.close()


main()
