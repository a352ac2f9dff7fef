# SPDX-License-Identifier: Apache-2.0
"""What the probe tries itself against, on the host: files, secrets, listeners,
a repository with hooks, a process, objects of IPC, a terminal.

All of it lies below one temporary directory, which goes away with the Host that
made it.  What can be damaged is made again for each run (`renew`), so one
sandbox never sees what another let through.
"""

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
import time

import hostipc
import listeners

# Each holds the marker, so that a probe which read one can tell.
SECRET_FILES = (
    '.ssh/id_ed25519', '.ssh/config', '.aws/credentials', '.netrc',
    '.config/gcloud/application_default_credentials.json', '.kube/config',
    '.azure/msal_token_cache.json', '.docker/config.json', '.npmrc', '.pypirc',
    '.cargo/credentials.toml', '.gem/credentials', '.git-credentials',
    '.config/gh/hosts.yml', '.gnupg/private-keys-v1.d/key', '.vault-token',
    '.password-store/a.gpg', '.local/share/keyrings/login.keyring', '.pgpass',
    '.terraform.d/credentials.tfrc.json', '.claude/.credentials.json',
    '.codex/auth.json', '.gemini/oauth_creds.json', '.bash_history',
    '.mozilla/firefox/default/logins.json', 'Documents/notes.txt',
    '.config/google-chrome/Default/Cookies')
# Start files of the home: nothing in a sandbox may change them.
HOME_FILES = ('.bashrc', '.profile', '.gitconfig', '.ssh/authorized_keys',
              '.config/autostart/a.desktop', '.local/bin/tool',
              '.claude/settings.json')
HIDDEN = ('conf/.env',)
PROTECTED = ('.bawn.yaml',)
# Repositories inside the project, by how deep they lie.
REPOSITORIES = ('', 'nested', 'a/b/c/d/e')
SECRET_NAME = 'BAWN_PROBE_SECRET'
OUTLIVE_SECONDS = 97
LEFT_NAME = 'bawn-probe-left'


class Host:
    def __init__(self, base='/var/tmp'):
        self.marker = 'bwp' + secrets.token_hex(8)
        self.secret = secrets.token_hex(12)
        self.top = tempfile.mkdtemp(prefix='bawn-probe-', dir=base)
        os.chmod(self.top, 0o755)
        self.home = self.top + '/home'
        self.project = self.home + '/project'
        self.outside = self.top + '/outside'
        self.tools = self.project + '/.bawn-probe'
        self.process = self.listeners = self.ipc = None
        try:
            os.mkdir(self.top + '/sockets')
            self.listeners = listeners.All(self.top + '/sockets', self.marker,
                                           self.outside)
            self.ipc = hostipc.HostIpc(self.marker)
        except BaseException:
            self.close()
            raise

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def renew(self, program, exist=()):
        """Everything that a run can damage, as at the beginning; @program is
        copied where every sandbox has it, into the project.  @exist: further
        files of the project that are there."""
        self.stop_process()
        for where in (self.home, self.outside):
            remove(where)
        os.makedirs(self.project)
        os.chmod(self.home, 0o755)
        os.mkdir(self.outside, 0o755)
        self.write(self.outside + '/there', 'outside\n')
        for name in HOME_FILES:
            self.write(f'{self.home}/{name}', '# as its owner left it\n')
        for name in SECRET_FILES:
            self.write(f'{self.home}/{name}', f'{self.marker} secret\n', 0o600)
        for where in REPOSITORIES:
            self.repository(os.path.join(self.project, where))
        for name in HIDDEN:
            self.write(f'{self.project}/{name}', f'TOKEN={self.marker}\n')
        for name in PROTECTED:
            self.write(f'{self.project}/{name}', 'version: 1\n')
        for name in exist:
            path = f'{self.project}/{name}'
            if not os.path.lexists(path):
                self.write(path, '# as its owner left it\n')
        os.mkdir(self.tools)
        shutil.copy(program, self.tools + '/bawn-probe')
        self.start_process()
        self.listeners.empty()
        self.ipc.reset()

    def repository(self, where):
        """A repository made by hand: no git is needed, and none runs."""
        git = where + '/.git'
        for d in ('objects', 'refs/heads', 'hooks', 'info'):
            os.makedirs(f'{git}/{d}')
        self.write(git + '/HEAD', 'ref: refs/heads/main\n')
        self.write(git + '/config', '[core]\n\trepositoryformatversion = 0\n'
                   '\tfilemode = true\n\tbare = false\n')
        self.write(git + '/hooks/pre-commit', '#!/bin/sh\nexit 0\n', 0o755)
        self.write(where + '/README', 'text\n')

    def start_process(self):
        """A host process to look for; its environment holds the secret."""
        self.process = subprocess.Popen(
            ['sleep', '100000'], stdin=subprocess.DEVNULL,
            env={'PATH': '/usr/bin:/bin', SECRET_NAME: self.secret})

    def stop_process(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def process_lives(self):
        return self.process is not None and self.process.poll() is None

    def tell(self, more):
        """The probe's file; @more: keys of this run.  Its path."""
        rows = [('marker', self.marker), ('project', self.project),
                ('home', self.home), ('outside_dir', self.outside),
                ('secret_env', f'{SECRET_NAME}={self.secret}'),
                ('host_pid', self.process.pid),
                ('outlive', OUTLIVE_SECONDS)]
        rows += [('secret_file', f'{self.home}/{x}') for x in SECRET_FILES]
        rows += [('hidden_file', f'{self.project}/{x}') for x in HIDDEN]
        rows += [('protected_file', f'{self.project}/{x}') for x in PROTECTED]
        for keys in (self.listeners.keys, self.ipc.keys, more):
            rows += list(keys.items())
        return self.write(self.tools + '/fixtures',
                          ''.join(f'{k}={v}\n' for k, v in rows))

    def env(self):
        """What a sandbox is started with: a user's, with a secret in it."""
        keep = ('PATH', 'LANG', 'TZ', 'USER', 'LOGNAME', 'SHELL',
                'ASAN_OPTIONS', 'UBSAN_OPTIONS')
        env = {k: os.environ[k] for k in keep if k in os.environ}
        # Private tools of one user are not what is tested.
        env['PATH'] = ':'.join(
            p for p in env.get('PATH', '').split(':')
            if not p.startswith(('/root', '/home'))) or '/usr/bin:/bin'
        env.setdefault('USER', 'probe')
        env.update({'HOME': self.home, 'TERM': 'xterm',
                    SECRET_NAME: self.secret})
        return env

    def close(self):
        self.stop_process()
        if self.listeners:
            self.listeners.close()
        if self.ipc:
            self.ipc.close()
        remove(self.top)


def remove(where):
    """Also what somebody made unreadable, or is still writing to."""
    for _ in range(20):
        if not os.path.lexists(where):
            return
        for at, dirs, _ in os.walk(where):
            for d in dirs:
                path = os.path.join(at, d)
                if not os.path.islink(path):
                    with contextlib.suppress(OSError):
                        os.chmod(path, stat.S_IRWXU)
        shutil.rmtree(where, ignore_errors=True)
        if os.path.lexists(where):
            time.sleep(0.1)
