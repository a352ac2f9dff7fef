/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private home of the project, and what a user expects to find in it: who
 * commits (git), which servers are known (ssh), where cargo fetches from.
 *
 * The copies are taken again when the user's own file has become newer than
 * the copy, as make does it; so what a command changes in its copy lasts until
 * then.  Of a file that the user's git configuration includes, the age does not
 * count: that would mean to read all of them for each session.
 */
#include "keeper/plan-parts.h"

#include "base/path.h"
#include "base/wall.h"
#include "keeper/clients-parse.h"
#include "keeper/gitconfig-include.h"
#include "keeper/home.h"
#include "keeper/host.h"

#define KNOWN_HOSTS_MAX ((size_t)512 * 1024) /* bytes */

static uid_t owner_uid(const struct plan_work *w)
{
	return w->plan->owner_uid;
}

/* Lines of known_hosts: printable, with three words at least. */
static int filter_known_hosts(struct arena *a, struct str text, struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str line, rest, word;

	buf_init(&b, KNOWN_HOSTS_MAX + 1);
	while (str_cut(&text, '\n', &line)) {
		bool plain = line.len > 0 && line.ptr[0] != '#';
		unsigned n = 0;

		for (size_t i = 0; i < line.len && plain; i++)
			plain = line.ptr[i] == '\t' ||
				(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
		rest = line;
		while (plain && n < 3 && str_word(&rest, &word))
			n++;
		if (n < 3)
			continue;
		(void)buf_add(&b, line);
		(void)buf_addc(&b, '\n');
	}
	*ret = b.failed ? (struct str){ 0 } : arena_str(a, buf_str(&b));
	return 0;
}

/* With what it includes for this project. */
static int filter_gitconfig(struct plan_work *w, struct arena *a,
			    const char *path, struct str *ret)
{
	struct gitconfig_place at = { .host = w->in->host,
				      .home = w->home,
				      .project = w->project };
	AUTO(buf) struct buf b = BUF_NULL;
	struct gitconfig c;
	int r = gitconfig_load(a, &at, path, &c);

	if (r != 0)
		return r; /* git will not like it either */
	buf_init(&b, GITCONFIG_MAX_BYTES);
	gitconfig_format(&c, gitconfig_may_enter, &b);
	*ret = b.failed ? (struct str){ 0 } : arena_str(a, buf_str(&b));
	return 0;
}

static int filter_cargo(struct arena *a, struct str text, struct str *ret)
{
	clients_filter_cargo(a, text, ret);
	return 0;
}

/* Rows of one dst: the first that exists counts. */
static const struct copy {
	const char *src, *dst; /* below the home */
	size_t max;            /* bytes */
	int (*filter)(struct arena *a, struct str text, struct str *ret);
} copies[] = {
	/* NULL: filter_gitconfig() */
	{ ".gitconfig", ".gitconfig", GITCONFIG_MAX_BYTES, NULL },
	{ ".config/git/config", ".config/git/config", GITCONFIG_MAX_BYTES,
	  NULL },
	{ ".ssh/known_hosts", ".ssh/known_hosts", KNOWN_HOSTS_MAX,
	  filter_known_hosts },
	{ ".cargo/config.toml", ".cargo/config.toml", CLIENTS_FILE_MAX,
	  filter_cargo },
};

static void put_copy(struct plan_work *w, const struct copy *c)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	const char *src = arena_printf(w->arena, "%s/%s", w->home, c->src);
	struct str text = { 0 };
	struct stat st;

	if (!src || host_stat(w->in->host, src, &st) != 0 ||
	    !home_wants_file(w->yard.home_fd, c->dst, st.st_mtim.tv_sec))
		return;
	arena_init(&a, (size_t)32 * 1024 * 1024);
	buf_init(&b, c->max);
	if (c->filter ? host_load(w->in->host, src, &b) != 0 ||
				c->filter(&a, buf_str(&b), &text) != 0
		      : filter_gitconfig(w, &a, src, &text) != 0)
		return;
	if (text.len == 0)
		return;
	if (home_put_file(w->yard.home_fd, c->dst, text, st.st_mtim.tv_sec,
			  w->yard.home_uid, w->yard.home_gid) != 0)
		plan_notice(w, "~/%s could not be put into the private home",
			    c->dst);
}

bool plan_home_is_copy(struct str rel)
{
	for (size_t i = 0; i < N_ELEMS(copies); i++) {
		if (str_eq(rel, str_of(copies[i].dst)))
			return true;
	}
	return false;
}

int plan_add_home(struct plan_work *w)
{
	struct plan_mount m = { .op = PLAN_BIND, .writable = true };
	char name[HOME_NAME_MAX];
	int r = home_name(w->project, name);

	if (r != 0)
		return r;
	m.dst = w->plan->home;
	w->yard.home_dst = w->home;
	w->yard.home_uid = owner_uid(w);
	w->yard.home_gid = w->plan->owner_gid;
	if (w->in->plan_only) {
		m.src = arena_printf(w->arena, "%s/homes/%s/home",
				     w->in->state_dir, name);
		return m.src ? yard_add(&w->yard, &m) : -ENOMEM;
	}
	r = home_open(w->arena, w->in->state_dir, name, w->yard.home_uid,
		      w->yard.home_gid, &w->yard.home_fd, &m.src);
	if (r == -ENOMEM)
		return r;
	if (r != 0)
		return plan_refuse(w,
				   "the private home %s/homes/%s cannot be "
				   "made: %s",
				   w->in->state_dir, name, strerror(-r));
	if (!WALL(PRIVATE_HOME))
		m.src = m.dst;
	for (size_t i = 0; i < N_ELEMS(copies); i++)
		put_copy(w, &copies[i]);
	return yard_add(&w->yard, &m);
}
