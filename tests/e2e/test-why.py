#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`bawn policy why` tells the truth: each answer is checked by doing it.

Questions are made from lists of paths, hosts, variables and from chance with a
fixed seed, under several policies; one session for each policy tries them all.
"""

import json
import os
import random

from harness import AS_ROOT, World, check, contains, equal, main, test
from servers import Web

QUESTIONS = []   # (policy, question): counted by the last test

# Tries each question and prints what happened.
TRY = r'''
import json, os, socket, sys

def read(p):
    if os.path.isdir(p):
        os.listdir(p)
    else:
        os.close(os.open(p, os.O_RDONLY | os.O_NONBLOCK))

def write(p):
    if os.path.isdir(p):
        q = os.path.join(p, 'bawn-why-probe')
        os.close(os.open(q, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(q)
    elif os.path.exists(p):
        os.close(os.open(p, os.O_WRONLY | os.O_NONBLOCK))
    else:
        made = os.path.realpath(p)
        os.close(os.open(p, os.O_WRONLY | os.O_CREAT, 0o600))
        os.unlink(made)

def net(target):
    host, port = target.rsplit(':', 1)
    host = host.strip('[]')
    s = socket.create_connection((host, int(port)), timeout=5)
    s.sendall(b'GET / HTTP/1.0\r\nHost: x\r\n\r\n')
    if not s.recv(1):
        raise OSError('closed at once')

def env(name):
    os.environ[name]

for line in sys.stdin:
    q = json.loads(line)
    try:
        globals()[q[0]](os.path.expanduser(q[1]) if q[0] in ('read', 'write')
                        else q[1])
        done, how = True, ''
    except Exception as e:
        done, how = False, repr(e)
    print(json.dumps([q, done, how]), flush=True)
'''


def make_world(policy, **admin):
    w = World(policy)
    web = w.serve(Web())
    w.policy(policy.replace('PORT', str(web.port)))
    if admin:
        w.admin(**{k: v.replace('PORT', str(web.port))
                   for k, v in admin.items()})
    w.write('src/main.c', 'int x;\n')
    w.write('.env', 'A=1\n')
    w.write('sub/.env.local', 'A=1\n')
    w.write('locked', 'x\n', mode=0o400)
    w.write('secret/key', 'x\n')
    os.symlink('src/main.c', w.project + '/link')
    os.symlink('/etc/hostname', w.project + '/out')
    os.symlink('nowhere', w.project + '/dangling')
    w.write(w.home + '/.aws/credentials', 'x\n')
    w.write(w.home + '/notes/today', 'x\n')
    w.write(w.home + '/.npmrc', '//r/:_authToken=x\n')
    w.write(w.top + '/data/a/b', 'x\n')
    w.write(w.top + '/data/c', 'x\n')
    os.chmod(w.top + '/data', 0o777)
    os.chmod(w.top + '/data/a', 0o777)
    os.chmod(w.top + '/data/a/b', 0o666)
    os.chmod(w.top + '/data/c', 0o666)
    w.env.update(LANG='C.UTF-8', TOKEN='t', MY_FLAG='1', MY_OTHER='2', CC='gcc',
                 TZ='UTC')
    return w


def paths(w):
    return [
        'src/main.c', 'src', '.', 'new-file', 'src/new', 'none/new', 'link',
        'out', 'dangling', '.env', 'sub/.env.local', 'sub', 'secret',
        'secret/key', 'secret/new', 'locked', '..', '../other',
        '~/.ssh/id_secret', '~/.aws/credentials', '~/notes/today', '~',
        '~/.bashrc', '~/.config', '~/.gitconfig', '~/.npmrc', '/', '/etc',
        '/etc/passwd', '/etc/shadow', '/etc/hostname', '/etc/hosts',
        '/etc/resolv.conf', '/etc/ssl/certs/ca-certificates.crt', '/etc/none',
        '/usr/bin/env', '/usr/bin', '/bin/sh', '/usr/share', '/usr/none',
        '/opt', '/root', '/home', '/srv', '/mnt', '/boot', '/var', '/var/log',
        '/var/tmp', '/var/tmp/x', '/tmp', '/tmp/new', '/run', '/run/x',
        '/dev/null', '/dev/zero', '/dev/sda', '/dev/kmsg', '/dev/mem',
        '/dev/urandom', '/dev/shm', '/proc/self/status', '/proc/meminfo',
        '/proc/kcore', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger',
        '/sys', '/sys/kernel', w.top + '/data', w.top + '/data/a',
        w.top + '/data/a/b', w.top + '/data/c', w.top + '/data/new',
        w.state, w.state + '/ledger', w.runtime,
    ]


HOSTS = ['ok.test:80', 'ok.test:443', 'ok.test:8080', 'a.wild.test:80',
         'wild.test:80', 'a.b.wild.test:80', 'denied.wild.test:80',
         'org.test:80', 'other.test:80', 'no.example:443', '8.8.8.8:53',
         '10.1.2.3:80', '169.254.169.254:80', '[2001:db8::1]:443']

VARIABLES = ['HOME', 'PATH', 'USER', 'LANG', 'TOKEN', 'MY_FLAG', 'MY_OTHER',
             'CC', 'TZ', 'TMPDIR', 'FIXED', 'BAWN_STATE_DIR', 'LD_PRELOAD']

NET = '''
network:
  deny: [{host: denied.wild.test}]
  allow:
    - {host: ok.test, ports: [80, 8080], connect: "127.0.0.1:PORT"}
    - {host: "*.wild.test", ports: [80], connect: "127.0.0.1:PORT"}
    - {host: org.test, ports: [80], connect: "127.0.0.1:PORT"}
'''

POLICIES = {
    'default': ('version: 1\n', {}),
    'network': ('version: 1\n' + NET +
                'env: {pass: ["MY_*"], set: {FIXED: "1"}}\n', {}),
    'files': ('version: 1\n'
              'files: {read: [/usr, /etc, ~/notes, TOP/data],\n'
              '        write: [., TOP/data/a], hide: [secret, "**/.env"]}\n',
              {}),
    'layers': ('version: 1\n'
               'files: {read: [/usr, /etc, /opt, TOP/data],\n'
               '        write: [., TOP/data], hide: []}\n' + NET +
               'env: {pass: ["MY_*", TOKEN]}\n',
               {'org': 'version: 1\n'
                       'files: {read: [/usr, /etc, .], '
                       'write: [., TOP/data/a],\n'
                       '        hide: ["**/.env*"]}\n'
                       'network:\n'
                       '  allow: [{host: ok.test}, {host: "*.wild.test"},\n'
                       '          {host: "*.org.test"}]\n'
                       'env: {pass: [LANG, MY_FLAG, PATH], '
                       'set: {FIXED: "2"}}\n',
                'team': 'version: 1\n'
                        'network: {deny: [{host: a.b.wild.test}]}\n'}),
}


def questions(w, name):
    rnd = random.Random(name)
    # Nobody reads the trigger, where there is one: its mode is the kernel's.
    every = [[kind, p] for p in paths(w) for kind in ('read', 'write')
             if (kind, p) != ('read', '/proc/sysrq-trigger')]
    picked = every if name == 'default' else rnd.sample(every, 60)
    # What creates or removes comes last: a read must find things as they were.
    picked.sort(key=lambda q: q[0] == 'write')
    return (picked + [['net', h] for h in HOSTS] +
            [['env', v] for v in VARIABLES])


def compare(name):
    policy, admin = POLICIES[name]
    w = make_world('version: 1\n')
    fill = lambda t: t.replace('TOP', w.top).replace(
        'PORT', str(w.servers[0].port))
    w.policy(fill(policy))
    if admin:
        w.admin(**{k: fill(v) for k, v in admin.items()})
    asked = questions(w, name)
    said = []
    for kind, subject in asked:
        r = w.bawn('policy', 'why', '--json', '--policy', w.policy_path, kind,
                   subject)
        check(r.code in (0, 1), f'{name}: why {kind} {subject}: {r}')
        answer = json.loads(r.out)
        equal(answer['verdict'], 'allow' if r.code == 0 else 'deny', 'code')
        said.append(answer)
    r = w.run('python3', '-c', TRY, timeout=60,
              stdin=''.join(json.dumps(q) + '\n' for q in asked).encode())
    tried = [json.loads(line) for line in r.out.splitlines()]
    equal(len(tried), len(asked), f'{name}: questions tried; {r.err[-500:]}')
    wrong = []
    for answer, (q, done, how) in zip(said, tried):
        QUESTIONS.append((name, q))
        if (answer['verdict'] == 'allow') != done and not excused(q, answer,
                                                                   how):
            wrong.append(f'{q} said {answer["verdict"]} '
                         f'({answer["reason"]}), {"done" if done else how}')
    check(not wrong, f'{name}: ' + '; '.join(wrong))
    return said


def excused(q, answer, how):
    """Allowed by the policy, and it fails for lack of the thing itself."""
    nothing = ('nothing is there' in answer['reason'] or
               'is not set' in answer['reason'])
    return nothing and ('FileNotFoundError' in how or 'KeyError' in how)


@test('why is right: the built-in default', 120)
def default():
    compare('default')


@test('why is right: network and environment', 120)
def network():
    compare('network')


@test('why is right: files of the user', 120)
def files():
    compare('files')


@test('why is right: organisation and team above the user', 120)
def layers():
    for answer in compare('layers'):
        if answer.get('layer') in ('organisation', 'team') and \
                answer['verdict'] == 'deny':
            contains(answer['change'], 'no change of yours', f'{answer}')


@test('the change that is named flips the verdict', 120)
def flips():
    w = make_world('version: 1\n')
    top = w.top
    base = 'version: 1\nfiles: {read: [/usr, /etc%s], write: [.%s], ' \
           'hide: [%s]}\nnetwork: {allow: [%s]}\nenv: {pass: [%s]}\n'

    def why(*q):
        return json.loads(w.bawn('policy', 'why', '--json', '--policy',
                                 w.policy_path, *q).out)

    def part(change):
        return change.split(': - ', 1)[1].split(' in /')[0].split(',')[0]

    cases = ((('read', top + '/data/c'), 0), (('write', top + '/data/c'), 1),
             (('read', '~/notes/today'), 0), (('env', 'TOKEN'), 4))
    for q, place in cases:
        w.policy(base % ('', '', '', '', ''))
        before = why(*q)
        equal(before['verdict'], 'deny', f'{q}')
        fills = [''] * 5
        fills[place] = (', ' if place < 2 else '') + part(before['change'])
        w.policy(base % tuple(fills))
        equal(why(*q)['verdict'], 'allow', f'{q}: {before["change"]}')
    w.policy(base % ('', '', '', '', ''))
    hint = why('net', 'x.example:8443')['change']
    rule = hint.split('- ', 1)[1].split(' in /')[0]
    w.policy(base % ('', '', '', rule, ''))
    equal(why('net', 'x.example:8443')['verdict'], 'allow', hint)


@test('a refusal says what why says')
def same_words():
    w = make_world('version: 1\nnetwork: {allow: [{host: ok.test}]}\n')
    r = w.sh('getent hosts nothing.example; true')
    said = json.loads(w.bawn('policy', 'why', '--json', '--policy',
                             w.policy_path, 'net', 'nothing.example').out)
    record = w.refused(host='nothing.example')[0]
    equal(record['rule.layer'], said['layer'], 'layer')
    equal(record['rule.line'], said['line'], 'line')
    # A question for a name is about no port; else the line is the same.
    contains(said['change'], record['hint'][:-1], 'hint')
    contains(r.err, record['hint'], 'what the user saw')


@test('limits: what they are, and whether more would be given')
def limits():
    w = make_world('version: 1\nlimits: {memory: 1G, time: 1h}\n')

    def why(*q):
        return w.bawn('policy', 'why', '--policy', w.policy_path, 'limit', *q)

    contains(why('memory').out, 'the limit is 1G', 'memory')
    equal(why('memory', '2G').code, 1, 'more')
    contains(why('memory', '2G').out, 'limits.memory: 2G', 'change')
    equal(why('time', '30m').code, 0, 'less')
    equal(why('cpu', '4').code, 0, 'no limit')
    equal(why('memory', 'much').code, 64, 'no size')
    equal(why('colour').code, 64, 'no limit of that name')


@test('questions that are none are refused with a line')
def bad_questions():
    w = make_world('version: 1\n')
    for q in (('net', 'a b'), ('net', 'x:99999'), ('net', ''), ('env', 'A-B'),
              ('model', 'x'), ('dance', 'x'), ('read', 'a', 'b')):
        r = w.bawn('policy', 'why', *q)
        equal(r.code, 64, f'{q}: {r}')
        equal(r.err.count('\n'), 1, f'{q}: {r.err}')


@test('more than 200 questions were checked by doing')
def enough():
    check(len(QUESTIONS) >= 200, f'{len(QUESTIONS)}')


if __name__ == '__main__':
    main()
