/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/accept.h"

#include "base/json.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "ipc/protocol.h"

int accept_tell(const char *project, const char *sha256)
{
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	AUTO(buf) struct buf body = BUF_NULL;
	AUTO(fd) int fd = -1;
	struct json_out w;
	int r = client_connect(true, &fd);

	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	buf_init(&body, (size_t)16 * 1024);
	(void)buf_printf(&body, "\"sha256\":\"%s\",\"project\":", sha256);
	w = JSON_OUT(&body);
	json_str(&w, str_of(project));
	if (body.failed)
		return BAWN_EXIT_TROUBLE;
	ipc_msg_init(&m);
	if (client_ask(fd, MSG_ACCEPT, buf_str(&body), &m) != 0)
		return BAWN_EXIT_TROUBLE;
	return m.type == MSG_OK ? BAWN_EXIT_OK : client_refused(&m);
}
