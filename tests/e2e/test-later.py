#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files that run later outside: what is there is read-only where ordinary work
does not need it, and what is made or changed is recorded and told."""

import os
import re
import stat
import subprocess
import time

from harness import (AS_ROOT, World, check, contains, equal, main, test,
                     wait_for)

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, '../../src/jail/later-rows.c')

w = World()


def table():
    """[(id, protected, [pattern])] and the names of heaps, from the source."""
    with open(SOURCE) as f:
        text = f.read()
    rows = []
    for m in re.finditer(r'ROW\("([\w-]+)", \w+, LATER_(\w+),((?:\s*"[^"]*")+),'
                         r'', text):
        patterns = ''.join(re.findall(r'"([^"]*)"', m[3])).split()
        rows.append((m[1], m[2] == 'PROTECT', patterns))
    heaps = re.findall(r'STR\("([^"]+)"\)', text[text.index('later_is_heap'):])
    return rows, heaps


ROWS, HEAPS = table()


def fits(pattern, path, git):
    """A second opinion on later.c.  @path: below the top, as a list; @git: how many
    of its components are a git directory, or 0."""
    if pattern.startswith('GIT/'):
        if not git:
            return False
        rest, parts = pattern[4:].split('/'), path[git:]
        if rest[-1] == '**':
            return parts[:len(rest) - 1] == rest[:-1] and len(parts) == len(rest)
        return parts == rest
    want = pattern.split('/')
    if want[-1] == '**':
        n = len(want) - 1
        return any(path[i:i + n] == want[:-1]
                   for i in range(len(path) - n))
    if len(path) < len(want) or path[-len(want):-1] != want[:-1]:
        return False
    return re.fullmatch('.*'.join(map(re.escape, want[-1].split('*'))),
                        path[-1], re.S) is not None


def expected(path, git):
    for name, protected, patterns in ROWS:
        if any(fits(p, path, git) for p in patterns):
            return name, protected
    return None, False


def samples():
    """(path below the project as a list, git) for each pattern."""
    n = 0
    for name, _, patterns in ROWS:
        for p in patterns:
            n += 1
            top = f't{n}'
            p = p.replace('**', 'below').replace('*', 'x')
            if p.startswith('GIT/'):
                yield [top, '.git', *p[4:].split('/')], 2
                yield [top, 'bare', *p[4:].split('/')], 2
            else:
                yield [top, 'deep', *p.split('/')], 0


SAMPLES = list(samples())


def host(command, cwd=None, where=None):
    subprocess.run(['sh', '-ec', command], cwd=cwd or (where or w).project,
                   check=True, env=dict((where or w).env, GIT_CONFIG_NOSYSTEM='1'),
                   stdout=subprocess.DEVNULL)
    # Change times count in ticks; what is of the session's first one is its own.
    time.sleep(0.02)


def fresh(policy='version: 1\n'):
    """A project of its own in the world: an empty one."""
    host('rm -rf -- * .[!.]*')
    w.policy(policy)


def later(**fields):
    return w.having('file.later', **fields)


def told(where, **fields):
    """The one record on @where, a path below the project."""
    got = later(path=f'{w.project}/{where}', **fields)
    equal(len(got), 1, f'records on {where} {fields}: {later()}')
    return got[0]


def silent(where):
    equal(later(path=f'{w.project}/{where}'), [], f'records on {where}')


def heap_of(path):
    for i, part in enumerate(path):
        if part in HEAPS:
            return path[:i + 1]
    return None


def check_rows(records, what):
    """Each sample that is not protected is recorded with its row."""
    have = {(r['path'], r['row'], r['what']) for r in records}
    bad = []
    for path, git in SAMPLES:
        row, protected = expected(path, git)
        if protected and what == 'changed' and not heap_of(path[1:]):
            continue
        where = path if row == 'git-hooks' else heap_of(path) or path
        want = (w.project + '/' + '/'.join(where), row, what)
        if want not in have and row != 'git-config':
            bad.append(want)
    equal(bad, [], f'no record of these (of {len(SAMPLES)})')


def write_samples(script=None):
    """Shell that appends a line to each sample; or does it here."""
    names = '\n'.join('/'.join(p) for p, _ in SAMPLES)
    w.write('list', names + '\n')
    return ('while read -r f; do mkdir -p "${f%/*}" 2>/dev/null; '
            'echo "# x" >> "$f" || echo "kept $f"; done < list')


def repositories():
    for path, git in SAMPLES:
        if git and not os.path.exists(f'{w.project}/{path[0]}/{path[1]}'):
            bare = '--bare' if path[1] == 'bare' else ''
            where = f'{path[0]}/{"bare" if bare else ""}'
            host(f'git init -q {bare} {where}')
            # A worktree's own directory, for GIT/commondir.
    host('find . -name "*.sample" -delete')


@test('each row of the table: what a session makes is recorded', 120)
def rows_created():
    fresh()
    repositories()
    host('find . -path "*/hooks" -type d -exec rmdir {} + ; true')
    r = w.sh(write_samples(), timeout=60)
    kept = [x for x in r.out.split('\n') if x.startswith('kept ')]
    equal(kept, [], 'nothing was there, so nothing is read-only')
    check_rows([x for x in later() if x['row'] != 'git-config'], 'created')
    lines = [x for x in r.err.split('\n') if x.startswith('bawn:')]
    check(1 < len(lines) <= 20, f'{len(lines)} lines: {r.err}')
    contains(r.err, 'LOOK BEFORE YOU GO ON', 'the headline')
    contains(r.err, f'more: bawn logs ', 'the last line')


@test('each row: what is there is read-only, or its change recorded', 120)
def rows_changed():
    # Nothing is hidden, so what would be can be written.
    fresh('version: 1\nfiles: {read: [/usr, /etc, /opt], write: [.]}\n')
    repositories()
    for path, _ in SAMPLES:
        where = '/'.join(path)
        if not os.path.exists(f'{w.project}/{where}'):
            w.write(where, '# before\n')
    script = write_samples()
    before = {}
    for path, git in SAMPLES:
        with open(w.project + '/' + '/'.join(path)) as f:
            before['/'.join(path)] = f.read()
    r = w.sh(script, timeout=60)
    kept = {x[5:] for x in r.out.split('\n') if x.startswith('kept ')}
    for path, git in SAMPLES:
        row, protected = expected(path, git)
        where = '/'.join(path)
        with open(f'{w.project}/{where}') as f:
            now = f.read()
        if protected and not heap_of(path):
            equal(now, before[where], f'{where} ({row}) on the host')
            check(where in kept, f'{where}: no refusal')
        else:
            equal(now, before[where] + '# x\n', f'{where} ({row})')
    contains(r.err, 'Read-only file system', 'the refusal')
    check_rows(later(), 'changed')


@test('read-only: no way to change, replace, remove or move it')
def protected():
    fresh()
    host('git init -q .; mkdir -p .claude a/b/c/d/e; '
         'echo "{}" > .claude/settings.json; echo old > .git/hooks/pre-commit; '
         'chmod 755 .git/hooks/pre-commit; echo export A=1 > .envrc; '
         'git init -q a/b/c/d/e; ln .envrc hard')
    script = '''
for f in .git/hooks/pre-commit .git/hooks/new .claude/settings.json .envrc \\
         a/b/c/d/e/.git/hooks/pre-push; do
    echo evil > $f; echo evil > tmp; mv -f tmp $f; rm -f $f
    ln -f tmp2 $f; ln -sf /bin/sh $f; chmod 777 $f; touch $f; truncate -s 0 $f
done
rm -rf .git/hooks; mv .git/hooks h; mv .git gone; mv .claude gone
mv a/b/c/d/e/.git gone; cp -r .git git2; rm -rf .claude
python3 - <<'P'
import os
for a, b in ((".git", "git2"), (".claude", "a")):
    try:
        import ctypes
        if ctypes.CDLL(None).renameat2(-100, a.encode(), -100, b.encode(), 2) == 0:
            print("exchanged", a)
    except Exception as e:
        print(e)
P
echo done'''
    r = w.sh(script)
    contains(r.out, 'done', f'{r}')
    check('exchanged' not in r.out, f'{r}')
    p = w.project
    equal(open(p + '/.git/hooks/pre-commit').read(), 'old\n', 'the hook')
    equal(stat.S_IMODE(os.stat(p + '/.git/hooks/pre-commit').st_mode), 0o755,
          'its mode')
    equal(open(p + '/.claude/settings.json').read(), '{}\n', 'settings')
    equal(open(p + '/.envrc').read(), 'export A=1\n', '.envrc')
    for gone in ('.git/hooks/new', 'a/b/c/d/e/.git/hooks/pre-push', 'gone'):
        check(not os.path.exists(f'{p}/{gone}'), gone)
    start = w.having('session.start')[0]
    equal(start['layer.protected'], 4, 'how many the record says')


@test('another name of a protected file: its change is told')
def hard_link():
    fresh()
    host('mkdir .vscode; echo "{}" > .vscode/tasks.json; '
         'ln .vscode/tasks.json twin')
    r = w.sh('echo evil >> twin')
    equal(told('.vscode/tasks.json')['what'], 'changed', f'{r}')


@test('a directory that is moved, and one that comes back, are read as new')
def moved():
    fresh()
    host('mkdir -p a/x/.github/workflows b; echo on > a/x/.github/workflows/c.yml;'
         'echo all: > a/Makefile; git init -q b; echo x > b/.git/hooks/evil; '
         'mv b/.git b/dot; mv b/dot/HEAD b/dot/h; mkdir keep; echo all: > keep/Makefile')
    old = time.time() - 86400
    for d, _, files in os.walk(w.project):
        for f in files:
            os.utime(os.path.join(d, f), (old, old))
    time.sleep(0.05)
    w.sh('mv a c; mv b/dot/h b/dot/HEAD; mv b/dot b/.git; touch keep/other')
    equal(told('c/x/.github/workflows/c.yml')['what'], 'created', 'workflow')
    equal(told('c/Makefile')['what'], 'created', 'makefile')
    equal(told('a/Makefile')['what'], 'removed', 'makefile')
    equal(told('b/.git/hooks/evil')['row'], 'git-hooks', 'hook')
    silent('keep/Makefile')


@test('put back, times set back, swapped, renamed: all told')
def put_back():
    fresh()
    host('echo all: > Makefile; echo "{}" > package.json; mkdir d e; '
         'echo 1 > d/real; ln -s d/real CLAUDE.md; echo x > e/Dockerfile; '
         'echo same > AGENTS.md; echo a > setup.py; echo quiet > meson.build')
    time.sleep(0.05)
    w.sh('cp -p Makefile m; echo evil > Makefile; cp -p m Makefile; '
         'touch -d 2001-01-01 Makefile; cp -p package.json p; '
         'mv p package.json; rm -r d; mkdir d; echo evil > d/real; '
         'rm e/Dockerfile; mkfifo e/Dockerfile; chmod +x AGENTS.md; '
         'mv setup.py s; ln -s s setup.py; cat meson.build')
    for name in ('Makefile', 'package.json', 'CLAUDE.md', 'e/Dockerfile',
                 'AGENTS.md', 'setup.py'):
        equal(told(name)['what'], 'changed', name)
    silent('meson.build')


@test("git's configuration: programs are told, remotes are not urgent")
def config():
    fresh()
    host('git init -q .; git config core.pager less; '
         'git config filter.lfs.clean "git-lfs clean"')
    r = w.sh('git remote add origin https://git.example/x; '
             'git config branch.main.merge refs/heads/main')
    got = told('.git/config')
    equal((got['row'], got['urgent']), ('git-config', False), f'{got}')
    check('LOOK' not in r.err, f'no alarm: {r.err}')
    r = w.sh('git config core.fsmonitor ./evil; git config alias.st "!sh x"; '
             'git config filter.lfs.smudge "sh -c x"; git config alias.ok log')
    got = {x['detail'] for x in later(row='git-config-runs')}
    equal(got, {'core.fsmonitor = ./evil', 'alias.st = !sh x',
                'filter.lfs.smudge = sh -c x'}, 'new keys')
    contains(r.err, 'LOOK BEFORE YOU GO ON', 'told')
    contains(r.err, 'core.fsmonitor = ./evil', 'told')
    w.sh('printf "[core\\n" >> .git/config')
    contains(later(row='git-config-runs')[0]['detail'], 'cannot be read',
             'one that git refuses')


@test('a repository made inside, and core.hooksPath')
def repository():
    fresh()
    host('git init -q .; mkdir tools; echo x > tools/pre-commit; '
         'git config core.hooksPath tools')
    time.sleep(0.05)
    r = w.sh('git init -q a/b/c/new && echo evil > a/b/c/new/.git/hooks/post-commit; '
             'git init -q --bare bare; echo evil > bare/hooks/update; '
             'git -C a/b/c/new config core.sshCommand evil; '
             'echo evil >> tools/pre-commit')
    equal(told('a/b/c/new/.git')['row'], 'git-repository', f'{r}')
    equal(told('a/b/c/new/.git/hooks/post-commit')['row'], 'git-hooks', 'hook')
    equal(told('a/b/c/new/.git/config')['detail'], 'core.sshcommand = evil',
          'configuration')
    equal(told('bare/hooks/update')['row'], 'git-hooks', 'of a bare one')
    equal(told('tools/pre-commit')['row'], 'git-hooks-path', 'hooksPath')
    equal(later(row='git-hooks', path=f'{w.project}/a/b/c/new/.git/hooks/'
                'pre-commit.sample'), [], 'samples')


@test('hooks of a submodule that is not there yet')
def submodule():
    fresh()
    there = '.git/modules/there/hooks'
    host(f'git init -q; mkdir -p {there}; echo a > {there}/update; '
         'git init -q --bare .git/modules/libs/hooks')
    new = '.git/modules/libs/new/hooks/post-checkout'
    r = w.sh(f'mkdir -p .git/modules/libs/new/hooks && echo x > {new} && '
             'echo x > .git/modules/libs/hooks/description && '
             f'! echo b > {there}/update && ! mv {there} away')
    equal(r.code, 0, f'{r}')
    equal(told(new)['what'], 'created', new)
    silent(there + '/update')
    # A submodule of that name is no directory of hooks.
    silent('.git/modules/libs/hooks/description')
    silent('.git/modules/libs/hooks/config')


@test('what cannot be read is said')
def unread():
    fresh()
    if AS_ROOT:
        # Root reads all; what is too deep nobody opens by its path.
        script = ('python3 -c "import os\nfor i in range(30):\n '
                  'os.mkdir(\'d\' * 200); os.chdir(\'d\' * 200)"')
    else:
        script = 'mkdir -p s/.git/hooks; echo x > s/.git/hooks/a; chmod 311 s'
    r = w.sh(script)
    host('chmod -R u+rwx .; rm -rf s')
    got = later(row='unread')
    check(len(got) == 1 and got[0]['urgent'], f'{got} {r}')


@test('links that lead out are told, others are not')
def links():
    fresh()
    host('ln -s /etc/hostname before; mkdir in')
    w.sh('ln -s /etc/passwd out; ln -s in inside; ln -s ../../.. in/up; '
         'ln -s ../in in/fine')
    equal(told('out')['row'], 'link-out', 'absolute')
    equal(told('in/up')['row'], 'link-out', 'relative')
    for name in ('before', 'inside', 'in/fine'):
        silent(name)
    host('mkdir -p .git evil')
    w.sh('ln -s ../evil .git/hooks; ln -s evil .idea')
    equal(told('.git/hooks')['row'], 'git-hooks', 'a link in place of hooks')
    equal(told('.idea')['row'], 'editor-tasks', 'a link in place of settings')


@test('what tools make by the thousand is told in sum')
def heaps():
    fresh()
    r = w.sh('mkdir -p node_modules/.bin $(seq -f node_modules/p%g 300) '
             '$(seq -f s%g 200); touch node_modules/.bin/x '
             '$(seq -f node_modules/p%g/package.json 300) '
             '$(seq -f s%g/Makefile 200)')
    got = told('node_modules', row='npm')
    equal(got['count'], 300, 'count')
    lines = [x for x in r.err.split('\n') if x.startswith('bawn:')]
    check(len(lines) <= 5, f'{r.err}')
    contains(r.err, 'created 300 files in node_modules', 'the sum')
    contains(r.err, 'created 200 files, ', 'a group')


@test('more than the ledger takes one by one is counted', 60)
def many():
    fresh()
    r = w.run('sh', '-c', 'mkdir $(seq -f d%g 1500); '
              'touch $(seq -f d%g/Makefile 1500) .bashrc',
              options=('--json',))
    equal(sum(x['count'] for x in later()), 1501, 'in sum')
    check(len(later()) <= 140, 'records')
    contains(r.err, '"later":1501', 'for programs')
    contains(r.err, 'created .bashrc', 'the urgent one is told')


@test('nothing to tell: not a word, and no record')
def quiet():
    fresh()
    host('git init -q .; echo all: > Makefile; mkdir .claude; '
         'echo "{}" > .claude/settings.json')
    time.sleep(0.05)
    r = w.sh('cat Makefile; echo x > source.c; mkdir -p new/dir; '
             'git add source.c; git commit -qm one; git switch -qc side; '
             'echo y > source.c; git commit -qam two; git stash list')
    equal((r.code, r.err), (0, ''), f'{r}')
    equal(later(), [], 'records')


@test('files.write opens one by its name, and why says so')
def unlocked():
    fresh()
    host('git init -q .; mkdir .claude sub; echo "{}" > .claude/settings.json; '
         'git init -q sub')
    r = w.bawn('policy', 'why', '--policy', w.policy_path, 'write',
               '.git/hooks/pre-commit')
    equal(r.code, 1, f'{r}')
    contains(r.out, 'git runs it at commit', 'reason')
    contains(r.out, f'{w.project}/.git/hooks', 'change')
    contains(r.out, 'files.write', 'change')
    r = w.bawn('policy', 'why', '--policy', w.policy_path, 'write', 'Makefile')
    equal(r.code, 0, f'{r}')
    contains(r.out, 'shown when the session ends', 'a file that is told')
    w.policy('version: 1\nfiles:\n  read: [/usr, /etc]\n'
             '  write: [., .git/hooks]\n')
    r = w.bawn('policy', 'why', '--policy', w.policy_path, 'write',
               '.git/hooks/pre-commit')
    equal(r.code, 0, f'{r}')
    r = w.sh('echo x > .git/hooks/pre-commit; echo x > sub/.git/hooks/x; '
             'echo x > .claude/settings.json')
    w.policy('version: 1\n')
    equal(told('.git/hooks/pre-commit')['what'], 'created', f'{r}')
    silent('sub/.git/hooks/x')
    silent('.claude/settings.json')


@test("the host's own save does not open it")
def replaced():
    fresh()
    w.write('.vscode/tasks.json', '{}\n')
    p = w.popen(['sh', '-c', 'echo ready; read go; '
                 'echo evil > .vscode/tasks.json && echo written'],
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b'ready\n', 'start')
    w.write('.vscode/new', '{"mine": 1}\n')
    os.rename(w.project + '/.vscode/new', w.project + '/.vscode/tasks.json')
    wait_for('it is covered again', 5,
             lambda: later(row='editor-tasks', verdict='deny'))
    out, err = p.communicate(b'go\n', timeout=20)
    equal(open(w.project + '/.vscode/tasks.json').read(), '{"mine": 1}\n',
          f'{out} {err}')
    got = later(row='editor-tasks', verdict='deny')
    check(got and got[0]['ms'] > 0, f'the record of it: {later()}')


@test('a link cannot make something else read-only, or show it')
def lock_links():
    fresh()
    host('mkdir .git src; ln -s ../src .idea; ln -s ../.. .git/hooks; '
         'ln -s ~/.ssh/id_secret .envrc; mkdir -p sub/.git hooks; '
         'ln -s ../../hooks sub/.git/hooks')
    r = w.sh('echo x > src/f; echo x > f; cat .envrc; echo x > hooks/new')
    for name in ('src/f', 'f'):
        check(os.path.exists(f'{w.project}/{name}'), f'{name}: {r}')
    check('SECRET' not in r.out, 'a link to a file outside')
    check(not os.path.exists(w.project + '/hooks/new'), 'a directory of hooks')


@test('show and logs tell it')
def verbs():
    fresh()
    w.sh('echo all: > Makefile; echo x > .envrc')
    r = w.bawn('show', '@')
    contains(r.out, 'later      created .envrc (', 'show')
    contains(w.bawn('show', '--json', '@').out, '"row":"directory-start"',
             'show for programs')
    r = w.bawn('logs', '@')
    contains(r.out, 'created ', 'logs')
    contains(r.out, 'Makefile', 'logs')


@test('a session that is killed tells what it changed', 40)
def killed():
    fresh()
    p = w.popen(['sh', '-c', 'echo x > Makefile; echo ready; sleep 60'])
    equal(p.stdout.readline(), b'ready\n', 'start')
    equal(w.bawn('kill', '@').code, 0, 'kill')
    _, err = p.communicate(timeout=20)
    contains(err.decode(), 'created Makefile', 'the end')
    equal(told('Makefile')['row'], 'make', 'the record')


@test('20,000 files', 120)
def large():
    fresh()
    for i in range(200):
        os.mkdir(f'{w.project}/d{i}')
        for k in range(100):
            os.close(os.open(f'{w.project}/d{i}/{k}', os.O_CREAT | os.O_WRONLY))
    r = w.sh('true')
    began = r.seconds
    r = w.sh('echo x > d77/Makefile')
    equal(told('d77/Makefile')['what'], 'created', f'{r}')
    check(r.seconds < began + 10, f'{r.seconds} s after {began} s')


main()
