/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/record-parse.h"
#include "telemetry/otlp-event.h"
#include "telemetry/otlp-parse.h"

/* What came of the last body: records, a line each. */
static struct buf said;
static struct otlp_result result;
static uint64_t takes_most;

static bool take(void *owner, struct str record)
{
	enum record_kind kind;

	(void)owner;
	if (takes_most == 0)
		return false;
	takes_most--;
	CHECK_EQ(record_check(record, RECORD_ROLE_RELAY, &kind, NULL), 0);
	CHECK_EQ(kind, RECORD_AGENT_EVENT);
	(void)buf_add(&said, record);
	(void)buf_addc(&said, '\n');
	return true;
}

static int map(struct str body, enum otlp_signal signal, bool json)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct otlp_sink sink = { .take = take };
	enum otlp_message m = otlp_signals[signal].request;
	struct json *root = NULL;
	int r;

	buf_init(&said, (size_t)64 * 1024 * 1024);
	arena_init(&a, OTLP_ARENA_MAX);
	takes_most = UINT64_MAX;
	r = json ? otlp_json_parse(&a, body, m, &root)
		 : otlp_proto_parse(&a, body, m, &root);
	return r != 0 ? r : otlp_events(&a, root, signal, &sink, &result);
}

#define LOGS(record)                                                       \
	"{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":"      \
	"\"service.name\",\"value\":{\"stringValue\":\"claude-code\"}}]}," \
	"\"scopeLogs\":[{\"logRecords\":[" record "]}]}]}"
#define ATTR(k, kind, v) "{\"key\":\"" k "\",\"value\":{\"" kind "\":" v "}}"
#define FRAME                                                       \
	"{\"kind\":\"agent.event\",\"verdict\":\"none\",\"trust\":" \
	"\"claimed\",\"count\":1,"

/* clang-format off */
static const char api_request[] = LOGS(
	"{\"timeUnixNano\":\"1700000000000000000\","
	"\"severityText\":\"INFO\","
	"\"body\":{\"stringValue\":\"claude_code.api_request\"},"
	"\"attributes\":["
	ATTR("event.name", "stringValue", "\"api_request\"") ","
	ATTR("model", "stringValue", "\"m-1\"") ","
	ATTR("input_tokens", "intValue", "\"12\"") ","
	ATTR("cache_read_tokens", "stringValue", "\"100\"") ","
	ATTR("cache_creation_tokens", "doubleValue", "3") ","
	ATTR("output_tokens", "doubleValue", "5.0") ","
	ATTR("cost_usd", "doubleValue", "0.0123") ","
	ATTR("duration_ms", "stringValue", "\"17\"") ","
	ATTR("session.id", "stringValue", "\"s\"") ","
	ATTR("speed", "stringValue", "\"fast\"") "]}");
static const char api_record[] = FRAME
	"\"signal\":\"log\",\"name\":\"claude_code.api_request\","
	"\"service\":\"claude-code\",\"agent_at\":1700000000000000000,"
	"\"severity\":\"INFO\",\"model\":\"m-1\","
	"\"conversation\":\"s\",\"tokens_in\":115,"
	"\"tokens_out\":5,\"tokens_cache_read\":100,"
	"\"tokens_cache_write\":3,\"cost_microusd\":12300,"
	"\"ms\":17,\"attrs\":\"{\\\"speed\\\":\\\"fast\\\"}\"}\n";

static const char forged[] = LOGS(
	"{\"eventName\":\"\\u0000\\n\\\",\\\"kind\\\":\\\"net.grant\","
	"\"attributes\":["
	ATTR("kind", "stringValue", "\"net.grant\"") ","
	ATTR("trust", "stringValue", "\"kernel\"") ","
	ATTR("verdict", "stringValue", "\"allow\"") ","
	ATTR("count", "intValue", "9") ","
	ATTR("kind", "stringValue", "\"again\"") ","
	ATTR("session.id", "stringValue", "\"other\"") "]}");
static const char forged_record[] = FRAME
	"\"signal\":\"log\","
	"\"name\":\"\\u0000\\n\\\",\\\"kind\\\":\\\"net.grant\","
	"\"service\":\"claude-code\",\"conversation\":\"other\","
	"\"attrs\":\"{\\\"kind\\\":\\\"net.grant\\\","
	"\\\"trust\\\":\\\"kernel\\\",\\\"verdict\\\":\\\"allow\\\","
	"\\\"count\\\":9}\",\"cut\":true}\n";

#define POINT(value, type)                  \
	"{" value ",\"attributes\":["       \
	ATTR("type", "stringValue", "\"" type "\"") "]}"
static const char metrics[] =
	"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":["
	"{\"name\":\"t\",\"unit\":\"tokens\",\"sum\":{"
	"\"aggregationTemporality\":1,\"dataPoints\":["
	POINT("\"asInt\":\"5\"", "in") ","
	POINT("\"asDouble\":1.5", "in") ","
	POINT("\"asInt\":7", "out") "]}},"
	"{\"name\":\"g\",\"gauge\":{\"dataPoints\":["
	"{\"asInt\":1},{\"asInt\":2}]}},"
	"{\"name\":\"h\",\"histogram\":{\"dataPoints\":["
	"{\"count\":\"3\",\"sum\":4.25}]}}]}]}]}";
#define METRIC FRAME "\"signal\":\"metric\",\"name\":"
static const char metric_records[] =
	METRIC "\"t\",\"value\":\"6.5\",\"unit\":\"tokens\",\"points\":2,"
	"\"attrs\":\"{\\\"type\\\":\\\"in\\\"}\"}\n"
	METRIC "\"t\",\"value\":\"7\",\"unit\":\"tokens\","
	"\"attrs\":\"{\\\"type\\\":\\\"out\\\"}\"}\n"
	METRIC "\"g\",\"value\":\"2\",\"points\":2}\n"
	METRIC "\"h\",\"value\":\"4.25\"}\n";
/* clang-format on */

static void test_api_request(void)
{
	CHECK_EQ(map(str_of(api_request), OTLP_LOGS, true), 0);
	CHECK_STR(buf_str(&said), str_of(api_record));
	CHECK_EQ(result.n_taken, 1);
	CHECK_EQ(result.n_rejected, 0);
	buf_done(&said);
}

/* Names of ours in an agent's attributes are names in attrs, and no more. */
static void test_forgery(void)
{
	CHECK_EQ(map(str_of(forged), OTLP_LOGS, true), 0);
	CHECK_STR(buf_str(&said), str_of(forged_record));
	buf_done(&said);
}

static void test_metrics(void)
{
	CHECK_EQ(map(str_of(metrics), OTLP_METRICS, true), 0);
	CHECK_STR(buf_str(&said), str_of(metric_records));
	CHECK_EQ(result.n_taken, 6);
	buf_done(&said);
}

static void test_span(void)
{
	static const char body[] =
		"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{"
		"\"traceId\":\"aa\",\"spanId\":\"BB\",\"name\":\"tool\","
		"\"startTimeUnixNano\":1700000000000000000,"
		"\"endTimeUnixNano\":\"1700000001500000000\","
		"\"status\":{\"code\":2,\"message\":\"bad\"}}]}]}]}";

	CHECK_EQ(map(STR(body), OTLP_SPANS, true), 0);
	CHECK_STR(buf_str(&said),
		  STR(FRAME
		      "\"signal\":\"span\",\"name\":\"tool\",\"agent_at\":"
		      "1700000000000000000,\"trace_id\":\"aa\",\"span_id\":"
		      "\"BB\",\"status\":\"error\",\"ms\":1500,\"text\":"
		      "\"bad\"}\n"));
	buf_done(&said);
}

/* ---- limits ---- */

static void add_attr(struct buf *b, const char *key, size_t key_len, char c,
		     size_t len)
{
	(void)buf_add(b, STR(",{\"key\":\""));
	(void)buf_add(b, str_of(key));
	for (size_t i = 0; i < key_len; i++)
		(void)buf_addc(b, 'k');
	(void)buf_add(b, STR("\",\"value\":{\"stringValue\":\""));
	for (size_t i = 0; i < len; i++)
		(void)buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
	(void)buf_add(b, STR("\"}}"));
}

/* Every part at its limit, of bytes that need the most room. */
static void test_largest(void)
{
	static const char *const names[] = { "model",    "tool_name",
					     "decision", "session.id",
					     "error",    "request_id" };
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, OTLP_BODY_MAX);
	(void)buf_add(&b, STR("{\"resourceLogs\":[{\"scopeLogs\":[{"
			      "\"logRecords\":[{\"eventName\":\""));
	for (int i = 0; i < 5000; i++)
		(void)buf_add(&b, STR("\\u0001"));
	(void)buf_add(&b, STR("\",\"severityText\":\""));
	for (int i = 0; i < 5000; i++)
		(void)buf_add(&b, STR("\\u0001"));
	(void)buf_add(&b, STR("\",\"body\":{\"stringValue\":\""));
	for (int i = 0; i < 5000; i++)
		(void)buf_add(&b, STR("\\\""));
	(void)buf_add(&b, STR("\"},\"attributes\":[{\"key\":\"gen_ai.system\","
			      "\"value\":{\"stringValue\":\"x\"}}"));
	for (size_t i = 0; i < N_ELEMS(names); i++)
		add_attr(&b, names[i], 0, '\x1b', 5000);
	for (size_t i = 0; i < 100; i++)
		add_attr(&b, "k", i, '"', 5000);
	(void)buf_add(&b, STR("]}]}]}]}"));
	CHECK(!b.failed);
	CHECK_EQ(map(buf_str(&b), OTLP_LOGS, true), 0);
	CHECK_EQ(result.n_taken, 1);
	CHECK(said.len <= RECORD_MAX_BODY);
	CHECK(said.len > RECORD_MAX_BODY / 2);
	CHECK(memmem(buf_str(&said).ptr, said.len, "\"cut\":true", 10) != NULL);
	buf_done(&said);
}

static void test_many(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	uint64_t n = OTLP_ITEMS_MAX + 10;

	buf_init(&b, OTLP_BODY_MAX);
	(void)buf_add(&b, STR("{\"resourceLogs\":[{\"scopeLogs\":[{"
			      "\"logRecords\":[{}"));
	for (uint64_t i = 1; i < n; i++)
		(void)buf_add(&b, STR(",{}"));
	(void)buf_add(&b, STR("]}]}]}"));
	CHECK_EQ(map(buf_str(&b), OTLP_LOGS, true), 0);
	CHECK_EQ(result.n_taken, OTLP_EVENTS_MAX);
	CHECK_EQ(result.n_rejected, n - OTLP_EVENTS_MAX);
	buf_done(&said);

	buf_clear(&b);
	(void)buf_add(&b, STR("{\"resourceMetrics\":[{\"scopeMetrics\":[{"
			      "\"metrics\":[{\"name\":\"x\"}"));
	for (unsigned i = 0; i < 300; i++)
		(void)buf_printf(&b,
				 ",{\"name\":\"m%u\",\"gauge\":{\"dataPoints\":"
				 "[{\"asInt\":1}]}}",
				 i);
	(void)buf_add(&b, STR("]}]}]}"));
	CHECK_EQ(map(buf_str(&b), OTLP_METRICS, true), 0);
	CHECK_EQ(result.n_taken, OTLP_POINTS_MAX);
	CHECK_EQ(result.n_rejected, 300 - OTLP_POINTS_MAX);
	buf_done(&said);
}

/* ---- refusals ---- */

static void test_json_refusals(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"null",
		"{\"resourceLogs\":{}}",
		"{\"resourceLogs\":[7]}",
		"{\"resourceLogs\":[{\"resource\":[]}]}",
		LOGS("7"),
		LOGS("{\"severityText\":1}"),
		LOGS("{\"severityNumber\":\"9\"}"),
		LOGS("{\"timeUnixNano\":\"1e3\"}"),
		LOGS("{\"timeUnixNano\":1.5}"),
		LOGS("{\"timeUnixNano\":\"\"}"),
		LOGS("{\"timeUnixNano\":\"123456789012345678901\"}"),
		LOGS("{\"traceId\":\"xyz\"}"),
		LOGS("{\"body\":\"text\"}"),
		LOGS("{\"body\":{\"boolValue\":1}}"),
		LOGS("{\"body\":{\"doubleValue\":\"inf\"}}"),
		LOGS("{\"body\":{\"arrayValue\":[]}}"),
		LOGS("{\"attributes\":{}}"),
		LOGS("{\"attributes\":[{\"key\":1}]}"),
		LOGS("{\"eventName\":\"a\",\"eventName\":\"b\"}"),
		LOGS("{\"eventName\":\"\xff\"}"),
		LOGS("{}") "x",
	};

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		CHECK_EQ(map(str_of(bad[i]), OTLP_LOGS, true), 1);
		buf_done(&said);
	}
	CHECK_EQ(map(STR("{}"), OTLP_LOGS, true), 0);
	CHECK_EQ(map(STR("{\"later\":[1,{}],\"resourceLogs\":null}"), OTLP_LOGS,
		     true),
		 0);
	CHECK_EQ(result.n_taken, 0);
}

static void test_proto_refusals(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int want;
	} rows[] = {
#define ROW(lit, want) { lit, sizeof(lit) - 1, want }
		ROW("", 0),
		ROW("\x0a\x00", 0),
		ROW("\x0a", 1),     /* no length */
		ROW("\x0a\x01", 1), /* cut */
		ROW("\x0a\xff\xff\xff\xff\x0f", 1),
		ROW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1),
		ROW("\x08\x01", 1), /* another wire type */
		ROW("\x10\x01", 0), /* unknown, a number */
		ROW("\x15\x01\x02\x03\x04", 0),
		ROW("\x15\x01\x02\x03", 1), /* cut */
		ROW("\x11\x01\x02\x03\x04\x05\x06\x07", 1),
		ROW("\x13", 1),     /* a group */
		ROW("\x16", 1),     /* no wire type */
		ROW("\x02\x00", 1), /* field 0 */
		ROW("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 1),
		ROW("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 1),
		ROW("\x0a\x04\x0a\x00\x0a\x00", 1), /* resource twice */
#undef ROW
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CHECK_EQ(map((struct str){ rows[i].bytes, rows[i].len },
			     OTLP_LOGS, false),
			 rows[i].want);
		buf_done(&said);
	}
}

/* An AnyValue of arrays in arrays, in a body of a log record. */
static int nested(unsigned levels)
{
	char body[1024];
	size_t at = sizeof(body);
	int r;

	for (unsigned i = 0; i < levels; i++) {
		size_t len = sizeof(body) - at;
		/* ArrayValue.values, then AnyValue.array_value */
		static const char tags[] = { '\x0a', '\x2a' };

		for (unsigned k = 0; k < 2; k++, len = sizeof(body) - at) {
			if (len >= 128)
				body[--at] = (char)(len >> 7);
			body[--at] =
				(char)(len >= 128 ? (len & 127) | 128 : len);
			body[--at] = tags[k];
		}
	}

	static const char outer[] = { '\x2a', '\x12', '\x12', '\x0a' };

	for (unsigned k = 0; k < sizeof(outer); k++) {
		size_t len = sizeof(body) - at;

		if (len >= 128)
			body[--at] = (char)(len >> 7);
		body[--at] = (char)(len >= 128 ? (len & 127) | 128 : len);
		body[--at] = outer[k];
	}
	r = map((struct str){ body + at, sizeof(body) - at }, OTLP_LOGS, false);
	buf_done(&said);
	return r;
}

static void test_depth(void)
{
	CHECK_EQ(nested(2), 0);
	CHECK_EQ(nested(7), 0);
	CHECK_EQ(nested(9), 1);
	CHECK_EQ(nested(100), 1);
}

static void test_memory(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json *root = NULL;

	buf_init(&b, OTLP_BODY_MAX);
	while (b.len + 2 <= OTLP_BODY_MAX)
		(void)buf_add(&b, (struct str){ "\x0a\x00", 2 });
	arena_init(&a, OTLP_ARENA_MAX);
	CHECK_EQ(otlp_proto_parse(&a, buf_str(&b), OTLP_M_LOGS, &root),
		 -ENOMEM);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an api request of Claude Code", test_api_request },
		{ "nothing of the ledger's own can be said", test_forgery },
		{ "metrics are folded", test_metrics },
		{ "a span", test_span },
		{ "the largest record is one", test_largest },
		{ "too many are counted", test_many },
		{ "JSON that is refused", test_json_refusals },
		{ "protocol buffers that are refused", test_proto_refusals },
		{ "levels are bounded", test_depth },
		{ "memory is bounded", test_memory },
	};

	return test_main(tests, N_ELEMS(tests));
}
