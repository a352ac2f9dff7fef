/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A request is resources, each with scopes, each with items; for the three
 * signals only the names differ.  An item's attributes are parted: those of
 * otlp-members.h become members, the others one member attrs, the text of a
 * JSON object, so that no name that an agent chooses is a name of the ledger's.
 *
 * The largest record has every part at its limit, and fits (the assertion
 * below), so nothing that is cut here is ever refused by the scribe.
 */
#include "telemetry/otlp-event.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ledger/record.h"
#include "telemetry/otlp-members.h"

/* Members of at most OTLP_NAME_MAX: name, service, severity, unit, value, three
 * ids, and seven of otlp-members.h. */
#define NAMES     15u
#define FRAME_MAX 2048u /* names of members, numbers, punctuation */
_Static_assert(2 * OTLP_ATTRS_MAX + OTLP_TEXT_MAX + NAMES * OTLP_NAME_MAX +
			       FRAME_MAX <=
		       RECORD_MAX_BODY,
	       "every record fits");

#define ONE_MAX     ((size_t)4 * 1024) /* an attribute, as JSON */
#define NS_PER_MS   1000000
#define STATUS_BAD  2
#define DELTA       1
#define MESSAGE_SEP '.'

/* A metric's point, or some that say the same but for value and time. */
struct point {
	struct str name, unit, service;
	struct str attrs; /* JSON text */
	struct otlp_members members;
	bool cut, has_value;
	double value;
	const struct json *last; /* as it was said, when it is one */
	int64_t at;
	uint64_t n;
};

struct work {
	struct arena *arena;
	enum otlp_signal signal;
	const struct otlp_sink *sink;
	struct otlp_result *result;
	struct buf record, attrs, one;
	struct str service; /* of the resource at hand */
	struct point *points;
	size_t n_points;
	size_t n_items; /* looked at, of the request */
	bool cut;       /* something of the record at hand */
	int error;
};

/* The list that an object has under @key; NULL is an empty one. */
static const struct json *list(const struct json *o, const char *key)
{
	const struct json *j = json_find(o, key);

	return json_is(j, JSON_ARRAY) ? j : NULL;
}

/* Whoever sends so many is not heard out. */
static bool is_too_many(struct work *k)
{
	if (++k->n_items <= OTLP_ITEMS_MAX)
		return false;
	k->result->n_rejected++;
	return true;
}

/* ---- attributes ---- */

/* '"key":value' behind what is there, or not at all. */
static void add_attr(struct work *k, struct str key, const struct json *value)
{
	struct json_out w = JSON_OUT(&k->one);
	struct str text;

	buf_clear(&k->one);
	json_open(&w, '{');
	json_key_str(&w, key);
	otlp_any_put(&w, value, &k->cut);
	json_close(&w, '}');
	text = buf_str(&k->one);
	/* One byte for the comma, one for the closing brace. */
	if (k->one.failed || k->attrs.len + text.len > OTLP_ATTRS_MAX) {
		k->cut = true;
		return;
	}
	(void)buf_addc(&k->attrs, k->attrs.len > 0 ? ',' : '{');
	(void)buf_add(&k->attrs, (struct str){ text.ptr + 1, text.len - 2 });
}

static bool is_again(const struct json *attributes, const struct json *at)
{
	struct str key = json_find_str(at, "key");

	JSON_EACH (it, attributes) {
		if (it == at)
			return false;
		if (str_eq(json_find_str(it, "key"), key))
			return true;
	}
	return false;
}

/* Parts @attributes; @skip is told elsewhere. */
static void part(struct work *k, const struct json *attributes,
		 struct otlp_members *ret, const char *skip)
{
	size_t n = 0;

	*ret = (struct otlp_members){ .in_excludes_cache = false };
	buf_clear(&k->attrs);
	JSON_EACH (it, attributes) {
		struct str key = json_find_str(it, "key");
		const struct json *value = json_find(it, "value");

		if (++n > OTLP_ATTRS || is_again(attributes, it)) {
			k->cut = true;
			continue;
		}
		if (str_eq(key, str_of(skip)) ||
		    otlp_members_take(ret, key, value))
			continue;
		if (otlp_fit(key, OTLP_KEY_MAX, &k->cut).len == key.len)
			add_attr(k, key, value);
	}
	if (k->attrs.len > 0)
		(void)buf_addc(&k->attrs, '}');
}

static const struct json *find_attr(const struct json *attributes,
				    const char *key)
{
	size_t n = 0;

	JSON_EACH (it, attributes) {
		if (++n > OTLP_ATTRS)
			break;
		if (str_eq(json_find_str(it, "key"), str_of(key)))
			return json_find(it, "value");
	}
	return NULL;
}

/* ---- records ---- */

static void put(struct work *k, struct json_out *w, const char *key,
		struct str s, size_t max)
{
	if (s.len > 0)
		json_kstr(w, key, otlp_fit(s, max, &k->cut));
}

static void put_at(struct json_out *w, const struct json *at)
{
	int64_t ns;

	if (otlp_int(at, &ns) && ns > 0)
		json_kint(w, "agent_at", ns);
}

static void begin(struct work *k, struct json_out *w, struct str name)
{
	buf_clear(&k->record);
	record_begin(w, RECORD_AGENT_EVENT, "none", RECORD_CLAIMED, NULL, 1);
	json_kstr(w, "signal", str_of(otlp_signals[k->signal].name));
	put(k, w, "name", name, OTLP_NAME_MAX);
	put(k, w, "service", k->service, OTLP_NAME_MAX);
}

static void end(struct work *k, struct json_out *w, struct str attrs,
		uint64_t n)
{
	if (attrs.len > 0)
		json_kstr(w, "attrs", attrs);
	if (k->cut)
		json_kbool(w, "cut", true);
	record_end(w);
	if (k->record.failed) {
		k->error = -ENOMEM;
	} else if (k->result->n_taken < OTLP_EVENTS_MAX &&
		   k->sink->take(k->sink->owner, buf_str(&k->record))) {
		k->result->n_taken += n;
		return;
	}
	k->result->n_rejected += n;
}

/* Does @text say "prefix.name"? */
static bool is_long_form(struct str text, struct str name)
{
	return text.len > name.len + 1 && text.len <= OTLP_NAME_MAX &&
	       name.len > 0 && str_ends(text, name) &&
	       text.ptr[text.len - name.len - 1] == MESSAGE_SEP;
}

/* What the body holds, which may be any value. */
static void put_body(struct work *k, struct json_out *w,
		     const struct json *body)
{
	struct str text = otlp_any_string(body);

	if (!body || body->kids.n == 0)
		return;
	if (json_find(body, "stringValue")) {
		put(k, w, "text", text, OTLP_TEXT_MAX);
		return;
	}

	struct json_out one = JSON_OUT(&k->one);

	buf_clear(&k->one);
	otlp_any_put(&one, body, &k->cut);
	if (k->one.failed)
		k->cut = true;
	else
		put(k, w, "text", buf_str(&k->one), OTLP_TEXT_MAX);
}

static void put_ids(struct work *k, struct json_out *w, const struct json *o)
{
	put(k, w, "trace_id", json_find_str(o, "traceId"), OTLP_NAME_MAX);
	put(k, w, "span_id", json_find_str(o, "spanId"), OTLP_NAME_MAX);
	put(k, w, "parent_id", json_find_str(o, "parentSpanId"), OTLP_NAME_MAX);
}

static void take_log(struct work *k, const struct json *o)
{
	const struct json *attributes = list(o, "attributes");
	const struct json *body = json_find(o, "body");
	struct str name = otlp_any_string(find_attr(attributes, "event.name"));
	struct json_out w = JSON_OUT(&k->record);
	struct otlp_members m;

	if (is_too_many(k))
		return;
	k->cut = false;
	/* Where both are there the other is a place in the agent's source. */
	if (name.len == 0)
		name = json_find_str(o, "eventName");
	/* Agents say "agent.event" there. */
	if (is_long_form(otlp_any_string(body), name)) {
		name = otlp_any_string(body);
		body = NULL;
	}
	part(k, attributes, &m, "event.name");
	begin(k, &w, name);
	put_at(&w, json_find(o, "timeUnixNano"));
	put(k, &w, "severity", json_find_str(o, "severityText"), OTLP_NAME_MAX);
	put_ids(k, &w, o);
	otlp_members_put(&m, &w, &k->cut);
	put_body(k, &w, body);
	end(k, &w, buf_str(&k->attrs), 1);
}

static void take_span(struct work *k, const struct json *o)
{
	const struct json *status = json_find(o, "status");
	struct json_out w = JSON_OUT(&k->record);
	struct otlp_members m;
	int64_t from, to;

	if (is_too_many(k))
		return;
	k->cut = false;
	part(k, list(o, "attributes"), &m, NULL);
	if (!m.has[OTLP_MS] &&
	    otlp_int(json_find(o, "startTimeUnixNano"), &from) &&
	    otlp_int(json_find(o, "endTimeUnixNano"), &to) && from > 0 &&
	    to >= from) {
		m.has[OTLP_MS] = true;
		m.number[OTLP_MS] = (to - from) / NS_PER_MS;
	}
	begin(k, &w, json_find_str(o, "name"));
	put_at(&w, json_find(o, "startTimeUnixNano"));
	put_ids(k, &w, o);
	if (json_find_int(status, "code", 0) == STATUS_BAD)
		json_kstr(&w, "status", STR("error"));
	otlp_members_put(&m, &w, &k->cut);
	put(k, &w, "text", json_find_str(status, "message"), OTLP_TEXT_MAX);
	end(k, &w, buf_str(&k->attrs), 1);
}

/* ---- metrics ---- */

static bool is_same(const struct point *a, const struct point *b)
{
	return str_eq(a->name, b->name) && str_eq(a->service, b->service) &&
	       str_eq(a->attrs, b->attrs) &&
	       memcmp(a->members.has, b->members.has, sizeof(a->members.has)) ==
		       0 &&
	       memcmp(a->members.number, b->members.number,
		      sizeof(a->members.number)) == 0;
}

static bool same_texts(const struct otlp_members *a,
		       const struct otlp_members *b)
{
	for (size_t i = 0; i < OTLP_MEMBER_MAX_; i++) {
		if (!str_eq(a->text[i], b->text[i]))
			return false;
	}
	return true;
}

static struct point *find_point(struct work *k, const struct point *like)
{
	for (size_t i = 0; i < k->n_points; i++) {
		if (is_same(&k->points[i], like) &&
		    same_texts(&k->points[i].members, &like->members))
			return &k->points[i];
	}
	return NULL;
}

/* Whatever kind of point it is, its value: that of a histogram is its sum. */
static const struct json *value_of(const struct json *o)
{
	static const char *const names[] = { "asDouble", "asInt", "sum",
					     "count" };

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		const struct json *j = json_find(o, names[i]);

		if (j && j->type != JSON_NULL)
			return j;
	}
	return NULL;
}

static void fold(struct point *p, const struct point *now, bool delta)
{
	p->n++;
	p->cut |= now->cut;
	if (now->at > p->at)
		p->at = now->at;
	if (!delta || !p->has_value || !now->has_value) {
		p->value = now->value;
		p->has_value = now->has_value;
		p->last = now->last;
		return;
	}
	p->value += now->value;
	p->last = NULL;
}

static void take_point(struct work *k, const struct json *metric,
		       const struct json *o, bool delta)
{
	struct point now = { .name = json_find_str(metric, "name"),
			     .unit = json_find_str(metric, "unit"),
			     .service = k->service,
			     .last = value_of(o),
			     .n = 1 };
	struct point *p;

	if (is_too_many(k))
		return;
	k->cut = false;
	part(k, list(o, "attributes"), &now.members, NULL);
	now.attrs = arena_str(k->arena, buf_str(&k->attrs));
	now.cut = k->cut;
	now.has_value = now.last && otlp_number(now.last, &now.value);
	(void)!otlp_int(json_find(o, "timeUnixNano"), &now.at);
	if (k->arena->failed)
		k->error = -ENOMEM;
	p = k->error == 0 ? find_point(k, &now) : NULL;
	if (p)
		fold(p, &now, delta);
	else if (k->error != 0 || k->n_points == OTLP_POINTS_MAX)
		k->result->n_rejected++;
	else
		k->points[k->n_points++] = now;
}

static void take_metric(struct work *k, const struct json *metric)
{
	static const char *const kinds[] = { "gauge", "sum", "histogram",
					     "exponentialHistogram",
					     "summary" };

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		const struct json *data = json_find(metric, kinds[i]);
		bool delta = json_find_int(data, "aggregationTemporality", 0) ==
			     DELTA;

		JSON_EACH (it, list(data, "dataPoints"))
			take_point(k, metric, it, delta);
	}
}

/* Numbers of the ledger are whole; this is the text of any. */
static void put_value(struct work *k, struct json_out *w, const struct point *p)
{
	char text[40];

	if (json_is(p->last, JSON_STRING) || json_is(p->last, JSON_NUMBER)) {
		put(k, w, "value", p->last->string, OTLP_NAME_MAX);
		return;
	}
	if (json_is(p->last, JSON_INT))
		(void)snprintf(text, sizeof(text), "%" PRId64,
			       p->last->integer);
	else
		(void)snprintf(text, sizeof(text), "%.15g", p->value);
	if (p->has_value)
		json_kstr(w, "value", str_of(text));
}

static void put_points(struct work *k)
{
	for (size_t i = 0; i < k->n_points && k->error == 0; i++) {
		const struct point *p = &k->points[i];
		struct json_out w = JSON_OUT(&k->record);

		k->cut = p->cut;
		k->service = p->service;
		begin(k, &w, p->name);
		if (p->at > 0)
			json_kint(&w, "agent_at", p->at);
		put_value(k, &w, p);
		put(k, &w, "unit", p->unit, OTLP_NAME_MAX);
		if (p->n > 1)
			json_kuint(&w, "points", p->n);
		otlp_members_put(&p->members, &w, &k->cut);
		end(k, &w, p->attrs, p->n);
	}
}

/* ---- the three levels ---- */

static const struct {
	const char *resources, *scopes, *items;
	void (*take)(struct work *k, const struct json *o);
} levels[OTLP_SIGNAL_MAX_] = {
	[OTLP_LOGS] = { "resourceLogs", "scopeLogs", "logRecords", take_log },
	[OTLP_SPANS] = { "resourceSpans", "scopeSpans", "spans", take_span },
	[OTLP_METRICS] = { "resourceMetrics", "scopeMetrics", "metrics",
			   take_metric },
};

static void take_resource(struct work *k, const struct json *r)
{
	const struct json *resource = json_find(r, "resource");

	k->service = otlp_any_string(
		find_attr(list(resource, "attributes"), "service.name"));
	JSON_EACH (scope, list(r, levels[k->signal].scopes)) {
		JSON_EACH (it, list(scope, levels[k->signal].items)) {
			if (k->error == 0)
				levels[k->signal].take(k, it);
		}
	}
}

int otlp_events(struct arena *a, const struct json *root,
		enum otlp_signal signal, const struct otlp_sink *sink,
		struct otlp_result *ret)
{
	struct work k = {
		.arena = a, .signal = signal, .sink = sink, .result = ret
	};

	*ret = (struct otlp_result){ .n_taken = 0 };
	buf_init(&k.record, RECORD_MAX_BODY);
	buf_init(&k.attrs, OTLP_ATTRS_MAX + 1);
	buf_init(&k.one, ONE_MAX);
	if (signal == OTLP_METRICS)
		k.points = arena_array(a, OTLP_POINTS_MAX, sizeof(*k.points));
	if (signal == OTLP_METRICS && !k.points)
		k.error = -ENOMEM;
	JSON_EACH (it, list(root, levels[signal].resources)) {
		if (k.error == 0)
			take_resource(&k, it);
	}
	if (k.error == 0)
		put_points(&k);
	buf_done(&k.record);
	buf_done(&k.attrs);
	buf_done(&k.one);
	return k.error;
}
