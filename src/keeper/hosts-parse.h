/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts-parse: resolv.conf(5) and hosts(5).  Pure.
 *
 * Both are read as libc does: a line that makes no sense is passed over, since
 * a machine's names must not depend on one bad line.  What is taken from a
 * line is strict: addresses in one spelling, names that net_name_parse()
 * accepts.
 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/base.h"
#include "policy/net.h"

#define HOSTS_MAX_BYTES   ((size_t)1024 * 1024)
#define HOSTS_MAX_SERVERS 8u
#define HOSTS_MAX_SEARCH  16u
#define HOSTS_MAX_NAMES   8192u /* beyond it the rest of the file is unseen */
#define HOSTS_TIMEOUT_MS  5000u /* when the file does not say */

struct hosts_resolv {
	struct in6_addr servers[HOSTS_MAX_SERVERS]; /* v4 mapped; port 53 */
	size_t n_servers;
	char search[HOSTS_MAX_SEARCH][NET_NAME_MAX + 1];
	size_t n_search;
	uint32_t timeout_ms, attempts, ndots;
};

struct hosts_entry {
	struct str name; /* as net_name_parse() made it */
	struct in6_addr addr;
};

struct hosts_file {
	struct arena arena;
	struct hosts_entry *entries; /* in the order of the file */
	size_t n;
};

/* Without a nameserver in @text: 127.0.0.1, as libc. */
void hosts_parse_resolv(struct str text, struct hosts_resolv *ret);

/* 0 or -ENOMEM.  End with hosts_file_done(). */
must_check int hosts_parse(struct str text, struct hosts_file *ret);
void hosts_file_done(struct hosts_file *f);
