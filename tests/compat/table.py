# SPDX-License-Identifier: Apache-2.0
"""Rows of the compatibility table, and how one is run.

A row is a function that does a piece of a developer's work inside `bawn run`
and checks its effect.  It runs under the built-in default policy plus the
presets; a row that needs one line more names it (`needs`), and then both are
tried: without the line the work must fail, with it it must succeed, so that
the table never asks for a line that nothing needs.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import harness
import home
from harness import BAWN, Failure, Result, Skip, Term

PRESETS = ('package-registries', 'git-hosts')

WORKS, NEEDS, REFUSED, ABSENT, FAILS = (
    'works', 'works with', 'refused', 'not here', 'FAILS')

rows = []


class Row:
    def __init__(self, section, name, fn, **about):
        self.section, self.name, self.fn = section, name, fn
        # Commands that must be there; the first one's version is shown.
        self.want = about.pop('want', ())
        self.version = about.pop('version', None)
        # One line of the user's policy, as a tree, or options of `bawn run`.
        self.needs = about.pop('needs', None)
        self.options = about.pop('options', ())
        # What the tests add so that there is a peer; no user needs it.
        self.fixture = about.pop('fixture', None)
        # Why this is not to work: the row checks that it does not.
        self.refused = about.pop('refused', None)
        self.note = about.pop('note', '')
        self.seconds = about.pop('seconds', 60)
        self.network = about.pop('network', False)
        # Also an end-to-end test: quick, and with what `make check` installs.
        self.core = about.pop('core', False)
        assert not about, about

    def line(self):
        """The needed line or flag, as a user writes it."""
        words = [' '.join(self.options)] if self.options else []
        if self.needs:
            words += [one_line(self.needs)]
        return '; '.join(words)


def row(section, name, **about):
    def add(fn):
        rows.append(Row(section, name, fn, **about))
        return fn
    return add


def flow(v):
    """A value in YAML's flow style, quoted only where it must be."""
    if isinstance(v, dict):
        return '{' + ', '.join(f'{k}: {flow(x)}' for k, x in v.items()) + '}'
    if isinstance(v, list):
        return '[' + ', '.join(flow(x) for x in v) + ']'
    if isinstance(v, bool):
        return 'true' if v else 'false'
    text = str(v)
    plain = not any(c in text for c in ':{}[],&*#?|-<>=!%@`"\' ')
    return text if plain or text.startswith(('$', '~', '/')) else f'"{text}"'


def one_line(tree):
    """{'network': {'sockets': [..]}} as `network.sockets: [..]`."""
    path = []
    while isinstance(tree, dict) and len(tree) == 1:
        key, tree = next(iter(tree.items()))
        path.append(key)
    return f'{".".join(path)}: {flow(tree)}'


def merge(a, b):
    """@a with what @b adds; lists are joined."""
    if isinstance(a, dict) and isinstance(b, dict):
        out = dict(a)
        for k, v in b.items():
            out[k] = merge(a[k], v) if k in a else v
        return out
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    return b


class Job:
    """One row being run: its project, and ways to run things in and out."""

    def __init__(self, dev, row):
        self.dev, self.row = dev, row
        self.options = ()
        self.env = dict(dev.env)
        self.bare = False  # without bawn: does this machine do it at all?
        self.project = None
        self.closing = contextlib.ExitStack()

    def begin(self, tree, options):
        """A fresh project under the policy @tree."""
        name = ''.join(c if c.isalnum() else '-' for c in self.row.name)
        where = os.path.join(self.dev.home, 'work')
        self.dev.forget(where, name)
        self.project = os.path.join(where, name)
        os.makedirs(self.project)
        self.options = options
        self.dev.policy(tree)

    def path(self, name):
        return os.path.join(self.project, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def argv(self, *command):
        if self.bare:
            return list(command)
        return [BAWN, 'run', *self.options, '--', *command]

    def call(self, argv, timeout=60, cwd=None, stdin=None, env=None):
        p = subprocess.Popen(
            argv, cwd=cwd or self.project, env=dict(self.env, **(env or {})),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True)
        try:
            out, err = p.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failure(f'no end in {timeout} s: {out[-500:]!r} '
                          f'{err[-1000:]!r}') from None
        return Result(p.returncode, out, err, 0)

    def run(self, *command, **kw):
        return self.call(self.argv(*command), **kw)

    def sh(self, script, **kw):
        """@script in the jail; it must succeed."""
        r = self.run('sh', '-ec', script, **kw)
        if r.code != 0:
            raise Failure(f'code {r.code}: {r.out[-700:]} {r.err[-1500:]}')
        return r

    def host(self, script, **kw):
        """@script outside, as the developer; it must succeed."""
        r = self.call(['sh', '-ec', script], **kw)
        if r.code != 0:
            raise Failure(f'outside, code {r.code}: {r.out[-700:]} '
                          f'{r.err[-1500:]}')
        return r

    def popen(self, *command, **kw):
        kw.setdefault('stdin', subprocess.DEVNULL)
        p = subprocess.Popen(
            self.argv(*command), cwd=self.project, env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
        self.closing.callback(p.wait)
        self.closing.callback(p.kill)
        return p

    def term(self, *command, rows=24, cols=80):
        t = Term(self.argv(*command), self.env, self.project, rows, cols)
        self.closing.callback(t.close)
        return t

    def records(self, expr='session = @'):
        r = self.call([BAWN, 'ledger', 'query', '--json', expr])
        harness.equal(r.code, 0, f'ledger query: {r.err}')
        return [json.loads(x) for x in r.out.splitlines()]

    def refusals(self):
        """What the newest session was refused, in short."""
        try:
            return sorted({f"{x.get('host') or x.get('addr', '?')}"
                           f":{x.get('port', '')}" for x in self.records()
                           if x['kind'].endswith('.refuse')})
        except Failure:
            return []


def attempt(job, tree, options):
    """None: it worked; else why not."""
    row = job.row
    try:
        job.begin(tree, options)
        row.fn(job)
        return None
    except Skip:
        raise
    except Failure as e:
        refused = job.refusals()
        return str(e) + (f' [refused: {", ".join(refused)}]' if refused
                         else '')
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
        return f'{type(e).__name__}: {e}'
    finally:
        job.closing.close()


def run_row(dev, row):
    """(status, detail).  What fails needing a registry is tried without bawn:
    a machine that cannot reach it has nothing to tell about bawn."""
    for command in row.want:
        if not shutil.which(command, path=dev.env['PATH']):
            return ABSENT, f'{command} is not installed'
    base = merge(dev.base_policy(), row.fixture or {})
    job = Job(dev, row)
    status, detail = try_row(job, base)
    if status == FAILS and row.network:
        job.bare = True
        job.env.update(home.places_for(job.dev))
        why = attempt(job, base, ())
        if why:
            print(f'       | inside: {detail[-500:]}\n'
                  f'       | without bawn: {why[-500:]}', flush=True)
            return ABSENT, ('what it fetches is not reached from this '
                            'machine, without bawn either')
    return status, detail


def try_row(job, base):
    row = job.row
    try:
        if not row.needs and not row.options:
            why = attempt(job, base, ())
            if why:
                return FAILS, why
            return (REFUSED, row.refused) if row.refused else (WORKS, '')
        if not attempt(job, base, ()):
            return FAILS, f'it works without "{row.line()}"'
        why = attempt(job, merge(base, row.needs or {}), row.options)
        return (FAILS, why) if why else (NEEDS, row.line())
    except Skip as e:
        return ABSENT, str(e)


def version_of(dev, row):
    """The tool and the first number of what it says about itself."""
    if row.version is None:
        return ''
    try:
        p = subprocess.run(['sh', '-c', row.version], env=dev.env,
                           cwd=dev.home, capture_output=True, text=True,
                           timeout=60, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return ''
    text = re.sub('\x1b\\[[0-9;]*m', '', p.stdout + p.stderr)
    number = (re.search(r'\d+(?:\.\d+)+[\w.-]*', text) or
              re.search(r'\d+', text))
    command = row.version.split()[0].rpartition('/')[2]
    return f'{command} {number[0]}' if number else ''
