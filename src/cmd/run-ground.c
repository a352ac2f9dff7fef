/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ground that init is born on (jail/ground.h).  The keeper greets with
 * whether it has one, and gives it before it looks at any policy.  It is not waited
 * for longer than making one takes: a keeper that is busy is heard by the loop.
 */
#include <poll.h>
#include <sys/socket.h>

#include "base/json.h"
#include "cmd/run.h"
#include "ipc/protocol.h"
#include "jail/ground.h"

#define WAIT_MS  2
#define BODY_MAX ((size_t)1024)

/* The type of what comes next, which stays there; 0: nothing, or no message. */
static uint32_t next_type(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint32_t type = 0;

	if (poll(&p, 1, WAIT_MS) != 1 ||
	    recv(fd, &type, sizeof(type), MSG_PEEK | MSG_DONTWAIT) !=
		    (ssize_t)sizeof(type))
		return 0;
	return type;
}

static bool take(struct ipc_msg *m, struct ground *ret)
{
	int fds[GROUND_FDS];

	if (m->n_fds != GROUND_FDS || !ground_has_our_limits(buf_str(&m->body)))
		return false;
	for (size_t i = 0; i < GROUND_FDS; i++)
		fds[i] = ipc_take_fd(m, i);
	*ret = ground_take_fds(fds);
	return true;
}

/* The greeting says whether there is one. */
static bool is_promised(struct run *r)
{
	struct json *hello = NULL;

	if (next_type(r->keeper_fd) != MSG_HELLO ||
	    ipc_recv(r->keeper_fd, &r->msg, BODY_MAX) != 0)
		return false;
	r->greeted = true;
	return json_parse(&r->arena, buf_str(&r->msg.body), &hello, NULL) ==
		       0 &&
	       json_find_bool(hello, "ground", false);
}

bool run_take_ground(struct run *r, struct ground *ret)
{
	return is_promised(r) && next_type(r->keeper_fd) == MSG_GROUND &&
	       ipc_recv(r->keeper_fd, &r->msg, BODY_MAX) == 0 &&
	       take(&r->msg, ret);
}
