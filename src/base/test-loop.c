/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock is ours and waiting never sleeps: it says how long it would have
 * slept and moves the clock there.
 */
#include "base/loop.h"

#include <fcntl.h>
#include <limits.h>

#include "base/clock.h"
#include "base/test.h"

static uint64_t fake_now_ns;
static int asked_ms;
static int fail_with;

static uint64_t fake_now(void)
{
	return fake_now_ns;
}

static int fake_wait(int epfd, struct epoll_event *ev, int n, int timeout_ms)
{
	int got;

	asked_ms = timeout_ms;
	if (fail_with) {
		errno = fail_with;
		return -1;
	}
	got = epoll_wait(epfd, ev, n, 0);
	if (got == 0 && timeout_ms > 0)
		fake_now_ns += (uint64_t)timeout_ms * NS_PER_MS;
	return got;
}

static const struct loop_world world = { fake_now, fake_wait };

static struct loop *new_loop(void)
{
	struct loop *l = NULL;

	fake_now_ns = 1000 * NS_PER_S;
	asked_ms = -2;
	fail_with = 0;
	CHECK_EQ(loop_new(&l, &world), 0);
	return l;
}

/* One end of a pipe with what a test wants to see. */
struct peer {
	struct loop_io io;
	struct loop *loop;
	int pipe[2];
	unsigned runs, errors;
	uint32_t events;
	int result, error;
	struct peer *victim; /* removed by the callback */
	bool remove_self, rearm_victim;
};

static int peer_run(struct loop_io *io, uint32_t events)
{
	struct peer *p = io->owner;

	p->runs++;
	p->events = events;
	if (p->victim)
		loop_io_remove(p->loop, &p->victim->io);
	if (p->victim && p->rearm_victim)
		CHECK_EQ(loop_io_add(p->loop, &p->victim->io), 0);
	if (p->remove_self)
		loop_io_remove(p->loop, io);
	return p->result;
}

static void peer_error(struct loop_io *io, int error)
{
	struct peer *p = io->owner;

	p->errors++;
	p->error = error;
	loop_io_remove(p->loop, io);
}

/* Readable from the start. */
static void peer_init(struct peer *p, struct loop *l)
{
	*p = (struct peer){ .loop = l };
	CHECK_EQ(pipe2(p->pipe, O_CLOEXEC), 0);
	CHECK_EQ(write(p->pipe[1], "x", 1), 1);
	p->io = (struct loop_io){ .fd = p->pipe[0],
				  .events = EPOLLIN,
				  .run = peer_run,
				  .on_error = peer_error,
				  .owner = p };
	CHECK_EQ(loop_io_add(l, &p->io), 0);
}

static void peer_done(struct peer *p)
{
	loop_io_remove(p->loop, &p->io);
	(void)close(p->pipe[0]);
	(void)close(p->pipe[1]);
}

static void test_level_triggered(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct peer p;

	peer_init(&p, l);
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.runs, 2);
	CHECK_EQ(p.events, EPOLLIN);

	CHECK_EQ(loop_io_set(l, &p.io, 0), 0);
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.runs, 2);
	(void)close(p.pipe[1]);
	p.pipe[1] = -1;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.events, EPOLLHUP);
	peer_done(&p);
	CHECK_EQ(p.io.slot, 0);
	loop_io_remove(l, &p.io); /* twice is harmless */
}

/* Both are ready in one round; whoever runs first removes the other. */
static void test_no_stale_event(void)
{
	for (int rearm = 0; rearm < 2; rearm++) {
		AUTO(loop) struct loop *l = new_loop();
		struct peer a, b;

		peer_init(&a, l);
		peer_init(&b, l);
		a.victim = &b;
		b.victim = &a;
		a.rearm_victim = b.rearm_victim = rearm;
		CHECK_EQ(loop_once(l, 0), 0);
		CHECK_EQ(a.runs + b.runs, 1);
		CHECK_EQ(loop_once(l, 0), 0);
		CHECK_EQ(a.runs + b.runs, 2);
		peer_done(&a);
		peer_done(&b);
	}
}

/* The slot and the descriptor number have a new owner in the same round. */
static void test_slot_reuse(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct peer a, b;
	uint32_t slot;

	peer_init(&a, l);
	slot = a.io.slot;
	loop_io_remove(l, &a.io);
	peer_init(&b, l);
	CHECK_EQ(b.io.slot, slot);
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(a.runs, 0);
	CHECK_EQ(b.runs, 1);
	peer_done(&a);
	peer_done(&b);
}

/* A copy of the descriptor keeps the kernel's registration alive. */
static void test_closed_too_early(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct peer p;
	int copy;

	peer_init(&p, l);
	copy = fcntl(p.pipe[0], F_DUPFD_CLOEXEC, 3);
	(void)close(p.pipe[0]);
	loop_io_remove(l, &p.io);
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.runs, 0);
	(void)close(copy);
	(void)close(p.pipe[1]);
}

static void test_errors(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct peer p;

	peer_init(&p, l);
	p.result = -EPROTO;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.errors, 1);
	CHECK_EQ(p.error, -EPROTO);
	peer_done(&p);

	/* it ended itself and says why: nobody to tell, the loop goes on */
	peer_init(&p, l);
	p.result = -EPROTO;
	p.remove_self = true;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(p.errors, 0);
	peer_done(&p);

	/* no on_error: the loop ends */
	peer_init(&p, l);
	p.result = -EPROTO;
	p.io.on_error = NULL;
	CHECK_EQ(loop_run(l), -EPROTO);
	CHECK_EQ(p.runs, 1);
	peer_done(&p);

	struct loop_io bad = { .fd = -1, .events = EPOLLIN, .run = peer_run };

	CHECK_EQ(loop_io_add(l, &bad), -EBADF);
	CHECK_EQ(bad.slot, 0);
	fail_with = EINTR;
	CHECK_EQ(loop_once(l, 0), 0);
	fail_with = ENOMEM;
	CHECK_EQ(loop_once(l, 0), -ENOMEM);
	CHECK_EQ(loop_run(l), -ENOMEM);
}

static void test_many_handles(void)
{
	enum {
		N = 300
	};
	static struct peer peers[N];
	AUTO(loop) struct loop *l = new_loop();
	unsigned runs = 0;

	for (size_t i = 0; i < N; i++)
		peer_init(&peers[i], l);
	for (size_t i = 0; i < N; i += 2)
		loop_io_remove(l, &peers[i].io);
	for (size_t i = 0; i < 20; i++)
		CHECK_EQ(loop_once(l, 0), 0);
	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(peers[i].runs > 0, i % 2);
		runs += peers[i].runs;
	}
	CHECK(runs >= N / 2);
	for (size_t i = 0; i < N; i++)
		peer_done(&peers[i]);
}

struct alarm {
	struct loop_timer timer;
	struct loop *loop;
	uint64_t ran_at_ns;
	unsigned runs;
	uint64_t again_ns; /* re-arm at now + this */
	bool again;
	int stop_code;
};

static int alarm_run(struct loop_timer *t)
{
	struct alarm *a = t->owner;

	a->runs++;
	a->ran_at_ns = loop_now_ns(a->loop);
	if (a->stop_code)
		loop_stop(a->loop, a->stop_code);
	if (a->again)
		return loop_timer_set(a->loop, t,
				      loop_now_ns(a->loop) + a->again_ns);
	return 0;
}

static void alarm_init(struct alarm *a, struct loop *l, uint64_t at_ns)
{
	*a = (struct alarm){ .loop = l };
	a->timer = (struct loop_timer){ .run = alarm_run, .owner = a };
	CHECK_EQ(loop_timer_set(l, &a->timer, at_ns), 0);
}

static void test_timers_run_in_order(void)
{
	enum {
		N = 200
	};
	static struct alarm alarms[N];
	AUTO(loop) struct loop *l = new_loop();
	uint64_t start = fake_now_ns;
	struct alarm end;

	for (unsigned i = 0; i < N; i++)
		alarm_init(&alarms[i], l, start + i * 7919 % N * NS_PER_MS);
	for (unsigned i = 0; i < N; i += 3)
		loop_timer_clear(l, &alarms[i].timer);
	for (unsigned i = 1; i < N; i += 3) /* later, by re-arming */
		CHECK_EQ(loop_timer_set(l, &alarms[i].timer,
					start + (500 + i) * NS_PER_MS),
			 0);
	alarm_init(&end, l, start + 1000 * NS_PER_MS);
	end.stop_code = 42;
	CHECK_EQ(loop_run(l), 42);
	for (unsigned i = 0; i < N; i++) {
		uint64_t due = i % 3 == 1 ? 500 + i : i * 7919 % N;

		CHECK_EQ(alarms[i].runs, i % 3 != 0);
		if (i % 3 != 0)
			CHECK_EQ(alarms[i].ran_at_ns, start + due * NS_PER_MS);
		CHECK_EQ(alarms[i].timer.heap_pos, 0);
	}
}

static void test_timeouts(void)
{
	static const struct {
		uint64_t in_ns;
		int limit_ms, want_ms;
	} rows[] = {
		{ 0, -1, 0 },
		{ 1, -1, 1 }, /* rounded up: never early */
		{ NS_PER_MS, -1, 1 },
		{ NS_PER_MS + 1, -1, 2 },
		{ 10 * NS_PER_MS, 3, 3 },
		{ 10 * NS_PER_MS, 30, 10 },
		{ 10 * NS_PER_MS, 0, 0 },
		{ UINT64_C(1) << 62, -1, INT_MAX },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(loop) struct loop *l = new_loop();
		struct alarm a;

		alarm_init(&a, l, fake_now_ns + rows[i].in_ns);
		CHECK_EQ(loop_once(l, rows[i].limit_ms), 0);
		CHECK_EQ(asked_ms, rows[i].want_ms);
	}

	AUTO(loop) struct loop *l = new_loop();

	CHECK_EQ(loop_once(l, 5), 0);
	CHECK_EQ(asked_ms, 5);
	CHECK_EQ(loop_once(l, -1), 0);
	CHECK_EQ(asked_ms, -1);
}

/* We were stopped: who was to answer gets a second chance, once. */
static void test_patience(void)
{
	AUTO(loop) struct loop *l = new_loop();
	uint64_t start = fake_now_ns;
	struct alarm patient, other;

	alarm_init(&patient, l, start + NS_PER_S);
	alarm_init(&other, l, start + NS_PER_S);
	patient.timer.patient = true;
	fake_now_ns = start + NS_PER_S + LOOP_HELD_NS + 1;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(other.runs, 1);
	CHECK_EQ(patient.runs, 0);
	fake_now_ns += LOOP_GRACE_NS;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(patient.runs, 1);
	/* A little late is not that. */
	alarm_init(&patient, l, fake_now_ns + NS_PER_S);
	patient.timer.patient = true;
	fake_now_ns += NS_PER_S + LOOP_HELD_NS;
	CHECK_EQ(loop_once(l, 0), 0);
	CHECK_EQ(patient.runs, 1);
}

/* A timer that is always due runs once a round and lets others be served. */
static void test_timer_does_not_starve(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct alarm a, b;
	struct peer p;

	alarm_init(&a, l, 0);
	a.again = true;
	alarm_init(&b, l, fake_now_ns);
	peer_init(&p, l);
	CHECK_EQ(loop_once(l, -1), 0);
	CHECK_EQ(a.runs, 1);
	CHECK_EQ(b.runs, 1);
	CHECK_EQ(p.runs, 1);
	peer_done(&p);
}

static void test_stop(void)
{
	AUTO(loop) struct loop *l = new_loop();
	struct alarm a, b;

	loop_stop(l, 3); /* before it began */
	CHECK_EQ(loop_run(l), 3);
	alarm_init(&a, l, fake_now_ns);
	a.stop_code = 4;
	alarm_init(&b, l, fake_now_ns + 1);
	CHECK_EQ(loop_once(l, -1), 4);
	CHECK_EQ(b.runs, 0);
	CHECK_EQ(loop_once(l, -1), 0); /* and goes on */
	CHECK_EQ(b.runs, 1);
	loop_timer_clear(l, &b.timer); /* not armed: harmless */
}

static void test_real_world(void)
{
	AUTO(loop) struct loop *l = NULL;
	struct alarm a;
	uint64_t start = clock_mono_ns();

	CHECK_EQ(loop_new(&l, NULL), 0);
	alarm_init(&a, l, start + 5 * NS_PER_MS);
	a.stop_code = 1;
	CHECK_EQ(loop_run(l), 1);
	CHECK(clock_mono_ns() >= start + 5 * NS_PER_MS);
}

int main(void)
{
	static const struct test tests[] = {
		{ "level-triggered", test_level_triggered },
		{ "no event for a removed handle", test_no_stale_event },
		{ "a slot has a new owner", test_slot_reuse },
		{ "a descriptor closed too early", test_closed_too_early },
		{ "errors", test_errors },
		{ "many handles", test_many_handles },
		{ "timers in order", test_timers_run_in_order },
		{ "how long it waits", test_timeouts },
		{ "a timer does not starve", test_timer_does_not_starve },
		{ "a timer's patience", test_patience },
		{ "stop", test_stop },
		{ "the real clock", test_real_world },
	};

	return test_main(tests, N_ELEMS(tests));
}
