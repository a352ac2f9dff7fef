#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs, none told of a proxy: each reaches the host that the policy
allows and is refused another, and both are on the ledger."""

import os
import shutil
import subprocess
import sys

import servers
from harness import (SLOW, World, check, contains, equal, main, skip, test,
                     wait_for)

w = World()
repo_root = w.top + '/repos'
os.mkdir(repo_root)
servers.make_repository(repo_root)
ca = servers.Authority(w.top + '/ca')
web = w.serve(servers.Web())
tls = w.serve(servers.Web(cert=ca.issue('tls.test', '*.wild.test')))
git = w.serve(servers.Web(git_root=repo_root))
ssh = w.serve(servers.Ssh(w.top + '/keys', repo_root))
greet = w.serve(servers.Tcp(servers.banner_first))
dns = w.serve(servers.Dns({'named.test': ['127.0.0.1'],
                           'both.test': ['127.0.0.1', '::1']}))
w.write('ca.pem', open(ca.cert).read())
w.agent = w.top + '/agent.sock'
ssh.agent(w.agent)
w.env['SSH_AUTH_SOCK'] = w.agent
w.write(w.home + '/.ssh/known_hosts', f'ssh.test {ssh.host_key}\n')

w.policy(f'''version: 1
network:
  allow:
    - {{host: web.test, connect: "127.0.0.1:{web.port}"}}
    - {{host: tls.test, connect: "127.0.0.1:{tls.port}"}}
    - {{host: "*.wild.test", connect: "127.0.0.1:{tls.port}"}}
    - {{host: git.test, connect: "127.0.0.1:{git.port}"}}
    - {{host: ssh.test, ports: [22], connect: "127.0.0.1:{ssh.port}"}}
    - {{host: mail.test, ports: [25], connect: "127.0.0.1:{greet.port}"}}
    - {{host: named.test, ports: [{web.port}]}}
    - {{host: both.test, ports: [{web.port}]}}
    - {{cidr: 127.0.0.1/32, ports: [{web.port}]}}
  dns: ["127.0.0.1:{dns.port}"]
  sockets: [$SSH_AUTH_SOCK]
''')


def reaches(what, host, port, *command, **kw):
    """@command prints `hello from`, and the grant is on the ledger."""
    kw.setdefault('timeout', 40)
    r = w.run(*command, **kw)
    equal(r.code, 0, f'{what}: {r}')
    contains(r.out, 'hello from', what)
    grants = w.granted(host=host, port=port)
    check(grants, f'{what}: no grant for {host}:{port} among '
          f'{w.having("net.grant")}')
    equal(grants[0]['verdict'], 'allow', 'verdict')
    check(grants[0].get('rule.line', 0) > 0, 'the grant names its line')


def refused(what, word, *command, host='foreign.test', **kw):
    """@command fails with @word in its output, and the refusal is recorded."""
    kw.setdefault('timeout', 40)
    r = w.run(*command, **kw)
    check(r.code != 0, f'{what}: it succeeded: {r}')
    contains((r.out + r.err).lower(), word.lower(), what)
    rows = w.refused(host=host)
    check(rows, f'{what}: no refusal of {host} among '
          f'{w.having("net.refuse")}')
    equal(rows[0]['verdict'], 'deny', 'verdict')


@test('curl over HTTP')
def curl_http():
    reaches('curl', 'web.test', 80, 'curl', '-sS', 'http://web.test/')
    refused('curl', 'Could not resolve', 'curl', '-sS', 'http://foreign.test/')


@test('curl over HTTPS, the SNI checked')
def curl_https():
    reaches('curl', 'tls.test', 443, 'curl', '-sS', '--cacert', 'ca.pem',
            'https://tls.test/')
    check('tls.test' in tls.snis, 'the server saw the SNI')
    reaches('a wildcard', 'a.b.wild.test', 443, 'curl', '-sSk', '--cacert',
            'ca.pem', 'https://a.b.wild.test/')
    refused('the name under a wildcard itself', 'Could not resolve', 'curl',
            '-sS', 'https://wild.test/', host='wild.test')


@test('curl over IPv4 and over IPv6')
def curl_families():
    for family in ('-4', '-6'):
        reaches(f'curl {family}', 'web.test', 80, 'curl', '-sS', family,
                'http://web.test/')


@test('a name from the resolver the policy names, dialled where it points')
def by_dns():
    asked = len(dns.asked)
    reaches('curl', 'named.test', web.port, 'curl', '-sS',
            f'http://named.test:{web.port}/')
    check(('named.test', 1) in dns.asked[asked:], 'the resolver was asked')
    grant = w.granted(host='named.test')[0]
    contains(grant['addr'], '127.0.0.1', 'the dialled address')


@test('a name whose first address is refused is dialled at the allowed one')
def by_dns_two():
    reaches('curl', 'both.test', web.port, 'curl', '-sS',
            f'http://both.test:{web.port}/')


@test('a raw address that the policy names')
def by_address():
    # 127/8 stays inside; the range is only what lifts the private ban.
    r = w.run('curl', '-sS', f'http://127.0.0.1:{web.port}/')
    check(r.code != 0, f'loopback of the jail is the host\'s: {r}')


@test('git clone and push over HTTP')
def git_http():
    shutil.rmtree(w.project + '/demo', ignore_errors=True)
    r = w.sh('git clone -q http://git.test/demo.git && cd demo && '
             'git commit -q --allow-empty -m over-http && '
             'git push -q origin main && echo hello from git', timeout=40)
    equal((r.code, r.out), (0, 'hello from git\n'), f'{r}')
    contains(log_of(), 'over-http', 'the server has the commit')
    check(w.granted(host='git.test', port=80), 'grant')
    refused('git', 'Could not resolve', 'git', 'clone', '-q',
            'http://foreign.test/demo.git', 'no')


def log_of():
    return subprocess.run(
        ['git', '-c', 'safe.directory=*', '-C', repo_root + '/demo.git', 'log',
         '--format=%s', 'main'], capture_output=True, text=True,
        check=True).stdout


@test('git clone and push over ssh, with the agent of the host')
def git_ssh():
    shutil.rmtree(w.project + '/demo-ssh', ignore_errors=True)
    r = w.sh('git clone -q ssh://git@ssh.test/demo.git demo-ssh && '
             'cd demo-ssh && git commit -q --allow-empty -m over-ssh && '
             'git push -q origin main && echo hello from git', timeout=40)
    equal((r.code, r.out), (0, 'hello from git\n'), f'{r}')
    contains(log_of(), 'over-ssh', 'the server has the commit')
    check(w.granted(host='ssh.test', port=22), 'grant')
    check(w.having('socket.grant'), 'the use of the agent is recorded')
    refused('ssh', 'Could not resolve', 'ssh', '-o', 'BatchMode=yes',
            'git@foreign.test', 'true')


@test('the agent signs, and its keys cannot be read')
def agent_socket():
    r = w.sh('ssh-add -l; ls -l $SSH_AUTH_SOCK')
    contains(r.out, 'ED25519', 'ssh-add -l')
    r = w.sh('cat ~/.ssh/id_secret ~/.ssh/user')
    check(r.code != 0, 'a key was read')


@test('a server that speaks first')
def server_first():
    r = w.run('/usr/bin/python3', '-c', '''
import socket
s = socket.create_connection(("mail.test", 25))
assert s.recv(100) == b"220 ready\\r\\n"
s.sendall(b"HELO\\r\\n")
print("hello from", s.recv(100))
''')
    contains(r.out, 'hello from', f'{r}')


@test('python urllib')
def python():
    prog = ('import sys, urllib.request as u;'
            'print(u.urlopen(sys.argv[1]).read().decode())')
    reaches('urllib', 'web.test', 80, '/usr/bin/python3', '-c', prog,
            'http://web.test/')
    refused('urllib', 'Name or service not known', '/usr/bin/python3', '-c',
            prog, 'http://foreign.test/')


@test('node fetch', 90)
def node():
    if not shutil.which('node', path=w.env['PATH']):
        skip('no node')
    prog = ('fetch(process.argv[1]).then(r=>r.text()).then(t=>console.log(t))'
            '.catch(e=>{console.error(e.cause.code);process.exit(1)})')
    reaches('fetch', 'web.test', 80, 'node', '-e', prog, 'http://web.test/')
    reaches('fetch over TLS', 'tls.test', 443, 'node', '-e', prog,
            'https://tls.test/',
            options=['-e', f'NODE_EXTRA_CA_CERTS={w.project}/ca.pem'])
    refused('fetch', 'ENOTFOUND', 'node', '-e', prog, 'http://foreign.test/')


STATIC_C = r'''
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	char buf[4096];
	int r = getaddrinfo(argv[1], "80", &hints, &ai);
	ssize_t n;

	(void)argc;
	if (r) {
		puts(gai_strerror(r));
		return 1;
	}
	int fd = socket(ai->ai_family, SOCK_STREAM, 0);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1) {
		perror("connect");
		return 1;
	}
	dprintf(fd, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", argv[1]);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return 0;
}
'''


@test('a static C program')
def static_c():
    src = w.write('client.c', STATIC_C)
    r = w.call(['cc', '-static', '-w', '-o', w.project + '/client', src])
    equal(r.code, 0, f'build: {r}')
    reaches('static C', 'web.test', 80, './client', 'web.test')
    refused('static C', 'not known', './client', 'foreign.test')


GO = '''
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	r, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, r.Body)
}
'''


@test('a Go program with its own resolver', 180)
def go():
    if not shutil.which('go', path=w.env['PATH']):
        skip('no go')
    where = w.top + '/go'
    w.write(where + '/main.go', GO)
    r = w.call(['go', 'build', '-o', w.project + '/goclient', 'main.go'],
               cwd=where, timeout=150, env={
                   'CGO_ENABLED': '0', 'GO111MODULE': 'off',
                   'GOFLAGS': '', 'GOTOOLCHAIN': 'local', 'GOPROXY': 'off',
                   'GOCACHE': where + '/cache', 'GOPATH': where + '/path'})
    equal(r.code, 0, f'build: {r}')
    reaches('Go', 'web.test', 80, './goclient', 'http://web.test/')
    refused('Go', 'no such host', './goclient', 'http://foreign.test/')


JAVA = '''
import java.net.URL;

public class Client {
	public static void main(String[] args) throws Exception {
		try (var in = new URL(args[0]).openStream()) {
			System.out.write(in.readAllBytes());
			System.out.flush();
		} catch (java.io.IOException e) {
			System.out.println(e);
			System.exit(1);
		}
	}
}
'''


@test('a Java program', 180)
def java():
    if not shutil.which('javac', path=w.env['PATH']):
        skip('no javac')
    src = w.write('Client.java', JAVA)
    r = w.call(['javac', src], timeout=120)
    equal(r.code, 0, f'build: {r}')
    reaches('Java', 'web.test', 80, 'java', '-Xshare:auto', '-cp', '.',
            'Client', 'http://web.test/', timeout=60)
    refused('Java', 'UnknownHostException', 'java', '-cp', '.', 'Client',
            'http://foreign.test/', timeout=60)


@test('servers inside the jail are reached inside, over both families')
def inside():
    r = w.run('/usr/bin/python3', '-c', '''
import socket, threading
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    l = socket.socket(family)
    l.bind((host, 3000))
    l.listen(5)
    threading.Thread(target=lambda: l.accept()[0].sendall(b"in"),
                     daemon=True).start()
    print(socket.create_connection((host, 3000)).recv(9))
    l.close()
print(socket.create_connection(("localhost", 3000), 1)
      if False else "done")
''')
    equal(r.out, "b'in'\nb'in'\ndone\n", f'{r}')
    equal(w.having('net.refuse'), [], 'refusals')


@test("ports of the host's loopback are out of reach")
def host_loopback():
    before = greet.count
    r = w.run('/usr/bin/python3', '-c', f'''
import socket
for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
    try:
        socket.create_connection((host, {greet.port}), 2)
        print("connected", host)
    except OSError as e:
        print(e.errno)
''')
    check('connected' not in r.out, r.out)
    equal(greet.count, before, 'connections at the host')


@test('a large body arrives whole')
def large():
    r = w.run('curl', '-sS', '-o', 'big', 'http://web.test/big')
    equal(r.code, 0, f'{r}')
    equal(os.path.getsize(w.project + '/big'), 8 << 20, 'size')
    data = os.urandom(3 << 20)
    w.write('up.bin', data)
    r = w.run('curl', '-sS', '--data-binary', '@up.bin', '-o', 'down.bin',
              'http://web.test/echo')
    equal(r.code, 0, f'{r}')
    check(open(w.project + '/down.bin', 'rb').read() == data, 'content')


@test('a grant is recorded once, repeats are counted')
def grants_once():
    w.sh('for i in 1 2 3 4 5 6 7 8; do curl -sS http://web.test/ -o /dev/null;'
         ' done')
    rows = w.granted(host='web.test')
    check(len(rows) <= 3, f'{len(rows)} records for eight connections')
    equal(sum(r['count'] for r in rows), 8, 'counted connections')


main()
