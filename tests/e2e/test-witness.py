#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a session does is on the ledger: programs that do a known number of things
of each kind, and exactly that number of records."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

from harness import (BAWN, SLOW, Term, World, alive, check, contains, equal,
                     main, processes, test, wait_for)

HERE = os.path.dirname(os.path.abspath(__file__))
w = World()
PROGRAMS = {}


def level(files, more=''):
    w.policy(f'version: 1\naudit: {{files: {files}}}\n{more}')


def program(how):
    """witness-ops, linked @how."""
    if how not in PROGRAMS:
        path = f'{w.project}/ops-{how}'
        r = subprocess.run(['cc', '-O1', '-w', '-pthread', '-D_GNU_SOURCE',
                            *(['-static'] if how == 'static' else []), '-o',
                            path, HERE + '/witness-ops.c'],
                           capture_output=True)
        check(r.returncode == 0, r.stderr.decode())
        PROGRAMS[how] = path
    return PROGRAMS[how]


def records(session=None):
    r = w.bawn('logs', session or '@', '--json')
    equal(r.code, 0, r.err)
    return [json.loads(x) for x in r.out.splitlines()]


def ops(what, n, how='dynamic', directory=None, timeout=60):
    """Its records that name the directory it worked in; what it said."""
    where = f'{w.project}/{directory or what}-{ops.n}'
    ops.n += 1
    os.mkdir(where)
    r = w.run(program(how), what, str(n), where, timeout=timeout * SLOW)
    everything = records()
    mine = [x for x in everything
            if str(x.get('path', '')).startswith(where)]
    return r, where, everything, mine


ops.n = 0


def total(rows, **want):
    return sum(x['count'] for x in rows
               if all(x.get(k) == v for k, v in want.items()))


def files_add_up(mine, n, reads):
    """Of n rounds of files() in witness-ops.c."""
    return [
        ('creat and O_CREAT', 2 * n,
         total(mine, kind='file.create', what='file', access='write')),
        ('symlinks', n, total(mine, kind='file.create', what='symlink',
                              to='to')),
        ('nodes', n, total(mine, kind='file.create', what='node')),
        ('opened to read', 2 * n if reads else 0,
         sum(x['count'] for x in mine if x['kind'] == 'file.open' and
             x['access'] == 'read' and x['path'].rsplit('/', 1)[1])),
        ('opened to read and write', n,
         total(mine, kind='file.open', access='both')),
        ('modes', 3 * n, total(mine, kind='file.chmod', what='mode')),
        ('owners', 2 * n, total(mine, kind='file.chmod', what='owner')),
        ('lengths', n, total(mine, kind='file.change', what='length')),
        ('links', 2 * n, total(mine, kind='file.link')),
        ('renamed', 2 * n, total(mine, kind='file.rename')),
        ('removed', 5 * n, total(mine, kind='file.unlink', what='file')),
        ('directories removed', n,
         total(mine, kind='file.unlink', what='directory')),
    ]


def expect_files(mine, where, n, reads, exact=False):
    inner = [x for x in mine if x['path'] != where]
    for what, want, got in files_add_up(inner, n, reads):
        equal(got, want, what)
    equal(total(mine, path=where, kind='file.change', what='attribute'), 2 * n,
          'attributes of the directory')
    opens = [x for x in mine if exact and x['kind'] in
             ('file.open', 'file.create') and 'access' in x]
    equal({x['trust'] for x in opens} - {'kernel'}, set(), 'carried out by us')
    equal([x for x in mine if x['trust'] == 'kernel' and x not in opens], [],
          'a string of a process is no truth')


@test('writes: every kind, exactly')
def every_kind():
    level('writes')
    r, where, _, mine = ops('files', 40)
    equal(r.code, 0, r.err)
    expect_files(mine, where, 40, False)
    rename = [x for x in mine if x['kind'] == 'file.rename'][0]
    equal((rename['path'], rename['to']), (f'{where}/f0', f'{where}/r0'),
          'both names')
    equal(rename['exe'], program('dynamic'), 'who')


@test('all: what is read too, exactly')
def reads():
    level('all')
    for how in ('dynamic', 'static'):
        r, where, _, mine = ops('files', 30, how)
        equal(r.code, 0, r.err)
        expect_files(mine, where, 30, True)


@test('100,000 opens, exactly')
def hundred_thousand():
    level('all')
    r, where, _, mine = ops('opens', 100000, timeout=120)
    equal(r.code, 0, r.err)
    equal(total(mine, kind='file.create', access='read'), 100000, 'opens')
    check(len(mine) < 2000, f'folded: {len(mine)} records')
    equal(len({x['path'] for x in mine}), 7, 'the paths')


@test('six threads, exactly')
def threads():
    level('writes')
    r, where, _, mine = ops('threads', 300)
    equal(r.code, 0, r.err)
    equal(total(mine, kind='file.create'), 6 * 300, 'opens of all threads')
    equal(len({x['pid'] for x in mine}), 1, 'of one process')


@test('eight processes at once, exactly')
def many():
    level('all')
    r, where, _, mine = ops('many', 25)
    equal(r.code, 0, r.err)
    inner = [x for x in mine
             if x['path'] not in {f'{where}/p{i}' for i in range(8)}]
    for what, want, got in files_add_up(inner, 25 * 8, True):
        equal(got, want, what)
    equal(len({x['pid'] for x in inner}), 8, 'processes')


@test('programs by fork, vfork and execveat, exactly, with their parents')
def execs():
    level('writes')
    r, _, everything, _ = ops('execs', 60)
    equal(r.code, 0, r.err)
    runs = [x for x in everything if x['kind'] == 'process.exec' and
            str(x.get('argv', '')).startswith('true run-')]
    equal(total(runs), 60, 'programs')
    equal({x['argv'] for x in runs}, {f'true run-{i}' for i in range(60)},
          'each')
    own = [x for x in everything if x['kind'] == 'process.exec' and
           x['path'] == program('dynamic')][0]
    equal({x['ppid'] for x in runs}, {own['pid']}, 'their parent')
    equal({x['cwd'] for x in runs}, {w.project}, 'where')
    check(len({x['pid'] for x in runs}) == 60, 'a process each')
    check(all(x['inside'] > 1 for x in runs), 'as the jail counts')


@test('the network, exactly')
def nets():
    level('all')
    r, _, everything, _ = ops('nets', 20)
    equal(r.code, 0, r.err)
    mine = [x for x in everything if x.get('exe') == program('dynamic')]
    at = dict(addr='127.0.0.1', port=4444)
    equal(total(mine, kind='net.connect', **at), 20, 'connect')
    equal(total(mine, kind='net.connect', path='@abstract'), 20, 'abstract')
    equal(total(mine, kind='net.bind', addr='127.0.0.1', port=0), 20, 'bind')
    listens = [x for x in mine if x['kind'] == 'net.listen']
    equal(total(listens, addr='127.0.0.1'), 20, 'listen')
    check(all(x['port'] > 0 for x in listens), 'at the port that it got')
    equal(total(mine, kind='net.send', **at), 20 * 4,
          'sendto, sendmsg, and two of three of sendmmsg')
    level('writes')
    r, _, everything, _ = ops('nets', 5)
    mine = [x for x in everything if x.get('exe') == program('dynamic')]
    equal(total(mine, kind='net.send', **at), 5 * 4, 'the same')


@test('paths at the edge of memory, and odd bytes')
def edges():
    level('writes')
    r, where, everything, mine = ops('edges', 50)
    equal(r.code, 0, r.err)
    equal(total(mine, kind='file.create'), 51, 'none is cut')
    check(any(x['path'] == where + '/\udcff"\\\n\x01' for x in mine),
          'odd bytes')
    theirs = [x for x in everything if x.get('exe') == program('dynamic')]
    equal(total(theirs, unread=True), 50, 'no string there')


@test('other ways into the kernel are closed')
def other_ways():
    level('writes')
    r, _, _, _ = ops('io_uring', 1)
    equal(r.code, 0, r.err)
    if os.uname().machine == 'x86_64':
        r, _, _, _ = ops('i386', 1)
        equal(r.code, 128 + signal.SIGSYS, r.out)


@test('off: only what is refused')
def off():
    level('off')
    r, where, everything, mine = ops('files', 3)
    equal(r.code, 0, r.err)
    equal(mine, [], 'nothing')
    r = w.run('/usr/bin/unshare', '-m', 'true')
    refused = [x for x in records() if x['kind'] == 'syscall.refuse']
    equal(total(refused, syscall='unshare'), 1, 'but the refusal')
    for files in ('writes', 'all'):
        level(files)
        r = w.run('/usr/bin/unshare', '-m', 'true')
        refused = [x for x in records() if x['kind'] == 'syscall.refuse']
        equal(total(refused, syscall='unshare'), 1, files)


@test('a path that is exchanged while it is opened is not called the truth')
def flips():
    level('all')
    r, where, _, mine = ops('flips', 20000, timeout=120)
    equal(r.code, 0, r.err)
    opened = [x for x in mine if x['kind'] == 'file.open']
    equal(total(opened), 20000, 'every open')
    equal({x['trust'] for x in opened}, {'claimed'}, 'claimed')


@test('exact: every kind, exactly, and opens are the truth')
def exact():
    level('exact')
    for how in ('dynamic', 'static'):
        r, where, _, mine = ops('files', 25, how)
        equal(r.code, 0, r.err)
        expect_files(mine, where, 25, True, exact=True)
    r, where, _, mine = ops('threads', 200)
    equal(r.code, 0, r.err)
    equal(total(mine, kind='file.create', trust='kernel'), 6 * 200, 'threads')
    r, where, everything, mine = ops('edges', 10)
    equal(r.code, 0, r.err)
    equal(total(mine, kind='file.create', trust='kernel'), 11, 'none is cut')


@test('exact: of a path that is exchanged, the file that was opened')
def exact_flips():
    level('exact')
    r, where, _, mine = ops('flips', 20000, timeout=120)
    equal(r.code, 0, r.err)
    a, b = (int(x) for x in r.out.split())
    equal(a + b, 20000, 'all were opened')
    opened = [x for x in mine if x['kind'] == 'file.open']
    equal({x['trust'] for x in opened}, {'kernel'}, 'kernel')
    equal((total(opened, path=where + '/flip-a'),
           total(opened, path=where + '/flip-b')), (a, b), 'which')
    check(a > 100 and b > 100, f'it was exchanged: {a} {b}')


@test('exact: a program cannot tell')
def exact_same():
    script = '''set -e
        umask 027; : > made; umask 077; mkdir d; : > d/private
        stat -c '%a %U %n' made d/private
        cd d; echo below > here; cat here ../d/here; cd ..
        echo one > log; echo two >> log; cat log
        printf %s x | cat /dev/stdin /dev/null; echo
        cat < /proc/self/comm; head -c 0 /proc/self/status
        test -e /proc/self/fd/0; ls /proc/self/fd | wc -l
        (exec 3<>log; cat <&3)
        ln -s log link; cat link; cat nowhere 2>&1 || true
        echo x 2>&1 > /usr/no || true
        chmod 0 log; cat log 2>&1 || true; chmod 600 log
        set -C; (echo y > log) 2>&1 || true
        python3 -c 'import os, tempfile, fcntl
f = tempfile.TemporaryFile(dir=".")
f.write(b"x")
d = os.open("d", os.O_RDONLY | os.O_DIRECTORY)
fd = os.open("here", os.O_RDONLY | os.O_NONBLOCK, dir_fd=d)
print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, os.get_inheritable(fd))
fd = os.open("here", os.O_RDONLY, dir_fd=d)
print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)
print(os.readlink(f"/proc/self/fd/{fd}").endswith("d/here"))
p = os.open("d", os.O_PATH); print(os.fstat(p).st_mode & 0o777)
try: os.open("link", os.O_RDONLY | os.O_NOFOLLOW)
except OSError as e: print(e.errno)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (fd + 2, fd + 2))
try: os.open("made", os.O_RDONLY); os.open("made", os.O_RDONLY)
except OSError as e: print(e.errno)'
        rm -rf made d log link'''
    said = {}
    for files in ('off', 'all', 'exact'):
        level(files)
        r = w.sh(script)
        equal(r.code, 0, f'{files}: {r.err}')
        said[files] = r.out
    equal(said['all'], said['off'], 'all')
    equal(said['exact'], said['off'], 'exact')


@test('exact: an open that waits stalls nobody, and is claimed')
def exact_waits():
    level('exact')
    r = w.sh('''mkfifo f1 f2 f3 f4 f5 f6
        for i in 1 2 3 4 5 6; do (cat f$i > got$i) & done
        for i in $(seq 200); do echo $i > other; done
        for i in 1 2 3 4 5 6; do echo word$i > f$i; done; wait
        cat got1 got6; rm -f f? got? other''', timeout=30 * SLOW)
    equal((r.code, r.out), (0, 'word1\nword6\n'), r.err)
    rows = records()
    fifo = [x for x in rows if x.get('path') == w.project + '/f3' and
            'access' in x]
    equal({x['trust'] for x in fifo}, {'claimed'}, 'FIFOs are left')
    equal(total(rows, path=w.project + '/other', kind='file.create',
                trust='kernel'), 200, 'the others')


@test('exact: a compiler works; with nested it is refused')
def exact_compiler():
    level('exact')
    w.write('hello.c', '#include <stdio.h>\nint main(void)\n{\n'
            'return puts("made inside") < 0;\n}\n')
    r = w.sh('cc -o hello hello.c && ./hello')
    equal((r.code, r.out), (0, 'made inside\n'), r.err)
    headers = [x for x in records() if x.get('path') ==
               '/usr/include/stdio.h']
    equal({x['trust'] for x in headers}, {'kernel'}, 'a header')
    level('exact', 'nested: true\n')
    r = w.run('true')
    check(r.code != 0, 'not with nested')
    contains(r.err, 'exact', 'by name')


def events(cast):
    lines = [json.loads(x) for x in cast.splitlines()]
    equal(lines[0]['version'], 2, 'an asciicast')
    return lines[0], lines[1:]


@test('output: what the terminal showed, and when, can be seen again')
def output():
    w.policy('version: 1\naudit: {output: true}\n')
    script = ('printf "one\\303\\251"; sleep 0.6; printf "\\342\\202"; '
              'sleep 0.2; printf "\\254 \\377\\n"; '
              'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; '
              'stty size; echo last')
    t = Term(w.argv(['sh', '-c', script]), w.env, w.project, rows=30, cols=90)
    t.expect('last')
    equal(t.wait(), 0, 'exit code')
    t.close()
    r = w.bawn('logs', '@', '--replay')
    equal(r.code, 0, r.err)
    head, rows = events(r.raw.decode('utf-8'))
    equal((head['width'], head['height']), (90, 30), 'size')
    check(all(a[0] <= b[0] for a, b in zip(rows, rows[1:])), 'in order')
    text = ''.join(x[2] for x in rows)
    check(text.startswith('one\u00e9\u20ac \udcff\r\nline 0\r\n'), text[:40])
    check(text.endswith('line 2999\r\n30 90\r\nlast\r\n'), text[-40:])
    equal(text.count('line '), 3000, 'all of it')
    check(rows[1][0] - rows[0][0] >= 0.5, f'the pause: {rows[:2]}')
    check(all(len(x[2].encode('utf-8', 'surrogatepass')) <= 4 * 4096
              for x in rows), 'in pieces')
    shown = [x for x in records() if x['kind'] == 'session.output']
    equal({x['trust'] for x in shown}, {'kernel'}, 'seen by us')
    # To a terminal it is shown as it was.
    began = time.monotonic()
    t = Term([BAWN, 'logs', '@',
              '--replay'], w.env, w.project)
    t.expect('line 2999')
    t.expect('last')
    equal(t.wait(), 0, 'exit code')
    t.close()
    check(time.monotonic() - began >= 0.5, 'with its pause')
    # Without the key, and without a terminal, there is nothing.
    w.policy('version: 1\n')
    t = Term(w.argv(['echo', 'unseen']), w.env, w.project)
    t.expect('unseen')
    t.wait()
    t.close()
    r = w.bawn('logs', '@', '--replay')
    equal(r.code, 1, r.err)
    contains(r.err, 'audit', 'what would')


@test("the hash of each program, once, and from then on with each start of it")
def hashes():
    level('writes')
    own = w.project + '/own-program'
    shutil.copy('/usr/bin/true', own)
    want = {path: hashlib.sha256(open(path, 'rb').read()).hexdigest()
            for path in (own, '/usr/bin/env')}
    script = f'/usr/bin/env {own}; {own}; {own} again; /no/such/program'
    r = w.sh(script)
    equal(r.code, 127, r.err)
    rows = records()
    told = [x for x in rows if x['kind'] == 'process.hash']
    equal(sorted(x['path'] for x in told if x['path'] in want), sorted(want),
          f'each once: {told}')
    for x in told:
        if x['path'] in want:
            equal((x['sha256'], x['trust']), (want[x['path']], 'kernel'),
                  x['path'])
            equal(x['bytes'], os.path.getsize(x['path']), 'bytes')
    equal([x['kind'] for x in rows][-1], 'session.close', 'before its end')
    r = w.sh(script)
    rows = records()
    equal([x for x in rows if x['kind'] == 'process.hash' and
           x['path'] in want], [], 'they are known')
    runs = [x for x in rows if x['kind'] == 'process.exec' and
            x.get('path') in want]
    equal({(x['path'], x['sha256']) for x in runs}, set(want.items()), 'known')
    gone = [x for x in rows if x.get('path') == '/no/such/program']
    equal({x.get('what') for x in gone if x['kind'] == 'process.exec'},
          {'missing'} if gone else set(), 'what is not there')
    # Another content is another program, at the same path too.
    with open(own, 'ab') as f:
        f.write(b'more')
    os.utime(own, (1, 1))
    r = w.sh(own)
    told = [x for x in records() if x['kind'] == 'process.hash' and
            x['path'] == own]
    equal([x['sha256'] for x in told],
          [hashlib.sha256(open(own, 'rb').read()).hexdigest()], 'changed')
    # One that can be executed and not read has no hash, and that is said.
    os.chmod(own, 0o111)
    if os.getuid() != 0:
        r = w.sh(own)
        told = [x for x in records() if x['kind'] == 'process.hash' and
                x['path'] == own]
        check(told and 'sha256' not in told[0] and told[0]['reason'],
              f'unreadable: {told}')
    os.chmod(own, 0o755)
    # Who asks and who computes do not wait for one another at the end.
    took = []
    for _ in range(5):
        with open(own, 'ab') as f:
            f.write(b'x')
        began = time.monotonic()
        w.run(own)
        took.append(time.monotonic() - began)
    check(min(took) < 0.8 * SLOW, f'seconds of a new program: {took}')


def witnesses(parent):
    return {pid for pid, row in processes().items()
            if row[:2] == (parent, 'bawn:witness')}


def groundsman():
    keeper = w.keeper_pid()
    for pid, row in processes().items():
        if row[:2] == (keeper, 'bawnd:ground'):
            return pid
    return None


def spare():
    """The one that was made ahead, for the next session."""
    def only():
        found = witnesses(groundsman())
        return found.pop() if len(found) == 1 else None
    equal(w.run('true').code, 0, w.log())
    return wait_for('a spare witness', 5, only)


LOOP = ['sh', '-c', 'echo ready; while :; do echo x > f; done']


def started_on_spare():
    level('writes')
    pid = spare()
    p = w.popen(LOOP)
    equal(p.stdout.readline(), b'ready\n', 'it runs')
    return p, pid


def started_on_its_own():
    """Nobody makes anything ahead: it is the supervisor's."""
    level('writes')
    spare()
    os.kill(groundsman(), signal.SIGKILL)
    wait_for('its end', 5, lambda: not groundsman())
    equal(w.run('true').code, 0, w.log())  # takes what was there
    p = w.popen(LOOP)
    equal(p.stdout.readline(), b'ready\n', 'it runs')
    found = witnesses(p.pid)
    equal(len(found), 1, 'its own')
    return p, found.pop()


def ends_with_it(p, pid):
    os.kill(pid, signal.SIGKILL)
    out, err = p.communicate(timeout=10 * SLOW)
    equal(p.returncode, 125, err)
    contains(err.decode(), 'witness', 'why')
    last = records()[-1]
    equal(last['kind'], 'session.close', 'closed')
    contains(last['reason'], 'witness', 'and says so')
    equal(w.bawn('ledger', 'verify').code, 0, 'the ledger')


@test('when the witness dies, the session ends')
def dies():
    ends_with_it(*started_on_spare())


@test('also when it was forked for this session (it dies)')
def own_dies():
    ends_with_it(*started_on_its_own())
    w.stop_daemon()


@test('one that died before it knew of a session is replaced')
def spare_dies():
    level('writes')
    pid = spare()
    os.kill(pid, signal.SIGKILL)
    wait_for('its end', 3, lambda: not alive(pid))
    r = w.run('sh', '-c', 'echo x > replaced')
    equal(r.code, 0, f'{r} {w.log()}')
    equal(total(records(), kind='file.create',
                path=w.project + '/replaced'), 1, 'and sees')


@test('when the supervisor dies, the witness ends')
def supervisor_dies():
    for start in (started_on_spare, started_on_its_own):
        p, pid = start()
        p.kill()
        p.wait()
        p.stdout.close()
        wait_for('its end', 3, lambda pid=pid: not alive(pid))
    w.stop_daemon()


@test('when its daemon ends, a spare does')
def daemon_ends():
    level('writes')
    pid = spare()
    w.stop_daemon()
    wait_for('its end', 3, lambda: not alive(pid))


@test('what was only counted is told within moments')
def counted():
    level('all')
    p = w.popen(['sh', '-c', 'while :; do : < /etc/hostname; done'])

    def seen():
        # The jail has a hostname of its own, or none; the call counts.
        return total(records(), kind='file.open', path='/etc/hostname')
    first = wait_for('the first', 5, seen)
    wait_for('more of them', 5, lambda: seen() > first + 100)
    p.terminate()
    p.communicate(timeout=10 * SLOW)


@test('a ledger that is slow makes the session wait, and loses nothing')
def slow():
    level('writes')
    w.run('true')
    with open(w.state + '/lock') as f:
        daemon = json.load(f)['pid']
    scribe = [int(x) for x in subprocess.run(
        ['pgrep', '-P', str(daemon), '-f', 'scribe'], capture_output=True,
        text=True).stdout.split()]
    if not scribe:
        scribe = [pid for pid in children(daemon) if
                  comm(pid).endswith('scribe')]
    check(scribe, 'a scribe')
    where = w.project + '/slow'
    os.mkdir(where)
    p = w.popen([program('dynamic'), 'files', '4000', where])
    wait_for('work', 5, lambda: len(os.listdir(where)) > 0 or
             p.poll() is not None)
    os.kill(scribe[0], signal.SIGSTOP)
    try:
        time.sleep(1.5 * SLOW)
        check(p.poll() is None, 'it waits')
    finally:
        os.kill(scribe[0], signal.SIGCONT)
    out, err = p.communicate(timeout=60 * SLOW)
    equal(p.returncode, 0, err)
    mine = [x for x in records() if
            str(x.get('path', '')).startswith(where + '/')]
    for what, want, got in files_add_up(mine, 4000, False):
        equal(got, want, what)
    end = [x for x in records() if x['kind'] == 'session.close'][-1]
    check(end.get('ledger_ms', 0) >= 500, 'how long: %s' % end)
    r = w.bawn('show', end['session'])
    check('waiting for the ledger' in r.out, r.out)


def comm(pid):
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip()
    except OSError:
        return ''


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            return [int(x) for x in f.read().split()]
    except OSError:
        return []


# What the kernel takes and a hasty reader does not: run in the jail.
ODD = r'''
import ctypes, mmap, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long]
RW, W = 3, 2
os.close(os.open('/', os.O_RDONLY | os.O_DIRECTORY))
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(('127.0.0.1', 5511))
there.settimeout(5)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
page = libc.mmap(None, 8192, RW, 0x22, -1, 0)
name = struct.pack('=H2s4s8x', socket.AF_INET, struct.pack('!H', 5511),
                   bytes([127, 0, 0, 1]))
data = ctypes.create_string_buffer(b'hello')
iov = struct.pack('PN', ctypes.addressof(data), 5)
head = struct.pack('PIPNPNi', page + 256, 16, page + 512, 1, 0, 0, 0)
for n in (1, 2):  # once whole, once as the last bytes before nothing
    at = page if n == 1 else page + 4096 - 56
    ctypes.memmove(page + 256, name, 16)
    ctypes.memmove(page + 512, iov, 16)
    ctypes.memmove(at, head.ljust(56, b'\0'), 56)
    if n == 2:
        libc.munmap(ctypes.c_void_p(page + 4096), 4096)
    libc.mprotect(ctypes.c_void_p(page), 4096, W)
    if n == 1:
        libc.sendmsg(s.fileno(), ctypes.c_void_p(at), 0)
    else:
        libc.sendmmsg(s.fileno(), ctypes.c_void_p(at), 1, 0)
    assert there.recv(16) == b'hello'
    libc.mprotect(ctypes.c_void_p(page), 4096, RW)
unspec = ctypes.create_string_buffer(b'\0\0' + name[2:])
libc.sendto(s.fileno(), data, 5, 0, unspec, 16)
assert there.recv(16) == b'hello'
os.execv('/proc/self/exe', ['python3', '-c', 'pass'])
'''


@test('what the kernel takes and a hasty reader does not')
def odd():
    level('all')
    w.run('python3', '-c', 'pass')  # its hash is known from here on
    r = w.run('python3', '-c', ODD)
    equal(r.code, 0, r.err)
    rows = records()
    equal(total(rows, kind='net.send', addr='127.0.0.1', port=5511), 3,
          'datagrams')
    equal(total(rows, kind='file.create', path='/'), 0, 'made a directory')
    check(total(rows, kind='file.open', path='/', access='read') >= 1, 'read')
    again = [x for x in rows if x['kind'] == 'process.exec' and
             x.get('path') == '/proc/self/exe']
    equal(len(again), 1, 'itself again')
    check(again[0].get('sha256') and 'what' not in again[0], f'{again}')


INNER = r'''
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(444, None, 0, 1) > 0:  # landlock_create_ruleset: its version
    print('has Landlock')
print(errno.errorcode.get(ctypes.get_errno()))
'''


@test('exact: no domain of its own for a program, since an opener is not in it')
def inner():
    for files, want in (('all', 'has Landlock'), ('exact', 'ENOTSUP')):
        level(files)
        r = w.run('python3', '-c', INNER)
        equal(r.code, 0, r.err)
        contains(r.out, want, files)


main()
