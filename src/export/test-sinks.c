/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/test.h"
#include "export/sinks.h"

#define TOP "version: 1\nsinks:\n"

static const char whole[] = TOP
	"- name: siem\n"
	"  type: otlp\n"
	"  url: https://otel.example:4318/v1/logs\n"
	"  encoding: json\n"
	"  token: {from: {file: /etc/bawn/token}}\n"
	"  header: X-Key\n"
	"  filter: kind = net.refuse and not host ~ x\n"
	"  begin: now\n"
	"  tls: {ca: /ca.pem, certificate: /c.pem, key: /k.pem}\n"
	"  batch: {records: 10, bytes: 64K, wait: 5s}\n"
	"- {name: log, type: syslog, address: '[::1]:7000', form: cef}\n"
	"- {name: s, type: splunk, url: 'http://127.0.0.1:8088/x', index: i,\n"
	"   token: {from: {command: [/bin/cat, /t]}}}\n"
	"- {name: f, type: file, path: /tmp/x}\n"
	"- {name: e, type: elastic, url: https://e.example/_bulk,\n"
	"   token: {from: {env: KEY}}}\n";

static int parse(struct arena *a, const char *text, struct sinks *s,
		 struct diag *d)
{
	arena_done(a);
	arena_init(a, SINKS_ARENA);
	return sinks_parse(a, str_of(text), s, d);
}

static void test_whole(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct sinks s = { .n = 0 };
	struct diag d = { 0 };

	CHECK_EQ(parse(&a, whole, &s, &d), 0);
	if (d.text[0])
		printf("# %u:%u %s\n", d.line, d.column, d.text);
	CHECK_EQ(s.n, 5);
	if (s.n != 5)
		return;
	CHECK_EQ(s.v[0].frame, FRAME_OTLP_JSON);
	CHECK_EQ(s.v[0].token.from, SECRET_FILE);
	CHECK_EQ(s.v[0].max_records, 10);
	CHECK_EQ(s.v[0].max_bytes, 65536);
	CHECK_EQ(s.v[0].wait_s, 5);
	CHECK(s.v[0].begin_now && !s.v[1].begin_now);
	CHECK_STR(str_of(s.v[1].host), STR("::1"));
	CHECK_STR(str_of(s.v[1].port), STR("7000"));
	CHECK_EQ(s.v[1].form, FORM_CEF);
	CHECK_EQ(s.v[2].token.from, SECRET_COMMAND);
	CHECK_STR(str_of(s.v[2].token.argv[1]), STR("/t"));
	CHECK_EQ(s.v[3].frame, FRAME_LINES);
	CHECK_STR(str_of(s.v[4].token.text), STR("KEY"));
	CHECK_EQ(s.v[4].form, FORM_ECS);
	CHECK_EQ(parse(&a, "version: 1\n", &s, &d), 0);
	CHECK_EQ(s.n, 0);
}

#define F  "- {name: f, type: file, path: /x"
#define H  "- {name: h, type: http, url: "
#define S  "- {name: s, type: syslog, address: "
#define SP "- {name: s, type: splunk, url: 'https://x/y', token: "

static const struct {
	const char *text, *why;
} refusals[] = {
	{ "", "1:1 version: must be the number 1" },
	{ "sinks: []\n", "1:1 version: must be the number 1" },
	{ "version: 2\n", "1:10 version: must be the number 1" },
	{ "version: \"1\"\n", "1:10 version: must be the number 1" },
	{ "- a\n", "1:1 must be a mapping" },
	{ "version: 1\nsinkz: []\n", "2:1 sinkz: unknown key" },
	{ TOP "- x\n", "3:3 a sink is a mapping" },
	{ "version: 1\nsinks: {}\n",
	  "2:8 sinks: must be a list of at most 16" },
	{ TOP "- {name: f}\n", "3:3 a sink needs type" },
	{ TOP "- {type: tape}\n",
	  "3:10 type: must be otlp, syslog, splunk, datadog, elastic, "
	  "http or file" },
	{ TOP "- {type: file, path: /x}\n",
	  "3:3 a sink of type file needs name" },
	{ TOP "- {name: f, type: file}\n",
	  "3:3 a sink of type file needs path" },
	{ TOP "- {name: f/g, type: file, path: /x}\n",
	  "3:10 name: has letters, digits and - only, at most 32" },
	{ TOP F ", pth: /y}\n", "3:35 pth: unknown key, did you mean path?" },
	{ TOP F ", url: 'https://x/'}\n",
	  "3:40 url: not for a sink of type file" },
	{ TOP "- {name: f, type: file, path: x}\n",
	  "3:31 path: must begin with /" },
	{ TOP F "}\n" F "}\n", "4:3 f: the sink in line 3 has that name" },
	{ TOP H "'ftp://x/'}\n", "3:30 url: must begin with https://" },
	{ TOP H "'http://x.example/'}\n",
	  "3:30 url: without TLS only to this machine itself" },
	{ TOP H "'http://127.0.0.1.evil.example/'}\n",
	  "3:30 url: without TLS only to this machine itself" },
	{ TOP H "'https://u:p@x/'}\n",
	  "3:30 url: has a # or @; credentials are the token's" },
	{ TOP H "'https://'}\n", "3:30 url: has no host" },
	{ TOP H "'https://x:0/'}\n", "3:30 url: has no host" },
	{ TOP H "'https://x:70000/'}\n", "3:30 url: has no host" },
	{ TOP H "'https://x y/'}\n",
	  "3:30 url: has a blank or a letter beyond ASCII" },
	{ TOP S "'h:x'}\n", "3:36 address: must be HOST:PORT" },
	{ TOP S "'h_:1'}\n", "3:36 address: must be HOST:PORT" },
	{ TOP S "''}\n", "3:36 address: must be HOST:PORT" },
	{ TOP SP "abc}\n",
	  "3:54 token: a secret never stands here: write {from: {file: "
	  "PATH}}, or env, or command" },
	{ TOP SP "{from: {value: x}}}\n",
	  "3:69 token: must be from file, env or command" },
	{ TOP SP "{from: {env: '1x'}}}\n",
	  "3:67 token: must be the name of a variable" },
	{ TOP SP "{from: {command: cat}}}\n",
	  "3:71 token: must be a list of 1 to 16 words" },
	{ TOP SP "{from: {command: [cat]}}}\n",
	  "3:71 token: must begin with the program's path" },
	{ TOP "- {name: s, type: splunk, url: 'https://x/y'}\n",
	  "3:3 a sink of type splunk needs token" },
	{ TOP F ", filter: 'kind ='}\n", NULL },
	{ TOP F ", filter: 'session = @'}\n",
	  "3:43 filter: which session is the newest changes; @ cannot "
	  "stand here" },
	{ TOP F ", begin: later}\n", "3:42 begin: must be start or now" },
	{ TOP F ", form: xml}\n",
	  "3:41 form: must be record, ocsf, ecs or cef" },
	{ TOP H "'https://x/', form: cef}\n",
	  "3:3 form: this receiver takes JSON only" },
	{ TOP H "'https://x/', header: X}\n",
	  "3:3 header: there is no token to put there" },
	{ TOP H "'https://x/', token: {from: {env: A}}, header: 'X: "
		"y'}\n",
	  NULL },
	{ TOP H "'https://x/', tls: {key: /k}}\n",
	  "3:3 tls.certificate and tls.key go together" },
	{ TOP H "'https://x/', tls: {verify: no}}\n",
	  "3:50 verify: unknown key" },
	{ TOP H "'https://x/', tls: no}\n", "3:49 tls: must be a mapping" },
	{ TOP F ", batch: {records: 0}}\n",
	  "3:52 batch.records: must be a number from 1 to 10000" },
	{ TOP F ", batch: {bytes: 1K}}\n",
	  "3:50 batch.bytes: must be 64K to 16M" },
	{ TOP F ", batch: {wait: 2h}}\n", "3:49 batch.wait: must be 1s to 1h" },
	{ TOP "- {name: o, type: otlp, url: 'https://x/', encoding: "
	      "grpc}\n",
	  "3:54 encoding: must be protobuf or json" },
	{ TOP "- &a {name: f}\n", NULL },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct sinks s = { .n = 0 };
		struct diag d = { 0 };
		char got[300];

		CHECK_EQ(parse(&a, refusals[i].text, &s, &d), 1);
		CHECK_EQ(s.n, 0);
		(void)snprintf(got, sizeof(got), "%u:%u %s", d.line, d.column,
			       d.text);
		CHECK(d.line > 0 && d.text[0]);
		if (refusals[i].why)
			CHECK_STR(str_of(got), str_of(refusals[i].why));
	}
}

static void test_limits(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct sinks s = { .n = 0 };
	struct diag d = { 0 };

	buf_init(&b, SINKS_MAX_BYTES * 2);
	(void)buf_add(&b, STR(TOP));
	for (unsigned i = 0; i <= SINKS_MAX; i++)
		(void)buf_printf(&b, "- {name: f%u, type: file, path: /x}\n",
				 i);
	arena_init(&a, SINKS_ARENA);
	CHECK_EQ(sinks_parse(&a, buf_str(&b), &s, &d), 1);
	while (b.len <= SINKS_MAX_BYTES)
		(void)buf_add(&b, STR("# more\n"));
	CHECK_EQ(sinks_parse(&a, buf_str(&b), &s, &d), 1);
	CHECK_STR(str_of(d.text), STR("larger than 64 KiB"));
}

static const char *doc_path;

/* doc/PROTOCOL.sinks has the keys as the table has them. */
static void test_document(void)
{
	AUTO(buf) struct buf doc = BUF_NULL;
	AUTO(buf) struct buf ref = BUF_NULL;

	buf_init(&doc, 65536);
	buf_init(&ref, 65536);
	sinks_reference(&ref);
	CHECK_EQ(doc_path ? file_load(AT_FDCWD, doc_path, &doc) : -1, 0);
	CHECK(!ref.failed && memmem(doc.ptr, doc.len, ref.ptr, ref.len));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "every key", test_whole },
		{ "what is refused", test_refusals },
		{ "limits", test_limits },
		{ "the document has the keys", test_document },
	};

	doc_path = argc > 1 ? argv[1] : NULL;
	return test_main(tests, N_ELEMS(tests));
}
