/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net: the network part of an effective policy, decided without asking anyone.
 *
 * Pure: no I/O, no clock, no globals.  The relay decides with it, the keeper
 * derives the plan's address classes from it, `policy why` explains with it.
 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

#define NET_MAX_RULES   1024u
#define NET_MAX_PORTS   32u
#define NET_NAME_MAX    253u /* bytes of a host name, RFC 1035 2.3.4 */
#define NET_MAX_CLASSES 64u

/* DENY is zero on purpose: zeroed or forgotten memory refuses. */
enum verdict {
	VERDICT_DENY = 0,
	VERDICT_ALLOW,
};

/* Where a decision comes from; all borrowed from the policy. */
struct origin {
	struct str layer; /* "builtin", "user", ... */
	struct str file;
	uint32_t line; /* 0 = no line */
};

struct net_rule {
	/*
	 * host: lower case ASCII without a trailing dot, or empty for a CIDR.
	 * subdomains: one or more labels below host, not host itself.
	 */
	struct str host;
	bool subdomains;
	struct in6_addr addr; /* CIDR; v4 as ::ffff:0:0/96 */
	uint8_t bits;
	uint16_t ports[NET_MAX_PORTS]; /* sorted, unique; none = all (deny) */
	size_t n_ports;
	/* connect: where to dial; port 0 = no pin */
	struct in6_addr connect_addr;
	uint16_t connect_port;
	bool preset; /* made by a preset: 203.0.113.0/24 may be dialled */
	struct origin origin;
};

struct net_resolver {
	struct in6_addr addr;
	uint16_t port;
};

/* One layer's own list, to say who refused what no rule of all allows. */
struct net_layer {
	struct net_rule *allow;
	size_t n_allow;
	struct origin origin; /* of the list, or of what stands in its place */
};
#define NET_MAX_LAYERS 8u

struct net_policy {
	struct net_rule *allow, *deny; /* what all layers agree on */
	size_t n_allow, n_deny;
	/* In the order in which they are asked; none = there is one only. */
	struct net_layer *layers;
	size_t n_layers;
	struct net_resolver dns[8];
	size_t n_dns;           /* 0 = the host's */
	struct origin fallback; /* what decides when no rule matches */
};

struct net_verdict {
	enum verdict verdict;
	const struct net_rule *rule; /* NULL = the fallback decided */
	struct origin origin;
};

/*
 * A host name as a program spells it -> lower case, no trailing dot.  Refuses
 * (false) anything but letters, digits, hyphen and dot, labels that are empty,
 * overlong or have a hyphen at an end, and IP literals in any spelling.
 */
must_check bool net_name_parse(struct str s, char ret[NET_NAME_MAX + 1]);

/* A host rule that is about @name, whatever its ports. */
bool net_rule_matches(const struct net_rule *r, struct str name);
/* @port is among those it lists. */
bool net_rule_has_port(const struct net_rule *r, uint16_t port);

/*
 * @name as net_name_parse() made it.  @port 0 asks "on any port at all?".  Deny
 * wins; among allow rules the most specific decides, then the first.
 */
struct net_verdict net_decide_name(const struct net_policy *p, struct str name,
				   uint16_t port);
/*
 * A raw address; v4 mapped.  @port 0: on any port.  Special ranges must be
 * named, see net_may_dial().
 */
struct net_verdict net_decide_addr(const struct net_policy *p,
				   const struct in6_addr *addr, uint16_t port);
/*
 * May the relay dial @addr, found by resolving a name allowed by @rule?  False
 * for private, loopback, link-local, metadata, multicast, documentation and
 * other special ranges (and v4 embedded in NAT64, 6to4, mapped forms) unless
 * an allow rule's CIDR names it on @port, or it is what @rule pins, or @rule is
 * a preset and the address is in 203.0.113.0/24.  A deny rule's CIDR wins over
 * all of these.  A CIDR names an address of a special range when it lies inside
 * that range: 0.0.0.0/0 opens neither 10.0.0.0/8 nor the metadata address.
 */
bool net_may_dial(const struct net_policy *p, const struct net_rule *rule,
		  const struct in6_addr *addr, uint16_t port);

/*
 * The special range that @addr is in ("loopback", "private", "metadata", ...),
 * for messages; NULL: an ordinary public address.
 */
const char *net_special(const struct in6_addr *addr);

/*
 * The distinct sets of ports that names can have under @p: exactly those that
 * some name has, where rules overlap their union, less what is denied.  At most
 * NET_MAX_CLASSES; beyond that the last class is the union of the rest, and the
 * relay alone refuses the difference.  Deterministic, so keeper and relay
 * agree.  Classes share 198.18.0.0/15 and fd18::/48 in equal parts.
 *
 * 0, or 1 = a class would have more than NET_CLASS_PORTS ports.
 */
#define NET_CLASS_PORTS 64u

struct net_class {
	uint16_t ports[NET_CLASS_PORTS]; /* sorted, unique */
	size_t n_ports;
	struct in_addr v4;
	struct in6_addr v6;
	uint8_t v4_bits, v6_bits;
};
must_check int net_classes(const struct net_policy *p,
			   struct net_class ret[NET_MAX_CLASSES],
			   size_t *ret_n);
/*
 * Index of the class for @name, as net_name_parse() made it; false: no port is
 * allowed.
 */
must_check bool net_class_of(const struct net_policy *p,
			     const struct net_class *classes, size_t n,
			     struct str name, size_t *ret);

/* JSON for the relay and back; strict, 1 = not a network policy. */
void net_format(const struct net_policy *p, struct buf *b);
must_check int net_parse(struct arena *a, struct str json,
			 struct net_policy *ret, struct diag *reterr);

/* Both about names or both about addresses: all of @in is in @out. */
bool net_rule_covers(const struct net_rule *out, const struct net_rule *in);

/* False: a layer that the user cannot change, "organisation" or "team". */
bool net_layer_is_own(struct str layer);
/* "no change of yours: the organisation's layer decides (FILE:LINE)" */
void net_hint_above(struct buf *b, const struct origin *o);

/*
 * What both lists allow: for each rule of @x and each of @y the names or
 * addresses and ports they have in common, in the order of @x.  A pin
 * (`connect`) comes from @y before @x.  Origins are those of @x.
 *
 * *ret is in @a.  0, -ENOMEM, or 1: more than NET_MAX_RULES.
 */
must_check int net_intersect(struct arena *a, const struct net_rule *x,
			     size_t n_x, const struct net_rule *y, size_t n_y,
			     struct net_rule **ret, size_t *ret_n);
/*
 * @was, narrowed by @now: what both allow, what either denies, and nothing that
 * @was did not have.  Borrows from both.  0, -ENOMEM, 1: too many rules.
 */
must_check int net_narrow(struct arena *a, const struct net_policy *was,
			  const struct net_policy *now, struct net_policy *ret);

/*
 * Appends, on one line, the narrowest change of the user's that would let the
 * request through: the policy line to add, as "network.allow: - {host:
 * api.example, ports: [8443]}", or, when @v was decided by a deny rule, the
 * line to remove; or that there is none, since another layer decides.  @v may
 * be NULL; with an empty @host the line is about @addr.  @port 0: the default
 * ports.
 */
void net_hint(struct buf *b, const struct net_verdict *v, struct str host,
	      const struct in6_addr *addr, uint16_t port);
