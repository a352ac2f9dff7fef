/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Table "bawn" of family inet, made before there is a plan.  In the order in
 * which a packet meets its chains:
 *
 *   out            OUTPUT: port 53 and own and loopback addresses are let
 *                  alone; v4 goes on in out4
 *   plan4, plan6   what the plan says, added later: denied ranges go to told,
 *                  allowed ranges and ports to marked
 *   marked         gets MARK
 *   told           the first packet of what will be refused is copied to NFLOG
 *   pre            PREROUTING, which over lo comes next: what has MARK is
 *                  handed to the proxy's socket
 *
 * Nothing is dropped: the refusal is the kernel's own answer to a packet for
 * which nobody listens (RST, port unreachable), which programs understand at
 * once.  The mark cannot be set by the jail: SO_MARK needs a capability.
 *
 * Port 53 comes before the ranges: it is the resolver's for every address.  It
 * is looked for without asking for the protocol; an ICMP packet that has these
 * bytes there is not copied, that is all.  Denied ranges come before allowed
 * ones.  Ports of a range are compared one by one up to PORTS_INLINE, else
 * looked up in a set.
 *
 * Each expression costs the kernel some 2 us, and the plan's are on the way of
 * every start: so chains are divided by family, and ends are shared.
 *
 * Only the last message asks for an acknowledgement; errors come unasked.
 * Register: 1 only.  Formats: linux/netfilter/nf_tables.h.
 */
#include "jail/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/wall.h"
#include "jail/net.h"

#define TABLE          "bawn"
#define PRE            "pre"
#define OUT            "out"
#define OUT4           "out4"
#define PLAN4          "plan4"
#define PLAN6          "plan6"
#define MARKED         "marked"
#define TOLD           "told"

#define DNS_PORT       53u
#define MARK           UINT32_C(0x6261776e)
#define PORTS_INLINE   3u
#define SET_NAME       "ports%d" /* the kernel fills in a number */
#define TYPE_PORT      13u       /* how nft(8) shows elements; inet_service */

#define LOG_PER_SECOND 100u
#define LOG_BURST      200u

#define V4_DADDR       16u /* offsets in the headers */
#define V6_DADDR       24u
#define SPORT          0u
#define DPORT          2u
#define TCP_FLAGS      13u
#define TCP_SYN        0x02
#define TCP_ACK        0x10

static void begin(struct nl *n, unsigned type, unsigned flags)
{
	struct nfgenmsg g = { .nfgen_family = NFPROTO_INET,
			      .version = NFNETLINK_V0 };

	nl_begin(n, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
		 (uint16_t)flags);
	nl_put(n, &g, sizeof(g));
}

static void batch_mark(struct nl *n, uint16_t type)
{
	struct nfgenmsg g = { .nfgen_family = AF_UNSPEC,
			      .version = NFNETLINK_V0,
			      .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	nl_begin(n, type, 0);
	nl_put(n, &g, sizeof(g));
	nl_end(n);
}

struct expr {
	size_t elem, data;
};

static struct expr expr_begin(struct nl *n, const char *name)
{
	struct expr e;

	e.elem = nl_nest(n, NFTA_LIST_ELEM);
	nl_attr_str(n, NFTA_EXPR_NAME, name);
	e.data = nl_nest(n, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct nl *n, struct expr e)
{
	nl_nest_end(n, e.data);
	nl_nest_end(n, e.elem);
}

static void load_meta(struct nl *n, uint32_t key)
{
	struct expr e = expr_begin(n, "meta");

	nl_attr_be32(n, NFTA_META_DREG, NFT_REG_1);
	nl_attr_be32(n, NFTA_META_KEY, key);
	expr_end(n, e);
}

static void load_payload(struct nl *n, uint32_t base, uint32_t off,
			 uint32_t len)
{
	struct expr e = expr_begin(n, "payload");

	nl_attr_be32(n, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_attr_be32(n, NFTA_PAYLOAD_BASE, base);
	nl_attr_be32(n, NFTA_PAYLOAD_OFFSET, off);
	nl_attr_be32(n, NFTA_PAYLOAD_LEN, len);
	expr_end(n, e);
}

static void value(struct nl *n, uint16_t type, const void *p, size_t len)
{
	size_t nest = nl_nest(n, type);

	nl_attr(n, NFTA_DATA_VALUE, p, len);
	nl_nest_end(n, nest);
}

static void mask(struct nl *n, const uint8_t *bits, uint32_t len)
{
	static const uint8_t zero[16];
	struct expr e = expr_begin(n, "bitwise");

	nl_attr_be32(n, NFTA_BITWISE_SREG, NFT_REG_1);
	nl_attr_be32(n, NFTA_BITWISE_DREG, NFT_REG_1);
	nl_attr_be32(n, NFTA_BITWISE_LEN, len);
	value(n, NFTA_BITWISE_MASK, bits, len);
	value(n, NFTA_BITWISE_XOR, zero, len);
	expr_end(n, e);
}

static void compare(struct nl *n, uint32_t op, const void *p, size_t len)
{
	struct expr e = expr_begin(n, "cmp");

	nl_attr_be32(n, NFTA_CMP_SREG, NFT_REG_1);
	nl_attr_be32(n, NFTA_CMP_OP, op);
	value(n, NFTA_CMP_DATA, p, len);
	expr_end(n, e);
}

/* @chain: for NFT_GOTO, else NULL. */
static void verdict_to(struct nl *n, int code, const char *chain)
{
	struct expr e = expr_begin(n, "immediate");
	size_t data, v;

	nl_attr_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(n, NFTA_IMMEDIATE_DATA);
	v = nl_nest(n, NFTA_DATA_VERDICT);
	nl_attr_be32(n, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nl_attr_str(n, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(n, v);
	nl_nest_end(n, data);
	expr_end(n, e);
}

static void verdict(struct nl *n, int code)
{
	verdict_to(n, code, NULL);
}

static void load_value(struct nl *n, const void *p, size_t len)
{
	struct expr e = expr_begin(n, "immediate");

	nl_attr_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	value(n, NFTA_IMMEDIATE_DATA, p, len);
	expr_end(n, e);
}

static void set_mark(struct nl *n)
{
	uint32_t mark = MARK;
	struct expr e;

	load_value(n, &mark, sizeof(mark));
	e = expr_begin(n, "meta");
	nl_attr_be32(n, NFTA_META_KEY, NFT_META_MARK);
	nl_attr_be32(n, NFTA_META_SREG, NFT_REG_1);
	expr_end(n, e);
}

static void tproxy(struct nl *n)
{
	uint16_t port = htons(NET_PROXY_PORT);
	struct expr e;

	load_value(n, &port, sizeof(port));
	e = expr_begin(n, "tproxy");
	nl_attr_be32(n, NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
	nl_attr_be32(n, NFTA_TPROXY_REG_PORT, NFT_REG_1);
	expr_end(n, e);
	verdict(n, NF_ACCEPT);
}

static void limit(struct nl *n)
{
	uint64_t rate = htobe64(LOG_PER_SECOND), unit = htobe64(1);
	struct expr e = expr_begin(n, "limit");

	nl_attr(n, NFTA_LIMIT_RATE, &rate, sizeof(rate));
	nl_attr(n, NFTA_LIMIT_UNIT, &unit, sizeof(unit));
	nl_attr_be32(n, NFTA_LIMIT_BURST, LOG_BURST);
	nl_attr_be32(n, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	expr_end(n, e);
}

static void nflog(struct nl *n)
{
	uint16_t group = htons(NET_LOG_GROUP);
	struct expr e = expr_begin(n, "log");

	nl_attr(n, NFTA_LOG_GROUP, &group, sizeof(group));
	nl_attr_be32(n, NFTA_LOG_SNAPLEN, NET_LOG_BYTES);
	expr_end(n, e);
}

/*
 * The kernel reports what it refuses unasked; one acknowledgement, of the last
 * rule, tells that the batch is in force.  Asking for each costs a datagram
 * and a call each.
 */
static size_t rule_begin_flags(struct nl *n, const char *chain, unsigned flags)
{
	begin(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags);
	nl_attr_str(n, NFTA_RULE_TABLE, TABLE);
	nl_attr_str(n, NFTA_RULE_CHAIN, chain);
	return nl_nest(n, NFTA_RULE_EXPRESSIONS);
}

static size_t rule_begin(struct nl *n, const char *chain)
{
	return rule_begin_flags(n, chain, 0);
}

static void rule_end(struct nl *n, size_t rule)
{
	nl_nest_end(n, rule);
	nl_end(n);
}

static void chain_begin(struct nl *n, const char *name)
{
	begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_attr_str(n, NFTA_CHAIN_TABLE, TABLE);
	nl_attr_str(n, NFTA_CHAIN_NAME, name);
}

static void base_chain(struct nl *n, const char *name, uint32_t hook,
		       int priority)
{
	size_t nest;

	chain_begin(n, name);
	nest = nl_nest(n, NFTA_CHAIN_HOOK);
	nl_attr_be32(n, NFTA_HOOK_HOOKNUM, hook);
	nl_attr_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_nest_end(n, nest);
	nl_attr_str(n, NFTA_CHAIN_TYPE, "filter");
	nl_end(n);
}

/* A range: v4 or v6 bytes. */
struct range {
	bool v4;
	const uint8_t *addr;
	unsigned bits;
};

/* In a chain of its family. */
static void match_dest(struct nl *n, struct range to)
{
	uint32_t len = to.v4 ? 4 : 16;
	uint8_t m[16] = { 0 }, want[16] = { 0 };

	if (to.bits == 0)
		return;
	for (unsigned i = 0; i < to.bits; i++)
		m[i / 8] |= (uint8_t)(0x80 >> i % 8);
	for (unsigned i = 0; i < len; i++)
		want[i] = to.addr[i] & m[i];
	load_payload(n, NFT_PAYLOAD_NETWORK_HEADER, to.v4 ? V4_DADDR : V6_DADDR,
		     len);
	if (to.bits < 8 * len)
		mask(n, m, len);
	compare(n, NFT_CMP_EQ, want, len);
}

static void match_v4(struct nl *n)
{
	uint8_t family = NFPROTO_IPV4;

	load_meta(n, NFT_META_NFPROTO);
	compare(n, NFT_CMP_EQ, &family, sizeof(family));
}

static void match_proto(struct nl *n, uint8_t proto)
{
	load_meta(n, NFT_META_L4PROTO);
	compare(n, NFT_CMP_EQ, &proto, sizeof(proto));
}

static void load_port(struct nl *n, uint32_t off)
{
	load_payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, off, sizeof(uint16_t));
}

static void match_port(struct nl *n, uint32_t off, uint16_t port)
{
	uint16_t be = htons(port);

	load_port(n, off);
	compare(n, NFT_CMP_EQ, &be, sizeof(be));
}

/* A set of ports; rules name it by @id in this batch. */
static void port_set(struct nl *n, uint32_t id, const uint16_t *ports,
		     size_t n_ports)
{
	size_t list;

	begin(n, NFT_MSG_NEWSET, NLM_F_CREATE);
	nl_attr_str(n, NFTA_SET_TABLE, TABLE);
	nl_attr_str(n, NFTA_SET_NAME, SET_NAME);
	nl_attr_be32(n, NFTA_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT);
	nl_attr_be32(n, NFTA_SET_KEY_TYPE, TYPE_PORT);
	nl_attr_be32(n, NFTA_SET_KEY_LEN, sizeof(uint16_t));
	nl_attr_be32(n, NFTA_SET_ID, id);
	nl_end(n);

	begin(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	nl_attr_str(n, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	nl_attr_str(n, NFTA_SET_ELEM_LIST_SET, SET_NAME);
	nl_attr_be32(n, NFTA_SET_ELEM_LIST_SET_ID, id);
	list = nl_nest(n, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < n_ports; i++) {
		uint16_t be = htons(ports[i]);
		size_t elem = nl_nest(n, NFTA_LIST_ELEM);

		value(n, NFTA_SET_ELEM_KEY, &be, sizeof(be));
		nl_nest_end(n, elem);
	}
	nl_nest_end(n, list);
	nl_end(n);
}

static void match_set(struct nl *n, uint32_t id)
{
	struct expr e = expr_begin(n, "lookup");

	nl_attr_str(n, NFTA_LOOKUP_SET, SET_NAME);
	nl_attr_be32(n, NFTA_LOOKUP_SET_ID, id);
	nl_attr_be32(n, NFTA_LOOKUP_SREG, NFT_REG_1);
	expr_end(n, e);
}

static void only_verdict(struct nl *n, const char *where, int code,
			 const char *chain)
{
	size_t r = rule_begin(n, where);

	verdict_to(n, code, chain);
	rule_end(n, r);
}

static void rule_dest(struct nl *n, const char *where, struct range to,
		      int code, const char *chain)
{
	size_t r = rule_begin(n, where);

	match_dest(n, to);
	verdict_to(n, code, chain);
	rule_end(n, r);
}

static void rules_told(struct nl *n, bool log_limit)
{
	uint8_t bits = TCP_SYN | TCP_ACK, syn = TCP_SYN;
	size_t r = rule_begin(n, TOLD);

	/* Of TCP only the packet that opens a connection is news. */
	match_proto(n, IPPROTO_TCP);
	load_payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
	mask(n, &bits, 1);
	compare(n, NFT_CMP_NEQ, &syn, sizeof(syn));
	verdict(n, NF_ACCEPT);
	rule_end(n, r);

	r = rule_begin(n, TOLD);
	if (log_limit)
		limit(n);
	nflog(n);
	rule_end(n, r);
	/* Not back to where it was denied. */
	only_verdict(n, TOLD, NF_ACCEPT, NULL);
}

static void rules_marked(struct nl *n)
{
	size_t r = rule_begin(n, MARKED);

	set_mark(n);
	verdict(n, NF_ACCEPT);
	rule_end(n, r);
}

static void rules_resolver(struct nl *n)
{
	static const uint8_t where[] = { DPORT, SPORT };

	for (size_t i = 0; i < N_ELEMS(where); i++) {
		size_t r = rule_begin(n, OUT);

		match_port(n, where[i], DNS_PORT);
		verdict(n, NF_ACCEPT);
		rule_end(n, r);
	}
}

static void rules_out(struct nl *n)
{
	static const uint8_t loopback4[4] = { 127 };
	static const uint8_t loopback6[16] = { [15] = 1 };
	uint8_t own4[4] = { 0 }, own6[16] = { 0 };
	size_t r;

	(void)inet_pton(AF_INET, NET_OWN_V4, own4); /* constants: they parse */
	(void)inet_pton(AF_INET6, NET_OWN_V6, own6);
	rules_resolver(n);
	r = rule_begin(n, OUT);
	match_v4(n);
	verdict_to(n, NFT_GOTO, OUT4);
	rule_end(n, r);
	rule_dest(n, OUT, (struct range){ false, own6, 128 }, NF_ACCEPT, NULL);
	rule_dest(n, OUT, (struct range){ false, loopback6, 128 }, NF_ACCEPT,
		  NULL);
	only_verdict(n, OUT, NFT_JUMP, PLAN6);
	only_verdict(n, OUT, NFT_GOTO, TOLD);

	rule_dest(n, OUT4, (struct range){ true, own4, 32 }, NF_ACCEPT, NULL);
	rule_dest(n, OUT4, (struct range){ true, loopback4, 8 }, NF_ACCEPT,
		  NULL);
	only_verdict(n, OUT4, NFT_JUMP, PLAN4);
	only_verdict(n, OUT4, NFT_GOTO, TOLD);
}

static void rules_pre(struct nl *n)
{
	uint32_t mark = MARK;
	size_t r = rule_begin_flags(n, PRE, NLM_F_ACK); /* the last message */

	load_meta(n, NFT_META_MARK);
	compare(n, NFT_CMP_EQ, &mark, sizeof(mark));
	tproxy(n);
	rule_end(n, r);
}

void nft_base(struct nl *n, bool log_limit)
{
	static const char *const chains[] = { TOLD, MARKED, PLAN4, PLAN6,
					      OUT4 };

	batch_mark(n, NFNL_MSG_BATCH_BEGIN);
	begin(n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nl_attr_str(n, NFTA_TABLE_NAME, TABLE);
	nl_end(n);
	for (size_t i = 0; i < N_ELEMS(chains); i++) {
		chain_begin(n, chains[i]);
		nl_end(n);
	}
	rules_told(n, log_limit);
	rules_marked(n);
	base_chain(n, OUT, NF_INET_LOCAL_OUT, 0);
	rules_out(n);
	base_chain(n, PRE, NF_INET_PRE_ROUTING, -150);
	rules_pre(n);
	batch_mark(n, NFNL_MSG_BATCH_END);
}

static const char *chain_of(struct range to)
{
	return to.v4 ? PLAN4 : PLAN6;
}

static size_t allow_begin(struct nl *n, struct range to)
{
	size_t r = rule_begin(n, chain_of(to));

	match_proto(n, IPPROTO_TCP);
	match_dest(n, to);
	load_port(n, DPORT);
	return r;
}

static void allow_end(struct nl *n, size_t rule)
{
	verdict_to(n, NFT_GOTO, MARKED);
	rule_end(n, rule);
}

static void allow(struct nl *n, struct range to, const uint16_t *ports,
		  size_t n_ports, uint32_t *set_id)
{
	size_t r;

	if (!WALL(NFT_PORTS)) {
		r = rule_begin(n, chain_of(to));
		match_proto(n, IPPROTO_TCP);
		match_dest(n, to);
		allow_end(n, r);
		return;
	}
	if (n_ports > PORTS_INLINE) {
		port_set(n, ++*set_id, ports, n_ports);
		r = allow_begin(n, to);
		match_set(n, *set_id);
		allow_end(n, r);
		return;
	}
	for (size_t i = 0; i < n_ports; i++) {
		uint16_t be = htons(ports[i]);

		r = allow_begin(n, to);
		compare(n, NFT_CMP_EQ, &be, sizeof(be));
		allow_end(n, r);
	}
}

static struct range range_of(const struct plan_cidr *c)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&c->addr) && c->bits >= 96;

	return (struct range){ v4, c->addr.s6_addr + (v4 ? 12 : 0),
			       c->bits - (v4 ? 96u : 0u) };
}

static void rules_deny(struct nl *n, const struct plan *p)
{
	for (size_t i = 0; i < p->n_cidrs; i++) {
		struct range to = range_of(&p->cidrs[i]);

		if (WALL(NFT_DENY) && p->cidrs[i].deny)
			rule_dest(n, chain_of(to), to, NFT_GOTO, TOLD);
	}
}

static void rules_allow(struct nl *n, const struct plan *p)
{
	uint32_t set_id = 0;

	for (size_t i = 0; i < p->n_classes; i++) {
		const struct plan_class *c = &p->classes[i];
		struct range v4 = { true, (const uint8_t *)&c->v4, c->v4_bits };
		struct range v6 = { false, c->v6.s6_addr, c->v6_bits };

		allow(n, v4, c->ports, c->n_ports, &set_id);
		allow(n, v6, c->ports, c->n_ports, &set_id);
	}
	for (size_t i = 0; i < p->n_cidrs; i++) {
		const struct plan_cidr *c = &p->cidrs[i];

		if (!c->deny)
			allow(n, range_of(c), c->ports, c->n_ports, &set_id);
	}
}

/* What happens anyway; it is there to be acknowledged, being the last. */
static void last_words(struct nl *n)
{
	size_t r = rule_begin_flags(n, PLAN6, NLM_F_ACK);

	verdict(n, NFT_RETURN);
	rule_end(n, r);
}

bool nft_plan(struct nl *n, const struct plan *p)
{
	if (p->n_classes == 0 && p->n_cidrs == 0)
		return false;
	batch_mark(n, NFNL_MSG_BATCH_BEGIN);
	rules_deny(n, p);
	rules_allow(n, p);
	last_words(n);
	batch_mark(n, NFNL_MSG_BATCH_END);
	return true;
}
