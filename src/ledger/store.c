/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A group of records waits in memory as it came (struct waiting, then its
 * bytes).  A commit words them, since only then their numbers and the chain
 * are known, writes them with one pwrite at the known end of the file, and
 * syncs once.  Only after that the end moves.
 *
 * Invariants
 *   1. s->end is durable: its record, and all before it.
 *   2. The file has no byte beyond s->end.size, unless s->dirty; a dirty file
 *      is cut before the next write.  A failed fdatasync leaves pages of
 *      unknown state, which are cut and written again.
 *   3. `head` never names a record that is not durable.  It may lag: it is
 *      not synced, since its purpose is to show a cut tail, and after a power
 *      failure recovery walks on from where it is.  It is synced when a file
 *      is left, so that it lags by no more than one.
 *   4. While damage has not been recorded `head` keeps its old content, so
 *      that a crash before the first commit does not hide it.
 *
 * Blocks are not preallocated: with FALLOC_FL_KEEP_SIZE a commit was measured
 * at 124 us against 128 us, since the size changes all the same; only files
 * whose size runs ahead (80 us) would gain, and they would end in zeros.
 */
#include "ledger/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/wall.h"
#include "ledger/record-parse.h"
#include "ledger/recover.h"

#define BUF_KEEP_BYTES ((size_t)256 * 1024) /* memory kept between commits */
#define LINE_EXTRA     ((size_t)256) /* v, seq, at, prev and punctuation */
#define LOCK_STEP_MS   5u

struct store {
	int dirfd, fd, head_fd;
	struct store_world world;
	void (*written)(void *owner);
	void *owner;
	uint64_t file_bytes;
	struct hash *hash;
	struct ledger_head end;
	uint64_t next_seq; /* end.seq + 1, but after a loss */
	bool dirty;
	struct buf group; /* of struct waiting and bytes */
	struct buf lines; /* a commit's output */
	size_t n_waiting;
};

struct waiting {
	uint64_t at;
	uint32_t envelope_len, body_len;
	bool keep;
};

static int real_create(int dirfd, const char *name)
{
	return openat(dirfd, name,
		      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0600);
}

static struct store_world real_world(const struct store_options *o)
{
	struct store_world w = {
		.pwrite = pwrite,
		.fdatasync = fdatasync,
		.ftruncate = ftruncate,
		.create = real_create,
	};

	if (!o || !o->world)
		return w;
	if (o->world->pwrite)
		w.pwrite = o->world->pwrite;
	if (o->world->fdatasync)
		w.fdatasync = o->world->fdatasync;
	if (o->world->ftruncate)
		w.ftruncate = o->world->ftruncate;
	if (o->world->create)
		w.create = o->world->create;
	return w;
}

static int sync_data(struct store *s, int fd)
{
	while (WALL(LEDGER_SYNC) && s->world.fdatasync(fd) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

static int write_at(struct store *s, int fd, struct str data, uint64_t at)
{
	while (data.len > 0) {
		ssize_t n = s->world.pwrite(fd, data.ptr, data.len, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return neg_errno();
		if (n == 0)
			return -EIO;
		data = str_skip(data, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* Our own writers are told apart by a lock on the directory. */
static int lock_dir(int dirfd, uint32_t wait_ms)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * NS_PER_MS };

	for (uint32_t waited = 0;; waited += LOCK_STEP_MS) {
		if (!WALL(LEDGER_LOCK) || flock(dirfd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return neg_errno();
		if (waited >= wait_ms)
			return -EBUSY;
		(void)nanosleep(&step, NULL); /* early is as good */
	}
}

/* Opens or makes the file that s->end names; it must end there. */
static int open_current(struct store *s)
{
	char name[LEDGER_NAME_SIZE];
	AUTO(fd) int fd = -1;
	struct stat st;

	ledger_file_name(s->end.file, name);
	fd = s->world.create(s->dirfd, name);
	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != s->end.size)
		return -EIO; /* not ours: somebody else writes here */
	if (fsync(s->dirfd) == -1)
		return neg_errno();
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = TAKE_FD(fd);
	return 0;
}

/*
 * Failure is no failure of the commit: the data is durable, head only lags.
 * The next commit writes it again.
 */
static int write_head(struct store *s)
{
	char text[LEDGER_HEAD_BYTES];
	struct str all = { .ptr = text, .len = sizeof(text) };
	int r;

	ledger_head_format(&s->end, text);
	if (s->head_fd != -1)
		return write_at(s, s->head_fd, all, 0);
	r = file_save(s->dirfd, LEDGER_HEAD_NAME, all, 0600, true);
	if (r != 0)
		return r;
	s->head_fd = openat(s->dirfd, LEDGER_HEAD_NAME,
			    O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return s->head_fd == -1 ? neg_errno() : 0;
}

/* The record that tells what recovery found. */
static int add_torn(struct store *s, const struct recovered *f)
{
	static const struct str envelope =
		STR("\"session\":\"\",\"user\":\"\",\"task\":\"\"");
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_LEDGER_TORN, "none", RECORD_KERNEL, NULL, 1);
	json_kuint(&w, "bytes", f->repair.torn_bytes);
	json_kstr(&w, "kept", str_of(f->kept));
	json_kuint(&w, "lost", f->repair.lost);
	json_kbool(&w, "damage", f->repair.damage != NULL);
	json_kstr(&w, "reason",
		  str_of(f->repair.damage ? f->repair.damage
					  : "a write was cut short"));
	record_end(&w);
	if (b.failed)
		return -ENOMEM;
	return store_add(s,
			 &(struct store_record){ .at = clock_utc_ns(),
						 .envelope = envelope,
						 .body = buf_str(&b),
						 .keep = true },
			 NULL);
}

static int start(struct store *s, struct store_repair *ret_repair)
{
	struct recovered f;
	int r = recover_dir(s->dirfd, s->hash, &f);

	if (r != 0)
		return r;
	s->end = f.end;
	s->next_seq = f.next_seq;
	r = open_current(s);
	if (r != 0)
		return r;

	if (f.head == HEAD_GOOD) {
		s->head_fd = openat(s->dirfd, LEDGER_HEAD_NAME,
				    O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		if (s->head_fd == -1)
			return neg_errno();
	} else if (!f.repair.damage) {
		r = write_head(s);
		if (r != 0)
			return r;
	}
	if (ret_repair)
		*ret_repair = f.repair;
	return f.repair.damage || f.kept[0] ? add_torn(s, &f) : 0;
}

int store_open(struct store **ret, const char *dir,
	       const struct store_options *o, struct store_repair *ret_repair)
{
	AUTO(store) struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->dirfd = s->fd = s->head_fd = -1;
	s->world = real_world(o);
	if (o) {
		s->written = o->written;
		s->owner = o->owner;
	}
	s->file_bytes = o && o->file_bytes ? o->file_bytes : STORE_FILE_BYTES;
	buf_init(&s->group, STORE_GROUP_BYTES);
	buf_init(&s->lines, STORE_GROUP_BYTES * 2);

	r = dir_make_private(dir);
	if (r != 0)
		return r;
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dirfd == -1)
		return neg_errno();
	r = lock_dir(s->dirfd, o ? o->lock_wait_ms : 0);
	if (r == 0)
		r = hash_new(&s->hash);
	if (r == 0)
		r = start(s, ret_repair);
	if (r != 0)
		return r;
	*ret = TAKE(s);
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->head_fd != -1) {
		(void)fdatasync(s->head_fd); /* it may lag */
		(void)close(s->head_fd);
	}
	if (s->fd != -1)
		(void)close(s->fd);
	if (s->dirfd != -1)
		(void)close(s->dirfd); /* and the lock with it */
	hash_free(s->hash);
	buf_done(&s->group);
	buf_done(&s->lines);
	free(s);
}

int store_dirfd(const struct store *s)
{
	return s->dirfd;
}

size_t store_waiting(const struct store *s)
{
	return s->n_waiting;
}

size_t store_waiting_bytes(const struct store *s)
{
	return s->group.len;
}

int store_add(struct store *s, const struct store_record *r, size_t *ret_index)
{
	struct waiting w = {
		.at = r->at,
		.envelope_len = (uint32_t)r->envelope.len,
		.body_len = (uint32_t)r->body.len,
		.keep = r->keep,
	};
	char *p;

	/* Both bounds keep a line within RECORD_MAX_BYTES. */
	if (r->envelope.len > RECORD_MAX_ENVELOPE - LINE_EXTRA ||
	    r->body.len > RECORD_MAX_BODY || r->body.len < 2)
		return -EMSGSIZE;

	size_t need = sizeof(w) + r->envelope.len + r->body.len;

	if (need > s->group.max - s->group.len)
		return -ENOBUFS;
	p = buf_reserve(&s->group, need);
	if (!p) {
		s->group.failed = false; /* what waits is untouched */
		return -ENOMEM;
	}
	memcpy(p, &w, sizeof(w));
	memcpy(p + sizeof(w), r->envelope.ptr, r->envelope.len);
	memcpy(p + sizeof(w) + r->envelope.len, r->body.ptr, r->body.len);
	buf_added(&s->group, need);
	if (ret_index)
		*ret_index = s->n_waiting;
	s->n_waiting++;
	return 0;
}

/* Cut the next of the group. */
static bool next_waiting(struct str *group, struct waiting *ret,
			 struct str *ret_envelope, struct str *ret_body)
{
	if (group->len == 0)
		return false;
	ASSERT(group->len >= sizeof(*ret));
	memcpy(ret, group->ptr, sizeof(*ret));
	*group = str_skip(*group, sizeof(*ret));
	*ret_envelope = (struct str){ group->ptr, ret->envelope_len };
	*group = str_skip(*group, ret->envelope_len);
	*ret_body = (struct str){ group->ptr, ret->body_len };
	*group = str_skip(*group, ret->body_len);
	return true;
}

static char *put(char *p, struct str s)
{
	memcpy(p, s.ptr, s.len);
	return p + s.len;
}

static char *put_uint(char *p, uint64_t v)
{
	char text[20];
	size_t n = sizeof(text);

	do {
		text[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return put(p, (struct str){ text + n, sizeof(text) - n });
}

/* One line onto s->lines; @end becomes its end. */
static int word_line(struct store *s, const struct waiting *w,
		     struct str envelope, struct str body,
		     struct ledger_head *end, uint64_t seq)
{
	char *begin =
		buf_reserve(&s->lines, envelope.len + body.len + LINE_EXTRA);
	char *p = begin;
	size_t len;
	int r;

	if (!p)
		return -ENOMEM;
	p = put(p, STR("{\"v\":1,\"seq\":"));
	p = put_uint(p, seq);
	p = put(p, STR(",\"at\":"));
	p = put_uint(p, w->at);
	*p++ = ',';
	p = put(p, envelope);
	*p++ = ',';
	p = put(p, (struct str){ body.ptr + 1, body.len - 2 }); /* no braces */
	p = put(p, STR(",\"prev\":\""));
	p = put(p, (struct str){ end->hash, LEDGER_HASH_LEN });
	p = put(p, STR("\"}"));
	len = (size_t)(p - begin);
	*p = '\n';

	r = WALL(LEDGER_CHAIN)
		    ? hash_hex(s->hash, (struct str){ begin, len }, end->hash)
		    : 0;
	if (r != 0)
		return r;
	end->seq = seq;
	end->size += len + 1;
	buf_added(&s->lines, len + 1);
	return 0;
}

static int word_group(struct store *s, struct ledger_head *end)
{
	struct str group = buf_str(&s->group), envelope, body;
	uint64_t seq = s->next_seq;
	struct waiting w;
	int r = 0;

	buf_clear(&s->lines);
	while (r == 0 && next_waiting(&group, &w, &envelope, &body))
		r = word_line(s, &w, envelope, body, end, seq++);
	return r;
}

/* The group did not become durable. */
static void forget_refused(struct store *s)
{
	struct str group = buf_str(&s->group), envelope, body;
	char *p = s->group.ptr + s->group.off;
	size_t kept = 0, n = 0;
	struct waiting w;

	for (const char *at = group.ptr;
	     next_waiting(&group, &w, &envelope, &body); at = group.ptr) {
		size_t len = sizeof(w) + envelope.len + body.len;

		if (!w.keep)
			continue;
		memmove(p + kept, at, len);
		kept += len;
		n++;
	}
	s->group.len = kept;
	s->n_waiting = n;
}

static void forget_written(struct store *s)
{
	buf_clear(&s->group);
	s->n_waiting = 0;
	if (s->group.size > BUF_KEEP_BYTES)
		buf_done(&s->group);
	if (s->lines.size > BUF_KEEP_BYTES)
		buf_done(&s->lines);
}

static int make_clean(struct store *s)
{
	while (s->dirty) {
		if (s->world.ftruncate(s->fd, (off_t)s->end.size) == 0)
			s->dirty = false;
		else if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

/* The file is full: leave it for the next one. */
static int rotate(struct store *s)
{
	struct ledger_head before = s->end;
	int r;

	if (s->end.size < s->file_bytes)
		return 0;
	if (s->end.file == LEDGER_FILES_MAX)
		return -EFBIG;
	if (s->head_fd != -1)
		(void)fdatasync(s->head_fd); /* it may lag */
	s->end.file++;
	s->end.size = 0;
	r = open_current(s);
	if (r != 0)
		s->end = before;
	return r;
}

static int try_commit(struct store *s)
{
	struct ledger_head end;
	int r = make_clean(s);

	if (r == 0)
		r = rotate(s);
	if (r != 0)
		return r;
	end = s->end;
	r = word_group(s, &end);
	if (r != 0)
		return r;

	s->dirty = true;
	r = write_at(s, s->fd, buf_str(&s->lines), s->end.size);
	if (r == 0 && s->written)
		s->written(s->owner);
	if (r == 0)
		r = sync_data(s, s->fd);
	if (r != 0)
		return r;
	s->dirty = false;
	s->end = end;
	return 0;
}

int store_commit(struct store *s, uint64_t *ret_first_seq)
{
	uint64_t first = s->next_seq;
	int r;

	*ret_first_seq = first;
	if (s->n_waiting == 0)
		return 0;
	r = try_commit(s);
	if (r != 0) {
		forget_refused(s);
		(void)make_clean(s); /* else before the next write */
		return r;
	}
	s->next_seq = s->end.seq + 1;
	(void)!write_head(s); /* it may lag */
	forget_written(s);
	return 0;
}
