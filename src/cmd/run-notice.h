/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-notice: refusals as lines for the user, each said once, repeats counted.
 * Pure: writes onto a buf.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"

#define NOTICE_MAX 64u /* different ones of a session; the rest is counted */

struct notice {
	char text[480]; /* sanitised, no new line */
	uint64_t count, told;
};

struct notices {
	struct notice v[NOTICE_MAX];
	size_t n;
	uint64_t other; /* beyond NOTICE_MAX */
};

/*
 * A refusal as the relay words it: {"what":"net","host"?,"addr"?,"port",
 * "proto","reason"?,"hint"?,"failed"?}.  False: nothing to tell.
 */
bool notice_format_net(const struct json *j, char *dst, size_t size);

/* @text is sanitised already.  True: it is new and should be told at once. */
bool notices_add(struct notices *ns, const char *text, uint64_t count);
/* Its first appearance was told. */
void notices_told(struct notices *ns);

/* What has not been told yet, a line each; then all of it has. */
void notices_print(struct notices *ns, struct buf *b);
