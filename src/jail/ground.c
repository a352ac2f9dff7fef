/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The maker is born into both namespaces and shares our table of descriptors:
 * what it opens is open here too, so only numbers come back, in a page that both
 * share.  Its ids are mapped as a jail's are: our own by itself, which whoever
 * made a namespace may; another's, as root, by us.  Its mount namespace ends with it;
 * the root is a copy that is attached nowhere.
 *
 * A process in a user namespace made by another counts against the limits which
 * that one had.  Who has others makes a namespace of his own, so they are told.
 */
#include "jail/ground.h"

#include <grp.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/json.h"
#include "jail/idmap.h"
#include "jail/mounts.h"
#include "jail/nl.h"
#include "jail/sys.h"
#include "jail/witness.h"

#define NICE 5

struct made {
	bool done;
	int result; /* 0 or -errno */
	struct ground ground;
	struct diag why;
};

void ground_done(struct ground *g)
{
	auto_fd(&g->user_ns);
	auto_fd(&g->net_ns);
	auto_fd(&g->sockets.tproxy);
	auto_fd(&g->sockets.udp53);
	auto_fd(&g->sockets.tcp53);
	auto_fd(&g->sockets.nflog);
	auto_fd(&g->root);
	auto_fd(&g->witness);
	*g = (struct ground)GROUND_NULL;
}

static int fail(struct diag *err, const char *what)
{
	int r = neg_errno();

	diag_set(err, 0, 0, "%s: %s", what, strerror(-r));
	return r;
}

static int make(struct made *m)
{
	static char scratch[NL_BYTES];
	struct ground *g = &m->ground;
	int r;

	r = net_prepare(scratch, &g->sockets, &m->why);
	if (r != 0)
		return r;
	g->net_ns = ioctl(g->sockets.udp53, SIOCGSKNS);
	if (g->net_ns == -1)
		return fail(&m->why, "the network namespace's descriptor");
	g->user_ns = ioctl(g->net_ns, NS_GET_USERNS);
	if (g->user_ns == -1)
		return fail(&m->why, "the user namespace's descriptor");
	/* Last: it covers /proc. */
	r = mounts_make_ahead(&m->why);
	if (r < 0)
		return r;
	g->root = r;
	return 0;
}

/*
 * What is made belongs to the jail's user.  Ours we map ourselves; as another
 * user, as which root's jails run, we go on when @mapped says that it is mapped.
 */
static int take_ids(const struct idmap *m, int mapped)
{
	char word;

	if (mapped == -1)
		return idmap_write(0, m, true);
	if (read(mapped, &word, 1) != 1)
		return -EPIPE;
	return setgroups(0, NULL) == -1 ||
			       setresgid(m->inside_gid, m->inside_gid,
					 m->inside_gid) == -1 ||
			       setresuid(m->inside_uid, m->inside_uid,
					 m->inside_uid) == -1
		       ? neg_errno()
		       : 0;
}

static noreturn_fn void be_maker(struct made *m, const struct idmap *map,
				 int mapped)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What is made for later must not hold up what runs now. */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	m->result = take_ids(map, mapped);
	if (m->result != 0)
		diag_set(&m->why, 0, 0, "mapping ids: %s",
			 strerror(-m->result));
	/* Lost when ids change. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)umask(0);
	if (m->result == 0)
		m->result = make(m);
	m->done = true;
	_exit(0);
}

/* As root: its ids, and word of them.  Else it is killed. */
static int map_ids(pid_t pid, const struct idmap *map, int tell)
{
	int r = idmap_write(pid, map, false);

	if (r == 0 && write(tell, "", 1) != 1)
		r = neg_errno();
	if (r != 0)
		(void)kill(pid, SIGKILL);
	return r;
}

static int hear(pid_t pid, const struct made *m, struct diag *err)
{
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (!m->done) {
		diag_set(err, 0, 0, "the maker of a ground died");
		return -ECHILD;
	}
	*err = m->why;
	return m->result;
}

static int make_in(struct made *m, struct diag *err)
{
	bool root = geteuid() == 0;
	uint32_t uid = root ? PLAN_ROOT_UID : geteuid();
	uint32_t gid = root ? PLAN_ROOT_UID : getegid();
	struct idmap map = { root ? PLAN_INSIDE_UID : uid, uid,
			     root ? PLAN_INSIDE_UID : gid, gid };
	struct clone_args a = { .flags = CLONE_NEWUSER | CLONE_NEWNET |
					 CLONE_NEWNS | CLONE_FILES,
				.exit_signal = SIGCHLD };
	int mapped[2] = { -1, -1 }, r = 0, said;
	pid_t pid;

	if (root && pipe2(mapped, O_CLOEXEC) == -1)
		return fail(err, "a pipe");
	pid = sys_clone3(&a);
	if (pid == 0)
		be_maker(m, &map, mapped[0]);
	if (pid < 0) {
		diag_set(err, 0, 0, "namespaces: %s", strerror(-pid));
		r = pid;
	} else {
		if (root)
			r = map_ids(pid, &map, mapped[1]);
		said = hear(pid, m, err);
		r = r == 0 ? said : r;
	}
	auto_fd(&mapped[0]);
	auto_fd(&mapped[1]);
	return r;
}

static int make_witness(struct ground *g, struct diag *err)
{
	pid_t pid = witness_spawn(&g->witness);

	if (pid < 0)
		diag_set(err, 0, 0, "a witness: %s", strerror(-pid));
	return pid < 0 ? pid : 0;
}

int ground_make(struct ground *ret, struct diag *reterr)
{
	struct made *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (m == MAP_FAILED)
		return fail(reterr, "memory");
	m->ground = (struct ground)GROUND_NULL;
	r = make_in(m, reterr);
	if (r == 0)
		r = make_witness(&m->ground, reterr);
	if (r == 0)
		*ret = m->ground;
	else
		ground_done(&m->ground);
	(void)munmap(m, sizeof(*m));
	return r;
}

int ground_format_limits(struct buf *b)
{
	/* Those that the kernel counts by user namespace. */
	static const int which[GROUND_LIMITS] = { RLIMIT_NPROC, RLIMIT_MSGQUEUE,
						  RLIMIT_SIGPENDING,
						  RLIMIT_MEMLOCK };
	struct json_out w = JSON_OUT(b);
	struct rlimit l;

	json_open(&w, '{');
	json_key(&w, "limits");
	json_open(&w, '[');
	for (size_t i = 0; i < GROUND_LIMITS; i++) {
		int r = sys_prlimit(0, which[i], NULL, &l);

		if (r != 0)
			return r;
		json_int(&w, (int64_t)l.rlim_cur); /* -1: none */
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return b->failed ? -ENOMEM : 0;
}

bool ground_has_our_limits(struct str body)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 256);
	return ground_format_limits(&b) == 0 && str_eq(buf_str(&b), body);
}

void ground_to_fds(const struct ground *g, int fds[GROUND_FDS])
{
	const int all[GROUND_FDS] = { g->user_ns,        g->net_ns,
				      g->sockets.tproxy, g->sockets.udp53,
				      g->sockets.tcp53,  g->root,
				      g->witness };

	memcpy(fds, all, sizeof(all));
}

struct ground ground_take_fds(const int take_fds[GROUND_FDS])
{
	return (struct ground){ .user_ns = take_fds[0],
				.net_ns = take_fds[1],
				.sockets = { .tproxy = take_fds[2],
					     .udp53 = take_fds[3],
					     .tcp53 = take_fds[4],
					     .nflog = -1 },
				.root = take_fds[5],
				.witness = take_fds[6] };
}
