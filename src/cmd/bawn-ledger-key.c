/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger checkpoint, key, limit. */
#include <fcntl.h>
#include <inttypes.h>

#include "base/fd.h"
#include "cmd/bawn-ledger.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/reader.h"
#include "ledger/store.h"

#define ARENA_BYTES 65536u
#define VKEYS_MAX   ((size_t)1024 * 1024)

const char *ledger_dir(struct arena *a)
{
	const char *dir = reader_default_dir(a);

	if (!dir)
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
	return dir;
}

int verb_begin(const struct verb *v, int argc, char *const argv[],
	       struct arena *a, struct verb_opts *ret, const char **ret_dir)
{
	int first = 0;
	int r = verb_parse(v, argc, argv, ret, &first);

	if (r >= 0)
		return r;
	arena_init(a, ARENA_BYTES);
	*ret_dir = ledger_dir(a);
	return *ret_dir ? -1 : BAWN_EXIT_TROUBLE;
}

int ledger_load(const char *dir, const char *name, struct buf *b)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *path = name;
	int r;

	arena_init(&a, ARENA_BYTES);
	if (dir)
		path = arena_printf(&a, "%s/%s", dir, name);
	if (b->max == 0)
		buf_init(b, VKEYS_MAX);
	r = path ? file_load(AT_FDCWD, path, b) : -ENOMEM;
	if (r == 0)
		return 0;
	if (r == -ENOENT && dir)
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
	else
		ledger_error("%s: %s", path ? path : name, strerror(-r));
	return BAWN_EXIT_TROUBLE;
}

static int print(struct str s)
{
	if (fwrite(s.ptr, 1, s.len, stdout) == s.len && fflush(stdout) == 0)
		return BAWN_EXIT_OK;
	ledger_error("cannot write: %s", strerror(errno));
	return BAWN_EXIT_TROUBLE;
}

int verb_checkpoint(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct verb_opts o = { 0 };
	const char *dir;
	int r = verb_begin(v, argc, argv, &a, &o, &dir);

	if (r >= 0)
		return r;
	r = ledger_load(dir, CHECKPOINT_NAME, &b);
	return r == 0 ? print(buf_str(&b)) : r;
}

int verb_key(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct verb_opts o = { 0 };
	struct str all, line = { 0 };
	const char *dir;
	int r = verb_begin(v, argc, argv, &a, &o, &dir);

	if (r >= 0)
		return r;
	r = ledger_load(dir, "vkey", &b);
	if (r != 0)
		return r;
	all = buf_str(&b);
	while (str_cut(&all, '\n', &line)) /* the last one signs */
		;
	r = print(line);
	return r == 0 ? print(STR("\n")) : r;
}

/* An option that was not given, since 0 means something. */
#define UNSET  UINT32_MAX
#define DAY_NS ((uint64_t)86400 * 1000000000)
#define MB     UINT64_C(1000000)

int verb_limit(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct verb_opts o = { .size = UNSET, .days = UNSET };
	struct store_limits l = { 0 };
	const char *dir, *path;
	int r = verb_begin(v, argc, argv, &a, &o, &dir);

	if (r >= 0)
		return r;
	path = arena_printf(&a, "%s-limits", dir);
	if (!path)
		return BAWN_EXIT_TROUBLE;
	r = store_limits_load(path, &l);
	if (r == -EINVAL && o.size != UNSET && o.days != UNSET)
		r = 0; /* written anew */
	if (o.size != UNSET)
		l.bytes = o.size * MB;
	if (o.days != UNSET)
		l.age = o.days * DAY_NS;
	if (r == 0 && (o.size != UNSET || o.days != UNSET))
		r = store_limits_save(path, &l);
	if (r != 0) {
		ledger_error("%s: %s", path, strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	printf("size %" PRIu64 " MB%s, days %" PRIu64 "%s\n", l.bytes / MB,
	       l.bytes ? "" : " (no limit)", l.age / DAY_NS,
	       l.age ? "" : " (no limit)");
	if (o.size != UNSET || o.days != UNSET)
		printf("bawnd hears of it when it starts the next time\n");
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}
