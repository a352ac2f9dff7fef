/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter as the kernel will run it, run here: every call that is named must
 * end as its row says, and every other must be allowed.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/test.h"
#include "jail/missing.h"
#include "jail/seccomp.h"

#include "jail/jail-filter.h"

#ifdef __x86_64__
#define ARCH       AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_I386
#else
#define ARCH       AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_ARM
#endif

#define LAST_CALL 470
#define BAD       UINT32_MAX
#define ERR(e)    (SECCOMP_RET_ERRNO | (e))
#define HIGH      (UINT64_C(1) << 32)

static bool jump_taken(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JGE:
		return a >= f->k;
	case BPF_JSET:
		return a & f->k;
	default:
		return false;
	}
}

/* One instruction that is no jump and no return.  False: not known here. */
static bool step(const struct sock_filter *f, const struct seccomp_data *d,
		 uint32_t *a)
{
	if (f->code == (BPF_LD | BPF_W | BPF_ABS)) {
		if (f->k % 4 != 0 || f->k >= sizeof(*d))
			return false;
		memcpy(a, (const char *)d + f->k, sizeof(*a));
		return true;
	}
	if (f->code == (BPF_ALU | BPF_AND | BPF_K)) {
		*a &= f->k;
		return true;
	}
	return false;
}

static uint32_t run_program(const struct sock_filter *program, size_t n,
			    const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &program[pc];

		if (BPF_CLASS(f->code) == BPF_RET)
			return f->k;
		if (f->code == (BPF_JMP | BPF_JA))
			pc += f->k;
		else if (BPF_CLASS(f->code) == BPF_JMP)
			pc += jump_taken(f, a) ? f->jt : f->jf;
		else if (!step(f, d, &a))
			return BAD;
	}
	return BAD;
}

static uint32_t run(const struct seccomp_data *d)
{
	return run_program(jail_filter, N_ELEMS(jail_filter), d);
}

static uint32_t ask(int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct seccomp_data d = { .nr = nr,
				  .arch = ARCH,
				  .args = { a0, a1, a2, a3 } };

	return run(&d);
}

#define ALLOW  SECCOMP_RET_ALLOW
#define NOTIFY SECCOMP_RET_USER_NOTIF

static void test_other_abis(void)
{
	struct seccomp_data d = { .nr = SYS_getpid, .arch = OTHER_ARCH };

	CHECK_EQ(run(&d), SECCOMP_RET_KILL_PROCESS);
	d.arch = 0;
	CHECK_EQ(run(&d), SECCOMP_RET_KILL_PROCESS);
	CHECK_EQ(ask(SYS_getpid, 0, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(-1, 0, 0, 0, 0), ALLOW); /* a tracer skips a call */
	CHECK_EQ(ask(LAST_CALL - 1, 0, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(LAST_CALL, 0, 0, 0, 0), ERR(ENOSYS)); /* not known yet */
	CHECK_EQ(ask(0x3fffffff, 0, 0, 0, 0), ERR(ENOSYS));
#ifdef __x86_64__
	CHECK_EQ(ask(0x40000000 | SYS_getpid, 0, 0, 0, 0),
		 SECCOMP_RET_KILL_PROCESS);
	CHECK_EQ(ask(0x40000000 | 512, 0, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
}

/* Calls that are judged by number alone, in both directions. */
static void test_numbers(void)
{
	static const int plain[] = { SYS_clone3, SYS_openat2,
				     SYS_io_uring_setup, SYS_io_uring_enter,
				     SYS_io_uring_register };
	static const int rare[] = {
		SYS_mount,           SYS_umount2,
		SYS_pivot_root,      SYS_chroot,
		SYS_fsopen,          SYS_fsconfig,
		SYS_fsmount,         SYS_fspick,
		SYS_open_tree,       SYS_move_mount,
		SYS_mount_setattr,   SYS_open_tree_attr,
		SYS_setns,           SYS_bpf,
		SYS_perf_event_open, SYS_userfaultfd,
		SYS_keyctl,          SYS_add_key,
		SYS_request_key,     SYS_init_module,
		SYS_finit_module,    SYS_delete_module,
		SYS_kexec_load,      SYS_reboot,
		SYS_swapon,          SYS_acct,
		SYS_quotactl,        SYS_open_by_handle_at,
		SYS_pidfd_getfd,
	};

	for (size_t i = 0; i < N_ELEMS(plain); i++) {
		CHECK_EQ(ask(plain[i], 0, 0, 0, 0), ERR(ENOSYS));
		CHECK(!seccomp_rare_find(plain[i]));
	}
	for (size_t i = 0; i < N_ELEMS(rare); i++) {
		const struct seccomp_rare *r = seccomp_rare_find(rare[i]);

		CHECK_EQ(ask(rare[i], 0, 0, 0, 0), NOTIFY);
		CHECK(r && r->error == EPERM && r->name);
	}
}

/* Rare, with a history, and refused without a record. */
static void test_rare_calls(void)
{
	static const struct {
		int nr, error;
	} rows[] = {
		{ SYS_vmsplice, EPERM },    { SYS_remap_file_pages, EPERM },
		{ SYS_move_pages, EPERM },  { SYS_migrate_pages, EPERM },
		{ SYS_nfsservctl, ENOSYS },
#ifdef __x86_64__
		{ SYS_modify_ldt, EPERM },  { SYS_uselib, ENOSYS },
		{ SYS_ustat, ENOSYS },      { SYS_sysfs, ENOSYS },
#endif
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CHECK_EQ(ask(rows[i].nr, 0, 0, 0, 0),
			 ERR((uint32_t)rows[i].error));
		CHECK(!seccomp_rare_find(rows[i].nr));
	}
}

/* Whatever is asked of the listener is in the table, and the other way. */
static void test_table(void)
{
	for (int nr = 0; nr < LAST_CALL; nr++) {
		/* Arguments that have every bit reach every rule about bits. */
		bool asked = ask(nr, 0, 0, 0, 0) == NOTIFY ||
			     ask(nr, UINT64_MAX, UINT64_MAX, UINT64_MAX,
				 UINT64_MAX) == NOTIFY;

		if (asked != (seccomp_rare_find(nr) != NULL))
			printf("# call %d\n", nr);
		CHECK_EQ(asked, seccomp_rare_find(nr) != NULL);
	}
	for (size_t i = 1; i < N_ELEMS(jail_rare); i++)
		CHECK(jail_rare[i - 1].nr < jail_rare[i].nr);
	CHECK(!seccomp_rare_find(-1));
	CHECK(!seccomp_rare_find(SYS_getpid));
}

static void test_modes(void)
{
	static const uint64_t bits[] = { S_ISUID, S_ISGID, S_ISUID | S_ISGID,
					 S_ISUID | 0777 | HIGH };

	for (size_t i = 0; i < N_ELEMS(bits); i++) {
		uint64_t m = bits[i];

		CHECK_EQ(ask(SYS_fchmod, 3, m, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_fchmodat, 0, 0, m, 0), NOTIFY);
		CHECK_EQ(ask(SYS_fchmodat2, 0, 0, m, 0), NOTIFY);
		CHECK_EQ(ask(SYS_mkdirat, 0, 0, m, 0), NOTIFY);
		CHECK_EQ(ask(SYS_mknodat, 0, 0, m, 0), NOTIFY);
		CHECK_EQ(ask(SYS_openat, 0, 0, O_CREAT, m), NOTIFY);
		CHECK_EQ(ask(SYS_openat, 0, 0, O_TMPFILE, m), NOTIFY);
		CHECK_EQ(ask(SYS_openat, 0, 0, O_CREAT | HIGH, m), NOTIFY);
		CHECK_EQ(ask(SYS_openat, 0, 0, O_RDWR, m), ALLOW);
		CHECK_EQ(ask(SYS_openat, 0, 0, O_DIRECTORY, m), ALLOW);
#ifdef __x86_64__
		CHECK_EQ(ask(SYS_chmod, 0, m, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_creat, 0, m, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_mkdir, 0, m, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_mknod, 0, m, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_open, 0, O_CREAT, m, 0), NOTIFY);
		CHECK_EQ(ask(SYS_open, 0, O_RDWR, m, 0), ALLOW);
#endif
	}
	CHECK_EQ(ask(SYS_fchmod, 3, 01777, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_openat, 0, 0, O_CREAT, 0666), ALLOW);
	/* The bit in another place is none. */
	CHECK_EQ(ask(SYS_fchmod, S_ISUID, 0755, S_ISUID, S_ISUID), ALLOW);
}

static void test_namespaces(void)
{
	static const uint64_t flags[] = {
		CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
		CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP,
	};

	for (size_t i = 0; i < N_ELEMS(flags); i++) {
		CHECK_EQ(ask(SYS_clone, flags[i] | 17, 0, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_clone, flags[i] | HIGH, 0, 0, 0), NOTIFY);
		CHECK_EQ(ask(SYS_unshare, flags[i], 0, 0, 0), NOTIFY);
	}
	CHECK_EQ(ask(SYS_unshare, CLONE_NEWTIME, 0, 0, 0), NOTIFY);
	/* What threads and forks use; its signal has the bit of NEWTIME. */
	CHECK_EQ(ask(SYS_clone, 0x3d0f00, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_clone, 0x01200011, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_unshare, CLONE_FS | CLONE_FILES, 0, 0, 0), ALLOW);
}

static void test_sockets(void)
{
	for (uint64_t f = 0; f < 64; f++) {
		bool good = f == AF_UNIX || f == AF_INET || f == AF_INET6 ||
			    f == AF_NETLINK;

		CHECK_EQ(ask(SYS_socket, f, 1, 0, 0),
			 good ? ALLOW : ERR(EAFNOSUPPORT));
		CHECK_EQ(ask(SYS_socketpair, f, 1, 0, 0),
			 f == AF_UNIX ? ALLOW : ERR(EAFNOSUPPORT));
		if (!good)
			CHECK_EQ(ask(SYS_socket, f | HIGH, 1, 0, 0),
				 ERR(EAFNOSUPPORT));
	}
	CHECK_EQ(ask(SYS_socket, UINT64_MAX, 1, 0, 0), ERR(EAFNOSUPPORT));
	for (uint64_t p = 1; p < 32; p++)
		CHECK_EQ(ask(SYS_socket, AF_NETLINK, 3, p, 0),
			 ERR(EPROTONOSUPPORT));
	/* Whatever the type, beyond MPTCP (262) too. */
	for (uint64_t p = 0; p < 300; p++) {
		bool common = p == 0 || p == IPPROTO_TCP || p == IPPROTO_UDP ||
			      p == IPPROTO_RAW;

		CHECK_EQ(ask(SYS_socket, AF_INET, 1, p, 0),
			 common || p == IPPROTO_ICMP ? ALLOW
						     : ERR(EPROTONOSUPPORT));
		CHECK_EQ(ask(SYS_socket, AF_INET6, 1, p, 0),
			 common || p == IPPROTO_ICMPV6 ? ALLOW
						       : ERR(EPROTONOSUPPORT));
	}
	CHECK_EQ(ask(SYS_socket, AF_INET, 1, 262 | HIGH, 0),
		 ERR(EPROTONOSUPPORT));
}

static void test_odds(void)
{
	static const uint64_t ioctls[] = { 0x5412, 0x541c, 0x5423 };

	for (size_t i = 0; i < N_ELEMS(ioctls); i++) {
		CHECK_EQ(ask(SYS_ioctl, 0, ioctls[i], 0, 0), ERR(EPERM));
		CHECK_EQ(ask(SYS_ioctl, 0, ioctls[i] | HIGH, 0, 0), ERR(EPERM));
	}
	CHECK_EQ(ask(SYS_ioctl, 0, 0x5413, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_seccomp, 1, 8, 0, 0), ERR(EBUSY));
	CHECK_EQ(ask(SYS_seccomp, 1, 8 | HIGH, 0, 0), ERR(EBUSY));
	CHECK_EQ(ask(SYS_seccomp, 1 | HIGH, 9, 0, 0), ERR(EBUSY));
	CHECK_EQ(ask(SYS_seccomp, 1, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_personality, 0, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_personality, 0x40000, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_personality, 0xffffffff, 0, 0, 0), ALLOW);
	CHECK_EQ(ask(SYS_personality, 0x400000, 0, 0, 0), ERR(EPERM));
	CHECK_EQ(ask(SYS_personality, 8, 0, 0, 0), ERR(EPERM));
	CHECK_EQ(ask(SYS_personality, 0x80000008, 0, 0, 0), ERR(EPERM));
	CHECK_EQ(ask(SYS_personality, 0x440000, 0, 0, 0), ERR(EPERM));
}

/* `nested: true`: what stands in nested_rows[] of the generator, no more. */
static uint32_t ask_nested(int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct seccomp_data d = { .nr = nr,
				  .arch = ARCH,
				  .args = { a0, a1, a2 } };

	return run_program(nested_filter, N_ELEMS(nested_filter), &d);
}

static void test_nested_gives_way(void)
{
	static const int allowed[] = { SYS_mount, SYS_umount2, SYS_pivot_root,
				       SYS_chroot, SYS_clone };
	static const int missing[] = { SYS_fsopen,        SYS_fsconfig,
				       SYS_fsmount,       SYS_fspick,
				       SYS_move_mount,    SYS_open_tree,
				       SYS_mount_setattr, SYS_open_tree_attr };
	static const int attributes[] = { SYS_setxattr, SYS_lsetxattr,
					  SYS_fsetxattr, SYS_setxattrat };

	for (size_t i = 0; i < N_ELEMS(allowed); i++) {
		CHECK_EQ(ask_nested(allowed[i], 0, 0, 0), ALLOW);
		CHECK_EQ(ask_nested(allowed[i], UINT64_MAX, UINT64_MAX, 0),
			 ALLOW);
	}
	for (size_t i = 0; i < N_ELEMS(missing); i++)
		CHECK_EQ(ask_nested(missing[i], 0, 0, 0), ERR(ENOSYS));
	for (size_t i = 0; i < N_ELEMS(attributes); i++) {
		CHECK_EQ(ask_nested(attributes[i], 0, 0, 0), ERR(EOPNOTSUPP));
		CHECK_EQ(ask(attributes[i], 0, 0, 0, 0), ALLOW);
	}
	CHECK_EQ(ask_nested(SYS_unshare, CLONE_NEWUSER, 0, 0), ALLOW);
	CHECK_EQ(ask_nested(SYS_unshare, CLONE_NEWUSER | CLONE_NEWTIME, 0, 0),
		 NOTIFY);
	/* netfilter's options, of any socket; the others stay */
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IP, 64), ERR(EPERM));
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IP, 64 | HIGH),
		 ERR(EPERM));
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IP, 128), ERR(EPERM));
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IP, 63), ALLOW);
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IPV6, 64), ERR(EPERM));
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IPV6, 65), ERR(EPERM));
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, IPPROTO_IPV6, 66), ALLOW);
	CHECK_EQ(ask_nested(SYS_setsockopt, 3, SOL_SOCKET, 64), ALLOW);
}

static bool gives_way(int nr)
{
	static const int calls[] = {
		SYS_mount,          SYS_umount2,       SYS_pivot_root,
		SYS_chroot,         SYS_clone,         SYS_unshare,
		SYS_fsopen,         SYS_fsconfig,      SYS_fsmount,
		SYS_fspick,         SYS_move_mount,    SYS_open_tree,
		SYS_open_tree_attr, SYS_mount_setattr, SYS_setxattr,
		SYS_lsetxattr,      SYS_fsetxattr,     SYS_setxattrat,
	};

	for (size_t i = 0; i < N_ELEMS(calls); i++) {
		if (calls[i] == nr)
			return true;
	}
	return false;
}

static void test_nested_keeps_the_rest(void)
{
	static const uint64_t values[] = { 0, 1,  2,         3,
					   4, 16, S_ISUID,   O_CREAT,
					   8, 38, UINT64_MAX };
	struct seccomp_data d = { .nr = SYS_getpid, .arch = OTHER_ARCH };

	CHECK_EQ(run_program(nested_filter, N_ELEMS(nested_filter), &d),
		 SECCOMP_RET_KILL_PROCESS);
	for (int nr = -1; nr <= LAST_CALL; nr++) {
		for (size_t i = 0; i < N_ELEMS(values) && !gives_way(nr); i++) {
			uint64_t v = values[i];

			CHECK_EQ(ask_nested(nr, v, v, v), ask(nr, v, v, v, 0));
			CHECK_EQ(ask_nested(nr, 2, v, v), ask(nr, 2, v, v, 0));
		}
	}
}

static void test_rest_is_allowed(void)
{
	static const int calls[] = {
		SYS_read,
		SYS_write,
		SYS_execve,
		SYS_ptrace,
		SYS_process_vm_readv,
		SYS_landlock_create_ruleset,
		SYS_prctl,
		SYS_futex,
		SYS_mmap,
		SYS_getrandom,
		SYS_statx,
		SYS_memfd_create,
		SYS_close_range,
		SYS_rseq,
		SYS_prlimit64,
		SYS_sched_setaffinity,
		SYS_mbind,
		SYS_inotify_add_watch,
	};

	for (size_t i = 0; i < N_ELEMS(calls); i++) {
		CHECK_EQ(ask(calls[i], 0, 0, 0, 0), ALLOW);
		CHECK_EQ(ask(calls[i], UINT64_MAX, UINT64_MAX, UINT64_MAX,
			     UINT64_MAX),
			 ALLOW);
	}
}

static uint32_t ask_send(uint64_t pass_0, uint64_t pass_1)
{
	struct seccomp_data d = { .nr = SYS_sendmsg,
				  .arch = ARCH,
				  .args = { 3, 0, 0, pass_0, pass_1 } };

	return run_program(jail_filter_writes, N_ELEMS(jail_filter_writes), &d);
}

/* Once with each number; a child's exit code: one bit for each that was sent. */
static void send_and_exit(const uint32_t passes[][2], size_t n)
{
	struct seccomp_pass own = { { 0 } };
	struct msghdr m = { 0 };
	int fds[2], sent = 0;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_WRITES, false, &own) != 0)
		_exit(255);
	for (size_t i = 0; i < n; i++) {
		/* Without a listener it fails. */
		if (syscall(SYS_sendmsg, fds[0], &m, 0,
			    own.words[0] ^ passes[i][0],
			    own.words[1] ^ passes[i][1]) == 0)
			sent |= 1 << i;
	}
	_exit(sent);
}

static void test_pass(void)
{
	static const uint32_t off[][2] = {
		{ 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 }, { UINT32_MAX, 0 }
	};
	int status = -1;
	pid_t pid;

	CHECK_EQ(ask_send(JAIL_PASS_0, JAIL_PASS_1), ALLOW);
	CHECK_EQ(ask_send(JAIL_PASS_0, 0), NOTIFY);
	CHECK_EQ(ask_send(0, JAIL_PASS_1), NOTIFY);
	CHECK_EQ(ask_send(0, 0), NOTIFY);
	CHECK_EQ(ask(SYS_sendmsg, 3, 0, 0, 0), ALLOW);
	pid = fork();
	if (pid == 0)
		send_and_exit(off, N_ELEMS(off));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
	/* The numbers that all can read are nobody's. */
	pid = fork();
	if (pid == 0) {
		struct seccomp_pass own = { { 0 } };
		struct msghdr m = { 0 };

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		    seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_WRITES, false,
				  &own) != 0)
			_exit(255);
		(void)syscall(SYS_sendmsg, -1, &m, 0, JAIL_PASS_0, JAIL_PASS_1);
		_exit(errno == ENOSYS ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "other ABIs are killed", test_other_abis },
		{ "calls by number", test_numbers },
		{ "rare calls", test_rare_calls },
		{ "table and filter agree", test_table },
		{ "set-id bits in every mode", test_modes },
		{ "namespaces in flags", test_namespaces },
		{ "socket families and protocols", test_sockets },
		{ "terminals, listeners, personalities", test_odds },
		{ "the rest is allowed", test_rest_is_allowed },
		{ "nested: what gives way", test_nested_gives_way },
		{ "nested: the rest stays", test_nested_keeps_the_rest },
		{ "a sendmsg that carries the pass", test_pass },
	};

	return test_main(tests, N_ELEMS(tests));
}
