/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The position is the index of the next record.  The newest journal says in its
 * first frame from which index on it has the records; what is before that is in
 * full bundles and payload files, which never change but for erased payloads.
 *
 *   index <  journal's first   bundle index/256, payload file of that number
 *   index >= journal's first   walk the frames, whose heads say what they hold
 *
 * A journal that another has taken the place of has no name any more: at its
 * end the newest one is opened, and since the position is an index nothing is
 * lost or seen twice.  At the end of what is there the file is looked at again
 * by the next call.  The scribe takes back what it could not make durable; a
 * journal that became shorter than the position, or holds something else there,
 * is walked again from its start.
 */
#include "ledger/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/erased.h"
#include "ledger/head.h"
#include "ledger/journal.h"
#include "ledger/record-parse.h"

#define OPEN_TRIES   16u /* a journal may be replaced while we look for it */
#define BUNDLE_MAX   ((size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2))
#define PAYLOADS_MAX ((size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4))
/* A frame may hold what one commit wrote, or what a bundle lacked. */
#define BODY_MAX   JOURNAL_BODY_MAX
#define KEEP_BYTES ((size_t)1024 * 1024)

/* Entries one after the other, the next of which is number `at`. */
struct run {
	uint64_t at, end;
	struct str leaves; /* a bundle's, or a frame's with payloads between */
	struct str payloads; /* of a bundle */
	bool framed;
	struct buf memory, payload_memory;
};

struct reader {
	int dirfd, watch_fd;
	char *path;
	uint64_t next; /* index */
	/* The journal. */
	int fd;
	uint64_t first;   /* index of its first record */
	uint64_t offset;  /* of the next frame */
	uint64_t index;   /* of the first record there */
	uint64_t checked; /* size when it was last walked from the start */
	uint64_t torn;
	struct run run;
	struct buf line;
};

const char *reader_default_dir(struct arena *a)
{
	const char *state = getenv("BAWN_STATE_DIR");
	const char *home = getenv("HOME");

	if (state && state[0])
		return arena_printf(a, "%s/ledger", state);
	if (home && home[0] == '/')
		return arena_printf(a, "%s/.local/state/bawn/ledger", home);
	return NULL;
}

static void run_init(struct run *u)
{
	*u = (struct run){ .at = 0 };
	buf_init(&u->memory, BODY_MAX);
	buf_init(&u->payload_memory, PAYLOADS_MAX);
}

static void run_done(struct run *u)
{
	buf_done(&u->memory);
	buf_done(&u->payload_memory);
}

static void run_clear(struct run *u)
{
	u->at = u->end = 0;
	u->leaves = u->payloads = (struct str){ 0 };
	buf_clear(&u->memory);
	buf_clear(&u->payload_memory);
	if (u->memory.size > KEEP_BYTES) {
		run_done(u);
		run_init(u);
	}
}

int reader_open(struct reader **ret, const char *dir)
{
	AUTO(reader) struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->dirfd = r->fd = r->watch_fd = -1;
	run_init(&r->run);
	buf_init(&r->line, (size_t)LEAF_MAX_BYTES + PAYLOAD_MAX_BYTES);
	r->path = strdup(dir);
	if (!r->path)
		return -ENOMEM;
	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd == -1)
		return neg_errno();
	*ret = TAKE(r);
	return 0;
}

bool reader_is_first_form(const struct reader *r)
{
	char name[LEDGER_NAME_SIZE];
	uint32_t number = 0;
	struct stat st;

	ledger_file_name(1, name);
	return journal_newest(r->dirfd, &number) == 0 && number == 0 &&
	       fstatat(r->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	if (r->fd != -1)
		(void)close(r->fd);
	if (r->dirfd != -1)
		(void)close(r->dirfd);
	if (r->watch_fd != -1)
		(void)close(r->watch_fd);
	run_done(&r->run);
	buf_done(&r->line);
	free(r->path);
	free(r);
}

/* ---- the journal ---- */

/* 1: the file has fewer bytes. */
static int read_at(int fd, void *p, size_t len, uint64_t at)
{
	char *to = p;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return neg_errno();
		if (n == 0)
			return 1;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

enum head_outcome {
	HEAD_NONE = 1, /* something else is there */
	HEAD_SHORT,    /* not all of it, or nothing */
};

/* The head of the frame at r->offset. */
static int read_head(struct reader *r, struct journal_frame *ret)
{
	char head[JOURNAL_HEAD_BYTES];
	int x = read_at(r->fd, head, sizeof(head), r->offset);
	struct stat st;

	if (x != 0)
		return x == 1 ? HEAD_SHORT : x;
	if (!journal_parse((struct str){ head, sizeof(head) }, ret))
		return HEAD_NONE;
	if (fstat(r->fd, &st) == -1)
		return neg_errno();
	return (uint64_t)st.st_size <
			       r->offset + JOURNAL_HEAD_BYTES + ret->length
		       ? HEAD_SHORT
		       : 0;
}

/* To the first frame with records.  1: there is no journal in it. */
static int rewind_journal(struct reader *r)
{
	struct journal_frame f;
	int x;

	r->offset = 0;
	run_clear(&r->run);
	x = read_head(r, &f);
	if (x == 0 && f.type != JOURNAL_START)
		x = HEAD_NONE;
	if (x != 0)
		return x < 0 ? x : 1;
	r->first = r->index = f.first;
	r->offset = JOURNAL_HEAD_BYTES + f.length;
	return 0;
}

/* Without a journal there is what the bundles hold. */
static int count_bundles(struct reader *r)
{
	char path[TILE_PATH_SIZE];
	uint64_t low = 0, high = 1; /* of low bundles the last is there */
	struct stat st;

	for (;; high *= 2) {
		tile_entries_path(high - 1, TILE_WIDTH, path);
		if (fstatat(r->dirfd, path, &st, 0) == -1)
			break;
		low = high;
	}
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		tile_entries_path(mid - 1, TILE_WIDTH, path);
		if (fstatat(r->dirfd, path, &st, 0) == -1)
			high = mid;
		else
			low = mid;
	}
	r->first = r->index = low * TILE_WIDTH;
	return 0;
}

/* The newest there is, from its start. */
static int open_journal(struct reader *r)
{
	char name[JOURNAL_NAME_SIZE];
	uint32_t number = 0;
	int x;

	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = -1;
	r->checked = 0;
	run_clear(&r->run);
	for (unsigned i = 0; r->fd == -1; i++) {
		x = journal_newest(r->dirfd, &number);
		if (x != 0)
			return x;
		if (number == 0)
			return count_bundles(r);
		journal_name(number, name);
		r->fd = openat(r->dirfd, name,
			       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (r->fd == -1 && (errno != ENOENT || i == OPEN_TRIES))
			return neg_errno();
	}

	struct stat st;

	if (fstat(r->fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode)) /* the store makes no such thing */
		return -EIO;
	x = rewind_journal(r);
	if (x != 1)
		return x;
	(void)close(r->fd);
	r->fd = -1;
	return count_bundles(r);
}

/*
 * No frame at r->offset, but @what.  0: look again, there or elsewhere;
 * READER_END.
 */
static int at_end(struct reader *r, enum head_outcome what)
{
	uint64_t size;
	struct stat st;

	if (r->fd == -1)
		return READER_END;
	if (fstat(r->fd, &st) == -1)
		return neg_errno();
	if (st.st_nlink == 0)
		return open_journal(r);
	size = (uint64_t)st.st_size;
	/* Taken back, or taken back and something else written there? */
	if ((size < r->offset || what == HEAD_NONE) && size != r->checked) {
		r->checked = size;
		r->torn = 0;
		return rewind_journal(r) == 1 ? READER_END : 0;
	}
	r->torn = size > r->offset ? size - r->offset : 0;
	if (r->next > r->index)
		r->next = r->index;
	return READER_END;
}

/* Frames up to the one that holds r->next, into r->run. */
static int find_frame(struct reader *r)
{
	struct journal_frame f;
	char *p;
	int x;

	for (;;) {
		x = read_head(r, &f);
		if (x == 0 &&
		    (f.type != JOURNAL_RECORDS || f.first != r->index))
			x = HEAD_NONE;
		if (x != 0)
			return x > 0 ? at_end(r, (enum head_outcome)x) : x;
		if (f.first + f.count > r->next)
			break;
		r->offset += JOURNAL_HEAD_BYTES + f.length;
		r->index += f.count;
	}
	run_clear(&r->run);
	p = buf_reserve(&r->run.memory, f.length);
	if (!p)
		return -ENOMEM;
	x = read_at(r->fd, p, f.length, r->offset + JOURNAL_HEAD_BYTES);
	if (x != 0)
		return x == 1 ? at_end(r, HEAD_SHORT) : x;
	buf_added(&r->run.memory, f.length);
	r->run.leaves = buf_str(&r->run.memory);
	r->run.framed = true;
	r->run.at = f.first;
	r->run.end = f.first + f.count;
	return 0;
}

/* ---- bundles ---- */

static int load_bundle(struct reader *r, uint64_t n)
{
	char path[TILE_PATH_SIZE];
	struct run *u = &r->run;
	int x;

	run_clear(u);
	tile_entries_path(n, TILE_WIDTH, path);
	x = file_load(r->dirfd, path, &u->memory);
	if (x == -ENOENT)
		return -EIO; /* that is damage; verify tells of it */
	if (x != 0)
		return x;
	tile_payload_path(n, path);
	x = file_load(r->dirfd, path, &u->payload_memory);
	if (x != 0 && x != -ENOENT)
		return x;
	u->leaves = buf_str(&u->memory);
	u->payloads = buf_str(&u->payload_memory);
	u->framed = false;
	u->at = n * TILE_WIDTH;
	u->end = u->at + TILE_WIDTH;
	return 0;
}

static bool run_next(struct run *u, struct str *ret,
		     struct payload *ret_payload)
{
	if (u->at == u->end)
		return false;
	if (u->framed) {
		if (!journal_next(&u->leaves, ret, ret_payload))
			return false;
	} else {
		if (!tile_next_entry(&u->leaves, ret))
			return false;
		if (!payload_next(&u->payloads, ret_payload))
			*ret_payload = (struct payload){ .erased = true };
	}
	u->at++;
	return true;
}

/* The leaf at r->next, which moves on.  0, READER_END, -errno. */
static int next_leaf(struct reader *r, struct str *ret, struct payload *p)
{
	struct run *u = &r->run;
	int x = 0;

	if (r->fd == -1 && r->next >= r->first)
		x = open_journal(r);
	while (x == 0) {
		while (u->at <= r->next && r->next < u->end) {
			if (!run_next(u, ret, p))
				return -EIO; /* no bundle: verify tells of it */
			if (u->at > r->next) {
				r->next++;
				return 0;
			}
		}
		if (r->next < r->first)
			x = load_bundle(r, r->next / TILE_WIDTH);
		else if (r->fd == -1)
			x = READER_END;
		else if (r->next < r->index)
			x = rewind_journal(r);
		else
			x = find_frame(r);
	}
	return x;
}

int reader_next(struct reader *r, struct reader_line *ret)
{
	struct record_line l = { 0 };
	struct payload p = { .erased = false };
	struct str leaf = { 0 };
	int x = next_leaf(r, &leaf, &p);

	if (x != 0)
		return x;
	if (leaf.len > RECORD_MAX_BYTES)
		return READER_LONG;
	buf_clear(&r->line);
	record_join(leaf, &p, &r->line);
	if (r->line.failed)
		return -ENOMEM;
	*ret = (struct reader_line){ .text = buf_str(&r->line),
				     .index = r->next - 1 };
	if (record_line_scan(leaf, &l))
		ret->seq = l.seq;
	return r->line.len > RECORD_MAX_BYTES ? READER_LONG : 0;
}

int reader_next_raw(struct reader *r, struct str *ret_leaf,
		    struct payload *ret_payload, uint64_t *ret_index)
{
	int x = next_leaf(r, ret_leaf, ret_payload);

	if (x == 0)
		*ret_index = r->next - 1;
	return x;
}

uint64_t reader_torn_bytes(const struct reader *r)
{
	return r->torn;
}

int reader_erased(struct reader *r, struct erased *ret)
{
	/* A bundle, or a journal, of before. */
	run_clear(&r->run);
	if (r->fd != -1)
		(void)close(TAKE_FD(r->fd));
	r->first = 0; /* it is looked for again */
	return erased_load(r->dirfd, ret);
}

/* ---- seeking ---- */

int reader_count(struct reader *r, uint64_t *ret)
{
	uint64_t before = r->next;
	struct payload p;
	struct str leaf;
	int x;

	r->next = UINT64_MAX / 2; /* the walk there stops at the end */
	x = next_leaf(r, &leaf, &p);
	*ret = r->next;
	r->next = before;
	return x == READER_END ? 0 : x;
}

int reader_seek_index(struct reader *r, uint64_t index)
{
	uint64_t count = 0;
	int x = reader_count(r, &count);

	r->next = index < count ? index : count;
	return x;
}

int reader_seek_last(struct reader *r, uint64_t n)
{
	uint64_t count = 0;
	int x = reader_count(r, &count);

	r->next = n < count ? count - n : 0;
	return x;
}

/* The number of the first record at or behind @index; 0: there is none. */
static int seq_at(struct reader *r, uint64_t index, uint64_t *ret)
{
	struct record_line l;
	struct payload p;
	struct str leaf;
	int x;

	*ret = 0;
	r->next = index;
	do
		x = next_leaf(r, &leaf, &p);
	while (x == 0 && !record_line_scan(leaf, &l));
	if (x == 0)
		*ret = l.seq;
	return x == READER_END ? 0 : x;
}

/* From @low on, one by one. */
static int seek_here(struct reader *r, uint64_t low, uint64_t seq)
{
	struct record_line l;
	struct payload p;
	struct str leaf;
	int x;

	r->next = low;
	for (;;) {
		x = next_leaf(r, &leaf, &p);
		if (x != 0)
			return x == READER_END ? 0 : x;
		if (record_line_scan(leaf, &l) && l.seq >= seq)
			break;
	}
	r->next--;
	return 0;
}

int reader_seek(struct reader *r, uint64_t seq)
{
	uint64_t low = 0, high = 0, at = 0;
	int x = reader_count(r, &high);

	/* Numbers grow with the index: the last bundle that begins at or below. */
	high = high / TILE_WIDTH + 1;
	while (x == 0 && high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		x = seq_at(r, mid * TILE_WIDTH, &at);
		if (at != 0 && at <= seq)
			low = mid;
		else
			high = mid;
	}
	return x != 0 ? x : seek_here(r, low * TILE_WIDTH, seq);
}

/* ---- waiting ---- */

int reader_watch(struct reader *r, int *ret_fd)
{
	int fd;

	if (r->watch_fd == -1) {
		fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (fd == -1)
			return neg_errno();
		if (inotify_add_watch(fd, r->path,
				      IN_MODIFY | IN_CREATE | IN_MOVED_TO |
					      IN_ONLYDIR) == -1) {
			int e = neg_errno();

			(void)close(fd);
			return e;
		}
		r->watch_fd = fd;
	}
	*ret_fd = r->watch_fd;
	return 0;
}

void reader_watch_clear(struct reader *r)
{
	char events[4096];

	while (r->watch_fd != -1 &&
	       read(r->watch_fd, events, sizeof(events)) > 0)
		;
}

int reader_wait(struct reader *r, int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };
	bool fresh = r->watch_fd == -1;
	int n = reader_watch(r, &p.fd);

	/* What came before the watch began made no event. */
	if (n != 0 || fresh)
		return n;
	n = poll(&p, 1, timeout_ms);
	if (n == -1)
		return neg_errno();
	if (n == 0)
		return 1;
	reader_watch_clear(r);
	return 0;
}

/* ---- sessions ---- */

/* The last session opened in the last @n records, {0} for none. */
static int newest_of(struct reader *r, uint64_t n, struct arena *a,
		     struct str *ret)
{
	static const struct str mark = STR(",\"kind\":\"session.open\",");
	char id[64];
	struct record_line v = { 0 };
	struct payload p;
	struct str leaf;
	size_t len = 0;
	int x = reader_seek_last(r, n);

	while (x == 0) {
		x = next_leaf(r, &leaf, &p);
		/* Strings hold no bare quote, so the mark is a member. */
		if (x != 0 || !record_line_scan(leaf, &v) ||
		    v.session.len == 0 || v.session.len > sizeof(id) ||
		    !memmem(leaf.ptr, leaf.len, mark.ptr, mark.len))
			continue;
		memcpy(id, v.session.ptr, v.session.len);
		len = v.session.len;
	}
	if (x < 0)
		return x;
	*ret = (struct str){ 0 };
	if (len > 0)
		*ret = arena_str(a, (struct str){ id, len });
	return a->failed ? -ENOMEM : 0;
}

static int find_newest(struct reader *r, struct arena *a, struct str *ret)
{
	int x;

	/* Nearly always it is near the end. */
	for (uint64_t n = 256; n < UINT64_MAX / 64; n *= 64) {
		x = newest_of(r, n, a, ret);
		if (x != 0 || ret->len > 0)
			return x;
		if (n > UINT32_MAX)
			break;
	}
	return 1;
}

int reader_find_session(struct reader *r, struct str name, struct arena *a,
			struct str *ret)
{
	struct record_line v = { 0 };
	struct payload p;
	struct str leaf;
	int x;

	*ret = (struct str){ 0 };
	if (str_eq(name, STR("@")))
		return find_newest(r, a, ret);
	if (name.len == 0)
		return 1;

	x = reader_seek_last(r, UINT64_MAX - 1);
	while (x == 0) {
		x = next_leaf(r, &leaf, &p);
		if (x != 0 || !record_line_scan(leaf, &v) ||
		    !str_starts(v.session, name) || str_eq(v.session, *ret))
			continue;
		if (ret->len > 0)
			return 2;
		*ret = arena_str(a, v.session);
		if (a->failed)
			return -ENOMEM;
		if (str_eq(v.session, name))
			return 0; /* whole ids are never prefixes */
	}
	return x < 0 ? x : ret->len > 0 ? 0 : 1;
}
