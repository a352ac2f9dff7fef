/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The position is a file and the offset of the next line in it.  Bytes are read
 * ahead in blocks.  At the end of what is there the read-ahead is forgotten, so
 * that the next call looks at the file again: the scribe may meanwhile have
 * finished the line, or taken it back because the disk was full.  A file that
 * became shorter than the position is such a case, and we go on at its end.
 *
 * The next file exists only after the one before it is complete.  So when the
 * end of a file is seen while a later one exists, what it held at that moment
 * is read once more before moving on.
 */
#include "ledger/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/head.h"
#include "ledger/record-parse.h"

#define BLOCK_BYTES ((size_t)256 * 1024)
#define BACK_BYTES  ((size_t)64 * 1024)

_Static_assert(BLOCK_BYTES > RECORD_MAX_BYTES, "a line fits a block");

struct reader {
	int dirfd, fd, watch_fd;
	char *path;
	uint32_t file;       /* 0: none opened yet */
	uint64_t line;       /* number of the last line given */
	bool line_unknown;   /* after a seek */
	uint64_t offset;     /* in the file, of block[used] */
	size_t used, filled; /* in the block */
	uint64_t torn;
	bool last_look; /* a later file exists: this end is final */
	char *block;
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

int reader_open(struct reader **ret, const char *dir)
{
	AUTO(reader) struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->dirfd = r->fd = r->watch_fd = -1;
	r->path = strdup(dir);
	r->block = malloc(BLOCK_BYTES);
	if (!r->path || !r->block)
		return -ENOMEM;
	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd == -1)
		return neg_errno();
	*ret = TAKE(r);
	return 0;
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
	free(r->path);
	free(r->block);
	free(r);
}

/* The nearest file above @than, or with @above false below it; 0: none. */
static int find_file(const struct reader *r, uint32_t than, bool above,
		     uint32_t *ret)
{
	int fd = openat(r->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *e;
	DIR *d;

	if (fd == -1)
		return neg_errno();
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return -ENOMEM;
	}
	*ret = 0;
	while ((e = readdir(d)) != NULL) {
		uint32_t n;

		if (!ledger_file_parse(str_of(e->d_name), &n) ||
		    (above ? n <= than : n >= than))
			continue;
		if (*ret == 0 || (above ? n < *ret : n > *ret))
			*ret = n;
	}
	(void)closedir(d);
	return 0;
}

static void forget_block(struct reader *r)
{
	r->used = r->filled = 0;
}

/* The position becomes @offset of file @number. */
static int go_to(struct reader *r, uint32_t number, uint64_t offset)
{
	char name[LEDGER_NAME_SIZE];
	AUTO(fd) int fd = -1;
	struct stat st;

	ledger_file_name(number, name);
	fd = openat(r->dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode)) /* the store makes no such thing */
		return -EIO;
	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = TAKE_FD(fd);
	r->file = number;
	r->offset = offset;
	r->line = 0;
	r->line_unknown = offset > 0;
	r->last_look = false;
	r->torn = 0;
	forget_block(r);
	return 0;
}

/* Reads ahead.  0; READER_END at the end of the file. */
static int fill(struct reader *r)
{
	size_t have = r->filled - r->used;
	ssize_t n;

	if (have > 0 && r->used > 0)
		memmove(r->block, r->block + r->used, have);
	r->used = 0;
	r->filled = have;
	do {
		n = pread(r->fd, r->block + have, BLOCK_BYTES - have,
			  (off_t)(r->offset + have));
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return neg_errno();
	r->filled += (size_t)n;
	return n == 0 ? READER_END : 0;
}

/* At the end of a file: 0 = look again, perhaps at the next one. */
static int at_end(struct reader *r)
{
	uint32_t next = 0;
	struct stat st;
	int x;

	r->torn = r->filled - r->used;
	forget_block(r);
	if (r->last_look) {
		x = find_file(r, r->file, true, &next);
		if (x != 0)
			return x;
		return next ? go_to(r, next, 0) : READER_END;
	}
	if (fstat(r->fd, &st) == -1)
		return neg_errno();
	if ((uint64_t)st.st_size < r->offset) {
		r->offset = (uint64_t)st.st_size;
		r->line_unknown = true;
	}
	x = find_file(r, r->file, true, &next);
	if (x != 0)
		return x;
	r->last_look = next != 0;
	return next ? 0 : READER_END;
}

static int open_first(struct reader *r)
{
	uint32_t first = 0;
	int x = find_file(r, 0, true, &first);

	if (x != 0)
		return x;
	return first ? go_to(r, first, 0) : READER_END;
}

static void consume(struct reader *r, size_t n)
{
	r->used += n;
	r->offset += n;
}

/* Drop what belongs to a line longer than any record, with its LF. */
static int skip_long(struct reader *r)
{
	for (;;) {
		char *at = r->block + r->used;
		size_t have = r->filled - r->used;
		char *lf = have ? memchr(at, '\n', have) : NULL;
		int x;

		if (lf) {
			consume(r, (size_t)(lf - at) + 1);
			r->line++;
			return READER_LONG;
		}
		consume(r, have);
		x = fill(r);
		if (x == READER_END) /* its end may come later: a bad line */
			return READER_LONG;
		if (x != 0)
			return x;
	}
}

int reader_next(struct reader *r, struct reader_line *ret)
{
	int x = r->file ? 0 : open_first(r);

	while (x == 0) {
		char *at = r->block + r->used;
		size_t have = r->filled - r->used;
		char *lf = have ? memchr(at, '\n', have) : NULL;

		if (lf && (size_t)(lf - at) <= RECORD_MAX_BYTES) {
			*ret = (struct reader_line){
				.text = { at, (size_t)(lf - at) },
				.file = r->file,
				.line = r->line_unknown ? 0 : r->line + 1,
				.offset = r->offset,
			};
			consume(r, ret->text.len + 1);
			r->line++;
			return 0;
		}
		if (have > RECORD_MAX_BYTES)
			return skip_long(r);
		x = fill(r);
		if (x == READER_END)
			x = at_end(r);
	}
	return x;
}

uint64_t reader_torn_bytes(const struct reader *r)
{
	return r->torn;
}

struct back {
	uint64_t lines; /* LFs still to pass, the one before the first too */
	uint64_t end;   /* of what has been looked at */
};

/* From @b->end towards the start of r->fd.  1: found, at b->end. */
static int scan_back(struct reader *r, struct back *b)
{
	while (b->end > 0) {
		size_t len = b->end < BACK_BYTES ? (size_t)b->end : BACK_BYTES;
		uint64_t from = b->end - len;
		ssize_t n = pread(r->fd, r->block, len, (off_t)from);
		const char *lf;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return neg_errno();
		len = (size_t)n;
		while (len > 0 && (lf = memrchr(r->block, '\n', len)) != NULL) {
			len = (size_t)(lf - r->block);
			if (b->lines-- == 0) {
				b->end = from + len + 1;
				return 1;
			}
		}
		b->end = from;
	}
	return 0;
}

int reader_seek_last(struct reader *r, uint64_t n)
{
	struct back b = { .lines = n };
	uint32_t number = 0, before = 0;
	struct stat st;
	int x;

	x = find_file(r, LEDGER_FILES_MAX + 1, false, &number);
	if (x != 0 || number == 0)
		return x;
	for (;;) {
		x = go_to(r, number, 0);
		if (x != 0)
			return x;
		if (fstat(r->fd, &st) == -1)
			return neg_errno();
		b.end = (uint64_t)st.st_size;
		x = scan_back(r, &b);
		if (x < 0)
			return x;
		if (x == 1)
			return go_to(r, number, b.end);
		x = find_file(r, number, false, &before);
		/* The LF before the first line is the last of another file. */
		if (x != 0 || before == 0 || b.lines == 0)
			return x != 0 ? x : go_to(r, number, 0);
		number = before;
	}
}

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

/* The last session opened in the last @n records, {0} for none. */
static int newest_of(struct reader *r, uint64_t n, struct arena *a,
		     struct str *ret)
{
	static const struct str mark = STR(",\"kind\":\"session.open\",");
	char id[64];
	struct reader_line l = { 0 };
	struct record_line v = { 0 };
	size_t len = 0;
	int x = reader_seek_last(r, n);

	while (x == 0 || x == READER_LONG) {
		x = reader_next(r, &l);
		/* Strings hold no bare quote, so the mark is a member. */
		if (x != 0 || !record_line_scan(l.text, &v) ||
		    v.session.len == 0 || v.session.len > sizeof(id) ||
		    !memmem(l.text.ptr, l.text.len, mark.ptr, mark.len))
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
	struct reader_line l = { 0 };
	struct record_line v = { 0 };
	int x;

	*ret = (struct str){ 0 };
	if (str_eq(name, STR("@")))
		return find_newest(r, a, ret);
	if (name.len == 0)
		return 1;

	x = reader_seek_last(r, UINT64_MAX - 1);
	while (x == 0 || x == READER_LONG) {
		x = reader_next(r, &l);
		if (x != 0 || !record_line_scan(l.text, &v) ||
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
