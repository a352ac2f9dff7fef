#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`preset: git-hosts`: what the user's git names is reachable, what the
project's .git/config names only once the user has accepted it."""

import json
import os
import shutil
import subprocess

import servers
from harness import World, check, contains, equal, main, test

w = World()
repo_root = w.top + '/repos'
os.mkdir(repo_root)
servers.make_repository(repo_root)
git = w.serve(servers.Web(git_root=repo_root))
evil = w.serve(servers.Web(git_root=repo_root))
ssh = w.serve(servers.Ssh(w.top + '/keys', repo_root))
dns = w.serve(servers.Dns({n: ['127.0.0.1'] for n in (
    'git.test', 'ssh.test', 'own.test', 'evil.test')}))
w.agent = w.top + '/agent.sock'
ssh.agent(w.agent)
w.env['SSH_AUTH_SOCK'] = w.agent
w.write(w.home + '/.ssh/known_hosts',
        f'[ssh.test]:{ssh.port} {ssh.host_key}\n')
# The preset names hosts; that they are on loopback is the test's doing.
w.policy(f'''version: 1
network:
  allow:
    - preset: git-hosts
    - {{cidr: 127.0.0.1/32, ports: [{git.port}, {evil.port}, {ssh.port}]}}
  dns: ["127.0.0.1:{dns.port}"]
  sockets: [$SSH_AUTH_SOCK]
''')
HTTP = f'http://git.test:{git.port}/demo.git'
SSH = f'ssh://git@ssh.test:{ssh.port}/demo.git'


def set_remotes(**urls):
    shutil.rmtree(w.project + '/.git', ignore_errors=True)
    subprocess.run(['git', 'init', '-q', w.project], check=True)
    for name, url in urls.items():
        subprocess.run(['git', '-C', w.project, 'remote', 'add', name, url],
                       check=True)


def accepted():
    r = w.bawn('policy', 'git-hosts', '--json')
    equal(r.code, 0, f'git-hosts --json: {r}')
    return {(h['host'], h['port']): h['accepted']
            for h in json.loads(r.out)['remotes']}


@test('a remote that nobody accepted is not reached, and the user is told')
def not_accepted():
    set_remotes(origin=HTTP)
    r = w.sh('git fetch -q origin')
    check(r.code != 0, f'it was fetched: {r}')
    contains(r.err, 'Could not resolve', 'the name does not exist')
    contains(r.err, f'name git.test:{git.port}, not accepted yet', 'notice')
    contains(r.err, 'bawn policy git-hosts', 'notice')
    check(w.refused(host='git.test'), 'refusal on the ledger')
    equal(accepted(), {('git.test', git.port): False}, 'the list')


@test('accepted, fetch and push work over HTTP and over ssh')
def accept():
    set_remotes(origin=HTTP, other=SSH)
    r = w.bawn('policy', 'git-hosts', '--accept')
    equal(r.code, 0, f'--accept: {r}')
    contains(r.out, f'git.test:{git.port}  remotes of this project, accepted',
             'the list')
    for remote, host in (('origin', 'git.test'), ('other', 'ssh.test')):
        r = w.sh(f'git fetch -q {remote} && git checkout -qB main '
                 f'{remote}/main && git commit -q --allow-empty -m {remote} '
                 f'&& git push -q {remote} main && git clone -q '
                 f'"$(git remote get-url {remote})" copy-{remote}',
                 timeout=40)
        equal(r.code, 0, f'{remote}: {r}')
        check('not accepted' not in r.err, f'no notice: {r.err}')
        check(w.granted(host=host), f'grant of {host}')


@test('one remote can be accepted by name, and no other word')
def accept_one():
    set_remotes(origin=HTTP, other=SSH)
    r = w.bawn('policy', 'git-hosts', '--accept', f'ssh.test:{ssh.port}',
               'wrong.test:443')
    equal(r.code, 1, f'a word that is no remote: {r}')
    contains(r.err, 'wrong.test:443', 'the message names it')
    os.makedirs(w.home + '/two', exist_ok=True)
    for name, url in (('origin', HTTP), ('other', SSH)):
        subprocess.run(['git', 'init', '-q', w.home + '/two'], check=True)
        subprocess.run(['git', '-C', w.home + '/two', 'remote', 'add', name,
                        url], check=True)
    r = w.bawn('policy', 'git-hosts', '--json', '--accept',
               f'ssh.test:{ssh.port}', cwd=w.home + '/two')
    equal(r.code, 0, f'{r}')
    equal({h['host']: h['accepted'] for h in json.loads(r.out)['remotes']},
          {'git.test': False, 'ssh.test': True}, 'the list')
    r = w.bawn('policy', 'git-hosts', 'ssh.test:22')
    equal(r.code, 64, f'without --accept: {r}')


@test('a session that edits .git/config opens nothing for the next')
def no_widening():
    set_remotes(origin=HTTP)
    equal(w.bawn('policy', 'git-hosts', '--accept').code, 0, 'accept')
    url = f'http://evil.test:{evil.port}/demo.git'
    r = w.sh(f'git remote add evil {url} && git remote set-url origin '
             f'http://git.test:{evil.port}/demo.git && '
             f'git config url.{url}.insteadOf https://x/ && '
             f'git config --global url.{url}.insteadOf https://y/ && '
             # inside there is a state directory of its own, and no daemon's
             'mkdir -p ~/.local/state/bawn/git-hosts')
    equal(r.code, 0, f'the edit: {r}')
    before = len(evil.requests)
    r = w.sh('git fetch -q evil; git fetch -q origin; '
             f'curl -sS {url}/info/refs')
    check(r.code != 0, f'it was reached: {r}')
    contains(r.err, 'not accepted yet', 'notice')
    check(w.refused(host='evil.test'), 'refusal on the ledger')
    equal(len(evil.requests), before, 'requests that the other server saw')
    check(not w.granted(host='git.test', port=evil.port), 'another port')


@test('the user\'s own git configuration counts at once')
def own_configuration():
    set_remotes()
    with open(w.home + '/.gitconfig', 'a') as f:
        f.write(f'[url "http://own.test:{git.port}/"]\n\tinsteadOf = own:\n')
    shutil.rmtree(w.project + '/mine', ignore_errors=True)
    r = w.sh(f'git clone -q http://own.test:{git.port}/demo.git mine',
             timeout=40)
    equal(r.code, 0, f'clone: {r}')
    check(w.granted(host='own.test', port=git.port), 'grant')
    r = w.bawn('policy', 'git-hosts')
    contains(r.out, f'own.test:{git.port}  your git configuration', 'list')


@test('outside of a repository there is nothing to accept')
def no_repository():
    os.makedirs(w.home + '/plain', exist_ok=True)
    r = w.bawn('policy', 'git-hosts', '--accept', cwd=w.home + '/plain')
    equal(r.code, 1, f'{r}')
    contains(r.err, 'no repository', 'message')
    r = w.bawn('policy', 'git-hosts', cwd=w.home + '/plain')
    equal(r.code, 0, f'{r}')


@test('a state directory that cannot be written is said')
def read_only_state():
    set_remotes(origin=HTTP)
    r = w.bawn('policy', 'git-hosts', '--accept',
               env={'BAWN_STATE_DIR': '/proc/nowhere'})
    equal(r.code, 2, f'{r}')


main()
