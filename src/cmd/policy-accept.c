/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn policy accept: what the project's policy asks for beyond the user's, and
 * the word that exactly this text counts here.
 */
#include <stdio.h>

#include "base/json.h"
#include "cmd/accept.h"
#include "cmd/policy-here.h"

const struct option policy_accept_options[POLICY_ACCEPT_OPTIONS] = {
	{ .name = "show",
	  .help = "only say what is asked for; 1 when it is not accepted",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct policy_opts, show) },
	POLICY_JSON_OPTION,
	POLICY_USER_OPTIONS,
	POLICY_HELP_OPTION,
};

static void add_ask(struct buf *b, const struct policy_ask *ask)
{
	AUTO(buf) struct buf one = BUF_NULL;
	char text[1024];

	buf_init(&one, POLICY_OUTPUT_MAX);
	policy_ask_text(&one, ask);
	str_sanitise(buf_str(&one), text, sizeof(text));
	buf_printf(b, "%s", text);
}

static void list(const struct rules_entry *e, bool accepted, struct buf *b)
{
	for (size_t i = 0; i < e->n_asks; i++) {
		buf_printf(b, "  line %-4u ", (unsigned)e->asks[i].origin.line);
		add_ask(b, &e->asks[i]);
		buf_addc(b, '\n');
	}
	if (e->n_asks == 0)
		buf_printf(b, "it asks for nothing that your policy does not "
			      "give; nothing needs to be accepted\n");
	else
		buf_printf(b, "%saccepted: %s\n", accepted ? "" : "not ",
			   e->source[POLICY_PROJECT].path);
}

static void list_json(const struct rules_entry *e, bool accepted, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kstr(&w, "file", str_of(e->source[POLICY_PROJECT].path));
	json_kstr(&w, "sha256", str_of(e->project_hash));
	json_kbool(&w, "accepted", accepted);
	json_key(&w, "asks");
	json_open(&w, '[');
	for (size_t i = 0; i < e->n_asks; i++) {
		AUTO(buf) struct buf one = BUF_NULL;

		buf_init(&one, POLICY_OUTPUT_MAX);
		policy_ask_text(&one, &e->asks[i]);
		json_open(&w, '{');
		json_kstr(&w, "entry", buf_str(&one));
		json_kuint(&w, "line", e->asks[i].origin.line);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	buf_addc(b, '\n');
}

int policy_accept(const struct policy_opts *o, int argc, char *const argv[])
{
	AUTO(policy_here) struct policy_here *h = NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	const struct rules_entry *e;
	bool accepted;
	int code, put;

	(void)argc;
	(void)argv;
	code = policy_here_new(&h, o);
	if (code != BAWN_EXIT_OK)
		return code;
	e = h->entry;
	if (e->project_hash[0] == '\0') {
		cmd_error("%s has no %s", h->project, RULES_PROJECT_NAME);
		return BAWN_EXIT_REFUSED;
	}
	accepted = e->accepted;
	if (!o->show && !accepted && e->n_asks > 0) {
		code = accept_tell(h->project, e->project_hash);
		accepted = code == BAWN_EXIT_OK;
	} else if (!accepted && e->n_asks > 0) {
		code = BAWN_EXIT_REFUSED;
	}
	buf_init(&b, POLICY_OUTPUT_MAX);
	if (o->json)
		list_json(e, accepted, &b);
	else
		list(e, accepted, &b);
	put = policy_put(&b);
	return code != BAWN_EXIT_OK ? code : put;
}
