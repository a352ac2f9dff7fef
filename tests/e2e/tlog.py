# SPDX-License-Identifier: Apache-2.0
"""The C2SP formats, written from their texts and from RFC 6962, independently
of src/ledger: signed notes, checkpoints, tiles, proofs, cosignatures.

Ed25519 is python3-cryptography's."""

import base64
import hashlib
import os

from ledgerfile import cut_entry, read_file, tile_name

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey, Ed25519PublicKey)
from cryptography.hazmat.primitives.serialization import (Encoding,
                                                          PublicFormat)

LOG, COSIGNER = 1, 4


def sha(b):
    return hashlib.sha256(b).digest()


def leaf_hash(b):
    return sha(b'\0' + b)


def node_hash(a, b):
    return sha(b'\1' + a + b)


def split(n):
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def root(hashes):
    """RFC 6962, 2.1, over hashes of leaves."""
    if not hashes:
        return sha(b'')
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def consistency(hashes, m):
    """RFC 6962, 2.1.2: PROOF(m, D[n])."""
    def sub(m, h, whole):
        if m == len(h):
            return [] if whole else [root(h)]
        k = split(len(h))
        if m <= k:
            return sub(m, h[:k], whole) + [root(h[k:])]
        return sub(m - k, h[k:], False) + [root(h[:k])]
    return sub(m, hashes, True)


def check_consistency(m, n, proof, old, new):
    """RFC 9162, 2.1.4.2."""
    if m == n:
        return not proof and old == new
    if m == 0:
        return not proof
    proof = list(proof)
    if m & (m - 1) == 0:
        proof.insert(0, old)
    if not proof:
        return False
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, c)
        fn >>= 1
        sn >>= 1
    return fr == old and sr == new and sn == 0


class Key:
    """A verifier key: NAME+HEX+BASE64."""

    def __init__(self, vkey):
        self.name, self.hex, raw = vkey.strip().rsplit('+', 2) \
            if vkey.count('+') == 2 else self.cut(vkey)
        raw = base64.b64decode(raw, validate=True)
        self.type, self.public = raw[0], raw[1:]
        want = sha(self.name.encode() + b'\n' + raw)[:4].hex()
        assert self.hex == want, f'key id {self.hex}, not {want}'

    @staticmethod
    def cut(vkey):
        name, _, rest = vkey.strip().partition('+')
        number, _, raw = rest.partition('+')
        return name, number, raw

    def verifies(self, signature, message):
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(
                signature, message)
        except InvalidSignature:
            return False
        return True


class Signer:
    def __init__(self, name, kind):
        self.secret = Ed25519PrivateKey.generate()
        self.name, self.kind = name, kind
        raw = bytes([kind]) + self.secret.public_key().public_bytes(
            Encoding.Raw, PublicFormat.Raw)
        self.id = sha(name.encode() + b'\n' + raw)[:4]
        self.vkey = f'{name}+{self.id.hex()}+{base64.b64encode(raw).decode()}'

    def line(self, text, when=0):
        """The signature line for a note's text."""
        if self.kind == COSIGNER:
            sig = when.to_bytes(8, 'big') + self.secret.sign(
                f'cosignature/v1\ntime {when}\n'.encode() + text)
        else:
            sig = self.secret.sign(text)
        return (f'\u2014 {self.name} ' +
                base64.b64encode(self.id + sig).decode() + '\n').encode()


def cut_note(note):
    """(text, [(name, id in hex, signature)]) of a signed note."""
    text, _, sigs = note.rpartition(b'\n\n')
    out = []
    for line in sigs.decode().splitlines():
        dash, name, raw = line.split(' ')
        assert dash == '\u2014', line
        raw = base64.b64decode(raw, validate=True)
        out.append((name, raw[:4].hex(), raw[4:]))
    return text + b'\n', out


def signed_by(note, key):
    """The time of a cosignature, or True; False when it is not."""
    text, sigs = cut_note(note)
    for name, number, sig in sigs:
        if name != key.name or number != key.hex:
            continue
        if key.type == LOG:
            return key.verifies(sig, text)
        when = int.from_bytes(sig[:8], 'big')
        message = f'cosignature/v1\ntime {when}\n'.encode() + text
        return key.verifies(sig[8:], message) and when
    return False


def head(note):
    """(origin, size, root) of a checkpoint."""
    lines = cut_note(note)[0].decode().split('\n')
    return lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)


def entries(where, size):
    """The first @size leaves of the tlog-tiles directory @where."""
    out = []
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        path = f'{where}/tile/entries/{tile_name(n)}'
        if width < 256 and not os.path.exists(path):
            path += f'.p/{width}'
        b = read_file(path)
        at = 0
        while at < len(b) and len(out) < size:
            leaf, at = cut_entry(b, at)
            assert at <= len(b), f'{path} is cut'
            out.append(leaf)
    return out
