/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * An entry is a kind of refusal: (host or address, port, protocol, reason).  It
 * is told (record and notice) when it is made, then counts; the timer tells and
 * clears the counts.  Entries are in order of their last use; a new kind takes
 * the place of the oldest, which tells its count first.
 *
 * A program can make up endless names.  A bucket of REFUSE_BURST tokens, filled
 * with REFUSE_RATE a second, pays for new kinds; without a token the refusal
 * goes to the entry of the same protocol without name, address and port, whose
 * reason is REFUSE_MANY.  So the ledger grows at a bounded pace and the sum of
 * all counts is still the number of refusals.
 *
 * Notices are for a person: when the supervisor does not read them they are
 * dropped, and the next one of the kind has the count.
 */
#include "relay/refuse.h"

#include "base/clock.h"
#include "base/wall.h"
#include "ipc/protocol.h"
#include "ledger/record.h"
#include "policy/net-text.h"
#include "relay/table.h"

#define HOST_SHOWN 1016u /* bytes, as dns-parse.h makes them */
#define BODY_MAX   ((size_t)16 * 1024)

struct entry {
	struct table_node node;
	struct list lru;
	struct in6_addr addr;
	bool has_addr;
	uint16_t port;
	uint16_t host_len, sni_len;
	enum refuse_proto proto;
	enum refuse_reason reason;
	enum fail_reason fail; /* then it is no refusal */
	bool has_verdict;
	struct net_verdict verdict;
	uint64_t untold; /* counts */
	uint64_t notice_untold;
	char text[]; /* host, then SNI */
};

struct refusals {
	struct loop *loop;
	struct outq *scribe, *supervisor;
	struct table table;
	struct list lru; /* oldest first */
	size_t n;
	struct loop_timer timer;
	uint64_t tokens, tokens_at_ns;
	struct buf body, hint;
};

static const char *const protos[REFUSE_PROTO_MAX_] = {
	[REFUSE_TCP] = "tcp", [REFUSE_UDP] = "udp", [REFUSE_ICMP] = "icmp",
	[REFUSE_DNS] = "dns", [REFUSE_TLS] = "tls", [REFUSE_OTHER] = "other",
};

static const char *const reasons[REFUSE_REASON_MAX_] = {
	[REFUSE_POLICY] = "the policy does not allow it",
	[REFUSE_ADDRESS] = "the name leads to a range the policy does not name",
	[REFUSE_UNNAMED] = "the address stands for no name",
	[REFUSE_NOT_A_NAME] = "not a host name",
	[REFUSE_NAMES_FULL] = "too many names in one session",
	[REFUSE_NOT_TLS] = "not TLS on a port for TLS",
	[REFUSE_BAD_HELLO] = "malformed TLS ClientHello",
	[REFUSE_NO_SNI] = "TLS without a server name",
	[REFUSE_OTHER_SNI] = "TLS asks for another name",
	[REFUSE_LATE_HELLO] = "no complete TLS ClientHello in time",
	[REFUSE_LEDGER] = "the ledger could not record the grant",
	[REFUSE_NOT_TCP] = "only TCP leaves the jail",
	[REFUSE_MANY] = "more different requests than are told one by one",
	[REFUSE_LOST] = "more packets than the kernel could tell",
};

static const char *const fails[FAIL_REASON_MAX_] = {
	[FAIL_RESOLVE] = "the name does not resolve",
	[FAIL_CONNECT] = "no address of it answers",
	[FAIL_STUCK] = "a peer read nothing for two minutes",
};

static int run_timer(struct loop_timer *t)
{
	return refusals_flush(t->owner);
}

int refusals_new(struct refusals **ret, struct loop *loop, struct outq *scribe,
		 struct outq *supervisor)
{
	AUTO(refusals) struct refusals *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	list_init(&r->lru);
	buf_init(&r->body, BODY_MAX);
	buf_init(&r->hint, BODY_MAX / 8);
	r->loop = loop;
	r->scribe = scribe;
	r->supervisor = supervisor;
	r->tokens = REFUSE_BURST;
	r->tokens_at_ns = loop_now_ns(loop);
	r->timer = (struct loop_timer){ .run = run_timer, .owner = r };
	e = table_init(&r->table);
	if (e != 0)
		return e;
	*ret = TAKE(r);
	return 0;
}

static void entry_free(struct refusals *r, struct entry *e)
{
	table_remove(&r->table, &e->node);
	list_remove(&e->lru);
	r->n--;
	free(e);
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	LIST_EACH(it, &r->lru)
	entry_free(r, LIST_OWNER(it, struct entry, lru));
	loop_timer_clear(r->loop, &r->timer);
	table_done(&r->table);
	buf_done(&r->body);
	buf_done(&r->hint);
	free(r);
}

static struct str host_of(const struct entry *e)
{
	return (struct str){ .ptr = e->text, .len = e->host_len };
}

static void add_target(struct json_out *w, const struct entry *e)
{
	char addr[NET_ADDR_TEXT];

	if (e->host_len > 0)
		json_kstr(w, "host", host_of(e));
	if (e->has_addr) {
		net_addr_format(&e->addr, addr);
		json_kstr(w, "addr", str_of(addr));
	}
	if (e->port != 0)
		json_kuint(w, "port", e->port);
	json_kstr(w, "proto", str_of(protos[e->proto]));
	json_kstr(w, "reason",
		  str_of(e->fail ? fails[e->fail] : reasons[e->reason]));
	if (e->sni_len > 0)
		json_kstr(w, "sni",
			  (struct str){ .ptr = e->text + e->host_len,
					.len = e->sni_len });
}

/* Would a line of policy help? */
static void make_hint(struct refusals *r, const struct entry *e)
{
	buf_clear(&r->hint);
	if (e->fail)
		return;
	/* A question for a name is not about a port yet: the default ones. */
	if (e->reason == REFUSE_POLICY)
		net_hint(&r->hint, e->has_verdict ? &e->verdict : NULL,
			 host_of(e), e->has_addr ? &e->addr : NULL, e->port);
	else if (e->reason == REFUSE_ADDRESS && e->has_addr)
		net_hint(&r->hint, NULL, (struct str){ 0 }, &e->addr, e->port);
}

static int record(struct refusals *r, struct entry *e)
{
	struct json_out w = JSON_OUT(&r->body);
	struct record_rule rule = { .layer = e->verdict.origin.layer,
				    .file = e->verdict.origin.file,
				    .line = e->verdict.origin.line };
	int n;

	if (e->fail || e->untold == 0)
		return 0;
	buf_clear(&r->body);
	record_begin(&w, RECORD_NET_REFUSE, "deny", RECORD_KERNEL,
		     e->has_verdict ? &rule : NULL, e->untold);
	add_target(&w, e);
	if (r->hint.len > 0)
		json_kstr(&w, "hint", buf_str(&r->hint));
	record_end(&w);
	if (r->body.failed)
		return -ENOMEM;
	n = outq_send(r->scribe, MSG_APPEND, 0, buf_str(&r->body));
	if (n == 0)
		e->untold = 0;
	return n;
}

static void notify(struct refusals *r, struct entry *e)
{
	struct json_out w = JSON_OUT(&r->body);

	if (e->notice_untold == 0 || outq_is_high(r->supervisor))
		return;
	buf_clear(&r->body);
	json_open(&w, '{');
	json_kstr(&w, "what", str_of("net"));
	add_target(&w, e);
	json_kuint(&w, "count", e->notice_untold);
	if (e->fail)
		json_kbool(&w, "failed", true);
	if (r->hint.len > 0)
		json_kstr(&w, "hint", buf_str(&r->hint));
	json_close(&w, '}');
	/* The user's convenience: a supervisor that is gone ends us elsewhere. */
	if (!r->body.failed &&
	    outq_send(r->supervisor, MSG_NOTICE, 0, buf_str(&r->body)) == 0)
		e->notice_untold = 0;
}

static int tell(struct refusals *r, struct entry *e)
{
	int n;

	make_hint(r, e);
	n = record(r, e);
	notify(r, e);
	return n;
}

static int arm(struct refusals *r)
{
	if (r->timer.heap_pos != 0)
		return 0;
	return loop_timer_set(r->loop, &r->timer,
			      loop_now_ns(r->loop) +
				      REFUSE_FOLD_MS * NS_PER_MS);
}

int refusals_flush(struct refusals *r)
{
	bool again = false;

	LIST_EACH(it, &r->lru)
	{
		struct entry *e = LIST_OWNER(it, struct entry, lru);
		int n;

		if (e->untold == 0 && e->notice_untold == 0)
			continue;
		n = tell(r, e);
		if (n != 0)
			return n;
		again = again || e->notice_untold > 0;
	}
	return again ? arm(r) : 0;
}

static bool take_token(struct refusals *r)
{
	uint64_t now = loop_now_ns(r->loop);
	uint64_t step = NS_PER_S / REFUSE_RATE;
	uint64_t more = (now - r->tokens_at_ns) / step;

	r->tokens_at_ns += more * step;
	r->tokens = more >= REFUSE_BURST - r->tokens ? REFUSE_BURST
						     : r->tokens + more;
	if (r->tokens == 0)
		return false;
	r->tokens--;
	return true;
}

static uint64_t hash_of(const struct refusals *r, const struct entry *e)
{
	uint64_t key[2] = {
		(uint64_t)e->port << 32 | (uint64_t)e->proto << 16 |
			(uint64_t)e->reason << 8 | (uint64_t)e->fail,
		e->has_addr ? table_hash(&r->table, &e->addr, sizeof(e->addr))
			    : 0,
	};

	return table_hash(&r->table, e->text, e->host_len) ^
	       table_hash(&r->table, key, sizeof(key));
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->port == b->port && a->proto == b->proto &&
	       a->reason == b->reason && a->fail == b->fail &&
	       a->has_addr == b->has_addr &&
	       memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0 &&
	       str_eq(host_of(a), host_of(b));
}

/* What @like is, with the host's name; NULL: no memory. */
static struct entry *entry_new(const struct entry *like, struct str host,
			       struct str sni)
{
	size_t host_len = host.len < HOST_SHOWN ? host.len : HOST_SHOWN;
	size_t sni_len = sni.len < HOST_SHOWN ? sni.len : HOST_SHOWN;
	struct entry *e = malloc(sizeof(*e) + host_len + sni_len);

	if (!e)
		return NULL;
	*e = *like;
	list_init(&e->lru);
	e->host_len = (uint16_t)host_len;
	e->sni_len = (uint16_t)sni_len;
	if (host_len > 0)
		memcpy(e->text, host.ptr, host_len);
	if (sni_len > 0)
		memcpy(e->text + host_len, sni.ptr, sni_len);
	return e;
}

static struct entry *find(const struct refusals *r, const struct entry *like,
			  uint64_t hash)
{
	struct table_node *node = table_first(&r->table, hash);

	for (; node; node = table_next(node)) {
		struct entry *e = LIST_OWNER(node, struct entry, node);

		if (same(e, like))
			return e;
	}
	return NULL;
}

static int make_room(struct refusals *r)
{
	struct entry *oldest;
	int n;

	if (r->n < REFUSE_MAX)
		return 0;
	oldest = LIST_OWNER(r->lru.next, struct entry, lru);
	n = tell(r, oldest);
	if (n == 0)
		entry_free(r, oldest);
	return n;
}

static int count(struct refusals *r, struct entry *e, uint64_t n)
{
	e->untold += n;
	e->notice_untold += n;
	list_remove(&e->lru);
	list_add(&r->lru, &e->lru);
	return arm(r);
}

/* Takes @e, which is like nothing we have. */
static int insert(struct refusals *r, struct entry *e, uint64_t hash,
		  uint64_t n)
{
	int err = make_room(r);

	if (err == 0)
		err = table_add(&r->table, &e->node, hash);
	if (err != 0) {
		free(e);
		return err;
	}
	r->n++;
	list_add(&r->lru, &e->lru);
	e->untold = n;
	e->notice_untold = n;
	return tell(r, e);
}

static int add(struct refusals *r, const struct entry *like, struct str host,
	       struct str sni, uint64_t n)
{
	struct entry *e = entry_new(like, host, sni);
	struct entry *old;
	uint64_t hash;

	if (!e)
		return -ENOMEM;
	hash = hash_of(r, e);
	old = find(r, e, hash);
	if (old) {
		free(e);
		return count(r, old, n);
	}
	if (like->reason == REFUSE_MANY || take_token(r))
		return insert(r, e, hash, n);
	free(e);
	if (like->fail)
		return 0;

	struct entry many = { .proto = like->proto, .reason = REFUSE_MANY };

	return add(r, &many, (struct str){ 0 }, (struct str){ 0 }, n);
}

int refusals_add(struct refusals *r, const struct refusal *f, uint64_t n)
{
	struct entry like = { .port = f->port,
			      .proto = f->proto,
			      .reason = f->reason,
			      .has_verdict = f->verdict != NULL,
			      .has_addr = f->addr != NULL };

	if (!WALL(REFUSALS))
		return 0;
	if (f->addr)
		like.addr = *f->addr;
	if (f->verdict)
		like.verdict = *f->verdict;
	return add(r, &like, f->host, f->sni, n);
}

void refusals_fail(struct refusals *r, struct str host,
		   const struct in6_addr *addr, uint16_t port,
		   enum fail_reason reason)
{
	struct entry like = { .port = port,
			      .proto = REFUSE_TCP,
			      .fail = reason,
			      .has_addr = addr != NULL };

	if (addr)
		like.addr = *addr;
	/* A notice is a convenience; without memory it is not given. */
	(void)add(r, &like, host, (struct str){ 0 }, 1);
}
