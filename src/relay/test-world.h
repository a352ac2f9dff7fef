/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-world: a relay in this process, between a fake keeper, scribe and
 * supervisor, with programs and upstreams on loopback.
 *
 * Original destinations are what the test says (world.orig), since there is no
 * jail.  Time is world.now_ns when it is not 0.
 */
#pragma once

#include "relay/relay.h"

struct world {
	struct relay *relay;
	int supervisor, scribe, keeper; /* our ends */
	struct sockaddr_in6 orig;
	uint64_t now_ns;
	uint16_t tcp_port, dns_port, dns_tcp_port;
	/* the scribe */
	bool hold, fail; /* do not answer; answer with an error */
	uint32_t held[64];
	size_t n_held;
	unsigned grants, refusals, waited; /* records; those with an id */
	uint64_t grant_count, refuse_count;
	char last_grant[1024], last_refusal[1024];
	/* the supervisor */
	unsigned notices;
	char last_notice[1024], stats[256];
	bool ready;
	int ended; /* what relay_once() returned at last */
};

extern struct world world;

/* What a relay believes it may open; 0 = what it may. */
extern size_t world_fds_max;

/*
 * A relay with the policy @net and @resolvers, both JSON, that has its sockets
 * and is ready.  Then world_close().
 */
void world_open(struct str net, const char *resolvers);
void world_close(void);

/* What scribe and supervisor find in their channels. */
void world_peers(void);
/* Rounds of the relay, and its peers. */
void world_run(int rounds);
/* Rounds until @cond, at most some seconds. */
#define WORLD_UNTIL(cond)                                                \
	do {                                                             \
		for (int until_ = 0; until_ < 5000 && !(cond); until_++) \
			world_run(1);                                    \
		CHECK_EQ(!!(cond), true);                                \
	} while (0)

/* The scribe answers what it held. */
void world_release(void);

/* A socket of @type on [::] or 127.0.0.1, any port; non-blocking. */
int world_socket(int family, int type, uint16_t *ret_port);
struct in6_addr world_addr(const char *text);
/* A connection to 127.0.0.1:@port, non-blocking; in the backlog at least. */
int world_connect(uint16_t port);
/* A program connects to @orig:@port, so it thinks. */
int world_program(const struct in6_addr *orig, uint16_t port);
/* The synthetic address of @name by DNS; :: = none.  A mapped for type 1. */
struct in6_addr world_lookup(const char *name, uint8_t type,
			     unsigned *ret_rcode);
/* What recv(2) gives within some rounds: bytes, 0 = end, -errno. */
ssize_t world_read(int fd, void *p, size_t size);
/* accept(2) within some rounds; -1 = nobody came. */
int world_accept(int listener, int rounds);
