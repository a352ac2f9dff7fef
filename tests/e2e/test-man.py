#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what --help says, to two readers without a warning; the
completions complete, in the shells themselves."""

import glob
import json
import os
import re
import subprocess

from harness import BAWND, BIN, World, Term, check, contains, equal, main, test

MAN = os.environ.get('BAWN_MAN') or os.path.join(
    os.path.dirname(os.path.dirname(BIN)), 'doc', 'man')
w = World()
w.env['PATH'] = BIN + ':' + w.env['PATH']
for name in ('work', 'play'):
    w.write(f'{w.home}/.config/bawn/profiles/{name}.yaml', 'version: 1\n')
w.write('settings.json', '{}')


def call(*argv, stdin=None):
    p = subprocess.run(argv, capture_output=True, text=True, cwd=w.project,
                       env=w.env, input=stdin, check=False)
    return p.returncode, p.stdout, p.stderr


def page(name):
    code, out, err = call('mandoc', '-Tutf8', os.path.join(MAN, name))
    equal(code, 0, f'{name}: {err}')
    return re.sub('.\b', '', out)


def options_of(*words):
    code, out, err = call(*words)
    equal(code, 0, f'{words}: {err}')
    return re.findall(r'^ +(?:-\w, )?(--[a-z-]+)', out, re.M)


def verbs(*words):
    code, out, err = call('bawn', *words, 'help', '--json')
    equal(code, 0, f'{words}: {err}')
    return json.loads(out)['verbs']


@test('two readers find nothing wrong in any page')
def lint():
    pages = glob.glob(MAN + '/*.[158]')
    check(len(pages) >= 11, f'pages: {pages}')
    for path in pages:
        code, out, _ = call('mandoc', '-Tlint', '-W', 'warning', path)
        equal((code, out), (0, ''), f'mandoc of {path}')
        code, _, err = call('groff', '-ww', '-man', '-Tutf8', path)
        equal((code, err), (0, ''), f'groff of {path}')


@test('each verb has its page, and each option of --help is in it')
def options():
    n = 0
    overview = page('bawn.1')
    for v in verbs():
        contains(overview, '\n       ' + v['name'], 'bawn(1)')
        if v['name'] in ('help', 'policy', 'ledger', 'version'):
            continue
        text = page(f'bawn-{v["name"]}.1')
        for option in options_of('bawn', 'help', v['name']):
            contains(text, option,
                     f'bawn-{v["name"]}(1)')
            n += 1
    for family in ('policy', 'ledger'):
        text = page(f'bawn-{family}.1')
        for v in verbs(family):
            contains(text, f'bawn {family} {v["name"]}', f'{family}(1)')
            if v['name'] == 'help':
                continue
            part = text.split(f'\n   {v["name"]}\n')[1].split('\n   ')[0]
            for option in options_of('bawn', family, v['name'], '--help'):
                if option != '--help':
                    contains(text, option, f'{family} {v["name"]}')
                n += 1
            check(part.strip(), 'says something')
    text = page('bawnd.8')
    for option in options_of(BAWND, '--help'):
        contains(text, option, 'bawnd(8)')
        n += 1
    check(n > 25, f'{n} options')


@test('each key of the policy is in bawn-policy(5)')
def keys():
    text = page('bawn-policy.5')
    _, out, _ = call('bawn', 'policy', 'keys')
    names = re.findall(r'^([a-z.]+)  ', out, re.M)
    check(len(names) > 20, f'keys: {names}')
    for name in names:
        contains(text, name, 'bawn-policy(5)')


# The line, the words that must be offered, the words that must not.
LINES = (
    ('bawn r', ['run'], ['ps', 'logs']),
    ('bawn policy ', ['check', 'import', 'why'], ['run']),
    ('bawn ledger v', ['verify'], ['tail']),
    ('bawn run --pro', ['--profile'], ['--policy']),
    ('bawn run --profile ', ['work', 'play'], []),
    ('bawn policy show --profile w', ['work'], ['play']),
    ('bawn policy import --from ', ['claude', 'srt'], []),
    ('bawn policy import sett', ['settings.json'], []),
    ('bawn help l', ['ledger', 'logs'], ['ps']),
    ('bawn ps --', ['--all', '--json'], ['--follow']),
    ('bawn logs -', ['--follow', '--json'], ['--profile']),
)


def each_line(shell, offered):
    sleeper = w.popen(['sleep', '60'], options=('--no-hints',))
    try:
        ids = []
        while not ids:
            ids = re.findall(r'"id":"([^"]+)"',
                             w.bawn('ps', '--json').out)
        lines = LINES + ((f'bawn kill {ids[0][:3]}', [ids[0]], []),
                         ('bawn show ', [ids[0], '@'], []))
        for line, want, unwanted in lines:
            got = offered(line)
            for word in want:
                check(word in got, f'{shell}: {line!r} offers {got}, not '
                      f'{word}')
            for word in unwanted:
                check(word not in got, f'{shell}: {line!r} offers {word}')
        contains(' '.join(offered('bawn run -- sle')), 'sleep',
                 f'{shell}: a command')
    finally:
        sleeper.terminate()
        sleeper.communicate()


@test('bash completes')
def bash():
    source = f'source {MAN}/bawn; '
    code, out, err = call('bash', '--norc', '--noprofile', '-c',
                          source + 'complete -p bawn')
    equal((code, out.strip()), (0, 'complete -F _bawn bawn'), err)

    def offered(line):
        words = line.split(' ')
        quoted = ' '.join(f"'{x}'" for x in words)
        code, out, err = call(
            'bash', '--norc', '--noprofile', '-c', source +
            f'COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; '
            '_bawn; printf "%s\\n" "${COMPREPLY[@]}"')
        equal((code, err), (0, ''), line)
        return out.split()

    each_line('bash', offered)
    # As bash splits "--profile=w".
    got = call('bash', '--norc', '--noprofile', '-c', source +
               'COMP_WORDS=(bawn run --profile = w); COMP_CWORD=4; _bawn; '
               'echo "${COMPREPLY[@]}"')[1]
    equal(got, 'work\n', '--profile=w')


@test('bash completes what is typed')
def bash_typed():
    t = Term(['bash', '--norc', '--noprofile', '-i'],
             dict(w.env, PS1='> ', INPUTRC='/dev/null'), w.project)
    try:
        t.send(f'source {MAN}/bawn; echo re""ady\n')
        t.expect('ready')
        t.send('echo; bawn policy sche\t--he\t\n')
        t.expect('bawn policy schema --help')
        t.expect('print the JSON Schema')
    finally:
        t.close()


@test('fish completes')
def fish():
    def offered(line):
        code, out, err = call(
            'fish', '--no-config', '-c',
            f"source {MAN}/bawn.fish; complete -C '{line}'")
        equal((code, err), (0, ''), line)
        return [x.split('\t')[0] for x in out.splitlines()]

    each_line('fish', offered)


@test('zsh completes what is typed')
def zsh():
    t = Term(['zsh', '-f', '-i'], dict(w.env, PS1='> '), w.project, cols=200)
    try:
        t.send(f'fpath=({MAN} $fpath); autoload -Uz compinit; '
               'compinit -u -D; echo re""ady\n')
        t.expect('ready')
        for typed, want in (
                ('bawn ru\t', 'bawn run'), ('bawn policy sch\t', 'schema'),
                ('bawn run --prof\twor\t', '=work'),
                ('bawn policy import --from cl\t', 'claude'),
                ('bawn policy import sett\t', 'settings.json'),
                ('bawn ledger ver\t', 'verify'),
                ('bawn run -- slee\t', 'sleep')):
            t.send(typed)
            t.expect(want)
            t.send('\x15')  # the line away
    finally:
        t.close()


main()
