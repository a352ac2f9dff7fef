/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach: what a plan lets be connected to, decided as the rules of nft.h do it
 * in the kernel.  Pure but for the last.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "jail/plan.h"

/* All addresses: v4 mapped. */

/* This machine itself, also as 0.0.0.0 and ::. */
bool reach_is_loopback(const struct in6_addr *a);
/* A synthetic address, which stands for a name. */
bool reach_is_named(const struct plan *p, const struct in6_addr *a);
/* Denied ranges first, then names by their ports, then allowed ranges. */
bool reach_allows(const struct plan *p, const struct in6_addr *a,
		  uint16_t port);
/*
 * Does the socket of inode @ino listen on @port (as /proc tells)?  *ret_v6: on
 * an address that only IPv6 reaches.
 */
bool reach_listens(ino_t ino, uint16_t port, bool *ret_v6);
