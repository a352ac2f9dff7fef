/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: intrusive lists and hash tables.  Pure.
 *
 * Keys come from programs that may want to make us slow, so hashes are keyed
 * (SipHash-1-3) with bytes drawn at start.
 */
#pragma once

#include "base/base.h"

struct list {
	struct list *next, *prev; /* itself when alone or an empty head */
};

#define LIST_OWNER(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Last in the list of @head.  @l must be alone. */
static inline void list_add(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Takes @l out, wherever it is; harmless when alone. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* @it may be removed in the body, its successor not. */
#define LIST_EACH(it, head)                                                    \
	for (struct list *it = (head)->next, *it##_n = it->next; it != (head); \
	     it = it##_n, it##_n = it->next)

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t n_buckets, n; /* a power of two, or 0 */
	uint64_t key[2];
};

/* Draws the key; -errno. */
must_check int table_init(struct table *t);
/* Frees the buckets, not the nodes. */
void table_done(struct table *t);

uint64_t table_hash(const struct table *t, const void *p, size_t len);
/* The first node with @hash, or the next after @node; NULL: none. */
struct table_node *table_first(const struct table *t, uint64_t hash);
struct table_node *table_next(const struct table_node *node);
/* Grows as needed; -ENOMEM only while the table has no bucket at all. */
must_check int table_add(struct table *t, struct table_node *node,
			 uint64_t hash);
void table_remove(struct table *t, struct table_node *node);
