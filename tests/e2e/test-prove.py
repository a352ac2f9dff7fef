#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""doctor --prove: a session that tries to get out, and what is said of it."""

import glob
import json
import os
import shutil
import subprocess

from harness import (BAWN, BIN, World, check, contains, equal, landlock_abi,
                     main, processes, skip, test, wait_for)

w = World()
HERE = w.top + '/t'
os.mkdir(HERE, 0o755)
WAIT = 110


def prove(*more, bawn=BAWN):
    return w.call([bawn, 'doctor', '--prove', *more], timeout=WAIT,
                  env={'TMPDIR': HERE})


def nothing_left():
    equal(os.listdir(HERE), [], 'what is left')
    for pid, row in processes().items():
        check(HERE not in row[2], f'still running: {pid} {row[2]}')


@test('a session cannot get out, and one screen says so', seconds=120)
def holds():
    r = prove()
    equal(r.code, 0, f'{r}')
    lines = r.out.splitlines()
    check(len(lines) <= 24, f'{len(lines)} lines: {r.out}')
    for line in lines:
        check(len(line) <= 80, f'wide: {line!r}')
    equal(lines[-1], 'The walls hold.', 'the verdict')
    for name in 'handover kernel proc fs wtx ipc net'.split():
        check(any(x.startswith(name + ' ') for x in lines), f'no {name}')
    nothing_left()


@test('with the other backend: on one screen too, and what it lacks', 120)
def landlock():
    if landlock_abi() < 6:
        skip('no Landlock of version 6')
    r = prove('--backend', 'landlock')
    equal(r.code, 0, f'{r}')
    lines = r.out.splitlines()
    check(len(lines) <= 24, f'{len(lines)} lines: {r.out}')
    for line in lines:
        check(len(line) <= 80, f'wide: {line!r}')
    equal(lines[-1], 'The walls that are there hold.', 'the verdict')
    for word in ('hide (', 'protect (', 'processes ('):
        contains(r.out, word, 'what it lacks')
    rows = [json.loads(x) for x in
            prove('--backend', 'landlock', '--json').out.splitlines()]
    equal(rows[-1]['backend'], 'landlock', 'the sum')
    by_id = {x['id']: x for x in rows[:-1]}
    for name in ('fs.read-secret', 'fs.outside-create', 'kernel.i386-getpid',
                 'net.tcp4-loopback', 'ipc.unix-path', 'handover.env-any'):
        equal(by_id[name]['outcome'], 'refused', name)
    equal(by_id['fs.hidden-read']['reason'], 'hide', 'a word')
    nothing_left()


@test('a backend that there is not, and one without a proof')
def usage():
    for args in (('--prove', '--backend', 'other'), ('--backend', 'landlock')):
        equal(w.bawn('doctor', *args).code, 64, f'{args}')


@test('as JSON: each row, and a reason for each that is reachable',
      seconds=120)
def as_json():
    r = prove('--json')
    equal(r.code, 0, f'{r}')
    rows = [json.loads(x) for x in r.out.splitlines()]
    equal(rows[-1]['holds'], True, 'the sum')
    equal(rows[-1]['rows'], len(rows) - 1, 'the number of rows')
    by_id = {x['id']: x for x in rows[:-1]}
    equal(len(by_id), len(rows) - 1, 'ids are unique')
    for row in by_id.values():
        if row['outcome'] == 'reachable':
            check(not row['open'] and row['reason'], f'{row}')
    # Some of the walls, each by what stands behind it.
    for name in ('kernel.i386-getpid', 'kernel.bpf', 'kernel.ns-user',
                 'kernel.af-vsock', 'fs.read-secret', 'fs.hidden-read',
                 'fs.outside-create', 'fs.setuid-chmod', 'proc.host-visible',
                 'handover.env-any', 'net.tcp4-loopback', 'net.udp4',
                 'net.dns-denied', 'ipc.unix-path', 'ipc.unix-abstract',
                 'ipc.tiocsti', 'wtx.bawn-policy'):
        equal(by_id[name]['outcome'], 'refused', name)
    # And what a session is for must work, or it proves nothing.
    equal(by_id['wtx.makefile']['outcome'], 'reachable', 'the project')
    nothing_left()


def fake(script):
    """A build whose bawn-probe is @script; its bawn."""
    where = w.top + '/fake'
    shutil.rmtree(where, ignore_errors=True)
    os.mkdir(where, 0o755)
    for name in ('bawn', 'bawnd', 'bawn-policy', 'bawn-ledger'):
        shutil.copy(os.path.join(BIN, name), where)
    w.write(where + '/bawn-probe', '#!/bin/sh\n' + script, 0o755)
    return where + '/bawn'


HEAD = 'echo \'{"probe":1}\'\n'
REFUSED = ('i=0; while [ $i -lt 500 ]; do i=$((i + 1)); echo "{\\"id\\":'
           '\\"net.$i\\",\\"class\\":\\"net\\",\\"outcome\\":\\"refused\\"}"; '
           'done\n')
OPEN = ('echo \'{"id":"net.tcp4-loopback","class":"net","what":"bad\\u001b",'
        '"outcome":"reachable"}\'\n')


@test('one row that is reachable and has no reason: exit code 1', seconds=120)
def is_open():
    r = prove(bawn=fake(HEAD + REFUSED + OPEN))
    equal(r.code, 1, f'{r}')
    contains(r.out, 'net.tcp4-loopback', 'the row')
    contains(r.out, 'do NOT hold', 'the verdict')
    check('\x1b' not in r.out, 'the terminal is steered')
    r = prove('--json', bawn=fake(HEAD + REFUSED + OPEN))
    equal(r.code, 1, f'{r}')
    equal(json.loads(r.out.splitlines()[-1])['open'], 1, 'the sum')
    nothing_left()


@test('what is not all of it proves nothing', seconds=120)
def half():
    for script in (HEAD, 'exit 0', HEAD + REFUSED + 'printf "{"',
                   HEAD + REFUSED + 'echo nonsense', REFUSED):
        r = prove(bawn=fake(script + '\n'))
        equal(r.code, 2, f'{script!r}: {r}')
        contains(r.err, 'bawn: ', 'why')
        check('The walls hold' not in r.out, r.out)
    nothing_left()


@test('no session, no proof', seconds=120)
def no_session():
    r = prove(bawn=fake('exit 3\n'))
    equal(r.code, 1, f'{r}')
    contains(r.err, 'no proof', 'why')
    bawn = fake(HEAD + REFUSED)
    os.unlink(os.path.dirname(bawn) + '/bawnd')
    r = prove(bawn=bawn)
    equal(r.code, 1, f'{r}')
    contains(r.err, 'no proof', 'why')
    os.unlink(os.path.dirname(bawn) + '/bawn-probe')
    r = prove(bawn=bawn)
    equal(r.code, 2, f'{r}')
    contains(r.err, 'bawn-probe is not installed', 'why')
    nothing_left()


@test('what shows on the host counts, whatever the rows say', seconds=120)
def harm():
    bawn = fake(HEAD + REFUSED + 'touch here; while [ -e here ]; do '
                'sleep 0.05; done\n')

    def wreck(how):
        p = subprocess.Popen([bawn, 'doctor', '--prove'], text=True,
                             env=dict(w.env, TMPDIR=HERE), cwd=w.project,
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        here = wait_for('the session', 30, lambda: glob.glob(
            HERE + '/*/home/project/here'))[0]
        project = os.path.dirname(here)
        how(project, os.path.dirname(os.path.dirname(project)))
        os.unlink(here)
        out, err = p.communicate(timeout=WAIT)
        return p.returncode, out, err

    def new_file(project, top):
        w.write(top + '/outside/planted', 'x')

    def changed(project, top):
        w.write(top + '/outside/there', 'x', 0o666)

    def set_id(project, top):
        w.write(project + '/tool', 'x', 0o4755)

    for how, word in ((new_file, 'outside'), (changed, 'outside'),
                      (set_id, 'set-id')):
        code, out, err = wreck(how)
        equal(code, 1, f'{how.__name__}: {out} {err}')
        contains(out, word, how.__name__)
        contains(out, 'do NOT hold', how.__name__)
    code, out, err = wreck(lambda project, top: None)
    equal(code, 0, f'nothing done: {out} {err}')
    nothing_left()


if __name__ == '__main__':
    main()
