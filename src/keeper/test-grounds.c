/* SPDX-License-Identifier: Apache-2.0 */
/* The ground that waits: given once, in one session; and a bad groundsman. */
#include <fcntl.h>

#include "jail/ground.h"
#include "keeper/test-world.h"

#define LIMITS "{\"limits\":[1,2,3,-1]}"

static void give(struct world *w, const char *body, size_t n_fds)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[GROUND_FDS + 1];

	for (size_t i = 0; i < N_ELEMS(fds); i++)
		fds[i] = fd;
	CHECK_EQ(ipc_send(w->groundsman, MSG_GROUND, 0, str_of(body), fds,
			  n_fds),
		 0);
	(void)close(fd);
}

static bool is_promised(const struct world *w)
{
	return json_find_bool(w->body, "ground", false);
}

/* A connection that is told of a ground: the keeper has read what we said. */
static int connect_promised(struct world *w)
{
	for (int i = 0; i < 100; i++) {
		int c = connect_client(w);

		if (is_promised(w))
			return c;
		(void)close(c);
		(void)poll(NULL, 0, 10);
	}
	must(false, "no ground is promised");
	return -1;
}

static void given_once(void)
{
	struct world w;
	struct given g, g2;
	int first = world_with_session(&w, &g), second, third;

	CHECK_EQ(receive(&w, w.groundsman), MSG_GROUND_MAKE);
	give(&w, LIMITS, GROUND_FDS);
	second = connect_promised(&w);
	third = connect_client(&w);
	CHECK(is_promised(&w));

	send_open(&w, second, ",\"plan_only\":true");
	CHECK_EQ(receive(&w, second), MSG_GRANT);
	(void)close(second);
	second = connect_client(&w);
	send_open(&w, third, "");
	CHECK_EQ(receive(&w, third), MSG_GROUND);
	CHECK_EQ(w.m.n_fds, GROUND_FDS);
	CHECK_STR(buf_str(&w.m.body), STR(LIMITS));
	CHECK_EQ(receive(&w, third), MSG_GRANT);

	/* It was promised this one too, and is not there. */
	(void)close(third);
	for (int i = 0; i < 4; i++)
		(void)receive(&w, w.scribe);
	CHECK_EQ(receive(&w, w.zygote), MSG_FORK);
	open_session(&w, second, &g2);
	given_close(&g2);
	(void)close(second);
	world_done_with(&w, &g, first);
}

static void bad_groundsmen(void)
{
	static const struct {
		const char *body;
		size_t n_fds;
		bool asked;
	} rows[] = {
		{ LIMITS, GROUND_FDS, false },
		{ LIMITS, GROUND_FDS - 1, true },
		{ LIMITS, GROUND_FDS + 1, true },
		{ "{\"error\":\"no network\"}", 0, true },
		{ "no JSON", 0, true },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct world w;
		struct given g;
		int c;

		world_init(&w);
		c = connect_client(&w);
		if (rows[i].asked) {
			start_session(&w, c, &g);
			CHECK_EQ(receive(&w, w.groundsman), MSG_GROUND_MAKE);
			give(&w, rows[i].body, rows[i].n_fds);
		} else {
			give(&w, rows[i].body, rows[i].n_fds);
			start_session(&w, c, &g);
		}
		CHECK_EQ(receive(&w, w.groundsman), 0); /* it is let go */
		/* And missed by nobody. */
		say(c, MSG_EVENT, 0, "{\"kind\":\"limit.hit\"}");
		CHECK_EQ(receive(&w, g.events), MSG_APPEND);
		world_done_with(&w, &g, c);
	}
}

static void dead_groundsman(void)
{
	struct world w;
	struct given g;
	int c;

	world_init(&w);
	(void)close(TAKE_FD(w.groundsman));
	c = connect_client(&w);
	start_session(&w, c, &g);
	world_done_with(&w, &g, c);
}

int main(void)
{
	static const struct test tests[] = {
		{ "given once", given_once },
		{ "bad groundsmen", bad_groundsmen },
		{ "a dead groundsman", dead_groundsman },
	};

	return test_main(tests, N_ELEMS(tests));
}
