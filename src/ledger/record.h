/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: how a writer words one record.  Pure.
 *
 * The writer gives kind, verdict, trust, rule and the fields of the kind; the
 * scribe alone adds v, seq, at, session, user, task and prev, so that no
 * writer can speak for another.  The result is one flat JSON object; the rule
 * is the members rule.layer, rule.file, rule.line.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"

#define RECORD_MAX_BYTES ((size_t)32 * 1024) /* of one stored line */
/* Of it, what a writer may send; the rest is for what the scribe adds. */
#define RECORD_MAX_BODY    ((size_t)28 * 1024)

#define RECORD_SESSION_MAX 64u /* bytes of a session's id */
/* Small letters and digits, no more of them; of none too. */
bool record_is_session(struct str id);

enum record_kind {
	RECORD_LEDGER_START = 1, /* scribe */
	RECORD_LEDGER_TORN,      /* scribe: bytes cut at start */
	RECORD_LEDGER_FIRST,     /* scribe: the first form was taken in */
	RECORD_LEDGER_KEY,       /* scribe: the ledger's key is another now */
	RECORD_LEDGER_ERASE,     /* scribe: payloads will be gone */
	RECORD_DAEMON_START,     /* keeper */
	RECORD_DAEMON_STOP,
	RECORD_PEER_KILLED,    /* keeper, scribe: a peer broke its table */
	RECORD_SESSION_OPEN,   /* keeper */
	RECORD_SESSION_CLOSE,  /* keeper */
	RECORD_SESSION_START,  /* supervisor: pid and layers in force */
	RECORD_NET_GRANT,      /* relay */
	RECORD_NET_REFUSE,     /* relay */
	RECORD_LIMIT_HIT,      /* supervisor */
	RECORD_SYSCALL_REFUSE, /* supervisor, witness */
	RECORD_FILE_HIDE,      /* supervisor: something appeared, was covered */
	RECORD_SOCKET_GRANT,   /* supervisor: a named host socket was used */
	RECORD_SESSION_NARROW, /* keeper: its policy's files have changed */
	RECORD_POLICY_ACCEPT,  /* keeper: the user accepts a project's text */
	RECORD_FILE_LATER,     /* supervisor: what runs outside later changed */
	/* witness: what the processes of a session ask the kernel for */
	RECORD_PROCESS_EXEC,
	RECORD_PROCESS_HASH, /* of a program, at its first use */
	RECORD_FILE_OPEN,
	RECORD_FILE_CREATE,
	RECORD_FILE_RENAME,
	RECORD_FILE_UNLINK,
	RECORD_FILE_LINK,
	RECORD_FILE_CHMOD,
	RECORD_FILE_CHANGE, /* length and attributes, by name */
	RECORD_NET_CONNECT,
	RECORD_NET_BIND,
	RECORD_NET_LISTEN,
	RECORD_NET_SEND,
	RECORD_SESSION_OUTPUT, /* supervisor: what the terminal showed */
	RECORD_SINK_REJECT,    /* keeper: a receiver would not have a record */
	/* relay: what an agent's own telemetry says, and what of it is missing */
	RECORD_AGENT_EVENT,
	RECORD_AGENT_LOST,
	RECORD_KIND_MAX_,
};

enum record_trust {
	RECORD_KERNEL = 1, /* seen or done by us or the kernel */
	RECORD_CLAIMED,    /* a string read from a process */
};

/* A set of kinds a writer may send; checked by the scribe. */
enum record_role {
	RECORD_ROLE_SCRIBE = 1,
	RECORD_ROLE_KEEPER,
	RECORD_ROLE_SUPERVISOR, /* through the keeper */
	RECORD_ROLE_RELAY,
	RECORD_ROLE_WITNESS,
	RECORD_ROLE_MAX_,
};

const char *record_kind_name(enum record_kind k); /* "session.open" */
bool record_kind_find(struct str name, enum record_kind *ret);
bool record_role_may(enum record_role r, enum record_kind k);
const char *record_role_name(enum record_role r);
bool record_role_find(struct str name, enum record_role *ret);

struct record_rule {
	struct str layer, file;
	uint32_t line;
};

/*
 * Opens the object on @w, which the caller fills with json_k*() and closes
 * with record_end().  @verdict "allow", "deny" or "none".  @rule may be NULL.
 * @count >= 1: how many times, for folded records.
 */
void record_begin(struct json_out *w, enum record_kind k, const char *verdict,
		  enum record_trust t, const struct record_rule *rule,
		  uint64_t count);
void record_end(struct json_out *w);

/* The fields every record has, as read back. */
struct record_head {
	enum record_kind kind; /* 0: a kind of a later version */
	struct str verdict, trust, session;
	uint64_t seq, at, count;
};

struct record {
	struct record_head head;
	const struct json *fields; /* the flat object, with the head's */
};

/*
 * One line as a reader gives it, as fields in @a.  0; 1: not a record (cut,
 * not flat, not JSON, a missing head field); -ENOMEM when @a is full.
 */
must_check int record_read(struct arena *a, struct str line,
			   struct record *ret);
