/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Hosts are read from the keys by which git finds a server:
 *
 *   remote.X.url, .pushurl    submodule.X.url
 *   url.BASE.insteadOf, .pushInsteadOf: BASE, and the value if it is a URL
 *   credential.URL.*, http.URL.*: URL          ; the user's files only
 *
 * with exactly the port of the URL, or its scheme's.  Includes are not
 * followed: a file that one names may lie in a project.  For the same reason a
 * file of the user that really is below the project is passed over.
 *
 * Accepted hosts of a project are STATE/git-hosts/NAME (home_name()):
 *
 *   file = *( host ":" port LF )
 *
 * A ".git" that is a file leads to the configuration of the worktree's or
 * submodule's repository.  It is followed without the care of plan-project.c:
 * whatever is found there only chooses among what was accepted for this very
 * project.
 */
#include "keeper/git-hosts.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/wall.h"
#include "jail/gitconfig-parse.h"
#include "keeper/git-url-parse.h"
#include "keeper/home.h"
#include "keeper/plan-parts.h"
#include "keeper/worktree-parse.h"

#define ACCEPTED_MAX ((size_t)16 * 1024) /* bytes */
#define READ_ARENA   ((size_t)16 * 1024 * 1024)

static const struct git_host *find(const struct git_host_list *l,
				   const char *name, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->hosts[i].port == port &&
		    strcmp(l->hosts[i].name, name) == 0)
			return &l->hosts[i];
	}
	return NULL;
}

static void add_url(struct arena *a, struct git_host_list *l, struct str url)
{
	struct git_url u;
	struct git_host h = { 0 };

	if (l->n == GIT_HOSTS_MAX || git_url_parse(url, &u) != 0 ||
	    find(l, u.host, u.port))
		return;
	h.name = arena_cstr(a, str_of(u.host));
	h.port = u.port;
	if (h.name)
		l->hosts[l->n++] = h;
}

/* "gh:" in insteadOf is a word of the user's, no host. */
static void add_alias(struct arena *a, struct git_host_list *l,
		      struct str value)
{
	if (value.len > 0 && (memchr(value.ptr, '@', value.len) ||
			      memmem(value.ptr, value.len, "://", 3)))
		add_url(a, l, value);
}

static void take_entry(struct arena *a, const struct gitconfig_entry *e,
		       bool own, struct git_host_list *l)
{
	if (!e->subsection.ptr)
		return;
	if (str_eq(e->section, STR("url"))) {
		add_url(a, l, e->subsection);
		add_alias(a, l, e->value);
	} else if (own && (str_eq(e->section, STR("credential")) ||
			   str_eq(e->section, STR("http")))) {
		add_url(a, l, e->subsection);
	} else if ((str_eq(e->section, STR("remote")) ||
		    str_eq(e->section, STR("submodule"))) &&
		   (str_eq(e->key, STR("url")) ||
		    str_eq(e->key, STR("pushurl")))) {
		add_url(a, l, e->value);
	}
}

/* A file that is not there, or that git would not read, has no hosts. */
static void read_config(struct arena *a, const struct host *host,
			const char *path, bool own, struct git_host_list *l)
{
	AUTO(arena) struct arena file = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct gitconfig c;

	arena_init(&file, READ_ARENA);
	buf_init(&b, GITCONFIG_MAX_BYTES);
	if (!path || host_load(host, path, &b) != 0 ||
	    gitconfig_parse(&file, buf_str(&b), &c, NULL) != 0)
		return;
	for (size_t i = 0; i < c.n; i++)
		take_entry(a, &c.entries[i], own, l);
}

/* ---- the user's files ---- */

static void read_own(struct arena *a, const struct git_hosts_query *q,
		     const char *project, struct git_hosts *ret)
{
	bool has_xdg =
		q->xdg_config_home.len > 0 && q->xdg_config_home.ptr[0] == '/';
	char *paths[] = {
		arena_printf(a, "/etc/gitconfig"),
		has_xdg ? arena_printf(a, "%.*s/git/config",
				       STR_ARG(q->xdg_config_home))
			: arena_printf(a, "%.*s/.config/git/config",
				       STR_ARG(q->home)),
		arena_printf(a, "%.*s/.gitconfig", STR_ARG(q->home)),
	};

	for (size_t i = 0; i < N_ELEMS(paths); i++) {
		char *real = NULL;

		if (!paths[i] ||
		    host_real(a, q->host, paths[i], &real, NULL) != 0 ||
		    path_is_below(str_of(real), str_of(project)))
			continue;
		read_config(a, q->host, real, true, &ret->own);
	}
}

/* ---- the project's ---- */

static char *load_line(struct arena *a, const struct host *host,
		       const char *path, bool is_gitfile)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str got;

	buf_init(&b, WORKTREE_FILE_MAX);
	if (!path || host_load(host, path, &b) != 0)
		return NULL;
	if (is_gitfile ? !worktree_parse_gitfile(buf_str(&b), &got)
		       : !worktree_parse_path(buf_str(&b), &got))
		return NULL;
	return arena_cstr(a, got);
}

static char *below(struct arena *a, const char *base, const char *path)
{
	return arena_cstr(a, path_normalise(a, str_of(base), str_of(path)));
}

/* The configuration that git reads in @project; NULL: none. */
static char *config_of(struct arena *a, const struct host *host,
		       const char *project)
{
	char *dir = arena_printf(a, "%s/.git", project);
	char *common;

	if (dir && !host_is_dir(host, dir)) {
		dir = load_line(a, host, dir, true);
		dir = dir ? below(a, project, dir) : NULL;
	}
	if (!dir)
		return NULL;
	common =
		load_line(a, host, arena_printf(a, "%s/commondir", dir), false);
	if (common)
		dir = below(a, dir, common);
	return dir ? arena_printf(a, "%s/config", dir) : NULL;
}

static int accepted_path(struct arena *a, const struct git_hosts_query *q,
			 const char *project, char **ret)
{
	char name[HOME_NAME_MAX];
	int r = home_name(project, name);

	if (r != 0)
		return r;
	*ret = arena_printf(a, "%s/git-hosts/%s", q->state_dir, name);
	return *ret ? 0 : -ENOMEM;
}

/* Of our own file; a line that is not in its grammar accepts nothing. */
static void mark_accepted(struct str text, struct git_host_list *l)
{
	struct str line, host;
	char name[NET_NAME_MAX + 1];
	uint32_t port;

	while (str_cut(&text, '\n', &line)) {
		if (!str_cut(&line, ':', &host) ||
		    !net_name_parse(host, name) ||
		    !str_u32(line, 1, UINT16_MAX, &port))
			continue;
		for (size_t i = 0; i < l->n; i++) {
			struct git_host *h = &l->hosts[i];

			if (h->port == port && strcmp(h->name, name) == 0)
				h->accepted = true;
		}
	}
}

static int read_remotes(struct arena *a, const struct git_hosts_query *q,
			struct git_hosts *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char *path = NULL;
	int r;

	read_config(a, q->host, config_of(a, q->host, ret->project), false,
		    &ret->remotes);
	r = accepted_path(a, q, ret->project, &path);
	if (r != 0)
		return r;
	buf_init(&b, ACCEPTED_MAX);
	if (file_load(AT_FDCWD, path, &b) == 0)
		mark_accepted(buf_str(&b), &ret->remotes);
	return 0;
}

int git_hosts_read(struct arena *a, const struct git_hosts_query *q,
		   struct git_hosts *ret)
{
	char *given = arena_cstr(a, q->cwd), *home = arena_cstr(a, q->home);
	char *cwd = NULL, *real_home = NULL;
	const char *top = NULL;
	int r = 0;

	*ret = (struct git_hosts){ .project = NULL };
	if (!given || !home)
		return -ENOMEM;
	/* Where they are not there, the plan says so. */
	if (host_real(a, q->host, given, &cwd, NULL) == 0 &&
	    host_real(a, q->host, home, &real_home, NULL) == 0)
		top = plan_find_top(a, q->host, cwd, real_home);
	if (top)
		ret->project = arena_cstr(a, str_of(top));
	if (cwd)
		read_own(a, q, top ? top : cwd, ret);
	if (ret->project)
		r = read_remotes(a, q, ret);
	return a->failed ? -ENOMEM : r;
}

/* ---- what follows ---- */

size_t git_hosts_list(const struct git_hosts *h, struct policy_preset_host *ret,
		      size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < h->own.n && n < max; i++)
		ret[n++] = (struct policy_preset_host){
			.host = str_of(h->own.hosts[i].name),
			.port = h->own.hosts[i].port,
		};
	for (size_t i = 0; i < h->remotes.n && n < max; i++) {
		const struct git_host *r = &h->remotes.hosts[i];

		if ((WALL(REMOTES_ACCEPTED) && !r->accepted) ||
		    find(&h->own, r->name, r->port))
			continue;
		ret[n++] = (struct policy_preset_host){
			.host = str_of(r->name),
			.port = r->port,
		};
	}
	return n;
}

struct str git_hosts_notice(struct arena *a, const struct git_hosts *h)
{
	const struct git_host *first = NULL;
	char more[32] = "";
	size_t n = 0;

	for (size_t i = 0; i < h->remotes.n; i++) {
		const struct git_host *r = &h->remotes.hosts[i];

		if (r->accepted || find(&h->own, r->name, r->port))
			continue;
		if (n++ == 0)
			first = r;
	}
	if (!first)
		return (struct str){ 0 };
	if (n > 1)
		(void)snprintf(more, sizeof(more), " and %zu more", n - 1);
	return str_of(arena_printf(
		a,
		"git-hosts: this repository's remotes name %s:%u%s, not "
		"accepted yet; see 'bawn policy git-hosts'",
		first->name, (unsigned)first->port, more));
}

int git_hosts_accept(struct arena *a, const struct git_hosts_query *q,
		     const struct git_hosts *h)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char *path = NULL, *dir;
	int r;

	if (!h->project)
		return -ENOENT;
	buf_init(&b, ACCEPTED_MAX);
	for (size_t i = 0; i < h->remotes.n; i++) {
		const struct git_host *host = &h->remotes.hosts[i];

		if (host->accepted)
			(void)buf_printf(&b, "%s:%u\n", host->name,
					 (unsigned)host->port);
	}
	r = accepted_path(a, q, h->project, &path);
	dir = arena_printf(a, "%s/git-hosts", q->state_dir);
	if (r == 0)
		r = b.failed || !dir ? -ENOMEM : dir_make_private(q->state_dir);
	if (r == 0)
		r = dir_make_private(dir);
	return r != 0 ? r : file_save(AT_FDCWD, path, buf_str(&b), 0600, true);
}
