# SPDX-License-Identifier: Apache-2.0
"""What an earlier probe of these sandboxes found, to compare with.

Published figures of November 2026, of a plain user on Debian 12: a cell is y
(the operation succeeded inside), n, or a blank (not looked at).  The columns are
the sandboxes of peers.py whose set-up is closest; where the set-up or the
sandbox differs, EXPLAINED says why the cell does.
"""

COLUMNS = ('bwrap', 'bwrap-hard', 'firejail-strict', 'srt', 'codex', 'runc')

# (label, ids of rows: any of them reachable counts as y, one letter a column)
MATRIX = (
    ('read ~/.ssh and ~/.aws', ('fs.home-ssh-key', 'fs.home-aws'), 'ynnny '),
    ('a secret in the own environment', ('handover.env-own',), 'ynyyyn'),
    ("a secret in any process's environment", ('handover.env-any',),
     'yyyyyn'),
    ('change .git/hooks', ('wtx.git-hook',), 'ynynny'),
    ('change .git/config', ('wtx.git-config-hooks-path',), 'ynynny'),
    ('change .bashrc', ('wtx.shell-bashrc',), 'yyynyy'),
    ('change .mcp.json', ('wtx.mcp-json',), 'yyynyy'),
    ('change .vscode/tasks.json', ('wtx.vscode-tasks',), 'yyynyy'),
    ('change .claude/settings.json', ('wtx.claude-settings',
                                     'wtx.claude-settings@there'), 'yyyyyy'),
    ('change .envrc', ('wtx.direnv',), 'yyyyyy'),
    ('change CLAUDE.md', ('wtx.claude-md',), 'yyyyyy'),
    ('change .github/workflows', ('wtx.github-workflow',), 'yyyyyy'),
    ('a hook of a nested repository', ('wtx.git-nested-1-hook',), 'yyynyy'),
    ('a hook five directories deep', ('wtx.git-nested-5-hook',), 'yyyyyy'),
    ('a repository made from nothing', ('wtx.git-fresh',), 'yyyyyy'),
    ('a user namespace', ('kernel.ns-user', 'kernel.ns-user-clone3'),
     'ynnnyy'),
    ('mounts in it', ('kernel.userns-bind', 'kernel.userns-mount-tmpfs'),
     'ynnnyn'),
    ('a Unix socket of the host by its path', ('ipc.unix-path',), 'yynnnn'),
    ('an abstract Unix socket of the host', ('ipc.unix-abstract',),
     'nnnnnn'),
    ("TCP to the host's loopback", ('net.tcp4-loopback',), 'nnnnnn'),
    ('a vsock socket', ('kernel.af-vsock',), 'yyynny'),
    ('io_uring', ('kernel.io-uring-setup',), 'yyynny'),
    ("i386's system calls", ('kernel.i386-getpid', 'kernel.i386-socketcall',
                             'kernel.i386-io-uring-setup'), 'yyynny'),
    ('userfaultfd', ('kernel.userfaultfd',), 'yynyyy'),
    ('kernel keys', ('kernel.add-key', 'kernel.keyctl'), 'yynyyy'),
    ('a program without a file', ('kernel.memfd-exec',), 'yyyyyy'),
    ('trace a child', ('proc.own-child-ptrace',), 'yynyny'),
    ('type into the terminal', ('ipc.tiocsti',), 'ynynn '),
    ('open core_pattern for writing', ('proc.sysctl-core-pattern',),
     'nnnnnn'),
)

# (label, column) -> why it is another here.
EXPLAINED = {
    ('a Unix socket of the host by its path', 'firejail-strict'):
        'the socket lies beside the project here; there it lay below /tmp, '
        'which `--private-tmp` hides',
    ('an abstract Unix socket of the host', 'runc'):
        'what `runc spec --rootless` writes leaves the network of the host; '
        'the earlier run was root\'s',
    ("TCP to the host's loopback", 'runc'): 'the same',
    ('a vsock socket', 'firejail-strict'):
        'the default profile lets three families of sockets pass, and is in '
        'force here',
    ('a program without a file', 'runc'):
        'the row runs a script for /bin/true, and this bundle '
        'has none; earlier only memfd_create() was asked',
}


def compare(trials):
    """[(label, column, expected, found, why)] of cells that differ, and how
    many agree."""
    differ, agree = [], 0
    for label, ids, cells in MATRIX:
        for column, want in zip(COLUMNS, cells):
            t = trials.get(column)
            if want == ' ' or t is None or t.why_absent:
                continue
            words = {r['id']: r for r in t.rows if r['id'] in ids}
            if not words:
                continue
            # What the program could do, not what it did to the host.
            got = 'y' if any(r['outcome'] == 'reachable'
                             for r in words.values()) else 'n'
            if got == want:
                agree += 1
            else:
                differ.append((label, column, want, got,
                               EXPLAINED.get((label, column), '')))
    return differ, agree
