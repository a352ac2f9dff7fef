/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices.  Opening is all that is done, and nothing is opened of which opening
 * is an act (watchdogs, tapes).
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

static bool open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 && (errno == EROFS || errno == EISDIR))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd != -1;
}

/* @arg: a path or a pattern; the first that opens. */
static void try_device(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	glob_t g = { 0 };
	int e = ENOENT;

	(void)r;
	if (glob(a->arg, GLOB_NOSORT, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			if (open_device(g.gl_pathv[i])) {
				say_reachable(out, "%s", g.gl_pathv[i]);
				globfree(&g);
				return;
			}
			e = errno;
		}
	}
	globfree(&g);
	if (e == ENXIO || e == ENODEV)
		say_absent(out, e, "%s", "");
	else
		say_refused(out, e, "%s", "");
}

struct node {
	mode_t type;
	unsigned major, minor;
};

/* A device of one's own making, where one may write. */
static void try_mknod(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	static const char *const dirs[] = { ".", "/tmp", "/dev", "/dev/shm" };
	const struct node *n = a->arg;
	int e = EACCES;

	for (size_t i = 0; i < N_ELEMS(dirs); i++) {
		char path[128];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/bawn-probe-node",
			       dirs[i]);
		if (mknod(path, n->type | 0600, makedev(n->major, n->minor)) ==
		    -1) {
			e = errno;
			continue;
		}
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		e = errno;
		(void)unlink(path);
		if (fd != -1 || e == ENXIO || e == ENODEV) {
			say_reachable(out, "made in %s and opened", dirs[i]);
			return;
		}
	}
	say_refused(out, e, "%s", "");
	(void)r;
}

#define DEV(id, what, path) \
	ROW("fs.device-" id, what, "devices", try_device, "/dev/" path)

const struct attempt device_rows[] = {
	DEV("mem", "the machine's memory", "mem"),
	DEV("port", "input and output ports", "port"),
	DEV("kmsg", "the kernel's log", "kmsg"),
	DEV("block", "disks", "[svxnm][dvm][dacbmve]*"),
	DEV("loop", "loop devices", "loop[0-9]"),
	DEV("loop-control", "more loop devices", "loop-control"),
	DEV("mapper", "the device mapper", "mapper/control"),
	DEV("kvm", "virtual machines", "kvm"),
	DEV("tun", "network interfaces", "net/tun"),
	DEV("vhost-net", "network of virtual machines", "vhost-net"),
	DEV("vhost-vsock", "sockets of virtual machines", "vhost-vsock"),
	DEV("vsock", "the vsock device", "vsock"),
	DEV("fuse", "file systems of programs", "fuse"),
	DEV("cuse", "devices of programs", "cuse"),
	DEV("dri", "graphics", "dri/*"),
	DEV("input", "key strokes", "input/event*"),
	DEV("uinput", "made-up key strokes", "uinput"),
	DEV("sound", "sound and microphone", "snd/*"),
	DEV("video", "cameras", "video[0-9]"),
	DEV("msr", "registers of the CPU", "cpu/0/msr"),
	DEV("userfaultfd", "page faults, past the call's filter",
	    "userfaultfd"),
	DEV("virtual-console", "consoles", "tty[0-9]"),
	DEV("console", "the system's console", "console"),
	DEV("serial", "serial lines", "ttyS0"),
	DEV("rtc", "the clock", "rtc0"),
	DEV("hpet", "timers", "hpet"),
	DEV("ppp", "a network driver", "ppp"),
	DEV("autofs", "automatic mounts", "autofs"),
	DEV("btrfs-control", "a file system's devices", "btrfs-control"),
	DEV("hidraw", "USB keys of the user", "hidraw*"),
	DEV("usb", "USB devices", "bus/usb/*/*"),
	DEV("tpm", "the security module", "tpm*"),
	DEV("nvme", "a disk's commands", "nvme[0-9]"),
	DEV("sg", "SCSI commands", "sg[0-9]"),
	DEV("vfio", "devices of virtual machines", "vfio/vfio"),
	DEV("binder", "Android's messages", "binder*"),
	DEV("hwrng", "the random number generator", "hwrng"),
	ROW("fs.mknod-memory", "make the memory device", "mknod(2)", try_mknod,
	    (&(const struct node){ S_IFCHR, 1, 1 })),
	ROW("fs.mknod-kmsg", "make the log device", "mknod(2)", try_mknod,
	    (&(const struct node){ S_IFCHR, 1, 11 })),
	ROW("fs.mknod-disk", "make a disk", "mknod(2)", try_mknod,
	    (&(const struct node){ S_IFBLK, 7, 0 })),
	ROW("fs.mknod-whiteout", "make a whiteout, 0:0", "overlayfs", try_mknod,
	    (&(const struct node){ S_IFCHR, 0, 0 })),
};
END_ROWS(device);
