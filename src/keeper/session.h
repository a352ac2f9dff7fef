/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one governed run of one command, from the request to the durable
 * end of its story.
 *
 *            session_new              refused, or the client is gone
 *                |                  +-------------------------------> (freed)
 *                v                  |
 *   +------> OPENING ---------------+
 *   preset_    |  session_advance: plan sent, open record, relay forked
 *   ready      v
 *            GRANTED --------------------------+
 *                |  session_started            |  session_close: the client
 *                v                             |  said CLOSE, or is gone, or
 *            RUNNING ------------------------->+  broke its table
 *                                              v
 *                                           CLOSING
 *              relay told to end, then waited for, and for the word on the
 *              open record; then the close record; when that is durable:
 *              CLOSED to the client
 *                                              |
 *                                              v
 *                                            (freed)
 *
 * In GRANTED the open record becomes durable and the client gets GO; if it
 * cannot be written the client gets REFUSED, and there was no session.  If the
 * close record cannot be written the client is told and goes, and it is tried
 * again for as long as this daemon lives.  When the scribe dies without an
 * answer nobody knows; the session stays in STATE/owed, and the next daemon
 * asks the ledger.
 *
 * A relay or channel of the ledger that ends in GRANTED or RUNNING does not
 * change the state: the client is told TERMINATE and has SESSION_END_NS to say
 * CLOSE, else it is killed.
 */
#pragma once

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "keeper/link.h"
#include "keeper/open-parse.h"
#include "keeper/owed.h"

struct client;
struct keeper;
struct rules_entry;

#define SESSION_RELAY_NS  (UINT64_C(1000) * 1000 * 1000)  /* its last words */
#define SESSION_END_NS    (UINT64_C(10000) * 1000 * 1000) /* after TERMINATE */
#define SESSION_LEDGER_NS (UINT64_C(5000) * 1000 * 1000)  /* to be durable */
#define SESSION_AGAIN_NS  (UINT64_C(1000) * 1000 * 1000)  /* a full disk */
#define SESSION_WORD_NS   (UINT64_C(500) * 1000 * 1000)   /* the scribe's */
#define SESSION_RELAY_MAX ((size_t)4096) /* bytes it may send the keeper */

enum session_state {
	SESSION_OPENING = 1,
	SESSION_GRANTED,
	SESSION_RUNNING,
	SESSION_CLOSING,
};

/* How the command ended; all said by the supervisor. */
struct session_end {
	int64_t code, signal;
	struct str reason; /* "exit", "signal", "killed", ... */
	int64_t utime_us, stime_us, maxrss_kb, wall_ms, ledger_ms;
};

struct session {
	struct session *next, **link_to;
	struct keeper *keeper;
	struct client *client; /* NULL: gone */
	enum session_state state;
	char id[ID_SESSION_LEN + 1];
	uint32_t serial; /* names it towards the zygote */
	uint32_t open_msg, close_msg;
	struct arena arena; /* the request lives here */
	struct open_request request;
	struct str argv;           /* in one line, quoted */
	struct rules_entry *rules; /* it began with */
	struct rules_entry
		*now;        /* whose narrowing holds too; may be the same */
	const char *project; /* in the arena */
	uint64_t started_ns; /* UTC */
	uint64_t resolvers_version;
	pid_t pid;          /* of its init, once it runs */
	int mounts;         /* of its end: the mount namespace; -1 */
	struct link ledger; /* role keeper */
	struct link events; /* role supervisor */
	struct link relay;
	struct loop_timer timer;
	struct session_end closing;
	int64_t bytes_in, bytes_out; /* the relay's word, at its end */
	bool has_stats;
	int owed;        /* place in STATE/owed */
	bool opened;     /* the open record was sent */
	bool durable;    /* and is durable */
	bool told;       /* TERMINATE was sent */
	bool close_sent; /* the close record was sent */
	bool closed;     /* and written: gone, for all others */
	bool waited;     /* in CLOSING, for the open record to be durable */
};

const char *session_state_name(enum session_state s);

/*
 * From the body of MSG_OPEN, which is @body in @take_arena (taken).  Refusals
 * go to @c; NULL then, or for lack of memory.
 */
struct session *session_new(struct keeper *k, struct client *c, uint32_t msg,
			    struct arena *take_arena, const struct json *body);
/*
 * One that a killed daemon left without a closing record: straight into
 * CLOSING.  @slot: its place in STATE/owed.
 */
must_check int session_recover(struct keeper *k, int slot,
			       const struct owed_entry *e);
/*
 * Do what is next in OPENING; also when a preset's answer has come.  May free
 * @s.
 */
void session_advance(struct session *s);
/* The supervisor says the command runs. */
must_check int session_started(struct session *s, const struct json *body);
/* A record of the supervisor. */
must_check int session_event(struct session *s, struct str record);
/* Into CLOSING; @end's reason is copied.  May free @s. */
void session_close(struct session *s, uint32_t msg,
		   const struct session_end *end);
/* The ledger will not take its opening record: the client is told @why. */
void session_not_started(struct session *s, const char *why);
/* The client's connection is gone.  May free @s. */
void session_orphan(struct session *s, const char *reason);
/* GRANTED, and there is no relay: says @why to the client, and closes it. */
void session_cannot_start(struct session *s, const char *why);
/* TERMINATE to the client, no more than once; in OPENING frees @s. */
void session_terminate(struct session *s, const char *reason);
/* The files of its policy may have changed: narrow it. */
void session_look_at_policy(struct session *s);
/* New nameservers or hosts. */
void session_resolvers(struct session *s);

/* By number of the zygote's answers; NULL: none. */
struct session *session_find_serial(struct keeper *k, uint32_t serial);
enum session_find {
	SESSION_FIND_NONE = 1,
	SESSION_FIND_MANY,
};
/* By id, unambiguous prefix, or "@".  0 or enum session_find. */
must_check int session_find(struct keeper *k, struct str name,
			    struct session **ret);
void session_free(struct session *s);
/* For grant.c: the channel for the keeper's own records of @s. */
must_check int session_open_ledger(struct session *s, int take_fd);
