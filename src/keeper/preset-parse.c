/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/preset-parse.h"

#include <inttypes.h>

#define HTTPS_PORT 443u
#define KEY_DIGITS 16u /* of each half */

static bool has(const struct preset_answer *p, const char *name, uint32_t port)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->hosts[i].port == port && strcmp(p->names[i], name) == 0)
			return true;
	}
	return false;
}

static bool add_host(struct preset_answer *p, struct str line)
{
	struct str host, rest = line;
	bool has_port = rest.len > 0 && memchr(rest.ptr, ':', rest.len);
	uint32_t port = HTTPS_PORT;
	char *name = p->names[p->n];

	if (!str_cut(&rest, ':', &host) || !net_name_parse(host, name))
		return false;
	if (has_port && !str_u32(rest, 1, UINT16_MAX, &port))
		return false;
	if (!has(p, name, port))
		p->hosts[p->n++] = (struct policy_preset_host){
			.host = str_of(name),
			.port = (uint16_t)port,
		};
	return true;
}

size_t preset_parse(struct str text, struct preset_answer *ret)
{
	struct str line;
	size_t bad = 0;

	ret->n = 0;
	while (ret->n < PRESET_MAX_HOSTS && str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.len > 0 && !add_host(ret, line))
			bad++;
	}
	return bad;
}

static bool hex_digit(char c, uint64_t *ret)
{
	bool digit = c >= '0' && c <= '9';

	*ret = (uint64_t)(digit ? c - '0' : c - 'a' + 10);
	return digit || (c >= 'a' && c <= 'f');
}

static bool parse_key(struct str word, uint64_t ret[2])
{
	uint64_t digit;

	if (word.len != 2 * KEY_DIGITS)
		return false;
	ret[0] = ret[1] = 0;
	for (size_t i = 0; i < word.len; i++) {
		uint64_t *half = &ret[i / KEY_DIGITS];

		if (!hex_digit(word.ptr[i], &digit))
			return false;
		*half = *half << 4 | digit;
	}
	return true;
}

bool preset_parse_file(struct str text, struct preset_answer *ret)
{
	struct str line, word;

	ret->n = 0;
	if (!str_cut(&text, '\n', &line) || !str_word(&line, &word) ||
	    !parse_key(word, ret->key) ||
	    !str_u64(str_trim(line), 1, UINT64_MAX, &ret->at_s))
		return false;
	(void)preset_parse(text, ret);
	return true;
}

void preset_format(const struct preset_answer *p, struct buf *b)
{
	(void)buf_printf(b, "%016" PRIx64 "%016" PRIx64 " %" PRIu64 "\n",
			 p->key[0], p->key[1], p->at_s);
	for (size_t i = 0; i < p->n; i++)
		(void)buf_printf(b, "%s:%u\n", p->names[i],
				 (unsigned)p->hosts[i].port);
}
