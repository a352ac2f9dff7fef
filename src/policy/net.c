/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   name   = label *("." label) ["."]      label = 1*63, RFC 1123 2.1
 *   label  = alnum [*(alnum / "-") alnum]
 *
 * A name whose last label is all digits, or 0x and hexadecimal digits, is an
 * IPv4 address to some resolver (inet_aton, WHATWG URL 3.5), so it is no name.
 *
 * Invariants:
 *   1. a verdict of ALLOW has a rule; without one it is DENY;
 *   2. a deny rule that matches wins over every allow rule;
 *   3. adding a deny rule never turns DENY into ALLOW, removing an allow rule
 *      neither.
 *
 * An address is judged in each form in which it reaches the same host: as it
 * is, and for NAT64 as the v4 address inside.
 */
#include "policy/net.h"

#include "base/wall.h"
#include "policy/net-range.h"
#include "policy/net-text.h"

#define NET_LABEL_MAX 63u

/* What a preset's hosts may resolve to: the mirror of a build network. */
static const struct in6_addr mirror = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
					    0xff, 203, 0, 113, 0 } } };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* @s in lower case. */
static bool is_label(struct str s)
{
	if (s.len == 0 || s.len > NET_LABEL_MAX || s.ptr[0] == '-' ||
	    s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-')
			return false;
	}
	return true;
}

static bool is_numeric(struct str label)
{
	bool hex = str_starts(label, STR("0x"));

	for (size_t i = hex ? 2 : 0; i < label.len; i++) {
		if (hex ? !is_hex(label.ptr[i]) : !is_digit(label.ptr[i]))
			return false;
	}
	return true;
}

bool net_name_parse(struct str s, char ret[NET_NAME_MAX + 1])
{
	struct str rest, label = { 0 };

	if (s.len > 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	if (s.len == 0 || s.len > NET_NAME_MAX || s.ptr[s.len - 1] == '.')
		return false;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		ret[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	ret[s.len] = 0;

	rest = (struct str){ .ptr = ret, .len = s.len };
	while (str_cut(&rest, '.', &label)) {
		if (!is_label(label))
			return false;
	}
	return !is_numeric(label);
}

bool net_rule_has_port(const struct net_rule *r, uint16_t port)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		if (r->ports[i] == port)
			return true;
	}
	return false;
}

bool net_rule_matches(const struct net_rule *r, struct str name)
{
	size_t skip;

	if (r->host.len == 0)
		return false;
	if (!r->subdomains)
		return str_eq(r->host, name);
	if (name.len < r->host.len + 2)
		return false;

	/* The dot is part of the match: "*.a.b" must not match "xa.b". */
	skip = name.len - r->host.len;
	return name.ptr[skip - 1] == '.' &&
	       str_eq(str_skip(name, skip), r->host);
}

/* A deny rule without ports is about all of them. */
static bool denies(const struct net_rule *r, uint16_t port)
{
	return r->n_ports == 0 || net_rule_has_port(r, port);
}

static const struct net_rule *name_denied(const struct net_policy *p,
					  struct str name, uint16_t port)
{
	for (size_t i = 0; i < p->n_deny; i++) {
		if (net_rule_matches(&p->deny[i], name) &&
		    denies(&p->deny[i], port))
			return &p->deny[i];
	}
	return NULL;
}

/*
 * Does @r, which matches, give @port?  Port 0: any port that is not denied.
 * *ret_denied: the deny rule that took what @r gives.
 */
static bool name_gives(const struct net_policy *p, const struct net_rule *r,
		       struct str name, uint16_t port,
		       const struct net_rule **ret_denied)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct net_rule *deny;

		if (port != 0 && r->ports[i] != port)
			continue;
		deny = name_denied(p, name, r->ports[i]);
		if (!deny)
			return true;
		*ret_denied = deny;
	}
	return false;
}

static struct net_verdict verdict_of(const struct net_policy *p,
				     const struct net_rule *allow,
				     const struct net_rule *deny)
{
	const struct net_rule *rule = allow ? allow : deny;

	return (struct net_verdict){
		.verdict = allow ? VERDICT_ALLOW : VERDICT_DENY,
		.rule = rule,
		.origin = rule ? rule->origin : p->fallback,
	};
}

/* The part of @p that one layer has said. */
static struct net_policy alone(const struct net_policy *p, size_t layer)
{
	return (struct net_policy){
		.allow = p->layers[layer].allow,
		.n_allow = p->layers[layer].n_allow,
		.fallback = p->layers[layer].origin,
	};
}

static bool more_specific(const struct net_rule *a, const struct net_rule *b)
{
	if (!b)
		return true;
	if (a->subdomains != b->subdomains)
		return !a->subdomains;
	return a->host.len > b->host.len;
}

struct net_verdict net_decide_name(const struct net_policy *p, struct str name,
				   uint16_t port)
{
	const struct net_rule *allow = NULL, *deny = NULL;

	for (size_t i = 0; i < p->n_allow; i++) {
		const struct net_rule *r = &p->allow[i];

		if (net_rule_matches(r, name) && more_specific(r, allow) &&
		    name_gives(p, r, name, port, &deny))
			allow = r;
	}
	if (!allow && !deny && port != 0)
		deny = name_denied(p, name, port);
	if (!allow && !deny) {
		for (size_t i = 0; i < p->n_layers; i++) {
			struct net_policy one = alone(p, i);
			struct net_verdict v =
				net_decide_name(&one, name, port);

			if (v.verdict == VERDICT_DENY)
				return v;
		}
	}
	return verdict_of(p, allow, deny);
}

/* The forms in which @addr reaches one and the same host. */
static size_t addr_forms(const struct in6_addr *addr, struct in6_addr ret[2])
{
	ret[0] = *addr;
	return net_range_embedded(addr, &ret[1]) ? 2 : 1;
}

static bool cidr_matches(const struct net_rule *r, const struct in6_addr *addr)
{
	struct in6_addr forms[2];
	size_t n = addr_forms(addr, forms);

	if (r->host.len > 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (net_covers(&r->addr, r->bits, &forms[i]))
			return true;
	}
	return false;
}

/* @r covers @addr; is it meant, or only caught by a wide range? */
static bool cidr_names(const struct net_rule *r, const struct in6_addr *addr)
{
	const struct net_range *range = net_range_find(addr);
	struct in6_addr inner;

	if (!range)
		return true;
	/* A rule within 64:ff9b::/96 names what NAT64 leads to. */
	if (net_range_embedded(&r->addr, &inner) && r->bits >= 96)
		return true;
	return r->bits >= range->bits &&
	       net_covers(&range->addr, range->bits, &r->addr);
}

static const struct net_rule *addr_denied(const struct net_policy *p,
					  const struct in6_addr *addr,
					  uint16_t port)
{
	for (size_t i = 0; i < p->n_deny; i++) {
		const struct net_rule *r = &p->deny[i];

		if (cidr_matches(r, addr) && denies(r, port))
			return r;
	}
	return NULL;
}

static bool addr_gives(const struct net_policy *p, const struct net_rule *r,
		       const struct in6_addr *addr, uint16_t port,
		       const struct net_rule **ret_denied)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct net_rule *deny;

		if (port != 0 && r->ports[i] != port)
			continue;
		deny = addr_denied(p, addr, r->ports[i]);
		if (!deny)
			return true;
		*ret_denied = deny;
	}
	return false;
}

struct net_verdict net_decide_addr(const struct net_policy *p,
				   const struct in6_addr *addr, uint16_t port)
{
	const struct net_rule *allow = NULL, *deny = NULL;

	for (size_t i = 0; i < p->n_allow; i++) {
		const struct net_rule *r = &p->allow[i];

		if (cidr_matches(r, addr) && cidr_names(r, addr) &&
		    (!allow || r->bits > allow->bits) &&
		    addr_gives(p, r, addr, port, &deny))
			allow = r;
	}
	if (!allow && !deny)
		deny = addr_denied(p, addr, port);
	if (!allow && !deny) {
		for (size_t i = 0; i < p->n_layers; i++) {
			struct net_policy one = alone(p, i);
			struct net_verdict v =
				net_decide_addr(&one, addr, port);

			if (v.verdict == VERDICT_DENY)
				return v;
		}
	}
	return verdict_of(p, allow, deny);
}

const char *net_special(const struct in6_addr *addr)
{
	const struct net_range *r = net_range_find(addr);

	return r ? r->name : NULL;
}

static bool is_pinned(const struct net_rule *r, const struct in6_addr *addr,
		      uint16_t port)
{
	return r->connect_port != 0 && r->connect_port == port &&
	       memcmp(&r->connect_addr, addr, sizeof(*addr)) == 0;
}

bool net_may_dial(const struct net_policy *p, const struct net_rule *rule,
		  const struct in6_addr *addr, uint16_t port)
{
	if (port == 0 || addr_denied(p, addr, port))
		return false;
	if (!WALL(RELAY_RANGES) || !net_range_find(addr))
		return true;
	if (rule && is_pinned(rule, addr, port))
		return true;
	if (rule && rule->preset && net_covers(&mirror, NET_BITS_V4(24), addr))
		return true;

	for (size_t i = 0; i < p->n_allow; i++) {
		const struct net_rule *r = &p->allow[i];

		if (net_rule_has_port(r, port) && cidr_matches(r, addr) &&
		    cidr_names(r, addr))
			return true;
	}
	return false;
}

bool net_layer_is_own(struct str layer)
{
	return !str_eq(layer, STR("organisation")) &&
	       !str_eq(layer, STR("team"));
}

void net_hint_above(struct buf *b, const struct origin *o)
{
	buf_printf(b, "no change of yours: the %.*s's layer decides (%.*s:%u)",
		   STR_ARG(o->layer), STR_ARG(o->file), (unsigned)o->line);
}

void net_hint(struct buf *b, const struct net_verdict *v, struct str host,
	      const struct in6_addr *addr, uint16_t port)
{
	const struct origin *o = v ? &v->origin : NULL;
	char text[NET_ADDR_TEXT];

	if (v && v->verdict == VERDICT_DENY && !net_layer_is_own(o->layer)) {
		net_hint_above(b, o);
		return;
	}
	if (v && v->verdict == VERDICT_DENY && v->rule) {
		buf_printf(b, "remove the network.deny rule at %.*s:%u",
			   STR_ARG(o->file), o->line);
		return;
	}
	if (host.len > 0) {
		buf_printf(b, "network.allow: - {host: %.*s", STR_ARG(host));
	} else {
		net_cidr_format(addr, 128, text);
		/* Quoted: in YAML a flow value must not end in a colon. */
		buf_printf(b, "network.allow: - {cidr: \"%s\"", text);
	}
	if (port != 0)
		buf_printf(b, ", ports: [%u]", port);
	buf_addc(b, '}');
	if (o && str_eq(o->layer, STR("project")))
		buf_printf(b, " in %.*s", STR_ARG(o->file));
}
