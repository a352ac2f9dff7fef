/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's side of init: the sockets it made inside go to the relay
 * and to the broker, the terminal and the listener stay here; then its
 * command's end is ours.
 */
#include <signal.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/run-witness.h"
#include "cmd/run.h"
#include "ipc/protocol.h"
#include "ledger/record.h"

#define MESSAGE_MAX ((size_t)256 * 1024)

/* ---- before the command ---- */

static int on_broker_use(void *owner, const char *path)
{
	struct run *r = owner;
	struct json_out w = JSON_OUT(&r->out);

	buf_clear(&r->out);
	record_begin(&w, RECORD_SOCKET_GRANT, "allow", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "path", str_of(path));
	record_end(&w);
	run_record(r);
	return r->keeper_gone ? -EPIPE : 0;
}

static int take_listeners(struct run *r, struct ipc_msg *m, size_t from)
{
	struct broker_config c = { .loop = r->loop,
				   .first_use = on_broker_use,
				   .owner = r };
	size_t n = 0;

	for (size_t i = 0; i < r->plan.n_mounts; i++)
		n += r->plan.mounts[i].op == PLAN_SOCKET;
	if (n != m->n_fds - from)
		return -EPROTO;
	if (n == 0)
		return 0;

	int e = broker_new(&r->broker, &c);

	for (size_t i = 0; i < r->plan.n_mounts && e == 0; i++) {
		if (r->plan.mounts[i].op == PLAN_SOCKET)
			e = broker_add(r->broker, ipc_take_fd(m, from++),
				       r->plan.mounts[i].src);
	}
	return e;
}

static int on_net(struct run *r, struct ipc_msg *m)
{
	size_t n = r->plan.backend == PLAN_LANDLOCK ? 1 : JAIL_NET_FDS;
	size_t more = n > 1 && r->plan.telemetry ? 1 : 0;

	if (r->phase != RUN_MAKING || m->n_fds != n + more)
		return -EPROTO;
	if (r->plan.backend != PLAN_LANDLOCK) {
		int e = run_sockets_new(r, m->fds[n - 1]);

		if (e < 0)
			return e;
	}
	/* That it is gone its own socket tells, and the keeper why. */
	int e = ipc_send(r->relay_fd, MSG_SOCKETS, 1, STR("{}"), m->fds,
			 m->n_fds);

	return e == -EPIPE ? 0 : e;
}

static int on_ready(struct run *r, struct ipc_msg *m)
{
	bool has_tty = r->tty.mode != PTY_NONE;
	bool exact = r->plan.audit == PLAN_AUDIT_EXACT;
	size_t from = has_tty ? 1u : 0u;
	int e = 0;

	if (r->phase == RUN_ENDING)
		return 0;
	if (r->plan.backend == PLAN_NAMESPACES)
		from += exact ? 2 : 1;
	if (!(r->needs & RUN_NEED_JAIL) || m->n_fds < from)
		return -EPROTO;
	if (has_tty)
		r->master = ipc_take_fd(m, 0);
	if (r->plan.backend == PLAN_NAMESPACES)
		e = run_witness_listen(r, ipc_take_fd(m, has_tty),
				       exact ? ipc_take_fd(m, has_tty + 1u)
					     : -1);
	if (e == 0)
		e = take_listeners(r, m, from);
	if (e < 0)
		return e;
	/* The layers in force, for MSG_STARTED: kept as they were said. */
	r->layers = arena_str(&r->arena, buf_str(&m->body));
	r->needs &= ~(unsigned)RUN_NEED_JAIL;
	return run_hide_covers(r); /* and goes, when all is covered */
}

static int on_failed(struct run *r, const struct json *j)
{
	int64_t error = json_find_int(j, "errno", 0);
	char text[600];

	str_sanitise(json_find_str(j, "text"), text, sizeof(text));
	if (error > 0 && error < 4096)
		run_fail(r, "%s: %s%s", text, strerror((int)error),
			 error == EAGAIN || error == EMFILE || error == ENFILE
				 ? error_advice((int)error)
				 : "");
	else
		run_fail(r, "%s", text);
	return 0;
}

/* ---- the command ---- */

/* MSG_STARTED {"pid","layers":{...,"cgroup"}}. */
static void tell_started(struct run *r)
{
	struct json_out w = JSON_OUT(&r->out);
	AUTO(arena) struct arena a = ARENA_NULL;
	const struct json *layers;
	struct json *j = NULL;

	arena_init(&a, 8 * MESSAGE_MAX);
	if (json_parse(&a, r->layers, &j, NULL) != 0)
		j = NULL;
	layers = json_find(j, "layers");
	buf_clear(&r->out);
	json_open(&w, '{');
	json_kint(&w, "pid", jail_pid(r->jail));
	json_key(&w, "layers");
	json_open(&w, '{');
	if (json_is(layers, JSON_OBJECT)) {
		JSON_EACH (l, layers) {
			char key[64];

			if (l->key.len >= sizeof(key))
				continue;
			memcpy(key, l->key.ptr, l->key.len);
			key[l->key.len] = '\0';
			/* ours to say, below */
			if (strcmp(key, "cgroup") == 0 ||
			    strcmp(key, "protected") == 0)
				continue;
			json_key(&w, key);
			json_value(&w, l);
		}
	}
	json_kstr(&w, "cgroup", str_of(limits_cgroup(r->limits)));
	json_kuint(&w, "protected", run_later_n_locked(r));
	json_close(&w, '}');
	json_close(&w, '}');
	if (!r->out.failed && !r->keeper_gone)
		(void)!ipc_send(r->keeper_fd, MSG_STARTED, 0, buf_str(&r->out),
				NULL, 0);
}

static int on_started(struct run *r)
{
	if (r->phase == RUN_ENDING)
		return 0;
	if (r->phase != RUN_RUNNING || r->told_started)
		return -EPROTO;
	r->told_started = true;
	tell_started(r);
	/*
	 * Not before: a key typed into the jail's terminal while the command
	 * does not hold it yet would interrupt or stop nobody, or init.
	 */
	if (r->pty) {
		int e = pty_start(r->pty);

		if (e < 0)
			return e;
	}
	return 0;
}

static int on_command_exit(struct run *r, const struct json *j)
{
	int64_t error = json_find_int(j, "exec_errno", 0);
	int64_t code = json_find_int(j, "code", 0);
	int64_t signal = json_find_int(j, "signal", 0);

	if (r->phase != RUN_RUNNING)
		return 0;
	r->use.utime_us = (uint64_t)json_find_int(j, "utime_us", 0);
	r->use.stime_us = (uint64_t)json_find_int(j, "stime_us", 0);
	r->use.maxrss_kb = (uint64_t)json_find_int(j, "maxrss_kb", 0);
	if (error > 0 && error < 4096) {
		char text[200];

		str_sanitise(str_of(r->argv[0]), text, sizeof(text));
		run_tell(r, "%s: %s", text,
			 error == ENOENT ? "not found in the jail"
					 : strerror((int)error));
		run_end(r,
			error == ENOENT ? BAWN_EXIT_MISSING : BAWN_EXIT_CANNOT,
			0);
		return 0;
	}
	if (signal > 0 && signal < 128)
		code = 128 + signal;
	run_witness_stop(r);
	run_end(r, (int)(code & 255), (int)signal);
	return 0;
}

static int on_stopped(struct run *r, const struct json *j)
{
	int64_t signal = json_find_int(j, "stopped", 0);

	if (signal > 0)
		run_stop_self(r);
	return 0;
}

static int serve(struct run *r, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	if (m->type == MSG_INIT_NET)
		return on_net(r, m);
	if (m->type == MSG_INIT_READY)
		return on_ready(r, m);
	if (m->type == MSG_INIT_STARTED)
		return on_started(r);
	arena_init(&a, 8 * MESSAGE_MAX);
	if (json_parse(&a, buf_str(&m->body), &j, NULL) != 0)
		return -EPROTO;
	if (m->type == MSG_INIT_FAILED)
		return on_failed(r, j);
	if (m->type == MSG_INIT_EXIT)
		return on_command_exit(r, j);
	if (m->type == MSG_INIT_SIGNAL)
		return on_stopped(r, j);
	if (m->type == MSG_INIT_REFUSED)
		return run_witness_refused(r, j);
	return -EPROTO;
}

static int on_message(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	int e = jail_recv(r->jail, &r->msg);

	(void)events;
	if (e == -EAGAIN)
		return 0;
	if (e == 0)
		e = serve(r, &r->msg);
	if (e == 0)
		return 0;
	if (e == -EPIPE) {
		/* Its death is told by its pidfd, after its last words here. */
		loop_io_remove(r->loop, &r->jail_io);
		return 0;
	}
	run_fail(r, "the jail's init does not make sense: %s", strerror(-e));
	return 0;
}

/* Readable when init, and so every process of its namespace, is dead. */
static int on_init_gone(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;

	(void)events;
	while (r->phase != RUN_ENDING && r->jail_io.slot)
		if (on_message(&r->jail_io, 0) < 0)
			break;
	loop_io_remove(r->loop, &r->init_io);
	r->init_gone = true;
	run_witness_stop(r);
	if (r->phase != RUN_ENDING && r->killed)
		run_end(r, 128 + SIGKILL, SIGKILL);
	else if (r->phase != RUN_ENDING)
		run_fail(r, "the jail's init died; session ended");
	run_later_gone(r);
	run_check_over(r);
	return 0;
}

int run_watch_jail(struct run *r)
{
	int e;

	r->jail_io = (struct loop_io){ .fd = jail_fd(r->jail),
				       .events = EPOLLIN,
				       .run = on_message,
				       .owner = r };
	r->init_io = (struct loop_io){ .fd = jail_pidfd(r->jail),
				       .events = EPOLLIN,
				       .run = on_init_gone,
				       .owner = r };
	e = loop_io_add(r->loop, &r->jail_io);
	return e < 0 ? e : loop_io_add(r->loop, &r->init_io);
}
