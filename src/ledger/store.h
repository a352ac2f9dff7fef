/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: the only writer of the ledger's files.
 *
 * Records are added to a group and become durable together with
 * store_commit(); what a successful commit covered is there after kill -9 or
 * power loss at any byte.  What others read and verify, tiles and a signed
 * checkpoint, follows with store_settle() and store_publish(), on which nobody
 * waits.  The layout is in doc/PROTOCOL.ledger.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define STORE_FILE_BYTES  ((uint64_t)16 * 1024 * 1024) /* then a new journal */
#define STORE_GROUP_BYTES ((size_t)4 * 1024 * 1024) /* waiting to be written */

struct store;

/* For tests: what the store asks of the world.  NULL members: the real one. */
struct store_world {
	ssize_t (*pwrite)(int fd, const void *p, size_t len, off_t at);
	int (*fdatasync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*create)(int dirfd, const char *name);
};

/* Payloads of the oldest full bundles go when there is more; 0: no limit. */
struct store_limits {
	uint64_t bytes; /* of all payload files */
	uint64_t age;   /* ns */
};

struct store_options {
	struct store_limits limits;
	const struct store_world *world; /* may be NULL */
	uint64_t file_bytes;             /* 0: STORE_FILE_BYTES */
	uint32_t lock_wait_ms;           /* for a writer that is ending */
	/* Whoever owns it calls store_erase_step() while store_is_erasing(). */
	bool in_pieces;
	/* The group is in the file, but not durable yet.  May be NULL. */
	void (*written)(void *owner);
	void *owner;
};

/* What store_open() found amiss; all of it is on the ledger's next record. */
struct store_repair {
	uint64_t torn_bytes; /* never acknowledged; moved to a torn- file */
	uint64_t lost;       /* records that had been acknowledged */
	const char *damage;  /* NULL, or what is wrong with durable data */
};

/*
 * Create or recover the ledger in directory @dir, which is made when absent; a
 * ledger of the first form is taken in.  When something had to be repaired a
 * ledger.torn record says so, durably.  -EBUSY: another writer holds it.  @o,
 * @ret_repair may be NULL.
 */
must_check int store_open(struct store **ret, const char *dir,
			  const struct store_options *o,
			  struct store_repair *ret_repair);
/* Forgets what was not committed. */
void store_free(struct store *s);
DEFINE_AUTO(store, struct store, store_free);

/* Of the directory; for confinement. */
int store_dirfd(const struct store *s);

struct store_record {
	uint64_t at;         /* UTC ns */
	struct str envelope; /* '"session":"..","user":"..","task":".."' */
	struct str body;     /* accepted by record_check() */
	/*
	 * Stays in the group when a commit fails, to be tried again.  The others
	 * are forgotten then: whoever asked is told, and does without.
	 */
	bool keep;
};

/*
 * Copies @r to the end of the group; *ret_index (may be NULL) is its place.
 * -ENOBUFS: STORE_GROUP_BYTES are waiting; -EMSGSIZE.
 */
must_check int store_add(struct store *s, const struct store_record *r,
			 size_t *ret_index);
size_t store_waiting(const struct store *s);       /* records in the group */
size_t store_waiting_bytes(const struct store *s); /* their size */

/*
 * Write the group and make it durable.  0: record @i of the group has the
 * number *ret_first_seq + i, and the group is empty.  -errno: nothing of it is
 * in the ledger, only records to keep are still waiting.
 */
must_check int store_commit(struct store *s, uint64_t *ret_first_seq);

/*
 * Write the files of what became full, and a new journal when this one is
 * long.  To be called when nobody waits.  A failure is no loss: the journal has
 * it all; it is tried again, and a commit fails when too much has gathered.
 */
must_check int store_settle(struct store *s);
/* store_settle(), and a checkpoint of all there is, signed. */
must_check int store_publish(struct store *s);

/* Who wants something changed, and what for: on the record of it. */
#define STORE_USER_MAX 256u /* bytes */
#define STORE_WHY_MAX  256u
struct store_by {
	struct str user, why; /* may be empty */
};

/*
 * Another key from now on; *ret is its public half.  The old one signs for it,
 * on the record and below one last checkpoint.  @by may be NULL.
 */
struct note_key;
must_check int store_change_key(struct store *s, const struct store_by *by,
				struct note_key *ret);

/* The payloads of which records: all of these that are given. */
struct store_erase {
	struct str session;
	uint64_t before; /* UTC ns; 0: any time */
	struct store_by by;
};

/*
 * Erase them, as far as they are in the ledger now, in pieces: call
 * store_erase_step() until it says that all is done.  From begin on it will be
 * done, by the next store_open() if not by this one.  Both only while nothing
 * waits.  -EBUSY: something is being erased; -EINVAL: a name is too long.
 */
must_check int store_erase_begin(struct store *s, const struct store_erase *e);
bool store_is_erasing(const struct store *s);
enum store_erase_outcome {
	STORE_ERASED = 1, /* *ret payloads are gone, and a record says so */
};
/* 0: there is more to do; an outcome; -errno: try again. */
must_check int store_erase_step(struct store *s, uint64_t *ret);
/* All of it at once, and what an earlier time had left to do. */
must_check int store_erase(struct store *s, const struct store_erase *e,
			   uint64_t *ret);
/*
 * Erase what is beyond the limits, if any; done by store_settle() as well, but
 * not while something else is being erased.
 */
must_check int store_retain(struct store *s);
uint64_t store_size(const struct store *s); /* records in the tree */
/* There is no checkpoint of the last record yet. */
bool store_is_behind(const struct store *s);

/*
 * The limits in the file @path, lines of `payload-bytes N` and `payload-days N`.
 * No file: none.  -EINVAL: something else is in it.
 */
must_check int store_limits_load(const char *path, struct store_limits *ret);
must_check int store_limits_save(const char *path,
				 const struct store_limits *l);
