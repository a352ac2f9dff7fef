# SPDX-License-Identifier: Apache-2.0
"""Agents from their npm packages, kept outside the repository.

$BAWN_TEST_CACHE, else ~/.cache/bawn-tests.  npm takes its registry from the
machine's own configuration; where it cannot be reached the test is skipped.
"""

import fcntl
import os
import shutil
import subprocess
import time

INSTALL_SECONDS = 240
FAILED_SECONDS = 600  # a registry that did not answer is not asked again


def directory():
    where = (os.environ.get('BAWN_TEST_CACHE') or
             os.path.expanduser('~/.cache/bawn-tests'))
    os.makedirs(where, mode=0o755, exist_ok=True)
    return os.path.realpath(where)


def last_failure(path):
    """Why the registry was not reached a moment ago; None: it was not so."""
    try:
        if time.time() - os.stat(path).st_mtime < FAILED_SECONDS:
            with open(path) as f:
                return f.read()
    except OSError:
        pass
    return None


def fail(path, why, skip):
    why = f'package registry not reached: {why}'
    with open(path, 'w') as f:
        f.write(why)
    skip(why)


def npm_package(name, version, program, skip):
    """The path of @program of this exact version, installed when it is not."""
    where = os.path.join(directory(), f'{os.path.basename(name)}-{version}')
    found = os.path.join(where, 'node_modules', '.bin', program)
    if os.access(found, os.X_OK):
        return found
    if not os.access(directory(), os.W_OK):
        skip(f'package registry not reached: {name} is not in the cache')
    if not shutil.which('npm'):
        skip('no npm')
    with open(where + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.access(found, os.X_OK):
            return found
        failed = os.path.join(directory(), 'registry-failed')
        why = last_failure(failed)
        if why:
            skip(why)
        try:
            p = subprocess.run(
                ['npm', 'install', '--no-audit', '--no-fund',
                 '--fetch-retries=1', '--fetch-timeout=60000', '--prefix',
                 where + '.new', f'{name}@{version}'], text=True,
                stdin=subprocess.DEVNULL, capture_output=True,
                timeout=INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            fail(failed, 'npm install took too long', skip)
        if p.returncode != 0:
            shutil.rmtree(where + '.new', ignore_errors=True)
            last = (p.stderr.strip().splitlines() or ['?'])[-1][:100]
            fail(failed, last, skip)
        os.rename(where + '.new', where)
    return found
