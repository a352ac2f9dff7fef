/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for all backends; see jail-backend.h. */
#include "jail/jail.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/json.h"
#include "ipc/protocol.h"
#include "jail/ground.h"
#include "jail/jail-backend.h"
#include "jail/power.h"
#include "jail/sys.h"

/* For a kernel or a filter without clone3(2): it joins its group late. */
static int clone_without_cgroup(struct clone_args *a, int cgroup_fd)
{
	AUTO(fd) int procs = -1;
	char text[24];
	int r, n;

	a->flags &= ~CLONE_INTO_CGROUP;
	r = sys_clone3(a);
	if (r <= 0)
		return r;
	/* Init waits for its plan: what it made till then is little. */
	procs = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	n = snprintf(text, sizeof(text), "%d", r);
	if (procs != -1 && write(procs, text, (size_t)n) == n)
		return r;
	n = neg_errno();
	(void)kill(r, SIGKILL);
	(void)waitpid(r, NULL, 0);
	return n;
}

static int clone_into(struct clone_args *a, int cgroup_fd)
{
	int r;

	if (cgroup_fd != -1) {
		a->flags |= CLONE_INTO_CGROUP;
		a->cgroup = (uint32_t)cgroup_fd;
	}
	r = sys_clone3(a);
	return r == -ENOSYS && cgroup_fd != -1
		       ? clone_without_cgroup(a, cgroup_fd)
		       : r;
}

int jail_clone(struct jail *j, uint64_t namespaces, int cgroup_fd)
{
	int pidfd = -1, r;
	struct clone_args args = { .flags = namespaces | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd,
				   .exit_signal = SIGCHLD };

	r = clone_into(&args, cgroup_fd);
	if (r > 0) {
		j->pid = r;
		j->pidfd = pidfd;
		j->reaped = false;
	}
	return r;
}

/*
 * Who has entered a user namespace does not come back, so a helper does, which
 * shares our memory while we wait; what it clones is our child, with a copy of
 * that memory.  0 there.
 */
static int clone_by_helper(const struct ground *g, struct clone_args *a,
			   int cgroup_fd)
{
	volatile int result = -EPERM;
	/* NOLINTBEGIN: what clone(2) cannot: our own stack */
	pid_t helper = vfork();

	if (helper == 0) {
		int r = setns(g->user_ns, CLONE_NEWUSER) == -1 ||
					setns(g->net_ns, CLONE_NEWNET) == -1
				? neg_errno()
				: clone_into(a, cgroup_fd);

		if (r == 0)
			return 0;
		result = r;
		_exit(0);
	}
	/* NOLINTEND */
	if (helper == -1)
		return neg_errno();
	while (waitpid(helper, NULL, 0) == -1 && errno == EINTR)
		;
	return result;
}

int jail_clone_on(struct jail *j, const struct ground *g, uint64_t namespaces,
		  int cgroup_fd)
{
	struct clone_args args = { .flags = namespaces | CLONE_PARENT };
	sigset_t all, before;
	int r;

	/* A handler of ours must not run in memory that is shared. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	r = clone_by_helper(g, &args, cgroup_fd);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (r <= 0)
		return r;
	j->pid = r;
	j->reaped = false;
	r = sys_pidfd_open(j->pid);
	if (r < 0) {
		(void)kill(j->pid, SIGKILL);
		(void)waitpid(j->pid, NULL, 0);
		j->reaped = true;
		return r;
	}
	j->pidfd = r;
	return j->pid;
}

int jail_spawn(struct jail **ret, const struct jail_config *c,
	       struct diag *reterr)
{
	static const struct jail_backend *const backends[] = {
		[PLAN_NAMESPACES] = &jail_namespaces,
		[PLAN_LANDLOCK] = &jail_landlock,
	};
	AUTO(jail) struct jail *j = calloc(1, sizeof(*j));
	int pair[2], r;

	if (!j)
		return -ENOMEM;
	*j = (struct jail){ .backend = backends[c->backend],
			    .pidfd = -1,
			    .sock = -1,
			    .user_ns = -1,
			    .mnt_ns = -1,
			    .reaped = true };
	r = ipc_pair(pair);
	if (r != 0) {
		diag_set(reterr, 0, 0, "a socket pair: %s", strerror(-r));
		return r;
	}
	j->sock = pair[0];
	r = j->backend->spawn(j, c, pair[1], reterr);
	(void)close(pair[1]);
	if (r == 0)
		*ret = TAKE(j);
	return r;
}

void jail_kill(struct jail *j)
{
	if (!j->reaped)
		j->backend->kill(j);
}

void jail_free(struct jail *j)
{
	if (!j)
		return;
	if (!j->reaped)
		j->backend->kill_for_good(j);
	while (!j->reaped) {
		if (waitpid(j->pid, NULL, 0) != -1 || errno != EINTR)
			j->reaped = true;
	}
	j->backend->done(j);
	auto_fd(&j->pidfd);
	auto_fd(&j->sock);
	free(j);
}

int jail_fd(const struct jail *j)
{
	return j->sock;
}

int jail_pidfd(const struct jail *j)
{
	return j->pidfd;
}

pid_t jail_pid(const struct jail *j)
{
	return j->pid;
}

int jail_recv(struct jail *j, struct ipc_msg *m)
{
	j->backend->heard(j);
	return ipc_recv(j->sock, m, IPC_INLINE_MAX);
}

int jail_take_mounts(struct jail *j)
{
	return TAKE_FD(j->mnt_ns);
}

int jail_user_ns(const struct jail *j)
{
	return j->user_ns;
}

int jail_mnt_ns(const struct jail *j)
{
	return j->mnt_ns;
}

/* Init may have died of something that it has told already. */
static int explain_end(struct jail *j, int r, struct diag *err)
{
	struct pollfd p = { .fd = j->sock, .events = POLLIN };
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *said = NULL;

	if (r >= 0 || poll(&p, 1, 0) != 1)
		return r;
	ipc_msg_init(&m);
	arena_init(&a, IPC_INLINE_MAX);
	if (jail_recv(j, &m) == 0 && m.type == MSG_INIT_FAILED &&
	    json_parse(&a, buf_str(&m.body), &said, NULL) == 0)
		diag_set(err, 0, 0, "%.*s",
			 STR_ARG(json_find_str(said, "text")));
	return r;
}

int jail_offer(struct jail *j, struct str plan_json)
{
	return j->backend->offer(j, plan_json);
}

int jail_configure(struct jail *j, const struct plan *p, struct str plan_json,
		   struct jail_ids *ret_ids, struct diag *reterr)
{
	return explain_end(
		j, j->backend->configure(j, p, plan_json, ret_ids, reterr),
		reterr);
}

static void put_words(struct json_out *w, const char *key,
		      const char *const *words, size_t n)
{
	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; i < n; i++)
		json_str(w, str_of(words[i]));
	json_close(w, ']');
}

int jail_go(struct jail *j, const struct jail_go *g)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	size_t n = 0;
	int fds[3];

	buf_init(&b, IPC_BODY_MAX);
	json_open(&w, '{');
	put_words(&w, "argv", g->argv, g->n_argv);
	put_words(&w, "env", g->env, g->n_env);
	json_kuint(&w, "cols", g->cols);
	json_kuint(&w, "rows", g->rows);
	json_key(&w, "stdio");
	json_open(&w, '[');
	for (size_t i = 0; i < 3; i++) {
		json_bool(&w, g->fds[i] == -1);
		if (g->fds[i] != -1)
			fds[n++] = g->fds[i];
	}
	json_close(&w, ']');
	json_close(&w, '}');
	if (b.failed)
		return -E2BIG;
	return ipc_send(j->sock, MSG_INIT_GO, 0, buf_str(&b), fds, n);
}

int jail_signal(struct jail *j, int sig)
{
	char body[40];
	int len = snprintf(body, sizeof(body), "{\"signal\":%d}", sig);
	struct str s = { .ptr = body, .len = (size_t)len };

	return ipc_send(j->sock, MSG_INIT_SIGNAL, 0, s, NULL, 0);
}

int jail_empowered(struct jail *j, int (*fn)(void *arg), void *arg)
{
	/* Without a namespace there is no more power than we have. */
	return j->user_ns == -1 ? fn(arg) : power_call(j->user_ns, fn, arg);
}

int jail_cover_all(struct jail *j, const struct cover_hide *hides, size_t n,
		   const struct cover_lock *locks, size_t n_locks)
{
	size_t missing;

	return j->backend->cover(j, hides, n, locks, n_locks, true, &missing);
}

int jail_cover(struct jail *j, const struct cover_hide *hide)
{
	size_t missing = 0;
	int r = j->backend->cover(j, hide, 1, NULL, 0, false, &missing);

	return r == 0 && missing == 1 ? 1 : r;
}

int jail_lock(struct jail *j, const char *path)
{
	const struct cover_lock lock = { .path = path };
	size_t missing = 0;

	return j->backend->cover(j, NULL, 0, &lock, 1, false, &missing);
}
