#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With nested: true, sandboxes that agents bring with them work inside: Claude
Code's and Codex's, each started by the real agent under a scripted model, and
Chromium's.  Without it they are refused."""

import json
import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)

import cache
from harness import World, check, contains, equal, main, skip, test

CLAUDE_VERSION = '2.1.329'
CODEX_VERSION = '0.169.0'

w = World()


class Model:
    """A scripted model server; prints its port, then a line per request."""

    def __init__(self, script, env):
        node = shutil.which('node', path=w.env['PATH'])
        if not node:
            skip('no node')
        self.requests = []
        self.p = subprocess.Popen([node, os.path.join(HERE, script)],
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True,
                                  env=dict(os.environ, **env))
        self.port = int(self.p.stdout.readline())
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        for line in self.p.stdout:
            self.requests.append(json.loads(line))

    def close(self):
        self.p.kill()
        self.p.wait()


def need(*programs):
    for p in programs:
        if not shutil.which(p, path=w.env['PATH'] + ':/usr/sbin:/sbin'):
            skip(f'no {p} on this machine')


def policy(nested, where='/opt', port=None):
    allow = ('network:\n  allow:\n    - {host: model.test, ports: [80], '
             f'connect: "127.0.0.1:{port}"}}\n') if port else ''
    w.policy(f'version: 1\nnested: {"true" if nested else "false"}\n'
             f'files:\n  read: [/usr, /etc, /opt, "{where}"]\n'
             f'  write: [.]\n  hide: ["**/.env"]\n{allow}')


# What a tool runs: which user and network namespace it is in.
LOOK = ('readlink /proc/self/ns/user /proc/self/ns/net > seen.txt; '
        'cat .env >> seen.txt 2>&1; echo from-$((40+2)) >> seen.txt')


def look(kinds):
    """seen.txt: namespaces, what .env gave, the mark."""
    with open(os.path.join(w.project, 'seen.txt')) as f:
        lines = f.read().splitlines()
    equal(lines[-1], 'from-42', 'the command ran')
    contains(lines[-2], 'ermission denied', 'the hidden file')
    with open(os.path.join(w.project, 'outer.txt')) as f:
        outer = f.read().splitlines()
    for i, what in enumerate(kinds):
        check(lines[i] != outer[i], f'not in a {what} namespace of its own')


# The session's own namespaces, then the agent.
FIRST = ('readlink /proc/self/ns/user /proc/self/ns/net > outer.txt; '
         'exec "$@"')


def prepare():
    for name in ('seen.txt', 'out.txt', 'outer.txt'):
        if os.path.exists(os.path.join(w.project, name)):
            os.unlink(os.path.join(w.project, name))
    w.write('.env', 'SECRET=1\n')
    w.write('hello.txt', 'a file to read\n')


def agent(command, env, timeout=90):
    options = [x for k, v in env.items() for x in ('-e', f'{k}={v}')]
    return w.run('sh', '-c', FIRST, 'sh', *command, options=options,
                 timeout=timeout)


@test('bubblewrap with all namespaces and a /proc of its own')
def bubblewrap():
    need('bwrap')
    prepare()
    w.write('sub/.env', 'SECRET=2\n')
    policy(True)
    box = ['bwrap', '--unshare-all', '--die-with-parent', '--ro-bind', '/',
           '/', '--bind', w.project, w.project, '--proc', '/proc', '--dev',
           '/dev', '--tmpfs', '/tmp']
    r = w.run(*box, 'sh', '-c', 'cat .env sub/.env; echo $$ > pid; ls /proc '
              '| grep -c "^[0-9]"; touch /usr/x; cat /proc/1/comm')
    contains(r.err, 'ermission denied', '.env')
    contains(r.err, 'Read-only file system', '/usr')
    equal(r.out.split(), ['4', 'bwrap'], f'a /proc of few: {r.err}')
    equal(open(w.project + '/pid').read(), '2\n', 'a pid of its own')
    contains(r.err, 'nested: true', 'the line that says so')
    started = w.having('session.start')
    equal([s.get('layer.nested') for s in started], [True], 'on the record')
    plan = w.bawn('run', '--policy', w.policy_path, '--plan', '--', 'true')
    equal(json.loads(plan.out)['nested'], True, '--plan')
    policy(False)
    r = w.run(*box, 'true')
    check(r.code != 0, f'without the key: {r}')
    equal([s.get('layer.nested') for s in w.having('session.start')], [None],
          'the record without the key')


def claude(nested):
    need('bwrap', 'socat', 'rg')
    path = cache.npm_package('@anthropic-ai/claude-code', CLAUDE_VERSION,
                             'claude', skip)
    model = w.serve(Model('model-server.mjs', {'MODEL_COMMAND': LOOK}))
    prepare()
    policy(nested, os.path.dirname(os.path.dirname(os.path.dirname(path))),
           model.port)
    settings = {'sandbox': {'enabled': True, 'failIfUnavailable': True,
                            'allowUnsandboxedCommands': False,
                            'autoAllowBashIfSandboxed': True}}
    r = w.run('sh', '-c', 'mkdir -p ~/.claude && '
              'cat > ~/.claude/settings.json',
              stdin=json.dumps(settings).encode())
    equal(r.code, 0, f'settings: {r}')
    return agent([path, '-p', 'do the work', '--output-format', 'stream-json',
                  '--verbose', '--dangerously-skip-permissions'],
                 {'ANTHROPIC_BASE_URL': 'http://model.test',
                  'ANTHROPIC_AUTH_TOKEN': 'no-real-token',
                  'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC': '1',
                  'DISABLE_AUTOUPDATER': '1'})


@test('Claude Code with its own sandbox enabled', 400)
def claude_sandbox():
    r = claude(True)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, 'THE-FOUR-TURNS-ARE-DONE', 'the last turn')
    look(['user', 'network'])


@test('without the key its sandbox is refused, and says so', 400)
def claude_refused():
    r = claude(False)
    check(not os.path.exists(w.project + '/seen.txt'), 'Bash ran all the same')
    contains(r.out + r.err, 'bwrap', 'the reason')


@test('Codex with its workspace-write sandbox', 400)
def codex():
    path = cache.npm_package('@openai/codex', CODEX_VERSION, 'codex', skip)
    model = w.serve(Model('responses-server.mjs', {'MODEL_COMMAND': LOOK}))
    prepare()
    policy(True, os.path.dirname(os.path.dirname(os.path.dirname(path))),
           model.port)
    config = ('model_provider = "lab"\nmodel = "gpt-5"\n'
              'approval_policy = "never"\n'
              '[model_providers.lab]\nname = "lab"\n'
              'base_url = "http://model.test/v1"\nenv_key = "LAB_KEY"\n'
              'wire_api = "responses"\n[analytics]\nenabled = false\n'
              '[features]\nplugins = false\n')
    r = w.run('sh', '-c', 'mkdir -p ~/.codex && cat > ~/.codex/config.toml',
              stdin=config.encode())
    equal(r.code, 0, f'settings: {r}')
    r = agent([path, 'exec', '--skip-git-repo-check', '--sandbox',
               'workspace-write', 'do the work'], {'LAB_KEY': 'none'})
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, 'THE-TWO-TURNS-ARE-DONE', f'the last turn: {r}')
    look(['user', 'network'])


PAGE = '<p id=a>no</p><script>a.textContent = 6 * 7 + "-rendered"</script>'


@test('Chromium renders a page of the session in its own sandbox', 120)
def chromium():
    need('chromium')
    policy(True)
    w.write('www/index.html', PAGE)
    # What stands in the way is told apart by the exit of each part.
    r = w.sh('python3 -m http.server -d www 8081 >/dev/null 2>&1 & '
             'for i in 1 2 3 4 5 6 7 8 9; do '
             'curl -s -o /dev/null http://127.0.0.1:8081/ && break; '
             'sleep 0.2; done; chromium --headless --disable-gpu '
             '--disable-dev-shm-usage --dump-dom http://127.0.0.1:8081/; '
             'echo exit $?', timeout=90)
    contains(r.out, '42-rendered', f'the page: {r.err[-1500:]}')
    contains(r.out, 'exit 0', 'its end')
    policy(False)
    r = w.run('chromium', '--headless', '--disable-gpu', '--dump-dom',
              'about:blank', timeout=40)
    check(r.code != 0, 'it starts without the key')
    contains(r.err, 'sandbox', 'the reason')


main()
