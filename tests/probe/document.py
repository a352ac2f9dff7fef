# SPDX-License-Identifier: Apache-2.0
"""doc/containment.md from what the trials gave."""

import platform
import re

import expected
import host as hosts
import peers
import reasons

LETTERS = {hosts.REACHED: 'R', reasons.ACCEPTED_WORD: 'a', hosts.INSIDE: 'i',
           hosts.REFUSED: '.', hosts.ABSENT: '-', hosts.UNTRIED: '?', '': ' '}
OPEN = (hosts.REACHED,)

CLASSES = (
    ('handover', 'What a program is handed when it starts'),
    ('kernel', 'System calls and kinds of sockets, in each ABI'),
    ('proc', 'Other processes, /proc and /sys'),
    ('fs', 'Files, secrets, devices, set-id files'),
    ('wtx', 'Written now, run later outside'),
    ('ipc', 'Sockets, terminals and objects shared with the host'),
    ('net', 'The network'),
    ('res', 'Resources'),
    ('death', 'When the sandbox itself is killed'),
)

HEAD = '''# Containment

Made by `make probe`; do not edit. One program, `bawn-probe`, was run inside each
of these sandboxes and tried what a sandbox for agents should refuse. After each
run the host was looked at: files, connections, terminals, processes. What
happened on the host counts more than what the program said. Nothing was
exploited: a row says that something can be reached, and no more.

The machine: {machine}.
{n_rows} rows were tried in each sandbox, as an ordinary user and as root.
What uses something up (`res`) was tried in a control group with bounds of its
own, and by bawn with `{limits}`,
since its default is meant for large builds.{untried}

To repeat it: `make probe`. It needs Debian's packages `bubblewrap`, `firejail`,
`crun` and `runc`; the sandboxes of npm are fetched with the machine's own
configuration of npm, into a cache. What cannot be had is named and left out.

'''

LEGEND = '''| letter | means |
|---|---|
| `.` | refused |
| `R` | reachable: it had an effect on the host, or reached what is the host's |
| `i` | reachable inside only: the host saw nothing of it, or it is the program's own |
| `a` | reachable, and accepted: see the exceptions |
| `-` | this kernel or architecture does not have it |
| `?` | not tried: the sandbox or the machine lacks what it is tried against |

'''


def machine():
    name = 'Linux'
    with open('/etc/os-release') as f:
        for line in f:
            if line.startswith('PRETTY_NAME='):
                name = line.partition('=')[2].strip().strip('"')
    kernel = '.'.join(platform.release().split('.')[:2])
    return f'{name}, Linux {kernel}, {platform.machine()}'


def cell(text):
    """One line, without what would end a table's cell, a name of this machine
    or a host."""
    text = re.sub(r'https?://\S+', '(an address)', ' '.join(text.split()))
    text = re.sub(r'(/[\w.-]+)*/bawn-probe-\w+', 'TOP', text)
    return text.replace('|', '\\|')


class Table:
    """Trials of both users, by sandbox and row."""

    def __init__(self, results):
        self.users = [x for x in ('user', 'root') if x in results]
        self.results = results
        first = results[self.users[0]]
        self.peers = [n for n in first if any(
            not results[u][n].why_absent for u in self.users
            if n in results[u])]
        self.gone = [n for n in first if n not in self.peers]
        self.rows, self.by = {}, {}
        for u in self.users:
            for name in self.peers:
                for r in results[u][name].rows:
                    self.rows.setdefault(r['id'], r)
                    self.by[u, name, r['id']] = r
        order = [c for c, _ in CLASSES]
        self.ids = sorted(self.rows, key=lambda x: order.index(
            self.rows[x]['class']) if self.rows[x]['class'] in order else 99)

    def row(self, user, name, one):
        return self.by.get((user, name, one))

    def letters(self, name, one):
        """One letter for each user, or one for all."""
        found = [LETTERS[(self.row(u, name, one) or {'word': ''})['word']]
                 for u in self.users]
        return found[0] if len(set(found)) == 1 else ''.join(found)

    def count(self, user, name, wanted, words):
        return sum(1 for one in self.ids if self.rows[one]['class'] == wanted
                   and (self.row(user, name, one) or {'word': ''})['word']
                   in words)

    def numbers(self, name, classes):
        found = []
        for u in self.users:
            if self.results[u][name].why_absent:
                continue
            n, accepted = (sum(self.count(u, name, k, words) for k in classes)
                           for words in (OPEN, (reasons.ACCEPTED_WORD,)))
            found.append(f'{n} ({accepted})' if accepted else str(n))
        return ' / '.join(found)


def line(cells):
    return '| ' + ' | '.join(cells) + ' |\n'


def rule(n):
    return '|' + '---|' * n + '\n'


def sandboxes(t):
    text = '## The sandboxes\n\n'
    text += line(('name', 'version', 'how it was asked')) + rule(3)
    for name in t.peers + t.gone:
        one = next(t.results[u][name] for u in t.users)
        how = cell(one.words)
        if name in t.gone:
            how += f'. Not tried here: {cell(one.why_absent)}'
        for u in t.users:
            if t.results[u][name].trouble:
                how += (f'. As {u} it did not end well: '
                        f'{cell(t.results[u][name].trouble)[:200]}')
        text += line((name, one.version, how))
    return text + '\n'


def summary(t):
    text = ('## What is open\n\nHow many rows are reachable'
            + (', as an ordinary user / as root' if len(t.users) > 1 else '')
            + '. Of bawn, in brackets: those that are reachable too, on '
            'purpose, with the reason below; in the other columns such rows '
            'are in the number.\n\n')
    text += line(['class'] + t.peers) + rule(1 + len(t.peers))
    for key, title in CLASSES:
        if not any(t.rows[x]['class'] == key for x in t.ids):
            continue
        text += line([f'{title} (`{key}`)'] +
                     [t.numbers(name, (key,)) for name in t.peers])
    every = [k for k, _ in CLASSES]
    return text + line(['**all**'] + [t.numbers(name, every)
                                      for name in t.peers]) + '\n'


def exceptions(t):
    """Rows of bawn that are neither refused nor absent, with the reason."""
    text = ('## What bawn does not refuse\n\nEach row that is not refused in '
            'every run of bawn, and why.\n\n')
    text += line(('rows', 'letter', 'why')) + rule(3)
    groups = {}
    for name in t.peers:
        if not name.startswith('bawn'):
            continue
        for one in t.ids:
            for u in t.users:
                r = t.row(u, name, one)
                if not r or r['word'] in (hosts.REFUSED, hosts.ABSENT,
                                          hosts.UNTRIED):
                    continue
                why = r.get('reason') or (
                    'the host saw no effect' if r['word'] == hosts.INSIDE
                    else 'OPEN')
                groups.setdefault((LETTERS[r['word']], why), {})[one] = 1
    for (letter, why), ids in sorted(groups.items()):
        names = sorted(ids)
        shown = ', '.join(f'`{x}`' for x in names[:8])
        if len(names) > 8:
            shown += f' and {len(names) - 8} more'
        text += line((shown, letter, cell(why)))
    return text + '\n'


def ledger(t):
    """What the ledger holds of what was refused."""
    if 'bawn' not in t.peers:
        return ''
    rows = [r for (u, n, _), r in t.by.items() if n == 'bawn']
    n = {w: sum(r.get('record') == w for r in rows)
         for w in ('yes', 'kernel', 'missing')}
    return ('## The ledger\n\nA refusal that passes a process of bawn leaves '
            'a record: network destinations and names, rare forbidden system '
            'calls, files that run later. What the kernel refuses alone (a '
            'path that does not exist inside, a read-only mount, a plain '
            'error of the filter) leaves none. Over all runs: '
            f'{n["yes"]} rows with their record, {n["kernel"]} refused by the '
            f'kernel alone, {n["missing"]} without a record that should be '
            'there. The column *record* below has each.\n\n')


def comparison(t):
    user = 'user' if 'user' in t.users else t.users[0]
    differ, agree = expected.compare(t.results[user])
    text = ('## Compared with what was published\n\nAn earlier probe of these '
            f'sandboxes looked at {len(expected.MATRIX)} operations. As '
            f'{"an ordinary user" if user == "user" else "root"} '
            f'{agree} of {agree + len(differ)} cells are the same here.\n\n')
    if differ:
        text += line(('operation', 'sandbox', 'then', 'now', 'why')) + rule(5)
        for label, column, want, got, why in differ:
            text += line((label, column, 'yes' if want == 'y' else 'no',
                          'yes' if got == 'y' else 'no',
                          cell(why) or 'not explained'))
        text += '\n'
    return text


def proves_nothing(t):
    """Rows that no sandbox can be told by on this machine."""
    text = ('## Rows that prove nothing here\n\nWithout a sandbox they are '
            'refused too: this kernel has no such thing, or it is refused to '
            'this user anyway. They are kept for other machines.\n\n')
    for u in t.users:
        ids = [x for x in t.ids if (t.row(u, 'bare', x) or {'word': ''})[
            'word'] in (hosts.REFUSED, hosts.ABSENT, hosts.UNTRIED)]
        who = 'an ordinary user' if u == 'user' else 'root'
        text += f'As {who}, {len(ids)}: ' + ', '.join(
            f'`{x}`' for x in sorted(ids)) + '.\n\n'
    return text


def everything(t):
    two = ('Two letters: as an ordinary user, as root; one letter: the same '
           'for both.\n\n' if len(t.users) > 1 else '')
    text = '## Every row\n\n' + LEGEND + two
    text += ('*record*: what bawn\'s ledger holds of it. `@there`: with the '
             'file there before.\n\n')
    for key, title in CLASSES:
        ids = [x for x in t.ids if t.rows[x]['class'] == key]
        if not ids:
            continue
        text += f'### {title}\n\n'
        text += line(['row', 'what'] + t.peers + ['record'])
        text += rule(3 + len(t.peers))
        for one in ids:
            records = {(t.row(u, 'bawn', one) or {}).get('record', '')
                       for u in t.users} - {''}
            text += line([f'`{one}`', cell(t.rows[one]['what'])] +
                         [t.letters(n, one) for n in t.peers] +
                         [', '.join(sorted(records))])
        text += '\n'
    return text


def write(path, results):
    t = Table(results)
    why = {x.res_untried for trials in results.values()
           for x in trials.values()} - {''}
    untried = f' Not tried everywhere: {"; ".join(sorted(why))}.' if why else ''
    text = HEAD.format(machine=machine(), n_rows=len(t.ids),
                       limits=peers.LIMITS.strip(), untried=untried)
    for part in (sandboxes, summary, exceptions, ledger, comparison,
                 proves_nothing, everything):
        text += part(t)
    with open(path, 'w') as f:
        f.write(text.rstrip('\n') + '\n')
