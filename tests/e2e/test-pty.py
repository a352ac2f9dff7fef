#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The terminal: window size, keys, job control, and that it is given back."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import termios

from harness import (Term, World, check, contains, equal, main, mark,
                     processes, test, until_in_front, wait_for, with_mark)

w = World()
w.env['PS1'] = 'yard> '


def term(*command, **kw):
    return Term(w.argv(list(command)), w.env, w.project, **kw)


def bash():
    t = term('bash', '--norc', '--noprofile', '-i')
    t.send("PS1='yar''d> '\n")
    t.expect('yard> ')
    return t


@test('the command has a terminal of its own, of the same size')
def size():
    t = term('sh', '-c', 'tty; stty size; test -t 0 && test -t 1 && test -t 2 '
             '&& echo all three', rows=33, cols=111)
    out = t.expect('all three')
    contains(out, '/dev/pts/', 'tty')
    contains(out, '33 111', 'size')
    equal(t.wait(), 0, 'exit code')
    t.close()


@test('a new window size arrives, with SIGWINCH')
def resize():
    t = term('bash', '-c', 'trap "stty size; exit 5" WINCH; echo ready; '
             'while :; do sleep 0.1; done')
    t.expect('ready')
    t.resize(50, 120)
    t.expect('50 120')
    equal(t.wait(), 5, 'exit code')
    t.close()


@test('Ctrl-C reaches the foreground process, bawn stays')
def interrupt():
    t = bash()
    t.send(f'sleep {mark(98727)}; echo code=$?\n')
    until_in_front(mark(98727))
    t.send('\x03')
    t.expect('yard> ')
    t.send('echo still-"here"\n')
    t.expect('still-here')
    t.send('exit 7\n')
    equal(t.wait(), 7, 'exit code')
    t.close()


@test('Ctrl-C ends a plain command with 130')
def interrupt_plain():
    t = term('sleep', mark(98728))
    until_in_front(mark(98728))
    t.send('\x03')
    equal(t.wait(), 130, 'exit code')
    t.close()


@test('Ctrl-Z, jobs, fg and bg in bash')
def job_control():
    t = bash()
    t.send(f'sleep {mark(98729)}\n')
    until_in_front(mark(98729))
    t.send('\x1a')
    t.expect('Stopped')
    t.expect('yard> ')
    t.send('jobs\n')
    t.expect('Stopped')
    t.expect('yard> ')
    t.send('bg\n')
    t.expect('yard> ')
    t.send('jobs\n')
    t.expect('Running')
    t.expect('yard> ')
    t.send('fg\n')
    until_in_front(mark(98729))
    t.send('\x03')
    t.expect('yard> ')
    t.send('exit 0\n')
    equal(t.wait(), 0, 'exit code')
    t.close()


@test('Ctrl-\\ and Ctrl-D')
def quit_and_eof():
    t = term('sh', '-c', 'echo ready; exec sleep 100')
    t.expect('ready')
    t.send('\x1c')
    equal(t.wait(), 131, 'exit code of SIGQUIT')
    t.close()
    t = term('sh', '-c', 'echo ready; exec cat')
    t.expect('ready')
    t.send('line\n\x04')
    equal(t.wait(), 0, 'exit code of cat')
    t.close()


@test('raw bytes pass in both directions')
def raw():
    t = term('/usr/bin/python3', '-c', '''
import os, sys, tty
tty.setraw(0)
os.write(1, b"ready")
d = b""
while len(d) < 256:
    d += os.read(0, 256)
os.write(1, d.hex().encode() + b"end")
''')
    t.expect('ready')
    data = bytes(range(256))
    t.send(data)
    contains(t.expect('end', 20), data.hex(), 'bytes')
    equal(t.wait(), 0, 'exit code')
    t.close()


@test('a megabyte of output, none lost')
def much():
    t = term('sh', '-c', 'seq 1 150000; echo all-out')
    out = t.expect('all-out', 40)
    numbers = re.findall(r'^(\d+)\r$', out, re.M)
    equal(len(numbers), 150000, 'lines')
    equal(t.wait(), 0, 'exit code')
    t.close()


class Outer:
    """A pty whose slave stays open, to look at its settings afterwards."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

    def start(self, *command):
        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        return subprocess.Popen(
            w.argv(list(command)), stdin=self.slave, stdout=self.slave,
            stderr=self.slave, env=w.env, cwd=w.project, preexec_fn=lead)

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def given_back(how, seconds):
    o = Outer()
    p = o.start('sh', '-c', f'stty raw -echo; sleep {seconds}')
    # Not bawn's own command line, nor its guard's: the command itself.
    wait_for('the command, and raw mode', 10, lambda: not o.restored() and any(
        row[1] == 'sleep' and seconds in row[2]
        for row in processes().values()))
    how(p)
    p.wait(15)
    wait_for('the settings from before', 2, o.restored)
    wait_for('no process left', 2, lambda: not with_mark(f'sleep {seconds}'))
    o.close()


@test('the terminal is restored after an exit in raw mode')
def restored_exit():
    o = Outer()
    p = o.start('sh', '-c', 'stty raw -echo; exit 4')
    equal(p.wait(15), 4, 'exit code')
    check(o.restored(), 'settings differ')
    o.close()


@test('and after SIGTERM, SIGHUP, SIGINT to bawn')
def restored_signals():
    for n, sig in enumerate((signal.SIGTERM, signal.SIGHUP, signal.SIGINT)):
        given_back(lambda p, s=sig: p.send_signal(s), mark(98724 + n))


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the first of them took it along


@test('and after the kill of everything inside')
def restored_inside():
    given_back(lambda p: kill_all(x for x in with_mark('sleep ' + mark(98722))
                                  if x != p.pid), mark(98722))


@test('and after kill -9 of bawn')
def restored_killed():
    given_back(lambda p: p.kill(), mark(98723))


@test('started from an interactive shell, it gives the terminal back')
def stopped_from_outside():
    t = Term(['bash', '--norc', '--noprofile', '-i'],
             dict(w.env, PS1='out> '), w.project)
    t.send("PS1='ou''t> '\n")
    t.expect('out> ')
    t.send(' '.join(f"'{a}'" for a in w.argv(
        ['sh', '-c', 'echo in-side; read x; echo got-$x'])) + '\n')
    t.expect('in-side\r\n')
    t.send('word\n')
    t.expect('got-word')
    t.expect('out> ')
    t.send('exit\n')
    t.wait()
    t.close()


@test('a refusal is not drawn over the program, it is told at the end')
def notice_at_exit():
    t = term('sh', '-c', 'curl -s http://foreign.test/; echo program-is-done')
    out = t.expect('program-is-done')
    check('host: foreign.test' not in out, f'drawn over: {out!r}')
    t.expect('foreign.test')
    equal(t.wait(), 0, 'exit code')
    t.close()


@test('characters cannot be pushed into the user\'s terminal')
def injection():
    t = term('/usr/bin/python3', '-c', '''
import fcntl, termios
for request in (termios.TIOCSTI, 0x541C):
    try:
        fcntl.ioctl(0, request, b"x")
        print("pushed", request)
    except OSError as e:
        print("errno", e.errno)
print("fin" + "ished")
''')
    out = t.expect('finished')
    check('pushed' not in out, out)
    equal(t.wait(), 0, 'exit code')
    t.close()


@test('mixed: stdin a pipe, stdout a terminal, and the other way')
def mixed():
    o = Outer()
    p = subprocess.Popen(w.argv(['sh', '-c', 'cat; test -t 1 && echo tty']),
                         stdin=subprocess.PIPE, stdout=o.slave,
                         stderr=subprocess.PIPE, env=w.env, cwd=w.project)
    p.communicate(b'piped\n', timeout=20)
    equal(p.returncode, 0, 'exit code')
    seen = os.read(o.master, 4096)
    check(b'piped' in seen, f'{seen}')
    p = subprocess.Popen(w.argv(['sh', '-c', 'echo out']), stdin=o.slave,
                         stdout=subprocess.PIPE, env=w.env, cwd=w.project)
    equal(p.communicate(timeout=20)[0], b'out\n', 'stdout a pipe')
    o.close()


main()
