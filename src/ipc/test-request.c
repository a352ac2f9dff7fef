/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/request.h"

#include "base/test.h"

enum {
	SETUP = 1u << 0,
	RUN = 1u << 1,
	END = 1u << 2
};

struct peer {
	unsigned answers;
	int result;
};

static int answer(void *peer, struct ipc_msg *m)
{
	struct peer *p = peer;

	(void)m;
	p->answers++;
	return p->result;
}

static const struct request table[] = {
	[1] = { .name = "ready",
		.answer = answer,
		.phases = SETUP,
		.once = true },
	[3] = { .name = "append",
		.answer = answer,
		.max_len = 10,
		.phases = SETUP | RUN },
	[4] = { .name = "sockets",
		.answer = answer,
		.max_len = 10,
		.phases = RUN,
		.min_fds = 1,
		.max_fds = 2 },
	[5] = { .name = "nobody", .phases = RUN },
	[90] = { .name = "high",
		 .answer = answer,
		 .phases = RUN,
		 .once = true },
};

static void test_table(void)
{
	static const struct {
		uint32_t type;
		size_t len, n_fds;
		unsigned phase;
		int want;
		const char *why;
	} rows[] = {
		{ 1, 0, 0, SETUP, 0, "" },
		{ 3, 10, 0, SETUP, 0, "" },
		{ 3, 0, 0, RUN, 0, "" },
		{ 4, 0, 1, RUN, 0, "" },
		{ 4, 0, 2, RUN, 0, "" },
		{ 90, 0, 0, RUN, 0, "" },
		{ 0, 0, 0, SETUP, -EPROTO, "request 0: unknown" },
		{ 2, 0, 0, SETUP, -EPROTO, "request 2: unknown" },
		{ 5, 0, 0, RUN, -EPROTO, "request 5: unknown" },
		{ 91, 0, 0, RUN, -EPROTO, "request 91: unknown" },
		{ UINT32_MAX, 0, 0, RUN, -EPROTO,
		  "request 4294967295: unknown" },
		{ 1, 0, 0, RUN, -EPROTO, "request ready: out of phase" },
		{ 3, 0, 0, END, -EPROTO, "request append: out of phase" },
		{ 3, 0, 0, 0, -EPROTO, "request append: out of phase" },
		{ 1, 1, 0, SETUP, -EPROTO, "request ready: too long" },
		{ 3, 11, 0, RUN, -EPROTO, "request append: too long" },
		{ 3, 0, 1, RUN, -EPROTO,
		  "request append: wrong number of descriptors" },
		{ 4, 0, 0, RUN, -EPROTO,
		  "request sockets: wrong number of descriptors" },
		{ 4, 0, 3, RUN, -EPROTO,
		  "request sockets: wrong number of descriptors" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct request_state st = { .phase = rows[i].phase };
		AUTO(ipc_msg) struct ipc_msg m;
		struct peer p = { 0 };
		struct diag d = { 0 };

		ipc_msg_init(&m);
		m.type = rows[i].type;
		m.n_fds = rows[i].n_fds; /* all of them -1 */
		while (m.body.len < rows[i].len)
			CHECK(buf_addc(&m.body, 'x'));
		CHECK_EQ(request_dispatch(table, N_ELEMS(table), &st, &p, &m,
					  &d),
			 rows[i].want);
		CHECK_EQ(p.answers, rows[i].want == 0);
		CHECK_STR(str_of(d.text), str_of(rows[i].why));
	}
}

static void test_once(void)
{
	static const uint32_t types[] = { 1, 90 };

	for (size_t i = 0; i < N_ELEMS(types); i++) {
		struct request_state st = { .phase = SETUP | RUN };
		AUTO(ipc_msg) struct ipc_msg m;
		struct peer p = { 0 };
		struct diag d = { 0 };

		ipc_msg_init(&m);
		m.type = types[i];
		CHECK_EQ(request_dispatch(table, N_ELEMS(table), &st, &p, &m,
					  &d),
			 0);
		CHECK_EQ(request_dispatch(table, N_ELEMS(table), &st, &p, &m,
					  &d),
			 -EPROTO);
		CHECK(str_ends(str_of(d.text), STR(": repeated")));
		CHECK_EQ(p.answers, 1);
	}
}

static void test_answer_is_forwarded(void)
{
	struct request_state st = { .phase = RUN };
	AUTO(ipc_msg) struct ipc_msg m;
	struct peer p = { .result = -ENOSPC };

	ipc_msg_init(&m);
	m.type = 3;
	CHECK_EQ(request_dispatch(table, N_ELEMS(table), &st, &p, &m, NULL),
		 -ENOSPC);
	m.type = 77;
	CHECK_EQ(request_dispatch(table, N_ELEMS(table), &st, &p, &m, NULL),
		 -EPROTO);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the table is the law", test_table },
		{ "once is once", test_once },
		{ "the answer's result", test_answer_is_forwarded },
	};

	return test_main(tests, N_ELEMS(tests));
}
