/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ps: the sessions of this user's daemon. */
#include "base/clock.h"
#include "base/json.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "ipc/protocol.h"

#define ANSWER_ARENA ((size_t)32 * 1024 * 1024)

static void format_age(uint64_t started_ns, char *dst, size_t size)
{
	uint64_t now = clock_utc_ns();
	uint64_t s = now > started_ns ? (now - started_ns) / NS_PER_S : 0;

	if (s < 60)
		(void)snprintf(dst, size, "%us", (unsigned)s);
	else if (s < 3600)
		(void)snprintf(dst, size, "%um%02us", (unsigned)(s / 60),
			       (unsigned)(s % 60));
	else
		(void)snprintf(dst, size, "%lluh%02um",
			       (unsigned long long)(s / 3600),
			       (unsigned)(s / 60 % 60));
}

static void print_row(const struct json *s)
{
	char id[32], state[16], age[24], task[24], cwd[64], argv[100];

	str_sanitise(json_find_str(s, "id"), id, sizeof(id));
	str_sanitise(json_find_str(s, "state"), state, sizeof(state));
	str_sanitise(json_find_str(s, "task"), task, sizeof(task));
	str_sanitise(json_find_str(s, "cwd"), cwd, sizeof(cwd));
	str_sanitise(json_find_str(s, "argv"), argv, sizeof(argv));
	format_age((uint64_t)json_find_int(s, "started", 0), age, sizeof(age));
	printf("%-20s  %-8s %8s  %-10s  %s  (%s)\n", id, state, age,
	       task[0] ? task : "-", argv, cwd);
}

static int print_json(const struct json *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w;

	buf_init(&b, ANSWER_ARENA);
	w = JSON_OUT(&b);
	json_value(&w, s);
	(void)buf_addc(&b, '\n');
	if (b.failed)
		return BAWN_EXIT_TROUBLE;
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return BAWN_EXIT_OK;
}

static int print_sessions(const struct list_opts *o, struct str body)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const struct json *list;
	struct json *j = NULL;

	arena_init(&a, ANSWER_ARENA);
	if (json_parse(&a, body, &j, NULL) != 0)
		return BAWN_EXIT_TROUBLE;
	list = json_find(j, "sessions");
	if (!json_is(list, JSON_ARRAY))
		return BAWN_EXIT_TROUBLE;
	if (!o->json && list->kids.n > 0)
		printf("%-20s  %-8s %8s  %-10s  %s\n", "SESSION", "STATE",
		       "AGE", "TASK", "COMMAND");
	JSON_EACH (s, list) {
		if (o->json && print_json(s) != BAWN_EXIT_OK)
			return BAWN_EXIT_TROUBLE;
		if (!o->json)
			print_row(s);
	}
	return BAWN_EXIT_OK;
}

int cmd_ps(const struct command *c, int argc, char *const argv[])
{
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	struct list_opts o = { 0 };
	const char *none[1];
	AUTO(fd) int fd = -1;
	int n = 0;
	int r = cmd_parse(c, argc, argv, &o, none, 1, &n);

	if (r >= 0)
		return r;
	if (n > 0) {
		cmd_error("usage: bawn %s", c->synopsis);
		return BAWN_EXIT_USAGE;
	}
	r = client_connect(false, &fd);
	if (r == CLIENT_NONE)
		return BAWN_EXIT_OK; /* no daemon, no sessions */
	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	ipc_msg_init(&m);
	r = client_ask(fd, MSG_LIST,
		       o.all ? STR("\"all\":true") : STR("\"all\":false"), &m);
	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	if (m.type != MSG_SESSIONS)
		return client_refused(&m);
	r = print_sessions(&o, buf_str(&m.body));
	if (r == BAWN_EXIT_TROUBLE)
		cmd_error("bawnd's answer makes no sense");
	return r;
}
