/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   policy  = { "allow": [*rule], "deny": [*rule], "dns": [*endpoint],
 *               "fallback": origin, "layers": [*layer] }
 *   layer   = { "allow": [*rule], *origin-member }
 *   rule    = { ("host": name / "*." name) / ("cidr": cidr),
 *               "ports": [*port], ["connect": endpoint,] ["preset": true,]
 *               *origin-member }
 *   origin-member = "layer": text / "file": text / "line": number
 *
 * The reader is the relay, the writer the keeper; still everything is checked
 * again, since a rule that is misread here is a hole.  Every member is known,
 * of its type, and in the one spelling that net_format() writes.
 */
#include "base/json.h"
#include "policy/net-text.h"
#include "policy/net.h"

#define NET_E_SYNTAX 1

static void format_origin(struct json_out *w, const struct origin *o)
{
	json_kstr(w, "layer", o->layer);
	json_kstr(w, "file", o->file);
	json_kuint(w, "line", o->line);
}

static void format_target(struct json_out *w, const struct net_rule *r)
{
	char text[NET_NAME_MAX + 3] = "*.";

	if (r->host.len == 0) {
		net_cidr_format(&r->addr, r->bits, text);
		json_kstr(w, "cidr", str_of(text));
	} else if (r->subdomains && r->host.len <= NET_NAME_MAX) {
		memcpy(text + 2, r->host.ptr, r->host.len);
		json_kstr(w, "host",
			  (struct str){ .ptr = text, .len = r->host.len + 2 });
	} else {
		json_kstr(w, "host", r->host);
	}
}

static void format_rules(struct json_out *w, const char *key,
			 const struct net_rule *rules, size_t n)
{
	char text[NET_ADDR_TEXT];

	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; i < n; i++) {
		const struct net_rule *r = &rules[i];

		json_open(w, '{');
		format_target(w, r);
		json_key(w, "ports");
		json_open(w, '[');
		for (size_t k = 0; k < r->n_ports; k++)
			json_uint(w, r->ports[k]);
		json_close(w, ']');
		if (r->connect_port != 0) {
			net_endpoint_format(&r->connect_addr, r->connect_port,
					    text);
			json_kstr(w, "connect", str_of(text));
		}
		if (r->preset)
			json_kbool(w, "preset", true);
		format_origin(w, &r->origin);
		json_close(w, '}');
	}
	json_close(w, ']');
}

void net_format(const struct net_policy *p, struct buf *b)
{
	struct json_out w = JSON_OUT(b);
	char text[NET_ADDR_TEXT];

	json_open(&w, '{');
	format_rules(&w, "allow", p->allow, p->n_allow);
	format_rules(&w, "deny", p->deny, p->n_deny);
	json_key(&w, "dns");
	json_open(&w, '[');
	for (size_t i = 0; i < p->n_dns; i++) {
		net_endpoint_format(&p->dns[i].addr, p->dns[i].port, text);
		json_str(&w, str_of(text));
	}
	json_close(&w, ']');
	json_key(&w, "fallback");
	json_open(&w, '{');
	format_origin(&w, &p->fallback);
	json_close(&w, '}');
	json_key(&w, "layers");
	json_open(&w, '[');
	for (size_t i = 0; i < p->n_layers; i++) {
		json_open(&w, '{');
		format_rules(&w, "allow", p->layers[i].allow,
			     p->layers[i].n_allow);
		format_origin(&w, &p->layers[i].origin);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
}

struct reader {
	struct arena *arena;
	struct diag *err;
};

static int refuse(struct reader *rd, const char *what)
{
	diag_set(rd->err, 0, 0, "network policy: %s", what);
	return NET_E_SYNTAX;
}

/* True: it was a member of an origin, and well formed. */
static bool read_origin_member(struct reader *rd, const struct json *m,
			       struct origin *o)
{
	if (str_eq(m->key, STR("layer")) && m->type == JSON_STRING) {
		o->layer = arena_str(rd->arena, m->string);
		return true;
	}
	if (str_eq(m->key, STR("file")) && m->type == JSON_STRING) {
		o->file = arena_str(rd->arena, m->string);
		return true;
	}
	if (str_eq(m->key, STR("line")) && m->type == JSON_INT &&
	    m->integer >= 0 && m->integer <= UINT32_MAX) {
		o->line = (uint32_t)m->integer;
		return true;
	}
	return false;
}

static bool read_host(struct reader *rd, const struct json *m,
		      struct net_rule *r)
{
	char name[NET_NAME_MAX + 1];
	struct str s;

	if (m->type != JSON_STRING)
		return false;
	s = m->string;
	r->subdomains = str_starts(s, STR("*."));
	if (r->subdomains)
		s = str_skip(s, 2);
	if (!net_name_parse(s, name) || !str_eq(str_of(name), s))
		return false;
	r->host = arena_str(rd->arena, s);
	return true;
}

static bool read_ports(const struct json *m, struct net_rule *r)
{
	if (m->type != JSON_ARRAY || m->kids.n > NET_MAX_PORTS)
		return false;
	JSON_EACH (it, m) {
		if (it->type != JSON_INT || it->integer < 1 ||
		    it->integer > UINT16_MAX)
			return false;
		if (r->n_ports > 0 && it->integer <= r->ports[r->n_ports - 1])
			return false;
		r->ports[r->n_ports++] = (uint16_t)it->integer;
	}
	return true;
}

static bool read_rule_member(struct reader *rd, const struct json *m,
			     struct net_rule *r)
{
	if (str_eq(m->key, STR("host")))
		return read_host(rd, m, r);
	if (str_eq(m->key, STR("cidr")))
		return m->type == JSON_STRING &&
		       net_cidr_parse(m->string, &r->addr, &r->bits) == 0;
	if (str_eq(m->key, STR("ports")))
		return read_ports(m, r);
	if (str_eq(m->key, STR("connect")))
		return m->type == JSON_STRING &&
		       net_endpoint_parse(m->string, 0, &r->connect_addr,
					  &r->connect_port);
	if (str_eq(m->key, STR("preset"))) {
		r->preset = json_is(m, JSON_BOOL) && m->boolean;
		return r->preset;
	}
	return read_origin_member(rd, m, &r->origin);
}

static int read_rule(struct reader *rd, const struct json *m, bool allow,
		     struct net_rule *r)
{
	bool has_cidr = json_find(m, "cidr") != NULL;

	if (m->type != JSON_OBJECT)
		return refuse(rd, "a rule is not an object");
	JSON_EACH (it, m) {
		if (!read_rule_member(rd, it, r))
			return refuse(rd, "a rule's member is not one");
	}
	if (has_cidr == (json_find(m, "host") != NULL))
		return refuse(rd, "a rule needs one of host and cidr");
	if (allow && r->n_ports == 0)
		return refuse(rd, "an allow rule needs ports");
	if ((!allow || has_cidr) && (r->connect_port != 0 || r->preset))
		return refuse(rd, "connect and preset belong to a host");
	return 0;
}

static int read_rules(struct reader *rd, const struct json *list, bool allow,
		      struct net_rule **ret, size_t *ret_n)
{
	struct net_rule *rules;
	size_t n = 0;
	int r;

	if (!json_is(list, JSON_ARRAY) || list->kids.n > NET_MAX_RULES)
		return refuse(rd, "rules are not a list, or too many");
	rules = arena_array(rd->arena, list->kids.n + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	JSON_EACH (it, list) {
		r = read_rule(rd, it, allow, &rules[n++]);
		if (r != 0)
			return r;
	}
	*ret = rules;
	*ret_n = n;
	return 0;
}

static int read_dns(struct reader *rd, const struct json *list,
		    struct net_policy *p)
{
	if (!json_is(list, JSON_ARRAY) || list->kids.n > N_ELEMS(p->dns))
		return refuse(rd, "dns is not a list, or too long");
	JSON_EACH (it, list) {
		struct net_resolver *d = &p->dns[p->n_dns];

		if (it->type != JSON_STRING ||
		    !net_endpoint_parse(it->string, 0, &d->addr, &d->port))
			return refuse(rd, "dns has no address");
		p->n_dns++;
	}
	return 0;
}

static int read_layer(struct reader *rd, const struct json *m,
		      struct net_layer *to)
{
	if (m->type != JSON_OBJECT)
		return refuse(rd, "a layer is not an object");
	JSON_EACH (it, m) {
		if (!str_eq(it->key, STR("allow")) &&
		    !read_origin_member(rd, it, &to->origin))
			return refuse(rd, "a layer has no such member");
	}
	return read_rules(rd, json_find(m, "allow"), true, &to->allow,
			  &to->n_allow);
}

static int read_layers(struct reader *rd, const struct json *list,
		       struct net_policy *p)
{
	if (!json_is(list, JSON_ARRAY) || list->kids.n > NET_MAX_LAYERS)
		return refuse(rd, "layers are not a list, or too many");
	p->layers =
		arena_array(rd->arena, list->kids.n + 1, sizeof(p->layers[0]));
	if (!p->layers)
		return -ENOMEM;
	JSON_EACH (it, list) {
		int r = read_layer(rd, it, &p->layers[p->n_layers++]);

		if (r != 0)
			return r;
	}
	return 0;
}

static int read_policy(struct reader *rd, const struct json *j,
		       struct net_policy *p)
{
	const struct json *fallback = json_find(j, "fallback");
	int r;

	if (!json_is(j, JSON_OBJECT) || j->kids.n != 5 ||
	    !json_is(fallback, JSON_OBJECT))
		return refuse(rd, "not allow, deny, dns, fallback and layers");
	JSON_EACH (it, fallback) {
		if (!read_origin_member(rd, it, &p->fallback))
			return refuse(rd, "fallback has no such member");
	}
	r = read_rules(rd, json_find(j, "allow"), true, &p->allow, &p->n_allow);
	if (r != 0)
		return r;
	r = read_rules(rd, json_find(j, "deny"), false, &p->deny, &p->n_deny);
	if (r == 0)
		r = read_layers(rd, json_find(j, "layers"), p);
	if (r != 0)
		return r;
	return read_dns(rd, json_find(j, "dns"), p);
}

int net_parse(struct arena *a, struct str json, struct net_policy *ret,
	      struct diag *reterr)
{
	struct reader rd = { .arena = a, .err = reterr };
	struct net_policy p = { 0 };
	struct json *j = NULL;
	int r;

	r = json_parse(a, json, &j, reterr);
	if (r != 0)
		return r < 0 ? r : NET_E_SYNTAX;
	r = read_policy(&rd, j, &p);
	if (r != 0)
		return r;
	if (a->failed)
		return -ENOMEM;
	*ret = p;
	return 0;
}
