/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/relay-config-parse.h"

#include "base/json.h"
#include "policy/net-text.h"

#define TIMEOUT_MIN_MS 100
#define TIMEOUT_MAX_MS 30000
#define SESSION_MAX    64u /* bytes */

/* A member of an object and how it is taken. */
struct member {
	const char *name;
	enum json_type type;
	bool needed;
	int (*take)(struct arena *a, const struct json *v, void *to,
		    struct diag *reterr);
};

static int refuse(struct diag *d, const char *what)
{
	diag_set(d, 0, 0, "relay configuration: %s", what);
	return 1;
}

static int take_members(struct arena *a, const struct json *o,
			const struct member *table, size_t n, void *to,
			struct diag *reterr)
{
	uint32_t seen = 0;

	if (!json_is(o, JSON_OBJECT))
		return refuse(reterr, "not an object");
	JSON_EACH (v, o) {
		size_t i = 0;
		int r;

		while (i < n && !str_eq(v->key, str_of(table[i].name)))
			i++;
		if (i == n)
			return refuse(reterr, "unknown member");
		if (v->type != table[i].type)
			return refuse(reterr, "member of the wrong type");
		seen |= 1u << i;
		r = table[i].take(a, v, to, reterr);
		if (r != 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		if (table[i].needed && !(seen >> i & 1))
			return refuse(reterr, "a member is missing");
	}
	return 0;
}

static int take_servers(struct arena *a, const struct json *v, void *to,
			struct diag *reterr)
{
	struct relay_resolvers *ret = to;

	(void)a;
	if (v->kids.n > RELAY_MAX_SERVERS)
		return refuse(reterr, "too many servers");
	JSON_EACH (it, v) {
		struct net_resolver *s = &ret->servers[ret->n_servers++];
		struct str rest, addr = { 0 };
		uint32_t port = 53;
		bool has_port;

		if (!json_is(it, JSON_STRING))
			return refuse(reterr, "servers: not a string");
		rest = it->string;
		has_port = rest.len > 0 && memchr(rest.ptr, '#', rest.len);
		if (!str_cut(&rest, '#', &addr) ||
		    !net_addr_parse(addr, &s->addr) ||
		    (has_port && !str_u32(rest, 1, UINT16_MAX, &port)))
			return refuse(reterr, "servers: not ADDR#PORT");
		s->port = (uint16_t)port;
	}
	return 0;
}

static int take_search(struct arena *a, const struct json *v, void *to,
		       struct diag *reterr)
{
	struct relay_resolvers *ret = to;

	if (v->kids.n > RELAY_MAX_SEARCH)
		return refuse(reterr, "too many search domains");
	JSON_EACH (it, v) {
		char name[NET_NAME_MAX + 1];

		if (!json_is(it, JSON_STRING))
			return refuse(reterr, "search: not a string");
		/* "." and the like ask for nothing that we do not do anyway. */
		if (!net_name_parse(it->string, name))
			continue;
		ret->search[ret->n_search] = arena_str(a, str_of(name));
		if (!ret->search[ret->n_search++].ptr)
			return -ENOMEM;
	}
	return 0;
}

static int take_hosts(struct arena *a, const struct json *v, void *to,
		      struct diag *reterr)
{
	struct relay_resolvers *ret = to;

	if (v->kids.n > RELAY_MAX_HOSTS)
		return refuse(reterr, "too many hosts");
	ret->hosts = arena_array(a, v->kids.n + 1, sizeof(ret->hosts[0]));
	if (!ret->hosts)
		return -ENOMEM;
	JSON_EACH (it, v) {
		struct relay_host *h = &ret->hosts[ret->n_hosts];
		const struct json *name, *addr;
		char text[NET_NAME_MAX + 1];

		if (!json_is(it, JSON_ARRAY) || it->kids.n != 2)
			return refuse(reterr, "hosts: not a pair");
		name = it->kids.first;
		addr = name->next;
		if (!json_is(name, JSON_STRING) || !json_is(addr, JSON_STRING))
			return refuse(reterr, "hosts: not strings");
		if (!net_addr_parse(addr->string, &h->addr))
			return refuse(reterr, "hosts: not an address");
		if (!net_name_parse(name->string, text))
			continue;
		h->name = arena_str(a, str_of(text));
		if (!h->name.ptr)
			return -ENOMEM;
		ret->n_hosts++;
	}
	return 0;
}

static int take_timeout(struct arena *a, const struct json *v, void *to,
			struct diag *reterr)
{
	struct relay_resolvers *ret = to;

	(void)a;
	if (v->integer < TIMEOUT_MIN_MS || v->integer > TIMEOUT_MAX_MS)
		return refuse(reterr, "timeout_ms: out of range");
	ret->timeout_ms = (uint32_t)v->integer;
	return 0;
}

static int take_resolvers(struct arena *a, const struct json *v,
			  struct relay_resolvers *ret, struct diag *reterr)
{
	static const struct member members[] = {
		{ "servers", JSON_ARRAY, false, take_servers },
		{ "search", JSON_ARRAY, false, take_search },
		{ "hosts", JSON_ARRAY, false, take_hosts },
		{ "timeout_ms", JSON_INT, false, take_timeout },
	};

	*ret = (struct relay_resolvers){ 0 };
	return take_members(a, v, members, N_ELEMS(members), ret, reterr);
}

static int take_session(struct arena *a, const struct json *v, void *to,
			struct diag *reterr)
{
	struct relay_config *ret = to;

	if (v->string.len > SESSION_MAX)
		return refuse(reterr, "session: too long");
	ret->session = arena_str(a, v->string);
	return ret->session.ptr ? 0 : -ENOMEM;
}

static int take_net(struct arena *a, const struct json *v, void *to,
		    struct diag *reterr)
{
	struct relay_config *ret = to;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct str text;

	/* The policy has a reader of its own, which wants text. */
	buf_init(&b, RELAY_CONFIG_MAX);
	json_value(&w, v);
	if (b.failed)
		return -ENOMEM;
	text = arena_str(a, buf_str(&b));
	if (!text.ptr)
		return -ENOMEM;
	return net_parse(a, text, &ret->net, reterr);
}

static int take_inner(struct arena *a, const struct json *v, void *to,
		      struct diag *reterr)
{
	struct relay_config *ret = to;

	return take_resolvers(a, v, &ret->resolvers, reterr);
}

static int take_telemetry(struct arena *a, const struct json *v, void *to,
			  struct diag *reterr)
{
	struct relay_config *ret = to;

	(void)a;
	(void)reterr;
	ret->telemetry = v->boolean;
	return 0;
}

/* @tree is large beside what stays of it, so it is the caller's to drop. */
static int read_tree(struct arena *tree, struct str json, struct json **ret,
		     struct diag *reterr)
{
	if (json.len > RELAY_CONFIG_MAX)
		return refuse(reterr, "too large");
	arena_init(tree, RELAY_CONFIG_MAX * 8);
	return json_parse(tree, json, ret, reterr);
}

int relay_config_parse(struct arena *a, struct str json,
		       struct relay_config *ret, struct diag *reterr)
{
	static const struct member members[] = {
		{ "session", JSON_STRING, true, take_session },
		{ "net", JSON_OBJECT, true, take_net },
		{ "resolvers", JSON_OBJECT, true, take_inner },
		{ "telemetry", JSON_BOOL, false, take_telemetry },
	};
	AUTO(arena) struct arena tree = ARENA_NULL;
	struct json *root = NULL;
	int r;

	r = read_tree(&tree, json, &root, reterr);
	if (r != 0)
		return r;
	*ret = (struct relay_config){ 0 };
	return take_members(a, root, members, N_ELEMS(members), ret, reterr);
}

int relay_resolvers_parse(struct arena *a, struct str json,
			  struct relay_resolvers *ret, struct diag *reterr)
{
	AUTO(arena) struct arena tree = ARENA_NULL;
	struct json *root = NULL;
	int r;

	r = read_tree(&tree, json, &root, reterr);
	if (r != 0)
		return r;
	return take_resolvers(a, root, ret, reterr);
}
