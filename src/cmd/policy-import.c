/* SPDX-License-Identifier: Apache-2.0 */
/* bawn policy import: a policy from another tool's settings, on stdout. */
#include "policy/import.h"

#include <fcntl.h>

#include "base/fd.h"
#include "cmd/bawn-policy.h"
#include "policy/policy.h"

const struct option policy_import_options[POLICY_IMPORT_OPTIONS] = {
	{ .name = "from",
	  .arg = "TOOL",
	  .help = "whose settings: claude or srt; else their keys tell",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct policy_opts, from) },
	POLICY_HELP_OPTION,
};

static bool find_tool(const char *name, enum import_tool *ret)
{
	*ret = IMPORT_ANY;
	if (!name)
		return true;
	if (strcmp(name, "claude") == 0)
		*ret = IMPORT_CLAUDE;
	else if (strcmp(name, "srt") == 0)
		*ret = IMPORT_SRT;
	return *ret != IMPORT_ANY;
}

/* ~/.claude/settings.json: relative paths are not the project's there. */
static bool is_users_own(const char *path)
{
	AUTO(bytes) char *real = realpath(path, NULL);
	const char *home = getenv("HOME");
	AUTO(bytes) char *own = NULL;
	char file[4096];
	int n;

	if (!real || !home)
		return false;
	n = snprintf(file, sizeof(file), "%s/.claude/settings.json", home);
	if (n < 0 || (size_t)n >= sizeof(file))
		return false;
	own = realpath(file, NULL);
	return own && strcmp(own, real) == 0;
}

/* Limits that several entries exceed together show only here. */
static int check(struct arena *a, struct str text, struct diag *d)
{
	struct policy_stack in = { 0 };
	struct net_policy net;
	struct policy p;
	int r = policy_builtin(a, &in.builtin);

	if (r == 0)
		r = policy_parse(a, text, STR("user"), STR("import"),
				 &in.layer[POLICY_USER], d);
	if (r == 0)
		r = policy_effective(a, &in, &p, NULL, NULL, d);
	return r != 0 ? r : policy_net(a, &p, NULL, NULL, &net, d);
}

int policy_import(const struct policy_opts *o, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL, out = BUF_NULL;
	enum import_tool tool;
	struct import im;
	struct diag d = { 0 };
	int r;

	(void)argc;
	if (!find_tool(o->from, &tool)) {
		cmd_error("--from wants claude or srt");
		return BAWN_EXIT_USAGE;
	}
	arena_init(&a, IMPORT_ARENA_MAX + POLICY_ARENA_MAX);
	buf_init(&text, IMPORT_MAX_BYTES);
	buf_init(&out, POLICY_OUTPUT_MAX);
	r = file_load(AT_FDCWD, argv[0], &text);
	if (r == 0)
		r = import_parse(&a, buf_str(&text), is_users_own(argv[0]),
				 tool, &im, &d);
	if (r == 0) {
		import_format(&im, str_of(argv[0]), &out);
		r = out.failed ? -ENOMEM : check(&a, buf_str(&out), &d);
	}
	if (r < 0)
		return policy_trouble(argv[0], r);
	if (r > 0) {
		policy_say(argv[0], &d);
		return BAWN_EXIT_REFUSED;
	}
	return policy_put(&out);
}
