# SPDX-License-Identifier: Apache-2.0
"""Sockets of the host that a sandbox must not reach; each remembers who came.

The probe sends "# MARKER ID" where it can, so a connection tells which row made
it; one that says nothing counts all the same.
"""

import array
import contextlib
import os
import socket
import struct
import threading
import time

HEAD_MAX = 512      # bytes of a connection or datagram that are kept
ANSWER_SECONDS = 2  # a peer that says nothing is let go
KNOCK_SECONDS = 0.05
# RFC 5737: nobody lives there.
DNS_ANSWER = '192.0.2.53'


class Listener:
    """One socket; `seen` holds the first bytes of each who came."""

    def __init__(self, key, sock):
        self.key, self.sock = key, sock
        self.seen = []
        self.closed = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        stream = self.sock.type == socket.SOCK_STREAM
        while not self.closed:
            try:
                if stream:
                    conn, _ = self.sock.accept()
                    threading.Thread(target=self.take, args=(conn,),
                                     daemon=True).start()
                else:
                    data, peer = self.sock.recvfrom(HEAD_MAX)
                    self.seen.append(data)
                    self.reply(data, peer)
            except OSError:
                if self.closed or stream:
                    return

    def take(self, conn):
        at = len(self.seen)
        self.seen.append(b'')
        with conn, contextlib.suppress(OSError):
            conn.settimeout(ANSWER_SECONDS)
            self.greet(conn)
            self.seen[at] = conn.recv(HEAD_MAX)

    def greet(self, conn):
        conn.sendall(b'host\n')

    def reply(self, data, peer):
        """UDP echoes."""
        if peer:
            self.sock.sendto(data, peer)

    def close(self):
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Descriptors(Listener):
    """Sends each who comes a descriptor of a directory of the host."""

    def __init__(self, key, sock, directory):
        self.directory = directory
        super().__init__(key, sock)

    def greet(self, conn):
        fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            conn.sendmsg([b'host\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                        array.array('i', [fd]))])
        finally:
            os.close(fd)


class Names(Listener):
    """A name server that answers any question with one address."""

    def reply(self, data, peer):
        if len(data) < 12:
            return
        # The question as it came; one answer that points to its name.
        end = data.find(b'\0', 12) + 5
        head = data[:2] + struct.pack('>HHHHH', 0x8180, 1, 1, 0, 0)
        answer = struct.pack('>HHHIH', 0xc00c, 1, 1, 60, 4)
        self.sock.sendto(head + data[12:end] + answer +
                         socket.inet_aton(DNS_ANSWER), peer)


class Knocker:
    """Keeps trying to connect to a port of this host: a program in a sandbox
    that listens there must not be reached."""

    key = 'listen_port'

    def __init__(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.seen = []
        self.closed = False
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while not self.closed:
            with contextlib.suppress(OSError):
                with socket.create_connection(('127.0.0.1', self.port),
                                              timeout=1) as s:
                    # A port of the ephemeral range can meet itself.
                    if s.getsockname() != s.getpeername():
                        self.seen.append(b'')
                        s.sendall(b'host\n')
                        time.sleep(KNOCK_SECONDS)
            time.sleep(KNOCK_SECONDS)

    def close(self):
        self.closed = True


def lan_address():
    """An IPv4 address of this host that is not loopback, or None.  Nothing is
    sent: connect() of a datagram socket only asks for a route."""
    with contextlib.suppress(OSError):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(('192.0.2.254', 9))
            name = s.getsockname()[0]
            if not name.startswith('127.'):
                return name
    return None


class All:
    """Every listener there can be here, and what the probe is told of it."""

    def __init__(self, where, marker, directory):
        self.where, self.marker, self.directory = where, marker, directory
        self.of = []
        self.keys = {}
        self.inet()
        self.unix()
        self.vsock()
        knocker = Knocker()
        self.of.append(knocker)
        self.keys['listen_port'] = str(knocker.port)

    def listen(self, key, family, address, kind=socket.SOCK_STREAM,
               make=Listener):
        s = socket.socket(family, kind)
        try:
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind(address)
            if kind == socket.SOCK_STREAM:
                s.listen(64)
        except OSError:
            s.close()
            return None
        self.of.append(make(key, s))
        return s.getsockname()

    def inet(self):
        rows = (('tcp4', socket.AF_INET, '127.0.0.1', socket.SOCK_STREAM),
                ('tcp4_lan', socket.AF_INET, lan_address(),
                 socket.SOCK_STREAM),
                ('tcp6', socket.AF_INET6, '::1', socket.SOCK_STREAM),
                ('udp4', socket.AF_INET, '127.0.0.1', socket.SOCK_DGRAM),
                ('udp6', socket.AF_INET6, '::1', socket.SOCK_DGRAM))
        for key, family, host, kind in rows:
            name = host and self.listen(key, family, (host, 0), kind)
            if name:
                shown = f'[{host}]' if family == socket.AF_INET6 else host
                self.keys[key] = f'{shown}:{name[1]}'
        name = self.listen('dns4', socket.AF_INET, ('127.0.0.1', 0),
                           socket.SOCK_DGRAM, Names)
        if name:
            self.keys['dns4'] = f'127.0.0.1:{name[1]}'
        name = self.listen('allowed', socket.AF_INET, ('127.0.0.1', 0))
        self.allowed_port = name[1]

    def unix(self):
        path = self.where + '/agent.sock'
        if self.listen('unix_path', socket.AF_UNIX, path):
            os.chmod(path, 0o777)
            self.keys['unix_path'] = path
        path = self.where + '/allowed.sock'
        if self.listen('unix_allowed', socket.AF_UNIX, path,
                       make=lambda key, s: Descriptors(key, s,
                                                       self.directory)):
            os.chmod(path, 0o777)
            self.allowed_path = path
        name = self.marker + '-abstract'
        if self.listen('unix_abstract', socket.AF_UNIX, '\0' + name):
            self.keys['unix_abstract'] = name

    def vsock(self):
        """CID 1 is this machine itself; needs the loopback transport."""
        with contextlib.suppress(OSError, AttributeError):
            name = self.listen('vsock', socket.AF_VSOCK,
                               (socket.VMADDR_CID_ANY,
                                socket.VMADDR_PORT_ANY))
            if name:
                self.keys['vsock'] = f'1:{name[1]}'

    def empty(self):
        for one in self.of:
            one.seen.clear()

    def close(self):
        for one in self.of:
            one.close()
