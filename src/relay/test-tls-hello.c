/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "relay/test-hello.h"
#include "relay/tls-hello-parse.h"

/* Feed @s in pieces of @step bytes. */
static int feed(struct str s, size_t step, struct tls_hello *h)
{
	int r = TLS_HELLO_MORE;

	tls_hello_init(h);
	while (s.len > 0) {
		struct str piece = { .ptr = s.ptr,
				     .len = s.len < step ? s.len : step };

		r = tls_hello_feed(h, piece);
		s = str_skip(s, piece.len);
	}
	return r;
}

/* Whole, by one and by seven bytes: the same. */
static void check(const char *what, struct str wire, int want, struct str name)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7 };

	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		struct tls_hello h;
		int got = feed(wire, steps[i], &h);
		struct str sni = { .ptr = h.name, .len = h.name_len };

		if (got != want || (want == 0 && !str_eq(sni, name))) {
			printf("# %s, by %zu\n", what, steps[i]);
			CHECK_EQ(got, want);
			CHECK_EQ(str_eq(sni, name), true);
		}
	}
}

static const struct {
	const char *what;
	struct hello_form form;
	int want;
	const char *name;
} forms[] = {
	{ "plain", { .sni = "a.example" }, 0, "a.example" },
	{ "no extensions", { .no_extensions = true }, 0, "" },
	{ "no SNI", { .sni = NULL }, 0, "" },
	{ "others before",
	  { .sni = "a.example", .before = 40 },
	  0,
	  "a.example" },
	{ "others after", { .sni = "a.example", .after = 40 }, 0, "a.example" },
	{ "large", { .sni = "a.example", .before = 30000 }, 0, "a.example" },
	{ "one byte records",
	  { .sni = "a.example", .record = 1 },
	  0,
	  "a.example" },
	{ "fragmented", { .sni = "a.example", .record = 17 }, 0, "a.example" },
	{ "upper case stays", { .sni = "A.Example" }, 0, "A.Example" },
	{ "two names",
	  { .sni = "a.example", .second_name = true },
	  TLS_HELLO_BAD,
	  NULL },
	{ "two SNI",
	  { .sni = "a.example", .twice = true },
	  TLS_HELLO_BAD,
	  NULL },
	{ "empty name", { .sni = "" }, TLS_HELLO_BAD, NULL },
	{ "name of another type",
	  { .sni = "a.example", .name_type = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "list too long",
	  { .sni = "a.example", .list_off = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "list too short",
	  { .sni = "a.example", .list_off = -1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "name too long",
	  { .sni = "a.example", .name_off = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "extension too long",
	  { .sni = "a.example", .ext_off = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "extensions too long",
	  { .sni = "a.example", .exts_off = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "extensions too short",
	  { .sni = "a.example", .exts_off = -1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "message too short",
	  { .sni = "a.example", .msg_off = -1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "message too long",
	  { .sni = "a.example", .msg_off = 1 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "no methods",
	  { .sni = "a.example", .no_methods = true },
	  TLS_HELLO_BAD,
	  NULL },
	{ "odd ciphers",
	  { .sni = "a.example", .ciphers = 3 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "no ciphers",
	  { .sni = "a.example", .no_ciphers = true },
	  TLS_HELLO_BAD,
	  NULL },
	{ "session too long",
	  { .sni = "a.example", .session = 33 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "another message",
	  { .sni = "a.example", .type = 2 },
	  TLS_HELLO_BAD,
	  NULL },
	{ "something behind",
	  { .sni = "a.example", .trailing = 4 },
	  TLS_HELLO_BAD,
	  NULL },
};

static void test_forms(void)
{
	static char wire[HELLO_WIRE_MAX];

	for (size_t i = 0; i < N_ELEMS(forms); i++) {
		size_t n = hello_make(&forms[i].form, wire);
		struct str s = { .ptr = wire, .len = n };

		/* A declared length beyond the end just waits, to a limit. */
		if (forms[i].form.msg_off > 0) {
			struct tls_hello h;

			CHECK_EQ(feed(s, SIZE_MAX, &h), forms[i].want);
			continue;
		}
		check(forms[i].what, s, forms[i].want, str_of(forms[i].name));
	}
}

static const struct {
	struct str wire;
	int want;
} raw[] = {
	{ STR("\x16"), TLS_HELLO_MORE },
	{ STR("\x16\x03"), TLS_HELLO_MORE },
	{ STR("\x16\x03\x01\x40"), TLS_HELLO_MORE },
	{ STR("\x16\x03\x01\x40\x00"), TLS_HELLO_MORE },
	{ STR("\x16\x03\x01\x40\x01"), TLS_HELLO_BAD }, /* 2^14 + 1 */
	{ STR("\x16\x03\x01\x00\x00"), TLS_HELLO_BAD },
	{ STR("\x16\x03\x01\x00\x01\x00"), TLS_HELLO_BAD },
	{ STR("G"), TLS_HELLO_NOT_TLS },
	{ STR("\x15\x03\x01"), TLS_HELLO_NOT_TLS },
	{ STR("\x16\x02"), TLS_HELLO_NOT_TLS },
	{ STR("\x80\x2e\x01\x03\x01"), TLS_HELLO_NOT_TLS }, /* SSLv2 */
	/* a second record of another type */
	{ STR("\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01\x00"),
	  TLS_HELLO_BAD },
	/* a hello of 2^24 - 1 bytes */
	{ STR("\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03"), TLS_HELLO_BAD },
};

static void test_raw(void)
{
	for (size_t i = 0; i < N_ELEMS(raw); i++)
		check("raw", raw[i].wire, raw[i].want, (struct str){ 0 });
}

static void test_every_prefix_waits(void)
{
	static const struct hello_form form = { .sni = "a.example" };
	static char wire[HELLO_WIRE_MAX];
	size_t n = hello_make(&form, wire);

	for (size_t len = 1; len < n; len++) {
		struct tls_hello h;

		CHECK_EQ(feed((struct str){ .ptr = wire, .len = len }, SIZE_MAX,
			      &h),
			 TLS_HELLO_MORE);
	}
}

/* Tiny records make a hello larger on the wire than it is. */
static void test_limit(void)
{
	static const struct hello_form form = { .sni = "a.example",
						.before = 20000,
						.record = 1 };
	static char wire[HELLO_WIRE_MAX];
	struct str s = { .ptr = wire, .len = hello_make(&form, wire) };

	CHECK_EQ(s.len > TLS_HELLO_MAX, true);
	check("too large", s, TLS_HELLO_BAD, (struct str){ 0 });
}

static void test_what_follows_is_not_looked_at(void)
{
	static const struct hello_form form = { .sni = "a.example" };
	static char wire[HELLO_WIRE_MAX];
	size_t n = hello_make(&form, wire);

	memcpy(wire + n, "\x14\x03\x03", 3);
	check("early data", (struct str){ .ptr = wire, .len = n + 3 }, 0,
	      STR("a.example"));
}

int main(void)
{
	static const struct test tests[] = {
		{ "forms of a hello", test_forms },
		{ "raw bytes", test_raw },
		{ "every prefix waits", test_every_prefix_waits },
		{ "limit on the wire", test_limit },
		{ "what follows", test_what_follows_is_not_looked_at },
	};

	return test_main(tests, N_ELEMS(tests));
}
