/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-world: a whole keeper in a child process, whose scribe, zygote, relays
 * and clients are played by the test.
 */
#pragma once

#include <poll.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/test.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"

#define WAIT_MS 5000 /* for what has to come */
#define NONE_MS 60   /* for what must not */

struct world {
	char top[64], state[96], home[96], proj[128], socket[128];
	int scribe, zygote, groundsman;
	pid_t pid;
	struct ipc_msg m; /* the last message */
	struct arena arena;
	struct json *body; /* of it */
	uint64_t idle_ns;
	uid_t uid;
	const char *root; /* what the keeper takes for "/" */
};

/* The ends that the keeper gave away for one session. */
struct given {
	int supervisor;                 /* to the client */
	int ledger, events, from_relay; /* to the scribe */
	int relay[3];                   /* to the relay */
	char id[ID_SESSION_LEN + 1];
};

void must(bool ok, const char *what);
/* True: something can be read, or it ended. */
bool comes(int fd, int ms);
/* The type of the next message on @fd; 0: it ended; -1: nothing comes. */
int receive(struct world *w, int fd);
void say(int fd, uint32_t type, uint32_t id, const char *body);
struct str word(const struct world *w, const char *key);
void world_begin(struct world *w);
/* As the scribe would have written it. */
void put_on_ledger(const struct world *w, const char *id, const char *kind);
void world_init(struct world *w);
int exit_code(struct world *w);
void world_kill(struct world *w);
void world_done(struct world *w);
/* A client that has been greeted. */
int connect_client(struct world *w);
/* The same, made by another process, which the keeper may kill. */
int connect_as_other(struct world *w, pid_t *ret);
bool is_killed(pid_t pid);
void format_open(const struct world *w, const char *build, const char *more,
		 char *dst, size_t size);
void send_open(const struct world *w, int fd, const char *more);
void given_close(struct given *g);
/* Through GRANT; everything the keeper hands out is in *g. */
void open_session(struct world *w, int client, struct given *g);
void start_session(struct world *w, int client, struct given *g);
/* From the relay's end to the closing record, as a good relay and scribe. */
void expect_close(struct world *w, struct given *g, const char *reason);
/* A world with one session that runs; its client. */
int world_with_session(struct world *w, struct given *g);
/* What is left of both, and of its @client. */
void world_done_with(struct world *w, struct given *g, int client);
