# SPDX-License-Identifier: Apache-2.0
"""A model that follows a script, in node: a command, then a text."""

import os
import shutil
import subprocess
import threading

from harness import skip

HERE = os.path.dirname(os.path.abspath(__file__))


class Model:
    """@server of this directory, which prints its port first; the model asks for
    @command."""

    def __init__(self, path, server, command):
        node = shutil.which('node', path=path)
        if not node:
            skip('no node')
        self.p = subprocess.Popen([node, os.path.join(HERE, server)],
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True,
                                  env=dict(os.environ, MODEL_COMMAND=command))
        self.port = int(self.p.stdout.readline())
        threading.Thread(target=self.p.stdout.read, daemon=True).start()

    def close(self):
        self.p.kill()
        self.p.wait()
