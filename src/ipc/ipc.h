/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc: messages with descriptors between our own processes.
 *
 * SOCK_SEQPACKET Unix sockets.  A message is {uint32 type, uint32 id, body},
 * host byte order, body usually one JSON object.  A body above IPC_INLINE_MAX
 * travels in a sealed memfd, invisible to callers.  Every peer is checked
 * against a table of what it may send (ipc/request.h); bytes layouts and who
 * may send what are in doc/PROTOCOL.ipc.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define IPC_INLINE_MAX ((size_t)48 * 1024)       /* bytes of body */
#define IPC_BODY_MAX   ((size_t)8 * 1024 * 1024) /* bytes of body */
#define IPC_FDS_MAX    16u

struct ipc_msg {
	uint32_t type, id;
	struct buf body; /* terminated by a NUL that is not counted */
	int fds[IPC_FDS_MAX];
	size_t n_fds;
};

/* Closes descriptors that are still there, frees the body; reusable after. */
void ipc_msg_done(struct ipc_msg *m);
void ipc_msg_init(struct ipc_msg *m);
static inline void auto_ipc_msg(struct ipc_msg *m)
{
	ipc_msg_done(m);
}
/* Take descriptor @i out of @m; -1 when there is none. */
int ipc_take_fd(struct ipc_msg *m, size_t i);

/* Both ends CLOEXEC. */
must_check int ipc_pair(int ret[2]);
/*
 * fork(2) with such a pair between the two: each gets its own end, and has no
 * other.  The pid; 0 in the child; -errno.
 */
must_check pid_t ipc_fork(int *ret_fd);
/* A listening socket at @path (mode 0600, old socket file replaced). */
must_check int ipc_listen(const char *path);
must_check int ipc_connect(const char *path);
/* uid and pid of the peer by SO_PEERCRED. */
must_check int ipc_peer(int fd, uid_t *ret_uid, pid_t *ret_pid);

/*
 * One message; @fds are borrowed and stay open here.  -EAGAIN when the socket
 * is non-blocking and full, -EPIPE when the peer is gone, -EMSGSIZE.
 */
must_check int ipc_send(int fd, uint32_t type, uint32_t id, struct str body,
			const int *fds, size_t n_fds);
/*
 * The same for a short body, by a sendmsg(2) with @pass in its fourth and fifth
 * register: a filter may know it by that.
 */
must_check int ipc_send_passing(int fd, uint32_t type, struct str body,
				const int *fds, size_t n_fds,
				const uint32_t pass[2]);
/*
 * The same for a short body, by send(2) instead of sendmsg(2): a filter shows
 * the latter to others, who cannot see its address otherwise, and not this.
 */
#define IPC_SAY_MAX ((size_t)8192)
must_check int ipc_say(int fd, uint32_t type, uint32_t id, struct str body);
/*
 * Receive into an initialised @m, whose old content is dropped first.
 * 0; -EAGAIN; -EPIPE when the peer closed; -EPROTO for a malformed message or
 * one above @max_body bytes (descriptors it carried are closed).
 */
must_check int ipc_recv(int fd, struct ipc_msg *m, size_t max_body);
