/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * What a path will be is asked of the plan of a session that would begin now
 * (plan-view.h), so the answer follows toolchains, private places and links,
 * and not the policy's text alone.  Then, in this order: what is hidden, what
 * is not there, what cannot be written, and at last the file's own permission
 * bits, which hold inside as they do outside.
 *
 * Who decides when something is missing: the first layer that would not have
 * it, since then no change below helps; else the user's list.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/path.h"
#include "cmd/policy-why-later.h"
#include "cmd/policy-why.h"
#include "keeper/plan-view.h"

#define NO_CHANGE "no change of yours: "

struct asked {
	struct policy_here *h;
	struct view view;
	bool write;
	const char *given; /* the path, without "." and ".." */
	const char *real;  /* on the host, without links; NULL: not there */
	struct why_later later; /* of what is to be written */
	struct why *why;
};

static int answer(struct asked *q, bool allow, const struct origin *o,
		  const char *reason, const char *change)
{
	q->why->allow = allow;
	q->why->reason = reason;
	q->why->change = change;
	q->why->origin = o ? *o : (struct origin){ 0 };
	return BAWN_EXIT_OK;
}

/* ---- the file's own permissions ---- */

/* As root the session is another user, for whom the owner's files are mapped. */
static bool bits_allow(const struct plan *p, const struct plan_mount *m,
		       const struct stat *st, unsigned bit)
{
	bool mapped = m->writable ||
		      path_is_below(str_of(m->src), str_of(p->home)) ||
		      path_is_below(str_of(m->src), str_of(p->project));
	uid_t uid = mapped ? p->owner_uid : p->host_uid;
	gid_t gid = mapped ? p->owner_gid : p->host_gid;

	if (st->st_uid == uid)
		return st->st_mode & (bit << 6);
	if (st->st_gid == gid)
		return st->st_mode & (bit << 3);
	return st->st_mode & bit;
}

static bool may(const struct asked *q, const char *host, unsigned bit)
{
	const struct plan *p = &q->h->plan;
	const struct plan_mount *m = &p->mounts[q->view.mount];
	struct str dir = path_dirname(str_of(host));
	struct stat st;

	if (q->view.place == VIEW_PRIVATE)
		return true; /* the session's own */
	if (getuid() != 0)
		return faccessat(AT_FDCWD, host, (int)bit, AT_EACCESS) == 0;
	if (stat(host, &st) == -1 || !bits_allow(p, m, &st, bit))
		return false;
	while (path_is_below(dir, str_of(m->src))) {
		const char *above = arena_cstr(&q->h->arena, dir);

		if (!above || stat(above, &st) == -1 ||
		    !bits_allow(p, m, &st, X_OK))
			return false;
		if (dir.len <= 1)
			break;
		dir = path_dirname(dir);
	}
	return true;
}

/* ---- who decides ---- */

/* The first layer that does not allow @path at all; false: all agree. */
static bool refused_by_layer(const struct asked *q, const char *path,
			     struct origin *ret)
{
	const struct plan_trace *t = &q->h->trace;

	for (size_t i = 0; i < t->n_layers; i++) {
		if (!files_layer_allows(&t->layers[i], str_of(path), q->write,
					ret))
			return true;
	}
	return false;
}

/* What no line of files.read or files.write can show. */
static const char *unshowable(const struct asked *q, const char *path)
{
	const struct policy_here *h = q->h;
	const char *own[] = { h->state_dir, h->runtime_dir };

	for (size_t i = 0; i < N_ELEMS(own); i++) {
		if (path_is_below(str_of(path), str_of(own[i])))
			return NO_CHANGE "bawn's own files are there";
		if (q->write && path_is_below(str_of(own[i]), str_of(path)))
			return NO_CHANGE "bawn's own files are below it";
	}
	if (path_is_below(h->request.env[OPEN_HOME], str_of(path)))
		return NO_CHANGE "it holds the home directory, which is "
				 "private; name what is needed below it";
	return NULL;
}

static int refuse(struct asked *q, const char *path, const char *reason)
{
	enum policy_key key = q->write ? POLICY_FILES_WRITE : POLICY_FILES_READ;
	const char *change = unshowable(q, path);
	struct origin o = q->h->entry->policy.value[key].origin;

	(void)refused_by_layer(q, path, &o);
	if (!o.layer.ptr || o.layer.len == 0)
		o = q->h->entry->policy.value[key].origin;
	if (!change)
		change = why_change(q->h, &o,
				    q->write ? "files.write" : "files.read",
				    path);
	return answer(q, false, &o, reason, change);
}

/* ---- the cases ---- */

static bool is_parent_hidden(const struct asked *q)
{
	const char *dir =
		arena_cstr(&q->h->arena, path_dirname(str_of(q->view.path)));
	struct view up;

	return !dir ||
	       plan_view(&q->h->arena, &q->h->plan, &q->h->host, str_of(dir),
			 &up) != 0 ||
	       up.hidden != VIEW_NONE;
}

static int hidden(struct asked *q)
{
	const struct plan_reason *r = &q->h->trace.hide[q->view.hidden];
	const char *change;

	if (r->origin.layer.len == 0)
		return answer(q, false, NULL,
			      arena_printf(&q->h->arena, "hidden: %s", r->what),
			      NO_CHANGE "it is never shown");
	/* Nothing there yet: it can be made, and is covered then. */
	if (q->write && !q->view.exists && q->view.writable &&
	    !is_parent_hidden(q))
		return answer(q, true, &r->origin,
			      "it can be created; what fits files.hide is "
			      "covered within 100 ms, with a record",
			      NULL);
	if (!net_layer_is_own(r->origin.layer))
		change = why_change(q->h, &r->origin, "", "");
	else if (str_eq(r->origin.layer, STR("builtin")))
		change = arena_printf(&q->h->arena,
				      "files.hide in %s without the line that "
				      "fits (a files section replaces the "
				      "built-in one whole)",
				      why_user_file(q->h));
	else
		change = arena_printf(&q->h->arena,
				      "remove the entry of files.hide at "
				      "%.*s:%u",
				      STR_ARG(r->origin.file), r->origin.line);
	return answer(q, false, &r->origin, "hidden by files.hide", change);
}

/* Read-only though its tree is not: it runs later outside. */
static int locked(struct asked *q, const struct why_later *w)
{
	struct origin o = q->h->entry->policy.value[POLICY_FILES_WRITE].origin;
	const char *reason = arena_printf(
		&q->h->arena,
		"%s was there when the session began, and is read-only: %s",
		w->locked, w->row->why);

	return answer(q, false, NULL, reason,
		      why_change(q->h, &o, "files.write", w->locked));
}

static int by_mount(struct asked *q, const char *text)
{
	const struct plan_reason *r =
		q->view.mount != VIEW_NONE ? &q->h->trace.mounts[q->view.mount]
					   : NULL;

	if (!text)
		text = !r ? "the session's own root"
		       : r->origin.layer.len > 0
			       ? arena_printf(&q->h->arena, "shown by %s",
					      r->what)
			       : r->what;
	if (q->later.row)
		text = arena_printf(&q->h->arena,
				    "%s; a change is recorded, and shown when "
				    "the session ends: %s",
				    text, q->later.row->why);
	return answer(q, true, r ? &r->origin : NULL, text, NULL);
}

/* What a policy can name: the nearest directory above that is there. */
static const char *existing_dir(const struct asked *q)
{
	struct str dir = path_dirname(str_of(q->view.path));

	for (;;) {
		const char *path = arena_cstr(&q->h->arena, dir);

		if (!path || dir.len <= 1 || host_is_dir(&q->h->host, path))
			return path ? path : "/";
		dir = path_dirname(dir);
	}
}

static int not_there(struct asked *q)
{
	if (q->write && q->view.writable)
		return by_mount(q, NULL); /* the parent decides, see below */
	if (!q->real && q->write)
		return refuse(q, existing_dir(q),
			      "it is in a place that is read-only");
	if (!q->real && q->view.place == VIEW_HOST)
		return by_mount(q, "it may be read, and nothing is there now");
	if (!q->real)
		return answer(q, false, NULL,
			      "there is no such file, here or outside", NULL);
	if (q->view.place == VIEW_PRIVATE)
		return refuse(q, q->real,
			      "the home directory is private to the project "
			      "in a session; the host's file is not in it");
	if (q->view.place == VIEW_TMP)
		return refuse(q, q->real,
			      "this directory is the session's own; the "
			      "host's file is not in it");
	return refuse(q, q->real, "nothing shows it in the session");
}

/* Creating: the directory has to let us. */
static int create(struct asked *q)
{
	struct asked up = *q;
	const char *dir =
		arena_cstr(&q->h->arena, path_dirname(str_of(q->view.path)));
	int r;

	if (!dir)
		return policy_trouble("bawn policy", -ENOMEM);
	r = plan_view(&q->h->arena, &q->h->plan, &q->h->host, str_of(dir),
		      &up.view);
	if (r != 0)
		return policy_trouble(dir, r);
	if (!up.view.exists && (q->real || host_is_dir(&q->h->host, dir)))
		return refuse(q, q->real ? q->real : dir,
			      "nothing shows its directory in the session");
	if (!up.view.exists)
		return answer(q, false, NULL, "there is no such directory",
			      NULL);
	if (up.view.host && up.view.writable && !may(&up, up.view.host, W_OK))
		return answer(q, false, NULL,
			      "the directory's own permissions refuse it",
			      NO_CHANGE "the policy allows it; see its owner "
					"and mode on the host");
	return not_there(q);
}

/* Not made before the session is, so the plan cannot show it. */
static bool is_copy(const struct asked *q)
{
	struct str home = q->h->request.env[OPEN_HOME];
	struct str path = str_of(q->given);

	return q->real && path_is_below(path, home) && path.len > home.len &&
	       plan_home_is_copy(str_skip(path, home.len + 1));
}

static bool is_masked(const char *path)
{
	static const char *const masked[] = {
		"/proc/kcore",      "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/acpi", "/proc/scsi",
	};

	for (size_t i = 0; i < N_ELEMS(masked); i++) {
		if (path_is_below(str_of(path), str_of(masked[i])))
			return true;
	}
	return false;
}

/* What a process says about itself; all else is the kernel's. */
static bool is_own_proc(const char *path)
{
	const char *rest = path + strlen("/proc");

	return str_starts(str_of(rest), STR("/self")) ||
	       str_starts(str_of(rest), STR("/thread-self"));
}

static int in_proc(struct asked *q)
{
	const char *path = q->view.path;
	bool own = is_own_proc(path);
	struct stat st = { 0 };

	if (is_masked(path))
		return answer(q, false, NULL, "masked in every session",
			      NO_CHANGE "it is never shown");
	if (stat(path, &st) == -1)
		return answer(q, false, NULL, "this kernel has no such file",
			      NULL);
	if (own && q->write && !(st.st_mode & 0222))
		return answer(q, false, NULL,
			      "the file's own permissions refuse it", NULL);
	if (q->write && !own)
		return answer(q, false, NULL,
			      "the kernel's own files are read-only in every "
			      "session",
			      NO_CHANGE "they are never writable");
	return answer(q, true, NULL, "the session's own /proc", NULL);
}

static int in_dev(struct asked *q)
{
	static const char *const nodes[] = {
		"null", "zero", "full", "random", "urandom", "tty",   "ptmx",
		"pts",  "fd",   "shm",  "stdin",  "stdout",  "stderr"
	};
	struct str rest = str_skip(str_of(q->view.path), strlen("/dev")), name;

	while (rest.len > 0 && rest.ptr[0] == '/')
		rest = str_skip(rest, 1);
	if (!str_cut(&rest, '/', &name))
		return q->write ? answer(q, false, NULL,
					 "no device can be made", NULL)
				: answer(q, true, NULL,
					 "the session's own /dev", NULL);
	for (size_t i = 0; i < N_ELEMS(nodes); i++) {
		if (str_eq(name, str_of(nodes[i])))
			return answer(q, true, NULL, "the session's own /dev",
				      NULL);
	}
	return answer(q, false, NULL, "no other device is in a session",
		      NO_CHANGE "a session has a fixed set of devices");
}

static int there(struct asked *q)
{
	const struct view *v = &q->view;

	if (q->write && !v->writable)
		return v->place == VIEW_HOST && v->host &&
				       strcmp(v->host,
					      q->h->entry->source
							      [POLICY_PROJECT]
								      .path
						      ?: "") == 0
			       ? answer(q, false, NULL,
					"what narrows the next session is not "
					"a session's to change",
					NO_CHANGE "edit it outside")
		       : v->place == VIEW_HOST
			       ? refuse(q, v->path, "it is shown read-only")
			       : answer(q, false, NULL,
					"made for the session, and read-only",
					NO_CHANGE "it is never writable");
	if (v->host && !may(q, v->host, q->write ? W_OK : R_OK))
		return answer(q, false, NULL,
			      "the file's own permissions refuse it",
			      NO_CHANGE "the policy allows it; see its owner "
					"and mode on the host");
	return by_mount(q, NULL);
}

static int decide(struct asked *q)
{
	int r = 0;

	if (q->view.hidden != VIEW_NONE)
		return hidden(q);
	if (q->write && q->view.place == VIEW_HOST && q->view.writable)
		r = why_later(&q->h->arena, &q->h->plan, &q->h->host,
			      str_of(q->view.path), &q->later);
	if (r != 0)
		return policy_trouble("bawn policy", r);
	if (q->later.locked)
		return locked(q, &q->later);
	if (q->view.place == VIEW_PROC)
		return in_proc(q);
	if (q->view.place == VIEW_DEV)
		return in_dev(q);
	if (q->view.exists)
		return there(q);
	if (q->view.place == VIEW_PRIVATE && is_copy(q))
		return answer(q, true, NULL,
			      "a copy in the private home, without what could "
			      "hold a credential",
			      NULL);
	return q->write ? create(q) : not_there(q);
}

int why_file(struct policy_here *h, const char *path, bool write,
	     struct why *ret)
{
	struct asked q = { .h = h, .write = write, .why = ret };
	struct str given = str_of(path), whole;
	char *real = NULL;
	int r = policy_here_plan(h);

	if (r != BAWN_EXIT_OK)
		return r;
	if (str_eq(given, STR("~")) || str_starts(given, STR("~/")))
		whole = path_normalise(&h->arena, h->request.env[OPEN_HOME],
				       str_of(path + (path[1] ? 2 : 1)));
	else
		whole = path_normalise(&h->arena, h->request.cwd, given);
	q.given = arena_cstr(&h->arena, whole);
	if (!q.given)
		return policy_trouble(path, -ENAMETOOLONG);
	r = plan_view(&h->arena, &h->plan, &h->host, whole, &q.view);
	if (r == 0 && host_real(&h->arena, &h->host, q.given, &real, NULL) == 0)
		q.real = real;
	if (r != 0)
		return policy_trouble(path, r);
	ret->subject = strcmp(q.given, q.view.path) == 0
			       ? q.given
			       : arena_printf(&h->arena, "%s (%s)", q.given,
					      q.view.path);
	return decide(&q);
}
