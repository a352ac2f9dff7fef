#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many sessions, one after the other and at once: nothing may pile up.

usage: tests/soak/many.py [-n IN_A_ROW] [--at-once N] [--as USER]

Before and after are compared: descriptors, memory and threads of each process
of bawnd, processes, namespaces, mounts, control groups, files in the state and
run-time directories and in /tmp.  Runs in a pen (pen.py), so all that is seen
is ours; what the kernel counts for the whole machine is printed beside it.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'e2e')]

import pen
import servers
from harness import SANITIZED, SLOW, Failure, World, check, equal, wait_for

POLICY = '''version: 1
network:
  allow:
    - {{host: hold.test, ports: [80], connect: "127.0.0.1:{port}"}}
limits: {{memory: 2G, processes: 200}}
'''
# What each session does: files, processes, a connection, a refusal.
WORK = '''
import os, socket, subprocess
c = socket.create_connection(("hold.test", 80))
c.sendall(b"x")
assert c.recv(1) == b"x"
try:
    socket.create_connection(("192.0.2.1", 80), 2)
except OSError:
    pass
subprocess.run(["sh", "-c", "echo x > /tmp/x; sleep 0.001 &"])
'''
GROWTH_KB = 600  # of a process that has served thousands


class Many:
    def __init__(self):
        self.world = World()
        w = self.world
        self.server = w.serve(servers.Tcp(servers.echo))
        w.policy(POLICY.format(port=self.server.port))
        for _ in range(20):
            self.one(work=True)
        w.verify()  # which remembers, in a file, what it found
        time.sleep(0.3)

    def close(self):
        self.world.close()

    def one(self, work=False):
        words = ['/usr/bin/python3', '-c', WORK] if work else ['true']
        r = self.world.run(*words, options=['--no-hints'])
        equal((r.code, r.out, r.err), (0, '', ''), 'a session')
        return r.seconds

    # ---- measuring ----

    @staticmethod
    def of_process(pid):
        found = {}
        with open(f'/proc/{pid}/status') as f:
            for line in f:
                key, _, value = line.partition(':')
                if key in ('RssAnon', 'Threads'):
                    found[key] = int(value.split()[0])
        try:
            found['fds'] = len(os.listdir(f'/proc/{pid}/fd'))
        except PermissionError:
            pass  # it has made itself invisible to its own user
        return found

    def has_ground(self):
        """What is made ahead of the next session is there."""
        keeper = self.world.keeper_pid()
        try:
            return any(os.readlink(f'/proc/{keeper}/fd/{fd}')
                       .startswith('net:[')
                       for fd in os.listdir(f'/proc/{keeper}/fd'))
        except PermissionError:
            return True
        except OSError:
            return False

    def daemon(self):
        """What each role uses; of relays, the spare one."""
        found = {}
        for pid, (_, comm) in pen.table().items():
            if comm.startswith('bawn'):
                check(comm not in found, f'two of {comm}')
                found[comm] = self.of_process(pid)
        return found

    def measure(self):
        w = self.world
        # A spare relay and witness come a moment after the last session.
        wait_for('bawnd alone and whole', 5, lambda: sorted(
            c for _, c in pen.table().values()) ==
            ['bawn:witness', 'bawnd', 'bawnd:ground', 'bawnd:relay', 'bawnd:scribe',
             'bawnd:zygote'] and self.has_ground())
        ledger = [p for p in pen.listing(w.state) if p.startswith('ledger/')]
        return {
            'daemon': self.daemon(),
            'namespaces': pen.namespaces(),
            'mounts': len(pen.mounts()),
            'control groups': len(pen.cgroups()),
            'state files': len(pen.listing(w.state)) - len(ledger),
            'run-time files': len(pen.listing(w.runtime)),
            'files in /tmp': len(pen.tmp_files()),
            'project files': len(pen.listing(w.project)),
        }

    @staticmethod
    def compare(before, after):
        for name, row in after['daemon'].items():
            old = before['daemon'][name]
            for key in ('fds', 'Threads'):
                equal(row.get(key), old.get(key), f'{key} of {name}')
            grown = row['RssAnon'] - old['RssAnon']
            check(SANITIZED or grown <= GROWTH_KB,
                  f'{name} has grown by {grown} KiB')
        for key in before:
            if key != 'daemon':
                equal(after[key], before[key], key)

    def settle(self, before):
        """The keeper takes mounts apart when the user has gone already."""
        end = time.monotonic() + 5 * SLOW
        while True:
            try:
                self.compare(before, self.measure())
                return
            except Failure:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    @staticmethod
    def machine():
        """Counted by the kernel for all of the machine."""
        found = {}
        with open('/proc/sys/fs/file-nr') as f:
            found['open files'] = int(f.read().split()[0])
        try:
            with open('/proc/slabinfo') as f:
                for line in f:
                    words = line.split()
                    if words[0] in ('net_namespace', 'mnt_cache', 'pid_2'):
                        found[words[0]] = int(words[1])
        except OSError:
            pass
        s = os.statvfs('/var/tmp')
        found['inodes'] = s.f_files - s.f_ffree
        return found

    # ---- the two ways ----

    def in_a_row(self, n, say=None):
        times = []
        before = self.measure()
        for i in range(n):
            times.append(self.one(work=i % 10 == 0))
            if say and i % 200 == 199:
                say(f'{i + 1} in a row')
        self.world.verify()
        self.settle(before)
        return statistics.median(times)

    def at_once(self, n):
        """All of them run at the same time, say so, and end when told."""
        w = self.world
        before = self.measure()
        began = time.monotonic()
        running = [w.popen(['sh', '-c', 'echo there; read x; exit 3'],
                           stdin=subprocess.PIPE) for _ in range(n)]
        try:
            for p in running:
                line = p.stdout.readline()
                if line != b'there\n':
                    raise Failure(f'{n} at once: {line!r} '
                                  f'{p.stderr.read()!r} {w.log()}')
            took = time.monotonic() - began
            r = w.bawn('ps', '--json')
            equal(r.out.count('"id"'), n, f'bawn ps: {r.err}')
            for p in running:
                p.stdin.close()
            equal({p.wait(60 * SLOW) for p in running}, {3}, 'exit codes')
        finally:
            for p in running:
                p.kill()
                p.wait()
                for f in (p.stdin, p.stdout, p.stderr):
                    f.close()
        w.verify()
        self.settle(before)
        return took


def main():
    a = argparse.ArgumentParser()
    a.add_argument('-n', type=int, default=2000)
    a.add_argument('--at-once', type=int, default=200)
    a.add_argument('--as', dest='user', help='as root: be this user')
    a = a.parse_args()
    pen.enter(a.user)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    m = Many()
    try:
        print('before', m.machine(), m.measure(), flush=True)
        took = m.in_a_row(a.n, lambda s: print(s, flush=True))
        print(f'{a.n} in a row: median {took * 1000:.1f} ms', flush=True)
        took = m.at_once(a.at_once)
        print(f'{a.at_once} at once: all run after {took:.1f} s', flush=True)
        m.at_once(a.at_once)
        print('after', m.machine(), m.measure(), flush=True)
    except Failure as e:
        print(f'FAILED: {e}')
        return 1
    finally:
        m.close()
    print('nothing is left over')
    return 0


if __name__ == '__main__':
    sys.exit(main())
