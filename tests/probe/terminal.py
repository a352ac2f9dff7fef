# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, as a user would, and looks for what
it leaves behind: characters typed into the terminal, processes."""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT_MAX = 8 << 20
PR_SET_CHILD_SUBREAPER = 36
# What is given to a process that should end with its sandbox.
END_SECONDS = 2.0


def adopt_orphans():
    """What outlives its parent becomes our child, so that we see it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'PR_SET_CHILD_SUBREAPER')


class Ended:
    def __init__(self, code, typed, output, late, left):
        self.code, self.typed, self.late = code, typed, late
        self.output = output  # str
        self.left = left      # names of processes that were still there


def process_table():
    """pid -> (ppid, name) of those that run."""
    found = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f'/proc/{name}/stat', errors='replace') as f:
                head, _, tail = f.read().rpartition(')')
            fields = tail.split()
            if fields[0] not in 'ZX':
                found[int(name)] = (int(fields[1]), head.partition('(')[2])
    return found


def below(pid, table):
    found, todo = set(), [pid]
    while todo:
        up = todo.pop()
        kids = [p for p, (parent, _) in table.items()
                if parent == up and p not in found]
        found.update(kids)
        todo += kids
    return found


def strays(known, fine):
    """pid -> name of descendants that are neither @known pids nor below one,
    nor named as @fine allows; waits a little for those who are ending."""
    end = time.monotonic() + END_SECONDS
    while True:
        table = process_table()
        mine = below(os.getpid(), table)
        for pid in known:
            mine -= below(pid, table) | {pid}
        tops = [p for p in mine if table[p][1] in fine]
        for pid in tops:
            mine -= below(pid, table) | {pid}
        if not mine or time.monotonic() > end:
            return {p: table[p][1] for p in mine}
        time.sleep(0.05)


def run(argv, env, cwd, seconds, known=(), fine=(), enter=None):
    """An Ended.  @known, @fine: processes that may stay (strays); @enter is
    called in the child first."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    report, told = os.pipe()
    p = subprocess.Popen(
        [sys.executable, HERE + '/leader.py', str(told), *argv], stdin=slave,
        stdout=slave, stderr=slave, env=env, cwd=cwd, pass_fds=[told],
        start_new_session=True, preexec_fn=enter)
    os.close(told)
    output, late = collect(p, master, time.monotonic() + seconds)
    if late:
        end(p, set(known))
    p.wait()
    os.close(slave)
    os.close(master)
    with os.fdopen(report) as f:
        text = f.read()
    how = json.loads(text) if text else {'code': -1, 'typed': 0}
    left = strays(known, fine)
    kill(left)
    return Ended(how['code'], how['typed'],
                 how.get('error', '') + output.decode('utf-8', 'replace'),
                 late, sorted(left.values()))


def collect(p, master, end):
    """All that the terminal shows until @p has ended."""
    output = b''
    while True:
        over = p.poll() is not None
        ready, _, _ = select.select([master], [], [], 0 if over else 0.05)
        if ready:
            with contextlib.suppress(OSError):
                output += os.read(master, 65536)
            if len(output) < OUTPUT_MAX:
                continue
        if over:
            return output, False
        if time.monotonic() > end or len(output) >= OUTPUT_MAX:
            return output, True


def end(p, known):
    """The command was too slow: it and all below it go, the leader last."""
    table = process_table()
    for pid in below(p.pid, table) - known:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    try:
        p.wait(timeout=5)
    except subprocess.TimeoutExpired:
        p.kill()


def stop(pid):
    """A daemon of a sandbox, as its user would end it."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)
        end_at = time.monotonic() + END_SECONDS
        while time.monotonic() < end_at and os.path.exists(f'/proc/{pid}'):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
    kill([pid])


def kill(pids):
    """Ends @pids for good; those that became our children are reaped."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    left, end_at = set(pids), time.monotonic() + END_SECONDS
    while left and time.monotonic() < end_at:
        for pid in list(left):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not os.path.exists(f'/proc/{pid}'):
                left.discard(pid)
        time.sleep(0.02)
