/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * With `backend: landlock` there are no mounts: a session sees the host's own
 * tree, and Landlock says what of it may be opened.  The plan is made as for
 * the other backend and then cut down to what can be had:
 *
 *   a path bound to itself    stays, as a rule
 *   the private home, /tmp    are reached where they lie; HOME and TMPDIR say so
 *   everything else           is not there, and has a word in lacks[]
 *
 * Each word that this policy makes use of has to stand in backend_accept, or
 * there is no session.  What would turn a wall around, bawn's own files in a
 * tree that may be read, is refused whatever is accepted.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/path.h"
#include "keeper/plan-parts.h"
#include "policy/lack.h"

#define TMP_NAME ".tmp" /* in the private home */

/* No policy does without these. */
static const enum lack always[] = {
	LACK_METADATA,  LACK_PRIVATE_HOME, LACK_PRIVATE_TMP, LACK_PRIVATE_ETC,
	LACK_PROCESSES, LACK_PORTS,        LACK_TERMINALS,   LACK_TOTAL_KILL,
};
_Static_assert(LACK_MAX_ <= PLAN_MAX_LACKS, "a plan holds them");

static bool is_itself(const struct plan_mount *m)
{
	return m->op == PLAN_BIND && strcmp(m->src, m->dst) == 0;
}

/* What is written there is written through a parent that may be changed. */
static bool is_protected(const struct plan *p, const struct plan_mount *m)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *o = &p->mounts[i];

		if (o != m && is_itself(o) && o->writable &&
		    path_is_below(str_of(m->dst), str_of(o->dst)))
			return !m->writable;
	}
	return false;
}

/* As in the other backend, where only the ids of these are mapped. */
static bool is_owners(const struct plan_work *w, const struct plan_mount *m)
{
	struct str path = str_of(m->src);

	return m->writable || path_is_below(path, str_of(w->home)) ||
	       path_is_below(path, str_of(w->yard.home)) ||
	       path_is_below(path, str_of(w->project));
}

/* Variables that name @dst name @src from here on. */
static int point_env(struct plan_work *w, const char *dst, const char *src)
{
	for (size_t i = 0; i < w->env.n; i++) {
		struct str item = str_of(w->env.items[i]), name;
		char *key;

		if (!str_cut(&item, '=', &name) || !str_eq(item, str_of(dst)))
			continue;
		key = arena_cstr(w->arena, name);
		if (!key)
			return -ENOMEM;
		env_list_set(&w->env, key, str_of(src));
	}
	return w->env.arena->failed ? -ENOMEM : 0;
}

static bool is_kept(const struct plan *p, struct str path)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (is_itself(&p->mounts[i]) &&
		    path_is_below(path, str_of(p->mounts[i].dst)))
			return true;
	}
	return false;
}

/*
 * Lists of paths, of one too: what is below @home and only in the private one is
 * below @src from here on.
 */
static int move_paths(struct plan_work *w, const struct plan *p,
		      const char *home, const char *src)
{
	for (size_t i = 0; i < w->env.n; i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		struct str rest = str_of(w->env.items[i]), name, path;
		bool moved = false, first = true;
		const char *key;

		buf_init(&b, PLAN_MAX_BYTES);
		if (!str_cut(&rest, '=', &name))
			continue;
		while (str_cut(&rest, ':', &path)) {
			bool move = path_is_below(path, str_of(home)) &&
				    !is_kept(p, path);

			moved = moved || move;
			(void)buf_printf(&b, "%s%s", first ? "" : ":",
					 move ? src : "");
			(void)buf_add(&b, move ? str_skip(path, strlen(home))
					       : path);
			first = false;
		}
		key = moved ? arena_cstr(w->arena, name) : NULL;
		if (key)
			env_list_set(&w->env, key, buf_str(&b));
		if (b.failed || (moved && !key))
			return -ENOMEM;
	}
	return w->env.arena->failed ? -ENOMEM : 0;
}

static int make_tmp(struct plan_work *w, const char *home)
{
	char *tmp = arena_printf(w->arena, "%s/" TMP_NAME, home);
	int fd = w->yard.home_fd;

	if (!tmp)
		return -ENOMEM;
	if (fd != -1 && mkdirat(fd, TMP_NAME, 0700) == -1 && errno != EEXIST)
		return plan_refuse(w, "%s: %s", tmp, strerror(errno));
	if (fd != -1 && fchownat(fd, TMP_NAME, w->yard.home_uid,
				 w->yard.home_gid, AT_SYMLINK_NOFOLLOW) == -1)
		return plan_refuse(w, "%s: %s", tmp, strerror(errno));
	return point_env(w, "/tmp", tmp);
}

static int take_home(struct plan_work *w, struct plan *p, struct plan_mount *m)
{
	int r = move_paths(w, p, m->dst, m->src);

	if (r == 0)
		r = make_tmp(w, m->src);
	m->dst = m->src;
	p->home = m->src;
	return r;
}

/* A file of ours that variables name: it is there, elsewhere. */
static int take_moved(struct plan_work *w, struct plan_mount *m, bool *ret_keep)
{
	int r = point_env(w, m->dst, m->src);

	*ret_keep = str_starts(str_of(m->dst), STR("/run/bawn/"));
	m->dst = m->src;
	return r;
}

static int check_own_files(struct plan_work *w, const struct plan *p)
{
	const char *own[] = { w->in->state_dir, w->in->runtime_dir };

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		for (size_t k = 0; m->op == PLAN_BIND && k < N_ELEMS(own);
		     k++) {
			if (path_is_below(str_of(own[k]), str_of(m->src)))
				return plan_refuse(
					w,
					"bawn's own files are in %s, and "
					"backend: landlock cannot hide them "
					"there",
					m->src);
		}
	}
	return 0;
}

/* 0 with *ret_keep, or as the others. */
static int fit(struct plan_work *w, struct plan *p, struct plan_mount *m,
	       const char *home, bool lacking[LACK_MAX_], bool *ret_keep)
{
	*ret_keep = false;
	switch (m->op) {
	case PLAN_PROC:
	case PLAN_DEV:
		*ret_keep = true;
		return 0;
	case PLAN_SOCKET:
		return plan_refuse(w,
				   "network.sockets: %s: backend: landlock "
				   "passes no socket of the host on",
				   m->src);
	case PLAN_BIND:
		if (strcmp(m->dst, home) == 0) {
			*ret_keep = true;
			return take_home(w, p, m);
		}
		if (!is_itself(m))
			return take_moved(w, m, ret_keep);
		m->public = p->host_uid == 0 && !is_owners(w, m);
		/* In any writable tree something may run later outside. */
		lacking[LACK_PROTECT] |= m->writable || is_protected(p, m);
		*ret_keep = true;
		return 0;
	case PLAN_DIR:
	case PLAN_FILE:
	case PLAN_SYMLINK:
	case PLAN_TMPFS:
	case PLAN_OP_MAX_:
		break;
	}
	return 0;
}

static int fit_mounts(struct plan_work *w, struct plan *p,
		      struct plan_reason *why, bool lacking[LACK_MAX_])
{
	const char *home = p->home;
	size_t n = 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		struct plan_mount m = p->mounts[i];
		bool keep;
		int r = fit(w, p, &m, home, lacking, &keep);

		if (r != 0)
			return r;
		if (keep) {
			why[n] = why[i];
			p->mounts[n++] = m;
		}
	}
	p->n_mounts = n;
	return 0;
}

/* One line that has all words: nobody wants to learn them one by one. */
static int refuse_lacks(struct plan_work *w, const bool lacking[LACK_MAX_])
{
	const struct policy *p = &w->in->rules->policy;
	const struct origin *o = &p->value[POLICY_BACKEND].origin;
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 1024);
	for (size_t i = 0; i < LACK_MAX_; i++) {
		if (lacking[i] && !policy_accepts(p, str_of(lack_words[i])))
			(void)buf_printf(&b, "%s%s", b.len ? ", " : "",
					 lack_words[i]);
	}
	if (b.len == 0)
		return 0;
	return plan_refuse(w,
			   "%.*s:%u: backend: landlock has not all that this "
			   "policy asks for; who can do without says "
			   "backend_accept: [%.*s]",
			   STR_ARG(o->file), (unsigned)o->line,
			   STR_ARG(buf_str(&b)));
}

static int note_lacks(struct plan_work *w, struct plan *p,
		      const bool lacking[LACK_MAX_])
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 1024);
	p->lacks = arena_array(w->arena, PLAN_MAX_LACKS, sizeof(*p->lacks));
	if (!p->lacks)
		return -ENOMEM;
	for (size_t i = 0; i < LACK_MAX_; i++) {
		if (!lacking[i])
			continue;
		p->lacks[p->n_lacks] =
			arena_cstr(w->arena, str_of(lack_words[i]));
		if (!p->lacks[p->n_lacks++])
			return -ENOMEM;
		(void)buf_printf(&b, "%s%s", b.len ? ", " : "", lack_words[i]);
	}
	plan_notice(w, "backend: landlock, without: %.*s",
		    STR_ARG(buf_str(&b)));
	return 0;
}

/*
 * The jail is whom the project belongs to: ids cannot be mapped.  Where that is
 * root, it is root without any capability.
 */
static int take_ids(struct plan_work *w, struct plan *p)
{
	if (w->in->uid != 0)
		return 0;
	if (p->owner_uid != 0)
		return plan_refuse(w,
				   "%s belongs to user %u, and backend: "
				   "landlock maps no ids; as that user: "
				   "setpriv --reuid %u --regid %u "
				   "--clear-groups bawn run ...",
				   w->project, p->owner_uid, p->owner_uid,
				   p->owner_gid);
	p->inside_uid = p->host_uid = 0;
	p->inside_gid = p->host_gid = w->in->gid;
	env_list_set(&w->env, "USER", STR("root"));
	env_list_set(&w->env, "LOGNAME", STR("root"));
	return 0;
}

int plan_fit_landlock(struct plan_work *w, struct plan *p,
		      struct plan_reason *why)
{
	const struct policy *policy = &w->in->rules->policy;
	bool lacking[LACK_MAX_] = { false };
	int r;

	if (policy->value[POLICY_BACKEND].number != POLICY_LANDLOCK)
		return 0;
	p->backend = PLAN_LANDLOCK;
	if (p->nested)
		return plan_refuse(w, "nested: true and backend: landlock "
				      "exclude each other");
	for (size_t i = 0; i < N_ELEMS(always); i++)
		lacking[always[i]] = true;
	lacking[LACK_HIDE] = w->n_hide > 0;
	lacking[LACK_PROCESS_LIMIT] = p->limits.processes > 0;
	lacking[LACK_AUDIT] = p->audit != PLAN_AUDIT_OFF;
	r = take_ids(w, p);
	if (r == 0)
		r = check_own_files(w, p);
	if (r == 0)
		r = fit_mounts(w, p, why, lacking);
	if (r == 0)
		r = refuse_lacks(w, lacking);
	if (r == 0)
		r = note_lacks(w, p, lacking);
	if (r != 0)
		return r;
	/* They are accepted; nobody shall try to cover them. */
	w->n_hide = 0;
	p->limits.processes = 0;
	p->audit = PLAN_AUDIT_OFF;
	p->env_set = w->env.items;
	p->n_env_set = w->env.n;
	return 0;
}
