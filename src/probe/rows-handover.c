/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program is handed when it starts: descriptors, directory, environment,
 * identity.  `reachable` says that something of the host came along.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define STANDARD_FDS 3 /* input, output, errors */
#define FD_LIMIT     65536
#define GROUPS_MAX   1024
#define ENVIRON_SIZE (256u << 10)

/* ---- descriptors ---- */

static int next_fd(int fd, int max)
{
	for (; fd < max; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			return fd;
	}
	return -1;
}

static void try_leaked_fd(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	char path[64], to[128] = "";
	int fd = next_fd(STANDARD_FDS, FD_LIMIT);
	ssize_t n;

	(void)a;
	(void)r;
	if (fd == -1) {
		say_refused(out, 0, "only 0, 1 and 2 are open");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	say_reachable(out, "descriptor %d: %s", fd, to);
}

/* A directory among them is a way out, past every mount. */
static void try_leaked_dir(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	struct stat st;

	(void)a;
	(void)r;
	for (int fd = next_fd(0, FD_LIMIT); fd != -1;
	     fd = next_fd(fd + 1, FD_LIMIT)) {
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
			say_reachable(out, "descriptor %d", fd);
			return;
		}
	}
	say_refused(out, 0, "none is a directory");
}

static void try_leaked_socket(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	struct stat st;

	(void)a;
	(void)r;
	for (int fd = next_fd(STANDARD_FDS, FD_LIMIT); fd != -1;
	     fd = next_fd(fd + 1, FD_LIMIT)) {
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
			say_reachable(out, "descriptor %d", fd);
			return;
		}
	}
	say_refused(out, 0, "none is a socket");
}

/* Standard input and output: of a host's file opened wider than needed? */
static void try_stdio_reopen(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	struct stat st;
	int e = EACCES;

	(void)a;
	(void)r;
	for (int fd = 0; fd < STANDARD_FDS; fd++) {
		char path[32];
		int new;

		if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
		    (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		new = open(path, O_WRONLY | O_CLOEXEC);
		if (new != -1) {
			(void)close(new);
			say_reachable(out, "descriptor %d was read-only", fd);
			return;
		}
		e = errno;
	}
	say_refused(out, e, "%s", "");
}

/* ---- directories ---- */

static void try_cwd(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	const char *project = fixture_text(r->fixtures, FIX_PROJECT);
	char cwd[FIXTURE_LINE_MAX + 1];

	(void)a;
	/* "(unreachable)/..." is what the kernel says of one outside the root */
	if (!getcwd(cwd, sizeof(cwd)))
		say_reachable(out, "it has no name here: %s", strerror(errno));
	else if (cwd[0] != '/')
		say_reachable(out, "%s", cwd);
	else if (!project)
		say_untried(out, "no fixture: project");
	else if (strncmp(cwd, project, strlen(project)) != 0)
		say_reachable(out, "%s is not in the project", cwd);
	else
		say_refused(out, 0, "%s", cwd);
}

/* Up from there, more often than any path is deep. */
static void try_cwd_up(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	struct stat root, top;

	(void)a;
	(void)r;
	for (int i = 0; i < 128 && chdir("..") == 0; i++)
		;
	if (stat("/", &root) == -1 || stat(".", &top) == -1)
		say_refused(out, errno, "%s", "");
	else if (root.st_dev != top.st_dev || root.st_ino != top.st_ino)
		say_reachable(out, "another directory than /");
	else
		say_refused(out, 0, "it ends at /");
}

/* The program that started us, and our own file: both may be the host's. */
static void try_exe(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	char path[64];
	int fd;

	if (a->arg)
		(void)snprintf(path, sizeof(path), "%s", (const char *)a->arg);
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/exe",
			       (int)r->parent);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1 && errno != ETXTBSY) {
		say_refused(out, errno, "%s", "");
		return;
	}
	/* Busy only as long as it runs: the write comes when it has ended. */
	say_reachable(out, "%s", fd == -1 ? "once it no longer runs" : "");
}

/* ---- environment ---- */

/* Values of secret_env, in @text. */
static const char *find_secret(const struct run *r, const char *text,
			       size_t len)
{
	for (size_t i = 0; i < r->fixtures->n[FIX_SECRET_ENV]; i++) {
		const char *pair = r->fixtures->of[FIX_SECRET_ENV][i].text;

		if (holds(text, len, strchr(pair, '=') + 1))
			return pair;
	}
	return NULL;
}

static void say_secret(struct result *out, const char *where, const char *pair)
{
	say_reachable(out, "%.*s in %s", (int)strcspn(pair, "="), pair, where);
}

static bool has_secrets(const struct run *r, struct result *out)
{
	if (r->fixtures->n[FIX_SECRET_ENV] > 0)
		return true;
	say_untried(out, "no fixture: secret_env");
	return false;
}

static void try_own_env(const struct attempt *a, const struct run *r,
			struct result *out)
{
	(void)a;
	if (!has_secrets(r, out))
		return;
	for (char **e = environ; *e; e++) {
		const char *pair = find_secret(r, *e, strlen(*e));

		if (pair) {
			say_secret(out, "the environment", pair);
			return;
		}
	}
	say_refused(out, 0, "not in the environment");
}

/* @arg: the name of a file of each process. */
static void try_any_proc(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	static char text[ENVIRON_SIZE];
	DIR *d = opendir("/proc");
	const struct dirent *e;
	char path[300];
	unsigned n = 0;

	if (!has_secrets(r, out))
		return;
	while (d && (e = readdir(d)) != NULL) {
		const char *pair;
		ssize_t len;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name,
			       (const char *)a->arg);
		len = read_file(path, text, sizeof(text));
		if (len < 0)
			continue;
		n++;
		pair = find_secret(r, text, (size_t)len);
		if (pair) {
			say_secret(out, path, pair);
			(void)closedir(d);
			return;
		}
	}
	if (d)
		(void)closedir(d);
	say_refused(out, 0, "not in the %u that can be read", n);
}

/* ---- identity ---- */

/* A line of /proc/self/status as hexadecimal or decimal text. */
static bool read_status(const char *key, char *value, size_t size)
{
	static char text[16384];
	const char *p;

	if (read_file("/proc/self/status", text, sizeof(text)) < 0)
		return false;
	p = strstr(text, key);
	if (!p)
		return false;
	p += strlen(key);
	p += strspn(p, ":\t ");
	(void)snprintf(value, size, "%.*s", (int)strcspn(p, "\n"), p);
	return true;
}

/* @arg: a line of the status that should be all zeroes. */
static void try_caps(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	char value[64];

	(void)r;
	if (!read_status(a->arg, value, sizeof(value)))
		say_untried(out, "no /proc/self/status");
	else if (value[strspn(value, "0")] == '\0')
		say_refused(out, 0, "none");
	else
		say_reachable(out, "%s", value);
}

static void try_no_new_privs(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	(void)a;
	(void)r;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		say_refused(out, 0, "no new privileges");
	else
		say_reachable(out, "set-uid programs give privileges");
}

static void try_unfiltered(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	char value[16];

	(void)a;
	(void)r;
	if (!read_status("Seccomp", value, sizeof(value)))
		say_untried(out, "no /proc/self/status");
	else if (strcmp(value, "0") == 0)
		say_reachable(out, "no filter at all");
	else
		say_refused(out, 0, "filtered");
}

/* What stands there is given by execve(), which here gives nothing more. */
static void try_caps_gained(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	if (geteuid() != 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		say_refused(out, 0, "no program gains any: no new privileges");
	else
		try_caps(a, r, out);
}

/* By being it, by a set-uid program or by a capability. */
static bool may_be_root(void)
{
	char value[64] = "0";

	return geteuid() == 0 || getegid() == 0 ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	       !read_status("CapPrm", value, sizeof(value)) ||
	       value[strspn(value, "0")] != '\0';
}

/* Each line: first inside, first outside, number. */
static void try_root_mapped(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	char text[4096], *save, *line;

	(void)r;
	if (read_file(a->arg, text, sizeof(text)) < 0) {
		say_untried(out, "no %s", (const char *)a->arg);
		return;
	}
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *second = line + strspn(line, " ");

		second += strcspn(second, " ");
		second += strspn(second, " ");
		if (second[0] != '0' || second[1] != ' ')
			continue;
		if (may_be_root())
			say_reachable(out, "the host's root is in it");
		else
			say_refused(out, 0, "nobody here can become it");
		return;
	}
	say_refused(out, 0, "the host's root is not in it");
}

static void try_uid0(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	(void)a;
	(void)r;
	if (geteuid() == 0)
		say_reachable(out, "uid 0 here");
	else
		say_refused(out, 0, "uid %u", (unsigned)geteuid());
}

/* Groups that give a user more: of disks, of docker, of root. */
static void try_groups(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	(void)a;
	(void)r;
	for (int i = 0; i < n; i++) {
		/* 65534: a group that has no number in this namespace */
		if (groups[i] != getegid()) {
			say_reachable(out, "%d, one is %u", n,
				      (unsigned)groups[i]);
			return;
		}
	}
	say_refused(out, 0, "none");
}

static void try_core(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	struct rlimit own;

	(void)a;
	/* Our own attempts have none; what we were given is the parent's. */
	if (prlimit(getppid(), RLIMIT_CORE, NULL, &own) == -1)
		say_refused(out, errno, "%s", "");
	else if (own.rlim_max == 0)
		say_refused(out, 0, "limit 0");
	else
		say_reachable(out, "%s",
			      own.rlim_cur ? "on" : "off, and may be set");
	(void)r;
}

const struct attempt handover_rows[] = {
	ROW("handover.leaked-descriptor", "a descriptor beyond 0, 1, 2",
	    "CVE-2024-21626", try_leaked_fd, NULL),
	ROW("handover.leaked-directory", "a directory's descriptor",
	    "CVE-2024-21626", try_leaked_dir, NULL),
	ROW("handover.leaked-socket", "a socket beyond 0, 1, 2",
	    "CVE-2020-15257", try_leaked_socket, NULL),
	ROW("handover.stdio-reopen", "standard input opened again for writing",
	    "proc_pid_fd(5)", try_stdio_reopen, NULL),
	ROW("handover.cwd-outside", "a working directory out of the project",
	    "CVE-2024-21626", try_cwd, NULL),
	ROW("handover.cwd-above-root", "\"..\" beyond the root",
	    "CVE-2024-21626", try_cwd_up, NULL),
	ROW("handover.own-program-writable",
	    "this program's file opened for writing", "CVE-2019-5736", try_exe,
	    "/proc/self/exe"),
	ROW("handover.parent-program-writable", "the file of what started it",
	    "CVE-2019-5736", try_exe, NULL),
	ROW("handover.init-program-writable", "the file of process 1",
	    "CVE-2019-5736", try_exe, "/proc/1/exe"),
	ROW("handover.env-own", "a secret in the environment", "environ(7)",
	    try_own_env, NULL),
	ROW("handover.env-any", "a secret in any process's environment",
	    "bubblewrap --clearenv keeps it in process 1", try_any_proc,
	    "environ"),
	ROW("handover.cmdline-any", "a secret in any process's arguments",
	    "proc_pid_cmdline(5)", try_any_proc, "cmdline"),
	ROW("handover.caps-effective", "capabilities in force",
	    "capabilities(7)", try_caps, "CapEff"),
	ROW("handover.caps-permitted", "capabilities that can be taken up",
	    "capabilities(7)", try_caps, "CapPrm"),
	ROW("handover.caps-inheritable", "capabilities for files to add",
	    "CVE-2022-24769", try_caps, "CapInh"),
	ROW("handover.caps-ambient", "capabilities that programs inherit",
	    "capabilities(7)", try_caps, "CapAmb"),
	ROW("handover.caps-bounding", "capabilities that programs may gain",
	    "capabilities(7)", try_caps_gained, "CapBnd"),
	ROW("handover.new-privileges", "privileges by set-uid programs",
	    "PR_SET_NO_NEW_PRIVS(2const)", try_no_new_privs, NULL),
	ROW("handover.no-filter", "no system call filter", "seccomp(2)",
	    try_unfiltered, NULL),
	ROW("handover.uid-zero", "uid 0", "credentials(7)", try_uid0, NULL),
	ROW("handover.uid-root-mapped",
	    "the host's uid 0, which one can become",
	    "core_pattern as root of bubblewrap", try_root_mapped,
	    "/proc/self/uid_map"),
	ROW("handover.gid-root-mapped",
	    "the host's gid 0, which one can become", "user_namespaces(7)",
	    try_root_mapped, "/proc/self/gid_map"),
	ROW("handover.groups", "supplementary groups of the user",
	    "CVE-2022-29162", try_groups, NULL),
	ROW("handover.core-dumps", "core files", "core(5)", try_core, NULL),
};
END_ROWS(handover);
