/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegated authority: sockets of the host's daemons, System V and POSIX
 * objects, keys.  A connection is made and closed, nothing is said on it, but for the
 * fixtures' own listeners, which are told the marker.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define KEYCTL_READ_    11
#define KEYCTL_SEARCH_  10
#define SESSION_KEYRING (-3)
#define USER_KEYRING    (-4)
#define USER_SESSION    (-5)

/* ---- Unix sockets ---- */

/* @name: of @len bytes; abstract when it begins with 0.  The socket or -1. */
static int connect_unix(const char *name, size_t len, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (len > sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)memcpy(un.sun_path, name, len);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&un,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				len)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Whatever type the listener is of. */
static int connect_any(const char *name, size_t len)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int fd = -1;

	for (size_t i = 0; i < N_ELEMS(types); i++) {
		fd = connect_unix(name, len, types[i]);
		if (fd != -1 || errno != EPROTOTYPE)
			return fd;
	}
	return fd;
}

static void tell(const struct attempt *a, const struct run *r, int fd)
{
	char line[160];
	size_t len = marker_line(r, a, line, sizeof(line));

	(void)send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

static void try_path(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const struct fixtures *f = r->fixtures;

	if (f->n[FIX_UNIX_PATH] == 0)
		say_untried(out, "no fixture: unix_path");
	for (size_t i = 0; i < f->n[FIX_UNIX_PATH]; i++) {
		const struct fixture *v = &f->of[FIX_UNIX_PATH][i];
		int fd = connect_any(v->text, v->len);

		if (fd != -1) {
			tell(a, r, fd);
			say_reachable(out, "%s", v->text);
			return;
		}
		say_refused(out, errno, "%s", v->text);
	}
}

static void try_abstract(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const struct fixtures *f = r->fixtures;

	if (f->n[FIX_UNIX_ABSTRACT] == 0)
		say_untried(out, "no fixture: unix_abstract");
	for (size_t i = 0; i < f->n[FIX_UNIX_ABSTRACT]; i++) {
		const struct fixture *v = &f->of[FIX_UNIX_ABSTRACT][i];
		char name[108] = "";
		int fd;

		(void)memcpy(name + 1, v->text, v->len);
		fd = connect_any(name, v->len + 1);
		if (fd != -1) {
			tell(a, r, fd);
			say_reachable(out, "@%s", v->text);
			return;
		}
		say_refused(out, errno, "@%s", v->text);
	}
}

/* By a short relative name, from the directory: another path, one socket. */
static void try_path_relative(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	const char *path = fixture_text(r->fixtures, FIX_UNIX_PATH);
	char dir[FIXTURE_LINE_MAX + 1];
	const char *slash;
	int fd;

	if (!path) {
		say_untried(out, "no fixture: unix_path");
		return;
	}
	slash = strrchr(path, '/');
	(void)snprintf(dir, sizeof(dir), "/proc/self/root%.*s/",
		       (int)(slash - path), path);
	if (chdir(dir) == -1) {
		say_refused(out, errno, "its directory");
		return;
	}
	fd = connect_any(slash + 1, strlen(slash + 1));
	if (fd != -1)
		tell(a, r, fd);
	say_call(out, fd);
}

/* A datagram without a connection. */
static void try_sendto(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_UNIX_PATH);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char line[160];
	size_t len = marker_line(r, a, line, sizeof(line));
	int fd;

	if (!v) {
		say_untried(out, "no fixture: unix_path");
		return;
	}
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", v->text);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sendto(fd, line, len, 0, (struct sockaddr *)&un, sizeof(un)) >= 0 ||
	    errno == EPROTOTYPE) /* a stream socket was found there */
		say_reachable(out, "%s", v->text);
	else
		say_refused(out, errno, "%s", v->text);
}

/* What a socket that is allowed hands over. */
static void try_rights(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_UNIX_ALLOWED);
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = { 0 };
	char data[64];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	const struct timeval limit = { .tv_sec = 1 };
	int fd;

	if (!v) {
		say_untried(out, "no fixture: unix_allowed");
		return;
	}
	fd = connect_any(v->text, v->len);
	if (fd == -1) {
		say_refused(out, errno, "not even the socket");
		return;
	}
	(void)fcntl(fd, F_SETFL, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	tell(a, r, fd);
	if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) < 0)
		say_refused(out, errno, "connected, no message");
	else if (CMSG_FIRSTHDR(&m) &&
		 CMSG_FIRSTHDR(&m)->cmsg_type == SCM_RIGHTS)
		say_reachable(out, "a descriptor came");
	else
		say_refused(out, 0, "bytes came, no descriptor");
}

/* @arg: a path; %u: the uid; $NAME: from the environment. */
static void try_daemon(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const char *arg = a->arg;
	char path[128];
	int fd;

	(void)r;
	if (arg[0] == '$') {
		const char *value = getenv(arg + 1);

		if (!value) {
			say_refused(out, ENOENT, "%s is not set", arg);
			return;
		}
		(void)snprintf(path, sizeof(path), "%s", value);
	} else {
		const char *u = strstr(arg, "%u");

		(void)snprintf(path, sizeof(path), "%.*s",
			       u ? (int)(u - arg) : (int)strlen(arg), arg);
		if (u)
			(void)snprintf(path + (u - arg),
				       sizeof(path) - (size_t)(u - arg), "%u%s",
				       (unsigned)getuid(), u + 2);
	}
	if (path[0] == '@') {
		size_t len = strlen(path);

		path[0] = '\0';
		fd = connect_any(path, len);
	} else {
		fd = connect_any(path, strlen(path));
	}
	say_call(out, fd);
}

/* ---- System V, POSIX, keys ---- */

static void try_shm(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_SYSV_SHM);
	void *p;

	(void)a;
	if (!v) {
		say_untried(out, "no fixture: sysv_shm");
		return;
	}
	p = shmat((int)v->number, NULL, SHM_RDONLY);
	say_call(out, p == (void *)-1 ? -1 : 0);
}

static void try_sem(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_SYSV_SEM);

	(void)a;
	if (!v)
		say_untried(out, "no fixture: sysv_sem");
	else
		say_call(out, semctl((int)v->number, 0, GETVAL));
}

static void try_msg(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_SYSV_MSG);
	struct {
		long type;
		char text[64];
	} m = { .type = 1 };

	if (!v) {
		say_untried(out, "no fixture: sysv_msg");
		return;
	}
	(void)snprintf(m.text, sizeof(m.text), "%s", a->id);
	say_call(out, msgsnd((int)v->number, &m, sizeof(m.text), IPC_NOWAIT));
}

/* Objects of whoever else is here, without knowing a name. */
static void try_sysv_list(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	char text[4096];
	ssize_t n = read_file(a->arg, text, sizeof(text));
	const char *second;

	(void)r;
	if (n <= 0) {
		say_refused(out, errno, "%s", "");
		return;
	}
	second = strchr(text, '\n');
	if (second && second[1])
		say_reachable(out, "objects are listed");
	else
		say_refused(out, 0, "none is listed");
}

static void try_posix_shm(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_POSIX_SHM);
	char path[256];

	(void)a;
	if (!name) {
		say_untried(out, "no fixture: posix_shm");
		return;
	}
	(void)snprintf(path, sizeof(path), "/dev/shm%s", name);
	try_read_marked(r, path, out);
}

static void try_posix_mq(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_POSIX_MQ);

	(void)a;
	if (!name)
		say_untried(out, "no fixture: posix_mq");
	else
		say_call(out, mq_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static void try_key(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_KEY);
	static const long rings[] = { SESSION_KEYRING, USER_KEYRING,
				      USER_SESSION };

	(void)a;
	if (!name) {
		say_untried(out, "no fixture: key");
		return;
	}
	for (size_t i = 0; i < N_ELEMS(rings); i++) {
		if (syscall(SYS_keyctl, KEYCTL_SEARCH_, rings[i], "user", name,
			    0) != -1) {
			say_reachable(out, "%s", name);
			return;
		}
	}
	say_refused(out, errno, "%s", "");
}

#define DAEMON(id, what, path) \
	ROW("ipc." id, what, "a daemon of the host", try_daemon, path)

const struct attempt ipc_rows[] = {
	ROW("ipc.unix-path", "a socket of the host by its path",
	    "Landlock ABI 9", try_path, NULL),
	ROW("ipc.unix-path-relative", "the same from its directory", "unix(7)",
	    try_path_relative, NULL),
	ROW("ipc.unix-sendto", "the same by a datagram", "unix(7)", try_sendto,
	    NULL),
	ROW("ipc.unix-abstract", "a socket of the host without a path",
	    "CVE-2020-15257", try_abstract, NULL),
	ROW("ipc.rights", "descriptors by an allowed socket", "unix(7)",
	    try_rights, NULL),
	DAEMON("docker", "Docker", "/var/run/docker.sock"),
	DAEMON("docker-run", "Docker", "/run/docker.sock"),
	DAEMON("docker-user", "Docker of the user", "/run/user/%u/docker.sock"),
	DAEMON("containerd", "containerd", "/run/containerd/containerd.sock"),
	DAEMON("podman", "Podman", "/run/podman/podman.sock"),
	DAEMON("podman-user", "Podman of the user",
	       "/run/user/%u/podman/podman.sock"),
	DAEMON("crio", "CRI-O", "/run/crio/crio.sock"),
	DAEMON("buildkit", "BuildKit", "/run/buildkit/buildkitd.sock"),
	DAEMON("libvirt", "virtual machines", "/var/run/libvirt/libvirt-sock"),
	DAEMON("lxd", "LXD", "/var/snap/lxd/common/lxd/unix.socket"),
	DAEMON("snapd", "snapd", "/run/snapd.socket"),
	DAEMON("dbus-system", "the system's bus",
	       "/run/dbus/system_bus_socket"),
	DAEMON("dbus-user", "the user's bus", "/run/user/%u/bus"),
	DAEMON("systemd", "systemd", "/run/systemd/private"),
	DAEMON("systemd-user", "systemd of the user",
	       "/run/user/%u/systemd/private"),
	DAEMON("systemd-notify", "news for systemd", "/run/systemd/notify"),
	DAEMON("journal", "the journal", "/run/systemd/journal/socket"),
	DAEMON("syslog", "the system's log", "/dev/log"),
	DAEMON("resolve", "names, past the resolver",
	       "/run/systemd/resolve/io.systemd.Resolve"),
	DAEMON("nscd", "names, past the resolver", "/run/nscd/socket"),
	DAEMON("avahi", "names of the neighbourhood",
	       "/run/avahi-daemon/socket"),
	DAEMON("ssh-agent", "an agent's signatures", "$SSH_AUTH_SOCK"),
	DAEMON("gpg-agent", "an agent's signatures",
	       "/run/user/%u/gnupg/S.gpg-agent"),
	DAEMON("keyring", "the desktop's passwords",
	       "/run/user/%u/keyring/control"),
	DAEMON("wayland", "the screen", "/run/user/%u/wayland-0"),
	DAEMON("x11", "the screen", "/tmp/.X11-unix/X0"),
	DAEMON("x11-abstract", "the screen, without a path",
	       "@/tmp/.X11-unix/X0"),
	DAEMON("pipewire", "sound and microphone", "/run/user/%u/pipewire-0"),
	DAEMON("pulse", "sound and microphone", "/run/user/%u/pulse/native"),
	DAEMON("cups", "printers", "/run/cups/cups.sock"),
	DAEMON("postgres", "a database", "/var/run/postgresql/.s.PGSQL.5432"),
	DAEMON("mysql", "a database", "/var/run/mysqld/mysqld.sock"),
	DAEMON("multipath", "disks", "@/org/kernel/linux/storage/multipathd"),
	DAEMON("iscsi", "disks", "@ISCSIADM_ABSTRACT_NAMESPACE"),
	DAEMON("tmux", "type into the user's terminals",
	       "/tmp/tmux-%u/default"),
	DAEMON("emacs", "the user's editor, which runs Lisp",
	       "/run/user/%u/emacs/server"),
	DAEMON("nvim", "the user's editor", "$NVIM"),
	DAEMON("vscode", "the user's editor", "$VSCODE_IPC_HOOK_CLI"),
	DAEMON("kitty", "the user's terminal", "$KITTY_LISTEN_ON"),
	DAEMON("accessibility", "what the user types and sees",
	       "/run/user/%u/at-spi/bus_0"),
	DAEMON("smart-cards", "keys of smart cards", "/run/pcscd/pcscd.comm"),
	DAEMON("machined", "containers and machines",
	       "/run/systemd/machine/io.systemd.Machine"),
	DAEMON("userdb", "the machine's users",
	       "/run/systemd/userdb/io.systemd.Multiplexer"),
	DAEMON("sssd", "the company's users", "/var/lib/sss/pipes/nss"),
	DAEMON("rpcbind", "services", "/run/rpcbind.sock"),
	DAEMON("incus", "containers", "/var/lib/incus/unix.socket"),
	DAEMON("k3s", "containers", "/run/k3s/containerd/containerd.sock"),
	ROW("ipc.sysv-shm", "shared memory of the host", "shmop(2)", try_shm,
	    NULL),
	ROW("ipc.sysv-sem", "a semaphore of the host", "semctl(2)", try_sem,
	    NULL),
	ROW("ipc.sysv-msg", "a message queue of the host", "msgop(2)", try_msg,
	    NULL),
	ROW("ipc.sysv-shm-list", "others' shared memory", "proc(5)",
	    try_sysv_list, "/proc/sysvipc/shm"),
	ROW("ipc.sysv-msg-list", "others' message queues", "proc(5)",
	    try_sysv_list, "/proc/sysvipc/msg"),
	ROW("ipc.posix-shm", "shared memory by name", "shm_overview(7)",
	    try_posix_shm, NULL),
	ROW("ipc.posix-mq", "a message queue by name", "mq_overview(7)",
	    try_posix_mq, NULL),
	ROW("ipc.key", "a key of the user", "keyrings(7)", try_key, NULL),
};
END_ROWS(ipc);
