/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff: does what a program says first agree with the name it resolved?
 */
#pragma once

#include "base/loop.h"
#include "policy/net.h"
#include "relay/pump.h"
#include "relay/tls-hello-parse.h"

#define SNIFF_TIMEOUT_MS 15000u /* for a ClientHello that has begun */

enum sniff_result {
	SNIFF_OPEN = 0, /* not known yet */
	SNIFF_OK,
	SNIFF_NOT_TLS, /* where TLS is demanded */
	SNIFF_BAD_HELLO,
	SNIFF_NO_NAME,
	SNIFF_OTHER_NAME, /* hello.name is whose */
	SNIFF_LATE,       /* SNIFF_TIMEOUT_MS are over */
};

struct sniff {
	struct tls_hello hello;
	enum sniff_result result;
	struct loop_timer timer;
	bool demanded;               /* TLS or nothing */
	char name[NET_NAME_MAX + 1]; /* what it must be */
	uint16_t name_len;
};

/*
 * @late runs in @loop when time is up; the owner is found through timer.owner.
 * With @demanded the time begins now, else with the first byte that looks like
 * TLS.
 */
must_check int sniff_new(struct sniff **ret, struct loop *loop, struct str name,
			 bool demanded, loop_timer_fn late, void *owner);
void sniff_free(struct sniff *s, struct loop *loop);

/* Bytes of the program; empty = its end.  PUMP_REFUSE: s->result says why. */
enum pump_look sniff_look(struct sniff *s, struct loop *loop, struct str bytes);
