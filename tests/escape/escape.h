/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape: for programs that try, inside a jail, what must not work.
 *
 * Each attempt must fail with exactly the errno that is stated: another one
 * may mean that another wall answered by luck.  Exit code 0: all failed.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_ELEMS(a) (sizeof(a) / sizeof((a)[0]))

static int escapes;
/* The jail has no namespaces (`backend: landlock`): the driver says so. */
static bool alone;

/* Outside of a jail some of the attempts would do harm. */
static __attribute__((constructor)) void only_inside(void)
{
	alone = getenv("BAWN_ESCAPE_ALONE") != NULL;
	if (alone || access("/.bawn", F_OK) == 0)
		return;
	fprintf(stderr, "this is a test for the inside of a jail\n");
	_exit(99);
}

static inline const char *error_name(int e)
{
	return e == 0 ? "it worked" : strerror(e);
}

static inline void must_be(const char *what, int got, int want, int other)
{
	if (got == want || (other != 0 && got == other))
		return;
	printf("# %s: %s, want %s\n", what, error_name(got), error_name(want));
	escapes++;
}

static inline int error_of(long r)
{
	return r == -1 ? errno : 0;
}

/* @call must fail with @want. */
#define REFUSED(want, call) must_be(#call, error_of((long)(call)), want, 0)
/* Either of two, where two walls stand behind each other. */
#define REFUSED2(want, other, call) \
	must_be(#call, error_of((long)(call)), want, other)
/* What must go on working. */
#define WORKS(call)                                                     \
	do {                                                            \
		if ((long)(call) == -1) {                               \
			printf("# %s: %s\n", #call, error_name(errno)); \
			escapes++;                                      \
		}                                                       \
	} while (0)
#define HOLDS(cond)                                      \
	do {                                             \
		if (!(cond)) {                           \
			printf("# not so: %s\n", #cond); \
			escapes++;                       \
		}                                        \
	} while (0)

/*
 * What follows is not had without namespaces, and accepted by @word of
 * doc/landlock.md: true where it has to hold.  The runner knows which words a
 * program may say.
 */
static inline bool has(const char *word)
{
	if (alone)
		printf("# lacks %s\n", word);
	return !alone;
}

/* Of a path that is not in the plan. */
#define BEYOND (alone ? EACCES : ENOENT)

/* A plain decimal of the test's own; -1: none. */
static inline int number(const char *s)
{
	int n = 0;

	for (; *s >= '0' && *s <= '9' && n < 100000000; s++)
		n = 10 * n + (*s - '0');
	return *s == '\0' ? n : -1;
}

static inline int verdict(void)
{
	return escapes ? 1 : 0;
}
