/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * epoll data is {slot, generation}.  A slot names a handle; removing the handle
 * empties the slot and raises its generation, so an event that was already
 * fetched for it finds no match and is dropped.  Free slots are chained.
 *
 * Timers are a binary heap of pointers, position kept in the timer (1-based,
 * 0 = not armed), so that clearing is O(log n) too.
 *
 * Invariants: slots[i].io is NULL or io->slot == i + 1;  heap[i]->heap_pos ==
 * i + 1.
 */
#include "base/loop.h"

#include "base/clock.h"

#define EVENTS_MAX 64 /* fetched by one wait */

struct slot {
	struct loop_io *io;
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
};

struct loop {
	int epoll_fd;
	struct loop_world world;
	uint64_t now_ns;
	struct slot *slots;
	size_t n_slots;
	uint32_t free_slot; /* index + 1 */
	struct loop_timer **heap;
	size_t n_heap, size_heap;
	bool stopped;
	int code;
};

static int real_wait(int epfd, struct epoll_event *ev, int n, int timeout_ms)
{
	return epoll_wait(epfd, ev, n, timeout_ms);
}

int loop_new(struct loop **ret, const struct loop_world *w)
{
	AUTO(loop) struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll_fd = -1;
	l->world.now_ns = w && w->now_ns ? w->now_ns : clock_mono_ns;
	l->world.wait = w && w->wait ? w->wait : real_wait;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd == -1)
		return neg_errno();
	l->now_ns = l->world.now_ns();
	*ret = TAKE(l);
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->epoll_fd != -1)
		(void)close(l->epoll_fd);
	free(l->slots);
	free(l->heap);
	free(l);
}

uint64_t loop_now_ns(const struct loop *l)
{
	return l->now_ns;
}

static int slot_take(struct loop *l, uint32_t *ret)
{
	if (l->free_slot == 0) {
		size_t n = l->n_slots ? 2 * l->n_slots : 16;
		struct slot *s = reallocarray(l->slots, n, sizeof(*s));

		if (!s)
			return -ENOMEM;
		l->slots = s;
		for (size_t i = l->n_slots; i < n; i++)
			s[i] = (struct slot){ .next_free = (uint32_t)i + 2 };
		s[n - 1].next_free = 0;
		l->free_slot = (uint32_t)l->n_slots + 1;
		l->n_slots = n;
	}
	*ret = l->free_slot;
	l->free_slot = l->slots[*ret - 1].next_free;
	return 0;
}

static void slot_drop(struct loop *l, uint32_t slot)
{
	struct slot *s = &l->slots[slot - 1];

	s->io = NULL;
	s->generation++;
	s->next_free = l->free_slot;
	l->free_slot = slot;
}

static struct epoll_event event_of(const struct loop *l,
				   const struct loop_io *io)
{
	uint64_t gen = l->slots[io->slot - 1].generation;

	return (struct epoll_event){ .events = io->events,
				     .data.u64 = gen << 32 | io->slot };
}

int loop_io_add(struct loop *l, struct loop_io *io)
{
	struct epoll_event ev;
	uint32_t slot = 0;
	int r;

	ASSERT(io->slot == 0 && io->run);
	r = slot_take(l, &slot);
	if (r != 0)
		return r;
	io->slot = slot;
	l->slots[slot - 1].io = io;
	ev = event_of(l, io);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) == -1) {
		r = neg_errno();
		slot_drop(l, slot);
		io->slot = 0;
		return r;
	}
	return 0;
}

int loop_io_set(struct loop *l, struct loop_io *io, uint32_t events)
{
	struct epoll_event ev;

	ASSERT(io->slot != 0);
	if (io->events == events)
		return 0;
	io->events = events;
	ev = event_of(l, io);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) == -1)
		return neg_errno();
	return 0;
}

void loop_io_remove(struct loop *l, struct loop_io *io)
{
	if (io->slot == 0)
		return;
	/* Fails only when the owner closed it first; nothing is left then. */
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	slot_drop(l, io->slot);
	io->slot = 0;
}

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->heap_pos = i + 1;
}

static void heap_up(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	while (i > 0 && l->heap[(i - 1) / 2]->at_ns > t->at_ns) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid >= l->n_heap)
			break;
		if (kid + 1 < l->n_heap &&
		    l->heap[kid + 1]->at_ns < l->heap[kid]->at_ns)
			kid++;
		if (l->heap[kid]->at_ns >= t->at_ns)
			break;
		heap_put(l, i, l->heap[kid]);
		i = kid;
	}
	heap_put(l, i, t);
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	ASSERT(t->run);
	loop_timer_clear(l, t);
	if (l->n_heap == l->size_heap) {
		size_t n = l->size_heap ? 2 * l->size_heap : 16;
		struct loop_timer **h =
			reallocarray(l->heap, n, sizeof(struct loop_timer *));

		if (!h)
			return -ENOMEM;
		l->heap = h;
		l->size_heap = n;
	}
	t->at_ns = at_ns;
	heap_put(l, l->n_heap++, t);
	heap_up(l, l->n_heap - 1);
	return 0;
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	size_t i = t->heap_pos;
	struct loop_timer *last;

	if (i == 0)
		return;
	i--;
	t->heap_pos = 0;
	last = l->heap[--l->n_heap];
	if (last == t)
		return;
	heap_put(l, i, last);
	heap_up(l, i);
	heap_down(l, last->heap_pos - 1);
}

static int timeout_of(const struct loop *l, int timeout_ms)
{
	uint64_t ms;

	if (l->n_heap == 0)
		return timeout_ms;
	if (l->heap[0]->at_ns <= l->now_ns)
		return 0;
	/* Rounded up, so that a timer is never early. */
	ms = (l->heap[0]->at_ns - l->now_ns + NS_PER_MS - 1) / NS_PER_MS;
	if (ms > 3600 * 1000)
		ms = 3600 * 1000;
	return timeout_ms >= 0 && (uint64_t)timeout_ms < ms ? timeout_ms
							     : (int)ms;
}

static int run_timers(struct loop *l)
{
	/* Those armed by a callback for "now" wait for the next round. */
	size_t most = l->n_heap;

	while (!l->stopped && most-- > 0 && l->n_heap > 0 &&
	       l->heap[0]->at_ns <= l->now_ns) {
		struct loop_timer *t = l->heap[0];
		int r;

		loop_timer_clear(l, t);
		r = t->run(t);
		if (r < 0)
			return r;
	}
	return 0;
}

static int deliver(struct loop *l, const struct epoll_event *ev)
{
	uint32_t slot = (uint32_t)ev->data.u64;
	uint32_t generation = (uint32_t)(ev->data.u64 >> 32);
	struct slot *s = &l->slots[slot - 1];
	struct loop_io *io = s->io;
	void (*on_error)(struct loop_io *, int);
	int r;

	if (!io || s->generation != generation)
		return 0;
	on_error = io->on_error;
	r = io->run(io, ev->events);
	if (r >= 0)
		return 0;
	if (!on_error)
		return r;
	/* A callback that failed must not have removed its handle. */
	s = &l->slots[slot - 1];
	if (s->io == io && s->generation == generation)
		on_error(io, r);
	return 0;
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[EVENTS_MAX];
	int n, r = 0;

	l->now_ns = l->world.now_ns();
	n = l->world.wait(l->epoll_fd, ev, EVENTS_MAX,
			  timeout_of(l, timeout_ms));
	if (n == -1 && errno != EINTR)
		return neg_errno();
	l->now_ns = l->world.now_ns();
	for (int i = 0; i < n && r == 0 && !l->stopped; i++)
		r = deliver(l, &ev[i]);
	return r < 0 ? r : run_timers(l);
}

int loop_run(struct loop *l)
{
	int r = 0;

	l->stopped = false;
	while (r == 0 && !l->stopped)
		r = loop_once(l, -1);
	return r < 0 ? r : l->code;
}

void loop_stop(struct loop *l, int code)
{
	l->stopped = true;
	l->code = code;
}
