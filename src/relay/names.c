/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each class of net_classes() owns a slice of the v4 and one of the v6 range.
 * The i-th name of a class has the i-th address of both slices; index 0 is not
 * used, so that no name gets the address of a network.  The entry is found by
 * name through a hash table and by address through the class's array.
 */
#include "relay/names.h"

#include <arpa/inet.h>

#include "relay/table.h"

struct entry {
	struct table_node node;
	uint32_t class, index;
	uint16_t len;
	char name[];
};

struct slice {
	struct entry **entries; /* by index; entries[0] is NULL */
	uint32_t n, size, max;
};

struct names {
	const struct net_policy *policy;
	struct net_class classes[NET_MAX_CLASSES];
	struct slice slices[NET_MAX_CLASSES];
	size_t n_classes, n;
	struct table by_name;
	struct arena arena;
};

int names_new(struct names **ret, const struct net_policy *p)
{
	AUTO(names) struct names *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->policy = p;
	arena_init(&n->arena, NAMES_MAX_BYTES);
	r = table_init(&n->by_name);
	if (r != 0)
		return r;
	r = net_classes(p, n->classes, &n->n_classes);
	if (r != 0)
		return r;
	for (size_t i = 0; i < n->n_classes; i++) {
		unsigned bits = n->classes[i].v4_bits;

		ASSERT(bits >= 15 && bits <= 30);
		n->slices[i].n = 1;
		n->slices[i].max = (UINT32_C(1) << (32 - bits)) - 1;
	}
	*ret = TAKE(n);
	return 0;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_classes; i++)
		free(n->slices[i].entries);
	table_done(&n->by_name);
	arena_done(&n->arena);
	free(n);
}

static struct entry *find_entry(const struct names *n, struct str name,
				uint64_t hash)
{
	struct table_node *node = table_first(&n->by_name, hash);

	for (; node; node = table_next(node)) {
		struct entry *e = LIST_OWNER(node, struct entry, node);

		if (str_eq((struct str){ .ptr = e->name, .len = e->len }, name))
			return e;
	}
	return NULL;
}

static bool slice_grow(struct slice *s)
{
	uint32_t size = s->size ? s->size * 2 : 16;
	struct entry **p =
		reallocarray(s->entries, size, sizeof(struct entry *));

	if (!p)
		return false;
	p[0] = NULL;
	s->entries = p;
	s->size = size;
	return true;
}

/* 0, -ENOMEM, 1 or 2 as names_assign(). */
static int add_entry(struct names *n, struct str name, uint64_t hash,
		     struct entry **ret)
{
	struct slice *s;
	struct entry *e;
	size_t class = 0;
	int r;

	if (!net_class_of(n->policy, n->classes, n->n_classes, name, &class))
		return 1;
	s = &n->slices[class];
	if (n->n >= NAMES_MAX || s->n >= s->max)
		return 2;
	if (s->n >= s->size && !slice_grow(s))
		return -ENOMEM;
	e = arena_alloc(&n->arena, sizeof(*e) + name.len + 1);
	if (!e)
		return n->arena.used < n->arena.max / 2 ? -ENOMEM : 2;
	memcpy(e->name, name.ptr, name.len);
	e->len = (uint16_t)name.len; /* cannot overflow: NET_NAME_MAX */
	e->class = (uint32_t) class;
	e->index = s->n;
	r = table_add(&n->by_name, &e->node, hash);
	if (r != 0)
		return r;
	s->entries[s->n++] = e;
	n->n++;
	*ret = e;
	return 0;
}

int names_assign(struct names *n, struct str name, struct in6_addr *ret_v4,
		 struct in6_addr *ret_v6)
{
	uint64_t hash = table_hash(&n->by_name, name.ptr, name.len);
	struct entry *e = find_entry(n, name, hash);
	const struct net_class *c;
	uint32_t v4, index;
	int r;

	if (!e) {
		r = add_entry(n, name, hash, &e);
		if (r != 0)
			return r;
	}
	c = &n->classes[e->class];
	v4 = htonl(ntohl(c->v4.s_addr) + e->index);
	index = htonl(e->index);
	*ret_v4 = (struct in6_addr){ 0 };
	ret_v4->s6_addr[10] = 0xff;
	ret_v4->s6_addr[11] = 0xff;
	memcpy(ret_v4->s6_addr + 12, &v4, sizeof(v4));
	*ret_v6 = c->v6;
	memcpy(ret_v6->s6_addr + 12, &index, sizeof(index));
	return 0;
}

/* @addr is in the v6 slice of @c, or in its v4 slice, at *ret. */
static bool index_in(const struct net_class *c, const struct in6_addr *addr,
		     uint32_t *ret)
{
	unsigned bits = c->v6_bits;
	uint32_t host;
	size_t at = bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> (bits % 8));

	memcpy(&host, addr->s6_addr + 12, sizeof(host));
	host = ntohl(host);
	*ret = host;
	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		uint32_t base = ntohl(c->v4.s_addr);

		*ret = host - base;
		return host >= base &&
		       *ret < (UINT32_C(1) << (32 - c->v4_bits));
	}
	return memcmp(addr->s6_addr, c->v6.s6_addr, at) == 0 &&
	       (addr->s6_addr[at] & mask) == (c->v6.s6_addr[at] & mask);
}

/* The bits between prefix and index are zero in every address we gave out. */
static bool is_canonical(const struct net_class *c, const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ||
	       memcmp(addr->s6_addr, c->v6.s6_addr, 12) == 0;
}

bool names_covers(const struct names *n, const struct in6_addr *addr)
{
	uint32_t index;

	for (size_t i = 0; i < n->n_classes; i++) {
		if (index_in(&n->classes[i], addr, &index))
			return true;
	}
	return false;
}

struct str names_find(const struct names *n, const struct in6_addr *addr)
{
	for (size_t i = 0; i < n->n_classes; i++) {
		const struct slice *s = &n->slices[i];
		uint32_t index = 0;

		if (!index_in(&n->classes[i], addr, &index))
			continue;
		if (index == 0 || index >= s->n ||
		    !is_canonical(&n->classes[i], addr))
			return (struct str){ 0 };
		return (struct str){ .ptr = s->entries[index]->name,
				     .len = s->entries[index]->len };
	}
	return (struct str){ 0 };
}
