/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1-frame: where a message of HTTP/1.1 ends and what follows it, from its head,
 * RFC 9112 sections 6, 9 and RFC 9110 sections 7.8, 10.1.1.  Pure.
 *
 * Refused although a reader may guess (6.1, 6.3): Content-Length beside
 * Transfer-Encoding, any coding but chunked, chunked in HTTP/1.0, a body where
 * the status has none.
 */
#pragma once

#include "http/h1-head-parse.h"

#define H1_LENGTH_MAX (UINT64_C(1) << 53) /* adds up to no overflow anywhere */

enum h1_body {
	H1_BODY_NONE,
	H1_BODY_LENGTH,
	H1_BODY_CHUNKED,
	H1_BODY_TO_END, /* of the connection: only a response's */
};

struct h1_frame {
	enum h1_body body;
	uint64_t
		length; /* of H1_BODY_LENGTH; else what a head without body says */
	bool keep;      /* another message may follow on the connection */
	bool expects; /* the client waits for 100 before it sends the body */
	bool upgrade; /* Connection and Upgrade ask for, or grant, another protocol */
};

/* 0, or the status to answer with: 400, 417, 501. */
must_check unsigned h1_request_frame(const struct h1_head *h,
				     struct h1_frame *ret);
/* Of the answer to a request of @method.  0 or 502. */
must_check unsigned h1_response_frame(const struct h1_head *h,
				      struct str method, struct h1_frame *ret);
