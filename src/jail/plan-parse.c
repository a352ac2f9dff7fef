/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   plan  = { strings, ids, "mounts": [mount], lists, "classes": [class],
 *             "cidrs": [cidr], "limits": {numbers} }     all of them, each once
 *   mount = { "op", "dst" and what plan_ops says of the op, "optional" }
 *   class = { "v4": range, "v6": range, "ports": [port] }
 *   cidr  = { "range": range, "deny", "ports": [port] }
 *   range = address "/" bits      v4 in dotted form, else v6
 *
 * The supervisor takes a plan from its keeper, init takes it from its
 * supervisor: both are trusted, so strictness here catches mistakes, and keeps
 * what cannot be meant (host uid 0, a path with "..") out of what follows.
 *
 * JSON gives int64_t: larger numbers, which no limit needs, are refused.
 */
#include <arpa/inet.h>

#include "base/json.h"
#include "base/path.h"
#include "jail/plan-text.h"

#define NOT_A_PLAN 1

struct reader {
	struct arena *a;
	struct diag *err;
};

static int refuse(struct reader *r, const char *where, const char *why)
{
	diag_set(r->err, 0, 0, "plan: %s: %s", where, why);
	return NOT_A_PLAN;
}

static bool in_range(const struct json *j, int64_t min, int64_t max)
{
	return json_is(j, JSON_INT) && j->integer >= min && j->integer <= max;
}

static int read_string(struct reader *r, const char *where,
		       const struct json *j, char **ret)
{
	if (!json_is(j, JSON_STRING))
		return refuse(r, where, "a string is missing");
	if (j->string.len > 0 && memchr(j->string.ptr, '\0', j->string.len))
		return refuse(r, where, "holds NUL");
	*ret = arena_cstr(r->a, j->string);
	return *ret ? 0 : -ENOMEM;
}

/* Absolute, and spelled as path_normalise() spells it. */
static int read_path(struct reader *r, const char *where, const struct json *j,
		     char **ret)
{
	struct str normal;
	int e = read_string(r, where, j, ret);

	if (e != 0)
		return e;
	if ((*ret)[0] != '/')
		return refuse(r, where, "not an absolute path");
	normal = path_normalise(r->a, (struct str){ 0 }, str_of(*ret));
	if (r->a->failed)
		return -ENOMEM;
	if (!str_eq(normal, str_of(*ret)))
		return refuse(r, where, "not a normal path");
	return 0;
}

static int read_number(struct reader *r, const struct json *j,
		       const struct plan_number_row *row, void *base)
{
	int64_t max = row->wide ? INT64_MAX : UINT32_MAX - INT64_C(1);
	char *at = (char *)base + row->offset;
	uint64_t wide;
	uint32_t narrow;

	if (!in_range(j, 0, max))
		return refuse(r, row->name, "not a number in range");
	wide = (uint64_t)j->integer;
	narrow = (uint32_t)wide;
	if (row->wide)
		memcpy(at, &wide, sizeof(wide));
	else
		memcpy(at, &narrow, sizeof(narrow));
	return 0;
}

static int read_bool(struct reader *r, const struct json *j, bool *ret)
{
	if (!json_is(j, JSON_BOOL))
		return refuse(r, "mounts", "not true or false");
	*ret = j->boolean;
	return 0;
}

static bool find_op(struct str name, enum plan_op *ret)
{
	for (unsigned i = 1; i < PLAN_OP_MAX_; i++) {
		if (str_eq(name, str_of(plan_ops[i].name))) {
			*ret = (enum plan_op)i;
			return true;
		}
	}
	return false;
}

static int read_text(struct reader *r, const struct json *j,
		     struct plan_mount *m)
{
	struct str s;

	if (!json_is(j, JSON_STRING))
		return refuse(r, "text", "a string is missing");
	s = arena_str(r->a, j->string);
	if (r->a->failed)
		return -ENOMEM;
	m->text = (char *)(uintptr_t)s.ptr; /* ours: just made */
	m->text_len = s.len;
	if (m->op == PLAN_SYMLINK && (s.len == 0 || memchr(s.ptr, '\0', s.len)))
		return refuse(r, "text", "not the target of a symlink");
	return 0;
}

static int read_mount_number(struct reader *r, const struct json *j,
			     struct plan_mount *m)
{
	if (str_eq(j->key, STR("mode"))) {
		if (!in_range(j, 0, 01777))
			return refuse(r, "mode", "not a mode");
		m->mode = (uint32_t)j->integer;
		return 0;
	}
	if (!in_range(j, 0, INT64_MAX))
		return refuse(r, "size", "not a size");
	m->size = (uint64_t)j->integer;
	return 0;
}

/* One member of a mount other than op and dst. */
static int read_mount_member(struct reader *r, const struct json *j,
			     unsigned has, struct plan_mount *m)
{
	if (str_eq(j->key, STR("src")) && has & PLAN_HAS_SRC)
		return read_path(r, "src", j, &m->src);
	if (str_eq(j->key, STR("text")) && has & PLAN_HAS_TEXT)
		return read_text(r, j, m);
	if ((str_eq(j->key, STR("mode")) && has & PLAN_HAS_MODE) ||
	    (str_eq(j->key, STR("size")) && has & PLAN_HAS_SIZE))
		return read_mount_number(r, j, m);
	if (str_eq(j->key, STR("writable")) && has & PLAN_HAS_WRITABLE)
		return read_bool(r, j, &m->writable);
	if (str_eq(j->key, STR("noexec")) && has & PLAN_HAS_NOEXEC)
		return read_bool(r, j, &m->noexec);
	if (str_eq(j->key, STR("public")) && has & PLAN_HAS_PUBLIC)
		return read_bool(r, j, &m->public);
	if (str_eq(j->key, STR("optional")))
		return read_bool(r, j, &m->optional);
	return refuse(r, "mounts", "unknown member");
}

static int read_mount(struct reader *r, const struct json *j,
		      struct plan_mount *m)
{
	unsigned has;
	int e;

	if (!json_is(j, JSON_OBJECT))
		return refuse(r, "mounts", "not an object");
	if (!find_op(json_find_str(j, "op"), &m->op))
		return refuse(r, "mounts", "unknown op");
	e = read_path(r, "dst", json_find(j, "dst"), &m->dst);
	if (e != 0)
		return e;
	if (m->dst[1] == '\0')
		return refuse(r, "dst", "the root is not a target");

	has = plan_ops[m->op].has;
	JSON_EACH (k, j) {
		if (str_eq(k->key, STR("op")) || str_eq(k->key, STR("dst")))
			continue;
		e = read_mount_member(r, k, has, m);
		if (e != 0)
			return e;
	}
	if ((has & PLAN_HAS_SRC && !m->src) ||
	    (has & PLAN_HAS_TEXT && !m->text))
		return refuse(r, m->dst, "a member is missing");
	return 0;
}

/* An array of at most @max; *ret gets room for its elements. */
static int read_array(struct reader *r, const struct json *j, const char *where,
		      size_t max, size_t size, void **ret)
{
	if (!json_is(j, JSON_ARRAY))
		return refuse(r, where, "a list is missing");
	if (j->kids.n > max)
		return refuse(r, where, "too many");
	*ret = arena_array(r->a, j->kids.n, size);
	return *ret || j->kids.n == 0 ? 0 : -ENOMEM;
}

static int read_mounts(struct reader *r, const struct json *j, struct plan *p)
{
	void *room = NULL;
	int e = read_array(r, j, "mounts", PLAN_MAX_MOUNTS,
			   sizeof(p->mounts[0]), &room);

	if (e != 0)
		return e;
	p->mounts = room;
	JSON_EACH (k, j) {
		e = read_mount(r, k, &p->mounts[p->n_mounts]);
		if (e != 0)
			return e;
		p->n_mounts++;
	}
	return 0;
}

static int read_list(struct reader *r, const struct json *j,
		     const struct plan_list_row *row, struct plan *p)
{
	void *room = NULL;
	size_t n = 0;
	int e = read_array(r, j, row->name, row->max, sizeof(char *), &room);

	if (e != 0)
		return e;

	char **list = room;

	JSON_EACH (k, j) {
		e = read_string(r, row->name, k, &list[n]);
		if (e != 0)
			return e;
		n++;
	}
	memcpy((char *)p + row->offset, &list, sizeof(list));
	memcpy((char *)p + row->n_offset, &n, sizeof(n));
	return 0;
}

static int read_ports(struct reader *r, const struct json *j, uint16_t *ports,
		      size_t *n)
{
	if (!json_is(j, JSON_ARRAY) || j->kids.n > PLAN_MAX_PORTS)
		return refuse(r, "ports", "not a list, or too many");
	JSON_EACH (k, j) {
		if (!in_range(k, 1, UINT16_MAX))
			return refuse(r, "ports", "not a port");
		ports[(*n)++] = (uint16_t)k->integer;
	}
	return 0;
}

/* @ret: 4 or 16 bytes.  *ret_family is found when it is 0. */
static bool read_range(struct str s, int *family, uint8_t ret[16],
		       uint32_t *ret_bits)
{
	char text[INET6_ADDRSTRLEN];
	struct str addr;

	if (!str_cut(&s, '/', &addr) || addr.len == 0 ||
	    addr.len >= sizeof(text))
		return false;
	memcpy(text, addr.ptr, addr.len);
	text[addr.len] = '\0';
	if (memchr(text, '\0', addr.len))
		return false;
	if (*family == 0)
		*family = memchr(text, ':', addr.len) ? AF_INET6 : AF_INET;
	return inet_pton(*family, text, ret) == 1 &&
	       str_u32(s, 0, *family == AF_INET ? 32 : 128, ret_bits);
}

static int read_class(struct reader *r, const struct json *j,
		      struct plan_class *c)
{
	uint8_t v4[16], v6[16];
	int family4 = AF_INET, family6 = AF_INET6;
	uint32_t bits4, bits6;

	if (!json_is(j, JSON_OBJECT) || j->kids.n != 3)
		return refuse(r, "classes", "not v4, v6 and ports");
	if (!read_range(json_find_str(j, "v4"), &family4, v4, &bits4) ||
	    !read_range(json_find_str(j, "v6"), &family6, v6, &bits6))
		return refuse(r, "classes", "not a range");
	memcpy(&c->v4, v4, sizeof(c->v4));
	memcpy(&c->v6, v6, sizeof(c->v6));
	c->v4_bits = (uint8_t)bits4;
	c->v6_bits = (uint8_t)bits6;
	return read_ports(r, json_find(j, "ports"), c->ports, &c->n_ports);
}

static int read_classes(struct reader *r, const struct json *j, struct plan *p)
{
	void *room = NULL;
	int e = read_array(r, j, "classes", PLAN_MAX_CLASSES,
			   sizeof(p->classes[0]), &room);

	if (e != 0)
		return e;
	p->classes = room;
	JSON_EACH (k, j) {
		e = read_class(r, k, &p->classes[p->n_classes]);
		if (e != 0)
			return e;
		p->n_classes++;
	}
	return 0;
}

static int read_cidr(struct reader *r, const struct json *j,
		     struct plan_cidr *c)
{
	const struct json *deny = json_find(j, "deny");
	uint8_t addr[16] = { 0 };
	int family = 0;
	uint32_t bits;

	if (!json_is(j, JSON_OBJECT) || j->kids.n != (deny ? 3 : 2))
		return refuse(r, "cidrs", "not range, deny and ports");
	if (deny && !json_is(deny, JSON_BOOL))
		return refuse(r, "cidrs", "deny is not true or false");
	if (!read_range(json_find_str(j, "range"), &family, addr, &bits))
		return refuse(r, "cidrs", "not a range");
	if (family == AF_INET) {
		c->addr.s6_addr[10] = c->addr.s6_addr[11] = 0xff;
		memcpy(c->addr.s6_addr + 12, addr, 4);
		c->bits = (uint8_t)(bits + 96);
	} else {
		memcpy(&c->addr, addr, sizeof(c->addr));
		c->bits = (uint8_t)bits;
	}
	c->deny = deny && deny->boolean;
	return read_ports(r, json_find(j, "ports"), c->ports, &c->n_ports);
}

static int read_cidrs(struct reader *r, const struct json *j, struct plan *p)
{
	void *room = NULL;
	int e = read_array(r, j, "cidrs", PLAN_MAX_CIDRS, sizeof(p->cidrs[0]),
			   &room);

	if (e != 0)
		return e;
	p->cidrs = room;
	JSON_EACH (k, j) {
		e = read_cidr(r, k, &p->cidrs[p->n_cidrs]);
		if (e != 0)
			return e;
		p->n_cidrs++;
	}
	return 0;
}

static int read_limits(struct reader *r, const struct json *j, struct plan *p)
{
	if (!json_is(j, JSON_OBJECT) || j->kids.n != plan_n_limit_rows)
		return refuse(r, "limits", "not all limits, or others");
	for (size_t i = 0; i < plan_n_limit_rows; i++) {
		const struct plan_number_row *row = &plan_limit_rows[i];
		int e = read_number(r, json_find(j, row->name), row,
				    &p->limits);

		if (e != 0)
			return e;
	}
	return 0;
}

static int read_strings(struct reader *r, const struct json *j, struct plan *p)
{
	for (size_t i = 0; i < plan_n_strings; i++) {
		const struct plan_string_row *row = &plan_strings[i];
		const struct json *member = json_find(j, row->name);
		char *s = NULL;
		int e = row->is_path ? read_path(r, row->name, member, &s)
				     : read_string(r, row->name, member, &s);

		if (e != 0)
			return e;
		memcpy((char *)p + row->offset, &s, sizeof(s));
	}
	return 0;
}

static int read_ids(struct reader *r, const struct json *j, struct plan *p)
{
	for (size_t i = 0; i < plan_n_ids; i++) {
		int e = read_number(r, json_find(j, plan_ids[i].name),
				    &plan_ids[i], p);

		if (e != 0)
			return e;
	}
	if (p->backend != PLAN_NAMESPACES) /* it may have to be root */
		return 0;
	if (p->host_uid == 0)
		return refuse(r, "host_uid", "root, which is never mapped in");
	/* A user whose own group it is can map no other. */
	if (p->host_gid == 0 && p->inside_gid != 0)
		return refuse(r, "host_gid", "root, which is not the user's");
	return 0;
}

static int read_lists(struct reader *r, const struct json *j, struct plan *p)
{
	for (size_t i = 0; i < plan_n_lists; i++) {
		int e = read_list(r, json_find(j, plan_lists[i].name),
				  &plan_lists[i], p);

		if (e != 0)
			return e;
	}
	return 0;
}

static int read_backend(struct reader *r, const struct json *j, struct plan *p)
{
	for (size_t i = 0; i < plan_n_backends; i++) {
		if (json_is(j, JSON_STRING) &&
		    str_eq(j->string, str_of(plan_backends[i]))) {
			p->backend = (enum plan_backend)i;
			return 0;
		}
	}
	return refuse(r, "backend", "none that is known");
}

static int read_nested(struct reader *r, const struct json *j, struct plan *p)
{
	if (!json_is(j, JSON_BOOL))
		return refuse(r, "nested", "not true or false");
	p->nested = j->boolean;
	return 0;
}

static int read_audit(struct reader *r, const struct json *j, struct plan *p)
{
	for (size_t i = 0; i < plan_n_audits; i++) {
		if (json_is(j, JSON_STRING) &&
		    str_eq(j->string, str_of(plan_audits[i]))) {
			p->audit = (enum plan_audit)i;
			return 0;
		}
	}
	return refuse(r, "audit", "none that is known");
}

static int read_output(struct reader *r, const struct json *j, struct plan *p)
{
	if (!json_is(j, JSON_BOOL))
		return refuse(r, "output", "not true or false");
	p->output = j->boolean;
	return 0;
}

static int read_telemetry(struct reader *r, const struct json *j,
			  struct plan *p)
{
	if (!json_is(j, JSON_BOOL))
		return refuse(r, "telemetry", "not true or false");
	p->telemetry = j->boolean;
	return 0;
}

/* Strings, ids, lists, and the nine that read_plan() names. */
static size_t n_members(void)
{
	return plan_n_strings + plan_n_ids + plan_n_lists + 9;
}

static int read_plan(struct reader *r, const struct json *j, struct plan *p)
{
	int e;

	/* All members are asked for below, so with this number no others. */
	if (!json_is(j, JSON_OBJECT) || j->kids.n != n_members())
		return refuse(r, "plan", "members are missing, or unknown");
	e = read_strings(r, j, p);
	if (e == 0)
		e = read_backend(r, json_find(j, "backend"), p);
	if (e == 0)
		e = read_ids(r, j, p);
	if (e == 0)
		e = read_nested(r, json_find(j, "nested"), p);
	if (e == 0)
		e = read_audit(r, json_find(j, "audit"), p);
	if (e == 0)
		e = read_output(r, json_find(j, "output"), p);
	if (e == 0)
		e = read_telemetry(r, json_find(j, "telemetry"), p);
	if (e == 0)
		e = read_mounts(r, json_find(j, "mounts"), p);
	if (e == 0)
		e = read_lists(r, j, p);
	if (e == 0)
		e = read_classes(r, json_find(j, "classes"), p);
	if (e == 0)
		e = read_cidrs(r, json_find(j, "cidrs"), p);
	if (e == 0)
		e = read_limits(r, json_find(j, "limits"), p);
	return e;
}

int plan_parse(struct arena *a, struct str json, struct plan *ret,
	       struct diag *reterr)
{
	struct reader r = { .a = a, .err = reterr };
	struct json *j = NULL;
	struct plan p = { 0 };
	int e;

	if (json.len > PLAN_MAX_BYTES)
		return refuse(&r, "plan", "too large");
	e = json_parse(a, json, &j, reterr);
	if (e == 0)
		e = read_plan(&r, j, &p);
	if (e == 0)
		*ret = p;
	return e;
}
