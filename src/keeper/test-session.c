/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with honest and hostile clients, presets, nameservers, crowds. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/build-id.h"
#include "keeper/session.h"
#include "keeper/test-world.h"

static void good_session(void)
{
	struct world w;
	struct given g;
	int c;

	c = world_with_session(&w, &g);
	say(c, MSG_EVENT, 0, "{\"kind\":\"limit.hit\"}");
	CHECK_EQ(receive(&w, g.events), MSG_APPEND);
	CHECK_EQ(w.m.id, 0);
	CHECK_STR(word(&w, "kind"), STR("limit.hit"));
	say(c, MSG_CLOSE, 9, "{\"code\":3,\"reason\":\"exit\",\"wall_ms\":5}");
	CHECK_EQ(comes(c, NONE_MS), 0); /* not before it is written */
	expect_close(&w, &g, "exit");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	CHECK_EQ(w.m.id, 9);
	world_done_with(&w, &g, c);
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
	world_done_with(&w, &g, c);
}

static void other_build(void)
{
	char body[2000];
	struct world w;
	struct given g;
	int c, d;

	c = world_with_session(&w, &g);
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

	c = world_with_session(&w, &g);
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
	world_done_with(&w, &g, c);
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

	c = world_with_session(&w, &g);
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
	world_done_with(&w, &g, c);
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
