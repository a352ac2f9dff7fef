/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post: bodies by HTTP, with libcurl; one connection that is kept.
 *
 * Certificates and names are always verified, TLS is 1.2 at least, redirects
 * are not followed: a credential goes to the URL that is configured.
 */
#pragma once

#include "export/answer-parse.h"

struct post;

/* @token may be empty.  Both are copied or held by curl. */
must_check int post_new(const struct sink *s, struct str token,
			struct post **ret);
void post_free(struct post *p);
DEFINE_AUTO(post, struct post, post_free);

/*
 * @give_up is asked a few times a second.  *ret is ANSWER_LATER with the reason
 * when there was no answer.  *ret_after_s: Retry-After, 0 without.
 */
void post_send(struct post *p, struct str body, uint32_t n,
	       bool (*give_up)(void *owner), void *owner, struct answer *ret,
	       uint32_t *ret_after_s);
