/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: the keys of the policy language, once.  Pure tables.
 *
 * The parser, `policy show`, the canonical form and the reference in
 * doc/PROTOCOL.policy are all made from these rows.
 */
#pragma once

#include "base/buf.h"
#include "policy/policy.h"

enum schema_type {
	SCHEMA_VERSION = 1,
	SCHEMA_BOOL, /* number: 0 or 1; false is the stricter, but JOIN_MOST */
	SCHEMA_CHOICE, /* number: index in choices */
	SCHEMA_PATHS,
	SCHEMA_GLOBS,
	SCHEMA_SOCKETS,
	SCHEMA_WORDS, /* some of choices */
	SCHEMA_NAMES, /* of environment variables, with * */
	SCHEMA_ASSIGN,
	SCHEMA_ALLOW,
	SCHEMA_DENY,
	SCHEMA_RESOLVERS,
	SCHEMA_SIZE,  /* number: bytes */
	SCHEMA_CPU,   /* number: thousandths */
	SCHEMA_COUNT, /* number */
	SCHEMA_TIME,  /* number: seconds */
	SCHEMA_TYPE_MAX_,
};

/* What the built-in default supplies as a whole. */
enum schema_section {
	SECTION_VERSION,
	SECTION_BACKEND,
	SECTION_BACKEND_ACCEPT,
	SECTION_NESTED,
	SECTION_WORKSPACE,
	SECTION_FILES,
	SECTION_ENV,
	SECTION_NETWORK,
	SECTION_LIMITS,
	SECTION_AUDIT,
	SECTION_MAX_,
};

/* How the layers' values become one, see policy-join.c. */
enum schema_join {
	JOIN_AGREE = 1, /* the user's, where each other list has it too */
	JOIN_SUM,       /* of all */
	JOIN_SMALLEST,  /* number; of a choice the strictest stands first */
	JOIN_MOST,      /* what records most: the first choice, true */
	JOIN_PROVIDE,   /* of all; for the same name the highest layer's */
	JOIN_HIGHEST,   /* of the highest layer that has written it */
};

struct schema_row {
	enum schema_section section;
	const char *name; /* within the section; NULL = the section itself */
	enum schema_type type;
	enum schema_join join;
	uint64_t min, max; /* of the number, or of the entries of a list */
	const char *const *choices; /* CHOICE, WORDS: NULL-terminated */
	const char *const *later;   /* choices that are not in this version */
	uint64_t unsaid; /* CHOICE: of a section that does not say it */
	const char *help;
	bool beside;  /* the built-in entries count always, beside a layer's */
	bool trusted; /* heard from the organisation's and the user's layer */
};

extern const struct schema_row policy_schema[POLICY_KEY_MAX_];

/* Members of a rule in network.allow and network.deny. */
enum schema_field {
	FIELD_HOST,
	FIELD_CIDR,
	FIELD_PRESET,
	FIELD_PORTS,
	FIELD_CONNECT,
	FIELD_RULES,
	FIELD_TLS,
	FIELD_MAX_,
};

struct schema_field_row {
	const char *name;
	bool allow, deny; /* where it may stand */
	bool later;       /* not in this version */
	const char *help;
};

extern const struct schema_field_row policy_fields[FIELD_MAX_];

/* Presets, NULL-terminated. */
extern const char *const policy_presets[];

/* "files"; for a section that is a key itself its name, "workspace". */
const char *schema_section_name(enum schema_section s);
/* The section is a mapping of keys. */
bool schema_section_is_map(enum schema_section s);
/* "network.allow" */
void schema_key_name(enum policy_key key, char *dst, size_t size);
bool schema_is_list(enum schema_type t);
/* "a list of paths" */
const char *schema_type_name(enum schema_type t);

enum schema_found {
	SCHEMA_NONE = 0,
	SCHEMA_KEY,     /* *ret_key */
	SCHEMA_SECTION, /* *ret_section: its value is a mapping */
	SCHEMA_LATER,   /* known, not in this version */
};

/* @name at the top. */
enum schema_found schema_find_top(struct str name, enum policy_key *ret_key,
				  enum schema_section *ret_section);
/* @name in section @s. */
enum schema_found schema_find(enum schema_section s, struct str name,
			      enum policy_key *ret_key);
/* False: no field of an allow (or deny) rule. */
bool schema_find_field(struct str name, enum schema_field *ret);

/*
 * For a message: the known key nearest to @name, as "network.allow".  @s is
 * where @name stood, SECTION_MAX_ = at the top.  False: nothing is near.
 */
bool schema_nearest(enum schema_section s, struct str name, char *dst,
		    size_t size);
bool schema_nearest_field(struct str name, bool allow, char *dst, size_t size);
