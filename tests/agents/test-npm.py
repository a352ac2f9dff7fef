#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""npm install of a small package with `preset: package-registries`: the hosts
come from this machine's own client configuration."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

from harness import World, check, contains, equal, main, skip, test

PACKAGE = 'is-number@7.0.0'

w = World('version: 1\nnetwork:\n  allow:\n    - preset: package-registries\n')


def reachable():
    if not shutil.which('npm', path=w.env['PATH']):
        skip('no npm')
    try:
        p = subprocess.run(['npm', 'view', PACKAGE, 'version'], timeout=40,
                           capture_output=True, text=True, check=False,
                           cwd=w.top)
    except subprocess.TimeoutExpired:
        skip('package registry not reached: npm view took too long')
    if p.returncode != 0:
        skip('package registry not reached: npm view failed')


@test('npm install', 180)
def install():
    reachable()
    w.write('package.json', '{"name":"yard","version":"1.0.0"}\n')
    r = w.run('npm', 'install', '--no-audit', '--no-fund', PACKAGE,
              timeout=120)
    equal(r.code, 0, f'{r} {w.having("net.refuse")}')
    check(os.path.isdir(w.project + '/node_modules/is-number'), 'the package')
    check(w.having('net.grant'), 'no grant')
    r = w.run('node', '-e', 'console.log(require("is-number")(5))')
    equal(r.out, 'true\n', f'{r}')


@test('and nothing but the registries')
def only_registries():
    r = w.run('curl', '-sS', 'https://foreign.test/')
    equal(r.code, 6, f'{r}')


main()
