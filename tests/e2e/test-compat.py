#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A developer's usual work: the rows of the compatibility table that need no
download (tests/compat; `make compat` runs them all), and where the hosts of
`preset: package-registries` come from."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'compat'))

import home
import rows_build
import rows_git
import rows_net
import rows_tools
import table
from harness import BIN, Failure, World, check, equal, main, skip, test

top = tempfile.mkdtemp(prefix='bw-compat-', dir='/var/tmp')
os.chmod(top, 0o755)
dev = home.Developer(top, ())
dev.prepare(tools=False)


def add(r):
    @test(f'{r.section}: {r.name}', r.seconds)
    def run():
        status, detail = table.run_row(dev, r)
        if status == table.ABSENT:
            skip(detail)
        if status == table.FAILS:
            raise Failure(detail)


for each in table.rows:
    if each.core:
        add(each)


# Clients as a company might have set them up; each says where it fetches.
CLIENTS = {
    'npm': """case "$*" in
"config get registry") echo https://npm.corp.test/r/ ;;
"config get nodedir") echo undefined ;;
"config get disturl") echo undefined ;;
"config ls") echo '@corp:registry = "https://scope.corp.test:8443/"' ;;
esac""",
    'node': 'echo https://node.corp.test/headers.tar.gz',
    'yarn': """[ "$COREPACK_ENABLE_NETWORK" = 0 ] || exit 1
case "$*" in
"config get registry") echo https://yarn.corp.test ;;
"config get npmRegistryServer") echo undefined ;;
esac""",
    'go': """case "$*" in
"env GOPROXY") echo "https://go.corp.test|direct" ;;
"env GOSUMDB") echo sum.corp.test+1234+abc ;;
esac""",
    'gem': 'printf "*** SOURCES ***\\n\\nhttps://gem.corp.test/\\n"',
    'ruby': f'echo {top}/source.rb',
    'bundle': 'echo mirror.x=https://bundle.corp.test/',
    'gradle': 'exit 1',
}
WANT = {'npm.corp.test', 'scope.corp.test:8443', 'node.corp.test',
        'yarn.corp.test', 'pip.corp.test', 'uv.corp.test', 'go.corp.test',
        'sum.corp.test', 'gem.corp.test', 'index.corp.test',
        'bundle.corp.test', 'gradle.corp.test'}


@test('preset: package-registries asks each client of this machine')
def registries():
    where = top + '/clients'
    os.makedirs(where + '/home/.config/uv')
    os.makedirs(where + '/home/.gradle/init.d')
    os.makedirs(where + '/bin')
    for name, script in CLIENTS.items():
        with open(f'{where}/bin/{name}', 'w') as f:
            f.write('#!/bin/sh\n' + script + '\n')
        os.chmod(f'{where}/bin/{name}', 0o755)
    with open(top + '/source.rb', 'w') as f:
        f.write('uri.host = "index.corp.test"\n')
    with open(where + '/home/.config/uv/uv.toml', 'w') as f:
        f.write('index-url = "https://uv.corp.test/simple"\n')
    os.makedirs(where + '/home/.config/pip')
    with open(where + '/home/.config/pip/pip.conf', 'w') as f:
        f.write('[global]\n'
                'index-url = https://user:secret@pip.corp.test/s/\n')
    marker = plant_site(where)
    with open(where + '/home/.gradle/init.d/a.gradle', 'w') as f:
        f.write("maven { url 'https://gradle.corp.test/m2' }\n")
    p = subprocess.run([BIN + '/bawn-registries'], text=True, check=True,
                       capture_output=True, timeout=60,
                       env={'HOME': where + '/home',
                            'PATH': where + '/bin:/usr/bin:/bin'})
    equal(WANT - set(p.stdout.split()), set(), 'hosts that are missing')
    check('secret' not in p.stdout, 'a password is among them')
    check(not os.path.exists(marker), 'a start-up file of a project ran')


def plant_site(where):
    """A package installed in place: python's start-up reads the project."""
    version = f'python3.{sys.version_info.minor}'
    site = f'{where}/home/.local/lib/{version}/site-packages'
    os.makedirs(site)
    os.makedirs(where + '/in-place')
    with open(site + '/a.pth', 'w') as f:
        f.write(where + '/in-place\n')
    for name in ('sitecustomize.py', 'usercustomize.py', 'pip.py'):
        with open(f'{where}/in-place/{name}', 'w') as f:
            f.write(f'open("{where}/marker", "w")\n')
    return where + '/marker'


@test('what a session can write is never run to ask for the preset')
def planted_clients():
    names = ('npm', 'node', 'yarn', 'pip', 'pip3', 'python3', 'go', 'cargo',
             'rustup', 'gem', 'ruby', 'bundle', 'unzip', 'grep', 'sed')
    other = os.path.join(dev.home, 'work', 'other')
    for at in ('project', 'elsewhere', 'link'):
        j = table.Job(dev, table.rows[0])
        j.begin({'version': 1, 'network': {'allow': [
            {'preset': 'package-registries'}]}}, ())
        marker = f'{top}/planted-{at}'
        where = {'project': j.project + '/.venv/bin',
                 'elsewhere': other + '/node_modules/.bin',
                 'link': other + '/bin'}[at]
        for name in names:
            dev.put(f'{os.path.relpath(where, dev.home)}/{name}',
                    f'#!/bin/sh\ntouch {marker}\n', 0o755)
        first = where
        if at == 'link':
            first = dev.home + '/.local/bin'
            os.makedirs(first, exist_ok=True)
            os.symlink(where + '/npm', first + '/npm')
        j.env['PATH'] = first + ':' + dev.env['PATH']
        dev.remove(dev.state + '/presets')
        dev.stop()
        r = j.run('true')
        equal(r.code, 0, f'{r}')
        check(os.path.exists(dev.state + '/presets/package-registries'),
              'the clients were asked')
        check(not os.path.exists(marker), f'{at}: it ran outside')


class Ours:
    """What the harness closes at the end."""

    def close(self, keep):
        if rows_git.Remote.made:
            rows_git.Remote.made.close()
        dev.close()
        if keep:
            print(f'# kept {top}')
        else:
            shutil.rmtree(top, ignore_errors=True)


World.all.append(Ours())
main()
