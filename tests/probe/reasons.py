# SPDX-License-Identifier: Apache-2.0
"""Rows that say `reachable` and are no hole, each with its reason.

OWN: what is reached belongs to the sandboxed program itself; true of every
sandbox.  ACCEPTED: what bawn lets through on purpose; each points to the words
of doc/THREAT-MODEL.md that say so, and the end-to-end test looks for them there.
"""

import os
import re

import host as hosts

ACCEPTED_WORD = 'accepted'

# (pattern of ids, id of a row that must be refused for it or None, reason)
OWN = (
    (r'proc\.(sibling|own-child)-.*', None,
     'another process of the same sandbox, which the probe started itself'),
    (r'proc\.(init|parent|any)-.*', 'proc.host-visible',
     "a process of an own pid namespace, not the host's"),
    (r'handover\.own-program-writable', None,
     "the program's file lies in the project, which may be written"),
    (r'fs\.list-home', 'fs.stat-secret', "a private home, not the host's"),
    (r'net\.see-(tcp|udp)', 'net.see-interfaces',
     'connections of an own network namespace'),
    (r'net\.(low-port|route.*|link-.*|address-.*|rule-.*|interface-.*|'
     r'option-.*)', 'net.see-interfaces', 'an own network namespace'),
    (r'kernel\.(sethostname|setdomainname)', 'proc.host-visible',
     'the name of an own namespace'),
)

# (pattern of ids, what doc/THREAT-MODEL.md says of it, reason)
ACCEPTED = (
    (r'kernel\.(memfd-exec|writable-code)', 'Code without a file',
     'interpreters and compilers need it; no wall depends on what code runs'),
    (r'kernel\.(low-page|mlock)', 'Memory at low addresses, locked memory',
     "the machine's settings and the session's limits decide"),
    (r'kernel\.af-netlink-route', 'Route netlink',
     'programs ask for their interfaces; every change is refused'),
    (r'kernel\.seccomp-listener', 'A second listener',
     'EBUSY is the answer: there is none beside ours'),
    (r'proc\.(config|interrupts)', 'How the kernel was built',
     'no secret of the host; times are a side channel'),
    (r'fs\.system-machine-id', 'of `/etc` what every user may read',
     'the default policy reads /etc'),
    (r'net\.resolver-loopback', 'A name server at any address',
     "the relay answers, by the policy's names"),
    (r'net\.allowed-name', 'What the policy allows',
     'the policy of this run allows it'),
    (r'res\.locks', 'File locks',
     'no limit of the kernel counts them, but that of memory'),
    (r'wtx\..*', 'Files that run later outside',
     'changing the project is the work'),
)

# What `backend: landlock` lacks, by the word of doc/landlock.md that a policy
# must accept for it: (pattern of ids, word).
LACKS = (
    (r'fs\.hidden-.*', 'hide'),
    (r'fs\.protected-.*', 'protect'),
    (r'fs\.((stat|access)-secret|inotify-outside)', 'metadata'),
    (r'proc\.(host-(visible|fd)|(init|parent)-(cmdline|fd)|keys|'
     r'timer-list|vmallocinfo|slabinfo|kpagecount)|'
     r'ipc\.sysv-\w+-list', 'processes'),
    (r'net\.(listen|see-.*|low-port)', 'ports'),
    (r'ipc\.other-terminals', 'terminals'),
    (r'res\.(processes|fork-bomb|threads|watchers)', 'process-limit'),
)


# Of a session of root's with that backend: a section of the same document.
AS_ROOT = 'Started as root'
OF_ROOT = ((r'handover\.(uid-zero|[ug]id-root-mapped)', AS_ROOT),)


def match(table, one):
    for row in table:
        if re.fullmatch(row[0], one):
            return row
    return None


def apply(t, usual=None):
    """Words of @t's rows, after these tables.  @usual: the trial of bawn's
    usual backend, which has read-only what the other only tells."""
    words = {r['id']: r['word'] for r in t.rows}
    kept = {r['id'] for r in usual.rows if r['class'] == 'wtx' and
            r['word'] == hosts.REFUSED} if usual else set()
    for r in t.rows:
        r['reason'] = ''
        if r['word'] != hosts.REACHED:
            continue
        own = match(OWN, r['id'])
        if own and not r['evidence'] and (
                own[1] is None or words.get(own[1]) == hosts.REFUSED):
            r['word'], r['reason'] = hosts.INSIDE, own[2]
            continue
        lack = t.name == 'bawn-landlock' and (
            match(LACKS, r['id']) or r['id'] in kept and ('', 'protect'))
        if lack:
            r['word'] = ACCEPTED_WORD
            r['reason'] = f'`backend: landlock` lacks it: {lack[1]}'
            continue
        if t.name == 'bawn-landlock' and match(OF_ROOT, r['id']):
            r['word'] = ACCEPTED_WORD
            r['reason'] = f'doc/landlock.md, "{AS_ROOT}": no capability'
            continue
        accepted = is_ours(t) and match(ACCEPTED, r['id'])
        if accepted:
            r['word'], r['reason'] = ACCEPTED_WORD, accepted[2]


def is_ours(t):
    return t.name.startswith('bawn')


FAULTS_SHOWN = 40


def shorten(faults):
    more = len(faults) - FAULTS_SHOWN
    return faults[:FAULTS_SHOWN] + ([f'... {more} more'] if more > 0 else [])


def faults(t):
    """What must not be, of bawn only; a line each."""
    if not is_ours(t) or t.why_absent:
        return []
    found = [f'{r["id"]}: reachable ({r["detail"]}) {"; ".join(r["evidence"])}'
             for r in t.rows if r['word'] == hosts.REACHED]
    found += [f'{r["id"]}: no record of it' for r in t.rows
              if r.get('record') == 'missing']
    found += [f'{what} ({trace}), by no row that is known'
              for trace, what in t.unnamed]
    found += [f'{x} was left in the project' for x in t.phantoms]
    if t.trouble:
        found.append(f'the probe: {t.trouble}')
    return found


def threat_model():
    top = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    with open(top + '/doc/THREAT-MODEL.md') as f:
        return ' '.join(f.read().split())
