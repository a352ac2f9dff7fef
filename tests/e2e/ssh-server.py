# SPDX-License-Identifier: Apache-2.0
"""An SSH server for git: ssh-server.py KEYS GIT-ROOT; prints its port.

asyncssh and not sshd: it needs no system user, no service and no root, and
installing it starts nothing on the machine that runs the tests.
"""

import asyncio
import os
import shlex
import sys

import asyncssh

KEYS, ROOT = sys.argv[1:3]
COMMANDS = ('git-upload-pack', 'git-receive-pack')


async def handle(process):
    words = shlex.split(process.command or '')
    if len(words) != 2 or words[0] not in COMMANDS:
        process.stderr.write(b'only git here\n')
        process.exit(1)
        return
    path = os.path.join(ROOT, words[1].lstrip('/'))
    env = dict(os.environ, GIT_CONFIG_COUNT='1',
               GIT_CONFIG_KEY_0='safe.directory', GIT_CONFIG_VALUE_0='*')
    child = await asyncio.create_subprocess_exec(
        words[0], path, env=env, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    await process.redirect(stdin=child.stdin, stdout=child.stdout,
                           stderr=child.stderr)
    code = await child.wait()
    await process.stdout.drain()
    process.exit(code)


async def main():
    server = await asyncssh.listen(
        '127.0.0.1', 0, server_host_keys=[KEYS + '/host'],
        authorized_client_keys=KEYS + '/user.pub', process_factory=handle,
        encoding=None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
