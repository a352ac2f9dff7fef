# SPDX-License-Identifier: Apache-2.0
"""git: commits of every kind, worktrees, submodules, hooks, remotes."""

import os
import shutil

import servers
from home import GITCONFIG
from harness import check, contains, equal
from table import row

GIT = 'git --version'
INIT = ('git init -q && echo one > file && git add . && '
        'git commit -q -m first')


def log_of(job, where='.', options=''):
    """Subjects as git outside the jail sees them."""
    return job.host(f'git -C "{where}" log {options} --format=%s').out


@row('git', 'init, edit, commit, branch, merge, stash', want=('git',),
     version=GIT, core=True)
def commit(j):
    j.sh(INIT + '; git switch -q -c side; echo two >> file; '
         'git commit -qam second; git switch -q -; git merge -q --ff side; '
         'echo three >> file; git stash -q; git stash pop -q; '
         'git commit -qam third; git gc -q; git fsck --strict')
    equal(log_of(j), 'third\nsecond\nfirst\n', 'the log outside')
    equal(j.host('git log -1 --format="%an <%ae>"').out,
          'A Developer <dev@example.org>\n', 'who committed')


@row('git', 'who commits comes from a file that is included for the project',
     want=('git',), core=True)
def included(j):
    j.dev.put('.gitconfig', GITCONFIG + '[includeIf "gitdir:~/work/"]\n'
              '\tpath = .gitconfig-work\n')
    j.dev.put('.gitconfig-work', '[user]\n\temail = dev@corp.example\n')
    j.closing.callback(j.dev.put, '.gitconfig', GITCONFIG)
    j.sh(INIT)
    equal(j.host('git log -1 --format="%an <%ae>"').out,
          'A Developer <dev@corp.example>\n', 'who committed')


@row('git', 'commit from a subdirectory', want=('git',), core=True)
def subdirectory(j):
    j.host(INIT + '; mkdir -p a/b')
    j.sh('echo x > new; git add new; git commit -q -m below',
         cwd=j.path('a/b'))
    equal(log_of(j), 'below\nfirst\n', 'the log outside')


@row('git', 'commit in a linked worktree', want=('git',), core=True)
def worktree(j):
    j.host('mkdir main && cd main && ' + INIT +
           ' && git worktree add -q ../tree -b topic')
    j.sh('echo two >> file; git commit -qam in-worktree; git status',
         cwd=j.path('tree'))
    equal(log_of(j, 'main', 'topic'), 'in-worktree\nfirst\n',
          'the log of the main tree')


@row('git', 'a worktree added inside, in the project', want=('git',), core=True)
def worktree_inside(j):
    j.host(INIT)
    j.sh('git worktree add -q .trees/topic -b topic; cd .trees/topic; '
         'echo two >> file; git commit -qam nested; cd ../..; '
         'git worktree remove .trees/topic')
    equal(log_of(j, '.', 'topic'), 'nested\nfirst\n', 'the log outside')


def with_submodule(j):
    j.host('mkdir lib && cd lib && ' + INIT)
    j.host('mkdir super && cd super && ' + INIT +
           ' && git -c protocol.file.allow=always submodule --quiet add '
           '../lib sub && git commit -q -m with-sub')


@row('git', 'commit in the superproject and in its submodule',
     want=('git',), core=True)
def submodule(j):
    with_submodule(j)
    j.sh('cd sub; git switch -q -c topic; echo two >> file; '
         'git commit -qam in-sub; cd ..; git add sub; '
         'git commit -q -m bump; git submodule status',
         cwd=j.path('super'))
    equal(log_of(j, 'super/sub'), 'in-sub\nfirst\n', 'submodule')
    equal(log_of(j, 'super'), 'bump\nwith-sub\nfirst\n', 'superproject')


@row('git', 'started inside a submodule: commit there', want=('git',), core=True)
def from_submodule(j):
    with_submodule(j)
    j.sh('git switch -q -c topic; echo two >> file; git commit -qam deep',
         cwd=j.path('super/sub'))
    equal(log_of(j, 'super/sub'), 'deep\nfirst\n', 'submodule')


@row('git', 'hooks of the repository (pre-commit, commit-msg)',
     want=('git',), core=True)
def hooks(j):
    j.host(INIT)
    j.write('.git/hooks/pre-commit', '#!/bin/sh\n! grep -q BAD file\n', 0o755)
    j.write('.git/hooks/commit-msg', '#!/bin/sh\necho checked >> "$1"\n',
            0o755)
    j.sh('echo BAD >> file; ! git commit -qam refused; '
         'sed -i /BAD/d file; echo two >> file; git commit -qam passed')
    equal(log_of(j).splitlines()[0], 'passed checked', 'the subject')


@row('git', 'the pre-commit tool, local hooks', want=('pre-commit',),
     version='pre-commit --version')
def pre_commit(j):
    j.host(INIT)
    j.write('.pre-commit-config.yaml', 'repos:\n- repo: local\n  hooks:\n'
            '  - {id: no-bad, name: no bad, entry: BAD, language: pygrep, exclude: yaml}\n')
    j.sh('git add .; pre-commit install; echo BAD > worse; git add worse; '
         '! git commit -qm refused; echo good > worse; git add worse; '
         'git commit -qm passed')
    equal(log_of(j).splitlines()[0], 'passed', 'the subject')


@row('git', 'git lfs: track, commit, check out again', want=('git-lfs',),
     version='git lfs version')
def lfs(j):
    j.sh('git init -q; git lfs install --local; git lfs track "*.bin"; '
         'seq 1 10000 > big.bin; git add .; git commit -q -m large; '
         'rm big.bin; git checkout big.bin')
    equal(j.host('git show HEAD:big.bin | head -c 7').out, 'version',
          'a pointer is what was committed')
    equal(j.read('big.bin').count('\n'), 10000, 'the content')


# ---- signed ----

def user_signs(j, text):
    """The developer's own configuration signs each commit, as @text says."""
    j.dev.put('.gitconfig', GITCONFIG + text)
    j.closing.callback(j.dev.put, '.gitconfig', GITCONFIG)


def commit_and_look(j):
    """What git outside says of the signature of a commit made inside."""
    j.host('git init -q; git -c commit.gpgsign=false commit -q '
           '--allow-empty -m first')
    r = j.sh('echo two > file; git add file; git commit -qm second')
    check('sign' not in r.err, f'what it said: {r.err}')
    return j.host('git log -1 --format="%s %G?"').out


def agent_of(j, key):
    """A developer's ssh-agent with @key in it; the key stays outside."""
    sock = j.dev.runtime + '/agent'
    for old in (sock, key, key + '.pub'):
        if os.path.exists(old):
            os.unlink(old)
    j.host(f'ssh-keygen -q -t ed25519 -N "" -C dev@example.org -f {key}')
    pid = j.host(f'ssh-agent -a {sock} | sed -n "s/.*PID=\\([0-9]*\\).*/\\1/p"')
    j.closing.callback(j.host, f'kill {pid.out.strip()}')
    j.env['SSH_AUTH_SOCK'] = sock
    j.host(f'ssh-add -q {key}')
    with open(key + '.pub') as f:
        return f.read().strip()


@row('git', 'a commit where the user signs each, and no agent is named',
     want=('git',), core=True,
     note='It is made, unsigned: what signs is only told to git when the '
     'policy names an agent.')
def unsigned(j):
    user_signs(j, '[commit]\n\tgpgsign = true\n[user]\n'
               '\tsigningkey = dev@example.org\n')
    equal(commit_and_look(j), 'second N\n', 'the signature')


@row('git', 'a commit signed with an ssh key, as the user\'s configuration says',
     want=('git', 'ssh-keygen', 'ssh-agent'), version='ssh -V',
     needs={'network': {'sockets': ['$SSH_AUTH_SOCK']}},
     note='The agent signs outside; the key is never in the jail.',
     core=True)
def sign_ssh(j):
    public = agent_of(j, j.dev.home + '/.ssh/id_sign')
    j.write('signers', f'dev@example.org {public}\n')
    user_signs(j, '[gpg]\n\tformat = ssh\n[commit]\n\tgpgsign = true\n'
               '[user]\n\tsigningkey = ~/.ssh/id_sign.pub\n'
               f'[gpg "ssh"]\n\tallowedSignersFile = {j.path("signers")}\n')
    equal(commit_and_look(j), 'second G\n', 'the signature')
    j.sh('! cat ~/.ssh/id_sign')


def gpg_home(j):
    """A key pair of the developer in the real ~/.gnupg, with an agent."""
    where = j.dev.home + '/.gnupg'
    j.host('gpgconf --kill all', timeout=20)
    shutil.rmtree(where, ignore_errors=True)
    os.mkdir(where, 0o700)
    j.host('gpg -q --batch --pinentry-mode loopback --passphrase "" '
           '--quick-generate-key "A Developer <dev@example.org>" ed25519 sign')
    j.closing.callback(j.host, 'gpgconf --kill all')


@row('git', 'a commit signed with gpg, as the user\'s configuration says',
     want=('git', 'gpg', 'gpg-agent'), version='gpg --version',
     needs={'network': {'sockets': ['~/.gnupg/S.gpg-agent.extra']}},
     note='The socket is the one that `gpgconf --list-dirs '
     'agent-extra-socket` names; gpg inside has the public keys only.',
     core=True)
def sign_gpg(j):
    gpg_home(j)
    user_signs(j, '[commit]\n\tgpgsign = true\n[user]\n'
               '\tsigningkey = dev@example.org\n')
    got = commit_and_look(j)
    check(got in ('second G\n', 'second U\n'), f'the signature: {got!r}')
    j.sh('! ls ~/.gnupg/private-keys-v1.d/*.key')


# ---- remotes ----

class Remote:
    """Servers of one repository by all protocols; made once."""

    made = None

    def __init__(self, dev):
        where = dev.top + '/remote'
        dev.remove(where)
        os.makedirs(where + '/repos')
        self.bare = servers.make_repository(where + '/repos')
        ca = servers.Authority(where + '/ca')
        self.ca = ca.cert
        self.http = servers.Web(git_root=where + '/repos')
        self.https = servers.Web(cert=ca.issue('git.test'),
                                 git_root=where + '/repos')
        self.ssh = servers.Ssh(where + '/keys', where + '/repos')
        self.agent = where + '/agent'
        self.ssh.agent(self.agent)
        dev.put('.ssh/known_hosts', f'git.test {self.ssh.host_key}\n')

    def close(self):
        for s in (self.http, self.https, self.ssh):
            s.close()

    @classmethod
    def of(cls, job):
        if not cls.made:
            cls.made = Remote(job.dev)
        return cls.made


def tell(j, ports):
    """The fixture's `connect` lines, beside the row's own policy."""
    remote = Remote.of(j)
    tree = j.dev.tree
    if any(x.get('host') == 'git.test' for x in tree['network']['allow']):
        tree['network']['allow'] = [
            dict(x, connect=f'127.0.0.1:{getattr(remote, ports[x["ports"][0]]).port}')
            if x.get('host') == 'git.test' else x
            for x in tree['network']['allow']]
        tree['network']['ca'] = [remote.ca]
        j.dev.policy(tree)
    return remote


PORTS = {80: 'http', 443: 'https', 22: 'ssh'}


def clone_and_push(j, url, subject):
    j.sh(f'git clone -q {url} demo; cd demo; make -s hello; ./hello; '
         f'git commit -q --allow-empty -m {subject}; git push -q; git fetch')
    contains(log_of(j, Remote.made.bare), subject, 'the server has it')


@row('git', 'clone, fetch, push over https', want=('git',),
     needs={'network': {'allow': [{'host': 'git.test', 'ports': [443]}]}},
     note='Or `preset: git-hosts`, for hosts that your own git configuration '
     'names, and for a remote once you said `bawn policy git-hosts --accept`.', core=True)
def https(j):
    tell(j, PORTS)
    clone_and_push(j, 'https://git.test/demo.git', 'over-https')


@row('git', 'clone, fetch, push over http', want=('git',),
     needs={'network': {'allow': [{'host': 'git.test', 'ports': [80]}]}}, core=True)
def http(j):
    tell(j, PORTS)
    clone_and_push(j, 'http://git.test/demo.git', 'over-http')


@row('git', 'clone, fetch, push over ssh, known_hosts and agent',
     want=('git', 'ssh', 'ssh-agent'),
     needs={'network': {'allow': [{'host': 'git.test', 'ports': [22]}],
                        'sockets': ['$SSH_AUTH_SOCK']}}, core=True)
def ssh(j):
    remote = tell(j, PORTS)
    j.env['SSH_AUTH_SOCK'] = remote.agent
    clone_and_push(j, 'ssh://git@git.test/demo.git', 'over-ssh')
