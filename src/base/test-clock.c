/* SPDX-License-Identifier: Apache-2.0 */
#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/test.h"

#include <fcntl.h>
#include <sys/mman.h>

static void test_format(void)
{
	static const struct {
		uint64_t s;
		const char *want;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 86399, "1970-01-01T23:59:59.000000000Z" },
		{ 951782400, "2000-02-29T00:00:00.000000000Z" },
		{ 951868800, "2000-03-01T00:00:00.000000000Z" },
		{ 1077926399, "2004-02-27T23:59:59.000000000Z" },
		{ 1795206082, "2026-11-20T20:21:22.000000000Z" },
		{ 4107542400, "2100-03-01T00:00:00.000000000Z" },
		{ 4107456000, "2100-02-28T00:00:00.000000000Z" },
		{ 18446744073, "2554-07-21T23:34:33.000000000Z" },
	};
	char got[32];

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		clock_format_utc(rows[i].s * NS_PER_S, got, sizeof(got));
		CHECK_STR(str_of(got), str_of(rows[i].want));
	}
	clock_format_utc(123456789, got, sizeof(got));
	CHECK_STR(str_of(got), STR("1970-01-01T00:00:00.123456789Z"));
	clock_format_utc(UINT64_MAX, got, sizeof(got));
	CHECK_EQ(strlen(got), 30);
}

static void test_clocks(void)
{
	uint64_t a = clock_mono_ns();

	CHECK(clock_mono_ns() >= a);
	CHECK(clock_boot_ns() >= a);
	CHECK(clock_utc_ns() > UINT64_C(1577836800) * NS_PER_S);
}

static void test_id(void)
{
	static const uint8_t zero[8] = { 0 };
	static const uint8_t ones[8] = {
		255, 255, 255, 255, 255, 255, 255, 255
	};
	char a[ID_SESSION_LEN + 1], b[ID_SESSION_LEN + 1];

	id_session_new(a, 0, zero);
	CHECK_STR(str_of(a), STR("00000000000000000000"));
	id_session_new(a, UINT64_MAX, ones);
	CHECK(id_session_is(str_of(a)));
	CHECK_EQ(strlen(a), ID_SESSION_LEN);

	/* the largest of one millisecond is below the smallest of the next */
	for (uint64_t ms = 1; ms < UINT64_C(1) << 44; ms = ms * 5 / 3 + 1) {
		id_session_new(a, ms * NS_PER_MS + 999999, ones);
		id_session_new(b, (ms + 1) * NS_PER_MS, zero);
		CHECK(strcmp(a, b) < 0);
		CHECK(id_session_is(str_of(a)));
	}
	/* 52 bits count, whichever they are */
	unsigned counted = 0;

	id_session_new(a, NS_PER_S, zero);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint8_t rnd[8] = { 0 };

		rnd[bit / 8] = (uint8_t)(1u << bit % 8);
		id_session_new(b, NS_PER_S, rnd);
		counted += strcmp(a, b) != 0;
	}
	CHECK_EQ(counted, 52);
}

static void test_id_is(void)
{
	static const struct {
		struct str s;
		bool want;
	} rows[] = {
		{ STR("0123456789abcdefghjk"), true },
		{ STR("zzzzzzzzzzzzzzzzzzzz"), true },
		{ STR(""), false },
		{ STR("0123456789abcdefghj"), false },
		{ STR("0123456789abcdefghjkm"), false },
		{ STR("0123456789abcdefghjK"), false },
		{ STR("0123456789abcdefghji"), false },
		{ STR("0123456789abcdefghjl"), false },
		{ STR("0123456789abcdefghjo"), false },
		{ STR("0123456789abcdefghju"), false },
		{ STR("0123456789abcdefghj\0"), false },
		{ STR("../../etc/passwd0000"), false },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		CHECK_EQ(id_session_is(rows[i].s), rows[i].want);
}

static void test_log(void)
{
	AUTO(fd) int fd = memfd_create("log", MFD_CLOEXEC);
	AUTO(buf) struct buf b = BUF_NULL;
	char many[3000];
	struct str line, all;

	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	log_init("bawnd[test]", fd, LOG_LEVEL_INFO);
	errno = ENOTTY;
	log_error("a\nb\033[m %d", 5);
	CHECK_EQ(errno, ENOTTY);
	log_debug("not this");
	log_info("%s", many);
	log_init("bawnd[test]", -1, LOG_LEVEL_DEBUG);
	log_error("nor this");

	buf_init(&b, 8192);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(fd_read_all(fd, &b), 0);
	all = buf_str(&b);
	CHECK(str_cut(&all, '\n', &line));
	CHECK(str_ends(line, STR("Z bawnd[test]: error: a\\x0ab\\x1b[m 5")));
	CHECK(str_cut(&all, '\n', &line));
	CHECK(str_ends(line, STR("xxx...")) || str_ends(line, STR("xxx")));
	CHECK_EQ(all.len, 0);
}

static void test_build_id(void)
{
	size_t len = strlen(build_id());

	CHECK(len >= 8 && len < 64);
	for (size_t i = 0; i < len; i++)
		CHECK(build_id()[i] > ' ' && build_id()[i] < 0x7f);
}

int main(void)
{
	static const struct test tests[] = {
		{ "calendar", test_format },
		{ "clocks", test_clocks },
		{ "session ids", test_id },
		{ "what is a session id", test_id_is },
		{ "log lines are harmless and bounded", test_log },
		{ "build id", test_build_id },
	};

	return test_main(tests, N_ELEMS(tests));
}
