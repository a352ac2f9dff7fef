/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bawn` with a puppet in the place of init and warden: it hands its channel to
 * the supervisor over to whoever listens on the socket BAWN_STAGE (the test),
 * and lives until that connection ends.  BAWN_PUPPET: init or warden, whose place
 * it takes.  Linked before the jail's library, whose
 * init and warden are then never taken.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "ipc/ipc.h"
#include "jail/init.h"
#include "jail/sys.h"
#include "jail/warden.h"

#define SOCK 3

static noreturn_fn void be_puppet(int sock, const char *role)
{
	const char *wanted = getenv("BAWN_PUPPET");
	const char *path = getenv("BAWN_STAGE");
	sigset_t none;
	char byte;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (sock != SOCK && dup3(sock, SOCK, O_CLOEXEC) == -1)
		_exit(1);
	(void)sys_close_range(SOCK + 1, ~0u);
	if (!wanted || strcmp(wanted, role) != 0)
		(void)pause(); /* an init that is given up for a warden */
	fd = path ? ipc_connect(path) : -1;
	if (fd < 0 || ipc_send(fd, 1, 0, STR("{}"), &(int){ SOCK }, 1) != 0)
		_exit(2);
	(void)close(SOCK);
	(void)!fd_set_nonblock(fd, false);
	(void)!read(fd, &byte, 1);
	_exit(0);
}

void init_main(const struct init_config *c)
{
	be_puppet(c->sock, "init");
}

void warden_main(const struct warden_config *c)
{
	be_puppet(c->sock, "warden");
}
