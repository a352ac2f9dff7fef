#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of `bawn policy schema` against the parser, by a validator
that is not ours (Debian's python3-jsonschema).

usage: test-schema.py BAWN-POLICY TEST-POLICY-PARSE FILE...

Every row of the parser's test table, every seed of the fuzz target, every
example, and each FILE: both must accept or both must refuse.  Where they cannot
agree the text stands in EXCEPTIONS with the reason, and an entry there that is
no exception is a failure too.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

BAWN_POLICY, ROWS = sys.argv[1:3]
FILES = sys.argv[3:]

SPELLING = 'how a number or truth value is spelled'
BYTES = 'comments, line ends and marks of a text are no part of its value'
IDNA = 'IDNA needs its tables'
PREFIX = 'what an address lies in needs arithmetic'
QUOTE = 'text that YAML reads as null, number or truth value wants quotes'

# A regular expression for the text, and why only one of the two refuses.
EXCEPTIONS = (
    (r'^version: (1\.0|01|\+1)$', SPELLING),
    (r'nested: True$', SPELLING),
    (r'cpu: (2\.|\.5|1e3|0x2|1\.1251)\}', SPELLING),
    (r'processes: (0777|1\.0|5_000)\}', SPELLING),
    (r'host: "a\\u200db\.c"', IDNA),
    (r'cidr: 10\.0\.0\.1/8', PREFIX),
    (r'cidr: "::ffff:10', PREFIX),
    (r'cidr: "fd18::/48"', PREFIX),
    (r'^\ufeff', BYTES),
    (r'^version: 1\rfiles', BYTES),
    (r'# \u202ex', BYTES),
    (r'read: \[/usr, \., \.\., \.\./x, ~,', QUOTE),
)


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it; a key twice is an error."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
        ('null', r'^(?:~|null|Null|NULL|)$', ['~', 'n', 'N', '']),
        ('bool', r'^(?:true|True|TRUE|false|False|FALSE)$', list('tTfF')),
        ('int', r'^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$',
         list('-+0123456789')),
        ('float', r'^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)'
                  r'(?:[eE][-+]?[0-9]+)?)$', list('-+0123456789.'))):
    Loader.add_implicit_resolver('tag:yaml.org,2002:' + tag,
                                 re.compile(pattern), first)


def construct_int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ('0x', '0o') else int(text, 10)


def construct_float(loader, node):
    return float(loader.construct_scalar(node))


Loader.add_constructor('tag:yaml.org,2002:int', construct_int)
Loader.add_constructor('tag:yaml.org,2002:float', construct_float)


class NotJson(Exception):
    """The text is no JSON value at all: nothing for a schema to judge."""


def strict(node, depth=0):
    if isinstance(node, yaml.MappingNode):
        keys = [k.value if isinstance(k, yaml.ScalarNode) else None
                for k, _ in node.value]
        if None in keys or len(set(keys)) != len(keys):
            raise NotJson('keys')
        for _, v in node.value:
            strict(v, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for v in node.value:
            strict(v, depth + 1)


def load(raw):
    """The value that an editor would give to the validator."""
    try:
        text = raw.decode('utf-8')
        if text.startswith('{'):
            # JSON is YAML; tabs are where PyYAML does not know it.
            with contextlib.suppress(ValueError):
                return json.loads(text)
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(
                    event, 'anchor', None):
                raise NotJson('anchors')
            if getattr(event, 'tag', None):
                raise NotJson('tags')
            if isinstance(event, yaml.DocumentStartEvent) and (
                    event.version or event.tags):
                raise NotJson('directives')
        strict(yaml.compose(text, Loader=Loader))
        value = yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as e:
        raise NotJson(str(e)[:60]) from None
    return value


def parser_says(raw):
    with tempfile.NamedTemporaryFile(suffix='.yaml') as f:
        f.write(raw)
        f.flush()
        os.chmod(f.name, 0o644)
        p = subprocess.run([BAWN_POLICY, 'check', f.name],
                           capture_output=True, check=False)
    if p.returncode not in (0, 1):
        raise SystemExit(f'check: {p}')
    return p.returncode == 0, p.stderr.decode(errors='replace').strip()


def exception_of(raw):
    text = raw.decode('utf-8', 'replace')
    body = text.split('\n', 1)[1] if text.startswith('version: 1\n') else text
    for i, (pattern, why) in enumerate(EXCEPTIONS):
        if re.search(pattern, body.rstrip('\n'), re.M):
            return i, why
    return None, None


def cases():
    rows = subprocess.run([ROWS, '--rows'], capture_output=True, check=True)
    for n, line in enumerate(rows.stdout.splitlines()):
        text = json.loads(line)
        yield f'row {n}', text.encode('utf-8', 'surrogateescape')
    # Bounds are patterns in the schema: both sides of each, in every unit.
    for key, units, low, high in (
            ('memory', {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30,
                        'T': 1 << 40}, 16 << 20, 1 << 50),
            ('time', {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}, 1,
             365 * 86400)):
        for unit, factor in units.items():
            edges = {0, 1, 9, 10, 99, 100, 999, 1000}
            for bound in (-(-low // factor), high // factor):
                edges |= {bound - 1, bound, bound + 1, bound * 10 + 1}
            for n in sorted(e for e in edges if e >= 0):
                yield (f'{key} {n}{unit}', b'version: 1\nlimits: {%s: %d%s}'
                       % (key.encode(), n, unit.encode()))
    for path in FILES:
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                with open(os.path.join(path, name), 'rb') as f:
                    yield f'seed {name}', f.read()
        else:
            with open(path, 'rb') as f:
                yield os.path.basename(path), f.read()


def main():
    schema = json.loads(subprocess.run(
        [BAWN_POLICY, 'schema'], capture_output=True, check=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    counts = {'both accept': 0, 'both refuse': 0, 'no JSON value': 0}
    bad, used = [], set()
    for name, raw in cases():
        ours, why = parser_says(raw)
        at, reason = exception_of(raw)
        try:
            value = load(raw)
        except NotJson as e:
            counts['no JSON value'] += 1
            if ours:
                bad.append(f'{name}: accepted, and no JSON value: {e} {raw!r}')
            continue
        errors = [e.message for e in validator.iter_errors(value)]
        if ours == (not errors):
            counts['both accept' if ours else 'both refuse'] += 1
        elif at is None:
            bad.append(f'{name}: parser {ours} ({why}), schema {not errors} '
                       f'{errors[:1]}: {raw[:200]!r}')
        else:
            used.add(at)
            counts[reason] = counts.get(reason, 0) + 1
    print('1..3')
    for key, n in counts.items():
        print(f'# {n} {key}')
    for line in bad:
        print('# ' + line[:600])
    print(f'{"not " if bad else ""}ok 1 - parser and schema agree')
    idle = [EXCEPTIONS[i] for i in range(len(EXCEPTIONS)) if i not in used]
    for e in idle:
        print(f'# no exception: {e}')
    print(f'{"not " if idle else ""}ok 2 - every exception is one')
    few = counts['both accept'] < 50 or counts['both refuse'] < 100
    print(f'{"not " if few else ""}ok 3 - there was something to compare')
    return 1 if bad or idle or few else 0


sys.exit(main())
