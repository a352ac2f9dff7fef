/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/nl.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define ANSWER_BYTES 8192

void nl_init(struct nl *n, char *buf)
{
	*n = (struct nl){ .buf = buf };
}

static void *add(struct nl *n, const void *p, size_t len)
{
	size_t whole = NLMSG_ALIGN(len);
	char *at = n->buf + n->len;

	if (n->failed || whole > NL_BYTES - n->len) {
		n->failed = true;
		return NULL;
	}
	memset(at, 0, whole);
	if (p && len > 0)
		memcpy(at, p, len);
	n->len += whole;
	return at;
}

void nl_begin(struct nl *n, uint16_t type, uint16_t flags)
{
	struct nlmsghdr h = { .nlmsg_type = type,
			      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			      .nlmsg_seq = ++n->seq };

	n->msg = n->len;
	if (flags & NLM_F_ACK)
		n->acks++;
	(void)add(n, &h, sizeof(h));
}

void nl_end(struct nl *n)
{
	uint32_t len = (uint32_t)(n->len - n->msg);

	if (!n->failed)
		memcpy(n->buf + n->msg, &len, sizeof(len));
}

void nl_put(struct nl *n, const void *p, size_t len)
{
	(void)add(n, p, len);
}

void nl_attr(struct nl *n, uint16_t type, const void *p, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len),
			    .nla_type = type };

	(void)add(n, &a, sizeof(a));
	(void)add(n, p, len);
}

void nl_attr_str(struct nl *n, uint16_t type, const char *s)
{
	nl_attr(n, type, s, strlen(s) + 1);
}

void nl_attr_u32(struct nl *n, uint16_t type, uint32_t v)
{
	nl_attr(n, type, &v, sizeof(v));
}

void nl_attr_be32(struct nl *n, uint16_t type, uint32_t v)
{
	nl_attr_u32(n, type, htonl(v));
}

size_t nl_nest(struct nl *n, uint16_t type)
{
	struct nlattr a = { .nla_type = (uint16_t)(type | NLA_F_NESTED) };
	size_t at = n->len;

	(void)add(n, &a, sizeof(a));
	return at;
}

void nl_nest_end(struct nl *n, size_t nest)
{
	uint16_t len = (uint16_t)(n->len - nest);

	/* nla_len is the first member of struct nlattr */
	if (!n->failed)
		memcpy(n->buf + nest, &len, sizeof(len));
}

/* The acknowledgements in one datagram. */
static void read_acks(const char *buf, size_t len, uint32_t *got, int *error,
		      uint32_t *seq)
{
	size_t at = 0;

	while (len - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		int e;

		memcpy(&h, buf + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at)
			return;
		if (h.nlmsg_type == NLMSG_ERROR &&
		    h.nlmsg_len >= sizeof(h) + sizeof(e)) {
			memcpy(&e, buf + at + sizeof(h), sizeof(e));
			(*got)++;
			if (e != 0 && *error == 0) {
				*error = e;
				*seq = h.nlmsg_seq;
			}
		}
		at += NLMSG_ALIGN(h.nlmsg_len);
		if (at > len)
			return;
	}
}

int nl_exchange(int fd, struct nl *n, uint32_t *ret_seq)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char answer[ANSWER_BYTES];
	uint32_t got = 0, seq = 0;
	int error = 0;

	if (n->failed)
		return -EMSGSIZE;
	if (sendto(fd, n->buf, n->len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) == -1)
		return neg_errno();
	/* nf_tables answers a failed batch with its errors only. */
	while (got < n->acks && error == 0) {
		ssize_t len = recv(fd, answer, sizeof(answer), 0);

		if (len == -1 && errno == EINTR)
			continue;
		if (len == -1)
			return neg_errno();
		read_acks(answer, (size_t)len, &got, &error, &seq);
	}
	if (ret_seq)
		*ret_seq = seq;
	return error;
}
