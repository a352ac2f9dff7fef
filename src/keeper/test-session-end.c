/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a session when one of its parts dies, or cannot write. */
#include "keeper/session.h"
#include "keeper/test-world.h"

static void client_dies(void)
{
	struct world w;
	struct given g;
	int c;

	c = world_with_session(&w, &g);
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

	c = world_with_session(&w, &g);
	(void)close(TAKE_FD(g.relay[2]));
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	CHECK_STR(word(&w, "reason"), STR("the relay died"));
	say(c, MSG_CLOSE, 9, "{\"code\":137,\"reason\":\"killed\"}");
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "kind"), STR("session.close"));
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":2}");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	world_done_with(&w, &g, c);
}

static void relay_does_not_die(void)
{
	struct world w;
	struct given g;
	int c;

	c = world_with_session(&w, &g);
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	/* Its end stays open: the record comes all the same. */
	CHECK_EQ(receive(&w, g.ledger), MSG_APPEND_TELL);
	CHECK_STR(word(&w, "kind"), STR("session.close"));
	say(g.ledger, MSG_APPENDED, w.m.id, "{\"seq\":2}");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	world_done_with(&w, &g, c);
}

/* The scribe closes the channel of a writer that broke its rules. */
static void record_refused(void)
{
	struct world w;
	struct given g;
	int c;

	c = world_with_session(&w, &g);
	say(c, MSG_EVENT, 0, "{\"kind\":\"net.grant\"}");
	CHECK_EQ(receive(&w, g.events), MSG_APPEND);
	(void)close(TAKE_FD(g.events));
	CHECK_EQ(receive(&w, c), MSG_TERMINATE);
	say(c, MSG_EVENT, 0, "{\"kind\":\"limit.hit\"}");
	say(c, MSG_CLOSE, 9, "{\"code\":0,\"reason\":\"exit\"}");
	expect_close(&w, &g, "exit");
	CHECK_EQ(receive(&w, c), MSG_CLOSED);
	world_done_with(&w, &g, c);
}

static void role_dies(bool is_scribe)
{
	struct world w;
	struct given g;
	int c;

	c = world_with_session(&w, &g);
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
	world_done_with(&w, &g, c);
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

	c = world_with_session(&w, &g);
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
	world_done_with(&w, &g, c);
}

static void keeper_dies(void)
{
	struct world w;
	struct given g;
	int c, fd;

	c = world_with_session(&w, &g);
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

	c = world_with_session(&w, &g);
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

	c = world_with_session(&w, &g);
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
	world_done_with(&w, &g, c);
}

int main(void)
{
	static const struct test tests[] = {
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
	};

	return test_main(tests, N_ELEMS(tests));
}
