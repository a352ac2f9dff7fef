#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Claude Code, governed, driven by a scripted model: four turns in
print mode and in its terminal UI, with one host in reach."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)

import claude
from harness import Term, World, check, contains, equal, main, test

w = World()


_ready = []


def policy():
    _, model, where = _ready[0]
    return f'''version: 1
files:
  read: [/usr, /etc, /opt, "{where}"]
  write: [.]
  hide: ["**/.env", "**/.env.*"]
network:
  allow:
    - {{host: model.test, ports: [80], connect: "127.0.0.1:{model.port}"}}
'''


def ready():
    """Claude's path and the model; the first call installs and starts."""
    if not _ready:
        program, where = claude.install()
        model = w.serve(claude.Model(w.env['PATH']))
        _ready.append((program, model, where))
        w.policy(policy())
    return _ready[0][:2]


ENV = {
    'ANTHROPIC_BASE_URL': 'http://model.test',
    'ANTHROPIC_AUTH_TOKEN': 'no-real-token',
    **claude.QUIET,
}


def options():
    return claude.options(ENV)


def prepare():
    for name in ('seen.txt', 'out.txt'):
        if os.path.exists(w.project + '/' + name):
            os.unlink(w.project + '/' + name)
    w.write('hello.txt', 'a file to read\n')


def check_work(model, asked_before, quiet):
    equal(open(w.project + '/seen.txt').read(), 'from-42\n', 'Bash')
    equal(open(w.project + '/out.txt').read(), 'written in the yard\n',
          'Write')
    turns = [r['turn'] for r in model.requests[asked_before:]
             if r['turn'] >= 0]
    equal(sorted(set(turns)), [0, 1, 2, 3], 'turns')
    grants = w.having('net.grant')
    equal({(r['host'], r['port']) for r in grants}, {('model.test', 80)},
          'grants')
    if quiet:
        equal(w.having('net.refuse'), [], 'refusals')
    w.verify()


@test('it starts in the jail', 300)
def version():
    program, _ = ready()
    r = w.run(program, '--version', timeout=40)
    equal(r.code, 0, f'{r}')
    contains(r.out, claude.VERSION, 'version')


@test('print mode: Bash, Read, Write, text', 120)
def print_mode():
    program, model = ready()
    prepare()
    before = len(model.requests)
    r = w.run(program, '-p', 'do the work', '--output-format', 'stream-json',
              '--verbose', '--dangerously-skip-permissions',
              options=options(), timeout=90)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, 'THE-FOUR-TURNS-ARE-DONE', 'the last turn')
    contains(r.out, 'a file to read', 'Read')
    check_work(model, before, quiet=True)


@test('terminal UI on a pty: the same four turns', 120)
def terminal_ui():
    program, model = ready()
    prepare()
    settings = {'hasCompletedOnboarding': True, 'theme': 'dark',
                'projects': {w.project: {'hasTrustDialogAccepted': True}}}
    r = w.run('sh', '-c', 'mkdir -p ~/.claude && '
              'printf %s "$1" > ~/.claude.json && '
              'printf %s "$2" > ~/.claude/settings.json', 'sh',
              json.dumps(settings),
              json.dumps({'skipDangerousModePermissionPrompt': True}))
    equal(r.code, 0, f'seeding the private home: {r}')
    before = len(model.requests)
    t = Term(w.argv([program, '--dangerously-skip-permissions', 'do the work'],
                    options()), w.env, w.project, rows=40, cols=120)
    t.expect('THE-FOUR-TURNS-ARE-DONE', 80)
    t.send('\x03')
    t.pump(0.5)
    t.send('\x03')
    t.pump(0.5)
    t.send('\x04')
    code = t.wait(20)
    check(code in (0, 130), f'exit code {code}')
    t.close()
    # The terminal UI looks for plugins whatever it is told; it is refused.
    check_work(model, before, quiet=False)


@test('without its switch it asks other hosts, is refused, and works on', 150)
def other_hosts():
    program, model = ready()
    prepare()
    mine = [x for x in options() if 'NONESSENTIAL' not in x]
    mine = [x for i, x in enumerate(mine)
            if x != '-e' or (i + 1 < len(mine) and mine[i + 1] != '-e')]
    r = w.run(program, '-p', 'do the work', '--dangerously-skip-permissions',
              options=mine, timeout=120)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, 'THE-FOUR-TURNS-ARE-DONE', 'the last turn')
    equal({x['host'] for x in w.having('net.grant')}, {'model.test'},
          'grants')
    check(w.having('net.refuse'), 'no refusal is recorded')


@test('its own telemetry is on the ledger, and no prompt in it', 150)
def telemetry():
    program, model = ready()
    prepare()
    said = World(policy() + 'audit: {telemetry: on}\n')
    said.write('hello.txt', 'a file to read\n')
    r = said.run(program, '-p', 'do the secret-prompt-31415',
                 '--dangerously-skip-permissions', options=options(),
                 timeout=120)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    rows = said.having('agent.event')
    names = {x.get('name') for x in rows}
    for name in ('user_prompt', 'api_request', 'tool_result'):
        check(f'claude_code.{name}' in names, f'no {name} in {names}')
    equal({x['trust'] for x in rows}, {'claimed'}, 'trust')
    equal({x['service'] for x in rows}, {'claude-code'}, 'service')
    calls = [x for x in rows if x.get('name') == 'claude_code.api_request']
    for x in calls:
        check(x['tokens_in'] > 0 and x['tokens_out'] > 0 and x['model'] and
              x['ms'] >= 0 and 'cost_microusd' in x, f'{x}')
    tools = {x.get('tool') for x in rows
             if x.get('name') == 'claude_code.tool_result'}
    check({'Bash', 'Read', 'Write'} <= tools, f'{tools}')
    check('metric' in {x['signal'] for x in rows}, 'metrics')
    check('secret-prompt-31415' not in json.dumps(rows), 'no prompt')
    contains(said.bawn('show', '@').out, 'claimed by the agent', 'show')
    said.verify()


main()
