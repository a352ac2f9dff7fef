/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Init is cloned with every namespace but the network's.  That and the user
 * namespace take longest, and are mostly there: a ground (ground.h), which init is
 * born on.  Without one a fork of init makes the network while it does the rest.
 *
 * Unprivileged, the user's own id is the only one that can be mapped, and the
 * jail's files are his; init maps it itself and goes on.  As root the jail gets
 * an id that is not 0 on the host, and root's supervisor does what that id
 * cannot: it opens the sources of the
 * binds, and maps the ids of those that belong to the session's owner.  These
 * are the writable ones and what lies in the home or the project; never /etc
 * or /usr, whose root-only files would become the jail's own.
 *
 * Some file systems (overlayfs) take no id mapping.  Then the jail runs as the
 * owner, unless that is root: then it does not run.
 *
 * The namespaces' descriptors are taken before the plan is sent, and as root
 * before the ids are mapped: then init makes itself invisible (not dumpable), or
 * becomes another user.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/wall.h"
#include "ipc/protocol.h"
#include "jail/cover.h"
#include "jail/ground.h"
#include "jail/hinder.h"
#include "jail/idmap.h"
#include "jail/init.h"
#include "jail/jail-backend.h"
#include "jail/source.h"
#include "jail/sys.h"

/* CLONE_NEWNET: init, by unshare(2) */
#define NAMESPACES                                      \
	((WALL(USER_NS) ? CLONE_NEWUSER : 0u) |         \
	 (WALL(MNT_NS) ? (unsigned)CLONE_NEWNS : 0u) |  \
	 (WALL(PID_NS) ? (unsigned)CLONE_NEWPID : 0u) | \
	 (WALL(IPC_NS) ? (unsigned)CLONE_NEWIPC : 0u) | \
	 (WALL(UTS_NS) ? (unsigned)CLONE_NEWUTS : 0u) | \
	 (WALL(CGROUP_NS) ? (unsigned)CLONE_NEWCGROUP : 0u))

static int explain_clone(int r, struct diag *err)
{
	struct hindrance h;

	if (r != -EPERM && r != -ENOSPC && r != -EINVAL && r != -ENOSYS) {
		diag_set(err, 0, 0, "cannot make namespaces: %s", strerror(-r));
		return r;
	}
	hinder_namespaces(r, NULL, &h);
	diag_set(err, 0, 0, "%s: %s", h.why, h.mend);
	return 1;
}

static int open_ns(const struct jail *j, const char *which)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)j->pid,
		       which);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd == -1 ? neg_errno() : fd;
}

/* While init is as visible as we are: later it is another user, or private. */
static int open_namespaces(struct jail *j, struct diag *err)
{
	int r = 0;

	if (j->mnt_ns != -1)
		return 0;
	if (j->user_ns == -1)
		j->user_ns = open_ns(j, "user");
	j->mnt_ns = open_ns(j, "mnt");
	if (j->user_ns < 0 || j->mnt_ns < 0) {
		r = j->user_ns < 0 ? j->user_ns : j->mnt_ns;
		auto_fd(&j->user_ns);
		auto_fd(&j->mnt_ns);
		j->user_ns = j->mnt_ns = -1;
		diag_set(err, 0, 0, "cannot see the jail's namespaces: %s",
			 strerror(-r));
	}
	return r;
}

/* As root.  Init waits for it.  On a ground they are mapped. */
static int map_ids(const struct jail *j, bool on_ground, struct diag *err)
{
	struct idmap m = { .inside_uid = PLAN_INSIDE_UID,
			   .outside_uid = j->uid,
			   .inside_gid = PLAN_INSIDE_UID,
			   .outside_gid = j->gid };
	int r = on_ground ? 0 : idmap_write(j->pid, &m, false);

	if (r == 0)
		r = ipc_send(j->sock, MSG_PLAN, INIT_MAPPED, STR("{}"), NULL,
			     0);
	if (r != 0) {
		struct hindrance h;

		hinder_ids(j->uid, &h);
		diag_set(err, 0, 0, "%s: %s", h.why, h.mend);
	}
	return r;
}

/*
 * A ground's ids are those of ns_spawn() without others; and there is none
 * without the walls that it is made of.
 */
static bool is_fit(const struct jail_config *c)
{
	return c->ground && c->root_uid == 0 && c->root_gid == 0 &&
	       WALL(USER_NS) && WALL(NET_NS);
}

/* 0 in init. */
static int clone_init(struct jail *j, const struct jail_config *c,
		      struct init_config *conf)
{
	int r;

	if (!is_fit(c))
		return jail_clone(j, NAMESPACES, c->cgroup_fd);
	j->user_ns = fd_dup(c->ground->user_ns);
	if (j->user_ns < 0) {
		r = j->user_ns;
		j->user_ns = -1;
		return r;
	}
	conf->ground = c->ground;
	r = jail_clone_on(j, c->ground, NAMESPACES & ~(uint64_t)CLONE_NEWUSER,
			  c->cgroup_fd);
	if (r >= 0)
		return r;
	/* Where we may not enter what our daemon made: a container's user. */
	(void)close(TAKE_FD(j->user_ns));
	conf->ground = NULL;
	return jail_clone(j, NAMESPACES, c->cgroup_fd);
}

static int ns_spawn(struct jail *j, const struct jail_config *c, int sock,
		    struct diag *reterr)
{
	bool root = geteuid() == 0;
	struct init_config conf = {
		.sock = sock,
		.tty = c->tty,
		.steps = c->steps,
		.own_ids = !root,
		.uid = root ? PLAN_INSIDE_UID : geteuid(),
		.gid = root ? PLAN_INSIDE_UID : getegid(),
	};
	int r = clone_init(j, c, &conf);

	if (r == 0)
		init_main(&conf);
	if (r < 0)
		return explain_clone(r, reterr);
	if (!root)
		return 0;
	j->uid = c->root_uid ? c->root_uid : PLAN_ROOT_UID;
	j->gid = c->root_gid ? c->root_gid : PLAN_ROOT_UID;
	r = open_namespaces(j, reterr);
	return r == 0 ? map_ids(j, conf.ground != NULL, reterr) : r;
}

static void ns_kill(struct jail *j)
{
	(void)sys_pidfd_send_signal(j->pidfd, SIGKILL);
}

static void reap_holder(struct jail *j, int flags)
{
	if (j->holder != 0 && waitpid(j->holder, NULL, flags) != 0)
		j->holder = 0;
}

static void ns_done(struct jail *j)
{
	reap_holder(j, 0);
	auto_fd(&j->user_ns);
	auto_fd(&j->mnt_ns);
}

static void ns_heard(struct jail *j)
{
	reap_holder(j, WNOHANG);
}

/* The owner's, whose ids a mount may map: see the top. */
static bool is_owners(const struct plan *p, const struct plan_mount *m)
{
	return m->writable || path_is_below(str_of(m->src), str_of(p->home)) ||
	       path_is_below(str_of(m->src), str_of(p->project));
}

struct sources {
	int fds[IPC_FDS_MAX];
	uint32_t at[IPC_FDS_MAX];
	size_t n;
};

static void drop_sources(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		(void)close(s->fds[i]);
	s->n = 0;
}

static int send_sources(struct jail *j, struct sources *s)
{
	struct str body = { .ptr = (const char *)s->at,
			    .len = s->n * sizeof(s->at[0]) };
	int r = ipc_send(j->sock, MSG_PLAN, INIT_SOURCES, body, s->fds, s->n);

	drop_sources(s);
	return r;
}

static int explain_root(struct diag *err)
{
	struct hindrance h;

	hinder_root(&h);
	diag_set(err, 0, 0, "%s: %s", h.why, h.mend);
	return -EPERM;
}

/*
 * @userns_fd -1: the ids stay as they are.  1: something writable cannot be
 * mapped.
 */
static int open_sources(struct jail *j, const struct plan *p, int userns_fd,
			struct diag *err)
{
	struct sources s = { .n = 0 };
	int r = 0;

	for (size_t i = 0; i < p->n_mounts && r == 0; i++) {
		const struct plan_mount *m = &p->mounts[i];
		int fd;

		if (m->op != PLAN_BIND)
			continue;
		fd = source_open(m, is_owners(p, m) ? userns_fd : -1);
		if (fd < 0) {
			if (fd == -EPERM) {
				r = explain_root(err);
				break;
			}
			if (m->optional && fd != -EMEDIUMTYPE)
				continue;
			if (m->writable && fd == -EMEDIUMTYPE) {
				r = 1;
				break;
			}
			diag_set(err, 0, 0, "cannot bind %s: %s", m->src,
				 fd == -ELOOP ? SOURCE_EXCHANGED
					      : strerror(-fd));
			r = fd;
			break;
		}
		s.at[s.n] = (uint32_t)i;
		s.fds[s.n++] = fd;
		if (s.n == IPC_FDS_MAX)
			r = send_sources(j, &s);
	}
	if (r == 0 && s.n > 0)
		return send_sources(j, &s);
	drop_sources(&s);
	return r;
}

/* Init has mapped our own ids already, to themselves. */
static int configure_user(const struct plan *p, struct diag *err)
{
	uint32_t uid = geteuid(), gid = getegid();

	if (p->host_uid == uid && p->inside_uid == uid && p->host_gid == gid &&
	    p->inside_gid == gid)
		return 0;
	diag_set(err, 0, 0,
		 "a plan for user %u as %u cannot be carried out by user %u",
		 p->host_uid, p->inside_uid, uid);
	return 1;
}

/* Ids of the plan's mounts: mapped, or the owner's where that is refused. */
static int configure_root(struct jail *j, const struct plan *p,
			  struct jail_ids *ret_ids, struct diag *err)
{
	struct idmap m = { .inside_uid = p->owner_uid,
			   .outside_uid = p->host_uid,
			   .inside_gid = p->owner_gid,
			   .outside_gid = p->host_gid };
	bool mapped = j->uid == p->host_uid && (p->owner_uid != p->host_uid ||
						p->owner_gid != p->host_gid);
	AUTO(fd) int userns = -1;
	int r;

	if (p->inside_uid != PLAN_INSIDE_UID ||
	    p->inside_gid != PLAN_INSIDE_UID) {
		diag_set(err, 0, 0, "a plan of other ids than the jail's");
		return 1;
	}
	if (mapped) {
		r = idmap_new(&m, &j->holder);
		if (r < 0) {
			diag_set(err, 0, 0, "cannot map ids: %s", strerror(-r));
			return r;
		}
		userns = r;
	}
	r = open_sources(j, p, userns, err);
	if (r == 0)
		r = ipc_send(j->sock, MSG_PLAN,
			     mapped ? INIT_SOURCED_IDMAPPED : INIT_SOURCED,
			     STR("{}"), NULL, 0);
	if (r != 1)
		return r;
	if (p->owner_uid == 0) {
		diag_set(err, 0, 0,
			 "%s belongs to root, and its file system maps no ids "
			 "here: start bawn as another user, or chown it, or, "
			 "as the host's root, put it on ext4, xfs or btrfs",
			 p->project);
		return 1;
	}
	ret_ids->uid = p->owner_uid;
	ret_ids->gid = p->owner_gid != 0 ? p->owner_gid : p->host_gid;
	return JAIL_OTHER_IDS;
}

static int ns_offer(struct jail *j, struct str plan_json)
{
	struct diag unused;
	int r;

	if (open_namespaces(j, &unused) != 0)
		return 0; /* ns_configure() tells */
	r = ipc_send(j->sock, MSG_PLAN,
		     geteuid() == 0 ? INIT_PLAN_ROOT : INIT_PLAN, plan_json,
		     NULL, 0);
	j->offered = r == 0;
	return r;
}

static int ns_configure(struct jail *j, const struct plan *p,
			struct str plan_json, struct jail_ids *ret_ids,
			struct diag *reterr)
{
	int r;

	j->nested = p->nested;
	r = open_namespaces(j, reterr);
	if (r == 0 && !j->offered)
		r = ns_offer(j, plan_json);
	if (r != 0)
		return r;
	return geteuid() == 0 ? configure_root(j, p, ret_ids, reterr)
			      : configure_user(p, reterr);
}

static int ns_cover(struct jail *j, const struct cover_hide *hides, size_t n,
		    const struct cover_lock *locks, size_t n_locks, bool pin,
		    size_t *ret_missing)
{
	/* Directories that suddenly cannot be moved would surprise. */
	struct cover_place place = { j->user_ns, j->mnt_ns, pin && j->nested };

	return cover_paths(&place, hides, n, locks, n_locks, ret_missing);
}

const struct jail_backend jail_namespaces = {
	.spawn = ns_spawn,
	.offer = ns_offer,
	.configure = ns_configure,
	.cover = ns_cover,
	.heard = ns_heard,
	.kill = ns_kill,
	.kill_for_good = ns_kill,
	.done = ns_done,
};
