/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one connection of a `bawn`, and what it may ask in which phase.
 */
#pragma once

#include "base/base.h"
#include "ipc/request.h"
#include "keeper/link.h"

struct keeper;
struct session;

enum client_phase {
	CLIENT_IDLE = 1u << 0,    /* owns no session */
	CLIENT_OPENING = 1u << 1, /* asked for one */
	CLIENT_GRANTED = 1u << 2, /* owns one; its command does not run yet */
	CLIENT_RUNNING = 1u << 3,
	CLIENT_CLOSING = 1u << 4,
	CLIENT_DONE = 1u << 5, /* its session is over */
	CLIENT_LOST = 1u << 6, /* we ended its session; it may not know yet */
};

struct client {
	struct client *next, **link_to;
	struct keeper *keeper;
	struct link link;
	struct request_state requests; /* .phase is an enum client_phase */
	struct session *session;       /* NULL: none */
	pid_t pid;
	int pid_fd; /* of a session's owner; -1: none */
	bool known_build;
	struct diag why; /* it is ended, when it is for what it sent */
};

/* Takes the accepted @fd; greets.  A failure has closed it. */
must_check int client_new(struct keeper *k, int fd, pid_t pid);
/* Closes the connection; its session, if any, learns nothing. */
void client_free(struct client *c);

/* A client that cannot be told is ended at its next event. */
void client_send(struct client *c, uint32_t type, uint32_t id, struct str body,
		 const int *fds, size_t n_fds);
/* MSG_REFUSED. */
void client_refuse(struct client *c, uint32_t id, int code, const char *text);
/* The owner of a session that does not end it: SIGKILL. */
void client_kill(struct client *c);
