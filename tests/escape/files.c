/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files outside of the workspace, by every path.
 *
 * argv: a file of the host that is not in the plan, a file of the workspace
 * that is hidden, a directory that is hidden.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "escape.h"

static void writing(void)
{
	static const char *const dirs[] = { "/",    "/usr",  "/etc",
					    "/opt", "/proc", "/dev",
					    "/bin", "/run",  "/.bawn" };
	char path[64];
	/* fs.protected_hardlinks asks before Landlock. */
	int foreign = alone && getuid() != 0 ? EPERM : EXDEV;

	for (size_t i = 0; i < N_ELEMS(dirs); i++) {
		if (access(dirs[i], F_OK) == -1)
			continue;
		(void)snprintf(path, sizeof(path), "%s/planted", dirs[i]);
		int e = error_of(open(path, O_CREAT | O_WRONLY, 0644));

		if (e != EROFS && e != EACCES && e != ENOENT)
			must_be(path, e, EROFS, EACCES);
		e = error_of(mkdir(path, 0755));
		if (e != EROFS && e != EACCES && e != ENOENT)
			must_be(path, e, EROFS, EACCES);
	}
	REFUSED2(EROFS, EACCES, open("/etc/passwd", O_WRONLY));
	REFUSED2(EROFS, EACCES, open("/etc/resolv.conf", O_WRONLY));
	REFUSED2(EROFS, EACCES, truncate("/etc/passwd", 0));
	REFUSED2(EROFS, EACCES, unlink("/etc/passwd"));
	REFUSED2(EROFS, EACCES, rename("/etc/passwd", "/etc/passwd2"));
	REFUSED2(EROFS, EPERM, chmod("/etc/passwd", 0666));
	REFUSED2(foreign, EACCES, link("/etc/passwd", "./linked"));
	REFUSED2(foreign, EACCES, link("/etc/shadow", "./linked"));
	REFUSED2(EACCES, ENOENT, open("/etc/shadow", O_RDONLY));
}

static void devices(void)
{
	REFUSED(EPERM, mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	REFUSED(EPERM, mknod("mem", S_IFCHR | 0666, makedev(1, 1)));
	REFUSED(EPERM, mknod("disk", S_IFBLK | 0666, makedev(254, 0)));
	REFUSED2(BEYOND, ENOENT, open("/dev/mem", O_RDONLY));
	REFUSED2(BEYOND, ENOENT, open("/dev/kmsg", O_RDONLY));
	REFUSED2(BEYOND, ENOENT, open("/dev/fuse", O_RDWR));
	REFUSED2(BEYOND, ENOENT, open("/dev/kvm", O_RDWR));
	REFUSED2(BEYOND, ENOENT, open("/dev/net/tun", O_RDWR));
	REFUSED2(BEYOND, ENOENT, open("/dev/vsock", O_RDWR));
	WORKS(open("/dev/null", O_WRONLY));
	WORKS(open("/dev/urandom", O_RDONLY));
}

static void outside(const char *path)
{
	char up[512] = "";

	REFUSED(BEYOND, open(path, O_RDONLY));
	WORKS(symlink(path, "way-out"));
	REFUSED(BEYOND, open("way-out", O_RDONLY));
	for (int i = 0; i < 30; i++)
		(void)snprintf(up + strlen(up), sizeof(up) - strlen(up), "../");
	(void)snprintf(up + strlen(up), sizeof(up) - strlen(up), "%s", path);
	REFUSED(BEYOND, open(up, O_RDONLY));
	(void)snprintf(up, sizeof(up), "/proc/self/root%s", path);
	REFUSED(BEYOND, open(up, O_RDONLY));
	(void)snprintf(up, sizeof(up), "/proc/self/cwd/../../../..%s", path);
	REFUSED(BEYOND, open(up, O_RDONLY));
}

static void hidden(const char *file, const char *dir)
{
	char below[512];

	REFUSED(EACCES, open(file, O_RDONLY));
	REFUSED2(EACCES, EROFS, open(file, O_WRONLY));
	REFUSED(EBUSY, unlink(file));
	REFUSED(EBUSY, rename(file, "moved"));
	REFUSED(EBUSY, rename("other", file));
	REFUSED2(EPERM, EROFS, chmod(file, 0644));
	REFUSED2(EXDEV, EACCES, link(file, "linked"));
	REFUSED(EACCES, open(dir, O_RDONLY | O_DIRECTORY));
	(void)snprintf(below, sizeof(below), "%s/secret", dir);
	REFUSED(EACCES, open(below, O_RDONLY));
	REFUSED(EBUSY, rename(dir, "moved"));
	(void)snprintf(below, sizeof(below), "/proc/self/cwd/%s", file);
	REFUSED(EACCES, open(below, O_RDONLY));
}

int main(int argc, char **argv)
{
	HOLDS(argc == 4);
	if (argc != 4)
		return verdict();
	WORKS(close(open("other", O_CREAT | O_WRONLY, 0644)));
	writing();
	devices();
	outside(argv[1]);
	if (has("hide"))
		hidden(argv[2], argv[3]);
	WORKS(mkdir("made", 0755));
	WORKS(rename("made", "renamed"));
	if (has("private-tmp")) {
		WORKS(close(open("/tmp/a", O_CREAT | O_WRONLY, 0644)));
		WORKS(close(open("/dev/shm/a", O_CREAT | O_WRONLY, 0644)));
	} else {
		REFUSED(EACCES, open("/tmp/a", O_CREAT | O_WRONLY, 0644));
		REFUSED2(EACCES, ENOENT,
			 open("/dev/shm/a", O_CREAT | O_WRONLY, 0644));
	}
	return verdict();
}
