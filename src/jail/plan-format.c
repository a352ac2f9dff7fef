/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/json.h"
#include "jail/plan-text.h"

const struct plan_op_row plan_ops[PLAN_OP_MAX_] = {
	[PLAN_BIND] = { "bind", PLAN_HAS_SRC | PLAN_HAS_WRITABLE |
					PLAN_HAS_NOEXEC | PLAN_HAS_PUBLIC },
	[PLAN_DIR] = { "dir", PLAN_HAS_MODE },
	[PLAN_FILE] = { "file", PLAN_HAS_TEXT | PLAN_HAS_MODE },
	[PLAN_SYMLINK] = { "symlink", PLAN_HAS_TEXT },
	[PLAN_TMPFS] = { "tmpfs",
			 PLAN_HAS_MODE | PLAN_HAS_SIZE | PLAN_HAS_NOEXEC },
	[PLAN_PROC] = { "proc", 0 },
	[PLAN_DEV] = { "dev", PLAN_HAS_SIZE },
	[PLAN_SOCKET] = { "socket", PLAN_HAS_SRC },
};

const char *const plan_backends[] = {
	[PLAN_NAMESPACES] = "namespaces",
	[PLAN_LANDLOCK] = "landlock",
};
const size_t plan_n_backends = N_ELEMS(plan_backends);

const char *const plan_audits[] = {
	[PLAN_AUDIT_OFF] = "off",
	[PLAN_AUDIT_WRITES] = "writes",
	[PLAN_AUDIT_ALL] = "all",
	[PLAN_AUDIT_EXACT] = "exact",
};
const size_t plan_n_audits = N_ELEMS(plan_audits);

#define ID(member)                                            \
	{                                                     \
#member, offsetof(struct plan, member), false \
	}

const struct plan_number_row plan_ids[] = {
	ID(inside_uid), ID(inside_gid), ID(host_uid),
	ID(host_gid),   ID(owner_uid),  ID(owner_gid),
};
const size_t plan_n_ids = N_ELEMS(plan_ids);

#define LIMIT(member, wide)                                         \
	{                                                           \
#member, offsetof(struct plan_limits, member), wide \
	}

const struct plan_number_row plan_limit_rows[] = {
	LIMIT(memory, true), LIMIT(cpu_milli, false), LIMIT(processes, false),
	LIMIT(disk, true),   LIMIT(time_s, true),
};
const size_t plan_n_limit_rows = N_ELEMS(plan_limit_rows);

#define STRING(member, is_path)                                 \
	{                                                       \
#member, offsetof(struct plan, member), is_path \
	}

const struct plan_string_row plan_strings[] = {
	STRING(session, false), STRING(policy_hash, false),
	STRING(project, true),  STRING(cwd, true),
	STRING(home, true),     STRING(hostname, false),
};
const size_t plan_n_strings = N_ELEMS(plan_strings);

#define LIST(member, max)                                      \
	{                                                      \
#member, offsetof(struct plan, member),        \
			offsetof(struct plan, n_##member), max \
	}

const struct plan_list_row plan_lists[] = {
	LIST(hide, PLAN_MAX_GLOBS),        LIST(hide_rule, PLAN_MAX_GLOBS),
	LIST(unlocked, PLAN_MAX_UNLOCKED), LIST(limit_rule, PLAN_N_LIMITS),
	LIST(limit_hint, PLAN_N_LIMITS),   LIST(env_pass, PLAN_MAX_ENV),
	LIST(env_only, PLAN_MAX_ENV_ONLY), LIST(env_set, PLAN_MAX_ENV),
	LIST(lacks, PLAN_MAX_LACKS),
};
const size_t plan_n_lists = N_ELEMS(plan_lists);

static void put_string(struct json_out *w, const char *key, const char *s)
{
	json_kstr(w, key, str_of(s));
}

static uint64_t get_number(const void *base, const struct plan_number_row *row)
{
	const char *at = (const char *)base + row->offset;
	uint64_t wide;
	uint32_t narrow;

	if (row->wide) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

static void put_mount(struct json_out *w, const struct plan_mount *m)
{
	const struct plan_op_row *row = &plan_ops[m->op];

	ASSERT(m->op > 0 && m->op < PLAN_OP_MAX_);
	json_open(w, '{');
	put_string(w, "op", row->name);
	put_string(w, "dst", m->dst);
	if (row->has & PLAN_HAS_SRC)
		put_string(w, "src", m->src);
	if (row->has & PLAN_HAS_TEXT)
		json_kstr(w, "text",
			  (struct str){ .ptr = m->text, .len = m->text_len });
	if (row->has & PLAN_HAS_MODE && m->mode != 0)
		json_kuint(w, "mode", m->mode);
	if (row->has & PLAN_HAS_SIZE && m->size != 0)
		json_kuint(w, "size", m->size);
	if (row->has & PLAN_HAS_WRITABLE && m->writable)
		json_kbool(w, "writable", true);
	if (row->has & PLAN_HAS_NOEXEC && m->noexec)
		json_kbool(w, "noexec", true);
	if (row->has & PLAN_HAS_PUBLIC && m->public)
		json_kbool(w, "public", true);
	if (m->optional)
		json_kbool(w, "optional", true);
	json_close(w, '}');
}

static void put_ports(struct json_out *w, const uint16_t *ports, size_t n)
{
	json_key(w, "ports");
	json_open(w, '[');
	for (size_t i = 0; i < n; i++)
		json_uint(w, ports[i]);
	json_close(w, ']');
}

static void put_range(struct json_out *w, const char *key, int family,
		      const void *addr, unsigned bits)
{
	char text[INET6_ADDRSTRLEN], range[INET6_ADDRSTRLEN + 8];

	if (!inet_ntop(family, addr, text, sizeof(text)))
		text[0] = '\0'; /* cannot be: the buffer is large enough */
	(void)snprintf(range, sizeof(range), "%s/%u", text, bits);
	put_string(w, key, range);
}

static void put_class(struct json_out *w, const struct plan_class *c)
{
	json_open(w, '{');
	put_range(w, "v4", AF_INET, &c->v4, c->v4_bits);
	put_range(w, "v6", AF_INET6, &c->v6, c->v6_bits);
	put_ports(w, c->ports, c->n_ports);
	json_close(w, '}');
}

static void put_cidr(struct json_out *w, const struct plan_cidr *c)
{
	json_open(w, '{');
	if (IN6_IS_ADDR_V4MAPPED(&c->addr) && c->bits >= 96)
		put_range(w, "range", AF_INET, c->addr.s6_addr + 12,
			  c->bits - 96u);
	else
		put_range(w, "range", AF_INET6, &c->addr, c->bits);
	if (c->deny)
		json_kbool(w, "deny", true);
	put_ports(w, c->ports, c->n_ports);
	json_close(w, '}');
}

static void put_list(struct json_out *w, const struct plan *p,
		     const struct plan_list_row *row)
{
	char **list;
	size_t n;

	memcpy(&list, (const char *)p + row->offset, sizeof(list));
	memcpy(&n, (const char *)p + row->n_offset, sizeof(n));
	json_key(w, row->name);
	json_open(w, '[');
	for (size_t i = 0; i < n; i++)
		json_str(w, str_of(list[i]));
	json_close(w, ']');
}

void plan_format(const struct plan *p, struct buf *b)
{
	struct json_out out = JSON_OUT(b), *w = &out;

	json_open(w, '{');
	for (size_t i = 0; i < plan_n_strings; i++) {
		char *s;

		memcpy(&s, (const char *)p + plan_strings[i].offset, sizeof(s));
		put_string(w, plan_strings[i].name, s);
	}
	for (size_t i = 0; i < plan_n_ids; i++)
		json_kuint(w, plan_ids[i].name, get_number(p, &plan_ids[i]));
	json_kstr(w, "backend", str_of(plan_backends[p->backend]));
	json_kbool(w, "nested", p->nested);
	json_kstr(w, "audit", str_of(plan_audits[p->audit]));
	json_kbool(w, "output", p->output);
	json_kbool(w, "telemetry", p->telemetry);

	json_key(w, "mounts");
	json_open(w, '[');
	for (size_t i = 0; i < p->n_mounts; i++)
		put_mount(w, &p->mounts[i]);
	json_close(w, ']');
	for (size_t i = 0; i < plan_n_lists; i++)
		put_list(w, p, &plan_lists[i]);

	json_key(w, "classes");
	json_open(w, '[');
	for (size_t i = 0; i < p->n_classes; i++)
		put_class(w, &p->classes[i]);
	json_close(w, ']');
	json_key(w, "cidrs");
	json_open(w, '[');
	for (size_t i = 0; i < p->n_cidrs; i++)
		put_cidr(w, &p->cidrs[i]);
	json_close(w, ']');

	json_key(w, "limits");
	json_open(w, '{');
	for (size_t i = 0; i < plan_n_limit_rows; i++)
		json_kuint(w, plan_limit_rows[i].name,
			   get_number(&p->limits, &plan_limit_rows[i]));
	json_close(w, '}');
	json_close(w, '}');
}
