/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schema.h"

#include <stdio.h>

#include "base/near.h"
#include "policy/lack.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

static const char *const backends[] = { "namespaces", "landlock", NULL };
static const char *const backends_later[] = { NULL };
static const char *const workspaces[] = { "live", NULL };
static const char *const workspaces_later[] = { "review", NULL };
static const char *const defaults[] = { "deny", NULL };
static const char *const defaults_later[] = { "ask", NULL };

/* In the order of enum policy_audit: what records most stands first. */
static const char *const audits[] = { "exact", "all", "writes", "off", NULL };
static const char *const audits_later[] = { NULL };

/* Likewise, of enum policy_telemetry. */
static const char *const telemetries[] = { "on", "off", NULL };
static const char *const telemetries_later[] = { NULL };

const char *const policy_presets[] = { "package-registries", "git-hosts",
				       NULL };

/* clang-format off: one member a line, whatever their lengths */
const struct schema_row policy_schema[POLICY_KEY_MAX_] = {
	[POLICY_VERSION] = {
		.section = SECTION_VERSION,
		.type = SCHEMA_VERSION,
		.join = JOIN_SMALLEST,
		.min = 1, .max = 1,
		.help = "of the language; every policy has it",
	},
	/* Layers: namespaces wins. */
	[POLICY_BACKEND] = {
		.section = SECTION_BACKEND,
		.type = SCHEMA_CHOICE,
		.join = JOIN_SMALLEST,
		.choices = backends, .later = backends_later,
		.trusted = true,
		.help = "what the walls are made of; landlock, where user "
			"namespaces are forbidden, has fewer, as "
			"doc/landlock.md says",
	},
	[POLICY_BACKEND_ACCEPT] = {
		.section = SECTION_BACKEND_ACCEPT,
		.type = SCHEMA_WORDS,
		.join = JOIN_AGREE,
		.max = 16,
		.choices = lack_words,
		.trusted = true,
		.help = "what a session may lack when backend is landlock",
	},
	/* Layers: false wins, since it is what keeps the walls. */
	[POLICY_NESTED] = {
		.section = SECTION_NESTED,
		.type = SCHEMA_BOOL,
		.join = JOIN_SMALLEST,
		.help = "sandboxes of the program's own may work inside, at "
			"the cost that doc/THREAT-MODEL.md states",
	},
	[POLICY_WORKSPACE] = {
		.section = SECTION_WORKSPACE,
		.type = SCHEMA_CHOICE,
		.join = JOIN_SMALLEST,
		.choices = workspaces, .later = workspaces_later,
		.help = "live: the session works on the project in place",
	},
	[POLICY_FILES_READ] = {
		.section = SECTION_FILES, .name = "read",
		.type = SCHEMA_PATHS,
		.join = JOIN_AGREE,
		.max = 128,
		.help = "may be read and executed; what is named nowhere does "
			"not exist in the jail",
	},
	[POLICY_FILES_WRITE] = {
		.section = SECTION_FILES, .name = "write",
		.type = SCHEMA_PATHS,
		.join = JOIN_AGREE,
		.max = 128,
		.help = "may be read and changed",
	},
	[POLICY_FILES_HIDE] = {
		.section = SECTION_FILES, .name = "hide",
		.type = SCHEMA_GLOBS,
		.join = JOIN_SUM,
		.max = 256,
		.help = "may not be seen; wins over read and write",
	},
	[POLICY_ENV_PASS] = {
		.section = SECTION_ENV, .name = "pass",
		.type = SCHEMA_NAMES,
		.join = JOIN_AGREE,
		.max = 256,
		.beside = true,
		.help = "variables that the session inherits, beside the "
			"built-in list; * stands for any characters",
	},
	[POLICY_ENV_SET] = {
		.section = SECTION_ENV, .name = "set",
		.type = SCHEMA_ASSIGN,
		.join = JOIN_PROVIDE,
		.max = 256,
		.help = "variables with fixed values",
	},
	[POLICY_NETWORK_DEFAULT] = {
		.section = SECTION_NETWORK, .name = "default",
		.type = SCHEMA_CHOICE,
		.join = JOIN_SMALLEST,
		.choices = defaults, .later = defaults_later,
		.help = "what happens where no rule matches",
	},
	[POLICY_NETWORK_DENY] = {
		.section = SECTION_NETWORK, .name = "deny",
		.type = SCHEMA_DENY,
		.join = JOIN_SUM,
		.max = 512,
		.help = "wins over allow",
	},
	[POLICY_NETWORK_ALLOW] = {
		.section = SECTION_NETWORK, .name = "allow",
		.type = SCHEMA_ALLOW,
		.join = JOIN_AGREE,
		.max = 512,
		.help = "what the session may reach",
	},
	[POLICY_NETWORK_DNS] = {
		.section = SECTION_NETWORK, .name = "dns",
		.type = SCHEMA_RESOLVERS,
		.join = JOIN_HIGHEST,
		.min = 1, .max = 8,
		.trusted = true,
		.help = "resolvers to ask instead of the host's",
	},
	[POLICY_NETWORK_CA] = {
		.section = SECTION_NETWORK, .name = "ca",
		.type = SCHEMA_PATHS,
		.join = JOIN_PROVIDE,
		.max = 32,
		.trusted = true,
		.help = "certificate files that are trusted besides the host's",
	},
	[POLICY_NETWORK_SOCKETS] = {
		.section = SECTION_NETWORK, .name = "sockets",
		.type = SCHEMA_SOCKETS,
		.join = JOIN_AGREE,
		.max = 16,
		.help = "Unix sockets of the host that the session may connect "
			"to",
	},
	[POLICY_LIMITS_MEMORY] = {
		.section = SECTION_LIMITS, .name = "memory",
		.type = SCHEMA_SIZE,
		.join = JOIN_SMALLEST,
		.min = 16 * MIB, .max = 1024 * TIB,
		.help = "of all processes together",
	},
	[POLICY_LIMITS_CPU] = {
		.section = SECTION_LIMITS, .name = "cpu",
		.type = SCHEMA_CPU,
		.join = JOIN_SMALLEST,
		.min = 10, .max = 1024000, /* thousandths */
		.help = "CPUs, in parts too",
	},
	[POLICY_LIMITS_PROCESSES] = {
		.section = SECTION_LIMITS, .name = "processes",
		.type = SCHEMA_COUNT,
		.join = JOIN_SMALLEST,
		.min = 8, .max = 4194304, /* what the kernel's pid_max may be */
		.help = "processes and threads at once",
	},
	[POLICY_LIMITS_DISK] = {
		.section = SECTION_LIMITS, .name = "disk",
		.type = SCHEMA_SIZE,
		.join = JOIN_SMALLEST,
		.min = MIB, .max = 1024 * TIB,
		.help = "of private directories, and of one file in the "
			"workspace",
	},
	[POLICY_LIMITS_TIME] = {
		.section = SECTION_LIMITS, .name = "time",
		.type = SCHEMA_TIME,
		.join = JOIN_SMALLEST,
		.min = 1, .max = 365 * UINT64_C(86400), /* seconds */
		.help = "from start to end",
	},
	/*
	 * Layers: whoever wants more recorded gets it.  Unsaid beside
	 * audit.output it is what it is without the section.
	 */
	[POLICY_AUDIT_FILES] = {
		.section = SECTION_AUDIT, .name = "files",
		.type = SCHEMA_CHOICE,
		.join = JOIN_MOST,
		.choices = audits, .later = audits_later,
		.unsaid = POLICY_AUDIT_WRITES,
		.help = "which calls are on the ledger; writes: programs "
			"started, files changed, connections; all: files "
			"opened for reading too; exact: the same, and what is "
			"recorded is what was opened, whatever a thread does "
			"to the path meanwhile; off: only what is refused",
	},
	[POLICY_AUDIT_OUTPUT] = {
		.section = SECTION_AUDIT, .name = "output",
		.type = SCHEMA_BOOL,
		.join = JOIN_MOST,
		.help = "what the terminal shows is on the ledger, for 'bawn "
			"logs --replay'",
	},
	[POLICY_AUDIT_TELEMETRY] = {
		.section = SECTION_AUDIT, .name = "telemetry",
		.type = SCHEMA_CHOICE,
		.join = JOIN_MOST,
		.choices = telemetries, .later = telemetries_later,
		.unsaid = POLICY_TELEMETRY_OFF,
		.help = "what agents say of themselves by OpenTelemetry is on "
			"the ledger, as claimed; on sets the variables that "
			"make them say it",
	},
};
/* clang-format on */

const struct schema_field_row policy_fields[FIELD_MAX_] = {
	[FIELD_HOST] = { "host", true, true, false,
			 "a name, or *. and a name: one or more labels below "
			 "it, not itself" },
	[FIELD_CIDR] = { "cidr", true, true, false,
			 "addresses as ADDRESS/BITS; reached without a name, "
			 "and what lifts the ban on special ranges" },
	[FIELD_PRESET] = { "preset", true, false, false,
			   "package-registries: the hosts that this machine's "
			   "package managers use; git-hosts: those of the "
			   "user's git configuration, and of the project's "
			   "remotes once accepted" },
	[FIELD_PORTS] = { "ports", true, true, false,
			  "numbers from 1 to 65535, at most 32; without: 80 "
			  "and 443 in allow, all in deny" },
	[FIELD_CONNECT] = { "connect", true, false, false,
			    "where to dial instead of asking DNS, as "
			    "ADDRESS:PORT; names that address" },
	[FIELD_RULES] = { "rules", true, false, true, "" },
	[FIELD_TLS] = { "tls", true, false, true, "" },
};

static const struct {
	const char *name;
	bool map;
} sections[SECTION_MAX_] = {
	[SECTION_VERSION] = { "version", false },
	[SECTION_BACKEND] = { "backend", false },
	[SECTION_BACKEND_ACCEPT] = { "backend_accept", false },
	[SECTION_NESTED] = { "nested", false },
	[SECTION_WORKSPACE] = { "workspace", false },
	[SECTION_FILES] = { "files", true },
	[SECTION_ENV] = { "env", true },
	[SECTION_NETWORK] = { "network", true },
	[SECTION_LIMITS] = { "limits", true },
	[SECTION_AUDIT] = { "audit", true },
};

/* Keys of the language that this version does not have. */
static const struct {
	enum schema_section section; /* SECTION_MAX_: at the top */
	const char *name;
} later[] = {
	{ SECTION_MAX_, "secrets" },    { SECTION_MAX_, "model" },
	{ SECTION_MAX_, "inspect" },    { SECTION_MAX_, "mcp" },
	{ SECTION_NETWORK, "parent" },  { SECTION_NETWORK, "proxy" },
	{ SECTION_NETWORK, "publish" },
};

static const char *const type_names[SCHEMA_TYPE_MAX_] = {
	[SCHEMA_VERSION] = "the number 1",
	[SCHEMA_BOOL] = "true or false, without quotes",
	[SCHEMA_CHOICE] = "a word",
	[SCHEMA_PATHS] = "a list of paths",
	[SCHEMA_GLOBS] = "a list of paths and globs",
	[SCHEMA_SOCKETS] = "a list of paths",
	[SCHEMA_WORDS] = "a list of words",
	[SCHEMA_NAMES] = "a list of names",
	[SCHEMA_ASSIGN] = "a mapping of names to text",
	[SCHEMA_ALLOW] = "a list of rules",
	[SCHEMA_DENY] = "a list of rules",
	[SCHEMA_RESOLVERS] = "a list of ADDRESS or ADDRESS:PORT",
	[SCHEMA_SIZE] = "a size such as 512M or 8G",
	[SCHEMA_CPU] = "a number such as 2 or 0.5",
	[SCHEMA_COUNT] = "a whole number",
	[SCHEMA_TIME] = "a duration such as 90s, 30m, 4h or 2d",
};

const char *schema_section_name(enum schema_section s)
{
	return s < SECTION_MAX_ ? sections[s].name : "";
}

bool schema_section_is_map(enum schema_section s)
{
	return s < SECTION_MAX_ && sections[s].map;
}

const char *schema_type_name(enum schema_type t)
{
	return type_names[t];
}

bool schema_is_list(enum schema_type t)
{
	return t >= SCHEMA_PATHS && t <= SCHEMA_RESOLVERS;
}

void schema_key_name(enum policy_key key, char *dst, size_t size)
{
	const struct schema_row *row = &policy_schema[key];

	(void)snprintf(dst, size, "%s%s%s", sections[row->section].name,
		       row->name ? "." : "", row->name ? row->name : "");
}

static bool is_later(enum schema_section s, struct str name)
{
	for (size_t i = 0; i < N_ELEMS(later); i++) {
		if (later[i].section == s &&
		    str_eq(str_of(later[i].name), name))
			return true;
	}
	return false;
}

enum schema_found schema_find(enum schema_section s, struct str name,
			      enum policy_key *ret_key)
{
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		if (row->section == s && row->name &&
		    str_eq(str_of(row->name), name)) {
			*ret_key = (enum policy_key)i;
			return SCHEMA_KEY;
		}
	}
	return is_later(s, name) ? SCHEMA_LATER : SCHEMA_NONE;
}

enum schema_found schema_find_top(struct str name, enum policy_key *ret_key,
				  enum schema_section *ret_section)
{
	for (unsigned s = 0; s < SECTION_MAX_; s++) {
		if (str_eq(str_of(sections[s].name), name)) {
			*ret_section = (enum schema_section)s;
			break;
		}
		if (s == SECTION_MAX_ - 1)
			return is_later(SECTION_MAX_, name) ? SCHEMA_LATER
							    : SCHEMA_NONE;
	}
	if (sections[*ret_section].map)
		return SCHEMA_SECTION;
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		if (policy_schema[i].section == *ret_section)
			*ret_key = (enum policy_key)i;
	}
	return SCHEMA_KEY;
}

bool schema_find_field(struct str name, enum schema_field *ret)
{
	for (unsigned i = 0; i < FIELD_MAX_; i++) {
		if (str_eq(str_of(policy_fields[i].name), name)) {
			*ret = (enum schema_field)i;
			return true;
		}
	}
	return false;
}

/* The best so far; a name in the same section wins a tie. */
struct best {
	struct str name;
	enum schema_section here;
	unsigned distance;
	char *dst;
	size_t size;
};

static void consider(struct best *best, enum schema_section s, const char *name)
{
	const char *prefix = schema_section_name(s);
	unsigned d = near_distance(best->name, str_of(name));

	/* "mem" means memory; but half of a short name is not a slip. */
	if (best->name.len >= 3 && str_starts(str_of(name), best->name))
		d = d < 1 ? d : 1;
	d = 2 * d + (s == best->here ? 0 : 1);
	if (d >= best->distance || d > best->name.len + 1)
		return;
	best->distance = d;
	(void)snprintf(best->dst, best->size, "%s%s%s", prefix,
		       *prefix ? "." : "", name);
}

bool schema_nearest(enum schema_section s, struct str name, char *dst,
		    size_t size)
{
	struct best best = { name, s, 2 * NEAR_FAR, dst, size };

	for (unsigned i = 0; i < SECTION_MAX_; i++)
		consider(&best, SECTION_MAX_, sections[i].name);
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		if (policy_schema[i].name)
			consider(&best, policy_schema[i].section,
				 policy_schema[i].name);
	}
	for (size_t i = 0; i < N_ELEMS(later); i++)
		consider(&best, later[i].section, later[i].name);
	return best.distance < 2 * NEAR_FAR;
}

bool schema_nearest_field(struct str name, bool allow, char *dst, size_t size)
{
	struct best best = { name, SECTION_MAX_, 2 * NEAR_FAR, dst, size };

	for (unsigned i = 0; i < FIELD_MAX_; i++) {
		if (allow ? policy_fields[i].allow : policy_fields[i].deny)
			consider(&best, SECTION_MAX_, policy_fields[i].name);
	}
	return best.distance < 2 * NEAR_FAR;
}

#define REFERENCE_COLUMN 21u
#define REFERENCE_WIDTH  80u

/* @text from REFERENCE_COLUMN on, broken between words. */
static void add_wrapped(struct buf *b, const char *text)
{
	struct str rest = str_of(text), word;
	size_t at = 0;

	while (str_word(&rest, &word)) {
		if (at > 0 && at + 1 + word.len <= REFERENCE_WIDTH) {
			buf_addc(b, ' ');
			at++;
		} else {
			buf_printf(b, "%s%*s", at > 0 ? "\n" : "",
				   (int)REFERENCE_COLUMN, "");
			at = REFERENCE_COLUMN;
		}
		buf_add(b, word);
		at += word.len;
	}
	buf_addc(b, '\n');
}

static void add_field(struct buf *b, const struct schema_field_row *f)
{
	buf_printf(b, "%-20s %s\n", f->name,
		   f->deny ? "in allow and deny" : "in allow");
	add_wrapped(b, f->help);
}

void policy_reference(struct buf *b)
{
	char name[64];

	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		schema_key_name((enum policy_key)i, name, sizeof(name));
		buf_printf(b, "%-20s %s", name, type_names[row->type]);
		for (size_t k = 0; row->choices && row->choices[k]; k++)
			buf_printf(b, "%s %s", k ? "," : ":", row->choices[k]);
		if (schema_is_list(row->type))
			buf_printf(b, ", at most %u", (unsigned)row->max);
		buf_addc(b, '\n');
		add_wrapped(b, row->help);
	}
	buf_printf(b, "\nA rule of network.allow or network.deny:\n\n");
	for (unsigned i = 0; i < FIELD_MAX_; i++) {
		if (!policy_fields[i].later)
			add_field(b, &policy_fields[i]);
	}
}
