/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * unix_diag names the file a socket is bound to by the device of its file system
 * and the lower half of its inode number.  stat(2) may tell another device
 * (btrfs), so the mount's is used: statx(2) gives its id, mountinfo its device.
 * An overlay over several file systems shows another inode number, too: there
 * no socket is found, and all count as the host's.
 */
#include "jail/own-sockets.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "jail/sys.h"

#define ANSWER_BYTES 8192
#define LINE_BYTES   4096

int own_sockets_open(void *arg)
{
	struct own_sockets_ask *ask = arg;
	AUTO(fd) int ns = -1;

	ask->fd = -1;
	if (ask->socket != -1) {
		ns = ioctl(ask->socket, SIOCGSKNS);
		if (ns == -1 || setns(ns, CLONE_NEWNET) == -1)
			return neg_errno();
	}
	ask->fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	return ask->fd == -1 ? neg_errno() : 0;
}

/* "36 35 98:0 /root ...", proc(5): the device of the mount @id. */
static bool is_device_of(struct str line, uint64_t id, struct own_socket *ret)
{
	struct str found, parent, device, major;
	uint64_t n;

	return str_word(&line, &found) && str_u64(found, 0, UINT64_MAX, &n) &&
	       n == id && str_word(&line, &parent) &&
	       str_word(&line, &device) && str_cut(&device, ':', &major) &&
	       str_u32(major, 0, UINT32_MAX, &ret->major) &&
	       str_u32(device, 0, UINT32_MAX, &ret->minor);
}

static int mount_device(uint64_t id, struct own_socket *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[LINE_BYTES];
	bool found = false;

	if (!f)
		return neg_errno();
	/* The rest of a longer line has no such numbers. */
	while (!found && fgets(line, sizeof(line), f))
		found = is_device_of(str_of(line), id, ret);
	(void)fclose(f);
	return found ? 0 : -ENOENT;
}

int own_sockets_key(const char *path, struct own_socket *ret)
{
	AUTO(fd) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;
	int r;

	*ret = (struct own_socket){ 0 };
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 1 : neg_errno();
	r = sys_statx(fd, 0, &st);
	if (r < 0)
		return r;
	if (!S_ISSOCK(st.stx_mode))
		return 1;
	ret->ino = (uint32_t)st.stx_ino;
	return mount_device(st.stx_mnt_id, ret);
}

static void compare(const struct unix_diag_vfs *vfs, struct own_socket *v,
		    size_t n)
{
	/* The kernel's own form of a device. */
	uint32_t major = vfs->udiag_vfs_dev >> 20;
	uint32_t minor = vfs->udiag_vfs_dev & 0xfffff;

	for (size_t i = 0; i < n; i++) {
		if (v[i].ino == vfs->udiag_vfs_ino && v[i].major == major &&
		    v[i].minor == minor)
			v[i].there = true;
	}
}

/* Netlink's lengths and attributes are both padded to 4 bytes, the last may not be. */
static size_t padded(size_t len, size_t room)
{
	size_t whole = (len + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1);

	return whole < room ? whole : room;
}

static void read_socket(struct str s, struct own_socket *v, size_t n)
{
	struct unix_diag_vfs vfs;
	struct nlattr a;

	while (s.len >= sizeof(a)) {
		memcpy(&a, s.ptr, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > s.len)
			return;
		if (a.nla_type == UNIX_DIAG_VFS &&
		    a.nla_len >= sizeof(a) + sizeof(vfs)) {
			memcpy(&vfs, s.ptr + sizeof(a), sizeof(vfs));
			compare(&vfs, v, n);
		}
		s = str_skip(s, padded(a.nla_len, s.len));
	}
}

/* One datagram.  0; 1: the last; -errno. */
static int read_answer(struct str s, struct own_socket *v, size_t n)
{
	struct nlmsghdr h;
	int error;

	while (s.len >= sizeof(h)) {
		memcpy(&h, s.ptr, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > s.len)
			return -EPROTO;
		if (h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < sizeof(h) + sizeof(error))
				return -EPROTO;
			memcpy(&error, s.ptr + sizeof(h), sizeof(error));
			return error < 0 ? error : -EPROTO;
		}
		if (h.nlmsg_len >= sizeof(h) + sizeof(struct unix_diag_msg))
			read_socket(
				(struct str){
					s.ptr + sizeof(h) +
						sizeof(struct unix_diag_msg),
					h.nlmsg_len - sizeof(h) -
						sizeof(struct unix_diag_msg) },
				v, n);
		s = str_skip(s, padded(h.nlmsg_len, s.len));
	}
	return 0;
}

int own_sockets_find(int fd, struct own_socket *v, size_t n)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr h;
		struct unix_diag_req req;
	} ask = { .h = { .nlmsg_len = sizeof(ask),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  .req = { .sdiag_family = AF_UNIX,
			   .udiag_states = UINT32_MAX,
			   .udiag_show = UDIAG_SHOW_VFS } };
	char answer[ANSWER_BYTES];
	int r = 0;

	if (sendto(fd, &ask, sizeof(ask), 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) == -1)
		return neg_errno();
	while (r == 0) {
		ssize_t len = recv(fd, answer, sizeof(answer), 0);

		if (len == -1 && errno == EINTR)
			continue;
		if (len <= 0)
			return len == -1 ? neg_errno() : -EPROTO;
		r = read_answer((struct str){ answer, (size_t)len }, v, n);
	}
	return r < 0 ? r : 0;
}

bool own_sockets_answer(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO(fd) int fd = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return true; /* cannot be tried by its name: assume the worst */
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return true;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return true;
	return errno != ECONNREFUSED && errno != ENOENT;
}
