# SPDX-License-Identifier: Apache-2.0
"""Objects of the host's IPC name spaces and keyring, for a sandbox to miss:
System V shared memory, a semaphore and a message queue, their POSIX sisters,
a key of the user.

Made through the C library, since python has no names for most.  `changed` says
which of them somebody else has used.
"""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p
LIBC.syscall.restype = ctypes.c_long

IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0
GETVAL, SETVAL, IPC_STAT = 12, 16, 2
SIZE = 4096
MQ_MESSAGES, MQ_SIZE = 4, 128
# The kernel's keyrings: numbers of <linux/keyctl.h>.
USER_KEYRING = -4
KEYCTL_UNLINK = 9
SYS = {'x86_64': {'add_key': 248, 'keyctl': 250},
       'aarch64': {'add_key': 217, 'keyctl': 219}}.get(os.uname().machine, {})


class MqAttr(ctypes.Structure):
    _fields_ = [(n, ctypes.c_long) for n in
                ('flags', 'maxmsg', 'msgsize', 'curmsgs')] + [
                    ('reserved', ctypes.c_long * 4)]


class HostIpc:
    def __init__(self, marker):
        self.marker = marker.encode()
        self.keys = {}
        self.shm = LIBC.shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0o666)
        self.at = LIBC.shmat(self.shm, None, 0) if self.shm >= 0 else None
        if self.at in (None, ctypes.c_void_p(-1).value):
            self.at = None
        else:
            self.keys['sysv_shm'] = str(self.shm)
        self.sem = LIBC.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o666)
        if self.sem >= 0:
            self.keys['sysv_sem'] = str(self.sem)
        self.msg = LIBC.msgget(IPC_PRIVATE, IPC_CREAT | 0o666)
        if self.msg >= 0:
            self.keys['sysv_msg'] = str(self.msg)
        self.name = '/' + marker
        self.posix_shm()
        self.mq = self.posix_mq()
        self.key = self.user_key()
        self.reset()

    def posix_shm(self):
        self.posix = None
        fd = LIBC.shm_open(self.name.encode(), os.O_RDWR | os.O_CREAT |
                           os.O_EXCL, 0o666)
        if fd >= 0:
            self.posix = fd
            self.keys['posix_shm'] = self.name

    def posix_mq(self):
        want = MqAttr(maxmsg=MQ_MESSAGES, msgsize=MQ_SIZE)
        mq = LIBC.mq_open(self.name.encode(), os.O_RDWR | os.O_CREAT |
                          os.O_EXCL | os.O_NONBLOCK, 0o666,
                          ctypes.byref(want))
        if mq >= 0:
            self.keys['posix_mq'] = self.name
        return mq

    def user_key(self):
        """A key in the user's own keyring, which every process of the user
        finds; None where the kernel has no keys or none are left."""
        if not SYS:
            return None
        name = self.marker.decode()
        key = LIBC.syscall(SYS['add_key'], b'user', name.encode(),
                           self.marker, len(self.marker), USER_KEYRING)
        if key < 0:
            return None
        self.keys['key'] = name
        return key

    def reset(self):
        """As at the beginning: contents, values, no message."""
        text = self.marker + b' secret\n'
        if self.at:
            ctypes.memset(self.at, 0, SIZE)
            ctypes.memmove(self.at, text, len(text))
        if self.posix is not None:
            os.ftruncate(self.posix, 0)
            os.pwrite(self.posix, text, 0)
        if self.sem >= 0:
            LIBC.semctl(self.sem, 0, SETVAL, 0)
        while self.msg >= 0 and LIBC.msgrcv(
                self.msg, ctypes.create_string_buffer(SIZE), SIZE - 8, 0,
                0o4000) >= 0:  # IPC_NOWAIT
            pass
        if self.mq >= 0:
            buf = ctypes.create_string_buffer(MQ_SIZE)
            while LIBC.mq_receive(self.mq, buf, MQ_SIZE, None) >= 0:
                pass
        self.first = self.look()

    def look(self):
        """What each holds now."""
        seen = {}
        if self.at:
            seen['sysv_shm'] = ctypes.string_at(self.at, SIZE)
        if self.posix is not None:
            seen['posix_shm'] = os.pread(self.posix, SIZE, 0)
        if self.sem >= 0:
            seen['sysv_sem'] = LIBC.semctl(self.sem, 0, GETVAL)
        if self.msg >= 0:
            # msg_qnum; the whole structure also holds times and pids.
            buf = ctypes.create_string_buffer(256)
            LIBC.msgctl(self.msg, IPC_STAT, buf)
            seen['sysv_msg'] = ctypes.c_long.from_buffer(buf, 80).value
        if self.mq >= 0:
            attr = MqAttr()
            LIBC.mq_getattr(self.mq, ctypes.byref(attr))
            seen['posix_mq'] = attr.curmsgs
        return seen

    def changed(self):
        now = self.look()
        return {k for k in now if now[k] != self.first[k]}

    def close(self):
        if self.at:
            LIBC.shmdt(ctypes.c_void_p(self.at))
        if self.shm >= 0:
            LIBC.shmctl(self.shm, IPC_RMID, None)
        if self.sem >= 0:
            LIBC.semctl(self.sem, 0, IPC_RMID)
        if self.msg >= 0:
            LIBC.msgctl(self.msg, IPC_RMID, None)
        if self.posix is not None:
            LIBC.shm_unlink(self.name.encode())
            os.close(self.posix)
        if self.mq >= 0:
            LIBC.mq_close(self.mq)
            LIBC.mq_unlink(self.name.encode())
        if self.key is not None:
            LIBC.syscall(SYS['keyctl'], KEYCTL_UNLINK, self.key, USER_KEYRING)
