/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   no receiver --client--> receiver --its end, or it breaks its word--> none
 *
 * A receiver's end is on the ledger, for what it had not said is lost.  After
 * TELEMETRY_RECEIVERS of them clients are closed: who makes it fail eight times
 * does so on purpose.
 *
 * Rate: the receiver keeps to it and tells agents so.  It is measured here once
 * more, twice as large, since the disk must not depend on a process that reads
 * hostile bytes.
 */
#include "relay/telemetry.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "ledger/record-parse.h"
#include "relay/receiver.h"
#include "telemetry/rate.h"

#define ACCEPTS_PER_EVENT  16
#define MESSAGES_PER_EVENT 64
#define END_MS             500u
#define LOST_MAX           (UINT64_C(1) << 53)

static const char reason_rate[] = "more than may be recorded";
static const char reason_ended[] = "what reads it has ended, with what it held";

struct telemetry {
	struct loop *loop;
	struct outq *scribe;
	struct loop_io listener, channel; /* fd -1: none */
	struct rate rate;
	unsigned n_receivers; /* ever */
	bool paused;
	void (*run)(int take_fd); /* of a receiver; does not return */
	struct buf body;
};

static int record_lost(struct telemetry *t, const char *reason, uint64_t n)
{
	struct json_out w = JSON_OUT(&t->body);

	buf_clear(&t->body);
	record_begin(&w, RECORD_AGENT_LOST, "none", RECORD_KERNEL, NULL, n);
	json_kstr(&w, "reason", str_of(reason));
	record_end(&w);
	return t->body.failed
		       ? -ENOMEM
		       : outq_send(t->scribe, MSG_APPEND, 0, buf_str(&t->body));
}

static void close_channel(struct telemetry *t)
{
	loop_io_remove(t->loop, &t->channel);
	drop_fd(&t->channel.fd);
}

/* ---- what the receiver says ---- */

/* It may say this and nothing else. */
static bool is_event(struct str body)
{
	enum record_kind kind;

	return str_starts(body,
			  STR("{\"kind\":\"agent.event\",\"verdict\":\"none\","
			      "\"trust\":\"claimed\",\"count\":1,")) &&
	       record_check(body, RECORD_ROLE_RELAY, &kind, NULL) == 0 &&
	       kind == RECORD_AGENT_EVENT;
}

/* 0; 1 = it broke its word; -errno. */
static int take_said(struct telemetry *t, uint32_t type, struct str body)
{
	uint64_t n;

	if (!rate_take(&t->rate, loop_now_ns(t->loop), body.len))
		return 1;
	if (type == RECEIVER_RECORD && is_event(body))
		return outq_send(t->scribe, MSG_APPEND, 0, body);
	if (type != RECEIVER_LOST || body.len != sizeof(n))
		return 1;
	memcpy(&n, body.ptr, sizeof(n));
	if (n == 0 || n > LOST_MAX)
		return 1;
	return record_lost(t, reason_rate, n);
}

/* 0; -EAGAIN = nothing waits; 1 = it is gone; -errno ends the relay. */
static int take_message(struct telemetry *t)
{
	struct ipc_msg m;
	int r;

	ipc_msg_init(&m);
	r = ipc_recv(t->channel.fd, &m, RECORD_MAX_BODY);
	if (r == 0)
		r = m.n_fds > 0 ? 1 : take_said(t, m.type, buf_str(&m.body));
	else if (r != -EAGAIN && r != -ENOMEM)
		r = 1;
	ipc_msg_done(&m);
	return r;
}

static int run_channel(struct loop_io *io, uint32_t events)
{
	struct telemetry *t = io->owner;
	int r = 0;

	(void)events;
	for (int i = 0; i < MESSAGES_PER_EVENT && r == 0; i++)
		r = outq_is_high(t->scribe) ? -EAGAIN : take_message(t);
	if (r == -EAGAIN)
		return 0;
	if (r == 1) {
		log_warn("the receiver of telemetry has ended");
		close_channel(t);
		r = record_lost(t, reason_ended, 1);
	}
	return r;
}

/* ---- clients ---- */

static int spawn(struct telemetry *t)
{
	int fd = -1, r;
	pid_t pid = ipc_fork(&fd);

	if (pid == 0) {
		t->run(fd);
		_exit(1);
	}
	if (pid < 0)
		return pid;
	t->n_receivers++;
	t->channel.fd = fd;
	t->channel.events = t->paused ? 0 : EPOLLIN;
	r = fd_set_nonblock(fd, true);
	if (r == 0)
		r = loop_io_add(t->loop, &t->channel);
	if (r != 0)
		close_channel(t);
	return r;
}

int telemetry_take(struct telemetry *t, int take_fd)
{
	AUTO(fd) int fd = take_fd;
	int r = 0;

	if (t->channel.fd == -1 && t->n_receivers == TELEMETRY_RECEIVERS)
		return 0;
	if (t->channel.fd == -1)
		r = spawn(t);
	/* When it does not keep up the client is closed, and may try again. */
	if (r == 0)
		(void)!ipc_send(t->channel.fd, RECEIVER_CLIENT, 0, STR(""), &fd,
				1);
	else
		log_warn("telemetry cannot be read: %s", strerror(-r));
	return 0;
}

static bool accept_one(struct telemetry *t, int *ret_error)
{
	int fd = accept4(t->listener.fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return false;
	*ret_error = telemetry_take(t, fd);
	return *ret_error == 0;
}

static int run_listener(struct loop_io *io, uint32_t events)
{
	int r = 0;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		if (!accept_one(io->owner, &r))
			break;
	}
	return r;
}

int telemetry_new(struct telemetry **ret, struct loop *loop,
		  struct outq *scribe, int take_listener)
{
	AUTO(telemetry) struct telemetry *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		auto_fd(&take_listener);
		return -ENOMEM;
	}
	t->loop = loop;
	t->scribe = scribe;
	t->paused = true;
	t->run = receiver_run;
	buf_init(&t->body, 4096);
	rate_init(&t->rate, loop_now_ns(loop), 2);
	t->channel =
		(struct loop_io){ .fd = -1, .run = run_channel, .owner = t };
	t->listener = (struct loop_io){ .fd = take_listener,
					.run = run_listener,
					.owner = t };
	r = take_listener == -1 ? 0 : loop_io_add(loop, &t->listener);
	if (r == 0)
		*ret = TAKE(t);
	return r;
}

void telemetry_set_run(struct telemetry *t, void (*run)(int take_fd))
{
	t->run = run;
}

void telemetry_free(struct telemetry *t)
{
	if (!t)
		return;
	loop_io_remove(t->loop, &t->listener);
	auto_fd(&t->listener.fd);
	close_channel(t);
	buf_done(&t->body);
	free(t);
}

int telemetry_pause(struct telemetry *t, bool pause)
{
	int r = 0;

	if (t->paused == pause)
		return 0;
	t->paused = pause;
	if (t->listener.fd != -1)
		r = loop_io_set(t->loop, &t->listener, pause ? 0 : EPOLLIN);
	if (r == 0 && t->channel.fd != -1)
		r = loop_io_set(t->loop, &t->channel, pause ? 0 : EPOLLIN);
	return r;
}

int telemetry_end(struct telemetry *t)
{
	uint64_t end_ns = clock_mono_ns() + END_MS * NS_PER_MS;
	int r = 0;

	if (t->listener.fd != -1) /* who has connected may have said it all */
		r = run_listener(&t->listener, 0);
	if (t->channel.fd != -1)
		(void)shutdown(t->channel.fd, SHUT_WR);
	while (r == 0 && t->channel.fd != -1) {
		struct pollfd p = { .fd = t->channel.fd, .events = POLLIN };
		uint64_t now_ns = clock_mono_ns();

		if (now_ns >= end_ns)
			return record_lost(t, reason_ended, 1);
		(void)poll(&p, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
		r = take_message(t);
		if (r == -EAGAIN)
			r = 0;
		if (r == 1) {
			close_channel(t);
			r = 0;
		}
	}
	return r;
}
