# SPDX-License-Identifier: Apache-2.0
"""Receivers of sinks: rsyslog and syslog-ng as Debian has them, and stand-ins.

The two Debian packages cannot be installed side by side, and would start
services, so they are only unpacked, into the tests' cache.  The official OTLP
definitions come as the package opentelemetry-proto, and a parser of CEF as
pycef, from the registry that this machine's pip is configured for.
"""

import contextlib
import fcntl
import glob
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from harness import SLOW, Failure, skip, wait_for
import servers

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'agents'))
import cache  # noqa: E402

DEBS = ('rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5 '
        'syslog-ng-core libivykis0 libnet1 libwrap0 libpcre3 libglib2.0-0 '
        'libjson-c5').split()
OTLP = 'opentelemetry-proto==1.20.0'
CEF = 'pycef==1.11'
FETCH_SECONDS = 120
LIB = 'x86_64-linux-gnu'


def once(name, make):
    """The directory @name of the cache, which @make fills when it is new."""
    where = os.path.join(cache.directory(), name)
    if os.path.isdir(where):
        return where
    if not os.access(cache.directory(), os.W_OK):
        skip(f'package registry not reached: {name} is not in the cache')
    with open(where + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(where):
            return where
        new = where + '.new'
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new)
        try:
            make(new)
        except (subprocess.SubprocessError, OSError) as e:
            shutil.rmtree(new, ignore_errors=True)
            skip(f'package registry not reached: {name}: {str(e)[:80]}')
        os.rename(new, where)
    return where


def call(where, *argv):
    subprocess.run(argv, cwd=where, check=True, capture_output=True,
                   stdin=subprocess.DEVNULL, timeout=FETCH_SECONDS)


def unpack(where):
    call(where, 'apt-get', 'download', *DEBS)
    for deb in glob.glob(where + '/*.deb'):
        call(where, 'dpkg', '-x', deb, where + '/root')


def debian():
    return once('syslog-receivers-12', unpack) + '/root'


def otlp():
    """The generated modules of the official definitions, or why not."""
    if not os.path.isdir('/usr/lib/python3/dist-packages/google/protobuf'):
        skip('no python3-protobuf: tools/deps test installs it')
    where = once('otlp-definitions-1.20', lambda new: call(
        new, sys.executable, '-m', 'pip', 'install', '--no-deps',
        '--no-compile', '--target', new, OTLP))
    for path in (where, '/usr/lib/python3/dist-packages'):
        if path not in sys.path:
            sys.path.insert(0, path)
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    return logs_service_pb2, json_format


def cef():
    """A parser of CEF that others wrote."""
    where = once('cef-parser-1.11', lambda new: call(
        new, sys.executable, '-m', 'pip', 'install', '--no-deps',
        '--no-compile', '--target', new, CEF))
    if where not in sys.path:
        sys.path.insert(0, where)
    import pycef
    return pycef.parse


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Program:
    """A receiver that is a process; start() and kill() it as often as needed."""

    def __init__(self, top):
        self.top, self.port, self.process = top, free_port(), None
        os.makedirs(top, exist_ok=True)
        ca = servers.Authority(top + '/ca')
        self.ca = ca.cert
        self.cert, self.key = ca.issue('localhost')
        self.out = top + '/out.jsonl'
        self.root = debian()
        self.env = dict(os.environ, LD_LIBRARY_PATH=':'.join(
            f'{self.root}/{d}' for d in (f'usr/lib/{LIB}', f'lib/{LIB}',
                                         'usr/lib/syslog-ng')))

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.top + '/pid')  # of one that was killed
        self.log = open(self.top + '/log', 'ab')
        argv = self.argv()
        self.process = subprocess.Popen(
            argv, env=self.env, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log)
        try:
            wait_for(f'{argv[0]} listens', 20, self.listens)
        except Failure:
            with open(self.top + '/log', errors='replace') as f:
                print('# ' + f.read()[-1500:].replace('\n', '\n# '))
            raise

    def listens(self):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None
            self.log.close()

    close = stop

    def rows(self):
        """What it wrote, parsed; a line cut by a kill is not one."""
        rows = []
        try:
            with open(self.out, errors='replace') as f:
                for line in f:
                    try:
                        rows.append(json.loads(line))
                    except ValueError:
                        pass
        except OSError:
            pass
        return rows


class Rsyslog(Program):
    def argv(self):
        modules = f'{self.root}/usr/lib/{LIB}/rsyslog'
        conf = self.top + '/rsyslog.conf'
        with open(conf, 'w') as f:
            f.write(f'''
global(workDirectory="{self.top}" maxMessageSize="64k"
  defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{self.ca}"
  defaultNetstreamDriverCertFile="{self.cert}"
  defaultNetstreamDriverKeyFile="{self.key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
  streamDriver.authMode="anon")
template(name="json" type="list" option.jsonf="on") {{
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="procid" name="procid" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateformat="rfc3339" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
input(type="imtcp" port="{self.port}" address="127.0.0.1")
action(type="omfile" file="{self.out}" template="json" asyncWriting="off"
  flushOnTXEnd="on")
''')
        return [f'{self.root}/usr/sbin/rsyslogd', '-n', '-f', conf, '-M',
                modules, '-i', self.top + '/pid', '-C']


class SyslogNg(Program):
    def argv(self):
        conf = self.top + '/syslog-ng.conf'
        with open(conf, 'w') as f:
            f.write(f'''@version: 3.38
options {{ stats-freq(0); keep-hostname(yes); log-msg-size(262144); }};
source s {{ syslog(ip("127.0.0.1") port({self.port}) transport("tls")
  max-connections(50)
  tls(key-file("{self.key}") cert-file("{self.cert}") peer-verify(optional-untrusted))); }};
parser p {{ json-parser(prefix(".json.")); }};
destination d {{ file("{self.out}" template("$(format-json
  seq=${{.SDATA.bawn@32473.seq}} kind=${{.SDATA.bawn@32473.kind}}
  host=$HOST app=$PROGRAM msgid=$MSGID procid=$PID pri=$PRI
  json_seq=${{.json.seq}} json_kind=${{.json.kind}})\\n")); }};
log {{ source(s); parser(p); destination(d); }};
''')
        return [f'{self.root}/usr/sbin/syslog-ng', '-F', '--no-caps', '-f', conf,
                '--module-path', f'{self.root}/usr/lib/syslog-ng/3.38',
                '--persist-file', self.top + '/persist', '--pidfile',
                self.top + '/pid', '--control', self.top + '/ctl']


class Posted(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        code, answer, headers = self.server.owner.judge(self, body)
        self.send_response(code)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a sender that goes is what some tests are about


class Stand:
    """A stand-in by HTTP; @judge(request, body) -> code, answer, headers."""

    def __init__(self, judge, tls=None, client_ca=None):
        self.judge_fn, self.tls, self.client_ca = judge, tls, client_ca
        self.port, self.server = free_port(), None
        self.lock = threading.Lock()
        self.start()

    def judge(self, request, body):
        with self.lock:
            return self.judge_fn(request, body)

    def start(self):
        self.server = Quiet(('127.0.0.1', self.port), Posted)
        self.server.owner = self
        if self.tls:
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(*self.tls)
            if self.client_ca:
                ctx.verify_mode = ssl.CERT_REQUIRED
                ctx.load_verify_locations(self.client_ca)
            self.server.socket = ctx.wrap_socket(self.server.socket,
                                                 server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    close = stop


def settle(seconds=1.0):
    """Longer than a record has to be old (src/export/feed.h)."""
    time.sleep(seconds * SLOW)
