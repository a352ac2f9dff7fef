/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of places of one size.  Each is written by one pwrite(2), so a reader
 * after a crash sees all of it or none; what makes no sense is a free place.
 */
#include "keeper/owed.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAGIC UINT32_C(0x6f776564)

struct place {
	uint32_t magic;
	uint32_t task_len;
	char id[ID_SESSION_LEN + 4];
	char task[OPEN_MAX_TEXT];
};
_Static_assert(sizeof(struct place) == 288, "what is in the file");

void owed_init(struct owed *o)
{
	*o = (struct owed){ .fd = -1 };
}

void owed_done(struct owed *o)
{
	if (o->fd != -1)
		(void)close(TAKE_FD(o->fd));
}

static bool read_place(const struct place *p, struct owed_entry *ret)
{
	struct str id = { p->id, ID_SESSION_LEN };

	if (p->magic != MAGIC || p->task_len > sizeof(p->task) ||
	    !id_session_is(id))
		return false;
	*ret = (struct owed_entry){ .task = { p->task, p->task_len } };
	memcpy(ret->id, id.ptr, id.len);
	return true;
}

int owed_open(struct owed *o, const char *state_dir,
	      int (*found)(void *owner, int slot, const struct owed_entry *e),
	      void *owner)
{
	struct owed_entry e;
	struct place p;
	char path[4200];
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/owed", state_dir);
	o->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->fd == -1)
		return neg_errno();
	for (int i = 0; i < (int)KEEPER_MAX_SESSIONS && r == 0; i++) {
		off_t at = (off_t)i * (off_t)sizeof(p);

		if (pread(o->fd, &p, sizeof(p), at) != sizeof(p))
			break;
		if (!read_place(&p, &e))
			continue;
		o->used[i] = true;
		r = found(owner, i, &e);
	}
	return r;
}

static int write_place(const struct owed *o, int slot, const struct place *p)
{
	ssize_t n =
		pwrite(o->fd, p, sizeof(*p), (off_t)slot * (off_t)sizeof(*p));

	if (n == -1)
		return neg_errno();
	return n == sizeof(*p) ? 0 : -ENOSPC;
}

int owed_add(struct owed *o, const struct owed_entry *e, int *ret_slot)
{
	struct place p = { .magic = MAGIC, .task_len = (uint32_t)e->task.len };
	int slot = 0, r;

	ASSERT(e->task.len <= sizeof(p.task));
	*ret_slot = OWED_NONE;
	if (o->fd == -1)
		return 0;
	while (slot < (int)KEEPER_MAX_SESSIONS && o->used[slot])
		slot++;
	if (slot == (int)KEEPER_MAX_SESSIONS)
		return -ENOSPC;
	memcpy(p.id, e->id, ID_SESSION_LEN);
	if (e->task.len > 0)
		memcpy(p.task, e->task.ptr, e->task.len);
	r = write_place(o, slot, &p);
	if (r != 0)
		return r;
	o->used[slot] = true;
	*ret_slot = slot;
	return 0;
}

void owed_clear(struct owed *o, int slot)
{
	struct place none = { 0 };

	if (slot == OWED_NONE || o->fd == -1)
		return;
	/* A place that cannot be cleared gets its record twice. */
	if (write_place(o, slot, &none) == 0)
		o->used[slot] = false;
}
