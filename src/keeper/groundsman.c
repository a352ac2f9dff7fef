/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/groundsman.h"

#include <sched.h>
#include <signal.h>

#include "base/json.h"
#include "base/log.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "ipc/request.h"
#include "jail/ground.h"

#define BODY_MAX ((size_t)1024)

static int tell_failed(int fd, const char *why)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, BODY_MAX);
	json_open(&w, '{');
	json_kstr(&w, "error", str_of(why));
	json_close(&w, '}');
	return b.failed ? -ENOMEM
			: ipc_send(fd, MSG_GROUND, 0, buf_str(&b), NULL, 0);
}

static int answer_make(void *peer, struct ipc_msg *m)
{
	AUTO(ground) struct ground g = GROUND_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	const int *fd = peer;
	struct diag why = { 0 };
	int fds[GROUND_FDS];
	int r;

	(void)m;
	buf_init(&b, BODY_MAX);
	r = ground_format_limits(&b);
	if (r == 0)
		r = ground_make(&g, &why);
	if (r != 0)
		return tell_failed(*fd, why.text[0] ? why.text : strerror(-r));
	ground_to_fds(&g, fds);
	return ipc_send(*fd, MSG_GROUND, 0, buf_str(&b), fds, N_ELEMS(fds));
}

static const struct request from_keeper[] = {
	[MSG_GROUND_MAKE] = { "make", answer_make, 2, 1, 0, 0, false },
};

/*
 * What is made for later must not hold up what runs now.  Not nice: a witness
 * comes from here, and could not take that back.
 */
static void stand_back(void)
{
	struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

int groundsman_run(int fd)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct request_state state = { .phase = 1 };
	AUTO(ipc_msg) struct ipc_msg m;
	struct diag why = { 0 };
	int r;

	/* Nobody waits for a witness. */
	(void)sigaction(SIGCHLD, &ignore, NULL);
	if (fd > 3)
		(void)close_range(3, (unsigned)fd - 1, 0);
	(void)close_range((unsigned)fd + 1, ~0u, 0);
	log_init("bawnd[ground]", STDERR_FILENO, LOG_LEVEL_WARN);
	stand_back();
	ipc_msg_init(&m);
	do {
		r = ipc_recv(fd, &m, BODY_MAX);
		if (r == 0)
			r = request_dispatch(from_keeper, N_ELEMS(from_keeper),
					     &state, &fd, &m, &why);
	} while (r == 0);
	if (r != -EPIPE)
		log_error("ends: %s", why.text[0] ? why.text : strerror(-r));
	return r == -EPIPE ? 0 : 1;
}
