/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The page is one file: no script, no font, no picture from elsewhere, and a
 * policy in its head that forbids all of them, so that a name that some day
 * slips through as mark-up still loads and runs nothing.  The only style
 * allowed is the one whose hash the policy names (the tests compute it).
 * Colours are those of the reader's light or dark setting.
 *
 * All texts of records go through html_add(); everything else is ours.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "ledger/html.h"
#include "ledger/story-view.h"

#define ROWS_SHOWN  2000u /* of a table, unless all are wanted */
#define LANE_HEIGHT 34u
#define LANE_LEFT   90u
#define PLOT_WIDTH  840u
#define TREE_SHOWN  500u

#define STYLE                                                                  \
	":root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#57606a;" \
	"--line:#d0d7de;--bad:#b3261e;--warn:#8a5300;--good:#1a6b34;"          \
	"--bar:#0b5cad}"                                                       \
	"@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#14171a;"   \
	"--soft:#a8b1bb;--line:#3a4149;--bad:#ff8a80;--warn:#ffb74d;"          \
	"--good:#7bd88f;--bar:#6cb6ff}}"                                       \
	"body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);"             \
	"background:var(--bg);max-width:62rem;margin:2rem auto;padding:0 "     \
	"1rem}"                                                                \
	"h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.1rem;"      \
	"margin-top:2rem;border-bottom:1px solid var(--line)}"                 \
	"table{border-collapse:collapse;width:100%}caption{text-align:left;"   \
	"color:var(--soft);padding:.3rem 0}th,td{text-align:left;"             \
	"vertical-align:top;padding:.2rem .8rem .2rem 0;"                      \
	"border-bottom:1px solid var(--line);overflow-wrap:anywhere}"          \
	"td.n,th.n{text-align:right;white-space:nowrap}"                       \
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem "     \
	"1rem}"                                                                \
	"dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"             \
	"code,pre,.m{font:13px/1.5 ui-monospace,monospace}"                    \
	".bad{color:var(--bad)}.warn{color:var(--warn)}.good{color:"           \
	"var(--good)}.soft{color:var(--soft)}svg{width:100%;height:auto}"      \
	"svg text{fill:var(--fg);font:12px system-ui,sans-serif}"              \
	"svg rect{fill:var(--bar)}svg .bad{fill:var(--bad)}"                   \
	"svg line{stroke:var(--line)}"
/* openssl dgst -sha256 -binary | base64 */
#define STYLE_HASH "7Vi4UB+Fwl21jINJkjP7QvPw/29YMvmi/WsylZpDtas="

struct page {
	const struct story *s;
	const struct story_view *view;
	struct buf *b;
};

static void raw(struct page *p, const char *html)
{
	(void)buf_add(p->b, str_of(html));
}

static void text(struct page *p, struct str s)
{
	html_add(p->b, s);
}

static void put_time(struct page *p, uint64_t at_ns)
{
	char t[40];

	clock_format_utc(at_ns, t, sizeof(t));
	/* To the millisecond: "2026-11-20T20:21:22.123" and the Z. */
	(void)buf_printf(p->b,
			 "<time datetime=\"%.23sZ\">%.10s %.12s UTC</time>", t,
			 t, t + 11);
}

/* ---- the head ---- */

static void put_start(struct page *p)
{
	raw(p, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	       "<meta charset=\"utf-8\">\n"
	       "<meta http-equiv=\"Content-Security-Policy\" content=\""
	       "default-src 'none'; style-src 'sha256-" STYLE_HASH
	       "'; base-uri 'none'; form-action 'none'\">\n"
	       "<meta name=\"referrer\" content=\"no-referrer\">\n"
	       "<meta name=\"viewport\" content=\"width=device-width, "
	       "initial-scale=1\">\n<title>Session ");
	text(p, p->s->id);
	raw(p, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n"
	       "<h1>Session ");
	text(p, p->s->id);
	raw(p, "</h1>\n");
}

static void item(struct page *p, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	(void)buf_printf(p->b, "<dt>%s</dt><dd>", name);
	text(p, value);
	raw(p, "</dd>\n");
}

static void put_summary(struct page *p)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const struct json *o = p->s->open.fields;
	uint64_t from = o ? p->s->open.head.at : p->s->first_at;

	buf_init(&b, RECORD_MAX_BYTES);
	raw(p, "<dl>\n");
	story_format_end(p->s, &b);
	item(p, "State", buf_str(&b));
	item(p, "Reason", json_find_str(p->s->close.fields, "reason"));
	item(p, "User", json_find_str(o, "user"));
	item(p, "Task", json_find_str(o, "task"));
	item(p, "Command", json_find_str(o, "argv"));
	item(p, "Directory", json_find_str(o, "cwd"));
	raw(p, "<dt>From</dt><dd>");
	put_time(p, from);
	raw(p, "</dd>\n");
	if (story_is_over(p->s)) {
		raw(p, "<dt>To</dt><dd>");
		put_time(p, p->s->close.head.at);
		raw(p, "</dd>\n");
	}
	buf_clear(&b);
	story_format_ns(story_elapsed_ns(p->s, p->view->now_ns), &b);
	item(p, "Took", buf_str(&b));
	item(p, "Policy", json_find_str(o, "policy"));
	item(p, "Policy file", json_find_str(o, "file"));
	item(p, "Profile", json_find_str(o, "profile"));
	item(p, "Layers", json_find_str(o, "layers"));
	buf_clear(&b);
	story_format_walls(p->s, &b);
	item(p, "Walls", buf_str(&b));
	buf_clear(&b);
	story_format_said(p->s, &b);
	item(p, "Said by the agent", buf_str(&b));
	raw(p, "</dl>\n");
}

/* ---- the timeline ---- */

static const char *const lanes[STORY_LANE_MAX_] = {
	[STORY_LANE_RAN] = "ran",         [STORY_LANE_CHANGED] = "changed",
	[STORY_LANE_READ] = "read",       [STORY_LANE_NET] = "network",
	[STORY_LANE_REFUSED] = "refused", [STORY_LANE_LIMIT] = "limits",
};

/* Twice as high for each 4 times as many: one is seen beside thousands. */
static unsigned bar_height(uint32_t n)
{
	unsigned h = 6;

	for (; n > 1 && h < LANE_HEIGHT - 6; n /= 2)
		h += 2;
	return h;
}

static size_t used_bins(const struct story *s)
{
	size_t n = 0;

	for (size_t lane = 0; lane < STORY_LANE_MAX_; lane++) {
		for (size_t i = n; i < STORY_BINS; i++)
			n = s->bins[lane][i] > 0 ? i + 1 : n;
	}
	return n > 0 ? n : 1;
}

static uint64_t lane_sum(const struct story *s, size_t lane)
{
	uint64_t n = 0;

	for (size_t i = 0; i < STORY_BINS; i++)
		n += s->bins[lane][i];
	return n;
}

static void put_lane(struct page *p, size_t lane, size_t n_bins, unsigned y)
{
	unsigned width = PLOT_WIDTH / (unsigned)n_bins;

	if (width < 2)
		width = 2;
	if (width > 12)
		width = 12;
	(void)buf_printf(p->b,
			 "<text x=\"0\" y=\"%u\">%s</text>"
			 "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n",
			 y + LANE_HEIGHT - 4, lanes[lane], LANE_LEFT,
			 y + LANE_HEIGHT, LANE_LEFT + PLOT_WIDTH,
			 y + LANE_HEIGHT);
	for (size_t i = 0; i < n_bins; i++) {
		uint32_t n = p->s->bins[lane][i];
		unsigned h = bar_height(n);

		if (n == 0)
			continue;
		(void)buf_printf(
			p->b,
			"<rect x=\"%zu\" y=\"%u\" width=\"%u\" "
			"height=\"%u\"%s><title>%" PRIu32 " %s, after ",
			LANE_LEFT + i * (PLOT_WIDTH - width) / n_bins,
			y + LANE_HEIGHT - h, width, h,
			lane == STORY_LANE_REFUSED || lane == STORY_LANE_LIMIT
				? " class=\"bad\""
				: "",
			n, lanes[lane]);
		story_format_ns(i * p->s->bin_ns, p->b);
		raw(p, "</title></rect>\n");
	}
}

static void put_timeline(struct page *p)
{
	size_t n_bins = used_bins(p->s);
	unsigned n_lanes = 0, y = 0;

	for (size_t lane = 0; lane < STORY_LANE_MAX_; lane++)
		n_lanes += lane_sum(p->s, lane) > 0;
	raw(p, "<h2>Timeline</h2>\n");
	if (n_lanes == 0) {
		raw(p, "<p class=\"soft\">Nothing happened but start and end."
		       "</p>\n");
		return;
	}
	(void)buf_printf(p->b,
			 "<svg viewBox=\"0 0 %u %u\" role=\"img\" "
			 "aria-label=\"How often what happened when\">\n",
			 LANE_LEFT + PLOT_WIDTH, n_lanes * LANE_HEIGHT + 18);
	for (size_t lane = 0; lane < STORY_LANE_MAX_; lane++) {
		if (lane_sum(p->s, lane) == 0)
			continue;
		put_lane(p, lane, n_bins, y);
		y += LANE_HEIGHT;
	}
	(void)buf_printf(p->b, "<text x=\"%u\" y=\"%u\">start</text>",
			 LANE_LEFT, y + 15);
	(void)buf_printf(p->b, "<text x=\"%u\" y=\"%u\" text-anchor=\"end\">+ ",
			 LANE_LEFT + PLOT_WIDTH, y + 15);
	story_format_ns(n_bins * p->s->bin_ns, p->b);
	raw(p, "</text>\n</svg>\n");
}

/* ---- tables ---- */

enum cell {
	CELL_NAME,
	CELL_ABOUT,
	CELL_HINT,
	CELL_WHAT,
	CELL_FACTS,
	CELL_BYTES,
};

/* A table of the page: its columns before those that all of them have. */
static const struct sheet {
	enum story_table_id id;
	const char *heading, *caption, *mark;
	struct {
		const char *title;
		enum cell cell;
	} columns[4];
} sheets[] = {
	{ STORY_LATER,
	  "Changed files that run later outside",
	  "Programs outside the yard may run these; look at them first.",
	  "warn",
	  { { "What", CELL_WHAT },
	    { "Path", CELL_NAME },
	    { "Why it matters", CELL_ABOUT },
	    { "Detail", CELL_HINT } } },
	{ STORY_REFUSED,
	  "Refused",
	  "What the policy or the walls did not let happen.",
	  "bad",
	  { { "What", CELL_NAME },
	    { "Why", CELL_ABOUT },
	    { "What would allow it", CELL_HINT } } },
	{ STORY_LIMITS,
	  "Limits",
	  "Limits that were met.",
	  "bad",
	  { { "Limit", CELL_NAME },
	    { "Why", CELL_ABOUT },
	    { "What would raise it", CELL_HINT } } },
	{ STORY_HOSTS,
	  "Connected",
	  "Destinations granted by the policy.",
	  NULL,
	  { { "Destination", CELL_NAME },
	    { "Rule", CELL_ABOUT },
	    { "Bytes in, out", CELL_BYTES } } },
	{ STORY_PROGRAMS,
	  "Ran",
	  "Programs, by how often they were executed.",
	  NULL,
	  { { "Program", CELL_NAME }, { "First with", CELL_HINT } } },
	{ STORY_FILES,
	  "Files",
	  "Files, by how often they were opened or changed.",
	  NULL,
	  { { "Path", CELL_NAME }, { "What was done", CELL_FACTS } } },
	{ STORY_SOCKETS,
	  "Sockets",
	  "Addresses as programs asked for them.",
	  NULL,
	  { { "Address", CELL_NAME }, { "Call", CELL_ABOUT } } },
	{ STORY_OTHER,
	  "Also",
	  "Further kinds of records.",
	  NULL,
	  { { "Kind", CELL_NAME } } },
};

static void put_cell(struct page *p, const struct story_row *r, enum cell c)
{
	switch (c) {
	case CELL_NAME:
		text(p, story_path(p->s, r->name));
		break;
	case CELL_ABOUT:
		text(p, r->about);
		break;
	case CELL_HINT:
		text(p, r->hint);
		break;
	case CELL_WHAT:
		text(p, r->what);
		break;
	case CELL_FACTS:
		story_format_facts(r->facts, p->b);
		break;
	case CELL_BYTES:
	default:
		if (r->bytes_in + r->bytes_out == 0)
			break;
		story_format_bytes(r->bytes_in, p->b);
		raw(p, ", ");
		story_format_bytes(r->bytes_out, p->b);
		break;
	}
}

static void put_row(struct page *p, const struct sheet *t,
		    const struct story_row *r)
{
	raw(p, r->urgent ? "<tr class=\"bad\">" : "<tr>");
	for (size_t i = 0; i < N_ELEMS(t->columns) && t->columns[i].title;
	     i++) {
		raw(p, t->columns[i].cell == CELL_NAME ? "<td class=\"m\">"
						       : "<td>");
		put_cell(p, r, t->columns[i].cell);
		raw(p, "</td>");
	}
	(void)buf_printf(p->b, "<td class=\"n\">%" PRIu64 "</td>", r->count);
	if (r->first == r->last)
		(void)buf_printf(p->b, "<td class=\"n\">%" PRIu64 "</td>",
				 r->first);
	else
		(void)buf_printf(
			p->b, "<td class=\"n\">%" PRIu64 " to %" PRIu64 "</td>",
			r->first, r->last);
	raw(p,
	    r->claimed ? "<td>claimed</td></tr>\n" : "<td>kernel</td></tr>\n");
}

static void put_sheet(struct page *p, const struct sheet *t)
{
	const struct story_table *rows = story_table(p->s, t->id);
	const struct story_row **v = NULL;
	size_t n_rows = story_n_rows(rows);
	size_t n = p->view->all || n_rows <= ROWS_SHOWN ? n_rows : ROWS_SHOWN;

	if (rows->total == 0)
		return;
	if (story_sort(rows, &v) != 0) {
		p->b->failed = true;
		return;
	}
	(void)buf_printf(p->b, "<h2%s%s%s>%s</h2>\n<table>\n<caption>%s",
			 t->mark ? " class=\"" : "", t->mark ? t->mark : "",
			 t->mark ? "\"" : "", t->heading, t->caption);
	if (n < n_rows || rows->left_out > 0)
		(void)buf_printf(p->b,
				 " The first %zu of %zu rows; %" PRIu64
				 " further times are counted without a row.",
				 n, n_rows, rows->left_out);
	raw(p, "</caption>\n<thead><tr>");
	for (size_t i = 0; i < N_ELEMS(t->columns) && t->columns[i].title; i++)
		(void)buf_printf(p->b, "<th scope=\"col\">%s</th>",
				 t->columns[i].title);
	raw(p,
	    "<th scope=\"col\" class=\"n\">Times</th>"
	    "<th scope=\"col\" class=\"n\">Records</th>"
	    "<th scope=\"col\" class=\"n\">Trust</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < n; i++)
		put_row(p, t, v[i]);
	raw(p, "</tbody>\n</table>\n");
	free(v);
}

static void put_node(struct page *p, const struct story_node *n, unsigned depth)
{
	(void)buf_printf(p->b, "%*s", (int)(depth < 40 ? depth : 40) * 2, "");
	text(p, n->name);
	if (n->count > 1)
		(void)buf_printf(p->b, " x%" PRIu64, n->count);
	raw(p, "\n");
}

static void put_tree(struct page *p)
{
	const struct story *s = p->s;
	uint32_t n = s->nodes[0].child;
	unsigned depth = 0;
	size_t shown = 0;

	if (n == 0)
		return;
	raw(p, "<h2>Who started what</h2>\n<pre>");
	while (n != 0 && (shown < TREE_SHOWN || p->view->all)) {
		shown += s->nodes[n].count > 0;
		if (s->nodes[n].count > 0)
			put_node(p, &s->nodes[n], depth);
		if (s->nodes[n].child != 0) {
			n = s->nodes[n].child;
			depth++;
			continue;
		}
		while (n != 0 && s->nodes[n].next == 0) {
			n = s->nodes[n].parent;
			depth--;
		}
		n = s->nodes[n].next;
	}
	raw(p, n != 0 ? "...</pre>\n" : "</pre>\n");
}

/* ---- cost and evidence ---- */

static uint64_t used(const struct page *p, const char *key)
{
	int64_t v = json_find_int(p->s->close.fields, key, 0);

	return v > 0 ? (uint64_t)v : 0;
}

static void put_cost(struct page *p)
{
	AUTO(buf) struct buf b = BUF_NULL;

	if (!story_is_over(p->s))
		return;
	buf_init(&b, RECORD_MAX_BYTES);
	raw(p, "<h2>Cost</h2>\n<dl>\n");
	story_format_ns((used(p, "utime_us") + used(p, "stime_us")) %
				(1ull << 50) * 1000,
			&b);
	item(p, "Processor time", buf_str(&b));
	buf_clear(&b);
	story_format_bytes(used(p, "maxrss_kb") * 1024, &b);
	item(p, "Memory, at most", buf_str(&b));
	buf_clear(&b);
	story_format_bytes(used(p, "bytes_in"), &b);
	item(p, "Bytes in", buf_str(&b));
	buf_clear(&b);
	story_format_bytes(used(p, "bytes_out"), &b);
	item(p, "Bytes out", buf_str(&b));
	if (used(p, "ledger_ms") >= STORY_WAITED_MS) {
		buf_clear(&b);
		story_format_ns(used(p, "ledger_ms") % (1ull << 40) * NS_PER_MS,
				&b);
		item(p, "Waited for the ledger", buf_str(&b));
	}
	raw(p, "</dl>\n");
}

static void put_proof(struct page *p)
{
	(void)buf_printf(p->b,
			 "<h2>Evidence</h2>\n<p>%" PRIu64
			 " records of the ledger, numbers %" PRIu64
			 " to %" PRIu64 ". <code>bawn ledger verify</code> "
			 "checks that none was changed or taken away, "
			 "<code>bawn ledger prove N</code> makes a receipt for "
			 "one that others can check, <code>bawn ledger query "
			 "seq = N</code> prints it. "
			 "Rows marked <i>claimed</i> hold texts that a process "
			 "inside chose.</p>\n",
			 p->s->n_records, p->s->first, p->s->last);
	if (p->view->checkpoint.len > 0) {
		raw(p, "<p>The ledger's checkpoint when this page was made:"
		       "</p>\n<pre>");
		text(p, p->view->checkpoint);
		raw(p, "</pre>\n");
	}
	raw(p, "<p class=\"soft\">Made ");
	put_time(p, p->view->now_ns);
	raw(p, " by bawn.</p>\n");
}

void story_html(const struct story *s, const struct story_view *view,
		struct buf *b)
{
	struct page p = { .s = s, .view = view, .b = b };

	put_start(&p);
	put_summary(&p);
	put_timeline(&p);
	for (size_t i = 0; i < N_ELEMS(sheets); i++) {
		if (sheets[i].id == STORY_PROGRAMS)
			put_tree(&p);
		put_sheet(&p, &sheets[i]);
	}
	put_cost(&p);
	put_proof(&p);
	raw(&p, "</main>\n</body>\n</html>\n");
}
