/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Every socket of the jail that could reach anything is made here and put into
 * the caller's table of descriptors; a duplicate stays with us until it is
 * connected or listens.  So whatever a program calls its socket by, we act on
 * our own descriptor, found by the inode: a descriptor that changes under our
 * hands leads to another socket of the jail, never to one of the host.
 *
 *   TCP    made -- connect --> ours is closed, it is the program's alone
 *               `- bind, loopback only -- listen --> likewise
 *   Unix   made -- connect, to sockets that listen for us, or listen
 *   UDP    does not exist: the program gets one end of a SOCK_SEQPACKET pair,
 *          and the relay's resolver the other.  Nothing that is sent there, to
 *          whatever address, goes anywhere else
 *
 * connect() of an address that the plan allows goes to a listener of ours on
 * loopback, at once, and what is accepted there goes to the relay with the
 * destination (ipc/handover.h).  That it is the jail's connection and no other
 * program's is known by its addresses, which are unique while it stands.
 *
 * Differences that a program can see are in doc/landlock.md.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/wall.h"
#include "ipc/handover.h"
#include "jail/addr-parse.h"
#include "jail/ask-fd.h"
#include "jail/behalf-own.h"
#include "jail/family.h"
#include "jail/reach.h"

#define SOCKS_MAX    1024u
#define UNIX_MAX     256u /* that listen */
#define BACKLOG      512
#define WAIT_MS      1000 /* for what is on this machine */
#define STRANGERS    64u  /* closed, while the jail's connection is awaited */
#define HAND_OVER_US (500 * 1000)
#define DNS_PORT     53u
#define TYPE_MASK    0xf

enum sock_kind {
	SOCK_TCP4 = 1,
	SOCK_TCP6,
	SOCK_LOCAL, /* Unix */
	SOCK_ASKS,  /* takes itself for UDP */
};

enum sock_state {
	SOCK_MADE = 1,
	SOCK_BOUND,
	SOCK_LISTENS,
	SOCK_GONE, /* connected: not ours any more */
};

struct sock {
	struct socks *socks;
	enum sock_kind kind;
	enum sock_state state;
	ino_t ino;
	int fd;        /* -1: not ours any more */
	uint16_t port; /* SOCK_LISTENS */
	bool seen;     /* by a sweep */
	bool deaf;     /* SOCK_ASKS: meant for something else than a resolver */
	struct asked asked; /* SOCK_ASKS */
	struct loop_io io;  /* SOCK_ASKS: the other end */
};

/* A Unix socket that listens for the jail. */
struct local {
	dev_t dev;
	ino_t ino;
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* abstract */
	size_t name_len;
};

struct socks {
	struct behalf *b;
	struct sock *v[SOCKS_MAX];
	size_t n;
	struct local locals[UNIX_MAX];
	size_t n_locals;          /* ever; the oldest is overwritten */
	int listener4, listener6; /* 6: -1 where there is no ::1 */
	struct sockaddr_in6 at4, at6;
};

/* ---- the table ---- */

static void sock_close(struct sock *s)
{
	loop_io_remove(s->socks->b->c.loop, &s->io);
	if (s->kind == SOCK_ASKS)
		auto_fd(&s->io.fd);
	s->io.fd = -1;
	auto_fd(&s->fd);
	s->fd = -1;
}

static void sock_drop(struct socks *t, size_t i)
{
	sock_close(t->v[i]);
	free(t->v[i]);
	t->v[i] = t->v[--t->n];
}

static struct sock *find_ino(struct socks *t, ino_t ino)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i]->ino == ino)
			return t->v[i];
	}
	return NULL;
}

static bool see(void *owner, const char *link)
{
	struct str s = str_of(link);
	struct sock *found;
	uint64_t ino;

	if (!str_starts(s, STR("socket:[")) || !str_ends(s, STR("]")))
		return true;
	s = str_skip(s, 8);
	s.len--;
	if (!str_u64(s, 1, UINT64_MAX, &ino))
		return true;
	found = find_ino(owner, (ino_t)ino);
	if (found)
		found->seen = true;
	return true;
}

/* Forget those that no process has any more; their ports are free then. */
static void sweep(struct socks *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->v[i]->seen = false;
	family_each_fd(see, t);
	for (size_t i = t->n; i-- > 0;) {
		if (!t->v[i]->seen)
			sock_drop(t, i);
	}
}

/* The caller's descriptor @fd: NULL with *ret_error 0 = a socket not of ours. */
static struct sock *find(const struct call *c, int fd, int *ret_error)
{
	char link[64], text[64];
	struct str s;
	uint64_t ino;
	ssize_t n;

	*ret_error = -EBADF;
	if (fd < 0)
		return NULL;
	(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)c->tid, fd);
	n = readlink(link, text, sizeof(text) - 1);
	if (n <= 0) {
		*ret_error = errno == ENOENT ? -EBADF : -EPERM;
		return NULL;
	}
	text[n] = '\0';
	*ret_error = -ENOTSOCK;
	s = str_of(text);
	if (!str_starts(s, STR("socket:[")) || !str_ends(s, STR("]")))
		return NULL;
	s = str_skip(s, 8);
	s.len--;
	if (!str_u64(s, 1, UINT64_MAX, &ino) || !call_lives(c))
		return NULL;
	*ret_error = 0;
	return find_ino(c->b->socks, (ino_t)ino);
}

/* ---- to the relay ---- */

static int hand_over(struct behalf *b, const struct handover *m, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)m,
			     .iov_len = sizeof(*m) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd != -1) {
		struct cmsghdr *c = &control.align;

		h.msg_control = control.bytes;
		h.msg_controllen = sizeof(control.bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	/* Waits for a relay that waits for its ledger, but not for ever. */
	return sendmsg(b->channel, &h, MSG_NOSIGNAL) == (ssize_t)sizeof(*m)
		       ? 0
		       : neg_errno();
}

static int refuse(struct behalf *b, uint8_t proto, const struct in6_addr *addr,
		  uint16_t port)
{
	struct handover m = { .kind = HANDOVER_REFUSED,
			      .proto = proto,
			      .port = port,
			      .addr = *addr };

	/* The relay records it; when it is gone the session ends. */
	(void)!hand_over(b, &m, -1);
	return -ECONNREFUSED;
}

/* ---- socket ---- */

static struct sock *sock_new(struct socks *t, enum sock_kind kind)
{
	struct sock *s;

	if (t->n == SOCKS_MAX)
		sweep(t);
	if (t->n == SOCKS_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct sock){ .socks = t,
			    .kind = kind,
			    .state = SOCK_MADE,
			    .fd = -1,
			    .io.fd = -1 };
	t->v[t->n++] = s;
	return s;
}

static void sock_forget(struct sock *s)
{
	struct socks *t = s->socks;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i] == s) {
			sock_drop(t, i);
			return;
		}
	}
}

/* Into the caller's table, at @number if not -1: then it has its answer. */
static int inject_at(struct call *c, int fd, int number)
{
	struct seccomp_notif_addfd a = {
		.id = c->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = c->args[1] & SOCK_CLOEXEC ? O_CLOEXEC : 0,
	};

	if (number != -1) {
		a.flags |= SECCOMP_ADDFD_FLAG_SETFD;
		a.newfd = (uint32_t)number;
	}
	return ioctl(c->b->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a) == -1
		       ? neg_errno()
		       : BEHALF_ANSWERED;
}

static int inject(struct call *c, int fd)
{
	return inject_at(c, fd, -1);
}

/* One that the caller does not use; -1. */
static int free_ask_fd(const struct call *c)
{
	char link[64], text[8];

	for (int fd = ASK_FD; fd < ASK_FD + ASK_FDS; fd++) {
		(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d",
			       (int)c->tid, fd);
		if (readlink(link, text, sizeof(text)) == -1)
			return errno == ENOENT ? fd : -1;
	}
	return -1;
}

/* Where its filter looks, or under a lower limit anywhere. */
static int inject_asking(struct call *c, int fd)
{
	int number = free_ask_fd(c);
	int r = number == -1 ? -EBADF : inject_at(c, fd, number);

	return r == -EBADF ? inject(c, fd) : r;
}

static int give_up_questions(struct sock *s)
{
	sock_forget(s);
	return 0;
}

/* Data, or the program's end closed. */
static int on_question(struct loop_io *io, uint32_t events)
{
	static char unheard[65536];
	struct sock *s = io->owner;
	struct handover m = { .kind = HANDOVER_QUESTIONS };

	if (!(events & EPOLLIN))
		return give_up_questions(s);
	if (s->deaf) {
		ssize_t n =
			recv(io->fd, unheard, sizeof(unheard), MSG_DONTWAIT);

		return n == 0 ? give_up_questions(s) : 0;
	}
	(void)!hand_over(s->socks->b, &m, io->fd);
	loop_io_remove(s->socks->b->c.loop, io);
	auto_fd(&io->fd);
	io->fd = -1;
	return 0;
}

static int make_asking(struct call *c)
{
	struct socks *t = c->b->socks;
	int flags = (int)c->args[1] & SOCK_NONBLOCK;
	AUTO(fd) int inside = -1;
	struct stat st;
	struct sock *s;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0,
		       pair) == -1)
		return neg_errno();
	inside = pair[0];
	s = sock_new(t, SOCK_ASKS);
	if (!s) {
		(void)close(pair[1]);
		return -ENFILE;
	}
	s->io = (struct loop_io){
		.fd = pair[1], .events = EPOLLIN, .run = on_question, .owner = s
	};
	r = fstat(inside, &st) == -1 ? neg_errno()
				     : loop_io_add(c->b->c.loop, &s->io);
	if (r == 0) {
		s->ino = st.st_ino;
		s->asked.family = (sa_family_t)c->args[0];
		r = inject_asking(c, inside);
	}
	if (r < 0)
		sock_forget(s);
	return r;
}

static int make_sock(struct call *c, enum sock_kind kind, int domain)
{
	int type = (int)c->args[1] & (TYPE_MASK | SOCK_NONBLOCK);
	AUTO(fd) int fd = socket(domain, type | SOCK_CLOEXEC, 0);
	struct stat st;
	struct sock *s;
	int r;

	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	s = sock_new(c->b->socks, kind);
	if (!s)
		return -ENFILE;
	s->ino = st.st_ino;
	s->fd = TAKE_FD(fd);
	r = inject(c, s->fd);
	if (r < 0)
		sock_forget(s);
	return r;
}

int socks_socket(struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1] & TYPE_MASK;
	int proto = (int)c->args[2];

	if (domain == AF_UNIX &&
	    (type == SOCK_STREAM || type == SOCK_SEQPACKET))
		return make_sock(c, SOCK_LOCAL, domain);
	if (domain == AF_UNIX) /* a datagram may go to whatever address */
		return -EPROTONOSUPPORT;
	if (type == SOCK_STREAM && (proto == 0 || proto == IPPROTO_TCP))
		return make_sock(c, domain == AF_INET ? SOCK_TCP4 : SOCK_TCP6,
				 domain);
	if (type == SOCK_DGRAM && (proto == 0 || proto == IPPROTO_UDP))
		return make_asking(c);
	return type == SOCK_RAW ? -EPERM : -EPROTONOSUPPORT;
}

/* ---- addresses ---- */

static int copy_addr(const struct call *c, union addr *ret, socklen_t *ret_len)
{
	int len = (int)c->args[2];

	*ret = (union addr){ .room = { 0 } };
	*ret_len = (socklen_t)len;
	if (len < (int)sizeof(sa_family_t) || len > (int)sizeof(*ret))
		return -EINVAL;
	return call_read(c, c->args[1], ret, (size_t)len);
}

static bool is_v6only(const struct sock *s)
{
	socklen_t len = sizeof(int);
	int v = 0;

	return s->kind == SOCK_TCP6 &&
	       getsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v, &len) == 0 &&
	       v != 0;
}

static enum addr_form form_of(const struct sock *s)
{
	if (s->kind == SOCK_ASKS)
		return ADDR_EITHER;
	if (s->kind == SOCK_TCP4)
		return ADDR_V4;
	return is_v6only(s) ? ADDR_V6_ONLY : ADDR_V6;
}

/* 0 and the socket's own (or its peer's) address, mapped. */
static int name_of(int fd, bool peer, struct sockaddr_in6 *ret)
{
	union addr a = { .room = { 0 } };
	socklen_t len = sizeof(a);
	int r = peer ? getpeername(fd, &a.sa, &len)
		     : getsockname(fd, &a.sa, &len);

	if (r == -1)
		return neg_errno();
	return addr_parse(&a, len, ADDR_EITHER, ret);
}

/* ---- connect ---- */

/*
 * Over loopback it stands at once.  The flag belongs to the program's socket
 * too, which cannot be in use elsewhere before it is connected.
 */
static int connect_now(int fd, const union addr *to, socklen_t len)
{
	int flags = fcntl(fd, F_GETFL), r = 0, error = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(error);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return neg_errno();
	if (connect(fd, &to->sa, len) == -1)
		r = neg_errno();
	if (r == -EINPROGRESS) {
		if (poll(&p, 1, WAIT_MS) != 1)
			r = -ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
			r = neg_errno();
		else
			r = -error;
	}
	(void)fcntl(fd, F_SETFL, flags);
	return r;
}

static void disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)!connect(fd, &none, sizeof(none));
}

static bool is_same(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return a->sin6_port == b->sin6_port &&
	       IN6_ARE_ADDR_EQUAL(&a->sin6_addr, &b->sin6_addr);
}

/* Of those that wait at @listener, the one that comes from @from; or -errno. */
static int accept_from(int listener, const struct sockaddr_in6 *from)
{
	for (unsigned i = 0; i < STRANGERS; i++) {
		struct pollfd p = { .fd = listener, .events = POLLIN };
		struct sockaddr_in6 peer = { 0 };
		AUTO(fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd == -1 && errno == EAGAIN && poll(&p, 1, WAIT_MS) == 1)
			continue;
		if (fd == -1)
			return neg_errno();
		if (name_of(fd, true, &peer) == 0 && is_same(&peer, from))
			return TAKE_FD(fd);
	}
	return -ETIMEDOUT;
}

static int connect_relay(struct sock *s, const struct sockaddr_in6 *dest)
{
	struct socks *t = s->socks;
	bool v6 = s->kind == SOCK_TCP6 && t->listener6 != -1 &&
		  !IN6_IS_ADDR_V4MAPPED(&dest->sin6_addr);
	struct handover m = { .kind = HANDOVER_STREAM,
			      .proto = IPPROTO_TCP,
			      .port = ntohs(dest->sin6_port),
			      .addr = dest->sin6_addr };
	AUTO(fd) int taken = -1;
	struct sockaddr_in6 own = { 0 };
	union addr to;
	socklen_t len = addr_format(v6 ? &t->at6 : &t->at4, form_of(s), &to);
	int r = len == 0 ? -ENETUNREACH : connect_now(s->fd, &to, len);

	if (r != 0)
		return r;
	r = name_of(s->fd, false, &own);
	if (r == 0)
		r = accept_from(v6 ? t->listener6 : t->listener4, &own);
	if (r >= 0) {
		taken = r;
		r = hand_over(s->socks->b, &m, taken);
	}
	if (r != 0) {
		disconnect(s->fd);
		return -ECONNREFUSED;
	}
	return 0;
}

/* A server of the jail's own, on loopback. */
static int connect_own(struct sock *s, const struct sockaddr_in6 *dest)
{
	struct socks *t = s->socks;
	uint16_t port = ntohs(dest->sin6_port);

	for (size_t i = 0; i < t->n; i++) {
		struct sock *o = t->v[i];
		bool v6 = false;
		struct sockaddr_in6 at;
		union addr to;
		socklen_t len;

		if (o->state != SOCK_LISTENS || o->port != port ||
		    o->kind == SOCK_LOCAL || !reach_listens(o->ino, port, &v6))
			continue;
		at = v6 ? t->at6 : t->at4;
		if (v6)
			at.sin6_addr = in6addr_loopback;
		at.sin6_port = dest->sin6_port;
		len = addr_format(&at, form_of(s), &to);
		if (len > 0)
			return connect_now(s->fd, &to, len);
	}
	return -ECONNREFUSED;
}

/* Where agents are told to send what they say of themselves. */
static bool is_telemetry(const struct plan *p, const struct sockaddr_in6 *dest)
{
	const uint8_t *a = dest->sin6_addr.s6_addr;

	return p->telemetry &&
	       ntohs(dest->sin6_port) == HANDOVER_TELEMETRY_PORT &&
	       IN6_IS_ADDR_V4MAPPED(&dest->sin6_addr) && a[12] == 127 &&
	       a[13] == 0 && a[14] == 0 && a[15] == 1;
}

static int connect_tcp(struct sock *s, const union addr *a, socklen_t len)
{
	struct behalf *b = s->socks->b;
	struct sockaddr_in6 dest;
	uint16_t port;
	bool tells;
	int r;

	if (s->state == SOCK_GONE)
		return -EISCONN;
	if (s->state == SOCK_LISTENS || s->fd == -1)
		return -EINVAL;
	if (a->sa.sa_family == AF_UNSPEC)
		return 0; /* it is not connected */
	r = addr_parse(a, len, form_of(s), &dest);
	if (r != 0)
		return r;
	port = ntohs(dest.sin6_port);
	tells = is_telemetry(b->c.plan, &dest);
	if (!tells && port != DNS_PORT && reach_is_loopback(&dest.sin6_addr)) {
		r = connect_own(s, &dest);
		if (r == -ECONNREFUSED)
			r = refuse(b, IPPROTO_TCP, &dest.sin6_addr, port);
	} else if (tells || port == DNS_PORT || !WALL(BEHALF_VERDICT) ||
		   reach_allows(b->c.plan, &dest.sin6_addr, port)) {
		r = connect_relay(s, &dest);
	} else {
		r = refuse(b, IPPROTO_TCP, &dest.sin6_addr, port);
	}
	if (r == 0) {
		s->state = SOCK_GONE;
		sock_close(s);
	}
	return r;
}

static int connect_asking(struct sock *s, const union addr *a, socklen_t len)
{
	struct behalf *b = s->socks->b;
	struct sockaddr_in6 dest;
	uint16_t port;
	int r = a->sa.sa_family == AF_UNSPEC
			? 1
			: addr_parse(a, len, form_of(s), &dest);

	if (r != 0)
		return r == 1 ? 0 : r;
	port = ntohs(dest.sin6_port);
	if (port == DNS_PORT) {
		memcpy(&s->asked.addr, a, len);
		s->asked.len = len;
		return 0;
	}
	s->deaf = true;
	/*
	 * Who sorts addresses asks so for a way to each, of which nothing is
	 * sent; and finding one would look at our own address, a Unix one.
	 */
	if (reach_is_named(b->c.plan, &dest.sin6_addr) ||
	    reach_is_loopback(&dest.sin6_addr))
		return -ENETUNREACH;
	return refuse(b, IPPROTO_UDP, &dest.sin6_addr, port);
}

/* The one that listens there is of the jail: who listens does so through us. */
static bool is_ours(int fd)
{
	struct ucred u;
	socklen_t len = sizeof(u);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 &&
	       u.pid == getpid();
}

static bool knows_name(const struct socks *t, const char *name, size_t len)
{
	for (size_t i = 0; i < N_ELEMS(t->locals); i++) {
		if (t->locals[i].name_len == len && len > 0 &&
		    memcmp(t->locals[i].name, name, len) == 0)
			return true;
	}
	return false;
}

static bool knows_file(const struct socks *t, const struct stat *st)
{
	for (size_t i = 0; i < N_ELEMS(t->locals); i++) {
		if (t->locals[i].ino == st->st_ino &&
		    t->locals[i].dev == st->st_dev && t->locals[i].ino != 0)
			return true;
	}
	return false;
}

/* The path of a Unix address, terminated. */
/* What to connect to instead; -errno. */
static int find_local(const struct call *c, const union addr *a, socklen_t len,
		      union addr *ret, socklen_t *ret_len, int *ret_fd)
{
	char path[ADDR_PATH_SIZE];
	struct stat st;
	int n, r;

	if (!addr_parse_path(a, len, path))
		return -EINVAL;
	*ret = *a;
	*ret_len = len;
	if (path[0] == '\0')
		return knows_name(c->b->socks, a->un.sun_path,
				  len - offsetof(struct sockaddr_un, sun_path))
			       ? 0
			       : -EPERM;
	r = call_open_path(c, AT_FDCWD, path, true);
	if (r < 0)
		return r;
	*ret_fd = r;
	if (fstat(r, &st) == -1)
		return neg_errno();
	if (!S_ISSOCK(st.st_mode))
		return -ECONNREFUSED;
	if (WALL(BEHALF_LOCAL) && !knows_file(c->b->socks, &st))
		return -EACCES;
	n = snprintf(ret->un.sun_path, sizeof(ret->un.sun_path),
		     "/proc/self/fd/%d", r);
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			       (size_t)n);
	return 0;
}

static int connect_local(struct call *c, struct sock *s, const union addr *a,
			 socklen_t len)
{
	AUTO(fd) int fd = -1;
	union addr to;
	int r;

	if (s->state == SOCK_GONE)
		return -EISCONN;
	if (s->fd == -1)
		return -EINVAL;
	r = find_local(c, a, len, &to, &len, &fd);
	if (r != 0)
		return r;
	r = connect_now(s->fd, &to, len);
	if (r != 0)
		return r;
	if (!is_ours(s->fd)) {
		(void)shutdown(s->fd, SHUT_RDWR);
		r = -ECONNREFUSED;
	}
	s->state = SOCK_GONE;
	sock_close(s);
	return r;
}

struct asked *socks_asked(const struct call *c, int fd)
{
	int error;
	struct sock *s = find(c, fd, &error);

	return s && s->kind == SOCK_ASKS ? &s->asked : NULL;
}

int socks_connect(struct call *c)
{
	union addr a;
	socklen_t len;
	int error;
	struct sock *s = find(c, (int)c->args[0], &error);
	int r;

	if (error != 0)
		return error;
	r = copy_addr(c, &a, &len);
	if (r != 0)
		return r;
	if (!s) /* one of a pair, an accepted one, the host's by inheritance */
		return -EISCONN;
	if (s->kind == SOCK_LOCAL)
		return connect_local(c, s, &a, len);
	return s->kind == SOCK_ASKS ? connect_asking(s, &a, len)
				    : connect_tcp(s, &a, len);
}

/* ---- bind, listen ---- */

/* @at, or what a program means by all addresses; false: not on loopback. */
static bool to_loopback(const struct sock *s, struct sockaddr_in6 *at)
{
	const struct sockaddr_in6 *at4 = &s->socks->at4;

	/* "::" means both families where it may; then 127.0.0.1 serves both. */
	if (IN6_IS_ADDR_UNSPECIFIED(&at->sin6_addr) &&
	    (s->kind == SOCK_TCP4 || !is_v6only(s)))
		at->sin6_addr = at4->sin6_addr;
	else if (IN6_IS_ADDR_UNSPECIFIED(&at->sin6_addr))
		at->sin6_addr = in6addr_loopback;
	if (IN6_IS_ADDR_V4MAPPED(&at->sin6_addr) &&
	    at->sin6_addr.s6_addr[12] == 0)
		at->sin6_addr = at4->sin6_addr;
	return reach_is_loopback(&at->sin6_addr);
}

static int bind_loopback(struct sock *s, const struct sockaddr_in6 *want)
{
	struct sockaddr_in6 at = *want;
	union addr to;
	socklen_t len;

	if (WALL(BEHALF_BIND) && !to_loopback(s, &at))
		return -EADDRNOTAVAIL;
	len = addr_format(&at, form_of(s), &to);
	if (len == 0)
		return -EADDRNOTAVAIL;
	if (bind(s->fd, &to.sa, len) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return neg_errno();
	/* It may be one that its program has closed, and we have not. */
	sweep(s->socks);
	return bind(s->fd, &to.sa, len) == 0 ? 0 : neg_errno();
}

int socks_bind(struct call *c)
{
	struct sockaddr_in6 want;
	union addr a;
	socklen_t len;
	int error;
	struct sock *s = find(c, (int)c->args[0], &error);
	int r;

	if (error != 0)
		return error;
	/* Landlock guards names in the file system, and TCP ports. */
	if (!s || s->kind == SOCK_LOCAL)
		return BEHALF_GO_ON;
	r = copy_addr(c, &a, &len);
	if (r != 0)
		return r;
	if (s->kind == SOCK_ASKS)
		return 0;
	if (s->state != SOCK_MADE)
		return -EINVAL;
	r = addr_parse(&a, len, form_of(s), &want);
	if (r == 0)
		r = bind_loopback(s, &want);
	if (r == 0)
		s->state = SOCK_BOUND;
	return r;
}

static int listen_tcp(struct sock *s, int backlog)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	int r = s->state == SOCK_BOUND ? 0 : bind_loopback(s, &at);

	if (r == 0 && listen(s->fd, backlog) == -1)
		r = neg_errno();
	if (r == 0)
		r = name_of(s->fd, false, &at);
	s->port = ntohs(at.sin6_port);
	return r;
}

/* Where it listens, by what nobody else has. */
static int listen_local(struct call *c, struct sock *s, int backlog)
{
	struct socks *t = s->socks;
	struct local *l = &t->locals[t->n_locals++ % UNIX_MAX];
	union addr a = { .room = { 0 } };
	socklen_t len = sizeof(a);
	char path[ADDR_PATH_SIZE];
	struct stat st;
	int fd;

	*l = (struct local){ 0 };
	if (getsockname(s->fd, &a.sa, &len) == -1)
		return neg_errno();
	if (len > sizeof(a.un))
		len = sizeof(a.un);
	if (!addr_parse_path(&a, len, path))
		return -EINVAL;
	if (path[0] == '\0') {
		l->name_len = len - offsetof(struct sockaddr_un, sun_path);
		memcpy(l->name, a.un.sun_path, l->name_len);
	} else {
		fd = call_open_path(c, AT_FDCWD, path, true);
		if (fd >= 0 && fstat(fd, &st) == 0) {
			l->dev = st.st_dev;
			l->ino = st.st_ino;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	return listen(s->fd, backlog) == 0 ? 0 : neg_errno();
}

int socks_listen(struct call *c)
{
	int error, backlog = (int)c->args[1];
	struct sock *s = find(c, (int)c->args[0], &error);
	int r;

	if (error != 0)
		return error;
	if (!s || s->kind == SOCK_ASKS)
		return -EOPNOTSUPP;
	if (s->state == SOCK_LISTENS)
		return 0; /* only another backlog */
	if (s->fd == -1)
		return -EINVAL;
	r = s->kind == SOCK_LOCAL ? listen_local(c, s, backlog)
				  : listen_tcp(s, backlog);
	if (r == 0) {
		s->state = SOCK_LISTENS;
		sock_close(s);
	}
	return r;
}

/* ---- begin and end ---- */

static int open_listener(const struct in6_addr *addr, int *ret_fd,
			 struct sockaddr_in6 *ret)
{
	struct sock as = { .kind = IN6_IS_ADDR_V4MAPPED(addr) ? SOCK_TCP4
							      : SOCK_TCP6 };
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
				   .sin6_addr = *addr };
	AUTO(fd)
	int fd = socket(as.kind == SOCK_TCP4 ? AF_INET : AF_INET6,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	union addr a;
	socklen_t len;

	if (fd == -1)
		return neg_errno();
	as.fd = fd;
	len = addr_format(&at, form_of(&as), &a);
	if (bind(fd, &a.sa, len) == -1 || listen(fd, BACKLOG) == -1)
		return neg_errno();
	*ret_fd = fd;
	TAKE_FD(fd);
	return name_of(*ret_fd, false, ret);
}

int socks_new(struct socks **ret, struct behalf *b, struct diag *reterr)
{
	const struct timeval patience = { .tv_usec = HAND_OVER_US };
	struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
	struct socks *t = calloc(1, sizeof(*t));
	struct in6_addr mapped;
	int r;

	if (!t)
		return -ENOMEM;
	t->b = b;
	t->listener4 = t->listener6 = -1;
	addr_map_v4(&mapped, loopback);
	r = open_listener(&mapped, &t->listener4, &t->at4);
	if (r == 0 && setsockopt(b->channel, SOL_SOCKET, SO_SNDTIMEO, &patience,
				 sizeof(patience)) == -1)
		r = neg_errno();
	if (r != 0) {
		diag_set(reterr, 0, 0, "a socket on 127.0.0.1: %s",
			 strerror(-r));
		socks_free(t);
		return r;
	}
	if (open_listener(&in6addr_loopback, &t->listener6, &t->at6) != 0) {
		auto_fd(&t->listener6);
		t->listener6 = -1;
	}
	*ret = t;
	return 0;
}

void socks_free(struct socks *t)
{
	if (!t)
		return;
	while (t->n > 0)
		sock_drop(t, t->n - 1);
	auto_fd(&t->listener4);
	auto_fd(&t->listener6);
	free(t);
}
