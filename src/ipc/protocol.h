/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol: the message types.  Bodies are described in doc/PROTOCOL.ipc.
 *
 * New types go to the end: client and daemon of different builds must still
 * understand each other's HELLO, first request, REFUSED and DRAIN.
 */
#pragma once

enum msg_type {
	/* keeper -> client, first thing on every connection */
	MSG_HELLO = 1,
	/* client -> keeper */
	MSG_OPEN,    /* open a session, or only plan one */
	MSG_EVENT,   /* supervisor: a record for the ledger */
	MSG_CLOSE,   /* supervisor: the command ended */
	MSG_LIST,    /* sessions */
	MSG_KILL,    /* end a session */
	MSG_DRAIN,   /* another build wants to take over */
	MSG_STATUS,  /* for doctor */
	MSG_STARTED, /* supervisor: command runs; pid, layers in force */
	/* keeper -> client */
	MSG_REFUSED,   /* {"code":1|2|64,"text":"..."} */
	MSG_GRANT,     /* the plan; descriptor: channel to the relay */
	MSG_GO,        /* the opening record is durable */
	MSG_CLOSED,    /* the closing record is durable */
	MSG_TERMINATE, /* end the session now: {"reason":"..."} */
	MSG_SESSIONS,
	MSG_OK,
	/* keeper -> scribe */
	MSG_CHANNEL, /* descriptor: a new writer, {session,user,task,role} */
	/* any writer -> scribe, and its answer */
	MSG_APPEND,
	MSG_APPENDED,
	/* keeper -> zygote, and its answers */
	MSG_FORK, /* descriptors: supervisor, scribe, keeper channels */
	MSG_FORKED,
	MSG_EXITED,
	/* keeper -> relay */
	MSG_RESOLVERS, /* new nameservers, search list, hosts */
	/* supervisor -> relay */
	MSG_SOCKETS, /* descriptors made inside the jail */
	/* relay -> supervisor */
	MSG_READY,
	MSG_NOTICE, /* a refusal, for the user */
	MSG_STATS,
	/* supervisor <-> init */
	MSG_PLAN,
	MSG_INIT_READY,
	MSG_INIT_FAILED,
	MSG_INIT_GO,
	MSG_INIT_STARTED,
	MSG_INIT_SIGNAL,
	MSG_INIT_EXIT,
	MSG_INIT_NET, /* descriptors: the sockets of the jail's network */
	/* any writer -> scribe, and its first answer; then MSG_APPENDED */
	MSG_APPEND_TELL,
	MSG_WRITTEN,
	/* client -> keeper */
	MSG_ACCEPT, /* the user accepts a project's policy */
	/* keeper -> relay */
	MSG_NARROW, /* the policy has changed: allow no more than this */
	/* scribe -> keeper, its last words */
	MSG_SCRIBE_FAILED, /* it could not begin: {"error":"text"} */
	/* init -> supervisor */
	MSG_INIT_REFUSED, /* a system call, by a warden */
	/* keeper -> groundsman, and its answer; keeper -> client, after OPEN */
	MSG_GROUND_MAKE,
	MSG_GROUND, /* descriptors: what was made ahead for a jail */
	/* supervisor -> witness: the listener; and back, at its end */
	MSG_WITNESS,
	/* bawn-export -> keeper */
	MSG_SINK_NOTE, /* a record was set aside */
	/* client -> keeper -> scribe, and the scribe's answer to the keeper */
	MSG_ERASE,      /* payloads of records go */
	MSG_ROTATE_KEY, /* another key signs */
	MSG_AMENDED,
	MSG_MAX_,
};
