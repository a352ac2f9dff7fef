/* SPDX-License-Identifier: Apache-2.0 */
/* A ground as whoever enters it finds it. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "jail/ground.h"

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static ino_t inode_at(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* In the child: its exit code is the number of the first thing that is odd. */
static int look(const struct ground *g)
{
	struct ifreq lo = { .ifr_name = "lo" };
	unsigned uid = geteuid() == 0 ? PLAN_INSIDE_UID : geteuid();
	char text[64] = "";
	unsigned inside = 0;
	int fd;

	if (setns(g->user_ns, CLONE_NEWUSER) == -1)
		return 1;
	if (setns(g->net_ns, CLONE_NEWNET) == -1)
		return 2;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || ioctl(fd, SIOCGIFFLAGS, &lo) == -1 ||
	    !(lo.ifr_flags & IFF_UP))
		return 3;
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, text, sizeof(text) - 1) <= 0)
		return 4;
	for (const char *p = text; *p; p++) {
		if (*p >= '0' && *p <= '9')
			inside = 10 * inside + (unsigned)(*p - '0');
		else if (inside)
			break;
	}
	return inside == uid ? 0 : 5;
}

static void entered(void)
{
	AUTO(ground) struct ground g = GROUND_NULL;
	AUTO(ground) struct ground h = GROUND_NULL;
	struct diag why = { 0 };
	int status = -1;
	pid_t pid;

	if (ground_make(&g, &why) != 0) {
		printf("1..0 # SKIP kernel without what a jail needs: %s\n",
		       why.text);
		exit(TEST_EXIT_SKIP);
	}
	CHECK(inode_at(g.user_ns) != inode_of("/proc/self/ns/user"));
	CHECK(inode_at(g.net_ns) != inode_of("/proc/self/ns/net"));
	CHECK_EQ(ground_make(&h, &why), 0);
	CHECK(inode_at(g.net_ns) != inode_at(h.net_ns));
	CHECK(inode_at(g.user_ns) != inode_at(h.user_ns));
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(look(&g));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void messages(void)
{
	struct ground g = { 10, 11, { 12, 13, 14, -1 }, 15 }, h;
	int fds[GROUND_FDS];

	ground_to_fds(&g, fds);
	h = ground_take_fds(fds);
	CHECK(memcmp(&g, &h, sizeof(g)) == 0);
}

static void limits(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char other[256];

	buf_init(&b, sizeof(other));
	CHECK_EQ(ground_format_limits(&b), 0);
	CHECK(ground_has_our_limits(buf_str(&b)));
	CHECK(!ground_has_our_limits(STR("{}")));
	(void)snprintf(other, sizeof(other), "%.*s,", STR_ARG(buf_str(&b)));
	CHECK(!ground_has_our_limits(str_of(other)));
}

int main(void)
{
	static const struct test tests[] = {
		{ "who enters", entered },
		{ "in a message", messages },
		{ "its maker's limits", limits },
	};

	return test_main(tests, N_ELEMS(tests));
}
