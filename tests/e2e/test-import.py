#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Settings of other sandboxes, imported, and a session under what was made:
what they refuse is refused, what they allow works."""

import json
import os

import servers
from harness import World, check, contains, equal, main, test

w = World()
web = w.serve(servers.Web())
dns = w.serve(servers.Dns({n: ['127.0.0.1'] for n in (
    'ok.test', 'bad.test', 'sub.wild.test', 'other.test')}))
# Where the names of the test lead to is no part of the settings.
ROUTES = (f'  dns: ["127.0.0.1:{dns.port}"]\n')
OUTSIDE = w.home + '/data'


def imported(settings, *options):
    path = w.write(w.home + '/settings.json', json.dumps(settings))
    r = w.bawn('policy', 'import', *options, path)
    equal(r.code, 0, f'import: {r}')
    text = r.out.replace('  default: deny\n', '  default: deny\n' + ROUTES)
    # The test's servers are on loopback.
    if '\n  allow:\n' in text:
        text = text.replace(
            '\n  allow:\n', '\n  allow:\n    - {cidr: 127.0.0.1/32, '
            f'ports: [{web.port}]}}\n')
    w.policy(text)
    r = w.bawn('policy', 'check', w.policy_path)
    equal(r.code, 0, f'check: {r}')
    return text


def reaches(host):
    r = w.run('curl', '-sS', f'http://{host}:{web.port}/')
    return r.code == 0


def prepare():
    os.makedirs(OUTSIDE + '/rw/no', exist_ok=True)
    os.makedirs(OUTSIDE + '/ro', exist_ok=True)
    for path in ('/rw/f', '/rw/no/f', '/ro/f'):
        w.write(OUTSIDE + path, 'text\n')
    w.write('src/main.c', 'int main;\n')
    w.write('src/app.pem', 'key\n')
    w.write('deep/er/secrets/token', 'token\n')
    w.write('locked/f', 'text\n')


def reads(path):
    return w.run('cat', path).code == 0


def writes(path):
    return w.sh(f'echo changed >> {path}').code == 0


CLAUDE = {
    'permissions': {
        'deny': ['Read(./secrets/**)', 'Read(*.pem)', 'Edit(locked/**)',
                 'WebFetch(domain:bad.test)', 'Bash(rm:*)'],
        'allow': ['WebFetch(domain:ok.test)', 'Read(~/data/ro/**)'],
    },
    'sandbox': {
        'enabled': True, 'allowUnsandboxedCommands': True,
        'excludedCommands': ['cat'],
        'network': {'allowedDomains': [f'ok.test:{web.port}',
                                       f'*.wild.test:{web.port}',
                                       f'bad.test:{web.port}']},
        'filesystem': {'allowWrite': ['~/data/rw'],
                       'denyWrite': ['~/data/rw/no']},
    },
}


@test('Claude Code: denied stays denied, allowed works')
def claude():
    prepare()
    imported(CLAUDE)
    check(reads('src/main.c'), 'the project is read')
    check(writes('src/main.c'), 'the project is written')
    check(writes(OUTSIDE + '/rw/f'), 'allowWrite')
    check(reads(OUTSIDE + '/ro/f'), 'Read allowed')
    check(not writes(OUTSIDE + '/ro/f'), 'Read is not Edit')
    for path in ('deep/er/secrets/token', 'src/app.pem',
                 w.home + '/.ssh/id_secret'):
        check(not reads(path), f'{path} was read')
    for path in ('locked/f', OUTSIDE + '/rw/no/f', '/etc/hosts.new'):
        check(not writes(path), f'{path} was written')
    with open(w.project + '/locked/f') as f:
        equal(f.read(), 'text\n', 'the file on the host')
    check(reaches('ok.test'), 'an allowed host')
    check(reaches('sub.wild.test'), 'below a wildcard')
    check(not reaches('bad.test'), 'denied wins')
    check(not reaches('other.test'), 'not named')
    check(w.refused(host='other.test'), 'the refusal is recorded')


SRT = {
    'network': {'allowedDomains': [f'ok.test:{web.port}'],
                'deniedDomains': ['bad.test']},
    'filesystem': {'denyRead': ['~/', '/etc/hostname'],
                   'allowWrite': ['.', '/tmp'], 'denyWrite': ['locked']},
}


@test('sandbox-runtime: denied stays denied, allowed works')
def srt():
    prepare()
    imported(SRT)
    check(reads('src/main.c') and writes('src/main.c'), 'the project')
    check(writes('/tmp/x'), '/tmp is private and writable')
    check(not os.path.exists('/tmp/x'), '/tmp of the host')
    check(not writes('locked/f'), 'denyWrite')
    check(not reads(w.home + '/.ssh/id_secret'), 'the home')
    check(reaches('ok.test'), 'an allowed host')
    check(not reaches('bad.test'), 'a denied host')


@test('without a writable project nothing is written')
def read_only():
    prepare()
    imported({'filesystem': {'denyRead': [], 'allowWrite': [],
                             'denyWrite': []}})
    check(reads('src/main.c'), 'the project is read')
    check(not writes('src/main.c'), 'the project was written')


@test('what cannot be refused is no policy: nothing is printed')
def refused():
    path = w.write(w.home + '/s.json', json.dumps(
        {'network': {'deniedDomains': ['*evil*']}}))
    r = w.bawn('policy', 'import', path)
    equal((r.code, r.out), (1, ''), f'{r}')
    contains(r.err, 'network.deniedDomains[0]', 'the key')
    r = w.bawn('policy', 'import', w.write(w.home + '/c.json', '// x\n{}'))
    equal((r.code, r.out), (1, ''), f'{r}')
    r = w.bawn('policy', 'import', w.home + '/none.json')
    equal(r.code, 2, f'{r}')
    r = w.bawn('policy', 'import', '--from', 'x', path)
    equal(r.code, 64, f'{r}')


@test('a full disk is said')
def full():
    path = w.write(w.home + '/s.json', '{"network":{}}')
    r = w.call(['sh', '-c', '"$0" "$@" >/dev/full',
                w.argv(['x'])[0], 'policy', 'import', path])
    equal(r.code, 2, f'{r}')


main()
