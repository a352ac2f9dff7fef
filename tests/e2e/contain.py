#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a container does to a process, without a container engine.

usage: contain.py STEP... -- COMMAND [ARG...]

The steps are done in their order:

  userns           a user namespace, the same user in it, with all capabilities
  many-ids         a user namespace with the first 65536 ids, as root has in a
                   container of an engine without root
  mountns          a mount namespace, nothing of it seen outside
  sysctl=NAME:N    what that user namespace may set, user.max_*_namespaces
  mask-proc        /proc as engines leave it: parts masked, parts read-only
  ro-sysctl        only /proc/sys read-only
  overlay=DIR      an overlay of / as root; DIR is outside of it, for its layers
  no-pts           /dev without pts and ptmx
  noexec-tmp       a /tmp from which nothing can be executed
  no-cgroup        nothing in /sys/fs/cgroup
  filter=CALL,..   these system calls fail with EPERM; clone and unshare only for
                   namespaces, and clone3 with ENOSYS, as Docker's profile does
  docker-caps      no other capabilities than Docker gives
  drop=CAP,..      without these, by number
  uid=N            become this user and group, without others

Exit code 99: a step cannot be done here; the last line on stderr says which.
"""

import ctypes
import os
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
NAMESPACES = 0x7e020000

# chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service
# net_raw sys_chroot mknod audit_write setfcap
DOCKER_CAPS = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}

NR = {
    'x86_64': {'clone': 56, 'unshare': 272, 'clone3': 435, 'mount': 165,
               'umount2': 166, 'pivot_root': 155, 'setns': 308,
               'open_tree': 428, 'move_mount': 429, 'fsopen': 430,
               'mount_setattr': 442, 'capset': 126, 'seccomp': 317,
               'pidfd_open': 434},
    'aarch64': {'clone': 220, 'unshare': 97, 'clone3': 435, 'mount': 40,
                'umount2': 39, 'pivot_root': 41, 'setns': 268,
                'open_tree': 428, 'move_mount': 429, 'fsopen': 430,
                'mount_setattr': 442, 'capset': 91, 'seccomp': 277,
                'pidfd_open': 434},
}[os.uname().machine]


def must(result, what):
    if result == -1:
        e = ctypes.get_errno()
        raise OSError(e, f'{what}: {os.strerror(e)}')


def b(text):
    return os.fsencode(text) if text else None


def mount(what, where, kind=None, flags=0, data=None):
    must(LIBC.mount(b(what), b(where), b(kind), flags, b(data)),
         f'mount {where}')


def write(path, text):
    with open(path, 'w') as f:
        f.write(text)


def userns(_):
    uid, gid = os.geteuid(), os.getegid()
    must(LIBC.unshare(CLONE_NEWUSER), 'userns')
    write('/proc/self/setgroups', 'deny')
    write('/proc/self/uid_map', f'{uid} {uid} 1')
    write('/proc/self/gid_map', f'{gid} {gid} 1')


def many_ids(_):
    """A helper that stays outside writes the maps."""
    ready = os.pipe()
    me = os.getpid()
    if os.fork() == 0:
        os.read(ready[0], 1)
        for name in ('uid_map', 'gid_map'):
            write(f'/proc/{me}/{name}', '0 0 65536')
        os._exit(0)
    must(LIBC.unshare(CLONE_NEWUSER), 'many-ids')
    os.write(ready[1], b'x')
    if os.waitstatus_to_exitcode(os.wait()[1]) != 0:
        raise OSError('its ids')


def mountns(_):
    must(LIBC.unshare(CLONE_NEWNS), 'mountns')
    mount('none', '/', None, MS_REC | MS_PRIVATE)


def sysctl(setting):
    name, _, value = setting.partition(':')
    write('/proc/sys/' + name.replace('.', '/'), value)


def read_only(path):
    mount(path, path, None, MS_BIND | MS_REC)
    mount('none', path, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def mask_proc(_):
    for name in ('acpi', 'scsi'):
        if os.path.isdir(f'/proc/{name}'):
            mount('tmpfs', f'/proc/{name}', 'tmpfs', MS_RDONLY)
    for name in ('kcore', 'keys', 'timer_list', 'latency_stats'):
        if os.path.exists(f'/proc/{name}'):
            mount('/dev/null', f'/proc/{name}', None, MS_BIND)
    for name in ('bus', 'fs', 'irq', 'sys', 'sysrq-trigger'):
        if os.path.exists(f'/proc/{name}'):
            read_only(f'/proc/{name}')


def ro_sysctl(_):
    read_only('/proc/sys')


def overlay(where):
    """As an engine: its layers on the host, the usual file systems anew."""
    for name in ('up', 'work', 'root'):
        os.makedirs(f'{where}/{name}', exist_ok=True)
    root = f'{where}/root'
    mount('overlay', root, 'overlay', 0,
          f'lowerdir=/,upperdir={where}/up,workdir={where}/work')
    for name in ('proc', 'dev', 'sys'):
        mount(f'/{name}', f'{root}/{name}', None, MS_BIND | MS_REC)
    mount('tmpfs', f'{root}/run', 'tmpfs')
    cwd = os.getcwd()
    os.chdir(root)
    must(LIBC.syscall(NR['pivot_root'], b'.', b'.'), 'pivot_root')
    must(LIBC.umount2(b'.', MNT_DETACH), 'the old root')
    os.chdir(cwd)


def no_pts(_):
    mount('tmpfs', '/dev/pts', 'tmpfs', MS_RDONLY)
    if os.path.islink('/dev/ptmx'):
        return  # to pts/ptmx, which is gone
    mount('/dev/null', '/dev/ptmx', None, MS_BIND)


def noexec_tmp(_):
    """What is tested stays where it is, also when that is below /tmp."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    kept = {os.path.realpath(p): None
            for p in (top, os.environ.get('BAWN_BIN', top))}
    for p in kept:
        kept[p] = os.open(p, os.O_PATH | os.O_CLOEXEC)
    mount('tmpfs', '/tmp', 'tmpfs', MS_NOEXEC, 'mode=1777')
    for p, fd in kept.items():
        if p.startswith('/tmp/'):
            os.makedirs(p, exist_ok=True)
            mount(f'/proc/self/fd/{fd}', p, None, MS_BIND)


def no_cgroup(_):
    mount('tmpfs', '/sys/fs/cgroup', 'tmpfs', MS_RDONLY)


def filter_calls(names):
    """One BPF program: number by number, clone by its flags."""
    ld, jeq, jset, ret = 0x20, 0x15, 0x45, 0x06
    eperm, enosys, allow = 0x50001, 0x50026, 0x7fff0000
    code = [(ld, 0, 0, 0)]
    for name in names.split(','):
        nr = NR[name]
        if name in ('clone', 'unshare'):
            code += [(jeq, 0, 4, nr), (ld, 0, 0, 16), (jset, 0, 1, NAMESPACES),
                     (ret, 0, 0, eperm), (ret, 0, 0, allow)]
        else:
            code += [(jeq, 0, 1, nr),
                     (ret, 0, 0, enosys if name == 'clone3' else eperm)]
    code.append((ret, 0, 0, allow))
    insns = b''.join(struct.pack('=HBBI', *c) for c in code)
    room = ctypes.create_string_buffer(insns)
    prog = ctypes.create_string_buffer(
        struct.pack('@HP', len(code), ctypes.addressof(room)))
    if os.geteuid() != 0:
        must(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'no_new_privs')
    must(LIBC.syscall(NR['seccomp'], 1, 0, prog), 'seccomp')


def last_cap():
    with open('/proc/sys/kernel/cap_last_cap') as f:
        return int(f.read())


def keep_caps(keep):
    for cap in set(range(last_cap() + 1)) - keep:
        # Not there in the first place: nothing to drop.
        LIBC.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)
    with open('/proc/self/status') as f:
        has = int(next(x for x in f if x.startswith('CapPrm')).split()[1], 16)
    has &= sum(1 << c for c in keep)
    header = struct.pack('=Ii', 0x20080522, 0)
    low, high = has & 0xffffffff, has >> 32
    data = struct.pack('=6I', low, low, 0, high, high, 0)
    must(LIBC.syscall(NR['capset'], header, data), 'capset')


def docker_caps(_):
    keep_caps(DOCKER_CAPS)


def drop(numbers):
    keep_caps(set(range(last_cap() + 1)) - {int(n)
                                             for n in numbers.split(',')})


def become(uid):
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    # Or /proc/self belongs to root.
    must(LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 'dumpable')


STEPS = {'userns': userns, 'many-ids': many_ids, 'mountns': mountns, 'sysctl': sysctl,
         'mask-proc': mask_proc, 'ro-sysctl': ro_sysctl, 'overlay': overlay,
         'no-pts': no_pts, 'noexec-tmp': noexec_tmp, 'no-cgroup': no_cgroup,
         'filter': filter_calls, 'docker-caps': docker_caps, 'drop': drop,
         'uid': become}


def main():
    at = sys.argv.index('--')
    for step in sys.argv[1:at]:
        name, _, value = step.partition('=')
        try:
            STEPS[name](value)
        except OSError as e:
            print(f'contain: {step}: {e}', file=sys.stderr)
            sys.exit(99)
    os.execvp(sys.argv[at + 1], sys.argv[at + 1:])


main()
