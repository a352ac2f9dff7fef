# SPDX-License-Identifier: Apache-2.0
"""What tests of hostile trees share: somebody who swaps files while sessions
start, and a picture of a tree that shows the least change."""

import contextlib
import os
import stat
import subprocess
import sys

from harness import Failure, check

# Exchanges each pair of paths until its input ends, and leaves them as they were:
# now and then in a burst as fast as it can, else once and back after a moment, so
# that many a start sees one change only.
SWAPPER = '''
import ctypes, os, random, select, sys, time
call = ctypes.CDLL(None, use_errno=True).renameat2
pairs = [(a.encode(), b.encode()) for a, b in zip(sys.argv[1::2],
                                                  sys.argv[2::2])]
def swap():
    return [(a, b) for a, b in pairs if call(-100, a, -100, b, 2) != 0]
# Later one may lie below another that is away.
if swap() + swap():
    sys.exit('cannot exchange these')
print('ready', flush=True)
turns = 2
while not select.select([0], [], [], random.random() * 0.02)[0]:
    for i in range(100 if random.randrange(8) == 0 else 1):
        swap()
        if i == 0:
            time.sleep(random.random() * 0.003)
        swap()
        turns += 2
print(turns, flush=True)
'''


class Swapper:
    """Exchanges pairs of paths while it is open; close() leaves them as they
    were and gives the number of turns."""

    def __init__(self, *pairs, argv=('/usr/bin/python3', '-c', SWAPPER),
                 popen=subprocess.Popen):
        self.p = popen([*argv, *(x for pair in pairs for x in pair)],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        first = self.p.stdout.readline()
        check(first == b'ready\n', f'the swapper: {first!r}')

    def close(self):
        out, _ = self.p.communicate(timeout=30)
        check(self.p.returncode == 0, f'the swapper: {self.p.returncode}')
        return int(out)


@contextlib.contextmanager
def swapping(*pairs, **kw):
    s = Swapper(*pairs, **kw)
    try:
        yield s
    finally:
        s.turns = s.close()


def picture(*tops, without=()):
    """
    Path -> what says that it was touched, of all below @tops, they included.
    Times of access are left out: looking is no change.
    """
    found = {}
    todo = [os.fsencode(t) for t in tops]
    skip = {os.fsencode(x) for x in without}
    while todo:
        path = todo.pop()
        if path in skip:
            continue
        st = os.lstat(path)
        attrs = ()
        with contextlib.suppress(OSError):
            attrs = tuple((n, os.getxattr(path, n, follow_symlinks=False))
                          for n in os.listxattr(path, follow_symlinks=False))
        found[path] = (st.st_dev, st.st_ino, st.st_mode, st.st_nlink,
                       st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns,
                       st.st_ctime_ns, attrs)
        if stat.S_ISDIR(st.st_mode):
            todo += [os.path.join(path, n) for n in os.listdir(path)]
    return found


def same(before, after, what):
    """Fails with the paths in which two pictures differ."""
    if before == after:
        return
    gone = sorted(set(before) - set(after))
    new = sorted(set(after) - set(before))
    other = sorted(k for k in before if k in after and before[k] != after[k])
    raise Failure(f'{what}: gone {gone[:5]}, new {new[:5]}, changed '
                  f'{[(k, before[k], after[k]) for k in other[:3]]}')


def mounts():
    with open('/proc/self/mountinfo') as f:
        return f.read()
