#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The soaks of tests/soak, short and with a fixed seed; `make soak` has more."""

import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'soak'))

import kills
import many
import pen
from harness import SANITIZED, main, test

SEED = 20
KILLS, IN_A_ROW, AT_ONCE = (15, 20, 10) if SANITIZED else (60, 150, 40)


@test(f'{KILLS} parts killed at random moments of seed {SEED}', 120)
def kill():
    soak = kills.Soak(SEED)
    for number in range(KILLS):
        soak.round(number)
    soak.close()


@test(f'{IN_A_ROW} sessions in a row leave nothing', 120)
def row():
    m = many.Many()
    m.in_a_row(IN_A_ROW)
    m.close()


@test(f'{AT_ONCE} sessions at once leave nothing', 120)
def once():
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    m = many.Many()
    m.at_once(AT_ONCE)
    m.at_once(AT_ONCE)
    m.close()


pen.enter()
main()
