/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a query.  Beyond "does not crash":
 *   1. the reply says the id and the question of the query, byte for byte, and
 *      is a reply;
 *   2. as a query again (without answer) it parses to the same question;
 *   3. another implementation (c-ares) reads the same name and, from the
 *      reply, the same address;
 *   4. a reverse name that parses is spelt again the same.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "relay/dns-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			return false;
	}
	return true;
}

static void check_echo(struct str wire, const struct dns_query *q,
		       const uint8_t *reply, size_t len)
{
	law(len >= 12 && memcmp(reply, wire.ptr, 2) == 0);
	law(reply[2] & 0x80);
	law(len >= 12 + q->question.len);
	if (q->question.len > 0)
		law(memcmp(reply + 12, q->question.ptr, q->question.len) == 0);
}

static void check_again(const struct dns_query *q, uint8_t *reply, size_t len)
{
	enum dns_rcode rcode = DNS_NOERROR;
	struct dns_query again;

	reply[2] &= 0x7f;
	law(dns_parse((struct str){ .ptr = (char *)reply, .len = len }, &again,
		      &rcode) == 0);
	law(again.id == q->id && again.type == q->type &&
	    again.edns == q->edns && again.recursion == q->recursion);
	law(str_eq((struct str){ .ptr = q->name, .len = q->name_len },
		   (struct str){ .ptr = again.name, .len = again.name_len }));
}

static void check_other(struct str wire, const struct dns_query *q)
{
	struct str name = { .ptr = q->name, .len = q->name_len };
	const unsigned char *p = (const unsigned char *)wire.ptr;
	char *text = NULL;
	long used = 0;

	law(wire.len <= 65535);
	law(ares_expand_name(p + 12, p, (int)wire.len, &text, &used) ==
	    ARES_SUCCESS);
	law((size_t)used + 4 == q->question.len);
	if (is_plain(name))
		law(str_eq(str_of(text), name));
	ares_free_string(text);
}

static void check_address(const struct dns_query *q)
{
	static const struct in6_addr v4 = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						0xff, 0xff, 198, 18, 1, 2 } } };
	struct dns_answer a = { .addr = &v4, .ttl = 60 };
	struct ares_addrttl got[2];
	uint8_t reply[DNS_REPLY_MAX];
	size_t len;
	int n = 2;

	if (q->type != DNS_TYPE_A || q->name_len == 0)
		return;
	len = dns_format(q, &a, reply);
	law(ares_parse_a_reply(reply, (int)len, NULL, got, &n) == ARES_SUCCESS);
	law(n == 1 && got[0].ttl == 60 &&
	    memcmp(&got[0].ipaddr, v4.s6_addr + 12, 4) == 0);
}

static void check_reverse(const struct dns_query *q)
{
	struct str name = { .ptr = q->name, .len = q->name_len };
	struct in6_addr a;
	char text[96];
	size_t n = 0;

	if (!dns_reverse_parse(name, &a))
		return;
	if (name.len < 64)
		n = (size_t)snprintf(text, sizeof(text),
				     "%u.%u.%u.%u.in-addr.arpa", a.s6_addr[15],
				     a.s6_addr[14], a.s6_addr[13],
				     a.s6_addr[12]);
	for (size_t i = 0; name.len >= 64 && i < 32; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%x.",
				      a.s6_addr[15 - i / 2] >> (i % 2 * 4) &
					      0xf);
	if (name.len >= 64)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "ip6.arpa");
	law(n == name.len && strncasecmp(text, name.ptr, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str wire = { .ptr = (const char *)data, .len = size };
	struct dns_answer a = { .ttl = 60 };
	uint8_t reply[DNS_REPLY_MAX];
	struct dns_query q;
	size_t len;
	int r = dns_parse(wire, &q, &a.rcode);

	if (r == 1)
		return 0;
	law((r == 0) == (a.rcode == DNS_NOERROR));
	law(q.name_len <= DNS_TEXT_MAX);
	len = dns_format(&q, &a, reply);
	check_echo(wire, &q, reply, len);
	if (r != 0)
		return 0;
	check_other(wire, &q);
	check_address(&q);
	check_reverse(&q);
	check_again(&q, reply, len);
	return 0;
}
