/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/test-jail.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/json.h"
#include "ipc/protocol.h"
#include "jail/net.h"
#include "jail/nl.h"
#include "relay/relay.h"

struct test_jail tj;

static void tj_zygote(void)
{
	int pair[2];

	ASSERT(ipc_pair(pair) == 0);
	tj.zygote = fork();
	ASSERT(tj.zygote != -1);
	if (tj.zygote == 0)
		_exit(zygote_run(pair[1]));
	(void)close(pair[1]);
	tj.to_zygote = pair[0];
}

static void tj_map(const char *path, unsigned id)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[32];
	int n = snprintf(text, sizeof(text), "0 %u 1", id);

	ASSERT(fd != -1);
	ASSERT(fd_write_full(fd, text, (size_t)n) == 0);
	(void)close(fd);
}

/* The network's part of the plan that the keeper would make. */
static void tj_plan(const struct net_policy *p, struct plan *ret)
{
	static struct net_class classes[NET_MAX_CLASSES];
	static struct plan_class out[NET_MAX_CLASSES];
	size_t n = 0;

	ASSERT(net_classes(p, classes, &n) == 0);
	for (size_t i = 0; i < n; i++) {
		out[i].v4 = classes[i].v4;
		out[i].v6 = classes[i].v6;
		out[i].v4_bits = classes[i].v4_bits;
		out[i].v6_bits = classes[i].v6_bits;
		out[i].n_ports = classes[i].n_ports;
		memcpy(out[i].ports, classes[i].ports,
		       sizeof(classes[i].ports));
	}
	*ret = (struct plan){ .classes = out, .n_classes = n };
}

/* In the child: the jail's network; its sockets go to @fd. */
static void tj_enter(const struct net_policy *p, int fd)
{
	static char scratch[NL_BYTES];
	struct net_sockets s;
	struct diag why = { 0 };
	struct plan plan;
	unsigned uid = geteuid(), gid = getegid();
	int fds[4], r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
		_exit(77);
	r = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	ASSERT(r != -1 && write(r, "deny", 4) == 4 && close(r) == 0);
	tj_map("/proc/self/uid_map", uid);
	tj_map("/proc/self/gid_map", gid);
	tj_plan(p, &plan);
	r = net_prepare(scratch, &s, &why);
	if (r == 0)
		r = net_rules(&plan, scratch, &why);
	if (r == 0)
		r = net_log(scratch, &s, &why);
	if (r != 0) {
		printf("# jail: %s\n", why.text);
		(void)fflush(stdout);
		_exit(77);
	}
	fds[0] = s.tproxy;
	fds[1] = s.udp53;
	fds[2] = s.tcp53;
	fds[3] = s.nflog;
	ASSERT(ipc_send(fd, MSG_SOCKETS, 0, STR("{}"), fds, 4) == 0);
	for (size_t i = 0; i < 4; i++)
		(void)close(fds[i]);
}

/* False: this machine has no such namespaces or rules. */
static bool tj_jail(const struct net_policy *p,
		    void (*program)(int go, int result), struct ipc_msg *ret)
{
	int pair[2], go[2], result[2], status;

	ASSERT(ipc_pair(pair) == 0 && pipe2(go, O_CLOEXEC) == 0 &&
	       pipe2(result, O_CLOEXEC) == 0);
	(void)fflush(stdout);
	tj.jail = fork();
	ASSERT(tj.jail != -1);
	if (tj.jail == 0) {
		char c;

		(void)close(result[0]);
		(void)close(go[1]);
		tj_enter(p, pair[1]);
		if (read(go[0], &c, 1) == 1)
			program(go[0], result[1]);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)close(pair[1]);
	(void)close(go[0]);
	(void)close(result[1]);
	tj.go = go[1];
	tj.result = result[0];
	if (ipc_recv(pair[0], ret, 4096) == 0 && ret->n_fds == 4) {
		(void)close(pair[0]);
		return true;
	}
	ASSERT(waitpid(tj.jail, &status, 0) == tj.jail);
	return false;
}

void tj_fork(const struct net_policy *p)
{
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(ipc_msg) struct ipc_msg m;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	int s[2], c[2], k[2], fds[3];

	buf_init(&b, 65536);
	arena_init(&a, 65536);
	ipc_msg_init(&m);
	ASSERT(ipc_pair(s) == 0 && ipc_pair(c) == 0 && ipc_pair(k) == 0);
	fds[0] = s[1];
	fds[1] = c[1];
	fds[2] = k[1];
	tj.supervisor = s[0];
	tj.scribe = c[0];
	tj.keeper = k[0];
	(void)buf_printf(&b, "{\"session\":\"s\",\"net\":");
	net_format(p, &b);
	(void)buf_printf(&b, ",\"resolvers\":{}}");
	ASSERT(!b.failed);
	ASSERT(ipc_send(tj.to_zygote, MSG_FORK, 5, buf_str(&b), fds, 3) == 0);
	for (size_t i = 0; i < 3; i++)
		(void)close(fds[i]);
	ASSERT(ipc_recv(tj.to_zygote, &m, 4096) == 0);
	ASSERT(m.type == MSG_FORKED && m.id == 5);
	ASSERT(json_parse(&a, buf_str(&m.body), &j, NULL) == 0);
	tj.relay = (pid_t)json_find_int(j, "pid", 0);
	ASSERT(fd_set_nonblock(tj.supervisor, true) == 0 &&
	       fd_set_nonblock(tj.scribe, true) == 0);
}

static void tj_record(struct ipc_msg *m)
{
	const char *text = buf_cstr(&m->body);

	if (strstr(text, "net.grant"))
		tj.grants++;
	else
		tj.refusals++;
	if (strstr(text, "net.refuse")) {
		size_t at = strlen(tj.refused);

		(void)snprintf(tj.last_refusal, sizeof(tj.last_refusal), "%s",
			       text);
		(void)snprintf(tj.refused + at, sizeof(tj.refused) - at, "%s\n",
			       text);
	}
	if (m->id != 0)
		ASSERT(ipc_send(tj.scribe, MSG_APPENDED, m->id,
				STR("{\"seq\":1}"), NULL, 0) == 0);
}

/* Scribe and supervisor; false: nothing came within @ms. */
bool tj_serve(int ms)
{
	struct pollfd p[] = { { .fd = tj.scribe, .events = POLLIN },
			      { .fd = tj.supervisor, .events = POLLIN },
			      { .fd = tj.result, .events = POLLIN } };
	AUTO(ipc_msg) struct ipc_msg m;

	ipc_msg_init(&m);
	if (poll(p, 3, ms) <= 0)
		return false;
	while (ipc_recv(tj.scribe, &m, IPC_BODY_MAX) == 0)
		tj_record(&m);
	while (ipc_recv(tj.supervisor, &m, IPC_BODY_MAX) == 0) {
		if (m.type == MSG_READY)
			(void)snprintf(tj.ready, sizeof(tj.ready), "%s",
				       buf_cstr(&m.body));
		if (m.type == MSG_STATS)
			(void)snprintf(tj.stats, sizeof(tj.stats), "%s",
				       buf_cstr(&m.body));
	}
	return true;
}

/* A relay for a jail in which @program will run.  False: skip. */
bool tj_open(const struct net_policy *p, void (*program)(int go, int result))
{
	AUTO(ipc_msg) struct ipc_msg m;

	ipc_msg_init(&m);
	tj_zygote();
	if (!tj_jail(p, program, &m))
		return false;
	tj_fork(p);
	ASSERT(ipc_send(tj.supervisor, MSG_SOCKETS, 0, STR("{}"), m.fds, 4) ==
	       0);
	for (int i = 0; i < 100 && !tj.ready[0]; i++)
		(void)tj_serve(100);
	return true;
}

/* What the program writes into its result, to the end. */
size_t tj_run(void *result, size_t size)
{
	size_t n = 0;

	ASSERT(write(tj.go, "g", 1) == 1);
	ASSERT(fd_set_nonblock(tj.result, true) == 0);
	for (int idle = 0; idle < 300;) {
		ssize_t r = read(tj.result, (char *)result + n, size - n);

		if (r == 0)
			break;
		if (r > 0)
			n += (size_t)r;
		else
			idle += !tj_serve(100);
	}
	/* Its end would be an event for ever. */
	(void)close(TAKE_FD(tj.result));
	return n;
}

/* The keeper ends the session; what the zygote tells of the relay's exit. */
int tj_close(void)
{
	AUTO(ipc_msg) struct ipc_msg m;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	int status = -1;

	ipc_msg_init(&m);
	arena_init(&a, 65536);
	(void)close(tj.keeper);
	for (int i = 0; i < 30 && !tj.stats[0]; i++)
		(void)tj_serve(100);
	if (ipc_recv(tj.to_zygote, &m, 4096) == 0 && m.type == MSG_EXITED &&
	    json_parse(&a, buf_str(&m.body), &j, NULL) == 0 &&
	    json_find_int(j, "pid", 0) == tj.relay)
		status = (int)json_find_int(j, "status", -1);
	(void)close(tj.scribe);
	(void)close(tj.supervisor);
	(void)close(tj.go);
	(void)waitpid(tj.jail, NULL, 0);
	return status;
}

/* Of the zygote, when its keeper is gone. */
int tj_end_zygote(void)
{
	int status = -1;

	(void)close(tj.to_zygote);
	(void)waitpid(tj.zygote, &status, 0);
	return status;
}

/* The synthetic v4 address of @name, by UDP from whatever server. */
bool tj_lookup(const char *name, const char *server, struct in_addr *ret)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(53) };
	uint8_t q[300] = { 1, 2, 1, 0, 0, 1 }, reply[512];
	struct str rest = str_of(name), label = { 0 };
	size_t n = 12;
	ssize_t got;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (str_cut(&rest, '.', &label)) {
		q[n++] = (uint8_t)label.len;
		memcpy(q + n, label.ptr, label.len);
		n += label.len;
	}
	memcpy(q + n, "\0\0\x01\0\x01", 5);
	n += 5;
	ASSERT(inet_pton(AF_INET, server, &sa.sin_addr) == 1);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    send(fd, q, n, 0) != (ssize_t)n)
		return false;
	got = recv(fd, reply, sizeof(reply), 0);
	(void)close(fd);
	if (got < (ssize_t)n + 16 || reply[7] != 1)
		return false;
	memcpy(ret, reply + got - 4, 4);
	return true;
}

/* A connected socket, or -errno. */
int tj_connect(struct in_addr a, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = a };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd == -1)
		return neg_errno();
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	r = neg_errno();
	(void)close(fd);
	return r;
}
