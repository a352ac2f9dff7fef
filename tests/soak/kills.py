#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a random part of a session at a random moment, again and again.

usage: tests/soak/kills.py [-n ROUNDS] [--seed N] [--first ROUND] [--as USER]

Each round picks, from the seed and its own number alone, a command, whether a
daemon runs already, a part, and a moment from before the jail exists to after
the end.  Then it is checked that

  * within one second no process and no mount of the session is there,
  * the project is as it was,
  * `bawn ledger verify` passes, at once and after the next start,
  * the next session works,
  * after it no control group, socket or unfinished file of the dead is left,
    and each session that was opened on the ledger is closed there, once.

Runs in a pen (pen.py).  A round that fails is told with how to repeat it; the
moment is a matter of the scheduler too, so repeat it more than once.
"""

import argparse
import collections
import contextlib
import os
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'e2e')]

import pen
import servers
from harness import SLOW, Failure, World, equal

# What a session is made of, and how a victim is found when its time comes.
DAEMONS = ('keeper', 'scribe', 'zygote')
PARTS = (*DAEMONS, 'ground', 'supervisor', 'init', 'init-child', 'supervisor-child',
         'relay', 'spare', 'witness', 'starter', 'any', 'any', 'two', 'all')
COMMANDS = {
    # name -> (seconds it takes, words)
    'true': (0.0, ['true']),
    'brief': (0.05, ['sleep', '0.05']),
    'net': (None, ['/usr/bin/python3', '-c', '''
import os, signal, socket, sys, time
for s in (1, 2, 3, 13, 15):
    signal.signal(s, signal.SIG_IGN)
c = socket.create_connection(("hold.test", 80))
if os.fork() == 0:
    os.setsid()
while True:
    c.sendall(b"x" * 4096)
    c.recv(65536)
''']),
    'tree': (None, ['sh', '-c', '''
trap "" HUP INT TERM
for i in 1 2 3; do (setsid sh -c "trap '' HUP TERM; sleep 100" &) ; done
cp -r /usr/include/linux /tmp/x 2>/dev/null
sleep 100''']),
    'output': (None, ['sh', '-c', 'yes "$(seq 1 100)"']),
    'missing': (0.0, ['/no/such/program']),
}
POLICY = '''version: 1
network:
  allow:
    - {{host: hold.test, ports: [80], connect: "127.0.0.1:{port}"}}
limits: {{memory: 2G, processes: 200, cpu: 1, disk: 1G, time: 10m}}
'''


# The ledger's files by their names, what a torn tail of it is kept in, and what
# verify remembers; a temporary file has none of these names.
GROWS = re.compile(
    r'state/(bawnd\.log\.1|ledger-seen|ledger-index\.sqlite(-wal|-shm|-journal)?'
    r'|programs|ledger/(torn-[a-z0-9.-]+'
    r'|journal-\d+|(tile|payload)(/(\d+|entries|x?\d{3}|\d{3}\.p))*))')


class Soak:
    def __init__(self, seed, verbose=False):
        self.seed, self.verbose = seed, verbose
        self.world = World()
        self.notes = tempfile.mkdtemp(prefix='bawn-soak-', dir='/var/tmp')
        w = self.world
        self.server = w.serve(servers.Tcp(servers.echo))
        w.policy(POLICY.format(port=self.server.port))
        w.write('.env', 'SECRET=1\n')
        w.write('sub/.env.local', 'SECRET=2\n')
        w.write('main.c', 'int main(void) { return 0; }\n')
        self.hits = collections.Counter()
        self.setup = 0.02
        self.mounts = pen.mounts()
        self.next_run()
        began = time.monotonic()
        for _ in range(5):
            self.next_run()
        self.setup = (time.monotonic() - began) / 5
        self.project = pen.listing(w.project)
        self.state = self.owned()
        self.namespaces = pen.namespaces()

    def close(self):
        self.world.close()
        with contextlib.suppress(OSError):
            os.rmdir(self.notes)

    # ---- what there is ----

    def owned(self):
        """Files of ours that may only be what they were; by kind."""
        w = self.world
        found = {'state/' + p for p in pen.listing(w.state)}
        found |= {'runtime/' + ('socket' if p.endswith('.sock') else p)
                  for p in pen.listing(w.runtime)}
        return {p for p in found if not GROWS.fullmatch(p)}

    def daemon(self):
        """pids by role, from the processes that are there."""
        roles = {r: [] for r in (*DAEMONS, 'ground', 'relay', 'spare',
                                 'witness')}
        table = pen.table()
        for pid, (ppid, comm) in table.items():
            if comm == 'bawnd:scribe':
                roles['scribe'].append(pid)
            elif comm == 'bawnd:zygote':
                roles['zygote'].append(pid)
            elif comm == 'bawnd:ground':
                roles['ground'].append(pid)
            elif comm == 'bawnd':
                roles['keeper'].append(pid)
            elif comm == 'bawnd:relay':
                roles['relay'].append(pid)
            elif comm == 'bawn:witness':
                roles['witness'].append(pid)
        # The newest waits for the next session, once it is there.
        relays = sorted(roles['relay'])
        roles['relay'], roles['spare'] = relays[:1], relays[1:]
        return roles

    def victims(self, part, p, rng):
        kids = pen.children(p.pid) if p else []
        inits = [k for k in kids if self.is_init(k)]
        if part == 'supervisor':
            return [p.pid]
        if part == 'init':
            return inits[:1]
        if part == 'init-child':
            return [c for k in inits for c in pen.tree(k)][:1]
        if part == 'supervisor-child':
            return [k for k in kids if k not in inits][:1]
        if part == 'starter':
            return [x for x, row in pen.table().items()
                    if row[1] == 'bawnd'][:1]
        if part in ('any', 'two', 'all'):
            found = sorted(pen.table())
            rng.shuffle(found)
            return found[:{'any': 1, 'two': 2, 'all': 1000}[part]]
        found = self.daemon()[part]
        return found[:1]

    @staticmethod
    def is_init(pid):
        try:
            with open(f'/proc/{pid}/status') as f:
                for line in f:
                    if line.startswith('NSpid:'):
                        return len(line.split()) > 2
        except OSError:
            pass
        return False

    # ---- one round ----

    def next_run(self, timeout=20):
        r = self.world.run('sh', '-c', 'echo works', timeout=timeout)
        equal((r.code, r.out), (0, 'works\n'),
              f'the next session ({r.err}; {self.world.log()})')
        return r

    def verify(self, when):
        r = self.world.bawn('ledger', 'verify')
        equal(r.code, 0, f'ledger verify {when}: {r}')

    def start(self, command, on_pty):
        w = self.world
        if not on_pty:
            return w.popen(COMMANDS[command][1], stdin=subprocess.PIPE), -1
        master, slave = pty.openpty()
        threading.Thread(target=self.read_all, args=(os.dup(master),),
                         daemon=True).start()
        p = subprocess.Popen(
            w.argv(COMMANDS[command][1]), cwd=w.project, env=w.env,
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        return p, master

    @staticmethod
    def read_all(fd):
        """What a terminal shows nobody needs, but it must be shown."""
        try:
            while os.read(fd, 65536):
                pass
        except OSError:
            pass
        os.close(fd)

    def moment(self, rng, takes):
        """Seconds after the start."""
        kind = rng.random()
        if kind < 0.55:
            return rng.uniform(0, 1.3 * self.setup)
        if kind < 0.75 or takes is None:
            return rng.uniform(self.setup, self.setup + 0.3)
        return max(0, self.setup + takes + rng.uniform(-0.01, 0.02))

    @staticmethod
    def sleep_until(at):
        while True:
            left = at - time.monotonic()
            if left <= 0:
                return
            time.sleep(left if left > 0.002 else 0)

    def strike(self, part, p, rng, until):
        """Kills; the pids.  A part that is not there yet is waited for."""
        while True:
            pids = self.victims(part, p, rng)
            self.keepers = self.daemon()['keeper']
            names = [(pen.stat(x) or ('', 0, '?'))[2] for x in pids]
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if pids or time.monotonic() > until or p.poll() is not None:
                return list(zip(pids, names))

    def left(self, p):
        """Processes of the session: all but a whole daemon's own."""
        found = pen.of_sessions()
        if p.poll() is None:
            found[p.pid] = 'supervisor'
        return found

    def wait_gone(self, p, what, seconds=1.0):
        end = time.monotonic() + seconds * SLOW
        while True:
            left = self.left(p)
            if not left:
                return
            if time.monotonic() > end:
                raise Failure(f'{what}: after {seconds * SLOW} s there is '
                              f'still {left}')
            time.sleep(0.01)

    def round(self, number):
        rng = random.Random(f'{self.seed}/{number}')
        command = rng.choice(list(COMMANDS))
        part = rng.choice(PARTS)
        cold = part == 'starter' or rng.random() < 0.2
        on_pty = rng.random() < 0.3
        at = self.moment(rng, COMMANDS[command][0])
        what = (f'{part} at {at * 1000:.1f} ms of {command}'
                f'{" cold" if cold else ""}{" pty" if on_pty else ""}')
        if cold:
            self.world.stop_daemon()
        p, master = self.start(command, on_pty)
        began = time.monotonic()
        try:
            self.sleep_until(began + at)
            hit = self.strike(part, p, rng, began + at + 0.3)
            self.hits[part if hit else 'nobody'] += 1
            what += f', killed {hit}'
            if self.verbose:
                print(f'# {number}: {what}', flush=True)
            self.after(p, part, hit, command, cold)
        except Failure as e:
            with open(f'{self.notes}/{self.seed}-{number}', 'w') as f:
                f.write(f'{what}\n{e}\n{self.snapshot()}')
            raise Failure(f'round {number} ({what}): {e}; see {f.name}') \
                from None
        finally:
            p.kill()
            if master != -1:
                os.close(master)
            else:
                for f in (p.stdin, p.stdout, p.stderr):
                    f.close()
            p.wait()

    def snapshot(self):
        out = subprocess.run(['ps', 'axfo', 'pid,ppid,pgid,stat,wchan:20,args'],
                             capture_output=True, text=True).stdout
        return out + self.world.log()[-1500:]

    def came_later(self, part):
        """The session began after that daemon's death, with the next one."""
        keepers = self.daemon()['keeper']
        return part in DAEMONS and keepers and keepers != self.keepers

    def after(self, p, part, hit, command, cold):
        w = self.world
        # A daemon that dies while it starts is started again.
        ends = ('supervisor', 'init', 'all', *(() if cold else DAEMONS))
        dead = bool(hit) and part in ends
        endless = COMMANDS[command][0] is None
        try:
            self.wait_gone(p, 'the kill', 1.0)
        except Failure:
            if (dead and not self.came_later(part)) or not endless:
                raise
            # A part that a session can do without.
            p.terminate()
            time.sleep(0.05)
            p.terminate()
            self.wait_gone(p, 'the end asked for', 1.5)
        equal(pen.mounts(), self.mounts, 'mounts')
        equal(pen.listing(w.project), self.project, 'the project')
        self.verify('after the kill')
        self.next_run()
        self.verify('after the next start')
        self.no_mess()
        self.story()

    def no_mess(self):
        w = self.world
        # One that is being written has another name until it is whole.
        end = time.monotonic() + 2 * SLOW
        while (extra := self.owned() - self.state) and time.monotonic() < end:
            time.sleep(0.02)
        equal(extra, set(), 'files of ours')
        equal(pen.tmp_files(), [], '/tmp')
        equal(pen.cgroups(), [], 'control groups')
        equal(pen.listing(w.project), self.project, 'the project')

    def story(self):
        """Each session on the ledger was opened and closed, once."""
        end = time.monotonic() + 5 * SLOW
        while True:
            opened, closed = collections.Counter(), collections.Counter()
            for r in self.world.records('kind = session.open or '
                                        'kind = session.close'):
                (opened if r['kind'] == 'session.open' else closed)[
                    r['session']] += 1
            if opened == closed and max(closed.values()) == 1:
                return
            if time.monotonic() > end:
                raise Failure(f'the ledger: opened {opened - closed} and not '
                              f'closed, closed {closed - opened} too often')
            time.sleep(0.02)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('-n', type=int, default=1000)
    a.add_argument('--seed', type=int, default=int(time.time()))
    a.add_argument('--first', type=int, default=0)
    a.add_argument('--as', dest='user', help='as root: be this user')
    a.add_argument('--keep-going', action='store_true')
    a.add_argument('-v', action='store_true')
    a = a.parse_args()
    pen.enter(a.user)
    soak = Soak(a.seed, a.v)
    bad, began = 0, time.monotonic()
    for number in range(a.first, a.first + a.n):
        try:
            soak.round(number)
        except Failure as e:
            bad += 1
            print(f'FAILED: {e}\nagain: {sys.argv[0]} --seed {a.seed} '
                  f'--first {number} -n 1', flush=True)
            if not a.keep_going:
                break
            soak.world.stop_daemon()
            soak.close()
            soak = Soak(a.seed, a.v)
        if number % 50 == 49:
            print(f'{number + 1 - a.first} rounds, {bad} failed, '
                  f'{time.monotonic() - began:.0f} s', flush=True)
    print(f'seed {a.seed}: {number + 1 - a.first} rounds, {bad} failed; '
          f'killed {dict(soak.hits)}')
    soak.close()
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
