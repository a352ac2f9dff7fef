/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one epoll, level-triggered, with a timer heap.  One per process.
 *
 * Handles are embedded in their owner.  A callback returns 0, or -errno, which
 * is handed to the handle's on_error if set (the owner ends itself there), else
 * ends the loop.  A callback may remove any handle, its own too, and free its
 * owner: events already fetched for a removed handle are not delivered.
 *
 * After fork(2) a child may only free its copy: the epoll is shared.
 */
#pragma once

#include <signal.h>
#include <sys/epoll.h>

#include "base/base.h"

struct loop;
struct loop_io;
struct loop_timer;

/* @events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll_wait(2) gave them. */
typedef int (*loop_io_fn)(struct loop_io *io, uint32_t events);
typedef int (*loop_timer_fn)(struct loop_timer *t);

struct loop_io {
	int fd; /* borrowed: the owner closes it after loop_io_remove() */
	uint32_t events;
	loop_io_fn run;
	void (*on_error)(struct loop_io *io, int error);
	void *owner;
	uint32_t slot; /* private; 0 = not added */
};

/*
 * A patient timer is a limit for somebody else to answer within.  When it is
 * served later than LOOP_HELD_NS it was us who were stopped, and all others
 * too, perhaps: what they said meanwhile is read first, and they get
 * LOOP_GRACE_NS more.
 */
#define LOOP_HELD_NS  (UINT64_C(500) * 1000 * 1000)
#define LOOP_GRACE_NS (UINT64_C(1000) * 1000 * 1000)

struct loop_timer {
	uint64_t at_ns; /* clock_mono_ns() */
	loop_timer_fn run;
	void *owner;
	bool patient;
	size_t heap_pos; /* private; 0 = not armed */
};

/* For tests: what the loop asks of the world.  NULL members: the real one. */
struct loop_world {
	uint64_t (*now_ns)(void);
	int (*wait)(int epfd, struct epoll_event *ev, int n, int timeout_ms);
};

must_check int loop_new(struct loop **ret, const struct loop_world *w);
void loop_free(struct loop *l);
DEFINE_AUTO(loop, struct loop, loop_free);

must_check int loop_io_add(struct loop *l, struct loop_io *io);
/* Change interest; 0 keeps it registered for HUP and ERR only. */
must_check int loop_io_set(struct loop *l, struct loop_io *io, uint32_t events);
void loop_io_remove(struct loop *l, struct loop_io *io);

/* (Re-)arm at @at_ns; -ENOMEM. */
must_check int loop_timer_set(struct loop *l, struct loop_timer *t,
			      uint64_t at_ns);
void loop_timer_clear(struct loop *l, struct loop_timer *t);
/* Time of the current round. */
uint64_t loop_now_ns(const struct loop *l);

/* Until loop_stop() or an unhandled error.  Returns the code given there. */
must_check int loop_run(struct loop *l);
/*
 * Waits and serves one round; @timeout_ms -1 = until something happens.
 * Returns as loop_run(), and 0 when nobody stopped the loop.
 */
must_check int loop_once(struct loop *l, int timeout_ms);
void loop_stop(struct loop *l, int code);
