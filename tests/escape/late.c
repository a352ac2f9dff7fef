/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is hidden while we run.  argv[1]: it; readable at first.
 */
#include <fcntl.h>

#include "escape.h"

#define TRIES 4000 /* of 5 ms: an emulated processor is slow */

int main(int argc, char **argv)
{
	int tries = 0;

	HOLDS(argc == 2 && open(argv[1], O_RDONLY) >= 0);
	while (argc == 2 && tries < TRIES) {
		int fd = open(argv[1], O_RDONLY);

		if (fd == -1)
			break;
		(void)close(fd);
		(void)usleep(5000);
		tries++;
	}
	REFUSED(EACCES, open(argv[1], O_RDONLY));
	return verdict();
}
