/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as text.  What is foreign stands in quotes with JSON's escapes, of
 * which YAML's double quotes are a superset, or sanitised in a comment.
 */
#include "policy/import.h"

#include "base/json.h"

#define COLUMN 44u /* of the comment behind a line */
#define SHOWN  160u

static const char *const names[] = {
	[IMPORT_CLAUDE] = "Claude Code",
	[IMPORT_SRT] = "sandbox-runtime",
};

/* Nothing that YAML could read as anything but this text. */
static bool is_plain(struct str s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._/-";
	bool path = str_starts(s, STR("/")) || str_starts(s, STR("./")) ||
		    str_eq(s, STR("."));

	for (size_t i = 0; i < s.len; i++) {
		if (!memchr(safe, s.ptr[i], sizeof(safe) - 1))
			return false;
	}
	return path;
}

static void put_scalar(struct buf *b, struct str s)
{
	struct json_out w = JSON_OUT(b);

	if (is_plain(s))
		(void)buf_add(b, s);
	else
		json_str(&w, s);
}

/* @key: as a comment in its column. */
static void put_from(struct buf *b, size_t start, struct str key)
{
	char shown[SHOWN];

	str_sanitise(key, shown, sizeof(shown));
	do
		(void)buf_addc(b, ' ');
	while (!b->failed && b->len - start < COLUMN);
	(void)buf_printf(b, "# %s\n", shown);
}

static void put_list(struct buf *b, const char *name,
		     const struct import_list *l)
{
	if (l->n == 0)
		return;
	(void)buf_printf(b, "  %s:\n", name);
	for (size_t i = 0; i < l->n; i++) {
		size_t start = b->len;

		(void)buf_add(b, STR("    - "));
		put_scalar(b, l->items[i].text);
		put_from(b, start, l->items[i].from);
	}
}

static void put_rules(struct buf *b, const char *name,
		      const struct import_list *l)
{
	if (l->n == 0)
		return;
	(void)buf_printf(b, "  %s:\n", name);
	for (size_t i = 0; i < l->n; i++) {
		const struct import_item *it = &l->items[i];
		size_t start = b->len;

		(void)buf_printf(b, "    - {%s: ", it->cidr ? "cidr" : "host");
		put_scalar(b, it->text);
		if (it->port != 0)
			(void)buf_printf(b, ", ports: [%u]",
					 (unsigned)it->port);
		(void)buf_addc(b, '}');
		put_from(b, start, it->from);
	}
}

static void put_blank(struct buf *b, const struct import_list *l)
{
	if (l->n == 0)
		return;
	(void)buf_add(b, STR("env:\n  set:\n"));
	for (size_t i = 0; i < l->n; i++) {
		size_t start = b->len;

		(void)buf_add(b, STR("    "));
		put_scalar(b, l->items[i].text);
		(void)buf_add(b, STR(": \"\""));
		put_from(b, start, l->items[i].from);
	}
}

static void put_notes(struct buf *b, const char *title,
		      const struct import_list *l)
{
	char key[SHOWN], why[240];

	if (l->n == 0)
		return;
	(void)buf_printf(b, "#\n# %s:\n", title);
	for (size_t i = 0; i < l->n; i++) {
		str_sanitise(l->items[i].text, key, sizeof(key));
		str_sanitise(l->items[i].from, why, sizeof(why));
		(void)buf_printf(b, "#   %s: %s\n", key, why);
	}
}

static const char always[] =
	"#\n"
	"# Not a matter of keys:\n"
	"#   - A session is the whole agent with all it starts, not a "
	"command.\n"
	"#   - \".\" is the project: the nearest directory above with a .git.\n"
	"#   - What files does not name is not there; the home directory and\n"
	"#     /tmp are private. There, everything else could be read.\n"
	"#   - A host has ports 80 and 443 where no port is said; there, all.\n"
	"#   - There, some files are never written whatever the settings say\n"
	"#     (.git/hooks, .git/config, .mcp.json, .vscode, .idea, shell\n"
	"#     start-up files, .claude/commands, .claude/agents). bawn has no\n"
	"#     such list: put into files.hide what no session may touch.\n";

void import_format(const struct import *im, struct str file, struct buf *b)
{
	char shown[SHOWN];

	str_sanitise(file, shown, sizeof(shown));
	(void)buf_printf(b,
			 "# Made by 'bawn policy import' from %s's settings\n"
			 "# in %s.\n"
			 "# Each line names the key it comes from; what was "
			 "left out is at the end.\n"
			 "version: 1\n",
			 names[im->tool], shown);
	if (im->nested.ptr) {
		size_t start = b->len;

		(void)buf_add(b, STR("nested: true"));
		put_from(b, start, im->nested);
	}
	(void)buf_add(b, STR("files:\n"));
	put_list(b, "read", &im->read);
	put_list(b, "write", &im->write);
	put_list(b, "hide", &im->hide);
	put_blank(b, &im->blank);
	(void)buf_add(b, STR("network:\n  default: deny\n"));
	put_rules(b, "deny", &im->deny);
	put_rules(b, "allow", &im->allow);
	put_notes(b, "Left out", &im->left_out);
	put_notes(b, "Different here", &im->remarks);
	(void)buf_add(b, str_of(always));
}
