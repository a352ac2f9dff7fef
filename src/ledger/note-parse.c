/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   note   = text LF 1*32sig                      the last empty line parts them
 *   text   = *( line LF )                         UTF-8, no control characters
 *   sig    = %xE2.80.94 SP name SP base64 LF      4 bytes of key id, signature
 *   name   = 1*200 of UTF-8 without spaces and "+"
 *   vkey   = name "+" 8HEXDIG "+" base64          lower case; type byte, key
 *
 * c2sp.org/signed-note leaves the limits to us; it asks for 16 signatures.
 */
#include "ledger/note.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/utf8.h"

#define SIG_MAX_BYTES 8192u /* of other algorithms */

static bool is_space(uint32_t c)
{
	return c <= 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

bool note_is_name(struct str s)
{
	uint32_t c;

	if (s.len == 0 || s.len > NOTE_NAME_MAX)
		return false;
	while (s.len > 0) {
		size_t n = utf8_decode(s, &c);

		if (n == 0 || is_space(c) || c == '+' || c == 0x7f)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

static bool is_text(struct str s)
{
	uint32_t c;

	while (s.len > 0) {
		size_t n = utf8_decode(s, &c);

		if (n == 0 || (c < 0x20 && c != '\n'))
			return false;
		s = str_skip(s, n);
	}
	return true;
}

static uint32_t get_id(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static bool parse_sig(struct str line, struct note_sig *ret)
{
	static const struct str dash = STR("\xe2\x80\x94 ");
	uint8_t raw[SIG_MAX_BYTES];
	size_t len = 0;

	if (!str_starts(line, dash))
		return false;
	line = str_skip(line, dash.len);
	if (!str_cut(&line, ' ', &ret->name) || !note_is_name(ret->name) ||
	    !base64_read(line, raw, sizeof(raw), &len) || len < 5)
		return false;
	ret->id = get_id(raw);
	ret->sig = line;
	return true;
}

bool note_parse(struct str all, struct note *ret)
{
	struct str rest, line;
	size_t at = all.len;

	*ret = (struct note){ .n = 0 };
	if (all.len < 3 || all.len > NOTE_MAX_BYTES ||
	    all.ptr[all.len - 1] != '\n' || !is_text(all))
		return false;
	/* The last LF LF: what is before its second LF is the text. */
	while (at >= 2 && !(all.ptr[at - 1] == '\n' && all.ptr[at - 2] == '\n'))
		at--;
	if (at < 2)
		return false;
	ret->text = (struct str){ all.ptr, at - 1 };
	rest = str_skip(all, at);
	while (str_cut(&rest, '\n', &line)) {
		if (ret->n == NOTE_SIGNATURES_MAX ||
		    !parse_sig(line, &ret->sigs[ret->n]))
			return false;
		ret->n++;
	}
	return ret->n > 0;
}

uint32_t note_key_id(struct hash *h, struct str name, enum note_type type,
		     const uint8_t public[NOTE_KEY_BYTES])
{
	uint8_t tail[2 + NOTE_KEY_BYTES] = { '\n', (uint8_t)type };
	struct digest d;

	memcpy(tail + 2, public, NOTE_KEY_BYTES);
	hash_three(h, name, (struct str){ (char *)tail, sizeof(tail) }, STR(""),
		   &d);
	return get_id(d.b);
}

bool note_vkey_parse(struct hash *h, struct str text, enum note_type type,
		     struct note_key *ret)
{
	uint8_t raw[1 + NOTE_KEY_BYTES];
	struct note_key k = { .type = type };
	char hex[16];
	struct str name, id;
	size_t len = 0;

	if (!str_cut(&text, '+', &name) || !str_cut(&text, '+', &id) ||
	    !note_is_name(name) || !base64_read(text, raw, sizeof(raw), &len) ||
	    len != sizeof(raw) || raw[0] != type)
		return false;
	memcpy(k.name, name.ptr, name.len);
	memcpy(k.public, raw + 1, NOTE_KEY_BYTES);
	k.id = note_key_id(h, name, type, k.public);
	(void)snprintf(hex, sizeof(hex), "%08x", k.id);
	if (!str_eq(id, str_of(hex)))
		return false;
	*ret = k;
	return true;
}

void note_vkey_add(struct buf *b, const struct note_key *k)
{
	uint8_t raw[1 + NOTE_KEY_BYTES] = { (uint8_t)k->type };

	memcpy(raw + 1, k->public, NOTE_KEY_BYTES);
	(void)buf_printf(b, "%s+%08x+", k->name, k->id);
	base64_add(b, (struct str){ (char *)raw, sizeof(raw) });
}
