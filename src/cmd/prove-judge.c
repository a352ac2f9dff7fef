/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/prove-judge.h"

#define PROBE_FORMAT 1

static const struct prove_class class_names[PROVE_CLASS_MAX_] = {
	[PROVE_HANDOVER] = { "handover", "what it is given at its start" },
	[PROVE_KERNEL] = { "kernel", "calls in each ABI, families of sockets" },
	[PROVE_PROC] = { "proc", "other processes, knobs of the system" },
	[PROVE_FS] = { "fs", "files outside, devices, set-id files" },
	[PROVE_WTX] = { "wtx", "project files that run later, outside" },
	[PROVE_IPC] = { "ipc", "daemons' sockets, keys, the terminal" },
	[PROVE_NET] = { "net", "direct dialling, names, routes" },
};

static struct prove_class *find_class(struct prove_sum *s, struct str name)
{
	for (size_t i = 0; i < PROVE_CLASS_MAX_; i++) {
		if (str_eq(name, str_of(s->classes[i].name)))
			return &s->classes[i];
	}
	return NULL;
}

static void note_reachable(struct arena *a, struct prove_sum *s,
			   struct prove_class *c, const struct json *row)
{
	struct str id = json_find_str(row, "id");
	const struct prove_reason *r = prove_reason_find(id, s->landlock);
	enum lack lack = s->landlock ? prove_lack_find(id) : LACK_MAX_;

	if (lack != LACK_MAX_) {
		s->lacked[lack]++;
		c->excepted++;
		return;
	}
	if (r) {
		s->used[r - prove_reasons] = true;
		c->excepted++;
		return;
	}
	if (s->open < PROVE_OPEN_MAX) {
		s->opened[s->open].id = arena_str(a, id);
		s->opened[s->open].what =
			arena_str(a, json_find_str(row, "what"));
	}
	s->open++;
	c->open++;
}

/* False: not a row of the program. */
static bool note_row(struct arena *a, struct prove_sum *s,
		     const struct json *row)
{
	struct prove_class *c = find_class(s, json_find_str(row, "class"));
	struct str outcome = json_find_str(row, "outcome");

	if (!c || json_find_str(row, "id").len == 0)
		return false;
	if (str_eq(outcome, STR("refused")))
		c->refused++;
	else if (str_eq(outcome, STR("absent")))
		c->absent++;
	else if (str_eq(outcome, STR("untried")))
		c->untried++;
	else if (str_eq(outcome, STR("reachable")))
		note_reachable(a, s, c, row);
	else
		return false;
	c->rows++;
	s->rows++;
	return true;
}

static int complain(struct diag *reterr, unsigned line, const char *what)
{
	diag_set(reterr, line, 0, "%s", what);
	return 1;
}

int prove_judge(struct arena *a, struct str text, bool landlock,
		struct prove_sum *ret, struct diag *reterr)
{
	struct str line;
	unsigned n = 0;

	*ret = (struct prove_sum){ .landlock = landlock };
	for (size_t i = 0; i < PROVE_CLASS_MAX_; i++)
		ret->classes[i] = class_names[i];
	if (text.len == 0 || text.ptr[text.len - 1] != '\n')
		return complain(reterr, 0, "the last line has no end");
	while (str_cut(&text, '\n', &line)) {
		struct json *row = NULL;
		int r = json_parse(a, line, &row, NULL);

		n++;
		if (r < 0)
			return r;
		if (r > 0)
			return complain(reterr, n, "not JSON");
		if (n == 1 && json_find_int(row, "probe", 0) != PROBE_FORMAT)
			return complain(reterr, n, "another program's output");
		if (n > 1 && !note_row(a, ret, row))
			return complain(reterr, n, "not a row");
	}
	if (ret->rows < PROVE_ROWS_MIN)
		return complain(reterr, 0, "not all was tried");
	return a->failed ? -ENOMEM : 0;
}
