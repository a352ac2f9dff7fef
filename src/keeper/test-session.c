/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole keeper in a child process; this program plays scribe, zygote and
 * clients, honest and hostile.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/build-id.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/test.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "keeper/owed.h"
#include "keeper/session.h"
#include "ledger/store.h"

#define WAIT_MS 5000 /* for what has to come */
#define NONE_MS 60   /* for what must not */

struct world {
	char top[64], state[96], home[96], proj[128], socket[128];
	int scribe, zygote;
	pid_t pid;
	struct ipc_msg m; /* the last message */
	struct arena arena;
	struct json *body; /* of it */
	uint64_t idle_ns;
	uid_t uid;
	const char *root; /* what the keeper takes for "/" */
};

/* The ends that the keeper gave away for one session. */
struct given {
	int supervisor;                 /* to the client */
	int ledger, events, from_relay; /* to the scribe */
	int relay[3];                   /* to the relay */
	char id[ID_SESSION_LEN + 1];
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* True: something can be read, or it ended. */
static bool comes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* The type of the next message on @fd; 0: it ended; -1: nothing comes. */
static int receive(struct world *w, int fd)
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

static void say(int fd, uint32_t type, uint32_t id, const char *body)
{
	CHECK_EQ(ipc_send(fd, type, id, str_of(body), NULL, 0), 0);
}

static struct str word(const struct world *w, const char *key)
{
	return json_find_str(w->body, key);
}

static void world_begin(struct world *w)
{
	struct keeper_config c = { .user = "tester",
				   .libexec_dir = w->top,
				   .log_fd = -1 };
	int scribe[2] = { -1, -1 }, zygote[2] = { -1, -1 };

	must(ipc_pair(scribe) == 0 && ipc_pair(zygote) == 0, "pairs");
	(void)snprintf(w->socket, sizeof(w->socket), "%s/sock", w->top);
	c.listen_fd = ipc_listen(w->socket);
	must(c.listen_fd >= 0, "listen");
	(void)fflush(NULL);
	w->pid = fork();
	must(w->pid != -1, "fork");
	if (w->pid == 0) {
		c.state_dir = w->state;
		c.runtime_dir = w->state;
		c.socket_path = w->socket;
		c.idle_ns = w->idle_ns;
		c.scribe_fd = scribe[0];
		c.zygote_fd = zygote[0];
		c.root_fd = open(w->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		c.uid = w->uid;
		c.gid = getgid();
		(void)close(scribe[1]);
		(void)close(zygote[1]);
		exit(keeper_run(&c)); /* with the leak check of a sanitizer */
	}
	(void)close(c.listen_fd);
	(void)close(scribe[0]);
	(void)close(zygote[0]);
	w->scribe = scribe[1];
	w->zygote = zygote[1];
	CHECK_EQ(receive(w, w->scribe), MSG_APPEND);
	CHECK_STR(word(w, "kind"), STR("daemon.start"));
	say(w->scribe, MSG_APPENDED, w->m.id, "{\"seq\":100}");
}

/* As the scribe would have written it. */
static void put_on_ledger(const struct world *w, const char *id,
			  const char *kind)
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

static void world_init(struct world *w)
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

static int exit_code(struct world *w)
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

static void world_kill(struct world *w)
{
	if (w->pid > 0) {
		(void)kill(w->pid, SIGKILL);
		(void)waitpid(w->pid, NULL, 0);
	}
	(void)close(w->scribe);
	(void)close(w->zygote);
	w->pid = -1;
}

static void world_done(struct world *w)
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

/* A client that has been greeted. */
static int connect_client(struct world *w)
{
	int fd = ipc_connect(w->socket);

	must(fd >= 0, "connect");
	CHECK_EQ(receive(w, fd), MSG_HELLO);
	CHECK_STR(word(w, "build"), str_of(build_id()));
	return fd;
}

/* The same, made by another process, which the keeper may kill. */
static int connect_as_other(struct world *w, pid_t *ret)
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

static bool is_killed(pid_t pid)
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

static void format_open(const struct world *w, const char *build,
			const char *more, char *dst, size_t size)
{
	(void)snprintf(dst, size,
		       "{\"build\":\"%s\",\"cwd\":\"%s\",\"argv\":[\"true\"],"
		       "\"argc\":1,\"env\":{\"HOME\":\"%s\","
		       "\"PATH\":\"/none:%s:/bin\"}%s}",
		       build, w->proj, w->home, w->top, more);
}

static void send_open(const struct world *w, int fd, const char *more)
{
	char body[2000];

	format_open(w, build_id(), more, body, sizeof(body));
	say(fd, MSG_OPEN, 7, body);
}

static void given_close(struct given *g)
{
	int *fds[] = { &g->supervisor, &g->ledger,   &g->events,
		       &g->from_relay, &g->relay[0], &g->relay[1],
		       &g->relay[2] };

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		if (*fds[i] != -1)
			(void)close(TAKE_FD(*fds[i]));
	}
}

/* Through GRANT; everything the keeper hands out is in *g. */
static void open_session(struct world *w, int client, struct given *g)
{
	*g = (struct given){ -1, -1, -1, -1, { -1, -1, -1 }, "" };
	send_open(w, client, ",\"task\":\"T-1\"");
	CHECK_EQ(receive(w, client), MSG_GRANT);
	CHECK_EQ(w->m.id, 7);
	CHECK_EQ(w->m.n_fds, 1);
	CHECK_EQ(json_is(json_find(w->body, "plan"), JSON_OBJECT), 1);
	g->supervisor = ipc_take_fd(&w->m, 0);
	for (int i = 0; i < 3; i++) {
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

static void start_session(struct world *w, int client, struct given *g)
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

/* From the relay's end to the closing record, as a good relay and scribe. */
static void expect_close(struct world *w, struct given *g, const char *reason)
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

static void good_session(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	say(c, MSG_EVENT, 0, "{\"kind\":\"limit.hit\"}");
	CHECK_EQ(receive(&w, g.events), MSG_APPEND);
	CHECK_EQ(w.m.id, 0);
	CHECK_STR(word(&w, "kind"), STR("limit.hit"));
	say(c, MSG_CLOSE, 9, "{\"code\":3,\"reason\":\"exit\",\"wall_ms\":5}");
	CHECK_EQ(comes(c, NONE_MS), 0); /* not before it is written */
	expect_close(&w, &g, "exit");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	CHECK_EQ(w.m.id, 9);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void refusals(void)
{
	static const struct {
		const char *more, *part;
		int code;
	} rows[] = {
		{ ",\"policy\":\"/none.yaml\"", "/none.yaml", 2 },
		{ ",\"profile\":\"../x\"", "profile", 2 },
		{ ",\"odd\":1", "odd", 2 },
	};
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int c = connect_client(&w);
		struct str text;

		send_open(&w, c, rows[i].more);
		CHECK_EQ(receive(&w, c), MSG_REFUSED);
		text = word(&w, "text");
		CHECK_EQ(json_find_int(w.body, "code", 0), rows[i].code);
		CHECK_EQ(memmem(text.ptr, text.len, rows[i].part,
				strlen(rows[i].part)) != NULL,
			 1);
		(void)close(c);
	}
	world_done(&w);
}

static void no_record_no_session(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	open_session(&w, c, &g);
	say(g.ledger, MSG_APPENDED, 1, "{\"error\":\"No space left\"}");
	CHECK_EQ(receive(&w, c), MSG_REFUSED);
	CHECK_EQ(memmem(word(&w, "text").ptr, word(&w, "text").len,
			"No space left", 13) != NULL,
		 1);
	CHECK_EQ(receive(&w, g.relay[2]), 0);
	/* What it said before it knew is no crime. */
	say(c, MSG_CLOSE, 9, "{\"code\":125}");
	say(c, MSG_LIST, 10, "{}");
	CHECK_EQ(receive(&w, c), MSG_SESSIONS);
	CHECK_EQ(json_find(w.body, "sessions")->kids.n, 0);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void other_build(void)
{
	char body[2000];
	struct world w;
	struct given g;
	int c, d;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	d = connect_client(&w);
	format_open(&w, "other", "", body, sizeof(body));
	say(d, MSG_OPEN, 1, body);
	CHECK_EQ(receive(&w, d), MSG_REFUSED);
	CHECK_EQ(json_find_int(w.body, "code", 0), 3);
	say(d, MSG_DRAIN, 2, "{\"build\":\"other\"}");
	CHECK_EQ(receive(&w, d), MSG_OK);
	CHECK_EQ(json_find_int(w.body, "sessions", 0), 1);
	(void)close(d);
	/* It takes no more, and ends with its last one. */
	d = connect_client(&w);
	send_open(&w, d, "");
	CHECK_EQ(receive(&w, d), MSG_REFUSED);
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	expect_close(&w, &g, "exit");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	CHECK_EQ(receive(&w, w.scribe), MSG_APPEND);
	CHECK_STR(word(&w, "kind"), STR("daemon.stop"));
	say(w.scribe, MSG_APPENDED, w.m.id, "{\"seq\":3}");
	CHECK_EQ(exit_code(&w), KEEPER_DRAINED);
	(void)close(c);
	(void)close(d);
	given_close(&g);
	world_done(&w);
}

/* What a client may not do, in a phase; each ends its connection. */
static void hostile_clients(void)
{
	enum at {
		IDLE,
		GRANTED,
		RUNNING,
		CLOSED
	};
	static const struct {
		enum at at;
		uint32_t type;
		const char *body;
	} rows[] = {
		{ IDLE, MSG_EVENT, "{}" },
		{ IDLE, MSG_CLOSE, "{\"code\":0}" },
		{ IDLE, MSG_STARTED, "{\"pid\":1,\"layers\":{}}" },
		{ IDLE, MSG_GRANT, "{}" },
		{ IDLE, MSG_APPEND, "{}" },
		{ IDLE, MSG_MAX_, "{}" },
		{ IDLE, 0, "{}" },
		{ IDLE, 70000, "{}" },
		{ IDLE, MSG_OPEN, "" },
		{ IDLE, MSG_OPEN, "[1" },
		{ IDLE, MSG_LIST, "[]" },
		{ IDLE, MSG_DRAIN, "{}" },
		{ GRANTED, MSG_OPEN, "{}" },
		{ GRANTED, MSG_LIST, "{}" },
		{ GRANTED, MSG_KILL, "{\"session\":\"@\"}" },
		{ GRANTED, MSG_STARTED, "{\"pid\":0,\"layers\":{}}" },
		{ GRANTED, MSG_STARTED, "{\"pid\":1,\"layers\":{\"a\":[]}}" },
		{ GRANTED, MSG_STARTED, "{\"pid\":1}" },
		{ RUNNING, MSG_STARTED, "{\"pid\":1,\"layers\":{}}" },
		{ RUNNING, MSG_STATUS, "{}" },
		{ RUNNING, MSG_CLOSE, "no" },
		{ CLOSED, MSG_OPEN, "{}" },
		{ CLOSED, MSG_EVENT, "{}" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct given g = { -1, -1, -1, -1, { -1, -1, -1 }, "" };
		bool owner = rows[i].at == GRANTED || rows[i].at == RUNNING;
		struct world w;
		pid_t child;
		int c;

		world_init(&w);
		c = connect_as_other(&w, &child);
		if (rows[i].at == GRANTED)
			open_session(&w, c, &g);
		if (rows[i].at >= RUNNING)
			start_session(&w, c, &g);
		if (rows[i].at == CLOSED) {
			say(c, MSG_CLOSE, 9, "{\"reason\":\"exit\"}");
			expect_close(&w, &g, "exit");
			CHECK_EQ(receive(&w, c), MSG_CLOSED);
		}
		say(c, rows[i].type, 20, rows[i].body);
		if (owner) {
			CHECK_EQ(is_killed(child), 1);
			child = -1;
			CHECK_EQ(receive(&w, g.ledger), MSG_APPEND);
			CHECK_STR(word(&w, "kind"), STR("peer.killed"));
			if (rows[i].at == GRANTED)
				say(g.ledger, MSG_APPENDED, 1, "{\"seq\":1}");
			expect_close(&w, &g, "supervisor killed");
		} else {
			CHECK_EQ(receive(&w, c), 0);
			CHECK_EQ(receive(&w, w.scribe), MSG_APPEND);
			CHECK_STR(word(&w, "kind"), STR("peer.killed"));
		}
		if (child != -1) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, NULL, 0);
		}
		(void)close(c);
		given_close(&g);
		world_done(&w);
	}
}

static void strangers(void)
{
	struct world w;
	int c;

	world_init(&w);
	world_kill(&w);
	w.uid = getuid() + 1;
	world_begin(&w);
	c = ipc_connect(w.socket);
	CHECK_EQ(receive(&w, c), 0);
	CHECK_EQ(receive(&w, w.scribe), MSG_APPEND);
	CHECK_STR(word(&w, "kind"), STR("peer.killed"));
	(void)close(c);
	world_done(&w);
}

/* ---- who dies ---- */

static void client_dies(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	(void)close(c);
	expect_close(&w, &g, "supervisor died");
	/* In OPENING and GRANTED too. */
	c = connect_client(&w);
	given_close(&g);
	open_session(&w, c, &g);
	(void)close(c);
	/* Not before it is known that the ledger has the opening one. */
	CHECK_EQ(comes(g.ledger, NONE_MS), 0);
	say(g.ledger, MSG_APPENDED, 1, "{\"seq\":1}");
	expect_close(&w, &g, "supervisor died");
	/* And not at all when it has none. */
	c = connect_client(&w);
	given_close(&g);
	open_session(&w, c, &g);
	(void)close(c);
	CHECK_EQ(comes(g.ledger, NONE_MS), 0);
	say(g.ledger, MSG_APPENDED, 1, "{\"error\":\"No space left\"}");
	CHECK_EQ(receive(&w, g.ledger), 0);
	given_close(&g);
	world_kill(&w);
	world_begin(&w);
	CHECK_EQ(comes(w.scribe, NONE_MS), 0);
	world_done(&w);
}

static void relay_dies(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	(void)close(TAKE_FD(g.relay[2]));
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	CHECK_STR(word(&w, "reason"), STR("the relay died"));
	say(c, MSG_CLOSE, 9, "{\"code\":137,\"reason\":\"killed\"}");
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "kind"), STR("session.close"));
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":2}");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void relay_does_not_die(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	/* Its end stays open: the record comes all the same. */
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "kind"), STR("session.close"));
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":2}");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

/* The scribe closes the channel of a writer that broke its rules. */
static void record_refused(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	say(c, MSG_EVENT, 0, "{\"kind\":\"net.grant\"}");
	CHECK_EQ(receive(&w, g.events), MSG_APPEND);
	(void)close(TAKE_FD(g.events));
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	say(c, MSG_EVENT, 0, "{\"kind\":\"limit.hit\"}");
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	expect_close(&w, &g, "exit");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void role_dies(bool is_scribe)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	(void)close(is_scribe ? w.scribe : w.zygote);
	/* The client is left alone at once, and the relay too. */
	CHECK_EQ(receive(&w, c), 0);
	if (is_scribe) {
		(void)close(TAKE_FD(g.ledger));
		(void)close(TAKE_FD(g.events));
		w.scribe = -1;
	} else {
		w.zygote = -1;
		expect_close(&w, &g, "the relays' zygote died");
	}
	CHECK_EQ(exit_code(&w), KEEPER_BROKEN);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void scribe_dies(void)
{
	role_dies(true);
}

/* One that cannot begin says why, in whatever order its channels end. */
static void scribe_cannot_begin(void)
{
	struct world w;
	struct given g;
	int c;

	for (int order = 0; order < 2; order++) {
		world_init(&w);
		c = connect_client(&w);
		open_session(&w, c, &g);
		if (order == 0) {
			(void)close(TAKE_FD(g.events));
			(void)close(TAKE_FD(g.ledger));
			CHECK_EQ(comes(c, NONE_MS), 0);
		}
		say(w.scribe, MSG_SCRIBE_FAILED, 0, "{\"error\":\"no room\"}");
		(void)close(w.scribe);
		w.scribe = -1;
		CHECK_EQ(receive(&w, c), MSG_REFUSED);
		CHECK_EQ(memmem(word(&w, "text").ptr, word(&w, "text").len,
				"no room", 7) != NULL,
			 true);
		CHECK_EQ(receive(&w, c), 0);
		CHECK_EQ(exit_code(&w), KEEPER_BROKEN);
		(void)close(c);
		given_close(&g);
		world_done(&w);
	}
}

static void zygote_dies(void)
{
	role_dies(false);
}

/* The user has his prompt again; a loss of power is still to be survived. */
static void written_not_durable(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	CHECK_EQ(receive(&w, g.relay[2]), 0);
	for (int i = 0; i < 3; i++)
		(void)close(TAKE_FD(g.relay[i]));
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	say(g.ledger, MSG_WRITTEN, w.m.id, "{}");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	/* For others it is over. */
	say(c, MSG_LIST, 1, "{}");
	CHECK_EQ(receive(&w, c), MSG_SESSIONS);
	CHECK_EQ(json_find(w.body, "sessions")->kids.n, 0);
	world_kill(&w);
	put_on_ledger(&w, g.id, "session.open");
	world_begin(&w);
	CHECK_EQ(receive(&w, w.scribe), MSG_CHANNEL);
	(void)close(g.ledger);
	g.ledger = ipc_take_fd(&w.m, 0);
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "reason"), STR("bawnd died"));
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":9}");
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void keeper_dies(void)
{
	struct world w;
	struct given g;
	int c, fd;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	world_kill(&w);
	CHECK_EQ(receive(&w, c), 0);
	CHECK_EQ(receive(&w, g.relay[2]), 0);
	/* The next one writes what is owed. */
	put_on_ledger(&w, g.id, "session.open");
	world_begin(&w);
	CHECK_EQ(receive(&w, w.scribe), MSG_CHANNEL);
	CHECK_STR(word(&w, "task"), STR("T-1"));
	fd = ipc_take_fd(&w.m, 0);
	CHECK_EQ(receive(&w, fd), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "kind"), STR("session.close"));
	CHECK_STR(word(&w, "reason"), STR("bawnd died"));
	say(fd, MSG_APPENDED, w.m.id, "{\"seq\":9}");
	(void)close(c);
	c = connect_client(&w);
	say(c, MSG_LIST, 1, "{}");
	while (receive(&w, c) == MSG_SESSIONS &&
	       json_find(w.body, "sessions")->kids.n > 0)
		say(c, MSG_LIST, 1, "{}");
	/* And only once. */
	world_kill(&w);
	world_begin(&w);
	CHECK_EQ(comes(w.scribe, NONE_MS), 0);
	(void)close(c);
	(void)close(fd);
	given_close(&g);
	world_done(&w);
}

/* Nobody has the scribe's answer: the ledger itself is asked. */
static void answer_lost(void)
{
	struct world w;
	struct given g;
	int c;

	/* The opening record was never written. */
	world_init(&w);
	c = connect_client(&w);
	open_session(&w, c, &g);
	world_kill(&w);
	(void)close(c);
	given_close(&g);
	put_on_ledger(&w, "00000000000000000000", "session.open");
	world_begin(&w);
	CHECK_EQ(comes(w.scribe, NONE_MS), 0);
	/* It was; the scribe died before it said so. */
	c = connect_client(&w);
	open_session(&w, c, &g);
	put_on_ledger(&w, g.id, "session.open");
	(void)close(TAKE_FD(g.ledger));
	CHECK_EQ(receive(&w, c), MSG_REFUSED);
	(void)close(c);
	given_close(&g);
	world_kill(&w);
	world_begin(&w);
	CHECK_EQ(receive(&w, w.scribe), MSG_CHANNEL);
	CHECK_STR(word(&w, "session"), str_of(g.id));
	/* The same with the closing one. */
	put_on_ledger(&w, g.id, "session.close");
	world_kill(&w);
	world_begin(&w);
	CHECK_EQ(comes(w.scribe, NONE_MS), 0);
	world_done(&w);
}

/* The disk is full at the end: the user goes, the record is tried again. */
static void close_refused(void)
{
	struct world w;
	struct given g;
	struct str text;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	(void)close(TAKE_FD(g.relay[2]));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
		CHECK_STR(word(&w, "reason"), STR("exit"));
		say(g.ledger, MSG_APPENDED, w.m.id,
		    "{\"error\":\"the ledger cannot be written: full\","
		    "\"errno\":28}");
		if (i > 0)
			continue;
		CHECK_EQ(receive(&w, c), MSG_REFUSED);
		text = word(&w, "text");
		CHECK_EQ(memmem(text.ptr, text.len, "make room", 9) != NULL, 1);
		say(c, MSG_LIST, 1, "{}");
		CHECK_EQ(receive(&w, c), MSG_SESSIONS);
		CHECK_EQ(json_find(w.body, "sessions")->kids.n, 0);
	}
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":2}");
	CHECK_EQ(receive(&w, g.ledger), 0);
	(void)close(c);
	given_close(&g);
	world_kill(&w);
	world_begin(&w);
	CHECK_EQ(comes(w.scribe, NONE_MS), 0);
	world_done(&w);
}

/* ---- the daemon's life ---- */

static void stops(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	(void)kill(w.pid, SIGTERM);
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	say(c, MSG_CLOSE, 9, "{\"code\":143,\"reason\":\"signal\"}");
	expect_close(&w, &g, "signal");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	CHECK_EQ(receive(&w, w.scribe), MSG_APPEND);
	CHECK_STR(word(&w, "kind"), STR("daemon.stop"));
	CHECK_STR(word(&w, "reason"), STR("stopped"));
	say(w.scribe, MSG_APPENDED, w.m.id, "{\"seq\":3}");
	CHECK_EQ(exit_code(&w), KEEPER_STOPPED);
	CHECK_EQ(access(w.socket, F_OK), -1);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

static void idle(void)
{
	struct world w;
	int c;

	world_init(&w);
	world_kill(&w);
	w.idle_ns = UINT64_C(150000000);
	world_begin(&w);
	c = connect_client(&w);
	CHECK_EQ(comes(w.scribe, 300), 0); /* not while there is a client */
	(void)close(c);
	CHECK_EQ(receive(&w, w.scribe), MSG_APPEND);
	CHECK_STR(word(&w, "reason"), STR("idle"));
	say(w.scribe, MSG_APPENDED, w.m.id, "{\"seq\":3}");
	CHECK_EQ(exit_code(&w), KEEPER_IDLE);
	CHECK_EQ(access(w.socket, F_OK), -1);
	world_done(&w);
}

static void kills(void)
{
	char body[100];
	struct world w;
	struct given g;
	int c, d;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	d = connect_client(&w);
	(void)snprintf(body, sizeof(body),
		       "{\"build\":\"%s\",\"session\":\"zzz\"}", build_id());
	say(d, MSG_KILL, 1, body);
	CHECK_EQ(receive(&w, d), MSG_REFUSED);
	CHECK_EQ(json_find_int(w.body, "code", 0), 1);
	say(d, MSG_KILL, 2, "{\"session\":\"@\"}");
	CHECK_EQ(receive(&w, d), MSG_OK);
	CHECK_EQ(word(&w, "session").len, ID_SESSION_LEN);
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	CHECK_STR(word(&w, "reason"), STR("killed"));
	say(d, MSG_KILL, 3, "{\"session\":\"@\"}");
	CHECK_EQ(receive(&w, d), MSG_OK);
	CHECK_EQ(comes(c, NONE_MS), 0); /* once is enough */
	say(d, MSG_STATUS, 4, "{}");
	CHECK_EQ(receive(&w, d), MSG_OK);
	CHECK_EQ(json_find_int(w.body, "sessions", 0), 1);
	(void)close(c);
	(void)close(d);
	given_close(&g);
	world_done(&w);
}

/* ---- what the machine says ---- */

static void save(const struct world *w, const char *name, const char *text,
		 mode_t mode)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", w->top, name);
	must(file_save(AT_FDCWD, path, str_of(text), mode, false) == 0, path);
}

static void open_with_preset(const struct world *w, int fd)
{
	char more[200];

	(void)snprintf(more, sizeof(more), ",\"policy\":\"%s/p.yaml\"", w->top);
	send_open(w, fd, more);
}

static void presets(void)
{
	static const char program[] =
		"#!/bin/sh\nsleep 0.3\necho r.test\necho r.test:8443\n"
		"echo not a host\necho 10.0.0.1\necho x >> \"$HOME/asked\"\n";
	struct world w;
	struct stat st;
	char path[200];
	int c, d;

	world_init(&w);
	save(&w, "bawn-registries", program, 0755);
	save(&w, "p.yaml",
	     "version: 1\nnetwork:\n  allow:\n"
	     "    - preset: package-registries\n",
	     0644);
	c = connect_client(&w);
	open_with_preset(&w, c);
	/* Others are served meanwhile. */
	d = connect_client(&w);
	say(d, MSG_OPEN, 1, "{}");
	CHECK_EQ(receive(&w, d), MSG_REFUSED);
	(void)close(d);
	CHECK_EQ(comes(c, NONE_MS), 0);
	CHECK_EQ(receive(&w, c), MSG_GRANT);
	/* One name with two ports. */
	CHECK_EQ(json_find(json_find(json_find(w.body, "plan"), "classes")
				   ->kids.first,
			   "ports")
			 ->kids.n,
		 2);
	(void)close(c);
	/* The answer is kept, for the next daemon as well. */
	world_kill(&w);
	world_begin(&w);
	c = connect_client(&w);
	open_with_preset(&w, c);
	CHECK_EQ(receive(&w, c), MSG_GRANT);
	(void)snprintf(path, sizeof(path), "%s/asked", w.home);
	CHECK_EQ(stat(path, &st) == 0 && st.st_size == 2, 1);
	(void)close(c);
	/* A client that was installed since has something to say. */
	save(&w, "yarn", "#!/bin/sh\n", 0755);
	c = connect_client(&w);
	open_with_preset(&w, c);
	CHECK_EQ(receive(&w, c), MSG_GRANT);
	CHECK_EQ(stat(path, &st) == 0 && st.st_size == 4, 1);
	(void)close(c);
	world_done(&w);
}

static void no_preset(void)
{
	struct world w;
	int c;

	world_init(&w);
	save(&w, "p.yaml",
	     "version: 1\nnetwork:\n  allow:\n"
	     "    - preset: package-registries\n",
	     0644);
	c = connect_client(&w);
	open_with_preset(&w, c);
	CHECK_EQ(receive(&w, c), MSG_REFUSED);
	(void)close(c);
	save(&w, "bawn-registries", "#!/bin/sh\nexit 1\n", 0755);
	world_kill(&w);
	world_begin(&w);
	c = connect_client(&w);
	open_with_preset(&w, c);
	CHECK_EQ(receive(&w, c), MSG_REFUSED);
	(void)close(c);
	world_done(&w);
}

/* The client goes while its preset is asked for. */
static void preset_for_nobody(void)
{
	struct world w;
	int c;

	world_init(&w);
	save(&w, "bawn-registries", "#!/bin/sh\nsleep 0.2\necho r.test\n",
	     0755);
	save(&w, "p.yaml",
	     "version: 1\nnetwork:\n  allow:\n"
	     "    - preset: package-registries\n",
	     0644);
	c = connect_client(&w);
	open_with_preset(&w, c);
	(void)close(c);
	c = connect_client(&w);
	open_with_preset(&w, c);
	CHECK_EQ(receive(&w, c), MSG_GRANT);
	(void)close(c);
	world_done(&w);
}

static void new_nameservers(void)
{
	char body[1000], path[200];
	struct world w;
	struct given g = { -1, -1, -1, -1, { -1, -1, -1 }, "" };
	int c;

	world_init(&w);
	world_kill(&w);
	(void)snprintf(path, sizeof(path), "%s/etc", w.top);
	must(mkdir(path, 0755) == 0, path);
	save(&w, "etc/resolv.conf", "nameserver 10.0.0.1\n", 0644);
	save(&w, "etc/hosts", "10.0.0.9 nine.test\n", 0644);
	w.root = w.top;
	world_begin(&w);
	c = connect_client(&w);
	(void)snprintf(body, sizeof(body),
		       "{\"build\":\"%s\",\"cwd\":\"/home/proj\","
		       "\"argv\":[\"true\"],\"argc\":1,"
		       "\"env\":{\"HOME\":\"/home\"}}",
		       build_id());
	say(c, MSG_OPEN, 1, body);
	CHECK_EQ(receive(&w, c), MSG_GRANT);
	CHECK_EQ(receive(&w, w.zygote), MSG_FORK);
	for (size_t i = 0; i < 3; i++)
		g.relay[i] = ipc_take_fd(&w.m, i);
	CHECK_STR(json_find(json_find(w.body, "resolvers"), "servers")
			  ->kids.first->string,
		  STR("10.0.0.1#53"));
	CHECK_EQ(comes(g.relay[2], NONE_MS), 0);
	save(&w, "etc/resolv.conf", "nameserver fd00::2\n", 0644);
	CHECK_EQ(receive(&w, g.relay[2]), MSG_RESOLVERS);
	CHECK_STR(json_find(w.body, "servers")->kids.first->string,
		  STR("fd00::2#53"));
	CHECK_STR(json_find(w.body, "hosts")->kids.first->kids.first->string,
		  STR("nine.test"));
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

#define MANY 200

static void many(void)
{
	static struct given g[MANY];
	static int c[MANY];
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < MANY; i++) {
		c[i] = connect_client(&w);
		open_session(&w, c[i], &g[i]);
		say(g[i].ledger, MSG_APPENDED, 1, "{\"seq\":1}");
		CHECK_EQ(receive(&w, c[i]), MSG_GO);
	}
	{
		int d = connect_client(&w);
		char body[100];

		(void)snprintf(body, sizeof(body), "{\"build\":\"%s\"}",
			       build_id());
		say(d, MSG_LIST, 1, body);
		CHECK_EQ(receive(&w, d), MSG_SESSIONS);
		CHECK_EQ(json_find(w.body, "sessions")->kids.n, MANY);
		(void)close(d);
	}
	for (size_t i = 0; i < MANY; i++)
		say(c[i], MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	for (size_t i = 0; i < MANY; i++) {
		expect_close(&w, &g[i], "exit");
		CHECK_EQ(receive(&w, c[i]), MSG_CLOSED);
		(void)close(c[i]);
		given_close(&g[i]);
	}
	world_done(&w);
}

/* The scribe is slow: the supervisor waits, and nothing is dropped. */
static void back_pressure(void)
{
	static char body[20000];
	struct world w;
	struct given g;
	int c, sent = 0, seen = 0;

	world_init(&w);
	c = connect_client(&w);
	start_session(&w, c, &g);
	memset(body, ' ', sizeof(body) - 1);
	memcpy(body, "{\"kind\":\"limit.hit\"}", 20);
	CHECK_EQ(fd_set_nonblock(c, true), 0);
	for (int quiet = 0; quiet < 20 && sent < 5000;) {
		if (ipc_send(c, MSG_EVENT, 0, str_of(body), NULL, 0) == 0) {
			sent++;
			quiet = 0;
			continue;
		}
		(void)poll(NULL, 0, 5);
		quiet++;
	}
	CHECK_EQ(sent > 10 && sent < 5000, 1); /* it was made to wait */
	while (seen < sent && receive(&w, g.events) == MSG_APPEND)
		seen++;
	CHECK_EQ(seen, sent);
	(void)close(c);
	given_close(&g);
	world_done(&w);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a session from open to close", good_session },
		{ "refusals", refusals },
		{ "no record, no session", no_record_no_session },
		{ "another build", other_build },
		{ "hostile clients", hostile_clients },
		{ "another user", strangers },
		{ "the client dies", client_dies },
		{ "the relay dies", relay_dies },
		{ "the relay does not die", relay_does_not_die },
		{ "a record is refused", record_refused },
		{ "the scribe dies", scribe_dies },
		{ "a scribe that cannot begin says why", scribe_cannot_begin },
		{ "the zygote dies", zygote_dies },
		{ "the keeper dies", keeper_dies },
		{ "written, not yet durable", written_not_durable },
		{ "the scribe's answer is lost", answer_lost },
		{ "the closing record is refused", close_refused },
		{ "SIGTERM", stops },
		{ "idle", idle },
		{ "kill and status", kills },
		{ "presets", presets },
		{ "no preset", no_preset },
		{ "a preset that nobody waits for", preset_for_nobody },
		{ "new nameservers", new_nameservers },
		{ "200 sessions at once", many },
		{ "back-pressure", back_pressure },
	};

	return test_main(tests, N_ELEMS(tests));
}
