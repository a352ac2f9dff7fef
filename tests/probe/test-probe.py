#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Containment: bawn-probe inside a jail and without one, and the host looked at
after both.  `make probe` compares with other sandboxes too."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import document
import expected
import fixtures
import host as hosts
import peers
import reasons
import run
import terminal
from harness import (AS_ROOT, World, check, contains, equal, landlock_abi,
                     main, skip, test)

# A run takes seconds; on a busy machine it is no worse for taking longer.
RUN_SECONDS = 200
# Rows that a machine can do without a sandbox and not inside of one.  Far fewer
# would mean that the probe or its fixtures no longer try much.
PROVEN_MIN = 250

terminal.adopt_orphans()
host = fixtures.Host('/var/tmp')
state = run.State()
trials = {}


class Ours:
    """What the harness closes at the end."""

    def close(self, keep):
        host.close()


World.all.append(Ours())


def trial_of(make):
    """Run once, and then remembered."""
    if make.name not in trials:
        if make is not peers.Bare:
            trial_of(peers.Bare)
        t = run.try_one(make(host), host, None, state)
        equal(t.why_absent, '', f'{make.name} runs here')
        equal(t.trouble, '', f'{make.name}: the probe')
        trials[make.name] = t
        # A copy of the words, before reasons change them.
        for r in t.rows:
            r['seen'] = r['word']
        reasons.apply(t, trials.get('bawn'))
    return trials[make.name]


def by_id(t):
    return {r['id']: r for r in t.rows}


@test('without a sandbox the host sees what the probe does', RUN_SECONDS)
def bare():
    t = trial_of(peers.Bare)
    rows = by_id(t)
    for one in ('fs.outside-append', 'fs.setuid-chmod', 'net.tcp4-loopback',
                'net.udp4', 'ipc.unix-path', 'wtx.git-hook', 'wtx.makefile',
                'proc.outlive', 'death.kill-survivor'):
        equal(rows[one]['word'], hosts.REACHED, one)
        check(rows[one]['evidence'], f'{one}: the host has no trace of it')
    equal(t.unnamed, [], 'effects that no row explains')


@test('every row is refused in a jail, harmless or accepted', RUN_SECONDS)
def jailed():
    t = trial_of(peers.Bawn)
    faults = [x for x in reasons.faults(t) if 'no record' not in x]
    check(not faults, '; '.join(faults))
    for r in t.rows:
        if r['word'] != hosts.REFUSED and r['reason'] and r['class'] != 'wtx':
            print(f"# {r['id']}: {r['word']}: {r['reason']}")


@test('a refusal that passes a process of ours is on the ledger', RUN_SECONDS)
def recorded():
    rows = trial_of(peers.Bawn).rows
    missing = [r['id'] for r in rows if r['record'] == 'missing']
    check(not missing, f'no record of {", ".join(missing)}')
    yes = [r['id'] for r in rows if r['record'] == 'yes']
    check(len(yes) > 50, f'only {len(yes)} rows have a record')
    for one in ('net.tcp4-lan', 'net.dns-tunnel', 'kernel.bpf'):
        check(one in yes, f'{one} has none')


@test('the second backend: each row is refused or has a word', RUN_SECONDS)
def second_backend():
    if landlock_abi() < 6:
        skip('no Landlock of version 6')
    trial_of(peers.Bawn)
    t = trial_of(peers.BawnLandlock)
    faults = reasons.faults(t)
    check(not faults, '; '.join(faults))
    yes = [r['id'] for r in t.rows if r['record'] == 'yes']
    check(len(yes) > 50, f'only {len(yes)} rows have a record')


@test('the suite can fail: the same rows are reachable outside', RUN_SECONDS)
def can_fail():
    bare, jail = by_id(trial_of(peers.Bare)), by_id(trial_of(peers.Bawn))
    proven, idle = [], []
    for one, r in jail.items():
        if r['word'] == hosts.REACHED or one not in bare:
            continue
        if bare[one]['seen'] != hosts.REACHED:
            idle.append(one)
        elif r['seen'] in (hosts.REFUSED, hosts.INSIDE):
            proven.append(one)
    print(f'# {len(proven)} rows are refused by the jail alone; {len(idle)} '
          f'prove nothing here: {", ".join(sorted(idle))}')
    check(len(proven) >= PROVEN_MIN, f'only {len(proven)} rows are proven')
    for key in ('handover', 'kernel', 'proc', 'fs', 'ipc', 'net', 'death'):
        check(any(one.startswith(key + '.') for one in proven),
              f'no row of {key} is proven')


@test('a jail that let all through would be found out', RUN_SECONDS)
def found_out():
    t = trial_of(peers.Bare)
    fake = type(t).__new__(type(t))
    fake.__dict__.update(t.__dict__, name='bawn', rows=[
        dict(r, word=r['seen']) for r in t.rows])
    reasons.apply(fake)
    faults = reasons.faults(fake)
    check(len(faults) >= PROVEN_MIN, f'only {len(faults)} faults')


@test('the host counts more than the probe')
def host_wins():
    e = hosts.Effects('bwp12345678')
    e.add('outside', 'a file was made', b'# bwp12345678 fs.outside-create\n')
    e.add('killed', 'a process was ended')
    rows = [{'id': 'fs.outside-create', 'outcome': 'refused'},
            {'id': 'fs.outside-append', 'outcome': 'reachable'},
            {'id': 'kernel.bpf', 'outcome': 'reachable'}]
    hosts.share_out(e, rows)
    equal([hosts.judge(r, e)[0] for r in rows],
          [hosts.REACHED, hosts.INSIDE, hosts.REACHED], 'words')
    equal(e.unnamed, [('killed', 'a process was ended')], 'unnamed')


@test('each accepted row has its line in the threat model')
def accepted():
    text = reasons.threat_model()
    for _, words, _ in reasons.ACCEPTED:
        contains(text, words, 'doc/THREAT-MODEL.md')
    with open(os.path.join(run.SOURCE, 'doc', 'landlock.md')) as f:
        text = f.read()
    contains(text, f'## {reasons.AS_ROOT}', 'doc/landlock.md')
    for _, word in reasons.LACKS:
        check(word in peers.BawnLandlock.accept, word)
        contains(text, f'| `{word}` |', 'doc/landlock.md')


@test('the document is written from such results', RUN_SECONDS)
def documented():
    trial_of(peers.Bawn)
    path = host.top + '/containment.md'
    document.write(path, {'root' if AS_ROOT else 'user': trials})
    with open(path) as f:
        text = f.read()
    for part in ('## What is open', '| `kernel.bpf` |', 'wtx.makefile@there',
                 '## Rows that prove nothing here'):
        contains(text, part, 'the document')
    check(host.top not in text, 'a path of this machine')
    labels = {label for label, _, _ in expected.MATRIX}
    for label, column in expected.EXPLAINED:
        check(label in labels and column in expected.COLUMNS,
              f'nothing to explain: {label}, {column}')



main()
