/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   query    = id:u16 flags:u16 %x0001 %x0000 %x0000 arcount question [opt]
 *   question = *label %x00 type:u16 class:u16               RFC 1035 4.1.2
 *   label    = length:u8 1*63OCTET
 *   opt      = %x00 %x0029 size:u16 rcode:u8 version:u8 flags:u16 rdata
 *                                                           RFC 6891 6.1.2
 *
 * Stricter than the RFCs: one question, no compression in it, no other records
 * than one OPT, nothing after it.  The question is echoed byte for byte, so
 * that a resolver which plays with upper case (0x20) is satisfied, and the
 * answer's owner is a pointer to it.
 */
#include "relay/dns-parse.h"

#include <arpa/inet.h>
#include <stdio.h>

#define HEADER_LEN  12u
#define NAME_WIRE   255u /* bytes, RFC 1035 2.3.4 */
#define LABEL_MAX   63u
#define CLASS_IN    1u
#define UDP_SIZE    1232u /* what we say we take */
#define FLAG_QR     0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_RD     0x0100u
#define FLAG_RA     0x0080u

#define ERROR_DUE   2

static uint16_t get16(struct str s, size_t at)
{
	return (uint16_t)((uint8_t)s.ptr[at] << 8 | (uint8_t)s.ptr[at + 1]);
}

static bool cut16(struct str *s, uint16_t *ret)
{
	if (s->len < 2)
		return false;
	*ret = get16(*s, 0);
	*s = str_skip(*s, 2);
	return true;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void text_add(struct dns_query *q, struct str label)
{
	/* cannot overflow: 254 bytes of wire, four of text for each */
	if (q->name_len > 0)
		q->name[q->name_len++] = '.';
	for (size_t i = 0; i < label.len; i++) {
		unsigned c = (uint8_t)label.ptr[i];

		if (is_plain(label.ptr[i])) {
			q->name[q->name_len++] = label.ptr[i];
			continue;
		}
		q->name[q->name_len++] = '\\';
		q->name[q->name_len++] = (char)('0' + c / 100);
		q->name[q->name_len++] = (char)('0' + c / 10 % 10);
		q->name[q->name_len++] = (char)('0' + c % 10);
	}
}

static bool parse_name(struct str *s, struct dns_query *q)
{
	size_t wire = 0;

	for (;;) {
		size_t len;

		if (s->len == 0)
			return false;
		len = (uint8_t)s->ptr[0];
		wire += len + 1;
		if (len > LABEL_MAX || s->len < len + 1 || wire > NAME_WIRE)
			return false;
		if (len > 0)
			text_add(q,
				 (struct str){ .ptr = s->ptr + 1, .len = len });
		*s = str_skip(*s, len + 1);
		if (len == 0)
			return true;
	}
}

/* False: no OPT record, or bytes after it. */
static bool parse_opt(struct str s, uint8_t *ret_version)
{
	uint16_t type = 0, len = 0;

	if (s.len < 11 || s.ptr[0] != 0)
		return false;
	s = str_skip(s, 1);
	if (!cut16(&s, &type) || type != DNS_TYPE_OPT)
		return false;
	*ret_version = (uint8_t)s.ptr[3];
	s = str_skip(s, 6);
	return cut16(&s, &len) && s.len == len;
}

static enum dns_rcode parse_body(struct str wire, struct dns_query *q)
{
	struct str s = str_skip(wire, HEADER_LEN);
	uint16_t class = 0;
	uint8_t version = 0;
	uint16_t extra = get16(wire, 10);

	if (get16(wire, 2) & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (wire.len > DNS_QUERY_MAX || get16(wire, 4) != 1 ||
	    get16(wire, 6) != 0 || get16(wire, 8) != 0 || extra > 1)
		return DNS_FORMERR;
	if (!parse_name(&s, q) || !cut16(&s, &q->type) || !cut16(&s, &class))
		return DNS_FORMERR;
	q->question = (struct str){ .ptr = wire.ptr + HEADER_LEN,
				    .len = wire.len - HEADER_LEN - s.len };

	if (extra == 0 && s.len > 0)
		return DNS_FORMERR;
	if (extra == 1) {
		if (!parse_opt(s, &version))
			return DNS_FORMERR;
		q->edns = true;
		if (version != 0)
			return DNS_BADVERS;
	}
	return class == CLASS_IN ? DNS_NOERROR : DNS_REFUSED;
}

int dns_parse(struct str wire, struct dns_query *ret, enum dns_rcode *ret_rcode)
{
	if (wire.len < HEADER_LEN || (get16(wire, 2) & FLAG_QR))
		return 1;
	ret->id = get16(wire, 0);
	ret->type = 0;
	ret->recursion = get16(wire, 2) & FLAG_RD;
	ret->edns = false;
	ret->question = (struct str){ 0 };
	ret->name_len = 0;

	*ret_rcode = parse_body(wire, ret);
	return *ret_rcode == DNS_NOERROR ? 0 : ERROR_DUE;
}

struct out {
	uint8_t *p;
	size_t len;
};

static void put16(struct out *o, uint32_t v)
{
	o->p[o->len++] = (uint8_t)(v >> 8 & 0xff);
	o->p[o->len++] = (uint8_t)(v & 0xff);
}

static void put(struct out *o, const void *p, size_t n)
{
	if (n > 0)
		memcpy(o->p + o->len, p, n);
	o->len += n;
}

static void put_name(struct out *o, struct str name)
{
	struct str label = { 0 };

	while (str_cut(&name, '.', &label)) {
		o->p[o->len++] = (uint8_t)label.len;
		put(o, label.ptr, label.len);
	}
	o->p[o->len++] = 0;
}

static void put_answer(struct out *o, const struct dns_query *q,
		       const struct dns_answer *a)
{
	size_t at;

	put16(o, 0xc000u | HEADER_LEN); /* the question's name */
	put16(o, q->type);
	put16(o, CLASS_IN);
	put16(o, a->ttl >> 16);
	put16(o, a->ttl & 0xffff);
	at = o->len;
	put16(o, 0);
	if (a->target.len > 0)
		put_name(o, a->target);
	else if (IN6_IS_ADDR_V4MAPPED(a->addr))
		put(o, a->addr->s6_addr + 12, 4);
	else
		put(o, a->addr->s6_addr, 16);
	o->p[at + 1] = (uint8_t)((o->len - at - 2) & 0xff);
	o->p[at] = (uint8_t)((o->len - at - 2) >> 8);
}

size_t dns_format(const struct dns_query *q, const struct dns_answer *a,
		  uint8_t ret[DNS_REPLY_MAX])
{
	struct out o = { .p = ret };
	bool full = a->rcode == DNS_NOERROR && (a->addr || a->target.len > 0);
	uint32_t rcode = (uint32_t)a->rcode;

	_Static_assert(DNS_REPLY_MAX >= HEADER_LEN + (NAME_WIRE + 4) +
						(12 + NAME_WIRE) + 11,
		       "the longest reply fits");
	put16(&o, q->id);
	put16(&o,
	      FLAG_QR | FLAG_RA | (q->recursion ? FLAG_RD : 0) | (rcode & 0xf));
	put16(&o, q->question.len > 0 ? 1 : 0);
	put16(&o, full ? 1 : 0);
	put16(&o, 0);
	put16(&o, q->edns ? 1 : 0);
	put(&o, q->question.ptr, q->question.len);
	if (full)
		put_answer(&o, q, a);
	if (q->edns) {
		ret[o.len++] = 0;
		put16(&o, DNS_TYPE_OPT);
		put16(&o, UDP_SIZE);
		put16(&o, (rcode >> 4) << 8); /* extended rcode, version 0 */
		put16(&o, 0);
		put16(&o, 0);
	}
	return o.len;
}

static bool ends_in(struct str *name, struct str suffix)
{
	if (name->len <= suffix.len)
		return false;
	for (size_t i = 0; i < suffix.len; i++) {
		char c = name->ptr[name->len - suffix.len + i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != suffix.ptr[i])
			return false;
	}
	name->len -= suffix.len;
	return true;
}

static bool reverse_v4(struct str name, struct in6_addr *ret)
{
	struct str part = { 0 };
	uint32_t v = 0;
	unsigned n = 0;

	*ret = (struct in6_addr){ 0 };
	ret->s6_addr[10] = 0xff;
	ret->s6_addr[11] = 0xff;
	while (str_cut(&name, '.', &part)) {
		if (n == 4 || !str_u32(part, 0, 255, &v))
			return false;
		ret->s6_addr[15 - n++] = (uint8_t)v;
	}
	return n == 4;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool reverse_v6(struct str name, struct in6_addr *ret)
{
	if (name.len != 63)
		return false;
	*ret = (struct in6_addr){ 0 };
	for (size_t i = 0; i < 32; i++) {
		int v = hex_value(name.ptr[i * 2]);

		if (v < 0 || (i < 31 && name.ptr[i * 2 + 1] != '.'))
			return false;
		ret->s6_addr[15 - i / 2] |= (uint8_t)(i % 2 ? v << 4 : v);
	}
	return true;
}

bool dns_reverse_parse(struct str name, struct in6_addr *ret)
{
	if (ends_in(&name, STR(".in-addr.arpa")))
		return reverse_v4(name, ret);
	if (ends_in(&name, STR(".ip6.arpa")))
		return reverse_v6(name, ret);
	return false;
}
