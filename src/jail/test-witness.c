/* SPDX-License-Identifier: Apache-2.0 */
/* What the witness reads from a process, and how what it saw is folded. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/test.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/witness-begin-parse.h"
#include "jail/witness-crowd.h"
#include "jail/witness.h"
#include "ledger/record-parse.h"

struct world {
	struct notes *notes;
	int scribe; /* our end */
	uint64_t records, count, bytes;
	char *last; /* the record, terminated */
};

static char last_record[RECORD_MAX_BODY + 1];

static void world_init(struct world *w)
{
	int fds[2];

	*w = (struct world){ .last = last_record };
	ASSERT(ipc_pair(fds) == 0);
	ASSERT(notes_new(&w->notes, fds[1]) == 0);
	w->scribe = fds[0];
}

/* What a scribe would: every line is a record that a witness may send. */
static void take_line(struct world *w, struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	enum record_kind kind;
	struct json *j = NULL;
	struct diag d = { 0 };

	CHECK_EQ(record_check(line, RECORD_ROLE_WITNESS, &kind, &d), 0);
	arena_init(&a, 1 << 20);
	CHECK_EQ(json_parse(&a, line, &j, NULL), 0);
	w->records++;
	w->count += (uint64_t)json_find_int(j, "count", 0);
	ASSERT(line.len < sizeof(last_record));
	memcpy(w->last, line.ptr, line.len);
	w->last[line.len] = '\0';
}

static void receive(struct world *w)
{
	struct pollfd p = { .fd = w->scribe, .events = POLLIN };
	AUTO(ipc_msg) struct ipc_msg m;

	ipc_msg_init(&m);
	while (poll(&p, 1, 0) == 1 &&
	       ipc_recv(w->scribe, &m, IPC_INLINE_MAX) == 0) {
		struct str rest = buf_str(&m.body), line;

		CHECK_EQ(m.type, MSG_APPEND);
		CHECK_EQ(m.id, 0);
		w->bytes += rest.len;
		while (str_cut(&rest, '\n', &line))
			take_line(w, line);
	}
}

static void see(struct world *w, const char *path, const struct look_who *who)
{
	static struct note n;

	note_begin(&n, RECORD_FILE_OPEN, false, RECORD_CLAIMED);
	note_add(&n, NOTE_PATH, str_of(path));
	note_add(&n, NOTE_ACCESS, STR("read"));
	CHECK_EQ(notes_take(w->notes, &n, who, NULL), 0);
}

static void world_done(struct world *w)
{
	notes_free(w->notes);
	(void)close(w->scribe);
}

/* The first at once, the rest counted. */
static void test_folded(void)
{
	const struct look_who one = { .tgid = 7, .ppid = 6, .inside = 2 };
	const struct look_who two = { .tgid = 9, .ppid = 6, .inside = 3 };
	struct world w;

	world_init(&w);
	CHECK(!notes_waiting(w.notes));
	see(&w, "/a", &one);
	see(&w, "/b\xff\"\n", NULL);
	CHECK(notes_waiting(w.notes));
	CHECK_EQ(notes_flush(w.notes, true), 0);
	receive(&w);
	CHECK_EQ(w.records, 2);
	CHECK(strstr(w.last, "\"path\":\"/b\\udcff\\\"\\n\"") != NULL);
	for (int i = 0; i < 1000; i++)
		see(&w, "/a", i % 2 ? &two : &one);
	CHECK(notes_waiting(w.notes));
	receive(&w);
	CHECK_EQ(w.records, 2);
	CHECK_EQ(notes_flush(w.notes, true), 0);
	receive(&w);
	CHECK_EQ(w.records, 3);
	CHECK_EQ(w.count, 1002);
	CHECK(strstr(w.last, "\"count\":1000,\"path\":\"/a\"") != NULL);
	CHECK(strstr(w.last, "\"pid\":9,\"ppid\":6,\"inside\":3") != NULL);
	CHECK(!notes_waiting(w.notes));
	world_done(&w);
}

/* More different ones than there is room for, again and again: none is lost. */
static void test_many(void)
{
	enum {
		ROUNDS = 3,
		PATHS = 9001
	};
	struct world w;
	char path[40];
	int status = 0;
	pid_t pid;

	world_init(&w);
	pid = fork();
	ASSERT(pid != -1);
	for (int r = 0; r < ROUNDS && pid == 0; r++) {
		for (int i = 0; i < PATHS; i++) {
			(void)snprintf(path, sizeof(path), "/p/%d", i);
			see(&w, path, NULL);
			if (i % 3 == 0)
				see(&w, path, NULL);
		}
	}
	if (pid == 0)
		_exit(notes_flush(w.notes, true) == 0 && test_failures == 0
			      ? 0
			      : 1);
	while (waitpid(pid, &status, WNOHANG) == 0)
		receive(&w);
	CHECK_EQ(status, 0);
	receive(&w);
	CHECK_EQ(w.count, ROUNDS * (PATHS + (PATHS + 2) / 3));
	world_done(&w);
}

/* A record has its limit, whatever has to be escaped. */
static void test_long(void)
{
	static char path[LOOK_FULL];
	static struct note n;
	struct world w;

	world_init(&w);
	memset(path, '\x01', sizeof(path) - 1);
	note_begin(&n, RECORD_FILE_RENAME, false, RECORD_CLAIMED);
	for (int i = 0; i < 4; i++)
		note_add(&n, i % 2 ? NOTE_TO : NOTE_PATH, str_of(path));
	CHECK_EQ(notes_take(w.notes, &n, NULL, NULL), 0);
	CHECK_EQ(notes_flush(w.notes, true), 0);
	receive(&w);
	CHECK(strstr(w.last, "\"cut\":true") != NULL); /* a note's room */
	note_begin(&n, RECORD_FILE_RENAME, false, RECORD_CLAIMED);
	note_add(&n, NOTE_PATH, str_of(path));
	note_add(&n, NOTE_TO, str_of(path));
	CHECK_EQ(notes_take(w.notes, &n, NULL, NULL), 0);
	CHECK_EQ(notes_flush(w.notes, true), 0);
	receive(&w);
	CHECK_EQ(w.records, 2);
	CHECK(strstr(w.last, "\"cut\":true") != NULL);
	world_done(&w);
}

/* One that is whole and one that is not are two. */
static void test_cut(void)
{
	static struct note n;
	struct world w;

	world_init(&w);
	for (int i = 0; i < 4; i++) {
		note_begin(&n, RECORD_PROCESS_EXEC, false, RECORD_CLAIMED);
		note_add(&n, NOTE_ARGV, STR("fold"));
		if (i % 2)
			note_cut(&n);
		CHECK_EQ(notes_take(w.notes, &n, NULL, NULL), 0);
	}
	CHECK_EQ(notes_flush(w.notes, true), 0);
	receive(&w);
	CHECK_EQ(w.records, 4); /* two firsts, two counts */
	world_done(&w);
}

/* Memory that may only be written is read by a system call, so by us too. */
static void test_write_only(void)
{
	char *page = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char text[64];

	ASSERT(page != MAP_FAILED);
	memcpy(page + 4090, "abcdefgh", 9);
	CHECK_EQ(mprotect(page + 4096, 4096, PROT_WRITE), 0);
	CHECK_EQ(look_string(getpid(), (uint64_t)(uintptr_t)page + 4090, text,
			     sizeof(text)),
		 8);
	CHECK_STR(str_of(text), STR("abcdefgh"));
	CHECK_EQ(munmap(page + 4096, 4096), 0);
	CHECK_EQ(look_bytes(getpid(), (uint64_t)(uintptr_t)page + 4090, text,
			    16),
		 6);
	CHECK_EQ(look_bytes(getpid(), (uint64_t)(uintptr_t)page + 4096, text,
			    16),
		 -EFAULT);
	(void)munmap(page, 4096);
}

/* A scribe that is gone is said, not overlooked. */
static void test_no_scribe(void)
{
	struct world w;

	world_init(&w);
	(void)close(w.scribe);
	see(&w, "/a", NULL);
	CHECK_EQ(notes_flush(w.notes, true), -EPIPE);
	notes_free(w.notes);
}

/* Strings that end where memory ends; that begin nowhere; that do not end. */
static void test_strings(void)
{
	const size_t page = 4096;
	char *at = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char got[LOOK_PATH];
	pid_t self = getpid();

	ASSERT(at != MAP_FAILED);
	ASSERT(munmap(at + 3 * page, page) == 0);
	memset(at, 'x', 3 * page);
	for (size_t len = 0; len < 300; len++) {
		char *s = at + 3 * page - len - 1;

		s[len] = '\0';
		CHECK_EQ(look_string(self, (uintptr_t)s, got, sizeof(got)),
			 len);
		CHECK_EQ(strlen(got), len);
	}
	/* over the end of a page, of every length around one */
	for (size_t len = page - 3; len < page + 3; len++) {
		char *s = at + page - 7;

		memset(at, 'y', 3 * page);
		s[len] = '\0';
		CHECK_EQ(look_string(self, (uintptr_t)s, got, sizeof(got)),
			 len < LOOK_PATH ? (ssize_t)len : -ENAMETOOLONG);
	}
	memset(at, 'x', 3 * page);
	CHECK_EQ(look_string(self, (uintptr_t)(at + 3 * page - 5), got,
			     sizeof(got)),
		 -EFAULT);
	CHECK_EQ(
		look_string(self, (uintptr_t)(at + 3 * page), got, sizeof(got)),
		-EFAULT);
	CHECK_EQ(look_string(self, 0, got, sizeof(got)), -EFAULT);
	CHECK_EQ(look_string(self, (uintptr_t)at, got, sizeof(got)),
		 -ENAMETOOLONG);
	CHECK_EQ(strlen(got), sizeof(got) - 1);
	(void)munmap(at, 3 * page);
}

static void test_argv(void)
{
	static char long_word[2000];
	const char *some[] = { "sh", "-c", "it's", "", "a b", long_word, NULL };
	const char *many[200];
	char got[4096];
	unsigned argc;

	memset(long_word, 'w', sizeof(long_word) - 1);
	CHECK(look_argv(getpid(), (uintptr_t)some, got, sizeof(got), &argc));
	CHECK_EQ(argc, 6);
	CHECK_EQ(strncmp(got, "sh -c 'it'\\''s' '' 'a b' www", 28), 0);
	CHECK_EQ(strlen(got), 25 + sizeof(long_word) - 1);
	for (size_t i = 0; i < N_ELEMS(many); i++)
		many[i] = "x";
	CHECK(!look_argv(getpid(), (uintptr_t)many, got, sizeof(got), &argc));
	CHECK(!look_argv(getpid(), 0, got, sizeof(got), &argc));
	CHECK_EQ(got[0], 0);
	CHECK(!look_argv(getpid(), (uintptr_t)some, got, 40, &argc));
	CHECK(strlen(got) < 40);
}

static void test_who(void)
{
	AUTO(look) struct look *l = NULL;
	const struct look_who *w;

	CHECK_EQ(look_new(&l), 0);
	w = look_who(l, getpid());
	CHECK_EQ(w->tgid, getpid());
	CHECK_EQ(w->ppid, getppid());
	CHECK(w->inside > 0);
	CHECK(strstr(w->exe, "test-witness") != NULL);
	w = look_who(l, INT32_MAX); /* nobody */
	CHECK_EQ(w->tgid, 0);
	CHECK_EQ(w->exe[0], 0);
}

static void test_absolute(void)
{
	static char dst[LOOK_FULL], cwd[LOOK_PATH];

	ASSERT(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_STR(look_absolute(getpid(), AT_FDCWD, STR("/a/../b"), dst),
		  STR("/a/../b"));
	CHECK_STR(look_absolute(getpid(), AT_FDCWD, STR(""), dst), str_of(cwd));
	CHECK_STR(look_absolute(getpid(), 9999, STR("x/y"), dst), STR("?/x/y"));
	CHECK(str_ends(look_absolute(getpid(), AT_FDCWD, STR("./x"), dst),
		       STR("/x")));
}

/* The end of a child that confines itself and then does @what. */
static int confined(int what)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };
	int status = 0;
	pid_t pid = fork();

	ASSERT(pid != -1);
	if (pid == 0) {
		if (witness_confine() != 0)
			_exit(9);
		if (what == 1)
			(void)execve("/bin/true", argv, argv);
		if (what == 2)
			(void)fork();
		if (what == 3)
			(void)unlink("/nonexistent");
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_begin(void)
{
	static const struct {
		const char *body;
		int result;
		size_t n_fds;
	} rows[] = {
		{ "{\"audit\":\"all\",\"cwd\":\"/\",\"argv\":\"\"}", 0, 3 },
		{ "{\"audit\":\"exact\",\"cwd\":\"/a\",\"argv\":\"x y\","
		  "\"path\":\"./x\",\"cache\":true}",
		  0, 8 },
		{ "[]", -EPROTO, 0 },
		{ "{\"audit\":\"all\",\"cwd\":\"/\"}", -EPROTO, 0 },
		{ "{\"cwd\":\"/\",\"argv\":\"\"}", -EPROTO, 0 },
		{ "{\"audit\":\"most\",\"cwd\":\"/\",\"argv\":\"\"}", -EPROTO,
		  0 },
		{ "{\"audit\":2,\"cwd\":\"/\",\"argv\":\"\"}", -EPROTO, 0 },
		{ "{\"audit\":\"all\",\"cwd\":\"a\",\"argv\":\"\"}", -EPROTO,
		  0 },
		{ "{\"audit\":\"all\",\"cwd\":\"\",\"argv\":\"\"}", -EPROTO,
		  0 },
		{ "{\"audit\":\"all\",\"cwd\":\"/\",\"argv\":\"\\u0000\"}",
		  -EPROTO, 0 },
		{ "{\"audit\":\"all\",\"cwd\":\"/\",\"argv\":\"\","
		  "\"path\":\"\"}",
		  -EPROTO, 0 },
		{ "{\"audit\":\"all\",\"cwd\":\"/\",\"argv\":\"\","
		  "\"cache\":1}",
		  -EPROTO, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct witness_begin b;
		int r;

		arena_init(&a, 1 << 20);
		r = witness_begin_parse(&a, str_of(rows[i].body), &b);
		CHECK_EQ(r, rows[i].result);
		if (r == 0)
			CHECK_EQ(witness_begin_fds(&b), rows[i].n_fds);
	}
}

/* One that nobody tells of a session ends with the last copy of its socket. */
static void test_spare(void)
{
	int sock = -1, copy, status = 0;
	pid_t pid = witness_spawn(&sock);

	ASSERT(pid > 0);
	copy = fd_dup(sock);
	(void)close(sock);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	(void)close(copy);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

	/* And with nonsense. */
	pid = witness_spawn(&sock);
	ASSERT(pid > 0);
	CHECK_EQ(ipc_send(sock, MSG_WITNESS, 0, STR("{}"), NULL, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	(void)close(sock);
}

static void test_confined(void)
{
	CHECK_EQ(confined(0), 0);
	for (int i = 1; i <= 3 && !SANITIZED; i++)
		CHECK_EQ(confined(i), -SIGSYS);
}

/* @tids call in this order, @step_ns apart; what is said of the last. */
static enum crowd_answer crowd_after(const char *tids, uint64_t step_ns)
{
	struct crowd c = { .score = 0 };
	uint64_t now = UINT64_C(1000000000);
	enum crowd_answer r = CROWD_HERE;

	for (; *tids; tids++, now += step_ns)
		r = crowd_see(&c, *tids, now);
	return r;
}

static void test_crowd(void)
{
	static const struct {
		const char *tids;
		uint64_t step_ns;
		enum crowd_answer answer;
	} rows[] = {
		{ "a", 1000, CROWD_LOOK },
		{ "aa", 1000, CROWD_HERE },
		{ "aaaaaaaaaaaaaaaaaaaaaaaa", 1000, CROWD_HERE },
		{ "ab", 1000, CROWD_LOOK },
		{ "abababab", 1000, CROWD_APART },
		{ "aabbaabbaabbaabb", 1000, CROWD_APART },
		{ "abcabcabcabc", 1000, CROWD_APART },
		/* One program after the other. */
		{ "aabbaaccaaddaaeeaaffaaggaahhaa", 1000, CROWD_HERE },
		{ "aabbccddeeffgghhiijj", 1000, CROWD_HERE },
		{ "aabbccddeeffgghhiij", 1000, CROWD_LOOK },
		/* Rarely: the look costs little then. */
		{ "aaaaaaaa", UINT64_C(1000000), CROWD_LOOK },
		{ "ababababab", UINT64_C(1000000), CROWD_LOOK },
		/* Once, and long ago. */
		{ "ababababab", UINT64_C(30000000), CROWD_LOOK },
		{ "abababababaacdefghii", 1000, CROWD_HERE },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		CHECK_EQ(crowd_after(rows[i].tids, rows[i].step_ns),
			 rows[i].answer);
}

/* One that is held on a processor was there last. */
static void test_cpu(void)
{
	cpu_set_t was, one;
	int here;

	CHECK_EQ(sched_getaffinity(0, sizeof(was), &was), 0);
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &was))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		here = look_cpu(gettid());
		CHECK_EQ(here, (int)i);
	}
	CHECK_EQ(sched_setaffinity(0, sizeof(was), &was), 0);
	CHECK_EQ(look_cpu(INT32_MAX), -1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the first at once, the rest counted", test_folded },
		{ "more than there is room for", test_many },
		{ "longer than a record", test_long },
		{ "no scribe", test_no_scribe },
		{ "strings of a process", test_strings },
		{ "arguments", test_argv },
		{ "who it is", test_who },
		{ "paths made absolute", test_absolute },
		{ "what it is told", test_begin },
		{ "one that is never needed", test_spare },
		{ "several at the same time", test_crowd },
		{ "whole and cut", test_cut },
		{ "memory that may only be written", test_write_only },
		{ "the processor of a thread", test_cpu },
		{ "its own filter", test_confined },
	};

	return test_main(tests, N_ELEMS(tests));
}
