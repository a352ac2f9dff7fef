/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry carries the identity of the descriptor that was read, so that text
 * and identity belong together even when the file is replaced in between.
 * Editors save by rename, so a new inode is the usual sign; a file written in
 * place changes its times.
 */
#include "keeper/rules.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "policy/user-file.h"

#define IDENTITY_LEN 7
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

/* The file of the user's layer; *ret_must: it was asked for by name. */
static int find_file(struct arena *a, const struct open_request *q,
		     struct str home, char **ret, bool *ret_must,
		     struct diag *reterr)
{
	struct user_file_query query = {
		.home = arena_cstr(a, home),
		.profile = q->profile.len ? arena_cstr(a, q->profile) : NULL,
		.policy = q->policy.len ? arena_cstr(a, q->policy) : NULL,
		.cwd = "/", /* the client has made it absolute */
	};

	*ret_must = query.policy || query.profile;
	if (a->failed)
		return -ENOMEM;
	return user_file_path(a, &query, ret, reterr);
}

static void take_identity(const struct stat *st, uint64_t ret[IDENTITY_LEN])
{
	uint64_t id[IDENTITY_LEN] = {
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

static void find_presets(struct rules_entry *e)
{
	const struct policy_value *v = &e->policy.value[POLICY_NETWORK_ALLOW];

	for (size_t i = 0; i < v->n; i++) {
		if (v->items[i].rule)
			continue;
		if (str_eq(v->items[i].text, STR(PRESET_NAME)))
			e->has_preset = true;
		else
			e->has_git_hosts = true;
	}
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

static int parse(struct rules_entry *e, struct str text, bool has_file,
		 struct diag *reterr)
{
	const struct policy_doc *docs[2] = { NULL, NULL };
	int r;

	r = policy_builtin(&e->arena, &docs[0]);
	if (r == 0 && has_file)
		r = policy_parse(&e->arena, text, STR("user"), str_of(e->file),
				 &docs[1], reterr);
	if (r == 0)
		r = policy_effective(&e->arena, docs, has_file ? 2 : 1,
				     &e->policy, reterr);
	if (r > 0)
		return name_file(reterr, e->file);
	return r != 0 ? r : policy_hash(&e->policy, e->hash);
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

/* @file "": the built-in default alone. */
static int entry_new(const char *file, struct rules_entry **ret,
		     struct diag *reterr)
{
	AUTO(rules_entry) struct rules_entry *e = calloc(1, sizeof(*e));
	AUTO(buf) struct buf text = BUF_NULL;
	bool has_file = file[0] != '\0';
	struct stat st;
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->refs = 1;
	arena_init(&e->arena, POLICY_ARENA_MAX);
	arena_init(&e->net_arena, NET_ARENA);
	buf_init(&e->net_buf, NET_JSON_MAX);
	e->file = strdup(file);
	if (!e->file)
		return -ENOMEM;
	if (has_file)
		r = user_file_read(file, &text, &st, reterr);
	if (r < 0)
		diag_set(reterr, 0, 0, "%s", strerror(-r));
	if (r != 0)
		return name_file(reterr, file);
	if (has_file && is_fresh(&st))
		memset(e->identity, 0xff, sizeof(e->identity)); /* nobody's */
	else if (has_file)
		take_identity(&st, e->identity);
	r = parse(e, buf_str(&text), has_file, reterr);
	if (r != 0)
		return r;
	find_presets(e);
	*ret = TAKE(e);
	return 0;
}

static struct rules_entry *find_kept(struct rules *r, const char *file,
				     const uint64_t identity[IDENTITY_LEN])
{
	for (size_t i = 0; i < RULES_KEPT; i++) {
		struct rules_entry *e = r->kept[i];

		if (e && strcmp(e->file, file) == 0 &&
		    memcmp(e->identity, identity, sizeof(e->identity)) == 0)
			return e;
	}
	return NULL;
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

int rules_get(struct rules *r, const struct open_request *q, struct str home,
	      struct rules_entry **ret, struct diag *reterr)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	uint64_t identity[IDENTITY_LEN] = { 0 };
	struct rules_entry *e = NULL;
	char none[] = "", *file = NULL;
	struct stat st;
	bool must;
	int got;

	arena_init(&a, (size_t)64 * 1024);
	got = find_file(&a, q, home, &file, &must, reterr);
	if (got != 0)
		return got;
	if (stat(file, &st) == 0)
		take_identity(&st, identity);
	else if (!must && (errno == ENOENT || errno == ENOTDIR))
		file = none;
	e = find_kept(r, file, identity);
	if (!e) {
		got = entry_new(file, &e, reterr);
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
