/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   datagram  = *message                        each padded to 4 bytes
 *   message   = nlmsghdr nfgenmsg *attribute    linux/netfilter/nfnetlink_log.h
 *   attribute = length:u16 type:u16 *OCTET      host order, padded to 4 bytes
 *
 * Of the attributes only NFULA_PAYLOAD counts: the packet from its IP header
 * on, cut at the copy length.  A packet whose ports lie beyond the cut keeps
 * port 0.  At most HEADERS_MAX extension headers are walked.
 */
#include "relay/nflog-parse.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>

#define HEADERS_MAX 8
#define PACKET_TYPE ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET)

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static uint8_t byte(struct str s, size_t at)
{
	return (uint8_t)s.ptr[at];
}

static struct str find_payload(struct str attrs)
{
	while (attrs.len >= sizeof(struct nlattr)) {
		struct nlattr a;

		memcpy(&a, attrs.ptr, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > attrs.len)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD)
			return (struct str){ .ptr = attrs.ptr + sizeof(a),
					     .len = a.nla_len - sizeof(a) };
		attrs = str_skip(attrs, align4(a.nla_len));
	}
	return (struct str){ 0 };
}

static void parse_ports(struct str s, struct nflog_packet *ret)
{
	bool has = ret->proto == IPPROTO_TCP || ret->proto == IPPROTO_UDP ||
		   ret->proto == IPPROTO_UDPLITE || ret->proto == IPPROTO_SCTP;

	if (has && s.len >= 4)
		ret->port = (uint16_t)(byte(s, 2) << 8 | byte(s, 3));
}

static bool parse_v4(struct str s, struct nflog_packet *ret)
{
	size_t header;

	if (s.len < 20)
		return false;
	header = (byte(s, 0) & 0xfu) * 4;
	if (header < 20)
		return false;
	ret->proto = byte(s, 9);
	ret->dst.s6_addr[10] = 0xff;
	ret->dst.s6_addr[11] = 0xff;
	memcpy(ret->dst.s6_addr + 12, s.ptr + 16, 4);
	/* A later fragment holds no ports. */
	if ((byte(s, 6) & 0x1f) == 0 && byte(s, 7) == 0)
		parse_ports(str_skip(s, header), ret);
	return true;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_FRAGMENT;
}

static bool parse_v6(struct str s, struct nflog_packet *ret)
{
	if (s.len < 40)
		return false;
	ret->proto = byte(s, 6);
	memcpy(ret->dst.s6_addr, s.ptr + 24, 16);
	s = str_skip(s, 40);
	for (int i = 0; is_extension(ret->proto); i++) {
		bool fragment = ret->proto == IPPROTO_FRAGMENT;

		if (i == HEADERS_MAX || s.len < 8)
			return true; /* the address is known at least */
		if (fragment && (byte(s, 2) != 0 || (byte(s, 3) & 0xf8) != 0))
			return true;
		ret->proto = byte(s, 0);
		s = str_skip(s, fragment ? 8 : (byte(s, 1) + 1u) * 8);
	}
	parse_ports(s, ret);
	return true;
}

static bool parse_packet(struct str s, struct nflog_packet *ret)
{
	*ret = (struct nflog_packet){ 0 };
	if (s.len == 0)
		return false;
	switch (byte(s, 0) >> 4) {
	case 4:
		return parse_v4(s, ret);
	case 6:
		return parse_v6(s, ret);
	default:
		return false;
	}
}

bool nflog_next(struct str *rest, struct nflog_packet *ret, uint64_t *n_bad)
{
	while (rest->len >= sizeof(struct nlmsghdr)) {
		struct str body = { 0 };
		struct nlmsghdr h;

		memcpy(&h, rest->ptr, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > rest->len) {
			(*n_bad)++;
			break;
		}
		body = (struct str){ .ptr = rest->ptr + sizeof(h),
				     .len = h.nlmsg_len - sizeof(h) };
		*rest = str_skip(*rest, align4(h.nlmsg_len));
		if (h.nlmsg_type != PACKET_TYPE)
			continue;
		body = str_skip(body, sizeof(struct nfgenmsg));
		if (parse_packet(find_payload(body), ret))
			return true;
		(*n_bad)++;
	}
	*rest = (struct str){ 0 };
	return false;
}
