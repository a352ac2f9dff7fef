/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * What decides is the identity of four files and whether the project's text was
 * accepted; an entry carries them as they were when its text was read, through
 * one descriptor each, so that text and identity belong together even when a
 * file is replaced in between.  Editors save by rename, so a new inode is the
 * usual sign; a file written in place changes its times.
 *
 * The user's file is found as `bawn policy` finds it, on this machine; the
 * others are looked for where plans are made from, below the host's root.
 */
#include "keeper/rules.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/wall.h"
#include "policy/user-file.h"

#define FRESH_NS     (100 * NS_PER_MS)
#define NET_ARENA    ((size_t)16 * 1024 * 1024)
#define NET_JSON_MAX ((size_t)4 * 1024 * 1024)

static void entry_free(struct rules_entry *e)
{
	if (!e)
		return;
	arena_done(&e->arena);
	arena_done(&e->net_arena);
	buf_done(&e->net_buf);
	free(e->file);
	for (size_t i = 0; i < POLICY_LAYER_MAX_; i++)
		free(e->source[i].path);
	free(e);
}
DEFINE_AUTO(rules_entry, struct rules_entry, entry_free);

void rules_unref(struct rules_entry *e)
{
	if (!e)
		return;
	ASSERT(e->refs > 0);
	if (--e->refs == 0)
		entry_free(e);
}

void rules_done(struct rules *r)
{
	for (size_t i = 0; i < RULES_KEPT; i++) {
		rules_unref(r->kept[i]);
		r->kept[i] = NULL;
	}
}

/* ---- where the layers are ---- */

/* Paths of this query's files; NULL: there is none. */
struct files {
	char *path[POLICY_LAYER_MAX_];
	struct stat st[POLICY_LAYER_MAX_];
};

/* The file of the user's layer; *ret_must: it was asked for by name. */
static int find_user(struct arena *a, const struct rules_query *q, char **ret,
		     bool *ret_must, struct diag *reterr)
{
	const struct open_request *req = q->request;
	struct user_file_query query = {
		.home = arena_cstr(a, q->home),
		.profile =
			req->profile.len ? arena_cstr(a, req->profile) : NULL,
		.policy = req->policy.len ? arena_cstr(a, req->policy) : NULL,
		.cwd = "/", /* the client has made it absolute */
	};

	*ret_must = query.policy || query.profile;
	if (a->failed)
		return -ENOMEM;
	return user_file_path(a, &query, ret, reterr);
}

/*
 * Somebody meant a policy to be here: a disk that is not mounted must not be
 * the same as no policy.
 */
static int refuse_dangling(const char *path, struct diag *reterr)
{
	diag_set(reterr, 0, 0, "%s: a symbolic link that leads nowhere", path);
	return 1;
}

static int look_at_user(struct arena *a, const struct rules_query *q,
			struct files *f, struct diag *reterr)
{
	char **path = &f->path[POLICY_USER];
	bool must;
	int r = find_user(a, q, path, &must, reterr);

	if (r != 0)
		return r;
	if (stat(*path, &f->st[POLICY_USER]) == 0 || must ||
	    (errno != ENOENT && errno != ENOTDIR))
		return 0;
	if (lstat(*path, &f->st[POLICY_USER]) == 0)
		return refuse_dangling(*path, reterr);
	*path = NULL;
	return 0;
}

/* Where nothing is, nothing is said; what cannot be looked at is refused. */
static int look_at(struct arena *a, const struct rules_query *q,
		   struct files *f, enum policy_layer layer,
		   struct diag *reterr)
{
	char *target;
	int r;

	if (!f->path[layer])
		return -ENOMEM;
	r = host_stat(q->host, f->path[layer], &f->st[layer]);
	if (r == -ENOENT || r == -ENOTDIR) {
		r = host_readlink(a, q->host, f->path[layer], &target);
		if (r == 0)
			return refuse_dangling(f->path[layer], reterr);
		f->path[layer] = NULL;
		return r == -ENOMEM ? r : 0;
	}
	if (r != 0 && r != -ELOOP) {
		diag_set(reterr, 0, 0, "%s: %s", f->path[layer], strerror(-r));
		return 1;
	}
	return 0;
}

static int look(struct arena *a, const struct rules_query *q, struct files *f,
		struct diag *reterr)
{
	int r;

	f->path[POLICY_ORG] = arena_cstr(a, STR(RULES_ORG_FILE));
	f->path[POLICY_TEAM] = arena_cstr(a, STR(RULES_TEAM_FILE));
	f->path[POLICY_PROJECT] =
		arena_printf(a, "%s/%s", q->project, RULES_PROJECT_NAME);
	r = look_at(a, q, f, POLICY_ORG, reterr);
	if (r == 0)
		r = look_at(a, q, f, POLICY_TEAM, reterr);
	if (r == 0)
		r = look_at(a, q, f, POLICY_PROJECT, reterr);
	return r != 0 ? r : look_at_user(a, q, f, reterr);
}

/* ---- identity ---- */

static void take_identity(const struct stat *st, uint64_t ret[RULES_IDENTITY])
{
	uint64_t id[RULES_IDENTITY] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};

	memcpy(ret, id, sizeof(id));
}

/*
 * So young that it could change once more without its times saying so; it is
 * read again the next time.
 */
static bool is_fresh(const struct stat *st)
{
	uint64_t changed = (uint64_t)st->st_ctim.tv_sec * NS_PER_S +
			   (uint64_t)st->st_ctim.tv_nsec;

	return clock_utc_ns() < changed + FRESH_NS;
}

static bool is_same(const struct rules_source *s, const char *path,
		    const struct stat *st)
{
	uint64_t id[RULES_IDENTITY];

	if (!s->path || !path)
		return !s->path && !path;
	take_identity(st, id);
	return strcmp(s->path, path) == 0 &&
	       memcmp(s->identity, id, sizeof(id)) == 0;
}

static bool is_accepted(const struct rules_query *q,
			const struct rules_entry *e)
{
	return e->project_hash[0] != '\0' &&
	       (!WALL(PROJECT_ACCEPTED) ||
		accept_has(q->state_dir, str_of(q->project), e->project_hash));
}

/* It is what @f says, and was accepted or not as it is now. */
static bool is_current(const struct rules_entry *e, const struct rules_query *q,
		       const struct files *f)
{
	for (size_t i = 0; i < POLICY_LAYER_MAX_; i++) {
		if (!is_same(&e->source[i], f->path[i], &f->st[i]))
			return false;
	}
	return e->accepted == is_accepted(q, e);
}

static struct rules_entry *find_kept(struct rules *r,
				     const struct rules_query *q,
				     const struct files *f)
{
	for (size_t i = 0; i < RULES_KEPT; i++) {
		struct rules_entry *e = r->kept[i];

		if (e && is_current(e, q, f))
			return e;
	}
	return NULL;
}

/* ---- reading ---- */

static void find_in(struct rules_entry *e, const struct policy_value *v)
{
	for (size_t i = 0; i < v[POLICY_NETWORK_ALLOW].n; i++) {
		const struct policy_item *item =
			&v[POLICY_NETWORK_ALLOW].items[i];

		if (item->rule)
			continue;
		if (str_eq(item->text, STR(PRESET_NAME)))
			e->has_preset = true;
		else
			e->has_git_hosts = true;
	}
}

static void find_presets(struct rules_entry *e)
{
	find_in(e, e->policy.value);
	for (size_t i = 0; i < e->policy.n_narrow; i++)
		find_in(e, e->policy.narrow[i].value);
}

/* 1: @d has the place; it gets the file's name in front. */
static int name_file(struct diag *d, const char *file)
{
	struct diag old = *d;

	if (old.line > 0)
		diag_set(d, old.line, old.column, "%s:%u:%u: %s", file,
			 old.line, old.column, old.text);
	else
		diag_set(d, 0, 0, "%s: %s", file, old.text);
	return 1;
}

/* A project's file is the repository's: no link leads out of it. */
static int open_layer(const struct rules_query *q, enum policy_layer layer,
		      const char *path)
{
	int fd;

	if (layer != POLICY_USER)
		return host_open(q->host, path,
				 layer == POLICY_PROJECT ? O_NOFOLLOW : 0);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd == -1 ? neg_errno() : fd;
}

static const char *why_not(enum policy_layer layer, int r)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return "no such file";
	if (r == -ELOOP && layer == POLICY_PROJECT)
		return "a symbolic link; a project's policy is a file of its "
		       "own";
	return strerror(-r);
}

static int read_layer(const struct rules_query *q, enum policy_layer layer,
		      const char *path, struct rules_entry *e,
		      struct diag *reterr)
{
	struct rules_source *src = &e->source[layer];
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	src->path = strdup(path);
	if (!src->path)
		return -ENOMEM;
	r = open_layer(q, layer, path);
	if (r >= 0) {
		fd = r;
		r = user_file_load(fd, layer != POLICY_PROJECT, &text, &st,
				   reterr);
	}
	if (r < 0)
		diag_set(reterr, 0, 0, "%s", why_not(layer, r));
	if (r != 0)
		return name_file(reterr, path);
	if (is_fresh(&st))
		memset(src->identity, 0xff, sizeof(src->identity));
	else
		take_identity(&st, src->identity);
	if (layer == POLICY_PROJECT)
		r = accept_hash(buf_str(&text), e->project_hash);
	if (r == 0)
		r = policy_parse(&e->arena, buf_str(&text),
				 str_of(policy_layer_name(layer)),
				 str_of(src->path), &e->stack.layer[layer],
				 reterr);
	return r > 0 ? name_file(reterr, path) : r;
}

static struct str look_up(void *ctx, struct str name)
{
	const struct open_request *q = ctx;
	enum open_env e;

	return open_env_find(name, &e) ? q->env[e] : (struct str){ 0 };
}

static int read_all(struct rules_entry *e, const struct rules_query *q,
		    const struct files *f, struct diag *reterr)
{
	union {
		const struct open_request *in;
		void *out;
	} ctx = { .in = q->request };
	struct policy_vars vars = { .home = q->home,
				    .project = str_of(q->project),
				    .env = look_up,
				    .ctx = ctx.out };
	int r = policy_builtin(&e->arena, &e->stack.builtin);

	for (unsigned i = 0; i < POLICY_LAYER_MAX_ && r == 0; i++) {
		if (f->path[i])
			r = read_layer(q, (enum policy_layer)i, f->path[i], e,
				       reterr);
	}
	if (r != 0)
		return r;
	e->accepted = e->stack.accepted = is_accepted(q, e);
	r = policy_asks(&e->arena, &e->stack, &vars, &e->asks, &e->n_asks);
	if (r != 0)
		return r;
	r = policy_effective(&e->arena, &e->stack, &e->policy, e->unheard,
			     &e->n_unheard, reterr);
	return r != 0 ? r : policy_hash(&e->policy, e->hash);
}

static int entry_new(const struct rules_query *q, const struct files *f,
		     struct rules_entry **ret, struct diag *reterr)
{
	AUTO(rules_entry) struct rules_entry *e = calloc(1, sizeof(*e));
	const char *user = f->path[POLICY_USER];
	int r;

	if (!e)
		return -ENOMEM;
	e->refs = 1;
	arena_init(&e->arena, POLICY_LAYER_MAX_ * POLICY_ARENA_MAX);
	arena_init(&e->net_arena, NET_ARENA);
	buf_init(&e->net_buf, NET_JSON_MAX);
	e->file = strdup(user ? user : "");
	if (!e->file)
		return -ENOMEM;
	r = read_all(e, q, f, reterr);
	if (r != 0)
		return r;
	find_presets(e);
	*ret = TAKE(e);
	return 0;
}

/* In the place of the one that was not used for longest. */
static void keep(struct rules *r, struct rules_entry *e)
{
	size_t place = 0;

	for (size_t i = 0; i < RULES_KEPT; i++) {
		const struct rules_entry *have = r->kept[i];

		if (!have) {
			place = i;
			break;
		}
		if (have->used < r->kept[place]->used)
			place = i;
	}
	rules_unref(r->kept[place]);
	r->kept[place] = e;
}

int rules_get(struct rules *r, const struct rules_query *q,
	      struct rules_entry **ret, struct diag *reterr)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct files f = { 0 };
	struct rules_entry *e;
	int got;

	arena_init(&a, (size_t)64 * 1024);
	got = look(&a, q, &f, reterr);
	if (got != 0)
		return got;
	e = find_kept(r, q, &f);
	if (!e) {
		got = entry_new(q, &f, &e, reterr);
		if (got != 0)
			return got;
		if (e->has_git_hosts) {
			/* Compiled, it is one project's: nobody else's. */
			*ret = e;
			return 0;
		}
		keep(r, e);
	}
	e->used = ++r->clock;
	e->refs++;
	*ret = e;
	return 0;
}

struct presets {
	const struct preset *registries;
	const struct git_hosts *git;
};

static bool ask_preset(void *ctx, struct str name,
		       struct policy_preset_host *ret, size_t max,
		       size_t *ret_n)
{
	const struct presets *p = ctx;

	if (str_eq(name, STR(PRESET_NAME)))
		return preset_hosts(p->registries, name, ret, max, ret_n);
	/* None at all is no failure: the notice says what to do. */
	*ret_n = p->git ? git_hosts_list(p->git, ret, max) : 0;
	return p->git != NULL;
}

int rules_compile(struct rules_entry *e, const struct preset *preset,
		  const struct git_hosts *git, struct diag *reterr)
{
	uint64_t version = e->has_preset ? preset_version(preset) : 1;
	struct presets ctx = { .registries = preset, .git = git };
	int r;

	if (e->preset_version == version)
		return 0;
	e->preset_version = 0;
	arena_done(&e->net_arena);
	buf_clear(&e->net_buf);
	r = policy_net(&e->net_arena, &e->policy,
		       e->has_preset || e->has_git_hosts ? ask_preset : NULL,
		       &ctx, &e->net, reterr);
	if (r == 0)
		r = net_classes(&e->net, e->classes, &e->n_classes);
	if (r != 0)
		return r > 0 && e->file[0] ? name_file(reterr, e->file) : r;
	net_format(&e->net, &e->net_buf);
	if (e->net_buf.failed)
		return -ENOMEM;
	e->net_json = buf_str(&e->net_buf);
	e->preset_version = version;
	return 0;
}
