/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each bundle is looked at alone, by two threads (verify-chunk.c); one walk in
 * order then puts together what they found.
 */
#include "ledger/verify-bundles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "ledger/verify-hear.h"
#include "ledger/verify-tree.h"

#define THREADS     2u
#define FEW_BUNDLES 16u /* not worth a thread */

int verify_bad_chunk(struct verify *v, const struct chunk *k, uint64_t n,
		     bool in_journal)
{
	char path[TILE_PATH_SIZE];

	if (k->error)
		return k->error;
	if (in_journal)
		(void)snprintf(path, sizeof(path), "journal");
	else if (strcmp(k->file, "payload") == 0)
		tile_payload_path(n, path);
	else if (strcmp(k->file, "tile") == 0)
		tile_path(0, n, TILE_WIDTH, path);
	else
		tile_entries_path(n, TILE_WIDTH, path);
	return verify_broken(v, path, n * TILE_WIDTH + k->at, k->wrong);
}

/* Bundle @n, which @k is about. */
static int take_bundle(struct verify *v, const struct chunk *k, uint64_t n)
{
	char path[TILE_PATH_SIZE];
	struct chunk again;
	int r;

	if (k->wrong || k->error)
		return verify_bad_chunk(v, k, n, false);
	tile_entries_path(n, TILE_WIDTH, path);
	if (k->special || verify_has_mark(v, TILE_WIDTH - 1)) {
		check_bundle(&v->checker, v->dirfd, n, &again);
		if (again.wrong || again.error)
			return verify_bad_chunk(v, &again, n, false);
		r = verify_hear(v, buf_str(&v->checker.leaves),
				buf_str(&v->checker.payloads), n * TILE_WIDTH,
				path);
		if (r == 0)
			r = verify_check_marks(v, buf_str(&v->checker.leaves),
					       TILE_WIDTH - 1);
		if (r != 0)
			return r;
	}
	r = verify_join(v, k, n, path);
	v->out->records += TILE_WIDTH;
	return r == 0 ? verify_raise(v, n, &k->hashes_root) : r;
}

static void tell_progress(struct verify *v, uint64_t done, uint64_t all)
{
	if (v->progress)
		v->progress(v->progress_arg, done, all);
}

/* ---- several at once ---- */

struct work {
	struct verify *v;
	struct chunk *chunks;
	uint64_t n;
	atomic_uint_fast64_t next;
	atomic_int error;
};

static void work_on(struct work *w, struct checker *c, bool tell)
{
	for (;;) {
		uint64_t i = atomic_fetch_add(&w->next, 1);

		if (i >= w->n)
			return;
		check_bundle(c, w->v->dirfd, i, &w->chunks[i]);
		if (tell && i % 64 == 0)
			tell_progress(w->v, i * TILE_WIDTH, w->n * TILE_WIDTH);
	}
}

static void *helper(void *arg)
{
	struct work *w = arg;
	struct checker c;
	int r = checker_init(&c);

	if (r == 0)
		work_on(w, &c, false);
	else
		atomic_store(&w->error, r);
	checker_done(&c);
	return NULL;
}

int verify_bundles(struct verify *v)
{
	struct work w = { .v = v, .n = v->first / TILE_WIDTH };
	pthread_t others[THREADS];
	unsigned n = 0;
	int r = 0;

	if (w.n == 0)
		return 0;
	w.chunks = calloc(w.n, sizeof(*w.chunks));
	if (!w.chunks)
		return -ENOMEM;
	while (w.n > FEW_BUNDLES && n < THREADS - 1 &&
	       pthread_create(&others[n], NULL, helper, &w) == 0)
		n++; /* without it we do all */
	work_on(&w, &v->checker, true);
	while (n > 0)
		(void)pthread_join(others[--n], NULL);
	r = atomic_load(&w.error);
	for (uint64_t i = 0; r == 0 && i < w.n; i++)
		r = take_bundle(v, &w.chunks[i], i);
	free(w.chunks);
	return r;
}
