#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Gemini CLI, whose telemetry the session's variables set up."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)

import cache
from harness import World, check, contains, equal, main, skip, test
from scripted import Model

VERSION = '0.61.0'
SETTINGS = {'security': {'auth': {'selectedType': 'gemini-api-key'},
                         'folderTrust': {'enabled': False}},
            'privacy': {'usageStatisticsEnabled': False},
            'general': {'disableAutoUpdate': True}}
w = World()


@test('two turns; its telemetry is on the ledger, and no prompt in it', 300)
def telemetry():
    path = cache.npm_package('@google/gemini-cli', VERSION, 'gemini', skip)
    model = w.serve(Model(w.env['PATH'], 'gemini-server.mjs',
                          'echo from-gemini > seen.txt'))
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
    r = w.run('sh', '-c', 'mkdir -p ~/.gemini && cat > ~/.gemini/settings.json',
              stdin=json.dumps(SETTINGS).encode())
    equal(r.code, 0, f'settings: {r}')
    r = w.run(path, '-p', 'secret-prompt-31415', '--yolo', timeout=120,
              options=('-e', 'GEMINI_API_KEY=none', '-e',
                       'GOOGLE_GEMINI_BASE_URL=http://model.test'))
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, 'THE-TWO-TURNS-ARE-DONE', 'the last turn')
    with open(w.project + '/seen.txt') as f:
        equal(f.read(), 'from-gemini\n', 'its command ran')
    rows = w.having('agent.event')
    names = {x.get('name') for x in rows}
    for name in ('config', 'user_prompt', 'api_response', 'tool_call'):
        check(f'gemini_cli.{name}' in names, f'no {name} in {names}')
    counted = [x for x in rows if 'tokens_in' in x]
    check(counted and all(x['tokens_in'] > 0 for x in counted), f'{rows}')
    equal({x['tool'] for x in rows if 'tool' in x}, {'run_shell_command'},
          'tools')
    equal({x['trust'] for x in rows}, {'claimed'}, 'trust')
    check('secret-prompt-31415' not in json.dumps(rows), 'no prompt')
    contains(w.bawn('show', '@').out, 'claimed by the agent', 'show')
    w.verify()


main()
