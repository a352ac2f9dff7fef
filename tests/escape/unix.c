/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host's programs.
 *
 * argv: name of an abstract one, path of one, path of one the plan names.
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "escape.h"

static int reach(const char *name, bool abstract)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), e;
	char ok[2];
	socklen_t len;

	(void)snprintf(a.sun_path + abstract, sizeof(a.sun_path) - 1, "%s",
		       name);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract +
			  strlen(name));
	e = error_of(connect(fd, (struct sockaddr *)&a, len));
	if (e == 0 && (read(fd, ok, 2) != 2 || memcmp(ok, "ok", 2) != 0))
		e = EIO;
	(void)close(fd);
	return e;
}

int main(int argc, char **argv)
{
	HOLDS(argc == 4);
	if (argc != 4)
		return verdict();
	must_be("abstract", reach(argv[1], true), alone ? EPERM : ECONNREFUSED,
		0);
	must_be("by path", reach(argv[2], false), BEYOND, 0);
	if (has("network.sockets"))
		must_be("named by the plan", reach(argv[3], false), 0, 0);
	return verdict();
}
