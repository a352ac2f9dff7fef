/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/tell.h"

#define AT "1795206082123456789" /* 2026-11-20 20:21:22 UTC */
#define FRONT                                    \
	"{\"v\":1,\"seq\":1,\"at\":" AT          \
	",\"session\":\"0abcdefghijklmnopqrs\"," \
	"\"user\":\"u\",\"task\":\"\",\"kind\":"
#define BACK  ",\"prev\":\"0\"}"
#define ALLOW ",\"verdict\":\"allow\",\"trust\":\"kernel\",\"count\":1"
#define RULE                                                   \
	",\"rule.layer\":\"user\",\"rule.file\":\"~/p.yaml\"," \
	"\"rule.line\":12"

static const struct {
	struct str line;
	const char *want; /* after the time */
} rows[] = {
	{ STR(FRONT "\"net.refuse\",\"verdict\":\"deny\",\"trust\":\"kernel\","
		    "\"count\":1,\"host\":\"evil.example\",\"port\":443,"
		    "\"proto\":\"tcp\",\"reason\":\"no rule allows it\","
		    "\"hint\":\"network.allow: - {host: evil.example}\"" BACK),
	  "refused  evil.example:443  (no rule allows it; would: "
	  "network.allow: - {host: evil.example})" },
	{ STR(FRONT "\"net.refuse\",\"verdict\":\"deny\",\"trust\":\"kernel\","
		    "\"count\":12,\"addr\":\"2001:db8::1\",\"port\":53,"
		    "\"proto\":\"udp\",\"reason\":\"x\"" BACK),
	  "refused  [2001:db8::1]:53/udp  (x, 12 times)" },
	{ STR(FRONT
	      "\"net.refuse\",\"verdict\":\"deny\",\"trust\":\"kernel\","
	      "\"count\":1,\"host\":\"x.example\",\"proto\":\"dns\"" BACK),
	  "refused  x.example/dns" },
	{ STR(FRONT
	      "\"net.grant\"" ALLOW RULE ",\"host\":\"a.example\","
	      "\"addr\":\"192.0.2.1\",\"port\":443,\"proto\":\"tcp\"" BACK),
	  "allowed  a.example:443  (at 192.0.2.1, rule user ~/p.yaml:12)" },
	{ STR(FRONT "\"net.grant\"" ALLOW ",\"addr\":\"192.0.2.1\",\"port\":22,"
		    "\"proto\":\"tcp\"" BACK),
	  "allowed  192.0.2.1:22" },
	{ STR(FRONT
	      "\"session.open\"" ALLOW ",\"cwd\":\"/p\",\"argv\":\"make -j2\","
	      "\"policy\":\"abc\",\"file\":\"/f.yaml\",\"profile\":\"\"" BACK),
	  "opened   make -j2  (in /p, policy /f.yaml)" },
	{ STR(FRONT "\"session.start\"" ALLOW
		    ",\"pid\":7,\"layer.userns\":true,"
		    "\"layer.landlock\":7,\"layer.cgroup\":\"v2\","
		    "\"layer.idmap\":false" BACK),
	  "started  pid 7  (userns, landlock 7, cgroup v2, no idmap)" },
	{ STR(FRONT "\"session.close\"" ALLOW ",\"code\":3,\"signal\":0,\"ms\":"
		    "12345,\"utime_us\":1000000,\"stime_us\":230000,"
		    "\"maxrss_kb\":46080,\"bytes_in\":12000,\"bytes_out\":300,"
		    "\"reason\":\"\"" BACK),
	  "closed   code 3 after 12.34 s  (cpu 1.23 s, 45 MB, 12 kB in, 300 B "
	  "out)" },
	{ STR(FRONT "\"session.close\"" ALLOW ",\"code\":0,\"signal\":9,"
		    "\"reason\":\"supervisor died\"" BACK),
	  "closed   by signal 9  (supervisor died)" },
	{ STR(FRONT "\"limit.hit\"" ALLOW ",\"limit\":\"memory\",\"value\":"
		    "\"8G\",\"reason\":\"killed\"" BACK),
	  "limit    memory 8G  (killed)" },
	{ STR(FRONT "\"syscall.refuse\"" ALLOW ",\"syscall\":\"bpf\",\"pid\":5,"
		    "\"exe\":\"/x\",\"errno\":1,\"args\":\"1, 2\"" BACK),
	  "refused  bpf(1, 2)  (by /x, pid 5, EPERM)" },
	{ STR(FRONT "\"file.hide\"" ALLOW
		    ",\"path\":\"/p/.env\",\"ms\":40" BACK),
	  "hidden   /p/.env  (visible for 40 ms)" },
	{ STR(FRONT "\"socket.grant\"" ALLOW ",\"path\":\"/run/s\"" BACK),
	  "allowed  /run/s" },
	{ STR(FRONT "\"peer.killed\"" ALLOW ",\"peer\":\"relay\",\"reason\":"
		    "\"request 3: unknown\"" BACK),
	  "killed   relay  (request 3: unknown)" },
	{ STR(FRONT "\"ledger.torn\"" ALLOW ",\"bytes\":17,\"kept\":\"torn-1\","
		    "\"lost\":2,\"damage\":true,\"reason\":\"why\"" BACK),
	  "cut      17 bytes that were never acknowledged  (kept in torn-1, 2 "
	  "durable records are missing, why)" },
	{ STR(FRONT "\"ledger.first\"" ALLOW ",\"lines\":5" BACK),
	  "took in  5 lines of the ledger's first form" },
	{ STR(FRONT "\"ledger.key\"" ALLOW
		    ",\"vkey\":\"k+1+A\",\"note\":\"x\",\"why\":\"lost\"" BACK),
	  "new key  k+1+A  (by u, lost)" },
	{ STR(FRONT "\"ledger.erase\"" ALLOW ",\"n\":1,\"of\":\"s1\"" BACK),
	  "erased   1 payload of session s1  (by u)" },
	{ STR(FRONT "\"ledger.erase\"" ALLOW
		    ",\"n\":7,\"reason\":\"limit\"" BACK),
	  "erased   7 payloads  (by u, limit)" },
	{ STR(FRONT "\"sink.reject\"" ALLOW ",\"sink\":\"siem\",\"record\":9,"
		    "\"reason\":\"HTTP 400\"" BACK),
	  "rejected record 9 by sink siem  (HTTP 400)" },
	{ STR(FRONT "\"ledger.start\"" ALLOW ",\"pid\":3,\"layer.landlock\":7,"
		    "\"layer.seccomp\":true" BACK),
	  "ledger   pid 3  (landlock 7, seccomp)" },
	{ STR(FRONT "\"daemon.start\"" ALLOW
		    ",\"pid\":3,\"build\":\"b1\"" BACK),
	  "up       bawnd pid 3  (build b1)" },
	{ STR(FRONT "\"daemon.stop\"" ALLOW
		    ",\"pid\":3,\"reason\":\"idle\"" BACK),
	  "down     bawnd pid 3  (idle)" },
	{ STR(FRONT "\"moon.phase\"" ALLOW ",\"x\":3" BACK),
	  "moon.phase  (a kind of record that this version does not know)" },
	/* What a process chose reaches no terminal as it is. */
	{ STR(FRONT "\"net.refuse\"" ALLOW ",\"host\":\"a\\u001b[2Jb\\nc\","
		    "\"port\":1,\"reason\":\"\\u202ex\"" BACK),
	  "refused  a\\x1b[2Jb\\x0ac:1  (\\xe2\\x80\\xaex)" },
	/* Members of unexpected types, or none at all. */
	{ STR(FRONT "\"net.refuse\"" ALLOW ",\"host\":7,\"port\":\"x\","
		    "\"reason\":true" BACK),
	  "refused  7  (yes)" },
	{ STR(FRONT "\"session.close\"" ALLOW BACK), "closed   code " },
	{ STR(FRONT "\"session.close\"" ALLOW
		    ",\"code\":0,\"ms\":9223372036854775807" BACK),
	  "closed   code 0 after " },
	{ STR(FRONT "\"session.close\"" ALLOW
		    ",\"code\":0,\"ms\":7,\"utime_us\":3000" BACK),
	  "closed   code 0 after 7 ms  (cpu 3 ms)" },
	{ STR(FRONT "\"session.open\"" ALLOW
		    ",\"argv\":\"x\",\"policy\":\"0123456789abcdef\"" BACK),
	  "opened   x  (policy 0123456789ab)" },
};

static void tell(const struct tell *t, struct str line, struct buf *b)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;

	arena_init(&a, 65536);
	buf_init(b, TELL_LINE_MAX);
	CHECK_EQ(record_read(&a, line, &rec), 0);
	tell_record(t, &rec, b);
	CHECK_EQ(b->failed, false);
}

static void test_rows(void)
{
	const struct tell t = { .now_ns = UINT64_C(1795207000000000000) };

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		char want[512];

		tell(&t, rows[i].line, &b);
		(void)snprintf(want, sizeof(want), "20:21:22 %s\n",
			       rows[i].want);
		if (!str_eq(buf_str(&b), str_of(want))) {
			CHECK_EQ(i, -1);
			printf("# got  %.*s# want %s", STR_ARG(buf_str(&b)),
			       want);
		}
	}
}

/* A kind without a row would have no verb. */
static void test_verbs(void)
{
	const struct json nothing = { .type = JSON_OBJECT };
	const struct tell t = { .now_ns = 0 };

	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		struct record r = { .fields = &nothing, .head.kind = k };
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, 4096);
		tell_record(&t, &r, &b);
		CHECK(!b.failed && !strstr(buf_cstr(&b), "(null)"));
	}
}

static void test_columns(void)
{
	const struct tell later = { .now_ns = UINT64_C(1795307000000000000),
				    .show_session = true };
	AUTO(buf) struct buf b = BUF_NULL;

	tell(&later, rows[4].line, &b);
	CHECK_EQ(str_eq(buf_str(&b), STR("2026-11-20 20:21:22 0abcdefghi "
					 "allowed  192.0.2.1:22\n")),
		 true);
}

/* The longest record there can be is still one line within the limit. */
static void test_long(void)
{
	const struct tell t = { .now_ns = 1 };
	AUTO(buf) struct buf line = BUF_NULL;
	AUTO(buf) struct buf out = BUF_NULL;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;

	buf_init(&line, RECORD_MAX_BYTES * 2);
	(void)buf_add(&line, STR(FRONT "\"session.start\"" ALLOW));
	for (unsigned i = 0; i < 60; i++) {
		(void)buf_printf(&line, ",\"layer.%u", i);
		for (unsigned k = 0; k < 35; k++)
			(void)buf_addc(&line, 'n');
		(void)buf_add(&line, STR("\":\""));
		for (unsigned k = 0; k < 70; k++)
			(void)buf_add(&line, STR("\\u0007"));
		(void)buf_add(&line, STR("\""));
	}
	(void)buf_add(&line, STR(BACK));
	CHECK_EQ(line.failed, false);
	CHECK_EQ(line.len > 20000 && line.len < RECORD_MAX_BYTES, true);

	arena_init(&a, RECORD_MAX_BYTES * 8);
	buf_init(&out, TELL_LINE_MAX);
	CHECK_EQ(record_read(&a, buf_str(&line), &rec), 0);
	tell_record(&t, &rec, &out);
	CHECK_EQ(out.failed, false);
	CHECK_EQ(memchr(buf_str(&out).ptr, '\n', out.len) ==
			 buf_str(&out).ptr + out.len - 1,
		 true);
}

int main(void)
{
	static const struct test tests[] = {
		{ "one row for each kind", test_rows },
		{ "each kind has a verb", test_verbs },
		{ "date and session", test_columns },
		{ "long records", test_long },
	};

	if (setenv("TZ", "UTC", 1) != 0)
		return 1;
	return test_main(tests, N_ELEMS(tests));
}
