/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walls that stand behind others: each is looked at alone, since what one lets
 * through the next one stops, and nobody would miss it.
 *
 *   argv[1]  a directory of ours that may only be read
 *   argv[2...]  the namespaces outside, as readlink(2) tells them
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escape.h"

#define LINE 4096

struct mount {
	char options[256], super[512];
	unsigned n; /* mounts that lie there */
};

/* The one on top at @path, by /proc/self/mountinfo. */
static struct mount find(const char *path)
{
	static char line[LINE];
	struct mount m = { .n = 0 };
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		/* id parent device root AT OPTIONS ... - type source SUPER */
		char *save = NULL, *word = strtok_r(line, " \n", &save);
		const char *options = NULL, *super = NULL;
		bool here = false;
		unsigned after = 0;

		for (unsigned i = 0; word; i++) {
			here = i == 4 ? strcmp(word, path) == 0 : here;
			options = i == 5 ? word : options;
			after += after > 0 || strcmp(word, "-") == 0;
			super = after == 4 ? word : super;
			word = strtok_r(NULL, " \n", &save);
		}
		if (!here || !options || !super)
			continue;
		m.n++;
		(void)snprintf(m.options, sizeof(m.options), "%s", options);
		(void)snprintf(m.super, sizeof(m.super), "%s", super);
	}
	if (f)
		(void)fclose(f);
	return m;
}

/* @word is one of the words between commas. */
static int says(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len) {
		if ((p == list || p[-1] == ',') &&
		    (p[len] == '\0' || p[len] == ','))
			return 1;
	}
	return 0;
}

static void must_say(const char *path, const char *options)
{
	char words[128], *save = NULL;
	struct mount m = find(path);

	(void)snprintf(words, sizeof(words), "%s", options);
	for (char *w = strtok_r(words, ",", &save); w;
	     w = strtok_r(NULL, ",", &save)) {
		if (m.n == 1 && says(m.options, w))
			continue;
		printf("# %s: %u mounts, %s, without %s\n", path, m.n,
		       m.options, w);
		escapes++;
	}
}

static void mounts(const char *readable)
{
	static const char *const acting[] = { "sysrq-trigger", "irq", "bus",
					      "fs" };
	char path[64], cwd[LINE];

	/* One, and ours: nothing of the host is below it. */
	must_say("/", "ro,nosuid,nodev");
	must_say(readable, "ro,nosuid,nodev");
	HOLDS(getcwd(cwd, sizeof(cwd)) != NULL);
	must_say(cwd, "rw,nosuid,nodev");
	must_say("/proc/sys", "ro");
	for (size_t i = 0; i < N_ELEMS(acting); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%s", acting[i]);
		if (access(path, F_OK) == 0)
			must_say(path, "ro");
	}
	HOLDS(says(find("/proc").super, "hidepid=invisible"));
}

/* By the mount alone: the directory and the file are ours. */
static void reading(const char *readable)
{
	int dir = open(readable, O_PATH | O_DIRECTORY);

	HOLDS(dir >= 0);
	REFUSED(EROFS, mkdirat(dir, "planted", 0755));
	REFUSED(EROFS, mkdir("/planted", 0755));
}

static void namespaces(char *const *outside)
{
	char path[32], inside[64];

	for (; *outside; outside++) {
		const char *colon = strchr(*outside, ':');
		ssize_t n;

		HOLDS(colon);
		if (!colon)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%.*s",
			       (int)(colon - *outside), *outside);
		n = readlink(path, inside, sizeof(inside) - 1);
		HOLDS(n > 0);
		inside[n > 0 ? n : 0] = '\0';
		if (strcmp(inside, *outside) == 0) {
			printf("# the host's own %s\n", inside);
			escapes++;
		}
	}
}

int main(int argc, char **argv)
{
	HOLDS(argc > 2);
	if (argc <= 2)
		return verdict();
	mounts(argv[1]);
	reading(argv[1]);
	namespaces(argv + 2);
	HOLDS(getsid(0) == getpid());
	return verdict();
}
