#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What bawnd makes ahead of a session (src/jail/ground.h): used by the next one,
once; never by one of other limits; and gone with who holds it."""

import os
import re
import resource
import signal
import subprocess

from harness import (World, alive, check, equal, main, processes, test,
                     wait_for)

w = World()
NAMESPACES = ('net', 'user')
TELL = 'readlink /proc/self/ns/net /proc/self/ns/user'


def held_by(pid):
    """Namespaces that a process has descriptors of: {'net': 'net:[N]', ..}"""
    found = {}
    try:
        for fd in os.listdir(f'/proc/{pid}/fd'):
            m = re.match(r'(\w+):\[', os.readlink(f'/proc/{pid}/fd/{fd}'))
            if m and m[1] in NAMESPACES:
                found[m[1]] = m.string
    except OSError:
        pass
    return found


def held():
    pid = w.keeper_pid()
    return held_by(pid) if pid else {}


def ready():
    """A session has run, and bawnd holds what it made after that."""
    equal(w.run('true').code, 0, w.log())
    wait_for('a ground', 5, lambda: len(held()) == 2)
    return held()


def told(out):
    return dict(zip(NAMESPACES, out.split()))


def groundsman():
    keeper = w.keeper_pid()
    found = []
    for pid, row in processes().items():
        if row[0] != keeper:
            continue
        try:
            with open(f'/proc/{pid}/comm') as f:
                if f.read() == 'bawnd:ground\n':
                    found.append(pid)
        except OSError:
            pass  # gone meanwhile
    return found


@test('the next session is made on it')
def used():
    was = ready()
    equal(told(w.sh(TELL).out), was, 'the namespaces of the session')


@test('each session has its own, also at the same time')
def once():
    seen = []
    sessions = []
    ready()
    for _ in range(6):
        p = w.popen(['sh', '-c', TELL + '; read x'], stdin=subprocess.PIPE)
        sessions.append(p)
        seen += [p.stdout.readline(), p.stdout.readline()]
    equal(len(set(seen)), 12, f'different namespaces: {seen}')
    for p in sessions:
        p.communicate(b'\n')
        equal(p.returncode, 0, w.log())


@test('what asks for no session leaves it alone')
def asked_for_nothing():
    was = ready()
    equal(w.call([*w.argv(['true'], ['--plan'])]).code, 0, '--plan')
    equal(w.bawn('ps').code, 0, 'ps')
    equal(held(), was, 'still there')


@test('other limits than those it was made with: not used, and gone')
def limits():
    was = ready()
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    less = 5000 if soft == resource.RLIM_INFINITY else soft - 1
    p = subprocess.run(
        w.argv(['sh', '-c', TELL]), env=w.env, cwd=w.project,
        capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC,
                                              (less, hard)))
    equal(p.returncode, 0, p.stderr)
    now = told(p.stdout)
    check(now['net'] != was['net'] and now['user'] != was['user'],
          f'its own: {now} {was}')
    wait_for('another one', 5,
             lambda: len(held()) == 2 and held()['net'] != was['net'])


@test('the walls are the same on it and without it')
def walls():
    ready()
    lines = []
    for _ in range(2):
        out = w.sh('cat /proc/self/uid_map /proc/self/gid_map '
                   '/proc/self/setgroups /proc/sys/user/max_user_namespaces '
                   '2>&1; unshare -U true 2>&1; ls /proc/1/environ 2>&1; '
                   'stat -c "%A %u %g %F %n" / /dev /dev/*; '
                   """awk '{ $1 = $2 = $3 = ""; print }' """
                   '/proc/self/mountinfo').out
        lines.append(sorted(out.splitlines()))
        for pid in groundsman():
            os.kill(pid, signal.SIGKILL)
        wait_for('no ground', 5, lambda: not groundsman() or
                 not any(alive(p) for p in groundsman()))
        w.run('true')  # takes what was there
    equal(held(), {}, 'nobody makes one')
    with_it, without = map(set, lines)
    equal(sorted(with_it ^ without), [], 'what differs')
    equal(*map(len, lines), 'as many mounts')
    w.stop_daemon()


@test('kill -9 of who makes it: sessions make their networks themselves')
def maker_dies():
    ready()
    for pid in groundsman():
        os.kill(pid, signal.SIGKILL)
    for _ in range(3):
        equal(w.run('true').code, 0, w.log())
    equal(held(), {}, 'none any more')
    check('the groundsman died' in w.log(), w.log())
    w.stop_daemon()


@test('kill -9 of who holds it leaves nothing')
def holder_dies():
    ready()
    makers = groundsman()
    os.kill(w.keeper_pid(), signal.SIGKILL)
    wait_for('its end', 5, lambda: not any(alive(p) for p in makers))
    equal(w.run('true').code, 0, 'the next daemon')


main()
