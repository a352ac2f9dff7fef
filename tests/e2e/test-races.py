#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody swaps directories and files for links while sessions start, or left
links behind; nothing outside is ever mounted, read, written, made or changed."""

import collections
import contextlib
import os
import shutil
import socket
import subprocess
import threading

from harness import SANITIZED, SLOW, World, check, contains, equal, main, test
from hostile import mounts, picture, same, swapping

# How many sessions start in a storm; make races has more.
ROUNDS = int(os.environ.get('BAWN_RACES') or (8 if SANITIZED else 20))
# Reads all that lies around, and changes what it can.
GREEDY = ('cat secret .env ro/secret sub/secret ~/secret ~/sub/secret '
          '.git/secret 2>/dev/null; '
          'for d in . sub .git ~/sub; do echo planted > $d/planted; '
          'echo planted >> $d/secret; chmod 777 $d/secret $d; done; :')

w = World()


def outside():
    """A directory that nobody may see, with the names that GREEDY looks for."""
    for name in ('secret', 'sub/secret', 'ro/secret', 'objects/x', 'refs/x',
                 'p/secret', '.env', '.git/secret'):
        w.write(f'{w.home}/outside/{name}', 'TOP-SECRET\n', 0o600)
    w.write(w.home + '/outside/HEAD', 'ref: refs/heads/main\n')
    return w.home + '/outside'


def clean():
    for name in os.listdir(w.home):
        if name not in ('.ssh', '.gitconfig', 'proj'):
            shutil.rmtree(f'{w.home}/{name}', ignore_errors=True)
    shutil.rmtree(w.state + '/homes', ignore_errors=True)
    return outside()


def link(at, target):
    os.symlink(target, at)
    return at


def start_in(fd):
    """
    A greedy session; the user stands in @fd, whatever its name is by now. Why it
    was refused, or None.
    """
    p = subprocess.Popen(w.argv(['sh', '-c', GREEDY]), env=w.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, preexec_fn=lambda: os.fchdir(fd))
    out, err = p.communicate(timeout=60 * SLOW)
    check(b'TOP-SECRET' not in out, f'the secret was read: {out!r}')
    check(p.returncode in (0, 125), f'code {p.returncode}: {err!r}')
    if p.returncode == 0:
        return None
    contains(err.decode(), 'bawn: ', 'why not')
    return err.decode().strip()


def storm(where, *pairs, **kw):
    """Sessions in @where while @pairs are exchanged."""
    before = picture(w.home + '/outside', w.home + '/.ssh')
    # Why a start was refused, None if it was not -> how often.
    mounted, refused = mounts(), collections.Counter()
    fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    with swapping(*pairs, **kw) as s:
        # Each start may well meet a change; a storm in which none got through
        # would prove nothing.
        while refused.total() < ROUNDS or (not refused[None] and
                                           refused.total() < 10 * ROUNDS):
            refused[start_in(fd)] += 1
    os.close(fd)
    same(before, picture(w.home + '/outside', w.home + '/.ssh'), 'outside')
    equal(mounts(), mounted, 'mounts of the host')
    check(s.turns > 10, f'only {s.turns} exchanges')
    check(refused[None] > 0, f'not one session started: {refused}')
    print(f'# {refused[None]} of {refused.total()} started, {s.turns} exchanges')


@test('the project is swapped for a link to the outside', 120 + ROUNDS)
def project():
    secret = clean()
    w.write(w.home + '/land/p/sub/f', 'f\n')
    storm(w.home + '/land/p',
          (w.home + '/land/p', link(w.home + '/land/link', secret)))


@test('a directory above the project is swapped', 120 + ROUNDS)
def parent():
    secret = clean()
    w.write(w.home + '/land/mid/p/sub/f', 'f\n')
    storm(w.home + '/land/mid/p',
          (w.home + '/land/mid', link(w.home + '/land/link', secret)))


@test('a session swaps the project of another one', 120 + ROUNDS)
def by_a_session():
    secret = clean()
    land = w.home + '/land'
    w.write(land + '/p/sub/f', 'f\n')
    link(land + '/link', secret)

    def popen(argv, **kw):
        return w.popen(argv, cwd=land, **kw)

    storm(land + '/p', (land + '/p', land + '/link'), popen=popen)


@test('what is read and covered in a project is swapped', 120 + ROUNDS)
def covered():
    secret = clean()
    p = w.home + '/land/p'
    w.write(p + '/.bawn.yaml', 'version: 1\n')
    w.write(p + '/.env', 'X=y\n')
    w.write(p + '/sub/.env', 'X=y\n')
    w.write(p + '/.git/config', '[core]\n\tbare = false\n')
    pairs = [(f'{p}/{name}', link(f'{p}/link{i}', f'{secret}/{to}'))
             for i, (name, to) in enumerate((
                 ('.git/config', 'secret'), ('.bawn.yaml', 'secret'),
                 ('.env', '.env'), ('sub', 'sub')))]
    storm(p, *pairs)
    storm(p, (p + '/.git', link(p + '/link9', secret + '/.git')))


@test('the private home is swapped', 120 + ROUNDS)
def private_home():
    secret = clean()
    w.write(w.home + '/.config/git/config', '[alias]\n\tst = status\n')
    w.write(w.home + '/.ssh/known_hosts', 'a ssh-rsa AAAA\n')
    p = w.home + '/land/p'
    os.makedirs(p)
    equal(w.run('true', cwd=p).code, 0, 'the first session')
    home, = (f'{w.state}/homes/{x}/home' for x in os.listdir(w.state + '/homes'))
    os.makedirs(home + '/sub', exist_ok=True)
    pairs = [(f'{home}/{name}', link(f'{home}/link{i}', f'{secret}/{to}'))
             for i, (name, to) in enumerate((
                 ('.gitconfig', 'secret'), ('.config', 'sub'),
                 ('.ssh', 'sub'), ('.bawn', 'sub'), ('sub', 'sub')))]
    # So that the copies are taken again and again.
    again = threading.Event()

    def touch():
        while not again.wait(0.005):
            for name in ('.gitconfig', '.config/git/config'):
                os.utime(f'{w.home}/{name}')

    t = threading.Thread(target=touch)
    t.start()
    try:
        storm(p, *pairs)
    finally:
        again.set()
        t.join()


@test("a worktree's repository is swapped", 240)
def worktree():
    secret = clean()
    tree = w.home + '/main-tree'
    for cmd in (['git', 'init', '-q', '-b', 'main', tree],
                ['git', '-C', tree, 'commit', '-q', '--allow-empty', '-m', 'r'],
                ['git', '-C', tree, 'worktree', 'add', '-q', w.home + '/wt',
                 '-b', 'side']):
        equal(w.call(cmd).code, 0, f'{cmd}')
    storm(w.home + '/wt', (tree + '/.git', link(tree + '/link', secret)))


# ---- links that were left behind ----

def looks(script, **kw):
    r = w.sh(script, **kw)
    check('TOP-SECRET' not in r.out, f'the secret was read: {r}')
    return r


@test('a link that a session left is not followed by the next')
def left_behind():
    secret = clean()
    # Some levels down, as what belongs to a tool.
    os.makedirs(w.home + '/.config')
    os.rename(secret, w.home + '/.config/outside')
    secret = w.home + '/.config/outside'
    env = {'PATH': w.project + '/.venv/bin:' + w.env['PATH']}
    r = w.sh('mkdir -p .venv bin; ln -s ~/.config/outside .venv/bin; '
             'ln -s ~/.config/outside out; ln -s ~/.config/outside/secret '
             'bin/tool')
    equal(r.code, 0, f'{r}')
    looks(f'cat {secret}/secret out/secret .venv/bin/secret', env=env)
    looks(f'cat {secret}/secret', env={'VIRTUAL_ENV': w.project + '/.venv/bin'})
    r = w.call(w.argv(['tool']), env={
        'PATH': w.project + '/bin:' + w.env['PATH']})
    contains(r.err, 'is not followed', 'the command')
    for files in ('{write: [., ./out]}', '{write: [./out, .]}',
                  '{read: [/usr, ./out], write: [.]}'):
        w.policy(f'version: 1\nfiles: {files}\n')
        r = looks(f'cat {secret}/secret; echo planted > {secret}/planted')
        contains(r.err, 'policy.yaml:2: the link', files)
        check(not os.path.exists(secret + '/planted'), f'{files}: written')
    w.policy('version: 1\n')


@test('a socket in the project is not swapped for another')
def sockets():
    clean()
    servers = []

    def serve(path, word):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(8)
        servers.append(s)

        def run():
            while True:
                try:
                    c, _ = s.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), c:
                    c.sendall(word)
        threading.Thread(target=run, daemon=True).start()

    serve(w.home + '/agent/sock', b'TOP-SECRET')
    serve(w.project + '/run/sock', b'mine')
    w.policy('version: 1\nnetwork: {sockets: [./run/sock]}\n')
    ask = ("python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); "
           's.connect("%s"); print(s.recv(99))\'')
    r = w.sh(f'{ask % "run/sock"}; mv run run2; mkdir run; '
             f'ln -s {w.home}/agent/sock run/sock; {ask % "run2/sock"}')
    contains(r.out, 'mine', f'{r}')
    check('TOP-SECRET' not in r.out, f'another socket was reached: {r}')
    r = w.run('true')
    equal(r.code, 125, f'{r}')
    contains(r.err, 'name what it leads to', 'the next session')
    w.policy('version: 1\n')
    for s in servers:
        s.close()


main()
