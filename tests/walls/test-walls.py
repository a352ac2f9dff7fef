#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The list of walls is whole (tools/weaken --check), and a list that is not is
found out.

usage: test-walls.py BUILD
"""

import copy
import importlib.machinery
import importlib.util
import os
import sys

TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'tools', 'weaken')


def load():
    sys.dont_write_bytecode = True  # beside the sources
    loader = importlib.machinery.SourceFileLoader('weaken', TOOL)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('weaken', loader))
    loader.exec_module(module)
    return module


weaken = load()
WALLS = weaken.walls_of_header()
PUT_UP = weaken.walls_put_up()
TESTS = weaken.tests_of(sys.argv[1])


def of(change):
    """The faults after @change of walls, put_up and table."""
    state = [list(WALLS), set(PUT_UP), copy.deepcopy(weaken.WALLS)]
    change(*state)
    return weaken.faults(*state, TESTS)


def change(wall, tests):
    return lambda w, p, t: t.update({wall: tests})


CASES = [
    ('the list is whole', lambda w, p, t: None, []),
    ('a wall without a row', lambda w, p, t: t.pop('net_ns'),
     ['net_ns: not in WALLS of tools/weaken']),
    ('a row without a wall', change('moat', ['escape:layers']),
     ['moat: not in src/base/wall.h']),
    ('a wall that nothing puts up', lambda w, p, t: p.remove('net_ns'),
     ['net_ns: no WALL(NET_NS) in the sources']),
    ('a row without tests', change('net_ns', []), ['net_ns: no test']),
    ('a program that is not there', change('net_ns', ['e2e-nothing']),
     ['net_ns: make check has no test e2e-nothing']),
    ('a part that is not there', change('net_ns', ['e2e-run:no such part']),
     ['net_ns: e2e-run has no test "no such part"']),
    ('half the name where all of it counts', change('net_ns', ['escape:lay']),
     ['net_ns: escape has no test "lay"']),
    ('a part of a program without parts', change('net_ns', ['base-fd:x']),
     ['net_ns: base-fd has no test "x"']),
    ('a test that only other targets run', change('net_ns', ['root agents']),
     ['net_ns: make check has no test agents']),
]

print(f'1..{len(CASES)}')
failed = 0
for n, (name, how, want) in enumerate(CASES, 1):
    got = of(how)
    failed += got != want
    print(f'{"ok" if got == want else "not ok"} {n} - {name}')
    for line in got if got != want else []:
        print(f'# {line}')
sys.exit(1 if failed else 0)
