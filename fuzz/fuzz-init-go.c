/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: one byte, its lowest two bits the number of descriptors that come, the
 * next: whether there is a terminal, the next: which message; then its body.  The
 * laws of what init and warden hear:
 *   1. words are terminated lists, and there is a program to start;
 *   2. three streams: each the terminal, which is there, or a descriptor that
 *      was sent; none is used twice, and what is over is closed;
 *   3. a signal exists, or is none;
 *   4. the same again says the same.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/arena.h"
#include "jail/init-say.h"

#define ROOM     ((size_t)4 * 1024 * 1024)
#define BODY_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void make(struct ipc_msg *m, struct str body, size_t n_fds)
{
	ipc_msg_init(m);
	buf_init(&m->body, BODY_MAX + 1);
	law(buf_add(&m->body, body));
	for (size_t i = 0; i < n_fds; i++) {
		m->fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		law(m->fds[i] != -1);
	}
	m->n_fds = n_fds;
}

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static void close_streams(const struct child *c)
{
	for (size_t i = 0; i < 3; i++) {
		if (c->stdio[i] != -1)
			law(close(c->stdio[i]) == 0); /* and each is another */
	}
}

/* How many words and streams; -1: refused. */
static long go(struct str body, size_t n_fds, bool tty)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct child c = { .stdio = { -1, -1, -1 }, .tty = -1 };
	struct ipc_msg m;
	size_t sent = 0;
	int null = -1, r;

	if (tty)
		c.tty = null = open("/dev/null", O_RDWR | O_CLOEXEC);
	arena_init(&a, ROOM);
	make(&m, body, n_fds);
	r = go_parse(&a, &m, &c);
	law(r == 0 || r == -EPROTO || r == -ENOMEM);
	if (r == 0) {
		law(c.argv && c.env && count(c.argv) > 0);
		for (size_t i = 0; i < 3; i++) {
			law(c.stdio[i] != -1 || tty);
			sent += c.stdio[i] != -1;
		}
		law(sent <= n_fds);
	}
	close_streams(&c);
	ipc_msg_done(&m);
	if (null != -1)
		(void)close(null);
	return r == 0 ? (long)(4 * (count(c.argv) + count(c.env)) + sent) : -1;
}

static int signal_of(struct str body)
{
	struct ipc_msg m;
	int r;

	make(&m, body, 0);
	r = signal_parse(&m);
	ipc_msg_done(&m);
	law(r == -EPROTO || (r >= 0 && r < NSIG));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = { (const char *)data + 1, size - 1 };

	if (size == 0 || size > BODY_MAX)
		return 0;
	if (data[0] & 8) {
		int first = signal_of(body);

		law(signal_of(body) == first);
	} else {
		long n = go(body, data[0] & 3, data[0] & 4);

		law(go(body, data[0] & 3, data[0] & 4) == n);
	}
	return 0;
}
