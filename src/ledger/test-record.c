/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/head.h"
#include "ledger/record-parse.h"

#define HEAD       "\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":\"kernel\""
#define BODY(more) "{" HEAD ",\"count\":1" more "}"
#define RULE       "\"rule.layer\":\"user\",\"rule.file\":\"p\",\"rule.line\":3"

static void test_tables(void)
{
	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		const char *name = record_kind_name((enum record_kind)k);
		enum record_kind back = 0;
		unsigned n_roles = 0;

		CHECK_EQ(record_kind_find(str_of(name), &back), true);
		CHECK_EQ(back, k);
		for (unsigned r = 0; r <= RECORD_ROLE_MAX_; r++)
			n_roles += record_role_may((enum record_role)r, back);
		CHECK_EQ(n_roles >= 1, true);
	}
	for (unsigned r = 1; r < RECORD_ROLE_MAX_; r++) {
		enum record_role back = 0;

		CHECK_EQ(record_role_find(
				 str_of(record_role_name((enum record_role)r)),
				 &back),
			 true);
		CHECK_EQ(back, r);
	}
	CHECK_EQ(record_kind_find(STR("net.grant2"), &(enum record_kind){ 0 }),
		 false);
	CHECK_EQ(record_role_may(RECORD_ROLE_RELAY, RECORD_SESSION_OPEN),
		 false);
	CHECK_EQ(record_role_may(0, RECORD_SESSION_OPEN), false);
	CHECK_EQ(record_role_may(RECORD_ROLE_RELAY, RECORD_KIND_MAX_), false);
}

static void test_what_writers_word_is_accepted(void)
{
	const struct record_rule rule = { STR("user"), STR("/a \"b\"\n"), 7 };
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	enum record_kind kind = 0;

	buf_init(&b, 4096);
	record_begin(&w, RECORD_NET_REFUSE, "deny", RECORD_CLAIMED, &rule, 3);
	json_kstr(&w, "host", STR("a\xff\x01\x7f\xf0\x9f\x98\x80\xe2\x80\xae"));
	json_kint(&w, "port", INT64_MIN);
	json_kbool(&w, "x", false);
	record_end(&w);
	CHECK_EQ(b.failed, false);
	CHECK_EQ(record_check(buf_str(&b), RECORD_ROLE_RELAY, &kind, NULL), 0);
	CHECK_EQ(kind, RECORD_NET_REFUSE);
	CHECK_EQ(record_check(buf_str(&b), RECORD_ROLE_KEEPER, &kind, NULL),
		 RECORD_E_KIND);
}

static const struct {
	struct str body;
	int want;
	unsigned column; /* of a refusal; 0: not looked at */
} rows[] = {
	{ STR(BODY("")), 0, 0 },
	{ STR(BODY(",\"a\":\"\"")), 0, 0 },
	{ STR(BODY(",\"a.b_9\":-1")), 0, 0 },
	{ STR(BODY(",\"a\":true,\"b\":false,\"c\":null")), 0, 0 },
	{ STR(BODY(",\"a\":9223372036854775807")), 0, 0 },
	{ STR(BODY(",\"a\":-9223372036854775808")), 0, 0 },
	{ STR(BODY(",\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"")), 0, 0 },
	{ STR(BODY(",\"a\":\"\\ud83d\\ude00 \\udcff\\udc80\"")), 0, 0 },
	{ STR(BODY(",\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"")), 0, 0 },
	{ STR("{" HEAD "," RULE ",\"count\":2}"), 0, 0 },
	{ STR("{" HEAD ",\"count\":2," RULE "}"), 0, 0 },

	{ STR(""), RECORD_E_SYNTAX, 1 },
	{ STR("{"), RECORD_E_SYNTAX, 2 },
	{ STR("{}"), RECORD_E_SYNTAX, 2 },
	{ STR("[]"), RECORD_E_SYNTAX, 1 },
	{ STR(" " BODY("")), RECORD_E_SYNTAX, 1 },
	{ STR(BODY("") " "), RECORD_E_SYNTAX, 0 },
	{ STR(BODY("") "\n"), RECORD_E_SYNTAX, 0 },
	{ STR(BODY("") "\0"), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(", \"a\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\": 1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":{}")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":[]")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":1.0")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":1e3")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":01")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":-0")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":+1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":-")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":9223372036854775808")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":-9223372036854775809")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":99999999999999999999")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":True")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":nul")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":'x'")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"x")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\n\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\0\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\x\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\u12g4\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\u12\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\ud800\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\ud800\\u0041\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\udc00\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\\udd00\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\xff\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\xc0\x80\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a\":\"\xed\xa0\x80\"")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"A\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"1a\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"a b\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"\\u0061\":1")), RECORD_E_SYNTAX, 0 },
	{ STR(BODY(",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1")),
	  RECORD_E_SYNTAX, 0 },

	{ STR(BODY(",\"v\":1")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"seq\":1")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"at\":1")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"session\":\"x\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"user\":\"x\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"task\":\"x\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"prev\":\"x\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"a\":1,\"b\":1,\"a\":1")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"kind\":\"net.grant\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"count\":1")), RECORD_E_FIELD, 0 },
	{ STR("{" HEAD "}"), RECORD_E_FIELD, 0 },
	{ STR("{" HEAD ",\"count\":0}"), RECORD_E_FIELD, 0 },
	{ STR("{" HEAD ",\"count\":-1}"), RECORD_E_FIELD, 0 },
	{ STR("{" HEAD ",\"count\":\"1\"}"), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"rule.layer\":\"user\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"rule.line\":\"7\"")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"rule.line\":4294967296")), RECORD_E_FIELD, 0 },
	{ STR(BODY(",\"rule.file\":7")), RECORD_E_FIELD, 0 },
	{ STR("{\"verdict\":\"allow\",\"kind\":\"net.grant\",\"trust\":"
	      "\"kernel\",\"count\":1}"),
	  RECORD_E_FIELD, 0 },
	{ STR("{\"kind\":\"net.grant\",\"verdict\":\"perhaps\",\"trust\":"
	      "\"kernel\",\"count\":1}"),
	  RECORD_E_FIELD, 0 },
	{ STR("{\"kind\":\"net.grant\",\"verdict\":1,\"trust\":\"kernel\","
	      "\"count\":1}"),
	  RECORD_E_FIELD, 0 },
	{ STR("{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":"
	      "\"me\",\"count\":1}"),
	  RECORD_E_FIELD, 0 },

	{ STR("{\"kind\":\"net.grand\",\"verdict\":\"allow\",\"trust\":"
	      "\"kernel\",\"count\":1}"),
	  RECORD_E_KIND, 0 },
	{ STR("{\"kind\":1,\"verdict\":\"allow\",\"trust\":\"kernel\","
	      "\"count\":1}"),
	  RECORD_E_KIND, 0 },
	{ STR("{\"kind\":\"net\\u002egrant\",\"verdict\":\"allow\",\"trust\":"
	      "\"kernel\",\"count\":1}"),
	  RECORD_E_KIND, 0 },
	{ STR("{\"kind\":\"session.open\",\"verdict\":\"allow\",\"trust\":"
	      "\"kernel\",\"count\":1}"),
	  RECORD_E_KIND, 0 },
};

static void test_rows(void)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned before = test_failures;
		enum record_kind kind = 0;
		struct diag d = { 0 };

		CHECK_EQ(record_check(rows[i].body, RECORD_ROLE_RELAY, &kind,
				      &d),
			 rows[i].want);
		if (rows[i].want == 0) {
			CHECK_EQ(kind, RECORD_NET_GRANT);
		} else {
			CHECK_EQ(d.text[0] != '\0' && d.column >= 1 &&
					 d.column <= rows[i].body.len + 1,
				 true);
			if (rows[i].column)
				CHECK_EQ(d.column, rows[i].column);
		}
		if (test_failures != before)
			printf("# row %zu: %.*s\n", i, STR_ARG(rows[i].body));
	}
}

/* Each beginning of a record is refused: none is complete before its end. */
static void test_prefixes(void)
{
	static const struct str whole =
		STR("{" HEAD "," RULE ",\"count\":2,\"a\":\"\\ud83d\\ude00\"}");
	enum record_kind kind;

	for (size_t n = 0; n < whole.len; n++)
		CHECK_EQ(record_check((struct str){ whole.ptr, n },
				      RECORD_ROLE_RELAY, &kind, NULL) != 0,
			 true);
}

static int check_fields(unsigned n)
{
	AUTO(buf) struct buf b = BUF_NULL;
	enum record_kind kind;

	buf_init(&b, RECORD_MAX_BYTES * 2);
	(void)buf_add(&b, STR("{" HEAD ",\"count\":1"));
	for (unsigned i = 4; i < n; i++)
		(void)buf_printf(&b, ",\"f%u\":%u", i, i);
	(void)buf_addc(&b, '}');
	return record_check(buf_str(&b), RECORD_ROLE_RELAY, &kind, NULL);
}

static int check_length(size_t len)
{
	AUTO(buf) struct buf b = BUF_NULL;
	enum record_kind kind;

	buf_init(&b, RECORD_MAX_BYTES * 2);
	(void)buf_add(&b, STR("{" HEAD ",\"count\":1,\"a\":\""));
	while (b.len < len - 2)
		(void)buf_addc(&b, 'x');
	(void)buf_add(&b, STR("\"}"));
	return record_check(buf_str(&b), RECORD_ROLE_RELAY, &kind, NULL);
}

static void test_limits(void)
{
	CHECK_EQ(check_fields(RECORD_MAX_FIELDS), 0);
	CHECK_EQ(check_fields(RECORD_MAX_FIELDS + 1), RECORD_E_LIMIT);
	CHECK_EQ(check_length(RECORD_MAX_BODY), 0);
	CHECK_EQ(check_length(RECORD_MAX_BODY + 1), RECORD_E_LIMIT);
}

#define LINE(front, back)                                                \
	"{\"v\":1,\"seq\":5,\"at\":6,\"session\":\"0s\",\"user\":\"u\"," \
	"\"task\":\"\"," front back
#define PREV ",\"prev\":\"" LEDGER_HASH_ZERO "\"}"

static void test_stored_line(void)
{
	static const struct {
		struct str line;
		bool scan, read;
	} lines[] = {
		{ STR(LINE(HEAD ",\"count\":1", PREV)), true, true },
		{ STR(LINE("\"kind\":\"later.kind\",\"verdict\":\"x\","
			   "\"trust\":\"y\",\"count\":1,\"z\":1.5",
			   PREV)),
		  true, true },
		{ STR(LINE(HEAD, PREV)), true, false },
		{ STR(LINE("[", PREV)), true, false },
		{ STR(LINE(HEAD ",\"count\":1,\"a\":[]", PREV)), true, false },
		{ STR(LINE(HEAD ",\"count\":1", PREV " ")), false, true },
		{ STR(LINE(HEAD ",\"count\":1", "}")), false, false },
		{ STR(LINE(HEAD ",\"count\":1", ",\"prev\":\"00\"}")), false,
		  true },
		{ STR("{\"v\":2,\"seq\":5}"), false, false },
		{ STR("{\"v\":1,\"seq\":5"), false, false },
		{ STR(""), false, false },
		{ STR("\0\0\0\0"), false, false },
		{ STR("{\"v\":1,\"seq\":0,\"at\":6,\"session\":\"0s\"" PREV),
		  false, false },
		{ STR("{\"v\":1,\"seq\":05,\"at\":6,\"session\":\"0s\"" PREV),
		  false, false },
	};

	for (size_t i = 0; i < N_ELEMS(lines); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		unsigned before = test_failures;
		struct record_line l = { 0 };
		struct record rec = { 0 };

		arena_init(&a, 65536);
		CHECK_EQ(record_line_scan(lines[i].line, &l), lines[i].scan);
		CHECK_EQ(record_read(&a, lines[i].line, &rec),
			 lines[i].read ? 0 : 1);
		if (lines[i].scan) {
			CHECK_EQ(l.seq, 5);
			CHECK_EQ(l.at, 6);
			CHECK_EQ(str_eq(l.session, STR("0s")), true);
			CHECK_EQ(str_eq(l.prev, STR(LEDGER_HASH_ZERO)), true);
		}
		if (lines[i].read)
			CHECK_EQ(rec.head.seq, 5);
		if (test_failures != before)
			printf("# line %zu\n", i);
	}
}

static void test_head(void)
{
	struct ledger_head h, back = { 0 };
	char text[LEDGER_HEAD_BYTES];
	struct str all = { text, sizeof(text) };

	ledger_head_init(&h);
	h.seq = INT64_MAX;
	h.size = INT64_MAX;
	h.file = LEDGER_FILES_MAX;
	ledger_head_format(&h, text);
	CHECK_EQ(ledger_head_parse(all, &back), true);
	CHECK_EQ(back.seq == h.seq && back.size == h.size &&
			 back.file == h.file && strcmp(back.hash, h.hash) == 0,
		 true);
	CHECK_EQ(text[LEDGER_HEAD_BYTES - 1], '\n');
	for (size_t i = 0; i < sizeof(text); i++) {
		char was = text[i];

		text[i] = '\0';
		CHECK_EQ(ledger_head_parse(all, &back), false);
		text[i] = was;
		CHECK_EQ(ledger_head_parse((struct str){ text, i }, &back),
			 false);
	}
}

static void test_names(void)
{
	static const struct {
		const char *name;
		uint32_t want; /* 0: none */
	} names[] = {
		{ "000001.jsonl", 1 },      { "999999.jsonl", 999999 },
		{ "000000.jsonl", 0 },      { "1.jsonl", 0 },
		{ "0000001.jsonl", 0 },     { "00000a.jsonl", 0 },
		{ "000001.jsonl~", 0 },     { "000001.json", 0 },
		{ " 00001.jsonl", 0 },      { "head", 0 },
		{ "torn-000001.jsonl", 0 }, { "", 0 },
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		uint32_t n = 0;
		bool is = ledger_file_parse(str_of(names[i].name), &n);

		CHECK_EQ(is ? n : 0, names[i].want);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "tables", test_tables },
		{ "what writers word is accepted",
		  test_what_writers_word_is_accepted },
		{ "grammar and refusals", test_rows },
		{ "no beginning is whole", test_prefixes },
		{ "limits", test_limits },
		{ "stored lines", test_stored_line },
		{ "head", test_head },
		{ "names of files", test_names },
	};

	return test_main(tests, N_ELEMS(tests));
}
