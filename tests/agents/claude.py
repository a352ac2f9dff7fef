# SPDX-License-Identifier: Apache-2.0
"""Claude Code from its npm package, and the scripted model it talks to."""

import json
import os
import shutil
import subprocess
import threading

import cache
from harness import skip

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = '2.1.329'  # the newest that was tried; a new one is tried by hand

# What keeps it to the model alone.
QUIET = {
    'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC': '1',
    'DISABLE_AUTOUPDATER': '1',
}


def install():
    """(its program, the directory that has to be readable)."""
    program = cache.npm_package('@anthropic-ai/claude-code', VERSION,
                                'claude', skip)
    return program, os.path.dirname(os.path.dirname(os.path.dirname(program)))


def options(env):
    return [x for k, v in env.items() for x in ('-e', f'{k}={v}')]


class Model:
    """model-server.mjs; with @dump every byte it was sent is kept there, with
    @script (a list of [tool, input]) it asks for these tools in turn."""

    def __init__(self, path, dump=None, script=None):
        node = shutil.which('node', path=path)
        if not node:
            skip('no node')
        env = dict(os.environ)
        if dump:
            env['MODEL_DUMP'] = dump
        if script is not None:
            env['MODEL_SCRIPT'] = json.dumps(script)
        self.requests = []
        self.p = subprocess.Popen([node, HERE + '/model-server.mjs'], env=env,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        self.port = int(self.p.stdout.readline())
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        for line in self.p.stdout:
            self.requests.append(json.loads(line))

    def close(self):
        self.p.kill()
        self.p.wait()
