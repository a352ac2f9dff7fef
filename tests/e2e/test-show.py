#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bawn show: the story of real sessions, on a screen, as JSON and as a page."""

import base64
import hashlib
import html.parser
import json
import os
import pty
import re
import select
import shutil
import subprocess

from harness import (BAWN, World, check, contains, equal, main, skip, test,
                     wait_for)

w = World()
VOID = {'meta', 'br', 'hr', 'img', 'input', 'link', 'rect', 'line'}


class Page(html.parser.HTMLParser):
    """Balanced, and only of the elements that bawn writes."""
    KNOWN = set('html head meta title style body main h1 h2 p dl dt dd table '
                'caption thead tbody tr th td time pre code i svg text line '
                'rect'.split())
    # Of an element with other attributes than these something came in.
    ATTRIBUTES = set('lang charset http-equiv content name datetime class '
                     'scope viewbox role aria-label x y x1 x2 y1 y2 width '
                     'height text-anchor'.split())

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.text = [], [], ''
        self.policy = self.style = ''
        self.feed(source)
        self.close()
        equal(self.open, [], 'what is left open')

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        check(tag in self.KNOWN, f'<{tag}>')
        check(set(attrs) <= self.ATTRIBUTES, f'<{tag} {attrs}>')
        self.seen.append(tag)
        if attrs.get('http-equiv') == 'Content-Security-Policy':
            self.policy = attrs['content']
        if tag == 'meta':
            return
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        equal(tag, self.open.pop() if self.open else None, 'an end')

    def handle_data(self, data):
        if self.open and self.open[-1] == 'style':
            self.style += data
        else:
            self.text += data


def story(*argv):
    r = w.bawn('show', *argv)
    equal((r.code, r.err), (0, ''), f'show {argv}: {r}')
    return r.out


def session(script):
    r = w.sh(script)
    return r


@test('the screen tells what was refused and how to allow it')
def screen():
    session('echo x > new; curl -s http://elsewhere.example/; exit 3')
    out = story('@')
    contains(out, 'state      exited with 3\n', 'the end')
    contains(out, f'in         {w.project}\n', 'where')
    contains(out, 'refused    elsewhere.example', 'refused')
    contains(out, 'to allow: network.allow: - {host: elsewhere.example}',
             'the hint')
    check(re.search(r'proof      \d+ records, \d+ to \d+;', out), out)
    check(out.count('\n') <= 44, f'{out.count(chr(10))} lines')
    check('\x1b' not in out, 'colours without a terminal')
    for line in out.splitlines():
        check(len(line) <= 100, f'a long line: {line!r}')


@test('JSON: the members of PROTOCOL.show')
def as_json():
    session('curl -s http://elsewhere.example/; true')
    j = json.loads(story('--json', '@'))
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'doc',
                           'PROTOCOL.show')) as f:
        text = f.read()
    for key in j:
        check(re.search(rf'\b{key}\b', text), f'{key} is not documented')
    equal((j['v'], j['state'], j['close']['code']), (1, 'over', 0), 'the end')
    refused = [r for r in j['refused'] if 'elsewhere.example' in r['what']]
    check(refused and refused[0]['count'] >= 1 and refused[0]['hint'],
          f'{j["refused"]}')
    # What it says is on the ledger under the numbers it names.
    q = w.bawn('ledger', 'query', '--json',
               f'seq = {refused[0]["first"]}')
    record = json.loads(q.out)
    equal((record['kind'], record['session'], record['host']),
          ('net.refuse', j['session'], 'elsewhere.example'), 'the evidence')


@test('the page is whole, its own, and runs nothing')
def page():
    session("touch '<img src=x onerror=alert(1)>' && "
            "echo y > '</title><script>.envrc' && echo y > .envrc; "
            "curl -s http://elsewhere.example/; true")
    path = w.top + '/story.html'
    equal(story('@', '--html', path), '', 'nothing on standard output')
    with open(path) as f:
        source = f.read()
    equal(os.stat(path).st_mode & 0o777, 0o600, 'for its owner alone')
    p = Page(source)
    want = base64.b64encode(hashlib.sha256(p.style.encode()).digest()).decode()
    contains(p.policy, f"style-src 'sha256-{want}'", 'the style is named')
    contains(p.policy, "default-src 'none'", 'nothing else may load')
    for word in ('src=', 'href=', 'url(', '@import', '<script'):
        check(word not in source.replace('&lt;img src=x', ''), word)
    for tag in ('h1', 'h2', 'caption', 'svg', 'main', 'title'):
        check(tag in p.seen, f'no {tag}')
    contains(p.text, 'elsewhere.example', 'the refusal')
    equal(p.seen.count('h1'), 1, 'one heading of the page')
    check(Page(story('--html', '@')), 'on standard output')


@test('a browser draws the page')
def browser():
    chromium = shutil.which('chromium')
    if not chromium:
        skip('no chromium')
    session('curl -s http://elsewhere.example/; true')
    path = w.top + '/b.html'
    story('@', '--html', path)
    os.chmod(path, 0o644)
    dom = subprocess.run(
        [chromium, '--headless', '--no-sandbox', '--disable-gpu',
         '--user-data-dir=' + w.top + '/chromium', '--dump-dom',
         'file://' + path], capture_output=True, timeout=50,
        env=dict(w.env, HOME=w.top))
    out = dom.stdout.decode('utf-8', 'replace')
    contains(out, 'elsewhere.example', 'its text')
    err = dom.stderr.decode('utf-8', 'replace')
    check('Content Security Policy' not in err, f'the style is used: {err}')


@test('what ran and what was changed, as the witness saw it')
def witnessed():
    w.policy('version: 1\naudit: {files: all}\n')
    os.makedirs(w.project + '/src', exist_ok=True)
    w.write(w.project + '/src/old', 'x')
    r = w.sh('echo a > src/new1; echo b > src/new2; rm src/old; '
             'for i in 1 2 3; do cat src/new1 /etc/passwd; done; '
             'mv src/new2 moved; chmod 600 moved')
    w.policy('version: 1\n')
    equal(r.code, 0, f'{r}')
    j = json.loads(story('--json', '@'))
    files = {f['path']: f for f in j['files']}

    def facts(name):
        return set(files[w.project + '/' + name]['facts'])
    check('created' in facts('src/new1'), f'{files}')
    check('removed' in facts('src/old'), f'{files}')
    check('renamed' in facts('moved') and 'mode' in facts('moved'), 'moved')
    equal(set(files['/etc/passwd']['facts']), {'read'}, 'only read')
    cats = [p for p in j['programs'] if p['exe'].endswith('/cat')]
    equal(sum(p['count'] for p in cats), 3, f'{j["programs"]}')
    tree = [(n['name'], n['count']) for n in j['tree']]
    check(('sh', 1) in tree and ('cat', 3) in tree, f'{tree}')
    out = story('@')
    check(re.search(r'^ran        \d+ times', out, re.M), out)
    check(re.search(r'^changed    \d+ files', out, re.M), out)
    check(re.search(r'^ +src  1 created', out, re.M) or
          re.search(r'^ +src  .*removed', out, re.M), out)
    check(out.count('\n') <= 44, f'{out}')
    # A checkpoint comes when the ledger is idle, and is the evidence then.
    wait_for('a checkpoint', 10, lambda: 'signed for by' in story('@'))
    contains(story('@'), 'signed for by the checkpoint of ', 'the proof')
    contains(Page(story('--html', '@')).text, j['session'], 'the page')


@test('a running session, and no such session')
def running():
    p = w.popen(['sh', '-c', 'echo ready; sleep 60'])
    equal(p.stdout.readline(), b'ready\n', 'start')
    contains(story('@'), 'running, or its end was not recorded', 'the state')
    equal(json.loads(story('--json', '@'))['state'], 'running', 'the state')
    check(Page(story('--html', '@')), 'the page')
    p.terminate()
    p.wait(20)
    wait_for('its end', 10, lambda: 'killed by' in story('@') or
             'exited with' in story('@'))
    r = w.bawn('show', 'zzzzzzzz')
    equal((r.code, r.err.count('\n')), (1, 1), f'{r}')


@test('usage is refused')
def usage():
    for argv in ([], ['@', 'x'], ['--json', '--html', '@'],
                 ['--html', '@', 'a', 'b'], ['--nonsense', '@']):
        r = w.bawn('show', *argv)
        equal((r.code, r.err.count('\n')), (64, 1), f'{argv}: {r}')
    r = w.bawn('show', '--help')
    equal(r.code, 0, f'{r}')
    for word in ('--json', '--html', '--all'):
        contains(r.out, word, 'help')
    equal(w.bawn('help', 'show').out, r.out, 'bawn help show')


@test('a place that cannot be written is said, and nothing is left there')
def unwritable():
    session('true')
    r = w.bawn('show', '@', '--html', w.top + '/none/page.html')
    equal((r.code, r.err.count('\n')), (2, 1), f'{r}')
    with open('/dev/full', 'w') as full:
        p = subprocess.run([BAWN, 'show', '@'], env=w.env, stdout=full,
                           stderr=subprocess.PIPE)
    equal(p.returncode, 2, f'a full disk: {p}')


def on_terminal(**env):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BAWN, [BAWN, 'show', '@'], dict(w.env, **env))
    out = b''
    while select.select([fd], [], [], 20)[0]:
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        out += more
    os.waitpid(pid, 0)
    os.close(fd)
    return out


@test('colours on a terminal, unless NO_COLOR or TERM=dumb')
def colours():
    session('true')
    check(b'\x1b[1m' in on_terminal(), 'on a terminal')
    check(b'\x1b' not in on_terminal(NO_COLOR='1'), 'NO_COLOR')
    check(b'\x1b' not in on_terminal(TERM='dumb'), 'TERM=dumb')


if __name__ == '__main__':
    main()
