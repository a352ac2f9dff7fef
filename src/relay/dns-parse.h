/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-parse: one question of a program, and our answer, as bytes.  Pure.
 */
#pragma once

#include <netinet/in.h>

#include "base/base.h"

#define DNS_QUERY_MAX 1232u /* bytes of a query that we look at */
#define DNS_REPLY_MAX 768u  /* bytes: header, question, one answer, OPT */
#define DNS_TEXT_MAX  1016u /* bytes of a name with every byte escaped */

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
};

struct dns_query {
	uint16_t id, type;
	bool recursion; /* the RD bit, to be echoed */
	bool edns;
	struct str question; /* name, type and class as sent; borrowed */
	/*
	 * The name as text, without a dot at the end, letters as sent; bytes
	 * that are no letter, digit, hyphen or underscore stand as \DDD.  Empty
	 * for the root.
	 */
	char name[DNS_TEXT_MAX];
	size_t name_len;
};

/*
 * 0; 1 = to be ignored: an answer, or less than a header; else > 1, an answer
 * with the error *ret_rcode is due and *ret holds what it needs.
 */
must_check int dns_parse(struct str wire, struct dns_query *ret,
			 enum dns_rcode *ret_rcode);

struct dns_answer {
	enum dns_rcode rcode;
	const struct in6_addr *addr; /* A when v4-mapped, else AAAA; or NULL */
	struct str target;           /* PTR: a host name; or empty */
	uint32_t ttl;                /* seconds */
};

/* The bytes of the reply; how many. */
size_t dns_format(const struct dns_query *q, const struct dns_answer *a,
		  uint8_t ret[DNS_REPLY_MAX]);

/*
 * The address that a name below in-addr.arpa or ip6.arpa is about, v4 mapped;
 * @name as text.  False: not a complete reverse name.
 */
must_check bool dns_reverse_parse(struct str name, struct in6_addr *ret);
