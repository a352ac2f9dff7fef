/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is the signal, and with bit 7 the body is JSON.  Laws:
 *   1. what comes of it are records that the scribe takes from a relay, of kind
 *      agent.event, claimed, each in one line, and no more than there may be;
 *   2. what the reader of protocol buffers makes is, written as JSON, what the
 *      other reader accepts, and both say the same records;
 *   3. taken and rejected are told, and nothing is taken twice: a sink that
 *      takes nothing has all of them rejected.
 */
#include "base/buf.h"
#include "ledger/record-parse.h"
#include "telemetry/otlp-event.h"
#include "telemetry/otlp-parse.h"

#define ALL_MAX ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool take(void *owner, struct str record)
{
	struct buf *all = owner;
	enum record_kind kind;
	struct str lead = STR("{\"kind\":\"agent.event\",\"verdict\":\"none\","
			      "\"trust\":\"claimed\",\"count\":1,");

	law(record_check(record, RECORD_ROLE_RELAY, &kind, NULL) == 0);
	law(kind == RECORD_AGENT_EVENT && str_starts(record, lead));
	law(memchr(record.ptr, '\n', record.len) == NULL);
	(void)buf_add(all, record);
	(void)buf_addc(all, '\n');
	return true;
}

static bool refuse(void *owner, struct str record)
{
	(void)owner;
	(void)record;
	return false;
}

static void map(const struct json *root, enum otlp_signal signal,
		struct buf *all, struct otlp_result *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct otlp_sink sink = { .take = take, .owner = all };
	struct otlp_sink none = { .take = refuse };
	struct otlp_result other;

	arena_init(&a, OTLP_ARENA_MAX);
	buf_init(all, ALL_MAX);
	law(otlp_events(&a, root, signal, &sink, ret) == 0);
	law(ret->n_taken <= OTLP_ITEMS_MAX);
	law(otlp_events(&a, root, signal, &none, &other) == 0);
	law(other.n_taken == 0 &&
	    other.n_rejected == ret->n_taken + ret->n_rejected);
}

static void check_again(const struct json *root, enum otlp_signal signal,
			struct str records)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(buf) struct buf all = BUF_NULL;
	struct json_out w = JSON_OUT(&text);
	struct otlp_result result;
	struct json *j = NULL;

	arena_init(&a, OTLP_ARENA_MAX);
	buf_init(&text, ALL_MAX);
	json_value(&w, root);
	law(!text.failed);
	law(otlp_json_parse(&a, buf_str(&text), otlp_signals[signal].request,
			    &j) == 0);
	map(j, signal, &all, &result);
	law(str_eq(buf_str(&all), records));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf all = BUF_NULL;
	struct otlp_result result;
	struct json *root = NULL;
	enum otlp_signal signal;
	struct str body;
	bool json;
	int r;

	if (size == 0 || size > 64 * 1024)
		return 0;
	signal = (enum otlp_signal)((data[0] & 0x7fu) % OTLP_SIGNAL_MAX_);
	json = (data[0] & 0x80u) != 0;
	body = (struct str){ (const char *)data + 1, size - 1 };
	arena_init(&a, OTLP_ARENA_MAX);
	r = json ? otlp_json_parse(&a, body, otlp_signals[signal].request,
				   &root)
		 : otlp_proto_parse(&a, body, otlp_signals[signal].request,
				    &root);
	law(r == 0 || r == 1 || r == -ENOMEM);
	if (r != 0)
		return 0;
	map(root, signal, &all, &result);
	if (!json)
		check_again(root, signal, buf_str(&all));
	return 0;
}
