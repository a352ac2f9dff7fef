/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/table.h"

#include <sys/random.h>

#include "base/sip.h"

#define BUCKETS_MIN 64u

uint64_t table_hash(const struct table *t, const void *p, size_t len)
{
	return sip_hash(t->key, p, len);
}

int table_init(struct table *t)
{
	*t = (struct table){ 0 };
	if (getrandom(t->key, sizeof(t->key), 0) != (ssize_t)sizeof(t->key))
		return neg_errno();
	return 0;
}

void table_done(struct table *t)
{
	free(t->buckets);
	t->buckets = NULL;
	t->n_buckets = 0;
	t->n = 0;
}

static void put(struct table_node **buckets, size_t n, struct table_node *node)
{
	struct table_node **at = &buckets[node->hash & (n - 1)];

	node->next = *at;
	*at = node;
}

/* Twice the buckets; without memory the chains get longer instead. */
static void grow(struct table *t)
{
	size_t n = t->n_buckets ? t->n_buckets * 2 : BUCKETS_MIN;
	struct table_node **buckets = calloc(n, sizeof(struct table_node *));

	if (!buckets)
		return;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct table_node *node = t->buckets[i];

		while (node) {
			struct table_node *next = node->next;

			put(buckets, n, node);
			node = next;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
	struct table_node *node;

	if (t->n_buckets == 0)
		return NULL;
	node = t->buckets[hash & (t->n_buckets - 1)];
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *table_next(const struct table_node *node)
{
	struct table_node *next = node->next;

	while (next && next->hash != node->hash)
		next = next->next;
	return next;
}

int table_add(struct table *t, struct table_node *node, uint64_t hash)
{
	if (t->n >= t->n_buckets)
		grow(t);
	if (t->n_buckets == 0)
		return -ENOMEM;
	node->hash = hash;
	put(t->buckets, t->n_buckets, node);
	t->n++;
	return 0;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **at = &t->buckets[node->hash & (t->n_buckets - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	t->n--;
}
