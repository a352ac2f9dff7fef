/* SPDX-License-Identifier: Apache-2.0 */
/* bawn kill: end a session; its command gets SIGTERM, then SIGKILL. */
#include "base/json.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "ipc/protocol.h"

int cmd_kill(const struct command *c, int argc, char *const argv[])
{
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	AUTO(buf) struct buf body = BUF_NULL;
	struct list_opts o = { 0 };
	const char *session = NULL;
	AUTO(fd) int fd = -1;
	struct json_out w;
	int n = 0;
	int r = cmd_parse(c, argc, argv, &o, &session, 1, &n);

	if (r >= 0)
		return r;
	if (n != 1) {
		cmd_error("usage: bawn %s", c->synopsis);
		return BAWN_EXIT_USAGE;
	}
	r = client_connect(false, &fd);
	if (r == CLIENT_NONE) {
		cmd_error("no session runs");
		return BAWN_EXIT_REFUSED;
	}
	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	buf_init(&body, 4096);
	(void)buf_printf(&body, "\"session\":");
	w = JSON_OUT(&body);
	json_str(&w, str_of(session));
	if (body.failed) {
		cmd_error("that is no session id");
		return BAWN_EXIT_REFUSED;
	}
	ipc_msg_init(&m);
	r = client_ask(fd, MSG_KILL, buf_str(&body), &m);
	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	if (m.type != MSG_OK)
		return client_refused(&m);
	if (o.json)
		printf("%.*s\n", STR_ARG(buf_str(&m.body)));
	return BAWN_EXIT_OK;
}
