/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of a directory, so that seeds are
 * regression tests on any compiler.  The empty input always comes first.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX_BYTES ((size_t)1 << 20)
#define SEEDS_MAX      4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_seed(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* A heap copy of the exact size, so that ASan sees a read beyond the end. */
static int replay(const char *dir, const char *name)
{
	static uint8_t buf[SEED_MAX_BYTES];
	char path[PATH_MAX];
	uint8_t *exact = NULL;
	size_t n = 0;
	FILE *f = NULL;
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -1;
	f = fopen(path, "rbe");
	if (!f)
		return -1;
	n = fread(buf, 1, sizeof(buf), f);
	(void)fclose(f);
	exact = malloc(n > 0 ? n : 1);
	if (!exact)
		return -1;
	memcpy(exact, buf, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	const char *dir = argc == 2 ? argv[1] : "";
	int n = scandir(dir, &names, is_seed, alphasort);
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (n < 0 || (unsigned)n > SEEDS_MAX) {
		printf("1..1\nnot ok 1 - %s: cannot list\n", dir);
		return 1;
	}

	printf("1..%d\n", n + 1);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok 1 - the empty input\n");
	for (int i = 0; i < n; i++) {
		int r = replay(dir, names[i]->d_name);

		printf("%sok %d - %s\n", r == 0 ? "" : "not ", i + 2,
		       names[i]->d_name);
		bad += r != 0;
		free(names[i]);
	}
	free(names);
	return bad ? 1 : 0;
}
