/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The warden is ours, so what breaks the format ends the relay.  Which
 * connections it hands over is a kindness: the gate decides on each again.
 */
#include "relay/handover.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "relay/gate.h"
#include "relay/handover-parse.h"

#define DNS_PORT 53u

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* The one descriptor, or -1. */
static int take_fd(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* 0, or as gate_accept_fn. */
static int receive(int fd, struct handover *ret, int *ret_fd)
{
	union control control = { 0 };
	char room[sizeof(*ret) + 1]; /* one more shows what is too long */
	struct iovec iov = { .iov_base = room, .iov_len = sizeof(room) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (n == -1)
		return errno == EAGAIN ? 1 : errno == EINTR ? 2 : neg_errno();
	if (n == 0)
		return -EPIPE;
	*ret_fd = take_fd(&h);
	/* Without room for it the descriptor is lost, and so is the program's. */
	if (*ret_fd == -1 && h.msg_flags & MSG_CTRUNC)
		return 2;
	if (!handover_parse((struct str){ room, (size_t)n }, *ret_fd != -1,
			    ret)) {
		auto_fd(ret_fd);
		return -EPROTO;
	}
	return 0;
}

static int refused(const struct handover_in *in, const struct handover *m)
{
	struct nflog_packet p = { .proto = m->proto,
				  .dst = m->addr,
				  .port = m->port };

	return nflog_record(&in->parts, &p);
}

/* Where agents are told to send what they say of themselves. */
static bool is_telemetry(const struct handover_in *in, const struct handover *m)
{
	static const struct in6_addr at = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						0xff, 0xff, 127, 0, 0, 1 } } };

	return *in->telemetry && m->kind == HANDOVER_STREAM &&
	       m->port == HANDOVER_TELEMETRY_PORT &&
	       IN6_ARE_ADDR_EQUAL(&m->addr, &at);
}

int handover_accept(void *owner, int fd, int *ret_fd,
		    struct sockaddr_in6 *ret_orig)
{
	struct handover_in *in = owner;
	struct handover m = { 0 };
	int got = -1;
	int r = receive(fd, &m, &got);

	if (r != 0)
		return r;
	if (got != -1)
		r = fd_set_nonblock(got, true);
	if (r != 0) {
		(void)close(got);
		return r;
	}
	if (m.kind == HANDOVER_REFUSED)
		r = refused(in, &m);
	else if (m.kind == HANDOVER_QUESTIONS)
		r = dns_take_questions(*in->dns, got);
	else if (m.port == DNS_PORT)
		r = dns_take_stream(*in->dns, got);
	else if (is_telemetry(in, &m))
		r = telemetry_take(*in->telemetry, got);
	if (r != 0)
		return r;
	if (m.kind != HANDOVER_STREAM || m.port == DNS_PORT ||
	    is_telemetry(in, &m))
		return 2;
	gate_set_options(got);
	*ret_orig = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					   .sin6_port = htons(m.port),
					   .sin6_addr = m.addr };
	*ret_fd = got;
	return 0;
}
