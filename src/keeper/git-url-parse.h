/* SPDX-License-Identifier: Apache-2.0 */
/* git-url-parse: the host and port that a remote's URL leads to.  Pure. */
#pragma once

#include "policy/net.h"

#define GIT_URL_MAX 2048u /* bytes */

enum git_url_error {
	GIT_URL_NONE = 1, /* it names no host: a path, a bundle, a helper */
	GIT_URL_REFUSED,  /* not in the grammar, or no name for a policy */
};

struct git_url {
	char host[NET_NAME_MAX + 1]; /* as net_name_parse() makes it */
	uint16_t port;
};

/* 0, or enum git_url_error. */
must_check int git_url_parse(struct str text, struct git_url *ret);
