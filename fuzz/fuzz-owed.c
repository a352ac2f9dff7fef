/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the file STATE/owed as the daemon before may have left it.  Laws:
 *   1. it opens, and no more is found than there are places;
 *   2. a new session gets a place that is not one of those, while there is one;
 *   3. what was added is found by the next daemon, and nothing else is lost;
 *   4. what was cleared is not found again.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "keeper/owed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void remove_dir(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/owed", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void make_dir(void)
{
	const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(dir, sizeof(dir), "%s/bawn-fuzz-XXXXXX", shm);
	law(mkdtemp(dir) != NULL);
	(void)atexit(remove_dir);
}

static void put_file(const uint8_t *data, size_t size)
{
	AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct str s = { (const char *)data, size };

	law(fd != -1 && file_save(fd, "owed", s, 0600, false) == 0);
}

static size_t count_used(const struct owed *o)
{
	size_t n = 0;

	for (size_t i = 0; i < N_ELEMS(o->used); i++) {
		law(o->used[i] || !o->found[i]);
		n += o->used[i];
	}
	return n;
}

/* A daemon that finds @n, adds one when there is room, and dies. */
static void live(size_t n, int *ret_slot)
{
	struct owed_entry e = { .task = STR("a task"), .after = 7 };
	struct owed o;
	int r;

	memcpy(e.id, "01abcdefghjkmnpqrstv", ID_SESSION_LEN);
	owed_init(&o);
	law(owed_open(&o, dir) == 0 && o.n_found == n);
	law(count_used(&o) == n);
	r = owed_add(&o, &e, ret_slot);
	law(n < KEEPER_MAX_SESSIONS ? r == 0 : r == -ENOSPC);
	if (r == 0)
		law(!o.found[*ret_slot] && count_used(&o) == n + 1);
	owed_done(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owed o;
	size_t found;
	int slot = OWED_NONE;

	if (dir[0] == '\0')
		make_dir();
	put_file(data, size);
	owed_init(&o);
	law(owed_open(&o, dir) == 0);
	found = o.n_found;
	law(found <= KEEPER_MAX_SESSIONS);
	owed_done(&o);

	live(found, &slot);
	owed_init(&o);
	law(owed_open(&o, dir) == 0);
	law(o.n_found == found + (slot != OWED_NONE));
	if (slot != OWED_NONE) {
		law(o.found[slot]);
		owed_clear(&o, slot);
		law(!o.used[slot]);
	}
	owed_done(&o);
	owed_init(&o);
	law(owed_open(&o, dir) == 0 && o.n_found == found);
	owed_done(&o);
	return 0;
}
