/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: what bawn needs of a machine, each tried by doing it, in a process
 * of its own.  The tables are in doctor-*.c.
 */
#pragma once

#include "base/base.h"

struct probe_result {
	bool ok;
	char detail[256]; /* what was seen; may be empty */
	char mend[240];   /* empty: the row's */
};

enum probe_place {
	PROBE_PLAIN = 1,
	PROBE_USERNS, /* with all capabilities in a user namespace of its own */
	PROBE_PARENT, /* in doctor itself: only reads, makes no process */
};

struct probe {
	const char *name; /* one word, stable: programs read it */
	const char *what;
	enum probe_place place;
	int namespaces; /* CLONE_NEW*, for PROBE_USERNS */
	bool needed;    /* no session starts without */
	bool root_only; /* of no use to others */
	void (*run)(struct probe_result *r);
	const char *lost; /* without it */
	const char *mend; /* a command or a setting */
};

extern const struct probe kernel_probes[], jail_probes[], net_probes[],
	limit_probes[];
extern const size_t n_kernel_probes, n_jail_probes, n_net_probes,
	n_limit_probes;

/* --prove: a session that tries to get out.  The exit code. */
int doctor_prove(bool json, bool landlock);
/* Whether a session with `backend: landlock` could start. */
bool doctor_has_landlock(void);

/* ok = @cond; errno's text as detail when not. */
void probe_set(struct probe_result *r, bool cond);
void probe_say(struct probe_result *r, const char *fmt, ...) printf_like(2, 3);
/* What was seen and what mends it, in the words of a failed run. */
struct hindrance;
void probe_hinder(struct probe_result *r, const struct hindrance *h);
/* A number from a file of one; -1: not there. */
int64_t probe_read_number(const char *path);
