/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: what a session may do, from YAML text to one effective policy.
 *
 * Pure: no I/O, no clock, no globals, no logging.  Everything lives in the
 * arena that is passed in; text is copied.  doc/PROTOCOL.policy describes the
 * language.
 */
#pragma once

#include "policy/net.h"

#define POLICY_MAX_BYTES  ((size_t)256 * 1024)       /* of one text */
#define POLICY_ARENA_MAX  ((size_t)32 * 1024 * 1024) /* enough for any text */
#define POLICY_HASH_TEXT  65u /* SHA-256 in hex, terminated */
#define POLICY_MAX_LAYERS 8u

/* Every key, in the order in which it is shown; rows of policy_schema[]. */
enum policy_key {
	POLICY_VERSION,
	POLICY_NESTED, /* 0 or 1 */
	POLICY_WORKSPACE,
	POLICY_FILES_READ,
	POLICY_FILES_WRITE,
	POLICY_FILES_HIDE,
	POLICY_ENV_PASS,
	POLICY_ENV_SET,
	POLICY_NETWORK_DEFAULT,
	POLICY_NETWORK_DENY,
	POLICY_NETWORK_ALLOW,
	POLICY_NETWORK_DNS,
	POLICY_NETWORK_CA,
	POLICY_NETWORK_SOCKETS,
	POLICY_LIMITS_MEMORY,    /* bytes */
	POLICY_LIMITS_CPU,       /* thousandths of a CPU */
	POLICY_LIMITS_PROCESSES, /* count */
	POLICY_LIMITS_DISK,      /* bytes */
	POLICY_LIMITS_TIME,      /* seconds */
	POLICY_KEY_MAX_,
};

/* One element of a list. */
struct policy_item {
	/*
	 * files, network.ca, sockets: the path or glob as written.
	 * env: the name or pattern.  allow, deny: host as written, CIDR, or the
	 * preset's name.  dns: the address as written.
	 */
	struct str text;
	struct str value;             /* env.set only */
	const struct net_rule *rule;  /* allow, deny; NULL = a preset */
	struct net_resolver resolver; /* dns only */
	struct origin origin;
};

struct policy_value {
	bool set;        /* scalars, and lists that are written out */
	uint64_t number; /* limits, version */
	struct policy_item *items;
	size_t n;
	struct origin origin; /* of the key; in effect: of the section */
};

/* One layer's text. */
struct policy_doc;

/* What is in force.  A limit that is not set is none. */
struct policy {
	struct policy_value value[POLICY_KEY_MAX_];
};

/*
 * Read one text.  @layer ("user"), @file: for origins and messages.
 * 0; -ENOMEM when the arena is full; 1 = not in the language, @reterr says
 * where and what (may be NULL).
 */
must_check int policy_parse(struct arena *a, struct str text, struct str layer,
			    struct str file, const struct policy_doc **ret,
			    struct diag *reterr);

/* The built-in default, layer "builtin".  0 or -ENOMEM. */
must_check int policy_builtin(struct arena *a, const struct policy_doc **ret);

/*
 * Join layers.  docs[0] is the built-in default; it supplies each section
 * (nested, workspace, files, env, network, limits) that docs[1], the user's layer,
 * lacks, and its env.pass always counts.  @n is 1 or 2 in this version.
 * 0; -ENOMEM; 1 = together they exceed a limit.
 */
must_check int policy_effective(struct arena *a,
				const struct policy_doc *const *docs, size_t n,
				struct policy *ret, struct diag *reterr);

/* A host that a preset stands for on this machine. */
struct policy_preset_host {
	struct str host; /* a name; what is none is left out */
	uint16_t port;   /* 1 to 65535 */
};

/*
 * Fill @ret with up to @max hosts of preset @name.  False: the preset cannot
 * be had here.
 */
typedef bool (*policy_preset_fn)(void *ctx, struct str name,
				 struct policy_preset_host *ret, size_t max,
				 size_t *ret_n);

/*
 * The network part.  @preset NULL: presets stand for nothing.
 * 0; -ENOMEM; 1 = beyond a limit, or no such preset; @reterr may be NULL.
 */
must_check int policy_net(struct arena *a, const struct policy *p,
			  policy_preset_fn preset, void *ctx,
			  struct net_policy *ret, struct diag *reterr);

/* What paths of a policy are relative to. */
struct policy_vars {
	struct str home, project; /* absolute, normalised */
	/* The value, or {0}.  Names: HOME is not asked; SSH_AUTH_SOCK, XDG_*. */
	struct str (*env)(void *ctx, struct str name);
	void *ctx;
};

/*
 * An item of files.*, network.ca or network.sockets -> absolute, normalised,
 * terminated.  For files.hide (@key) the result is in glob syntax: what is not
 * from the policy's own pattern is quoted with "\".
 * 0; -ENOMEM; 1 = a variable is not set, or too long; @reterr says so with the
 * item's line.
 */
must_check int policy_expand(struct arena *a, enum policy_key key,
			     const struct policy_item *item,
			     const struct policy_vars *vars, struct str *ret,
			     struct diag *reterr);

/*
 * For humans: a policy again, with the origin of every line as a comment; it
 * parses to the same policy.
 */
void policy_show(const struct policy *p, struct buf *b);
/* JSON: {"network":{"allow":[{"host":..,"layer":..,"file":..,"line":..}]}}. */
void policy_show_json(const struct policy *p, struct buf *b);
/*
 * JSON without origins, lists of paths and names sorted: what is hashed.  Two
 * policies with the same text here allow the same.
 */
must_check int policy_canonical(struct arena *a, const struct policy *p,
				struct buf *b);
/* SHA-256 of policy_canonical() in hex.  0, -ENOMEM or -EIO. */
must_check int policy_hash(const struct policy *p, char ret[POLICY_HASH_TEXT]);

/* The reference of all keys, from the table. */
void policy_reference(struct buf *b);
/* Their JSON Schema, draft 2020-12, from the table; one line. */
void policy_schema_json(struct buf *b);
