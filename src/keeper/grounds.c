/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/grounds.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wall.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/state.h"

#define BODY_MAX  ((size_t)1024)
#define ARENA_MAX ((size_t)16 * 1024)

static int on_timer(struct loop_timer *t)
{
	struct grounds *g = t->owner;

	g->due_ns = 0;
	if (!g->asked && !grounds_has(g) && link_is_open(&g->groundsman))
		/* A failure is seen by the loop, as the end of the link. */
		g->asked = link_send(&g->groundsman, MSG_GROUND_MAKE, 0,
				     STR("{}"), NULL, 0) == 0;
	return 0;
}

void grounds_init(struct grounds *g, struct loop *loop)
{
	*g = (struct grounds){ .groundsman = LINK_NULL,
			       .held = GROUND_NULL,
			       .loop = loop,
			       .timer = { .run = on_timer, .owner = g } };
}

void grounds_done(struct grounds *g)
{
	loop_timer_clear(g->loop, &g->timer);
	link_close(&g->groundsman);
	ground_done(&g->held);
}

/* Its end is not the only copy here, so it is told that this is the last. */
static void let_go(struct link *l)
{
	(void)shutdown(l->fd, SHUT_RDWR);
	link_close(l);
}

static void on_end(struct link *l, int reason)
{
	log_warn("the groundsman died (%s): each session makes its network "
		 "itself",
		 strerror(-reason));
	let_go(l);
}

/* It will not work the next time either. */
static int on_failure(struct link *l, struct str body)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	char why[256];

	arena_init(&a, ARENA_MAX);
	if (json_parse(&a, body, &j, NULL) != 0)
		return -EPROTO;
	str_sanitise(json_find_str(j, "error"), why, sizeof(why));
	log_warn("no network ahead of a session: %s", why);
	let_go(l);
	return 0;
}

static int on_msg(struct link *l, struct ipc_msg *m)
{
	struct keeper *k = l->owner;
	struct grounds *g = &k->grounds;
	struct str body = buf_str(&m->body);
	int fds[GROUND_FDS];

	if (m->type != MSG_GROUND || !g->asked ||
	    body.len >= sizeof(g->limits) ||
	    (m->n_fds != 0 && m->n_fds != GROUND_FDS))
		return -EPROTO;
	g->asked = false;
	if (m->n_fds == 0)
		return on_failure(l, body);
	for (size_t i = 0; i < GROUND_FDS; i++)
		fds[i] = ipc_take_fd(m, i);
	g->held = ground_take_fds(fds);
	memcpy(g->limits, body.ptr, body.len);
	g->limits[body.len] = '\0';
	return 0;
}

int grounds_open(struct keeper *k, int fd)
{
	struct link *l = &k->grounds.groundsman;
	int copy;

	if (fd == -1)
		return 0;
	copy = fd_dup(fd);
	if (copy < 0)
		return copy;
	l->owner = k;
	l->on_msg = on_msg;
	l->on_end = on_end;
	l->max_body = BODY_MAX;
	return link_open(l, k->loop, copy);
}

bool grounds_has(const struct grounds *g)
{
	return g->held.user_ns != -1;
}

void grounds_want(struct grounds *g, uint64_t wait_ns)
{
	uint64_t at = clock_mono_ns() + wait_ns;

	if (g->asked || grounds_has(g) || (g->due_ns != 0 && g->due_ns <= at))
		return;
	if (loop_timer_set(g->loop, &g->timer, at) == 0)
		g->due_ns = at;
	else
		log_warn("no memory to have a ground made");
}

void grounds_hand(struct grounds *g, struct client *c)
{
	int fds[GROUND_FDS];

	if (!grounds_has(g))
		return;
	ground_to_fds(&g->held, fds);
	client_send(c, MSG_GROUND, 0, str_of(g->limits), fds, N_ELEMS(fds));
	if (WALL(GROUND_ONCE)) /* whether it got there or not */
		ground_done(&g->held);
}
