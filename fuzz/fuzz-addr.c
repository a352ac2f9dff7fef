/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a form, then the address a program hands to connect() or bind().  Laws:
 *   1. nothing behind its length decides;
 *   2. what is read is address and port alone, and a socket of that form can be
 *      given it again, as the same;
 *   3. a path ends within its room, and what has one is no Internet address.
 */
#include "jail/addr-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_same(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void check_again(const struct sockaddr_in6 *at, enum addr_form form)
{
	struct sockaddr_in6 again;
	union addr out;
	socklen_t len = addr_format(at, form, &out);

	if (form == ADDR_V6_ONLY && IN6_IS_ADDR_V4MAPPED(&at->sin6_addr)) {
		law(len == 0);
		return;
	}
	law(len > 0 && len <= sizeof(out));
	law(addr_parse(&out, len, form, &again) == 0 && is_same(at, &again));
}

static void check(const union addr *a, socklen_t len, enum addr_form form)
{
	char path[ADDR_PATH_SIZE], path2[ADDR_PATH_SIZE];
	struct sockaddr_in6 at, at2;
	union addr other = *a;
	bool has_path = addr_parse_path(a, len, path);
	int r = addr_parse(a, len, form, &at);

	memset(other.room + len, 0xa5, sizeof(other) - len);
	law(addr_parse(&other, len, form, &at2) == r && is_same(&at, &at2));
	law(addr_parse_path(&other, len, path2) == has_path);
	if (has_path)
		law(r != 0 && strlen(path) < sizeof(path) &&
		    strcmp(path, path2) == 0);
	if (r != 0)
		return;
	law(at.sin6_family == AF_INET6 && at.sin6_flowinfo == 0 &&
	    at.sin6_scope_id == 0);
	if (form != ADDR_EITHER)
		check_again(&at, form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union addr a = { .room = { 0 } };

	if (size == 0 || size - 1 > sizeof(a))
		return 0;
	memcpy(&a, data + 1, size - 1);
	check(&a, (socklen_t)(size - 1),
	      (enum addr_form)(ADDR_V4 + data[0] % ADDR_EITHER));
	return 0;
}
