#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers of system calls in numbers.h and syscalls.c, against the kernel's
own headers and libseccomp.  A wrong one would try another call and say that this one is refused.

usage: test-numbers.py FOLDER     where the sources are
"""

import ctypes
import re
import sys

FOLDER = sys.argv[1]
AUDIT_ARCH_ARM = 0x40000028
HEADERS = '/usr/include/x86_64-linux-gnu/asm'
# Newer than the headers of Debian 12: what the kernel's tables say since.
NEWER = {'cachestat': 451, 'statmount': 457, 'listmount': 458,
         'lsm_set_self_attr': 460, 'lsm_list_modules': 461,
         'open_tree_attr': 467, 'listns': 470}


def read(path):
    with open(path) as f:
        return f.read()


def numbers(name):
    found = {}
    for m in re.finditer(r'^#define __NR_(\w+) (.+)$',
                         read(f'{HEADERS}/{name}'), re.M):
        value = re.fullmatch(r'\(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?', m[2])
        if value:
            found[m[1]] = int(value[1])
    return found


def check_i386(bad):
    want = dict(NEWER, **numbers('unistd_32.h'))
    rows = re.findall(r'^#define I386_(\w+)\s+\(?(-?\d+)\)?$',
                      read(FOLDER + '/numbers.h'), re.M)
    for name, number in rows:
        if want.get(name, -1) != int(number):
            bad.append(f'i386 {name}: {number}, not {want.get(name, -1)}')
    return len(rows)


def check_arm(bad):
    """No header of this machine has them, but libseccomp does."""
    find = ctypes.CDLL('libseccomp.so.2').seccomp_syscall_resolve_name_arch
    find.argtypes, find.restype = (ctypes.c_uint32, ctypes.c_char_p), ctypes.c_int
    rows = re.findall(r'^#define ARM_(\w+)\s+\(?(-?\d+)\)?$',
                      read(FOLDER + '/numbers-arm.h'), re.M)
    for name, number in rows:
        known = find(AUDIT_ARCH_ARM, name.encode())
        want = known if known >= 0 else NEWER.get(name, -1)
        if want != int(number):
            bad.append(f'arm {name}: {number}, not {want}')
    return len(rows)


def check_x32(bad):
    """NR takes the native number; NR_X32 says the one of its own."""
    native, want = numbers('unistd_64.h'), numbers('unistd_x32.h')
    text = read(FOLDER + '/syscalls.c')
    own = dict(re.findall(r'NR_X32\((\w+), (\d+)\)', text))
    same = [x for x in re.findall(r'\bNR\((\w+)\)', text) if x != 'name']
    for name in same:
        if name in want and want[name] != native[name]:
            bad.append(f'x32 {name}: {native[name]}, not {want[name]}')
    for name, number in own.items():
        if want.get(name) != int(number):
            bad.append(f'x32 {name}: {number}, not {want.get(name)}')
    return len(same) + len(own)


def check_foreign(bad):
    """Rows of the foreign doors only: name, i386, x32."""
    i386, x32 = numbers('unistd_32.h'), numbers('unistd_x32.h')
    text = read(FOLDER + '/syscalls.c').partition('foreign_calls[]')[2]
    rows = re.findall(r'\{ "([\w-]+)",[^{}]*?\bNONE,\s*(NONE|\d+),\s*'
                      r'(NONE|\d+)', text)
    for name, a, b in rows:
        name = {'socket-unix': 'socket'}.get(name, name).replace('-', '_')
        for number, table in ((a, i386), (b, x32)):
            if number != 'NONE' and table.get(name) != int(number):
                bad.append(f'{name}: {number}, not {table.get(name)}')
    return len(rows)


def main():
    print('1..4')
    failed = 0
    for n, (fn, least) in enumerate(((check_i386, 50), (check_arm, 50), (check_x32, 50),
                                     (check_foreign, 7)), 1):
        bad = []
        count = fn(bad)
        if count < least:
            bad.append(f'only {count} were found')
        for line in bad:
            print('#', line)
        print(f'{"not ok" if bad else "ok"} {n} - {fn.__name__}')
        failed += bool(bad)
    return 1 if failed else 0


sys.exit(main())
