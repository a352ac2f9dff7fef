/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git-hosts: what `preset: git-hosts` stands for: the hosts that the user's
 * git and the project's remotes talk to.
 *
 * The two are not trusted alike.  ~/.gitconfig is the user's own file, which no
 * session can write; a host that it names counts.  The project's .git/config
 * can be written by every session of the project, and whoever could add a
 * remote there would open the network of the next session.  So a remote of
 * the project counts only when the user has accepted that host and port for
 * that project, with `bawn policy git-hosts --accept`, which writes into the
 * state directory, where no session can.  The file then only chooses among what
 * was accepted.
 *
 * What would not do, and why:
 *   known_hosts          it lists every machine the user has ever logged in to;
 *                        a session could pick one of those for the next
 *   the first session    a repository that another session prepared in a
 *                        directory of its own has a first session too
 *   age of the file      git itself rewrites it in a session (push -u)
 *
 * Reads files through @host; asks no network.
 */
#pragma once

#include "keeper/host.h"
#include "policy/policy.h"

#define GIT_HOSTS_MAX 32u /* of each kind */

struct git_hosts_query {
	const struct host *host;
	struct str home, xdg_config_home; /* .ptr NULL: not set */
	struct str cwd;                   /* absolute */
	const char *state_dir;
};

struct git_host {
	char *name;
	uint16_t port;
	bool accepted; /* by the user, for this project */
};

struct git_host_list {
	struct git_host hosts[GIT_HOSTS_MAX];
	size_t n;
};

struct git_hosts {
	struct git_host_list own;     /* of the user's configuration */
	struct git_host_list remotes; /* of the project, each once */
	char *project;                /* NULL: there is no repository */
};

/* What lives in *ret is in @a.  0; -ENOMEM, -EIO. */
must_check int git_hosts_read(struct arena *a, const struct git_hosts_query *q,
			      struct git_hosts *ret);

/* A policy_preset_fn's work: what counts, each host and port once. */
size_t git_hosts_list(const struct git_hosts *h, struct policy_preset_host *ret,
		      size_t max);

/* Remotes that do not count, in one line for the user; {0}: none, no memory. */
struct str git_hosts_notice(struct arena *a, const struct git_hosts *h);

/*
 * Those of @h->remotes that say .accepted become the accepted ones of the
 * project, in place of those before.  0 or -errno; -ENOENT: no repository.
 */
must_check int git_hosts_accept(struct arena *a,
				const struct git_hosts_query *q,
				const struct git_hosts *h);
