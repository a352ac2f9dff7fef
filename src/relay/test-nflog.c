/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <endian.h>

#include "base/test.h"
#include "relay/nflog-parse.h"

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define H16(low, high) low high
#define H32(low, high) low high "\0\0"
#else
#define H16(low, high) high low
#define H32(low, high) "\0\0" high low
#endif

/* nlmsghdr of @len bytes, of NFULNL_MSG_PACKET, and nfgenmsg */
#define MESSAGE(len)           \
	H32(len, "\0")         \
	H16("\0", "\x04")      \
	"\0\0\0\0\0\0\0\0\0\0" \
	"\x02\0\0\x01"
#define ATTR(len, type) H16(len, "\0") H16(type, "\0")
#define PREFIX          ATTR("\x06", "\x0a") "p\0\0\0"

#define V4(proto, dst)                          \
	"\x45\0\0\x3c\0\0\0\0\x40" proto "\0\0" \
	"\x0a\0\x02\x64" dst
#define V6(proto, dst)                  \
	"\x60\0\0\0\0\x14" proto "\x40" \
	"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x64" dst
#define PORTS "\x9c\x40\x01\xbb" /* 40000 to 443 */
#define DST4  "\x08\x08\x08\x08"
#define DST6  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"

/* 20 + ... bytes of header, attribute 4, packet */
static const struct {
	const char *what;
	struct str wire;
	unsigned n, bad;
	uint8_t proto;
	uint16_t port;
	const char *dst;
} rows[] = {
	{ "empty", STR(""), 0, 0, 0, 0, NULL },
	{ "TCP",
	  STR(MESSAGE("\x30") ATTR("\x1c", "\x09") V4("\x06", DST4) PORTS), 1,
	  0, 6, 443, "::ffff:8.8.8.8" },
	{ "behind a prefix",
	  STR(MESSAGE("\x38") PREFIX ATTR("\x1c", "\x09") V4("\x11", DST4)
		      PORTS),
	  1, 0, 17, 443, "::ffff:8.8.8.8" },
	{ "ICMP has no port",
	  STR(MESSAGE("\x30") ATTR("\x1c", "\x09") V4("\x01", DST4) PORTS), 1,
	  0, 1, 0, "::ffff:8.8.8.8" },
	{ "cut before the ports",
	  STR(MESSAGE("\x2c") ATTR("\x18", "\x09") V4("\x06", DST4)), 1, 0, 6,
	  0, "::ffff:8.8.8.8" },
	{ "cut in the header",
	  STR(MESSAGE("\x2c") ATTR("\x17", "\x09") V4("\x06", DST4)), 0, 1, 0,
	  0, NULL },
	{ "v6",
	  STR(MESSAGE("\x44") ATTR("\x30", "\x09") V6("\x06", DST6) PORTS), 1,
	  0, 6, 443, "2001:db8::1" },
	{ "v6 behind options",
	  STR(MESSAGE("\x4c") ATTR("\x38", "\x09")
		      V6("\x3c", DST6) "\x11\0\0\0\0\0\0\0" PORTS),
	  1, 0, 17, 443, "2001:db8::1" },
	{ "v6 options beyond the cut",
	  STR(MESSAGE("\x48") ATTR("\x34", "\x09")
		      V6("\x3c", DST6) "\x11\x09\0\0\0\0\0\0"),
	  1, 0, 17, 0, "2001:db8::1" },
	{ "IP 5", STR(MESSAGE("\x1c") ATTR("\x05", "\x09") "\x50\0\0\0"), 0, 1,
	  0, 0, NULL },
	{ "no payload", STR(MESSAGE("\x1c") PREFIX), 0, 1, 0, 0, NULL },
	{ "attribute too long",
	  STR(MESSAGE("\x1c") ATTR("\x40", "\x09") "\x45\0\0\0"), 0, 1, 0, 0,
	  NULL },
	{ "attribute too short", STR(MESSAGE("\x18") ATTR("\x03", "\x09")), 0,
	  1, 0, 0, NULL },
	{ "message too long", STR(MESSAGE("\x40")), 0, 1, 0, 0, NULL },
	{ "message too short", STR(MESSAGE("\x0f")), 0, 1, 0, 0, NULL },
	{ "another message",
	  STR(H32("\x10", "\0")
		      H16("\x02", "\0") "\0\0\0\0\0\0\0\0\0\0" MESSAGE("\x30")
			      ATTR("\x1c", "\x09") V4("\x06", DST4) PORTS),
	  1, 0, 6, 443, "::ffff:8.8.8.8" },
	{ "half a message", STR("\x20\0\0\0"), 0, 0, 0, 0, NULL },
};

static void test_rows(void)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str rest = rows[i].wire;
		struct nflog_packet p, last = { 0 };
		struct in6_addr want = { 0 };
		uint64_t bad = 0;
		unsigned n = 0;

		while (nflog_next(&rest, &p, &bad)) {
			last = p;
			n++;
		}
		if (n != rows[i].n || bad != rows[i].bad ||
		    last.port != rows[i].port || last.proto != rows[i].proto)
			printf("# %s\n", rows[i].what);
		CHECK_EQ(n, rows[i].n);
		CHECK_EQ(bad, rows[i].bad);
		CHECK_EQ(last.proto, rows[i].proto);
		CHECK_EQ(last.port, rows[i].port);
		if (rows[i].dst)
			CHECK_EQ(inet_pton(AF_INET6, rows[i].dst, &want), 1);
		CHECK_EQ(memcmp(&last.dst, &want, sizeof(want)), 0);
	}
}

static void test_several(void)
{
	static const char two[] =
		MESSAGE("\x2c") ATTR("\x18", "\x09") V4("\x06", DST4)
			MESSAGE("\x2c") ATTR("\x18", "\x09") V4("\x11", DST4);
	struct str rest = { .ptr = two, .len = sizeof(two) - 1 };
	struct nflog_packet p = { 0 };
	uint64_t bad = 0;

	CHECK_EQ(nflog_next(&rest, &p, &bad), true);
	CHECK_EQ(p.proto, 6);
	CHECK_EQ(nflog_next(&rest, &p, &bad), true);
	CHECK_EQ(p.proto, 17);
	CHECK_EQ(nflog_next(&rest, &p, &bad), false);
	CHECK_EQ(bad, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "rows", test_rows },
		{ "several in one datagram", test_several },
	};

	return test_main(tests, N_ELEMS(tests));
}
