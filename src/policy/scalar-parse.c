/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   size = number ("K" / "M" / "G" / "T")
 *   time = number ("s" / "m" / "h" / "d")
 *   cpu  = number ["." 1*3DIGIT]
 *   path = ["/"] rel / "~" ["/" rel] / variable ["/" rel]
 *   variable = "$" ("HOME" / "SSH_AUTH_SOCK" / "XDG_" 1*(upper / "_"))
 *
 * number has no sign and no leading zero.  No other variable: a policy must
 * not mean something else because of what happens to be exported.
 */
#include "policy/scalar-parse.h"

#include <idn2.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/path.h"
#include "base/utf8.h"
#include "policy/net-text.h"
#include "policy/net.h"

struct unit {
	char name;
	uint64_t factor;
};

/* Largest first, for the format functions. */
static const struct unit sizes[] = {
	{ 'T', UINT64_C(1) << 40 },
	{ 'G', UINT64_C(1) << 30 },
	{ 'M', UINT64_C(1) << 20 },
	{ 'K', UINT64_C(1) << 10 },
};

static const struct unit times[] = {
	{ 'd', 86400 },
	{ 'h', 3600 },
	{ 'm', 60 },
	{ 's', 1 },
};

static bool parse_unit(struct str s, const struct unit *units, size_t n,
		       uint64_t *ret)
{
	uint64_t v;

	if (s.len < 2)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s.ptr[s.len - 1] != units[i].name)
			continue;
		s.len--;
		return str_u64(s, 0, UINT64_MAX, &v) &&
		       !ckd_mul(ret, v, units[i].factor);
	}
	return false;
}

static void format_unit(uint64_t v, const struct unit *units, size_t n,
			char *dst, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		if (v % units[i].factor == 0 || i == n - 1) {
			(void)snprintf(dst, size, "%" PRIu64 "%c",
				       v / units[i].factor, units[i].name);
			return;
		}
	}
}

bool scalar_size(struct str s, uint64_t *ret)
{
	return parse_unit(s, sizes, N_ELEMS(sizes), ret);
}

bool scalar_time(struct str s, uint64_t *ret)
{
	return parse_unit(s, times, N_ELEMS(times), ret);
}

void scalar_size_format(uint64_t v, char *dst, size_t size)
{
	format_unit(v, sizes, N_ELEMS(sizes), dst, size);
}

void scalar_time_format(uint64_t v, char *dst, size_t size)
{
	format_unit(v, times, N_ELEMS(times), dst, size);
}

bool scalar_cpu(struct str s, uint64_t *ret)
{
	bool point = s.len > 0 && memchr(s.ptr, '.', s.len);
	uint64_t whole, fraction = 0;
	struct str left;

	if (!str_cut(&s, '.', &left) || !str_u64(left, 0, UINT32_MAX, &whole) ||
	    s.len > 3 || point != (s.len > 0))
		return false;
	for (size_t i = 0; i < 3; i++) {
		char c = i < s.len ? s.ptr[i] : '0';

		if (c < '0' || c > '9')
			return false;
		fraction = fraction * 10 + (uint64_t)(c - '0');
	}
	*ret = whole * 1000 + fraction; /* cannot overflow: whole < 2^32 */
	return true;
}

void scalar_cpu_format(uint64_t v, char *dst, size_t size)
{
	unsigned part = (unsigned)(v % 1000);
	int places = 3;

	if (part == 0) {
		(void)snprintf(dst, size, "%" PRIu64, v / 1000);
		return;
	}
	for (; part % 10 == 0; part /= 10)
		places--;
	(void)snprintf(dst, size, "%" PRIu64 ".%0*u", v / 1000, places, part);
}

bool scalar_is_env_name(struct str s, bool pattern)
{
	bool literal = false;

	if (s.len == 0 || s.len > 255 || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '*' && pattern)
			continue;
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_')
			return false;
		literal = true;
	}
	return literal;
}

static void auto_idn(char **p)
{
	idn2_free(*p);
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

/* IDNA 2008 with the mappings of UTS 46, once, here. */
static bool to_ascii(struct str s, char ret[NET_NAME_MAX + 1])
{
	AUTO(idn) char *out = NULL;
	char in[4 * NET_NAME_MAX + 1];

	if (is_ascii(s))
		return net_name_parse(s, ret);
	if (s.len >= sizeof(in))
		return false;
	memcpy(in, s.ptr, s.len);
	in[s.len] = 0;
	if (idn2_to_ascii_8z(in, &out,
			     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL |
				     IDN2_USE_STD3_ASCII_RULES) != IDN2_OK)
		return false;
	return net_name_parse(str_of(out), ret);
}

const char *scalar_host(struct arena *a, struct str s, struct str *ret,
			bool *ret_subdomains)
{
	char name[NET_NAME_MAX + 1];
	struct in6_addr addr;

	*ret_subdomains = str_starts(s, STR("*."));
	if (*ret_subdomains)
		s = str_skip(s, 2);
	if (s.len == 0)
		return "empty";
	if (str_eq(s, STR("*")))
		return "name hosts; \"*.\" stands only before a name";
	if (memchr(s.ptr, '*', s.len))
		return "* stands only in front, as \"*.name\"";
	if (net_addr_parse(s, &addr) || memchr(s.ptr, ':', s.len))
		return "no address and no port here; use cidr and ports";
	if (memchr(s.ptr, '/', s.len))
		return "a host name, not a URL";
	if (!to_ascii(s, name))
		return "not a host name";
	*ret = arena_str(a, str_of(name));
	return NULL;
}

bool scalar_path_variable(struct str s, struct str *ret_name,
			  struct str *ret_rest)
{
	size_t n = 1;

	if (s.len == 0 || s.ptr[0] != '$')
		return false;
	while (n < s.len && s.ptr[n] != '/')
		n++;
	*ret_name = (struct str){ .ptr = s.ptr + 1, .len = n - 1 };
	*ret_rest = str_skip(s, n);
	return true;
}

static bool is_known_variable(struct str name)
{
	if (str_eq(name, STR("HOME")) || str_eq(name, STR("SSH_AUTH_SOCK")))
		return true;
	if (!str_starts(name, STR("XDG_")) || name.len == 4)
		return false;
	for (size_t i = 4; i < name.len; i++) {
		if (!(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') &&
		    name.ptr[i] != '_')
			return false;
	}
	return true;
}

/* Terminals, logs and mount tables are lines; names with controls forge. */
static bool has_control(struct str s)
{
	while (s.len > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069))
			return true;
		s = str_skip(s, n);
	}
	return false;
}

static const char *check_glob(struct str s)
{
	struct str rest = s, part;

	if (!glob_is_valid(s))
		return "not a glob";
	while (glob_is_pattern(s) && str_cut(&rest, '/', &part)) {
		if (str_eq(part, STR("..")))
			return "no .. in a glob";
	}
	return NULL;
}

const char *scalar_path_check(struct str s, bool glob)
{
	struct str name, rest = s;

	if (s.len == 0)
		return "empty";
	if (s.len > PATH_LIMIT)
		return "too long";
	if (has_control(s))
		return "control characters";
	if (s.ptr[0] == '~' && s.len > 1 && s.ptr[1] != '/')
		return "only one's own home, as ~/";
	if (scalar_path_variable(s, &name, &rest) && !is_known_variable(name))
		return "only $HOME, $SSH_AUTH_SOCK and $XDG_* are known, at "
		       "the beginning and without braces";
	if (rest.len > 0 && memchr(rest.ptr, '$', rest.len))
		return "a variable stands at the beginning";
	if (glob)
		return check_glob(s);
	if (glob_is_pattern(s))
		return "no globs here; only files.hide has them";
	return NULL;
}
