/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   PREPARE -- nothing of the plan is needed --> WAIT_PLAN
 *              (beside it, a process makes the network until BUILD, unless we
 *              are born in one)
 *   WAIT_PLAN -- MSG_PLAN --> BUILD
 *   BUILD -- walls stand, MSG_INIT_READY --> WAIT_GO
 *   WAIT_GO -- MSG_INIT_GO --> RUN
 *   RUN -- the command ends --> kill the rest, MSG_INIT_EXIT, exit
 *   any -- the supervisor's end of the socket closes --> exit
 *
 * When pid 1 exits the kernel kills everything in its pid namespace, so every
 * failure ends in exit and none needs cleaning up.
 *
 * Order of BUILD, and why:
 *
 *   1 own ids           files made from here on belong to the jail's user
 *   2 environment wiped, not dumpable   before anything else runs here
 *   3 mounts, network   need capabilities
 *   4 proof of the network    before refusals are recorded
 *   5 the new root; from here on there is no host to look at
 *   6 no new privileges, Landlock, no capabilities
 *   7 proof without the filter, then the filter
 *
 * All walls are put around init itself and inherited by the command.  What is
 * then left to do after MSG_INIT_GO, which waits for the ledger, is little; and
 * that message may lie here already.
 *
 * Init's own descriptors are all above 2, where /dev/null is.
 */
#include "jail/init.h"

#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/wall.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/caps.h"
#include "jail/child.h"
#include "jail/ground.h"
#include "jail/idmap.h"
#include "jail/init-say.h"
#include "jail/jail.h"
#include "jail/landlock.h"
#include "jail/mounts.h"
#include "jail/net-maker.h"
#include "jail/net.h"
#include "jail/nl.h"
#include "jail/prove.h"
#include "jail/seccomp.h"
#include "jail/sys.h"

#define FAILED        125
#define ARENA_MAX     ((size_t)64 * 1024 * 1024) /* plan or arguments, parsed */
#define REAP_NS       (200 * NS_PER_MS) /* for what the command left behind */
#define ENV_BYTES_MAX ((uintptr_t)8 * 1024 * 1024)
#define MAX_STEPS     16u
#define STOPPED_MS    50 /* until a stopped command counts as stopped */

struct init {
	struct init_config conf;
	struct arena arena;
	struct ipc_msg msg;
	struct plan plan;
	struct mounts mounts;
	int *sources; /* of the plan's mounts, from the supervisor; or NULL */
	struct net_maker net_maker;
	struct net_sockets net;
	int root;          /* made ahead; -1: not */
	int master, slave; /* of the pty */
	int listener;      /* of the filter */
	int ruleset;       /* Landlock's, for openers; -1: none are wanted */
	bool sourced;      /* as root: sources come */
	bool idmapped;     /* some of the mounts */
	int landlock_abi;
	mode_t umask;
	pid_t command;
	int stopped; /* the signal that did it, not told yet; or 0 */
	struct {
		const char *name;
		uint64_t ns;
	} steps[MAX_STEPS];
	size_t n_steps;
};

static void step_at(struct init *in, const char *name, uint64_t ns)
{
	if (in->conf.steps && in->n_steps < MAX_STEPS) {
		in->steps[in->n_steps].name = name;
		in->steps[in->n_steps++].ns = ns;
	}
}

static void step(struct init *in, const char *name)
{
	step_at(in, name, clock_mono_ns());
}

static noreturn_fn void fail(struct init *in, int error, const char *text)
{
	say_failed(in->conf.sock, error, text);
}

static noreturn_fn void fail_errno(struct init *in, int error, const char *what)
{
	struct diag d;

	diag_set(&d, 0, 0, "%s: %s", what, strerror(-error));
	fail(in, 0, d.text);
}

static void on_sigchld(int sig)
{
	(void)sig; /* it is there to interrupt ppoll(2) */
}

/* No signal is served but where run() waits. */
static void set_signals(struct init *in)
{
	struct sigaction chld = { .sa_handler = on_sigchld };
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) == -1 ||
	    sigaction(SIGCHLD, &chld, NULL) == -1)
		fail_errno(in, neg_errno(), "init's signals");
}

#define KEPT_MAX 5
#define ASIDE    (3 + KEPT_MAX)

static int *kept(struct init *in, int i)
{
	switch (i) {
	case 0:
		return &in->conf.sock;
	case 1:
		return &in->net.tproxy;
	case 2:
		return &in->net.udp53;
	case 3:
		return &in->net.tcp53;
	default:
		return &in->root;
	}
}

/* Those that stay go to 3 and above, by way of where none of them goes. */
static void set_kept(struct init *in, int n)
{
	for (int i = 0; i < n; i++) {
		if (dup3(*kept(in, i), 3 + i, O_CLOEXEC) == -1)
			fail_errno(in, neg_errno(), "init's sockets");
		*kept(in, i) = 3 + i;
	}
	if (WALL(OWN_DESCRIPTORS) &&
	    sys_close_range((unsigned)(3 + n), UINT_MAX) != 0)
		fail_errno(in, neg_errno(), "inherited descriptors");
}

static void put_aside(struct init *in, int *fd)
{
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, ASIDE);
	if (*fd == -1)
		fail_errno(in, neg_errno(), "init's sockets");
}

/* Only what is ours stays; 0, 1 and 2 become /dev/null. */
static void set_descriptors(struct init *in)
{
	int n = in->conf.ground ? KEPT_MAX : 1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		fail_errno(in, neg_errno(), "/dev/null");
	if (in->conf.ground) {
		in->net = in->conf.ground->sockets;
		in->root = in->conf.ground->root;
	}
	for (int i = 0; i < n; i++)
		put_aside(in, kept(in, i));
	for (int i = 0; i < 3; i++) {
		if (i != null && dup2(null, i) == -1)
			fail_errno(in, neg_errno(), "init's streams");
	}
	set_kept(in, n);
}

static void recv_message(struct init *in)
{
	int r = ipc_recv(in->conf.sock, &in->msg, IPC_BODY_MAX);

	if (r == -EPIPE && WALL(PARENT_SOCKET))
		_exit(FAILED);
	if (r == -EPIPE) {
		for (;;)
			(void)pause();
	}
	if (r != 0)
		fail_errno(in, r, "init's socket");
}

static void map_own_ids(struct init *in)
{
	uint32_t uid = in->conf.uid, gid = in->conf.gid;
	struct idmap m = { uid, uid, gid, gid };
	int r = idmap_write(0, &m, true);

	if (r != 0)
		fail_errno(in, r, "mapping ids");
}

/* As root the maps name another user than the one we are. */
static void take_ids(struct init *in)
{
	uid_t uid = in->conf.uid;
	gid_t gid = in->conf.gid;

	recv_message(in);
	if (in->msg.type != MSG_PLAN || in->msg.id != INIT_MAPPED)
		fail_errno(in, -EPROTO, "not the word that ids are mapped");
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		fail_errno(in, neg_errno(), "becoming the jail's user");
	if (WALL(PARENT_DEATH))
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void prepare_mounts(struct init *in)
{
	struct diag err;
	int r = mounts_begin(&in->mounts, TAKE_FD(in->root), &err);

	if (r == 0)
		r = mounts_early(&in->mounts, &err);
	if (r != 0)
		fail(in, 0, err.text);
	step(in, "early");
}

static void prepare(struct init *in)
{
	int r;

	/* Lost when ids change, so it is repeated then. */
	if (WALL(PARENT_DEATH))
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_signals(in);
	set_descriptors(in);
	if (WALL(OWN_SESSION))
		(void)setsid();
	in->umask = umask(0);
	step(in, "start");
	r = in->conf.ground ? 0 : net_maker_start(&in->net_maker);
	if (r != 0)
		fail_errno(in, r, "the network's maker");
	if (!in->conf.own_ids)
		take_ids(in);
	else if (!in->conf.ground)
		map_own_ids(in);
	prepare_mounts(in);
}

static void wait_plan(struct init *in)
{
	struct diag err;
	int r;

	recv_message(in);
	if (in->msg.type != MSG_PLAN ||
	    (in->msg.id != INIT_PLAN && in->msg.id != INIT_PLAN_ROOT))
		fail_errno(in, -EPROTO, "not a plan");
	in->sourced = in->msg.id == INIT_PLAN_ROOT;
	step(in, "plan");
	r = plan_parse(&in->arena, buf_str(&in->msg.body), &in->plan, &err);
	if (r < 0)
		fail_errno(in, r, "the plan");
	if (r > 0)
		fail(in, EINVAL, err.text);
	if (in->plan.backend != PLAN_NAMESPACES)
		fail_errno(in, -EPROTO, "the plan's backend");
	if (in->plan.inside_uid != in->conf.uid ||
	    in->plan.inside_gid != in->conf.gid)
		fail_errno(in, -EPROTO, "the plan's ids");
	step(in, "parse");
}

static void take_sources(struct init *in)
{
	size_t n = in->msg.n_fds;
	uint32_t at[IPC_FDS_MAX] = { 0 };

	if (in->msg.body.len != n * sizeof(at[0]))
		fail_errno(in, -EPROTO, "the plan's sources");
	memcpy(at, buf_str(&in->msg.body).ptr, n * sizeof(at[0]));
	for (size_t i = 0; i < n; i++) {
		if (at[i] >= PLAN_MAX_MOUNTS)
			fail_errno(in, -EPROTO, "the plan's sources");
		auto_fd(&in->sources[at[i]]);
		in->sources[at[i]] = ipc_take_fd(&in->msg, i);
	}
}

/* Mounts, which as root the supervisor makes, while the plan is read here. */
static void wait_sources(struct init *in)
{
	if (!in->sourced)
		return;
	in->sources = arena_array(&in->arena, PLAN_MAX_MOUNTS,
				  sizeof(in->sources[0]));
	if (!in->sources)
		fail_errno(in, -ENOMEM, "the plan");
	for (size_t i = 0; i < PLAN_MAX_MOUNTS; i++)
		in->sources[i] = -1;
	for (;;) {
		recv_message(in);
		if (in->msg.type != MSG_PLAN)
			fail_errno(in, -EPROTO, "not the plan's sources");
		if (in->msg.id != INIT_SOURCES)
			break;
		take_sources(in);
	}
	if (in->msg.id != INIT_SOURCED && in->msg.id != INIT_SOURCED_IDMAPPED)
		fail_errno(in, -EPROTO, "not the plan's sources");
	in->idmapped = in->msg.id == INIT_SOURCED_IDMAPPED;
	step(in, "sources");
}

/*
 * The strings that the kernel put on our stack: arguments, environment, and
 * the program's name after them.  /proc/1/environ would show them, and a copy
 * on it is all that differs from the supervisor's.
 */
static void wipe_environment(struct init *in)
{
	char *first = program_invocation_name;
	char *last = (char *)getauxval(AT_EXECFN);

	if (!first || !last || last < first ||
	    (uintptr_t)last - (uintptr_t)first > ENV_BYTES_MAX)
		fail_errno(in, -EINVAL, "init's environment");
	if (WALL(INIT_ENVIRON))
		explicit_bzero(first, (size_t)(last - first) + strlen(last));
	if (WALL(INIT_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0) == -1)
		fail_errno(in, neg_errno(), "init's memory");
}

static void build_mounts(struct init *in)
{
	struct diag err;
	int r = mounts_do(&in->mounts, &in->plan, in->sources, &err);

	if (r != 0)
		fail(in, 0, err.text);
	step(in, "mounts");
}

/* Now, so that the relay takes them while the rest is done. */
static void send_net(struct init *in)
{
	int fds[JAIL_NET_FDS + 1] = { in->net.tproxy, in->net.udp53,
				      in->net.tcp53, in->net.nflog };
	size_t n = JAIL_NET_FDS;
	int r = 0;

	if (in->plan.telemetry) {
		r = net_telemetry();
		if (r < 0)
			fail_errno(in, r, "the listener for telemetry");
		fds[n++] = r;
	}
	r = ipc_send(in->conf.sock, MSG_INIT_NET, 0, STR("{}"), fds, n);
	if (r != 0)
		fail_errno(in, r, "init's socket");
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void build_net(struct init *in)
{
	static char scratch[NL_BYTES];
	struct diag err;
	int r = in->conf.ground
			? 0
			: net_maker_join(&in->net_maker, &in->net, &err);

	step(in, "network");
	if (r == 0)
		r = net_rules(&in->plan, scratch, &err);
	if (r == 0)
		r = prove_net(&in->plan, &err);
	if (r == 0)
		r = net_log(scratch, &in->net, &err);
	if (r != 0)
		fail(in, 0, err.text);
	step(in, "rules");
	send_net(in);
}

static void enter(struct init *in)
{
	const struct plan *p = &in->plan;
	struct diag err;
	int r = mounts_enter(&in->mounts, &err);

	if (r != 0)
		fail(in, 0, err.text);
	if (sethostname(p->hostname, strlen(p->hostname)) == -1)
		fail_errno(in, neg_errno(), "the jail's host name");
	step(in, "enter");
}

static void open_terminal(struct init *in)
{
	int unlock = 0;

	if (!in->conf.tty)
		return;
	in->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in->master == -1 || ioctl(in->master, TIOCSPTLCK, &unlock) == -1)
		fail_errno(in, neg_errno(), "the jail's terminal");
	in->slave =
		ioctl(in->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in->slave == -1)
		fail_errno(in, neg_errno(), "the jail's terminal");
}

static void enter_landlock(struct init *in)
{
	AUTO(fd) int ruleset = -1;
	struct diag err;
	int r;

	in->landlock_abi = landlock_abi();
	if (in->landlock_abi == 0)
		fail(in, EOPNOTSUPP,
		     "the kernel has no Landlock: boot it with landlock in "
		     "the list of lsm=");
	/* In a domain that handles files nobody may mount, however nested. */
	r = in->plan.nested || !WALL(LANDLOCK_FS)
		    ? landlock_new_scopes(in->landlock_abi)
		    : landlock_new(in->landlock_abi);
	if (r == -EOPNOTSUPP && in->plan.audit == PLAN_AUDIT_EXACT)
		fail_errno(in, r, "audit.files: exact: Landlock");
	if (r == -EOPNOTSUPP) {
		in->landlock_abi = 0;
		return;
	}
	if (r < 0)
		fail_errno(in, r, "Landlock");
	ruleset = r;
	r = in->plan.nested || !WALL(LANDLOCK_FS)
		    ? 0
		    : mounts_allow(&in->mounts, ruleset, in->landlock_abi,
				   &err);
	if (r != 0)
		fail(in, 0, err.text);
	r = landlock_enter(ruleset);
	if (r != 0)
		fail_errno(in, r, "Landlock");
	if (in->plan.audit == PLAN_AUDIT_EXACT)
		in->ruleset = TAKE_FD(ruleset);
	step(in, "landlock");
}

static void enter_proven_landlock(struct init *in)
{
	AUTO(fd) int outside = prove_scopes_begin();
	struct diag err;
	int r = 0;

	if (outside < 0)
		fail_errno(in, outside, "a socket for the proof");
	enter_landlock(in);
	if (in->landlock_abi >= LANDLOCK_ABI_SCOPES)
		r = prove_scopes(outside, &err);
	if (r == 0)
		r = prove_landlock(&in->plan, &err);
	if (r != 0)
		fail(in, 0, err.text);
}

static void drop_capabilities(struct init *in)
{
	bool bounded;
	int r = caps_drop(&bounded);

	if (r != 0 || !bounded)
		fail_errno(in, r != 0 ? r : -EPERM, "dropping privileges");
}

static void lock_up(struct init *in)
{
	struct diag err;
	int r;

	if (WALL(NO_NEW_PRIVS) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fail_errno(in, neg_errno(), "no_new_privs");
	enter_proven_landlock(in);
	if (WALL(CAPABILITIES))
		drop_capabilities(in);
	/* Here, for who may not go there shall not find himself there. */
	if (chdir(in->plan.cwd) == -1) {
		r = neg_errno();
		diag_set(&err, 0, 0, "%s is not in the jail: %s", in->plan.cwd,
			 strerror(-r));
		fail(in, 0, err.text);
	}
	r = prove_bare(&in->plan, &err);
	if (r != 0)
		fail(in, 0, err.text);
	step(in, "privileges");
}

static enum seccomp_sees seen_calls(const struct init *in)
{
	switch (in->plan.audit) {
	case PLAN_AUDIT_WRITES:
		return SECCOMP_SEES_WRITES;
	case PLAN_AUDIT_ALL:
	case PLAN_AUDIT_EXACT:
		return SECCOMP_SEES_ALL;
	case PLAN_AUDIT_OFF:
	default:
		return SECCOMP_SEES_NOTHING;
	}
}

static void enter_filter(struct init *in, struct seccomp_pass *ret_pass)
{
	/* An opener is in our domain and not in one that a program makes for
	 * itself, which would be no wall then: better that it has none, and knows. */
	int r = in->plan.audit == PLAN_AUDIT_EXACT ? seccomp_without_landlock()
						   : 0;

	if (r < 0)
		fail_errno(in, r, "the filter of Landlock's calls");
	in->listener =
		seccomp_enter(in->plan.nested ? SECCOMP_NESTED : SECCOMP_JAIL,
			      seen_calls(in), true, ret_pass);
	if (in->listener < 0)
		fail_errno(in, in->listener, "the system call filter");
	step(in, "filter");
}

static void put_steps(const struct init *in, struct json_out *w)
{
	json_key(w, "steps");
	json_open(w, '{');
	for (size_t i = 0; i < in->n_steps; i++)
		json_kuint(w, in->steps[i].name, in->steps[i].ns);
	json_close(w, '}');
}

static void format_ready(const struct init *in, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_key(&w, "layers");
	json_open(&w, '{');
	json_kbool(&w, "userns", true);
	json_kint(&w, "landlock", in->landlock_abi);
	json_kbool(&w, "seccomp", true);
	json_kbool(&w, "idmap", in->idmapped);
	if (in->plan.nested)
		json_kbool(&w, "nested", true);
	json_close(&w, '}');
	json_kuint(&w, "sockets", in->mounts.n_listeners);
	if (in->conf.steps)
		put_steps(in, &w);
	json_close(&w, '}');
}

static void send_ready(struct init *in, const struct seccomp_pass *pass)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int fds[IPC_FDS_MAX];
	size_t n = 0;
	int r;

	buf_init(&b, 4096);
	format_ready(in, &b);
	if (in->conf.tty)
		fds[n++] = in->master;
	fds[n++] = in->listener;
	if (in->plan.audit == PLAN_AUDIT_EXACT)
		fds[n++] = in->ruleset;
	if (in->mounts.n_listeners > N_ELEMS(fds) - n)
		fail(in, E2BIG, "the plan names too many sockets");
	for (size_t i = 0; i < in->mounts.n_listeners; i++)
		fds[n++] = in->mounts.listeners[i];
	r = b.failed ? -ENOMEM
		     : ipc_send_passing(in->conf.sock, MSG_INIT_READY,
					buf_str(&b), fds, n, pass->words);
	if (r != 0)
		fail_errno(in, r, "init's socket");
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

/*
 * The filter shows the witness every sendmsg(2), which is what carries
 * descriptors, and the witness has no listener yet: the pass lets this one by.
 */
static void lock_filter(struct init *in)
{
	struct seccomp_pass pass = { { 0 } };

	enter_filter(in, &pass);
	send_ready(in, &pass);
	explicit_bzero(&pass, sizeof(pass));
}

static void send_started(struct init *in)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	step(in, "exec");
	buf_init(&b, 4096);
	json_open(&w, '{');
	json_kint(&w, "pid", in->command);
	if (in->conf.steps)
		put_steps(in, &w);
	json_close(&w, '}');
	if (ipc_say(in->conf.sock, MSG_INIT_STARTED, 0, buf_str(&b)) != 0)
		_exit(FAILED); /* nobody there */
}

static void wait_go(struct init *in)
{
	struct child c = { .plan = &in->plan,
			   .stdio = { -1, -1, -1 },
			   .tty = in->slave };
	pid_t pid;
	int e;

	recv_message(in);
	e = in->msg.type == MSG_INIT_GO ? go_parse(&in->arena, &in->msg, &c)
					: -EPROTO;
	if (e != 0)
		fail_errno(in, e, "the command");
	if (in->slave != -1 && ioctl(in->slave, TIOCSCTTY, 0) == -1)
		fail_errno(in, neg_errno(), "the jail's terminal");
	(void)umask(in->umask);

	in->n_steps = 0;
	step(in, "go");
	pid = child_start(&c);
	step_at(in, "child", c.ready_ns);
	step_at(in, "proof", c.proven_ns);
	if (pid < 0)
		fail_errno(in, pid, "a process for the command");
	in->command = pid;
	if (c.unproven.text[0] != '\0')
		fail(in, EPROTO, c.unproven.text);
	if (c.exec_errno != 0) {
		say_exit(in->conf.sock, child_exit_code(c.exec_errno), 0,
			 c.exec_errno);
		_exit(0);
	}
	/* Nothing of the command's stays here, or its reader never sees EOF. */
	for (size_t i = 0; i < 3; i++) {
		if (c.stdio[i] != -1)
			(void)close(c.stdio[i]);
	}
	if (in->slave != -1)
		(void)close(in->slave);
	send_started(in);
}

/* Kill what the command left behind, and wait a moment for it. */
static void kill_rest(const sigset_t *unblocked)
{
	uint64_t end = clock_mono_ns() + REAP_NS;

	while (kill(-1, SIGKILL) == 0 && clock_mono_ns() < end) {
		struct timespec slice = { 0, 20 * 1000 * 1000 };

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD)
			continue; /* kill(2) finds out whether all are gone */
		(void)ppoll(NULL, 0, &slice, unblocked);
	}
}

static noreturn_fn void command_over(struct init *in, int status,
				     const sigset_t *unblocked)
{
	bool killed = WIFSIGNALED(status);

	kill_rest(unblocked);
	say_exit(in->conf.sock, killed ? 0 : WEXITSTATUS(status),
		 killed ? WTERMSIG(status) : 0, 0);
	_exit(0);
}

static void reap(struct init *in, const sigset_t *unblocked)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) >
	       0) {
		if (pid != in->command)
			continue;
		if (WIFSTOPPED(status))
			in->stopped = WSTOPSIG(status);
		else if (WIFCONTINUED(status))
			in->stopped = 0;
		else
			command_over(in, status, unblocked);
	}
}

/* To the command's process group; its leader is the command. */
static void pass_signal(struct init *in)
{
	int sig = in->msg.type == MSG_INIT_SIGNAL ? signal_parse(&in->msg) : -1;

	if (sig < 0)
		_exit(FAILED);
	if (sig > 0)
		(void)kill(-in->command, sig); /* may be gone */
}

static void tell_stopped(struct init *in)
{
	say_stopped(in->conf.sock, in->stopped);
	in->stopped = 0;
}

static noreturn_fn void serve(struct init *in)
{
	struct pollfd p = { .fd = in->conf.sock, .events = POLLIN };
	const struct timespec moment = { .tv_nsec = STOPPED_MS * NS_PER_MS };
	sigset_t unblocked;

	(void)sigfillset(&unblocked);
	(void)sigdelset(&unblocked, SIGCHLD);
	for (;;) {
		int n;

		reap(in, &unblocked);
		/*
		 * Who stops all of a session and lets all go on, in whatever
		 * order, has not asked for the supervisor to stop itself.
		 */
		n = ppoll(&p, 1, in->stopped ? &moment : NULL, &unblocked);
		if (n == 0 && in->stopped)
			tell_stopped(in);
		if (n <= 0)
			continue;
		recv_message(in);
		pass_signal(in);
	}
}

void init_main(const struct init_config *c)
{
	static struct init in;

	in = (struct init){ .conf = *c,
			    .net = { -1, -1, -1, -1 },
			    .root = -1,
			    .master = -1,
			    .slave = -1,
			    .listener = -1,
			    .ruleset = -1 };
	arena_init(&in.arena, ARENA_MAX);
	ipc_msg_init(&in.msg);

	prepare(&in);
	wait_plan(&in);
	wipe_environment(&in);
	wait_sources(&in);
	build_mounts(&in);
	build_net(&in);
	enter(&in);
	open_terminal(&in);
	lock_up(&in);
	lock_filter(&in);
	wait_go(&in);
	serve(&in);
}
