/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Names are compared as net_name_parse() spells them, so upper case and a dot
 * at the end do not matter, and what is no host name matches nothing.  A
 * program that does not speak TLS on a port where that is not demanded is let
 * through at its first byte (or second, when the first could begin TLS).
 */
#include "relay/sniff.h"

#include "base/clock.h"
#include "base/wall.h"

static int arm(struct sniff *s, struct loop *loop)
{
	if (s->timer.heap_pos != 0)
		return 0;
	return loop_timer_set(loop, &s->timer,
			      loop_now_ns(loop) + SNIFF_TIMEOUT_MS * NS_PER_MS);
}

int sniff_new(struct sniff **ret, struct loop *loop, struct str name,
	      bool demanded, loop_timer_fn late, void *owner)
{
	struct sniff *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	ASSERT(name.len <= NET_NAME_MAX);
	tls_hello_init(&s->hello);
	memcpy(s->name, name.ptr, name.len);
	s->name_len = (uint16_t)name.len;
	s->demanded = demanded;
	s->timer = (struct loop_timer){ .run = late, .owner = owner };
	r = demanded ? arm(s, loop) : 0;
	if (r != 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void sniff_free(struct sniff *s, struct loop *loop)
{
	if (!s)
		return;
	loop_timer_clear(loop, &s->timer);
	free(s);
}

static enum sniff_result compare(const struct sniff *s)
{
	struct str sni = { .ptr = s->hello.name, .len = s->hello.name_len };
	char name[NET_NAME_MAX + 1];

	if (!WALL(RELAY_SNI))
		return SNIFF_OK;
	if (sni.len == 0)
		return SNIFF_NO_NAME;
	if (!net_name_parse(sni, name) ||
	    !str_eq(str_of(name),
		    (struct str){ .ptr = s->name, .len = s->name_len }))
		return SNIFF_OTHER_NAME;
	return SNIFF_OK;
}

static enum sniff_result judge(struct sniff *s, struct str bytes)
{
	if (bytes.len == 0) {
		/* The end.  Nothing said, nothing to disagree with. */
		if (s->hello.total == 0 && !s->demanded)
			return SNIFF_OK;
		return s->demanded || s->hello.total > 1 ? SNIFF_BAD_HELLO
							 : SNIFF_OK;
	}
	switch (tls_hello_feed(&s->hello, bytes)) {
	case 0:
		return compare(s);
	case TLS_HELLO_MORE:
		return SNIFF_OPEN;
	case TLS_HELLO_NOT_TLS:
		return s->demanded ? SNIFF_NOT_TLS : SNIFF_OK;
	case TLS_HELLO_BAD:
	default:
		return SNIFF_BAD_HELLO;
	}
}

enum pump_look sniff_look(struct sniff *s, struct loop *loop, struct str bytes)
{
	s->result = judge(s, bytes);
	switch (s->result) {
	case SNIFF_OPEN:
		return arm(s, loop) == 0 ? PUMP_MORE : PUMP_REFUSE;
	case SNIFF_OK:
		loop_timer_clear(loop, &s->timer);
		return PUMP_PASS;
	case SNIFF_NOT_TLS:
	case SNIFF_BAD_HELLO:
	case SNIFF_NO_NAME:
	case SNIFF_OTHER_NAME:
	case SNIFF_LATE:
	default:
		loop_timer_clear(loop, &s->timer);
		return PUMP_REFUSE;
	}
}
