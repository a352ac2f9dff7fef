/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The kernel is told {slot, generation} of a handle, never its address.  A
 * removal takes the handle out of its slot and raises the slot's generation,
 * so an event that was fetched before the removal, or that comes later because
 * somebody holds a copy of the descriptor, names a generation that is gone and
 * is dropped; so is one for a slot that has a new tenant.
 *
 * A round is: wait; read the clock once; serve the descriptors; then the timers
 * that were due at that moment.  A timer armed in the round for the past waits
 * for the next round, so timers cannot starve descriptors.
 *
 * Invariants: slots[0] and heap[0] stay empty, so that 0 can mean "not here";
 * heap[t->heap_pos] == t; slots[io->slot].io == io.
 *
 * The epoll descriptor is shared over fork(2): a child may free its copy of
 * the loop but must not add, change or remove.
 */
#include "base/loop.h"

#include <limits.h>

#include "base/clock.h"

#define EVENTS_PER_ROUND 64
#define SLOTS_MAX        (1u << 20)

struct slot {
	struct loop_io *io;
	uint32_t generation;
	uint32_t next_free;
};

struct loop {
	int epfd;
	struct loop_world world;
	uint64_t now_ns;

	struct slot *slots;
	uint32_t n_slots, first_free;

	struct loop_timer **heap;
	size_t n_heap, heap_size; /* both count heap[0] */

	bool stopped;
	int code;
};

int loop_new(struct loop **ret, const struct loop_world *w)
{
	AUTO(loop) struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epfd = -1;
	l->n_heap = 1;
	l->n_slots = 1;
	if (w)
		l->world = *w;
	if (!l->world.now_ns)
		l->world.now_ns = clock_mono_ns;
	if (!l->world.wait)
		l->world.wait = epoll_wait;

	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd == -1)
		return neg_errno();
	l->now_ns = l->world.now_ns();
	*ret = TAKE(l);
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->epfd != -1)
		(void)close(l->epfd);
	free(l->slots);
	free(l->heap);
	free(l);
}

uint64_t loop_now_ns(const struct loop *l)
{
	return l->now_ns;
}

void loop_stop(struct loop *l, int code)
{
	l->stopped = true;
	l->code = code;
}

/* A free slot, still on the free list; 0 = no memory. */
static uint32_t find_slot(struct loop *l)
{
	uint32_t n = l->n_slots < 16 ? 16 : l->n_slots * 2;
	struct slot *p;

	if (l->first_free)
		return l->first_free;
	if (n > SLOTS_MAX)
		return 0;
	p = reallocarray(l->slots, n, sizeof(*p));
	if (!p)
		return 0;
	l->slots = p;
	if (l->n_slots == 1)
		p[0] = (struct slot){ 0 };
	for (uint32_t i = n - 1; i >= l->n_slots; i--) {
		p[i] = (struct slot){ .next_free = l->first_free };
		l->first_free = i;
	}
	l->n_slots = n;
	return l->first_free;
}

static int control(struct loop *l, int op, const struct loop_io *io,
		   uint32_t slot, uint32_t events)
{
	uint64_t generation = l->slots[slot].generation;
	struct epoll_event e = { .events = events,
				 .data.u64 = generation << 32 | slot };

	return epoll_ctl(l->epfd, op, io->fd, &e) == -1 ? neg_errno() : 0;
}

int loop_io_add(struct loop *l, struct loop_io *io)
{
	uint32_t slot;
	int r;

	ASSERT(io->slot == 0 && io->run);
	slot = find_slot(l);
	if (!slot)
		return -ENOMEM;
	r = control(l, EPOLL_CTL_ADD, io, slot, io->events);
	if (r != 0)
		return r;
	l->first_free = l->slots[slot].next_free;
	l->slots[slot].io = io;
	io->slot = slot;
	return 0;
}

int loop_io_set(struct loop *l, struct loop_io *io, uint32_t events)
{
	int r;

	ASSERT(io->slot != 0 && l->slots[io->slot].io == io);
	if (events == io->events)
		return 0;
	r = control(l, EPOLL_CTL_MOD, io, io->slot, events);
	if (r == 0)
		io->events = events;
	return r;
}

void loop_io_remove(struct loop *l, struct loop_io *io)
{
	uint32_t slot = io->slot;

	if (slot == 0)
		return;
	ASSERT(l->slots[slot].io == io);
	/* Fails when the owner closed too early; the kernel has forgotten. */
	(void)control(l, EPOLL_CTL_DEL, io, slot, 0);
	l->slots[slot].io = NULL;
	l->slots[slot].generation++;
	l->slots[slot].next_free = l->first_free;
	l->first_free = slot;
	io->slot = 0;
}

static void heap_put(struct loop *l, size_t pos, struct loop_timer *t)
{
	l->heap[pos] = t;
	t->heap_pos = pos;
}

/* Let @t, which is to stand at @pos, move to where the order holds. */
static void heap_settle(struct loop *l, size_t pos, struct loop_timer *t)
{
	while (pos > 1 && l->heap[pos / 2]->at_ns > t->at_ns) {
		heap_put(l, pos, l->heap[pos / 2]);
		pos /= 2;
	}
	for (;;) {
		size_t kid = pos * 2;

		if (kid + 1 < l->n_heap &&
		    l->heap[kid + 1]->at_ns < l->heap[kid]->at_ns)
			kid++;
		if (kid >= l->n_heap || l->heap[kid]->at_ns >= t->at_ns)
			break;
		heap_put(l, pos, l->heap[kid]);
		pos = kid;
	}
	heap_put(l, pos, t);
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	ASSERT(t->run);
	if (t->heap_pos == 0 && l->n_heap >= l->heap_size) {
		size_t n = l->heap_size < 16 ? 16 : l->heap_size * 2;
		struct loop_timer **p =
			reallocarray(l->heap, n, sizeof(struct loop_timer *));

		if (!p)
			return -ENOMEM;
		p[0] = NULL;
		l->heap = p;
		l->heap_size = n;
	}
	t->at_ns = at_ns;
	if (t->heap_pos == 0)
		t->heap_pos = l->n_heap++;
	heap_settle(l, t->heap_pos, t);
	return 0;
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last;
	size_t pos = t->heap_pos;

	if (pos == 0)
		return;
	ASSERT(pos < l->n_heap && l->heap[pos] == t);
	last = l->heap[--l->n_heap];
	t->heap_pos = 0;
	if (last != t)
		heap_settle(l, pos, last);
}

/* Milliseconds to sleep, rounded up so that we do not wake too early. */
static int sleep_ms(const struct loop *l, int limit_ms)
{
	uint64_t now, ms;

	if (l->n_heap == 1)
		return limit_ms;
	now = l->world.now_ns();
	if (l->heap[1]->at_ns <= now)
		return 0;
	ms = (l->heap[1]->at_ns - now - 1) / NS_PER_MS + 1;
	if (ms > INT_MAX)
		ms = INT_MAX;
	return limit_ms >= 0 && (uint64_t)limit_ms < ms ? limit_ms : (int)ms;
}

static void serve_io(struct loop *l, const struct epoll_event *e)
{
	uint32_t slot = (uint32_t)e->data.u64;
	uint32_t generation = (uint32_t)(e->data.u64 >> 32);
	struct loop_io *io;
	int r;

	if (slot >= l->n_slots || l->slots[slot].generation != generation)
		return;
	io = l->slots[slot].io;
	if (!io)
		return;

	void (*on_error)(struct loop_io *, int) = io->on_error;

	r = io->run(io, e->events);
	if (r == 0)
		return;
	if (!on_error)
		loop_stop(l, r);
	else if (l->slots[slot].generation == generation)
		on_error(io, r);
	/* else: the callback ended its owner and then returned the reason */
}

static void serve_timers(struct loop *l)
{
	uint64_t due_ns = l->now_ns;
	size_t n = l->n_heap - 1; /* at most what was armed before */

	while (n-- > 0 && l->n_heap > 1 && !l->stopped) {
		struct loop_timer *t = l->heap[1];
		int r;

		if (t->at_ns > due_ns)
			return;
		if (t->patient && due_ns - t->at_ns > LOOP_HELD_NS) {
			/* In the heap already: this cannot fail. */
			(void)!loop_timer_set(l, t, due_ns + LOOP_GRACE_NS);
			continue;
		}
		loop_timer_clear(l, t);
		r = t->run(t);
		if (r != 0)
			loop_stop(l, r);
	}
}

/* 0, or -errno when waiting failed; callbacks report through loop_stop(). */
static int serve_round(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n = l->world.wait(l->epfd, events, EVENTS_PER_ROUND,
			      sleep_ms(l, timeout_ms));

	if (n == -1 && errno != EINTR)
		return neg_errno();
	l->now_ns = l->world.now_ns();
	for (int i = 0; i < n && !l->stopped; i++)
		serve_io(l, &events[i]);
	if (!l->stopped)
		serve_timers(l);
	return 0;
}

/* What loop_stop() was told, so that the loop can go on later; 0 = nothing. */
static int take_code(struct loop *l)
{
	int code = l->stopped ? l->code : 0;

	l->stopped = false;
	return code;
}

int loop_once(struct loop *l, int timeout_ms)
{
	int r = l->stopped ? 0 : serve_round(l, timeout_ms);

	return r != 0 ? r : take_code(l);
}

int loop_run(struct loop *l)
{
	while (!l->stopped) {
		int r = serve_round(l, -1);

		if (r != 0)
			return r;
	}
	return take_code(l);
}
