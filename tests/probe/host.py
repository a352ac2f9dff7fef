# SPDX-License-Identifier: Apache-2.0
"""What a run did to the host, which counts more than what the probe says.

Everything that the probe manages to write or send holds "MARKER ID", so what
is found names the row.  What carries no name (a changed mode, a connection that
said nothing, a character in a terminal) is given to rows by TRACES.
"""

import contextlib
import ctypes
import hashlib
import os
import re
import stat
import struct

import fixtures

CONTENT_MAX = 1 << 20
# Where the probe leaves its attempts at set-id files.
PLACE = 'bawn-probe.setid'
# What it puts beside a file to take its place, when it cannot be removed.
BESIDE = '.new'
# Directories of the host where it tries to make a file of this name, which it
# removes at once: only who watches sees it.
WATCHED = {
    'fs.write-root': '/',
    'fs.write-etc': '/etc',
    'fs.write-usr': '/usr/bin',
    'fs.write-local': '/usr/local/bin',
    'fs.write-boot': '/boot',
    'fs.write-var-tmp': '/var/tmp',
    'fs.write-run': '/run',
    'fs.write-cron': '/etc/cron.d',
    'fs.write-crontabs': '/var/spool/cron/crontabs',
    'fs.write-at': '/var/spool/cron/atjobs',
    'fs.write-systemd': '/etc/systemd/system',
    'fs.write-run-systemd': '/run/systemd/system',
    'fs.write-udev': '/etc/udev/rules.d',
    'fs.write-profile': '/etc/profile.d',
    'fs.write-sudoers': '/etc/sudoers.d',
    'fs.write-pam': '/etc/pam.d',
    'fs.write-ld-conf': '/etc/ld.so.conf.d',
    'fs.write-apt-hooks': '/etc/apt/apt.conf.d',
    'fs.write-xdg-autostart': '/etc/xdg/autostart',
    'fs.write-dbus': '/usr/share/dbus-1/system-services',
    'fs.write-binfmt': '/etc/binfmt.d',
    'fs.write-modules': '/etc/modules-load.d',
}
WATCHED_NAME = b'bawn-probe.new'

REACHED, REFUSED, INSIDE, ABSENT, UNTRIED = (
    'reachable', 'refused', 'inside', 'absent', 'untried')


class Entry:
    """One name of a tree, as far as it can be told without being moved."""

    def __init__(self, path):
        st = os.lstat(path)
        self.mode, self.owner = st.st_mode, (st.st_uid, st.st_gid)
        self.head = b''
        if stat.S_ISLNK(st.st_mode):
            self.head = os.fsencode(os.readlink(path))
        elif stat.S_ISREG(st.st_mode):
            self.head = read(path)
        self.labels = labels(path)
        self.sum = hashlib.sha256(self.head).digest()

    def same(self, other):
        return (self.mode, self.owner, self.sum, self.labels) == (
            other.mode, other.owner, other.sum, other.labels)

    def powers(self):
        """What makes it dangerous to run: set-id bits, capabilities, labels
        that only the host's administrator gives."""
        bits = self.mode & (stat.S_ISUID | stat.S_ISGID)
        return (bits, tuple(x for x in self.labels if x[0].startswith(
            ('security.', 'trusted.'))))


def read(path):
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, 'rb') as f:
            return f.read(CONTENT_MAX)
    return b''


def labels(path):
    """Its extended attributes."""
    with contextlib.suppress(OSError):
        return tuple(sorted(
            (x, os.getxattr(path, x, follow_symlinks=False))
            for x in os.listxattr(path, follow_symlinks=False)))
    return ()


def tree(*tops, skip=()):
    """path -> Entry, of all below @tops and themselves."""
    found = {}
    for top in tops:
        for at, dirs, files in os.walk(top):
            dirs[:] = [d for d in dirs if os.path.join(at, d) not in skip]
            for path in [at] + [os.path.join(at, x) for x in files] + [
                    os.path.join(at, d) for d in dirs
                    if os.path.islink(os.path.join(at, d))]:
                with contextlib.suppress(OSError):
                    found[path] = Entry(path)
    return found


class Effects:
    """by_id: id of a row -> what it did; unnamed: (trace, what) of which no
    row is known; phantoms: names that no row made."""

    def __init__(self, marker):
        self.by_id, self.unnamed, self.phantoms = {}, [], []
        self.name = re.compile(
            re.escape(marker.encode()) + rb' ([a-z0-9]+(?:[.-][a-z0-9-]+)+)')

    def add(self, trace, what, data=b''):
        ids = {m.decode() for m in self.name.findall(data)}
        for one in ids:
            self.by_id.setdefault(one, []).append(what)
        if not ids:
            self.unnamed.append((trace, what))
        return bool(ids)

    def give(self, one, what):
        self.by_id.setdefault(one, []).append(what)


class Watch:
    """Names that appear in directories of the host, however briefly."""

    CREATE, MOVED_TO = 0x100, 0x80
    LIBC = ctypes.CDLL(None, use_errno=True)

    def __init__(self):
        self.fd = self.LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.names = {}
        for path in WATCHED.values():
            wd = self.LIBC.inotify_add_watch(self.fd, path.encode(),
                                             self.CREATE | self.MOVED_TO)
            if wd >= 0:
                self.names[wd] = path

    def seen(self):
        """The directories in which the name has appeared."""
        found = set()
        with contextlib.suppress(OSError):
            while True:
                data = os.read(self.fd, 65536)
                at = 0
                while at + 16 <= len(data):
                    wd, _, _, size = struct.unpack_from('iIII', data, at)
                    name = data[at + 16:at + 16 + size].rstrip(b'\0')
                    if name == WATCHED_NAME and wd in self.names:
                        found.add(self.names[wd])
                    at += 16 + size
        os.close(self.fd)
        return found


class Before:
    """The host as it is before a run; `after` says what has changed."""

    def __init__(self, host):
        self.host = host
        self.trees = self.look()
        self.watch = Watch()

    def look(self):
        h = self.host
        return tree(h.home, h.outside, skip=(h.tools,))

    def after(self, ended, tty):
        """@ended: how the run went (terminal.py); @tty: what was written
        into the host's terminal."""
        h, e = self.host, Effects(self.host.marker)
        self.files(e)
        for one in h.listeners.of:
            # To come to these is what the policy allows.
            if one.key.endswith('allowed'):
                continue
            for data in list(one.seen):
                e.add('listener:' + one.key, f'{one.key} was reached', data)
        for key in sorted(h.ipc.changed()):
            e.add('ipc:' + key, f'{key} was changed')
        if tty:
            e.add('host-tty', "the host's terminal was written", tty)
        if ended.typed:
            e.add('typed', f'{ended.typed} bytes typed into the terminal')
        if not h.process_lives():
            e.add('killed', 'the process outside was ended')
        for path in sorted(self.watch.seen()):
            e.add('created:' + path, f'a file was made in {path}')
        for name in ended.left:
            e.add('left', f'{name} outlived the sandbox')
        return e

    def files(self, e):
        h, now = self.host, self.look()
        for path in sorted(set(now) | set(self.trees)):
            old, new = self.trees.get(path), now.get(path)
            if old and new and old.same(new):
                continue
            short = path.replace(h.top + '/', '', 1)
            within = path.startswith(h.project + '/')
            if PLACE in path.split('/'):
                self.powers(e, short, new)
                continue
            word = ('made' if not old else 'removed' if not new else
                    'changed')
            fresh = new.head if new and not (old and old.sum == new.sum) \
                else b''
            if not within:
                e.add('outside', f'{short} was {word}', fresh)
            elif short.endswith(BESIDE):
                pass
            elif word == 'made' and not e.name.search(fresh):
                # The directory of something is no effect of its own.
                if not stat.S_ISDIR(new.mode):
                    e.phantoms.append(short)
            elif not stat.S_ISDIR((new or old).mode):
                e.add(self.kind(path), f'{short} was {word}', fresh)

    @staticmethod
    def kind(path):
        for kind, names in (('hidden', fixtures.HIDDEN),
                            ('protected', fixtures.PROTECTED)):
            if path.endswith(tuple('/' + x for x in names)):
                return kind
        return 'project'

    @staticmethod
    def powers(e, short, new):
        """Files of PLACE are named as the rows that made them."""
        name = os.path.basename(short)
        if not new or name == PLACE:
            return
        bits, labelled = new.powers()
        if bits:
            e.give('fs.' + name, f'{short} has mode {new.mode & 0o7777:o}')
        for label, _ in labelled:
            e.give('fs.' + name, f'{short} has {label}')
        if name.startswith('chown') and new.owner[0] == 0 and os.getuid():
            e.give('fs.' + name, f'{short} belongs to root')


# Rows whose effect the host can see: what the probe calls reachable is harmless
# where no such effect is there.  (pattern of ids, traces that are theirs)  Those
# about a protected file are not among them: rows of `wtx` change it after them.
TRACES = (
    (r'wtx\.(?!git-(dir|hooks)-swap).*', ('project',)),
    (r'fs\.(set[ug]id-.*|file-capability|\w+-attribute|chown-root)', ()),
    (r'fs\.outside-.*', ('outside',)),
    (r'fs\.hidden-(write|truncate|unlink)', ('hidden',)),
    (r'proc\.outlive', ('left',)),
    (r'ipc\.unix-path.*', ('listener:unix_path',)),
    (r'ipc\.unix-abstract', ('listener:unix_abstract',)),
    (r'ipc\.sysv-msg', ('ipc:sysv_msg',)),
    (r'ipc\.tiocsti.*', ('typed',)),
    (r'ipc\.host-terminal', ('host-tty',)),
    (r'net\.(tcp4-loopback|mptcp|sctp|fast-open.*|reconnect|v4-\w+|nat64|'
     r'6to4)', ('listener:tcp4',)),
    (r'net\.tcp4-lan', ('listener:tcp4_lan',)),
    (r'net\.tcp6-loopback', ('listener:tcp6',)),
    (r'net\.udp4.*', ('listener:udp4',)),
    (r'net\.udp6', ('listener:udp6',)),
    (r'net\.vsock', ('listener:vsock',)),
    (r'net\.dns-(direct|tunnel)', ('listener:dns4',)),
    (r'net\.listen', ('listener:listen_port',)),
)


def traces_of(one):
    if one in WATCHED:
        return ('created:' + WATCHED[one],)
    for pattern, traces in TRACES:
        if re.fullmatch(pattern, one):
            return traces
    return None


def share_out(effects, rows):
    """Unnamed effects go to the rows that say they had one of that kind and
    have no other evidence; what is left stays unnamed."""
    left = []
    for trace, what in effects.unnamed:
        mine = [r['id'] for r in rows if r['outcome'] == REACHED and
                trace in (traces_of(r['id']) or ())]
        bare = [x for x in mine if x not in effects.by_id]
        for one in bare or mine:
            effects.give(one, what)
        if not mine:
            left.append((trace, what))
    effects.unnamed = left


def judge(row, effects):
    """(word, evidence).  The host wins over what the probe said."""
    seen = effects.by_id.get(row['id'])
    if seen:
        return REACHED, seen
    said = row['outcome']
    if said == REACHED and traces_of(row['id']) is not None:
        return INSIDE, []
    return said, []
