#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sinks: real receivers, and what happens when they or we are killed."""

import json
import os
import re
import signal
import stat
import time

from harness import (SLOW, World, check, contains, equal, main, test,
                     wait_for)
import receivers
import servers

NAMES = '''python3 - <<'EOF'
import socket
for i in range(%d):
    try:
        socket.getaddrinfo('h%%d.%s.example' %% i, 80)
    except OSError:
        pass
EOF'''


# The same, over some seconds.
SLOWLY = NAMES.replace('import socket\n', 'import socket, time\n').replace(
    '    try:', '    time.sleep(0.03)\n    try:')


def world(*sinks, **kw):
    w = World(**kw)
    w.sinks = lambda *s: w.write(w.home + '/.config/bawn/sinks.yaml',
                                 'version: 1\nsinks:\n' + ''.join(
                                     '- {' + x + '}\n' for x in s))
    if sinks:
        w.sinks(*sinks)
    return w


def many(w, n, word):
    """Some hundred records in one session."""
    r = w.sh(NAMES % (n, word))
    equal(r.code, 0, f'a session: {r}')


def seqs(w):
    return {r['seq'] for r in w.records('seq > 0')}


def delivered(w, got, seconds=60):
    """Waits until @got() is every number of the ledger."""
    receivers.settle()

    def all_there():
        return not seqs(w) - set(got())
    try:
        wait_for('every record', seconds, all_there)
    finally:
        missing = sorted(seqs(w) - set(got()))
        if missing:
            print(f'# missing {missing[:20]}: {status(w)} {w.log()[-1500:]}')


def status(w):
    r = w.bawn('ledger', 'sinks', '--json', 'status')
    equal((r.code, r.err), (0, ''), 'status')
    return [json.loads(x) for x in r.out.splitlines()]


# ---- texts ----

@test('check says where a text is wrong, and what is right')
def check_texts():
    w = world('name: f, type: file, path: /tmp/x', 'name: f, type: file, path: /y')
    path = w.home + '/.config/bawn/sinks.yaml'
    r = w.bawn('ledger', 'sinks', 'check')
    equal(r.code, 1, 'two of one name')
    contains(r.err, f'{path}:4:3: f: the sink in line 3 has that name', 'why')
    w.sinks('name: f, type: file, pth: /x')
    r = w.bawn('ledger', 'sinks', 'check', path)
    contains(r.err, ':3:25: pth: unknown key, did you mean path?', 'a file')
    w.sinks('name: f, type: file, path: /tmp/x, filter: "kind = a"')
    r = w.bawn('ledger', 'sinks', 'check')
    equal((r.code, r.err), (0, ''), 'right')
    contains(r.out, 'user-f: file to /tmp/x, filtered', 'what')
    os.chmod(path, 0o666)
    r = w.bawn('ledger', 'sinks', 'check')
    contains(r.err, 'anybody may write', 'mode')
    os.unlink(path)
    r = w.bawn('ledger', 'sinks', 'check')
    contains(r.out, 'no sinks', 'none')
    for bad in (['sinks'], ['sinks', 'x'], ['export', '--form', 'x'],
                ['export', 'kind'], ['export', '--since', 'yesterday']):
        equal(w.bawn('ledger', *bad).code, 64, f'{bad}')


@test('export: forms, filter, time, a new file')
def export_verb():
    w = world()
    equal(w.bawn('ledger', 'export').code, 2, 'no ledger yet')
    equal(w.run('true').code, 0, 'a session')
    r = w.bawn('ledger', 'export')
    equal([json.loads(x)['seq'] for x in r.out.splitlines()],
          sorted(seqs(w)), 'all, in order')
    r = w.bawn('ledger', 'export', '--form', 'ocsf', 'kind ~ session')
    rows = [json.loads(x) for x in r.out.splitlines()]
    check(rows and all(x['metadata']['version'] == '1.8.0' for x in rows),
          f'OCSF: {r.out[:400]}')
    r = w.bawn('ledger', 'export', '--form', 'cef', 'kind = session.open')
    check(re.match(r'CEF:0\|bawn\|bawn\|[^|]+\|session.open\|', r.out), r.out)
    r = w.bawn('ledger', 'export', '--since', '2100-01-01')
    equal((r.code, r.out), (0, ''), 'nothing is younger')
    out = w.top + '/out'
    equal(w.bawn('ledger', 'export', '--to', out).code, 0, 'a file')
    equal(stat.S_IMODE(os.stat(out).st_mode), 0o600, 'its mode')
    equal(w.bawn('ledger', 'export', '--to', out).code, 2, 'it is there')


def plain(value):
    """What an escaped value of CEF says."""
    return re.sub(r'\\(.)', lambda m: {'n': '\n', 'r': '\r'}.get(m[1], m[1]),
                  value)


@test('CEF, as a parser reads it that is not ours', 180)
def cef():
    parse = receivers.cef()
    w = world()
    odd = 'a=b|c \\ d\ne  cs1=x act\\=y " \u00fc \\n ='
    equal(w.run('sh', '-c', ': "$1"', 'x', odd).code, 0, 'a session')
    many(w, 20, 'cef')
    r = w.bawn('ledger', 'export', '--form', 'cef')
    equal(r.code, 0, f'{r}')
    lines = r.out.split('\n')
    equal(lines.pop(), '', 'the last line ends')
    records = w.records('seq > 0')
    equal(len(lines), len(records), 'a line for a record')
    for line, rec in zip(lines, records):
        got = parse(line)
        check(got, f'no CEF: {line}')
        equal([got[k] for k in ('DeviceVendor', 'DeviceProduct', 'CEFVersion',
                                'DeviceEventClassID')],
              ['bawn', 'bawn', '0', rec['kind']], 'header')
        check(0 <= int(got['Severity']) <= 10, got['Severity'])
        equal((int(got['externalId']), int(got['cnt']), int(got['rt'])),
              (rec['seq'], rec['count'], rec['at'] // 1000000), 'numbers')
        equal((got['act'], got['trust'], got.get('session', '')),
              (rec['verdict'], rec['trust'], rec['session']), 'words')
        rest = json.loads(plain(got.get('members', '{}')))
        equal({k: rec[k] for k in rest}, rest, 'members')
        values = {plain(v) for v in got.values()}
        for key, value in rec.items():
            check(key in rest or key.startswith('rule.') or value in ('', None) or
                  key in ('v', 'at') or str(value) in values or
                  isinstance(value, bool),
                  f'{key} of {rec["kind"]} is nowhere in {line}')
    check(any('cs1=x act' in r.get('argv', '') for r in records), 'the odd words')


# ---- syslog ----

def through_syslog(receiver_class, form, look):
    w = world()
    receiver = w.serve(receiver_class(w.top + '/receiver'))
    w.sinks('name: log, type: syslog, '
            f'address: "localhost:{receiver.port}", '
            f'tls: {{ca: {receiver.ca}}}, form: {form}')
    receiver.start()
    many(w, 150, 'a')
    delivered(w, lambda: [look(x) for x in receiver.rows()])
    # In the middle of a stream, three times, and not at once back.
    for i in range(3):
        p = w.popen(['sh', '-c', SLOWLY % (80, f'b{i}')])
        time.sleep(0.3 + 0.4 * i)
        # First it does not read: what is in its buffer dies with it.
        receiver.process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
        receiver.stop(signal.SIGKILL)
        time.sleep(0.5 * i)
        receiver.start()
        p.communicate(timeout=60 * SLOW)
    many(w, 50, 'c')
    delivered(w, lambda: [look(x) for x in receiver.rows()])
    return w, receiver


@test('rsyslog over TLS: every field parsed, killed and restarted, '
      'nothing lost', 240)
def rsyslog():
    def seq(row):
        m = re.search(r'\bseq="(\d+)"', row['sd'])
        return int(m[1]) if m else None
    w, receiver = through_syslog(receivers.Rsyslog, 'record', seq)
    records = {r['seq']: r for r in w.records('seq > 0')}
    for row in receiver.rows():
        record = records[seq(row)]
        equal((row['app'], row['version'], row['msgid']),
              ('bawn', '1', record['kind'][:32]), 'header')
        equal(row['procid'], record['session'] or '-', 'session')
        equal(row['host'], os.uname().nodename, 'host')
        equal(int(row['pri']) >> 3, 13, 'facility')
        check(row['sd'].startswith('[bawn@32473 seq="'), row['sd'])
        body = json.loads(row['msg'].lstrip('\ufeff '))
        equal((body['seq'], body['kind'], body['at']),
              (record['seq'], record['kind'], record['at']), 'the message')


@test('syslog-ng over TLS: structured data and JSON parsed, killed and '
      'restarted, nothing lost', 240)
def syslog_ng():
    w, receiver = through_syslog(receivers.SyslogNg, 'record',
                                 lambda row: int(row.get('seq', -1)))
    records = {r['seq']: r for r in w.records('seq > 0')}
    for row in receiver.rows():
        record = records[int(row['seq'])]
        equal((row['kind'], row['json_kind'], row['msgid']),
              (record['kind'],) * 3, 'kind, three times')
        equal(int(row['json_seq']), record['seq'], 'the message')
        equal((row['app'], row['host']), ('bawn', os.uname().nodename), 'who')


@test('a receiver with another name, or of another authority, gets nothing')
def wrong_certificate():
    w = world()
    got = []
    other = servers.Authority(w.top + '/other')
    tls = other.issue('elsewhere.example')
    stand = w.serve(receivers.Stand(
        lambda r, b: (got.append(b), (200, b'{}', ()))[1], tls))
    right = servers.Authority(w.top + '/right')
    w.sinks(f'name: a, type: http, url: "https://localhost:{stand.port}/", '
            f'tls: {{ca: {other.cert}}}',
            f'name: b, type: http, url: "https://localhost:{stand.port}/", '
            f'tls: {{ca: {right.cert}}}',
            f'name: c, type: syslog, address: "localhost:{stand.port}", '
            f'tls: {{ca: {other.cert}}}',
            f'name: d, type: syslog, address: "127.0.0.1:{stand.port}", '
            f'tls: {{ca: {right.cert}}}')
    equal(w.run('true').code, 0, 'a session')
    wait_for('all four wait', 20, lambda: [
        s['state'] for s in status(w)] == ['waiting'] * 4)
    equal(got, [], 'what was received')
    why = [s['why'] for s in status(w)]
    contains(why[0].lower(), 'subject name', 'the wrong name, by HTTP')
    contains(why[1].lower(), 'certificate', 'the wrong authority, by HTTP')
    contains(why[2].lower(), 'hostname mismatch', 'the wrong name')
    contains(why[3].lower(), 'certificate', 'the wrong authority')
    for name in 'abcd':
        equal(w.bawn('ledger', 'sinks', 'test', name).code, 2, f'test {name}')


@test('HTTPS, with our own certificate; without it nothing')
def client_certificate():
    w = world()
    got = []
    ca = servers.Authority(w.top + '/ca')
    ours = ca.issue('bawn.example')
    stand = w.serve(receivers.Stand(lambda r, b: (got.extend(
        json.loads(x)['seq'] for x in b.splitlines()), (200, b'', ()))[1],
        ca.issue('localhost'), ca.cert))
    url = f'type: http, form: record, url: "https://localhost:{stand.port}/"'
    w.sinks(f'name: a, {url}, tls: {{ca: {ca.cert}, certificate: {ours[0]}, '
            f'key: {ours[1]}}}')
    equal(w.run('true').code, 0, 'a session')
    delivered(w, lambda: got)
    equal(w.bawn('ledger', 'sinks', 'test', 'a').code, 0, 'sinks test')
    equal(got[-1], 0, 'it has the number 0')
    w.sinks(f'name: b, {url}, tls: {{ca: {ca.cert}}}')
    equal(w.bawn('ledger', 'sinks', 'test', 'b').code, 2, 'without')


# ---- OTLP ----

def otlp_stand(w, decode, answers=()):
    """Checks what a collector would, and keeps the numbers."""
    got, answers = [], list(answers)

    def judge(request, body):
        if answers:
            answer = answers.pop(0)
            if answer:
                return answer
        message = decode(request, body)
        for rl in message.resource_logs:
            names = {a.key: a.value.string_value for a in rl.resource.attributes}
            equal(names['service.name'], 'bawn', 'resource')
            for scope in rl.scope_logs:
                for rec in scope.log_records:
                    a = {x.key: x.value for x in rec.attributes}
                    check(rec.time_unix_nano > 10 ** 18, 'time')
                    check(1 <= rec.severity_number <= 24, 'severity')
                    check(rec.body.string_value, 'body')
                    got.append((a['bawn.seq'].int_value,
                                a['event.name'].string_value))
        return 200, b'', [('Content-Type', 'application/x-protobuf')]
    return w.serve(receivers.Stand(judge)), got


def through_otlp(encoding, decode):
    w = world()
    stand, got = otlp_stand(w, decode, [
        None, (503, b'', [('Retry-After', '1')]), (429, b'', ()),
        (500, b'oh', ())])
    w.sinks(f'name: o, type: otlp, encoding: {encoding}, '
            f'url: "http://127.0.0.1:{stand.port}/v1/logs"')
    many(w, 200, 'a')
    for i in range(2):
        p = w.popen(['sh', '-c', NAMES % (300, f'b{i}')])
        time.sleep(0.6)
        stand.stop()
        time.sleep(1)
        stand.start()
        p.communicate(timeout=60 * SLOW)
    delivered(w, lambda: [x[0] for x in got])
    kinds = {r['seq']: r['kind'] for r in w.records('seq > 0')}
    for seq, kind in got:
        equal(kind, kinds[seq], f'kind of {seq}')


@test('OTLP, protobuf: decoded with the official definitions, through 503, '
      '429 and restarts', 180)
def otlp_protobuf():
    pb, _ = receivers.otlp()

    def decode(request, body):
        equal(request.headers['Content-Type'], 'application/x-protobuf', 'type')
        message = pb.ExportLogsServiceRequest()
        equal(message.ParseFromString(body), len(body), 'all of it')
        return message
    through_otlp('protobuf', decode)


@test('OTLP, JSON: decoded with the official definitions', 180)
def otlp_json():
    pb, json_format = receivers.otlp()

    def decode(request, body):
        equal(request.headers['Content-Type'], 'application/json', 'type')
        # event_name is younger than these definitions; unknown by the standard
        return json_format.Parse(body, pb.ExportLogsServiceRequest(),
                                 ignore_unknown_fields=True)
    through_otlp('json', decode)


# ---- Splunk, Datadog, Elastic ----

OCSF_MUST = ('activity_id category_uid class_uid type_uid time severity_id '
             'metadata actor device').split()
OCSF_CLASS = {1001: 'file', 1003: 'kernel', 1007: 'process',
              2004: 'finding_info', 3004: 'entity', 4001: 'src_endpoint',
              6002: 'app'}


def check_ocsf(e):
    for key in OCSF_MUST:
        check(key in e, f'{key} is missing in {e}')
    equal(e['type_uid'], e['class_uid'] * 100 + e['activity_id'], 'type_uid')
    equal(e['metadata']['version'], '1.8.0', 'version')
    if e['class_uid'] in OCSF_CLASS:
        check(OCSF_CLASS[e['class_uid']] in e, f'class object in {e}')
    return e['metadata']['sequence']


# The official schema of OCSF is on a server of its own, in no package.
@test('Splunk, Datadog and Elastic: their limits, their keys; ECS, and OCSF as '
      'far as can be said without its schema', 180)
def others():
    w = world()
    got = {'splunk': [], 'datadog': [], 'elastic': []}
    for name in got:
        w.write(f'{w.home}/{name}.key', f'key-of-{name}\n', 0o600)

    def splunk(request, body):
        equal(request.headers['Authorization'], 'Splunk key-of-splunk', 'HEC')
        equal(request.path, '/services/collector/event', 'path')
        text, decoder = body.decode(), json.JSONDecoder()
        at = 0
        while at < len(text):
            e, at = decoder.raw_decode(text, at)
            check(e['time'] > 1.7e9 and e['index'] == 'main', f'{e}')
            equal(e['sourcetype'], '_json', 'sourcetype')
            got['splunk'].append(check_ocsf(e['event']))
        return 200, b'{"text":"Success","code":0}', ()

    def datadog(request, body):
        equal(request.headers['DD-API-KEY'], 'key-of-datadog', 'key')
        check(len(body) <= 5_000_000, f'{len(body)} bytes')
        entries = json.loads(body)
        check(0 < len(entries) <= 1000, f'{len(entries)} entries')
        for e in entries:
            equal((e['ddsource'], e['service']), ('bawn', 'bawn'), 'entry')
            check(len(json.dumps(e)) <= 1_000_000, 'an entry')
            equal(e['seq'], check_ocsf(e['bawn']), 'number')
            got['datadog'].append(e['seq'])
        return 202, b'{}', ()

    refused = []

    def elastic(request, body):
        equal(request.headers['Authorization'], 'ApiKey key-of-elastic', 'key')
        equal(request.headers['Content-Type'], 'application/x-ndjson', 'type')
        lines = body.decode().split('\n')
        equal(lines.pop(), '', 'the last line feed')
        items = []
        for action, doc in zip(lines[::2], lines[1::2]):
            create, doc = json.loads(action)['create'], json.loads(doc)
            equal(create['_index'], 'audit', 'index')
            check(doc['ecs.version'] and doc['@timestamp'], f'{doc}')
            seq = doc['event.sequence']
            if doc['event.action'] == 'session.open':
                refused.append(seq)
                items.append({'create': {'status': 400, 'error': {
                    'type': 'mapper_parsing_exception', 'reason': 'no'}}})
            elif seq in got['elastic']:
                items.append({'create': {'status': 409}})
            else:
                got['elastic'].append(seq)
                items.append({'create': {'status': 201}})
        return 200, json.dumps({'errors': True, 'items': items}).encode(), ()

    stands = {n: w.serve(receivers.Stand(f)) for n, f in (
        ('splunk', splunk), ('datadog', datadog), ('elastic', elastic))}
    paths = {'splunk': 'services/collector/event', 'datadog': 'api/v2/logs',
             'elastic': '_bulk'}
    w.sinks(*(f'name: {n}, type: {n}, token: {{from: {{file: {w.home}/{n}.key}}}}, '
              f'url: "http://127.0.0.1:{s.port}/{paths[n]}"'
              + (', index: main' if n == 'splunk' else
                 ', index: audit' if n == 'elastic' else '')
              for n, s in stands.items()))
    many(w, 300, 'a')
    delivered(w, lambda: got['splunk'])
    delivered(w, lambda: got['datadog'])
    delivered(w, lambda: got['elastic'] + refused)
    notes = w.records('kind = sink.reject')
    equal({n['record'] for n in notes}, set(refused), 'set aside, and noted')
    equal({n['sink'] for n in notes}, {'user-elastic'}, 'by whom')


@test('one record that a receiver refuses does not hold up the others')
def poison():
    w = world()
    got, tried = [], []

    def judge(request, body):
        rows = [json.loads(x) for x in body.splitlines()]
        tried.append(len(rows))
        if any('poison' in r.get('host', '') for r in rows):
            return 400, b'bad event', ()
        got.extend(r['seq'] for r in rows)
        return 200, b'', ()
    stand = w.serve(receivers.Stand(judge))
    w.sinks(f'name: h, type: http, form: record, '
            f'url: "http://127.0.0.1:{stand.port}/"')
    r = w.sh('for n in a b poison c d; do getent hosts $n.example; done; true')
    equal(r.code, 0, f'{r}')
    bad = {r['seq'] for r in w.records('host ~ poison')}
    check(bad, 'there is one')
    delivered(w, lambda: got + list(bad))
    check(not bad & set(got), 'it was refused')
    equal({n['record'] for n in w.records('kind = sink.reject')}, bad, 'noted')


@test('credentials: a wrong one stops nothing for good, none is in a log')
def credentials():
    w = world()
    got = []

    def judge(request, body):
        if request.headers['Authorization'] != 'Bearer right-token':
            return 401, b'who are you', ()
        got.extend(json.loads(x)['metadata']['sequence']
                   for x in body.splitlines())
        return 200, b'', ()
    stand = w.serve(receivers.Stand(judge))
    key = w.write(w.home + '/key', 'wrong-token', 0o600)
    w.sinks(f'name: h, type: http, url: "http://127.0.0.1:{stand.port}/", '
            f'token: {{from: {{command: [/bin/cat, {key}]}}}}')
    equal(w.run('true').code, 0, 'a session')
    wait_for('it is denied', 20, lambda: status(w)[0]['state'] == 'denied')
    contains(status(w)[0]['why'], '401', 'why')
    w.write(key, 'right-token', 0o600)
    delivered(w, lambda: got)
    for where, _, files in os.walk(w.state):
        for f in files:
            with open(os.path.join(where, f), errors='replace') as fd:
                check('-token' not in fd.read(), f'a credential in {f}')


# ---- our own deaths ----

def exporters(w):
    """Process ids of bawn-export in this world, the first is the parent."""
    found = []
    for pid in sorted(int(p) for p in os.listdir('/proc') if p.isdigit()):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().split(b'\0')
        except OSError:
            continue
        if words[0].endswith(b'bawn-export') and w.state.encode() in words:
            found.append(pid)
    return found


@test('bawn-export is killed in mid-stream, with its children, and nothing is '
      'lost', 120)
def killed():
    w = world()
    got = []

    def judge(request, body):
        time.sleep(0.02)
        got.extend(json.loads(x)['seq'] for x in body.splitlines())
        return 200, b'', ()
    stand = w.serve(receivers.Stand(judge))
    out = w.home + '/log.jsonl'
    w.sinks('name: h, type: http, form: record, batch: {records: 7}, '
            f'url: "http://127.0.0.1:{stand.port}/"',
            f'name: f, type: file, path: {out}')
    p = w.popen(['sh', '-c', NAMES % (800, 'k')])
    for i in range(4):
        pids = wait_for('they run', 20, lambda: exporters(w)[1:] and exporters(w))
        time.sleep(0.3)
        for pid in pids if i % 2 else pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    p.communicate(timeout=60 * SLOW)
    delivered(w, lambda: got)

    def in_file():
        with open(out) as f:
            return [json.loads(x)['seq'] for x in f if x.endswith('}\n')]
    delivered(w, in_file)
    for pid in exporters(w):
        with open(f'/proc/{pid}/status') as f:
            rss = int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
        check(rss < 64 * 1024 * SLOW, f'{rss} kB resident')


@test('the daemon ends: the last records are sent, then nothing runs')
def daemon_ends():
    w = world()
    got = []
    stand = w.serve(receivers.Stand(lambda r, b: (got.extend(
        json.loads(x)['kind'] for x in b.splitlines()), (200, b'', ()))[1]))
    w.sinks('name: h, type: http, form: record, '
            f'url: "http://127.0.0.1:{stand.port}/"')
    equal(w.run('true').code, 0, 'a session')
    w.stop_daemon()
    wait_for('the last word', 10, lambda: 'daemon.stop' in got)
    wait_for('they end', 10, lambda: not exporters(w))


@test('a receiver that is away costs no memory, and gets all when it is back',
      120)
def away():
    w = world()
    got = []
    stand = w.serve(receivers.Stand(lambda r, b: (got.extend(
        json.loads(x)['seq'] for x in b.splitlines()), (200, b'', ()))[1]))
    stand.stop()
    w.sinks('name: h, type: http, form: record, '
            f'url: "http://127.0.0.1:{stand.port}/"')
    many(w, 1500, 'x')
    w.stop_daemon()  # and it does not hold up the end
    wait_for('they end', 10, lambda: not exporters(w))
    equal(w.run('true').code, 0, 'the next daemon')
    stand.start()
    delivered(w, lambda: got)
    equal(len(got), len(set(got)), 'each once: nothing died')


@test('sinks.yaml changes while the daemon runs, filters and begin: now')
def changes():
    w = world()
    one, two = w.home + '/one', w.home + '/two'
    equal(w.run('true').code, 0, 'a session without sinks')
    w.sinks(f'name: one, type: file, path: {one}, filter: kind ~ session')
    p = w.popen(['sleep', '30'])

    def kinds(path):
        try:
            with open(path) as f:
                return [json.loads(x)['kind'] for x in f]
        except OSError:
            return []
    wait_for('the first', 20, lambda: 'session.open' in kinds(one))
    check(all(k.startswith('session') for k in kinds(one)), 'the filter')
    w.sinks(f'name: two, type: file, path: {two}, begin: now')
    wait_for('the second begins', 20, lambda: [
        s for s in status(w) if s['state'] == 'ok' and s['seq'] > 0])
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=30 * SLOW)
    wait_for('what came since', 20, lambda: 'session.close' in kinds(two))
    check('ledger.start' not in kinds(two), 'not what was there before')


@test("a wrong text of the user takes nothing away from the organisation's")
def layers():
    w = world()
    w.admin(org='version: 1\n')
    out = w.home + '/org.jsonl'
    w.write(w.top + '/admin/bawn/sinks.yaml', 'version: 1\nsinks:\n'
            f'- {{name: audit, type: file, path: {out}}}\n')
    w.sinks('name: audit, type: nonsense')
    equal(w.run('true').code, 0, 'a session')
    wait_for('the record', 20, lambda: os.path.exists(out) and
             'session.close' in open(out).read())
    contains(w.log(), 'sinks.yaml:3:23: type: must be', 'the log says so')
    r = w.bawn('ledger', 'sinks', 'check')
    equal(r.code, 1, 'check')
    contains(r.out, 'organisation-audit: file to', 'check shows the other')


@test('a sink cannot start programs, listen, or read what it need not')
def confined():
    w = world(f'name: f, type: file, path: /var/tmp/bw-none-{os.getpid()}/x')
    equal(w.run('true').code, 0, 'a session')
    pids = wait_for('it runs', 20, lambda: exporters(w)[1:] and exporters(w))

    def is_confined(pid):
        with open(f'/proc/{pid}/status') as f:
            text = f.read()
        return 'NoNewPrivs:\t1' in text and 'Seccomp:\t2' in text
    wait_for('they are confined', 10, lambda: all(map(is_confined, pids[1:])))
    wait_for('it waits', 10, lambda: status(w)[0]['state'] == 'waiting')


if __name__ == '__main__':
    main()
