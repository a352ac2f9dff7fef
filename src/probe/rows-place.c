/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of the host from which something runs, or that all share.  An
 * empty file is made, whose name none of those who look there take for theirs,
 * and removed at once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "probe/rows.h"

static void try_place(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	char path[128];
	int fd;

	(void)r;
	(void)snprintf(path, sizeof(path), "%s/bawn-probe.new",
		       (const char *)a->arg);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	say_call(out, fd);
	if (fd != -1)
		(void)unlink(path);
}

#define PLACE(id, what, ref, dir) ROW("fs.write-" id, what, ref, try_place, dir)

const struct attempt place_rows[] = {
	PLACE("root", "a file in /", "phantom files", ""),
	PLACE("etc", "a file in /etc", "path_resolution(7)", "/etc"),
	PLACE("usr", "a file in /usr/bin", "path_resolution(7)", "/usr/bin"),
	PLACE("local", "a file in /usr/local/bin", "PATH", "/usr/local/bin"),
	PLACE("boot", "a file in /boot", "path_resolution(7)", "/boot"),
	PLACE("var-tmp", "a file in /var/tmp", "shared directories",
	      "/var/tmp"),
	PLACE("run", "a file in /run", "shared directories", "/run"),
	PLACE("cron", "what cron runs", "cron(8)", "/etc/cron.d"),
	PLACE("crontabs", "what cron runs for a user", "crontab(5)",
	      "/var/spool/cron/crontabs"),
	PLACE("at", "what at runs", "at(1)", "/var/spool/cron/atjobs"),
	PLACE("systemd", "what systemd starts", "systemd.unit(5)",
	      "/etc/systemd/system"),
	PLACE("run-systemd", "what systemd starts until it is stopped",
	      "systemd.unit(5)", "/run/systemd/system"),
	PLACE("udev", "what new devices start", "udev(7)", "/etc/udev/rules.d"),
	PLACE("profile", "what each login runs", "sh(1)", "/etc/profile.d"),
	PLACE("sudoers", "who may be root", "sudoers(5)", "/etc/sudoers.d"),
	PLACE("pam", "who may log in", "pam(8)", "/etc/pam.d"),
	PLACE("ld-conf", "where libraries are", "ld.so(8)",
	      "/etc/ld.so.conf.d"),
	PLACE("apt-hooks", "what each installation runs", "apt.conf(5)",
	      "/etc/apt/apt.conf.d"),
	PLACE("xdg-autostart", "what each desktop starts", "autostart",
	      "/etc/xdg/autostart"),
	PLACE("dbus", "what a bus starts", "dbus-daemon(1)",
	      "/usr/share/dbus-1/system-services"),
	PLACE("binfmt", "what runs kinds of files", "binfmt.d(5)",
	      "/etc/binfmt.d"),
	PLACE("modules", "what the kernel loads", "modules-load.d(5)",
	      "/etc/modules-load.d"),
};
END_ROWS(place);
