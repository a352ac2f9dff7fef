#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The relay under load: 10,000 connections, half-close, stuck peers."""

import asyncio
import contextlib
import resource
import subprocess
import threading
import time

import servers
from harness import (SANITIZED, SLOW, World, check, contains, descendants,
                     equal, main, test)

CONNECTIONS = 1000 if SANITIZED else 10000
AT_ONCE = 200 if SANITIZED else 1000

w = World()

# The daemon starts with the soft limit of an ordinary login and must see to
# its own; only then do we, whose servers hold as many connections as it.
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
w.run('true')
resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, hard), hard))


class Many:
    """An echo server that holds thousands of connections at once."""

    def __init__(self):
        self.count = self.now = self.most = 0
        self.ready = threading.Event()
        threading.Thread(target=self.thread, daemon=True).start()
        self.ready.wait(5)

    def thread(self):
        asyncio.run(self.loop())

    async def loop(self):
        server = await asyncio.start_server(self.serve, '127.0.0.1', 0,
                                            backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await asyncio.Future()

    async def serve(self, reader, writer):
        self.count += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.now -= 1
            writer.close()

    def close(self):
        pass


many = w.serve(Many())
half = w.serve(servers.Tcp(servers.drain_then_count))
stuck = w.serve(servers.Tcp(servers.stuck))
web = w.serve(servers.Web())


def first_end(sock):
    sock.sendall(b'bye')
    sock.shutdown(1)
    total = 0
    while data := sock.recv(65536):
        total += len(data)
    heard.append(total)


heard = []
early = w.serve(servers.Tcp(first_end))


def reset(sock):
    import socket
    import struct
    sock.recv(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack('ii', 1, 0))
    sock.close()


resets = w.serve(servers.Tcp(reset))
w.policy(f'''version: 1
network:
  allow:
    - {{host: many.test, ports: [80], connect: "127.0.0.1:{many.port}"}}
    - {{host: half.test, ports: [80], connect: "127.0.0.1:{half.port}"}}
    - {{host: early.test, ports: [80], connect: "127.0.0.1:{early.port}"}}
    - {{host: stuck.test, ports: [80], connect: "127.0.0.1:{stuck.port}"}}
    - {{host: reset.test, ports: [80], connect: "127.0.0.1:{resets.port}"}}
    - {{host: web.test, ports: [80], connect: "127.0.0.1:{web.port}"}}
''')

LOAD = '''
import asyncio, sys
total, at_once = int(sys.argv[1]), int(sys.argv[2])
async def one(n, gate, addr):
    async with gate:
        r, w = await asyncio.open_connection(addr, 80)
        w.write(b"%08d" % n)
        assert await r.readexactly(8) == b"%08d" % n
        w.close()
        await w.wait_closed()
async def go():
    addr = (await asyncio.get_running_loop().getaddrinfo(
        "many.test", 80, family=2))[0][4][0]
    gate = asyncio.Semaphore(at_once)
    await asyncio.gather(*(one(n, gate, addr) for n in range(total)))
    print("all", total)
asyncio.run(go())
'''


@test(f'{CONNECTIONS} connections in one session', 150)
def ten_thousand():
    r = w.run('/usr/bin/python3', '-c', LOAD, str(CONNECTIONS), str(AT_ONCE),
              timeout=140)
    equal(r.out, f'all {CONNECTIONS}\n', f'{r.err[-1500:]}')
    equal(many.count, CONNECTIONS, 'connections at the server')
    equal(sum(x['count'] for x in w.granted(host='many.test')), CONNECTIONS,
          'counted on the ledger')
    check(len(w.granted(host='many.test')) < 400, 'records are folded')


HOLD = '''
import resource, socket, sys
n = int(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, n + 200), hard))
a = socket.getaddrinfo("many.test", 80, 2)[0][4]
held = []
for i in range(n):
    s = socket.create_connection(a, 20)
    s.sendall(b"x")
    held.append(s)
for s in held:
    assert s.recv(1) == b"x"
for s in held:
    s.sendall(b"y")
for s in held:
    assert s.recv(1) == b"y"
print("held", len(held))
'''


@test('two thousand connections open at the same time', 90)
def at_once():
    n = 200 if SANITIZED else 2000
    r = w.run('/usr/bin/python3', '-c', HOLD, str(n), timeout=80)
    equal(r.out, f'held {n}\n', f'{r.err[-1500:]}')


@test('half-close: the answer comes after our end')
def half_close():
    r = w.run('/usr/bin/python3', '-c', '''
import socket
s = socket.create_connection(("half.test", 80))
for _ in range(64):
    s.sendall(b"x" * 65536)
s.shutdown(socket.SHUT_WR)
print(s.recv(100), s.recv(100))
''')
    equal(r.out, "b'4194304\\n' b''\n", f'{r}')


@test('half-close: we may go on after the end of the server')
def half_close_server():
    r = w.run('/usr/bin/python3', '-c', '''
import socket
s = socket.create_connection(("early.test", 80))
d = b""
while x := s.recv(100):
    d += x
for _ in range(16):
    s.sendall(b"x" * 65536)
s.shutdown(socket.SHUT_WR)
print(d)
''')
    equal(r.out, "b'bye'\n", f'{r}')
    end = time.monotonic() + 5
    while not heard and time.monotonic() < end:
        time.sleep(0.02)
    equal(heard, [1 << 20], 'bytes at the server')


@test('a reset is a reset on the other side')
def resets_pass():
    r = w.run('/usr/bin/python3', '-c', '''
import socket
s = socket.create_connection(("reset.test", 80))
s.sendall(b"x")
try:
    print("end", s.recv(10))
except OSError as e:
    print("error", e.errno)
''')
    check(r.out in ('error 104\n', "end b''\n"), f'{r}')


def daemon_memory():
    """The largest of the daemon's processes, in bytes."""
    most = 0
    for pid in descendants(w.keeper_pid()):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/statm') as f:
            most = max(most, int(f.read().split()[1]) * 4096)
    return most


@test('a peer that never reads stops the sender, not the relay')
def back_pressure():
    p = w.popen(['/usr/bin/python3', '-c', '''
import socket, subprocess
stuck = []
for _ in range(20):
    s = socket.create_connection(("stuck.test", 80))
    s.settimeout(0.3)
    stuck.append(s)
total = 0
for s in stuck:
    try:
        while total < 1 << 30:
            total += s.send(b"x" * 65536)
    except TimeoutError:
        pass
print("stopped at", total, flush=True)
print(subprocess.run(["curl", "-sS", "-m", "5", "http://web.test/"],
                     capture_output=True).stdout, flush=True)
input()
'''], stdin=subprocess.PIPE)
    line = p.stdout.readline().decode()
    total = int(line.split()[-1])
    check(total < 400 << 20, f'{total} bytes went into nowhere')
    contains(p.stdout.readline().decode(), 'hello from', 'another connection')
    if not SANITIZED:
        check(daemon_memory() < 64 << 20, f'{daemon_memory()} bytes')
    p.communicate(b'\n', timeout=20)
    equal(p.returncode, 0, 'exit code')


@test('a client that never reads holds up nobody else')
def slow_reader():
    r = w.run('/usr/bin/python3', '-c', '''
import socket, subprocess
idle = []
for _ in range(20):
    s = socket.create_connection(("web.test", 80))
    s.sendall(b"GET /big HTTP/1.1\\r\\nHost: web.test\\r\\n\\r\\n")
    idle.append(s)
print(subprocess.run(["curl", "-sS", "-m", "10", "http://web.test/"],
                     capture_output=True).stdout)
''')
    contains(r.out, 'hello from', f'{r}')


@test('the end of the session closes what was open, and counts it')
def closes():
    before = many.now
    r = w.run('/usr/bin/python3', '-c', '''
import os, socket
s = [socket.create_connection(("many.test", 80)) for _ in range(50)]
for x in s:
    x.sendall(b"z" * 1000)
    x.recv(1000)
os.kill(os.getpid(), 9)
''')
    equal(r.code, 137, f'{r}')
    end = time.monotonic() + 3 * SLOW
    while many.now > before and time.monotonic() < end:
        time.sleep(0.02)
    check(many.now <= before, f'{many.now} connections stay')
    row = w.having('session.close')[0]
    check(row['bytes_out'] >= 50_000, f'bytes_out {row["bytes_out"]}')


main()
