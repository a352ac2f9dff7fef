/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the URL of a remote.  Laws:
 *   1. what is accepted is a name of the policy's language, in its one
 *      spelling, and a port;
 *   2. the host stands in the text, whatever the case, so that no other is
 *      meant than the one that can be read there;
 *   3. the same host and port, written out, are read back.
 */
#include <stdio.h>

#include "keeper/git-url-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool stands_in(struct str text, const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; i + len <= text.len; i++) {
		if (strncasecmp(text.ptr + i, host, len) == 0)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	char name[NET_NAME_MAX + 1], again[NET_NAME_MAX + 40];
	struct git_url u = { .port = 0 }, v = { .port = 0 };
	int r = git_url_parse(text, &u);

	law(r == 0 || r == GIT_URL_NONE || r == GIT_URL_REFUSED);
	if (r != 0)
		return 0;
	law(u.port > 0 && net_name_parse(str_of(u.host), name));
	law(strcmp(name, u.host) == 0);
	law(stands_in(text, u.host));
	(void)snprintf(again, sizeof(again), "https://%s:%u/", u.host,
		       (unsigned)u.port);
	law(git_url_parse(str_of(again), &v) == 0);
	law(v.port == u.port && strcmp(v.host, u.host) == 0);
	return 0;
}
