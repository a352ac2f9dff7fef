# SPDX-License-Identifier: Apache-2.0
"""The shell's daily company: editors, pagers, searches, processes, files."""

import os
import shutil
import socket
import subprocess
import threading
import time

from harness import check, contains, equal, mark, until_in_front, wait_for, with_mark
from table import row


@row('terminal', 'vim: open, insert, save', want=('vim',),
     version='vim --version')
def vim(j):
    j.write('a.txt', 'first\n')
    t = j.term('vim', '-u', 'NONE', '-N', 'a.txt')
    t.expect('first')
    t.send('osecond line\x1b')
    t.expect('second line')
    t.send(':wq\r')
    equal(t.wait(), 0, 'exit code')
    equal(j.read('a.txt'), 'first\nsecond line\n', 'the file outside')


@row('terminal', 'tmux: new session, command, detach, attach, split',
     want=('tmux',), version='tmux -V')
def tmux(j):
    t = j.term('tmux', '-f', '/dev/null', 'new-session', '-s', 'w')
    t.expect('[w]')
    t.send('echo made-$((40+2)) | tee made.txt\r')
    t.expect('made-42')
    t.send('tmux split-window\r')
    time.sleep(0.3)
    t.send('tmux list-panes | wc -l > panes.txt\r')
    wait_for('the second pane', 10, lambda: os.path.exists(
        j.path('panes.txt')) and j.read('panes.txt').strip())
    t.send('tmux kill-server\r')
    t.wait()
    equal(j.read('made.txt'), 'made-42\n', 'the file outside')
    equal(j.read('panes.txt').strip(), '2', 'panes')


@row('terminal', 'bash: job control, history, resize', want=('bash',),
     version='bash --version', core=True)
def bash(j):
    t = j.term('bash', '--norc', '-i')
    t.expect('$ ')
    t.send(f'sleep {mark(976)}\r')
    until_in_front(mark(976))
    t.send('\x1a')
    t.expect('Stopped')
    t.send('bg; jobs; kill %1; wait; stty size\r')
    t.expect('Running')
    t.expect('24 80')
    t.resize(30, 100)
    t.send('until [ "$(stty size)" = "30 100" ]; do sleep .05; done; '
           'echo re""sized\r')
    t.expect('resized')
    t.send('exit\r')
    equal(t.wait(), 0, 'exit code')


@row('terminal', 'less', want=('less',), version='less --version')
def less(j):
    j.write('long', ''.join(f'line {i}\n' for i in range(500)))
    t = j.term('less', 'long')
    t.expect('line 5')
    t.send('G')
    t.expect('line 499')
    t.send('q')
    equal(t.wait(), 0, 'exit code')


@row('terminal', 'man', want=('man',), version='man --version')
def man(j):
    j.write('yard.1', '.TH YARD 1\n.SH NAME\nyard \\- a walled place\n')
    contains(j.sh('man -l ./yard.1 | cat').out, 'a walled place', 'the page')


@row('terminal', 'a second `bawn run` in the same project at the same time', core=True)
def second(j):
    first = j.popen('sh', '-c', 'echo a > a; while ! [ -e b ]; do sleep .05; '
                    'done; cat b')
    wait_for('the first is running', 20, lambda: os.path.exists(
        j.path('a')) and j.read('a') == 'a\n')
    equal(j.sh('cat a; echo from-second > b').out, 'a\n', 'the second')
    out, err = first.communicate(timeout=20)
    equal((first.returncode, out), (0, b'from-second\n'), f'the first: {err}')


@row('terminal', 'daemons in the background end with the session', core=True)
def daemons(j):
    m = mark(977)
    j.sh(f'setsid sh -c "trap : TERM HUP; sleep {m}" >/dev/null 2>&1 & '
         f'nohup sleep {m} >/dev/null 2>&1 & sleep .2; echo up > up')
    wait_for('nothing is left', 2, lambda: not with_mark(m))
    equal(j.read('up'), 'up\n', 'the command ran')


@row('terminal', 'time, nice, timeout, ulimit', core=True)
def time_(j):
    r = j.run('bash', '-c', 'time sleep 0.1; nice -n 5 nice; '
              'timeout 0.2 sleep 9; echo $?; ulimit -n; nproc')
    contains(r.err, 'real', 'time')
    contains(r.out, '124', 'timeout')


@row('terminal', 'locale and time zone', core=True)
def locale(j):
    r = j.sh('locale charmap; date +%Z; TZ=Europe/Berlin date -d '
             '@1700000000 +%H:%M', env={'LANG': 'C.UTF-8',
                                        'TZ': 'America/New_York'})
    equal(r.out.splitlines()[0], 'UTF-8', 'charmap')
    check(r.out.splitlines()[1] in ('EST', 'EDT'), f'zone: {r.out}')
    equal(r.out.splitlines()[2], '23:13', 'another zone')


@row('terminal', 'curl to a host that no preset names', want=('curl',),
     version='curl --version',
     needs={'network': {'allow': [{'host': 'web.test', 'ports': [80]}]}}, core=True)
def curl(j):
    import servers
    web = servers.Web()
    j.closing.callback(web.close)
    tree = j.dev.tree
    for rule in tree['network']['allow']:
        if rule.get('host') == 'web.test':
            rule['connect'] = f'127.0.0.1:{web.port}'
    j.dev.policy(tree)
    contains(j.sh('curl -sSf http://web.test/').out, 'hello from', 'the page')


@row('terminal', 'jq, sed, awk, tar, gzip, xargs', want=('jq',),
     version='jq --version')
def jq(j):
    r = j.sh('echo \'{"a":[1,2]}\' | jq -c .a; printf "1 2\\n" | awk '
             '"{print \\$1+\\$2}"; mkdir d; echo x > d/f; tar czf d.tgz d; '
             'rm -r d; tar xzf d.tgz; ls d | xargs echo')
    equal(r.out, '[1,2]\n3\nf\n', 'output')


@row('terminal', 'ripgrep', want=('rg',), version='rg --version')
def ripgrep(j):
    j.write('a/b.txt', 'needle\n')
    equal(j.sh('rg -l needle').out, 'a/b.txt\n', 'found')


@row('terminal', 'fd', want=('fdfind',), version='fdfind --version')
def fd(j):
    j.write('a/b.txt', 'x\n')
    equal(j.sh('fdfind b.txt').out, 'a/b.txt\n', 'found')


@row('terminal', 'inotify: a watcher sees an edit')
def inotify(j):
    j.write('w.mjs', 'import fs from "fs";\n'
            'const t = setTimeout(() => process.exit(3), 5000);\n'
            'fs.watch(".", (e, f) => { if (f === "x") { '
            'console.log("seen", f); process.exit(0); } });\n'
            'setTimeout(() => fs.writeFileSync("x", "1"), 200);\n')
    equal(j.sh('node w.mjs').out, 'seen x\n', 'the event')


# ---- files ----

@row('files', 'names with blanks, newlines, UTF-8; a path of 3,000 bytes', core=True)
def names(j):
    odd = 'a b\nc "d" \u00e4\u4e2d'
    j.write(odd, 'odd\n')
    deep = '/'.join(['d' * 200] * 14)
    j.sh('mkdir -p "$DEEP"; d=$(pwd); for i in $(seq 14); do cd d*; done; '
         'echo deep > f; cd "$d"; '
         'for f in a*; do cat "$f"; cp "$f" "$f copy"; done'
         .replace('$DEEP', deep))
    equal(j.read(odd + ' copy'), 'odd\n', 'the copy outside')
    equal(j.read(deep + '/f'), 'deep\n', 'the deep file')


@row('files', 'a project whose own path has blanks and a newline',
     want=('git',), core=True)
def odd_project(j):
    where = j.path('my project\nnumber 1 \u00e4')
    os.mkdir(where)
    j.sh('git init -q; echo x > f; git add .; git commit -qm odd', cwd=where)
    equal(j.host('git log --format=%s', cwd=where).out, 'odd\n', 'the log')


@row('files', 'a project on tmpfs', want=('git',), core=True)
def tmpfs(j):
    if not os.path.ismount('/dev/shm'):
        from harness import skip
        skip('no tmpfs at /dev/shm')
    where = f'/dev/shm/bawn-compat-{os.getpid()}'
    os.mkdir(where, 0o755)
    j.closing.callback(shutil.rmtree, where, True)
    r = j.sh('git init -q; echo x > f; git add .; git commit -qm mem; '
             'stat -f -c %T .', cwd=where)
    equal(r.out, 'tmpfs\n', 'the file system')
    equal(j.host('git log --format=%s', cwd=where).out, 'mem\n', 'the log')


@row('files', 'a project of 20,000 files: git status, rg, tar',
     want=('git', 'rg'), seconds=180,
     note='Of the session\'s start the number of files takes little: hidden '
     'names are looked for in the tree.')
def many(j):
    for d in range(200):
        os.makedirs(j.path(f's/{d}'))
        for f in range(100):
            with open(j.path(f's/{d}/{f}.txt'), 'w') as out:
                out.write(f'{d} {f}\n')
    j.host('git init -q; git add .; git commit -qm many', timeout=120)
    began = time.monotonic()
    j.sh('true')
    check(time.monotonic() - began < 3, 'the start took over three seconds')
    r = j.sh('echo 42 > s/7/7.txt; git status --short; '
             'rg -c "^199 99$"; git commit -qam change; tar c . | wc -c',
             timeout=120)
    contains(r.out, ' M s/7/7.txt', 'status')
    contains(r.out, 's/199/99.txt:1', 'rg')


@row('files', 'symbolic and hard links, sockets, FIFOs, xattrs in the project',
     want=('python3',), core=True)
def kinds(j):
    j.write('k.py', '''
import os, socket
open('f', 'w').write('x')
os.symlink('f', 'sym'); os.link('f', 'hard'); os.mkfifo('fifo')
s = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect('sock')
os.setxattr('f', 'user.note', b'v')
os.utime('f', (1, 1)); os.chmod('f', 0o750); os.truncate('f', 1 << 20)
print(os.getxattr('f', 'user.note').decode(), os.stat('hard').st_nlink)
''')
    equal(j.sh('/usr/bin/python3 k.py').out, 'v 2\n', 'output')
    equal(os.stat(j.path('hard')).st_size, 1 << 20, 'the size outside')


@row('files', 'a login and a history made inside last until the next session', core=True)
def history(j):
    j.sh('mkdir -p ~/.config/tool; echo token > ~/.config/tool/login; '
         'echo cmd > ~/.bash_history; echo c > ~/.cache-file')
    equal(j.sh('cat ~/.config/tool/login ~/.bash_history').out,
          'token\ncmd\n', 'the private home')
    check(not os.path.exists(j.dev.home + '/.config/tool'),
          'it is in the real home')


@row('files', 'credentials of the developer: none is inside',
     note='A decoy in each of the usual files and variables, searched '
     'for in everything that the session can read of the home and in its '
     'environment.', core=True)
def decoys(j):
    from home import DECOY
    r = j.run('sh', '-c', 'env; cat /proc/*/environ 2>/dev/null; '
              'grep -rIs "$0" ~ /etc /run /tmp /opt; '
              'echo looked', DECOY[:12])
    contains(r.out, 'looked', 'the search ran')
    found = [x for x in r.out.splitlines() if DECOY in x]
    equal(found, [], 'decoys that were found')
    equal(j.host('grep -rIsl "$0" ~ | wc -l'.replace('$0', DECOY)).out.strip()
          >= '10', True, 'outside they are there')


# ---- meant to be refused ----

@row('refused', 'sudo', want=('sudo',), version='sudo --version',
     refused='nothing in the jail can gain rights: set-id programs run '
     'without them')
def sudo(j):
    r = j.run('sudo', '-n', 'id', '-u')
    check(r.code != 0 and r.out.strip() != '0', f'{r}')
    check('no new privileges' in r.err or 'effective uid is not 0' in r.err
          or 'must be owned by uid 0' in r.err, f'what sudo says: {r.err}')


def accept_all(listener, came):
    while True:
        try:
            came.append(listener.accept()[0].close())
        except OSError:
            return


@row('refused', 'docker client', want=('docker',), version='docker --version',
     refused='its socket is root of the host: who may use it is outside; '
     'naming it in `network.sockets` gives the jail away')
def docker(j):
    came = []
    path = j.dev.top + '/docker.sock'
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX)
    j.closing.callback(s.close)
    s.bind(path)
    s.listen()
    threading.Thread(target=accept_all, args=(s, came), daemon=True).start()
    command = ['docker', '-H', 'unix://' + path, 'ps']
    r = j.run(*command)
    check(r.code != 0, f'{r}')
    contains(r.err.lower(), 'docker', 'the client speaks')
    equal(came, [], 'who came to the engine')
    j.call(command)
    check(came, 'outside nobody came either')


@row('refused', 'ping', want=('ping',), version='ping -V',
     refused='no ICMP: only TCP to allowed names and DNS')
def ping(j):
    r = j.run('ping', '-c1', '-W1', '127.0.0.1')
    check(r.code != 0, 'it answered')
    contains(r.err, 'permitted', 'why')


@row('refused', 'strace or gdb of a process outside', want=('strace',),
     refused='the jail sees its own processes only')
def strace_outside(j):
    victim = subprocess.Popen(['sleep', '30'])
    j.closing.callback(victim.wait)
    j.closing.callback(victim.kill)
    r = j.run('strace', '-p', str(victim.pid), '-o', '/dev/null')
    check(r.code != 0, f'{r}')
    contains(r.err, 'No such process', 'why')
