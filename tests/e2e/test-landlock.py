#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`backend: landlock`: what it lacks is accepted by word, the rest stands."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import threading

import servers
from harness import (AS_ROOT, BAWN, Failure, LANDLOCK, World, check, contains,
                     equal, landlock_abi, main, processes as all_processes,
                     skip, test, wait_for)


if landlock_abi() >= 6:
    w = World()
    web = w.serve(servers.Web())
    w.policy(f'''version: 1
{LANDLOCK}network:
  allow:
    - {{host: web.test, connect: "127.0.0.1:{web.port}"}}
''')


def need():
    if landlock_abi() < 6:
        skip('no Landlock of version 6')


def py(code, **kw):
    return w.run('python3', '-c', code, **kw)


@test('what the backend lacks is refused by its words')
def words():
    need()
    v = World('version: 1\nbackend: landlock\nbackend_accept: [hide]\n')
    r = v.run('true')
    equal(r.code, 125, f'{r}')
    contains(r.err, 'backend_accept: [', 'the remedy')
    contains(r.err, 'total-kill', 'a word')
    check('[hide' not in r.err, f'hide was accepted: {r}')


@test('files: the plan, and nothing else')
def files():
    need()
    w.write(w.top + '/beside', 'secret')
    r = w.run('sh', '-c', f'echo x > made; cat {w.top}/beside; ls /; ls /tmp;'
              f'cat {w.home}/.ssh/id_secret; chmod 777 {w.home}/.ssh;'
              f'touch -d 2001-01-01 {w.top}/beside; chmod 600 made; ls -l made;'
              'touch -d 2001-01-01 made; stat -c %Y made;'
              'echo y > "$HOME/f" && echo z > "$TMPDIR/g" && echo private')
    check('secret' not in r.out and 'SECRET' not in r.out, f'{r}')
    contains(r.out, '-rw------- ', 'a mode of its own file')
    contains(r.out, '978307200', 'a time of its own file')
    contains(r.out, 'private', 'its own home and temporary directory')
    equal(os.stat(w.home + '/.ssh').st_mode & 0o777, 0o700, 'mode of ~/.ssh')
    check(os.stat(w.top + '/beside').st_mtime > 1e9, 'its time was changed')


@test('root is root without power, and reads only what everybody may')
def root():
    need()
    if not AS_ROOT:
        skip('not root')
    kept = w.top + '/system'
    os.mkdir(kept)
    w.write(kept + '/public', 'for all')
    w.write(kept + '/private', 'SECRET', 0o600)
    w.write(kept + '/deep/er/private', 'SECRET', 0o640)
    w.write(kept + '/deep/er/public', 'for all, too')
    w.write(kept + '/closed/public', 'SECRET')
    os.chmod(kept + '/closed', 0o700)
    v = World(f'version: 1\n{LANDLOCK}files:\n  read: [/usr, /etc, {kept}]\n'
              '  write: ["."]\n')
    r = v.run('sh', '-c', f'cat $(find {kept} -type f) {kept}/closed/public;'
              'cat /etc/shadow > /dev/null && echo SECRET;'
              'grep Cap /proc/self/status; echo x > made;'
              'head -c 1 /proc/1/environ; chmod 4755 made; mknod m c 1 3;'
              'echo y > /proc/sys/kernel/core_pattern; kill -0 1; id -u')
    check('SECRET' not in r.out, f'{r}')
    equal(r.out.split('for all')[1:2], [''], f'what is public: {r}')
    contains(r.out, 'for all, too', 'what is public beside it')
    for line in r.out.splitlines():
        if line.startswith('Cap'):
            equal(int(line.split()[1], 16), 0, f'{line}')
    equal(r.out.split()[-1], '0', f'its id: {r}')
    for part in ('/etc/shadow: Permission', '/proc/1/environ', "of 'made'",
                 'core_pattern: Permission', 'mknod: m', 'kill: '):
        contains(r.err, part, 'refused')
    equal(os.stat(v.project + '/made').st_mode & 0o7777, 0o644, 'its mode')
    check(not os.path.exists(v.project + '/m'), 'a device was made')
    os.chown(v.project, 61419, 61419)
    r = v.run('true')
    equal((r.code, r.err.count('\n')), (125, 1), f'{r}')
    contains(r.err, 'setpriv --reuid 61419', 'the remedy')


@test('an allowed host is reached, another is refused, both recorded')
def net():
    need()
    r = w.run('curl', '-sS', 'http://web.test/', timeout=40)
    contains(r.out, 'hello from', f'{r}')
    check(w.granted(host='web.test', port=80), 'no grant')
    r = w.run('curl', '-sS', '-m', '5', 'http://192.0.2.1/', timeout=40)
    check(r.code != 0, f'{r}')
    check([x for x in w.having('net.refuse')
           if x.get('addr') == '192.0.2.1'], 'no refusal')


RESOLVE = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef ARES
#include <ares.h>
#include <sys/select.h>
static void done(void *p, int e, int n, struct ares_addrinfo *r)
{
	puts(e == ARES_SUCCESS ? "found" : ares_strerror(e));
}
int main(int c, char **v)
{
	struct ares_addrinfo_hints h = { .ai_family = AF_INET };
	struct timeval tv;
	ares_channel ch;
	ares_library_init(ARES_LIB_INIT_ALL);
	ares_init(&ch);
	ares_getaddrinfo(ch, v[1], "80", &h, done, 0);
	for (;;) {
		fd_set r, w;
		FD_ZERO(&r);
		FD_ZERO(&w);
		int n = ares_fds(ch, &r, &w);
		if (n == 0)
			return 0;
		select(n, &r, &w, 0, ares_timeout(ch, 0, &tv));
		ares_process(ch, &r, &w);
	}
}
#else
int main(int c, char **v)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 a;
	struct addrinfo *ai = 0;
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), r;
	to.sin_addr.s_addr = htonl(0x7f000035);
	r = getsockname(fd, (void *)&a, &len);
	printf("own %d %d\n", r ? -1 : a.sin6_family, (int)len);
	r = getpeername(fd, (void *)&a, &len);
	printf("none %d\n", r);
	connect(fd, (void *)&to, sizeof(to));
	len = 4;
	r = getpeername(fd, (void *)&a, &len);
	printf("peer %d %d %d\n", r, (int)len, memcmp(&a, &to, 4));
	r = getaddrinfo(v[1], "80", 0, &ai);
	puts(r ? gai_strerror(r) : "found");
	return 0;
}
#endif
"""


@test('resolvers that look who answers: musl, c-ares, glibc')
def resolvers():
    need()
    w.write('r.c', RESOLVE)
    kinds = [['cc', '-DARES', '-lcares'], ['cc']]
    if shutil.which('musl-gcc'):
        kinds.append(['musl-gcc', '-static'])
    for compiler, *options in kinds:
        subprocess.run([compiler, '-o', w.project + '/r', w.project + '/r.c',
                        *options], check=True)
        r = w.run('./r', 'web.test', timeout=40)
        equal(r.out.splitlines()[-1:], ['found'],
              f'{compiler} {options}: {r}')
        if '-lcares' not in options:
            equal(r.out, 'own 2 16\nnone -1\npeer 0 16 0\nfound\n',
                  f'{compiler}: {r}')
        r = w.run('./r', 'refused.test', timeout=40)
        check('found' not in r.out.splitlines(), f'{compiler} {options}: {r}')


@test("the host's loopback and its Unix sockets are out of reach")
def host_sockets():
    need()
    path = w.project + '/host.sock'
    s = socket.socket(socket.AF_UNIX)
    a = socket.socket(socket.AF_UNIX)
    a.bind('\0' + os.path.basename(w.top))
    a.listen()
    p = w.popen(['python3', '-c', f'''
import socket
print('ready', flush=True)
input()
def tries(family, to):
    try:
        socket.socket(family).connect(to)
        print('reached', to)
    except OSError as e:
        print('refused', e.errno)
tries(socket.AF_INET, ('127.0.0.1', {web.port}))
tries(socket.AF_UNIX, {path!r})
tries(socket.AF_UNIX, '\\0' + {os.path.basename(w.top)!r})
'''], stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'the session')
    # Now: at the start bawn itself looks whether somebody listens there.
    s.bind(path)
    s.listen()
    out, err = p.communicate(b'go\n', timeout=40)
    equal(out.count(b'refused'), 3, f'{out} {err}')
    # Not even asked: a connection that is closed at once is one, too.
    for asked in (s, a):
        asked.setblocking(False)
        try:
            asked.accept()
            raise Failure(f'the host was asked: {asked.getsockname()!r}')
        except BlockingIOError:
            pass
    s.close()
    a.close()
    os.unlink(path)


@test('connect() itself refuses what the plan does not allow')
def itself():
    # The relay would refuse it too, but only after connect() has returned.
    need()
    r = py('''
import errno, socket
try:
    socket.create_connection(('192.0.2.1', 80), 5)
    print('connected')
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
''')
    equal(r.out, 'ECONNREFUSED\n', f'{r}')


@test('no set-id bit by any call')
def setid():
    need()
    r = py('''
import os
f = open('setid', 'w').fileno()
for what in (lambda: os.chmod('setid', 0o4755), lambda: os.fchmod(f, 0o2755),
             lambda: os.open('setid2', os.O_CREAT | os.O_WRONLY, 0o4755)):
    try:
        what()
        print('done')
    except OSError as e:
        print('refused', e.errno)
''')
    for name in ('setid', 'setid2'):
        path = w.project + '/' + name
        if os.path.exists(path):
            mode = os.stat(path).st_mode
            os.unlink(path)
            equal(mode & 0o6000, 0, f'{name}: {r}')
    equal(r.out.count('refused'), 3, f'{r}')


@test('servers of the session itself are reached, on loopback alone')
def own_servers():
    need()
    r = py('''
import socket, threading
def serve(s):
    c = s.accept()[0]; c.sendall(b'own'); c.close()
def both(s, family, to):
    s.listen(); threading.Thread(target=serve, args=(s,), daemon=True).start()
    c = socket.socket(family); c.connect(to or s.getsockname())
    print(c.recv(10).decode())
s = socket.socket(); s.bind(('0.0.0.0', 0)); print(s.getsockname()[0])
both(s, socket.AF_INET, None)
u = socket.socket(socket.AF_UNIX); u.bind('own.sock')
both(u, socket.AF_UNIX, 'own.sock')
''')
    equal(r.out.split(), ['127.0.0.1', 'own', 'own'], f'{r}')


@test('no way past connect()')
def past():
    need()
    r = py(f'''
import ctypes, socket
def tries(what, fn):
    try:
        fn()
        print('possible:', what)
    except OSError as e:
        print('refused', what, e.errno)
to = ('127.0.0.1', {web.port})
tries('fast open', lambda: socket.socket().sendto(b'GET / \\n', 0x20000000, to))
tries('fast open option',
      lambda: socket.socket().setsockopt(socket.IPPROTO_TCP, 30, 1))
tries('source route', lambda: socket.socket().setsockopt(
    socket.IPPROTO_IP, socket.IP_OPTIONS, b'\\x83\\x07\\x04\\x7f\\0\\0\\1\\0'))
tries('multipath', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))
tries('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tries('unix datagram', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
tries('pair of datagram', lambda: socket.socketpair(
    socket.AF_UNIX, socket.SOCK_DGRAM))
c = ctypes.CDLL(None, use_errno=True)
def call(nr, *a):
    if c.syscall(nr, *a) == -1:
        raise OSError(ctypes.get_errno(), '')
tries('io_uring', lambda: call(425, 1, ctypes.create_string_buffer(120)))
''')
    check('possible' not in r.out, f'{r}')
    equal(r.out.count('refused'), 8, f'{r}')


@test('an address that changes while it is looked at leads nowhere')
def race():
    need()
    seen = []
    s = socket.create_server(('127.0.0.1', 0))
    s.settimeout(0.1)
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            try:
                seen.append(s.accept())
            except OSError:
                pass

    t = threading.Thread(target=watch)
    t.start()
    w.write('race.c', r'''
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static volatile struct sockaddr_in a = { .sin_family = AF_INET };
static in_port_t bad;
static void *flip(void *p) {
	for (;;) { a.sin_port = bad; a.sin_port = htons(9); }
	return p;
}
int main(int c, char **v) {
	pthread_t t;
	int ok = 0;
	bad = htons(atoi(v[1]));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_create(&t, NULL, flip, NULL);
	for (int i = 0; i < 300; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		ok += connect(fd, (void *)&a, sizeof(a)) == 0;
		close(fd);
	}
	printf("connected %d\n", ok);
	fflush(stdout);
	_exit(c < 2);
}
''')
    subprocess.run(['cc', '-o', w.project + '/race', w.project + '/race.c',
                    '-pthread'], check=True)
    r = w.run('./race', str(s.getsockname()[1]), timeout=50)
    stop.set()
    t.join()
    equal(r.out, 'connected 0\n', f'{r}')
    equal(seen, [], 'connections to the host')


SMUGGLED = r"""
import os, socket, sys, threading
port, path = int(sys.argv[1]), sys.argv[2]
pipe = socket.socket(fileno=0)
_, fds, _, _ = socket.recv_fds(pipe, 1, 2)
tcp, unix = (socket.socket(fileno=fd) for fd in fds)
def tries(what, fn):
    try:
        fn()
        print('possible:', what)
    except OSError as e:
        print('refused', what, e.errno)
tries('host', lambda: tcp.connect(('127.0.0.1', port)))
tries('allowed', lambda: tcp.connect(('web.test', 80)))
tries('own', lambda: tcp.bind(('127.0.0.1', 0)))
tries('listen', lambda: tcp.listen())
tries('fast', lambda: tcp.sendto(b'x', 0x20000000, ('127.0.0.1', port)))
tries('unix', lambda: unix.connect(path))
tries('unix listen', lambda: unix.listen())
# One number for theirs and ours in turn, while the warden acts on it.
at, on = 200, True
ours = [socket.socket() for _ in range(100)]
def swap():
    while on:
        for s in ours[:4]:
            os.dup2(tcp.fileno(), at)
            os.dup2(s.fileno(), at)
os.dup2(tcp.fileno(), at)
threading.Thread(target=swap, daemon=True).start()
x = socket.socket(fileno=at)
ends = set()
for i in range(200):
    for to in (('127.0.0.1', port), ('192.0.2.1', 80), ('127.0.0.1', 53)):
        try:
            x.connect(to)
        except OSError as e:
            ends.add(e.errno)
on = False
try:
    tcp.getpeername()
    print('connected')
except OSError as e:
    print('nowhere', e.errno)
sys.stdout.flush()
os._exit(0)
"""


@test('a socket of the host that is handed in is connected by nobody')
def smuggled():
    need()
    s = socket.create_server(('127.0.0.1', 0))
    path = w.top + '/u.sock'
    u = socket.socket(socket.AF_UNIX)
    u.bind(path)
    u.listen()
    here, there = socket.socketpair()
    handed = socket.socket(), socket.socket(socket.AF_UNIX)
    socket.send_fds(here, [b'x'], [x.fileno() for x in handed])
    p = w.popen(['/usr/bin/python3', '-c', SMUGGLED,
                 str(s.getsockname()[1]), path], stdin=there)
    there.close()
    out, err = p.communicate(timeout=50)
    out = out.decode()
    equal(out.count('refused'), 7, f'{out} {err}')
    contains(out, f'nowhere {errno.ENOTCONN}', 'what was handed in')
    for x in handed:
        try:
            x.getpeername()
            check(False, 'it is connected')
        except OSError as e:
            equal(e.errno, errno.ENOTCONN, 'what was handed in')
    for x in (s, u):
        x.setblocking(False)
        try:
            x.accept()
            check(False, 'the host was reached')
        except BlockingIOError:
            x.close()


MANY = r"""
import resource, selectors, socket, sys
n = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 200,) * 2)
sel = selectors.DefaultSelector()
to = socket.getaddrinfo('echo.test', 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
socks = []
for i in range(n):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.connect(to)
    except BlockingIOError:
        pass
    socks.append(s)
for i, s in enumerate(socks):
    s.setblocking(True)
    s.sendall(b'%d\n' % i)
good = 0
for i, s in enumerate(socks):
    s.settimeout(20)
    data = b''
    while not data.endswith(b'\n'):
        got = s.recv(100)
        if not got:
            break
        data += got
    good += data == b'%d\n' % i
print('good', good)
"""


@test('a thousand connections at once, each to where it was made')
def many():
    need()
    echo = w.serve(servers.Tcp(servers.echo))
    v = World(f'''version: 1
{LANDLOCK}network:
  allow:
    - {{host: echo.test, connect: "127.0.0.1:{echo.port}", ports: [80]}}
''')
    r = v.run('/usr/bin/python3', '-c', MANY, '1000', timeout=50)
    equal(r.out, 'good 1000\n', f'{r}')
    equal(echo.count, 1000, 'connections')


@test('the host is out of reach of signals, limits and tracing')
def processes():
    need()
    victim = subprocess.Popen(['sleep', '60'])
    r = py(f'''
import ctypes, os, resource
def tries(what, fn):
    try:
        fn()
        print('possible:', what)
    except OSError as e:
        print('refused', what, e.errno)
tries('kill', lambda: os.kill({victim.pid}, 9))
tries('prlimit', lambda: resource.prlimit({victim.pid}, resource.RLIMIT_CPU, (0, 0)))
tries('affinity', lambda: os.sched_setaffinity({victim.pid}, {{0}}))
tries('environ', lambda: open('/proc/{victim.pid}/environ').read())
tries('mem', lambda: open('/proc/{victim.pid}/mem', 'rb'))
os.sched_setaffinity(os.getpid(), {{0}})
''')
    check(victim.poll() is None, 'it died')
    victim.kill()
    victim.wait()
    check('possible' not in r.out, f'{r}')
    equal(r.out.count('refused'), 5, f'{r}')


def sleepers(mark):
    """Those alone: the whole command line stands in bawn's own, too."""
    return [p for p, row in all_processes().items() if row[2] == f'sleep {mark} ']


@test('what the command leaves behind ends with it')
def leaves():
    need()
    mark = str(710000 + os.getpid() % 90000)
    r = w.run('sh', '-c', f'(setsid sleep {mark} &) ; sleep 0.2')
    equal(r.code, 0, f'{r}')
    wait_for('its daemon ends', 3, lambda: not sleepers(mark))


def killed(pick, what):
    mark = str(610000 + os.getpid() % 90000)
    p = subprocess.Popen([BAWN, 'run', '--policy', w.policy_path, '--', 'sh',
                          '-c', f'(setsid sleep {mark} &); sleep {mark}'],
                         cwd=w.project, env=w.env, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for('it runs', 10, lambda: len(sleepers(mark)) >= 2)
    os.kill(pick(p.pid), signal.SIGKILL)
    p.wait()
    wait_for(what, 4, lambda: not sleepers(mark))


@test('all end with the supervisor')
def supervisor():
    need()
    killed(lambda pid: pid, 'all processes end')


@test('all end with the warden')
def warden():
    need()

    def child(pid):
        return next(p for p, row in all_processes().items()
                    if row[0] == pid and row[1] == 'bawn')

    killed(child, 'all processes end')


@test('the record says what the walls are made of')
def layers():
    need()
    w.run('true')
    rows = w.having('session.start') or w.having('session.started')
    check(any('landlock' == r.get('layer.backend') for r in rows),
          f'no layer.backend among {rows[-1:]}')


main()
