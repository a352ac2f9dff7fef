/* SPDX-License-Identifier: Apache-2.0 */
/* bawn-ledger: read and check the record.  `bawn ledger` executes it. */
#include "cmd/bawn-ledger.h"

#include <signal.h>
#include <stdarg.h>

#include "base/json.h"
#include "cmd/cosign-options.h"

#define HELP_MAX ((size_t)16 * 1024)

static int verb_help(const struct verb *v, int argc, char *const argv[]);

static const struct option tail_options[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .help = "go on as records come",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, follow) },
	{ .name = "lines",
	  .letter = 'n',
	  .arg = "N",
	  .help = "begin with the last N records (10)",
	  .kind = OPTION_U32,
	  .max = UINT32_MAX,
	  .target = offsetof(struct verb_opts, lines) },
	{ .name = "json",
	  .help = "the records themselves, one a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, json) },
};

static const struct option export_options[] = {
	{ .name = "form",
	  .arg = "FORM",
	  .help = "record (without: this), ocsf, ecs or cef",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct export_opts, form) },
	{ .name = "since",
	  .arg = "TIME",
	  .help = "only what is younger, as in at > TIME",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct export_opts, since) },
	{ .name = "to",
	  .arg = "FILE",
	  .help = "a new file, in place of standard output",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct export_opts, to) },
};

static const struct option sinks_options[] = {
	{ .name = "json",
	  .help = "status as JSON, a sink a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct sinks_opts, json) },
};

static const struct option query_options[] = {
	{ .name = "count",
	  .letter = 'c',
	  .help = "only how many there are",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, count) },
	{ .name = "json",
	  .help = "the records themselves, one a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, json) },
	{ .name = "limit",
	  .letter = 'n',
	  .arg = "N",
	  .help = "no more than N records",
	  .kind = OPTION_U32,
	  .min = 1,
	  .max = UINT32_MAX,
	  .target = offsetof(struct verb_opts, limit) },
	{ .name = "reverse",
	  .letter = 'r',
	  .help = "the newest first",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, reverse) },
	{ .name = "scan",
	  .help = "read every record, without the index",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, scan) },
};

static const struct option index_options[] = {
	{ .name = "json",
	  .help = "the result as one JSON object",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, json) },
	{ .name = "rebuild",
	  .help = "make it anew from the ledger",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, rebuild) },
};

static const struct option verify_options[] = {
	{ .name = "json",
	  .help = "the result as one JSON object",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, json) },
	{ .name = "key",
	  .arg = "VKEY",
	  .help = "the verifier key to trust; else the one seen before",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, key) },
	{ .name = "since",
	  .arg = "FILE",
	  .help = "a checkpoint kept from before, which must still hold",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, since) },
};

static const struct option prove_options[] = {
	{ .name = "out",
	  .arg = "FILE",
	  .help = "write it there instead of to standard output",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, out) },
};

static const struct option check_proof_options[] = {
	{ .name = "json",
	  .help = "the record, as one line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct verb_opts, json) },
	{ .name = "key",
	  .arg = "VKEY",
	  .help = "the verifier key to trust; else those of this ledger",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, key) },
};

static const struct option limit_options[] = {
	{ .name = "days",
	  .arg = "N",
	  .help = "payloads older than that go; 0: none for their age",
	  .kind = OPTION_U32,
	  .max = 36500,
	  .target = offsetof(struct verb_opts, days) },
	{ .name = "size",
	  .arg = "MB",
	  .help = "the oldest payloads beyond that go; 0: none for their size",
	  .kind = OPTION_U32,
	  .max = UINT32_MAX,
	  .target = offsetof(struct verb_opts, size) },
};

static const struct option erase_options[] = {
	{ .name = "before",
	  .arg = "DATE",
	  .help = "records from before it: 2026-11-20 or "
		  "2026-11-20T20:21:22Z",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, before) },
	{ .name = "session",
	  .arg = "S",
	  .help = "records of that session",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, session) },
	{ .name = "why",
	  .arg = "TEXT",
	  .help = "what for; it is on the record",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, why) },
};

static const struct option rotate_options[] = {
	{ .name = "why",
	  .arg = "TEXT",
	  .help = "what for; it is on the record",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct verb_opts, why) },
};

#define OPTIONS(table) .options = (table), .n_options = N_ELEMS(table)

static const struct verb verbs[] = {
	/* sorted by name */
	{ .name = "check-proof",
	  .run = verb_check_proof,
	  .min_args = 1,
	  .max_args = 1,
	  .synopsis = "check-proof [--key VKEY] FILE",
	  .help = "is a receipt good, and for which record?",
	  OPTIONS(check_proof_options) },
	{ .name = "checkpoint",
	  .run = verb_checkpoint,
	  .synopsis = "checkpoint",
	  .help = "the signed head of the ledger, to be kept elsewhere" },
	{ .name = "cosign",
	  .run = verb_cosign,
	  .synopsis = COSIGN_SYNOPSIS,
	  .help = COSIGN_HELP,
	  OPTIONS(cosign_options) },
	{ .name = "cosigner",
	  .run = verb_cosign,
	  .synopsis = COSIGNER_SYNOPSIS,
	  .help = COSIGNER_HELP,
	  OPTIONS(cosigner_options) },
	{ .name = "erase",
	  .run = verb_erase,
	  .synopsis = "erase [--session S] [--before DATE] [--why TEXT]",
	  .help = "what records say goes; that they were there stays",
	  OPTIONS(erase_options) },
	{ .name = "export",
	  .run = verb_export,
	  .max_args = VERB_ARGS_MAX,
	  .synopsis = "export [--form FORM] [--since TIME] [--to FILE] [EXPR]",
	  .help = "the records, or those for which EXPR holds, in the form\n"
		  "    of others, a line each",
	  .options = export_options,
	  .n_options = N_ELEMS(export_options) },
	{ .name = "help",
	  .run = verb_help,
	  .synopsis = "help",
	  .help = "this list" },
	{ .name = "index",
	  .run = verb_index,
	  .synopsis = "index [--rebuild] [--json]",
	  .help = "bring the index for queries up to date",
	  OPTIONS(index_options) },
	{ .name = "key",
	  .run = verb_key,
	  .synopsis = "key",
	  .help = "the verifier key, for those who check" },
	{ .name = "limit",
	  .run = verb_limit,
	  .synopsis = "limit [--size MB] [--days N]",
	  .help = "how much of what records say is kept; without options, "
		  "what holds",
	  OPTIONS(limit_options) },
	{ .name = "prove",
	  .run = verb_prove,
	  .min_args = 1,
	  .max_args = 1,
	  .synopsis = "prove [--out FILE] N",
	  .help = "a receipt (tlog-proof) for record number N",
	  OPTIONS(prove_options) },
	{ .name = "query",
	  .run = verb_query,
	  .max_args = VERB_ARGS_MAX,
	  .min_args = 1,
	  .synopsis = "query [-c] [-n N] [-r] [--scan] [--json] EXPR",
	  .help = "the records for which EXPR holds:\n"
		  "    FIELD (= | != | ~ | < | >) VALUE, and, or, not, ( )",
	  OPTIONS(query_options) },
	{ .name = "rotate-key",
	  .run = verb_rotate_key,
	  .synopsis = "rotate-key [--why TEXT]",
	  .help = "sign with another key from now on",
	  OPTIONS(rotate_options) },
	{ .name = "sinks",
	  .run = verb_sinks,
	  .max_args = VERB_ARGS_MAX,
	  .min_args = 1,
	  .synopsis = "sinks [--json] (check [FILE...] | status | test NAME)",
	  .help = "who receives the ledger: are the texts right, how far is\n"
		  "    each, and one record for a try",
	  .options = sinks_options,
	  .n_options = N_ELEMS(sinks_options) },
	{ .name = "tail",
	  .run = verb_tail,
	  .synopsis = "tail [-f] [-n N] [--json]",
	  .help = "the last records",
	  OPTIONS(tail_options) },
	{ .name = "verify",
	  .run = verb_verify,
	  .synopsis = "verify [--json] [--key VKEY] [--since FILE]",
	  .help = "is the ledger whole and unchanged?",
	  OPTIONS(verify_options) },
};

void ledger_error(const char *fmt, ...)
{
	char text[512], safe[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_sanitise(str_of(text), safe, sizeof(safe));
	fprintf(stderr, "bawn ledger: %s\n", safe);
}

/* As what is shared with other programs says it. */
void cmd_error(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ledger_error("%s", text);
}

static int help_json(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, HELP_MAX);
	json_open(&w, '{');
	json_kstr(&w, "program", STR("bawn ledger"));
	json_key(&w, "verbs");
	json_open(&w, '[');
	for (size_t i = 0; i < N_ELEMS(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (v->run)
			options_json(v->name, v->synopsis, v->help, v->options,
				     v->n_options, &w);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return !b.failed && fflush(stdout) == 0 ? BAWN_EXIT_OK
						: BAWN_EXIT_TROUBLE;
}

static int verb_help(const struct verb *v, int argc, char *const argv[])
{
	(void)v;
	if (argc == 2 && strcmp(argv[1], "--json") == 0)
		return help_json();
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		printf("  %-28s %s\n", verbs[i].synopsis, verbs[i].help);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

static int help_of(const struct verb *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const char *text;

	buf_init(&b, HELP_MAX);
	options_help(v->options, v->n_options, &b);
	text = buf_cstr(&b);
	printf("usage: bawn ledger %s\n%s\n%s", v->synopsis, v->help,
	       text ? text : "");
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

int verb_parse(const struct verb *v, int argc, char *const argv[],
	       struct verb_opts *ret, int *ret_first)
{
	return verb_parse_into(v, argc, argv, ret, ret_first);
}

int verb_parse_into(const struct verb *v, int argc, char *const argv[],
		    void *ret, int *ret_first)
{
	struct diag d = { 0 };

	if (argc == 2 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return help_of(v);
	if (!options_parse(v->options, v->n_options, argc, argv, ret, ret_first,
			   &d)) {
		ledger_error("%s: %s", v->name, d.text);
		return BAWN_EXIT_USAGE;
	}
	if (argc - *ret_first < v->min_args ||
	    argc - *ret_first > v->max_args) {
		ledger_error("usage: bawn ledger %s", v->synopsis);
		return BAWN_EXIT_USAGE;
	}
	return -1;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const struct verb *v;

	/* A closed pipe ends us quietly, whoever started us. */
	(void)sigaction(SIGPIPE, &by_default, NULL);
	if (argc < 2) {
		ledger_error("which of tail, query, verify? See 'bawn ledger "
			     "help'");
		return BAWN_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return verb_help(NULL, 0, NULL);
	v = find_verb(argv[1]);
	if (!v) {
		ledger_error("no '%.40s', see 'bawn ledger help'", argv[1]);
		return BAWN_EXIT_USAGE;
	}
	if (!v->run) {
		ledger_error("%s is not in this version", v->name);
		return BAWN_EXIT_USAGE;
	}
	return v->run(v, argc - 1, argv + 1);
}
