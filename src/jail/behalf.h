/* SPDX-License-Identifier: Apache-2.0 */
/*
 * behalf: system calls that the warden of a jail without namespaces carries out
 * in the caller's place, or refuses.
 *
 * What a call points at is copied once from the caller's memory; the kernel
 * never looks there again.  Calls whose arguments are plain numbers may go on by
 * themselves, since nobody changes those.
 */
#pragma once

#include "base/loop.h"
#include "jail/plan.h"

struct behalf;

/* A call that nobody may make: recorded, and answered with @error. */
struct behalf_refusal {
	int nr, error; /* errno, positive */
	pid_t pid;
	const uint64_t *args;
};

struct behalf_config {
	struct loop *loop;
	const struct plan *plan; /* borrowed */
	void (*refused)(void *owner, const struct behalf_refusal *f);
	void *owner;
};

/* @take_channel: where connections are handed over (ipc/handover.h). */
must_check int behalf_new(struct behalf **ret, const struct behalf_config *c,
			  int take_channel, struct diag *reterr);
/* From now on; @take_listener is SECCOMP_LANDLOCK's. */
must_check int behalf_serve(struct behalf *b, int take_listener);
void behalf_free(struct behalf *b);
DEFINE_AUTO(behalf, struct behalf, behalf_free);
