/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of places of one size.  Each is written by one pwrite(2), so a reader
 * after a crash sees all of it or none; what makes no sense is a free place.
 */
#include "keeper/owed.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "ledger/ends.h"

#define MAGIC UINT32_C(0x6f776532)

struct place {
	uint32_t magic;
	uint32_t task_len;
	uint64_t after;
	char id[ID_SESSION_LEN + 4];
	char task[OPEN_MAX_TEXT];
};
_Static_assert(sizeof(struct place) == 296, "what is in the file");

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
	*ret = (struct owed_entry){ .task = { p->task, p->task_len },
				    .after = p->after };
	memcpy(ret->id, id.ptr, id.len);
	return true;
}

static bool load_place(const struct owed *o, int slot, struct place *p,
		       struct owed_entry *ret)
{
	off_t at = (off_t)slot * (off_t)sizeof(*p);

	return pread(o->fd, p, sizeof(*p), at) == sizeof(*p) &&
	       read_place(p, ret);
}

int owed_open(struct owed *o, const char *state_dir)
{
	struct owed_entry e;
	struct place p;
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/owed", state_dir);
	o->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->fd == -1)
		return neg_errno();
	for (int i = 0; i < (int)KEEPER_MAX_SESSIONS; i++) {
		if (!load_place(o, i, &p, &e))
			continue;
		o->used[i] = o->found[i] = true;
		o->n_found++;
	}
	return 0;
}

struct lost {
	int slot;
	struct place place;
	struct owed_entry entry; /* its text is in place */
};

/* The ledger's word on each; how far back it has to be read for that. */
static int ask_ledger(const char *ledger_dir, uint64_t last,
		      const struct lost *v, struct ledger_end *ends, size_t n)
{
	uint64_t after = last;

	for (size_t i = 0; i < n; i++) {
		ends[i] =
			(struct ledger_end){ .session = str_of(v[i].entry.id) };
		if (v[i].entry.after < after)
			after = v[i].entry.after;
	}
	return ledger_ends(ledger_dir, last - after + 1, ends, n);
}

static int recover(struct owed *o, const char *ledger_dir, uint64_t last,
		   int (*close)(void *owner, int slot,
				const struct owed_entry *e),
		   void *owner, struct lost *v, struct ledger_end *ends)
{
	size_t n = 0;
	int r;

	for (int i = 0; i < (int)KEEPER_MAX_SESSIONS && n < o->n_found; i++) {
		struct lost *l = &v[n];

		if (o->found[i] && load_place(o, i, &l->place, &l->entry)) {
			l->slot = i;
			n++;
		}
	}
	r = ask_ledger(ledger_dir, last, v, ends, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (ends[i].opened && !ends[i].closed)
			r = close(owner, v[i].slot, &v[i].entry);
		else
			owed_clear(o, v[i].slot);
		o->found[v[i].slot] = false;
		o->n_found--;
	}
	return r;
}

int owed_recover(struct owed *o, const char *ledger_dir, uint64_t last,
		 int (*close)(void *owner, int slot,
			      const struct owed_entry *e),
		 void *owner)
{
	struct lost *v = NULL;
	struct ledger_end *ends = NULL;
	int r = -ENOMEM;

	if (o->n_found == 0)
		return 0;
	v = calloc(o->n_found, sizeof(*v));
	ends = calloc(o->n_found, sizeof(*ends));
	if (v && ends)
		r = recover(o, ledger_dir, last, close, owner, v, ends);
	free(v);
	free(ends);
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
	struct place p = { .magic = MAGIC,
			   .task_len = (uint32_t)e->task.len,
			   .after = e->after };
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
