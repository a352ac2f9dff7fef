/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/query.h"

#define RECORD                                                               \
	"{\"session\":\"0abc\",\"kind\":\"net.refuse\",\"host\":\"a.evil."   \
	"example\",\"port\":443,\"neg\":-5,\"yes\":true,\"nil\":null,"       \
	"\"path\":\"/a/b c/x.y\",\"empty\":\"\",\"at\":1795204800000000000," \
	"\"f\":1.5,\"word\":\"and\"}"

/* 1795204800 is 2026-11-20T20:00:00Z; now is an hour later, in CET */
static const struct query_clock clock_then = { UINT64_C(1795208400000000000),
					       3600 };
static const struct {
	struct str text;
	bool want;
} matches[] = {
	{ STR("host = a.evil.example"), true },
	{ STR("host=a.evil.example"), true },
	{ STR("host = \"a.evil.example\""), true },
	{ STR("host = A.evil.example"), false },
	{ STR("host = evil"), false },
	{ STR("host != evil"), true },
	{ STR("host ~ evil"), true },
	{ STR("host ~ *.example"), true },
	{ STR("host ~ *.evil.*"), true },
	{ STR("host ~ ?.evil.example"), true },
	{ STR("host ~ ??.evil.example"), false },
	{ STR("host ~ evil*"), false },
	{ STR("host ~ *"), true },
	{ STR("host ~ \"\""), true },
	{ STR("path ~ /a/*.y"), true },
	{ STR("path = \"/a/b c/x.y\""), true },
	{ STR("port = 443"), true },
	{ STR("port = \"443\""), true },
	{ STR("port != 443"), false },
	{ STR("port > 442"), true },
	{ STR("port > 443"), false },
	{ STR("port < 444"), true },
	{ STR("port < -1"), false },
	{ STR("port ~ 44"), true },
	{ STR("port ~ 4*"), true },
	{ STR("neg = -5"), true },
	{ STR("neg < -4"), true },
	{ STR("host > 1"), false },
	{ STR("yes = true"), true },
	{ STR("nil = null"), true },
	{ STR("f = 1.5"), true },
	{ STR("empty = \"\""), true },
	{ STR("word = \"and\""), true },
	{ STR("none = x"), false },
	{ STR("none != x"), true },
	{ STR("none ~ *"), false },
	{ STR("none < 1"), false },
	{ STR("not none = x"), true },
	{ STR("port = 443 and host ~ evil"), true },
	{ STR("port = 80 and host ~ evil"), false },
	{ STR("port = 80 or host ~ evil"), true },
	{ STR("port = 80 and host = x or yes = true"), true },
	{ STR("yes = true or port = 80 and host = x"), true },
	{ STR("(yes = true or port = 80) and host = x"), false },
	{ STR("not (yes = true and port = 80)"), true },
	{ STR("not yes = true or port = 443"), true },
	{ STR("not not yes = true"), true },
	{ STR("(((port=443)))"), true },
	{ STR("\tport\n=\r443 "), true },
	{ STR("session = @"), false },
	{ STR("session != @"), true },
	{ STR("at > 2026-11-20"), true },
	{ STR("at < 2026-11-20"), false },
	{ STR("at > 2026-11-20T20:00:00Z"), false },
	{ STR("at > 2026-11-20T19:59:59Z"), true },
	{ STR("at = 2026-11-20T20:00:00Z"), true },
	{ STR("at < 2026-11-20T20:00:01Z"), true },
	{ STR("at > 2024-02-29 and at < 2028-02-29"), true },
	{ STR("at = 2026-11-20T20:00"), true },
	{ STR("at = 2026-11-20T20:00Z"), true },
	{ STR("at = 2026-11-20T20:00:00"), true },
	{ STR("at > -1h"), false },
	{ STR("at = -1h"), true },
	{ STR("at = -60m and at = -3600s"), true },
	{ STR("at > -61m and at < -59m"), true },
	{ STR("at > -1d and at > -1w and at < now"), true },
	{ STR("at > today and at > yesterday"), true },
	{ STR("at < 2026-11-19T23:00 or not (at > today)"), false },
	{ STR("at > 2026-11-19T23:00 and at < -0s"), true },
};

static const struct {
	struct str text;
	int want;
	unsigned column;
} refusals[] = {
	{ STR(""), QUERY_E_SYNTAX, 1 },
	{ STR("   "), QUERY_E_SYNTAX, 4 },
	{ STR("host"), QUERY_E_SYNTAX, 5 },
	{ STR("host ="), QUERY_E_SYNTAX, 7 },
	{ STR("= x"), QUERY_E_SYNTAX, 1 },
	{ STR("host == x"), QUERY_E_SYNTAX, 7 },
	{ STR("host <= 1"), QUERY_E_SYNTAX, 7 },
	{ STR("host ! x"), QUERY_E_SYNTAX, 6 },
	{ STR("host is x"), QUERY_E_SYNTAX, 6 },
	{ STR("Host = x"), QUERY_E_SYNTAX, 1 },
	{ STR("1a = x"), QUERY_E_SYNTAX, 1 },
	{ STR("a-b = x"), QUERY_E_SYNTAX, 1 },
	{ STR("\"a\" = x"), QUERY_E_SYNTAX, 1 },
	{ STR("a = x y"), QUERY_E_SYNTAX, 7 },
	{ STR("a = x b = y"), QUERY_E_SYNTAX, 7 },
	{ STR("a = x and"), QUERY_E_SYNTAX, 10 },
	{ STR("a = x or or b = y"), QUERY_E_SYNTAX, 10 },
	{ STR("and = x"), QUERY_E_SYNTAX, 1 },
	{ STR("a = and"), QUERY_E_SYNTAX, 5 },
	{ STR("not"), QUERY_E_SYNTAX, 4 },
	{ STR("()"), QUERY_E_SYNTAX, 2 },
	{ STR("(a = x"), QUERY_E_SYNTAX, 7 },
	{ STR("a = x)"), QUERY_E_SYNTAX, 6 },
	{ STR("a = \"x"), QUERY_E_SYNTAX, 7 },
	{ STR("a = \"x\\n\""), QUERY_E_SYNTAX, 8 },
	{ STR("a = \"x\\"), QUERY_E_SYNTAX, 8 },
	{ STR("a = x\0"), QUERY_E_SYNTAX, 6 },
	{ STR("a < x"), QUERY_E_SYNTAX, 5 },
	{ STR("a < 01"), QUERY_E_SYNTAX, 5 },
	{ STR("a < 1.5"), QUERY_E_SYNTAX, 5 },
	{ STR("a < 9223372036854775808"), QUERY_E_SYNTAX, 5 },
	{ STR("port < 2026-11-20"), QUERY_E_SYNTAX, 8 },
	{ STR("at < 2026-13-20"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2026-11-32"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2026-11-20T20"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2026-11-20T24:00"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2026-11-20T20:00+01"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2026-11-20Z"), QUERY_E_SYNTAX, 6 },
	{ STR("at < -h"), QUERY_E_SYNTAX, 6 },
	{ STR("at < 2h"), QUERY_E_SYNTAX, 6 },
	{ STR("at < -2y"), QUERY_E_SYNTAX, 6 },
	/* Nobody asks it at a time. */
	{ STR("at < -2h"), QUERY_E_SYNTAX, 6 },
	{ STR("at > now"), QUERY_E_SYNTAX, 6 },
	{ STR("at > today"), QUERY_E_SYNTAX, 6 },
	{ STR("at < -2.5h"), QUERY_E_SYNTAX, 6 },
	{ STR("at < -100000000w"), QUERY_E_SYNTAX, 6 },
	{ STR("at < tomorrow"), QUERY_E_SYNTAX, 6 },
	{ STR("port < -2h"), QUERY_E_SYNTAX, 8 },
};

static struct json *parse_record(struct arena *a)
{
	struct json *o = NULL;

	arena_init(a, 65536);
	CHECK_EQ(json_parse(a, STR(RECORD), &o, NULL), 0);
	return o;
}

static void test_matches(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *rec = parse_record(&a);

	for (size_t i = 0; i < N_ELEMS(matches); i++) {
		AUTO(query) struct query *q = NULL;
		unsigned before = test_failures;

		CHECK_EQ(query_parse_at(matches[i].text, &clock_then, &q, NULL),
			 0);
		if (q)
			CHECK_EQ(query_matches(q, rec), matches[i].want);
		if (q && matches[i].want)
			CHECK(query_may_match(q, STR(RECORD)));
		if (test_failures != before)
			printf("# %.*s\n", STR_ARG(matches[i].text));
	}
}

/* What the text alone tells. */
static void test_may_match(void)
{
	static const struct {
		struct str text;
		bool want;
	} rows[] = {
		{ STR("host = b.example"), false },
		{ STR("host = b.example and port = 443"), false },
		{ STR("host = b.example or port = 1"), true },
		{ STR("host = b.example or kind = x"), false },
		{ STR("not host = a.evil.example"), true },
		{ STR("port = 1"), true }, /* not looked for */
		{ STR("host = \"\\\"\""), true },
		{ STR("word = \"and\""), true },
		{ STR("and_ = \"and\""), false },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(query) struct query *q = NULL;

		CHECK_EQ(query_parse(rows[i].text, &q, NULL), 0);
		CHECK(q && query_may_match(q, STR(RECORD)) == rows[i].want);
	}
}

static void test_refusals(void)
{
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		AUTO(query) struct query *q = NULL;
		unsigned before = test_failures;
		struct diag d = { 0 };

		CHECK_EQ(query_parse(refusals[i].text, &q, &d),
			 refusals[i].want);
		CHECK_EQ(d.column, refusals[i].column);
		CHECK_EQ(d.text[0] != '\0', true);
		CHECK_EQ(q == NULL, true);
		if (test_failures != before)
			printf("# %.*s: %s\n", STR_ARG(refusals[i].text),
			       d.text);
	}
}

static void test_newest(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *rec = parse_record(&a);
	AUTO(query) struct query *q = NULL;
	AUTO(query) struct query *quoted = NULL;

	CHECK_EQ(query_parse(STR("port = 1 or session = @"), &q, NULL), 0);
	CHECK_EQ(query_needs_newest(q), true);
	CHECK_EQ(query_matches(q, rec), false);
	CHECK_EQ(query_set_newest(q, STR("0abc")), 0);
	CHECK_EQ(query_matches(q, rec), true);
	CHECK_EQ(query_set_newest(q, STR("0abd")), 0);
	CHECK_EQ(query_matches(q, rec), false);
	CHECK_EQ(query_parse(STR("session = \"@\" or host = @"), &quoted, NULL),
		 0);
	CHECK_EQ(query_needs_newest(quoted), false);
}

/* Parse, print, parse, print: the printed ones are the same. */
static void check_round_trip(struct str text)
{
	AUTO(query) struct query *one = NULL;
	AUTO(query) struct query *two = NULL;
	AUTO(buf) struct buf a = BUF_NULL;
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&a, QUERY_MAX_BYTES * 4);
	buf_init(&b, QUERY_MAX_BYTES * 4);
	CHECK_EQ(query_parse_at(text, &clock_then, &one, NULL), 0);
	if (!one)
		return;
	query_print(one, &a);
	CHECK_EQ(query_parse_at(buf_str(&a), &clock_then, &two, NULL), 0);
	if (!two)
		return;
	query_print(two, &b);
	CHECK_EQ(str_eq(buf_str(&a), buf_str(&b)), true);
	CHECK_EQ(a.failed || b.failed, false);
}

static void test_prints(void)
{
	AUTO(query) struct query *q = NULL;
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 1024);
	CHECK_EQ(query_parse(STR("a=1 and not(b~x or c=\"\\\"\\\\\")or(d<2 and "
				 "(e=1 and session!=@))"),
			     &q, NULL),
		 0);
	query_print(q, &b);
	CHECK_EQ(str_eq(buf_str(&b),
			STR("a = \"1\" and not (b ~ \"x\" or c = \"\\\"\\\\\")"
			    " or d < \"2\" and (e = \"1\" and session != @)")),
		 true);
	for (size_t i = 0; i < N_ELEMS(matches); i++)
		check_round_trip(matches[i].text);
}

static int parse_repeated(const char *first, const char *more, unsigned n,
			  const char *last)
{
	AUTO(query) struct query *q = NULL;
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 65536);
	(void)buf_add(&b, str_of(first));
	for (unsigned i = 0; i < n; i++)
		(void)buf_add(&b, str_of(more));
	(void)buf_add(&b, str_of(last));
	return query_parse(buf_str(&b), &q, NULL);
}

static void test_limits(void)
{
	CHECK_EQ(parse_repeated("a=1", " or a=1", QUERY_MAX_TESTS - 1, ""), 0);
	CHECK_EQ(parse_repeated("a=1", " or a=1", QUERY_MAX_TESTS, ""),
		 QUERY_E_LIMIT);
	CHECK_EQ(parse_repeated("", "not ", QUERY_MAX_DEPTH - 1, "a=1"), 0);
	CHECK_EQ(parse_repeated("", "not ", QUERY_MAX_DEPTH, "a=1"),
		 QUERY_E_LIMIT);
	CHECK_EQ(parse_repeated("", "(", QUERY_MAX_DEPTH, "a=1"),
		 QUERY_E_LIMIT);
	CHECK_EQ(parse_repeated("a=", "x", 1024, ""), 0);
	CHECK_EQ(parse_repeated("a=", "x", 1025, ""), QUERY_E_LIMIT);
	CHECK_EQ(parse_repeated("a=\"", "x", 1024, "\""), 0);
	CHECK_EQ(parse_repeated("a=\"", "x", 1025, "\""), QUERY_E_LIMIT);
	CHECK_EQ(parse_repeated("a=1", " ", QUERY_MAX_BYTES - 3, ""), 0);
	CHECK_EQ(parse_repeated("a=1", " ", QUERY_MAX_BYTES - 2, ""),
		 QUERY_E_LIMIT);
}

int main(void)
{
	static const struct test tests[] = {
		{ "matches", test_matches },
		{ "refusals", test_refusals },
		{ "what the text tells", test_may_match },
		{ "the newest session", test_newest },
		{ "prints", test_prints },
		{ "limits", test_limits },
	};

	return test_main(tests, N_ELEMS(tests));
}
