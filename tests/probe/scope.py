# SPDX-License-Identifier: Apache-2.0
"""Bounds around a run that uses things up, so that a sandbox without limits of
its own cannot hurt the machine: a control group as root, limits of the process
and the last place in every queue for all."""

import contextlib
import os
import resource
import shutil
import signal
import time

PROCESSES = 9000
MEMORY = 3 << 30
# What must be free of the machine, or nothing of it is tried.
FREE_MEMORY, FREE_DISK = 6 << 30, 6 << 30
END_SECONDS = 5.0
GROUPS = '/sys/fs/cgroup'


def too_small(where):
    """Why this machine is too small or too busy for it; '' when it is not."""
    with open('/proc/meminfo') as f:
        free = next(int(x.split()[1]) << 10 for x in f
                    if x.startswith('MemAvailable:'))
    if free < FREE_MEMORY:
        return f'only {free >> 20} MiB of memory are free'
    free = shutil.disk_usage(where).free
    if free < FREE_DISK:
        return f'only {free >> 20} MiB of disk are free'
    return ''


class Scope:
    """One for each sandbox; closed when it keeps no process any more."""

    def __init__(self):
        self.groups = []
        name = f'bawn-probe-{os.getpid()}'
        for top, rules in (
                (GROUPS, {'pids.max': PROCESSES, 'memory.max': MEMORY}),
                (GROUPS + '/pids', {'pids.max': PROCESSES}),
                (GROUPS + '/memory', {'memory.limit_in_bytes': MEMORY})):
            self.make(f'{top}/{name}', rules)

    def make(self, path, rules):
        with contextlib.suppress(OSError):
            if not os.path.exists(os.path.dirname(path) + '/cgroup.procs'):
                return
            os.mkdir(path)
            self.groups.append(path)
            for key, value in rules.items():
                with open(f'{path}/{key}', 'w') as f:
                    f.write(str(value))

    def enter(self):
        """Before exec, in the child."""
        for path in self.groups:
            with open(path + '/cgroup.procs', 'w') as f:
                f.write('0')
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        if hard == resource.RLIM_INFINITY or hard > PROCESSES:
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
        with open('/proc/self/oom_score_adj', 'w') as f:
            f.write('1000')
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.nice(19)

    def members(self):
        found = set()
        for path in self.groups:
            with contextlib.suppress(OSError):
                with open(path + '/cgroup.procs') as f:
                    found |= {int(x) for x in f.read().split()}
        return found

    def close(self):
        end = time.monotonic() + END_SECONDS
        while self.members() and time.monotonic() < end:
            for pid in self.members():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for path in self.groups:
            with contextlib.suppress(OSError):
                os.rmdir(path)
        self.groups = []
