/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   idle --asked--> asked --answer within PATIENCE_MS--> idle
 *                   asked --no answer--> busy --openers_collect()--> idle
 *
 * With all busy for ALL_BUSY_MS a call is left to the kernel: FIFOs never come this
 * far, so that takes as many file systems that do not answer.
 */
#include "jail/witness-open.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/opener.h"

#define PATIENCE_MS 5
#define ALL_BUSY_MS 250 /* then a call is left to the kernel */
#define LAST_MS     100 /* at the end, when the callers are gone */

struct one {
	int sock;
	bool busy;
	uint64_t id;
	struct call_open call;
	struct look_who who;
	char path[LOOK_FULL]; /* as the caller gave it, absolute */
};

struct openers {
	struct one v[OPENERS];
	size_t n;
	struct ipc_msg msg;
	struct note note;
};

int openers_new(struct openers **ret, const int *socks, size_t n)
{
	struct openers *o = calloc(1, sizeof(*o));

	if (!o || n > OPENERS) {
		free(o);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		o->v[i].sock = socks[i];
	o->n = n;
	ipc_msg_init(&o->msg);
	*ret = o;
	return 0;
}

void openers_free(struct openers *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		(void)close(o->v[i].sock);
	ipc_msg_done(&o->msg);
	free(o);
}

bool openers_busy(const struct openers *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->v[i].busy)
			return true;
	}
	return false;
}

/* False: the string cannot be read, or its directory not be had. */
static bool read_path(const struct call_seen *c, const struct call_open *call,
		      char raw[LOOK_PATH], struct opener_ask *a, int *ret_dir)
{
	char what[40];

	if (look_string(c->tid, call->path, raw, LOOK_PATH) < 0)
		return false;
	if (raw[0] == '/')
		return true;
	if (call->dirfd == AT_FDCWD)
		(void)snprintf(what, sizeof(what), "/proc/%d/cwd", (int)c->tid);
	else
		(void)snprintf(what, sizeof(what), "/proc/%d/fd/%d",
			       (int)c->tid, call->dirfd);
	*ret_dir = open(what, O_PATH | O_CLOEXEC);
	a->has_dir = 1;
	return *ret_dir != -1;
}

static int ask(struct one *one, const struct opener_ask *a, const char *raw,
	       int dir)
{
	char body[sizeof(*a) + LOOK_PATH];
	size_t len = strlen(raw);

	memcpy(body, a, sizeof(*a));
	memcpy(body + sizeof(*a), raw, len);
	one->busy = true;
	one->id = a->id;
	return ipc_send(one->sock, MSG_WITNESS, 0,
			(struct str){ .ptr = body, .len = sizeof(*a) + len },
			&dir, a->has_dir ? 1 : 0);
}

static void note(struct openers *o, struct one *one,
		 const struct opener_said *said, struct str path, openers_fn fn,
		 void *ctx)
{
	bool opened = said->result != OPENER_REFUSED && path.len > 0;

	call_note_open(&o->note, &one->call, opened ? path : str_of(one->path),
		       RECORD_KERNEL, str_of(one->who.exe));
	if (said->result == OPENER_REFUSED)
		note_add_uint(&o->note, NOTE_ERRNO, (uint64_t)said->error);
	fn(ctx, &o->note, &one->who);
}

/* Its answer is there.  OPENERS_*, or -errno. */
static int take(struct openers *o, struct one *one, openers_fn fn, void *ctx)
{
	struct opener_said said;
	struct str body;
	int r = ipc_recv(one->sock, &o->msg, IPC_INLINE_MAX);

	if (r != 0)
		return r;
	body = buf_str(&o->msg.body);
	if (body.len < sizeof(said))
		return -EPROTO;
	memcpy(&said, body.ptr, sizeof(said));
	if (said.id != one->id)
		return -EPROTO;
	one->busy = false;
	if (said.result == OPENER_LEFT)
		return OPENERS_LEFT;
	/* It was opened, made or emptied, whether or not the caller lived to have
	 * it. */
	if (said.result != OPENER_GONE || body.len > sizeof(said))
		note(o, one, &said, str_skip(body, sizeof(said)), fn, ctx);
	return OPENERS_ANSWERED;
}

/* The timer's signal, which comes again and again, does not make it longer. */
static bool poll_for(struct pollfd *p, size_t n, int ms)
{
	uint64_t end = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;
	int r;

	do {
		uint64_t now = clock_mono_ns();

		ms = now < end ? (int)((end - now + NS_PER_MS - 1) / NS_PER_MS)
			       : 0;
		r = poll(p, n, ms);
	} while (r == -1 && errno == EINTR && ms > 0);
	return r > 0;
}

bool openers_wait(struct openers *o)
{
	struct pollfd p[OPENERS];

	for (size_t i = 0; i < o->n; i++) {
		if (!o->v[i].busy)
			return false;
		p[i] = (struct pollfd){ .fd = o->v[i].sock, .events = POLLIN };
	}
	return poll_for(p, o->n, ALL_BUSY_MS);
}

static bool has_spoken(const struct one *one, int ms)
{
	struct pollfd p = { .fd = one->sock, .events = POLLIN };

	return poll_for(&p, 1, ms);
}

static struct one *find_idle(struct openers *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (!o->v[i].busy)
			return &o->v[i];
	}
	return NULL;
}

int openers_open(struct openers *o, uint64_t id, const struct call_seen *c,
		 const struct call_open *call, openers_fn fn, void *ctx)
{
	struct opener_ask a = { .id = id,
				.flags = call->flags,
				.mode = call->mode };
	static char raw[LOOK_PATH], full[LOOK_FULL];
	struct one *one = find_idle(o);
	AUTO(fd) int dir = -1;
	struct str path;
	int r;

	if (!one || call->flags & O_PATH || !read_path(c, call, raw, &a, &dir))
		return OPENERS_LEFT;
	if (call->flags & (O_CREAT | O_TMPFILE))
		a.umask = look_umask(c->tid);
	path = look_absolute(c->tid, call->dirfd, str_of(raw), full);
	memcpy(one->path, path.ptr, path.len);
	one->path[path.len] = '\0';
	one->call = *call;
	one->who = *c->who;
	r = ask(one, &a, raw, dir);
	if (r != 0)
		return r;
	return has_spoken(one, PATIENCE_MS) ? take(o, one, fn, ctx)
					    : OPENERS_ANSWERED;
}

void openers_give_up(struct openers *o, openers_fn fn, void *ctx)
{
	for (size_t i = 0; i < o->n; i++) {
		struct one *one = &o->v[i];

		if (!one->busy)
			continue;
		if (has_spoken(one, LAST_MS) &&
		    take(o, one, fn, ctx) == OPENERS_ANSWERED)
			continue;
		one->busy = false;
		call_note_open(&o->note, &one->call, str_of(one->path),
			       RECORD_CLAIMED, str_of(one->who.exe));
		fn(ctx, &o->note, &one->who);
	}
}

int openers_collect(struct openers *o, openers_fn fn, openers_left_fn left,
		    void *ctx)
{
	for (size_t i = 0; i < o->n; i++) {
		struct one *one = &o->v[i];
		int r;

		if (!one->busy || !has_spoken(one, 0))
			continue;
		r = take(o, one, fn, ctx);
		if (r < 0)
			return r;
		if (r == OPENERS_LEFT) {
			call_note_open(&o->note, &one->call, str_of(one->path),
				       RECORD_CLAIMED, str_of(one->who.exe));
			left(ctx, one->id);
			fn(ctx, &o->note, &one->who);
		}
	}
	return 0;
}
