#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each of our processes: within a second nothing is left, and the
ledger verifies and says how the session ended.

With BAWN_TEST_BACKEND=landlock the same, where the warden is what init is."""

import itertools
import os
import signal
import sys
import time

import servers
from harness import (SLOW, World, alive, check, contains, descendants, equal,
                     landlock_abi, main, mounts_below, processes, test,
                     wait_for, with_mark)

if os.environ.get('BAWN_TEST_BACKEND') == 'landlock' and landlock_abi() < 6:
    print('1..0 # SKIP no Landlock of version 6')
    sys.exit()

w = World()
hold = w.serve(servers.Tcp(servers.echo))
w.policy(f'''version: 1
network:
  allow:
    - {{host: hold.test, ports: [80], connect: "127.0.0.1:{hold.port}"}}
''')
marks = (f'{98000 + n}.{os.getpid():07}' for n in itertools.count(1))

# Connects, leaves its session, ignores what can be ignored, and stays.
STAY = '''
import os, signal, socket, sys, time
for s in (1, 2, 3, 13, 15):
    signal.signal(s, signal.SIG_IGN)
c = socket.create_connection(("hold.test", 80))
c.sendall(b"x")
c.recv(1)
if os.fork() == 0:
    os.setsid()
print("ready", flush=True)
time.sleep(600)
'''


def start():
    """A running session with a connection: its Popen and its mark."""
    mark = next(marks)
    p = w.popen(['/usr/bin/python3', '-c', STAY, mark])
    line = p.stdout.readline()
    equal(line, b'ready\n', f'start: {p.stderr.read() if not line else ""}')
    wait_for('both processes', 5, lambda: len(inside(p, mark)) >= 2)
    return p, mark


def inside(p, mark):
    return [x for x in with_mark(mark) if x != p.pid]


def comm(pid):
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip()
    except OSError:
        return ''


def daemon():
    """The keeper and its children by role.  The zygote's are relays, one of
    them perhaps a warmed spare."""
    keeper = w.keeper_pid()
    check(keeper, f'no keeper: {w.log()}')
    table = processes()

    def children(pid):
        return [x for x, row in table.items() if row[0] == pid]

    def named(name):
        return [x for x in children(keeper) if comm(x) == 'bawnd:' + name]

    zygotes = named('zygote')
    check(zygotes, f'no zygote among the children: {children(keeper)}')
    return {'keeper': [keeper], 'zygote': zygotes,
            'scribe': named('scribe'),
            'relay': [x for z in zygotes for x in children(z)]}


def all_gone(p, mark, what, within=1.0):
    end = time.monotonic() + within * SLOW
    while time.monotonic() < end:
        if not inside(p, mark) and not alive(p.pid):
            break
        p.poll()
        time.sleep(0.01)
    equal(inside(p, mark), [], f'{what}: processes of the jail')
    p.poll()
    check(p.returncode is not None, f'{what}: the supervisor stays')
    equal(mounts_below(w.top), [], f'{what}: mounts')
    check('.bawn' not in ' '.join(os.listdir(w.project)), f'{what}: stubs')


def closing_record(what):
    """Verifies, then the session.close of the newest session."""
    wait_for(f'{what}: a closing record', 5,
             lambda: [r for r in w.records() if r['kind'] == 'session.close'])
    w.verify()
    return [r for r in w.records() if r['kind'] == 'session.close'][-1]


@test('the supervisor')
def supervisor():
    p, mark = start()
    p.kill()
    all_gone(p, mark, 'kill -9 of bawn run')
    row = closing_record('supervisor')
    contains(row.get('reason', ''), 'supervisor', 'reason')
    wait_for('the connection closed', 2, lambda: not daemon_relays_busy())


def daemon_relays_busy():
    # One warmed spare may wait; a second relay would serve a dead session.
    return daemon()['relay'][1:]


@test('init, pid 1 of the jail')
def init():
    p, mark = start()
    table = processes()
    kids = [x for x, row in table.items() if row[0] == p.pid]
    check(kids, 'the supervisor has no child')
    inner = inside(p, mark)
    first = [k for k in kids if set(descendants(k)) & set(inner)]
    check(first, 'no init among the children')
    os.kill(first[0], signal.SIGKILL)
    all_gone(p, mark, 'kill -9 of init')
    check(p.returncode != 0, 'exit code 0')
    closing_record('init')


@test('the command itself: 137, and what it left behind ends too')
def command():
    p, mark = start()
    table = processes()
    # The warden and the witness have the words of their supervisor.
    inner = [x for x in inside(p, mark)
             if not table[x][1].startswith('bawn')]
    top = [x for x in inner if table[x][0] not in inner]
    os.kill(top[0], signal.SIGKILL)
    all_gone(p, mark, 'kill -9 of the command')
    equal(p.returncode, 137, 'exit code')
    equal(closing_record('command')['code'], 137, 'code')


def role_dies(role):
    p, mark = start()
    roles = daemon()
    check(roles[role], f'no {role} among {roles}')
    for pid in roles[role]:
        os.kill(pid, signal.SIGKILL)
    all_gone(p, mark, f'kill -9 of the {role}')
    check(p.returncode != 0, f'exit code {p.returncode}')
    err = p.stderr.read().decode()
    contains(err, 'bawn', 'a line that says why')
    # The next session starts a daemon if need be, and finds the story whole.
    old = [r['session'] for r in w.records('kind = session.open')][-1]
    equal(w.run('true', timeout=20).code, 0, f'the next session: {w.log()}')
    w.verify()
    rows = [r for r in w.records(f'session = {old}')
            if r['kind'] == 'session.close']
    check(rows, f'{role}: the old session has no closing record')


@test('the keeper')
def keeper():
    role_dies('keeper')


@test('the scribe')
def scribe():
    role_dies('scribe')


@test('the zygote')
def zygote():
    role_dies('zygote')


@test('the relay')
def relay():
    role_dies('relay')


@test('kill -9 of everything at once; the next start mends it')
def everything():
    p, mark = start()
    victims = [p.pid, *daemon()['keeper'], *descendants(w.keeper_pid())]
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    all_gone(p, mark, 'kill -9 of all')
    equal(w.run('true', timeout=20).code, 0, 'the next session')
    w.verify()


@test('SIGSTOP of the supervisor does not keep the jail after its end')
def stopped():
    p, mark = start()
    p.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    p.kill()
    all_gone(p, mark, 'a stopped supervisor killed')


@test('twenty supervisors killed at random moments leave nothing', 120)
def random_moments():
    procs = []
    mark = next(marks)
    for n in range(20):
        p = w.popen(['sleep', mark])
        time.sleep(0.002 * n)
        p.kill()
        procs.append(p)
    for p in procs:
        p.wait()
    wait_for('nothing left', 3, lambda: not with_mark(f'sleep {mark}'))
    equal(w.run('true', timeout=20).code, 0, 'the next session')
    equal(mounts_below(w.top), [], 'mounts')
    w.verify()
    # A relay may take a moment to deliver what was on its way.
    wait_for('an empty bawn ps', 3,
             lambda: not w.bawn('ps', '--json').out.strip())


main()
