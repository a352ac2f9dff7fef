/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/exporter.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "export/sinks-files.h"
#include "ipc/protocol.h"
#include "keeper/state.h"
#include "ledger/record.h"

#define CHILD_FD    3 /* where it has its socket */
#define NOTE_MAX    ((size_t)4096)
#define NOTE_ARENA  ((size_t)64 * 1024)
#define PAUSE_MIN_S 1u
#define PAUSE_MAX_S 300u
#define GOOD_NS     (UINT64_C(60) * NS_PER_S)

static int record_reject(struct keeper *k, const struct json *note)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	int64_t n = json_find_int(note, "n", 0);
	int64_t record = json_find_int(note, "record", -1);
	struct str sink = json_find_str(note, "sink");

	if (n < 1 || record < 0 || sink.len == 0)
		return -EPROTO;
	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_SINK_REJECT, "none", RECORD_KERNEL, NULL,
		     (uint64_t)n);
	json_kstr(&w, "sink", sink);
	json_kint(&w, "record", record);
	json_kstr(&w, "reason", json_find_str(note, "reason"));
	record_end(&w);
	if (b.failed)
		return -ENOMEM;
	return link_send(&k->scribe, MSG_APPEND, 0, buf_str(&b), NULL, 0);
}

static int on_msg(struct link *l, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct keeper *k = l->owner;
	struct json *note = NULL;

	if (m->type != MSG_SINK_NOTE || m->n_fds > 0)
		return -EPROTO;
	arena_init(&a, NOTE_ARENA);
	if (json_parse(&a, buf_str(&m->body), &note, NULL) != 0 ||
	    record_reject(k, note) == -EPROTO)
		return -EPROTO;
	return 0;
}

/* It is dead, or has to be. */
static void bury(struct exporter *x)
{
	link_close(&x->link);
	if (x->pid <= 0)
		return;
	(void)kill(x->pid, SIGKILL);
	while (waitpid(x->pid, NULL, 0) == -1 && errno == EINTR)
		;
	x->pid = -1;
}

static int on_again(struct loop_timer *t)
{
	struct keeper *k = t->owner;

	k->exporter.waiting = false;
	exporter_check(k);
	return 0;
}

static void on_end(struct link *l, int reason)
{
	struct keeper *k = l->owner;
	struct exporter *x = &k->exporter;
	uint64_t now = clock_mono_ns();

	if (x->pause_s == 0 || now - x->began_ns > GOOD_NS)
		x->pause_s = PAUSE_MIN_S;
	else if (x->pause_s < PAUSE_MAX_S)
		x->pause_s *= 2;
	log_warn("bawn-export ended (%s); again in %u s", strerror(-reason),
		 x->pause_s);
	bury(x);
	x->again.at_ns = 0;
	x->waiting = loop_timer_set(k->loop, &x->again,
				    now + x->pause_s * NS_PER_S) == 0;
}

static bool is_there(const struct keeper *k)
{
	const char *home = getenv("HOME");
	char path[PATH_LIMIT + 32];

	(void)k;
	if (access(SINKS_ORG_FILE, F_OK) == 0)
		return true;
	if (!home || home[0] != '/')
		return false;
	(void)snprintf(path, sizeof(path), "%s/" SINKS_USER_FILE, home);
	return access(path, F_OK) == 0;
}

static int spawn(struct keeper *k, int fd)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	char path[PATH_LIMIT + 32], name[] = "bawn-export", verb[] = "serve";
	char state[PATH_LIMIT + 1];
	char *argv[] = { name, verb, state, NULL };
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	(void)snprintf(path, sizeof(path), "%s/bawn-export",
		       k->config->libexec_dir);
	(void)snprintf(state, sizeof(state), "%s", k->config->state_dir);
	r = posix_spawn_file_actions_init(&fa);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&at);
	if (r == 0) {
		r = posix_spawn_file_actions_adddup2(&fa, fd, CHILD_FD);
		/* Ours may be the socket of whoever started us. */
		if (r == 0)
			r = posix_spawn_file_actions_adddup2(&fa, 0, 1);
		if (r == 0)
			r = posix_spawnattr_setsigmask(&at, &none);
		if (r == 0)
			r = posix_spawnattr_setflags(&at,
						     POSIX_SPAWN_SETSIGMASK);
		if (r == 0)
			r = posix_spawn(&k->exporter.pid, path, &fa, &at, argv,
					environ);
		(void)posix_spawnattr_destroy(&at);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	if (r != 0)
		k->exporter.pid = -1;
	return -r;
}

static int start(struct keeper *k)
{
	struct exporter *x = &k->exporter;
	int fds[2];
	int r = ipc_pair(fds);

	if (r != 0)
		return r;
	r = spawn(k, fds[1]);
	(void)close(fds[1]);
	if (r != 0) {
		(void)close(fds[0]);
		return r;
	}
	x->began_ns = clock_mono_ns();
	x->link = (struct link){ .fd = -1,
				 .owner = k,
				 .on_msg = on_msg,
				 .on_end = on_end,
				 .max_body = NOTE_MAX };
	r = link_open(&x->link, k->loop, fds[0]);
	if (r != 0)
		bury(x);
	return r;
}

void exporter_check(struct keeper *k)
{
	struct exporter *x = &k->exporter;
	int r;

	if (!k->config->libexec_dir || x->pid > 0 || x->waiting || !is_there(k))
		return;
	r = start(k);
	if (r == 0)
		return;
	log_error("%s/bawn-export: %s%s", k->config->libexec_dir, strerror(-r),
		  error_advice(r));
	x->waiting =
		loop_timer_set(k->loop, &x->again,
			       clock_mono_ns() + PAUSE_MAX_S * NS_PER_S) == 0;
}

void exporter_init(struct keeper *k)
{
	k->exporter = (struct exporter){
		.link = LINK_NULL,
		.again = { .run = on_again, .owner = k },
		.pid = -1,
	};
}

void exporter_done(struct keeper *k)
{
	loop_timer_clear(k->loop, &k->exporter.again);
	link_close(&k->exporter.link);
}
