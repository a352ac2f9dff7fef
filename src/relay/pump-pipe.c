/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/pump-pipe.h"

#include <fcntl.h>

#define FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

int pump_pipe_new(struct pump_pipe **ret)
{
	struct pump_pipe *p = calloc(1, sizeof(*p));
	int fds[2];

	if (!p)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1) {
		free(p);
		return neg_errno();
	}
	p->out = fds[0];
	p->in = fds[1];
	if (fcntl(p->in, F_SETPIPE_SZ, (int)PUMP_PIPE_SIZE) == -1) {
		pump_pipe_free(p);
		return -ENOBUFS;
	}
	*ret = p;
	return 0;
}

void pump_pipe_free(struct pump_pipe *p)
{
	if (!p)
		return;
	(void)close(p->in);
	(void)close(p->out);
	free(p);
}

static ssize_t move(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len, FLAGS);
	while (n == -1 && errno == EINTR);
	return n == -1 ? neg_errno() : n;
}

ssize_t pump_pipe_fill(struct pump_pipe *p, int from)
{
	ssize_t n = move(from, p->in, PUMP_PIPE_SIZE);

	if (n > 0)
		p->len += (size_t)n;
	return n;
}

ssize_t pump_pipe_drain(struct pump_pipe *p, int to)
{
	ssize_t n = move(p->out, to, p->len);

	if (n > 0)
		p->len -= (size_t)n;
	return n;
}
