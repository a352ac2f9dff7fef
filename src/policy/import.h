/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: a policy from the settings of Claude Code or of sandbox-runtime.
 *
 * The law: what the settings refuse, the policy refuses.  Where the language
 * has no words for a refusal, something wider is refused (a hidden path in
 * place of a read-only one), or else the import fails and names the key.
 * What the settings allow is taken over where the language can say it; what
 * is left out is named with the reason, so nothing vanishes in silence.
 *
 * Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

#define IMPORT_MAX_BYTES ((size_t)1024 * 1024)
#define IMPORT_MAX_ITEMS 1024u /* of one list, while it is made */
#define IMPORT_ARENA_MAX ((size_t)64 * 1024 * 1024)

enum import_tool {
	IMPORT_ANY = 0, /* tell by the keys */
	IMPORT_CLAUDE = 1,
	IMPORT_SRT = 2,
	IMPORT_BOTH = 3,
};

struct import_item {
	struct str text; /* a path, a glob, a host, a CIDR, a name, a key */
	struct str from; /* the key it comes from; of a note: the reason */
	uint16_t port;   /* hosts and CIDRs; 0 = none said */
	bool cidr;
};

struct import_list {
	struct import_item *items;
	size_t n;
};

struct import {
	enum import_tool tool;
	struct import_list read, write, hide; /* files */
	struct import_list blank;             /* env.set NAME: "" */
	struct import_list allow, deny;       /* network */
	struct str nested;                    /* the key that asks for it */
	struct import_list left_out;          /* key, reason */
	struct import_list remarks;           /* key, how it differs here */
};

/*
 * @text: the settings; @of_user: they are ~/.claude/settings.json, where a
 * relative path is below ~/.claude.
 * 0; -ENOMEM; 1 = not JSON, no settings of @tool, or something that the
 * language cannot refuse: @reterr says which and what to do.
 */
must_check int import_parse(struct arena *a, struct str text, bool of_user,
			    enum import_tool tool, struct import *ret,
			    struct diag *reterr);

/* The policy in YAML, its sources as comments. */
void import_format(const struct import *im, struct str file, struct buf *b);

/* For tests: every key that the table knows, NULL at the end. */
const char *import_key(size_t i, enum import_tool *ret_tools);
