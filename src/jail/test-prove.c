/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outside of a jail no proof may succeed: each must name the wall that is
 * missing.  That all succeed inside is what every session shows.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "jail/landlock.h"
#include "jail/prove.h"

/* A plan of who we are, so that the first thing to be missing is a wall. */
static struct plan here(void)
{
	return (struct plan){ .inside_uid = getuid(), .inside_gid = getgid() };
}

#define REFUSED(call)                                                    \
	do {                                                             \
		struct diag err_ = { 0 };                                \
		struct diag *e = &err_;                                  \
		CHECK_EQ(call, -EPROTO);                                 \
		CHECK(str_starts(str_of(err_.text), STR("a wall of "))); \
	} while (0)

static void test_all(void)
{
	struct plan p = here();

	REFUSED(prove_all(&p, e));
	p.inside_uid++;
	REFUSED(prove_all(&p, e));
}

/*
 * As root mounting works, as another user a user namespace can be made; in a
 * child with mounts of its own, which are gone with it.
 */
static void test_bare(void)
{
	const struct plan p = here();
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (geteuid() == 0 &&
		    (unshare(CLONE_NEWNS) == -1 ||
		     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1))
			_exit(2);
		test_failures = 0;
		REFUSED(prove_bare(&p, e));
		_exit(test_failures > 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* A socket of ours can be reached where there is no domain. */
static void test_scopes(void)
{
	AUTO(fd) int outside = prove_scopes_begin();

	CHECK(outside >= 0);
	REFUSED(prove_scopes(outside, e));
}

/* In the domain the socket that was there before cannot. */
static void test_domain(void)
{
	AUTO(fd) int outside = prove_scopes_begin();
	AUTO(fd) int ruleset = -1;
	struct diag err;
	int abi = landlock_abi();
	pid_t pid;

	if (abi < LANDLOCK_ABI_SCOPES) {
		printf("# kernel without Landlock's scopes\n");
		return;
	}
	ruleset = landlock_new(abi);
	CHECK(outside >= 0 && ruleset >= 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(landlock_enter(ruleset) == 0 &&
				      prove_scopes(outside, &err) == 0
			      ? 0
			      : 1);
	}

	int status = -1;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "all of them, outside", test_all },
		{ "without the filter, outside", test_bare },
		{ "scopes, outside", test_scopes },
		{ "scopes, in a domain", test_domain },
	};

	return test_main(tests, N_ELEMS(tests));
}
