# SPDX-License-Identifier: Apache-2.0
"""Frames of PROTOCOL.ipc as no honest peer sends them, by hand: a socket, bytes
and SCM_RIGHTS.  Nothing here uses src/ipc, so a fault there is no fault here."""

import array
import contextlib
import fcntl
import json
import os
import re
import select
import socket
import struct
import time

INLINE_MAX = 48 * 1024
BODY_MAX = 8 * 1024 * 1024
FDS_MAX = 16
IN_MEMFD = 1 << 31
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read_types():
    """Name -> number, out of the header, so that a new one is tried too."""
    with open(SOURCE + '/src/ipc/protocol.h') as f:
        text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
    names = re.findall(r'\bMSG_([A-Z_]+)\b', text)
    return {name: n for n, name in enumerate(names[:-1], 1)}


T = read_types()
NAMES = {n: name for name, n in T.items()}


def body_of(value):
    return (value if isinstance(value, bytes) else
            json.dumps(value, separators=(',', ':')).encode())


def head(kind, ident):
    return struct.pack('=II', kind, ident)


class Gone(Exception):
    """The other end has closed."""


def send(sock, data, fds=()):
    """One raw frame.  Gone: nobody is there; BlockingIOError: it is full."""
    anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]
    try:
        sock.sendmsg([data], anc if fds else [], socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionResetError) as e:
        raise Gone from e


def say(sock, name, body=b'', ident=1, fds=()):
    """As an honest peer would."""
    send_made(sock, *make(T[name] if isinstance(name, str) else name, ident,
                          body_of(body), fds))


def send_made(sock, data, fds, own):
    try:
        send(sock, data, fds)
    finally:
        for fd in own:
            os.close(fd)


def sealed(body, seals=None):
    fd = os.memfd_create('hostile', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, body)
    if seals is None:
        seals = (fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW |
                 fcntl.F_SEAL_WRITE)
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def make(kind, ident, body, fds=()):
    """(bytes, descriptors, those of them to close) of a frame."""
    if len(body) <= INLINE_MAX:
        return head(kind, ident) + body, list(fds), []
    fd = sealed(body)
    return (head(kind | IN_MEMFD, ident) + struct.pack('=Q', len(body)),
            [fd, *fds], [fd])


class Message:
    def __init__(self, data, fds):
        self.fds = fds
        kind, self.id = struct.unpack('=II', data[:8])
        self.body = data[8:]
        if kind & IN_MEMFD:
            fd = self.fds.pop(0)
            size = struct.unpack('=Q', data[8:16])[0]
            self.body = os.pread(fd, size, 0)
            os.close(fd)
        self.type = kind & ~IN_MEMFD
        self.name = NAMES.get(self.type, str(self.type))

    def json(self):
        return json.loads(self.body) if self.body else {}

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []


def receive(sock, seconds):
    """The next message, None when none comes in time, Gone."""
    ready, _, _ = select.select([sock], [], [], seconds)
    if not ready:
        return None
    try:
        data, anc, _, _ = sock.recvmsg(INLINE_MAX + 64, 1024,
                                       socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError as e:
        raise Gone from e
    fds = []
    for _, _, raw in anc:
        got = array.array('i')
        got.frombytes(raw[:len(raw) - len(raw) % 4])
        fds += list(got)
    if not data:
        raise Gone
    return Message(data, fds)


def expect(sock, name, seconds=10, skip=()):
    end = time.monotonic() + seconds
    while True:
        m = receive(sock, max(0, end - time.monotonic()))
        if m is None:
            raise AssertionError(f'no {name} within {seconds} s')
        if m.name == name:
            return m
        m.close()
        if m.name not in skip:
            raise AssertionError(f'{m.name} {m.body[:300]} instead of {name}')


def closes(sock, seconds=10):
    """True: the other end closes in time, whatever it says before."""
    end = time.monotonic() + seconds
    with contextlib.suppress(Gone):
        while time.monotonic() < end:
            m = receive(sock, max(0, end - time.monotonic()))
            if m:
                m.close()
        return False
    return True


# ---- what can be wrong with a frame ----
#
# A row makes (bytes, descriptors, own descriptors) of (type, id, body, limit).
# `broken`: no table decides about it, it is refused by whoever reads it.
# `fds`, `size`: what a table sees; `text`: the body makes no sense.

def pad(body, size):
    """The same JSON, with blanks, of @size bytes; or no JSON."""
    return body[:-1] + b' ' * (size - len(body)) + body[-1:] if body else \
        b' ' * size


def with_fds(n, opener):
    def row(kind, ident, body, limit):
        own = [opener() for _ in range(n)]
        return head(kind, ident) + body[:INLINE_MAX], own, own
    return row


def dev_null():
    return os.open('/dev/null', os.O_RDWR)


def one_end_of_pipe():
    r, wr = os.pipe2(os.O_CLOEXEC)
    os.close(wr)
    return r


def a_socket():
    a, b = socket.socketpair()
    b.close()
    return a.detach()


def in_memfd(kind, ident, body, limit, said=None, seals=None, n=1):
    body = pad(body, INLINE_MAX + 100)
    own = [sealed(body, seals) for _ in range(n)]
    said = len(body) if said is None else said
    return head(kind | IN_MEMFD, ident) + struct.pack('=Q', said), own, own


class Wrong:
    def __init__(self, name, make_it, broken=False, fds=0, size=None,
                 text=False, twice=False):
        self.name, self.make, self.broken = name, make_it, broken
        self.fds, self.size, self.text = fds, size, text
        self.twice = twice

    def send(self, sock, kind, ident, body, limit):
        for _ in range(2 if self.twice else 1):
            send_made(sock, *self.make(kind, ident, body, limit))

    def length(self, body, limit):
        if self.size == 'over':
            return limit + 1
        if self.size == 'memfd':
            return INLINE_MAX + 100
        return len(body)


def plain(kind, ident, body, limit):
    return make(kind, ident, body)


SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
WRONG = [
    Wrong('valid', plain),
    Wrong('id 0', lambda k, i, b, m: make(k, 0, b)),
    Wrong('id of nobody', lambda k, i, b, m: make(k, 0xfffffff7, b)),
    Wrong('twice', plain, twice=True),
    Wrong('no body', lambda k, i, b, m: make(k, i, b''), text=True),
    Wrong('cut body', lambda k, i, b, m: make(k, i, b[:-1] or b'{'),
          text=True),
    Wrong('no object', lambda k, i, b, m: make(k, i, b'[1]'), text=True),
    Wrong('not UTF-8, NUL', lambda k, i, b, m: make(k, i, b'{"\xff\0":1}'),
          text=True),
    Wrong('33 levels', lambda k, i, b, m: make(
        k, i, b'{"a":' * 33 + b'1' + b'}' * 33), text=True),
    Wrong('too long', lambda k, i, b, m: make(k, i, pad(b, m + 1)),
          size='over'),
    Wrong('in a memfd', in_memfd, size='memfd'),
    Wrong('frame of 7 bytes', lambda k, i, b, m: (
        head(k, i)[:7], [], []), broken=True),
    Wrong('7 bytes and a descriptor', lambda k, i, b, m: (
        head(k, i)[:7], *[[dev_null()]] * 2), broken=True),
    Wrong('frame beyond any', lambda k, i, b, m: (
        head(k, i) + b' ' * (INLINE_MAX + 9), [], []), broken=True),
    Wrong('no memfd', lambda k, i, b, m: (
        head(k | IN_MEMFD, i) + struct.pack('=Q', 60000), [], []),
        broken=True),
    Wrong('memfd without seals', lambda k, i, b, m: in_memfd(
        k, i, b, m, seals=0), broken=True),
    Wrong('memfd that can be written', lambda k, i, b, m: in_memfd(
        k, i, b, m, seals=SEALS & ~fcntl.F_SEAL_WRITE), broken=True),
    Wrong('memfd shorter than said', lambda k, i, b, m: in_memfd(
        k, i, b, m, said=INLINE_MAX + 101), broken=True),
    Wrong('memfd of 2^63', lambda k, i, b, m: in_memfd(
        k, i, b, m, said=1 << 63), broken=True),
    Wrong('18 memfds', lambda k, i, b, m: in_memfd(k, i, b, m, n=18),
          broken=True),
    Wrong('/dev/null for a memfd', lambda k, i, b, m: (
        head(k | IN_MEMFD, i) + struct.pack('=Q', 60000),
        *[[dev_null()]] * 2), broken=True),
    Wrong('a pipe', with_fds(1, one_end_of_pipe), fds=1),
    Wrong('a directory', with_fds(
        1, lambda: os.open('/', os.O_DIRECTORY)), fds=1),
    Wrong('an O_PATH', with_fds(1, lambda: os.open('/', os.O_PATH)), fds=1),
    Wrong('a socket', with_fds(1, a_socket), fds=1),
    Wrong('3 memfds', with_fds(3, lambda: sealed(b'x')), fds=3),
    Wrong('16 /dev/null', with_fds(16, dev_null), fds=16),
    Wrong('17 /dev/null', with_fds(17, dev_null), broken=True),
    Wrong('100 pipes', with_fds(100, one_end_of_pipe), broken=True),
]
