#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second party signs checkpoints: ours against an independent log, and our
log against an independent one (tlog.py, from the texts of C2SP)."""

import base64
import http.client
import http.server
import os
import shutil
import signal
import subprocess
import threading

import tlog
from harness import (BAWN, SLOW, World, check, contains, equal, main, test)

NAME = 'cosigner.test/one'


class Cosigner:
    """Ours."""

    def __init__(self, w, logs, name=NAME, where='cosigner'):
        self.argv = [BAWN, 'ledger', 'cosigner', '--state', f'{w.top}/{where}',
                     '--listen', '127.0.0.1:0', '--name', name]
        for vkey in logs:
            self.argv += ['--log', vkey]
        self.w = w
        World.all.append(self)
        self.start()

    def start(self):
        self.p = subprocess.Popen(self.argv, env=self.w.env,
                                  stdout=subprocess.PIPE, text=True)
        self.vkey = self.p.stdout.readline().partition('key ')[2].strip()
        self.port = int(self.p.stdout.readline().partition('port ')[2])

    def stop(self, how=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(how)
        return self.p.wait(timeout=20)

    def close(self, keep=False):
        self.stop(signal.SIGKILL)
        self.p.stdout.close()

    def post(self, body, method='POST', path='/add-checkpoint'):
        c = http.client.HTTPConnection('127.0.0.1', self.port,
                                       timeout=10 * SLOW)
        try:
            c.request(method, path, body)
            r = c.getresponse()
            return r.status, r.getheader('Content-Type'), r.read()
        finally:
            c.close()


class Log:
    """An independent one, of leaves that nobody sees."""

    def __init__(self, origin='log.test/a', n=0):
        self.signer = tlog.Signer(origin, tlog.LOG)
        self.origin = origin
        self.hashes = [tlog.leaf_hash(b'leaf %d' % i) for i in range(n)]

    def grow(self, n):
        at = len(self.hashes)
        self.hashes += [tlog.leaf_hash(b'leaf %d' % i)
                        for i in range(at, at + n)]

    def note(self, signer=None, size=None):
        hashes = self.hashes[:size]
        text = (f'{self.origin}\n{len(hashes)}\n' + base64.b64encode(
            tlog.root(hashes)).decode() + '\n').encode()
        return text + b'\n' + (signer or self.signer).line(text)

    def request(self, old, note=None, proof=None):
        if proof is None:
            proof = tlog.consistency(self.hashes, old) \
                if 0 < old <= len(self.hashes) else []
        lines = b''.join(base64.b64encode(h) + b'\n' for h in proof)
        return b'old %d\n' % old + lines + b'\n' + (note or self.note())


class Ledgered(World):
    def log_key(self):
        with open(self.state + '/ledger/vkey', encoding='utf-8') as f:
            return f.read().split()[-1]

    def checkpoint(self):
        with open(self.state + '/ledger/checkpoint', 'rb') as f:
            return f.read()

    def more(self, n=1):
        """Sessions, which are in the checkpoint once the daemon has ended."""
        for _ in range(n):
            equal(self.run('true').code, 0, 'bawn run')
        self.stop_daemon()


w = Ledgered()


@test('it signs what continues, and nothing else')
def judges():
    log = Log(n=5)
    c = Cosigner(w, [log.signer.vkey])
    key = tlog.Key(c.vkey)
    equal((key.name, key.type), (NAME, tlog.COSIGNER), 'its key')

    status, _, body = c.post(log.request(0))
    equal(status, 200, f'the first: {body}')
    note = log.note() + body
    check(tlog.signed_by(note, key) > 1_700_000_000, 'signed, with a time')
    check(tlog.signed_by(note, tlog.Key(log.signer.vkey)), 'still the log\'s')

    for step in (0, 1, 2, 3, 250, 256, 1000):
        old = len(log.hashes)
        log.grow(step)
        status, _, body = c.post(log.request(old))
        equal(status, 200, f'{old} to {len(log.hashes)}: {body}')
        check(tlog.signed_by(log.note() + body, key), 'signed')

    size = len(log.hashes)
    equal(c.post(log.request(0))[:2], (409, 'text/x.tlog.size'), 'an old size')
    equal(c.post(log.request(0))[2], b'%d\n' % size, 'and what it is')
    equal(c.post(log.request(size + 1))[0], 400, 'a size to come')
    log.grow(7)
    good = tlog.consistency(log.hashes, size)
    for i, bad in enumerate((good[1:], good[:-1], good + [good[0]],
                             [good[-1], *good[:-1]], [])):
        equal(c.post(log.request(size, proof=bad))[0], 422, f'a bad proof {i}')
    # Another history of the same size, signed by the log.
    other = Log(n=0)
    other.signer = log.signer
    other.hashes = [tlog.leaf_hash(b'x'), *log.hashes[1:size]]
    equal(c.post(other.request(size))[0], 409, 'another root')
    other.hashes += log.hashes[size:]
    equal(c.post(other.request(size))[0], 422, 'another past')
    equal(c.post(log.request(size))[0], 200, 'none of it was signed')
    c.stop()


@test('strangers and what is no request')
def refuses():
    log = Log(n=3)
    c = Cosigner(w, [log.signer.vkey], where='strange')
    stranger = tlog.Signer(log.origin, tlog.LOG)
    equal(c.post(Log('log.test/b', 3).request(0))[0], 404, 'another log')
    equal(c.post(log.request(0, log.note(stranger)))[0], 403, 'another key')
    both = log.note() + stranger.line(tlog.cut_note(log.note())[0])
    good = log.request(0)
    for what in (b'', b'old', b'old 0', b'old 0\n', b'old 0\n\n', b'\n' + good,
                 good.replace(b'old 0', b'old 00'),
                 good.replace(b'old 0', b'old -1'),
                 good.replace(b'old 0', b'OLD 0'),
                 good.replace(b'old 0', b'old 18446744073709551616'),
                 good.replace(b'\n', b'\r\n'),
                 b'old 1\n' + 64 * (b'A' * 43 + b'=\n') + b'\n' + log.note(),
                 good[:-1], good + b'x', os.urandom(512), b'\0' * 70000):
        equal(c.post(what)[0], 400, f'{what[:40]}')
    equal(c.post(b'a' * 200_000)[0], 413, 'far too long')
    equal(c.post(good, method='GET')[0], 405, 'GET')
    equal(c.post(good, path='/')[0], 404, 'elsewhere')
    equal(c.post(log.request(0, both))[0], 200, 'more signatures than known')
    c.stop()


@test('what it signed outlives kill -9, and damage is no new beginning')
def remembers():
    log = Log(n=9)
    c = Cosigner(w, [log.signer.vkey], where='lasting')
    equal(c.post(log.request(0))[0], 200, 'signed')
    c.stop(signal.SIGKILL)
    vkey = c.vkey
    c.start()
    equal(c.vkey, vkey, 'its key lasts')
    equal(c.post(log.request(0))[2], b'9\n', 'and what it signed')
    # A second one in the same place would sign what this one does not know of.
    r = w.call(c.argv)
    equal(r.code, 2, f'a second one: {r}')
    contains(r.err, 'another one serves it', 'why')
    c.stop()
    where = w.top + '/lasting'
    kept = [f for f in os.listdir(where) if f != 'key']
    equal(len(kept), 1, 'one log')
    path = f'{where}/{kept[0]}'
    with open(path, 'rb') as f:
        text = f.read()
    for bad in (b'', text[:-5], text.replace(b'\n9\n', b'\n8\n')):
        with open(path, 'wb') as f:
            f.write(bad)
        c.start()
        equal(c.post(log.request(0))[0], 500, 'damaged')
        c.stop()
    equal(os.stat(where + '/key').st_mode & 0o777, 0o600, 'the key')


class Independent(http.server.BaseHTTPRequestHandler):
    """A cosigner that is not ours."""

    def do_POST(self):
        s = self.server
        body = self.rfile.read(int(self.headers['Content-Length']))
        first, _, note = body.partition(b'\n\n')
        first = first.split(b'\n')
        old = int(first[0].removeprefix(b'old '))
        proof = [base64.b64decode(x, validate=True) for x in first[1:]]
        origin, size, root = tlog.head(note)
        s.seen.append((old, size))
        assert self.path == '/deep/add-checkpoint', self.path
        assert tlog.signed_by(note, s.log), 'not signed by the log'
        if old != s.size:
            return self.say(409, b'%d\n' % s.size, 'text/x.tlog.size')
        if not tlog.check_consistency(old, size, proof, s.root, root):
            return self.say(422, b'')
        s.size, s.root = size, root
        line = s.signer.line(tlog.cut_note(note)[0], 1_800_000_000)
        if s.mode == 'forge':
            line = tlog.Signer(s.signer.name, tlog.COSIGNER).line(
                tlog.cut_note(note)[0], 1)
        return self.say(200, line)

    def say(self, status, body, kind='text/plain'):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Other:
    def __init__(self, log):
        self.http = http.server.HTTPServer(('127.0.0.1', 0), Independent)
        h = self.http
        h.signer, h.log = tlog.Signer('other.test', tlog.COSIGNER), log
        h.size, h.root, h.seen, h.mode = 0, b'', [], ''
        self.url = f'http://127.0.0.1:{h.server_port}/deep'
        World.all.append(self)
        threading.Thread(target=h.serve_forever, daemon=True).start()

    def close(self, keep=False):
        self.http.shutdown()
        self.http.server_close()


def cosign(w, url, vkey):
    return w.bawn('ledger', 'cosign', '--to', url, '--key', vkey)


@test('our ledger before a cosigner that is not ours')
def foreign():
    v = Ledgered()
    v.more()
    o = Other(tlog.Key(v.log_key()))
    h = o.http
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 0, f'the first: {r}')
    origin, size, root = tlog.head(v.checkpoint())
    equal((h.size, h.root), (size, root), 'what it knows')
    equal(tlog.root([tlog.leaf_hash(x) for x in
                     tlog.entries(v.state + '/ledger', size)]), root,
          'the root is that of the leaves on disk')
    kept = os.listdir(v.state + '/ledger-cosigned')
    equal(kept, [h.signer.id.hex()], 'the signed checkpoint')
    with open(f'{v.state}/ledger-cosigned/{kept[0]}', 'rb') as f:
        note = f.read()
    equal(tlog.signed_by(note, tlog.Key(h.signer.vkey)), 1_800_000_000,
          'with its signature')

    v.more(3)
    equal(cosign(v, o.url, h.signer.vkey).code, 0, 'a longer one')
    check(h.size > size, 'it grew')
    equal(cosign(v, o.url, h.signer.vkey).code, 0, 'the same again')
    # It may know more, or less, than we remember.
    shutil.rmtree(v.state + '/ledger-cosigned')
    v.more()
    del h.seen[:]
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 0, f'asks what it knows: {r}')
    equal(len(h.seen), 2, 'twice')
    equal(h.seen[0][0], 0, 'first from nothing')


@test('answers that do not hold are not kept')
def forged():
    v = Ledgered()
    v.more()
    o = Other(tlog.Key(v.log_key()))
    h = o.http
    h.mode = 'forge'
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 1, f'another key\'s signature: {r}')
    check(not os.path.exists(v.state + '/ledger-cosigned') or
          not os.listdir(v.state + '/ledger-cosigned'), 'nothing is kept')
    o.close()
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 2, f'nobody there: {r}')
    contains(r.err, '127.0.0.1', 'who')
    for bad in (('--to', 'ftp://x', '--key', h.signer.vkey),
                ('--to', o.url, '--key', 'nonsense'), ('--to', o.url), ()):
        r = v.bawn('ledger', 'cosign', *bad)
        equal(r.code, 64, f'{bad}: {r}')


@test('a cut ledger is found out by who cosigned it')
def cut():
    v = Ledgered()
    v.more()
    saved = v.top + '/saved'
    shutil.copytree(v.state + '/ledger', saved)
    v.more(2)
    o = Other(tlog.Key(v.log_key()))
    h = o.http
    equal(cosign(v, o.url, h.signer.vkey).code, 0, 'cosigned')
    # The user sets the whole ledger back, with its key: nothing in it is wrong.
    shutil.rmtree(v.state + '/ledger')
    shutil.copytree(saved, v.state + '/ledger')
    shutil.rmtree(v.state + '/ledger-cosigned')
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 1, f'shorter: {r}')
    contains(r.err, 'more', 'why')
    v.more(5)
    r = cosign(v, o.url, h.signer.vkey)
    equal(r.code, 1, f'and grown again, another history: {r}')


@test('ours before ours')
def ours():
    v = Ledgered()
    v.more()
    c = Cosigner(v, [v.log_key()])
    url = f'http://127.0.0.1:{c.port}'
    r = cosign(v, url, c.vkey)
    equal(r.code, 0, f'{r}')
    v.more(2)
    r = cosign(v, url + '/', c.vkey)
    equal(r.code, 0, f'with a slash, and grown: {r}')
    key = tlog.Key(c.vkey)
    with open(f'{v.state}/ledger-cosigned/{key.hex}', 'rb') as f:
        note = f.read()
    check(tlog.signed_by(note, key), 'signed')
    equal(tlog.head(note), tlog.head(v.checkpoint()), 'the newest')


main()
