/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relay, or a helper of it, may ask of the kernel.  Everything else ends
 * the process; a few things that libraries try are refused with an errno.
 *
 * A row without comparisons allows the call; several rows of one call allow
 * what any of them describes.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/wall.h"
#include "relay/confine.h"

#define ARGS_MAX 3

struct row {
	int call;
	uint32_t action;
	unsigned n_args;
	struct scmp_arg_cmp args[ARGS_MAX];
};

/* It would take these initialisers for blocks. */
/* clang-format off */
#define ROW(name, action, n, ...) \
	{ SCMP_SYS(name), (action), (n), { __VA_ARGS__ } }
#define IS(arg, value) \
	{ (arg), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 }
#define MASKED(arg, mask, value) \
	{ (arg), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value) }
/* clang-format on */

#define ALLOW(name)         ROW(name, SCMP_ACT_ALLOW, 0, { 0 })
#define ALLOW_1(name, ...)  ROW(name, SCMP_ACT_ALLOW, 1, __VA_ARGS__)
#define ALLOW_2(name, ...)  ROW(name, SCMP_ACT_ALLOW, 2, __VA_ARGS__)
#define ALLOW_3(name, ...)  ROW(name, SCMP_ACT_ALLOW, 3, __VA_ARGS__)
#define REFUSE(name, error) ROW(name, SCMP_ACT_ERRNO(error), 0, { 0 })

/* A socket of @family: @kind with any flags, of protocol @proto or 0. */
#define SOCKETS(family, kind, proto)                                    \
	ALLOW_3(socket, IS(0, family), MASKED(1, 0xf, kind), IS(2, 0)), \
		ALLOW_3(socket, IS(0, family), MASKED(1, 0xf, kind),    \
			IS(2, proto))

#define FORK_FLAGS (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)

static const struct row rows[] = {
	/* bytes */
	ALLOW(read),
	ALLOW(write),
	ALLOW(readv),
	ALLOW(writev),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(sendto),
	ALLOW(sendmsg),
	ALLOW(pread64), /* a large message's memfd */
	ALLOW(close),
	ALLOW(close_range),
	ALLOW(splice),
	ALLOW_1(pipe2, IS(1, O_CLOEXEC | O_NONBLOCK)),
	ALLOW(shutdown),

	/* sockets: to the network, and pairs with helpers */
	SOCKETS(AF_INET, SOCK_STREAM, IPPROTO_TCP),
	SOCKETS(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
	SOCKETS(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
	SOCKETS(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
	ALLOW_2(socketpair, IS(0, AF_UNIX),
		IS(1, SOCK_SEQPACKET | SOCK_CLOEXEC)),
	ALLOW(connect),
	ALLOW(accept4),
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW_1(getsockopt, IS(1, SOL_SOCKET)),
	ALLOW_2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_LINGER)),
	ALLOW_2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)),
	ALLOW_2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
	ALLOW_2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)),
	ALLOW_2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)),
	ALLOW_2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPCNT)),

	/* waiting */
	ALLOW(epoll_create1),
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(clock_gettime),
	ALLOW(gettimeofday),
	ALLOW(time),

	/* descriptors: flags, seals, a duplicate */
	ALLOW_1(fcntl, IS(1, F_GETFL)),
	ALLOW_1(fcntl, IS(1, F_SETFL)),
	ALLOW_1(fcntl, IS(1, F_GETFD)),
	ALLOW_1(fcntl, IS(1, F_SETFD)),
	ALLOW_1(fcntl, IS(1, F_GET_SEALS)),
	ALLOW_1(fcntl, IS(1, F_SETPIPE_SZ)),
	ALLOW_1(newfstatat, MASKED(3, AT_EMPTY_PATH, AT_EMPTY_PATH)),
	ALLOW(fstat),

	/* memory, never executable */
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW_1(mmap, MASKED(2, PROT_EXEC, 0)),
	ALLOW_1(mprotect, MASKED(2, PROT_EXEC, 0)),

	/* itself, and helpers: fork(2) and nothing like it */
	ALLOW_1(clone, IS(0, FORK_FLAGS)),
	/* to take more from itself: receiver.c */
	ALLOW_2(seccomp, IS(0, SECCOMP_SET_MODE_FILTER), IS(1, 0)),
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(getrandom),
	ALLOW(prlimit64),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(futex),
	ALLOW(restart_syscall),
	ALLOW(exit),
	ALLOW(exit_group),

	/* to die of a failed assertion */
	ALLOW(tgkill),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigreturn),
	ALLOW(sigaltstack),

	/* tried by libraries that can do without */
	REFUSE(open, ENOENT),
	REFUSE(openat, ENOENT),
	REFUSE(stat, ENOENT),
	REFUSE(access, ENOENT),
	REFUSE(readlink, ENOENT),
	REFUSE(ioctl, ENOTTY),
	REFUSE(sched_yield, ENOSYS),
};

static int add_rows(scmp_filter_ctx f)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int r = seccomp_rule_add_array(f, rows[i].action, rows[i].call,
					       rows[i].n_args, rows[i].args);

		/* Negative: the call does not exist on this machine. */
		if (r != 0 && rows[i].call >= 0)
			return r;
	}
	return 0;
}

/* The program for the kernel, made once: making it costs more than a relay. */
static struct sock_fprog program;

/* @f as the kernel takes it. */
static int export(scmp_filter_ctx f)
{
	AUTO(fd) int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;
	int r;

	if (fd == -1)
		return neg_errno();
	r = seccomp_export_bpf(f, fd);
	if (r != 0)
		return r;
	if (fstat(fd, &st) == -1 || lseek(fd, 0, SEEK_SET) == -1)
		return neg_errno();
	program.filter = malloc((size_t)st.st_size);
	if (!program.filter)
		return -ENOMEM;
	program.len = (unsigned short)((size_t)st.st_size /
				       sizeof(struct sock_filter));
	return fd_read_full(fd, program.filter, (size_t)st.st_size);
}

int confine_prepare(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!f)
		return -ENOMEM;
	/* A binary tree: the calls of the pump are as cheap as the others. */
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH,
				     SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_rows(f);
	if (r == 0)
		r = export(f);
	seccomp_release(f);
	return r;
}

int confine_seccomp(void)
{
	ASSERT(program.filter);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
		return neg_errno();
	return 0;
}

/* clang-format off */
#define KILL(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
/* clang-format on */

/* Above the relay's own filter, which knows one ABI only and still holds. */
int confine_receiver(void)
{
	static struct sock_filter less[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		KILL(socket),
		KILL(socketpair),
		KILL(connect),
		KILL(accept4),
		KILL(clone),
		KILL(pipe2),
		KILL(splice),
		KILL(seccomp),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { .len = N_ELEMS(less), .filter = less };

	if (!WALL(RELAY_SECCOMP))
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == -1)
		return neg_errno();
	return 0;
}
