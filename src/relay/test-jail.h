/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-jail: a real relay out of a real zygote, confined, for the network of a
 * real jail (its namespaces and rules, not its file system), between a fake
 * keeper, scribe and supervisor.
 */
#pragma once

#include <sys/types.h>

#include "ipc/ipc.h"
#include "policy/net.h"

struct test_jail {
	pid_t zygote, jail, relay;
	int to_zygote;                  /* our end */
	int supervisor, scribe, keeper; /* our ends */
	int go;                         /* write a byte: the program starts */
	int result;                     /* what the program writes */
	unsigned grants, refusals;
	char ready[512], stats[256], last_refusal[1024], refused[8192];
};

extern struct test_jail tj;

/*
 * A zygote, a relay of it, and a jail with the network that @p wants, in which
 * @program will run: @go gives a byte for each tj_run(), of which the first is
 * read already.  False: this machine has no such namespaces or rules.
 */
bool tj_open(const struct net_policy *p, void (*program)(int go, int result));
/* One more relay of the zygote, without a jail. */
void tj_fork(const struct net_policy *p);
/* Scribe and supervisor; false: nothing came within @ms. */
bool tj_serve(int ms);
/* What the program writes into its result, to the end. */
size_t tj_run(void *result, size_t size);
/* The keeper ends the session; what the zygote tells of the relay's exit. */
int tj_close(void);
/* Of the zygote, when its keeper is gone. */
int tj_end_zygote(void);

/* For programs in the jail. */

/* The synthetic v4 address of @name, by UDP from whatever server. */
bool tj_lookup(const char *name, const char *server, struct in_addr *ret);
/* A connected socket, or -errno. */
int tj_connect(struct in_addr a, uint16_t port);
