#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Codex, whose telemetry is set up as doc/telemetry.md says."""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)

import cache
from harness import World, check, contains, equal, main, skip, test
from scripted import Model

VERSION = '0.169.0'
w = World()


def documented():
    """The configuration in the document, word for word."""
    with open(os.path.join(SOURCE, 'doc', 'telemetry.md')) as f:
        return re.search(r'```toml\n(.*?)```', f.read(), re.S)[1]


@test('its own telemetry is on the ledger, and no prompt in it', 300)
def telemetry():
    path = cache.npm_package('@openai/codex', VERSION, 'codex', skip)
    model = w.serve(Model(w.env['PATH'], 'responses-server.mjs',
                          'echo from-codex > seen.txt'))
    where = os.path.dirname(os.path.dirname(os.path.dirname(path)))
    w.policy(f'''version: 1
files:
  read: [/usr, /etc, /opt, "{where}"]
  write: [.]
network:
  allow:
    - {{host: model.test, ports: [80], connect: "127.0.0.1:{model.port}"}}
audit: {{telemetry: on}}
''')
    config = ('model_provider = "lab"\nmodel = "gpt-5"\n'
              'approval_policy = "never"\n'
              'sandbox_mode = "danger-full-access"\n'
              '[model_providers.lab]\nname = "lab"\n'
              'base_url = "http://model.test/v1"\nenv_key = "LAB_KEY"\n'
              'wire_api = "responses"\n[analytics]\nenabled = false\n'
              '[features]\nplugins = false\n' + documented())
    r = w.run('sh', '-c', 'mkdir -p ~/.codex && cat > ~/.codex/config.toml',
              stdin=config.encode())
    equal(r.code, 0, f'settings: {r}')
    r = w.run(path, 'exec', '--skip-git-repo-check', 'secret-prompt-31415',
              options=('-e', 'LAB_KEY=none'), timeout=120)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    rows = w.having('agent.event')
    names = {x.get('name') for x in rows}
    for name in ('user_prompt', 'sse_event', 'tool_decision', 'tool_result'):
        check(f'codex.{name}' in names, f'no {name} in {names}')
    counted = [x for x in rows if 'tokens_in' in x]
    check(counted and all(x['tokens_in'] > 0 and x['tokens_out'] > 0
                          for x in counted), f'{counted}')
    equal({x['tool'] for x in rows if 'tool' in x}, {'exec_command'}, 'tools')
    equal({x['trust'] for x in rows}, {'claimed'}, 'trust')
    check('secret-prompt-31415' not in json.dumps(rows), 'no prompt')
    contains(w.bawn('show', '@').out, 'claimed by the agent', 'show')
    w.verify()


main()
