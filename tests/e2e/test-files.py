#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a session can read and write, and what it cannot."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading

from harness import (AS_ROOT, SLOW, World, check, contains, equal, main, skip,
                     test, wait_for)

w = World()


@test('writes in the project reach the host')
def write_inside():
    r = w.sh('mkdir -p d && echo text > d/f && mv d/f d/g && ln -s g d/l && '
             'chmod 600 d/g && rm -f d/none')
    equal(r.code, 0, f'{r}')
    equal(open(w.project + '/d/l').read(), 'text\n', 'content')


@test('writes outside are refused', 30)
def write_outside():
    outside = w.top + '/outside'
    os.mkdir(outside)
    os.chmod(outside, 0o777)
    for path in ('/etc/bawn-test', '/usr/bawn-test', '/bawn-test',
                 outside + '/x', '/var/tmp/bawn-test-x', '/opt/bawn-test'):
        w.sh(f'mkdir -p $(dirname {path}); echo x > {path}')
        check(not os.path.exists(path), f'{path} was written on the host')
    for path in ('/etc/bawn-test', '/usr/bawn-test'):
        check(w.sh(f'echo x > {path}').code != 0, f'{path}: no refusal')
    check(w.sh('rm -rf /usr/bin/env /etc/hostname').code != 0, 'rm -rf')
    check(os.path.exists('/usr/bin/env'), 'rm -rf reached the host')


@test('~/.ssh and what else is in the home do not exist')
def home_is_private():
    w.write(w.home + '/.aws/credentials', 'secret\n')
    w.write(w.home + '/other-project/code.c', 'int x;\n')
    for path in ('.ssh/id_secret', '.aws/credentials', 'other-project/code.c'):
        r = w.sh(f'cat ~/{path}')
        check(r.code != 0 and 'secret' not in r.out.lower(), f'{path}: {r}')
        contains(r.err, 'No such file', path)


@test('the rest of the disk does not exist')
def rest_of_disk():
    r = w.sh('ls /root /home /mnt /srv /boot /sys/firmware /var/log 2>&1; '
             'find / -xdev -name id_secret 2>/dev/null')
    check('id_secret' not in r.out, f'found: {r.out}')
    w.write(w.top + '/neighbour', 'secret neighbour\n')
    check('secret' not in w.sh(f'cat {w.top}/neighbour').out, 'neighbour')


@test('.env is hidden, in subdirectories too')
def dotenv():
    w.write('.env', 'TOKEN=very-secret\n')
    w.write('sub/dir/.env.production', 'TOKEN=very-secret\n')
    w.write('sub/environment', 'public\n')
    r = w.sh('cat .env sub/dir/.env.production; cat sub/environment; '
             'grep -r very-secret . ; cp .env copy; cat copy')
    check('very-secret' not in r.out, f'the secret was read: {r.out}')
    contains(r.out, 'public', 'a name that only begins alike')


@test('a hidden file cannot be reached by other ways')
def dotenv_ways():
    w.write('.env', 'TOKEN=very-secret\n')
    script = ('cat /proc/self/cwd/.env; cat /proc/1/root$PWD/.env; '
              'ln .env hard; cat hard; ln -s .env soft; cat soft; '
              'mv .env moved; cat moved; rm -f .env; cat .env; '
              'umount .env; cat .env; tar cf - . | grep -a very-secret')
    r = w.sh(script)
    check('very-secret' not in r.out, f'the secret was read: {r.out}')
    equal(open(w.project + '/.env').read(), 'TOKEN=very-secret\n',
          'the file on the host')


@test('a .env that appears later is covered within 100 ms, and recorded')
def dotenv_later():
    p = w.popen(['sh', '-c', 'echo ready; read go; cat later/.env'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    w.write('later/.env', 'TOKEN=very-secret\n')
    told = wait_for('a file.hide record', 5, lambda: w.having('file.hide'))
    check(told[0]['ms'] <= 100 * SLOW, f'{told}')
    out, _ = p.communicate(b'go\n', timeout=20)
    check(b'very-secret' not in out, 'the secret was read')


@test("an editor's atomic save does not uncover it")
def dotenv_saved():
    w.write('saved/.env', 'TOKEN=first-secret\n')
    p = w.popen(['sh', '-c', 'echo ready; read go; cat saved/.env'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    w.write('saved/.env.tmp~', 'TOKEN=second-secret\n')
    os.rename(w.project + '/saved/.env.tmp~', w.project + '/saved/.env')
    wait_for('it is covered again', 5, lambda: w.having('file.hide'))
    out, _ = p.communicate(b'go\n', timeout=20)
    check(b'secret' not in out, f'the secret was read: {out}')


@test('hide, read and write of the policy')
def policy_files():
    w.write(w.top + '/data/table', 'rows\n')
    w.write(w.top + '/drop/.keep', '')
    w.write('notes/private.txt', 'private words\n')
    w.policy('version: 1\nfiles:\n'
             f'  read: [/usr, /etc, /opt, {w.top}/data]\n'
             f'  write: [., {w.top}/drop]\n'
             '  hide: ["**/private.txt"]\n')
    r = w.sh(f'cat {w.top}/data/table; cat notes/private.txt; '
             f'echo x > {w.top}/data/new; echo x > {w.top}/drop/new')
    w.policy('version: 1\n')
    contains(r.out, 'rows', 'files.read')
    check('private words' not in r.out, 'files.hide')
    check(not os.path.exists(w.top + '/data/new'), 'files.read was written')
    check(os.path.exists(w.top + '/drop/new'), f'files.write: {r}')


@test('what is hidden by its place cannot be led away for the next session')
def hidden_place():
    w.write('conf/here.txt', 'private words\n')
    w.write('conf/deep/er/a.key', 'private words\n')
    w.write('free/x.key', 'private words\n')
    w.policy('version: 1\nfiles:\n  read: [/usr, /etc, /opt]\n  write: [.]\n'
             '  hide: [conf/here.txt, "conf/*/er/*.key", "**/x.key"]\n')
    r = w.sh('for d in conf conf/deep conf/deep/er free; do mv $d $d.moved; done; '
             'mkdir made; echo y > made/y; mv made conf/other && '
             'mv conf/other/y conf/y && rm -r conf/y conf/other && echo worked')
    for d in ('conf', 'conf/deep', 'conf/deep/er'):
        contains(r.err, f"cannot move '{d}' to '{d}.moved': Device or resource busy",
                 'a directory above')
        check(os.path.isdir(f'{w.project}/{d}'), f'{d} is gone')
    # Hidden wherever it is: it may go.
    check(os.path.exists(w.project + '/free.moved/x.key'), 'free was not moved')
    equal(r.out, 'worked\n', 'ordinary work beside it')
    r = w.sh('grep -r private conf free.moved; :')
    w.policy('version: 1\n')
    check('private words' not in r.out, f'a later session reads: {r}')


@test('a symlink out of the project leads nowhere')
def symlink_out():
    link = w.project + '/link'
    os.symlink(w.home + '/.ssh/id_secret', link)
    r = w.run('cat', 'link')
    os.unlink(link)
    check(r.code != 0 and 'SECRET' not in r.out, f'{r}')


@test('git worktree: the common directory is writable, commits work')
def worktree():
    main_tree = w.home + '/main-tree'
    for cmd in (['git', 'init', '-q', '-b', 'main', main_tree],
                ['git', '-C', main_tree, 'commit', '-q', '--allow-empty',
                 '-m', 'root'],
                ['git', '-C', main_tree, 'worktree', 'add', '-q',
                 w.home + '/wt', '-b', 'side']):
        equal(w.call(cmd).code, 0, f'{cmd}')
    r = w.run('sh', '-c', 'git commit -q --allow-empty -m inside && '
              'git log --format=%s -1', cwd=w.home + '/wt')
    equal((r.code, r.out), (0, 'inside\n'), f'{r}')


@test('/proc and /dev are the minimum')
def proc_and_dev():
    r = w.sh('for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern '
             '/proc/sys/vm/drop_caches; do (echo x > $f) 2>/dev/null && '
             'echo written $f; done; head -c 1 /proc/kcore 2>/dev/null && '
             'echo kcore; ls /dev')
    check('written' not in r.out and 'kcore' not in r.out, r.out)
    names = set(r.out.split())
    check({'null', 'zero', 'urandom', 'tty'} <= names, f'/dev: {names}')
    check(not names & {'mem', 'kmsg', 'fuse', 'kvm', 'vda', 'sda'},
          f'/dev: {names}')


@test('host sockets in the project are covered')
def host_sockets():
    path = w.project + '/host.sock'
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    r = w.run('/usr/bin/python3', '-c', 'import socket; '
              's = socket.socket(socket.AF_UNIX); s.connect("host.sock"); '
              'print("connected")')
    s.close()
    os.unlink(path)
    check('connected' not in r.out, f'{r}')


CONNECT = '''
import socket, sys
def knock(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        return s.recv(20).decode()
    except OSError as e:
        return e.strerror
print("ready", flush=True)
for line in sys.stdin:
    print(knock(line.strip()), flush=True)
'''


class Host:
    """A server of the host at a path of the project."""

    def __init__(self, path, listen=True):
        self.path = path
        self.s = socket.socket(socket.AF_UNIX)
        with contextlib.chdir(os.path.dirname(path)):  # no path of the whole
            self.s.bind(os.path.basename(path))
        if listen:
            self.listen()

    def listen(self):
        self.s.listen(4)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.s.accept()[0].sendall(b'host')

    def close(self):
        self.s.close()
        os.unlink(self.path)


def hidden():
    return {os.path.relpath(x['path'], w.project)
            for x in w.having('file.hide')}


@test('host sockets that appear later are covered within 100 ms, and recorded')
def late_host_sockets():
    for policy in ('', 'files:\n  read: [/usr, /etc]\n  write: [.]\n'):
        w.policy('version: 1\n' + policy)
        os.makedirs(w.project + '/run', exist_ok=True)
        p = w.popen(['/usr/bin/python3', '-c', CONNECT], stdin=subprocess.PIPE)
        equal(p.stdout.readline(), b'ready\n', 'start')
        os.makedirs(w.project + '/run/new')
        hosts = [Host(w.project + '/late'), Host(w.project + '/run/late'),
                 Host(w.project + '/run/new/late'),
                 Host(w.project + '/quiet', listen=False)]
        os.rename(hosts[0].path, w.project + '/moved')
        hosts[0].path = w.project + '/moved'
        late = {'moved', 'run/late', 'run/new/late', 'quiet'}
        wait_for('all are covered', 5, lambda: late <= hidden())
        hosts[3].listen()
        said, _ = p.communicate(b'moved\nrun/late\nrun/new/late\nquiet\n',
                                timeout=20)
        equal(said, b'Permission denied\n' * 4, 'what the session reached')
        for h in hosts:
            h.close()
        told = w.having('file.hide')
        # 'late' too, if it was seen before it moved.
        equal(hidden() - {'late'}, late, f'{told}')
        check(all(x['ms'] <= 100 * SLOW for x in told), f'{told}')
        shutil.rmtree(w.project + '/run')
    w.policy('version: 1\n')


SERVE = '''
import os, socket, sys, time
for i, name in enumerate(('own', 'late-own')):
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    if i:
        time.sleep(0.3)
        os.rename(name, name + "-moved")
        name += "-moved"
    s.listen(1)
    time.sleep(0.3)
    c = socket.socket(socket.AF_UNIX)
    c.connect(name)
    s.settimeout(5)
    a, _ = s.accept()
    a.sendall(b"own")
    print(c.recv(9).decode())
    s.settimeout(0)
    try:
        s.accept()
        print("somebody else knocked")
    except BlockingIOError:
        pass
    s.close()
    time.sleep(0.2)
    os.unlink(name)
'''


@test("the session's own sockets are left alone")
def own_sockets():
    r = w.run('/usr/bin/python3', '-c', SERVE)
    equal((r.code, r.out), (0, 'own\nown\n'), f'{r}')
    equal(w.having('file.hide'), [], 'records')
    # More than can wait at once, dead and alive.
    r = w.run('/usr/bin/python3', '-c', 'import os, socket, time\nkeep = []\n'
              'for i in range(600):\n'
              '    s = socket.socket(socket.AF_UNIX)\n'
              '    s.bind(f"many{i}")\n'
              '    keep.append(s if i % 3 else s.close())\n'
              'time.sleep(0.3)\n'
              'for i in range(600): os.unlink(f"many{i}")\n', timeout=60)
    equal((r.code, r.err), (0, ''), f'{r}')
    equal(w.having('file.hide'), [], 'records')


@test('changes by the host are seen at once')
def shared_view():
    p = w.popen(['sh', '-c', 'echo ready; read go; cat fresh'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    w.write('fresh', 'from the host\n')
    out, _ = p.communicate(b'go\n', timeout=20)
    equal(out, b'from the host\n', 'content')
    p = w.popen(['sh', '-c', 'echo inside > out-now; echo ready; read go'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    wait_for('the file', 1, lambda: os.path.exists(w.project + '/out-now'))
    p.communicate(b'go\n', timeout=20)


@test('as root, on a file system that maps no ids')
def no_id_maps():
    if not AS_ROOT:
        skip('only for root')
    where = w.top + '/ramfs'
    os.mkdir(where)
    if subprocess.run(['mount', '-t', 'ramfs', 'ramfs', where],
                      stderr=subprocess.DEVNULL).returncode != 0:
        skip('kernel without ramfs, or no mounts here')
    try:
        for name, owner in (('theirs', 4321), ('roots', 0)):
            os.mkdir(f'{where}/{name}')
            os.chown(f'{where}/{name}', owner, owner)
        r = w.call(w.argv(['touch', 'made']), cwd=where + '/theirs')
        equal(r.code, 0, f'{r}')
        equal(os.stat(where + '/theirs/made').st_uid, 4321, 'owner')
        r = w.call(w.argv(['touch', 'made']), cwd=where + '/roots')
        equal(r.code, 125, f'{r}')
        contains(r.err, 'maps no ids', 'the remedy')
        check(not os.path.exists(where + '/roots/made'), 'made all the same')
    finally:
        subprocess.run(['umount', where], check=True)


main()
