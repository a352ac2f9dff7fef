/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/table.h"

#include <sys/random.h>

#define BUCKETS_MIN 64u

static uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t table_hash(const struct table *t, const void *p, size_t len)
{
	uint64_t v[4] = {
		t->key[0] ^ UINT64_C(0x736f6d6570736575),
		t->key[1] ^ UINT64_C(0x646f72616e646f6d),
		t->key[0] ^ UINT64_C(0x6c7967656e657261),
		t->key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *b = p;
	uint64_t m = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i == len)
			m |= (uint64_t)len << 56;
		else
			m |= (uint64_t)b[i] << (i % 8 * 8);
		if (i % 8 == 7 || i == len) {
			v[3] ^= m;
			sip_round(v);
			v[0] ^= m;
			m = 0;
		}
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
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
