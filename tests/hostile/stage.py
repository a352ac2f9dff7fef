# SPDX-License-Identifier: Apache-2.0
"""A daemon with a stage hand (puppet-bawnd.c), and the parts a test plays before
it: a client that becomes a supervisor, and the relay of its session."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'e2e'))

import frames  # noqa: E402
import harness  # noqa: E402
from harness import SLOW, Failure, World, check, equal, wait_for  # noqa: E402

PUPPET = os.path.join(os.path.dirname(os.path.dirname(harness.BIN)), 'tests',
                      'hostile', 'puppet-bawnd')
LIBC = ctypes.CDLL(None)
WAIT = 10 * SLOW  # seconds for what has to come

POLICY = '''version: 1
network:
  allow:
    - {host: near.test, ports: [80], connect: "127.0.0.1:9"}
'''
# Held in OPENING: the preset's program waits for a file.
HELD = POLICY + '    - preset: package-registries\n'
REGISTRIES = '''#!/bin/sh
while [ ! -e '%s' ]; do sleep 0.02; done
'''

# In a jail beside everything: asks for names that nobody allows, one after
# another, until it may end, and says how many and how long the slowest took.
NEIGHBOUR = '''
import socket, sys, os, time
n, slowest = 0, 0.0
print("ready", flush=True)
while not os.path.exists("neighbour-may-end"):
    began = time.monotonic()
    try:
        socket.getaddrinfo("n%d.neighbour.test" % n, 80)
        print("answered", flush=True)
        sys.exit(9)
    except socket.gaierror:
        pass
    slowest = max(slowest, time.monotonic() - began)
    n += 1
    time.sleep(0.02)
print(n, slowest, flush=True)
'''


class Daemon:
    """Real keeper, scribe and zygote, in a World of its own."""

    def __init__(self):
        w = self.world = World(POLICY)
        self.go = w.top + '/go'
        self.libexec = w.top + '/lx'
        w.write(self.libexec + '/bawn-registries', REGISTRIES % self.go, 0o755)
        self.held = w.write(w.top + '/held.yaml', HELD)
        self.stage_path = w.top + '/stage'
        self.log = open(w.state + '/bawnd.log', 'ab')
        self.process = subprocess.Popen(
            [PUPPET, w.state, w.runtime, self.libexec, 'tester',
             self.stage_path], env=w.env, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True)
        wait_for('the daemon', 10, lambda: w.lock().get('socket'))
        self.stage = self.connect(self.stage_path)
        self.build = None
        self.opened = []   # ids of sessions
        self.killed = []   # (peer, session, pid) for each peer.killed to come
        c = self.client()
        self.build = c.hello['build']
        c.close()
        self.pids = {'keeper': self.process.pid,
                     'scribe': self.child('bawnd:scribe')}

    def child(self, name):
        """By the name that it gives itself once it runs."""
        def find():
            return next((pid for pid, row in harness.processes().items()
                         if row[0] == self.process.pid
                         and row[1].startswith(name[:15])), None)

        return wait_for(f'a {name}: {self.world.log()}', 10, find)

    def connect(self, path):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        wait_for('a connection', 10, lambda: s.connect_ex(path) == 0)
        return s

    def client(self):
        return Client(self)

    def next_relay(self, how):
        self.stage.send(how)

    def descriptors(self):
        # The scribe has confined itself, and only root may look.
        return {name: len(os.listdir(f'/proc/{pid}/fd'))
                for name, pid in self.pids.items()
                if os.getuid() == 0 or name != 'scribe'}

    def quiet(self):
        """What they have open when nothing happens."""
        last, same = None, 0
        while same < 5:
            time.sleep(0.05)
            now = self.descriptors()
            same = same + 1 if now == last else 0
            last = now
        return last

    def memory_kb(self):
        sizes = {}
        for name, pid in self.pids.items():
            with open(f'/proc/{pid}/status') as f:
                sizes[name] = next(int(x.split()[1]) for x in f
                                   if x.startswith('VmRSS'))
        return sizes

    def alive(self, what):
        equal(self.process.poll(), None,
              f'{what}: the keeper; {self.world.log()}')
        for name, pid in self.pids.items():
            check(harness.alive(pid), f'{what}: the {name} is dead; '
                  f'{self.world.log()}')

    def sessions(self):
        """Running ones, as any client is told."""
        c = self.client()
        c.say('LIST')
        got = c.expect('SESSIONS').json()['sessions']
        c.close()
        return got

    def expect_killed(self, peer, session, pid=False):
        self.killed.append((peer, session, pid))

    def settle(self):
        """Until the sessions that were opened here are gone."""
        mine = set(self.opened)
        wait_for('the sessions to end', 10, lambda: not mine & {
            s['id'] for s in self.sessions()})

    def close(self):
        self.stage.close()
        if self.process.poll() is not None:
            self.log.close()
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f'the daemon does not end: {self.world.log()}')
        self.log.close()


class Client:
    """Connected by a process of its own, which the keeper may kill."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.session = self.plan = self.relay = None
        self.to_relay = self.witness = None
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        path = daemon.world.lock()['socket']
        self.pid = os.fork()
        if self.pid == 0:
            try:
                LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                s.connect(path)
                socket.send_fds(theirs, [b'x'], [s.fileno()])
                s.close()
                theirs.close()
                ours.close()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.pause()
            finally:
                os._exit(1)
        theirs.close()
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        ours.close()
        self.sock = socket.socket(fileno=fds[0])
        self.hello = self.expect('HELLO').json()

    def expect(self, name, skip=()):
        return frames.expect(self.sock, name, WAIT, skip)

    def expect_any(self, *names):
        m = frames.receive(self.sock, WAIT)
        check(m and m.name in names, f'{m and m.name}, and none of {names}')
        return m

    def say(self, name, body=None, ident=1, fds=()):
        body = {'build': self.daemon.build, **(body or {})}
        frames.say(self.sock, name, body, ident, fds)

    def open_body(self, **more):
        w = self.daemon.world
        return {'build': self.daemon.build, 'cwd': w.project,
                'argv': ['true'], 'argc': 1, 'task': 'T-1',
                'policy': w.policy_path,
                'env': {'HOME': w.home, 'PATH': w.env['PATH']}, **more}

    def open(self, relay=b'm', **more):
        """To GO, or, with b'f', to the refusal after GRANT."""
        self.daemon.next_relay(relay)
        frames.say(self.sock, 'OPEN', self.open_body(**more), 7)
        m = self.expect('GRANT')
        self.session = m.json()['session']
        self.plan = m.json()['plan']
        self.to_relay, self.witness = (socket.socket(fileno=fd)
                                       for fd in m.fds)
        self.daemon.opened.append(self.session)
        if relay == b'f':
            self.expect('REFUSED', skip=('GO',))
            return
        self.relay = Relay(self.daemon)
        equal(self.relay.config['session'], self.session, 'whose relay')
        self.expect('GO')

    def started(self):
        self.say('STARTED', {'pid': self.pid, 'layers': {'userns': True}})

    def say_close(self, reason='exit', fds=()):
        self.say('CLOSE', {'code': 0, 'reason': reason, 'wall_ms': 1}, 9, fds)

    def is_killed(self):
        """The keeper has sent SIGKILL to whoever connected."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                return (os.WIFSIGNALED(status) and
                        os.WTERMSIG(status) == signal.SIGKILL)
            time.sleep(0.002)
        return False

    def close(self):
        self.sock.close()
        for s in (self.to_relay, self.witness):
            if s:
                s.close()
        if self.relay:
            self.relay.close()
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


class Relay:
    """What the zygote would have got for a relay: its config and channels."""

    def __init__(self, daemon):
        m = frames.expect(daemon.stage, 'FORK', WAIT)
        self.config = json.loads(m.body)
        self.supervisor, self.scribe, self.keeper = (
            socket.socket(fileno=fd) for fd in m.fds)

    def close(self):
        for s in (self.supervisor, self.scribe, self.keeper):
            s.close()


class Neighbour:
    """A real session beside all that happens."""

    def __init__(self, daemon):
        self.daemon = daemon
        w = daemon.world
        # The stage hand's word is for the next relay; this one is the zygote's.
        self.process = w.popen(['/usr/bin/python3', '-c', NEIGHBOUR])
        line = self.process.stdout.readline()
        if line != b'ready\n':
            raise Failure(f'neighbour: {line} {self.process.stderr.read()} '
                          f'{w.log()}')
        self.id = daemon.sessions()[0]['id']

    def end(self, slowest=5.0):
        """Its records are all there, and none took it long."""
        w = self.daemon.world
        equal(self.process.poll(), None, 'the neighbour lives')
        w.write('neighbour-may-end', '')
        out, err = self.process.communicate(timeout=30 * SLOW)
        os.unlink(w.project + '/neighbour-may-end')
        equal(self.process.returncode, 0, f'neighbour: {out} {err[-800:]}')
        n, worst = out.split()
        check(float(worst) < slowest * SLOW,
              f'the neighbour waited {worst} s for an answer')
        told = [r for r in w.records(f'session = {self.id}')]
        names = {r.get('host') for r in told if r['kind'] == 'net.refuse'}
        want = {f'n{i}.neighbour.test' for i in range(int(n))}
        equal(want - names, set(), 'refusals of the neighbour that are lost')
        equal(names - want, set(), 'refusals under the neighbour\'s name')
        kinds = [r['kind'] for r in told]
        equal([kinds[0], kinds[-1]], ['session.open', 'session.close'],
              'the neighbour\'s story')
        return int(n), float(worst)
