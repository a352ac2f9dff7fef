/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that appear in the project while the command runs.  Those of the jail
 * are its own business; one of the host would be a way out, and is covered.
 *
 * Theory of operation
 *
 * The name is there before the socket is bound to it, and it may listen much
 * later.  So a file is asked about until a network says that it is its own: the
 * jail's, and it stays as it is; the host's, and it is covered, listening or not.
 * What neither knows after TRIES is dead, or of a third network, of a container
 * that shares the directory: covered if somebody answers.
 */
#include <fcntl.h>

#include "base/clock.h"
#include "cmd/run.h"
#include "jail/own-sockets.h"

#define MAX_WAITING 256u
#define TRIES       5u
#define EACH_NS     (20 * NS_PER_MS)

struct waiting {
	char *path;
	uint64_t appeared_utc_ns;
	unsigned tries;
};

struct run_sockets {
	struct run *run;
	struct loop_timer timer;
	int jail_net;         /* a socket of the jail's network */
	int jail_fd, host_fd; /* own_sockets_open(); -1: not yet */
	bool told;
	struct waiting v[MAX_WAITING];
	size_t n;
};

static int on_timer(struct loop_timer *t);

int run_sockets_new(struct run *r, int jail_net)
{
	struct run_sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct run_sockets){ .run = r,
				   .jail_net =
					   fcntl(jail_net, F_DUPFD_CLOEXEC, 0),
				   .jail_fd = -1,
				   .host_fd = -1 };
	s->timer = (struct loop_timer){ .run = on_timer, .owner = s };
	r->sockets = s;
	return s->jail_net == -1 ? neg_errno() : 0;
}

void run_sockets_free(struct run *r)
{
	struct run_sockets *s = TAKE(r->sockets);

	if (!s)
		return;
	if (r->loop)
		loop_timer_clear(r->loop, &s->timer);
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].path);
	auto_fd(&s->jail_net);
	auto_fd(&s->jail_fd);
	auto_fd(&s->host_fd);
	free(s);
}

static int open_lists(struct run_sockets *s)
{
	struct own_sockets_ask ask = { .socket = s->jail_net };
	int e = 0;

	if (s->jail_fd == -1) {
		e = jail_empowered(s->run->jail, own_sockets_open, &ask);
		s->jail_fd = ask.fd;
	}
	ask.socket = -1;
	if (e == 0 && s->host_fd == -1) {
		e = own_sockets_open(&ask);
		s->host_fd = ask.fd;
	}
	return e;
}

/* Of each that waits, whose it is. */
static int ask(struct run_sockets *s, struct own_socket *jails,
	       struct own_socket *hosts)
{
	int e = open_lists(s);

	if (e == 0)
		e = own_sockets_find(s->jail_fd, jails, s->n);
	if (e == 0)
		e = own_sockets_find(s->host_fd, hosts, s->n);
	if (e == 0 || error_is_shortage(e))
		return e;
	if (!s->told)
		run_tell(s->run,
			 "this kernel does not tell whose a socket is (%s): "
			 "those that appear in the project are hidden, the "
			 "command's own too",
			 strerror(-e));
	s->told = true;
	return 1;
}

static int cover(struct run_sockets *s, const struct waiting *w)
{
	struct hide_found f = { .path = w->path,
				.what = HIDE_SOCKET,
				.appeared_utc_ns = w->appeared_utc_ns };
	int e = run_hide_one(s->run, &f);

	return e == 0 ? hide_covered(s->run->hide, w->path) : e;
}

enum answer {
	ANSWER_ASK_AGAIN,
	ANSWER_LEAVE,
	ANSWER_COVER,
};

static enum answer decide(const struct waiting *w, bool known, bool jails,
			  bool hosts)
{
	if (jails)
		return ANSWER_LEAVE;
	if (hosts)
		return ANSWER_COVER;
	if (w->tries < TRIES && known)
		return ANSWER_ASK_AGAIN;
	return own_sockets_answer(w->path) ? ANSWER_COVER : ANSWER_LEAVE;
}

static int look(struct run_sockets *s)
{
	static struct own_socket jails[MAX_WAITING], hosts[MAX_WAITING];
	size_t n = 0;
	int e;

	for (size_t i = 0; i < s->n; i++) {
		e = own_sockets_key(s->v[i].path, &jails[n]);
		if (e < 0)
			return e;
		if (e > 0) {
			free(s->v[i].path);
			continue;
		}
		hosts[n] = jails[n];
		s->v[n++] = s->v[i];
	}
	s->n = n;
	e = n > 0 ? ask(s, jails, hosts) : 0;
	if (e < 0)
		return e;
	n = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct waiting *w = &s->v[i];
		enum answer a =
			decide(w, e == 0, jails[i].there, hosts[i].there);
		int broken = a == ANSWER_COVER ? cover(s, w) : 0;

		if (broken < 0)
			return broken;
		w->tries++;
		if (a == ANSWER_ASK_AGAIN)
			s->v[n++] = *w;
		else
			free(w->path);
	}
	s->n = n;
	return 0;
}

static int on_timer(struct loop_timer *t)
{
	struct run_sockets *s = t->owner;
	int e = s->run->phase == RUN_RUNNING ? look(s) : 0;

	if (e < 0)
		run_hide_broken(s->run, e);
	else if (s->n > 0)
		e = loop_timer_set(s->run->loop, t, clock_mono_ns() + EACH_NS);
	return e < 0 ? 0 : e;
}

int run_sockets_found(struct run *r, const struct hide_found *f)
{
	struct run_sockets *s = r->sockets;
	struct waiting *w;
	int e;

	if (!s)
		return 1; /* nobody connects to one of the host here */
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i].path, f->path) == 0) {
			s->v[i].tries = 0;
			return 1;
		}
	}
	/* More at once than anybody needs: decided as they are. */
	for (unsigned i = 0; s->n == MAX_WAITING && i <= TRIES; i++) {
		e = look(s);
		if (e < 0)
			return e;
	}
	w = &s->v[s->n];
	*w = (struct waiting){ .path = strdup(f->path),
			       .appeared_utc_ns = f->appeared_utc_ns };
	if (!w->path)
		return -ENOMEM;
	s->n++;
	e = loop_timer_set(r->loop, &s->timer, clock_mono_ns());
	return e < 0 ? e : 1;
}
