/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-policy: the verbs of `bawn policy`, a program of its own since it loads
 * libraries which the way to a session's start must not.  Reads files and asks no
 * daemon; `accept` alone tells the daemon, and `git-hosts --accept` writes.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "cmd/bawn-policy.h"
#include "cmd/policy-here.h"
#include "policy/policy.h"
#include "policy/user-file.h"

static const struct option show_options[] = {
	POLICY_JSON_OPTION,
	POLICY_USER_OPTIONS,
	POLICY_HELP_OPTION,
};

static const struct option check_options[] = {
	POLICY_HELP_OPTION,
};

void policy_say(const char *file, const struct diag *d)
{
	char shown[256];

	str_sanitise(str_of(file), shown, sizeof(shown));
	if (d->line == 0)
		(void)fprintf(stderr, "%s: %s\n", shown, d->text);
	else if (d->column == 0)
		(void)fprintf(stderr, "%s:%u: %s\n", shown, d->line, d->text);
	else
		(void)fprintf(stderr, "%s:%u:%u: %s\n", shown, d->line,
			      d->column, d->text);
}

int policy_trouble(const char *what, int r)
{
	struct diag d = { 0 };

	diag_set(&d, 0, 0, "%s", strerror(-r));
	policy_say(what, &d);
	return BAWN_EXIT_TROUBLE;
}

int policy_put(struct buf *b)
{
	if (b->failed)
		return policy_trouble("bawn policy", -ENOMEM);
	if (fwrite(buf_str(b).ptr, 1, b->len, stdout) != b->len ||
	    fflush(stdout) != 0)
		return policy_trouble("standard output", neg_errno());
	return BAWN_EXIT_OK;
}

/* An exit code; on 0 *ret is the text's policy. */
static int load(struct arena *a, const char *path, struct buf *text,
		const struct policy_doc **ret)
{
	struct diag d = { 0 };
	int r = user_file_read(path, text, NULL, &d);

	if (r < 0)
		return policy_trouble(path, r);
	if (r == 0)
		r = policy_parse(a, buf_str(text), STR("user"), str_of(path),
				 ret, &d);
	else if (r == USER_FILE_E_NONE)
		r = -ENOENT;
	if (r < 0)
		return policy_trouble(path, r);
	if (r > 0) {
		policy_say(path, &d);
		return BAWN_EXIT_REFUSED;
	}
	return BAWN_EXIT_OK;
}

/* An exit code. */
static int join(struct arena *a, const char *path,
		const struct policy_doc *user, struct policy *ret)
{
	struct policy_stack in = { .layer = { [POLICY_USER] = user } };
	struct net_policy net;
	struct diag d = { 0 };
	int r = policy_builtin(a, &in.builtin);

	if (r == 0)
		r = policy_effective(a, &in, ret, NULL, NULL, &d);
	if (r == 0)
		r = policy_net(a, ret, NULL, NULL, &net, &d);
	if (r < 0)
		return policy_trouble(path, r);
	if (r > 0) {
		policy_say(path, &d);
		return BAWN_EXIT_REFUSED;
	}
	return BAWN_EXIT_OK;
}

static int check_one(const char *path)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	const struct policy_doc *user = NULL;
	struct policy p;
	int code;

	arena_init(&a, POLICY_ARENA_MAX);
	code = load(&a, path, &text, &user);
	return code == BAWN_EXIT_OK ? join(&a, path, user, &p) : code;
}

static int verb_check(const struct policy_opts *o, int argc, char *const argv[])
{
	int worst = BAWN_EXIT_OK;

	(void)o;
	for (int i = 0; i < argc; i++) {
		int code = check_one(argv[i]);

		worst = code > worst ? code : worst;
	}
	return worst;
}

static int print(const struct policy *p, bool json)
{
	AUTO(buf) struct buf out = BUF_NULL;
	AUTO(buf) struct buf json_text = BUF_NULL;
	struct json_out w = JSON_OUT(&out);
	char hash[POLICY_HASH_TEXT];
	int r = policy_hash(p, hash);

	if (r != 0)
		return policy_trouble("bawn policy", r);
	buf_init(&out, POLICY_OUTPUT_MAX);
	if (json) {
		buf_init(&json_text, POLICY_OUTPUT_MAX / 2);
		policy_show_json(p, &json_text);
		json_open(&w, '{');
		json_kstr(&w, "sha256", str_of(hash));
		json_key(&w, "policy");
		json_raw(&w, buf_str(&json_text));
		json_close(&w, '}');
		buf_addc(&out, '\n');
	} else {
		buf_printf(&out, "# sha256 %s\n", hash);
		policy_show(p, &out);
	}
	if (json_text.failed)
		return policy_trouble("bawn policy", -ENOMEM);
	return policy_put(&out);
}

static int verb_show(const struct policy_opts *o, int argc, char *const argv[])
{
	AUTO(policy_here) struct policy_here *h = NULL;
	int code;

	(void)argc;
	(void)argv;
	code = policy_here_new(&h, o);
	return code == BAWN_EXIT_OK ? print(&h->entry->policy, o->json) : code;
}

static int verb_keys(const struct policy_opts *o, int argc, char *const argv[])
{
	AUTO(buf) struct buf out = BUF_NULL;

	(void)o;
	(void)argc;
	(void)argv;
	buf_init(&out, POLICY_OUTPUT_MAX);
	policy_reference(&out);
	return policy_put(&out);
}

#define LATER(word, text)                                          \
	{                                                          \
		.name = (word), .synopsis = (word), .help = (text) \
	}

static const struct policy_verb verbs[] = {
	/* sorted by name; without .run: not in this version */
	{ .name = "accept",
	  .synopsis = "accept [--show] [--json]",
	  .help = "accept what the project's policy asks for",
	  .run = policy_accept,
	  .options = policy_accept_options,
	  .n_options = POLICY_ACCEPT_OPTIONS },
	{ .name = "check",
	  .synopsis = "check FILE...",
	  .help = "say whether policies are well formed",
	  .run = verb_check,
	  .options = check_options,
	  .n_options = N_ELEMS(check_options),
	  .min_args = 1,
	  .max_args = INT32_MAX },
	{ .name = "git-hosts",
	  .synopsis = "git-hosts [--json] [--accept [HOST:PORT...]]",
	  .help = "what the preset git-hosts stands for here",
	  .run = policy_git_hosts,
	  .options = policy_git_hosts_options,
	  .n_options = POLICY_GIT_HOSTS_OPTIONS,
	  .max_args = POLICY_GIT_HOSTS_ARGS },
	{ .name = "import",
	  .synopsis = "import [--from claude|srt] FILE",
	  .help = "make a policy from Claude Code's or srt's settings",
	  .run = policy_import,
	  .options = policy_import_options,
	  .n_options = POLICY_IMPORT_OPTIONS,
	  .min_args = 1,
	  .max_args = 1 },
	{ .name = "keys",
	  .synopsis = "keys",
	  .help = "list every key of the language",
	  .run = verb_keys,
	  .options = check_options,
	  .n_options = N_ELEMS(check_options) },
	{ .name = "schema",
	  .synopsis = "schema",
	  .help = "print the JSON Schema of policies, for editors",
	  .run = policy_schema_verb,
	  .options = check_options,
	  .n_options = N_ELEMS(check_options) },
	{ .name = "show",
	  .synopsis = "show [--json] [--profile P | --policy FILE]",
	  .help = "print what is in effect, and which line says so",
	  .run = verb_show,
	  .options = show_options,
	  .n_options = N_ELEMS(show_options) },
	LATER("suggest", "make a policy from what a session did"),
	{ .name = "why",
	  .synopsis = "why (read|write|net|env|limit) SUBJECT [VALUE]",
	  .help = "explain a verdict",
	  .run = policy_why,
	  .options = policy_why_options,
	  .n_options = POLICY_WHY_OPTIONS,
	  .min_args = 2,
	  .max_args = 4 },
};

void cmd_error(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cutting is fine */
	va_end(ap);
	(void)fprintf(stderr, "bawn policy: %s\n", text);
}

static void usage_of(const struct policy_verb *v)
{
	AUTO(buf) struct buf out = BUF_NULL;
	const char *text;

	buf_init(&out, POLICY_OUTPUT_MAX);
	options_help(v->options, v->n_options, &out);
	text = buf_cstr(&out);
	printf("usage: bawn policy %s\n%s\n%s", v->synopsis, v->help,
	       text ? text : "");
}

static int help(void)
{
	for (size_t i = 0; i < N_ELEMS(verbs); i++) {
		if (verbs[i].run)
			printf("  bawn policy %-44s %s\n", verbs[i].synopsis,
			       verbs[i].help);
	}
	return BAWN_EXIT_OK;
}

static int help_json(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, POLICY_OUTPUT_MAX);
	json_open(&w, '{');
	json_kstr(&w, "program", STR("bawn policy"));
	json_key(&w, "verbs");
	json_open(&w, '[');
	for (size_t i = 0; i < N_ELEMS(verbs); i++) {
		const struct policy_verb *v = &verbs[i];

		if (v->run)
			options_json(v->name, v->synopsis, v->help, v->options,
				     v->n_options, &w);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	return policy_put(&b);
}

static int run_verb(const struct policy_verb *v, int argc, char *const argv[])
{
	struct policy_opts o = { 0 };
	struct diag d = { 0 };
	int first = 0;

	if (!v->run) {
		cmd_error("%s: not in this version", v->name);
		return BAWN_EXIT_USAGE;
	}
	if (!options_parse(v->options, v->n_options, argc, argv, &o, &first,
			   &d)) {
		cmd_error("%s: %s", v->name, d.text);
		return BAWN_EXIT_USAGE;
	}
	if (o.help) {
		usage_of(v);
		return BAWN_EXIT_OK;
	}
	if (argc - first < v->min_args || argc - first > v->max_args) {
		cmd_error("usage: bawn policy %s", v->synopsis);
		return BAWN_EXIT_USAGE;
	}
	return v->run(&o, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		cmd_error("what? see 'bawn policy help'");
		return BAWN_EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return argc > 2 && strcmp(argv[2], "--json") == 0 ? help_json()
								  : help();
	for (size_t i = 0; i < N_ELEMS(verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) == 0)
			return run_verb(&verbs[i], argc - 1, argv + 1);
	}
	cmd_error("no verb '%s', see 'bawn policy help'", argv[1]);
	return BAWN_EXIT_USAGE;
}
