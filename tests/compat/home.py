# SPDX-License-Identifier: Apache-2.0
"""A developer's home: tools where their installers put them, and credentials
where their clients keep them, each holding DECOY.

It lies in the tests' cache (tests/agents/cache.py) and keeps its tools from run
to run; work, state and policy are new each time.  Tools come from the package
registries that this machine's own configuration names.
"""

import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import time

from harness import BAWN, alive

DECOY = 'DECOY-5up3r-53cr37'

# What an installer for one user would have put below the home.
NPM_TOOLS = ('pnpm@10', 'yarn@1', 'typescript', '@anthropic-ai/claude-code',
             '@openai/codex', '@google/gemini-cli')
PIP_TOOLS = ('uv',)

GITCONFIG = ('[user]\n\tname = A Developer\n\temail = dev@example.org\n'
             '[init]\n\tdefaultBranch = main\n'
             '[credential]\n\thelper = store\n')

SECRETS = {
    '.npmrc': f'//registry.decoy.test/:_authToken={DECOY}\n',
    '.pypirc': f'[pypi]\nusername = a\npassword = {DECOY}\n',
    '.netrc': f'machine decoy.test login a password {DECOY}\n',
    '.git-credentials': f'https://a:{DECOY}@decoy.test\n',
    '.aws/credentials': f'[default]\naws_secret_access_key = {DECOY}\n',
    '.config/gh/hosts.yml': f'decoy.test:\n    oauth_token: {DECOY}\n',
    '.docker/config.json': f'{{"auths": {{"decoy.test": {{"auth": "{DECOY}"'
                           '}}}\n',
    '.kube/config': f'users: [{{name: a, user: {{token: {DECOY}}}}}]\n',
    '.cargo/credentials.toml': f'[registry]\ntoken = "{DECOY}"\n',
    '.m2/settings.xml': '<settings><servers><server><id>decoy</id><password>'
                        f'{DECOY}</password></server></servers></settings>\n',
    '.gradle/gradle.properties': f'decoyPassword={DECOY}\n',
    '.gem/credentials': f'---\n:rubygems_api_key: {DECOY}\n',
    '.claude/.credentials.json': f'{{"claudeAiOauth": "{DECOY}"}}\n',
    '.codex/auth.json': f'{{"OPENAI_API_KEY": "{DECOY}"}}\n',
    '.gemini/oauth_creds.json': f'{{"refresh_token": "{DECOY}"}}\n',
    '.ssh/id_decoy': f'{DECOY}\n',
    '.bash_history': f'export TOKEN={DECOY}\n',
}

SECRET_VARS = ('AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'NPM_TOKEN',
               'OPENAI_API_KEY', 'UV_INDEX_PASSWORD', 'CARGO_REGISTRY_TOKEN')


def log(text):
    print(f'  {text}', flush=True)


class Developer:
    def __init__(self, top, presets):
        self.top, self.presets = top, presets
        self.home = top + '/home'
        self.state, self.runtime = top + '/s', top + '/r'
        self.missing = {}  # tool -> why it could not be installed
        os.makedirs(self.home, exist_ok=True)
        for d in (self.state, self.runtime, self.home + '/work'):
            self.remove(d)
            os.makedirs(d, mode=0o700)
        keep = ('LANG', 'TZ', 'SHELL', 'GOPROXY', 'GOSUMDB')
        self.env = {k: v for k, v in os.environ.items() if k in keep
                    or k.startswith(('npm_config_', 'PIP_'))
                    or k.endswith(('_CERT_FILE', '_CERT_DIR', '_CA_CERTS',
                                   '_CA_BUNDLE', '_CERT', '_CAINFO'))}
        # Private tools of the user who runs this are not what is tested.
        system = [p for p in os.environ.get('PATH', '').split(':')
                  if p.startswith('/') and not p.startswith(('/root', '/home'))]
        own = [self.home + '/' + d for d in
               ('.local/bin', '.npm-global/bin', '.cargo/bin')]
        self.env.update(
            HOME=self.home, PATH=':'.join(own + system), TERM='xterm-256color',
            USER='developer', LOGNAME='developer', BAWN_STATE_DIR=self.state,
            BAWN_RUNTIME_DIR=self.runtime, **{k: DECOY for k in SECRET_VARS})
        self.env.setdefault('LANG', 'C.UTF-8')
        # A toolchain's own settings, as `rustup` was told by its user.
        self.env.update({k: v for k, v in os.environ.items()
                         if k in ('RUSTUP_AUTO_INSTALL',)})

    # ---- what is there before the first row ----

    def put(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def call(self, argv, seconds=300, env=None):
        try:
            p = subprocess.run(argv, env=dict(self.env, **(env or {})),
                               cwd=self.home, capture_output=True, text=True,
                               stdin=subprocess.DEVNULL, timeout=seconds,
                               check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            return False, str(e)[:200]
        last = (p.stderr.strip().splitlines() or ['?'])[-1]
        return p.returncode == 0, last[:200]

    def install(self):
        """Tools that are not there yet."""
        prefix = self.home + '/.npm-global'
        for spec in NPM_TOOLS:
            name = spec.rpartition('@')[0] or spec
            mark = f'{prefix}/lib/node_modules/{name}/package.json'
            if os.path.exists(mark):
                continue
            log(f'npm install -g {name}')
            ok, why = self.call(['npm', 'install', '-g', '--prefix', prefix,
                                 '--no-audit', '--no-fund', spec])
            if not ok:
                self.missing[name] = f'npm install: {why}'
        for name in PIP_TOOLS:
            if os.path.exists(f'{self.home}/.local/bin/{name}'):
                continue
            log(f'pip install --user {name}')
            ok, why = self.call(['/usr/bin/python3', '-m', 'pip', 'install',
                                 '-q', '--user', '--break-system-packages',
                                 name])
            if not ok:
                self.missing[name] = f'pip install: {why}'

    def prepare(self, tools=True):
        if tools:
            self.install()
        self.put('.gitconfig', GITCONFIG)
        for name, text in SECRETS.items():
            self.put(name, text)
        # What npm was told on this machine, beside the decoy.
        self.put('.npmrc', self.npmrc() + SECRETS['.npmrc'])

    def npmrc(self):
        found = ''
        for path in (self.top + '/npmrc', os.path.expanduser('~/.npmrc')):
            with contextlib.suppress(OSError):
                with open(path) as f:
                    found = ''.join(x for x in f if '_' not in x and
                                    not x.startswith('//') and '=' in x)
                break
        return found

    # ---- between rows ----

    def base_policy(self):
        return {'version': 1, 'network': {'allow': [
            {'preset': p} for p in self.presets]}}

    def policy(self, tree):
        self.tree = copy.deepcopy(tree)
        self.put('.config/bawn/policy.yaml', json.dumps(tree) + '\n')

    def remove(self, where):
        """Also what a module cache has made read-only."""
        if not os.path.lexists(where):
            return
        for at, dirs, _ in os.walk(where):
            for d in dirs:
                path = os.path.join(at, d)
                if not os.path.islink(path):
                    with contextlib.suppress(OSError):
                        os.chmod(path, 0o700)
        shutil.rmtree(where, ignore_errors=True)

    def forget(self, where, name):
        self.remove(os.path.join(where, name))
        homes = self.state + '/homes'
        with contextlib.suppress(OSError):
            for each in os.listdir(homes):
                if each.startswith(name[:32] + '-'):
                    self.remove(os.path.join(homes, each))

    def stop(self):
        """The daemon, which the next `bawn run` starts again."""
        try:
            with open(self.state + '/lock') as f:
                pid = json.load(f)['pid']
            os.kill(pid, signal.SIGTERM)
            for _ in range(300):
                if not alive(pid):
                    break
                time.sleep(0.01)
        except (OSError, ValueError, KeyError):
            pass

    def close(self):
        self.stop()
        for d in (self.state, self.runtime, self.home + '/work'):
            self.remove(d)


def places_for(dev):
    """Where a tool that is installed without bawn does not meet the others."""
    at = dev.top + '/s/bare'
    os.makedirs(at + '/lib', exist_ok=True)
    return {'PYTHONUSERBASE': at, 'CARGO_INSTALL_ROOT': at,
            'GOBIN': at + '/bin', 'npm_config_prefix': at,
            'PATH': dev.env['PATH'] + ':' + at + '/bin'}


def known_presets(where):
    """Those of the presets that this bawn has."""
    known = []
    path = where + '/probe.yaml'
    for name in ('package-registries', 'git-hosts'):
        with open(path, 'w') as f:
            f.write('version: 1\nnetwork:\n  allow:\n'
                    f'    - preset: {name}\n')
        p = subprocess.run([BAWN, 'policy', 'check', path],
                           capture_output=True, text=True, check=False)
        if p.returncode == 0:
            known.append(name)
    os.unlink(path)
    return known
