/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends packed, and how much it may send. */
#include "base/test.h"
#include "telemetry/gunzip.h"
#include "telemetry/rate.h"

static void test_gunzip(void)
{
	/* printf hello | gzip -n */
	static const char good[] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb"
		"\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36"
		"\x05\x00\x00\x00";
	struct str s = { good, sizeof(good) - 1 };
	AUTO(buf) struct buf b = BUF_NULL;
	char bad[sizeof(good)];

	buf_init(&b, 64);
	CHECK_EQ(gunzip(s, &b), 0);
	CHECK_STR(buf_str(&b), STR("hello"));
	for (size_t n = 0; n < s.len; n++) {
		buf_clear(&b);
		CHECK_EQ(gunzip((struct str){ good, n }, &b), 1);
	}
	buf_clear(&b);
	CHECK_EQ(gunzip((struct str){ good, sizeof(good) }, &b), 1);
	memcpy(bad, good, sizeof(bad));
	bad[s.len - 5] = (char)(bad[s.len - 5] ^ 1); /* its checksum */
	buf_clear(&b);
	CHECK_EQ(gunzip((struct str){ bad, s.len }, &b), 1);
	buf_done(&b);
	buf_init(&b, 4);
	CHECK_EQ(gunzip(s, &b), 2);
	CHECK(b.len <= 4);
}

static void test_rate(void)
{
	uint64_t second = UINT64_C(1000000000), now = 5 * second;
	struct rate r;
	uint64_t n = 0;

	rate_init(&r, now, 1);
	while (rate_take(&r, now, 1))
		n++;
	CHECK_EQ(n, RATE_EVENTS_BURST);
	now += second;
	for (n = 0; rate_take(&r, now, 1);)
		n++;
	CHECK_EQ(n, RATE_EVENTS_S);
	now += 1000 * second;
	for (n = 0; rate_take(&r, now, 64 * 1024);)
		n++;
	CHECK_EQ(n, RATE_BYTES_BURST / (64 * 1024));
	CHECK(!rate_take(&r, now, 64 * 1024));
	CHECK(!rate_take(&r, now - second,
			 1024 * 1024)); /* a clock that lies */
	now += second;
	CHECK(rate_take(&r, now, RATE_BYTES_S / 2));
	rate_init(&r, now, 2);
	for (n = 0; rate_take(&r, now, 1);)
		n++;
	CHECK_EQ(n, 2 * RATE_EVENTS_BURST);
}

int main(void)
{
	static const struct test tests[] = {
		{ "gunzip: whole, or not at all", test_gunzip },
		{ "rate: a burst, then so many a second", test_rate },
	};

	return test_main(tests, N_ELEMS(tests));
}
