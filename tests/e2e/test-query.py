#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bawn ledger query and index: what is asked of real sessions' records."""

import contextlib
import json
import os
import subprocess

from harness import BAWN, BIN, SLOW, World, check, contains, equal, main, test

w = World()
INDEX = w.state + '/ledger-index.sqlite'


def query(*argv, code=0):
    r = w.bawn('ledger', 'query', *argv)
    equal(r.code, code, f'{argv}: {r}')
    return r.out


def records(*argv):
    return [json.loads(x) for x in query('--json', *argv).splitlines()]


def sessions():
    if not os.path.exists(w.state + '/ledger'):
        for host in ('one.example', 'two.example', 'three.example'):
            w.sh(f'curl -s http://{host}/; true')


@test('sessions, kinds, hosts and times')
def fields():
    sessions()
    opened = records('kind = session.open')
    equal(len(opened), 3, 'sessions')
    newest = records('session = @ and kind = session.open')
    equal([r['session'] for r in newest], [opened[-1]['session']], '@')
    for r in records(f'session = {opened[0]["session"]}'):
        equal(r['session'], opened[0]['session'], 'of one session')
    equal({r['host'] for r in records('verdict = deny and host ~ *.example')},
          {'one.example', 'two.example', 'three.example'}, 'a glob')
    equal({r['host'] for r in records('host ~ two and kind = net.refuse')},
          {'two.example'}, 'a part')
    everything = len(records('seq > 0'))
    for text in ('at > -2h', 'at > today or at > yesterday', 'at < now',
                 'at > 2026-01-01T00:00'):
        equal(len(records(text)), everything, text)
    equal(records('at > 2199-01-01 or at < -4w'), [], 'other times')


@test('count, limit, reverse')
def options():
    sessions()
    seqs = [r['seq'] for r in records('seq > 0')]
    equal(seqs, sorted(seqs), 'the order')
    equal(query('-c', 'seq > 0'), f'{len(seqs)}\n', '--count')
    equal([r['seq'] for r in records('-r', 'seq > 0')], seqs[::-1], '-r')
    equal([r['seq'] for r in records('-n', '2', 'seq > 0')], seqs[:2], '-n')
    equal([r['seq'] for r in records('-r', '-n', '2', 'seq > 0')],
          seqs[:-3:-1], 'the last two')
    equal(query('-c', '-n', '2', 'seq > 0'), '2\n', '-c and -n')
    for argv in (['at > yesterweek'], ['-n', '0', 'seq > 0'], [],
                 ['host ='], ['at > -2y']):
        r = w.bawn('ledger', 'query', *argv)
        equal((r.code, r.err.count('\n')), (64, 1), f'{argv}: {r}')


@test('a small ledger has no index until one is asked for')
def small():
    sessions()
    query('kind = session.open')
    w.bawn('show', '@')
    check(not os.path.exists(INDEX), 'an index of a few records')
    r = w.bawn('ledger', 'index')
    equal((r.code, r.err), (0, ''), f'{r}')
    equal(os.stat(INDEX).st_mode & 0o777, 0o600, 'for its owner alone')
    j = json.loads(w.bawn('ledger', 'index', '--json').out)
    equal(j['records'], records('seq > 0')[-1]['seq'], 'all are in it')


def same_as_scan():
    for text in ('kind = net.refuse', 'session = @', 'host = two.example',
                 'not kind = session.open', 'at > -1h and verdict = deny'):
        for more in ([], ['-r']):
            equal(query('--json', *more, text),
                  query('--json', '--scan', *more, text), f'{more} {text}')


@test('with the index the answers are the same, also when it is behind')
def with_index():
    sessions()
    w.bawn('ledger', 'index')
    same_as_scan()
    w.sh('curl -s http://four.example/; true')
    same_as_scan()
    equal(len(records('host = four.example and kind = net.refuse')) > 0, True,
          'what came since')


@test('a damaged, foreign or old index is made anew')
def damaged():
    sessions()
    for text in ('no database', '', 'SQLite format 3\0' + 'x' * 8000):
        with open(INDEX, 'w') as f:
            f.write(text)
        same_as_scan()
        r = w.bawn('ledger', 'index', '--json')
        equal((r.code, r.err), (0, ''), f'{r}')
        equal(json.loads(r.out)['records'], records('seq > 0')[-1]['seq'],
              'whole again')
    with open(INDEX, 'r+b') as f:
        f.seek(5000)
        f.write(b'\xff' * 4000)
    same_as_scan()
    r = w.bawn('ledger', 'index', '--rebuild')
    equal((r.code, r.err), (0, ''), f'{r}')
    same_as_scan()


@test('without an index that can be made everything is read')
def no_index():
    sessions()
    os.path.exists(INDEX) and os.unlink(INDEX)
    os.mkdir(INDEX)
    try:
        r = w.bawn('ledger', 'query', '--json', 'kind = session.open')
        equal(r.code, 0, f'{r}')
        contains(r.err, 'reading everything', 'it is said')
        check(len(r.out.splitlines()) >= 3, 'the answer')
        r = w.bawn('ledger', 'index')
        equal(r.code, 2, f'{r}')
        equal(w.bawn('show', '@').code, 0, 'show')
    finally:
        os.rmdir(INDEX)


@test('two at once')
def at_once():
    sessions()
    for _ in range(5):
        jobs = [subprocess.Popen(
            [BAWN, 'ledger', 'index', '--rebuild'] if i == 0 else
            [BAWN, 'ledger', 'query', '--json', 'host = two.example'],
            env=w.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for i in range(4)]
        outs = [(p.communicate(timeout=50), p.returncode) for p in jobs]
        for (out, err), code in outs:
            equal((code, err), (0, b''), f'{outs}')
        equal({out for (out, _), _ in outs[1:]},
              {query('--json', '--scan', 'host = two.example').encode()},
              'the answers')


@test('killed while it is made, and asked again')
def killed():
    fill = os.path.join(BIN, '..', 'ledger', 'bench-fill')
    state = w.top + '/many'
    env = dict(w.env, BAWN_STATE_DIR=state)
    os.mkdir(state, 0o700)
    n = 100000
    subprocess.run([fill, state, str(n)], check=True)
    expression = 'host = host77.example or path ~ 99.o'

    def run(*argv):
        return subprocess.run([BAWN, 'ledger', *argv], env=env, check=True,
                              stdout=subprocess.PIPE).stdout
    want = run('query', '--scan', '--json', expression)
    check(want, 'nothing to find')
    for i in range(8):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(state + '/ledger-index.sqlite')
        p = subprocess.Popen([BAWN, 'ledger', 'index'], env=env,
                             stdout=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            p.wait(0.02 * 2 ** i * SLOW / 4)
        p.kill()
        p.wait()
        equal(run('query', '--json', expression), want, f'kill {i}')
        equal(json.loads(run('index', '--json'))['records'], n, 'all of it')


if __name__ == '__main__':
    main()
