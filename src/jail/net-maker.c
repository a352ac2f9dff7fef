/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The maker is a fork that shares the table of descriptors: what it opens is
 * open in init too, so only numbers need to come back, in a page that both
 * share.  It holds nothing when it ends.  Init enters the namespace through a
 * descriptor that a socket in it gives (SIOCGSKNS), since by then /proc may be
 * covered.
 *
 * Dying it leaves `done` unset: init fails.  Init dying takes it along, as any
 * process of its pid namespace.
 */
#include "jail/net-maker.h"

#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/wall.h"
#include "jail/hinder.h"
#include "jail/nl.h"
#include "jail/sys.h"

struct net_made {
	bool done;
	int result; /* 0 or -errno */
	int ns;     /* the namespace */
	struct net_sockets sockets;
	struct diag why;
};

static int make(struct net_made *m)
{
	static char scratch[NL_BYTES];
	int r;

	if (WALL(NET_NS) && unshare(CLONE_NEWNET) == -1) {
		r = neg_errno();
		struct hindrance h;

		hinder_namespaces(r, "net", &h);
		diag_set(&m->why, 0, 0, "%s: %s", h.why, h.mend);
		return r;
	}
	r = net_prepare(scratch, &m->sockets, &m->why);
	if (r != 0)
		return r;
	m->ns = ioctl(m->sockets.udp53, SIOCGSKNS);
	if (m->ns != -1)
		return 0;
	r = neg_errno();
	diag_set(&m->why, 0, 0, "the network namespace's descriptor: %s",
		 strerror(-r));
	return r;
}

static noreturn_fn void be_maker(struct net_made *m)
{
	m->result = make(m);
	m->done = true;
	_exit(0);
}

/*
 * The kernel puts a new process beside its parent as long as another processor
 * is busy, and there it would wait for init instead of working beside it.
 */
static void put_elsewhere(pid_t pid)
{
	int here = sched_getcpu();
	cpu_set_t set;

	if (here < 0 || here >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(set), &set) == -1)
		return;
	CPU_CLR((size_t)here, &set);
	if (CPU_COUNT(&set) > 0)
		(void)sched_setaffinity(pid, sizeof(set), &set);
}

int net_maker_start(struct net_maker *m)
{
	struct clone_args a = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	int r;

	m->made = mmap(NULL, sizeof(*m->made), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->made == MAP_FAILED)
		return neg_errno();
	r = sys_clone3(&a);
	if (r == 0)
		be_maker(m->made);
	if (r < 0)
		return r;
	m->pid = r;
	put_elsewhere(r);
	return 0;
}

int net_maker_join(struct net_maker *m, struct net_sockets *ret,
		   struct diag *reterr)
{
	struct net_made *made = m->made;
	int r;

	if (waitpid(m->pid, NULL, 0) != m->pid || !made->done) {
		diag_set(reterr, 0, 0, "the network's maker died");
		return -ECHILD;
	}
	r = made->result;
	if (r != 0) {
		*reterr = made->why;
		return r;
	}
	*ret = made->sockets;
	if (setns(made->ns, CLONE_NEWNET) == -1) {
		r = neg_errno();
		diag_set(reterr, 0, 0, "entering the network namespace: %s",
			 strerror(-r));
	}
	(void)close(made->ns);
	(void)munmap(made, sizeof(*made));
	m->made = NULL;
	return r;
}
