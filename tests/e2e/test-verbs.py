#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ps, show, kill, logs, doctor, policy: what they print and how they end."""

import json
import os
import re
import subprocess

from harness import (BAWN, World, check, contains, equal, main, test,
                     wait_for)

w = World()


def rows(text):
    return [json.loads(x) for x in text.splitlines()]


def running(seconds='98761', **kw):
    p = w.popen(['sleep', seconds], **kw)
    found = wait_for('bawn ps shows it', 10, lambda: [
        r for r in rows(w.bawn('ps', '--json').out) if seconds in r['argv']])
    return p, found[0]


@test('ps lists what runs, --json a line each')
def ps():
    p, row = running(options=['--task', 'T-1'])
    for key in ('id', 'pid', 'started', 'user', 'task', 'argv', 'cwd'):
        check(key in row, f'no {key} in {row}')
    equal((row['task'], row['cwd']), ('T-1', w.project), 'task, cwd')
    plain = w.bawn('ps')
    contains(plain.out, row['id'], 'the plain form')
    p.terminate()
    p.wait(15)
    wait_for('an empty list', 5, lambda: not w.bawn('ps', '--json').out)


@test('show prints one session, running or over')
def show():
    p, row = running('98762')
    # The list may have it before its opening record is in the file.
    wait_for('its record', 10, lambda: w.bawn('show', '@').code == 0)
    live = w.bawn('show', '@', '--json')
    equal(live.code, 0, f'{live}')
    json.loads(live.out)
    p.terminate()
    p.wait(15)
    after = w.bawn('show', row['id'], '--json')
    equal(after.code, 0, f'{after}')
    contains(after.out, row['id'], 'the id')
    equal(w.bawn('show', row['id'][:18]).code, 0, 'a prefix')
    missing = w.bawn('show', 'zzzzzzzz')
    check(missing.code in (1, 2), f'no such session: {missing}')
    equal(missing.err.count('\n'), 1, 'one line')


@test('kill ends a session: 143, or 137 when it will not')
def kill():
    p, row = running('98763')
    r = w.bawn('kill', row['id'])
    equal(r.code, 0, f'{r}')
    equal(p.wait(15), 143, 'exit code')
    check('98763' not in w.bawn('ps', '--json').out, 'still listed')
    p, row = running('98765')
    equal(w.bawn('kill', '@').code, 0, '@')
    p.wait(15)
    check(w.bawn('kill', 'zzzzzzzz').code in (1, 2), 'no such session')


@test('kill ends a session that ignores SIGTERM within ten seconds')
def kill_hard():
    p = w.popen(['sh', '-c', 'trap "" TERM; echo on; while :; do sleep 1; '
                 'done'])
    p.stdout.readline()
    equal(w.bawn('kill', '@', timeout=20).code, 0, 'kill')
    equal(p.wait(15), 137, 'exit code')


@test('logs tells the story of a session')
def logs():
    w.sh('curl -s http://foreign.test/; exit 3')
    r = w.bawn('logs', '@')
    equal(r.code, 0, f'{r}')
    contains(r.out, 'foreign.test', 'the refusal')
    kinds = {x['kind'] for x in rows(w.bawn('logs', '@', '--json').out)}
    check({'session.open', 'net.refuse', 'session.close'} <= kinds,
          f'{kinds}')


@test('logs -f ends with the session')
def logs_follow():
    p, row = running('98764')
    # The list is ahead of the ledger by the moment the record needs.
    wait_for('the opening record', 5,
             lambda: w.bawn('logs', row['id']).code == 0)
    q = subprocess.Popen([BAWN, 'logs', row['id'], '-f'], env=w.env,
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    # It has read what there is; the rest must come while it follows.
    check(q.stdout.readline(), 'it ended early')
    p.terminate()
    p.wait(15)
    out, _ = q.communicate(timeout=10)
    contains(out.decode(), 'closed', 'the last record')


@test('doctor tries what bawn uses, plain and as JSON')
def doctor():
    r = w.bawn('doctor')
    check(r.code in (0, 1), f'{r}')
    for word in ('userns', 'landlock', 'seccomp', 'cgroup'):
        contains(r.out.lower(), word, 'the features')
    found = w.bawn('doctor', '--json')
    for line in found.out.splitlines():
        json.loads(line)


@test('policy check: where and what, and the nearest key')
def policy_check():
    good = w.write('good.yaml', 'version: 1\nnetwork:\n  allow:\n'
                   '    - host: api.example.org\n')
    r = w.bawn('policy', 'check', good)
    equal(r.code, 0, f'{r}')
    for text, place, word in (
            ('version: 1\nnetwrok: {}\n', ':2:1', 'network'),
            ('version: 1\nfiles:\n  reed: [/usr]\n', ':3:3', 'read'),
            ('version: 1\nversion: 1\n', ':2:1', 'version'),
            ('version: 1\nlimits: {memory: lots}\n', ':2:', 'memory'),
            ('version: 1\nmodel: {allow: ["*"]}\n', ':2:',
             'not in this version'),
            ('version: 1\nnetwork: &a {}\n', ':2:', 'anchor'),
            ('version: 2\n', ':1:', 'version'),
            ('version: 1\nnetwork:\n  allow: [{host: "a b"}]\n', ':3:',
             'host'),
            ('version: 1\nnetwork:\n  allow: [{host: 127.0.0.1}]\n', ':3:',
             ''),
            ('files: {read: [/usr]}\n', '', 'version')):
        path = w.write('bad.yaml', text)
        r = w.bawn('policy', 'check', path)
        equal(r.code, 1, f'{text!r}: {r}')
        said = r.out + r.err
        contains(said, 'bad.yaml' + place, f'{text!r}')
        contains(said.lower(), word, f'{text!r}')


@test('the policies of the README and of examples/ are accepted')
def shown_policies():
    top = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    with open(top + '/README.md') as f:
        blocks = re.findall(r'^```yaml\n(.*?)^```', f.read(), re.S | re.M)
    check(blocks, 'the README shows no policy')
    paths = [w.write(f'readme-{n}.yaml', b) for n, b in enumerate(blocks)]
    paths += [f'{top}/examples/{x}' for x in os.listdir(top + '/examples')
              if x.endswith(('.yaml', '.json')) and x != 'sinks.yaml']
    r = w.bawn('policy', 'check', *paths,
               env={'SSH_AUTH_SOCK': w.top + '/agent.sock'})
    equal(r.code, 0, f'{r}')


@test('policy show prints the effective policy')
def policy_show():
    r = w.bawn('policy', 'show', '--policy', w.policy_path)
    equal(r.code, 0, f'{r}')
    contains(r.out, 'network', 'a section')
    j = w.bawn('policy', 'show', '--policy', w.policy_path, '--json')
    equal(j.code, 0, f'{j}')
    json.loads(j.out)


@test('--profile and the user layer of the home')
def profile():
    w.write(w.home + '/.config/bawn/policy.yaml',
            'version: 1\nenv:\n  set: {WHICH: user}\n')
    w.write(w.home + '/.config/bawn/profiles/other.yaml',
            'version: 1\nenv:\n  set: {WHICH: other}\n')
    show = ['sh', '-c', 'echo $WHICH']
    equal(w.call([BAWN, 'run', '--', *show]).out, 'user\n', 'user layer')
    equal(w.call([BAWN, 'run', '--profile', 'other', '--', *show]).out,
          'other\n', 'profile')
    r = w.call([BAWN, 'run', '--profile', '../evil', '--', *show])
    equal(r.code in (64, 125), True, f'a path as profile: {r}')
    os.unlink(w.home + '/.config/bawn/policy.yaml')
    equal(w.call([BAWN, 'run', '--', 'true']).code, 0, 'no policy at all')


@test('verbs of later versions say so')
def later():
    for verb in ('diff', 'apply', 'discard', 'undo', 'approvals', 'scan'):
        r = w.bawn(verb, '@')
        check(r.code in (2, 64), f'{verb}: {r}')
        equal(r.err.count('\n'), 1, f'{verb}: one line')


@test('verbs that only look start no daemon')
def no_daemon():
    other = World()
    for verb in (['ps'], ['doctor'], ['ledger', 'verify'],
                 ['policy', 'show']):
        other.bawn(*verb)
        check(other.keeper_pid() is None, f'{verb} started one')
    other.close()


main()
