#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What programs in the jail say of themselves by OTLP is on the ledger, as they
said it, claimed, and in no other way; who sends nonsense is told so, and who
sends too much is counted."""

import base64
import gzip
import json

import receivers
from harness import (LANDLOCK, World, check, contains, equal, landlock_abi,
                     main, skip, test)

ON = 'version: 1\naudit: {files: off, telemetry: on}\n'
w = World(ON)

# In the jail: requests from standard input, one after the other on one
# connection; what came of each to standard output.
SEND = '''
import base64, http.client, json, sys
c = http.client.HTTPConnection('127.0.0.1', 4318, timeout=30)
said = []
for r in json.load(sys.stdin):
    body = base64.b64decode(r['body'])
    if r.get('chunks'):
        n = r['chunks']
        body = iter([body[i:i + n] for i in range(0, len(body), n)])
    c.request(r.get('method', 'POST'), r['path'], body, r['headers'],
              encode_chunked=bool(r.get('chunks')))
    a = c.getresponse()
    said.append([a.status, a.getheader('Content-Type'),
                 base64.b64encode(a.read()).decode()])
    if a.will_close:
        c.close()
print(json.dumps(said))
'''

# In the jail: raw bytes, and the status that came back, or "closed".
RAW = '''
import json, socket, sys, base64
said = []
for text in json.load(sys.stdin):
    s = socket.create_connection(('127.0.0.1', 4318), 30)
    try:
        s.sendall(base64.b64decode(text))
        got = b''
        while b'\\r\\n\\r\\n' not in got:
            piece = s.recv(4096)
            if not piece:
                break
            got += piece
    except OSError:
        pass
    s.close()
    said.append(got.split(b' ')[1].decode() if got else 'closed')
print(json.dumps(said))
'''


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text)


def jail(script, given, world=None, timeout=60):
    r = (world or w).run('python3', '-c', script, stdin=json.dumps(given).encode(),
                         timeout=timeout)
    equal(r.code, 0, f'{r}')
    return json.loads(r.out)


def req(path, body, kind='application/json', **more):
    headers = {'Content-Type': kind, **more.pop('headers', {})}
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    return {'path': path, 'body': b64(body), 'headers': headers, **more}


def any_value(v):
    if isinstance(v, bool):
        return {'boolValue': v}
    if isinstance(v, int):
        return {'intValue': str(v)}
    if isinstance(v, float):
        return {'doubleValue': v}
    return {'stringValue': v}


def log(name, **attributes):
    return {'eventName': name, 'timeUnixNano': '1700000000000000000',
            'attributes': [{'key': k.replace('__', '.'), 'value': any_value(v)}
                           for k, v in attributes.items()]}


def logs(*rows, service='tester'):
    return {'resourceLogs': [{
        'resource': {'attributes': [{'key': 'service.name',
                                     'value': {'stringValue': service}}]},
        'scopeLogs': [{'logRecords': list(rows)}]}]}


def events(world=None, **fields):
    return (world or w).having('agent.event', **fields)


@test('JSON, plain, packed and in chunks, on one connection')
def plain():
    bodies = [logs(log(f'e{i}', tool_name='Bash', n=i)) for i in range(4)]
    packed = gzip.compress(json.dumps(bodies[1]).encode())
    said = jail(SEND, [
        req('/v1/logs', bodies[0]),
        req('/v1/logs', packed, headers={'Content-Encoding': 'gzip'}),
        req('/v1/logs', bodies[2], chunks=7),
        req('/v1/logs', gzip.compress(json.dumps(bodies[3]).encode()),
            headers={'Content-Encoding': 'gzip'}, chunks=3),
    ])
    equal([(s, t, unb64(b)) for s, t, b in said],
          [(200, 'application/json', b'{}')] * 4, 'answers')
    rows = events()
    equal([r['name'] for r in rows], ['e0', 'e1', 'e2', 'e3'], 'names')
    for i, r in enumerate(rows):
        equal((r['trust'], r['verdict'], r['signal'], r['service'], r['tool'],
               r['agent_at'], json.loads(r['attrs'])),
              ('claimed', 'none', 'log', 'tester', 'Bash',
               1700000000000000000, {'n': i}), 'record')
    check(len({r['session'] for r in rows}) == 1 and rows[0]['session'],
          'the session')
    w.verify()


@test('protocol buffers of the official definitions: logs, spans, metrics', 180)
def protobuf():
    receivers.otlp()
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    kind = 'application/x-protobuf'

    a = logs_service_pb2.ExportLogsServiceRequest()
    r = a.resource_logs.add()
    r.resource.attributes.add(key='service.name').value.string_value = 'agent'
    g = r.scope_logs.add().log_records.add(
        time_unix_nano=1700000000000000001, severity_text='INFO',
        trace_id=bytes(range(16)), span_id=b'\xff' * 8)
    g.body.string_value = 'claude_code.api_request'
    for k, v in {'event.name': 'api_request', 'model': 'm'}.items():
        g.attributes.add(key=k).value.string_value = v
    g.attributes.add(key='input_tokens').value.int_value = 10
    g.attributes.add(key='cost_usd').value.double_value = 0.25
    nested = g.attributes.add(key='list').value.array_value
    nested.values.add().int_value = -1
    nested.values.add().kvlist_value.values.add(
        key='k').value.bytes_value = b'\0\xff'

    t = trace_service_pb2.ExportTraceServiceRequest()
    s = t.resource_spans.add().scope_spans.add().spans.add(
        name='tool', start_time_unix_nano=10**18,
        end_time_unix_nano=10**18 + 2500000, trace_id=b'a' * 16)
    s.status.code = 2
    s.status.message = 'no such file'

    m = metrics_service_pb2.ExportMetricsServiceRequest()
    metric = m.resource_metrics.add().scope_metrics.add().metrics.add(
        name='claude_code.token.usage', unit='tokens')
    metric.sum.aggregation_temporality = 1
    for n in 3, 4:
        p = metric.sum.data_points.add(as_int=n)
        p.attributes.add(key='type').value.string_value = 'input'

    said = jail(SEND, [
        req('/v1/logs', a.SerializeToString(), kind),
        req('/v1/traces', t.SerializeToString(), kind),
        req('/v1/metrics', gzip.compress(m.SerializeToString()), kind,
            headers={'Content-Encoding': 'gzip'}),
    ])
    equal([x[:2] for x in said], [[200, kind]] * 3, 'answers')
    for body, answer in zip((x[2] for x in said), (
            logs_service_pb2.ExportLogsServiceResponse,
            trace_service_pb2.ExportTraceServiceResponse,
            metrics_service_pb2.ExportMetricsServiceResponse)):
        got = answer.FromString(unb64(body))
        check(not got.HasField('partial_success'), f'{got}')
    one, span, point = events()
    equal((one['name'], one['model'], one['tokens_in'], one['cost_microusd'],
           one['trace_id'], one['span_id'], json.loads(one['attrs'])),
          ('claude_code.api_request', 'm', 10, 250000,
           bytes(range(16)).hex(), 'ff' * 8, {'list': [-1, {'k': 'AP8='}]}),
          'log')
    equal((span['signal'], span['name'], span['ms'], span['status'],
           span['text']), ('span', 'tool', 2, 'error', 'no such file'), 'span')
    equal((point['signal'], point['value'], point['points'], point['unit'],
           json.loads(point['attrs'])),
          ('metric', '7', 2, 'tokens', {'type': 'input'}), 'metric')
    w.verify()


@test('nothing of the ledger\'s own can be said')
def forged():
    bad = '\x1b]0;x\x07\n","kind":"net.grant","trust":"kernel'
    said = jail(SEND, [req('/v1/logs', logs(
        log(bad, kind='net.grant', trust='kernel', session='other', seq=1,
            verdict='allow', session__id='theirs', count=99),
        service=bad))])
    equal(said[0][0], 200, f'{said}')
    rows = w.records()
    equal([r['kind'] for r in rows if r['kind'].startswith('net.')], [],
          'grants')
    r = [r for r in rows if r['kind'] == 'agent.event'][0]
    equal((r['name'], r['service'], r['trust'], r['count'],
           r['conversation']), (bad, bad, 'claimed', 1, 'theirs'), 'record')
    equal(json.loads(r['attrs']),
          {'kind': 'net.grant', 'trust': 'kernel', 'session': 'other',
           'seq': 1, 'verdict': 'allow', 'count': 99}, 'attributes')
    for verb in (['logs', '@'], ['show', '@'], ['ledger', 'query',
                                                'kind = agent.event']):
        out = w.bawn(*verb)
        equal(out.code, 0, f'{out}')
        check('\x1b]' not in out.out and '\x07' not in out.out, f'{verb}')
    w.verify()


@test('what is not a request is refused, with the status that fits')
def refused():
    ok = json.dumps(logs(log('x'))).encode()
    js = 'application/json'
    pb = 'application/x-protobuf'
    deep = ok
    for _ in range(200):
        deep = b'{"a":' + deep + b'}'
    rows = [
        (req('/v1/log', ok), 404), (req('/', ok), 404),
        (req('/v1/logs?x', ok), 404),
        (req('/v1/logs', b'', method='GET'), 405),
        (req('/v1/logs', ok, method='PUT'), 405),
        (req('/v1/logs', ok, 'text/plain'), 415),
        (req('/v1/logs', ok, js, headers={'Content-Encoding': 'br'}), 415),
        (req('/v1/logs', b'', js), 400), (req('/v1/logs', b'[]', js), 400),
        (req('/v1/logs', b'{"resourceLogs":7}', js), 400),
        (req('/v1/logs', deep, js), 400),
        (req('/v1/logs', b'{"a":"\xff"}', js), 400),
        (req('/v1/logs', ok, pb), 400),
        (req('/v1/logs', b'\x0a\xff\xff\xff\xff\x0f', pb), 400),
        (req('/v1/logs', b'\x0a\x05\x12\xff\xff\xff\x7f', pb), 400),
        (req('/v1/logs', b'\x0b' * 1000, pb), 400),
        (req('/v1/logs', ok, js, headers={'Content-Encoding': 'gzip'}), 400),
        (req('/v1/logs', gzip.compress(ok)[:-3], js,
             headers={'Content-Encoding': 'gzip'}), 400),
        (req('/v1/logs', gzip.compress(bytes(200 << 20), 9), pb,
             headers={'Content-Encoding': 'gzip'}), 413),  # a bomb
        (req('/v1/logs', b' ' * (1 << 20) + ok, js), 413),
        (req('/v1/logs', b' ' * (1 << 20) + ok, js, chunks=65536), 413),
        (req('/v1/logs', gzip.compress(b'\x0a\x00' * (2047 << 10)), pb,
             headers={'Content-Encoding': 'gzip'}), 413),  # a large tree
        (req('/v1/logs', ok), 200),
    ]
    said = jail(SEND, [r for r, _ in rows], timeout=120)
    for (r, want), (status, kind, body) in zip(rows, said):
        equal(status, want, f'{r["path"]} {r["headers"]} {unb64(body)[:80]}')
        if r['headers']['Content-Type'] == js and status != 200:
            check('message' in json.loads(unb64(body)), 'a reason')
    equal([r['name'] for r in events()], ['x'], 'what is on the ledger')
    w.verify()


@test('heads that are not HTTP')
def heads():
    post = b'POST /v1/logs HTTP/1.1\r\nHost: a\r\n'
    j = b'Content-Type: application/json\r\n'
    rows = [
        (b'\r\n\r\n', '400'), (b'GET\r\n\r\n', '400'),
        (b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n', '400'),
        (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505'),
        (post + j + b'Content-Length: 1\r\nContent-Length: 2\r\n\r\nab', '400'),
        (post + j + b'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
         '400'),
        (post + j + b'Content-Length: 99999999999999999999\r\n\r\n', '400'),
        (post + j + b'Content-Length: 1099511627776\r\n\r\n', '413'),
        (post + j + b'Transfer-Encoding: gzip\r\n\r\n', '501'),
        (post + j + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n', '400'),
        (post + j + b'Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n', '413'),
        (post + j + b'Expect: tea\r\n\r\n', '417'),
        (post + b'X: ' + b'y' * 9000 + b'\r\n\r\n', '431'),
        (post + b'X: y\r\n' * 100 + b'\r\n', '431'),
        (b'y' * 20000, '431'),
        (post + j + b'Content-Length: 2\r\n\r\n{}', '200'),
        (post + j + b'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n',
         '100'),
    ]
    said = jail(RAW, [b64(r) for r, _ in rows])
    for (r, want), got in zip(rows, said):
        equal(got, want, f'{r[:120]}')


@test('too much is cut, and what is left out is counted', 120)
def too_much():
    row = log('flood')
    many = logs(*[row] * 1000)
    n = 12
    said = jail(SEND, [req('/v1/logs', many)] * n, timeout=90)
    taken = 0
    lost = 0
    for status, _, body in said:
        answer = json.loads(unb64(body))
        check(status in (200, 429), f'{status}')
        if status == 200:
            part = int(answer.get('partialSuccess', {})
                       .get('rejectedLogRecords', 0))
            taken += 1000 - part
            lost += part
    check(429 in [s for s, _, _ in said], 'somebody is put off')
    check(2048 <= taken < 6000, f'{taken} were taken')
    equal(len(events()), taken, 'what is on the ledger')
    rows = w.having('agent.lost')
    equal(sum(r['count'] for r in rows), lost, 'what is missing')
    equal({r['trust'] for r in rows}, {'kernel'}, 'who says so')
    out = w.bawn('show', '@')
    contains(out.out, 'telemetry', f'{out}')
    w.verify()


@test('large records are cut and say so')
def large():
    said = jail(SEND, [req('/v1/logs', logs(log(
        'n' * 5000, body='x' * 100000, bell='\x07' * 5000,
        **{f'a{i}': '"' * 3000 for i in range(100)})))])
    equal(said[0][0], 200, f'{said}')
    r, = events()
    check(r['cut'] is True and len(json.dumps(r)) < 32768, 'cut')
    json.loads(r['attrs'])
    w.verify()


@test('a thousand connections, and slow ones: others are served', 180)
def many():
    r = w.run('python3', '-c', '''
import http.client, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048)) \
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 2048 else None
held = []
for i in range(1000):
    try:
        s = socket.create_connection(('127.0.0.1', 4318), 10)
        s.sendall(b'POST /v1/logs HTTP/1.1\\r\\nHost: a\\r\\nX-%d: ' % i)
        held.append(s)
    except OSError:
        pass
began = time.monotonic()
c = http.client.HTTPConnection('127.0.0.1', 4318, timeout=20)
c.request('POST', '/v1/logs', b'{"resourceLogs":[{"scopeLogs":[{"logRecords":'
          b'[{"eventName":"served"}]}]}]}', {'Content-Type': 'application/json'})
print(c.getresponse().status, len(held) > 500, time.monotonic() - began < 10)
''', timeout=120)
    equal(r.out, '200 True True\n', f'{r}')
    equal([e['name'] for e in events()], ['served'], 'events')
    w.verify()


@test('what was said just before the end is there')
def last_words():
    r = w.run('python3', '-c', '''
import os, socket
body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"last"}]}]}]}'
s = socket.create_connection(('127.0.0.1', 4318))
s.sendall(b'POST /v1/logs HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: '
          b'application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s'
          % (len(body), body))
os._exit(0)
''')
    equal(r.code, 0, f'{r}')
    equal([e['name'] for e in events()], ['last'], 'events')


@test('off: nobody listens, nothing is set; on: the variables of agents')
def environment():
    off = World('version: 1\naudit: {files: off}\n')
    show = 'env | grep -E "OTEL|CLAUDE_CODE_ENABLE|GEMINI_TEL" | sort'
    listens = ('python3 -c "import socket; s = socket.socket(); '
               'print(s.connect_ex((\'127.0.0.1\', 4318)))"')
    r = off.sh(f'{show}; {listens}')
    equal(r.out, '111\n', 'off')
    r = w.sh(f'{show}; {listens}')
    for line in ('OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318',
                 'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
                 'OTEL_LOGS_EXPORTER=otlp', 'OTEL_METRICS_EXPORTER=otlp',
                 'CLAUDE_CODE_ENABLE_TELEMETRY=1', '0'):
        contains(r.out.splitlines(), line, 'on')
    own = World(ON + 'env: {set: {OTEL_LOGS_EXPORTER: none}}\n')
    contains(own.sh(show).out, 'OTEL_LOGS_EXPORTER=none', 'the policy wins')
    r = w.run('sh', '-c', show, options=('-e', 'OTEL_METRICS_EXPORTER=x'))
    contains(r.out, 'OTEL_METRICS_EXPORTER=x', 'the command line wins')


@test('the organisation turns it on, and nobody below turns it off')
def forced():
    o = World('version: 1\naudit: {files: off, telemetry: off}\n')
    o.admin(org='version: 1\naudit: {files: off, telemetry: on}\n')
    said = jail(SEND, [req('/v1/logs', logs(log('forced')))], world=o)
    equal(said[0][0], 200, f'{said}')
    equal([r['name'] for r in events(o)], ['forced'], 'events')


@test('the other backend has it too', 120)
def landlock():
    if landlock_abi() < 6:
        skip('Landlock here has no ABI 6')
    o = World(ON + LANDLOCK)
    said = jail(SEND, [req('/v1/logs', logs(log('landlock')))], world=o)
    equal(said[0][0], 200, f'{said}')
    equal([r['name'] for r in events(o)], ['landlock'], 'events')
    o.verify()


@test('logs, queries and the story know what was said')
def told():
    jail(SEND, [req('/v1/logs', logs(
        log('claude_code.api_request', model='m-1', input_tokens=1200,
            output_tokens=34, cost_usd=0.5, duration_ms=77),
        log('claude_code.api_request', model='m-1', input_tokens=800,
            output_tokens=6, cost_usd=0.25),
        log('claude_code.tool_result', tool_name='Bash'),
        service='claude-code'))])
    out = w.bawn('logs', '@')
    for part in ('said', 'claude_code.api_request', '1200 tokens in',
                 '$0.500000', 'it says'):
        contains(out.out, part, 'logs')
    rows = w.records('session = @ and kind = agent.event and '
                     'tokens_in > 1000')
    equal([r['tokens_out'] for r in rows], [34], 'query')
    out = w.bawn('show', '@')
    line = [x for x in out.out.splitlines() if 'telemetry' in x]
    equal(len(line), 1, f'{out}')
    for part in ('3 events', '2000 tokens in', '40 out', '$0.75', 'claimed'):
        contains(line[0], part, 'show')


if __name__ == '__main__':
    main()
