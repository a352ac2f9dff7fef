/* SPDX-License-Identifier: Apache-2.0 */
/* answer-parse: what a receiver said to a body.  Pure. */
#pragma once

#include "export/sinks.h"

#define ANSWER_MAX_BYTES    ((size_t)4 * 1024 * 1024) /* Elastic: a line each */
#define ANSWER_REJECTED_MAX 64u

enum answer_verdict {
	ANSWER_TAKEN = 1, /* but for what is in rejected[] */
	ANSWER_LATER,     /* the same again, after a while */
	ANSWER_REFUSED,   /* because of what is in it */
	ANSWER_DENIED,    /* because of who asks, or where: not the body's */
};

struct answer {
	enum answer_verdict verdict;
	uint64_t n_unnamed; /* rejected, the receiver does not say which */
	uint32_t rejected[ANSWER_REJECTED_MAX]; /* places in the body, from 0 */
	uint32_t n_rejected;
	char why[160]; /* safe to show; "" when there is nothing to say */
};

/*
 * @status of HTTP, @body at most ANSWER_MAX_BYTES, to @n events sent in frames
 * of @frame.  A body that makes no sense is no reason to doubt a 2xx.
 */
void answer_parse(enum frame_type frame, unsigned status, struct str body,
		  uint32_t n, struct answer *ret);
