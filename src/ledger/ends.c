/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Few lines open or close a session, so each is first searched for the text
 * that only those have: strings hold no bare quote, so it is a member.
 */
#include "ledger/ends.h"

#include "ledger/reader.h"
#include "ledger/record-parse.h"

static bool holds(struct str line, struct str mark)
{
	return memmem(line.ptr, line.len, mark.ptr, mark.len) != NULL;
}

static void look(struct str line, struct ledger_end *v, size_t n)
{
	bool open = holds(line, STR(",\"kind\":\"session.open\","));
	bool close = !open && holds(line, STR(",\"kind\":\"session.close\","));
	struct record_line l;

	if (!(open || close) || !record_line_scan(line, &l))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(l.session, v[i].session))
			continue;
		v[i].opened = v[i].opened || open;
		v[i].closed = v[i].closed || close;
	}
}

int ledger_ends(const char *dir, uint64_t lines, struct ledger_end *v, size_t n)
{
	AUTO(reader) struct reader *r = NULL;
	struct reader_line l;
	int x = reader_open(&r, dir);

	if (x == 0)
		x = reader_seek_last(r, lines);
	while (x == 0 || x == READER_LONG) {
		x = reader_next(r, &l);
		if (x == 0)
			look(l.text, v, n);
	}
	return x < 0 ? x : 0;
}
