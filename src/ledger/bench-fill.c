/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger to ask: N records of sessions of 1000 records each, of which eight
 * run at a time, written through the store as the scribe does.  The numbers in
 * them are made of the record's own, so that each run makes the same.
 *
 * usage: bench-fill DIR RECORDS       makes DIR/ledger
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/path.h"
#include "ledger/store.h"

#define AT_ONCE     8u
#define SESSION_LEN 1000u
#define GROUP       4096u
#define FIRST_AT    UINT64_C(1795206082000000000)
#define STEP_NS     UINT64_C(1000000)

static void fail(const char *what, int r)
{
	fprintf(stderr, "bench-fill: %s: %s\n", what, strerror(-r));
	exit(2);
}

/* Spread, and the same each time. */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return n ^ n >> 29;
}

static void envelope_of(uint64_t n, char *dst, size_t size)
{
	uint64_t turn = n / (AT_ONCE * SESSION_LEN);
	uint64_t session = turn * AT_ONCE + n % AT_ONCE;

	(void)snprintf(dst, size,
		       "\"session\":\"06%010" PRIx64 "%08" PRIx64
		       "\",\"user\":\"developer%u\",\"task\":\"T-%u\"",
		       session, mix(session) & 0xffffffff,
		       (unsigned)(session % 20), (unsigned)(session % 300));
}

static void body_of(uint64_t n, char *dst, size_t size)
{
	uint64_t x = mix(n);
	unsigned pid = (unsigned)(x % 30000 + 2);

	switch (x % 16) {
	case 0:
		(void)snprintf(
			dst, size,
			"{\"kind\":\"process.exec\",\"verdict\":\"none\","
			"\"trust\":\"claimed\",\"count\":1,\"path\":"
			"\"/usr/bin/tool%u\",\"argv\":\"tool -o %u\","
			"\"exe\":\"/usr/bin/make\",\"pid\":%u,"
			"\"ppid\":%u,\"cwd\":\"/home/developer/src\"}",
			(unsigned)(x >> 8) % 200, pid, pid, pid - 1);
		break;
	case 1:
		(void)snprintf(dst, size,
			       "{\"kind\":\"net.grant\",\"verdict\":\"allow\","
			       "\"trust\":\"kernel\",\"rule.layer\":\"user\","
			       "\"rule.file\":\"/home/developer/.config/bawn/"
			       "policy.yaml\",\"rule.line\":12,\"count\":1,"
			       "\"host\":\"host%u.example\",\"addr\":"
			       "\"192.0.2.%u\",\"port\":443,\"proto\":\"tcp\"}",
			       (unsigned)(x >> 8) % 2000,
			       (unsigned)(x >> 20) % 250);
		break;
	case 2:
		(void)snprintf(dst, size,
			       "{\"kind\":\"file.create\",\"verdict\":\"none\","
			       "\"trust\":\"claimed\",\"count\":1,\"path\":"
			       "\"/home/developer/src/out/%" PRIu64 ".o\","
			       "\"access\":\"write\",\"exe\":\"/usr/bin/cc\","
			       "\"pid\":%u,\"ppid\":%u}",
			       n, pid, pid - 1);
		break;
	default:
		(void)snprintf(dst, size,
			       "{\"kind\":\"file.open\",\"verdict\":\"none\","
			       "\"trust\":\"claimed\",\"count\":1,\"path\":"
			       "\"/usr/include/dir%u/header%u.h\",\"access\":"
			       "\"read\",\"exe\":\"/usr/bin/cc\",\"pid\":%u,"
			       "\"ppid\":%u}",
			       (unsigned)(x >> 8) % 40,
			       (unsigned)(x >> 16) % 500, pid, pid - 1);
		break;
	}
}

static void add(struct store *s, uint64_t n)
{
	char envelope[256], body[1024];
	struct store_record r = { .at = FIRST_AT + n * STEP_NS };
	int e;

	envelope_of(n, envelope, sizeof(envelope));
	body_of(n, body, sizeof(body));
	r.envelope = str_of(envelope);
	r.body = str_of(body);
	e = store_add(s, &r, NULL);
	if (e != 0)
		fail("add", e);
}

int main(int argc, char **argv)
{
	AUTO(store) struct store *s = NULL;
	char dir[PATH_LIMIT];
	uint64_t records, seq = 0;
	int e;

	if (argc != 3 ||
	    !str_u64(str_of(argv[2]), 1, UINT64_C(1) << 40, &records)) {
		fprintf(stderr, "usage: bench-fill DIR RECORDS\n");
		return 64;
	}
	(void)snprintf(dir, sizeof(dir), "%s/ledger", argv[1]);
	e = store_open(&s, dir, NULL, NULL);
	if (e != 0)
		fail(dir, e);
	for (uint64_t n = 0; n < records; n++) {
		add(s, n);
		if (store_waiting(s) == GROUP || n + 1 == records) {
			e = store_commit(s, &seq);
			if (e == 0)
				e = store_settle(s);
			if (e != 0)
				fail("commit", e);
		}
	}
	e = store_publish(s);
	if (e != 0)
		fail("publish", e);
	return 0;
}
