# SPDX-License-Identifier: Apache-2.0
"""usage: leader.py FD COMMAND [ARG...]

Leads a session on the terminal that is its standard input, runs COMMAND there
and then writes to FD, as JSON, how it ended and how many bytes somebody has
typed into the terminal meanwhile.  It must outlive COMMAND: with its leader a
session loses its terminal and what was typed into it.
"""

import array
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios


def main():
    fd = int(sys.argv[1])
    os.set_inheritable(fd, False)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Bytes, not lines, and nothing echoed: what comes is what was typed.
    how = termios.tcgetattr(0)
    how[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(0, termios.TCSANOW, how)
    try:
        p = subprocess.Popen(sys.argv[2:])
    except OSError as e:
        os.write(fd, json.dumps({'code': 127, 'typed': 0,
                                 'error': str(e)}).encode())
        return
    # Hang-ups and interrupts of the terminal are for the command.
    for s in (signal.SIGHUP, signal.SIGINT, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(s, signal.SIG_IGN)
    code = p.wait()
    n = array.array('i', [0])
    # The command may have left the terminal as it liked.
    how = termios.tcgetattr(0)
    how[3] &= ~termios.ICANON
    termios.tcsetattr(0, termios.TCSANOW, how)
    fcntl.ioctl(0, termios.FIONREAD, n)
    os.write(fd, json.dumps({'code': code, 'typed': n[0]}).encode())


main()
