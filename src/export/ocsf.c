/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Every event has what the base event demands; the class adds the objects it
 * requires, from the record's members or, where a record lacks them, as
 * "unknown" of the object's own enum.  A member that found a place is marked
 * as taken, the rest is put into `unmapped` under the ledger's names, so that
 * nothing is left out.
 *
 * Profiles: host (actor, device) on every class, security_control (action,
 * disposition, policy) where the record has a verdict.
 */
#include "export/encode.h"
#include "export/kinds.h"

#define OCSF_VERSION "1.8.0"
#define TAKEN_WORDS  (EVENT_MEMBERS / 64u)

struct ocsf {
	struct json_out w;
	const struct event *e;
	uint64_t taken[TAKEN_WORDS]; /* members, by their place in the record */
};

static const struct json *take(struct ocsf *o, const char *name)
{
	size_t i = 0;

	JSON_EACH (it, o->e->fields) {
		if (str_eq(it->key, str_of(name)) && i < EVENT_MEMBERS) {
			o->taken[i / 64u] |= UINT64_C(1) << (i % 64u);
			return it;
		}
		i++;
	}
	return NULL;
}

static bool is_taken(const struct ocsf *o, const struct json *j)
{
	size_t i = 0;

	JSON_EACH (it, o->e->fields) {
		if (it == j)
			return i < EVENT_MEMBERS &&
			       (o->taken[i / 64u] >> (i % 64u) & 1u) != 0;
		i++;
	}
	return false;
}

/* The member @from, if there is one of that type, as @to. */
static void put_text(struct ocsf *o, const char *to, const char *from)
{
	const struct json *j = json_find(o->e->fields, from);

	if (!json_is(j, JSON_STRING) || j->string.len == 0)
		return;
	(void)take(o, from);
	json_kstr(&o->w, to, j->string);
}

static void put_int(struct ocsf *o, const char *to, const char *from)
{
	const struct json *j = json_find(o->e->fields, from);

	if (!json_is(j, JSON_INT))
		return;
	(void)take(o, from);
	json_kint(&o->w, to, j->integer);
}

static void put_metadata(struct ocsf *o)
{
	struct json_out *w = &o->w;
	char seq[EVENT_TEXT];
	struct json as_text = { .type = JSON_INT,
				.integer = (int64_t)o->e->head.seq };

	json_key(w, "metadata");
	json_open(w, '{');
	json_kstr(w, "version", STR(OCSF_VERSION));
	json_key(w, "product");
	json_open(w, '{');
	json_kstr(w, "name", STR("bawn"));
	json_kstr(w, "vendor_name", STR("bawn"));
	json_kstr(w, "version", o->e->from->version);
	json_close(w, '}');
	json_key(w, "profiles");
	json_open(w, '[');
	json_str(w, STR("host"));
	if (!str_eq(o->e->head.verdict, STR("none")))
		json_str(w, STR("security_control"));
	json_close(w, ']');
	json_kstr(w, "log_name", STR("bawn"));
	json_kstr(w, "event_code", o->e->kind);
	json_kuint(w, "sequence", o->e->head.seq);
	json_kstr(w, "uid", event_text(&as_text, seq));
	if (o->e->head.session.len > 0)
		json_kstr(w, "correlation_uid", o->e->head.session);
	json_close(w, '}');
}

static struct str last_part(struct str path)
{
	for (size_t i = path.len; i > 0; i--) {
		if (path.ptr[i - 1] == '/' && i < path.len)
			return str_skip(path, i);
	}
	return path;
}

static void put_file(struct ocsf *o, const char *key, const char *member)
{
	struct str path = json_find_str(o->e->fields, member);

	json_key(&o->w, key);
	json_open(&o->w, '{');
	json_kstr(&o->w, "name", last_part(path));
	put_text(o, "path", member);
	json_kuint(&o->w, "type_id", 0);
	json_close(&o->w, '}');
}

/* The process that did it; of an exec the program that it leaves. */
static void put_actor_process(struct ocsf *o)
{
	bool exe = json_find_str(o->e->fields, "exe").len > 0;

	if (!exe && !json_find(o->e->fields, "pid"))
		return;
	json_key(&o->w, "process");
	json_open(&o->w, '{');
	put_int(o, "pid", "pid");
	if (exe)
		put_file(o, "file", "exe");
	if (json_find(o->e->fields, "ppid")) {
		json_key(&o->w, "parent_process");
		json_open(&o->w, '{');
		put_int(o, "pid", "ppid");
		json_close(&o->w, '}');
	}
	json_close(&o->w, '}');
}

static void put_actor(struct ocsf *o)
{
	struct json_out *w = &o->w;

	json_key(w, "actor");
	json_open(w, '{');
	json_kstr(w, "app_name", STR("bawn"));
	if (o->e->user.len > 0) {
		json_key(w, "user");
		json_open(w, '{');
		json_kstr(w, "name", o->e->user);
		json_close(w, '}');
	}
	if (o->e->head.session.len > 0) {
		json_key(w, "session");
		json_open(w, '{');
		json_kstr(w, "uid", o->e->head.session);
		json_close(w, '}');
	}
	put_actor_process(o);
	json_close(w, '}');
	json_key(w, "device");
	json_open(w, '{');
	json_kstr(w, "hostname", o->e->from->host);
	json_kuint(w, "type_id", 0);
	json_close(w, '}');
}

static void put_verdict(struct ocsf *o)
{
	bool allow = str_eq(o->e->head.verdict, STR("allow"));
	const struct json *file = json_find(o->e->fields, "rule.file");
	char line[EVENT_TEXT];

	if (str_eq(o->e->head.verdict, STR("none")))
		return;
	json_kuint(&o->w, "action_id", allow ? 1 : 2);
	json_kstr(&o->w, "action", allow ? STR("Allowed") : STR("Denied"));
	json_kuint(&o->w, "disposition_id", allow ? 1 : 2);
	json_kstr(&o->w, "disposition",
		  allow ? STR("Allowed") : STR("Blocked"));
	if (!file)
		return;
	json_key(&o->w, "policy");
	json_open(&o->w, '{');
	json_kstr(&o->w, "name", event_text(file, line));
	json_kstr(&o->w, "desc", json_find_str(o->e->fields, "rule.layer"));
	file = json_find(o->e->fields, "rule.line");
	if (file)
		json_kstr(&o->w, "uid", event_text(file, line));
	json_close(&o->w, '}');
}

static void put_process(struct ocsf *o)
{
	struct json_out *w = &o->w;

	json_key(w, "process");
	json_open(w, '{');
	put_int(o, "pid", "pid");
	put_text(o, "cmd_line", "argv");
	put_text(o, "working_directory", "cwd");
	if (json_find_str(o->e->fields, "path").len > 0)
		put_file(o, "file", "path");
	if (!json_find(o->e->fields, "pid"))
		/* pid, uid or cpid: one of them there must be. */
		json_kstr(w, "uid", o->e->head.session);
	json_close(w, '}');
	put_int(o, "exit_code", "code");
}

static bool has_far_end(const struct ocsf *o)
{
	return json_find(o->e->fields, "host") ||
	       json_find(o->e->fields, "addr") ||
	       json_find(o->e->fields, "path");
}

static void put_network(struct ocsf *o)
{
	struct json_out *w = &o->w;

	if (has_far_end(o)) {
		json_key(w, "dst_endpoint");
		json_open(w, '{');
		put_text(o, "hostname", "host");
		put_text(o, "ip", "addr");
		put_int(o, "port", "port");
		put_text(o, "name", "path");
		json_close(w, '}');
	}
	json_key(w, "src_endpoint");
	json_open(w, '{');
	json_kstr(w, "hostname", o->e->from->host);
	json_close(w, '}');
	json_key(w, "connection_info");
	json_open(w, '{');
	json_kuint(w, "direction_id", 2); /* outbound */
	put_text(o, "protocol_name", "proto");
	json_close(w, '}');
}

static void put_kernel(struct ocsf *o)
{
	struct json_out *w = &o->w;
	struct str name = json_find_str(o->e->fields, "syscall");

	json_key(w, "kernel");
	json_open(w, '{');
	json_kstr(w, "name", name);
	put_text(o, "system_call", "syscall");
	json_kuint(w, "type_id", 2); /* System Call */
	json_close(w, '}');
}

static void put_finding(struct ocsf *o)
{
	struct json_out *w = &o->w;
	char seq[EVENT_TEXT];
	struct json as_text = { .type = JSON_INT,
				.integer = (int64_t)o->e->head.seq };

	json_key(w, "finding_info");
	json_open(w, '{');
	json_kstr(w, "uid", event_text(&as_text, seq));
	json_kstr(w, "title", str_of(o->e->row->title));
	put_text(o, "desc", "reason");
	json_close(w, '}');
}

static void put_entity(struct ocsf *o)
{
	struct json_out *w = &o->w;

	json_key(w, "entity");
	json_open(w, '{');
	json_kstr(w, "type", STR("policy"));
	if (json_find_str(o->e->fields, "path").len > 0)
		put_text(o, "name", "path");
	else
		json_kstr(w, "name", STR("policy"));
	put_text(o, "uid", "sha256");
	json_close(w, '}');
}

static void put_app(struct ocsf *o)
{
	struct json_out *w = &o->w;

	json_key(w, "app");
	json_open(w, '{');
	json_kstr(w, "name", STR("bawn"));
	json_kstr(w, "vendor_name", STR("bawn"));
	json_kstr(w, "version", o->e->from->version);
	json_close(w, '}');
}

static void put_api(struct ocsf *o)
{
	struct json_out *w = &o->w;

	json_key(w, "api");
	json_open(w, '{');
	if (json_find_str(o->e->fields, "name").len > 0)
		put_text(o, "operation", "name");
	else
		json_kstr(w, "operation", o->e->kind);
	json_close(w, '}');
	json_key(w, "src_endpoint");
	json_open(w, '{');
	json_kstr(w, "hostname", o->e->from->host);
	json_close(w, '}');
}

static void put_class(struct ocsf *o)
{
	switch (o->e->row->class_uid) {
	case OCSF_FILE:
		put_file(o, "file", "path");
		break;
	case OCSF_KERNEL:
		put_kernel(o);
		break;
	case OCSF_PROCESS:
		put_process(o);
		break;
	case OCSF_FINDING:
		put_finding(o);
		break;
	case OCSF_ENTITY:
		put_entity(o);
		break;
	case OCSF_NETWORK:
		put_network(o);
		break;
	case OCSF_LIFECYCLE:
		put_app(o);
		break;
	case OCSF_API:
		put_api(o);
		break;
	case OCSF_BASE:
		break;
	}
}

static void put_head(struct ocsf *o)
{
	const struct export_kind *k = o->e->row;
	const struct export_class *c = export_class_get(k->class_uid);
	const struct export_level_row *l = &export_levels[k->level];
	struct json_out *w = &o->w;

	json_kuint(w, "activity_id", k->activity);
	json_kstr(w, "activity_name", str_of(k->activity_name));
	json_kuint(w, "category_uid", c->category_uid);
	json_kstr(w, "category_name", str_of(c->category_name));
	json_kuint(w, "class_uid", c->uid);
	json_kstr(w, "class_name", str_of(c->name));
	json_kuint(w, "type_uid", (uint64_t)c->uid * 100u + k->activity);
	json_kuint(w, "time", o->e->head.at / 1000000u);
	json_kuint(w, "severity_id", l->ocsf);
	json_kstr(w, "severity", str_of(l->name));
	json_kuint(w, "count", o->e->head.count);
}

static void put_message(struct ocsf *o)
{
	struct buf text;

	buf_init(&text, RECORD_MAX_BYTES * 4u);
	event_message(o->e, &text);
	json_kstr(&o->w, "message", buf_str(&text));
	if (text.failed)
		o->w.b->failed = true;
	buf_done(&text);
}

static void put_rest(struct ocsf *o)
{
	json_key(&o->w, "unmapped");
	json_open(&o->w, '{');
	json_kstr(&o->w, "trust", o->e->head.trust);
	if (o->e->task.len > 0)
		json_kstr(&o->w, "task", o->e->task);
	EVENT_EACH(it, o->e)
	{
		if (is_taken(o, it))
			continue;
		json_key_str(&o->w, it->key);
		event_value(&o->w, it);
	}
	json_close(&o->w, '}');
}

void encode_ocsf(const struct event *e, struct buf *b)
{
	struct ocsf o = { .w = JSON_OUT(b), .e = e };

	json_open(&o.w, '{');
	put_head(&o);
	put_message(&o);
	put_metadata(&o);
	put_actor(&o);
	put_verdict(&o);
	put_class(&o);
	put_rest(&o);
	json_close(&o.w, '}');
}
