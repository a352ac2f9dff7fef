/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/build-id.h"
#include "keeper/session.h"
#include "keeper/test-world.h"
#include "ledger/store.h"

void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

bool comes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

int receive(struct world *w, int fd)
{
	int r;

	if (!comes(fd, WAIT_MS))
		return -1;
	r = ipc_recv(fd, &w->m, IPC_BODY_MAX);
	if (r != 0)
		return 0;
	arena_done(&w->arena);
	arena_init(&w->arena, (size_t)64 * 1024 * 1024);
	w->body = NULL;
	(void)!json_parse(&w->arena, buf_str(&w->m.body), &w->body, NULL);
	return (int)w->m.type;
}

void say(int fd, uint32_t type, uint32_t id, const char *body)
{
	CHECK_EQ(ipc_send(fd, type, id, str_of(body), NULL, 0), 0);
}

struct str word(const struct world *w, const char *key)
{
	return json_find_str(w->body, key);
}

void world_begin(struct world *w)
{
	struct keeper_config c = { .user = "tester",
				   .libexec_dir = w->top,
				   .log_fd = -1 };
	int scribe[2] = { -1, -1 }, zygote[2] = { -1, -1 };
	int groundsman[2] = { -1, -1 };

	must(ipc_pair(scribe) == 0 && ipc_pair(zygote) == 0 &&
		     ipc_pair(groundsman) == 0,
	     "pairs");
	(void)snprintf(w->socket, sizeof(w->socket), "%s/sock", w->top);
	c.listen_fd = ipc_listen(w->socket);
	must(c.listen_fd >= 0, "listen");
	(void)fflush(NULL);
	w->pid = fork();
	must(w->pid != -1, "fork");
	if (w->pid == 0) {
		(void)prctl(PR_SET_NAME, "bawnd:keeper"); /* tests/torture */
		c.state_dir = w->state;
		c.runtime_dir = w->state;
		c.socket_path = w->socket;
		c.idle_ns = w->idle_ns;
		c.scribe_fd = scribe[0];
		c.zygote_fd = zygote[0];
		c.groundsman_fd = groundsman[0];
		c.root_fd = open(w->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		c.uid = w->uid;
		c.gid = getgid();
		(void)close(scribe[1]);
		(void)close(zygote[1]);
		(void)close(groundsman[1]);
		exit(keeper_run(&c)); /* with the leak check of a sanitizer */
	}
	(void)close(c.listen_fd);
	(void)close(scribe[0]);
	(void)close(zygote[0]);
	(void)close(groundsman[0]);
	w->scribe = scribe[1];
	w->zygote = zygote[1];
	w->groundsman = groundsman[1];
	CHECK_EQ(receive(w, w->scribe), MSG_APPEND);
	CHECK_STR(word(w, "kind"), STR("daemon.start"));
	say(w->scribe, MSG_APPENDED, w->m.id, "{\"seq\":100}");
}

void put_on_ledger(const struct world *w, const char *id, const char *kind)
{
	char dir[128], envelope[128], body[128];
	struct store_options o = { 0 };
	struct store_repair repair;
	struct store *s = NULL;
	uint64_t seq;

	(void)snprintf(dir, sizeof(dir), "%s/ledger", w->state);
	(void)snprintf(envelope, sizeof(envelope),
		       "\"session\":\"%s\",\"user\":\"tester\","
		       "\"task\":\"T-1\"",
		       id);
	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"%s\",\"verdict\":\"none\","
		       "\"trust\":\"kernel\",\"count\":1}",
		       kind);
	CHECK_EQ(store_open(&s, dir, &o, &repair), 0);
	CHECK_EQ(store_add(s,
			   &(struct store_record){ .at = 1,
						   .envelope = str_of(envelope),
						   .body = str_of(body) },
			   NULL),
		 0);
	CHECK_EQ(store_commit(s, &seq), 0);
	store_free(s);
}

void world_init(struct world *w)
{
	*w = (struct world){ .idle_ns = UINT64_C(60000000000),
			     .uid = getuid(),
			     .root = "/" };
	(void)snprintf(w->top, sizeof(w->top), "/tmp/bawn-session-XXXXXX");
	must(mkdtemp(w->top) != NULL, "mkdtemp");
	(void)snprintf(w->state, sizeof(w->state), "%s/state", w->top);
	(void)snprintf(w->home, sizeof(w->home), "%s/home", w->top);
	(void)snprintf(w->proj, sizeof(w->proj), "%s/home/proj", w->top);
	must(dir_make(w->state, 0700) == 0 && dir_make(w->proj, 0755) == 0,
	     "dirs");
	ipc_msg_init(&w->m);
	arena_init(&w->arena, 1);
	world_begin(w);
}

int exit_code(struct world *w)
{
	int status = 0;

	for (int i = 0; i < 500; i++) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
			w->pid = -1;
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		(void)poll(NULL, 0, 10);
	}
	return -2;
}

void world_kill(struct world *w)
{
	if (w->pid > 0) {
		(void)kill(w->pid, SIGKILL);
		(void)waitpid(w->pid, NULL, 0);
	}
	(void)close(w->scribe);
	(void)close(w->zygote);
	if (w->groundsman != -1)
		(void)close(TAKE_FD(w->groundsman));
	w->pid = -1;
}

void world_done(struct world *w)
{
	pid_t pid;

	world_kill(w);
	ipc_msg_done(&w->m);
	arena_done(&w->arena);
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", w->top, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

int connect_client(struct world *w)
{
	int fd = ipc_connect(w->socket);

	must(fd >= 0, "connect");
	CHECK_EQ(receive(w, fd), MSG_HELLO);
	CHECK_STR(word(w, "build"), str_of(build_id()));
	return fd;
}

int connect_as_other(struct world *w, pid_t *ret)
{
	int pair[2], fd;

	must(ipc_pair(pair) == 0, "pair");
	(void)fflush(NULL);
	*ret = fork();
	must(*ret != -1, "fork");
	if (*ret == 0) {
		fd = ipc_connect(w->socket);
		if (fd >= 0 && ipc_send(pair[1], 1, 0, STR(""), &fd, 1) == 0)
			(void)pause();
		_exit(1);
	}
	(void)close(pair[1]);
	CHECK_EQ(receive(w, pair[0]), 1);
	fd = ipc_take_fd(&w->m, 0);
	(void)close(pair[0]);
	CHECK_EQ(receive(w, fd), MSG_HELLO);
	return fd;
}

bool is_killed(pid_t pid)
{
	int status = 0;

	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) &&
			       WTERMSIG(status) == SIGKILL;
		(void)poll(NULL, 0, 10);
	}
	return false;
}

void format_open(const struct world *w, const char *build, const char *more,
		 char *dst, size_t size)
{
	(void)snprintf(dst, size,
		       "{\"build\":\"%s\",\"cwd\":\"%s\",\"argv\":[\"true\"],"
		       "\"argc\":1,\"env\":{\"HOME\":\"%s\","
		       "\"PATH\":\"/none:%s:/bin\"}%s}",
		       build, w->proj, w->home, w->top, more);
}

void send_open(const struct world *w, int fd, const char *more)
{
	char body[2000];

	format_open(w, build_id(), more, body, sizeof(body));
	say(fd, MSG_OPEN, 7, body);
}

void given_close(struct given *g)
{
	int *fds[] = { &g->supervisor, &g->ledger,   &g->events,
		       &g->from_relay, &g->relay[0], &g->relay[1],
		       &g->relay[2] };

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		if (*fds[i] != -1)
			(void)close(TAKE_FD(*fds[i]));
	}
}

void open_session(struct world *w, int client, struct given *g)
{
	*g = (struct given){ -1, -1, -1, -1, { -1, -1, -1 }, "" };
	send_open(w, client, ",\"task\":\"T-1\"");
	CHECK_EQ(receive(w, client), MSG_GRANT);
	CHECK_EQ(w->m.id, 7);
	CHECK_EQ(w->m.n_fds, 2);
	CHECK_EQ(json_is(json_find(w->body, "plan"), JSON_OBJECT), 1);
	g->supervisor = ipc_take_fd(&w->m, 0);
	for (int i = 0; i < 4; i++) {
		struct str role;
		int fd;

		CHECK_EQ(receive(w, w->scribe), MSG_CHANNEL);
		CHECK_STR(word(w, "user"), STR("tester"));
		CHECK_STR(word(w, "task"), STR("T-1"));
		CHECK_EQ(word(w, "session").len, ID_SESSION_LEN);
		memcpy(g->id, word(w, "session").ptr, ID_SESSION_LEN);
		fd = ipc_take_fd(&w->m, 0);
		role = word(w, "role");
		if (str_eq(role, STR("keeper")))
			g->ledger = fd;
		else if (str_eq(role, STR("supervisor")))
			g->events = fd;
		else if (str_eq(role, STR("witness")))
			(void)close(fd);
		else
			g->from_relay = fd;
	}
	CHECK_EQ(receive(w, g->ledger), MSG_APPEND);
	CHECK_STR(word(w, "kind"), STR("session.open"));
	CHECK_STR(word(w, "argv"), STR("true"));
	CHECK_EQ(w->m.id != 0, 1);
	CHECK_EQ(receive(w, w->zygote), MSG_FORK);
	CHECK_EQ(w->m.n_fds, 3);
	for (size_t i = 0; i < 3; i++)
		g->relay[i] = ipc_take_fd(&w->m, i);
	say(w->zygote, MSG_FORKED, w->m.id, "{\"pid\":1}");
}

void start_session(struct world *w, int client, struct given *g)
{
	open_session(w, client, g);
	CHECK_EQ(comes(client, NONE_MS), 0); /* no GO before it is durable */
	say(g->ledger, MSG_APPENDED, 1, "{\"seq\":1}");
	CHECK_EQ(receive(w, client), MSG_GO);
	say(client, MSG_STARTED, 8,
	    "{\"pid\":12,\"layers\":{\"userns\":true,\"landlock\":3}}");
	CHECK_EQ(receive(w, g->events), MSG_APPEND);
	CHECK_STR(word(w, "kind"), STR("session.start"));
	CHECK_EQ(json_find_int(w->body, "layer.landlock", 0), 3);
}

void expect_close(struct world *w, struct given *g, const char *reason)
{
	CHECK_EQ(receive(w, g->relay[2]), 0);
	for (int i = 0; i < 3; i++)
		(void)close(TAKE_FD(g->relay[i]));
	/* A peer that was killed stands before it. */
	while (receive(w, g->ledger) == MSG_APPEND &&
	       str_eq(word(w, "kind"), STR("peer.killed")))
		;
	CHECK_EQ(w->m.type, MSG_APPEND_TELL);
	CHECK_STR(word(w, "kind"), STR("session.close"));
	CHECK_STR(word(w, "reason"), str_of(reason));
	say(g->ledger, MSG_WRITTEN, w->m.id, "{}");
	say(g->ledger, MSG_APPENDED, w->m.id, "{\"seq\":2}");
}

/* ---- */

int world_with_session(struct world *w, struct given *g)
{
	int c;

	world_init(w);
	c = connect_client(w);
	start_session(w, c, g);
	return c;
}

void world_done_with(struct world *w, struct given *g, int client)
{
	(void)close(client);
	given_close(g);
	world_done(w);
}
