#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The comparison of containment: bawn-probe run for real under bawn and under
each other sandbox that this machine has.

usage: run.py [--peer NAME]... [--only CLASS|ID[,...]] [--user USER] [--doc FILE]

As root it runs all as root and then as an ordinary user (USER, or one that it
adds and removes); as an ordinary user only as that one.  With --doc it writes
the table.  Exit code 0: every row of bawn's is refused, or harmless on the host,
or stands in reasons.py.
"""

import argparse
import collections
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
for part in ('e2e', 'agents'):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), part))

import cache
import document
import fixtures
import peers
import reasons
import terminal
import trial

AS_ROOT = os.getuid() == 0
PROBE = os.environ.get('BAWN_PROBE') or os.path.join(
    os.path.dirname(peers.BIN), 'probe', 'bawn-probe')


def try_all(wanted, only, base):
    """{name: Trial}, with what each peer lets through."""
    terminal.adopt_orphans()
    host = fixtures.Host(base)
    done, state = {}, State()
    try:
        for make in peers.ALL:
            if wanted and make.name not in wanted and \
                    make is not peers.Bare:
                continue
            peer = make(host)
            t = try_one(peer, host, only, state, not only or only == 'res')
            reasons.apply(t, done.get('bawn'))
            done[peer.name] = t
            say(t)
    finally:
        host.close()
    return done


class State:
    """What the run without a sandbox tells the others."""
    baseline = None
    exist = ()   # files that rows of `wtx` make
    by_id = {}   # what each row of `wtx` did


def try_one(peer, host, only, state, resources=False):
    """A Trial.  @resources: also what takes a minute and much of the machine."""
    try:
        peer.prepare()
    except peers.Absent as why:
        t = trial.Trial(peer)
        t.why_absent = str(why)
        return t
    try:
        if only == 'res':
            t = trial.Trial(peer)
            trial.try_resources(t, peer, host, PROBE)
            return t
        t, said = trial.try_peer(peer, host, PROBE, only, state.baseline)
        if state.baseline is None:
            state.baseline = trial.outside_of(said)
            state.exist = trial.made_by(t)
            state.by_id = {r['id']: r['evidence'] for r in t.rows}
        trial.try_existing(t, peer, host, PROBE, only, state)
        if not only:
            t.rows += trial.try_death(peer, host, PROBE)
        if resources:
            trial.try_resources(t, peer, host, PROBE)
        return t
    finally:
        peer.finish()


def say(t):
    if t.why_absent:
        print(f'  {t.name:<16} not here: {t.why_absent}', flush=True)
        return
    n = collections.Counter(r['word'] for r in t.rows)
    print(f'  {t.name:<16} ' + ', '.join(
        f'{n[w]} {w}' for w in ('reachable', 'accepted', 'inside', 'refused',
                                'absent', 'untried')), flush=True)
    if t.trouble and not reasons.is_ours(t):
        print(f'       | {t.trouble}', flush=True)
    for line in reasons.shorten(reasons.faults(t)):
        print(f'       | {line}', flush=True)


# ---- as an ordinary user ----

def run_tests_module():
    """tools/run-tests, which knows how to run a tree as another user."""
    path = os.path.join(SOURCE, 'tools', 'run-tests')
    loader = importlib.machinery.SourceFileLoader('run_tests', path)
    spec = importlib.util.spec_from_loader('run_tests', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def ordinary_user(name):
    """Its pwd entry; added and removed when no @name is given.  It has a home:
    some sandboxes know no other place of a user."""
    if name:
        yield pwd.getpwnam(name)
        return
    name = f'bawn-probe-{os.getpid()}'
    subprocess.run(['useradd', '--create-home', '--shell', '/bin/bash', name],
                   check=True, capture_output=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(['userdel', '--remove', name], check=False,
                       capture_output=True)


def run_as(user, options):
    """The trials as @user, in a process of theirs, from a copy of the tree."""
    tools = run_tests_module()
    build = os.path.dirname(os.path.dirname(peers.BIN))
    copy, user_home = tools.copy_tree(SOURCE, build, user)
    out = user_home + '/trials.json'
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(('XDG_', 'BAWN_'))}
    env.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name,
               BAWN_BIN=copy + '/bld/src/cmd',
               BAWN_TEST_CACHE=cache.directory())
    if os.environ.get('BAWN_PROBE'):
        env['BAWN_PROBE'] = shutil.copy(PROBE, copy + '/bawn-probe')
    try:
        p = subprocess.Popen(
            [sys.executable, copy + '/src/tests/probe/run.py', '--json', out,
             *options], env=env, cwd=user.pw_dir,
            preexec_fn=tools.become(user), start_new_session=True)
        p.wait()
        with open(out) as f:
            return {k: trial.from_dict(v)
                    for k, v in json.load(f)['user'].items()}
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def base_directory():
    """Below the home where there is one: a sandbox may put an empty directory
    over /tmp and /var/tmp."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    return home if os.access(home, os.W_OK) else '/var/tmp'


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--peer', action='append', default=[])
    p.add_argument('--only')
    p.add_argument('--user')
    p.add_argument('--no-user', action='store_true')
    p.add_argument('--no-root', action='store_true')
    p.add_argument('--doc')
    p.add_argument('--json')
    a = p.parse_args()
    if not re.fullmatch(r'[\w./@-]+', PROBE) or not os.access(PROBE, os.X_OK):
        sys.exit(f'run.py: no {PROBE}; `make build` makes it')
    options = [x for n in a.peer for x in ('--peer', n)]
    options += ['--only', a.only] if a.only else []
    results = {}
    if AS_ROOT:
        os.environ.setdefault('BAWN_TEST_CACHE', '/var/cache/bawn-tests')
    if not (AS_ROOT and a.no_root):
        who = 'root' if AS_ROOT else 'user'
        print(f'as {pwd.getpwuid(os.getuid()).pw_name}', flush=True)
        results[who] = try_all(a.peer, a.only, base_directory())
    if AS_ROOT and not a.no_user:
        with ordinary_user(a.user) as user:
            results['user'] = run_as(user, options)
    if a.json:
        with open(a.json, 'w') as f:
            json.dump({who: {k: t.as_dict() for k, t in trials.items()}
                       for who, trials in results.items()}, f)
    if a.doc:
        document.write(a.doc, results)
    faults = [f'{who}, {t.name}: {x}' for who, trials in results.items()
              for t in trials.values() for x in reasons.faults(t)]
    if not a.json:
        print(f'{len(faults)} faults of bawn')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
