#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The policies that `bawn policy import` makes of whole settings, as they were
read by a human once: golden/X.json becomes golden/X.yaml.

usage: test-golden.py BAWN-POLICY DIR [--update]
"""

import difflib
import os
import subprocess
import sys

BAWN_POLICY, DIR = sys.argv[1:3]


def policy(*args):
    return subprocess.run([BAWN_POLICY, *args], cwd=DIR, capture_output=True,
                          text=True, check=False)


def main():
    names = sorted(f[:-5] for f in os.listdir(DIR) if f.endswith('.json'))
    if '--update' in sys.argv:
        for name in names:
            with open(f'{DIR}/{name}.yaml', 'w') as f:
                f.write(policy('import', name + '.json').stdout)
        return 0
    bad = 0
    print(f'1..{len(names)}')
    for n, name in enumerate(names, 1):
        got = policy('import', name + '.json')
        with open(f'{DIR}/{name}.yaml') as f:
            want = f.read()
        checked = policy('check', name + '.yaml')
        good = (got.returncode, got.stdout, checked.returncode) == (0, want, 0)
        for line in difflib.unified_diff(want.splitlines(),
                                         got.stdout.splitlines(), lineterm=''):
            print('# ' + line)
        if not good:
            print('# ' + (got.stderr + checked.stderr).strip())
            bad += 1
        print(f'{"" if good else "not "}ok {n} - {name}')
    return 1 if bad or not names else 0


sys.exit(main())
