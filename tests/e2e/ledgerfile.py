# SPDX-License-Identifier: Apache-2.0
"""The files of a ledger, read and written by code that is not bawn's
(doc/PROTOCOL.ledger)."""

import base64
import hashlib
import json
import os
import re
import struct

HEAD = struct.Struct('>6scc II QQ 32s')
ERASED = 0xffffffff


def cut_entry(data, at):
    size, = struct.unpack_from('>H', data, at)
    return data[at + 2:at + 2 + size], at + 2 + size


def cut_payload(data, at):
    size, = struct.unpack_from('>I', data, at)
    if size == ERASED:
        return None, at + 4
    return data[at + 4:at + 4 + size], at + 4 + size


def frame(kind, count, first, number, body, before):
    head = HEAD.pack(b'bawnJ1', kind, b'\n', len(body), count, first, number, bytes(32))
    digest = hashlib.sha256(before + head[:32] + body).digest()
    return head[:32] + digest + body, digest


def frames(data):
    """(type, count, first, number, body) of each, and where the last one ends."""
    at, out, last = 0, [], bytes(32)
    while len(data) - at >= HEAD.size:
        magic, kind, _, size, count, first, number, digest = \
            HEAD.unpack_from(data, at)
        body = data[at + HEAD.size:at + HEAD.size + size]
        if magic != b'bawnJ1' or len(body) < size or digest != \
                hashlib.sha256(last + data[at:at + 32] + body).digest():
            break
        out.append((kind, count, first, number, body))
        at, last = at + HEAD.size + size, digest
    return out, at


def newest_journal(path):
    names = [f for f in os.listdir(path) if re.fullmatch(r'journal-\d{6,}', f)]
    return os.path.join(path, max(names, key=lambda n: int(n[8:])))


def tile_name(n):
    parts = [f'{n % 1000:03}']
    while n >= 1000:
        n //= 1000
        parts.insert(0, f'x{n % 1000:03}')
    return '/'.join(parts)


def read_file(*parts):
    with open(os.path.join(*parts), 'rb') as f:
        return f.read()


def journal_entries(data):
    out = []
    for kind, count, _, _, body in frames(data)[0]:
        at = 0
        for _ in range(count if kind == b'R' else 0):
            leaf, at = cut_entry(body, at)
            payload, at = cut_payload(body, at)
            out.append((leaf, payload))
    return out


def entries(path):
    """All (leaf, payload) of the ledger in @path, in order."""
    journal = read_file(newest_journal(path))
    first = frames(journal)[0][0][2]
    out = []
    for n in range(first // 256):
        leaves = read_file(path, 'tile/entries', tile_name(n))
        payloads = read_file(path, 'payload', tile_name(n))
        a = b = 0
        for _ in range(256):
            leaf, a = cut_entry(leaves, a)
            payload, b = cut_payload(payloads, b)
            out.append((leaf, payload))
    return out + journal_entries(journal)


def rows(path):
    """The records of the ledger in @path, leaf and payload in one."""
    out = []
    for leaf, payload in entries(path):
        row = json.loads(leaf)
        if payload:
            row.update(json.loads(payload))
        out.append(row)
    return out


def journal_of(records, first=0):
    """A journal of nothing but these (leaf, payload)."""
    data, last = frame(b'H', 0, first, 1, b'', bytes(32))
    body = b''.join(struct.pack('>H', len(leaf)) + leaf +
                    struct.pack('>I', len(payload or b'')) + (payload or b'')
                    for leaf, payload in records)
    if records:
        more, _ = frame(b'R', len(records), first, len(records) + 1, body, last)
        data += more
    return data


def root(leaves):
    """RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b'').digest()
    if len(leaves) == 1:
        return hashlib.sha256(b'\0' + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b'\1' + root(leaves[:k]) + root(leaves[k:])).digest()


def checkpoint(path):
    """(origin, size, root) of the checkpoint; its signature is not looked at."""
    text = read_file(path, 'checkpoint').decode().split('\n')
    return text[0], int(text[1]), base64.b64decode(text[2])
