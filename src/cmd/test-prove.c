/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "cmd/prove-judge.h"

#define ROW(id, class, outcome)                                            \
	"{\"id\":\"" id                                                    \
	"\",\"class\":\"" class "\",\"what\":\"w\",\"outcome\":\"" outcome \
				"\"}\n"
#define HEAD "{\"probe\":1,\"version\":\"0\"}\n"

static struct prove_sum sum;
static bool landlock;

/* @middle between a head and enough rows that are refused; @n of them. */
static int judge(const char *middle, unsigned n)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct diag d = { 0 };

	arena_init(&a, (size_t)16 << 20);
	buf_init(&b, PROVE_TEXT_MAX);
	(void)buf_printf(&b, HEAD "%s", middle);
	for (unsigned i = 0; i < n; i++)
		(void)buf_printf(&b, ROW("ipc.%u", "ipc", "refused"), i);
	return prove_judge(&a, buf_str(&b), landlock, &sum, &d);
}

static void test_all_refused(void)
{
	CHECK_EQ(judge("", PROVE_ROWS_MIN), 0);
	CHECK_EQ(sum.open, 0);
	CHECK_EQ(sum.rows, PROVE_ROWS_MIN);
	CHECK_EQ(sum.classes[PROVE_IPC].refused, PROVE_ROWS_MIN);
}

static void test_open(void)
{
	CHECK_EQ(judge(ROW("net.tcp4-loopback", "net", "reachable")
			       ROW("net.udp4", "net", "untried")
				       ROW("net.sctp", "net", "absent"),
		       PROVE_ROWS_MIN),
		 0);
	CHECK_EQ(sum.open, 1);
	CHECK_EQ(sum.classes[PROVE_NET].open, 1);
	CHECK_EQ(sum.classes[PROVE_NET].untried, 1);
	CHECK_EQ(sum.classes[PROVE_NET].absent, 1);
	CHECK_EQ(sum.opened[0].id.len, sizeof("net.tcp4-loopback") - 1);
}

static void test_reasons(void)
{
	CHECK_EQ(judge(ROW("kernel.mlock", "kernel", "reachable")
			       ROW("wtx.makefile", "wtx", "reachable"),
		       PROVE_ROWS_MIN),
		 0);
	CHECK_EQ(sum.open, 0);
	CHECK_EQ(sum.classes[PROVE_KERNEL].excepted, 1);
	CHECK_EQ(sum.classes[PROVE_WTX].excepted, 1);
	/* Covered by a glob, and not excused. */
	CHECK_EQ(judge(ROW("wtx.bawn-policy", "wtx", "reachable"),
		       PROVE_ROWS_MIN),
		 0);
	CHECK_EQ(sum.open, 1);
	CHECK(prove_reason_find(STR("net.udp4-sendto"), true) != NULL);
	CHECK(prove_reason_find(STR("net.udp4-sendto"), false) == NULL);
	/* Longer than what has a reason, and another thing. */
	CHECK(prove_reason_find(STR("kernel.mlockall"), true) == NULL);
	CHECK(prove_reason_find(STR(""), true) == NULL);
}

/* What one backend lacks is no excuse in the other. */
static void test_lacks(void)
{
	static const char rows[] = ROW("fs.hidden-read", "fs", "reachable")
		ROW("wtx.bawn-policy", "wtx", "reachable");

	CHECK_EQ(judge(rows, PROVE_ROWS_MIN), 0);
	CHECK_EQ(sum.open, 2);
	landlock = true;
	CHECK_EQ(judge(rows, PROVE_ROWS_MIN), 0);
	CHECK_EQ(sum.open, 0);
	CHECK_EQ(sum.lacked[LACK_HIDE], 1);
	CHECK_EQ(sum.lacked[LACK_PROTECT], 1);
	CHECK_EQ(judge(ROW("net.tcp4-loopback", "net", "reachable"),
		       PROVE_ROWS_MIN),
		 0);
	CHECK_EQ(sum.open, 1);
	landlock = false;
}

/* Less text is never a better result. */
static void test_refuses(void)
{
	static const char *const rows[] = {
		"not JSON\n",
		"{}\n",
		"\n",
		HEAD,
		ROW("", "net", "refused"),
		ROW("net.x", "other", "refused"),
		ROW("net.x", "net", "fine"),
		"{\"id\":\"net.x\",\"class\":\"net\"}\n",
		"{\"id\":1,\"class\":\"net\",\"outcome\":\"refused\"}\n",
	};
	AUTO(arena) struct arena a = ARENA_NULL;
	struct diag d = { 0 };

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (judge(rows[i], PROVE_ROWS_MIN) != 1)
			printf("# accepted: %s", rows[i]);
		CHECK_EQ(judge(rows[i], PROVE_ROWS_MIN), 1);
	}
	CHECK_EQ(judge("", PROVE_ROWS_MIN - 1), 1);
	arena_init(&a, 1 << 20);
	CHECK_EQ(prove_judge(&a, STR(""), false, &sum, &d), 1);
	CHECK_EQ(prove_judge(&a, STR("{\"probe\":1}"), false, &sum, &d), 1);
	CHECK_EQ(prove_judge(&a, STR("{\"probe\":2}\n"), false, &sum, &d), 1);
	CHECK_EQ(prove_judge(&a, STR(ROW("ipc.1", "ipc", "refused")), false,
			     &sum, &d),
		 1);
}

/* One line of a screen each. */
static void test_table(void)
{
	for (size_t i = 0; i < n_prove_reasons; i++) {
		CHECK(strlen(prove_reasons[i].shown) <= PROVE_SHOWN_MAX);
		CHECK(strlen(prove_reasons[i].why) <= PROVE_WHY_MAX);
		CHECK(prove_reasons[i].ids[0] != NULL);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "all is refused", test_all_refused },
		{ "one is open", test_open },
		{ "reasons", test_reasons },
		{ "what a backend lacks", test_lacks },
		{ "what is no proof", test_refuses },
		{ "the table", test_table },
	};

	return test_main(tests, N_ELEMS(tests));
}
