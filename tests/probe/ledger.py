# SPDX-License-Identifier: Apache-2.0
"""Whether bawn's ledger holds a record of what a row tried.

A refusal that the kernel gives alone (a path that is not there, a mount that is
read-only, an errno of the filter) passes no process of ours and leaves no
record.  One that passes the supervisor or the relay must leave one; `record` of
such a row is `yes` or `missing`, and `missing` is a failure.
"""

import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

YES, MISSING, KERNEL = 'yes', 'missing', 'kernel'

# Rows of `kernel` whose call has another name than their id says.
CALLS = {'clone-newuser': 'clone'}


def witnessed():
    """Calls that the filter hands to the supervisor, as its generator says;
    those with a condition are not among them."""
    with open(SOURCE + '/tools/gen-seccomp.c') as f:
        text = f.read()
    # The first table is that of the usual jail.
    text = text.partition('nested_rows[] = {')[0]
    return set(re.findall(r'^\s*NOTIFY(?:_IF)?\("(\w+)"', text, re.M))


def call_of(row):
    name = row['id'].partition('.')[2]
    return CALLS.get(name, name.replace('-', '_'))


def of_calls(row, records, calls):
    if row['word'] != 'refused' or row['error'] not in ('EPERM',):
        return ''
    name = call_of(row)
    if name not in calls:
        return KERNEL
    return YES if any(x['kind'] == 'syscall.refuse' and
                      x.get('syscall') == name for x in records) else MISSING


def address_of(host, key):
    """(address, port) of a fixture, or None."""
    where, _, port = host.listeners.keys.get(key, '').rpartition(':')
    return (where.strip('[]'), int(port)) if where else None


# Rows whose refusal the relay sees: what the record must hold.  The rest of
# `net` is refused by the kernel, or stays on the jail's own loopback.
# (id, address or the fixture's key, port or that key's, proto)
NET = {
    'net.tcp4-lan': ('tcp4_lan', 'tcp4_lan', 'tcp'),
    'net.v4-compatible': ('::127.0.0.1', 'tcp4', 'tcp'),
    'net.nat64': ('64:ff9b::7f00:1', 'tcp4', 'tcp'),
    'net.6to4': ('2002:7f00:1::', 'tcp4', 'tcp'),
    'net.metadata': ('169.254.169.254', 80, 'tcp'),
    'net.metadata-mapped': ('169.254.169.254', 80, 'tcp'),
    'net.metadata6': ('fd00:ec2::254', 80, 'tcp'),
    'net.metadata-alibaba': ('100.100.100.200', 80, 'tcp'),
    'net.docker-bridge': ('172.17.0.1', 22, 'tcp'),
    'net.host-gateway': ('10.0.2.2', 22, 'tcp'),
}
NAMES = {'net.dns-denied': '', 'net.dns-tunnel': '.'}


def of_net(row, records, host, denied):
    if row['word'] != 'refused':
        return ''
    refused = [x for x in records if x['kind'] == 'net.refuse']
    if row['id'] in NAMES:
        want = NAMES[row['id']] + denied
        return YES if any(x.get('host', '').endswith(want)
                          for x in refused) else MISSING
    if row['id'] not in NET:
        return KERNEL
    addr, port, proto = NET[row['id']]
    fixture = address_of(host, addr)
    addr = fixture[0] if fixture else addr
    if isinstance(port, str):
        port = (address_of(host, port) or (0, 0))[1]
    return YES if any((x.get('addr'), x.get('port'), x.get('proto')) ==
                      (addr, port, proto) for x in refused) else MISSING


# Of a repository that a row makes: git runs nothing that stands there.
HARMLESS = ('/HEAD', '/objects/info/x', '/refs/heads/x')


def of_files(row, records, host):
    """A change that lasts in the project is told by its path, or with all that
    was made in a directory."""
    if row['word'] != 'reachable' or not row['evidence']:
        return KERNEL if row['word'] == 'refused' else ''
    made = [host.top + '/' + x.partition(' was ')[0] for x in row['evidence']]
    made = [p for p in made if not p.endswith(HARMLESS)]
    told = [os.path.join(host.project, str(x.get('path', '')))
            for x in records if x['kind'] == 'file.later']
    told = [x for x in told if x.startswith(host.project + '/')]
    return YES if all(any(p == x or p.startswith(x + '/') for x in told)
                      for p in made) else MISSING


def add(peer, host, rows):
    """Gives each row of @rows its `record`; '' where there is no ledger."""
    for r in rows:
        r['record'] = ''
    if not hasattr(peer, 'records'):
        return
    records = peer.records()
    calls = witnessed()
    for r in rows:
        if r['class'] == 'kernel':
            r['record'] = of_calls(r, records, calls)
        elif r['class'] == 'net':
            r['record'] = of_net(r, records, host,
                                 peer.keys()['denied_name'])
        elif r['class'] == 'wtx':
            r['record'] = of_files(r, records, host)
        elif r['word'] == 'refused':
            r['record'] = KERNEL
