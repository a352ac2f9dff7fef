/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/idmap.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "jail/sys.h"

#define HOLDER_STACK ((size_t)16 * 1024)

static int write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];
	AUTO(fd) int fd = -1;

	if (pid == 0)
		(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid,
			       name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return neg_errno();
	/* The kernel takes a map in one write only. */
	return fd_write_full(fd, text, strlen(text));
}

static int write_map(pid_t pid, const char *name, uint32_t inside,
		     uint32_t outside)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%u %u 1\n", inside, outside);
	return write_proc(pid, name, text);
}

int idmap_write(pid_t pid, const struct idmap *m, bool deny)
{
	int r = deny ? write_proc(pid, "setgroups", "deny") : 0;

	if (r == 0)
		r = write_map(pid, "uid_map", m->inside_uid, m->outside_uid);
	if (r == 0)
		r = write_map(pid, "gid_map", m->inside_gid, m->outside_gid);
	return r;
}

/*
 * Ends with its parent, and holds nothing: a copy of the supervisor's end of
 * init's socket would keep a jail alive whose supervisor was killed just now.
 */
static int hold(void *parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)sys_close_range(0, ~0u);
	if (getppid() != *(const pid_t *)parent)
		return 1;
	for (;;)
		(void)pause();
	return 0;
}

int idmap_new(const struct idmap *m, pid_t *ret_holder)
{
	/* The child only sleeps; it shares our memory, so it costs little. */
	static _Alignas(16) char stack[HOLDER_STACK];
	char path[64];
	pid_t self = getpid();
	pid_t pid = clone(hold, stack + sizeof(stack),
			  CLONE_NEWUSER | CLONE_VM | SIGCHLD, &self);
	int r;

	*ret_holder = 0;
	if (pid == -1)
		return neg_errno();
	*ret_holder = pid;
	r = idmap_write(pid, m, false);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user",
			       (int)pid);
		r = open(path, O_RDONLY | O_CLOEXEC);
		if (r == -1)
			r = neg_errno();
	}
	(void)kill(pid, SIGKILL);
	return r;
}
