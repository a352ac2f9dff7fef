#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trees that somebody made to hurt: odd things in place of the files that set-up
reads, names that are no text, more and deeper than anybody needs.  It works, or
one line says why not; nothing hangs, and nothing is made on the host."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import (AS_ROOT, SLOW, World, check, contains, equal,
                     main, skip, test, wait_for, with_mark)
from hostile import mounts, picture, same

LONG = bool(os.environ.get('BAWN_RACES'))  # make races: all, not a sample

w = World()


def clear(r, *parts):
    """It worked, or one line says why not; soon in any case."""
    check(r.seconds < 8 * SLOW, f'it took {r.seconds:.1f} s: {r}')
    clean_text(r.err)
    if r.code == 0:
        return True
    equal(r.code, 125, f'{r}')
    equal(len(r.err.splitlines()), 1, f'lines of {r}')
    check(r.err.startswith('bawn: '), f'{r}')
    for part in parts:
        contains(r.err, part, 'the line')
    return False


BIDI = ''.join(map(chr, [0x61c, 0x200e, 0x200f, *range(0x202a, 0x202f),
                         *range(0x2066, 0x206a)]))


def clean_text(text):
    """Nothing in it moves a cursor, or looks like more lines than it is."""
    bad = [c for c in text if (c < ' ' and c != '\n') or '\x7f' <= c <= '\x9f'
           or c in BIDI]
    check(not bad, f'control characters {bad!r} in {text!r}')


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


# ---- odd things in place of files ----

def put_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        fd = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        s.bind(f'/proc/self/fd/{fd}/{os.path.basename(path)}')
        os.close(fd)


def put_sparse(path):
    with open(path, 'wb') as f:
        f.truncate(10 << 30)


def put_bytes(path):
    with open(path, 'wb') as f:
        f.write(bytes(random.Random(path).randbytes(5000)) + b'\0\xff\n' * 99)


def put_closed(path):
    w.write(path, 'version: 1\n', 0)


class Grow:
    """A file that grows as long as it is looked at."""

    def __init__(self, path):
        self.over = threading.Event()
        self.f = open(path, 'wb', buffering=0)
        self.f.write(b'# more\n' * 1000)
        self.t = threading.Thread(target=self.run)
        self.t.start()

    def run(self):
        while not self.over.wait(0.0005):
            self.f.write(b'# and more\n' * 500)

    def close(self):
        self.over.set()
        self.t.join()
        self.f.close()


KINDS = {
    'a FIFO': os.mkfifo,
    'a socket': put_socket,
    'a directory': os.mkdir,
    'a loop': lambda p: os.symlink(os.path.basename(p), p),
    'a link to nowhere': lambda p: os.symlink('/nowhere/at/all', p),
    'a link to a FIFO': lambda p: os.symlink(w.top + '/fifo', p),
    'a link to /dev/zero': lambda p: os.symlink('/dev/zero', p),
    'a link to /proc/self/mem': lambda p: os.symlink('/proc/self/mem', p),
    '10 GB': put_sparse,
    'bytes': put_bytes,
    'an unreadable file': put_closed,
    'a growing file': Grow,
}
if AS_ROOT:
    KINDS['a device'] = lambda p: os.mknod(p, 0o666 | stat.S_IFCHR,
                                           os.makedev(1, 5))
    KINDS['a device of nobody'] = lambda p: os.mknod(
        p, 0o666 | stat.S_IFBLK, os.makedev(240, 77))


def put(kind, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return KINDS[kind](path)


@contextlib.contextmanager
def instead(kind, path):
    made = put(kind, path)
    try:
        yield
    finally:
        if made:
            made.close()
        remove(path)


# What can hang or fill; the rest is for those that decide something.
BAD = ('a FIFO', 'a socket', 'a directory', 'a loop', 'a link to a FIFO',
       'a link to /dev/zero', '10 GB', 'a growing file')


def runs(paths, must=None, argv=None, kinds=tuple(KINDS)):
    """Sessions with each odd thing at each of @paths; @must: for all of them."""
    if not os.path.lexists(w.top + '/fifo'):
        os.mkfifo(w.top + '/fifo')
    for path in paths:
        if must is not False and not LONG:
            kinds = random.Random(path.replace(w.top, '')).sample(kinds, 3)
        for kind in kinds:
            with instead(kind, path):
                r = w.call(argv or w.argv(['true']), timeout=15)
            if kind == 'an unreadable file' and AS_ROOT:
                continue
            try:
                ok = clear(r)
                check(must is None or ok == must, f'{r}')
            except AssertionError as e:
                raise AssertionError(f'{kind} at {path}: {e}') from None


@test('odd things in place of the policy of a project', 120)
def odd_project_policy():
    runs([w.project + '/.bawn.yaml'], must=False)


@test('odd things in place of the policy of the user', 120)
def odd_user_policy():
    argv = [x for x in w.argv(['true']) if x not in ('--policy', w.policy_path)]
    runs([w.home + '/.config/bawn/policy.yaml'], must=False, argv=argv)
    runs([w.policy_path + '.odd'], must=False,
         argv=[x + '.odd' if x == w.policy_path else x
               for x in w.argv(['true'])])


@test('odd things in place of what git has in a project', 240)
def odd_git():
    runs([w.project + '/.git'])
    for name in ('config', 'HEAD', 'commondir', 'gitdir', 'objects', 'refs',
                 'objects/info/alternates', 'hooks', 'modules'):
        runs([f'{w.project}/.git/{name}'], must=True, kinds=BAD)
    remove(w.project + '/.git')
    runs([w.project + '/.gitmodules', w.project + '/.gitattributes'],
         must=True)


@test('odd things where a worktree has its repository', 240)
def odd_worktree():
    tree = w.home + '/tree'
    for cmd in (['git', 'init', '-q', '-b', 'main', tree],
                ['git', '-C', tree, 'commit', '-q', '--allow-empty', '-m', 'r'],
                ['git', '-C', tree, 'worktree', 'add', '-q', w.home + '/wt',
                 '-b', 'side']):
        equal(w.call(cmd).code, 0, f'{cmd}')
    here = w.project
    w.project = w.home + '/wt'
    try:
        for name in ('gitdir', 'commondir'):
            path = f'{tree}/.git/worktrees/wt/{name}'
            os.rename(path, path + '.keep')
            runs([path])
            os.rename(path + '.keep', path)
        os.rename(tree + '/.git/HEAD', tree + '/HEAD.keep')
        runs([tree + '/.git/HEAD'])
        os.rename(tree + '/HEAD.keep', tree + '/.git/HEAD')
        r = w.sh('git commit -q --allow-empty -m inside && git log -1')
        equal(r.code, 0, f'{r}')
    finally:
        w.project = here
        shutil.rmtree(tree)
        shutil.rmtree(w.home + '/wt')


@test('a .git that another user put above does not widen the project')
def foreign_git():
    if not AS_ROOT:
        skip('only for root')
    top = w.home + '/shared'
    w.write(top + '/theirs', 'text\n')
    w.write(top + '/mine/f', 'f\n')
    w.write(top + '/.git/HEAD', 'ref: refs/heads/main\n')
    sees = ['sh', '-c', 'cat ../theirs; echo x > f']
    equal(w.run(*sees, cwd=top + '/mine').out, 'text\n', 'in a repository of mine')
    os.chown(top + '/.git', 65534, 65534)
    r = w.run(*sees, cwd=top + '/mine')
    equal((r.code, r.out), (0, ''), f'below a .git of others: {r}')
    # Its owner stands in it, and we do what he does.
    os.chown(top + '/mine', 65534, 65534)
    equal(w.run(*sees, cwd=top + '/mine').out, 'text\n', 'his own')
    shutil.rmtree(top)


@test("odd things in place of the clients' files", 400)
def odd_clients():
    os.rename(w.home + '/.gitconfig', w.home + '/.gitconfig.keep')
    for name in ('.gitconfig', '.config/git/config', '.ssh/known_hosts',
                 '.npmrc', '.config/pip/pip.conf', '.pip/pip.conf',
                 '.config/go/env', '.cargo/config.toml', '.gnupg/pubring.kbx',
                 '.local', '.nvm', '.cargo/bin', '.local/lib/python3.11'):
        runs([f'{w.home}/{name}'], must=True, kinds=BAD)
    os.rename(w.home + '/.gitconfig.keep', w.home + '/.gitconfig')


@test("odd things in the project's private home", 240)
def odd_private_home():
    shutil.rmtree(w.state + '/homes')
    equal(w.run('true').code, 0, 'the first session')
    home, = (f'{w.state}/homes/{x}/home' for x in os.listdir(w.state + '/homes'))
    w.write(w.home + '/.ssh/known_hosts', 'a ssh-rsa AAAA\n')
    for name in ('.gitconfig', '.ssh', '.bawn', '.config'):
        remove(f'{home}/{name}')
        runs([f'{home}/{name}'], must=True, kinds=BAD)


@test('odd things with the preset git-hosts', 120)
def odd_git_hosts():
    w.policy('version: 1\nnetwork: {allow: [{preset: git-hosts}]}\n')
    runs([w.project + '/.git/config'])
    w.policy('version: 1\n')
    remove(w.project + '/.git')


# ---- names ----

NAMES = {
    'a new line': b'a\nb', 'control characters': b'\x01\x07\x08\x0b\x7f',
    'a terminal escape': b'\x1b]0;pwned\x07\x1b[2J\x1b[1;31mred',
    'an escape in C1': b'\xc2\x9b31m\x9b31m', 'no UTF-8': b'\xff\xfe\x80x',
    'overlong UTF-8': b'\xc0\xaf\xe0\x80\xaf', 'half a character': b'x\xe2\x82',
    'a surrogate': b'\xed\xa0\x80', 'text turned round': '\u202etxt'.encode(),
    '255 bytes': b'n' * 255, 'a dash': b'-rf', 'two dashes': b'--policy=x',
    'a backslash': b'a\\b\\', 'as mountinfo quotes': b'a\\040b\\012c',
    'a space at the end': b' x ', 'quotes': b'\'"`$(touch x)', 'a format': b'%s%n%d',
    'a pattern': b'[*?{a,b}!]', 'a comment': b'# x: {y: z}', 'a tilde': b'~',
    'deleted': b'gone (deleted)', 'a colon': b'a:b',
}


def out_of(r):
    """All that the user's terminal got from us."""
    clean_text(r.err)
    return r


@test('a project whose name is no text', 300)
def project_names():
    land = os.fsencode(w.home) + b'/names'
    for what, name in NAMES.items():
        p = land + b'/' + name
        os.makedirs(p)
        w.write(os.fsdecode(p + b'/.env'), 'VERY-SECRET\n')
        r = w.run('sh', '-c', 'pwd | head -c -1 >where; cat .env; true', cwd=p)
        out_of(r)
        equal(r.code, 0, f'{what}: {r}')
        check('VERY-SECRET' not in r.out, f'{what}: .env was read')
        with open(p + b'/where', 'rb') as f:
            equal(f.read(), p, what)
        # The ledger's lines stay lines of JSON, and bawn's are clean.
        first = w.records()
        equal(first[0]['kind'], 'session.open', what)
        for argv in (['logs', '@'], ['show', '@'],
                     ['policy', 'why', 'read', '.env'], ['policy', 'show']):
            r = w.bawn(*argv, cwd=p)
            check(r.code in (0, 1), f'{what}: {argv}: {r}')
            clean_text(r.out + r.err)
        for argv in (['run', '--plan', '--json', '--', 'true'],
                     ['show', '--json', '@'],
                     ['policy', 'why', '--json', 'read', '.env']):
            r = w.bawn(*argv, cwd=p)
            check(r.code in (0, 1), f'{what}: {argv}: {r}')
            for line in r.out.splitlines():
                json.loads(line) if line[0] == '{' and line[-1] == '}' else 0
        r = w.bawn('run', '--plan', '--', 'true', cwd=p)
        clean_text(r.out + r.err)
        w.write(os.fsdecode(p + b'/.bawn.yaml'), 'version: 1\nfiles: {hode: 1}')
        clear(w.call(w.argv(['true']), cwd=p))
    shutil.rmtree(land)
    w.verify()


@test('hidden files below names that are no text', 120)
def hidden_names():
    dirs = [os.fsencode(w.project) + b'/in/' + n for n in NAMES.values()]
    for d in dirs:
        w.write(os.fsdecode(d + b'/.env'), 'VERY-SECRET\n')
        w.write(os.fsdecode(d + b'/.env.' + os.path.basename(d)[:200]),
                'VERY-SECRET\n')
    r = out_of(w.sh('exec 2>/dev/null; grep -r VERY-SECRET . ; for d in in/*; do cat "$d"/.env*; '
                    'done; find . -name ".env*" -printf x | wc -c'))
    check('VERY-SECRET' not in r.out, f'read: {r}')
    equal(r.out.split()[-1], str(2 * len(dirs)), 'there, but blank')
    # One that comes later is on the record, whatever its name.
    p = w.popen(['sh', '-c', 'exec 2>&-; echo ready; read go; '
                 'cat in/*/.env.late*'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    late = [d + b'/.env.late' + os.path.basename(d)[:100] for d in dirs]
    for path in late:
        w.write(os.fsdecode(path), 'VERY-SECRET\n')
    wait_for('all are covered', 5, lambda: len(
        {r['path'] for r in w.having('file.hide')}) >= len(late))
    out, err = p.communicate(b'go\n', timeout=20)
    clean_text(err.decode('utf-8', 'replace'))
    check(b'VERY-SECRET' not in out, f'read: {out}')
    equal(len({r['path'] for r in w.having('file.hide')}), len(late), 'records')
    w.verify()
    shutil.rmtree(w.project + '/in')


@test('words and refusals that are no text', 120)
def word_names():
    for what, name in NAMES.items():
        if b'\n' in name:
            continue
        r = w.call([*w.argv([]), b'/nowhere/' + name])
        clean_text(r.err)
        equal(r.code, 127, f'{what}: {r}')
        w.policy(b'version: 1\nfiles: {read: [/usr, "' +
                 name.replace(b'\\', b'').replace(b'"', b'') + b'"]}\n')
        r = w.run('true')
        w.policy('version: 1\n')
        clean_text(r.err)
        check(r.code in (0, 125), f'{what}: {r}')
    w.verify()


# ---- many and deep ----

def deep_chain(top, levels, name=b'd' * 200):
    """Directories in one another, as far as no path reaches; the last one's fd."""
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        new = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = new
    return fd


def remove_chain(top):
    equal(subprocess.run(['rm', '-rf', top]).returncode, 0, f'rm {top}')


@test('directories deeper than any path', 120)
def deep():
    top = w.project + '/deep'
    os.mkdir(top)
    fd = deep_chain(top, 40)
    os.write(os.open('.env', os.O_WRONLY | os.O_CREAT, dir_fd=fd),
             b'VERY-SECRET')
    os.close(fd)
    try:
        # A glob names paths; what has none cannot be named.
        r = w.run('/usr/bin/python3', '-c', 'import os; os.chdir("deep"); '
                  '[os.chdir("d" * 200) for i in range(40)]; '
                  'print(open(".env").read())')
        check('VERY-SECRET' not in r.out, f'the hidden file was read: {r}')
        contains(r.err, 'hidden whole', 'it is said')
        # To stand there is no place for a project, and is said.
        p = subprocess.run(
            w.argv(['true']), env=w.env, capture_output=True, timeout=30,
            preexec_fn=lambda: [os.chdir(top)] +
            [os.chdir(b'd' * 200) for _ in range(40)])
        equal(p.returncode, 125, f'{p}')
        equal(len(p.stderr.splitlines()), 1, f'{p}')
    finally:
        remove_chain(top)


@test('a directory that was closed to us, not to the session', 60)
def closed():
    for mode in (0o311, 0o111, 0o000, 0o600):
        for name in ('closed', 'closed/sub'):
            w.write(f'{name}/.env', 'VERY-SECRET')
        # A session can do that as well, and the next one finds it so.
        os.chmod(w.project + '/closed/sub', mode)
        os.chmod(w.project + '/closed', mode)
        try:
            r = w.sh('cat closed/.env closed/sub/.env; '
                     'chmod 755 closed closed/sub; cat closed/.env; '
                     'cat closed/sub/.env; ls -a closed')
            check('VERY-SECRET' not in r.out, f'{mode:o}: read: {r}')
            contains(r.out, '.env', f'{mode:o}: names')
        finally:
            for name in ('closed', 'closed/sub'):
                os.chmod(f'{w.project}/{name}', 0o755)
        shutil.rmtree(w.project + '/closed')
    # What appears in one is seen too.
    os.mkdir(w.project + '/closed', 0o755)
    os.chmod(w.project + '/closed', 0o311)
    p = w.popen(['sh', '-c', 'echo ready; read go; cat closed/.env'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    with open(w.project + '/closed/.env', 'w') as f:
        f.write('VERY-SECRET')
    wait_for('it is covered', 5, lambda: w.having('file.hide'))
    out, _ = p.communicate(b'go\n', timeout=20)
    check(b'VERY-SECRET' not in out, 'it was read when it came later')
    os.chmod(w.project + '/closed', 0o755)
    shutil.rmtree(w.project + '/closed')


@test('a project as deep as a path can be', 120)
def deep_project():
    top = w.home + '/deep'
    for length in (3000, 3900, 4050, 4090):
        path = top
        while len(path) < length - 210:
            path += '/' + 'd' * 200
        path += '/' + 'e' * (length - len(path) - 1)
        os.makedirs(top, exist_ok=True)
        # makedirs() would need the whole path at once.
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        for part in path[len(top) + 1:].split('/'):
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=fd)
            new = os.open(part, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = new
        with open(os.open('.env', os.O_WRONLY | os.O_CREAT, dir_fd=fd), 'w') as f:
            f.write('VERY-SECRET')
        p = subprocess.Popen(w.argv(['sh', '-c', 'cat .env; touch made']),
                             env=w.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE,
                             preexec_fn=lambda: os.fchdir(fd))
        out, err = p.communicate(timeout=30)
        check(b'VERY-SECRET' not in out, f'{length}: the hidden file was read')
        if p.returncode == 125:
            equal(len(err.splitlines()), 1, f'{length}: {err}')
        os.close(fd)
    remove_chain(top)


def system_calls(cwd):
    """How many all processes of a session make; bawnd runs already."""
    log = w.top + '/calls'
    r = w.call(['strace', '-f', '-qq', '-o', log, *w.argv(['true'])], cwd=cwd)
    equal(r.code, 0, f'{r}')
    # One that another process interrupts has two lines.
    with open(log) as f:
        return sum(' resumed>' not in line for line in f)


@test('a hundred thousand entries cost what reading their directory costs', 240)
def many():
    wide, tree, small = (w.home + '/' + x for x in ('wide', 'tree', 'small'))
    os.makedirs(small)
    os.makedirs(wide)
    fd = os.open(wide, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(100000):
        os.close(os.open(f'f{i}', os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)
    for i in range(30):
        for j in range(30):
            os.makedirs(f'{tree}/{i}/{j}')
    w.write(tree + '/29/29/.env', 'VERY-SECRET')
    w.write(wide + '/.env', 'VERY-SECRET')
    equal(w.run('true', cwd=small).code, 0, 'bawnd')
    base, in_wide, in_tree = (system_calls(x) for x in (small, wide, tree))
    print(f'# system calls: {base} in an empty project, {in_wide} with 100000 '
          f'files, {in_tree} with 930 directories')
    # getdents64 takes 64 KiB, some thousand names, at once.
    check(in_wide - base < 400, f'{in_wide} instead of {base}')
    # At the start and at the end openat2, statx, getdents64 twice, close for
    # each directory.
    check(in_tree - base < 2 * 930 * 8, f'{in_tree} instead of {base}')
    for where in (wide, tree):
        r = w.sh('cat .env 29/29/.env', cwd=where)
        check('VERY-SECRET' not in r.out, f'the hidden file was read: {r}')
        shutil.rmtree(where)


# ---- nothing is made on the host ----

def user_tree():
    """A home with all that set-up looks at."""
    for name, text in (
            ('.npmrc', 'registry=https://npm.corp.example/\n'),
            ('.ssh/known_hosts', 'a ssh-rsa AAAA\n'),
            ('.config/git/config', '[alias]\n\tst = status\n'),
            ('.local/bin/tool', '#!/bin/sh\n'), ('.cargo/bin/x', ''),
            ('.cargo/credentials.toml', 'x'), ('.nvm/versions/node/v1/bin/x', ''),
            ('.nvm/versions/node/v1/etc/npmrc', 'token\n'),
            ('.local/lib/python3.11/site-packages/x.py', '')):
        w.write(f'{w.home}/{name}', text)
    for name in ('.env', 'sub/.env', 'sub/deep/.env.local', '.bawn.yaml',
                 '.git/config', '.git/HEAD', '.gitmodules'):
        w.write(name, 'version: 1\n' if name == '.bawn.yaml' else '')
    with contextlib.suppress(FileExistsError):
        os.symlink('nowhere', w.project + '/dangling')


def host():
    return picture(w.top, without=[w.state, w.runtime])


@contextlib.contextmanager
def untouched(what):
    before, mounted = host(), mounts()
    yield
    same(before, host(), what)
    equal(mounts(), mounted, f'{what}: mounts')


@test('a session that does nothing leaves the host as it was', 120)
def nothing():
    user_tree()
    # Both the one that makes the private home, and the next.
    for _ in range(2):
        with untouched('a session'):
            equal(w.run('true').code, 0, 'the session')
    with untouched('policy and plan'):
        w.bawn('run', '--plan', '--', 'true')
        w.bawn('policy', 'why', 'read', 'x')
    w.policy('version: 1\nnested: true\nfiles: {write: [., ~/none, ./none/x], '
             'read: [/usr, ~/.nvm, ~/.none], hide: ["**/.env", ./none/y, '
             './sub/deep]}\n')
    with untouched('a session with a policy'):
        equal(w.run('true').code, 0, 'the session')
    w.policy('version: 1\n')


@test('nor does one that cannot start', 120)
def failed():
    user_tree()
    bad = [
        ('version: 1\nfiles: {hode: [x]}\n', ['true']),
        ('version: 1\nfiles: {read: [/usr]}\n', ['true']),
        ('version: 1\nfiles: {read: [/], write: [.]}\n', ['true']),
        ('version: 1\n', ['/nowhere/tool']),
        ('version: 1\n', [w.project + '/sub']),
        ('version: 1\nnetwork: {ca: [/nowhere]}\n', ['true']),
        ('version: 1\nlimits: {memory: 1M}\n', ['true']),
        ('version: 1\nlimits: {processes: 1}\n', ['true']),
    ]
    for text, argv in bad:
        w.policy(text)
        with untouched(f'{text!r} {argv}'):
            w.call(w.argv(argv))
    w.policy('version: 1\n')
    # A place in the private home is taken by something else.
    home, = (f'{w.state}/homes/{x}/home' for x in os.listdir(w.state + '/homes')
             if x.startswith('proj-'))
    shutil.rmtree(home + '/.cargo', ignore_errors=True)
    w.write(home + '/.cargo', 'a file')
    with untouched('a private home in the way'):
        w.run('true')
    os.unlink(home + '/.cargo')


@test('nor does one that is killed, at any moment', 240)
def killed():
    user_tree()
    rng = random.Random(4)
    secs = f'9.{os.getpid():07}'
    with untouched('killed sessions'):
        for n in range(40 if LONG else 12):
            p = w.popen(['sleep', secs], stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * 0.06 * SLOW)
            whom = p.pid
            if n % 4 == 3:
                whom = w.keeper_pid() or p.pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(whom, signal.SIGKILL)
            p.wait(timeout=20)
        wait_for('their commands', 5, lambda: not with_mark(secs))


main()
