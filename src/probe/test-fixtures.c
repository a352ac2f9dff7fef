/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "probe/fixtures.h"
#include "probe/probe.h"

static struct fixtures fixtures;
static struct fixture_error error;

/* The parser writes into its text, so each gets a copy. */
static int parse(const char *text, size_t len)
{
	static char copy[FIXTURES_SIZE_MAX + 2];

	if (len > sizeof(copy))
		len = sizeof(copy);
	(void)memcpy(copy, text, len);
	error = (struct fixture_error){ 0 };
	return fixtures_parse(copy, len, &fixtures, &error);
}

static int parse_text(const char *text)
{
	return parse(text, strlen(text));
}

static void test_accepts(void)
{
	CHECK_EQ(parse_text("# a comment\n"
			    "\n"
			    "marker=abcDEF0123\n"
			    "project=/a b=c\n"
			    "secret_file=/1\n"
			    "secret_file=/2\n"
			    "secret_env=TOKEN=a=b=cdefgh\n"
			    "tcp4=127.0.0.1:80\n"
			    "tcp6=[::1]:65535\n"
			    "allowed=a.example:443\n"
			    "denied_name=x-y.example\n"
			    "vsock=2:1024\n"
			    "host_pid=4242\n"
			    "posix_shm=/name\n"),
		 0);
	CHECK_STR(str_of(fixture_text(&fixtures, FIX_PROJECT)),
		  str_of("/a b=c"));
	CHECK_EQ(fixtures.n[FIX_SECRET_FILE], 2);
	CHECK_STR(str_of(fixtures.of[FIX_SECRET_FILE][1].text), str_of("/2"));
	CHECK_EQ(fixtures.of[FIX_TCP4][0].addr.in.sin_port, htons(80));
	CHECK_EQ(fixtures.of[FIX_TCP6][0].addr.in6.sin6_port, htons(65535));
	CHECK_EQ(fixtures.of[FIX_ALLOWED][0].number, 443);
	CHECK_EQ(fixtures.of[FIX_VSOCK][0].number, 2);
	CHECK_EQ(fixtures.of[FIX_VSOCK][0].port, 1024);
	CHECK_EQ(fixtures.of[FIX_HOST_PID][0].number, 4242);
	CHECK(fixture_text(&fixtures, FIX_HOME) == NULL);
	CHECK_EQ(parse_text(""), 0);
}

/* Each with the line in which it must be found. */
static const struct {
	const char *text;
	unsigned line;
} refusals[] = {
	{ "marker=abcdefgh", 1 },
	{ "marker\n", 1 },
	{ "\nmarkers=abcdefgh\n", 2 },
	{ "marker =abcdefgh\n", 1 },
	{ " marker=abcdefgh\n", 1 },
	{ "=abcdefgh\n", 1 },
	{ "marker=\n", 1 },
	{ "marker=short\n", 1 },
	{ "marker=with a blank\n", 1 },
	{ "marker=abcdefgh\nmarker=abcdefgh\n", 2 },
	{ "project=relative\n", 1 },
	{ "project=/a\tb\n", 1 },
	{ "project=/a\r\n", 1 },
	{ "#\x7f\n", 1 },
	{ "secret_env=NAME\n", 1 },
	{ "secret_env==abcdefgh\n", 1 },
	{ "secret_env=NAME=short\n", 1 },
	{ "tcp4=127.0.0.1\n", 1 },
	{ "tcp4=127.0.0.1:0\n", 1 },
	{ "tcp4=127.0.0.1:65536\n", 1 },
	{ "tcp4=127.0.0.1:080\n", 1 },
	{ "tcp4=127.0.0.1:+80\n", 1 },
	{ "tcp4=127.1:80\n", 1 },
	{ "tcp4=[::1]:80\n", 1 },
	{ "tcp4=:80\n", 1 },
	{ "tcp6=::1:80\n", 1 },
	{ "tcp6=[::1:80\n", 1 },
	{ "tcp6=[127.0.0.1]:80\n", 1 },
	{ "allowed=a..example:443\n", 1 },
	{ "allowed=a_b.example:443\n", 1 },
	{ "denied_name=a.example.\n", 1 },
	{ "denied_name=.example\n", 1 },
	{ "vsock=x:1\n", 1 },
	{ "vsock=4294967296:1\n", 1 },
	{ "host_pid=0\n", 1 },
	{ "host_pid=1\n", 1 },
	{ "host_pid=-5\n", 1 },
	{ "host_pid=2147483648\n", 1 },
	{ "listen_port=0\n", 1 },
	{ "posix_shm=name\n", 1 },
	{ "posix_shm=/a/b\n", 1 },
	{ "posix_shm=/\n", 1 },
};

static void test_refuses(void)
{
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		if (parse_text(refusals[i].text) == 0)
			printf("# accepted: %s", refusals[i].text);
		CHECK_EQ(parse_text(refusals[i].text), -1);
		CHECK_EQ(error.line, refusals[i].line);
		CHECK(error.text[0] != '\0');
	}
	CHECK_EQ(parse("home=/a\0b\n", 10), -1);
	CHECK_EQ(error.line, 1);
}

static void test_limits(void)
{
	static char text[FIXTURES_SIZE_MAX + 2];
	size_t at = 0;

	/* A line of the longest length, and of one byte more. */
	(void)memset(text, 'a', sizeof(text));
	(void)memcpy(text, "project=/", 9);
	text[FIXTURE_LINE_MAX] = '\n';
	CHECK_EQ(parse(text, FIXTURE_LINE_MAX + 1), 0);
	text[FIXTURE_LINE_MAX] = 'a';
	text[FIXTURE_LINE_MAX + 1] = '\n';
	CHECK_EQ(parse(text, FIXTURE_LINE_MAX + 2), -1);

	/* As many of a repeated key as there may be, and one more. */
	for (unsigned i = 0; i <= FIXTURE_REPEAT; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "host_pid=%u\n", i + 2);
	CHECK_EQ(parse(text, at), -1);
	CHECK_EQ(error.line, FIXTURE_REPEAT + 1);

	/* A file of the greatest size, and of one byte more. */
	(void)memset(text, '\n', sizeof(text));
	CHECK_EQ(parse(text, FIXTURES_SIZE_MAX), 0);
	CHECK_EQ(parse(text, FIXTURES_SIZE_MAX + 1), -1);
	CHECK_EQ(error.line, 0);
}

static void test_names(void)
{
	for (size_t i = 0; i < FIX_MAX_; i++) {
		CHECK(fixture_name((enum fixture_key)i) != NULL);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(fixture_name((enum fixture_key)i),
				     fixture_name((enum fixture_key)j)) != 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is accepted", test_accepts },
		{ "what is refused", test_refuses },
		{ "limits", test_limits },
		{ "names of keys", test_names },
	};

	return test_main(tests, N_ELEMS(tests));
}
