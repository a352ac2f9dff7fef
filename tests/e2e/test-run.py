#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bawn run: exit codes, signals, argv, environment, pipes, two at once."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

from harness import (AS_ROOT, SANITIZED, World, check, contains, equal,
                     main, mark, mounts_below, test, wait_for, with_mark)

w = World()


@test('a command runs and its output comes out')
def hello():
    r = w.run('echo', 'hello', 'yard')
    equal((r.code, r.out), (0, 'hello yard\n'), 'echo')
    equal(r.err, '', 'nothing on stderr')


@test('every exit code from 0 to 255 comes through', 240)
def exit_codes():
    step = 7 if SANITIZED else 1
    for code in [*range(0, 256, step), 125, 126, 127, 255]:
        equal(w.run('sh', '-c', f'exit {code}').code, code, 'exit code')


@test('death by signal n is 128+n')
def signals():
    for sig in ('HUP', 'INT', 'QUIT', 'ABRT', 'KILL', 'SEGV', 'PIPE', 'TERM',
                'USR1'):
        want = 128 + signal.Signals['SIG' + sig].value
        equal(w.sh(f'kill -{sig} $$').code, want, sig)


@test('a command that is not there is 127, one that cannot run 126')
def not_found():
    equal(w.run('no-such-command').code, 127, 'not on the PATH')
    equal(w.run('./no-such-file').code, 127, 'no such file')
    w.write('plain', 'text\n')
    equal(w.run('./plain').code, 126, 'not executable')
    w.write('broken', '#!/no/such/interpreter\n', 0o755)
    check(w.run('./broken').code in (126, 127), 'a missing interpreter')


@test('our own failure before the command is 125, in one line')
def own_failure():
    r = w.call([*w.argv(['true'])[:2], '--policy', '/no/such/policy', '--',
                'true'])
    equal(r.code, 125, 'a policy that is not there')
    equal(r.err.count('\n'), 1, f'one line: {r.err!r}')
    contains(r.err, '/no/such/policy', 'the line names the file')
    w.policy('version: 1\nnetwrok: {}\n')
    r = w.run('true')
    w.policy('version: 1\n')
    equal(r.code, 125, 'a policy that is wrong')
    contains(r.err, ':2:', 'the line of the mistake')
    contains(r.err, 'network', 'the nearest key')


@test('usage mistakes are 64')
def usage():
    equal(w.bawn('run', '--no-such-option', '--', 'true').code, 64, 'option')
    equal(w.bawn('run').code, 64, 'no command')
    equal(w.bawn('no-such-verb').code, 64, 'verb')
    equal(w.bawn('--help').code, 0, '--help')
    equal(w.bawn('run', '--help').code, 0, 'run --help')


@test('arguments arrive as they are')
def arguments():
    odd = ['', ' ', 'a b', '"', "'", '\\', '$HOME', '*', '-x', '--', 'é\n',
           'x' * 100000]
    r = w.run('/usr/bin/python3', '-c',
              'import sys, json; print(json.dumps(sys.argv[1:]))', *odd)
    equal(r.code, 0, f'exit code: {r.err}')
    equal(json.loads(r.out), odd, 'argv')


@test('the environment is an allow-list')
def environment():
    env = {'AWS_SECRET_ACCESS_KEY': 'x', 'GITHUB_TOKEN': 'y', 'FOO': 'z',
           'LANG': 'C.UTF-8', 'TZ': 'UTC', 'LD_PRELOAD_X': '1',
           'ANTHROPIC_API_KEY': 'k'}
    r = w.run('env', env=env)
    seen = dict(x.split('=', 1) for x in r.out.splitlines() if '=' in x)
    for name in ('AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'FOO',
                 'ANTHROPIC_API_KEY'):
        check(name not in seen, f'{name} is inside')
    equal(seen.get('LANG'), 'C.UTF-8', 'LANG')
    equal(seen.get('TZ'), 'UTC', 'TZ')
    equal(seen.get('HOME'), w.home, 'HOME')
    equal(seen.get('TERM'), 'xterm', 'TERM')


@test('-e, env.pass and env.set add to it')
def environment_policy():
    w.policy('version: 1\nenv:\n  pass: [FOO, "BAR_*"]\n'
             '  set: {CI: "1"}\n')
    r = w.run('env', options=['-e', 'KEY=a=b'],
              env={'FOO': 'f', 'BAR_X': 'x', 'BAZ': 'no'})
    w.policy('version: 1\n')
    seen = r.out.splitlines()
    for line in ('FOO=f', 'BAR_X=x', 'CI=1', 'KEY=a=b'):
        check(line in seen, f'{line} is missing: {r}')
    check('BAZ=no' not in seen, 'BAZ is inside')


@test('no environment of the host in /proc/1/environ')
def init_environment():
    r = w.run('cat', '/proc/1/environ', env={'GITHUB_TOKEN': 'hidden-token'})
    check('hidden-token' not in r.out, 'the token is in pid 1')


@test('100 MB through stdin and stdout, byte for byte', 120)
def pipes():
    size = (10 if SANITIZED else 100) << 20
    block = hashlib.sha256(b'bawn').digest() * 32768
    data = (block * (size // len(block) + 1))[:size]
    r = w.run('cat', stdin=data, timeout=100)
    equal(r.code, 0, f'exit code: {r.err}')
    equal(len(r.raw), size, 'bytes')
    equal(hashlib.sha256(r.raw).digest(), hashlib.sha256(data).digest(),
          'content')


@test('files as stdin and stdout, and the end of stdin')
def redirected():
    src, dst = w.write('in.bin', os.urandom(1 << 20)), w.project + '/out.bin'
    with open(src, 'rb') as i, open(dst, 'wb') as o:
        p = w.popen(['cat'], stdin=i, stdout=o)
        equal(p.wait(30), 0, 'exit code')
    with open(src, 'rb') as a, open(dst, 'rb') as b:
        check(a.read() == b.read(), 'the copy differs')
    equal(w.run('cat').out, '', 'cat ends at an empty stdin')


@test('stdin from a slow writer arrives at once')
def interactive_pipe():
    p = w.popen(['sh', '-c', 'while read x; do echo "<$x>"; done'],
                stdin=subprocess.PIPE)
    for word in (b'one', b'two'):
        p.stdin.write(word + b'\n')
        p.stdin.flush()
        equal(p.stdout.readline(), b'<' + word + b'>\n', 'the answer')
    p.stdin.close()
    equal(p.wait(10), 0, 'exit code')


@test('a reader that goes away ends the writer')
def broken_pipe():
    p = w.popen(['yes'])
    p.stdout.read(10)
    p.stdout.close()
    code = p.wait(10)
    check(code in (141, 1), f'exit code {code}')


@test('SIGTERM to bawn ends the command and all its children')
def terminate():
    sleep = mark(98711)
    p = w.popen(['sh', '-c', f'sleep {sleep} & sleep {sleep}'])
    wait_for('the command', 10, lambda: len(with_mark(f'sleep {sleep}')) >= 2)
    p.send_signal(signal.SIGTERM)
    equal(p.wait(10), 143, 'exit code')
    wait_for('no process left', 2, lambda: not with_mark(f'sleep {sleep}'))


@test('background children end with the command')
def background():
    sleep = mark(98712)
    r = w.sh(f'setsid sleep {sleep} >/dev/null 2>&1 & echo started')
    equal((r.code, r.out), (0, 'started\n'), 'exit')
    wait_for('no process left', 2, lambda: not with_mark(f'sleep {sleep}'))


@test('the project is the working directory, a subdirectory too')
def directory():
    equal(w.run('pwd').out, w.project + '\n', 'pwd')
    os.makedirs(w.project + '/a/b', exist_ok=True)
    equal(w.run('pwd', cwd=w.project + '/a/b').out, w.project + '/a/b\n',
          'pwd of a subdirectory')


@test('inside: not uid 0, no capability, pid namespace of its own')
def identity():
    r = w.sh('id -u; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" '
             '/proc/self/status; ls /proc | grep -c "^[0-9]"')
    lines = r.out.split('\n')
    check(lines[0] != '0', 'uid 0 inside')
    contains(r.out, 'CapEff:\t0000000000000000', 'capabilities')
    contains(r.out, 'NoNewPrivs:\t1', 'no_new_privs')
    contains(r.out, 'Seccomp:\t2', 'seccomp')
    check(int(lines[-2]) < 10, f'too many processes seen: {r.out}')


@test('no descriptor beyond the three is inherited')
def descriptors():
    with open('/etc/passwd') as f:
        os.set_inheritable(f.fileno(), True)
        p = w.popen(['sh', '-c', 'ls /proc/self/fd'], pass_fds=[f.fileno()])
        out, _ = p.communicate(timeout=20)
    check(set(out.split()) <= {b'0', b'1', b'2', b'3'}, f'fds: {out}')


@test('no directory, and no mere name of a file, is a stream')
def streams():
    # What a directory as a stream would be good for: the jail has no such path.
    script = f'chmod 777 /proc/self/fd/0{w.home}; ls -l /proc/self/fd/0/'
    mode = os.stat(w.home).st_mode
    words = {'stdin': 'input', 'stdout': 'output'}
    for fd in (os.open('/', os.O_RDONLY | os.O_DIRECTORY),
               os.open('/', os.O_PATH), os.open('/dev/null', os.O_PATH),
               os.eventfd(0), os.pidfd_open(os.getpid())):
        for name in ('stdin', 'stdout', 'stderr'):
            p = w.popen(['sh', '-c', script], **{name: fd})
            out, err = p.communicate(timeout=30)
            equal((p.returncode, out or b''), (125, b''), f'{name}: {err}')
            if name != 'stderr':
                contains(err.decode(), f'bawn: standard {words[name]} is a ',
                         'why')
        os.close(fd)
    equal(os.stat(w.home).st_mode, mode, 'the mode of the home directory')
    a, b = socket.socketpair()
    for fd in (a.fileno(), os.open('/dev/null', os.O_RDONLY),
               os.open(w.write('in', 'x'), os.O_RDONLY)):
        p = w.popen(['true'], stdin=fd)
        equal((p.wait(30), p.communicate()[1]), (0, b''), 'what may be one')
    b.close()


@test('two sessions at once in one project')
def two():
    meet = ('echo %s; n=0; until [ -s %s ] || [ $n = 300 ]; do sleep 0.05; '
            'n=$((n+1)); done; cat %s')
    a = w.popen(['sh', '-c', meet % ('a > one', 'two', 'two')])
    b = w.popen(['sh', '-c', meet % ('b > two', 'one', 'one')])
    equal(a.communicate(timeout=20)[0], b'b\n', 'the first')
    equal(b.communicate(timeout=20)[0], b'a\n', 'the second')
    equal((a.returncode, b.returncode), (0, 0), 'exit codes')


@test('twenty sessions at once all come through', 120)
def twenty():
    codes = {}

    def one(n):
        codes[n] = w.run('sh', '-c', f'exit {n}', timeout=60).code

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(codes, {n: n for n in range(20)}, 'exit codes')


@test('run --plan prints JSON and starts nothing')
def plan():
    r = w.run('touch', 'planned', options=['--plan'])
    equal(r.code, 0, f'exit code: {r.err}')
    got = json.loads(r.out)
    check(isinstance(got, dict) and got, 'an object')
    check(not os.path.exists(w.project + '/planned'), 'the command ran')


@test('nothing stays: no mount, no stub in the project')
def nothing_left():
    before = sorted(os.listdir(w.project))
    w.run('true')
    equal(sorted(os.listdir(w.project)), before, 'the project')
    equal(mounts_below(w.top), [], 'mounts')


@test('what root writes belongs to the owner of the project')
def owner():
    w.sh('echo x > made-inside; mkdir -p made-dir')
    made, top = os.stat(w.project + '/made-inside'), os.stat(w.project)
    equal((made.st_uid, made.st_gid), (top.st_uid, top.st_gid), 'owner')
    if AS_ROOT:
        check(w.sh('chmod 4755 made-inside').code != 0, 'setuid was allowed')
        equal(os.stat(w.project + '/made-inside').st_mode & 0o6000, 0, 'mode')


@test('a usual day: edit, build, test, commit', 60)
def usual_day():
    w.write('day/hello.c', '#include <stdio.h>\nint main(void)'
            '{puts("built");return 0;}\n')
    w.write('day/Makefile', 'hello: hello.c\n\tcc -o hello hello.c\n')
    # What changed in the clock's tick of the start counts as changed by it.
    tick = time.clock_gettime(5)  # CLOCK_REALTIME_COARSE
    wait_for('the next tick', 1, lambda: time.clock_gettime(5) > tick)
    r = w.run('sh', '-ec', 'cd day; git init -q . && make -s && ./hello && '
              'git add . && git commit -q -m first && git log --format=%an')
    equal((r.code, r.out), (0, 'built\nTest User\n'), f'{r}')
    told = r.err.strip().split('\n')
    check(len(told) == 2 and 'outside the session later' in told[0] and
          'created day/.git (' in told[1], f'no more on stderr: {r.err}')
    equal([x for x in w.records() if x['verdict'] == 'deny'], [], 'refusals')


@test('/tmp is private, the private home lasts from session to session')
def private_places():
    name = f'/tmp/bawn-test-{os.getpid()}'
    w.sh(f'echo x > {name}; echo last > ~/.lasting')
    check(not os.path.exists(name), '/tmp is the host\'s')
    check(not os.path.exists(w.home + '/.lasting'), 'home is the host\'s')
    equal(w.sh('cat ~/.lasting').out, 'last\n', 'the home did not last')
    check(w.sh(f'cat {name}').code != 0, '/tmp lasted')


@test('a project under /tmp works')
def under_tmp():
    other = World(base='/tmp')
    r = other.sh('echo in > here; cat here; ls /tmp')
    equal((r.code, r.out.split()[0]), (0, 'in'), f'{r}')
    equal(open(other.project + '/here').read(), 'in\n', 'the file')
    other.close()


@test('the session is on the ledger from open to close')
def story():
    began = time.time_ns()
    w.run('sh', '-c', 'exit 3', options=['--task', 'T-9'])
    rows = {r['kind']: r for r in w.records()}
    for kind in ('session.open', 'session.start', 'session.close'):
        check(kind in rows, f'no {kind} in {sorted(rows)}')
    opened, closed = rows['session.open'], rows['session.close']
    equal(closed['code'], 3, 'code')
    equal(opened['task'], 'T-9', 'task')
    equal(opened['cwd'], w.project, 'cwd')
    contains(opened['argv'], 'exit 3', 'argv')
    check(abs(opened['at'] - began) < 60e9, 'time')
    check(len(opened['policy']) == 64, 'policy hash')
    w.verify()


main()
