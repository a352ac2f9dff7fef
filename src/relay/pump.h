/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump: bytes between a program's socket and an upstream's, both ways.
 *
 * Used by the relay and by the processes it hands pairs to.  Bytes pass
 * unchanged; end of input on one side becomes end of input on the other when
 * all before it is written; a reset on one side becomes one on the other.
 */
#pragma once

#include "base/loop.h"
#include "relay/pump-pipe.h"

#define PUMP_CHUNK    ((size_t)256 * 1024)       /* bytes of one read */
#define PUMP_PENDING  ((size_t)32 * 1024 * 1024) /* bytes of all, then ... */
#define PUMP_SMALL    ((size_t)4 * 1024)         /* ... bytes of one read */
#define PUMP_PIPES    8u      /* streams that are not copied, of all pumps */
#define PUMP_STUCK_MS 120000u /* output waits and nobody reads */

/* What the pumps of a process share. */
struct pump_pool {
	struct loop *loop;
	char *scratch;  /* PUMP_CHUNK bytes */
	size_t pending; /* bytes read and not yet written, all pumps */
	size_t n_pipes;
};

must_check int pump_pool_init(struct pump_pool *p, struct loop *loop);
void pump_pool_done(struct pump_pool *p);

enum pump_end {
	PUMP_CLIENT = 0,   /* the program's socket */
	PUMP_UPSTREAM = 1, /* the one we dialled */
};

/* What pump.look() found. */
enum pump_look {
	PUMP_MORE = 1, /* keep these bytes, ask again with the next */
	PUMP_PASS,     /* forward them and do not ask again */
	PUMP_REFUSE,   /* end both sides with a reset */
};

struct pump_side {
	int fd; /* owned */
	struct loop_io io;
	char *out;               /* read from the other side, not yet written */
	size_t out_off, out_len; /* bytes */
	struct pump_pipe *pipe;  /* of a stream to this side; or NULL */
	uint64_t progress_ns;    /* when output last began or moved */
	uint8_t streak;          /* large reads in a row from this side */
	bool eof;                /* nothing more comes from this side */
	bool shut; /* this side was told that nothing more comes */
};

/*
 * Embedded in its owner.  Everything but look, ended, owner and bytes is
 * private.  bytes[PUMP_CLIENT] were sent to the program, bytes[PUMP_UPSTREAM]
 * to the upstream.
 */
struct pump {
	struct pump_pool *pool;
	struct pump_side side[2];
	uint64_t bytes[2];
	struct loop_timer stuck;
	bool held; /* side[PUMP_UPSTREAM].out waits for look() */
	bool running;
	/*
	 * When set: called with what the program sends before it is forwarded;
	 * empty at its end of input.
	 */
	enum pump_look (*look)(struct pump *p, struct str bytes);
	/*
	 * Called once, last: both ways ended (0), or -errno; -ETIMEDOUT a peer
	 * was stuck; -ECONNABORTED look() refused.  Descriptors are closed.
	 * The owner may free itself.
	 */
	void (*ended)(struct pump *p, int error);
	void *owner;
};

/* @client is taken; the pump rests until pump_start(). */
void pump_init(struct pump *p, struct pump_pool *pool, int take_client);
/*
 * Keep bytes of the program for the upstream before it exists.  -EMSGSIZE when
 * more than TLS_HELLO_MAX wait.
 */
must_check int pump_keep(struct pump *p, struct str bytes);
/*
 * Both sockets are non-blocking.  Begins with what was kept, unless look is
 * set.  On failure nothing runs and pump_close() is due; ended() is not called
 * from here.
 */
must_check int pump_start(struct pump *p, int take_upstream);
/* Without calling ended().  @reset: both sides see a reset, not an end. */
void pump_close(struct pump *p, bool reset);
/* Running, and holds no byte: both sockets could be served by someone else. */
bool pump_is_empty(const struct pump *p);
/* The program has ended its side, and the upstream has all of it. */
static inline bool pump_is_delivered(const struct pump *p)
{
	return p->side[PUMP_UPSTREAM].shut;
}
/* Take the sockets out of a pump that is empty. */
void pump_take(struct pump *p, int ret[2]);
