#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The compatibility table: each row run for real inside `bawn run`.

usage: run.py [--only WORD] [--user USER] [--doc FILE]

As root it runs every row as root and then as an ordinary user (USER, or one
that it adds and removes); as an ordinary user only as that one.  With --doc it
writes the table.  Exit code 0: no row fails.
"""

import argparse
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
for part in ('e2e', 'agents'):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), part))

import cache
import home
import table
import rows_git
import rows_build
import rows_tools
import rows_net
import document

AS_ROOT = os.getuid() == 0


def pick(word):
    return [r for r in table.rows
            if word.lower() in f'{r.section} {r.name}'.lower()]


def late(signum, frame):
    raise table.Failure('the row took too long')


def run_rows(dev, rows):
    """[{section, name, status, detail, version, ...}]"""
    done = []
    signal.signal(signal.SIGALRM, late)
    for r in rows:
        began = time.monotonic()
        signal.alarm(3 * r.seconds)
        try:
            status, detail = table.run_row(dev, r)
        except table.Failure as e:
            status, detail = table.FAILS, str(e)
        finally:
            signal.alarm(0)
        print(f'  {status:<11} {time.monotonic() - began:6.1f} s  '
              f'{r.section}: {r.name}', flush=True)
        if status in (table.FAILS, table.ABSENT):
            print(f'       | {detail[:3000]}', flush=True)
        done.append({'section': r.section, 'name': r.name, 'status': status,
                     'detail': detail, 'note': r.note,
                     'version': table.version_of(dev, r)})
    return done


def run_here(word):
    top = os.path.join(cache.directory(),
                       'compat-' + pwd.getpwuid(os.getuid()).pw_name)
    os.makedirs(top, exist_ok=True)
    dev = home.Developer(top, home.known_presets(top))
    print(f'as {pwd.getpwuid(os.getuid()).pw_name}, presets: '
          f'{", ".join(dev.presets) or "none"}', flush=True)
    dev.prepare()
    for tool, why in dev.missing.items():
        print(f'  not installed: {tool}: {why}', flush=True)
    try:
        return run_rows(dev, pick(word)), dev.presets
    finally:
        if rows_git.Remote.made:
            rows_git.Remote.made.close()
        dev.close()


# ---- as an ordinary user ----

def run_tests_module():
    """tools/run-tests, which knows how to run a tree as another user."""
    path = os.path.join(SOURCE, 'tools', 'run-tests')
    loader = importlib.machinery.SourceFileLoader('run_tests', path)
    spec = importlib.util.spec_from_loader('run_tests', loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def seed_npmrc(top):
    """What root's npm was told, where the ordinary user can read it."""
    with contextlib.suppress(OSError):
        shutil.copy(os.path.expanduser('~/.npmrc'), top + '/npmrc')
        with open(top + '/npmrc') as f:
            lines = [x for x in f if '_' not in x and not x.startswith('//')]
        with open(top + '/npmrc', 'w') as f:
            f.writelines(lines)
        os.chmod(top + '/npmrc', 0o644)


def seed_rust(top, user):
    """The toolchain of root, as `rustup` would have installed it for @user."""
    source = os.path.expanduser('~/.rustup')
    if not os.path.isdir(source + '/toolchains') or \
            os.path.isdir(top + '/home/.rustup'):
        return
    with contextlib.suppress(OSError):
        os.makedirs(top + '/home', exist_ok=True)
    shutil.copytree(os.path.expanduser('~/.cargo/bin'),
                    top + '/home/.cargo/bin', symlinks=True,
                    dirs_exist_ok=True)
    os.makedirs(top + '/home/.rustup/toolchains')
    shutil.copy(source + '/settings.toml', top + '/home/.rustup')
    for name in os.listdir(source + '/toolchains'):
        path = f'{source}/toolchains/{name}'
        if os.path.islink(path) or 'nightly' in name:
            continue
        shutil.copytree(path, f'{top}/home/.rustup/toolchains/{name}',
                        symlinks=True, ignore=shutil.ignore_patterns('doc'))
    subprocess.run(['chown', '-R', f'{user.pw_uid}:{user.pw_gid}', top],
                   check=True)


@contextlib.contextmanager
def ordinary_user(name):
    """Its pwd entry; added and removed when no @name is given."""
    if name:
        yield pwd.getpwnam(name)
        return
    name = f'bawn-compat-{os.getpid()}'
    subprocess.run(['useradd', '--no-create-home', '--home-dir',
                    '/nonexistent', '--shell', '/bin/bash', name], check=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(['userdel', name], check=False, capture_output=True)


def run_as(user, word):
    """The rows as @user, in a process of theirs, from a copy of the tree."""
    tools = run_tests_module()
    build = os.path.dirname(os.path.dirname(table.harness.BIN))
    copy, user_home = tools.copy_tree(SOURCE, build, user)
    out = user_home + '/rows.json'
    where = os.path.join(cache.directory(), 'compat-' + user.pw_name)
    os.makedirs(where, exist_ok=True)
    os.chown(where, user.pw_uid, user.pw_gid)
    seed_npmrc(where)
    seed_rust(where, user)
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(('XDG_', 'BAWN_'))}
    env.update(HOME=user_home, USER=user.pw_name, LOGNAME=user.pw_name,
               BAWN_BIN=copy + '/bld/src/cmd', BAWN_TEST_CACHE=cache.directory())
    try:
        p = subprocess.Popen(
            [sys.executable, copy + '/src/tests/compat/run.py', '--only', word,
             '--json', out], env=env, cwd=user_home,
            preexec_fn=tools.become(user), start_new_session=True)
        p.wait()
        with open(out) as f:
            return json.load(f)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--only', default='')
    p.add_argument('--user')
    p.add_argument('--no-user', action='store_true')
    p.add_argument('--no-root', action='store_true')
    p.add_argument('--doc')
    p.add_argument('--json')
    a = p.parse_args()
    if AS_ROOT:
        os.environ.setdefault('BAWN_TEST_CACHE', '/var/cache/bawn-tests')
    results, presets = {}, []
    if AS_ROOT and not a.no_root:
        top = os.path.join(cache.directory(), 'compat-root')
        os.makedirs(top, exist_ok=True)
        seed_rust(top, pwd.getpwuid(0))
    if not (AS_ROOT and a.no_root):
        results['root' if AS_ROOT else 'user'], presets = run_here(a.only)
    if AS_ROOT and not a.no_user:
        with ordinary_user(a.user) as user:
            results['user'], presets = run_as(user, a.only)
    if a.json:
        with open(a.json, 'w') as f:
            json.dump((results['user'], presets), f)
    if a.doc:
        document.write(a.doc, results, presets)
    bad = [r for rows in results.values() for r in rows
           if r['status'] == table.FAILS]
    n = sum(len(rows) for rows in results.values())
    absent = sum(r['status'] == table.ABSENT for rows in results.values()
                 for r in rows)
    print(f'{n - len(bad) - absent} rows hold, {len(bad)} fail, '
          f'{absent} cannot be tried here')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
