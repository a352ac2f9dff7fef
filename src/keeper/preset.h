/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preset: "package-registries", the hosts from which this machine's own package
 * clients fetch.
 *
 * No name of a registry is in this program: libexec's bawn-registries asks the
 * clients that are installed, and its answer is kept in the state directory
 * until a client's configuration changes, at most a day.  It runs beside the
 * loop; who needs the answer waits, nobody else does.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/loop.h"
#include "keeper/open-parse.h"
#include "keeper/preset-parse.h"
#include "policy/policy.h"

#define PRESET_NAME      "package-registries"
#define PRESET_LIMIT_NS  (UINT64_C(10) * 1000 * 1000 * 1000) /* for all */
#define PRESET_MAX_AGE_S (UINT64_C(24) * 3600)

struct preset {
	struct preset_answer known;
	uint64_t version; /* 0: never known; each answer has its own */
	/* while the program runs */
	pid_t pid;
	int out_fd;
	struct buf out;
	struct loop *loop;
	struct loop_io io;
	struct loop_timer limit;
	uint64_t want_key[2];
	void (*on_done)(void *owner); /* known now, or as good as it gets */
	void *owner;
	/* for the run's environment and the file that is kept */
	const char *state_dir, *libexec_dir;
};

#define PRESET_NULL                     \
	{                               \
		.pid = -1, .out_fd = -1 \
	}

/* @state_dir, @libexec_dir: borrowed. */
void preset_init(struct preset *p, struct loop *loop, const char *state_dir,
		 const char *libexec_dir, void (*on_done)(void *owner),
		 void *owner);
void preset_done(struct preset *p);

/*
 * True: the hosts are known for the configuration of @q's user.  False: the
 * program is asked now, and on_done() comes, at the latest after
 * PRESET_LIMIT_NS; it will then be true.
 */
bool preset_ready(struct preset *p, const struct open_request *q);

uint64_t preset_version(const struct preset *p);
/* A policy_preset_fn. */
bool preset_hosts(const struct preset *p, struct str name,
		  struct policy_preset_host *ret, size_t max, size_t *ret_n);
