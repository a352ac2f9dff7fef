/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Table "bawn" of family inet, two chains:
 *
 *   pre   PREROUTING, mangle: own and loopback addresses are let alone; denied
 *         CIDRs too (nobody listens there, so the kernel refuses); then for
 *         each range and port one rule that marks nothing and just hands the
 *         packet to the proxy's socket.
 *   out   OUTPUT: the same questions again, to find what will be refused, and
 *         copies the first packet of it to NFLOG.  It never drops: the refusal
 *         itself is the kernel's answer to a packet for which nobody listens
 *         (RST, port unreachable), which programs understand at once.
 *
 * Packets that belong to the proxy's or the resolver's answers leave from port
 * 53 or have no SYN, and are not looked at in out.
 *
 * Registers: 1 only.  Formats: linux/netfilter/nf_tables.h.
 */
#include "jail/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "jail/net.h"

#define TABLE "bawn"
#define PRE   "pre"
#define OUT   "out"

#define LOG_PER_SECOND 100u
#define LOG_BURST      200u

#define V4_DADDR 16u /* offsets in the headers */
#define V6_DADDR 24u
#define SPORT	 0u
#define DPORT	 2u
#define TCP_FLAGS 13u
#define TCP_SYN	 0x02
#define TCP_ACK	 0x10

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

static void verdict(struct nl *n, int code)
{
	struct expr e = expr_begin(n, "immediate");
	size_t data, v;

	nl_attr_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(n, NFTA_IMMEDIATE_DATA);
	v = nl_nest(n, NFTA_DATA_VERDICT);
	nl_attr_be32(n, NFTA_VERDICT_CODE, (uint32_t)code);
	nl_nest_end(n, v);
	nl_nest_end(n, data);
	expr_end(n, e);
}

static void tproxy(struct nl *n)
{
	uint16_t port = htons(NET_PROXY_PORT);
	struct expr e = expr_begin(n, "immediate");

	nl_attr_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	value(n, NFTA_IMMEDIATE_DATA, &port, sizeof(port));
	expr_end(n, e);

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

static void chain(struct nl *n, const char *name, uint32_t hook, int priority)
{
	size_t nest;

	begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_attr_str(n, NFTA_CHAIN_TABLE, TABLE);
	nl_attr_str(n, NFTA_CHAIN_NAME, name);
	nest = nl_nest(n, NFTA_CHAIN_HOOK);
	nl_attr_be32(n, NFTA_HOOK_HOOKNUM, hook);
	nl_attr_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_nest_end(n, nest);
	nl_attr_str(n, NFTA_CHAIN_TYPE, "filter");
	nl_end(n);
}

/* The destination is in @addr (v4 or v6 bytes) / @bits. */
static void match_dest(struct nl *n, bool v4, const uint8_t *addr, unsigned bits)
{
	uint8_t family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	uint32_t len = v4 ? 4 : 16;
	uint8_t m[16] = { 0 }, want[16] = { 0 };

	for (unsigned i = 0; i < bits; i++)
		m[i / 8] |= (uint8_t)(0x80 >> i % 8);
	for (unsigned i = 0; i < len; i++)
		want[i] = addr[i] & m[i];

	load_meta(n, NFT_META_NFPROTO);
	compare(n, NFT_CMP_EQ, &family, sizeof(family));
	if (bits == 0)
		return;
	load_payload(n, NFT_PAYLOAD_NETWORK_HEADER, v4 ? V4_DADDR : V6_DADDR,
		     len);
	if (bits < 8 * len)
		mask(n, m, len);
	compare(n, NFT_CMP_EQ, want, len);
}

static void match_proto(struct nl *n, uint8_t proto)
{
	load_meta(n, NFT_META_L4PROTO);
	compare(n, NFT_CMP_EQ, &proto, sizeof(proto));
}

static void match_port(struct nl *n, uint32_t off, uint16_t port)
{
	uint16_t be = htons(port);

	load_payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, off, sizeof(be));
	compare(n, NFT_CMP_EQ, &be, sizeof(be));
}

/* In out, "allowed" means: not worth a copy. */
enum act { ACT_TPROXY, ACT_RETURN };

static void rule_range(struct nl *n, const char *where, bool v4,
		       const uint8_t *addr, unsigned bits, uint16_t port,
		       enum act act)
{
	size_t r = rule_begin(n, where);

	match_dest(n, v4, addr, bits);
	if (port != 0) {
		match_proto(n, IPPROTO_TCP);
		match_port(n, DPORT, port);
	}
	if (act == ACT_TPROXY)
		tproxy(n);
	else
		verdict(n, NFT_RETURN);
	rule_end(n, r);
}

static void rules_local(struct nl *n, const char *where)
{
	static const uint8_t loopback4[4] = { 127 };
	static const uint8_t loopback6[16] = { [15] = 1 };
	uint8_t own4[4] = { 0 }, own6[16] = { 0 };

	(void)inet_pton(AF_INET, NET_OWN_V4, own4); /* constants: they parse */
	(void)inet_pton(AF_INET6, NET_OWN_V6, own6);
	rule_range(n, where, true, loopback4, 8, 0, ACT_RETURN);
	rule_range(n, where, false, loopback6, 128, 0, ACT_RETURN);
	rule_range(n, where, true, own4, 32, 0, ACT_RETURN);
	rule_range(n, where, false, own6, 128, 0, ACT_RETURN);
}

/*
 * Denied ranges come first.  In pre they are let alone, so that nobody gets
 * them; in out they must reach the copy, so nothing is said of them there and
 * the allow rules that overlap cost a record at most.
 */
static void rules_cidr(struct nl *n, const struct plan *p, const char *where,
		       bool deny, enum act act)
{
	for (size_t i = 0; i < p->n_cidrs; i++) {
		const struct plan_cidr *c = &p->cidrs[i];
		bool v4 = IN6_IS_ADDR_V4MAPPED(&c->addr) && c->bits >= 96;
		const uint8_t *addr = c->addr.s6_addr + (v4 ? 12 : 0);
		unsigned bits = c->bits - (v4 ? 96u : 0u);

		if (c->deny != deny)
			continue;
		if (c->n_ports == 0)
			rule_range(n, where, v4, addr, bits, 0, ACT_RETURN);
		for (size_t k = 0; k < c->n_ports; k++)
			rule_range(n, where, v4, addr, bits, c->ports[k], act);
	}
}

static void rules_class(struct nl *n, const struct plan *p, const char *where,
			enum act act)
{
	for (size_t i = 0; i < p->n_classes; i++) {
		const struct plan_class *c = &p->classes[i];
		uint8_t v4[4];

		memcpy(v4, &c->v4, sizeof(v4));
		for (size_t k = 0; k < c->n_ports; k++) {
			rule_range(n, where, true, v4, c->v4_bits, c->ports[k],
				   act);
			rule_range(n, where, false, c->v6.s6_addr, c->v6_bits,
				   c->ports[k], act);
		}
	}
}

/* Leave the chain for packets that cannot be the start of anything refused. */
static void rules_uninteresting(struct nl *n)
{
	static const uint16_t dns_ports[] = { SPORT, DPORT };
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	uint8_t bits = TCP_SYN | TCP_ACK, syn = TCP_SYN;
	size_t r;

	r = rule_begin(n, OUT);
	match_proto(n, IPPROTO_TCP);
	load_payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
	mask(n, &bits, 1);
	compare(n, NFT_CMP_NEQ, &syn, sizeof(syn));
	verdict(n, NFT_RETURN);
	rule_end(n, r);

	for (size_t i = 0; i < N_ELEMS(protos); i++) {
		for (size_t k = 0; k < N_ELEMS(dns_ports); k++) {
			r = rule_begin(n, OUT);
			match_proto(n, protos[i]);
			match_port(n, dns_ports[k], 53);
			verdict(n, NFT_RETURN);
			rule_end(n, r);
		}
	}
}

/* The kernel's own refusals are ICMP errors to ourselves: no news. */
static void rules_log(struct nl *n, bool log_limit)
{
	static const struct {
		uint8_t proto, type;
	} errors[] = { { IPPROTO_ICMP, 3 }, { IPPROTO_ICMPV6, 1 } };
	size_t r;

	for (size_t i = 0; i < N_ELEMS(errors); i++) {
		r = rule_begin(n, OUT);
		match_proto(n, errors[i].proto);
		load_payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
		compare(n, NFT_CMP_EQ, &errors[i].type, 1);
		verdict(n, NFT_RETURN);
		rule_end(n, r);
	}
	r = rule_begin_flags(n, OUT, NLM_F_ACK);
	if (log_limit)
		limit(n);
	nflog(n);
	rule_end(n, r);
}

void nft_batch(struct nl *n, const struct plan *p, bool log_limit)
{
	batch_mark(n, NFNL_MSG_BATCH_BEGIN);
	begin(n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nl_attr_str(n, NFTA_TABLE_NAME, TABLE);
	nl_end(n);

	chain(n, PRE, NF_INET_PRE_ROUTING, -150);
	rules_local(n, PRE);
	rules_cidr(n, p, PRE, true, ACT_RETURN);
	rules_class(n, p, PRE, ACT_TPROXY);
	rules_cidr(n, p, PRE, false, ACT_TPROXY);

	chain(n, OUT, NF_INET_LOCAL_OUT, 0);
	rules_uninteresting(n);
	rules_local(n, OUT);
	rules_class(n, p, OUT, ACT_RETURN);
	rules_cidr(n, p, OUT, false, ACT_RETURN);
	rules_log(n, log_limit);
	batch_mark(n, NFNL_MSG_BATCH_END);
}
