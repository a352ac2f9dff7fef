/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "jail/missing.h"

#include "jail/jail-filter.h" /* generated: *_filter[], jail_rare[] */

const struct seccomp_rare *seccomp_rare_find(int nr)
{
	for (size_t i = 0; i < N_ELEMS(jail_rare); i++) {
		if (jail_rare[i].nr == nr)
			return &jail_rare[i];
	}
	return NULL;
}

static bool holds(const struct seccomp_rare *r, const uint64_t args[6])
{
	for (size_t i = 0; i < SECCOMP_CONDS; i++) {
		uint32_t v = (uint32_t)args[r->conds[i].arg];
		uint32_t want = r->conds[i].value;

		if ((r->conds[i].op == SECCOMP_EQ && v != want) ||
		    (r->conds[i].op == SECCOMP_ANY && (v & want) == 0) ||
		    (r->conds[i].op == SECCOMP_GE && v < want))
			return false;
	}
	return true;
}

const struct seccomp_rare *seccomp_rare_match(int nr, const uint64_t args[6])
{
	for (size_t i = 0; i < N_ELEMS(jail_rare); i++) {
		if (jail_rare[i].nr == nr && holds(&jail_rare[i], args))
			return &jail_rare[i];
	}
	return NULL;
}

struct program {
	const struct sock_filter *insns;
	size_t n;
};

#define PROGRAM(name)                 \
	{                             \
		(name), N_ELEMS(name) \
	}

static const struct program programs[][3] = {
	[SECCOMP_JAIL] = { PROGRAM(jail_filter), PROGRAM(jail_filter_writes),
			   PROGRAM(jail_filter_all) },
	[SECCOMP_NESTED] = { PROGRAM(nested_filter),
			     PROGRAM(nested_filter_writes),
			     PROGRAM(nested_filter_all) },
	/* What it may, the warden sees. */
	[SECCOMP_LANDLOCK] = { PROGRAM(landlock_filter),
			       PROGRAM(landlock_filter),
			       PROGRAM(landlock_filter) },
};

#define INSNS_MAX 1024u
_Static_assert(N_ELEMS(nested_filter_all) <= INSNS_MAX &&
		       N_ELEMS(jail_filter_all) <= INSNS_MAX &&
		       N_ELEMS(landlock_filter) <= INSNS_MAX,
	       "room for each");

/* Everybody can read the marks here, so they never stay. */
static void insert_pass(struct sock_filter *insns, size_t n,
			const struct seccomp_pass *pass)
{
	for (size_t i = 0; i < n; i++) {
		if (insns[i].code != (BPF_JMP | BPF_JEQ | BPF_K))
			continue;
		if (insns[i].k == JAIL_PASS_0)
			insns[i].k = pass->words[0];
		else if (insns[i].k == JAIL_PASS_1)
			insns[i].k = pass->words[1];
	}
}

static int draw_pass(struct seccomp_pass *ret)
{
	ssize_t n;

	do {
		n = getrandom(ret, sizeof(*ret), 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return neg_errno();
	return n == (ssize_t)sizeof(*ret) ? 0 : -EIO;
}

static int enter(struct sock_fprog *program, bool want_listener)
{
	unsigned long flags =
		want_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER |
					SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
			      : 0;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);

	if (r == -1 && errno == EINVAL && want_listener) {
		/* Before 5.19: a signal may interrupt a call that waits. */
		flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    program);
	}
	return r == -1 ? neg_errno() : (int)r;
}

int seccomp_enter(enum seccomp_kind kind, enum seccomp_sees sees,
		  bool want_listener, struct seccomp_pass *ret_pass)
{
	const struct program *p = &programs[kind][sees];
	struct sock_filter insns[INSNS_MAX];
	struct sock_fprog program = { .len = (unsigned short)p->n,
				      .filter = insns };
	struct seccomp_pass pass = { { 0 } };
	int r = draw_pass(&pass);

	if (r != 0)
		return r;
	memcpy(insns, p->insns, p->n * sizeof(insns[0]));
	insert_pass(insns, p->n, &pass);
	r = enter(&program, want_listener);
	explicit_bzero(insns, p->n * sizeof(insns[0]));
	if (ret_pass)
		*ret_pass = pass;
	explicit_bzero(&pass, sizeof(pass));
	return r;
}

/* The other architectures' calls end in the jail's own filter. */
int seccomp_without_landlock(void)
{
	static const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_landlock_create_ruleset,
			 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_landlock_restrict_self,
			 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = (unsigned short)N_ELEMS(insns),
		.filter = (struct sock_filter *)(uintptr_t)insns,
	};

	return enter(&program, false);
}
