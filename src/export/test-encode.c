/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/test.h"
#include "export/frame.h"
#include "export/kinds.h"
#include "export/proto.h"

#define HEAD                                                              \
	"{\"v\":1,\"seq\":7,\"at\":1741900000123456789,\"session\":"      \
	"\"01jpa0000000000000ab\",\"user\":\"ann\",\"task\":\"T-1\","     \
	"\"kind\":\"%s\",\"verdict\":\"deny\",\"trust\":\"kernel\","      \
	"\"rule.layer\":\"user\",\"rule.file\":\"/p.yaml\",\"rule.line\"" \
	":9,\"count\":2%s,\"prev\":\"%064d\"}"

static const struct event_origin from = { .host = STR("box"),
					  .version = STR("0.1"),
					  .user = STR("ann") };

static struct event make(struct arena *a, const char *kind, const char *rest)
{
	struct event e = { 0 };
	char *line = arena_printf(a, HEAD, kind, rest, 0);

	CHECK_EQ(event_read(a, str_of(line), &from, &e), 0);
	return e;
}

static const char refuse_rest[] =
	",\"host\":\"evil.example\",\"port\":443,\"proto\":\"tcp\","
	"\"reason\":\"no|rule=\\\\\\n\",\"hint\":\"x\"";

static struct json *parse(struct arena *a, struct buf *b)
{
	struct json *j = NULL;
	struct diag d = { 0 };

	CHECK(!b->failed);
	CHECK_EQ(json_parse(a, buf_str(b), &j, &d), 0);
	if (d.text[0])
		printf("# %u: %s in %.*s\n", d.column, d.text,
		       STR_ARG(buf_str(b)));
	return j;
}

static int read_named(struct arena *a, const char *name)
{
	char *rest = arena_printf(a, ",\"%s\":\"x\"", name);
	char *line = arena_printf(a, HEAD, "file.open", rest, 0);
	struct event e;

	return event_read(a, str_of(line), &from, &e);
}

/* Names that every form can carry. */
static void test_names(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	char name[EVENT_NAME + 2] = { 0 };

	arena_init(&a, EVENT_ARENA);
	CHECK_EQ(read_named(&a, "a.b_c-9"), 0);
	CHECK_EQ(read_named(&a, ""), 1);
	CHECK_EQ(read_named(&a, "a b"), 1);
	CHECK_EQ(read_named(&a, "\\udcff"), 1);
	memset(name, 'a', EVENT_NAME);
	CHECK_EQ(read_named(&a, name), 0);
	name[EVENT_NAME] = 'a';
	CHECK_EQ(read_named(&a, name), 1);
}

static void test_not_utf8(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 4096);
	e = make(&a, "net.refuse", ",\"host\":\"a\\udcffb\\u00e9\"");
	CHECK_STR(json_find_str(e.fields, "host"), STR("a\\xffb\xc3\xa9"));
	encode_cef(&e, &b);
	CHECK(memmem(b.ptr, b.len, "dhost=a\\\\xffb\xc3\xa9", 15) != NULL);
	CHECK_EQ(event_read(&a, STR("{\"v\":1}"), &from, &e), 1);
	CHECK_EQ(event_read(&a, STR("nothing"), &from, &e), 1);
	CHECK_EQ(event_read(&a, STR(""), &from, &e), 1);
}

static void test_record(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;
	struct json *j;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 4096);
	e = make(&a, "net.refuse", refuse_rest);
	encode_record(&e, &b);
	j = parse(&a, &b);
	CHECK_EQ(json_find_int(j, "seq", 0), 7);
	CHECK_STR(json_find_str(j, "host"), STR("evil.example"));
	CHECK_STR(json_find_str(j, "observer"), STR("box"));
	CHECK(!json_find(j, "prev"));
}

/* Everything OCSF demands of every event, and of each class. */
static void check_ocsf(struct arena *a, const char *kind, const char *rest)
{
	static const char *const always[] = {
		"activity_id", "category_uid", "class_uid", "type_uid", "time",
		"severity_id", "metadata",     "actor",     "device"
	};
	static const struct {
		int64_t uid;
		const char *object, *member;
	} classes[] = {
		{ OCSF_FILE, "file", "name" },
		{ OCSF_FILE, "file", "type_id" },
		{ OCSF_KERNEL, "kernel", "name" },
		{ OCSF_KERNEL, "kernel", "type_id" },
		{ OCSF_PROCESS, "process", NULL },
		{ OCSF_FINDING, "finding_info", "uid" },
		{ OCSF_ENTITY, "entity", "name" },
		{ OCSF_NETWORK, "src_endpoint", "hostname" },
		{ OCSF_NETWORK, "connection_info", "direction_id" },
		{ OCSF_LIFECYCLE, "app", "name" },
		{ OCSF_API, "api", "operation" },
		{ OCSF_API, "src_endpoint", "hostname" },
	};
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e = make(a, kind, rest);
	struct json *j;
	int64_t uid;

	buf_init(&b, 65536);
	encode_ocsf(&e, &b);
	j = parse(a, &b);
	for (size_t i = 0; i < N_ELEMS(always); i++)
		CHECK(json_find(j, always[i]) != NULL);
	uid = json_find_int(j, "class_uid", -1);
	CHECK_EQ(json_find_int(j, "type_uid", -1),
		 uid * 100 + json_find_int(j, "activity_id", -1));
	CHECK_EQ(json_find_int(j, "time", 0), 1741900000123);
	CHECK_STR(json_find_str(json_find(j, "metadata"), "version"),
		  STR("1.8.0"));
	for (size_t i = 0; i < N_ELEMS(classes); i++) {
		const struct json *o = json_find(j, classes[i].object);

		if (classes[i].uid != uid)
			continue;
		CHECK(json_is(o, JSON_OBJECT) && o->kids.n > 0);
		if (classes[i].member)
			CHECK(json_find(o, classes[i].member) != NULL);
	}
}

static void test_ocsf_required(void)
{
	for (size_t i = 0; i < export_n_kinds; i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		const char *kind = export_kinds[i].is_other
					   ? "made.up"
					   : export_kinds[i].name;

		arena_init(&a, EVENT_ARENA);
		/* With members, and with none at all. */
		check_ocsf(&a, kind, refuse_rest);
		check_ocsf(&a, kind,
			   ",\"path\":\"/a/b\",\"pid\":3,\"exe\":\"/bin/x\","
			   "\"argv\":\"x y\",\"syscall\":\"bpf\",\"code\":0");
		check_ocsf(&a, kind, "");
	}
}

static void test_ocsf_nothing_lost(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;
	const struct json *j, *rest;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 65536);
	e = make(&a, "net.refuse", refuse_rest);
	encode_ocsf(&e, &b);
	j = parse(&a, &b);
	rest = json_find(j, "unmapped");
	CHECK_EQ(json_find_int(j, "class_uid", 0), OCSF_NETWORK);
	CHECK_EQ(json_find_int(j, "activity_id", 0), 5);
	CHECK_STR(json_find_str(json_find(j, "dst_endpoint"), "hostname"),
		  STR("evil.example"));
	CHECK_EQ(json_find_int(j, "action_id", 0), 2);
	CHECK_STR(json_find_str(rest, "hint"), STR("x"));
	CHECK_STR(json_find_str(rest, "reason"), STR("no|rule=\\\n"));
	CHECK(!json_find(rest, "host"));
}

static void test_kinds_sorted(void)
{
	for (size_t i = 1; i + 1 < export_n_kinds; i++)
		CHECK(str_cmp(str_of(export_kinds[i - 1].name),
			      str_of(export_kinds[i].name)) < 0);
	/* Each kind of the ledger has a row. */
	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		const char *name = record_kind_name((enum record_kind)k);

		if (export_kind_find(str_of(name))->is_other)
			printf("# no row for %s\n", name);
		CHECK(!export_kind_find(str_of(name))->is_other);
	}
}

static void test_cef(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 4096);
	e = make(&a, "net.refuse", refuse_rest);
	encode_cef(&e, &b);
	CHECK(!b.failed);
	CHECK_STR(buf_str(&b),
		  STR("CEF:0|bawn|bawn|0.1|net.refuse|Connection refused|5|"
		      "rt=1741900000123 externalId=7 cnt=2 dvchost=box "
		      "suser=ann act=deny cs1=01jpa0000000000000ab "
		      "cs1Label=session cs2=T-1 cs2Label=task "
		      "cs3=user /p.yaml:9 cs3Label=rule cs4=kernel "
		      "cs4Label=trust dhost=evil.example dpt=443 proto=tcp "
		      "reason=no|rule\\=\\\\\\n cs6={\"hint\":\"x\"} "
		      "cs6Label=members"));
	buf_clear(&b);
	e = make(&a, "a|b\\\\c\\u0001", "");
	encode_cef(&e, &b);
	CHECK(str_starts(buf_str(&b),
			 STR("CEF:0|bawn|bawn|0.1|a\\|b\\\\c\\\\x01|")));
}

static void test_syslog(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;
	struct str s, n;
	uint32_t len = 0;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 4096);
	e = make(&a, "net.refuse", "");
	encode_syslog(&e, STR("hi"), true, &b);
	s = buf_str(&b);
	CHECK(str_cut(&s, ' ', &n) && str_u32(n, 1, 4096, &len));
	CHECK_EQ(s.len, len);
	CHECK_STR(s, STR("<108>1 2025-03-13T21:06:40.123456Z box bawn "
			 "01jpa0000000000000ab net.refuse [bawn@32473 "
			 "seq=\"7\" session=\"01jpa0000000000000ab\" "
			 "user=\"ann\" task=\"T-1\" kind=\"net.refuse\" "
			 "verdict=\"deny\" trust=\"kernel\" count=\"2\" "
			 "rule.layer=\"user\" rule.file=\"/p.yaml\" "
			 "rule.line=\"9\"] \xef\xbb\xbfhi"));
	buf_clear(&b);
	e = make(&a, "a b]\\\"c", "");
	encode_syslog(&e, STR(""), false, &b);
	CHECK(memmem(b.ptr, b.len, " a?b]\"c [", 9) != NULL);
	CHECK(memmem(b.ptr, b.len, "kind=\"a b\\]\\\"c\"", 15) != NULL);
}

static void test_ecs(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct event e;
	struct json *j;

	arena_init(&a, EVENT_ARENA);
	buf_init(&b, 8192);
	e = make(&a, "net.refuse", refuse_rest);
	encode_ecs(&e, &b);
	j = parse(&a, &b);
	CHECK_STR(json_find_str(j, "@timestamp"),
		  STR("2025-03-13T21:06:40.123456Z"));
	CHECK_EQ(json_find_int(j, "destination.port", 0), 443);
	CHECK_STR(json_find_str(j, "bawn.hint"), STR("x"));
	CHECK_STR(json_find_str(j, "event.outcome"), STR("failure"));
}

static void test_proto(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t at;

	buf_init(&b, 64);
	proto_varint(&b, 1, 300);
	proto_fixed64(&b, 2, 0x0102030405060708u);
	at = proto_begin(&b, 3);
	proto_bytes(&b, 1, STR("ab"));
	proto_end(&b, at);
	CHECK(!b.failed);
	CHECK_STR(buf_str(&b), STR("\x08\xac\x02"
				   "\x11\x08\x07\x06\x05\x04\x03\x02\x01"
				   "\x1a\x84\x80\x80\x00\x0a\x02"
				   "ab"));
}

static struct frame *new_frame(enum frame_type t, enum export_form form,
			       size_t bytes, uint32_t n)
{
	struct frame_config c = { .type = t,
				  .form = form,
				  .from = &from,
				  .max_bytes = bytes,
				  .max_events = n };
	struct frame *f = NULL;

	CHECK_EQ(frame_new(&c, &f), 0);
	return f;
}

static void test_frame_json(void)
{
	static const enum frame_type types[] = { FRAME_OTLP_JSON,
						 FRAME_DATADOG };

	for (size_t i = 0; i < N_ELEMS(types); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		AUTO(frame)
		struct frame *f = new_frame(types[i], FORM_OCSF, 65536, 3);
		struct json *j = NULL;
		struct event e;
		struct str body;

		arena_init(&a, EVENT_ARENA);
		e = make(&a, "net.refuse", refuse_rest);
		CHECK_EQ(frame_finish(f, &body), 0);
		CHECK_EQ(json_parse(&a, body, &j, NULL), 0);
		for (unsigned k = 0; k < 3; k++)
			CHECK_EQ(frame_add(f, &e, e.head.at), 0);
		CHECK_EQ(frame_add(f, &e, e.head.at), FRAME_FULL);
		CHECK_EQ(frame_finish(f, &body), 0);
		CHECK_EQ(json_parse(&a, body, &j, NULL), 0);
		frame_clear(f);
		CHECK_EQ(frame_count(f), 0);
		CHECK_EQ(frame_add(f, &e, e.head.at), 0);
	}
}

static void test_frame_limits(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(frame)
	struct frame *f = new_frame(FRAME_LINES, FORM_RECORD, 900, 9);
	AUTO(frame)
	struct frame *g = new_frame(FRAME_LINES, FORM_RECORD, 90, 9);
	struct event e;
	struct str body;

	arena_init(&a, EVENT_ARENA);
	e = make(&a, "net.refuse", refuse_rest);
	CHECK_EQ(frame_add(f, &e, 0), 0);
	CHECK_EQ(frame_add(f, &e, 0), 0);
	CHECK_EQ(frame_add(f, &e, 0), FRAME_FULL);
	CHECK_EQ(frame_finish(f, &body), 0);
	CHECK(body.len <= 900 && body.ptr[body.len - 1] == '\n');
	CHECK_EQ(frame_add(g, &e, 0), FRAME_TOO_LARGE);
}

/* Datadog: never more than it takes, and what is too old says so. */
static void test_frame_datadog(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(frame)
	struct frame *f = new_frame(FRAME_DATADOG, FORM_RECORD, 1u << 24, 5000);
	const uint64_t day = UINT64_C(86400) * 1000000000;
	struct json *j = NULL;
	struct event e;
	struct str body;
	unsigned n = 0;

	arena_init(&a, EVENT_ARENA * 8);
	e = make(&a, "net.refuse", refuse_rest);
	while (frame_add(f, &e, e.head.at + day) == 0)
		n++;
	CHECK_EQ(n, 1000);
	CHECK_EQ(frame_finish(f, &body), 0);
	CHECK(body.len <= 5000000);
	frame_clear(f);
	CHECK_EQ(frame_add(f, &e, e.head.at + day), 0);
	CHECK_EQ(frame_finish(f, &body), 0);
	CHECK_EQ(json_parse(&a, body, &j, NULL), 0);
	CHECK(json_find_bool(json_first(j), "late", false));
	CHECK(!json_find(json_first(j), "timestamp"));
}

static void test_frame_elastic(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(frame)
	struct frame *f = new_frame(FRAME_ELASTIC, FORM_ECS, 65536, 9);
	struct event e;
	struct str body, line;
	unsigned n = 0;

	arena_init(&a, EVENT_ARENA);
	e = make(&a, "net.refuse", refuse_rest);
	CHECK_EQ(frame_add(f, &e, 0), 0);
	CHECK_EQ(frame_add(f, &e, 0), 0);
	CHECK_EQ(frame_finish(f, &body), 0);
	while (str_cut(&body, '\n', &line)) {
		struct json *j = NULL;

		CHECK_EQ(json_parse(&a, line, &j, NULL), 0);
		if (n++ % 2 == 0)
			CHECK_STR(json_find_str(json_find(j, "create"), "_id"),
				  STR("box-ann-7-1741900000123456789"));
	}
	CHECK_EQ(n, 4);
}

static void test_frame_splunk(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(frame)
	struct frame *f = new_frame(FRAME_SPLUNK, FORM_CEF, 65536, 9);
	struct json *j = NULL;
	struct event e;
	struct str body;

	arena_init(&a, EVENT_ARENA);
	e = make(&a, "net.refuse", refuse_rest);
	CHECK_EQ(frame_add(f, &e, 0), 0);
	CHECK_EQ(frame_finish(f, &body), 0);
	CHECK_EQ(json_parse(&a, body, &j, NULL), 0);
	CHECK(str_starts(json_find_str(j, "event"), STR("CEF:0|")));
	CHECK_STR(json_find(j, "time")->string, STR("1741900000.123456"));
}

static const char *doc_path;

/* doc/PROTOCOL.sinks says of each kind what the table says. */
static void test_document(void)
{
	AUTO(buf) struct buf doc = BUF_NULL;

	buf_init(&doc, 65536);
	CHECK_EQ(doc_path ? file_load(AT_FDCWD, doc_path, &doc) : -1, 0);
	for (size_t i = 0; i < export_n_kinds; i++) {
		const struct export_kind *k = &export_kinds[i];
		char line[128];
		int n = snprintf(line, sizeof(line), "    %-15s %4u %2u  %s ",
				 k->is_other ? "other" : k->name,
				 (unsigned)k->class_uid, k->activity,
				 k->activity_name);

		if (!memmem(doc.ptr, doc.len, line, (size_t)n))
			test_note(__FILE__, __LINE__, line, 0, 1);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "what is no UTF-8 is shown as such", test_not_utf8 },
		{ "names that no form can carry", test_names },
		{ "record", test_record },
		{ "OCSF: required members of each class", test_ocsf_required },
		{ "OCSF: what has no place is in unmapped",
		  test_ocsf_nothing_lost },
		{ "kinds: sorted, one row each", test_kinds_sorted },
		{ "kinds: the document has each", test_document },
		{ "CEF", test_cef },
		{ "syslog", test_syslog },
		{ "ECS", test_ecs },
		{ "protocol buffers", test_proto },
		{ "frames that are JSON", test_frame_json },
		{ "frames keep their limits", test_frame_limits },
		{ "Datadog's limits", test_frame_datadog },
		{ "Elastic: a line to do, a line of it", test_frame_elastic },
		{ "Splunk", test_frame_splunk },
	};

	doc_path = argc > 1 ? argv[1] : NULL;
	return test_main(tests, N_ELEMS(tests));
}
