/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: policies as read from files, kept by the identity of the file.
 *
 * A file that changed in size, time or inode is read again; the sessions that
 * began with the old one keep it.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "keeper/git-hosts.h"
#include "keeper/open-parse.h"
#include "keeper/preset.h"
#include "policy/policy.h"

#define RULES_KEPT 8u

struct rules_entry {
	unsigned refs;
	struct policy policy;
	char hash[POLICY_HASH_TEXT];
	char *file; /* of the user's layer; "" = the built-in default */
	/* network.allow names package-registries, git-hosts */
	bool has_preset, has_git_hosts;
	/* With the presets as they were at rules_compile(). */
	struct net_policy net;
	struct str net_json;
	struct net_class classes[NET_MAX_CLASSES];
	size_t n_classes;
	/* private */
	struct arena arena, net_arena;
	struct buf net_buf;
	uint64_t identity[7];
	uint64_t used;           /* counts rules_get() */
	uint64_t preset_version; /* 0: not compiled */
};

struct rules {
	struct rules_entry *kept[RULES_KEPT];
	uint64_t clock;
};

void rules_done(struct rules *r);

/*
 * The policy that @q asks for, with a reference.  @home: where the user's
 * configuration is looked for when @q gives no $XDG_CONFIG_HOME.
 * 0; < 0; 1 = it cannot be read or is wrong: @reterr is one line for the user,
 * with file:line:column.
 */
must_check int rules_get(struct rules *r, const struct open_request *q,
			 struct str home, struct rules_entry **ret,
			 struct diag *reterr);
void rules_unref(struct rules_entry *e);

/*
 * Make @e->net and what follows from it; @preset is asked when has_preset, @git
 * when has_git_hosts (else it may be NULL).
 * 0; < 0; 1 = beyond a limit, or no such preset.
 */
must_check int rules_compile(struct rules_entry *e, const struct preset *preset,
			     const struct git_hosts *git, struct diag *reterr);
