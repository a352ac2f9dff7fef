#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Projects on file systems of all kinds, in a mount namespace of the test's own:
it works, or one line says what to do; no mount crosses the wall in either
direction.  NFS, autofs and directories that do not tell case apart are not here:
they need a server or what the kernel of a test machine seldom has."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

from harness import (AS_ROOT, SLOW, Failure, World, check, contains, equal, main,
                     skip, test, wait_for)
from hostile import mounts, picture, same

MARK = 'BAWN_TEST_MOUNTS'


def own_namespaces():
    """From here on mounts are ours; an ordinary user becomes able to mount."""
    if not os.environ.pop(MARK, None):
        os.environ[MARK] = '1'
        how = [] if AS_ROOT else ['-U', '--map-current-user', '--keep-caps']
        os.execvp('unshare', ['unshare', *how, '-m', '/usr/bin/python3',
                              os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    # As systemd has it: what is mounted is seen in all namespaces.
    subprocess.run(['mount', '--make-rshared', '/'], check=True)


own_namespaces()
w = World()
KERNEL = tuple(map(int, os.uname().release.split('.')[:2]))
GREEDY = 'cat .env; echo made > made && cat made; mkdir -p d && rmdir d; touch .x'


def mount(*args):
    r = subprocess.run(['mount', *args], capture_output=True)
    if r.returncode != 0:
        skip(f'kernel without this mount: {args}')


@contextlib.contextmanager
def mounted(*args, on=None):
    """A mount point below the home, and its end."""
    where = on or w.home + '/fs'
    os.makedirs(where, exist_ok=True)
    mount(*args, where)
    try:
        yield where
    finally:
        wait_for(f'an end of {where}', 10, lambda: subprocess.run(
            ['umount', where], capture_output=True).returncode == 0)
        if not on:
            os.rmdir(where)


def works(p, want=0, script=GREEDY):
    """A session in @p, which has an .env; it sees no secret and leaves no mount."""
    before = mounts()
    began = time.monotonic()
    r = w.sh(script, cwd=p)
    check(time.monotonic() - began < 8 * SLOW, f'{p}: it took long: {r}')
    equal(mounts(), before, f'{p}: mounts')
    check('VERY-SECRET' not in r.out, f'{p}: the hidden file was read: {r}')
    if AS_ROOT and KERNEL < (6, 3) and 'maps no ids' in r.err:
        skip('kernel older than 6.3: tmpfs maps no ids')
    check(r.code == want, f'{p}: {r}')
    if want == 125:
        equal(len(r.err.splitlines()), 1, f'{p}: {r}')
    return r


def project(where, name='p'):
    w.write(f'{where}/{name}/.env', 'VERY-SECRET\n')
    return f'{where}/{name}'


@test('a project on tmpfs')
def on_tmpfs():
    with mounted('-t', 'tmpfs', 'none') as fs:
        works(project(fs))
        # The root of a file system is one too.
        w.write(fs + '/.env', 'VERY-SECRET')
        works(fs)


@test('a project on overlayfs')
def on_overlay():
    with mounted('-t', 'tmpfs', 'none', on=w.home + '/work') as work:
        for d in ('lower', 'upper', 'work'):
            os.mkdir(f'{work}/{d}')
        project(work + '/lower')
        o = f'lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work'
        with mounted('-t', 'overlay', 'none', '-o', o) as fs:
            # Ids of overlayfs cannot be mapped: root's project is refused.
            r = works(fs + '/p', 125 if AS_ROOT else 0)
            if AS_ROOT:
                contains(r.err, 'maps no ids', 'the remedy')


@test('a project that is read-only, nosuid, noexec, nodev')
def options():
    with mounted('-t', 'tmpfs', 'none', on=w.home + '/work') as work:
        p = project(work)
        w.write(p + '/tool', '#!/bin/sh\necho ran\n', 0o755)
        for how in ('ro', 'nosuid', 'noexec', 'nodev', 'ro,nosuid,nodev,noexec'):
            with mounted('--bind', p) as fs:
                mount('-o', f'remount,bind,{how}', fs)
                r = works(fs, script='./tool; cat .env; echo made > made; true')
                equal('ran' in r.out, 'noexec' not in how, f'{how}: {r}')
                equal(os.path.exists(fs + '/made'), 'ro' not in how, how)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(p + '/made')


@test('a project on a file system that is full')
def full():
    with mounted('-t', 'tmpfs', '-o', 'size=64k,nr_inodes=16', 'none') as fs:
        p = project(fs)
        with contextlib.suppress(OSError), open(fs + '/filler', 'wb') as f:
            while True:
                f.write(b'x' * 4096)
                f.flush()
        r = works(p, script='cat .env; cat /etc/group > made; true')
        contains(r.err, 'No space left', f'{r}')
        with contextlib.suppress(OSError):
            for i in range(99):
                os.mkdir(f'{fs}/{i}')
        works(p, script='true')


@test('mounts inside a project')
def inside():
    p = w.home + '/with'
    os.makedirs(p + '/secret/in')
    w.write(p + '/.env', 'VERY-SECRET')
    w.write(w.home + '/other/.env', 'VERY-SECRET')
    with mounted('-t', 'tmpfs', 'none', on=p + '/one'), \
            mounted('--bind', w.home + '/other', on=p + '/two'), \
            mounted('-t', 'tmpfs', '-o', 'ro', 'none', on=p + '/three'):
        w.write(p + '/one/.env', 'VERY-SECRET')
        r = works(p, script='cat .env */.env; echo a > one/a; echo b > two/b; '
                  'echo c > three/c; ls one two; true')
        check(os.path.exists(p + '/one/a') and os.path.exists(p + '/two/b'),
              f'{r}')
        # A mount over a hidden directory, and the other way round.
        w.policy('version: 1\nfiles: {read: [/usr, /etc], write: [.], hide: [./one, ./two/b]}\n')
        r = works(p, script='ls one; cat two/b; true')
        w.policy('version: 1\n')
        equal(r.out, '', 'what is hidden')
    shutil.rmtree(p)


@test('what is mounted later stays on its side')
def propagation():
    p = w.home + '/shared'
    os.makedirs(p + '/later')
    s = w.popen(['sh', '-c', 'echo ready; read go; ls later; cat /proc/mounts'],
                stdin=subprocess.PIPE, cwd=p)
    equal(s.stdout.readline(), b'ready\n', 'start')
    before = mounts()
    check(p not in before, 'a mount of the jail on the host')
    with mounted('-t', 'tmpfs', 'none', on=p + '/later'):
        w.write(p + '/later/from-the-host', 'x')
        out, _ = s.communicate(b'go\n', timeout=20)
        check(b'from-the-host' not in out, f'it came in: {out}')
        check(b'/later' not in out, f'it came in: {out}')
    shutil.rmtree(p)


# ---- file systems whose server is a program ----

@contextlib.contextmanager
def fuse(argv, where):
    if not shutil.which(argv[0]):
        raise Failure(f'{argv[0]} is not installed: tools/deps test')
    if not os.access('/dev/fuse', os.R_OK | os.W_OK):
        skip('no FUSE for this user on this machine')
    os.makedirs(where, exist_ok=True)
    p = subprocess.Popen([*argv, where], stderr=subprocess.PIPE)
    try:
        wait_for(f'{argv[0]}', 10, lambda: f' {where} ' in mounts() or
                 p.poll() is not None)
        if p.poll() is not None:
            skip('no FUSE for this user on this machine')
        yield p
    finally:
        with contextlib.suppress(ProcessLookupError):
            p.send_signal(signal.SIGCONT)
        subprocess.run(['umount', '-l', where], capture_output=True)
        p.kill()
        p.wait()


@test('a project on bindfs, and on fuse-overlayfs')
def on_fuse():
    src = w.home + '/source'
    project(src)
    os.makedirs(w.home + '/up')
    os.makedirs(w.home + '/wk')
    layers = (f'lowerdir={src},upperdir={w.home}/up,workdir={w.home}/wk')
    for argv in (['bindfs', '-f', '--no-allow-other', src],
                 ['bindfs', '-f', src],
                 ['fuse-overlayfs', '-f', '-o', layers]):
        with fuse(argv, w.home + '/fuse'):
            before = mounts()
            r = w.sh(GREEDY, cwd=w.home + '/fuse/p')
            check('VERY-SECRET' not in r.out, f'{argv}: read: {r}')
            check(r.code in (0, 1, 125), f'{argv}: {r}')
            if r.code == 125:
                equal(len(r.err.splitlines()), 1, f'{argv}: {r}')
            equal(mounts(), before, f'{argv}: mounts')
            print(f'# {argv[:2]}: {r.code} {r.err.strip()[-90:]}')


@test('a file system whose server hangs holds up nobody else', 120)
def hanging():
    src = w.home + '/source'
    project(src)
    equal(w.run('true').code, 0, 'bawnd')
    with fuse(['bindfs', '-f', src], w.home + '/fuse') as server:
        os.makedirs(w.home + '/free', exist_ok=True)
        fd = os.open(w.home + '/fuse/p', os.O_RDONLY | os.O_DIRECTORY)
        server.send_signal(signal.SIGSTOP)
        p = subprocess.Popen(w.argv(['true']), env=w.env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE,
                             preexec_fn=lambda: os.fchdir(fd))
        os.close(fd)
        time.sleep(0.5)
        r = w.run('true', cwd=w.home + '/free', timeout=10)
        equal(r.code, 0, f'another session: {r}')
        # And that one is told what it waits for.
        _, err = p.communicate(timeout=30)
        server.send_signal(signal.SIGCONT)
        equal(p.returncode, 125, f'{err}')
        contains(err.decode(), 'does not answer', 'the line')
        equal(len(err.splitlines()), 1, f'{err}')
        works(w.home + '/fuse/p', 125 if AS_ROOT else 0)


main()
