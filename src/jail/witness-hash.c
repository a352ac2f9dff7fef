/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   unknown --hashes_find(), in the file--> known
 *           --hashes_find()--> waiting --there is room in the socket--> asked
 *
 * Beyond PROGRAMS_MAX different ones in a session the oldest are forgotten, and
 * asked for again: the file answers.
 */
#include "jail/witness-hash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/fd.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"

#define PROGRAMS_MAX 256u
#define WAITING_MAX  64u
#define PATH_ROOM    ((size_t)4096)

struct program {
	char key[HASH_KEY];
	char hex[HASH_HEX]; /* "": not known */
};

struct waiting {
	char key[HASH_KEY];
	char path[PATH_ROOM];
	int fd; /* to read from; -1: it cannot be read */
};

struct hashes {
	int sock;
	struct program v[PROGRAMS_MAX];
	size_t n, next; /* next: which is forgotten first */
	struct waiting *waiting;
	size_t n_waiting;
	struct buf cache;
};

static uint64_t ns_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * UINT64_C(1000000000) +
	       (uint64_t)t->tv_nsec;
}

void hash_key(const struct stat *st, char dst[HASH_KEY])
{
	(void)snprintf(dst, HASH_KEY,
		       "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIu64,
		       (uint64_t)st->st_dev, (uint64_t)st->st_ino,
		       (uint64_t)st->st_size, ns_of(&st->st_mtim),
		       ns_of(&st->st_ctim));
}

int hashes_new(struct hashes **ret)
{
	AUTO(hashes) struct hashes *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->sock = -1;
	h->waiting = calloc(WAITING_MAX, sizeof(*h->waiting));
	if (!h->waiting)
		return -ENOMEM;
	buf_init(&h->cache, HASH_CACHE);
	*ret = TAKE(h);
	return 0;
}

void hashes_use(struct hashes *h, int take_sock, int cache)
{
	h->sock = take_sock;
	/* Longer, or not readable: then it is as if it were not there. */
	if (cache != -1 && fd_read_all(cache, &h->cache) != 0)
		buf_clear(&h->cache);
}

void hashes_free(struct hashes *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_waiting; i++)
		auto_fd(&h->waiting[i].fd);
	auto_fd(&h->sock);
	buf_done(&h->cache);
	free(h->waiting);
	free(h);
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') ||
		      (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	}
	return s.len == HASH_HEX - 1;
}

/* The last line with this key counts. */
static void look_up(struct hashes *h, struct program *p)
{
	struct str rest = buf_str(&h->cache), line, key = str_of(p->key);

	while (str_cut(&rest, '\n', &line)) {
		struct str hex = str_skip(line, key.len + 1);

		if (!str_starts(line, key) || line.len <= key.len ||
		    line.ptr[key.len] != ' ' || !is_hex(hex))
			continue;
		memcpy(p->hex, hex.ptr, hex.len);
		p->hex[hex.len] = '\0';
	}
}

/* KEY LF PATH, and the file unless it cannot be read. */
static int ask(struct hashes *h, const struct waiting *w)
{
	char body[HASH_KEY + PATH_ROOM + 1];
	int n = snprintf(body, sizeof(body), "%s\n%s", w->key, w->path);

	return ipc_send(h->sock, MSG_WITNESS, 0,
			(struct str){ .ptr = body, .len = (size_t)n }, &w->fd,
			w->fd != -1);
}

void hashes_ask(struct hashes *h, bool wait)
{
	size_t done = 0;
	int r = 0;

	if (h->n_waiting == 0)
		return;
	(void)!fd_set_nonblock(h->sock, !wait);
	while (done < h->n_waiting && r != -EAGAIN) {
		r = ask(h, &h->waiting[done]);
		if (r == -EAGAIN)
			break;
		auto_fd(&h->waiting[done++].fd);
	}
	h->n_waiting -= done;
	memmove(h->waiting, h->waiting + done,
		h->n_waiting * sizeof(*h->waiting));
}

static void wait_for(struct hashes *h, const struct program *p, int fd,
		     struct str path)
{
	struct waiting *w;
	char name[40];

	if (h->sock == -1)
		return;
	if (h->n_waiting == WAITING_MAX)
		hashes_ask(h, true);
	w = &h->waiting[h->n_waiting++];
	memcpy(w->key, p->key, sizeof(w->key));
	if (path.len > PATH_ROOM - 1)
		path.len = PATH_ROOM - 1;
	memcpy(w->path, path.ptr, path.len);
	w->path[path.len] = '\0';
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	w->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	hashes_ask(h, false);
}

const char *hashes_find(struct hashes *h, int fd, struct str path)
{
	struct program *p;
	char key[HASH_KEY];
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return NULL;
	hash_key(&st, key);
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->v[i].key, key) == 0)
			return h->v[i].hex[0] ? h->v[i].hex : NULL;
	}
	p = &h->v[h->next];
	h->next = (h->next + 1) % PROGRAMS_MAX;
	if (h->n < PROGRAMS_MAX)
		h->n++;
	*p = (struct program){ .hex = "" };
	memcpy(p->key, key, sizeof(p->key));
	look_up(h, p);
	if (p->hex[0])
		return p->hex;
	wait_for(h, p, fd, path);
	return NULL;
}
