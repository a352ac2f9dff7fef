/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The parts collect mounts in any order (yard.h sorts them), variables (the
 * later wins) and hidden paths.  Only the order of three things matters: the
 * project is known before anything relative to it, the policy's own paths are
 * added before what is added only where the policy leaves room, and PATH comes
 * last, since it is filtered by what is visible then.
 *
 * What the policy names is exact: with a files.read of the user's own, nothing
 * is added to it but what every jail has (/dev, /proc, a private home and /tmp,
 * generated files of /etc).  Toolchains and PATH directories belong to the
 * built-in default.
 *
 * Nothing here decides what is allowed; it says what there will be.  What is
 * missing is left out, with a notice when the user named it.
 */
#include "keeper/plan-build.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/path.h"
#include "keeper/plan-parts.h"

int plan_refuse(struct plan_work *w, const char *fmt, ...)
{
	char text[sizeof(w->reterr->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_set(w->reterr, 0, 0, "%s", text);
	return 1;
}

void plan_notice(struct plan_work *w, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (w->notices->n == PLAN_MAX_NOTICES)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->notices->text[w->notices->n] = arena_cstr(w->arena, str_of(text));
	if (w->notices->text[w->notices->n])
		w->notices->n++;
}

int plan_hide(struct plan_work *w, const char *path)
{
	size_t len = strlen(path), n = 0;
	char *glob = arena_alloc(w->arena, 2 * len + 1);

	if (!glob)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		if (strchr("*?[\\", path[i]))
			glob[n++] = '\\';
		glob[n++] = path[i];
	}
	if (w->n_hide == PLAN_MAX_GLOBS)
		return plan_refuse(w, "more than %u paths to hide",
				   PLAN_MAX_GLOBS);
	w->hide_why[w->n_hide] = w->yard.why;
	w->hide[w->n_hide++] = glob;
	return 0;
}

static uint64_t limit_of(const struct policy *p, enum policy_key key)
{
	return p->value[key].set ? p->value[key].number : 0;
}

static uint32_t limit_u32(const struct policy *p, enum policy_key key)
{
	uint64_t v = limit_of(p, key);

	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* "LAYER LINE FILE", or "" where no layer speaks. */
static char *rule_text(struct arena *a, const struct origin *o)
{
	if (o->layer.len == 0)
		return arena_cstr(a, STR(""));
	return arena_printf(a, "%.*s %u %.*s", STR_ARG(o->layer),
			    (unsigned)o->line, STR_ARG(o->file));
}

static char *limit_hint(struct arena *a, const char *name,
			const struct origin *o)
{
	AUTO(buf) struct buf b = BUF_NULL;

	if (!net_layer_is_own(o->layer)) {
		buf_init(&b, PLAN_MAX_BYTES);
		net_hint_above(&b, o);
		return arena_cstr(a, buf_str(&b));
	}
	if (str_eq(o->layer, STR("builtin")))
		return arena_printf(a, "limits.%s in a policy of yours", name);
	return arena_printf(a, "limits.%s at %.*s:%u", name, STR_ARG(o->file),
			    (unsigned)o->line);
}

/* In the order of struct plan_limits. */
static int set_limit_rules(struct plan_work *w)
{
	static const enum policy_key keys[PLAN_N_LIMITS] = {
		POLICY_LIMITS_MEMORY, POLICY_LIMITS_CPU,
		POLICY_LIMITS_PROCESSES, POLICY_LIMITS_DISK, POLICY_LIMITS_TIME
	};
	static const char *const names[PLAN_N_LIMITS] = { "memory", "cpu",
							  "processes", "disk",
							  "time" };
	const struct policy *p = &w->in->rules->policy;
	struct plan *plan = w->plan;

	plan->limit_rule = arena_array(w->arena, PLAN_N_LIMITS, sizeof(char *));
	plan->limit_hint = arena_array(w->arena, PLAN_N_LIMITS, sizeof(char *));
	if (!plan->limit_rule || !plan->limit_hint)
		return -ENOMEM;
	for (size_t i = 0; i < PLAN_N_LIMITS; i++) {
		const struct origin *o = &p->value[keys[i]].origin;

		plan->limit_rule[i] = rule_text(w->arena, o);
		plan->limit_hint[i] = limit_hint(w->arena, names[i], o);
	}
	plan->n_limit_rule = plan->n_limit_hint = PLAN_N_LIMITS;
	return w->arena->failed ? -ENOMEM : 0;
}

static int set_hide_rules(struct plan_work *w)
{
	struct plan *plan = w->plan;

	plan->hide_rule = arena_array(w->arena, w->n_hide + 1, sizeof(char *));
	if (!plan->hide_rule)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_hide; i++)
		plan->hide_rule[i] =
			rule_text(w->arena, &w->hide_why[i].origin);
	plan->n_hide_rule = w->n_hide;
	return w->arena->failed ? -ENOMEM : 0;
}

static void set_limits(struct plan_work *w)
{
	const struct policy *p = &w->in->rules->policy;

	w->plan->limits = (struct plan_limits){
		.memory = limit_of(p, POLICY_LIMITS_MEMORY),
		.cpu_milli = limit_u32(p, POLICY_LIMITS_CPU),
		.processes = limit_u32(p, POLICY_LIMITS_PROCESSES),
		.disk = limit_of(p, POLICY_LIMITS_DISK),
		.time_s = limit_of(p, POLICY_LIMITS_TIME),
	};
}

/* Weaker walls are never in force without a word. */
static void set_nested(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_NESTED];

	w->plan->nested = v->number != 0;
	if (w->plan->nested)
		plan_notice(w,
			    "%.*s:%u: nested: true: sandboxes may be made "
			    "inside; Landlock guards no files, and namespaces "
			    "are not forbidden",
			    STR_ARG(v->origin.file), v->origin.line);
}

static int set_audit(struct plan_work *w)
{
	static const enum plan_audit of[] = {
		[POLICY_AUDIT_EXACT] = PLAN_AUDIT_EXACT,
		[POLICY_AUDIT_ALL] = PLAN_AUDIT_ALL,
		[POLICY_AUDIT_WRITES] = PLAN_AUDIT_WRITES,
		[POLICY_AUDIT_OFF] = PLAN_AUDIT_OFF,
	};
	const struct policy *p = &w->in->rules->policy;

	w->plan->audit = of[p->value[POLICY_AUDIT_FILES].number];
	w->plan->output = p->value[POLICY_AUDIT_OUTPUT].number != 0;
	w->plan->telemetry =
		p->value[POLICY_AUDIT_TELEMETRY].number == POLICY_TELEMETRY_ON;
	/* Inner namespaces have roots and users that an opener does not. */
	if (w->plan->audit == PLAN_AUDIT_EXACT && w->plan->nested)
		return plan_refuse(w, "nested: true and audit.files: exact "
				      "exclude each other");
	return 0;
}

/* ---- the network's part ---- */

static int set_classes(struct plan_work *w)
{
	const struct rules_entry *r = w->in->rules;
	struct plan_class *c =
		arena_array(w->arena, r->n_classes + 1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_classes; i++) {
		const struct net_class *from = &r->classes[i];

		c[i].v4 = from->v4;
		c[i].v6 = from->v6;
		c[i].v4_bits = from->v4_bits;
		c[i].v6_bits = from->v6_bits;
		c[i].n_ports = from->n_ports;
		memcpy(c[i].ports, from->ports,
		       from->n_ports * sizeof(from->ports[0]));
	}
	w->plan->classes = c;
	w->plan->n_classes = r->n_classes;
	return 0;
}
_Static_assert(PLAN_MAX_CLASSES == NET_MAX_CLASSES, "one for each");
_Static_assert(PLAN_MAX_PORTS == NET_CLASS_PORTS, "one for each");

static int add_cidr(struct plan_work *w, const struct net_rule *rule, bool deny)
{
	struct plan_cidr *c = &w->plan->cidrs[w->plan->n_cidrs];

	if (rule->host.len > 0 || (deny && rule->n_ports > 0))
		return 0; /* some ports of a range: the relay refuses them */
	if (w->plan->n_cidrs == PLAN_MAX_CIDRS)
		return plan_refuse(w, "more than %u address ranges",
				   PLAN_MAX_CIDRS);
	c->addr = rule->addr;
	c->bits = rule->bits;
	c->deny = deny;
	c->n_ports = rule->n_ports;
	memcpy(c->ports, rule->ports, rule->n_ports * sizeof(rule->ports[0]));
	w->plan->n_cidrs++;
	return 0;
}
_Static_assert(NET_MAX_PORTS <= PLAN_MAX_PORTS, "they are copied");

/* At least as many as add_cidr() adds. */
static size_t count_cidrs(const struct net_policy *net)
{
	size_t n = 0;

	for (size_t i = 0; i < net->n_deny; i++)
		n += net->deny[i].host.len == 0;
	for (size_t i = 0; i < net->n_allow; i++)
		n += net->allow[i].host.len == 0;
	return n;
}

static int set_cidrs(struct plan_work *w)
{
	const struct net_policy *net = &w->in->rules->net;
	size_t n = count_cidrs(net);
	int r = 0;

	w->plan->cidrs = arena_array(w->arena, n + 1, sizeof(*w->plan->cidrs));
	if (!w->plan->cidrs)
		return -ENOMEM;
	for (size_t i = 0; i < net->n_deny && r == 0; i++)
		r = add_cidr(w, &net->deny[i], true);
	for (size_t i = 0; i < net->n_allow && r == 0; i++)
		r = add_cidr(w, &net->allow[i], false);
	return r;
}

/* ---- environment ---- */

static int set_env_pass(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_ENV_PASS];

	w->plan->env_pass = arena_array(w->arena, v->n + 1, sizeof(char *));
	for (size_t i = 0; w->plan->env_pass && i < v->n; i++) {
		w->plan->env_pass[i] = arena_cstr(w->arena, v->items[i].text);
		if (!w->plan->env_pass[i])
			return -ENOMEM;
	}
	w->plan->n_env_pass = v->n;
	return w->plan->env_pass ? 0 : -ENOMEM;
}

/* A layer's patterns in one text. */
static int add_env_only(struct plan_work *w, const struct policy_value *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, PLAN_MAX_BYTES);
	for (size_t i = 0; i < v[POLICY_ENV_PASS].n; i++)
		buf_printf(&b, "%s%.*s", b.len > 0 ? " " : "",
			   STR_ARG(v[POLICY_ENV_PASS].items[i].text));
	for (size_t i = 0; i < v[POLICY_ENV_SET].n; i++)
		buf_printf(&b, "%s%.*s", b.len > 0 ? " " : "",
			   STR_ARG(v[POLICY_ENV_SET].items[i].text));
	w->plan->env_only[w->plan->n_env_only] =
		arena_cstr(w->arena, buf_str(&b));
	return b.failed || !w->plan->env_only[w->plan->n_env_only++] ? -ENOMEM
								     : 0;
}

static int set_env_only(struct plan_work *w)
{
	const struct policy *p = &w->in->rules->policy;
	int r = 0;

	w->plan->env_only =
		arena_array(w->arena, p->n_narrow + 1, sizeof(char *));
	if (!w->plan->env_only)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_narrow && r == 0; i++) {
		if (p->narrow[i].value[POLICY_ENV_PASS].set)
			r = add_env_only(w, p->narrow[i].value);
	}
	return r;
}
_Static_assert(POLICY_LAYER_MAX_ <= PLAN_MAX_ENV_ONLY, "one for each");

/* A word of the command line is the user's, and clear; so is the refusal. */
static int check_env_set(struct plan_work *w)
{
	const struct open_request *q = w->request;
	struct origin o;

	for (size_t i = 0; i < q->n_set; i++) {
		char name[64];

		if (policy_env_allows(&w->in->rules->policy, STR("user"),
				      q->set[i], &o))
			continue;
		str_sanitise(q->set[i], name, sizeof(name));
		return plan_refuse(w,
				   "-e %s: the %.*s's layer does not let this "
				   "variable in (%.*s:%u)",
				   name, STR_ARG(o.layer), STR_ARG(o.file),
				   (unsigned)o.line);
	}
	return 0;
}

static const char *shell(const struct plan_work *w)
{
	struct str s = w->request->env[OPEN_SHELL];
	const char *path = s.len > 0 ? arena_cstr(w->arena, s) : NULL;

	/* In /bin on a merged system, where the real one is in /usr. */
	if (path && path[0] == '/' &&
	    (yard_sees(&w->yard, path, false) || str_starts(s, STR("/bin/"))) &&
	    !memchr(s.ptr, ':', s.len) && !memchr(s.ptr, '\n', s.len))
		return path;
	return "/bin/sh";
}

static int set_env_base(struct plan_work *w)
{
	struct str term = w->request->env[OPEN_TERM];
	struct env_list *e = &w->env;

	env_list_set(e, "HOME", str_of(w->home));
	env_list_set(e, "USER", str_of(w->user));
	env_list_set(e, "LOGNAME", str_of(w->user));
	env_list_set(e, "SHELL", str_of(shell(w)));
	env_list_set(e, "TMPDIR", STR("/tmp"));
	if (term.len > 0)
		env_list_set(e, "TERM", term);
	return e->arena->failed ? -ENOMEM : 0;
}

/*
 * What makes agents say what they do, and say it to the relay.  What they put
 * into it is left as it is: none of these asks for prompts or contents.
 */
static int set_env_telemetry(struct plan_work *w)
{
	static const struct {
		const char *name;
		struct str value;
	} rows[] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", STR("http://127.0.0.1:4318") },
		{ "OTEL_EXPORTER_OTLP_PROTOCOL", STR("http/protobuf") },
		{ "OTEL_LOGS_EXPORTER", STR("otlp") },
		{ "OTEL_METRICS_EXPORTER", STR("otlp") },
		{ "CLAUDE_CODE_ENABLE_TELEMETRY", STR("1") },
		{ "GEMINI_TELEMETRY_ENABLED", STR("true") },
		{ "GEMINI_TELEMETRY_TARGET", STR("local") },
		{ "GEMINI_TELEMETRY_OTLP_ENDPOINT",
		  STR("http://127.0.0.1:4318") },
		{ "GEMINI_TELEMETRY_OTLP_PROTOCOL", STR("http") },
		{ "GEMINI_TELEMETRY_LOG_PROMPTS", STR("false") },
	};

	if (!w->plan->telemetry)
		return 0;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		env_list_set(&w->env, rows[i].name, rows[i].value);
	return w->arena->failed ? -ENOMEM : 0;
}

/* What the policy sets wins over all of ours. */
static int set_env_policy(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_ENV_SET];

	for (size_t i = 0; i < v->n; i++) {
		const struct policy_item *item = &v->items[i];
		const char *name = arena_cstr(w->arena, item->text);

		if (!policy_env_allows(&w->in->rules->policy,
				       item->origin.layer, item->text, NULL))
			continue;
		if (name)
			env_list_set(&w->env, name, v->items[i].value);
	}
	w->plan->env_set = w->env.items;
	w->plan->n_env_set = w->env.n;
	return w->arena->failed ? -ENOMEM : 0;
}

/* ---- who ---- */

static bool is_user_name(struct str s)
{
	if (s.len == 0 || s.len > 32 || s.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		      c == '.'))
			return false;
	}
	return true;
}

static void set_ids(struct plan_work *w)
{
	struct plan *p = w->plan;
	struct str name = w->request->env[OPEN_USER];

	w->user = PLAN_INSIDE_NAME;
	if (w->in->uid == 0) {
		p->inside_uid = p->inside_gid = PLAN_INSIDE_UID;
		p->host_uid = p->host_gid = PLAN_ROOT_UID;
		return; /* owner_uid: plan_find_project() */
	}
	if (name.len == 0)
		name = w->request->env[OPEN_LOGNAME];
	if (is_user_name(name) && !str_eq(name, STR("root")) &&
	    !str_eq(name, STR("nobody")))
		w->user = arena_cstr(w->arena, name);
	p->inside_uid = p->host_uid = p->owner_uid = w->in->uid;
	p->inside_gid = p->host_gid = p->owner_gid = w->in->gid;
}

static int begin(struct plan_work *w)
{
	const struct policy_value *read =
		&w->in->rules->policy.value[POLICY_FILES_READ];
	struct str home = w->request->env[OPEN_HOME];
	int r = yard_init(&w->yard, w->arena, w->in->host);

	if (r == 0)
		r = env_list_init(&w->env, w->arena);
	w->hide = arena_array(w->arena, PLAN_MAX_GLOBS, sizeof(char *));
	w->hide_why =
		arena_array(w->arena, PLAN_MAX_GLOBS, sizeof(*w->hide_why));
	w->home = arena_cstr(w->arena, home);
	if (r != 0 || !w->hide || !w->hide_why || !w->home)
		return -ENOMEM;
	w->defaults = str_eq(read->origin.layer, STR("builtin"));
	w->plan->session = arena_cstr(w->arena, str_of(w->in->session));
	w->plan->policy_hash = arena_cstr(w->arena, str_of(w->in->rules->hash));
	w->plan->hostname = arena_cstr(w->arena, STR("bawn"));
	w->plan->home = arena_cstr(w->arena, home);
	set_nested(w);
	set_ids(w);
	set_limits(w);
	return w->arena->failed ? -ENOMEM : set_audit(w);
}

struct part {
	int (*add)(struct plan_work *w);
	const char *what; /* for explanations */
};

static const struct part parts[] = {
	{ plan_find_project, "the project" },
	{ plan_set_layers, "the layers" },
	{ set_classes, "the network" },
	{ set_cidrs, "the network" },
	{ plan_add_system, "every session has it" },
	{ plan_add_policy_files, "the base system" },
	{ plan_add_git, "the repository of this worktree or submodule" },
	{ plan_settle, "the base system" },
	{ plan_add_home, "the private home" },
	{ plan_add_toolchains, "an installed tool" },
	{ plan_add_installs, "the private home" },
	{ plan_add_path, "a directory of PATH" },
	{ set_env_base, "the environment" },
	{ plan_add_clients, "a certificate file of a package client" },
	{ plan_add_etc, "made for the session" },
	{ plan_add_ca, "certificates" },
	{ plan_add_sockets, "network.sockets" },
	{ plan_add_signing, "made for the session" },
	{ plan_add_hidden, "files.hide" },
	{ set_env_pass, "the environment" },
	{ set_env_only, "the environment" },
	{ check_env_set, "the environment" },
	{ set_env_telemetry, "audit.telemetry" },
	{ set_env_policy, "the environment" },
};

static void set_trace(const struct plan_work *w, const struct plan_reason *why)
{
	if (!w->in->trace)
		return;
	*w->in->trace = (struct plan_trace){
		.mounts = why,
		.hide = w->hide_why,
		.layers = w->yard.layers,
		.n_layers = w->yard.n_layers,
	};
}

int plan_build(struct arena *a, const struct plan_input *in, struct plan *ret,
	       struct plan_notices *notices, struct diag *reterr)
{
	struct plan plan = { 0 };
	struct plan_reason *why = NULL;
	struct plan_work w = { .arena = a,
			       .in = in,
			       .request = in->request,
			       .plan = &plan,
			       .notices = notices,
			       .reterr = reterr };
	int r;

	w.yard.home_fd = -1;
	r = begin(&w);
	for (size_t i = 0; i < N_ELEMS(parts) && r == 0; i++) {
		w.yard.why = (struct plan_reason){ .what = parts[i].what };
		r = parts[i].add(&w);
	}
	if (r == 0)
		r = yard_finish(&w.yard, &plan.mounts, &why, &plan.n_mounts,
				reterr);
	if (r == 0)
		r = plan_fit_landlock(&w, &plan, why);
	if (w.yard.home_fd != -1)
		(void)close(w.yard.home_fd);
	if (r == YARD_FULL && reterr->text[0] == '\0')
		r = plan_refuse(&w, "more than %u things to mount",
				PLAN_MAX_MOUNTS);
	if (r != 0)
		return r;
	set_trace(&w, why);
	plan.hide = w.hide;
	plan.n_hide = w.n_hide;
	r = set_hide_rules(&w);
	if (r == 0)
		r = set_limit_rules(&w);
	if (r != 0)
		return r;
	if (a->failed)
		return -ENOMEM;
	*ret = plan;
	return 0;
}
