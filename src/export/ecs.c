/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dotted names, which Elasticsearch reads as nested objects.  A member that
 * the schema has no name for stands below `bawn.`, where no field of the
 * schema can ever be.
 */
#include <stdio.h>

#include "export/encode.h"
#include "export/kinds.h"

#define ECS_VERSION "8.11.0"

static void put_list(struct json_out *w, const char *key, const char *one)
{
	json_key(w, key);
	json_open(w, '[');
	json_str(w, str_of(one));
	json_close(w, ']');
}

static void put_event(struct json_out *w, const struct event *e)
{
	bool denied = str_eq(e->head.verdict, STR("deny"));
	bool alert = e->row->level >= LEVEL_MEDIUM;

	json_kstr(w, "event.kind", alert ? STR("alert") : STR("event"));
	put_list(w, "event.category", e->row->ecs_category);
	put_list(w, "event.type", e->row->ecs_type);
	json_kstr(w, "event.action", e->kind);
	json_kstr(w, "event.outcome",
		  denied                                  ? STR("failure")
		  : str_eq(e->head.verdict, STR("allow")) ? STR("success")
							  : STR("unknown"));
	json_kstr(w, "event.provider", STR("bawn"));
	json_kuint(w, "event.sequence", e->head.seq);
	json_kuint(w, "event.severity", export_levels[e->row->level].ocsf);
}

static void put_members(struct json_out *w, const struct event *e)
{
	char name[EVENT_NAME + sizeof("bawn.")];

	EVENT_EACH(it, e)
	{
		const struct export_member *m = export_member_find(it->key);

		if (m && m->ecs) {
			json_key(w, m->ecs);
		} else {
			(void)snprintf(name, sizeof(name), "bawn.%.*s",
				       STR_ARG(it->key));
			json_key(w, name);
		}
		event_value(w, it);
	}
}

void encode_ecs(const struct event *e, struct buf *b)
{
	struct json_out w = JSON_OUT(b);
	struct buf text;
	char at[32];

	event_time(e, at);
	buf_init(&text, RECORD_MAX_BYTES * 4u);
	event_message(e, &text);
	json_open(&w, '{');
	json_kstr(&w, "@timestamp", str_of(at));
	json_kstr(&w, "ecs.version", STR(ECS_VERSION));
	json_kstr(&w, "message", buf_str(&text));
	put_event(&w, e);
	json_kstr(&w, "host.name", e->from->host);
	json_kstr(&w, "observer.product", STR("bawn"));
	json_kstr(&w, "observer.version", e->from->version);
	if (e->user.len > 0)
		json_kstr(&w, "user.name", e->user);
	json_kstr(&w, "bawn.session", e->head.session);
	json_kstr(&w, "bawn.task", e->task);
	json_kstr(&w, "bawn.verdict", e->head.verdict);
	json_kstr(&w, "bawn.trust", e->head.trust);
	json_kuint(&w, "bawn.count", e->head.count);
	if (json_find(e->fields, "rule.file")) {
		json_kstr(&w, "rule.ruleset",
			  json_find_str(e->fields, "rule.layer"));
		json_kstr(&w, "rule.name",
			  json_find_str(e->fields, "rule.file"));
		json_kint(&w, "bawn.rule.line",
			  json_find_int(e->fields, "rule.line", 0));
	}
	put_members(&w, e);
	json_close(&w, '}');
	if (text.failed)
		b->failed = true;
	buf_done(&text);
}
