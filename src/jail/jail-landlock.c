/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The process that speaks for the jail is its warden (warden.h).  It is asked to
 * end everything by SIGTERM; if it cannot, or was killed itself, what it leaves
 * becomes a child of ours, since we adopt orphans, and is killed here.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "ipc/protocol.h"
#include "jail/family.h"
#include "jail/fence.h"
#include "jail/init.h"
#include "jail/jail-backend.h"
#include "jail/sys.h"
#include "jail/warden.h"

#define PATIENCE_MS 3000
#define LEFT_NS     (2 * NS_PER_S)

static int ll_spawn(struct jail *j, const struct jail_config *c, int sock,
		    struct diag *reterr)
{
	struct warden_config conf = { .sock = sock, .tty = c->tty };
	int abi, r = fence_check(&abi, reterr);

	if (r != 0)
		return r;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		return neg_errno();
	r = jail_clone(j, 0, c->cgroup_fd);
	if (r == 0)
		warden_main(&conf);
	if (r < 0)
		diag_set(reterr, 0, 0, "a process for the jail: %s",
			 strerror(-r));
	return r < 0 ? r : 0;
}

static int ll_offer(struct jail *j, struct str plan_json)
{
	int r = ipc_send(j->sock, MSG_PLAN, INIT_PLAN, plan_json, NULL, 0);

	j->offered = r == 0;
	return r;
}

static int ll_configure(struct jail *j, const struct plan *p,
			struct str plan_json, struct jail_ids *ret_ids,
			struct diag *reterr)
{
	(void)ret_ids;
	if (p->backend != PLAN_LANDLOCK || p->inside_uid != geteuid()) {
		diag_set(reterr, 0, 0, "a plan for another backend or user");
		return 1;
	}
	return j->offered ? 0 : ll_offer(j, plan_json);
}

/*
 * The plan hides nothing: that was accepted.  What is left are sockets of the
 * host in the project, and to those the warden connects nobody.
 */
static int ll_cover(struct jail *j, const struct cover_hide *hides, size_t n,
		    const struct cover_lock *locks, size_t n_locks, bool pin,
		    size_t *ret_missing)
{
	(void)j;
	(void)hides;
	(void)locks;
	(void)n_locks;
	(void)pin;
	(void)n;
	*ret_missing = 0;
	return 0;
}

static void ll_heard(struct jail *j)
{
	(void)j;
}

static void ll_kill(struct jail *j)
{
	(void)sys_pidfd_send_signal(j->pidfd, SIGTERM);
}

/* It ends by itself, or by force. */
static void ll_kill_for_good(struct jail *j)
{
	struct pollfd p = { .fd = j->pidfd, .events = POLLIN };

	ll_kill(j);
	if (poll(&p, 1, PATIENCE_MS) != 1)
		(void)sys_pidfd_send_signal(j->pidfd, SIGKILL);
}

static void ll_done(struct jail *j)
{
	(void)j;
	(void)family_kill(LEFT_NS);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

const struct jail_backend jail_landlock = {
	.spawn = ll_spawn,
	.offer = ll_offer,
	.configure = ll_configure,
	.cover = ll_cover,
	.heard = ll_heard,
	.kill = ll_kill,
	.kill_for_good = ll_kill_for_good,
	.done = ll_done,
};
