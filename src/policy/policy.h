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

#define POLICY_MAX_BYTES ((size_t)256 * 1024)       /* of one text */
#define POLICY_ARENA_MAX ((size_t)32 * 1024 * 1024) /* enough for any text */
#define POLICY_HASH_TEXT 65u /* SHA-256 in hex, terminated */

/* Every key, in the order in which it is shown; rows of policy_schema[]. */
enum policy_key {
	POLICY_VERSION,
	POLICY_BACKEND, /* enum policy_backend */
	POLICY_BACKEND_ACCEPT,
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
	POLICY_AUDIT_FILES,      /* enum policy_audit */
	POLICY_AUDIT_OUTPUT,     /* 0 or 1 */
	POLICY_AUDIT_TELEMETRY,  /* enum policy_telemetry */
	POLICY_KEY_MAX_,
};

/* In the order of the key's choices, the stricter first. */
enum policy_backend {
	POLICY_NAMESPACES,
	POLICY_LANDLOCK,
};

/* Likewise: what records most first. */
enum policy_audit {
	POLICY_AUDIT_EXACT,
	POLICY_AUDIT_ALL,
	POLICY_AUDIT_WRITES,
	POLICY_AUDIT_OFF,
};

enum policy_telemetry {
	POLICY_TELEMETRY_ON,
	POLICY_TELEMETRY_OFF,
};

/* One element of a list. */
struct policy_item {
	/*
	 * files, network.ca, sockets: the path or glob as written.
	 * backend_accept: the word.  env: the name or pattern.
	 * allow, deny: host as written, CIDR, or the
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

/*
 * Who speaks, in the order in which they are asked.  The first that refuses
 * is the one that an explanation names: nobody below it could change that.
 */
enum policy_layer {
	POLICY_ORG,
	POLICY_TEAM,
	POLICY_USER,
	POLICY_PROJECT,
	POLICY_LAYER_MAX_,
};
/* "organisation"; what stands in origin.layer. */
const char *policy_layer_name(enum policy_layer layer);

/* The texts that one policy is made of; NULL where there is none. */
struct policy_stack {
	const struct policy_doc *builtin; /* always */
	const struct policy_doc *layer[POLICY_LAYER_MAX_];
	bool accepted; /* the user has accepted this text of POLICY_PROJECT */
};

/* What a layer says that takes away from what another gives. */
struct policy_narrow {
	enum policy_layer layer;
	const struct policy_value *value; /* by enum policy_key */
};

/*
 * What is in force.  A limit that is not set is none.
 *
 * value: what is given.  Deny rules and hidden paths are those of all layers,
 * a limit is the smallest.  The lists that give something (files.read,
 * files.write, env.pass, network.allow, network.sockets) are the user's, or the
 * built-in ones, and hold only where each entry of @narrow agrees: where it has
 * written that list (.set), the thing has to be on it.  files-join.h and
 * policy_net() do that.
 */
struct policy {
	struct policy_value value[POLICY_KEY_MAX_];
	struct policy_narrow narrow[POLICY_LAYER_MAX_];
	size_t n_narrow;
};

/* Something that a layer says and may not say; it counts for nothing. */
struct policy_unheard {
	enum policy_key key; /* POLICY_NETWORK_ALLOW: `connect` of that rule */
	struct origin origin;
};
#define POLICY_MAX_UNHEARD 16u

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
 * Join layers.  The built-in default supplies each section (backend,
 * nested, workspace, files, env, network, limits, audit) that the user's layer
 * lacks, and its env.pass always counts.  In any other layer what is not
 * written constrains nothing.
 *
 * An accepted project's lists are added to the user's, so that what it asks
 * for is given, as far as organisation and team agree.
 *
 * @ret_unheard (may be NULL): up to POLICY_MAX_UNHEARD.
 * 0; -ENOMEM; 1 = together they exceed a limit.
 */
must_check int policy_effective(struct arena *a, const struct policy_stack *in,
				struct policy *ret,
				struct policy_unheard *ret_unheard,
				size_t *ret_n_unheard, struct diag *reterr);

/*
 * Do the other layers let a variable in that @layer ("user", as in an origin)
 * brings?  A layer that has written env.pass lets in what fits it or what it
 * sets itself; it is not asked about what a higher layer brings.  False:
 * *ret_origin (may be NULL) is the list that lacks it.
 */
bool policy_env_allows(const struct policy *p, struct str layer,
		       struct str name, struct origin *ret_origin);

/*
 * Does the policy live without @what, which the backend lacks?  The user has to
 * say so, and with each other layer that has written the list.
 */
bool policy_accepts(const struct policy *p, struct str what);

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
 * The network part: each rule of network.allow as far as every layer agrees.
 * @preset NULL: presets stand for nothing.
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
