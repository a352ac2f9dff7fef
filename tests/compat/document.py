# SPDX-License-Identifier: Apache-2.0
"""doc/compatibility.md from what the rows gave."""

import platform
import re

import table

SECTIONS = (
    ('git', 'git'),
    ('build', 'Compilers, build tools, debuggers'),
    ('packages', 'Package clients, from the registries of this machine'),
    ('servers', 'Servers and browsers'),
    ('agents', 'Agents'),
    ('terminal', 'The terminal'),
    ('files', 'Files'),
    ('refused', 'Refused, as it is meant'),
)

HEAD = '''# Compatibility

Made by `make compat`; do not edit. Each row was run for real inside `bawn run`
under the built-in default policy plus
{presets},
and its effect was checked: a commit that is there, a program's output, a file's
content. A row that needs a line of policy was tried without it as well, and
failed. The machine: {machine}.

{count}

*yes*: it works with nothing added. *with the line*: it works with what the last
column says. *refused*: it is not to work, and why. *not tried*: this machine
lacks what it needs.

'''

WORDS = {table.WORKS: 'yes', table.NEEDS: 'with the line',
         table.REFUSED: 'refused', table.ABSENT: 'not tried',
         table.FAILS: 'no'}


def machine():
    name = 'Linux'
    with open('/etc/os-release') as f:
        for line in f:
            if line.startswith('PRETTY_NAME='):
                name = line.partition('=')[2].strip().strip('"')
    kernel = '.'.join(platform.release().split('.')[:2])
    return f'{name}, Linux {kernel}, {platform.machine()}'


def cell(text):
    """One line, without what would end a table's cell or name a host."""
    text = re.sub(r'https?://\S+', '(an address)', ' '.join(text.split()))
    return text.replace('|', '\\|')


def remark(r):
    words = []
    if r['status'] == table.NEEDS:
        words.append(f"`{r['detail']}`")
    elif r['detail']:
        words.append(cell(r['detail'])[:160])
    if r['note']:
        words.append(cell(r['note']))
    return '. '.join(x.rstrip('.') for x in words)


def join_results(results):
    """Rows in order: (section, name, version, user, root, remarks)."""
    first = next(iter(results.values()))
    for i, r in enumerate(first):
        by = {who: rows[i] for who, rows in results.items()}
        notes = []
        for x in by.values():
            if remark(x) and remark(x) not in notes:
                notes.append(remark(x))
        version = next((x['version'] for x in by.values() if x['version']),
                       '')
        yield (r['section'], r['name'], version,
               *(WORDS[by[who]['status']] if who in by else ''
                 for who in ('user', 'root')), '; '.join(notes))


def write(path, results, presets):
    rows = list(join_results(results))
    tally = {}
    for row in rows:
        for word in row[3:5]:
            if word:
                tally[word] = tally.get(word, 0) + 1
    count = (f'{len(rows)} rows, as an ordinary user and as root: ' +
             ', '.join(f'{n} {word}' for word, n in sorted(
                 tally.items(), key=lambda x: -x[1])) + '.')
    text = HEAD.format(
        presets=' and '.join(f'`preset: {p}`' for p in presets),
        machine=machine(), count=count)
    for key, title in SECTIONS:
        mine = [r for r in rows if r[0] == key]
        if not mine:
            continue
        text += f'## {title}\n\n'
        text += '| work | tool | user | root | what it needs, remarks |\n'
        text += '|---|---|---|---|---|\n'
        for _, name, version, user, root, notes in mine:
            text += (f'| {cell(name)} | {cell(version)} | {user} | {root} '
                     f'| {notes} |\n')
        text += '\n'
    with open(path, 'w') as f:
        f.write(text.rstrip('\n') + '\n')
