/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A connection exists twice: accepted from the jail, and made to the host at
 * once, with our own credentials.  A duct copies between them until both have
 * said that they are at their end.  When the host's socket cannot be reached,
 * the accepted one is closed, which the program in the jail sees as a peer
 * that hung up: a listener cannot refuse after the fact.
 *
 * The host's socket may lie where sessions can write.  A path that was free of
 * symbolic links when it was named is never followed through one later: it
 * would lead to what a session chose, another agent's socket perhaps.
 *
 * Beyond BROKER_MAX_CONNS nothing is accepted; the backlog fills and connect()
 * in the jail waits, or fails with EAGAIN.
 */
#include "jail/broker.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "jail/duct.h"
#include "jail/sys.h"

struct conn {
	struct duct duct;
	struct broker *broker;
	struct conn *next, **link;
	int inside, outside;
};

struct entrance {
	struct loop_io io;
	struct broker *broker;
	struct entrance *next;
	struct sockaddr_un host;
	bool plain; /* there is no link on the way to it */
	bool used, listening;
	int fd;
};

struct broker {
	struct broker_config c;
	struct entrance *entrances;
	struct conn *conns;
	unsigned n_conns;
};

static int update_entrances(struct broker *b)
{
	bool room = b->n_conns < BROKER_MAX_CONNS;

	for (struct entrance *e = b->entrances; e; e = e->next) {
		int r = 0;

		if (room && !e->listening)
			r = loop_io_add(b->c.loop, &e->io);
		else if (!room && e->listening)
			loop_io_remove(b->c.loop, &e->io);
		if (r < 0)
			return r;
		e->listening = room;
	}
	return 0;
}

static void conn_free(struct conn *c)
{
	struct broker *b = c->broker;

	duct_done(&c->duct);
	(void)close(c->inside);
	(void)close(c->outside);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	free(c);
	b->n_conns--;
}

static void on_over(struct duct *p, enum duct_over how, int error)
{
	struct conn *c = p->owner;
	struct broker *b = c->broker;

	(void)how;
	(void)error;
	conn_free(c);
	(void)!update_entrances(b); /* out of memory: fewer entrances */
}

static int open_plain(const char *path)
{
	return sys_openat2(AT_FDCWD, path, O_PATH,
			   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static int connect_host(const struct entrance *e)
{
	struct sockaddr_un host = e->host;
	AUTO(fd) int at = -1;
	AUTO(fd)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return neg_errno();
	if (e->plain) {
		int r = open_plain(e->host.sun_path);

		if (r < 0)
			return r;
		at = r;
		(void)snprintf(host.sun_path, sizeof(host.sun_path),
			       "/proc/self/fd/%d", at);
	}
	if (connect(fd, (const struct sockaddr *)&host, sizeof(host)) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

/* Takes both. */
static int conn_new(struct broker *b, int inside, int outside)
{
	struct conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		(void)close(inside);
		(void)close(outside);
		return -ENOMEM;
	}
	c->broker = b;
	c->inside = inside;
	c->outside = outside;
	c->next = b->conns;
	c->link = &b->conns;
	if (c->next)
		c->next->link = &c->next;
	b->conns = c;
	b->n_conns++;
	c->duct.owner = c;
	c->duct.on_over = on_over;
	r = duct_start(&c->duct, b->c.loop,
		       (struct duct_fds){ inside, inside, false },
		       (struct duct_fds){ outside, outside, false });
	if (r < 0)
		conn_free(c);
	return r;
}

static int on_connection(struct loop_io *io, uint32_t events)
{
	struct entrance *e = io->owner;
	struct broker *b = e->broker;
	int inside = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int outside;

	(void)events;
	if (inside == -1) {
		/* Out of descriptors: until one of ours ends, or it would spin. */
		if ((errno == EMFILE || errno == ENFILE) && b->conns) {
			loop_io_remove(b->c.loop, &e->io);
			e->listening = false;
		}
		return 0;
	}
	if (!e->used) {
		if (b->c.first_use(b->c.owner, e->host.sun_path) < 0) {
			(void)close(inside);
			return 0;
		}
		e->used = true;
	}
	outside = connect_host(e);
	if (outside < 0) {
		(void)close(inside);
		return 0;
	}
	(void)!conn_new(b, inside, outside); /* seen inside as a hang-up */
	return update_entrances(b);
}

int broker_new(struct broker **ret, const struct broker_config *c)
{
	struct broker *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->c = *c;
	*ret = b;
	return 0;
}

void broker_free(struct broker *b)
{
	if (!b)
		return;
	while (b->conns)
		conn_free(b->conns);
	while (b->entrances) {
		struct entrance *e = b->entrances;

		b->entrances = e->next;
		if (e->listening)
			loop_io_remove(b->c.loop, &e->io);
		(void)close(e->fd);
		free(e);
	}
	free(b);
}

int broker_add(struct broker *b, int listener, const char *path)
{
	struct entrance *e;
	int at;

	if (strlen(path) >= sizeof(e->host.sun_path)) {
		(void)close(listener);
		return -ENAMETOOLONG;
	}
	e = calloc(1, sizeof(*e));
	if (!e) {
		(void)close(listener);
		return -ENOMEM;
	}
	e->broker = b;
	e->fd = listener;
	e->host.sun_family = AF_UNIX;
	memcpy(e->host.sun_path, path, strlen(path));
	at = open_plain(path);
	e->plain = at >= 0;
	if (at >= 0)
		(void)close(at);
	e->io = (struct loop_io){ .fd = listener,
				  .events = EPOLLIN,
				  .run = on_connection,
				  .owner = e };
	e->next = b->entrances;
	b->entrances = e;
	return update_entrances(b);
}
