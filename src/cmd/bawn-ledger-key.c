/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger checkpoint, key, rotate-key, erase, limit. */
#include <fcntl.h>
#include <inttypes.h>

#include "base/fd.h"
#include "cmd/bawn-ledger.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/query.h"
#include "ledger/reader.h"
#include "ledger/store.h"

#define ARENA_BYTES  65536u
#define VKEYS_MAX    ((size_t)1024 * 1024)
#define LOCK_WAIT_MS 2000u /* for a scribe that is ending */

const char *ledger_dir(struct arena *a)
{
	const char *dir = reader_default_dir(a);

	if (!dir)
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
	return dir;
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
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	if (!dir)
		return BAWN_EXIT_TROUBLE;
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
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	if (!dir)
		return BAWN_EXIT_TROUBLE;
	r = ledger_load(dir, "vkey", &b);
	if (r != 0)
		return r;
	all = buf_str(&b);
	while (str_cut(&all, '\n', &line)) /* the last one signs */
		;
	r = print(line);
	return r == 0 ? print(STR("\n")) : r;
}

/* ---- what changes it ---- */

static int open_store(const char *dir, struct store **ret)
{
	const struct store_options o = { .lock_wait_ms = LOCK_WAIT_MS };
	int r;

	if (access(dir, F_OK) == -1) {
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
		return BAWN_EXIT_TROUBLE;
	}
	r = store_open(ret, dir, &o, NULL);
	if (r == -EBUSY)
		ledger_error("bawnd is writing it; end all sessions and bawnd "
			     "(it goes by itself some minutes later), then "
			     "again");
	else if (r != 0)
		ledger_error("%s: %s%s", dir, strerror(-r), error_advice(r));
	return r == 0 ? 0 : BAWN_EXIT_TROUBLE;
}

int verb_rotate_key(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(store) struct store *s = NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct verb_opts o = { 0 };
	struct note_key k;
	const char *dir;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	r = dir ? open_store(dir, &s) : BAWN_EXIT_TROUBLE;
	if (r != 0)
		return r;
	r = store_change_key(s, NULL, &k);
	if (r != 0) {
		ledger_error("the key could not be changed: %s; the next start "
			     "goes on with it",
			     strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	buf_init(&b, NOTE_VKEY_SIZE);
	note_vkey_add(&b, &k);
	(void)buf_addc(&b, '\n');
	return print(buf_str(&b));
}

/* The index may hold words of what is erased; it is made anew when needed. */
static void remove_index(struct arena *a, const char *dir)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		const char *path =
			arena_printf(a, "%s-index.sqlite%s", dir, tails[i]);

		if (path && unlink(path) == -1 && errno != ENOENT)
			ledger_error("%s: %s; remove it", path,
				     strerror(errno));
	}
}

static int parse_erase(struct arena *a, const char *dir,
		       const struct verb_opts *o, struct store_erase *ret)
{
	AUTO(reader) struct reader *rd = NULL;
	int64_t before = 0;
	int r;

	if (!o->session && !o->before) {
		ledger_error("erase what? --session S or --before DATE");
		return BAWN_EXIT_USAGE;
	}
	if (o->before &&
	    (!query_time(str_of(o->before), &before) || before <= 0)) {
		ledger_error("--before: no date as 2026-11-20 or "
			     "2026-11-20T20:21:22Z");
		return BAWN_EXIT_USAGE;
	}
	ret->before = (uint64_t)before;
	if (!o->session)
		return 0;
	r = reader_open(&rd, dir);
	if (r == 0)
		r = reader_find_session(rd, str_of(o->session), a,
					&ret->session);
	if (r == 0)
		return 0;
	ledger_error("--session: %s", r == 1   ? "no such session"
				      : r == 2 ? "that fits more than one"
					       : strerror(-r));
	return BAWN_EXIT_TROUBLE;
}

int verb_erase(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(store) struct store *s = NULL;
	struct store_erase e = { .before = 0 };
	struct verb_opts o = { 0 };
	const char *dir;
	uint64_t n = 0;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	r = dir ? parse_erase(&a, dir, &o, &e) : BAWN_EXIT_TROUBLE;
	if (r == 0)
		r = open_store(dir, &s);
	if (r != 0)
		return r;
	r = store_erase(s, &e, &n);
	if (r != 0) {
		ledger_error("not all was erased: %s; do it again",
			     strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	if (n > 0)
		remove_index(&a, dir);
	printf("%" PRIu64 " payloads erased; their records stay, and one "
	       "more says so\n",
	       n);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
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
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	path = dir ? arena_printf(&a, "%s-limits", dir) : NULL;
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
