#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Root, containers and bare machines, simulated (contain.py): a session works,
or ends in one line that names what mends it; `bawn doctor` says the same."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import harness
import ledgerfile
from harness import (AS_ROOT, BAWN, LANDLOCK, World, check, contains, equal,
                     landlock_abi, main, skip, test)

CONTAIN = [sys.executable,
           os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        'contain.py')]
PLAIN_UID = 61419  # nobody's, and without an entry in passwd
# What Docker's profile refuses to a container without CAP_SYS_ADMIN.
DOCKER_FILTER = ('filter=unshare,clone,clone3,mount,umount2,pivot_root,setns,'
                 'open_tree,move_mount,fsopen,mount_setattr')


class Box(World):
    """A world of @uid: as root of another user than ours."""

    def __init__(self, uid=None):
        super().__init__()
        self.uid = os.getuid() if uid is None else uid
        if self.uid != os.getuid():
            for where, dirs, files in os.walk(self.top):
                for name in dirs + files:
                    os.chown(os.path.join(where, name), self.uid, self.uid)
            os.chown(self.top, self.uid, self.uid)

    def inside(self, steps, *command, env=None, drop=(), options=()):
        """@command by bawn, after @steps; without the variables @drop."""
        kept = {k: v for k, v in dict(self.env, **(env or {})).items()
                if k not in drop}
        p = subprocess.run(
            [*CONTAIN, *steps, '--', BAWN, *options, *command],
            cwd=self.project, env=kept, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=30 * harness.SLOW, check=False)
        r = harness.Result(p.returncode, p.stdout, p.stderr, 0)
        if r.code == 99:
            last = (r.err.strip().splitlines() or ['?'])[-1]
            skip(f'not on this machine: {last}')
        return r

    def run_in(self, steps, **kw):
        return self.inside(steps, 'run', '--policy', self.policy_path, '--',
                           'sh', '-c', 'echo x > made && echo in-$(id -u)',
                           **kw)

    def works(self, steps, **kw):
        r = self.run_in(steps, **kw)
        equal(r.code, 0, f'{steps}: {r}')
        contains(r.out, 'in-', f'{steps}')
        return r

    def stops(self, steps, *parts, probe=None, **kw):
        """One line with all @parts, and doctor says them of @probe too."""
        r = self.run_in(steps, **kw)
        equal(r.code, 125, f'{steps}: {r}')
        equal(r.out, '', f'{steps}: nothing ran')
        equal(r.err.count('\n'), 1, f'{steps}: one line: {r.err}')
        for part in parts:
            contains(r.err, part, f'{steps}')
        if not probe:
            return r
        d = self.inside(steps, 'doctor', '--json', **kw)
        equal(d.code, 1, f'doctor in {steps}: {d}')
        row = next(x for x in map(json.loads, d.out.splitlines())
                   if x['name'] == probe)
        equal((row['ok'], row['needed']), (False, True), f'doctor: {row}')
        for part in parts:
            contains(row['detail'] + ': ' + row['mend'], part, 'doctor')
        return r


def boxes():
    """As root: root's, and an ordinary user's; else ours.  (steps, Box)"""
    if not AS_ROOT:
        yield [], Box()
        return
    yield [], Box()
    yield [f'uid={PLAIN_UID}'], Box(PLAIN_UID)


def need_root():
    if not AS_ROOT:
        skip('not root')


@test('an id that passwd does not have')
def no_passwd():
    need_root()
    b = Box(PLAIN_UID)
    r = b.works([f'uid={PLAIN_UID}'], drop=('USER', 'LOGNAME'))
    contains(r.out, f'in-{PLAIN_UID}', 'its id')


@test('a user namespace of a rootless container, the id kept')
def in_userns():
    b = Box() if not AS_ROOT else Box(PLAIN_UID)
    steps = [f'uid={PLAIN_UID}'] if AS_ROOT else []
    b.works(steps + ['userns', 'mountns'])


@test('user namespaces turned off by sysctl, each kind by its name', 120)
def turned_off():
    b = Box() if not AS_ROOT else Box(PLAIN_UID)
    steps = [f'uid={PLAIN_UID}'] if AS_ROOT else []
    for kind, probe in (('user', 'userns'), ('mnt', 'mountns'),
                        ('pid', 'pidns'), ('net', 'netns'),
                        ('ipc', 'ipcns'), ('uts', 'utsns'),
                        ('cgroup', 'cgroupns')):
        knob = f'user.max_{kind}_namespaces'
        b.stops(steps + ['userns', f'sysctl={knob}:0'], 'ENOSPC',
                f'sysctl -w {knob}=65536', probe=probe)


@test('user namespaces refused by a filter')
def refused():
    for steps, b in boxes():
        b.stops(steps + [DOCKER_FILTER], 'EPERM', 'seccomp=unconfined',
                'Unconfined (Kubernetes)', probe='userns')


@test('a filter that lets namespaces be, but hides clone3')
def no_clone3():
    for steps, b in boxes():
        b.works(steps + ['filter=clone3'])


@test('a filter that lets namespaces be, but refuses mounts')
def no_mounts():
    for steps, b in boxes():
        b.stops(steps + ['filter=fsopen,mount'], 'mounting is refused',
                'seccomp=unconfined', probe='mountns')


@test('a stock container: capabilities, filter, masked /proc, overlay')
def stock():
    need_root()
    layers = tempfile.mkdtemp(prefix='bw-layers-', dir='/var/tmp')
    os.chmod(layers, 0o755)
    try:
        for own in (0, PLAIN_UID):
            b = Box(own)
            shell = ['mountns', f'overlay={layers}/{own}', 'mask-proc',
                     'no-cgroup']
            become = ['docker-caps'] + ([f'uid={own}'] if own else [])
            b.stops(shell + [DOCKER_FILTER] + become, 'EPERM',
                    'seccomp=unconfined', probe='userns')
            # The first remedy taken, the second is named.
            if own:
                b.stops(shell + become, 'systempaths=unconfined',
                        'unmask=ALL', 'procMount: Unmasked', probe='proc')
                b.works([s for s in shell if s != 'mask-proc'] + become)
            else:
                b.stops([s for s in shell if s != 'mask-proc'] + become,
                        'CAP_SYS_ADMIN', '--cap-add SYS_ADMIN', 'setpriv',
                        probe='root-bind')
    finally:
        shutil.rmtree(layers, ignore_errors=True)


INSIDE = r"""
import ctypes, os, socket, sys
def tries(what, fn):
    try:
        fn()
        print('possible:', what)
    except OSError as e:
        print('refused', what, e.errno)
host, secret = int(sys.argv[1]), sys.argv[2]
open('made', 'w').write('x')
tries('secret', lambda: open(secret).read())
tries('shadow', lambda: open('/etc/shadow').read())
tries('loopback', lambda: socket.create_connection(('127.0.0.1', host), 3))
tries('network', lambda: socket.create_connection(('192.0.2.1', 80), 3))
tries('signal', lambda: os.kill(os.getppid(), 0))
tries('environ', lambda: open(f'/proc/{os.getppid()}/environ').read())
tries('sysctl', lambda: open('/proc/sys/kernel/core_pattern', 'w'))
tries('setid', lambda: os.chmod('made', 0o6755))
tries('device', lambda: os.mknod('dev', 0o20600, 0x103))
caps = [x.split()[1] for x in open('/proc/self/status') if x[:3] == 'Cap']
print('caps', max(int(x, 16) for x in caps[:3]), 'uid', os.getuid())
"""


def proves(b, steps):
    """doctor --prove: none of the usual sessions, and one with less walls."""
    env = {'TMPDIR': b.top}
    r = b.inside(steps, 'doctor', '--prove', env=env)
    equal(r.code, 1, f'{steps}: {r}')
    equal(r.out, '', 'no proof')
    contains(r.err, 'no proof: the session failed', f'{steps}')
    contains(r.err, 'doctor --prove --backend landlock', 'what can be had')
    r = b.inside(steps, 'doctor', '--prove', '--backend', 'landlock', env=env)
    equal(r.code, 0, f'{steps}: {r}')
    contains(r.out, 'The walls that are there hold.', f'{steps}')


@test('a stock container with the second backend: walls and record', 240)
def stock_landlock():
    if landlock_abi() < 6:
        skip('no Landlock of version 6')
    host = socket.create_server(('127.0.0.1', 0))
    layers = tempfile.mkdtemp(prefix='bw-layers-', dir='/var/tmp')
    os.chmod(layers, 0o755)
    shell = ['mountns', f'overlay={layers}/N', 'mask-proc', 'no-cgroup',
             DOCKER_FILTER]
    every = ','.join(map(str, range(64)))
    ways = [(0, [*shell, 'docker-caps']), (0, [*shell, f'drop={every}']),
            (PLAIN_UID, [*shell, 'docker-caps', f'uid={PLAIN_UID}'])]
    if not AS_ROOT:
        ways = [(os.getuid(), [DOCKER_FILTER])]
    try:
        for n, (own, steps) in enumerate(ways):
            steps = [x.replace('/N', f'/{n}') for x in steps]
            b = Box(own)
            b.policy('version: 1\n' + LANDLOCK)
            r = b.inside(steps, 'run', '--policy', b.policy_path, '--',
                         'python3', '-c', INSIDE, str(host.getsockname()[1]),
                         b.home + '/.ssh/id_secret')
            equal(r.code, 0, f'{steps}: {r}')
            equal(r.out.count('refused'), 9, f'{steps}: {r}')
            contains(r.out, f'caps 0 uid {own}', f'{steps}')
            b.stop_daemon()
            up = f'{layers}/{n}/up' if AS_ROOT else ''
            rows = ledgerfile.rows(f'{up}{b.state}/ledger')
            check(any(x.get('layer.backend') == 'landlock' for x in rows),
                  f'{steps}: no layer.backend')
            check(any(x['kind'] == 'net.refuse' and
                      x.get('addr') == '192.0.2.1' for x in rows),
                  f'{steps}: no refusal')
            check(rows[-1]['kind'] != 'session.start', 'it was not closed')
            d = b.inside(steps, 'doctor')
            equal(d.code, 1, f'doctor in {steps}')
            contains(d.out, 'with namespaces. They can', 'doctor')
            contains(d.out, 'backend: landlock', 'doctor')
            proves(b, steps)
    finally:
        host.close()
        shutil.rmtree(layers, ignore_errors=True)


@test('a masked /proc, and one whose /proc/sys is read-only')
def masked():
    for steps, b in boxes():
        if not AS_ROOT:
            steps = ['userns']
        for mask in ('mask-proc', 'ro-sysctl'):
            if not AS_ROOT and mask == 'mask-proc':
                continue  # parts of it cannot be bound by us
            r = b.stops(['mountns', mask] + steps if AS_ROOT
                        else steps + ['mountns', mask],
                        'systempaths=unconfined', probe='proc')
            check('Operation not permitted' not in r.err, f'twice: {r.err}')


@test('root without CAP_SYS_ADMIN')
def no_admin():
    need_root()
    Box().stops(['drop=21'], 'CAP_SYS_ADMIN', 'setpriv --reuid',
                '--cap-add SYS_ADMIN', probe='root-bind')


@test('root of a user namespace with one id')
def one_id():
    need_root()
    Box().stops(['userns'], 'root has no user', 'setpriv --reuid',
                probe='root-ids')


@test('root on an overlay: the owner\'s project works, root\'s is refused')
def overlay():
    need_root()
    layers = tempfile.mkdtemp(prefix='bw-layers-', dir='/var/tmp')
    os.chmod(layers, 0o755)
    try:
        b = Box()
        b.stops(['mountns', f'overlay={layers}/1'], 'belongs to root',
                'maps no ids', 'another user')
        b = Box()
        for path in (b.project, b.project + '/a'):
            os.makedirs(path, exist_ok=True)
            os.chown(path, PLAIN_UID, PLAIN_UID)
        os.chmod(b.home, 0o755)
        b.works(['mountns', f'overlay={layers}/2'])
        made = os.stat(f'{layers}/2/up{b.project}/made')
        equal(made.st_uid, PLAIN_UID, 'whose is what it made')
    finally:
        shutil.rmtree(layers, ignore_errors=True)


@test('root of a user namespace with many ids, as in a rootless container')
def many_ids():
    need_root()
    Box().stops(['many-ids', 'mountns'], 'belongs to root', 'maps no ids',
                'another user')
    b = Box()
    os.chmod(b.home, 0o755)
    os.chown(b.project, PLAIN_UID, PLAIN_UID)
    b.works(['many-ids', 'mountns'])
    equal(os.stat(b.project + '/made').st_uid, PLAIN_UID, 'the owner')


@test('no terminals in /dev, nothing executable in /tmp, no control groups')
def bare():
    need_root()
    for steps, b in boxes():
        for step in ('no-pts', 'noexec-tmp', 'no-cgroup'):
            b.works(['mountns', step] + steps)


@test('a limit without any control group is kept by other means')
def limits():
    need_root()
    b = Box()
    b.policy('version: 1\nlimits: {processes: 32}\n')
    r = b.inside(['mountns', 'no-cgroup'], 'run', '--policy', b.policy_path,
                 '--', 'sh', '-c', 'for i in $(seq 64); do sleep 5 & done; '
                 'echo never')
    contains(r.err, 'fork', f'no limit: {r}')


@test('no XDG_RUNTIME_DIR and no BAWN_RUNTIME_DIR')
def no_runtime():
    for steps, b in boxes():
        b.works(steps, drop=('BAWN_RUNTIME_DIR', 'XDG_RUNTIME_DIR'))
        b.stop_daemon()
        left = f'/tmp/bawn-{b.uid}'
        if b.uid == PLAIN_UID:
            shutil.rmtree(left, ignore_errors=True)


@test('no HOME: BAWN_STATE_DIR or one line')
def no_home():
    for steps, b in boxes():
        r = b.run_in(steps, drop=('HOME',))
        if r.code != 0:
            equal((r.code, r.err.count('\n')), (125, 1), f'one line: {r}')
            contains(r.err, 'HOME', 'the reason')
        r = b.run_in(steps, drop=('HOME', 'BAWN_STATE_DIR'))
        equal((r.code, r.err.count('\n')), (125, 1), f'one line: {r}')
        contains(r.err, 'HOME', 'the reason')


@test('a HOME that is not there, or not ours to write')
def bad_home():
    for steps, b in boxes():
        closed = b.top + '/closed'
        os.mkdir(closed, 0o555)
        homes = ['/proc/none', '/dev/null/none']
        if b.uid != 0:  # root would make them
            homes += ['/none-such', closed]
        for home in homes:
            r = b.run_in(steps, drop=('BAWN_STATE_DIR',), env={'HOME': home})
            equal((r.code, r.err.count('\n')), (125, 1), f'{home}: {r}')
            contains(r.err, 'BAWN_STATE_DIR', f'{home}: the remedy')
            if b.uid == 0 and home == '/proc/none':
                continue  # root may write there, and the kernel refuses
            d = b.inside(steps, 'doctor', '--json', drop=('BAWN_STATE_DIR',),
                         env={'HOME': home})
            row = next(x for x in map(json.loads, d.out.splitlines())
                       if x['name'] == 'state')
            check(not row['ok'], f'doctor: {row}')
            contains(row['mend'], 'BAWN_STATE_DIR', 'doctor')


main()
