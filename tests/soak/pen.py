# SPDX-License-Identifier: Apache-2.0
"""A pen: process and mount namespaces of our own to run a soak in.

Whatever is left over is then seen by looking into /proc, without guessing whose
it is, and it ends with the pen.  There are a small and a read-only file system, and mostly
a /tmp of its own.  As root control groups are made too; an ordinary user needs a user
namespace around it, in which he keeps his own id and holds no capability.

enter() starts this program anew as the pen's second process; the first only
collects the dead, as an init does.
"""

import ctypes
import os
import pwd
import signal
import sys
import tempfile

MARK = 'BAWN_SOAK_PEN'
PLACES = 'BAWN_SOAK_PLACES'  # where our own file systems are
MOUNTS = '''set -e
mount -t tmpfs -o mode=1777 pen $1
mkdir $1/small $1/roomy $1/read-only $1/tmp
mount -t tmpfs -o mode=1777,size=8m small $1/small
chmod 1777 $1/roomy $1/tmp
mount --bind $1/roomy $1/read-only
mount -o remount,bind,ro $1/read-only
if [ "$2" ]; then mount --bind $1/tmp /tmp; fi
shift 2
'''
FIRST = '''
import os, signal, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, lambda n, f: os.kill(child, n))
while True:
    try:
        pid, status = os.wait()
    except InterruptedError:
        continue
    if pid == child:
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
'''


def own_groups():
    """Moves us into control groups of our own; their paths."""
    made = []
    with open('/proc/self/cgroup') as f:
        lines = [x.strip().split(':', 2) for x in f]
    for _, names, path in lines:
        for name in names.split(','):
            if name not in ('memory', 'pids', 'cpu'):
                continue
            group = f'/sys/fs/cgroup/{name}{path}'
            if not os.path.isdir(group):
                group = f'/sys/fs/cgroup/{name}'
            group = f'{group.rstrip("/")}/bawnsoak-{os.getpid()}'
            try:
                os.mkdir(group)
                with open(group + '/cgroup.procs', 'w') as f:
                    f.write('0')
                made.append(group)
            except OSError:
                continue
    return made


def drop_groups(paths):
    for top in paths:
        for where, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(where)
            except OSError:
                pass


def enter(user=None):
    """
    Returns in the pen, or exits with what became of it.  Root can enter it as
    another user.
    """
    if os.environ.get(MARK):
        Groups.all = os.environ.pop(MARK).split(':')[1:]
        Places.top, _, Places.own_tmp = os.environ.pop(PLACES).partition(':')
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        return
    root = os.getuid() == 0
    groups = own_groups() if root else []
    become = []
    if root and user:
        who = pwd.getpwnam(user)
        become = ['setpriv', f'--reuid={who.pw_uid}', f'--regid={who.pw_gid}',
                  '--clear-groups']
        os.environ.update(HOME='/nonexistent', USER=user, LOGNAME=user)
    python = '/usr/bin/python3'
    plain = 'setpriv --ambient-caps=-all --inh-caps=-all'
    places = tempfile.mkdtemp(prefix='bawn-pen-', dir='/var/tmp')
    # Not where this program itself, or what it tests, is in /tmp.
    parts = (os.path.realpath(__file__), os.environ.get('BAWN_BIN', ''))
    tmp = '' if any(p.startswith('/tmp/') for p in parts) else 'own'
    private = ['sh', '-c', MOUNTS + f'exec {"" if root else plain} "$@"',
               'sh', places, tmp]
    own = [] if root else ['--map-current-user', '--keep-caps']
    argv = ['unshare', *own, '--pid', '--fork', '--kill-child',
            '--mount-proc', '--', *private, *become, python, '-c', FIRST,
            python, os.path.abspath(sys.argv[0]), *sys.argv[1:]]
    os.environ[MARK] = ':'.join(['1', *groups])
    os.environ[PLACES] = places + (':own' if tmp else '')
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp('unshare', argv)
        finally:
            os._exit(127)
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda n, f: os.kill(pid, signal.SIGKILL))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for path in groups:
        with open(os.path.dirname(path) + '/cgroup.procs', 'w') as f:
            f.write('0')
    drop_groups(groups)
    os.rmdir(places)
    os._exit(code if code >= 0 else 128 - code)


class Places:
    """File systems: small/ has eight megabytes, read-only/ is roomy/."""
    top = own_tmp = ''


class Groups:
    """Control groups that hold nothing but the pen."""
    all = []


# ---- what there is ----

def stat(pid):
    """(state, ppid, comm), or None."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            head, _, tail = f.read().rpartition(')')
    except OSError:
        return None
    fields = tail.split()
    return fields[0], int(fields[1]), head.partition('(')[2]


def table():
    """pid -> (ppid, comm) of all that live in the pen but the pen's own."""
    found = {}
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) in (1, os.getpid()):
            continue
        s = stat(name)
        if s and s[0] not in 'ZX':
            found[int(name)] = (s[1], s[2])
    return found


DAEMON = ('bawnd', 'bawnd:ground', 'bawnd:scribe', 'bawnd:zygote')
SPARE = ('bawnd:relay', 'bawn:witness')
SPARE_FDS = 5  # of one that waits for a session


def of_sessions():
    """The table without a whole daemon's own: its roles, and one spare of each
    kind that is made ahead.  As another user their descriptors cannot be seen,
    and count as none."""
    found = {}
    spares = set()
    for pid, (ppid, comm) in table().items():
        if comm in DAEMON:
            continue
        if comm in SPARE and comm not in spares and n_fds(pid) <= SPARE_FDS:
            spares.add(comm)
            continue
        found[pid] = comm
    return found


def n_fds(pid):
    try:
        return len(os.listdir(f'/proc/{pid}/fd'))
    except OSError:
        return 0


def children(pid):
    found = []
    try:
        for tid in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{tid}/children') as f:
                found += [int(x) for x in f.read().split()]
    except OSError:
        pass
    return found


def tree(pid):
    found, todo = [], [pid]
    while todo:
        kids = children(todo.pop())
        found += kids
        todo += kids
    return found


def namespaces(kinds=('net', 'mnt', 'pid', 'user')):
    """How many of each kind something in the pen still is in or holds."""
    seen = {k: set() for k in kinds}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        links = [f'/proc/{name}/ns/{k}' for k in kinds]
        try:
            links += [f'/proc/{name}/fd/{n}'
                      for n in os.listdir(f'/proc/{name}/fd')]
        except OSError:
            pass
        for path in links:
            try:
                kind, _, number = os.readlink(path).partition(':[')
            except OSError:
                continue
            if kind in seen and number:
                seen[kind].add(number)
    return {k: len(v) for k, v in seen.items()}


def mounts():
    with open('/proc/self/mountinfo') as f:
        return sorted(line.split(' ', 4)[4].strip() for line in f)


def listing(top):
    """Relative path -> type of all below @top."""
    found = {}
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(where, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            found[os.path.relpath(path, top)] = mode >> 12
    return found


def tmp_files():
    return os.listdir('/tmp') if Places.own_tmp else []


def cgroups():
    """Control groups that were made in the pen."""
    return [os.path.join(where, d) for top in Groups.all
            for where, dirs, _ in os.walk(top) for d in dirs]
