#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real Claude Code keeps its login and its history between sessions of one
project, in print mode and in its terminal UI, and shares them with no other."""

import contextlib
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)

import claude
from harness import Term, World, check, contains, equal, main, test, wait_for

LOGIN = 'sk-ant-oat01-a-login-made-inside'
FIRST = 'remember the word heron'
SECOND = 'and now the word plover'
DONE = 'THE-FOUR-TURNS-ARE-DONE'
# No key and no token: what it has is what it finds in its home.
ENV = {'ANTHROPIC_BASE_URL': 'http://model.test', **claude.QUIET}

w = World()
_ready = []


def ready():
    """Claude's path and the model.  The first call logs in, as the login
    command does it: two files in the home, written inside."""
    if _ready:
        return _ready[0]
    program, where = claude.install()
    model = w.serve(claude.Model(w.env['PATH'], script=[]))
    w.policy(f'''version: 1
files:
  read: [/usr, /etc, /opt, "{where}"]
  write: [.]
network:
  allow:
    - {{host: model.test, ports: [80], connect: "127.0.0.1:{model.port}"}}
''')
    login = {'claudeAiOauth': {
        'accessToken': LOGIN, 'refreshToken': 'sk-ant-ort01-a-refresh-token',
        'expiresAt': int(time.time() + 30 * 86400) * 1000,
        'scopes': ['user:inference', 'user:profile'],
        'subscriptionType': 'max'}}
    state = {'hasCompletedOnboarding': True, 'theme': 'dark',
             'oauthAccount': {'accountUuid': 'u', 'emailAddress': 'd@e.test',
                              'organizationUuid': 'o'},
             'projects': {w.project: {'hasTrustDialogAccepted': True}}}
    r = w.run('sh', '-c', 'umask 077; mkdir -p ~/.claude; '
              'printf %s "$1" > ~/.claude/.credentials.json; '
              'printf %s "$2" > ~/.claude.json', 'sh', json.dumps(login),
              json.dumps(state))
    equal(r.code, 0, f'logging in: {r}')
    check(not os.path.exists(w.home + '/.claude'), 'in the real home')
    _ready.append((program, model))
    return _ready[0]


def ask(program, *args, cwd=None):
    r = w.run(program, '-p', *args, options=claude.options(ENV), timeout=90,
              cwd=cwd)
    equal(r.code, 0, f'{r.out[-1500:]} {r.err[-1500:]}')
    contains(r.out, DONE, 'the answer')
    return r


def asked(model, since):
    """The model requests of the conversation itself."""
    return [r for r in model.requests[since:]
            if r['turn'] >= 0 and ('heron' in r['text'] or
                                   'plover' in r['text'])]


@test('a login made inside is used by the next session', 150)
def login():
    program, model = ready()
    ask(program, FIRST)
    got = asked(model, 0)
    check(got, f'no request among {model.requests}')
    equal({r['auth'] for r in got}, {'Bearer ' + LOGIN}, 'who asks')


@test('print mode: --continue and --resume know the last conversation', 240)
def go_on():
    program, model = ready()
    before = len(model.requests)
    ask(program, '--continue', SECOND)
    last = asked(model, before)[-1]
    contains(last['text'], FIRST, 'what was said in the session before')
    contains(last['text'], SECOND, 'what is said now')
    equal(last['auth'], 'Bearer ' + LOGIN, 'who asks')
    r = w.sh('cd ~/.claude/projects/*; ls *.jsonl')
    equal(r.code, 0, f'the conversations: {r}')
    before = len(model.requests)
    ask(program, '--resume', r.out.split()[0].removesuffix('.jsonl'),
        'a third time: plover')
    contains(asked(model, before)[-1]['text'], FIRST, '--resume')


def screen(program, *args):
    """Its terminal UI, when it is ready for input."""
    t = Term(w.argv([program, *args], claude.options(ENV)), w.env, w.project,
             rows=40, cols=120)
    t.expect('\u276f', 60)
    return t


def settle(t):
    while t.pump(1.5):
        pass


def say(t, model, text):
    """Types @text; the request that follows."""
    before = len(model.requests)
    t.send(text)
    t.pump(0.5)
    t.send('\r')
    wait_for('the model is asked', 40, lambda: [
        r for r in model.requests[before:] if text in r['text']])
    t.expect(DONE, 40)
    return [r for r in model.requests[before:] if text in r['text']][-1]


@test('terminal UI: it goes on with the last conversation, Up finds its input',
      200)
def terminal_ui():
    program, model = ready()
    t = screen(program)
    settle(t)
    equal(say(t, model, 'remember the word bittern')['auth'],
          'Bearer ' + LOGIN, 'who asks')
    leave(t)
    t = screen(program, '--continue')
    t.expect('bittern', 30)
    settle(t)
    last = say(t, model, 'what was the word?')
    contains(last['text'], 'remember the word bittern', 'the session before')
    equal(last['auth'], 'Bearer ' + LOGIN, 'who asks')
    leave(t)
    # A new conversation: what was typed before is one key away.
    t = screen(program)
    settle(t)
    t.seen = b''
    t.send('\x1b[A')
    t.expect('what', 30)
    t.send('\x1b[A')
    t.expect('bittern', 30)
    leave(t)
    w.verify()


def leave(t):
    """Ctrl-C twice leaves; one more when there was input to clear."""
    for _ in range(12):
        t.pump(0.3)
        if t.done():
            break
        with contextlib.suppress(OSError):
            t.send('\x03')
    code = t.wait(25)
    check(code in (0, 130), f'exit code {code}')
    t.close()


@test('another project knows neither the login nor the history', 120)
def other_project():
    program, model = ready()
    other = w.home + '/other'
    os.mkdir(other)
    before = len(model.requests)
    r = w.run(program, '-p', '--continue', 'which word?',
              options=claude.options(ENV), timeout=90, cwd=other)
    check(r.code != 0, f'it had something to go on with: {r.out}')
    r = w.run(program, '-p', 'which word? heron?', options=claude.options(ENV),
              timeout=90, cwd=other)
    check(r.code != 0, f'it was logged in: {r.out}')
    contains((r.out + r.err).lower(), 'log', 'it asks for a login')
    for x in model.requests[before:]:
        check(LOGIN not in x['auth'], 'the login went along')


main()
