/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker: the host's Unix sockets that the policy names, reachable from the
 * jail through listeners made inside it.  Bytes are copied; descriptors and
 * credentials never pass, so nothing of the host can be handed in that way.
 */
#pragma once

#include "base/base.h"
#include "base/loop.h"

#define BROKER_MAX_CONNS 256u /* at once, all sockets together */

struct broker;

struct broker_config {
	struct loop *loop;
	/*
	 * Before the first connection to @path is made: 0, or -errno: it must
	 * not be made.
	 */
	int (*first_use)(void *owner, const char *path);
	void *owner;
};

must_check int broker_new(struct broker **ret, const struct broker_config *c);
void broker_free(struct broker *b);
DEFINE_AUTO(broker, struct broker, broker_free);

/*
 * What connects to @listener is connected to the host's socket at @path.
 * Takes @listener, also when it fails.
 */
must_check int broker_add(struct broker *b, int listener, const char *path);
