/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a text that may be a plan.  The laws:
 *   1. what is accepted never maps the host's root, never names a target or a
 *      source that is not absolute and normal, and keeps all limits;
 *   2. written and read again it is the same: writing once more gives the same
 *      bytes.
 */
#include "base/path.h"
#include "jail/plan.h"

#define ROOM ((size_t)16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_normal(const char *path)
{
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 64 * 1024);
	return path[0] == '/' &&
	       str_eq(path_normalise(&a, STR("/"), str_of(path)), str_of(path));
}

static void check_mounts(const struct plan *p)
{
	law(p->n_mounts <= PLAN_MAX_MOUNTS);
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		law(m->op > 0 && m->op < PLAN_OP_MAX_);
		law(is_normal(m->dst) && strcmp(m->dst, "/") != 0);
		law(m->mode <= 01777);
		if (m->op == PLAN_BIND || m->op == PLAN_SOCKET)
			law(is_normal(m->src));
		if (m->op == PLAN_FILE || m->op == PLAN_SYMLINK)
			law(m->text != NULL);
	}
}

static void check_ranges(const struct plan *p)
{
	law(p->n_classes <= PLAN_MAX_CLASSES && p->n_cidrs <= PLAN_MAX_CIDRS);
	for (size_t i = 0; i < p->n_classes; i++) {
		law(p->classes[i].v4_bits <= 32 &&
		    p->classes[i].v6_bits <= 128);
		law(p->classes[i].n_ports <= PLAN_MAX_PORTS);
	}
	for (size_t i = 0; i < p->n_cidrs; i++) {
		law(p->cidrs[i].bits <= 128);
		law(p->cidrs[i].n_ports <= PLAN_MAX_PORTS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf once = BUF_NULL;
	AUTO(buf) struct buf twice = BUF_NULL;
	struct plan p, again;
	struct diag why;
	int r;

	arena_init(&a, ROOM);
	r = plan_parse(&a, text, &p, &why);
	law(r == 0 || r == 1 || r == -ENOMEM);
	if (r != 0)
		return 0;

	law(p.backend == PLAN_LANDLOCK || (p.host_uid != 0 && p.host_gid != 0));
	law(is_normal(p.project) && is_normal(p.cwd) && is_normal(p.home));
	check_mounts(&p);
	check_ranges(&p);

	buf_init(&once, PLAN_MAX_BYTES);
	buf_init(&twice, PLAN_MAX_BYTES);
	plan_format(&p, &once);
	if (once.failed)
		return 0; /* escapes may make it longer than a plan may be */
	r = plan_parse(&a, buf_str(&once), &again, &why);
	law(r == 0 || r == -ENOMEM);
	if (r != 0)
		return 0;
	plan_format(&again, &twice);
	law(!twice.failed && str_eq(buf_str(&once), buf_str(&twice)));
	return 0;
}
