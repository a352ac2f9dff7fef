/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   (none) --find--> ASKING --both answered, or one and RESOLVE_SECOND_MS-->
 *                      |                                    READY
 *                      '--nothing found, or time is up----> FAILED
 *   READY, FAILED --expired, find--> ASKING
 *
 * A and AAAA are asked in parallel with plain queries: no search list, hosts
 * file or sorting of the library.  The search list applies to names without a
 * dot, one domain after the other, then the name itself.  Answers to queries
 * that come after the entry is READY are added to it; an entry with queries
 * under way (`asked` > 0) is neither freed nor asked again, nor does it go on to
 * the next candidate, so an answer always belongs to what is being asked.
 *
 * Addresses alternate between the families, IPv6 first (RFC 8305 4); where the
 * host has no IPv6, connect(2) fails at once and costs nothing.  One that has
 * worked comes first.
 *
 * The hosts table is sorted once and asked before the cache.
 */
#include "relay/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

#include "base/clock.h"

#define CLASS_IN      1
#define TYPE_A        1
#define TYPE_AAAA     28
#define SOCKETS_MAX   64u /* of the library */
#define QUERY_MS      1500
#define QUERY_TRIES   3
#define ARENA_MAX     ((size_t)16 * 1024 * 1024)
#define FULL_NAME_MAX (2 * NET_NAME_MAX + 2)

enum state {
	ASKING = 1,
	READY,
	FAILED,
};

struct resolver_entry {
	struct table_node node;
	struct list lru, waits;
	struct resolver *resolver;
	enum state state;
	struct loop_timer timer; /* ASKING: give up, or do not wait longer */
	uint64_t expires_ns, deadline_ns;
	struct in6_addr v4[RESOLVE_ADDRS_MAX], v6[RESOLVE_ADDRS_MAX];
	size_t n_v4, n_v6;
	struct in6_addr preferred;
	bool has_preferred, again;
	uint32_t ttl_s;
	uint32_t candidate; /* index into the search list; n_search: itself */
	unsigned asked;     /* queries under way */
	uint16_t len;
	char name[];
};

struct socket_io {
	struct loop_io io;
	bool used;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	bool has_channel, closing, has_servers;
	struct socket_io sockets[SOCKETS_MAX];
	struct loop_timer timer; /* the library's */
	struct arena arena;      /* of config */
	struct relay_resolvers config;
	struct table table;
	struct list lru;
	size_t n;
	struct resolved result;
};

static void ask(struct resolver_entry *e);
static void finish(struct resolver_entry *e);

static void rearm(struct resolver *r)
{
	struct timeval tv = { 0 };

	if (!ares_timeout(r->channel, NULL, &tv)) {
		loop_timer_clear(r->loop, &r->timer);
		return;
	}
	/* Without memory for it the entry's own timer still ends the wait. */
	if (loop_timer_set(r->loop, &r->timer,
			   loop_now_ns(r->loop) +
				   (uint64_t)tv.tv_sec * NS_PER_S +
				   (uint64_t)tv.tv_usec * 1000) != 0)
		loop_timer_clear(r->loop, &r->timer);
}

static int run_timer(struct loop_timer *t)
{
	struct resolver *r = t->owner;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
	return 0;
}

static int run_socket(struct loop_io *io, uint32_t events)
{
	struct resolver *r = io->owner;
	bool out = events & EPOLLOUT;
	bool in = events & ~(uint32_t)EPOLLOUT;
	int fd = io->fd;

	ares_process_fd(r->channel, in ? fd : ARES_SOCKET_BAD,
			out ? fd : ARES_SOCKET_BAD);
	rearm(r);
	return 0;
}

/* The library opened or closes a socket, or wants other events of it. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = data;
	uint32_t events = (readable ? (uint32_t)EPOLLIN : 0) |
			  (writable ? (uint32_t)EPOLLOUT : 0);
	struct socket_io *s = NULL, *spare = NULL;

	for (size_t i = 0; i < SOCKETS_MAX && !s; i++) {
		if (r->sockets[i].used && r->sockets[i].io.fd == fd)
			s = &r->sockets[i];
		else if (!r->sockets[i].used)
			spare = &r->sockets[i];
	}
	if (events == 0) {
		if (s) {
			loop_io_remove(r->loop, &s->io);
			s->used = false;
		}
		return;
	}
	/* A failure here lets the query time out. */
	if (s && loop_io_set(r->loop, &s->io, events) != 0) {
		loop_io_remove(r->loop, &s->io);
		s->used = false;
	}
	if (s || !spare)
		return;
	*spare = (struct socket_io){ .used = true,
				     .io = { .fd = fd,
					     .events = events,
					     .run = run_socket,
					     .owner = r } };
	if (loop_io_add(r->loop, &spare->io) != 0)
		spare->used = false;
}

int resolver_new(struct resolver **ret, struct loop *loop)
{
	AUTO(resolver) struct resolver *r = calloc(1, sizeof(*r));
	char lookups[] = "b";
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = QUERY_MS,
		.tries = QUERY_TRIES,
		.lookups = lookups,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_DOMAINS | ARES_OPT_SERVERS;
	int e;

	if (!r)
		return -ENOMEM;
	list_init(&r->lru);
	r->loop = loop;
	r->timer = (struct loop_timer){ .run = run_timer, .owner = r };
	e = table_init(&r->table);
	if (e != 0)
		return e;
	if (ares_init_options(&r->channel, &o, mask) != ARES_SUCCESS)
		return -ENOMEM;
	r->has_channel = true;
	*ret = TAKE(r);
	return 0;
}

static void entry_free(struct resolver_entry *e)
{
	struct resolver *r = e->resolver;

	ASSERT(list_is_empty(&e->waits) && e->asked == 0);
	loop_timer_clear(r->loop, &e->timer);
	table_remove(&r->table, &e->node);
	list_remove(&e->lru);
	r->n--;
	free(e);
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->closing = true;
	if (r->has_channel)
		ares_destroy(r->channel);
	LIST_EACH(it, &r->lru)
	entry_free(LIST_OWNER(it, struct resolver_entry, lru));
	loop_timer_clear(r->loop, &r->timer);
	table_done(&r->table);
	arena_done(&r->arena);
	free(r);
}

static struct str name_of(const struct resolver_entry *e)
{
	return (struct str){ .ptr = e->name, .len = e->len };
}

static int compare_hosts(const void *a, const void *b)
{
	const struct relay_host *x = a, *y = b;
	int r = str_cmp(x->name, y->name);

	if (r != 0)
		return r;
	/* qsort(3) is not stable; names were allocated in order. */
	return x->name.ptr < y->name.ptr ? -1 : x->name.ptr > y->name.ptr;
}

static int copy_config(struct arena *a, const struct relay_resolvers *from,
		       struct relay_resolvers *to)
{
	char *names;
	size_t size = 0;

	*to = *from;
	for (size_t i = 0; i < to->n_search; i++)
		to->search[i] = arena_str(a, from->search[i]);
	for (size_t i = 0; i < to->n_hosts; i++)
		size += from->hosts[i].name.len;
	to->hosts = arena_array(a, to->n_hosts + 1, sizeof(to->hosts[0]));
	/* In one piece, so that addresses of names are in the given order. */
	names = arena_alloc(a, size + 1);
	if (a->failed)
		return -ENOMEM;
	for (size_t i = 0; i < to->n_hosts; i++) {
		struct str name = from->hosts[i].name;

		memcpy(names, name.ptr, name.len);
		to->hosts[i] = from->hosts[i];
		to->hosts[i].name.ptr = names;
		names += name.len;
	}
	qsort(to->hosts, to->n_hosts, sizeof(to->hosts[0]), compare_hosts);
	return 0;
}

static int set_servers(struct resolver *r)
{
	struct ares_addr_port_node nodes[RELAY_MAX_SERVERS] = { 0 };
	size_t n = r->config.n_servers;

	r->has_servers = n > 0;
	for (size_t i = 0; i < n; i++) {
		const struct net_resolver *s = &r->config.servers[i];
		bool v4 = IN6_IS_ADDR_V4MAPPED(&s->addr);

		nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
		nodes[i].family = v4 ? AF_INET : AF_INET6;
		memcpy(&nodes[i].addr, s->addr.s6_addr + (v4 ? 12 : 0),
		       v4 ? 4 : 16);
		nodes[i].udp_port = s->port;
		nodes[i].tcp_port = s->port;
	}
	if (n == 0)
		return 0;
	return ares_set_servers_ports(r->channel, nodes) == ARES_SUCCESS
		       ? 0
		       : -ENOMEM;
}

int resolver_set(struct resolver *r, const struct relay_resolvers *config)
{
	struct relay_resolvers copy;
	struct arena a;
	int e;

	arena_init(&a, ARENA_MAX);
	e = copy_config(&a, config, &copy);
	if (e != 0) {
		arena_done(&a);
		return e;
	}
	LIST_EACH(it, &r->lru)
	{
		struct resolver_entry *x =
			LIST_OWNER(it, struct resolver_entry, lru);

		x->expires_ns = 0;
		x->again = x->state == ASKING;
	}
	/* Servers can only be set while no query is under way. */
	ares_cancel(r->channel);
	arena_done(&r->arena);
	r->arena = a;
	r->config = copy;
	e = set_servers(r);

	LIST_EACH(it, &r->lru)
	{
		struct resolver_entry *x =
			LIST_OWNER(it, struct resolver_entry, lru);

		if (!x->again)
			continue;
		x->again = false;
		x->candidate = 0;
		ask(x);
	}
	return e;
}

static void add_unique(struct in6_addr *list, size_t *n,
		       const struct in6_addr *a)
{
	for (size_t i = 0; i < *n; i++) {
		if (IN6_ARE_ADDR_EQUAL(&list[i], a))
			return;
	}
	if (*n < RESOLVE_ADDRS_MAX)
		list[(*n)++] = *a;
}

static void take_v4(struct resolver_entry *e, const unsigned char *p, int len)
{
	struct ares_addrttl list[RESOLVE_ADDRS_MAX];
	int n = RESOLVE_ADDRS_MAX;

	if (ares_parse_a_reply(p, len, NULL, list, &n) != ARES_SUCCESS)
		return;
	for (int i = 0; i < n; i++) {
		struct in6_addr a = { 0 };

		a.s6_addr[10] = 0xff;
		a.s6_addr[11] = 0xff;
		memcpy(a.s6_addr + 12, &list[i].ipaddr, 4);
		add_unique(e->v4, &e->n_v4, &a);
		if (list[i].ttl >= 0 && (uint32_t)list[i].ttl < e->ttl_s)
			e->ttl_s = (uint32_t)list[i].ttl;
	}
}

static void take_v6(struct resolver_entry *e, const unsigned char *p, int len)
{
	struct ares_addr6ttl list[RESOLVE_ADDRS_MAX];
	int n = RESOLVE_ADDRS_MAX;

	if (ares_parse_aaaa_reply(p, len, NULL, list, &n) != ARES_SUCCESS)
		return;
	for (int i = 0; i < n; i++) {
		struct in6_addr a;

		memcpy(&a, &list[i].ip6addr, sizeof(a));
		/* As v4 it would have come in an A record. */
		if (!IN6_IS_ADDR_V4MAPPED(&a))
			add_unique(e->v6, &e->n_v6, &a);
		if (list[i].ttl >= 0 && (uint32_t)list[i].ttl < e->ttl_s)
			e->ttl_s = (uint32_t)list[i].ttl;
	}
}

/* A query of @e ended. */
static void answered(struct resolver_entry *e)
{
	struct resolver *r = e->resolver;
	bool found = e->n_v4 + e->n_v6 > 0;

	if (e->state != ASKING || e->again || r->closing)
		return;
	if (e->asked > 0) {
		uint64_t soon =
			loop_now_ns(r->loop) + RESOLVE_SECOND_MS * NS_PER_MS;

		if (found && soon < e->timer.at_ns &&
		    loop_timer_set(r->loop, &e->timer, soon) != 0)
			finish(e);
		return;
	}
	if (!found && e->candidate < r->config.n_search) {
		e->candidate++;
		ask(e);
		return;
	}
	finish(e);
}

static void on_v4(void *arg, int status, int timeouts, unsigned char *p,
		  int len)
{
	struct resolver_entry *e = arg;

	(void)timeouts;
	e->asked--;
	if (status == ARES_SUCCESS && !e->again)
		take_v4(e, p, len);
	answered(e);
}

static void on_v6(void *arg, int status, int timeouts, unsigned char *p,
		  int len)
{
	struct resolver_entry *e = arg;

	(void)timeouts;
	e->asked--;
	if (status == ARES_SUCCESS && !e->again)
		take_v6(e, p, len);
	answered(e);
}

/* Time is up: with what there is, or without. */
static int run_entry_timer(struct loop_timer *t)
{
	finish(t->owner);
	return 0;
}

static size_t full_name(const struct resolver_entry *e, char ret[FULL_NAME_MAX])
{
	const struct relay_resolvers *c = &e->resolver->config;
	size_t len = e->len;

	memcpy(ret, e->name, len);
	if (e->candidate < c->n_search) {
		struct str domain = c->search[e->candidate];

		ret[len++] = '.';
		memcpy(ret + len, domain.ptr, domain.len);
		len += domain.len;
	}
	ret[len] = 0;
	return len;
}

/* Ask for the candidate of @e, whose time runs since e->deadline_ns was set. */
static void ask(struct resolver_entry *e)
{
	struct resolver *r = e->resolver;
	char name[FULL_NAME_MAX];

	if (memchr(e->name, '.', e->len))
		e->candidate = (uint32_t)r->config.n_search;
	if (loop_timer_set(r->loop, &e->timer, e->deadline_ns) != 0)
		e->candidate = (uint32_t)r->config.n_search;
	/*
	 * Callbacks may come from within; the third count keeps them from
	 * concluding before both are asked.
	 */
	e->asked++;
	if (full_name(e, name) <= NET_NAME_MAX && r->has_servers) {
		e->asked += 2;
		ares_query(r->channel, name, CLASS_IN, TYPE_AAAA, on_v6, e);
		ares_query(r->channel, name, CLASS_IN, TYPE_A, on_v4, e);
		rearm(r);
	}
	e->asked--;
	if (e->asked > 0)
		return;
	/*
	 * Nothing is under way.  The result is told from the loop, since who
	 * asked is still on the stack.
	 */
	if (e->candidate < r->config.n_search) {
		e->candidate++;
		ask(e);
		return;
	}
	e->timer.at_ns = loop_now_ns(r->loop);
	if (loop_timer_set(r->loop, &e->timer, e->timer.at_ns) != 0)
		finish(e);
}

static void fill(const struct resolver_entry *e, struct resolved *ret)
{
	ret->n = 0;
	if (e->has_preferred)
		ret->addr[ret->n++] = e->preferred;
	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++) {
		if (i < e->n_v6)
			add_unique(ret->addr, &ret->n, &e->v6[i]);
		if (i < e->n_v4)
			add_unique(ret->addr, &ret->n, &e->v4[i]);
	}
}

static bool holds(const struct in6_addr *list, size_t n,
		  const struct in6_addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (IN6_ARE_ADDR_EQUAL(&list[i], a))
			return true;
	}
	return false;
}

/* From ASKING to READY or FAILED, and tell those who wait. */
static void finish(struct resolver_entry *e)
{
	struct resolver *r = e->resolver;
	bool found = e->n_v4 + e->n_v6 > 0;
	uint64_t keep_ns = RESOLVE_FAIL_MS * NS_PER_MS;
	struct resolved result;
	struct list waits;

	loop_timer_clear(r->loop, &e->timer);
	if (found) {
		uint32_t ttl = e->ttl_s;

		ttl = ttl < RESOLVE_TTL_MIN_S ? RESOLVE_TTL_MIN_S : ttl;
		ttl = ttl > RESOLVE_TTL_MAX_S ? RESOLVE_TTL_MAX_S : ttl;
		keep_ns = ttl * NS_PER_S;
	}
	e->state = found ? READY : FAILED;
	e->expires_ns = loop_now_ns(r->loop) + keep_ns;
	if (e->has_preferred && !holds(e->v4, e->n_v4, &e->preferred) &&
	    !holds(e->v6, e->n_v6, &e->preferred))
		e->has_preferred = false;

	fill(e, &result);
	/* Who is told may cancel others, and may make us forget this entry. */
	list_init(&waits);
	while (!list_is_empty(&e->waits)) {
		struct list *l = e->waits.next;

		list_remove(l);
		list_add(&waits, l);
	}
	while (!list_is_empty(&waits)) {
		struct resolve_wait *w =
			LIST_OWNER(waits.next, struct resolve_wait, link);

		resolver_cancel(w);
		w->done(w, found ? &result : NULL);
	}
}

static struct resolver_entry *find_entry(const struct resolver *r,
					 struct str name, uint64_t hash)
{
	struct table_node *node = table_first(&r->table, hash);

	for (; node; node = table_next(node)) {
		struct resolver_entry *e =
			LIST_OWNER(node, struct resolver_entry, node);

		if (str_eq(name_of(e), name))
			return e;
	}
	return NULL;
}

static void make_room(struct resolver *r)
{
	LIST_EACH(it, &r->lru)
	{
		struct resolver_entry *e =
			LIST_OWNER(it, struct resolver_entry, lru);

		if (r->n < RESOLVE_NAMES_MAX)
			return;
		if (e->state != ASKING && e->asked == 0)
			entry_free(e);
	}
}

static int entry_new(struct resolver *r, struct str name, uint64_t hash,
		     struct resolver_entry **ret)
{
	struct resolver_entry *e;
	int n;

	make_room(r);
	if (r->n >= RESOLVE_NAMES_MAX)
		return -ENOBUFS;
	e = calloc(1, sizeof(*e) + name.len + 1);
	if (!e)
		return -ENOMEM;
	list_init(&e->lru);
	list_init(&e->waits);
	e->resolver = r;
	e->len = (uint16_t)name.len; /* cannot overflow: NET_NAME_MAX */
	memcpy(e->name, name.ptr, name.len);
	e->timer = (struct loop_timer){ .run = run_entry_timer, .owner = e };
	n = table_add(&r->table, &e->node, hash);
	if (n != 0) {
		free(e);
		return n;
	}
	r->n++;
	list_add(&r->lru, &e->lru);
	*ret = e;
	return 0;
}

/* First index of hosts not before @name. */
static bool find_host(struct resolver *r, struct str name)
{
	const struct relay_host *h = r->config.hosts;
	size_t low = 0, high = r->config.n_hosts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (str_cmp(h[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	r->result.n = 0;
	for (; low < r->config.n_hosts && str_eq(h[low].name, name); low++)
		add_unique(r->result.addr, &r->result.n, &h[low].addr);
	return r->result.n > 0;
}

static void start(struct resolver_entry *e)
{
	struct resolver *r = e->resolver;
	uint32_t ms = r->config.timeout_ms ? r->config.timeout_ms
					   : RESOLVE_TIMEOUT_MS;

	e->state = ASKING;
	e->n_v4 = 0;
	e->n_v6 = 0;
	e->ttl_s = RESOLVE_TTL_MAX_S;
	e->candidate = 0;
	e->deadline_ns = loop_now_ns(r->loop) + ms * NS_PER_MS;
	ask(e);
}

int resolver_find(struct resolver *r, struct str name, struct resolve_wait *w,
		  const struct resolved **ret)
{
	uint64_t hash = table_hash(&r->table, name.ptr, name.len);
	struct resolver_entry *e;
	int n;

	ASSERT(name.len > 0 && name.len <= NET_NAME_MAX);
	*ret = &r->result;
	if (find_host(r, name))
		return 0;
	e = find_entry(r, name, hash);
	if (!e) {
		n = entry_new(r, name, hash, &e);
		if (n != 0)
			return n;
	}
	list_remove(&e->lru);
	list_add(&r->lru, &e->lru);
	/* An answer that is old but still being completed is good enough. */
	if (e->state != ASKING && e->asked == 0 &&
	    loop_now_ns(r->loop) >= e->expires_ns)
		start(e);
	if (e->state == READY) {
		fill(e, &r->result);
		return 0;
	}
	if (e->state == FAILED)
		return 2;
	list_init(&w->link);
	list_add(&e->waits, &w->link);
	w->entry = e;
	return 1;
}

void resolver_cancel(struct resolve_wait *w)
{
	if (!w->entry)
		return;
	list_remove(&w->link);
	w->entry = NULL;
}

void resolver_prefer(struct resolver *r, struct str name,
		     const struct in6_addr *addr)
{
	struct resolver_entry *e =
		find_entry(r, name, table_hash(&r->table, name.ptr, name.len));

	if (!e)
		return;
	e->preferred = *addr;
	e->has_preferred =
		holds(e->v4, e->n_v4, addr) || holds(e->v6, e->n_v6, addr);
}
