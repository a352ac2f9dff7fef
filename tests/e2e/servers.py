# SPDX-License-Identifier: Apache-2.0
"""Fixtures on loopback: HTTP(S) with git behind it, DNS, SSH, raw TCP."""

import contextlib
import http.server
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Authority:
    """A certificate authority and what it signs, made by openssl."""

    def __init__(self, where):
        self.where = where
        os.makedirs(where, exist_ok=True)
        self.cert, self.key = where + '/ca.pem', where + '/ca.key'
        self.openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                     'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                     '-subj', '/CN=bawn test CA', '-keyout', self.key, '-out',
                     self.cert, '-addext', 'basicConstraints=critical,CA:TRUE')
        os.chmod(self.cert, 0o644)

    def openssl(self, *args):
        subprocess.run(['openssl', *args], check=True, capture_output=True)

    def issue(self, *names):
        base = f'{self.where}/{names[0]}'
        alt = ','.join(f'DNS:{n}' for n in names)
        self.openssl('req', '-newkey', 'ec', '-pkeyopt',
                     'ec_paramgen_curve:prime256v1', '-nodes', '-subj',
                     f'/CN={names[0]}', '-keyout', base + '.key', '-out',
                     base + '.csr')
        with open(base + '.ext', 'w') as f:
            f.write(f'subjectAltName={alt}\n')
        self.openssl('x509', '-req', '-in', base + '.csr', '-CA', self.cert,
                     '-CAkey', self.key, '-CAcreateserial', '-days', '2',
                     '-extfile', base + '.ext', '-out', base + '.pem')
        return base + '.pem', base + '.key'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            data = b''
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return data
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def answer(self, code, data, kind='text/plain', headers=()):
        self.send_response(code)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def serve(self):
        web = self.server.web
        web.requests.append((self.command, self.path,
                             self.headers.get('Host', '')))
        data = self.body()
        path, _, query = self.path.partition('?')
        if web.git_root and '.git' in path:
            return self.git(path, query, data)
        if path == '/big':
            return self.answer(200, b'x' * (8 << 20))
        if path == '/echo':
            return self.answer(200, data)
        return self.answer(200, b'hello from ' +
                           self.headers.get('Host', '').encode() + b'\n')

    do_GET = do_POST = do_PUT = do_HEAD = serve

    def git(self, path, query, data):
        env = dict(os.environ, GIT_PROJECT_ROOT=self.server.web.git_root,
                   GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path,
                   QUERY_STRING=query, REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get('Content-Type', ''),
                   CONTENT_LENGTH=str(len(data)), REMOTE_ADDR='127.0.0.1',
                   REMOTE_USER='test',
                   GIT_PROTOCOL=self.headers.get('Git-Protocol', ''),
                   HTTP_CONTENT_ENCODING=self.headers.get('Content-Encoding',
                                                          ''),
                   GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0='safe.directory',
                   GIT_CONFIG_VALUE_0='*')
        p = subprocess.run(['git', 'http-backend'], input=data, env=env,
                           capture_output=True, check=False)
        head, _, body = p.stdout.partition(b'\r\n\r\n')
        code, kind, headers = 200, 'text/plain', []
        for line in head.decode().split('\r\n'):
            k, _, v = line.partition(': ')
            if k == 'Status':
                code = int(v.split()[0])
            elif k == 'Content-Type':
                kind = v
            elif k:
                headers.append((k, v))
        self.answer(code, body, kind, headers)


class Web:
    """HTTP, or HTTPS when given a certificate; `requests` is what was asked."""

    def __init__(self, cert=None, git_root=None, host='127.0.0.1'):
        self.requests = []
        self.git_root = git_root
        family = socket.AF_INET6 if ':' in host else socket.AF_INET

        class Server(http.server.ThreadingHTTPServer):
            address_family = family
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass

        self.server = Server((host, 0), Handler)
        self.server.web = self
        self.snis = []
        if cert:
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(*cert)
            ctx.sni_callback = lambda s, name, c: self.snis.append(name)
            self.server.socket = ctx.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         kwargs={'poll_interval': 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Tcp:
    """Each connection to @handler(socket) in a thread; counts them."""

    def __init__(self, handler, host='127.0.0.1', backlog=1024):
        self.count = 0
        self.peers = []

        outer = self

        class Each(socketserver.BaseRequestHandler):
            def handle(self):
                outer.count += 1
                outer.peers.append(self.client_address)
                with contextlib.suppress(OSError):
                    handler(self.request)

        class Server(socketserver.ThreadingTCPServer):
            address_family = (socket.AF_INET6 if ':' in host
                              else socket.AF_INET)
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = backlog

        self.server = Server((host, 0), Each)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         kwargs={'poll_interval': 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def echo(sock):
    while True:
        data = sock.recv(65536)
        if not data:
            return
        sock.sendall(data)


def drain_then_count(sock):
    """Reads to the end, then says how much: proves a half-close."""
    total = 0
    while True:
        data = sock.recv(65536)
        if not data:
            break
        total += len(data)
    sock.sendall(f'{total}\n'.encode())


def banner_first(sock):
    """A server-first protocol."""
    sock.sendall(b'220 ready\r\n')
    echo(sock)


def stuck(sock):
    """Accepts and never reads nor writes."""
    time.sleep(600)


class Udp:
    """Counts datagrams; none should come."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        self.count = 0
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        with contextlib.suppress(OSError):
            while True:
                self.sock.recvfrom(65536)
                self.count += 1

    def close(self):
        self.sock.close()


class Dns:
    """name -> [addresses]; `asked` is every question that came."""

    def __init__(self, names=None):
        self.names = names or {}
        self.asked = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(('127.0.0.1', 0))
        self.port = self.udp.getsockname()[1]
        threading.Thread(target=self.loop, daemon=True).start()

    @staticmethod
    def question(msg):
        labels, at = [], 12
        while msg[at]:
            labels.append(msg[at + 1:at + 1 + msg[at]].decode('latin1'))
            at += 1 + msg[at]
        kind = struct.unpack('>H', msg[at + 1:at + 3])[0]
        return '.'.join(labels).lower(), kind, msg[12:at + 5]

    def reply(self, msg):
        name, kind, question = self.question(msg)
        self.asked.append((name, kind))
        answers = []
        for a in self.names.get(name, []):
            v6 = ':' in a
            if (kind == 28) == v6 and kind in (1, 28):
                raw = socket.inet_pton(
                    socket.AF_INET6 if v6 else socket.AF_INET, a)
                answers.append(b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60,
                                                         len(raw)) + raw)
        code = 0 if name in self.names else 3
        return (msg[:2] + struct.pack('>HHHHH', 0x8180 | code, 1,
                                      len(answers), 0, 0) +
                question + b''.join(answers))

    def loop(self):
        with contextlib.suppress(OSError):
            while True:
                msg, peer = self.udp.recvfrom(4096)
                with contextlib.suppress(IndexError, struct.error):
                    self.udp.sendto(self.reply(msg), peer)

    def close(self):
        self.udp.close()


class Ssh:
    """git over ssh; the keys are made in @where."""

    def __init__(self, where, git_root):
        os.makedirs(where, exist_ok=True)
        for name in ('host', 'user'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                            '-f', f'{where}/{name}'], check=True)
        self.where = where
        self.p = subprocess.Popen(
            [sys.executable, '-W', 'ignore',
             os.path.join(HERE, 'ssh-server.py'), where, git_root],
            stdout=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError('the ssh server did not start')
        self.port = int(line)
        with open(where + '/host.pub') as f:
            self.host_key = ' '.join(f.read().split()[:2])

    def agent(self, path):
        """An ssh-agent at socket @path that holds the user's key."""
        self.agent_p = subprocess.Popen(['ssh-agent', '-D', '-a', path],
                                        stdout=subprocess.DEVNULL)
        # The socket is bound a moment before it is listened on: ssh-add
        # exits with 2 as long as nobody answers.
        for _ in range(200):
            r = subprocess.run(['ssh-add', '-q', self.where + '/user'],
                               env=dict(os.environ, SSH_AUTH_SOCK=path),
                               capture_output=True, text=True)
            if r.returncode != 2:
                break
            time.sleep(0.02)
        if r.returncode:
            raise RuntimeError('the ssh agent took no key: ' + r.stderr)

    def close(self):
        self.p.kill()
        self.p.wait()
        if hasattr(self, 'agent_p'):
            self.agent_p.kill()
            self.agent_p.wait()


def make_repository(where, name='demo.git'):
    """A bare repository with one commit: a C program and its Makefile."""
    work = os.path.join(where, 'work')
    bare = os.path.join(where, name)
    os.makedirs(work)
    with open(work + '/hello.c', 'w') as f:
        f.write('#include <stdio.h>\n\nint main(void)\n{\n'
                '\tputs("hello from the yard");\n\treturn 0;\n}\n')
    with open(work + '/Makefile', 'w') as f:
        f.write('hello: hello.c\n\t$(CC) -O2 -o $@ hello.c\n')
    env = dict(os.environ, GIT_AUTHOR_NAME='a', GIT_AUTHOR_EMAIL='a@example',
               GIT_COMMITTER_NAME='a', GIT_COMMITTER_EMAIL='a@example',
               GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_NOSYSTEM='1')

    def git(*args):
        subprocess.run(['git', *args], check=True, env=env,
                       capture_output=True)

    git('init', '-q', '-b', 'main', work)
    git('-C', work, 'add', '.')
    git('-C', work, 'commit', '-q', '-m', 'hello')
    git('clone', '-q', '--bare', work, bare)
    git('-C', bare, 'config', 'http.receivepack', 'true')
    shutil.rmtree(work)
    return bare
