# SPDX-License-Identifier: Apache-2.0
"""How a command is run under each sandbox.

Each is set up as its own documentation shows it for untrusted code that works
on a project: the project writable, no network, and where it has such rules,
~/.ssh and ~/.aws denied.  None is weakened, and none is tuned for this test:
`words` says in a line what was asked for.
"""

import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for part in ('e2e', 'agents'):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), part))

import cache
import terminal
from harness import BAWN, BIN

AS_ROOT = os.getuid() == 0
SRT_VERSION = '0.0.83'
CODEX_VERSION = '0.169.0'
# RFC 6761: nobody's.
ALLOWED_NAME, DENIED_NAME = 'allowed.test', 'denied.test'


# Of bawn's, for the rows of `res`: its default is meant for large builds.
LIMITS = 'limits: {memory: 1G, processes: 1000, disk: 512M}\n'


class Absent(Exception):
    """This machine cannot run it; the text says why."""


def need(program, path=None):
    found = shutil.which(program, path=path)
    if not found:
        raise Absent(f'{program} is not installed')
    return found


def first_number(argv, env=None):
    try:
        p = subprocess.run(argv, capture_output=True, text=True, timeout=60,
                           env=env, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    found = re.search(r'\d+(?:\.\d+)+', p.stdout + p.stderr)
    return found[0] if found else ''


class Peer:
    name = words = ''
    def __init__(self, host):
        self.host = host

    def prepare(self):
        """Raises Absent; makes what it needs below host.top."""

    def version(self):
        return ''

    def argv(self, command):
        return list(command)

    def launch(self, command):
        """argv() of a command whose first process will be killed."""
        return self.argv(command)

    def frugal(self, command):
        """argv() for what uses things up: with its limits, if it has any."""
        return self.argv(command)

    def env(self):
        return self.host.env()

    def keys(self):
        """Further keys of the probe's file."""
        return {'denied_name': DENIED_NAME}

    def finish(self):
        """Ends what it keeps running between commands on purpose."""

    def below(self, name):
        path = f'{self.host.top}/{self.name}-{name}'
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path


class Bare(Peer):
    name = 'bare'
    words = 'no sandbox: what this user may do anyway'

    def launch(self, command):
        # A shell stands where a sandbox would.
        return ['sh', '-c', '"$@" & wait', 'sh', *command]


class Bawn(Peer):
    name = 'bawn'
    words = ('the built-in default policy; one host and one socket allowed, '
             'since some rows misuse what is allowed')

    def prepare(self):
        self.state, self.runtime = self.below('state'), self.below('run')
        for d in (self.state, self.runtime):
            os.chmod(d, 0o700)
        self.file = self.below('policy') + '/policy.yaml'
        with open(self.file, 'w') as f:
            f.write(self.policy())

    def policy(self):
        listeners = self.host.listeners
        port = listeners.allowed_port
        return ('version: 1\nnetwork:\n  allow:\n    - {host: '
                f'{ALLOWED_NAME}, ports: [{port}], connect: '
                f'"127.0.0.1:{port}"}}\n'
                f'  sockets: ["{listeners.allowed_path}"]\n')

    def keys(self):
        listeners = self.host.listeners
        return dict(super().keys(),
                    allowed=f'{ALLOWED_NAME}:{listeners.allowed_port}',
                    unix_allowed=listeners.allowed_path)

    def version(self):
        return first_number([BAWN, '--version'])

    def argv(self, command):
        return [BAWN, 'run', '--policy', self.file, '--', *command]

    def frugal(self, command):
        path = self.below('policy') + '/frugal.yaml'
        with open(path, 'w') as f:
            f.write(self.policy() + LIMITS)
        return [BAWN, 'run', '--policy', path, '--', *command]

    def env(self):
        return dict(self.host.env(), BAWN_STATE_DIR=self.state,
                    BAWN_RUNTIME_DIR=self.runtime)

    def call(self, *argv, timeout=60, cwd=None):
        return subprocess.run([BAWN, *argv], env=self.env(), text=True,
                              capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False,
                              cwd=cwd or self.host.top)

    def records(self, expr='session = @'):
        p = self.call('ledger', 'query', '--json', expr)
        if p.returncode != 0:
            raise RuntimeError(f'ledger query: {p.stderr}')
        return [json.loads(x) for x in p.stdout.splitlines()]

    def finish(self):
        try:
            with open(self.state + '/lock') as f:
                pid = json.loads(f.read() or '{}').get('pid')
        except (OSError, ValueError):
            return
        if pid:
            terminal.stop(pid)


class BawnLandlock(Bawn):
    name = 'bawn-landlock'
    words = ('`backend: landlock`, with what that backend lacks accepted by '
             'key')

    # All that the backend may lack (doc/PROTOCOL.policy).
    accept = ('hide', 'protect', 'metadata', 'private-home', 'private-tmp',
              'private-etc', 'processes', 'ports', 'terminals', 'total-kill',
              'process-limit', 'audit')

    def prepare(self):
        super().prepare()
        p = self.call('policy', 'check', self.file)
        if p.returncode != 0:
            raise Absent('this build has no such backend')
        os.makedirs(self.host.project, exist_ok=True)
        p = self.call('run', '--policy', self.file, '--', 'true',
                      cwd=self.host.project)
        if p.returncode != 0:
            self.finish()
            raise Absent(p.stderr.strip()[:200])

    def policy(self):
        # It passes no socket of the host on.
        usual = super().policy().partition('  sockets:')[0]
        return (usual + 'backend: landlock\nbackend_accept: [' +
                ', '.join(self.accept) + ']\n')

    def keys(self):
        return {k: v for k, v in super().keys().items()
                if k != 'unix_allowed'}


class BwrapTypical(Peer):
    name = 'bwrap'
    words = ('`--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --bind '
             'PROJECT PROJECT --unshare-all --die-with-parent`')

    def prepare(self):
        need('bwrap')

    def version(self):
        return first_number(['bwrap', '--version'])

    def binds(self):
        h = self.host
        return ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc',
                '--tmpfs', '/tmp', '--bind', h.project, h.project]

    def more(self):
        return []

    def argv(self, command):
        return ['bwrap', *self.binds(), '--unshare-all', '--die-with-parent',
                '--chdir', self.host.project, *self.more(), '--', *command]


class BwrapHardened(BwrapTypical):
    name = 'bwrap-hard'
    words = ('the same, `--tmpfs HOME`, .git read-only, `--new-session '
             '--unshare-user --disable-userns --cap-drop ALL --clearenv`')

    def binds(self):
        h = self.host
        return ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc',
                '--tmpfs', '/tmp', '--tmpfs', h.home, '--bind', h.project,
                h.project, '--ro-bind', h.project + '/.git',
                h.project + '/.git']

    def more(self):
        return ['--new-session', '--unshare-user', '--disable-userns',
                '--cap-drop', 'ALL', '--clearenv', '--setenv', 'PATH',
                '/usr/bin:/bin', '--setenv', 'HOME', self.host.home,
                '--setenv', 'TERM', 'xterm']


class Firejail(Peer):
    name = 'firejail'
    words = ('the default profile, `--net=none`, ~/.ssh and ~/.aws '
             'blacklisted')

    def prepare(self):
        need('firejail')

    def version(self):
        return first_number(['firejail', '--version'])

    def rules(self):
        h = self.host
        # As root it would take the profile for servers, without a home.
        return ['--quiet', '--net=none', *self.profile(),
                f'--blacklist={h.home}/.ssh', f'--blacklist={h.home}/.aws']

    def profile(self):
        return ['--profile=default']

    def argv(self, command):
        return ['firejail', *self.rules(), '--', *command]


class FirejailStrict(Firejail):
    name = 'firejail-strict'
    words = ('the same, whose profile has seccomp, with `--caps.drop=all '
             '--nonewprivs --noroot --private-dev --private-tmp '
             '--ipc-namespace`, the home read-only but for the project')

    def rules(self):
        h = self.host
        # --noroot is for users; firejail refuses it to root.
        noroot = [] if AS_ROOT else ['--noroot']
        return [*super().rules(), '--caps.drop=all', '--nonewprivs', *noroot, '--private-dev',
                '--private-tmp', '--ipc-namespace', f'--read-only={h.home}',
                f'--read-write={h.project}']


class Npm(Peer):
    """From npm with the machine's own configuration of it (cache.py)."""
    package = wanted = program = ''

    def prepare(self):
        need('npm')
        need('node')

        def absent(why):
            raise Absent(why)
        self.found = cache.npm_package(self.package, self.wanted, self.program,
                                       absent)
        self.path = ':'.join(p for p in os.environ.get(
            'PATH', '').split(':') if p.startswith('/')) or '/usr/bin:/bin'

    def version(self):
        return self.wanted


class SandboxRuntime(Npm):
    name = 'srt'
    package, wanted, program = ('@anthropic-ai/sandbox-runtime', SRT_VERSION,
                                'srt')
    words = ('allowedDomains [], denyRead [~/.ssh, ~/.aws], allowWrite '
             '[project]')

    def prepare(self):
        super().prepare()
        for tool in ('bwrap', 'socat', 'rg'):
            need(tool)
        self.settings = self.below('settings') + '/settings.json'
        with open(self.settings, 'w') as f:
            json.dump({'network': {'allowedDomains': [], 'deniedDomains': []},
                       'filesystem': {
                           'denyRead': ['~/.ssh', '~/.aws'],
                           'allowWrite': [self.host.project],
                           'denyWrite': []}}, f)

    def argv(self, command):
        return [self.found, '-s', self.settings, '--', *command]


class Codex(Npm):
    name = 'codex'
    package, wanted, program = '@openai/codex', CODEX_VERSION, 'codex'
    words = '`codex sandbox` with `sandbox_mode = "workspace-write"`'

    def argv(self, command):
        return [self.found, 'sandbox', '-c', 'sandbox_mode="workspace-write"',
                '--', *command]

    def env(self):
        return dict(self.host.env(), CODEX_HOME=self.below('home'))


class Oci(Peer):
    """A bundle with what `runc spec` writes, and the project bound into it."""

    def spec(self, where):
        need('runc')  # writes the specification for both
        rootless = [] if AS_ROOT else ['--rootless']
        subprocess.run(['runc', 'spec', '-b', where, *rootless], check=True,
                       capture_output=True)
        with open(where + '/config.json') as f:
            return json.load(f)

    def prepare(self):
        need(self.program)
        h = self.host
        self.bundle = self.below('bundle')
        self.root = self.below('state')
        os.makedirs(self.bundle + '/rootfs' + h.project, exist_ok=True)
        self.config = self.spec(self.bundle)
        self.config['mounts'].append({
            'destination': h.project, 'type': 'bind', 'source': h.project,
            'options': ['bind', 'rw']})
        self.config['process']['cwd'] = h.project
        self.count = 0

    def version(self):
        return first_number([self.program, '--version'])

    def launch(self, command):
        # Nobody gives it a terminal there.
        self.config['process']['terminal'] = False
        try:
            return self.argv(command)
        finally:
            self.config['process']['terminal'] = True

    def wrap(self, argv):
        return argv

    def argv(self, command):
        """Its program and arguments stand in the bundle."""
        self.config['process']['args'] = list(command)
        with open(self.bundle + '/config.json', 'w') as f:
            json.dump(self.config, f)
        self.count += 1
        return self.wrap([self.program, *self.options(), '--root', self.root,
                          'run', '-b', self.bundle,
                          f'{self.host.marker}-{self.count}'])

    def options(self):
        return []


class Runc(Oci):
    name = program = 'runc'
    words = ('what `runc spec` writes (as a user `--rootless`, which leaves '
             'the network of the host)')


class Crun(Oci):
    name = program = 'crun'
    words = ('the same bundle; where control groups are hybrid, which crun '
             'refuses, under a cgroup2 mount of its own')

    def spec(self, where):
        config = super().spec(where)
        if not AS_ROOT and self.hybrid():
            # The user namespace is made by `wrap`.
            linux = config['linux']
            linux['namespaces'] = [x for x in linux['namespaces']
                                   if x['type'] != 'user']
            linux.pop('uidMappings', None)
            linux.pop('gidMappings', None)
        return config

    def hybrid(self):
        return os.path.isdir('/sys/fs/cgroup/unified')

    def options(self):
        return ['--cgroup-manager=disabled'] if self.hybrid() else []

    def wrap(self, argv):
        if not self.hybrid():
            return argv
        return ['unshare', *(['-m'] if AS_ROOT else ['-UrmC']), 'sh', '-ec',
                'mount -t cgroup2 none /sys/fs/cgroup; exec "$@"', 'sh', *argv]


ALL = (Bare, Bawn, BawnLandlock, BwrapTypical, BwrapHardened, Firejail,
       FirejailStrict, SandboxRuntime, Codex, Crun, Runc)
