/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/later-keys.h"

#include <sys/random.h>

#include "base/path.h"
#include "base/sip.h"

#define FIRST_SIZE 1024u
#define MORE_MAX   64u

int later_keys_init(struct later_keys *k)
{
	*k = (struct later_keys){ 0 };
	if (getrandom(k->key, sizeof(k->key), 0) != (ssize_t)sizeof(k->key))
		return neg_errno();
	return 0;
}

void later_keys_done(struct later_keys *k)
{
	free(k->v);
	k->v = NULL;
	k->n = k->size = 0;
}

uint64_t later_keys_dir(const struct later_keys *k, struct str path)
{
	return sip_hash(k->key, path.ptr, path.len);
}

uint64_t later_keys_hash(const struct later_keys *k, enum later_tag tag,
			 uint64_t dir, struct str name, const void *more,
			 size_t len)
{
	unsigned char b[1 + sizeof(dir) + MORE_MAX + PATH_LIMIT];
	size_t n = 0;
	uint64_t h;

	ASSERT(len <= MORE_MAX && name.len <= PATH_LIMIT);
	b[n++] = (unsigned char)tag;
	memcpy(b + n, &dir, sizeof(dir));
	n += sizeof(dir);
	if (len > 0)
		memcpy(b + n, more, len);
	n += len; /* the same for all of one tag */
	if (name.len > 0)
		memcpy(b + n, name.ptr, name.len);
	h = sip_hash(k->key, b, n + name.len);
	return h ? h : 1;
}

/* Where @hash is or would be. */
static uint32_t slot(const struct later_keys *k, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (k->size - 1);

	while (k->v[i] && k->v[i] != hash)
		i = (i + 1) & (k->size - 1);
	return i;
}

static bool grow(struct later_keys *k)
{
	struct later_keys bigger = *k;

	bigger.size = k->size ? k->size * 2 : FIRST_SIZE;
	bigger.v = calloc(bigger.size, sizeof(*bigger.v));
	if (!bigger.v)
		return false;
	for (uint32_t i = 0; i < k->size; i++) {
		if (k->v[i])
			bigger.v[slot(&bigger, k->v[i])] = k->v[i];
	}
	free(k->v);
	*k = bigger;
	return true;
}

void later_keys_add(struct later_keys *k, uint64_t hash)
{
	uint32_t i;

	if (k->full)
		return;
	if (k->n >= LATER_KEYS_MAX || (k->n + 1 > k->size / 2 && !grow(k))) {
		k->full = true;
		return;
	}
	i = slot(k, hash);
	if (!k->v[i]) {
		k->v[i] = hash;
		k->n++;
	}
}

bool later_keys_has(const struct later_keys *k, uint64_t hash)
{
	return k->size > 0 && k->v[slot(k, hash)] == hash;
}
