/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Places are cut into bundles of 256, those into segments of 256.  A posting
 * says for a segment and a term (index-terms.h) in which of its bundles the
 * term occurs.  With the segment in front of the key all writing is at the end
 * of the table, however many different values there are, and a lookup is one
 * seek for each segment: 153 for ten million records.
 *
 * A segment is one transaction: who waited for the lock reads how far the
 * other came and goes on there.  The last record taken in is remembered by
 * number and time; when the ledger has another one in that place this index
 * is of another ledger, or its end was cut.
 *
 * Where payloads were erased (erased.h) the segment is made anew before
 * anything is answered from it; what is deleted is overwritten with zeros.
 *
 * Against bits that rot, postings carry a check of their own, since a posting
 * that lost a bit would hide records; pages are checked by SQLite where it
 * reads them.
 */
#include "ledger/index.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/sip.h"
#include "ledger/index-own.h"
#include "ledger/index-terms.h"

#define VERSION 2 /* of the tables: another one is made anew */
#define BUSY_MS 10000

_Static_assert(INDEX_SEGMENT == 256, "a bundle's number is a byte");

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS state(one INTEGER PRIMARY KEY, "
	" end INTEGER, seq INTEGER, at INTEGER, erased INTEGER);"
	"INSERT OR IGNORE INTO state VALUES(1, 0, 0, 0, 0);"
	"CREATE TABLE IF NOT EXISTS segment(n INTEGER PRIMARY KEY, times BLOB);"
	"CREATE TABLE IF NOT EXISTS post(segment INTEGER, term INTEGER, "
	" bundles BLOB, PRIMARY KEY(segment, term)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS session(id TEXT PRIMARY KEY) "
	" WITHOUT ROWID;"
	"PRAGMA user_version = 2;"
	"COMMIT";
_Static_assert(VERSION == 2, "as in the schema");

int index_error(int code)
{
	static const struct {
		int code, error;
	} rows[] = {
		{ SQLITE_OK, 0 },
		{ SQLITE_DONE, 0 },
		{ SQLITE_BUSY, -EBUSY },
		{ SQLITE_LOCKED, -EBUSY },
		{ SQLITE_FULL, -ENOSPC },
		{ SQLITE_NOMEM, -ENOMEM },
		{ SQLITE_READONLY, -EROFS },
		{ SQLITE_CANTOPEN, -EACCES },
		{ SQLITE_PERM, -EACCES },
		{ SQLITE_IOERR, -EIO },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if ((code & 0xff) == rows[i].code)
			return rows[i].error;
	}
	/* No database, no such table, a page that makes no sense. */
	return INDEX_E_DAMAGED;
}

/* ---- opening ---- */

const char *index_path(struct arena *a, const char *dir)
{
	return arena_printf(a, "%s-index.sqlite", dir);
}

static int run(struct index *x, const char *sql)
{
	return index_error(sqlite3_exec(x->db, sql, NULL, NULL, NULL));
}

static int ask_version(struct index *x, int *ret)
{
	sqlite3_stmt *s = NULL;
	int code =
		sqlite3_prepare_v2(x->db, "PRAGMA user_version", -1, &s, NULL);

	if (code == SQLITE_OK) {
		code = sqlite3_step(s);
		*ret = code == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
		code = code == SQLITE_ROW ? SQLITE_OK : code;
	}
	(void)sqlite3_finalize(s);
	return index_error(code);
}

static int prepare(struct index *x, const char *sql, sqlite3_stmt **ret)
{
	return index_error(sqlite3_prepare_v3(
		x->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

int index_load(struct index *x)
{
	sqlite3_stmt *s = NULL;
	int r = prepare(
		x, "SELECT end, seq, at, erased FROM state WHERE one = 1", &s);

	if (r == 0) {
		int code = sqlite3_step(s);

		x->end = (uint64_t)sqlite3_column_int64(s, 0);
		x->last_seq = (uint64_t)sqlite3_column_int64(s, 1);
		x->last_at = (uint64_t)sqlite3_column_int64(s, 2);
		x->erased = (uint64_t)sqlite3_column_int64(s, 3);
		r = code == SQLITE_DONE || x->end > INT64_MAX ? INDEX_E_DAMAGED
		    : code == SQLITE_ROW                      ? 0
					 : index_error(code);
	}
	(void)sqlite3_finalize(s);
	return r;
}

static int set_up(struct index *x)
{
	int version = 0;
	int r = run(x, "PRAGMA synchronous = NORMAL;"
		       "PRAGMA temp_store = MEMORY;"
		       "PRAGMA cache_size = -16384;"
		       "PRAGMA cell_size_check = ON;"
		       "PRAGMA secure_delete = ON;"
		       "PRAGMA trusted_schema = OFF");

	if (r == 0)
		r = ask_version(x, &version);
	if (r == 0 && version == 0)
		r = run(x, schema);
	else if (r == 0 && version != VERSION)
		r = INDEX_E_DAMAGED;
	if (r == 0)
		r = prepare(x,
			    "SELECT bundles FROM post "
			    "WHERE segment = ? AND term = ?",
			    &x->find_post);
	if (r == 0)
		r = prepare(x, "SELECT times FROM segment WHERE n = ?",
			    &x->find_segment);
	return r == 0 ? index_load(x) : r;
}

int index_open(struct index **ret, const char *path)
{
	AUTO(index) struct index *x = calloc(1, sizeof(*x));
	int fd, code, r;

	if (!x)
		return -ENOMEM;
	/* Ours alone, and no link to elsewhere: SQLite asks for neither. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		  0600);
	if (fd == -1)
		return neg_errno();
	(void)close(fd);
	code = sqlite3_open_v2(path, &x->db,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			       NULL);
	if (code != SQLITE_OK)
		return index_error(code);
	(void)sqlite3_busy_timeout(x->db, BUSY_MS);
	(void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = set_up(x);
	if (r == 0)
		*ret = TAKE(x);
	return r;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	(void)sqlite3_finalize(x->find_post);
	(void)sqlite3_finalize(x->find_segment);
	(void)sqlite3_close(x->db);
	free(x);
}

int index_remove(const char *path)
{
	static const char *const tails[] = { "", "-journal", "-wal", "-shm" };
	char name[4200];

	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		int n = snprintf(name, sizeof(name), "%s%s", path, tails[i]);

		if (n < 0 || (size_t)n >= sizeof(name))
			return -ENAMETOOLONG;
		if (unlink(name) == -1 && errno != ENOENT)
			return neg_errno();
	}
	return 0;
}

uint64_t index_end(const struct index *x)
{
	return x->end;
}

/* ---- reading ---- */

/* The blob of a row, until the statement is reset; empty: no row. */
static int one_blob(sqlite3_stmt *s, struct str *ret)
{
	int code = sqlite3_step(s);

	*ret = (struct str){ 0 };
	if (code == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_BLOB)
		return INDEX_E_DAMAGED;
	if (code == SQLITE_ROW) {
		ret->ptr = sqlite3_column_blob(s, 0);
		ret->len = (size_t)sqlite3_column_bytes(s, 0);
		return ret->ptr ? 0 : INDEX_E_DAMAGED;
	}
	return code == SQLITE_DONE ? 0 : index_error(code);
}

int index_post(struct index *x, uint64_t segment, uint64_t term,
	       struct bundle_set *ret)
{
	struct str bytes;
	int r;

	*ret = (struct bundle_set){ 0 };
	(void)sqlite3_bind_int64(x->find_post, 1, (int64_t)segment);
	(void)sqlite3_bind_int64(x->find_post, 2, (int64_t)term);
	r = one_blob(x->find_post, &bytes);
	if (r == 0 && bytes.len > 0 && !post_parse(segment, term, bytes, ret))
		r = INDEX_E_DAMAGED;
	(void)sqlite3_reset(x->find_post);
	return r;
}

uint64_t times_check(uint64_t segment, const struct times_blob *b)
{
	const uint64_t key[2] = { segment, VERSION };

	return sip_hash(key, b->times, sizeof(b->times));
}

int index_times(struct index *x, uint64_t segment,
		struct bundle_times ret[INDEX_SEGMENT])
{
	struct times_blob b = { 0 };
	struct str bytes;
	int r;

	(void)sqlite3_bind_int64(x->find_segment, 1, (int64_t)segment);
	r = one_blob(x->find_segment, &bytes);
	if (r == 0 && bytes.len == sizeof(b)) {
		memcpy(&b, bytes.ptr, sizeof(b));
		if (b.check != times_check(segment, &b))
			r = INDEX_E_DAMAGED;
	} else if (r == 0 && bytes.len > 0) {
		r = INDEX_E_DAMAGED;
	}
	(void)sqlite3_reset(x->find_segment);
	memcpy(ret, b.times, sizeof(b.times));
	return r;
}

int index_find_session(struct index *x, struct str name, struct arena *a,
		       struct str *ret)
{
	sqlite3_stmt *s = NULL;
	unsigned n = 0;
	int code = SQLITE_OK;
	/* Ids are of [a-z0-9], so all that begin so lie before NAME{. */
	int r = prepare(x,
			"SELECT id FROM session WHERE id >= ?1 AND "
			"id < ?1 || '{' ORDER BY id LIMIT 2",
			&s);

	*ret = (struct str){ 0 };
	if (r == 0)
		(void)sqlite3_bind_text(s, 1, name.ptr, (int)name.len,
					SQLITE_TRANSIENT);
	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW) {
		struct str id = str_of((const char *)sqlite3_column_text(s, 0));

		if (n++ == 0)
			*ret = arena_str(a, id);
		if (str_eq(id, name)) { /* whole ids are never prefixes */
			n = 1;
			code = SQLITE_DONE;
			break;
		}
	}
	if (r == 0 && code != SQLITE_DONE)
		r = index_error(code);
	(void)sqlite3_finalize(s);
	if (r != 0)
		return r < 0 ? r : 1; /* damaged: it is not there */
	return a->failed ? -ENOMEM : n == 0 ? 1 : n > 1 ? 2 : 0;
}
