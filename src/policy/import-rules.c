/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar of a permission rule:
 *
 *   rule = tool [ "(" what ")" ]
 *   what = path-pattern / "domain:" host / any     ; as the tool has it
 *
 * Rules about files and hosts say what may be read, changed and reached, and
 * that holds for every program of a session.  Rules about a tool as a whole, or
 * about commands, are the agent's: it goes on reading its own settings.
 */
#include "policy/import-work.h"

enum about {
	ABOUT_READ,
	ABOUT_WRITE,
	ABOUT_HOST,
};

static const struct {
	const char *tool;
	enum about about;
} tools[] = {
	{ "Read", ABOUT_READ },          { "Grep", ABOUT_READ },
	{ "Glob", ABOUT_READ },          { "LS", ABOUT_READ },
	{ "NotebookRead", ABOUT_READ },  { "Edit", ABOUT_WRITE },
	{ "Write", ABOUT_WRITE },        { "MultiEdit", ABOUT_WRITE },
	{ "NotebookEdit", ABOUT_WRITE }, { "WebFetch", ABOUT_HOST },
};

static int take_host(struct import_work *w, bool allow, struct str what,
		     struct str key)
{
	static const struct str prefix = { "domain:", 7 };
	struct str host = str_skip(what, prefix.len), below;
	int r;

	if (!str_starts(what, prefix))
		return allow ? import_leave(w, key, "no domain: in it")
			     : import_refuse(w, key, "no domain: in it");
	r = import_host(w, allow, host, key);
	if (r != 0 || allow || host.ptr[0] == '*')
		return r;
	/* Some versions mean what is below it, too. */
	below = str_of(arena_printf(w->arena, "*.%.*s", STR_ARG(host)));
	if (!below.ptr)
		return -ENOMEM;
	if (memchr(host.ptr, ':', host.len) || host.ptr[0] == '[' ||
	    (host.ptr[host.len - 1] >= '0' && host.ptr[host.len - 1] <= '9') ||
	    str_eq(host, STR("localhost")))
		return 0;
	return import_host(w, false, below, key);
}

int import_rule(struct import_work *w, bool allow, struct str text,
		struct str key)
{
	struct str tool, what = text;
	bool has_what = text.len > 0 && text.ptr[text.len - 1] == ')';

	if (!str_cut(&what, '(', &tool) || tool.len == 0)
		return import_refuse(w, key, "not a rule");
	if (has_what && what.len > 0)
		what.len--;
	for (size_t i = 0; i < N_ELEMS(tools); i++) {
		if (!str_eq(tool, str_of(tools[i].tool)))
			continue;
		if (!has_what || what.len == 0)
			break;
		if (tools[i].about == ABOUT_HOST)
			return take_host(w, allow, what, key);
		return import_path(
			w,
			tools[i].about == ABOUT_READ
				? (allow ? IMPORT_ALLOW_READ : IMPORT_DENY_READ)
				: (allow ? IMPORT_ALLOW_WRITE
					 : IMPORT_DENY_WRITE),
			what, false, true, key);
	}
	return import_leave(w, key,
			    "about a tool or a command; the agent keeps it, in "
			    "its own settings");
}
