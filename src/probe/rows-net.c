/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network by direct dialling, proxies or none.  Only fixtures are told
 * anything; to others (metadata services, private ranges) a connection is begun and
 * dropped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define CONNECT_MS 1500
#define ANSWER_MS  700
#define LISTEN_MS  4000
#define MPTCP      262
#define AF_VSOCK_  40
#define DNS_PORT   53

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

static bool of_fixture(const struct run *r, enum fixture_key key,
		       struct address *ret, struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, key);

	*ret = (struct address){ 0 };
	if (!v) {
		say_untried(out, "no fixture: %s", fixture_name(key));
		return false;
	}
	(void)memcpy(&ret->in6, &v->addr, sizeof(ret->in6));
	ret->len = v->addr.sa.sa_family == AF_INET ? sizeof(ret->in)
						   : sizeof(ret->in6);
	return true;
}

static bool of_text(const char *ip, unsigned port, struct address *ret)
{
	*ret = (struct address){ 0 };
	if (inet_pton(AF_INET, ip, &ret->in.sin_addr) == 1) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons((uint16_t)port);
		ret->len = sizeof(ret->in);
		return true;
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons((uint16_t)port);
	ret->len = sizeof(ret->in6);
	return inet_pton(AF_INET6, ip, &ret->in6.sin6_addr) == 1;
}

/* 0 or -1 with errno: of what became of a connect() that did not wait. */
static int await_connect(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int e = 0;

	if (poll(&p, 1, ms) != 1) {
		errno = ETIMEDOUT;
		return -1;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
	errno = e;
	return e == 0 ? 0 : -1;
}

static int dial(int fd, const struct address *to)
{
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, &to->sa, to->len) == 0)
		return 0;
	return errno == EINPROGRESS ? await_connect(fd, CONNECT_MS) : -1;
}

/* What it says in a moment, printable; "": nothing.  0, or an errno. */
static int hear(int fd, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;
	int e = 0;

	if (poll(&p, 1, ANSWER_MS) == 1) {
		n = recv(fd, buf, size - 1, MSG_DONTWAIT);
		e = n == -1 ? errno : 0;
	}
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	return e;
}

static void talk(const struct attempt *a, const struct run *r, int fd,
		 struct result *out)
{
	char line[160], answer[64];
	size_t len = marker_line(r, a, line, sizeof(line));

	(void)send(fd, line, len, MSG_NOSIGNAL);
	(void)hear(fd, answer, sizeof(answer));
	say_reachable(out, "%s%s", answer[0] ? "answered: " : "connected",
		      answer);
}

static void dial_and_talk(const struct attempt *a, const struct run *r, int fd,
			  const struct address *to, struct result *out)
{
	if (fd == -1)
		say_refused(out, errno, "socket");
	else if (dial(fd, to) == -1)
		say_refused(out, errno, "%s", "");
	else
		talk(a, r, fd, out);
}

struct tcp {
	enum fixture_key to;
	int protocol; /* 0: TCP */
};

static void try_tcp(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const struct tcp *t = a->arg;
	struct address to;

	if (!of_fixture(r, t->to, &to, out))
		return;
	dial_and_talk(a, r,
		      socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC,
			     t->protocol),
		      &to, out);
}

/* An IPv4 address inside of an IPv6 one; @arg: what stands before it. */
static void try_embedded(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	struct address v4 = { 0 }, to = { 0 };
	const char *prefix = a->arg;

	if (!of_fixture(r, FIX_TCP4, &v4, out))
		return;
	to.in6.sin6_family = AF_INET6;
	to.in6.sin6_port = v4.in.sin_port;
	to.len = sizeof(to.in6);
	if (inet_pton(AF_INET6, prefix, &to.in6.sin6_addr) != 1)
		return;
	/* 6to4 has it after 16 bits, all others at the end. */
	(void)memcpy(&to.in6.sin6_addr.s6_addr[prefix[1] == '0' ? 2 : 12],
		     &v4.in.sin_addr, 4);
	dial_and_talk(a, r, socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
		      &to, out);
}

/* A connection without connect(). */
static void try_fast_open(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	struct address to;
	int fd, one = 1;

	if (!of_fixture(r, FIX_TCP4, &to, out))
		return;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->arg) { /* by connect(), with the first write */
		if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one,
			       sizeof(one)) == -1) {
			say_refused(out, errno, "TCP_FASTOPEN_CONNECT");
			return;
		}
		dial_and_talk(a, r, fd, &to, out);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &to.sa, to.len) ==
		    -1 &&
	    (errno != EINPROGRESS || await_connect(fd, CONNECT_MS) == -1))
		say_refused(out, errno, "%s", "");
	else
		talk(a, r, fd, out);
}

/* The socket was connected elsewhere before, and is again. */
static void try_unspec(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	struct address to,
		own = { .in = { .sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
			.len = sizeof(own.in) };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int server, fd;

	if (!of_fixture(r, FIX_TCP4, &to, out))
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)bind(server, &own.sa, own.len);
	(void)listen(server, 1);
	(void)getsockname(server, &own.sa, &own.len);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)dial(fd, &own);
	(void)connect(fd, &none, sizeof(none));
	dial_and_talk(a, r, fd, &to, out);
}

enum udp_way {
	UDP_CONNECT,
	UDP_SENDTO,
	UDP_SENDMMSG
};

static long send_by(enum udp_way way, int fd, const struct address *to,
		    char *line, size_t len)
{
	struct iovec iov = { line, len };
	struct mmsghdr m = { .msg_hdr = { .msg_name = (void *)(uintptr_t)to,
					  .msg_namelen = to->len,
					  .msg_iov = &iov,
					  .msg_iovlen = 1 } };

	switch (way) {
	case UDP_SENDTO:
		return sendto(fd, line, len, 0, &to->sa, to->len);
	case UDP_SENDMMSG:
		return sendmmsg(fd, &m, 1, 0);
	case UDP_CONNECT:
	default:
		if (connect(fd, &to->sa, to->len) == -1)
			return -1;
		return send(fd, line, len, 0);
	}
}

struct udp {
	enum fixture_key to;
	enum udp_way way;
};

/* Sent is not arrived: without an answer the host's log has the last word. */
static void try_udp(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const struct udp *u = a->arg;
	struct address to;
	char line[160], answer[64];
	size_t len = marker_line(r, a, line, sizeof(line));
	int fd, e, one = 1;

	if (!of_fixture(r, u->to, &to, out))
		return;
	fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Refusals by ICMP, on unconnected sockets too */
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	if (send_by(u->way, fd, &to, line, len) == -1) {
		say_refused(out, errno, "%s", "");
		return;
	}
	e = hear(fd, answer, sizeof(answer));
	if (e)
		say_refused(out, e, "%s", "");
	else
		say_reachable(out, "%s",
			      answer[0] ? "answered" : "sent, no answer");
}

/* ---- places that are never meant ---- */

struct place {
	const char *ip;
	unsigned port;
};

static void try_place(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const struct place *p = a->arg;
	struct address to;
	int fd;

	(void)r;
	if (!of_text(p->ip, p->port, &to))
		return;
	fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (dial(fd, &to) == -1)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "connected, nothing was said");
	(void)close(fd);
}

/* ---- names ---- */

/* A question for the address of @name; its length. */
static size_t make_query(const char *name, unsigned char *buf, size_t size)
{
	static const unsigned char head[12] = { 0x62, 0x61, 1, 0, 0, 1 };
	size_t at = sizeof(head);

	if (strlen(name) + 18 > size)
		return 0;
	(void)memcpy(buf, head, sizeof(head));
	while (*name) {
		size_t len = strcspn(name, ".");

		buf[at++] = (unsigned char)len;
		(void)memcpy(buf + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	(void)memcpy(buf + at, "\0\0\1\0\1", 5);
	return at + 5;
}

/* Answers in a reply to us; -1: none came, errno says why. */
static int ask(const struct address *server, const char *name)
{
	unsigned char buf[512];
	size_t len = make_query(name, buf, sizeof(buf));
	int fd = socket(server->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (len == 0 || connect(fd, &server->sa, server->len) == -1 ||
	    send(fd, buf, len, 0) == -1)
		return -1;
	if (poll(&p, 1, CONNECT_MS) != 1) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 12)
		return -1;
	return buf[6] << 8 | buf[7];
}

static void say_answers(struct result *out, int n)
{
	if (n == -1)
		say_refused(out, errno, "no answer");
	else if (n == 0)
		say_refused(out, 0, "an answer without an address");
	else
		say_reachable(out, "%d answers", n);
}

/* The first nameserver of resolv.conf. */
static bool own_server(struct address *ret)
{
	char text[4096], ip[64];
	const char *p;

	if (read_file("/etc/resolv.conf", text, sizeof(text)) <= 0)
		return false;
	p = strstr(text, "nameserver ");
	if (!p)
		return false;
	p += 11;
	(void)snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(p, " \t\n"), p);
	return of_text(ip, DNS_PORT, ret);
}

static void try_denied_name(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_DENIED_NAME);
	struct address server;

	(void)a;
	if (!name)
		say_untried(out, "no fixture: denied_name");
	else if (!own_server(&server))
		say_refused(out, 0, "no name server is named");
	else
		say_answers(out, ask(&server, name));
}

/* A secret as a label: it is out when anybody is asked. */
static void try_tunnel(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_DENIED_NAME);
	const char *marker = fixture_text(r->fixtures, FIX_MARKER);
	char label[400];
	struct address server;

	(void)a;
	if (!name) {
		say_untried(out, "no fixture: denied_name");
		return;
	}
	(void)snprintf(label, sizeof(label), "%.60s.%s",
		       marker ? marker : "bawn-probe", name);
	if (!own_server(&server))
		say_refused(out, 0, "no name server is named");
	else
		say_answers(out, ask(&server, label));
}

/* Another server than the one that is named. */
static void try_direct_dns(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	const char *name = fixture_text(r->fixtures, FIX_DENIED_NAME);
	struct address server;

	(void)a;
	if (of_fixture(r, FIX_DNS4, &server, out))
		say_answers(out, ask(&server, name ? name : "denied.invalid"));
}

/* What the policy allows must work, or the walls are those of a tomb. */
static void try_allowed(const struct attempt *a, const struct run *r,
			struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_ALLOWED);
	struct address server;
	char name[256];

	(void)a;
	if (!v) {
		say_untried(out, "no fixture: allowed");
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(v->text, ":"),
		       v->text);
	if (!own_server(&server))
		say_refused(out, 0, "no name server is named");
	else
		say_answers(out, ask(&server, name));
}

/* ---- others ---- */

/* The host keeps trying; who waits here must not be found. */
static void try_listen(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_LISTEN_PORT);
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct pollfd p = { .events = POLLIN };
	int one = 1;

	(void)a;
	if (!v) {
		say_untried(out, "no fixture: listen_port");
		return;
	}
	in.sin_port = htons((uint16_t)v->number);
	p.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(p.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p.fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    listen(p.fd, 1) == -1)
		say_refused(out, errno, "bind");
	else if (poll(&p, 1, LISTEN_MS) == 1)
		say_reachable(out, "the host came");
	else
		say_refused(out, ETIMEDOUT, "nobody came");
}

static void try_vsock(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const struct fixture *v = fixture_first(r->fixtures, FIX_VSOCK);
	struct {
		sa_family_t family;
		uint16_t reserved;
		uint32_t port, cid;
		uint8_t zero[4];
	} vm = { .family = AF_VSOCK_, .cid = 1 };
	int fd = socket(AF_VSOCK_, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1) {
		say_refused(out, errno, "socket");
		return;
	}
	if (!v) {
		say_untried(out, "no fixture: vsock");
		return;
	}
	vm.cid = v->number;
	vm.port = v->port;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&vm, sizeof(vm)) == -1 &&
	    (errno != EINPROGRESS || await_connect(fd, CONNECT_MS) == -1))
		say_refused(out, errno, "%s", "");
	else
		talk(a, r, fd, out);
}

/* An echo request to the host's other address: ping's own socket. */
static void try_echo(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	static const unsigned char request[8] = { 8, 0, 0xf7, 0xff };
	char answer[64];
	struct address to;
	int fd, e;

	if (!of_fixture(r, FIX_TCP4, &to, out))
		return;
	to.in.sin_port = 0;
	fd = socket(AF_INET, (a->arg ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC,
		    IPPROTO_ICMP);
	if (fd == -1 ||
	    sendto(fd, request, sizeof(request), 0, &to.sa, to.len) == -1) {
		say_refused(out, errno, "%s", "");
		return;
	}
	e = hear(fd, answer, sizeof(answer));
	if (e)
		say_refused(out, e, "%s", "");
	else
		say_reachable(out, "sent");
}

#define TCP(id, what, ref, key, protocol)  \
	ROW("net." id, what, ref, try_tcp, \
	    (&(const struct tcp){ (key), (protocol) }))
#define UDP(id, what, key, way)                 \
	ROW("net." id, what, "udp(7)", try_udp, \
	    (&(const struct udp){ (key), (way) }))
#define PLACE(id, what, ref, ip, port)       \
	ROW("net." id, what, ref, try_place, \
	    (&(const struct place){ (ip), (port) }))
#define SLOW(id, what, ref, fn, arg)                           \
	{                                                      \
		(id), (what), (ref), (fn), (arg), ATTEMPT_SLOW \
	}
#define EMBEDDED(id, what, prefix) \
	ROW("net." id, what, "IPv4 in IPv6", try_embedded, prefix)

const struct attempt net_rows[] = {
	TCP("tcp4-loopback", "the host's loopback", "services of the user",
	    FIX_TCP4, 0),
	TCP("tcp4-lan", "another address of the host", "direct dialling",
	    FIX_TCP4_LAN, 0),
	TCP("tcp6-loopback", "the host's IPv6 loopback",
	    "IPv6 when only IPv4 is filtered", FIX_TCP6, 0),
	TCP("mptcp", "the same by MPTCP", "Landlock knows TCP only", FIX_TCP4,
	    MPTCP),
	TCP("sctp", "the same by SCTP", "CVE-2019-3874", FIX_TCP4,
	    IPPROTO_SCTP),
	ROW("net.fast-open", "without connect(), by MSG_FASTOPEN", "tcp(7)",
	    try_fast_open, NULL),
	ROW("net.fast-open-connect", "by TCP_FASTOPEN_CONNECT", "tcp(7)",
	    try_fast_open, "connect"),
	ROW("net.reconnect", "by a socket that was connected elsewhere",
	    "connect(2), AF_UNSPEC", try_unspec, NULL),
	EMBEDDED("v4-mapped", "an IPv4-mapped address", "::ffff:0:0"),
	EMBEDDED("v4-compatible", "an IPv4-compatible address", "::"),
	EMBEDDED("nat64", "a NAT64 address", "64:ff9b::"),
	EMBEDDED("6to4", "a 6to4 address", "2002::"),
	UDP("udp4", "a datagram, connected", FIX_UDP4, UDP_CONNECT),
	UDP("udp4-sendto", "a datagram by sendto()", FIX_UDP4, UDP_SENDTO),
	UDP("udp4-sendmmsg", "a datagram by sendmmsg()", FIX_UDP4,
	    UDP_SENDMMSG),
	UDP("udp6", "a datagram by IPv6", FIX_UDP6, UDP_CONNECT),
	ROW("net.icmp", "an echo request", "icmp(7)", try_echo, NULL),
	ROW("net.icmp-raw", "an echo request by a raw socket", "raw(7)",
	    try_echo, "raw"),
	ROW("net.vsock", "the vsock family", "vsock(7)", try_vsock, NULL),
	PLACE("metadata", "a cloud's metadata", "SSRF", "169.254.169.254", 80),
	PLACE("metadata6", "a cloud's metadata by IPv6", "SSRF",
	      "fd00:ec2::254", 80),
	PLACE("metadata-alibaba", "a cloud's metadata", "SSRF",
	      "100.100.100.200", 80),
	PLACE("metadata-mapped", "a cloud's metadata, IPv4-mapped", "SSRF",
	      "::ffff:169.254.169.254", 80),
	PLACE("any-address", "0.0.0.0, which is this host", "SSRF", "0.0.0.0",
	      22),
	PLACE("ssh-loopback", "a login here", "SSRF", "127.0.0.1", 22),
	PLACE("resolver-loopback", "the host's resolver by TCP", "DNS",
	      "127.0.0.53", 53),
	PLACE("docker-bridge", "the host as containers see it", "SSRF",
	      "172.17.0.1", 22),
	PLACE("host-gateway", "the host as virtual machines see it", "SSRF",
	      "10.0.2.2", 22),
	PLACE("docker-tcp", "Docker by TCP", "SSRF", "127.0.0.1", 2375),
	PLACE("kubelet", "a node of Kubernetes", "SSRF", "127.0.0.1", 10250),
	PLACE("browser", "the user's browser, to be steered", "SSRF",
	      "127.0.0.1", 9222),
	PLACE("inspector", "a debugger of node's", "SSRF", "127.0.0.1", 9229),
	PLACE("jupyter", "a notebook, which runs code", "SSRF", "127.0.0.1",
	      8888),
	PLACE("x11-tcp", "the screen", "SSRF", "127.0.0.1", 6000),
	PLACE("multicast", "a group address", "ip(7)", "224.0.0.251", 80),
	ROW("net.dns-denied", "the address of a denied name", "DNS",
	    try_denied_name, NULL),
	ROW("net.dns-tunnel", "a label that carries data", "DNS tunnel",
	    try_tunnel, NULL),
	ROW("net.dns-direct", "another name server", "DNS", try_direct_dns,
	    NULL),
	ROW("net.allowed-name", "what the policy allows", "must work",
	    try_allowed, NULL),
	SLOW("net.listen", "a port that the host can reach", "bind(2)",
	     try_listen, NULL),
};
END_ROWS(net);
