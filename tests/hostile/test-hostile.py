#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile inside our own walls: a fake supervisor, witness and relay say every
message of the protocol, in every phase, rightly and wrongly, to the real keeper
and scribe.  A real session runs beside it.

What has to come of a message is written here once more, from the tables of
PROTOCOL.ipc and PROTOCOL.ledger, and not from the code.

BAWN_HOSTILE_ALL=1: every combination (`make torture`); else those that a seed
chooses, BAWN_HOSTILE_SEED, until BAWN_HOSTILE_SECONDS are over.
BAWN_HOSTILE_TYPES=NAME,NAME: of these types of messages only.
"""

import collections
import contextlib
import os
import random
import re
import socket
import time

import frames
from frames import FDS_MAX, T, WRONG, Gone, body_of
from stage import (SLOW, WAIT, Client, Daemon, Neighbour, Relay, check, equal,
                   wait_for)
from harness import main, skip, test

ALL = os.environ.get('BAWN_HOSTILE_ALL') == '1'
SEED = int(os.environ.get('BAWN_HOSTILE_SEED', '1'))
SECONDS = float(os.environ.get('BAWN_HOSTILE_SECONDS', '4'))
LONG = 7200 if ALL else 120

# Types nobody has a row for.
STRANGERS = [0, len(T) + 1, 127, 128, 70000, (1 << 31) - 1]

RECORD = {'kind': 'limit.hit', 'verdict': 'deny', 'trust': 'kernel',
          'count': 1, 'limit': 'memory'}
REFUSE = {'kind': 'net.refuse', 'verdict': 'deny', 'trust': 'kernel',
          'count': 1, 'host': 'x.test', 'port': 80}


class Row:
    def __init__(self, phases, limit, body=None, fds=(0, 0), once=False):
        self.phases, self.limit, self.fds = phases.split(), limit, fds
        self.body, self.once = body or {}, once


# PROTOCOL.ipc, section 2; LOST takes what a session's owner may say.
CLIENT_PHASES = ('NEW', 'OPENING', 'GRANTED', 'RUNNING', 'CLOSING', 'DONE',
                 'LOST')
CLIENT = {
    'OPEN': Row('NEW', 1 << 20, once=True),
    'EVENT': Row('GRANTED RUNNING LOST', 32 * 1024, RECORD),
    'CLOSE': Row('GRANTED RUNNING LOST', 4096,
                 {'code': 0, 'reason': 'exit'}, (0, 1), once=True),
    'STARTED': Row('GRANTED LOST', 4096, {'pid': 1, 'layers': {}},
                   once=True),
    'LIST': Row('NEW DONE LOST', 1024),
    'KILL': Row('NEW DONE LOST', 1024, {'session': 'zzzz'}),
    'STATUS': Row('NEW DONE LOST', 1024),
    'ACCEPT': Row('NEW DONE LOST', 16384, {'project': '/nowhere',
                                           'sha256': '0' * 64}, once=True),
    'DRAIN': Row('NEW DONE LOST', 1024, once=True),
    # Of nobody: that there is nothing to erase is an answer, too.
    'ERASE': Row('NEW DONE LOST', 4096, {'session': 'zzzz'}),
    'ROTATE_KEY': Row('NEW DONE LOST', 4096),
}
# Section 4: before its end the relay says, once, how much it carried.
RELAY_PHASES = ('GRANTED', 'RUNNING', 'CLOSING')
RELAY = {'STATS': Row('GRANTED RUNNING CLOSING', 4096,
                      {'bytes_in': 1, 'bytes_out': 2}, once=True)}
# PROTOCOL.ledger, section 8.
WRITER_PHASES = ('GRANTED', 'RUNNING', 'CLOSING')
WRITER = {
    'APPEND': Row('GRANTED RUNNING CLOSING', 28672, REFUSE),
    'APPEND_TELL': Row('GRANTED RUNNING CLOSING', 28672, REFUSE),
}
SEEN = {'kind': 'file.open', 'verdict': 'none', 'trust': 'claimed',
        'count': 1, 'path': '/x'}

d = Daemon()
neighbour = Neighbour(d)
# With the neighbour's: what a quiet moment has.
quiet = d.quiet()


def bring(phase):
    """A client in @phase."""
    c = Client(d)
    if phase == 'NEW':
        return c
    if phase == 'OPENING':
        # Another question each time, which nobody has answered yet.
        body = c.open_body(policy=d.held)
        body['env']['GOPROXY'] = f'http://{c.pid}.test'
        frames.say(c.sock, 'OPEN', body, 7)
        return c
    c.open(relay=b'f' if phase == 'LOST' else b'm')
    if phase in ('RUNNING', 'CLOSING', 'DONE'):
        c.started()
    if phase in ('CLOSING', 'DONE'):
        c.say_close()
    if phase == 'DONE':
        c.relay.close()
        c.relay = None
        c.expect('CLOSED')
    return c


def verdict(table, name, phase, wrong, body):
    """'killed', 'text' (the table lets it pass, who reads it does not), or
    'taken'; by the documents."""
    row = table.get(name)
    if wrong.broken or not row or phase not in row.phases:
        return 'killed'
    if not row.fds[0] <= wrong.fds <= row.fds[1] or wrong.fds > FDS_MAX:
        return 'killed'
    if wrong.length(body, row.limit) > row.limit:
        return 'killed'
    if wrong.twice and row.once:
        return 'killed'
    return 'text' if wrong.text else 'taken'


# ---- a supervisor ----

def client_body(c, name):
    if name == 'OPEN':
        return c.open_body(plan_only=True)
    row = CLIENT.get(name)
    if name == 'EVENT':
        return RECORD
    return {'build': d.build, **(row.body if row else {'pid': 1})}


def client_verdict(name, phase, wrong, body):
    v = verdict(CLIENT, name, phase, wrong, body)
    if v != 'text':
        return v
    if phase == 'LOST' and name in ('EVENT', 'CLOSE', 'STARTED'):
        return 'taken'  # and dropped
    return 'record' if name == 'EVENT' else 'killed'


def client_dies(c, phase, what):
    owns = phase in ('OPENING', 'GRANTED', 'RUNNING', 'CLOSING')
    check(frames.closes(c.sock, WAIT), f'{what}: its connection stays')
    # Under its session, from the opening record on and as long as it is there.
    under = c.session if phase in ('GRANTED', 'RUNNING', 'CLOSING') else ''
    d.expect_killed('client', under, c.pid)
    if owns:
        check(c.is_killed(), f'{what}: the supervisor lives')


def client_lives(c, name, phase, what):
    """Its session can be ended in order, or its next question is answered."""
    if phase in ('NEW', 'DONE', 'LOST'):
        c.say('STATUS', ident=4711)
        while True:
            m = c.expect('OK', skip=('GRANT', 'REFUSED', 'SESSIONS'))
            if m.id == 4711:
                return
    if name != 'CLOSE':
        c.say_close()
    c.relay.close()
    c.expect('CLOSED', skip=('TERMINATE',))


def client_case(phase, kind, wrong):
    name = frames.NAMES.get(kind, kind)
    what = f'client, {phase}: {name}, {wrong.name}'
    row = CLIENT.get(name)
    c = bring(phase)
    body = body_of(client_body(c, name))
    v = client_verdict(name, phase, wrong, body)
    if name == 'DRAIN' and (v == 'taken' or
                            wrong.twice and phase in row.phases):
        c.close()  # allowed, and the end of this daemon: see the last test
        return
    try:
        wrong.send(c.sock, kind, 5, body, row.limit if row else 1024)
    except Gone:
        check(wrong.twice, f'{what}: gone before it was sent')
    if v == 'killed':
        client_dies(c, phase, what)
    else:
        if v == 'record':
            c.expect('TERMINATE')
            d.expect_killed('supervisor', c.session)
        client_lives(c, name, phase, what)
    c.close()


# ---- a relay, towards the keeper ----

def relay_case(phase, kind, wrong):
    name = frames.NAMES.get(kind, kind)
    what = f'relay to keeper, {phase}: {name}, {wrong.name}'
    row = RELAY.get(name)
    body = body_of(row.body if row else {'bytes_in': 1})
    c = bring(phase)
    v = verdict(RELAY, name, phase, wrong, body)
    sock = c.relay.keeper
    try:
        wrong.send(sock, kind, 5, body, row.limit if row else 1024)
    except Gone:
        check(wrong.twice, f'{what}: gone before it was sent')
    if v != 'taken':
        check(frames.closes(sock, WAIT), f'{what}: its channel stays')
        d.expect_killed('relay', c.session)
    if phase != 'CLOSING':
        c.say_close()
    c.relay.close()
    c.expect('CLOSED', skip=('TERMINATE',))
    c.close()


# ---- a relay and a witness, towards the scribe ----

def relay_writes(phase, kind, wrong):
    writer_case('relay', phase, kind, wrong)


def witness_writes(phase, kind, wrong):
    writer_case('witness', phase, kind, wrong)


def writer_case(role, phase, kind, wrong):
    name = frames.NAMES.get(kind, kind)
    what = f'{role} to scribe, {phase}: {name}, {wrong.name}'
    row = WRITER.get(name)
    body = body_of(REFUSE if role == 'relay' else SEEN)
    c = bring(phase)
    v = verdict(WRITER, name, phase, wrong, body)
    if name == 'APPEND_TELL' and wrong.name == 'id 0':
        v = 'killed'  # nobody to tell
    sock = c.relay.scribe if role == 'relay' else c.witness
    try:
        wrong.send(sock, kind, 5, body, row.limit if row else 1024)
    except Gone:
        check(wrong.twice, f'{what}: gone before it was sent')
    if v != 'taken':
        check(frames.closes(sock, WAIT), f'{what}: its channel stays')
        d.expect_killed(role, c.session)
    elif wrong.name != 'id 0':
        seqs = []
        for _ in range(2 if wrong.twice else 1):
            m = frames.expect(sock, 'APPENDED', WAIT, skip=('WRITTEN',))
            seqs.append(m.json()['seq'])
        equal(sorted(set(seqs)), seqs, f'{what}: numbers')
    if phase != 'CLOSING':
        c.say_close()
    c.relay.close()
    c.expect('CLOSED', skip=('TERMINATE',))
    c.close()


# ---- what a role may write ----

def kinds():
    """Kind -> roles, as the table of PROTOCOL.ledger, 2.1, has them."""
    with open(frames.SOURCE + '/doc/PROTOCOL.ledger') as f:
        text = f.read().partition('2.1 Kinds')[2].partition('3. Journal')[0]
    roles = '(?:keeper|scribe|supervisor|relay|witness)'
    # A comma leads to the next line.
    text = re.sub(rf'^(    [a-z.]+ +{roles},) .*$', r'\1', text, flags=re.M)
    rows = re.findall(rf'^    ([a-z]+\.[a-z]+) +({roles}(?:,\s+{roles})*)',
                      text, flags=re.M)
    found = {kind: set(re.findall(roles, words)) for kind, words in rows}
    equal(found['peer.killed'], {'keeper', 'scribe'}, 'a row of two lines')
    check(len(found) >= 30, f'kinds: {found}')
    return found


# Members that are the scribe's alone: whose session it is, which number.
FORGED = [{'session': '0' * 20}, {'user': 'root'}, {'task': 'T-2'},
          {'seq': 1}, {'at': 1}, {'v': 1}, {'prev': '0' * 64},
          {'salt': '0' * 32}, {'payload': '0' * 64}, {'erased': True}]


def write_as(role, record):
    """True: taken.  A session of its own for each."""
    c = bring('GRANTED')  # later its start has been recorded
    if role != 'supervisor':
        sock = c.relay.scribe if role == 'relay' else c.witness
        frames.say(sock, 'APPEND', record, 3)
        try:
            frames.expect(sock, 'APPENDED', WAIT)
            taken = True
        except Gone:
            taken = False
    else:
        frames.say(c.sock, 'EVENT', record)
        # It is refused by the scribe, of which the keeper hears at once; an
        # honest event behind it has no way past it.
        taken = not refused_event(c)
    if not taken:
        d.expect_killed(role, c.session)
    c.say_close()
    c.relay.close()
    c.expect('CLOSED', skip=('TERMINATE',))
    c.close()
    return taken, c.session


def refused_event(c):
    m = frames.receive(c.sock, 0.3 * SLOW)
    if m:
        equal(m.name, 'TERMINATE', 'after an event')
    return m is not None


@test('relay, supervisor and witness write the kinds of their roles, for their '
      'session', LONG)
def _():
    base = {'verdict': 'deny', 'trust': 'kernel', 'count': 1}
    for kind, roles in kinds().items():
        for role in ('relay', 'supervisor', 'witness'):
            if not ALL and role == 'supervisor' and role in roles:
                continue  # waits for what does not come
            taken, session = write_as(role, {'kind': kind, **base})
            equal(taken, role in roles, f'{kind} by {role}')
            got = [r['kind'] for r in d.world.records(f'session = {session}')]
            equal(kind in got[1:-1], taken or kind == 'peer.killed',
                  f'{kind} by {role}, on the ledger: {got}')
    for more in FORGED:
        for role, kind in (('relay', 'net.refuse'), ('witness', 'file.open'),
                           ('supervisor', 'limit.hit')):
            taken, _ = write_as(role, {'kind': kind, **base, **more})
            check(not taken, f'{more} by {role}')


# ---- all of them ----

def cases():
    kinds = sorted(T.values()) + STRANGERS
    every = [(fn, phase, kind, wrong)
             for fn, phases in ((client_case, CLIENT_PHASES),
                                (relay_case, RELAY_PHASES),
                                (relay_writes, WRITER_PHASES),
                                (witness_writes, WRITER_PHASES))
             for phase in phases for kind in kinds for wrong in WRONG]
    random.Random(SEED).shuffle(every)
    return every


def run_some(cases):
    """In a fixed order, as far as the time goes."""
    end = time.monotonic() + SECONDS
    n = 0
    for fn, phase, kind, wrong in cases:
        if not ALL and time.monotonic() > end:
            break
        try:
            fn(phase, kind, wrong)
        except AssertionError as e:
            raise AssertionError(
                f'{fn.__name__} {phase} {frames.NAMES.get(kind, kind)} '
                f'{wrong.name}: {e}; {d.world.log()[-400:]}') from None
        n += 1
        if n % 50 == 0:
            d.alive(f'{phase} {kind} {wrong.name}')
    d.settle()
    d.alive('the cases')
    print(f'# {n} of {len(cases)} cases')


def of(fn):
    only = os.environ.get('BAWN_HOSTILE_TYPES', '')
    kinds_ = {T[name] for name in only.split(',') if name}
    return [c for c in cases()
            if c[0] is fn and (not kinds_ or c[2] in kinds_)]


@test('a client says anything, in every phase', LONG)
def _():
    run_some(of(client_case))


@test('a relay says anything to the keeper', LONG)
def _():
    run_some(of(relay_case))


@test('a relay says anything to the scribe', LONG)
def _():
    run_some(of(relay_writes))


@test('a witness says anything to the scribe', LONG)
def _():
    run_some(of(witness_writes))


@test('a session whose relay was ended is told to end, in seconds')
def _():
    c = bring('RUNNING')
    frames.say(c.relay.keeper, 'READY')
    d.expect_killed('relay', c.session)
    c.expect('TERMINATE')
    c.say_close()
    c.expect('CLOSED')
    c.close()


# ---- much, and nobody reads the answers ----

MANY = 20000 if ALL else 2000
GROWTH_KB = 48 * 1024


def push(sock, name, body, n, first=1):
    """How many went out until the socket was full for a second, or gone."""
    sock.settimeout(1)
    try:
        for i in range(n):
            frames.say(sock, name, body, first + i)
    except (Gone, TimeoutError):
        return i
    finally:
        sock.settimeout(None)
    return n


@test('who asks and does not listen is made to wait, or ended')
def _():
    before = d.memory_kb()
    crowd = [Client(d) for _ in range(4)]
    for c in crowd:
        push(c.sock, 'STATUS', {'build': d.build}, MANY)
    equal(len(d.sessions()), 1, 'others are still answered')
    after = d.memory_kb()
    for c in crowd:
        c.close()
    for name, kb in before.items():
        check(after[name] < kb + GROWTH_KB,
              f'{name}: {kb} kB, then {after[name]} kB')


@test('a supervisor tells all the time: no record is lost or out of order')
def _():
    c = bring('RUNNING')
    n = 0
    while n < MANY:  # the keeper's pause is its right; it must end
        got = push(c.sock, 'EVENT', dict(RECORD, limit=f'n{n}'), 1)
        check(got == 1, f'event {n} is not taken')
        n += 1
    c.say_close()
    c.relay.close()
    c.expect('CLOSED')
    c.close()
    told = [r['limit'] for r in d.world.records(f'session = {c.session}')
            if r['kind'] == 'limit.hit']
    equal(told, [f'n{i}' for i in range(MANY)], 'records')


@test('a witness tells several at once: all of them, or none')
def _():
    c = bring('RUNNING')
    many = b'\n'.join(body_of(dict(SEEN, path=f'/{i}')) for i in range(300))
    frames.say(c.witness, 'APPEND', many, 0)
    frames.say(c.witness, 'APPEND', body_of(SEEN), 7)
    frames.expect(c.witness, 'APPENDED', WAIT)
    # With an answer there is one; and a wrong one spoils its message.
    bad = b'\n'.join(body_of(x) for x in (SEEN, REFUSE, SEEN))
    frames.say(c.witness, 'APPEND', bad, 0)
    check(frames.closes(c.witness, WAIT), 'a record of another role')
    d.expect_killed('witness', c.session)
    c.say_close()
    c.relay.close()
    c.expect('CLOSED', skip=('TERMINATE',))
    c.close()
    told = [r['path'] for r in d.world.records(f'session = {c.session}')
            if r['kind'] == 'file.open']
    equal(told, [f'/{i}' for i in range(300)] + ['/x'], 'records')


@test('a relay writes and does not read: what is answered is there')
def _():
    c = bring('RUNNING')
    sent = push(c.relay.scribe, 'APPEND', REFUSE, MANY)
    equal(len(d.sessions()), 2, 'others are still answered')
    seqs = []
    while len(seqs) < sent:
        m = frames.expect(c.relay.scribe, 'APPENDED', WAIT)
        equal(m.id, len(seqs) + 1, 'answers in order')
        seqs.append(m.json()['seq'])
    c.say_close()
    c.relay.close()
    c.expect('CLOSED')
    c.close()
    told = [r['seq'] for r in d.world.records(f'session = {c.session}')
            if r['kind'] == 'net.refuse']
    equal(told, seqs, 'what was answered, and what is there')


@test('hundreds connect and say nothing, or half a thing')
def _():
    path = d.world.lock()['socket']
    held = []
    for i in range(2200 if ALL else 300):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(path)  # waits for its turn
        held.append(s)
    if not ALL:  # beyond the limit of clients somebody is turned away
        equal(len(d.sessions()), 1, 'others are still answered')
    for s in held:
        s.close()
    wait_for('room again', 10, lambda: len(d.sessions()) == 1)


@test('an opening record that is too long ends in a refusal, and nothing else')
def _():
    for n, size in ((500, 50), (560, 50), (600, 50), (1000, 200)):
        c = Client(d)
        names = [f'{i:04}' + 'N' * (size - 4) + '=' for i in range(n)]
        d.next_relay(b'm')
        frames.say(c.sock, 'OPEN', c.open_body(set=names), 7)
        m = c.expect_any('REFUSED', 'GRANT')
        if m.name == 'GRANT':
            d.opened.append(m.json()['session'])
            m.close()
            m = c.expect_any('REFUSED', 'GO')
        if m.name == 'GO':
            relay = Relay(d)
            c.say_close()
            relay.close()
            c.expect('CLOSED')
        else:
            d.next_relay(b'z')
        c.close()


@test('another user is turned away, whatever the file allows')
def _():
    if os.getuid() != 0:
        skip('only for root: to be another user')
    path = d.world.lock()['socket']
    modes = [(p, os.stat(p).st_mode) for p in
             (os.path.dirname(path), path)]
    os.chmod(modes[0][0], 0o755)
    os.chmod(path, 0o666)
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            os._exit(0 if frames.closes(s, WAIT) else 3)
        finally:
            os._exit(4)
    _, status = os.waitpid(pid, 0)
    for p, mode in modes:
        os.chmod(p, mode & 0o777)
    equal(os.waitstatus_to_exitcode(status), 0, 'it is not heard')
    d.expect_killed('stranger', '')


@test('no descriptor stays in keeper or scribe')
def _():
    d.world.write(d.go, '')  # what OPENING waited for ends

    def is_quiet():
        now = d.quiet()
        return all(now[x] <= quiet[x] for x in quiet)
    wait_for(f'{quiet}, not {d.quiet()}', 15, is_quiet)


@test('the neighbour noticed nothing, and its records are whole')
def _():
    n, worst = neighbour.end()
    print(f'# {n} questions, the slowest {worst * 1000:.1f} ms')


@test('each ended peer is on the ledger, under its session; it verifies', 600)
def _():
    told = collections.Counter(
        (r['peer'], r['session'], r['peer'] == 'client' and r['pid'])
        for r in d.world.records('kind = peer.killed'))
    want = collections.Counter(d.killed)
    equal(want - told, {}, 'ended, and not on the ledger')
    equal(told - want, {}, 'on the ledger, and nobody knows why')
    ends = [r['session'] for r in d.world.records('kind = session.close')]
    for s in d.opened:
        equal(ends.count(s), 1, f'session.close of {s}')
    d.world.verify()


@test('drained by a client it takes no more sessions, and ends')
def _():
    c, late = d.client(), d.client()
    c.say('DRAIN')
    c.expect('OK')
    with contextlib.suppress(Gone):
        frames.say(late.sock, 'OPEN', late.open_body())
        late.expect('REFUSED')
    c.close()
    late.close()
    equal(d.process.wait(WAIT), 1, 'drained')
    d.close()
    d.world.verify()


main()
