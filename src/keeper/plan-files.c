/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base of every jail, and what the policy names.
 *
 * Nothing that the policy names may show bawn's own directories: whoever reads
 * the run-time directory reaches the keeper's socket, whoever writes the state
 * directory writes the ledger.  A writable parent is refused, a readable one
 * gets them hidden.
 */
#include <stdio.h>
#include <sys/sysinfo.h>

#include "base/path.h"
#include "base/wall.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"
#include "policy/policy.h"

#define TMP_MIN ((uint64_t)64 << 20) /* bytes */

static struct plan_mount dir_mount(char *dst, uint32_t mode)
{
	return (struct plan_mount){ .op = PLAN_DIR, .dst = dst, .mode = mode };
}

/* tmpfs takes memory: never more than half of it. */
static uint64_t tmp_size(const struct plan_work *w)
{
	uint64_t disk = w->plan->limits.disk;
	struct sysinfo si;
	uint64_t half = TMP_MIN;

	if (sysinfo(&si) == 0)
		half = (uint64_t)si.totalram * si.mem_unit / 2;
	if (half < TMP_MIN)
		half = TMP_MIN;
	return disk > 0 && disk < half ? disk : half;
}

static int add_tops(struct plan_work *w)
{
	static const char *const tops[] = { "/bin",   "/lib",    "/lib32",
					    "/lib64", "/libx32", "/sbin" };

	if (!yard_sees(&w->yard, "/usr", false))
		return 0;
	for (size_t i = 0; i < N_ELEMS(tops); i++) {
		int r = yard_add_path(&w->yard, tops[i], false);

		if (r != 0 && r != YARD_MISSING && r != YARD_REFUSED)
			return r;
	}
	return 0;
}

int plan_add_system(struct plan_work *w)
{
	static char tmp[] = "/tmp", var_tmp[] = "/var/tmp", run[] = "/run",
		    proc[] = "/proc", dev[] = "/dev";
	struct plan_mount mounts[] = {
		{ .op = PLAN_PROC, .dst = proc },
		{ .op = PLAN_DEV, .dst = dev },
		{ .op = PLAN_TMPFS, .dst = tmp, .mode = 01777 },
		{ .op = PLAN_TMPFS, .dst = var_tmp, .mode = 01777 },
		dir_mount(run, 0755),
	};

	for (size_t i = 0; i < N_ELEMS(mounts); i++) {
		int r;

		if (!WALL(PRIVATE_TMP) && mounts[i].op == PLAN_TMPFS)
			mounts[i] = (struct plan_mount){
				.op = PLAN_BIND,
				.src = mounts[i].dst,
				.dst = mounts[i].dst,
				.writable = true,
			};
		if (mounts[i].op == PLAN_TMPFS)
			mounts[i].size = tmp_size(w);
		r = yard_add(&w->yard, &mounts[i]);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- the policy's paths ---- */

static struct str lookup(void *ctx, struct str name)
{
	const struct plan_work *w = ctx;
	enum open_env e;

	if (!open_env_find(name, &e))
		return (struct str){ 0 };
	return w->request->env[e];
}

static int expand(struct plan_work *w, enum policy_key key,
		  const struct policy_item *item, struct str *ret,
		  struct diag *reterr)
{
	struct policy_vars vars = { .home = str_of(w->home),
				    .project = str_of(w->project),
				    .env = lookup,
				    .ctx = w };

	return policy_expand(w->arena, key, item, &vars, ret, reterr);
}

/* ---- what other layers say about files ---- */

/*
 * The rules of one list, as far as they are paths here: what is not there, or
 * hangs on a variable that is not set, allows nothing.
 */
static int add_rules(struct plan_work *w, const struct policy_value *v,
		     enum policy_key key, struct files_layer *l)
{
	for (size_t i = 0; i < v[key].n; i++) {
		struct files_rule *rule = &l->rules[l->n];
		struct diag why = { 0 };
		struct str text;
		char *real = NULL;
		const char *path;
		int r = expand(w, key, &v[key].items[i], &text, &why);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		path = arena_cstr(w->arena, text);
		if (!path)
			return -ENOMEM;
		r = host_real(w->arena, w->in->host, path, &real, NULL);
		if (error_is_shortage(r))
			return r;
		if (r != 0)
			continue;
		rule->path = str_of(real);
		rule->write = key == POLICY_FILES_WRITE;
		rule->origin = v[key].items[i].origin;
		l->n++;
	}
	return 0;
}

static int set_layer(struct plan_work *w, const struct policy_value *v,
		     struct files_layer *l)
{
	const struct policy_value *read = &v[POLICY_FILES_READ];
	const struct policy_value *write = &v[POLICY_FILES_WRITE];
	int r;

	l->has_read = read->set;
	l->has_write = write->set;
	l->read = read->origin;
	l->write = write->origin;
	l->rules = arena_array(w->arena, read->n + write->n + 1,
			       sizeof(*l->rules));
	if (!l->rules)
		return -ENOMEM;
	r = add_rules(w, v, POLICY_FILES_READ, l);
	return r != 0 ? r : add_rules(w, v, POLICY_FILES_WRITE, l);
}

int plan_set_layers(struct plan_work *w)
{
	const struct policy *p = &w->in->rules->policy;
	struct files_layer *layers =
		arena_array(w->arena, p->n_narrow + 1, sizeof(*layers));
	size_t n = 0;

	if (!layers)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_narrow; i++) {
		const struct policy_value *v = p->narrow[i].value;
		int r;

		if (!v[POLICY_FILES_READ].set && !v[POLICY_FILES_WRITE].set)
			continue;
		r = set_layer(w, v, &layers[n++]);
		if (r != 0)
			return r;
	}
	w->yard.layers = layers;
	w->yard.n_layers = n;
	return 0;
}

/* The layer that leaves nothing of @real, for a notice. */
static const struct origin *refuser(const struct plan_work *w, const char *real,
				    bool writable)
{
	static struct origin origin;

	for (size_t i = 0; i < w->yard.n_layers; i++) {
		if (!files_layer_allows(&w->yard.layers[i], str_of(real),
					writable, &origin))
			break;
	}
	return &origin;
}

/* 1: the line of the policy is put in front. */
static int refuse_item(struct plan_work *w, const struct policy_item *item,
		       const char *why)
{
	return plan_refuse(w, "%.*s:%u: %.*s: %s", STR_ARG(item->origin.file),
			   (unsigned)item->origin.line, STR_ARG(item->text),
			   why);
}

static int guard(struct plan_work *w, const struct policy_item *item,
		 const char *real, bool writable)
{
	const char *own[] = { w->in->state_dir, w->in->runtime_dir };

	for (size_t i = 0; i < N_ELEMS(own); i++) {
		bool above = path_is_below(str_of(own[i]), str_of(real));
		bool below = path_is_below(str_of(real), str_of(own[i]));

		if (below || (above && writable))
			return refuse_item(w, item,
					   "bawn's own files are there");
		if (above) {
			int r;

			w->yard.why = (struct plan_reason){
				.what = "bawn's own files"
			};
			r = plan_hide(w, own[i]);

			if (r != 0)
				return r;
		}
	}
	/* Covering the home whole would undo that it is private. */
	if (path_is_below(str_of(w->home), str_of(real)))
		return refuse_item(w, item,
				   "it holds the home directory, which is "
				   "private in a session; name what is needed "
				   "below it");
	return 0;
}

static void because(struct plan_work *w, const char *what,
		    const struct policy_item *item)
{
	w->yard.why = (struct plan_reason){ what, item->origin };
}

static int add_item(struct plan_work *w, const struct policy_item *item,
		    enum policy_key key)
{
	bool writable = key == POLICY_FILES_WRITE;
	bool builtin = str_eq(item->origin.layer, STR("builtin"));
	struct diag why = { 0 };
	struct yard_way way;
	struct str text;
	char *path;
	int r = expand(w, key, item, &text, &why);

	if (r > 0)
		return refuse_item(w, item, why.text);
	if (r != 0)
		return r;
	path = arena_cstr(w->arena, text);
	if (!path)
		return -ENOMEM;
	r = yard_find(&w->yard, path, &way);
	if (r < 0)
		return r;
	if (r != 0) {
		if (!builtin)
			plan_notice(w, "%.*s:%u: %.*s is not there",
				    STR_ARG(item->origin.file),
				    (unsigned)item->origin.line,
				    STR_ARG(item->text));
		return 0;
	}
	r = guard(w, item, way.real, writable);
	if (r != 0)
		return r;
	/* A link in the project could name anything. */
	if (writable && way.n_links == 0 &&
	    w->plan->n_unlocked < PLAN_MAX_UNLOCKED)
		w->plan->unlocked[w->plan->n_unlocked++] = way.real;
	because(w, writable ? "files.write" : "files.read", item);
	r = yard_add_way(&w->yard, &way, writable);
	if (r == YARD_REFUSED && !builtin) {
		const struct origin *o = refuser(w, way.real, writable);

		plan_notice(w,
			    "%.*s:%u: %.*s: the %.*s's layer refuses it "
			    "(%.*s:%u)",
			    STR_ARG(item->origin.file),
			    (unsigned)item->origin.line, STR_ARG(item->text),
			    STR_ARG(o->layer), STR_ARG(o->file),
			    (unsigned)o->line);
	}
	return r == YARD_REFUSED ? 0 : r;
}

static int add_items(struct plan_work *w, enum policy_key key)
{
	const struct policy_value *v = &w->in->rules->policy.value[key];
	int r = 0;

	for (size_t i = 0; i < v->n && r == 0; i++)
		r = add_item(w, &v->items[i], key);
	return r;
}

/* What narrows the next session is not this one's to change. */
static int keep_policy(struct plan_work *w)
{
	const char *path = w->in->rules->source[POLICY_PROJECT].path;

	return path && WALL(POLICY_FILE) ? yard_cover(&w->yard, path, path) : 0;
}

int plan_add_policy_files(struct plan_work *w)
{
	int r = add_items(w, POLICY_FILES_READ);

	w->plan->unlocked = arena_array(w->arena, PLAN_MAX_UNLOCKED,
					sizeof(*w->plan->unlocked));
	if (!w->plan->unlocked)
		return -ENOMEM;

	if (r == 0)
		r = add_items(w, POLICY_FILES_WRITE);
	w->yard.why = (struct plan_reason){ .what = "the base system" };
	if (r == 0)
		r = add_tops(w);
	w->yard.why.what = "the project's policy is not a session's to change";
	return r == 0 ? keep_policy(w) : r;
}

int plan_check_cwd(struct plan_work *w)
{
	if (!yard_sees(&w->yard, w->plan->cwd, false))
		return plan_refuse(w,
				   "the policy (files) shows nothing of %s, "
				   "where the command is to run; add \".\" to "
				   "files.write or files.read",
				   w->plan->cwd);
	return 0;
}

int plan_add_hidden(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_FILES_HIDE];

	for (size_t i = 0; i < v->n; i++) {
		struct diag why = { 0 };
		struct str text;
		int r = expand(w, POLICY_FILES_HIDE, &v->items[i], &text, &why);

		if (r > 0)
			return refuse_item(w, &v->items[i], why.text);
		if (r != 0)
			return r;
		if (w->n_hide == PLAN_MAX_GLOBS)
			return refuse_item(w, &v->items[i],
					   "too many paths to hide");
		because(w, "files.hide", &v->items[i]);
		w->hide_why[w->n_hide] = w->yard.why;
		w->hide[w->n_hide] = arena_cstr(w->arena, text);
		if (!w->hide[w->n_hide++])
			return -ENOMEM;
	}
	return 0;
}

/* ---- sockets ---- */

/* Every layer that lists sockets has to list @path. */
static bool sockets_agree(struct plan_work *w, const struct policy_item *item,
			  struct str path)
{
	const struct policy *p = &w->in->rules->policy;

	for (size_t i = 0; i < p->n_narrow; i++) {
		const struct policy_value *v =
			&p->narrow[i].value[POLICY_NETWORK_SOCKETS];
		bool found = !v->set;

		for (size_t k = 0; k < v->n && !found; k++) {
			struct diag why = { 0 };
			struct str text;

			found = expand(w, POLICY_NETWORK_SOCKETS, &v->items[k],
				       &text, &why) == 0 &&
				str_eq(text, path);
		}
		if (!found) {
			plan_notice(w,
				    "%.*s:%u: %.*s: the %.*s's layer refuses "
				    "it (%.*s:%u)",
				    STR_ARG(item->origin.file),
				    (unsigned)item->origin.line,
				    STR_ARG(item->text),
				    STR_ARG(v->origin.layer),
				    STR_ARG(v->origin.file),
				    (unsigned)v->origin.line);
			return false;
		}
	}
	return true;
}

static int add_socket(struct plan_work *w, const struct policy_item *item)
{
	struct plan_mount m = { .op = PLAN_SOCKET, .mode = 0600 };
	const struct yard_link *planted;
	struct diag why = { 0 };
	struct yard_way way;
	struct stat st;
	struct str text;
	int r = expand(w, POLICY_NETWORK_SOCKETS, item, &text, &why);

	if (r > 0) {
		/* The variable is not set: nothing to offer. */
		plan_notice(w, "%.*s:%u: %s", STR_ARG(item->origin.file),
			    (unsigned)item->origin.line, why.text);
		return 0;
	}
	if (r != 0)
		return r;
	m.src = arena_cstr(w->arena, text);
	m.dst = m.src;
	if (!m.src)
		return -ENOMEM;
	r = yard_find(&w->yard, m.src, &way);
	if (r < 0)
		return r;
	if (r != 0 || !S_ISSOCK(way.mode) ||
	    host_stat(w->in->host, way.real, &st) != 0) {
		plan_notice(w, "%.*s:%u: there is no socket %s",
			    STR_ARG(item->origin.file),
			    (unsigned)item->origin.line, m.src);
		return 0;
	}
	planted = yard_planted(&w->yard, &way);
	if (planted)
		return refuse_item(w, item,
				   "there is a link on the way to it where "
				   "sessions can write; name what it leads to");
	/* The way is asked again for each connection, unless it is here. */
	if (yard_sees(&w->yard, way.real, true))
		m.src = way.real;
	if (st.st_uid != w->in->uid)
		return refuse_item(w, item, "the socket is another user's");
	if (!sockets_agree(w, item, text))
		return 0;
	if (str_eq(w->request->env[OPEN_SSH_AUTH_SOCK], text) ||
	    str_eq(item->text, STR("$SSH_AUTH_SOCK")))
		env_list_set(&w->env, "SSH_AUTH_SOCK", text);
	if (plan_is_gpg_agent(text)) {
		m.dst = plan_gpg_socket(w);
		if (!m.dst)
			return -ENOMEM;
	}
	return yard_add(&w->yard, &m);
}

int plan_add_sockets(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_NETWORK_SOCKETS];
	int r = 0;

	for (size_t i = 0; i < v->n && r == 0; i++)
		r = add_socket(w, &v->items[i]);
	return r;
}
