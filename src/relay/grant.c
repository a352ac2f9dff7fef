/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   (none) --grants_use: record sent--> PENDING --answer ok--> RECORDED
 *                                          |  --answer error--> (none)
 *
 * A grant that could not be recorded is forgotten, so the next use asks again.
 * Entries are in order of use; beyond GRANT_MAX the oldest that is RECORDED
 * gives way, after its count was told: a later use is then a first one.
 *
 * Ids of records count up and are never 0; a pending grant is found by its id
 * in the list of those pending, which the scribe answers in order.
 */
#include "relay/grant.h"

#include "base/clock.h"
#include "ipc/protocol.h"
#include "ledger/record.h"
#include "policy/net-text.h"

#define BODY_MAX ((size_t)8 * 1024)

struct grant {
	struct table_node node;
	struct list lru;     /* in grants.lru */
	struct list pending; /* in grants.pending while id != 0 */
	struct list waits;
	const struct net_rule *rule;
	struct in6_addr orig, addr;
	uint16_t orig_port, port;
	uint32_t id;    /* of the record under way; 0: it is durable */
	uint64_t count; /* uses not yet told */
	uint16_t host_len;
	char host[];
};

struct grants {
	struct loop *loop;
	struct outq *scribe;
	struct table table;
	struct list lru, pending;
	size_t n;
	uint32_t last_id;
	struct loop_timer timer;
	struct buf body;
};

static int run_timer(struct loop_timer *t)
{
	return grants_flush(t->owner);
}

int grants_new(struct grants **ret, struct loop *loop, struct outq *scribe)
{
	AUTO(grants) struct grants *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	list_init(&g->lru);
	list_init(&g->pending);
	buf_init(&g->body, BODY_MAX);
	g->loop = loop;
	g->scribe = scribe;
	g->timer = (struct loop_timer){ .run = run_timer, .owner = g };
	r = table_init(&g->table);
	if (r != 0)
		return r;
	*ret = TAKE(g);
	return 0;
}

static void grant_free(struct grants *g, struct grant *e)
{
	ASSERT(list_is_empty(&e->waits));
	table_remove(&g->table, &e->node);
	list_remove(&e->lru);
	list_remove(&e->pending);
	g->n--;
	free(e);
}

void grants_free(struct grants *g)
{
	if (!g)
		return;
	LIST_EACH(it, &g->lru)
	grant_free(g, LIST_OWNER(it, struct grant, lru));
	loop_timer_clear(g->loop, &g->timer);
	table_done(&g->table);
	buf_done(&g->body);
	free(g);
}

static void add_addr(struct json_out *w, const char *key,
		     const struct in6_addr *a)
{
	char text[NET_ADDR_TEXT];

	net_addr_format(a, text);
	json_kstr(w, key, str_of(text));
}

static int record(struct grants *g, const struct grant *e, uint32_t id,
		  uint64_t count)
{
	struct json_out w = JSON_OUT(&g->body);
	struct record_rule rule = { .layer = e->rule->origin.layer,
				    .file = e->rule->origin.file,
				    .line = e->rule->origin.line };

	buf_clear(&g->body);
	record_begin(&w, RECORD_NET_GRANT, "allow", RECORD_KERNEL, &rule,
		     count);
	if (e->host_len > 0)
		json_kstr(&w, "host",
			  (struct str){ .ptr = e->host, .len = e->host_len });
	add_addr(&w, "addr", &e->addr);
	json_kuint(&w, "port", e->orig_port);
	json_kstr(&w, "proto", str_of("tcp"));
	add_addr(&w, "orig", &e->orig);
	if (e->port != e->orig_port)
		json_kuint(&w, "dial_port", e->port);
	record_end(&w);
	if (g->body.failed)
		return -ENOMEM;
	return outq_send(g->scribe, MSG_APPEND, id, buf_str(&g->body));
}

static int tell(struct grants *g, struct grant *e)
{
	int r;

	if (e->id != 0 || e->count == 0)
		return 0;
	r = record(g, e, 0, e->count);
	if (r == 0)
		e->count = 0;
	return r;
}

int grants_flush(struct grants *g)
{
	LIST_EACH(it, &g->lru)
	{
		int r = tell(g, LIST_OWNER(it, struct grant, lru));

		if (r != 0)
			return r;
	}
	return 0;
}

static int arm(struct grants *g)
{
	if (g->timer.heap_pos != 0)
		return 0;
	return loop_timer_set(g->loop, &g->timer,
			      loop_now_ns(g->loop) + GRANT_FOLD_MS * NS_PER_MS);
}

static uint64_t hash_of(const struct grants *g, const struct grant_use *u)
{
	struct {
		struct in6_addr orig, addr;
		uint64_t rule;
		uint32_t orig_port, port;
	} key = { .addr = *u->addr,
		  .rule = (uintptr_t)u->rule,
		  .orig_port = u->orig_port,
		  .port = u->port };

	/* A name has two addresses in the jail, and is one destination. */
	if (u->host.len == 0)
		key.orig = *u->orig;
	return table_hash(&g->table, &key, sizeof(key));
}

static struct grant *find(const struct grants *g, const struct grant_use *u,
			  uint64_t hash)
{
	struct table_node *node = table_first(&g->table, hash);

	for (; node; node = table_next(node)) {
		struct grant *e = LIST_OWNER(node, struct grant, node);

		if (e->rule == u->rule && e->orig_port == u->orig_port &&
		    e->port == u->port &&
		    (e->host_len > 0 ||
		     IN6_ARE_ADDR_EQUAL(&e->orig, u->orig)) &&
		    IN6_ARE_ADDR_EQUAL(&e->addr, u->addr) &&
		    str_eq((struct str){ .ptr = e->host, .len = e->host_len },
			   u->host))
			return e;
	}
	return NULL;
}

static int make_room(struct grants *g)
{
	LIST_EACH(it, &g->lru)
	{
		struct grant *e = LIST_OWNER(it, struct grant, lru);
		int r;

		if (g->n < GRANT_MAX)
			return 0;
		if (e->id != 0)
			continue;
		r = tell(g, e);
		if (r != 0)
			return r;
		grant_free(g, e);
	}
	return g->n < GRANT_MAX ? 0 : -ENOBUFS;
}

/* The first use: a new entry whose record is under way. */
static int begin(struct grants *g, const struct grant_use *u, uint64_t hash,
		 struct grant **ret)
{
	struct grant *e;
	int r = make_room(g);

	if (r != 0)
		return r;
	e = calloc(1, sizeof(*e) + u->host.len);
	if (!e)
		return -ENOMEM;
	list_init(&e->lru);
	list_init(&e->pending);
	list_init(&e->waits);
	e->rule = u->rule;
	e->orig = *u->orig;
	e->addr = *u->addr;
	e->orig_port = u->orig_port;
	e->port = u->port;
	e->host_len = (uint16_t)u->host.len; /* cannot overflow: a host name */
	if (u->host.len > 0)
		memcpy(e->host, u->host.ptr, u->host.len);
	if (++g->last_id == 0)
		g->last_id = 1;
	e->id = g->last_id;

	r = record(g, e, e->id, 1);
	if (r == 0)
		r = table_add(&g->table, &e->node, hash);
	if (r != 0) {
		free(e);
		return r;
	}
	g->n++;
	list_add(&g->lru, &e->lru);
	list_add(&g->pending, &e->pending);
	*ret = e;
	return 0;
}

int grants_use(struct grants *g, const struct grant_use *u,
	       struct grant_wait *w)
{
	uint64_t hash = hash_of(g, u);
	struct grant *e = find(g, u, hash);
	int r;

	if (!e) {
		r = begin(g, u, hash, &e);
		if (r != 0)
			return r;
	} else {
		e->count++;
		list_remove(&e->lru);
		list_add(&g->lru, &e->lru);
		r = arm(g);
		if (r != 0)
			return r;
	}
	if (e->id == 0)
		return 0;
	list_init(&w->link);
	list_add(&e->waits, &w->link);
	w->grant = e;
	return 1;
}

void grants_cancel(struct grant_wait *w)
{
	if (!w->grant)
		return;
	list_remove(&w->link);
	w->grant = NULL;
}

static struct grant *find_pending(struct grants *g, uint32_t id)
{
	LIST_EACH(it, &g->pending)
	{
		struct grant *e = LIST_OWNER(it, struct grant, pending);

		if (e->id == id)
			return e;
	}
	return NULL;
}

int grants_answer(struct grants *g, uint32_t id, bool ok)
{
	struct grant *e = find_pending(g, id);
	struct list waits;

	if (!e)
		return 1;
	/* Those who are told may cancel others: move them to a list of ours. */
	list_init(&waits);
	while (!list_is_empty(&e->waits)) {
		struct list *l = e->waits.next;

		list_remove(l);
		list_add(&waits, l);
	}
	list_remove(&e->pending);
	e->id = 0;
	if (!ok)
		grant_free(g, e);
	while (!list_is_empty(&waits)) {
		struct grant_wait *w =
			LIST_OWNER(waits.next, struct grant_wait, link);

		grants_cancel(w);
		w->done(w, ok ? 0 : -EIO);
	}
	return 0;
}
