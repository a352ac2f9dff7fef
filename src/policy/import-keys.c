/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the settings, once: what is done with it, or why it is left out.
 * Names as sandbox-runtime has them; Claude Code has those marked CLAUDE or
 * BOTH below "sandbox.", but for permissions.
 */
#include <stdio.h>

#include "policy/import-work.h"

#define CLAUDE IMPORT_CLAUDE
#define SRT    IMPORT_SRT
#define BOTH   IMPORT_BOTH

/* ---- shapes ---- */

static int wrong_type(struct import_work *w, struct str key, const char *want)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "must be %s", want);
	return import_refuse(w, key, text);
}

/* "key[i] value": what a comment says of an entry. */
static struct str nth(struct import_work *w, struct str key, size_t i,
		      struct str value)
{
	char shown[72];

	str_sanitise(value, shown, sizeof(shown));
	return str_of(
		arena_printf(w->arena, "%.*s[%zu] %s", STR_ARG(key), i, shown));
}

typedef int (*entry_fn)(struct import_work *w, struct str text, bool literal,
			struct str key);

/* "path", or with @paths {"path": "x", "literal": true}. */
static int each_entry(struct import_work *w, const struct json *v,
		      struct str key, bool paths, entry_fn take)
{
	size_t i = 0;
	int r = 0;

	if (!json_is(v, JSON_ARRAY))
		return wrong_type(w, key, "a list");
	JSON_EACH (it, v) {
		struct str text = json_is(it, JSON_STRING)
					  ? it->string
					  : json_find_str(it, "path");
		struct str k = nth(w, key, i++, text);

		if (!k.ptr)
			return -ENOMEM;
		if (!text.ptr || (!paths && !json_is(it, JSON_STRING)))
			return wrong_type(w, k, "text");
		if (memchr(text.ptr, '\0', text.len))
			return import_refuse(w, k, "a NUL");
		r = take(w, text, json_find_bool(it, "literal", false), k);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- keys that are taken ---- */

#define PATHS(name_, access_)                                              \
	static int name_##_one(struct import_work *w, struct str text,     \
			       bool literal, struct str key)               \
	{                                                                  \
		return import_path(w, access_, text, literal, false, key); \
	}                                                                  \
	static int name_(struct import_work *w, const struct json *v,      \
			 struct str key)                                   \
	{                                                                  \
		return each_entry(w, v, key, true, name_##_one);           \
	}

PATHS(deny_read, IMPORT_DENY_READ)
PATHS(deny_write, IMPORT_DENY_WRITE)
PATHS(allow_read, IMPORT_ALLOW_READ)
PATHS(allow_write, IMPORT_ALLOW_WRITE)

static int allow_host(struct import_work *w, struct str text, bool literal,
		      struct str key)
{
	(void)literal;
	return import_host(w, true, text, key);
}

static int allowed(struct import_work *w, const struct json *v, struct str key)
{
	return each_entry(w, v, key, false, allow_host);
}

static int deny_host(struct import_work *w, struct str text, bool literal,
		     struct str key)
{
	(void)literal;
	return import_host(w, false, text, key);
}

static int denied(struct import_work *w, const struct json *v, struct str key)
{
	return each_entry(w, v, key, false, deny_host);
}

static int deny_range(struct import_work *w, struct str text, bool literal,
		      struct str key)
{
	(void)literal;
	return import_range(w, text, key);
}

static int ranges(struct import_work *w, const struct json *v, struct str key)
{
	return each_entry(w, v, key, false, deny_range);
}

static int allow_rule(struct import_work *w, struct str text, bool literal,
		      struct str key)
{
	(void)literal;
	return import_rule(w, true, text, key);
}

static int rules_allow(struct import_work *w, const struct json *v,
		       struct str key)
{
	return each_entry(w, v, key, false, allow_rule);
}

static int deny_rule(struct import_work *w, struct str text, bool literal,
		     struct str key)
{
	(void)literal;
	return import_rule(w, false, text, key);
}

static int rules_deny(struct import_work *w, const struct json *v,
		      struct str key)
{
	return each_entry(w, v, key, false, deny_rule);
}

static int rules_ask(struct import_work *w, const struct json *v,
		     struct str key)
{
	int r = each_entry(w, v, key, false, deny_rule);

	if (r != 0 || v->kids.n == 0)
		return r;
	return import_remark(w, key,
			     "this version asks nobody, so what is asked for "
			     "there is refused");
}

static int directories(struct import_work *w, const struct json *v,
		       struct str key)
{
	return each_entry(w, v, key, false, allow_write_one);
}

/* A switch: @on when it is true. */
static int take_bool(struct import_work *w, const struct json *v,
		     struct str key, bool *ret)
{
	if (!json_is(v, JSON_BOOL))
		return wrong_type(w, key, "true or false");
	*ret = v->boolean;
	return 0;
}

static int nested(struct import_work *w, const struct json *v, struct str key)
{
	bool on = false;
	int r = take_bool(w, v, key, &on);

	if (r == 0 && on)
		w->im.nested = key;
	return r;
}

static int strict(struct import_work *w, const struct json *v, struct str key)
{
	bool on;
	int r = take_bool(w, v, key, &on);

	return r != 0 ? r
		      : import_remark(w, key,
				      "always so: what no rule allows is "
				      "refused, nobody is asked");
}

static int own_proxy(struct import_work *w, const struct json *v,
		     struct str key)
{
	if (!json_is(v, JSON_INT))
		return wrong_type(w, key, "a port");
	w->foreign_proxy = true;
	return import_remark(w, key,
			     "a proxy of your own decided what is reached; "
			     "bawn asks none (network.parent is not in this "
			     "version), so no host is allowed");
}

static int credential_files(struct import_work *w, const struct json *v,
			    struct str key)
{
	size_t i = 0;
	int r = 0;

	if (!json_is(v, JSON_ARRAY))
		return wrong_type(w, key, "a list");
	JSON_EACH (it, v) {
		struct str path = json_find_str(it, "path");
		struct str k = nth(w, key, i++, path);

		if (!k.ptr)
			return -ENOMEM;
		if (path.len == 0 || memchr(path.ptr, '\0', path.len))
			return wrong_type(w, k, "an object with a path");
		r = import_path(w, IMPORT_DENY_READ, path, false, false, k);
		if (r == 0 && !str_eq(json_find_str(it, "mode"), STR("deny")))
			r = import_remark(w, k,
					  "masked there, hidden here: secrets "
					  "are not in this version");
		if (r != 0)
			return r;
	}
	return 0;
}

static int credential_variables(struct import_work *w, const struct json *v,
				struct str key)
{
	size_t i = 0;
	int r = 0;

	if (!json_is(v, JSON_ARRAY))
		return wrong_type(w, key, "a list");
	JSON_EACH (it, v) {
		struct str name = json_find_str(it, "name");
		struct str k = nth(w, key, i++, name);

		if (!k.ptr)
			return -ENOMEM;
		if (name.len == 0 || memchr(name.ptr, '\0', name.len))
			return wrong_type(w, k, "an object with a name");
		r = import_add(w, &w->im.blank,
			       (struct import_item){ .text = name, .from = k });
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- the table ---- */

#define TAKE_ROW(name_, tools_, fn_)     \
	{                                \
		name_, tools_, fn_, NULL \
	}
#define LEAVE(name_, tools_, why_)        \
	{                                 \
		name_, tools_, NULL, why_ \
	}
#define MACOS      "of macOS only"
#define WINDOWS    "of Windows only"
#define NOT_NEEDED "a program that bawn does not need"
#define AGENTS     "about the agent's own prompts and tools, which it keeps"
#define SECRETS    "secrets are not in this version"
#define NO_TLS     "TLS is not inspected in this version"
#define WHOLE      "bawn confines the whole agent, no command is outside"
#define MANAGED    "about which settings count; import the file that does"

const struct import_row import_rows[] = {
	LEAVE("enabled", CLAUDE, "bawn confines always"),
	LEAVE("failIfUnavailable", CLAUDE,
	      "always so: without its walls a session does not start"),
	LEAVE("autoAllowBashIfSandboxed", CLAUDE, AGENTS),
	LEAVE("allowUnsandboxedCommands", CLAUDE, WHOLE),
	LEAVE("excludedCommands", CLAUDE, WHOLE),
	LEAVE("enabledPlatforms", CLAUDE, "bawn is for Linux"),
	LEAVE("ignoreViolations", BOTH,
	      "about messages; 'bawn logs' has what was refused"),
	LEAVE("enableWeakerNestedSandbox", BOTH,
	      "it weakens the sandbox where it runs in a container; bawn's "
	      "walls stay, see 'bawn doctor'. For sandboxes inside a session: "
	      "nested: true"),
	TAKE_ROW("allowNestedUserNamespaces", BOTH, nested),
	LEAVE("enableWeakerNetworkIsolation", BOTH, MACOS),
	LEAVE("allowAppleEvents", BOTH, MACOS),
	LEAVE("allowPty", BOTH, MACOS),
	LEAVE("ripgrep", BOTH, NOT_NEEDED),
	LEAVE("bwrapPath", BOTH, NOT_NEEDED),
	LEAVE("socatPath", BOTH, NOT_NEEDED),
	LEAVE("seccomp", BOTH, NOT_NEEDED),
	LEAVE("javaAgentJarPath", BOTH,
	      "programs need no proxy settings in a session"),
	LEAVE("mandatoryDenySearchDepth", BOTH,
	      "files.hide has patterns of any depth"),
	LEAVE("windows", BOTH, WINDOWS),
	LEAVE("git", BOTH, "bawn maps owners, git sees its own files"),

	TAKE_ROW("network.allowedDomains", BOTH, allowed),
	TAKE_ROW("network.deniedDomains", BOTH, denied),
	LEAVE("network.deniedDomainReasons", BOTH,
	      "bawn's refusals name the policy's line"),
	TAKE_ROW("network.deniedResolvedAddresses", BOTH, ranges),
	TAKE_ROW("network.strictAllowlist", BOTH, strict),
	LEAVE("network.allowManagedDomainsOnly", CLAUDE, MANAGED),
	LEAVE("network.allowUnixSockets", BOTH,
	      "of macOS only, on Linux none is reached there; to allow one "
	      "here: network.sockets: [PATH]"),
	LEAVE("network.allowAllUnixSockets", BOTH,
	      "a policy names each socket: network.sockets: [PATH]"),
	LEAVE("network.allowLocalBinding", BOTH,
	      "of macOS only; a session's own loopback is always there, and "
	      "nobody outside reaches it"),
	LEAVE("network.allowMachLookup", BOTH, MACOS),
	TAKE_ROW("network.httpProxyPort", BOTH, own_proxy),
	TAKE_ROW("network.socksProxyPort", BOTH, own_proxy),
	LEAVE("network.parentProxy", BOTH,
	      "network.parent is not in this version; the relay dials "
	      "directly"),
	LEAVE("network.mitmProxy", BOTH, NO_TLS),
	LEAVE("network.tlsTerminate", BOTH, NO_TLS),
	LEAVE("network.filterRequest", BOTH, NO_TLS),
	LEAVE("network.stripResponseHeaders", BOTH, NO_TLS),
	LEAVE("network.ambiguousRequestTarget", BOTH, NO_TLS),
	LEAVE("network.requireHostMatch", BOTH,
	      "always so for the server name of TLS"),
	LEAVE("network.refuseOpaqueTunnels", BOTH,
	      "ports 443 and 8443 demand TLS with the right server name; "
	      "other ports are opaque"),

	TAKE_ROW("filesystem.denyRead", BOTH, deny_read),
	TAKE_ROW("filesystem.allowRead", BOTH, allow_read),
	TAKE_ROW("filesystem.allowWrite", BOTH, allow_write),
	TAKE_ROW("filesystem.denyWrite", BOTH, deny_write),
	LEAVE("filesystem.allowManagedReadPathsOnly", CLAUDE, MANAGED),
	LEAVE("filesystem.disabled", BOTH,
	      "files are always confined; files.write names more"),
	LEAVE("filesystem.allowGitConfig", BOTH,
	      "the project's .git is writable like the rest of it"),

	TAKE_ROW("credentials.files", BOTH, credential_files),
	TAKE_ROW("credentials.envVars", BOTH, credential_variables),
	LEAVE("credentials.allowPlaintextInject", BOTH, SECRETS),
	LEAVE("credentials.awsPairs", BOTH, SECRETS),
	LEAVE("credentials.sigv4", BOTH, SECRETS),

	TAKE_ROW("permissions.allow", CLAUDE, rules_allow),
	TAKE_ROW("permissions.deny", CLAUDE, rules_deny),
	TAKE_ROW("permissions.ask", CLAUDE, rules_ask),
	TAKE_ROW("permissions.additionalDirectories", CLAUDE, directories),
	LEAVE("permissions.defaultMode", CLAUDE, AGENTS),
	LEAVE("permissions.disableBypassPermissionsMode", CLAUDE, AGENTS),
	LEAVE("permissions.disableAutoMode", CLAUDE, AGENTS),
	LEAVE("permissions.denyInsteadOfPrompting", CLAUDE, AGENTS),
	LEAVE("permissions.blockReadsOutsideWorkingDirectories", CLAUDE,
	      "what files does not name is not there at all"),
	LEAVE("permissions.blockWritesOutsideWorkingDirectories", CLAUDE,
	      "what files.write does not name is not writable"),
	LEAVE("permissions.blockReadsExemptPaths", CLAUDE,
	      "name them in files.read"),
	LEAVE("permissions.workingDirectoriesAsGiven", CLAUDE, AGENTS),
	LEAVE("permissions.workingDirectoriesExclude", CLAUDE, AGENTS),
};
const size_t import_n_rows = N_ELEMS(import_rows);

const char *import_key(size_t i, enum import_tool *ret_tools)
{
	if (i >= import_n_rows)
		return NULL;
	*ret_tools = (enum import_tool)import_rows[i].tools;
	return import_rows[i].name;
}
