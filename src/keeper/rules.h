/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: policies as read from the files of their layers, kept by the identity
 * of those files.
 *
 *   organisation  /etc/bawn/org.yaml
 *   team          /etc/bawn/team.yaml
 *   user          ~/.config/bawn/policy.yaml, profiles/P.yaml, or FILE
 *   project       PROJECT/.bawn.yaml
 *
 * A file that changed in size, time or inode is read again; the sessions that
 * began with the old one keep it.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "keeper/accept.h"
#include "keeper/git-hosts.h"
#include "keeper/host.h"
#include "keeper/open-parse.h"
#include "keeper/preset.h"
#include "policy/policy-asks.h"

#define RULES_KEPT         16u

#define RULES_ORG_FILE     "/etc/bawn/org.yaml"
#define RULES_TEAM_FILE    "/etc/bawn/team.yaml"
#define RULES_PROJECT_NAME ".bawn.yaml"

#define RULES_IDENTITY     7u

/* One layer's file as it was read; path NULL: there is none. */
struct rules_source {
	char *path;
	uint64_t identity[RULES_IDENTITY];
};

struct rules_entry {
	unsigned refs;
	struct policy policy;
	char hash[POLICY_HASH_TEXT];
	char *file; /* of the user's layer; "" = the built-in default */
	/* network.allow names package-registries, git-hosts, in any layer */
	bool has_preset, has_git_hosts;
	struct policy_unheard unheard[POLICY_MAX_UNHEARD];
	size_t n_unheard;
	/* The project's text: */
	char project_hash[ACCEPT_KEY_TEXT]; /* "" = there is none */
	struct policy_stack stack;          /* all texts; for explanations */
	bool accepted;
	struct policy_ask *asks; /* what of it counts only when accepted */
	size_t n_asks;
	/* With the presets as they were at rules_compile(). */
	struct net_policy net;
	struct str net_json;
	struct net_class classes[NET_MAX_CLASSES];
	size_t n_classes;
	struct rules_source source[POLICY_LAYER_MAX_];
	/* private */
	struct arena arena, net_arena;
	struct buf net_buf;
	uint64_t used;           /* counts rules_get() */
	uint64_t preset_version; /* 0: not compiled */
};

struct rules {
	struct rules_entry *kept[RULES_KEPT];
	uint64_t clock;
};

/* What decides which files are read. */
struct rules_query {
	const struct host *host;
	const struct open_request *request;
	struct str home;       /* absolute */
	const char *project;   /* without links */
	const char *state_dir; /* of the acceptances */
};

void rules_done(struct rules *r);

/*
 * The policy for @q, with a reference.
 * 0; < 0; 1 = a file cannot be read or is wrong: @reterr is one line for the
 * user, with file:line:column.
 */
must_check int rules_get(struct rules *r, const struct rules_query *q,
			 struct rules_entry **ret, struct diag *reterr);
void rules_unref(struct rules_entry *e);

/*
 * Make @e->net and what follows from it; @preset is asked when has_preset, @git
 * when has_git_hosts (else it may be NULL).
 * 0; < 0; 1 = beyond a limit, or no such preset.
 */
must_check int rules_compile(struct rules_entry *e, const struct preset *preset,
			     const struct git_hosts *git, struct diag *reterr);
