/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many records a second become durable, in groups of 1 to 4096, through
 * the store alone and through a whole scribe with several writers that each
 * keep a window of unanswered records; and how many a second are verified.
 *
 * usage: bench-append DIR [SECONDS]      DIR on the file system to measure
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "ledger/scribe.h"
#include "ledger/store.h"
#include "ledger/verify.h"

#define WRITERS 8u
#define ENVELOPE                                                       \
	"\"session\":\"01jd2t9d6k0a1b2c3d4e\",\"user\":\"developer\"," \
	"\"task\":\"\""
#define BODY                                                                  \
	"{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":\"kernel\"," \
	"\"rule.layer\":\"user\",\"rule.file\":\"/home/developer/.config/"    \
	"bawn/"                                                               \
	"policy.yaml\",\"rule.line\":12,\"count\":1,\"host\":\"git.corp."     \
	"example\",\"addr\":\"192.0.2.17\",\"port\":443,\"proto\":\"tcp\"}"

static void fail(const char *what, int r)
{
	fprintf(stderr, "bench-append: %s: %s\n", what, strerror(-r));
	exit(2);
}

static void remove_at(int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		fail("fdopendir", -errno);
	while ((e = readdir(dir)) != NULL) {
		int sub;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    unlinkat(fd, e->d_name, 0) == 0)
			continue;
		sub = openat(fd, e->d_name,
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub != -1)
			remove_at(sub);
		(void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
}

static void remove_files(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return;
	remove_at(fd);
	(void)rmdir(dir);
}

static void bench_store(const char *dir, unsigned group, uint64_t for_ns)
{
	const struct store_record rec = { .at = clock_utc_ns(),
					  .envelope = STR(ENVELOPE),
					  .body = STR(BODY) };
	AUTO(store) struct store *s = NULL;
	uint64_t n = 0, commits = 0, seq = 0, begin, now;
	int r = store_open(&s, dir, NULL, NULL);

	if (r != 0)
		fail(dir, r);
	begin = now = clock_mono_ns();
	while (now - begin < for_ns) {
		for (unsigned i = 0; r == 0 && i < group; i++)
			r = store_add(s, &rec, NULL);
		if (r == 0)
			r = store_commit(s, &seq);
		if (r != 0)
			fail("append", r);
		n += group;
		commits++;
		now = clock_mono_ns();
	}
	r = store_publish(s);
	if (r != 0)
		fail("publish", r);
	printf("store, groups of %4u: %9.0f records/s, %7.1f us a commit\n",
	       group, (double)n * 1e9 / (double)(now - begin),
	       (double)(now - begin) / 1e3 / (double)commits);
}

static void bench_verify(const char *dir)
{
	struct verify_report rep;
	uint64_t begin = clock_mono_ns(), ns;
	int r = verify_dir(dir, NULL, NULL, &rep);

	ns = clock_mono_ns() - begin;
	if (r != 0) {
		fprintf(stderr, "bench-append: %s: %s\n", rep.file, rep.text);
		exit(2);
	}
	printf("verify: %" PRIu64 " records in %.2f s: %.0f records/s, "
	       "%.0f MB/s\n",
	       rep.records, (double)ns / 1e9,
	       (double)rep.records * 1e9 / (double)ns,
	       (double)rep.bytes * 1e3 / (double)ns);
}

/* Keeps @window records unanswered on @fd until @until_ns. */
static uint64_t write_window(int fd, unsigned window, uint64_t until_ns)
{
	struct ipc_msg m;
	uint64_t sent = 0, answered = 0;
	int r = 0;

	ipc_msg_init(&m);
	while (r == 0 && clock_mono_ns() < until_ns) {
		while (r == 0 && sent - answered < window) {
			r = ipc_send(fd, MSG_APPEND, (uint32_t)++sent,
				     STR(BODY), NULL, 0);
		}
		if (r == 0)
			r = ipc_recv(fd, &m, IPC_INLINE_MAX);
		answered++;
	}
	for (; r == 0 && answered < sent; answered++)
		r = ipc_recv(fd, &m, IPC_INLINE_MAX);
	ipc_msg_done(&m);
	if (r != 0)
		fail("writer", r);
	return answered;
}

static int start_writer(int keeper, unsigned window, uint64_t until_ns)
{
	static const struct str channel =
		STR("{\"session\":\"01jd2t9d6k0a1b2c3d4e\",\"user\":"
		    "\"developer\",\"task\":\"\",\"role\":\"relay\"}");
	int fds[2], out[2];
	int r = ipc_pair(fds);

	if (r == 0)
		r = ipc_send(keeper, MSG_CHANNEL, 0, channel, &fds[1], 1);
	if (r != 0 || pipe(out) == -1)
		fail("channel", r);
	if (fork() == 0) {
		uint64_t n;

		(void)close(keeper);
		(void)close(fds[1]);
		n = write_window(fds[0], window, until_ns);
		_exit(fd_write_full(out[1], &n, sizeof(n)) == 0 ? 0 : 1);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(out[1]);
	return out[0];
}

static void bench_scribe(const char *dir, unsigned writers, unsigned window,
			 uint64_t for_ns)
{
	int keeper[2], out[WRITERS];
	uint64_t n = 0, begin;

	if (ipc_pair(keeper) != 0)
		fail("pair", -EIO);
	if (fork() == 0)
		_exit(scribe_run(keeper[1], dir));
	(void)close(keeper[1]);
	(void)usleep(100000); /* its start is not what is measured */
	begin = clock_mono_ns();
	for (unsigned i = 0; i < writers; i++)
		out[i] = start_writer(keeper[0], window, begin + for_ns);
	for (unsigned i = 0; i < writers; i++) {
		uint64_t one = 0;
		int r = fd_read_full(out[i], &one, sizeof(one));

		if (r != 0)
			fail("writer", r);
		n += one;
		(void)close(out[i]);
	}
	uint64_t ns = clock_mono_ns() - begin;

	(void)close(keeper[0]);
	while (wait(NULL) > 0)
		;
	printf("scribe, %u writers, window %3u: %7.0f records/s, "
	       "%7.1f us a record and writer\n",
	       writers, window, (double)n * 1e9 / (double)ns,
	       (double)ns / 1e3 * writers / (double)n);
}

int main(int argc, char **argv)
{
	static const unsigned groups[] = { 1, 16, 256, 4096 };
	char dir[PATH_LIMIT];
	uint32_t seconds = 2;

	if (argc < 2 || argc > 3 ||
	    (argc == 3 && !str_u32(str_of(argv[2]), 1, 600, &seconds))) {
		fprintf(stderr, "usage: bench-append DIR [SECONDS]\n");
		return 64;
	}
	(void)snprintf(dir, sizeof(dir), "%s/bench-ledger", argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < N_ELEMS(groups); i++) {
		bench_store(dir, groups[i], seconds * NS_PER_S);
		if (i + 1 == N_ELEMS(groups))
			bench_verify(dir);
		remove_files(dir);
	}
	bench_scribe(dir, 1, 1, seconds * NS_PER_S);
	remove_files(dir);
	bench_scribe(dir, WRITERS, 1, seconds * NS_PER_S);
	remove_files(dir);
	bench_scribe(dir, WRITERS, 32, seconds * NS_PER_S);
	remove_files(dir);
	return 0;
}
