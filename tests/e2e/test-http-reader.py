#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two readers of HTTP/1.1 agree: what ours takes, Node's takes too, and sees the
same message in it.  What a reader behind us sees differently is how requests are
smuggled."""

import base64
import json
import os
import random
import shutil
import subprocess

from harness import check, equal, main, skip, test

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ['BAWN_BIN']
MESSAGES = 1500  # of each kind
SEED = 20261122
METHODS = ('GET', 'POST', 'PUT', 'DELETE')

REQUESTS = [
    b'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    b'POST /a?b=c HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabc',
    b'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n'
    b'Trailer: X-T\r\n\r\n3;e=1\r\nabc\r\n1\r\nd\r\n0\r\nX-T: y\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n'
    b'Content-Length: 1\r\nConnection: close, x\r\n\r\nz',
    b'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
    b'Upgrade: websocket\r\n\r\n',
    b'GET / HTTP/1.0\r\nX: \xc3\xa4\r\nY:\r\n\r\n',
    b'DELETE /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'
    b'GET /next HTTP/1.1\r\nHost: a\r\n\r\n',
]
RESPONSES = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    b'3\r\nabc\r\n0\r\nX-T: y\r\n\r\n',
    b'HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nto the end',
    b'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
    b'HTTP/1.0 302 Found\r\nLocation: /b\r\n\r\nx',
    b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    b'HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n',
]
# What tends to be read in two ways.
PIECES = [
    b'\r\n', b'\n', b'\r', b'\0', b' ', b'\t', b':', b',', b';', b'\x0b', b'\x80',
    b'\r\n ', b'\r\n\t', b'0', b'00', b'+', b'-', b'0x', b'1', b'a', b'"',
    b'Content-Length: 3\r\n', b'Content-Length: 4\r\n', b'Content-Length:\r\n',
    b'Content-Length : 3\r\n', b'content-length: 3, 3\r\n',
    b'Transfer-Encoding: chunked\r\n', b'Transfer-Encoding: gzip, chunked\r\n',
    b'Transfer-Encoding: identity\r\n', b'Transfer-Encoding:\x0bchunked\r\n',
    b'transfer-encoding : chunked\r\n', b'Transfer-Encoding: Chunked\r\n',
    b'Connection: close\r\n', b'Connection: upgrade\r\n', b'Upgrade: h2c\r\n',
    b'Host: b\r\n', b'X-\xff: y\r\n', b'X: a\r\n b\r\n', b'Expect: 100-continue\r\n',
    b'HTTP/1.1', b'HTTP/1.0', b'HTTP/2.0', b'3\r\nabc\r\n', b'0\r\n\r\n', b';a=b',
]


def mutated(r, seeds):
    m = bytearray(r.choice(seeds))
    for _ in range(r.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        at = r.randrange(len(m) + 1)
        what = r.randrange(5)
        if what == 0 and at < len(m):
            del m[at:at + r.choice((1, 1, 2, 8))]
        elif what == 1 and at < len(m):
            m[at] = r.randrange(256)
        elif what == 2:
            m[at:at] = r.choice(PIECES)
        elif what == 3:  # behind a line
            ends = [i + 2 for i in range(len(m)) if m[i:i + 2] == b'\r\n']
            at = r.choice(ends) if ends else at
            m[at:at] = r.choice(PIECES)
        else:
            end = min(len(m), at + r.choice((1, 4, 16)))
            m[at:at] = m[at:end]
    return bytes(m)


def ours(messages):
    text = b''.join(b'%s %d\n%s' % (k.encode(), len(m), m) for k, m in messages)
    r = subprocess.run([os.path.join(os.path.dirname(BIN), 'http', 'h1-say')],
                       input=text, stdout=subprocess.PIPE, check=True)
    return [json.loads(x) for x in r.stdout.splitlines()]


def theirs(messages):
    node = shutil.which('node')
    if not node:
        skip('no node')
    text = ''.join(json.dumps({'kind': k,
                               'bytes': base64.b64encode(m).decode()}) + '\n'
                   for k, m in messages)
    r = subprocess.run([node, os.path.join(HERE, 'http-reader.mjs')],
                       input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(x) for x in r.stdout.splitlines()]


def of_no_form(kind, seen):
    """Node has a list of methods; which there are is the policy's here."""
    return kind == 'request' and seen['method'] not in METHODS


def compare(kind, seeds):
    r = random.Random(SEED)
    messages = [(kind, m) for m in
                seeds + [mutated(r, seeds) for _ in range(MESSAGES)]]
    a = ours(messages)
    # Where it ends by our reading, it has to end for the other.
    b = theirs([(k, m[:len(m) - x['rest']] if x else m)
                for (k, m), x in zip(messages, a)])
    equal((len(a), len(b)), (len(messages), len(messages)), 'answers')
    both = other = stricter = 0
    for (_, m), x, y in zip(messages, a, b):
        if x is None:
            stricter += y is not None
            continue
        x.pop('rest')
        if y is None and of_no_form(kind, x):
            other += 1
            continue
        if x['upgrade'] and y:
            x['body'] = y['body'] = ''  # another protocol's
        equal(x, y, repr(m))
        both += 1
    print(f'# {kind}: {both} read alike, {stricter} refused by us alone, '
          f'{other} of a method that Node does not know')
    check(both > MESSAGES // 6, 'some are taken')
    check(stricter > 0, 'ours is the stricter')


@test('requests are read alike', 240)
def requests():
    compare('request', REQUESTS)


@test('responses are read alike', 240)
def responses():
    compare('response', RESPONSES)


main()
