#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An installation below DESTDIR: what is there, that it runs, that it goes."""

import os
import shutil
import stat
import subprocess
import tempfile

import harness
from harness import (AS_ROOT, World, alive, check, contains, equal, main, skip,
                     test, wait_for)

BUILD = os.path.dirname(os.path.dirname(harness.BIN))
NOBODY = 65534
top = tempfile.mkdtemp(prefix='bw-inst-', dir='/var/tmp')
os.chmod(top, 0o755)
dest = top + '/dest'
prefix = dest + '/usr/local'


LOG = BUILD + '/meson-logs/install-log.txt'


class Top:
    """Goes with the worlds.  A real installation keeps its list of files."""

    def __init__(self):
        self.log = None
        if os.path.exists(LOG):
            with open(LOG) as f:
                self.log = f.read()

    def close(self, keep=False):
        shutil.rmtree(top, ignore_errors=True)
        if self.log is not None and os.access(LOG, os.W_OK):
            with open(LOG, 'w') as f:
                f.write(self.log)


World.all.append(Top())


def call(*argv, env=None, **kw):
    return subprocess.run(argv, capture_output=True, text=True, check=False,
                          env=dict(os.environ, **(env or {})), **kw)


def install():
    """Once; who cannot read the build that meson recorded is told so."""
    if os.path.isdir(dest):
        return
    os.umask(0o022)
    r = call('meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir',
             dest, env={'PYTHONDONTWRITEBYTECODE': '1'})
    if r.returncode != 0 and not AS_ROOT:
        shutil.rmtree(dest, ignore_errors=True)
        skip("only for root: another user's build cannot be installed")
    equal(r.returncode, 0, f'meson install: {r.stdout[-600:]} {r.stderr}')


def files():
    found = {}
    for where, _, names in os.walk(dest):
        for name in names:
            path = os.path.join(where, name)
            found[os.path.relpath(path, prefix)] = os.lstat(path).st_mode
    return found


@test('every part is in its place, and nobody else can write it')
def parts():
    install()
    found = files()
    for path in ('bin/bawn', 'bin/bawnd', 'libexec/bawn/bawn-policy',
                 'libexec/bawn/bawn-ledger', 'libexec/bawn/bawn-registries',
                 'libexec/bawn/bawn-probe', 'libexec/bawn/bawn-show'):
        check(path in found, f'no {path} in {sorted(found)}')
        equal(oct(stat.S_IMODE(found[path])), '0o755', path)
    for path in ('share/man/man1/bawn.1', 'share/man/man1/bawn-run.1',
                 'share/man/man5/bawn-policy.5', 'share/man/man8/bawnd.8',
                 'share/bash-completion/completions/bawn',
                 'share/zsh/site-functions/_bawn',
                 'share/fish/vendor_completions.d/bawn.fish',
                 'lib/systemd/user/bawnd.service',
                 'share/doc/bawn/README.md', 'share/doc/bawn/LICENSE',
                 'share/doc/bawn/THREAT-MODEL.md',
                 'share/doc/bawn/examples/develop.yaml'):
        check(path in found, f'no {path} in {sorted(found)}')
    for path, mode in found.items():
        equal(mode & 0o6022, 0, f'{path}: {oct(mode)}')
    check(not [p for p in found if 'test' in os.path.basename(p)
               and 'example' not in p], f'tests in {sorted(found)}')


class Installed(World):
    """A world whose bawn is the installed one, of the user @uid in @gid."""

    def __init__(self, uid=None, gid=None):
        super().__init__()
        self.uid = uid
        self.gid = uid if gid is None else gid
        self.env['PATH'] = prefix + '/bin:' + self.env['PATH']
        if uid is not None:
            self.env.update(USER='nobody', LOGNAME='nobody')
            for where, dirs, names in os.walk(self.top):
                for name in ['.'] + names:
                    os.chown(os.path.join(where, name), uid, self.gid,
                             follow_symlinks=False)

    def call(self, argv, stdin=None, timeout=30, cwd=None, env=None):
        argv = [a.replace(harness.BAWN, prefix + '/bin/bawn') for a in argv]
        who = ({} if self.uid is None else
               {'user': self.uid, 'group': self.gid, 'extra_groups': []})
        p = subprocess.run(argv, cwd=cwd or self.project, env=self.env,
                           capture_output=True, timeout=timeout * harness.SLOW,
                           stdin=subprocess.DEVNULL, check=False, **who)
        return harness.Result(p.returncode, p.stdout, p.stderr, 0)


def works(w):
    r = w.run('true')
    equal(r.code, 0, f'bawn run -- true: {r}')
    r = w.sh('echo inside > made && cat made')
    equal((r.code, r.out), (0, 'inside\n'), f'{r}')
    r = w.bawn('policy', 'check', prefix +
               '/share/doc/bawn/examples/develop.yaml')
    equal(r.code, 0, f'bawn policy: {r}')
    equal(w.bawn('ledger', 'verify').code, 0, 'bawn ledger')
    equal(w.bawn('run', '--', 'no-such-command').code, 127, 'a missing one')


@test('it runs as the user who installed it')
def as_installer():
    install()
    works(Installed())


@test('installed by root it runs as an ordinary user')
def as_plain():
    if not AS_ROOT:
        skip('only for root')
    install()
    works(Installed(NOBODY))
    # As some containers have it: a user without a name whose group is root's.
    w = Installed(54321, 0)
    works(w)
    equal(w.sh('id -u; id -g').out, '54321\n0\n', 'its own ids')


@test('its doctor finds the program that tries to get out')
def proves():
    install()
    r = Installed().bawn('doctor', '--prove', timeout=50)
    equal(r.code, 0, f'bawn doctor --prove: {r}')
    contains(r.out, 'The walls hold.', 'the verdict')


@test('the systemd unit is well formed, and starts what serves a session')
def unit():
    install()
    path = prefix + '/lib/systemd/user/bawnd.service'
    with open(path) as f:
        text = f.read()
    start = [x for x in text.splitlines() if x.startswith('ExecStart=')]
    equal(len(start), 1, 'ExecStart')
    argv = start[0].partition('=')[2].split()
    equal(argv[0], '/usr/local/bin/bawnd', 'the program')
    here = [dest + argv[0], *argv[1:]]
    w = Installed()
    p = subprocess.Popen(['setpriv', '--no-new-privs', *here], env=w.env,
                         cwd='/', stderr=subprocess.DEVNULL)
    try:
        pid = wait_for('the daemon serves', 10, w.keeper_pid)
        r = w.run('true')
        equal(r.code, 0, f'bawn run -- true: {r}')
        equal(w.keeper_pid(), pid, 'the same daemon')
        equal(p.pid, pid, 'that of the unit')
        # A second one, as when `bawn run` was first, is no failure.
        r = w.call(here, timeout=10)
        equal(r.code, 0, f'a second daemon: {r}')
    finally:
        p.terminate()
        equal(p.wait(timeout=20), 0, 'stopped as systemd does')
    check(not alive(p.pid), 'gone')
    if not shutil.which('systemd-analyze'):
        skip('no systemd on this machine')
    checked = top + '/bawnd.service'
    with open(checked, 'w') as f:
        f.write(text.replace(argv[0], here[0]))
    r = call('systemd-analyze', 'verify', '--user', '--man=no', checked,
             env={'XDG_RUNTIME_DIR': w.runtime})
    ours = [x for x in r.stderr.splitlines() if 'bawnd' in x]
    equal((r.returncode, ours), (0, []), f'verify: {r.stderr}')


@test('uninstall leaves no file')
def uninstall():
    install()
    check(files(), 'something is there')
    r = call('meson', '--internal', 'uninstall', cwd=BUILD)
    equal(r.returncode, 0, f'uninstall: {r.stdout} {r.stderr}')
    equal(files(), {}, 'what is left')


main()
