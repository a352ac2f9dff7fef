/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nl: netlink messages written into one fixed buffer, netlink(7).
 *
 * Overflow sets a sticky flag; nl_exchange() then returns -EMSGSIZE.
 */
#pragma once

#include <linux/netlink.h>

#include "base/base.h"

#define NL_BYTES ((size_t)192 * 1024) /* of one batch; below SO_SNDBUF */

struct nl {
	char *buf; /* NL_BYTES, borrowed */
	size_t len;
	size_t msg; /* where the open message begins */
	uint32_t seq;
	uint32_t acks; /* messages that ask for one */
	bool failed;
};

void nl_init(struct nl *n, char *buf);
void nl_begin(struct nl *n, uint16_t type, uint16_t flags);
void nl_end(struct nl *n);
/* Raw bytes of a header that follows nlmsghdr; padded. */
void nl_put(struct nl *n, const void *p, size_t len);
void nl_attr(struct nl *n, uint16_t type, const void *p, size_t len);
void nl_attr_str(struct nl *n, uint16_t type, const char *s);
void nl_attr_u32(struct nl *n, uint16_t type, uint32_t v); /* host order */
void nl_attr_be32(struct nl *n, uint16_t type, uint32_t v);
/* Open a nested attribute; give the result to nl_nest_end(). */
size_t nl_nest(struct nl *n, uint16_t type);
void nl_nest_end(struct nl *n, size_t nest);
/*
 * Send everything on @fd and read the answers.  0 or the first error; then
 * *ret_seq (may be NULL) is the message it was about, counted from 1.
 */
must_check int nl_exchange(int fd, struct nl *n, uint32_t *ret_seq);
