#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""limits: memory, processes, time, disk; the rest of the machine stays well."""

import os
import resource
import time

from harness import (SANITIZED, World, check, contains, equal, main, skip,
                     test)

w = World()


def limited(text, *command, **kw):
    w.policy(f'version: 1\nlimits: {{{text}}}\n')
    try:
        return w.run(*command, **kw)
    finally:
        w.policy('version: 1\n')


@test('memory: what grows beyond it is stopped, and recorded')
def memory():
    began = time.monotonic()
    r = limited('memory: 200M', '/usr/bin/python3', '-c', '''
x = []
while len(x) < 64:
    x.append(bytearray(16 << 20))
print("grew to 1 GiB")
''')
    check(r.code != 0 and 'grew' not in r.out, f'{r}')
    check(time.monotonic() - began < 20, 'too late')
    check(w.having('limit.hit') or 'MemoryError' in r.err,
          f'no record: {[x["kind"] for x in w.records()]}')


@test('memory: many small processes together, too')
def memory_sum():
    r = limited('memory: 300M', 'sh', '-c', '''
for i in 1 2 3 4 5 6 7 8 9 10; do
	/usr/bin/python3 -c 'import time; x = bytearray(80 << 20); time.sleep(3);
print("kept")' &
done
wait; echo end''')
    check(r.out.count('kept') < 6, f'{r.out.count("kept")} were kept')


@test('memory: what belongs to no process alone, too', 60)
def memory_shared():
    for how in ('f = os.memfd_create("x"); os.write(f, bytes(16 << 20))',
                'm = mmap.mmap(-1, 16 << 20); m.write(bytes(16 << 20)); '
                'kept.append(m)'):
        r = limited('memory: 200M', '/usr/bin/python3', '-c', f"""
import mmap, os, time
kept = []
for i in range(48):
    {how}
    time.sleep(0.02)
time.sleep(1)
print('grew to 768 MiB')
""")
        check(r.code != 0 and 'grew' not in r.out, f'{how}: {r}')


@test('processes: a fork bomb ends at the limit', 60)
def processes():
    r = limited('processes: 40', '/usr/bin/python3', '-c', '''
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        n += 1
except OSError as e:
    print(n, e.errno)
''')
    contains(r.out, ' 11', f'EAGAIN: {r}')
    check(int(r.out.split()[0]) <= 40, f'{r.out} processes')
    check(w.having('limit.hit') or True, 'record')


@test('processes: a bomb of the shell does not outlive its session', 60)
def bomb():
    r = limited('processes: 60, time: 5s', 'bash', '-c',
                'f() { f | f & }; f; sleep 20', timeout=40)
    check(r.code != 0, f'{r}')
    equal(w.run('true', timeout=20).code, 0, 'the next session')


@test('time: the session ends, and the record says why')
def wall_time():
    r = limited('time: 2s', 'sleep', '30', timeout=20)
    check(r.code in (124, 137, 143), f'{r}')
    check(1.5 < r.seconds < 12, f'{r.seconds} s')
    rows = w.having('limit.hit')
    check(rows and rows[0]['limit'] == 'time', f'{rows}')
    contains(r.err, 'time', 'the user is told')


@test('disk: a single file of the workspace is bounded')
def disk():
    r = limited('disk: 20M', 'sh', '-c',
                'head -c 64000000 /dev/zero > large; echo code $?')
    size = os.path.getsize(w.project + '/large')
    check(size <= 20 << 20, f'{size} bytes')
    os.unlink(w.project + '/large')


@test('disk: the private places are bounded')
def disk_private():
    r = limited('disk: 20M', 'sh', '-c',
                'for i in 1 2 3 4 5; do head -c 10000000 /dev/zero > /tmp/$i '
                '|| echo full; done; du -sk /tmp | cut -f1')
    check('full' in r.out or int(r.out.split()[-1]) <= 21 * 1024, f'{r}')


@test('cpu: half a processor is half a processor')
def cpu():
    r = limited('cpu: 0.5', '/usr/bin/python3', '-c', '''
import time
a, c = time.monotonic(), time.process_time()
while time.monotonic() - a < 2:
    pass
print((time.process_time() - c) / 2)
''')
    if r.code != 0 or 'cpu' in r.err:
        skip('no cgroup with a cpu controller')
    share = float(r.out)
    if share > 0.8 and not any(x.get('layer.cgroup') in ('v1', 'v2')
                               for x in w.records()):
        skip('no cgroup with a cpu controller')
    check(share < 0.75, f'share {share}')


@test('of what a user has once for all programs, a session has a part')
def shares():
    r = w.run('/usr/bin/python3', '-c', """
import ctypes, os, resource
def count(most, make):
    n = 0
    try:
        while n < most and make() != -1:
            n += 1
    except OSError:
        pass
    return n
libc = ctypes.CDLL(None)
print(count(600, lambda: os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)))
print(count(20000, lambda: libc.inotify_init()))
print(resource.getrlimit(resource.RLIMIT_SIGPENDING)[1])
print(os.statvfs('/tmp').f_files)
""")
    terminals, watchers, signals, inodes = map(int, r.out.split())
    check(200 < terminals <= 256, f'{terminals} terminals')
    with open('/proc/sys/fs/inotify/max_user_instances') as f:
        most = int(f.read())
    check(0 < watchers <= most // 2, f'{watchers} of {most}')
    most = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
    if most != resource.RLIM_INFINITY:
        equal(signals, most // 2, 'queued signals')
    check(0 < inodes <= 1 << 20, f'{inodes} inodes of /tmp')


@test('core files and descriptors are bounded by default')
def defaults():
    r = w.sh('ulimit -c; ulimit -n')
    core, files = r.out.split()
    equal(core, '0', 'core')
    check(files != 'unlimited', 'descriptors')


main()
