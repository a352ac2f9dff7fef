/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/grant.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/git-hosts.h"
#include "keeper/plan-build.h"
#include "keeper/session.h"
#include "keeper/state.h"
#include "ledger/record.h"
#include "policy/schema.h"

#define CHANNEL_MAX ((size_t)4096) /* bytes of MSG_CHANNEL */

void grant_init(struct grant *g)
{
	*g = (struct grant){ 0 };
	arena_init(&g->arena, GRANT_ARENA_MAX);
	buf_init(&g->buf, IPC_BODY_MAX);
}

void grant_done(struct grant *g)
{
	arena_done(&g->arena);
	buf_done(&g->buf);
}

/* ---- the plan ---- */

static int read_git_hosts(const struct session *s, const struct rules_entry *e,
			  struct arena *a, struct git_hosts **ret)
{
	const struct open_request *q = &s->request;
	const struct git_hosts_query query = {
		.host = &s->keeper->host,
		.home = q->env[OPEN_HOME],
		.xdg_config_home = q->env[OPEN_XDG_CONFIG_HOME],
		.cwd = q->cwd,
		.state_dir = s->keeper->config->state_dir,
	};

	*ret = NULL;
	if (!e->has_git_hosts)
		return 0;
	*ret = arena_alloc(a, sizeof(**ret));
	return *ret ? git_hosts_read(a, &query, *ret) : -ENOMEM;
}

static int compile(struct session *s, struct rules_entry *e, struct arena *a,
		   struct git_hosts **ret_git, struct diag *reterr)
{
	struct keeper *k = s->keeper;
	int r;

	if (e->has_preset && !preset_ready(&k->preset, &s->request))
		return GRANT_WAIT;
	r = read_git_hosts(s, e, a, ret_git);
	if (r == 0)
		r = rules_compile(e, &k->preset, *ret_git, reterr);
	return r > 0 ? GRANT_FAILED : r;
}

int grant_compile_rules(struct session *s, struct rules_entry *e,
			struct diag *reterr)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct git_hosts *git;

	arena_init(&a, GRANT_ARENA_MAX);
	return compile(s, e, &a, &git, reterr);
}

int grant_get_rules(struct session *s, struct rules_entry **ret,
		    struct diag *reterr)
{
	struct keeper *k = s->keeper;
	const struct rules_query q = {
		.host = &k->host,
		.request = &s->request,
		.home = s->request.env[OPEN_HOME],
		.project = s->project,
		.state_dir = k->config->state_dir,
	};

	return rules_get(&k->rules, &q, ret, reterr);
}

static void notice_git_hosts(struct grant *g, struct plan_notices *notices)
{
	struct str text;

	if (!g->git || notices->n == PLAN_MAX_NOTICES)
		return;
	text = git_hosts_notice(&g->arena, g->git);
	notices->text[notices->n] =
		text.ptr ? arena_cstr(&g->arena, text) : NULL;
	if (notices->text[notices->n])
		notices->n++;
}

/* Home and project: what decides which files are read. */
static int find_place(struct session *s, struct diag *reterr)
{
	struct str home = s->request.env[OPEN_HOME];
	char *cwd = NULL, *project = NULL;
	int r;

	if (!str_starts(home, STR("/"))) {
		diag_set(reterr, 0, 0, "HOME is not set to an absolute path");
		return GRANT_FAILED;
	}
	home = path_normalise(&s->arena, STR("/"), home);
	if (!home.ptr)
		return -ENOMEM;
	s->request.env[OPEN_HOME] = home;
	r = plan_locate(&s->arena, &s->keeper->host, s->request.cwd, home, &cwd,
			&project, reterr);
	s->project = project;
	return r > 0 ? GRANT_REFUSED : r;
}

static int load_rules(struct session *s, struct grant *g, struct diag *reterr)
{
	int r = 0;

	if (!s->rules) {
		r = find_place(s, reterr);
		if (r != 0)
			return r;
		r = grant_get_rules(s, &s->rules, reterr);
		if (r != 0)
			return r < 0 ? r : GRANT_FAILED;
	}
	if (s->rules->n_asks > 0 && !s->rules->accepted && s->request.ask)
		return GRANT_ASK;
	return compile(s, s->rules, &g->arena, &g->git, reterr);
}

static int format_grant(const struct session *s, struct grant *g,
			const struct plan *plan,
			const struct plan_notices *notices)
{
	struct json_out w = JSON_OUT(&g->buf);
	AUTO(buf) struct buf text = BUF_NULL;

	buf_init(&text, PLAN_MAX_BYTES);
	plan_format(plan, &text);
	json_open(&w, '{');
	json_kstr(&w, "session", str_of(s->id));
	json_key(&w, "notices");
	json_open(&w, '[');
	for (size_t i = 0; i < notices->n; i++)
		json_str(&w, str_of(notices->text[i]));
	json_close(&w, ']');
	json_key(&w, "plan");
	json_raw(&w, buf_str(&text));
	json_close(&w, '}');
	if (text.failed || g->buf.failed)
		return -ENOMEM;
	g->body = buf_str(&g->buf);
	return 0;
}

static void add_notice(struct grant *g, struct plan_notices *n,
		       const char *text)
{
	char *copy = arena_cstr(&g->arena, str_of(text));

	if (copy && n->n < PLAN_MAX_NOTICES)
		n->text[n->n++] = copy;
}

/* What a layer says without effect: one line, the first of them. */
static void tell_unheard(const struct session *s, struct grant *g,
			 struct plan_notices *n)
{
	const struct policy_unheard *u = s->rules->unheard;
	char key[64], text[400];

	if (s->rules->n_unheard == 0)
		return;
	schema_key_name(u->key, key, sizeof(key));
	(void)snprintf(text, sizeof(text),
		       "%.*s:%u: %s is not heard from the %.*s's layer",
		       STR_ARG(u->origin.file), (unsigned)u->origin.line,
		       u->key == POLICY_NETWORK_ALLOW ? "connect" : key,
		       STR_ARG(u->origin.layer));
	add_notice(g, n, text);
}

/* What a project asks for and does not get: one line. */
static void tell_unaccepted(const struct session *s, struct grant *g,
			    struct plan_notices *n)
{
	const struct rules_entry *e = s->rules;
	AUTO(buf) struct buf b = BUF_NULL;

	if (e->n_asks == 0 || e->accepted)
		return;
	buf_init(&b, GRANT_ARGV_MAX);
	buf_printf(&b, "%s asks for what your policy does not give (",
		   e->source[POLICY_PROJECT].path);
	policy_ask_text(&b, &e->asks[0]);
	if (e->n_asks > 1)
		buf_printf(&b, ", and %zu more", e->n_asks - 1);
	buf_printf(&b, "); left out until 'bawn policy accept'");
	if (!b.failed)
		add_notice(g, n, buf_cstr(&b));
}

int grant_format_asks(const struct session *s, struct buf *b)
{
	const struct rules_entry *e = s->rules;
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kint(&w, "code", GRANT_ASK_CODE);
	json_kstr(&w, "text",
		  STR("the project's policy asks for more than yours gives"));
	json_kstr(&w, "file", str_of(e->source[POLICY_PROJECT].path));
	json_kstr(&w, "project", str_of(s->project));
	json_kstr(&w, "sha256", str_of(e->project_hash));
	json_key(&w, "asks");
	json_open(&w, '[');
	for (size_t i = 0; i < e->n_asks; i++) {
		AUTO(buf) struct buf one = BUF_NULL;

		buf_init(&one, GRANT_ARGV_MAX);
		policy_ask_text(&one, &e->asks[i]);
		buf_printf(&one, "  (line %u)",
			   (unsigned)e->asks[i].origin.line);
		if (one.failed)
			return -ENOMEM;
		json_str(&w, buf_str(&one));
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return b->failed ? -ENOMEM : 0;
}

int grant_make(struct session *s, struct grant *g, struct diag *reterr)
{
	const struct keeper_config *c = s->keeper->config;
	struct plan_notices notices = { 0 };
	struct plan plan;
	struct plan_input in;
	int r = load_rules(s, g, reterr);

	if (r != 0)
		return r;
	in = (struct plan_input){
		.rules = s->rules,
		.project = s->project,
		.request = &s->request,
		.session = s->id,
		.state_dir = c->state_dir,
		.runtime_dir = c->runtime_dir,
		.host = &s->keeper->host,
		.uid = c->uid,
		.gid = c->gid,
		.plan_only = s->request.plan_only,
	};
	tell_unheard(s, g, &notices);
	tell_unaccepted(s, g, &notices);
	r = plan_build(&g->arena, &in, &plan, &notices, reterr);
	if (r != 0)
		return r > 0 ? GRANT_REFUSED : r;
	notice_git_hosts(g, &notices);
	return format_grant(s, g, &plan, &notices);
}

/* ---- channels ---- */

void grant_channels_close(struct grant_channels *ch)
{
	int *fds[] = { &ch->supervisor[0], &ch->supervisor[1], &ch->relay[0],
		       &ch->relay[1],      &ch->relay[2],      &ch->scribe[0],
		       &ch->scribe[1],     &ch->scribe[2],     &ch->scribe[3],
		       &ch->keeper[0],     &ch->keeper[1],     &ch->keeper[2] };

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		if (*fds[i] != -1)
			(void)close(TAKE_FD(*fds[i]));
	}
}

int grant_channels_open(struct grant_channels *ret)
{
	struct grant_channels ch = {
		{ -1, -1 }, { -1, -1, -1 }, { -1, -1, -1, -1 }, { -1, -1, -1 }
	};
	int *pairs[][2] = {
		{ &ch.supervisor[0], &ch.relay[0] },
		{ &ch.supervisor[1], &ch.scribe[3] },
		{ &ch.scribe[0], &ch.relay[1] },
		{ &ch.keeper[2], &ch.relay[2] },
		{ &ch.keeper[0], &ch.scribe[1] },
		{ &ch.keeper[1], &ch.scribe[2] },
	};

	for (size_t i = 0; i < N_ELEMS(pairs); i++) {
		int fds[2];
		int r = ipc_pair(fds);

		if (r != 0) {
			grant_channels_close(&ch);
			return r;
		}
		*pairs[i][0] = fds[0];
		*pairs[i][1] = fds[1];
	}
	*ret = ch;
	return 0;
}

static int tell_channel(struct session *s, enum record_role role, int fd)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, CHANNEL_MAX);
	json_open(&w, '{');
	json_kstr(&w, "session", str_of(s->id));
	json_kstr(&w, "user", str_of(s->keeper->config->user));
	json_kstr(&w, "task", s->request.task);
	json_kstr(&w, "role", str_of(record_role_name(role)));
	json_close(&w, '}');
	if (b.failed)
		return -ENOMEM;
	return link_send(&s->keeper->scribe, MSG_CHANNEL, 0, buf_str(&b), &fd,
			 1);
}

int grant_tell_scribe(struct session *s, const struct grant_channels *ch)
{
	static const enum record_role roles[] = { RECORD_ROLE_RELAY,
						  RECORD_ROLE_KEEPER,
						  RECORD_ROLE_SUPERVISOR,
						  RECORD_ROLE_WITNESS };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(roles) && r == 0; i++)
		r = tell_channel(s, roles[i], ch->scribe[i]);
	return r;
}

int grant_open_ledger(struct session *s)
{
	int fds[2];
	int r = ipc_pair(fds);

	if (r != 0)
		return r;
	r = session_open_ledger(s, fds[0]);
	if (r == 0)
		r = tell_channel(s, RECORD_ROLE_KEEPER, fds[1]);
	(void)close(fds[1]);
	return r;
}

/* ---- the relay ---- */

int grant_fork_relay(struct session *s, const struct grant_channels *ch)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, IPC_BODY_MAX);
	json_open(&w, '{');
	json_kstr(&w, "session", str_of(s->id));
	json_key(&w, "net");
	json_raw(&w, s->rules->net_json);
	json_key(&w, "resolvers");
	resolvers_format(&s->keeper->resolvers, &s->rules->net, &w);
	if (s->rules->policy.value[POLICY_AUDIT_TELEMETRY].number ==
	    POLICY_TELEMETRY_ON)
		json_kbool(&w, "telemetry", true);
	json_close(&w, '}');
	if (b.failed)
		return -ENOMEM;
	return link_send(&s->keeper->zygote, MSG_FORK, s->serial, buf_str(&b),
			 ch->relay, N_ELEMS(ch->relay));
}

/* ---- the opening record ---- */

static bool is_plain(struct str s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=./:,@%";

	for (size_t i = 0; i < s.len; i++) {
		if (!memchr(plain, s.ptr[i], sizeof(plain) - 1))
			return false;
	}
	return s.len > 0;
}

static void quote(struct buf *b, struct str s)
{
	struct str part;

	if (is_plain(s)) {
		(void)buf_add(b, s);
		return;
	}
	(void)buf_addc(b, '\'');
	while (s.len > 0) {
		const char *q = memchr(s.ptr, '\'', s.len);

		part = (struct str){ s.ptr, q ? (size_t)(q - s.ptr) : s.len };
		(void)buf_add(b, part);
		s = str_skip(s, part.len);
		if (q) {
			(void)buf_add(b, STR("'\\''"));
			s = str_skip(s, 1);
		}
	}
	(void)buf_addc(b, '\'');
}

int grant_quote_argv(struct arena *a, const struct open_request *q,
		     struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	bool whole = q->argc == q->n_argv;

	buf_init(&b, OPEN_MAX_BYTES * 4);
	for (size_t i = 0; i < q->n_argv; i++) {
		if (i > 0)
			(void)buf_addc(&b, ' ');
		quote(&b, q->argv[i]);
	}
	if (b.failed)
		return -ENOMEM;
	*ret = buf_str(&b);
	if (ret->len > GRANT_ARGV_MAX - 4) {
		ret->len = GRANT_ARGV_MAX - 4;
		whole = false;
	}
	ret->ptr =
		arena_printf(a, "%.*s%s", STR_ARG(*ret), whole ? "" : " ...");
	*ret = str_of(ret->ptr);
	return ret->ptr ? 0 : -ENOMEM;
}

/* Names only: the values may be credentials. */
static void write_set(struct json_out *w, const struct open_request *q)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, GRANT_ARGV_MAX);
	for (size_t i = 0; i < q->n_set && !b.failed; i++) {
		if (i > 0)
			(void)buf_addc(&b, ' ');
		(void)buf_add(&b, q->set[i]);
	}
	if (q->n_set > 0)
		json_kstr(w, "env", buf_str(&b));
}

/* Which layers there were; the hash of the policy covers what they say. */
static void write_layers(struct json_out *w, const struct rules_entry *e)
{
	char text[128] = "builtin";

	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		size_t len = strlen(text);

		if (e->source[i].path)
			(void)snprintf(text + len, sizeof(text) - len, " %s%s",
				       policy_layer_name((enum policy_layer)i),
				       i == POLICY_PROJECT && e->accepted
					       ? "(accepted)"
					       : "");
	}
	json_kstr(w, "layers", str_of(text));
}

int grant_append_open(struct session *s, uint32_t record_id)
{
	const struct open_request *q = &s->request;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_SESSION_OPEN, "allow", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "cwd", q->cwd);
	json_kstr(&w, "argv", s->argv);
	json_kuint(&w, "argc", q->argc);
	json_kstr(&w, "policy", str_of(s->rules->hash));
	json_kstr(&w, "file", str_of(s->rules->file));
	if (q->profile.len > 0)
		json_kstr(&w, "profile", q->profile);
	write_layers(&w, s->rules);
	write_set(&w, q);
	json_kint(&w, "pid", s->client->pid);
	record_end(&w);
	if (b.failed)
		return -EMSGSIZE;
	return link_send(&s->ledger, MSG_APPEND, record_id, buf_str(&b), NULL,
			 0);
}
