#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Organisation, team, user and project: who decides, and that none widens."""

import json
import os
import subprocess
import time

from harness import (Term, World, check, contains, equal, main, test,
                     wait_for)
from servers import Web

NET = '''network:
  allow:
    - {host: a.test, ports: [80], connect: "127.0.0.1:PORT"}
    - {host: b.test, ports: [80], connect: "127.0.0.1:PORT"}
'''
GET = ('import socket,sys\n'
       's=socket.create_connection((sys.argv[1],80),5)\n'
       's.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")\n'
       'assert s.recv(1)\n')


def world(user='version: 1\n', project=None, **admin):
    w = World()
    web = w.serve(Web())
    fill = lambda t: t.replace('PORT', str(web.port)).replace('TOP', w.top)
    w.fill = fill
    w.policy(fill(user))
    if project:
        w.write('.bawn.yaml', fill(project))
    if admin:
        w.admin(**{k: fill(v) for k, v in admin.items()})
    return w


def reach(w, host, **kw):
    return w.run('python3', '-c', GET, host, **kw)


@test('the organisation narrows the network, and its line is on the record')
def org_net():
    w = world('version: 1\n' + NET,
              org='version: 1\nnetwork:\n  allow: [{host: "a.test"}]\n')
    equal(reach(w, 'a.test').code, 0, 'a.test')
    r = reach(w, 'b.test')
    check(r.code != 0, 'b.test was reached')
    contains(r.err, "no change of yours: the organisation's layer decides "
             '(/etc/bawn/org.yaml:3)', 'what the user is told')
    record = w.refused(host='b.test')[0]
    equal(record['rule.layer'], 'organisation', 'layer')
    equal(record['rule.file'], '/etc/bawn/org.yaml', 'file')
    equal(record['rule.line'], 3, 'line')
    w.verify()


@test('deny and hide of every layer add up')
def add_up():
    w = world('version: 1\n' + NET, project='version: 1\nfiles: '
              '{hide: [mine]}\n',
              org='version: 1\nfiles: {hide: ["*.org"]}\n',
              team='version: 1\nfiles: {hide: [team]}\n'
                   'network: {deny: [{host: b.test}]}\n')
    for name in ('x.org', 'team', 'mine', 'seen', '.env'):
        w.write(name, 'x\n')
    r = w.sh('for f in x.org team mine seen .env; do cat $f >/dev/null '
             '2>&1 && echo $f; done')
    equal(r.out, 'seen\n', 'what can be read')
    check(reach(w, 'b.test').code != 0, 'b.test was reached')
    contains(json.dumps(w.refused(host='b.test')), 'team', 'layer')


@test('files: a lower layer cannot show what a higher one does not')
def files():
    w = world('version: 1\nfiles: {read: [/usr, /etc, TOP/data], '
              'write: [., TOP/out]}\n',
              org='version: 1\nfiles: {read: [/usr, /etc, TOP/data/open], '
                  'write: [.]}\n')
    w.write(w.top + '/data/open/f', 'open\n')
    w.write(w.top + '/data/shut/f', 'shut\n')
    w.write(w.top + '/out/f', 'out\n')
    r = w.sh(f'cat {w.top}/data/open/f; cat {w.top}/data/shut/f; '
             f'echo x > {w.top}/out/g; echo y > here')
    equal(r.out, 'open\n', 'read')
    contains(r.err, "the organisation's layer refuses it "
             '(/etc/bawn/org.yaml:2)', 'notice')
    check(not os.path.exists(w.top + '/out/g'), 'written')
    check(os.path.exists(w.project + '/here'), 'the project is writable')


@test('files: a tool of the built-in table obeys the organisation too')
def tools():
    w = world('version: 1\n', org='version: 1\nfiles: {read: [/usr, /etc], '
              'write: [.]}\n')
    tool = w.write(w.home + '/tools/one/bin/thing', '#!/bin/sh\necho thing\n',
                   0o755)
    env = {'PATH': os.path.dirname(tool) + ':' + w.env['PATH']}
    equal(w.run('thing', env=env).code, 127, 'seen')


@test('variables: env.pass of every layer, and -e is the user\'s')
def variables():
    w = world('version: 1\nenv: {pass: ["MY_*"], set: {U: u, BOTH: u}}\n',
              org='version: 1\nenv: {pass: [MY_ONE, PATH, U], '
                  'set: {BOTH: o}}\n')
    w.env.update(MY_ONE='1', MY_TWO='2', LANG='C.UTF-8')
    r = w.sh('echo $MY_ONE,$MY_TWO,$LANG,$U,$BOTH')
    equal(r.out, '1,,,u,o\n', 'variables')
    r = w.run('true', options=('-e', 'OTHER=1'))
    equal(r.code, 125, '-e')
    contains(r.err, '-e OTHER: the organisation', 'why')
    equal(r.err.count('\n'), 1, 'one line')
    equal(w.run('true', options=('-e', 'MY_ONE=3')).code, 0, '-e allowed')


@test('limits: the smallest holds')
def limits():
    w = world('version: 1\nlimits: {processes: 100, time: 1h}\n',
              org='version: 1\nlimits: {processes: 50, time: 2h}\n',
              team='version: 1\nlimits: {disk: 1G}\n')
    plan = json.loads(w.run('true', options=('--plan',)).out)
    got = plan['limits']
    equal((got['processes'], got['time_s'], got['disk']),
          (50, 3600, 1 << 30), 'limits')
    w.admin(org='version: 1\nlimits: {time: 1s}\n')
    r = w.sh('sleep 20')
    hit = w.having('limit.hit')[0]
    equal((hit['rule.layer'], hit['rule.line']), ('organisation', 2), 'rule')
    contains(hit['hint'], "the organisation's layer decides", 'hint')
    contains(r.err, hit['hint'], 'what the user saw')
    equal(w.records('kind = session.open')[0]['layers'],
          'builtin organisation team user', 'layers')


@test('what is hidden later has the line of the policy on its record')
def hidden_later():
    w = world('version: 1\n', org='version: 1\nfiles: {hide: ["*.key"]}\n')
    p = w.popen(['sh', '-c', 'echo x > a.key; echo made; read go'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'made\n', 'start')
    record = wait_for('the record', 10, lambda: w.having('file.hide'))[0]
    p.communicate(b'go\n', timeout=20)
    equal((record['rule.layer'], record['rule.file'], record['rule.line']),
          ('organisation', '/etc/bawn/org.yaml', 2), 'rule')


@test('a layer that is wrong starts nothing, and says where')
def wrong():
    for layer in ('org', 'team'):
        w = world('version: 1\n', **{layer: 'version: 1\nfile: {}\n'})
        r = w.run('true')
        equal(r.code, 125, layer)
        contains(r.err, f'/etc/bawn/{layer}.yaml:2:1: ', 'place')
    w = world('version: 1\n', project='version: 2\n')
    r = w.run('true')
    equal(r.code, 125, 'project')
    contains(r.err, '/.bawn.yaml:1:', 'place')


@test('a policy that is a link to nothing is no missing policy')
def dangling():
    w = world('version: 1\n', org='version: 1\n')
    os.unlink(w.top + '/admin/bawn/org.yaml')
    os.symlink('/nowhere/org.yaml', w.top + '/admin/bawn/org.yaml')
    r = w.run('true')
    equal(r.code, 125, f'{r}')
    contains(r.err, '/etc/bawn/org.yaml: a symbolic link that leads nowhere',
             'why')


@test('what is not heard from a layer is told, and does nothing')
def unheard():
    w = world('version: 1\n', project='version: 1\nnetwork:\n'
              '  dns: ["127.0.0.1:1"]\n')
    r = w.run('true')
    equal(r.code, 0, f'{r}')
    contains(r.err, ".bawn.yaml:3: network.dns is not heard from the "
             "project's layer", 'notice')


# Where to dial is not a project's to say: the organisation pins both names.
ASKING = ('version: 1\nenv: {set: {WISH: granted}}\nnetwork:\n'
          '  allow: [{host: a.test, ports: [80]}, '
          '{host: b.test, ports: [80]}]\n')
PINS = 'version: 1\n' + NET


@test('a project\'s wishes are left out until that exact text is accepted')
def accept():
    w = world('version: 1\n', project=ASKING, org=PINS)
    wish = lambda **kw: w.sh('echo "<$WISH>"', **kw)
    r = wish()
    equal(r.out, '<>\n', 'before')
    contains(r.err, "left out until 'bawn policy accept'", 'line')
    equal(r.err.count('\n'), 1, 'one line')
    check(reach(w, 'a.test').code != 0, 'a.test was reached')
    said = w.bawn('policy', 'accept', '--show', '--json', '--policy',
                  w.policy_path)
    equal(said.code, 1, 'not accepted')
    equal(len(json.loads(said.out)['asks']), 3, f'asks: {said}')
    equal(w.bawn('policy', 'accept', '--policy', w.policy_path).code, 0,
          'accept')
    check('policy.accept' in w.bawn('ledger', 'query', '--json',
                                    'kind = policy.accept').out, 'record')
    r = wish()
    equal((r.out, r.err), ('<granted>\n', ''), 'after')
    equal(reach(w, 'a.test').code, 0, 'a.test')
    # The same text in another place, and another text in this place.
    other = w.home + '/other'
    w.write(other + '/.bawn.yaml', w.fill(ASKING))
    equal(wish(cwd=other).out, '<>\n', 'elsewhere')
    w.write('.bawn.yaml', w.fill(ASKING) + '# changed\n')
    equal(wish().out, '<>\n', 'changed')
    w.write('.bawn.yaml', w.fill(ASKING))
    equal(wish().out, '<granted>\n', 'as it was')


@test('organisation and team narrow what was accepted')
def accept_narrowed():
    w = world('version: 1\n', project=ASKING,
              team='version: 1\nnetwork: {deny: [{host: b.test}]}\n',
              org=PINS + 'env: {pass: [PATH]}\n')
    equal(w.bawn('policy', 'accept', '--policy', w.policy_path).code, 0,
          'accept')
    equal(reach(w, 'a.test').code, 0, 'a.test')
    check(reach(w, 'b.test').code != 0, 'b.test was reached')
    equal(w.sh('echo "<$WISH>"').out, '<>\n', 'the variable')


@test('a project only narrows, accepted or not')
def project_narrows():
    w = world('version: 1\n' + NET, project='version: 1\nnetwork:\n'
              '  allow: [{host: b.test, ports: [80]}]\n')
    r = reach(w, 'a.test')
    check(r.code != 0, 'a.test was reached')
    contains(r.err, '.bawn.yaml', 'where')
    r = reach(w, 'b.test')
    equal((r.code, r.err), (0, ''), 'b.test')


@test('a session cannot change, replace or remove the project\'s policy')
def protected():
    w = world('version: 1\n' + NET, project='version: 1\nnetwork: '
              '{allow: []}\n')
    before = open(w.project + '/.bawn.yaml').read()
    w.sh('echo "version: 1" > .bawn.yaml; rm -f .bawn.yaml; '
         'mv .bawn.yaml x; ln -sf /etc/passwd .bawn.yaml; '
         'echo "version: 1" > n; mv n .bawn.yaml; mkdir d; '
         'mount --bind n .bawn.yaml')
    equal(open(w.project + '/.bawn.yaml').read(), before, 'the text')
    check(reach(w, 'a.test').code != 0, 'a.test was reached')


@test('not even where the user\'s policy lets it write that very file')
def protected_though_named():
    # What files.write names is not among what runs later, so that this wall
    # stands alone.
    w = world('version: 1\nfiles: {read: [/usr, /etc], '
              'write: [., ./.bawn.yaml]}\n' + NET,
              project='version: 1\nnetwork: {allow: []}\n')
    before = open(w.project + '/.bawn.yaml').read()
    r = w.sh('echo "version: 1" > .bawn.yaml; rm -f .bawn.yaml; '
             'echo "version: 1" > n; mv -f n .bawn.yaml; touch here')
    check(os.path.exists(w.project + '/here'), f'it did not run: {r}')
    equal(open(w.project + '/.bawn.yaml').read(), before, 'the text')


@test('a project\'s policy that is a link or no file is refused')
def not_a_file():
    w = world('version: 1\n')
    target = w.write(w.home + '/p.yaml', 'version: 1\n')
    path = w.project + '/.bawn.yaml'
    for make in (lambda: os.symlink(target, path), lambda: os.mkfifo(path),
                 lambda: os.mkdir(path),
                 lambda: os.symlink('/nowhere', path)):
        make()
        r = w.run('true')
        equal(r.code, 125, 'started')
        contains(r.err, '.bawn.yaml: ', 'why')
        equal(r.err.count('\n'), 1, 'one line')
        os.rmdir(path) if os.path.isdir(path) and \
            not os.path.islink(path) else os.unlink(path)
    w.write('.bawn.yaml', 'x' * (300 << 10))
    contains(w.run('true').err, 'larger than', 'size')


def at_terminal(w, answer):
    t = Term(w.prefix + w.argv(['sh', '-c', 'echo "<$WISH>"']), w.env,
             w.project)
    t.expect(b'Accept exactly this text')
    t.send(answer)
    return t


@test('at a terminal the user is asked: yes, no, and Ctrl-C')
def question():
    w = world('version: 1\n', project=ASKING)
    t = at_terminal(w, b'n\n')
    t.expect(b'<>')
    equal(t.wait(), 0, 'no')
    t.close()
    t = at_terminal(w, b'\x03')
    check(t.wait() != 0, 'Ctrl-C started it')
    t.close()
    t = at_terminal(w, b'y\n')
    t.expect(b'<granted>')
    equal(t.wait(), 0, 'yes')
    t.close()
    equal(w.sh('echo "<$WISH>"').out, '<granted>\n', 'kept')
    w.verify()


@test('what the repository writes into the question reaches no terminal raw')
def question_escapes():
    w = world('version: 1\n', project='version: 1\nenv: {set: '
              '{WISH: "\\x1b[2J\\x1b]0;x\\x07"}}\n')
    t = at_terminal(w, b'n\n')
    t.expect(b'<>')
    t.wait()
    check(b'\x1b[2J' not in t.seen and b'\x1b]0' not in t.seen, 'escape')
    t.close()


HOLD = ('import socket,sys,time\n'
        's=socket.create_connection(("a.test",80),5)\n'
        'print("up",flush=True)\n'
        's.settimeout(20)\n'
        'try:\n'
        '    print("got",s.recv(1))\n'
        'except OSError as e:\n'
        '    print("cut",e.errno,flush=True)\n'
        'try:\n'
        '    socket.create_connection(("a.test",80),5)\n'
        '    print("again")\n'
        'except OSError as e:\n'
        '    print("refused",flush=True)\n'
        'socket.create_connection(("b.test",80),5)\n'
        'print("other",flush=True)\n')


@test('a running session is narrowed by a changed policy, and never widened')
def running():
    w = world('version: 1\n' + NET)
    p = w.popen(['python3', '-c', HOLD])
    equal(p.stdout.readline(), b'up\n', 'connected')
    w.policy(w.fill('version: 1\n' + NET).replace('a.test', 'c.test'))
    out, err = p.communicate(timeout=40)
    contains(out.decode(), 'cut 104', f'the connection; {err}')
    contains(out.decode(), 'refused', 'a new one')
    contains(out.decode(), 'other', 'what both allow')
    check(w.having('session.narrow'), 'no record of it')
    check(w.refused(host='a.test'), 'no record of the refusal')
    w.verify()


@test('a policy that grows is for new sessions alone')
def not_widened():
    w = world('version: 1\n')
    script = ('echo up; while [ ! -e go ]; do sleep 0.1; done; '
              'python3 get.py a.test && echo reached || echo kept')
    w.write('get.py', GET)
    p = w.popen(['sh', '-c', script])
    equal(p.stdout.readline(), b'up\n', 'runs')
    w.policy(w.fill('version: 1\n' + NET))
    equal(reach(w, 'a.test').code, 0, 'a new session')
    time.sleep(2.5)
    w.write('go', '')
    out, _ = p.communicate(timeout=40)
    equal(out, b'kept\n', 'the running one')


@test('a policy that becomes wrong harms no running session')
def becomes_wrong():
    w = world('version: 1\n' + NET)
    w.write('get.py', GET)
    p = w.popen(['sh', '-c', 'echo up; while [ ! -e go ]; do sleep 0.1; done; '
                 'python3 get.py a.test && echo reached'])
    equal(p.stdout.readline(), b'up\n', 'runs')
    w.policy('version: 1\nnetwork: [\n')
    r = w.run('true')
    equal(r.code, 125, 'a new session')
    contains(r.err, 'policy.yaml:', 'place')
    time.sleep(2.5)
    w.write('go', '')
    out, _ = p.communicate(timeout=40)
    equal(out, b'reached\n', 'the running one')


@test('policy show names the layer of every line')
def show():
    w = world('version: 1\n' + NET,
              org='version: 1\nlimits: {memory: 2G}\n'
                  'network: {allow: [{host: a.test}]}\n')
    r = w.bawn('policy', 'show', '--policy', w.policy_path)
    contains(r.out, 'memory: 2G', 'limit')
    contains(r.out, 'organisation /etc/bawn/org.yaml:2', 'its line')
    contains(r.out, "# narrowed by the organisation's layer", 'what narrows')
    j = json.loads(w.bawn('policy', 'show', '--json', '--policy',
                          w.policy_path).out)
    equal(j['policy']['narrowed'][0]['layer'], 'organisation', 'JSON')
    run = w.run('true')
    equal(run.code, 0, f'{run}')
    equal(w.records('kind = session.open')[-1]['policy'], j['sha256'], 'hash')


if __name__ == '__main__':
    main()
