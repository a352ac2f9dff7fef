/* SPDX-License-Identifier: Apache-2.0 */
/* What the parent left open.  The driver is told to leave some. */
#include <fcntl.h>
#include <sys/resource.h>

#include "escape.h"

#define SOME_FDS 4096

int main(void)
{
	struct rlimit l;

	for (int fd = 3; fd < SOME_FDS; fd++) {
		if (fcntl(fd, F_GETFD) != -1) {
			printf("# descriptor %d is open\n", fd);
			escapes++;
		}
	}
	for (int fd = 0; fd < 3; fd++)
		HOLDS(fcntl(fd, F_GETFD) == 0);
	HOLDS(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max == 0);
	return verdict();
}
