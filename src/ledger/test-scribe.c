/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole scribe in a child, confined as in real life, against writers that
 * behave and writers that do not.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/scribe.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define GRANT(more)                                                           \
	"{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":\"kernel\"," \
	"\"count\":1" more "}"
#define OPENED                                                       \
	"{\"kind\":\"session.open\",\"verdict\":\"none\",\"trust\":" \
	"\"kernel\",\"count\":1}"

struct world {
	struct test_dir dir;
	int keeper;
	pid_t pid;
};

/* Files of the scribe end here, as on a full disk. */
static rlim_t file_limit = RLIM_INFINITY;

static void limit_files(void)
{
	struct rlimit l = { file_limit, RLIM_INFINITY };

	if (file_limit != RLIM_INFINITY)
		ASSERT(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

static void world_start(struct world *w)
{
	int fds[2];

	ASSERT(ipc_pair(fds) == 0);
	w->pid = fork();
	ASSERT(w->pid != -1);
	if (w->pid == 0) {
		(void)prctl(PR_SET_NAME, "bawnd:scribe"); /* tests/torture */
		/* What it says on stderr is expected here, and no TAP. */
		AUTO(fd) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (!getenv("VERBOSE"))
			(void)dup2(null, STDERR_FILENO);
		limit_files();
		_exit(scribe_run(fds[1], w->dir.path));
	}
	(void)close(fds[1]);
	w->keeper = fds[0];
}

static void world_init(struct world *w)
{
	test_dir_init(&w->dir);
	world_start(w);
}

/* Its exit code; 1000 + n: by signal n. */
static int wait_scribe(const struct world *w)
{
	int status = 0;

	if (waitpid(w->pid, &status, 0) != w->pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

static void world_stop(struct world *w, int code)
{
	struct verify_report rep;

	if (w->keeper != -1)
		(void)close(w->keeper);
	CHECK_EQ(wait_scribe(w), code);
	CHECK_EQ(verify_dir(w->dir.path, NULL, NULL, &rep), 0);
	if (test_failures)
		printf("# %s:%" PRIu64 ": %s\n", rep.file, rep.line, rep.text);
}

static void world_done(struct world *w, int code)
{
	world_stop(w, code);
	test_dir_done(&w->dir);
}

#define CHANNEL(session, role)                                        \
	"{\"session\":\"" session "\",\"user\":\"u\",\"task\":\"t\"," \
	"\"role\":\"" role "\"}"

static int new_channel(const struct world *w, const char *body)
{
	int fds[2];

	ASSERT(ipc_pair(fds) == 0);
	CHECK_EQ(ipc_send(w->keeper, MSG_CHANNEL, 0, str_of(body), &fds[1], 1),
		 0);
	(void)close(fds[1]);
	return fds[0];
}

static int send_record(int fd, uint32_t id, const char *body)
{
	return ipc_send(fd, MSG_APPEND, id, str_of(body), NULL, 0);
}

/* A message within ten seconds: its "seq", 0 for an error, < 0: -errno. */
static int64_t get_message(int fd, uint32_t type, uint32_t id)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(ipc_msg) struct ipc_msg m;
	struct json *o = NULL;
	int r;

	ipc_msg_init(&m);
	arena_init(&a, 4096);
	if (poll(&p, 1, 10000) != 1)
		return -ETIMEDOUT;
	r = ipc_recv(fd, &m, IPC_INLINE_MAX);
	if (r != 0)
		return r;
	if (m.type != type || m.id != id ||
	    json_parse(&a, buf_str(&m.body), &o, NULL) != 0)
		return -EBADMSG;
	return json_find_int(o, "seq", 0);
}

static int64_t get_answer(int fd, uint32_t id)
{
	return get_message(fd, MSG_APPENDED, id);
}

struct found {
	uint64_t kinds[RECORD_KIND_MAX_];
	uint64_t records;
	bool seccomp; /* as the last ledger.start says */
	char session[32], user[32], reason[128]; /* of the last peer.killed */
};

static void note_killed(const struct record *rec, struct found *f)
{
	str_sanitise(rec->head.session, f->session, sizeof(f->session));
	str_sanitise(json_find_str(rec->fields, "user"), f->user,
		     sizeof(f->user));
	str_sanitise(json_find_str(rec->fields, "reason"), f->reason,
		     sizeof(f->reason));
}

static struct found find(const struct world *w)
{
	AUTO(reader) struct reader *r = NULL;
	struct found f = { .records = 0 };
	struct reader_line l;

	CHECK_EQ(reader_open(&r, w->dir.path), 0);
	while (r && reader_next(r, &l) == 0) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct record rec;

		arena_init(&a, RECORD_MAX_BYTES * 8);
		if (record_read(&a, l.text, &rec) != 0) {
			CHECK_EQ(false, true);
			continue;
		}
		f.records++;
		f.kinds[rec.head.kind]++;
		if (rec.head.kind == RECORD_LEDGER_START)
			f.seccomp = json_find_bool(rec.fields, "layer.seccomp",
						   false);
		if (rec.head.kind == RECORD_PEER_KILLED)
			note_killed(&rec, &f);
	}
	return f;
}

static void test_session(void)
{
	struct world w;
	int keeper, relay, supervisor;

	world_init(&w);
	keeper = new_channel(&w, CHANNEL("0s1", "keeper"));
	relay = new_channel(&w, CHANNEL("0s1", "relay"));
	supervisor = new_channel(&w, CHANNEL("0s1", "supervisor"));

	CHECK_EQ(send_record(keeper, 7, OPENED), 0);
	CHECK_EQ(get_answer(keeper, 7), 2); /* after ledger.start */
	CHECK_EQ(send_record(relay, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 1), 3);
	CHECK_EQ(send_record(relay, 0, GRANT(",\"port\":1")), 0);
	CHECK_EQ(send_record(relay, 9, GRANT(",\"port\":2")), 0);
	CHECK_EQ(get_answer(relay, 9), 5);
	CHECK_EQ(send_record(supervisor, 0,
			     "{\"kind\":\"limit.hit\",\"verdict\":\"deny\","
			     "\"trust\":\"kernel\",\"count\":1}"),
		 0);
	CHECK_EQ(send_record(w.keeper, 3,
			     "{\"kind\":\"daemon.stop\",\"verdict\":\"none\","
			     "\"trust\":\"kernel\",\"count\":1}"),
		 0);
	CHECK_EQ(get_answer(w.keeper, 3) >= 6, true);
	(void)close(keeper);
	(void)close(relay);
	(void)close(supervisor);
	world_stop(&w, 0);

	struct found f = find(&w);

	CHECK_EQ(f.records, 7);
	CHECK_EQ(f.kinds[RECORD_NET_GRANT], 3);
	CHECK_EQ(f.kinds[RECORD_LIMIT_HIT], 1);
	test_dir_done(&w.dir);
}

/* Who asks for it is told when the record is in the file, then as any other. */
static void test_written(void)
{
	struct world w;
	int relay;

	world_init(&w);
	relay = new_channel(&w, CHANNEL("0s1", "relay"));
	CHECK_EQ(ipc_send(relay, MSG_APPEND_TELL, 5, STR(GRANT("")), NULL, 0),
		 0);
	CHECK_EQ(get_message(relay, MSG_WRITTEN, 5), 0);
	CHECK_EQ(get_message(relay, MSG_APPENDED, 5), 2);
	/* Without an id there is nobody to tell. */
	CHECK_EQ(ipc_send(relay, MSG_APPEND_TELL, 0, STR(GRANT("")), NULL, 0),
		 0);
	CHECK_EQ(get_message(relay, MSG_WRITTEN, 0), -EPIPE);
	(void)close(relay);
	world_stop(&w, 0);

	struct found f = find(&w);

	CHECK_EQ(f.kinds[RECORD_PEER_KILLED], 1);
	CHECK_EQ(f.kinds[RECORD_NET_GRANT], 1);
	test_dir_done(&w.dir);
}

/* Without anybody waiting: durable by the timer, and at EOF. */
static void test_unasked(void)
{
	struct world w;
	int relay;

	world_init(&w);
	relay = new_channel(&w, CHANNEL("0s1", "relay"));
	CHECK_EQ(send_record(relay, 0, GRANT("")), 0);
	for (unsigned i = 0; i < 1000; i++) {
		struct verify_report rep;

		(void)usleep(5000);
		if (verify_dir(w.dir.path, NULL, NULL, &rep) == 0 &&
		    rep.last_seq == 2)
			break;
	}
	CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], 1);
	CHECK_EQ(send_record(relay, 0, GRANT("")), 0);
	(void)close(relay);
	world_stop(&w, 0);
	CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], 2);
	test_dir_done(&w.dir);
}

/* What a hostile writer may try; each of it ends the writer, not the scribe. */
static const struct {
	const char *what, *role, *body;
	uint32_t type;
} hostile[] = {
	{ "another type", "relay", "{}", MSG_CHANNEL },
	{ "unknown type", "relay", "{}", 100 },
	{ "type 0", "relay", "{}", 0 },
	{ "huge type", "relay", "{}", 0x7fffffff },
	{ "empty", "relay", "", MSG_APPEND },
	{ "no JSON", "relay", "hello", MSG_APPEND },
	{ "only a brace", "relay", "{", MSG_APPEND },
	{ "empty object", "relay", "{}", MSG_APPEND },
	{ "two records", "relay", GRANT("") GRANT(""), MSG_APPEND },
	{ "a line end", "relay", GRANT("") "\n", MSG_APPEND },
	{ "a raw line end", "relay", GRANT(",\"x\":\"\n\""), MSG_APPEND },
	{ "nested", "relay", GRANT(",\"x\":{}"), MSG_APPEND },
	{ "array", "relay", GRANT(",\"x\":[1]"), MSG_APPEND },
	{ "fraction", "relay", GRANT(",\"x\":1.5"), MSG_APPEND },
	{ "its own seq", "relay", GRANT(",\"seq\":1"), MSG_APPEND },
	{ "its own session", "relay", GRANT(",\"session\":\"x\""), MSG_APPEND },
	{ "its own prev", "relay", GRANT(",\"prev\":\"x\""), MSG_APPEND },
	{ "its own user", "relay", GRANT(",\"user\":\"root\""), MSG_APPEND },
	{ "a name twice", "relay", GRANT(",\"x\":1,\"x\":2"), MSG_APPEND },
	{ "an escaped name", "relay", GRANT(",\"\\u0073eq\":1"), MSG_APPEND },
	{ "another's kind", "relay", OPENED, MSG_APPEND },
	{ "another's kind", "supervisor", GRANT(""), MSG_APPEND },
	{ "another's kind", "keeper", GRANT(""), MSG_APPEND },
	{ "the scribe's kind", "relay",
	  "{\"kind\":\"ledger.torn\",\"verdict\":\"none\",\"trust\":"
	  "\"kernel\",\"count\":1}",
	  MSG_APPEND },
	{ "no kind", "relay",
	  "{\"verdict\":\"none\",\"trust\":\"kernel\",\"count\":1}",
	  MSG_APPEND },
	{ "bad UTF-8", "relay", GRANT(",\"x\":\"\xff\""), MSG_APPEND },
};

static void check_hostile(struct world *w, size_t i, uint64_t *ret_killed)
{
	char body[256];
	struct found f;
	int fd, fine = new_channel(w, CHANNEL("0fine", "relay"));

	(void)snprintf(body, sizeof(body),
		       "{\"session\":\"0bad%zu\",\"user\":\"mallory\","
		       "\"task\":\"\",\"role\":\"%s\"}",
		       i, hostile[i].role);
	fd = new_channel(w, body);
	CHECK_EQ(ipc_send(fd, hostile[i].type, 1, str_of(hostile[i].body), NULL,
			  0),
		 0);
	CHECK_EQ(get_answer(fd, 1), -EPIPE);
	(void)close(fd);
	/* The others go on. */
	CHECK_EQ(send_record(fine, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(fine, 1) > 0, true);
	(void)close(fine);

	f = find(w);
	CHECK_EQ(f.kinds[RECORD_PEER_KILLED], ++*ret_killed);
	(void)snprintf(body, sizeof(body), "0bad%zu", i);
	CHECK_EQ(strcmp(f.session, body), 0);
	CHECK_EQ(strcmp(f.user, "mallory"), 0);
	CHECK_EQ(f.reason[0] != '\0', true);
}

static void test_hostile_writers(void)
{
	struct world w;
	uint64_t killed = 0;

	world_init(&w);
	for (size_t i = 0; i < N_ELEMS(hostile); i++) {
		unsigned before = test_failures;

		check_hostile(&w, i, &killed);
		if (test_failures != before)
			printf("# row %zu: %s\n", i, hostile[i].what);
	}
	world_done(&w, 0);
}

/* Frames that ipc_send() would not make. */
static void test_hostile_frames(void)
{
	static char big[IPC_INLINE_MAX];
	struct world w;
	int fd;

	world_init(&w);
	memset(big, ' ', sizeof(big));
	fd = new_channel(&w, CHANNEL("0a", "relay"));
	CHECK_EQ(send(fd, "abc", 3, 0), 3); /* shorter than a header */
	CHECK_EQ(get_answer(fd, 1), -EPIPE);
	(void)close(fd);

	fd = new_channel(&w, CHANNEL("0b", "relay"));
	CHECK_EQ(ipc_send(fd, MSG_APPEND, 1,
			  (struct str){ big, RECORD_MAX_BODY + 1 }, NULL, 0),
		 0);
	CHECK_EQ(get_answer(fd, 1), -EPIPE);
	(void)close(fd);

	fd = new_channel(&w, CHANNEL("0c", "relay"));
	CHECK_EQ(ipc_send(fd, MSG_APPEND, 1, STR(GRANT("")), &fd, 1), 0);
	CHECK_EQ(get_answer(fd, 1), -EPIPE);
	(void)close(fd);

	/* A body in a memfd, which for records is always too large. */
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, IPC_BODY_MAX);
	while (b.len <= IPC_INLINE_MAX)
		CHECK_EQ(buf_add(&b, (struct str){ big, sizeof(big) }), true);
	fd = new_channel(&w, CHANNEL("0d", "relay"));
	CHECK_EQ(ipc_send(fd, MSG_APPEND, 1, buf_str(&b), NULL, 0), 0);
	CHECK_EQ(get_answer(fd, 1), -EPIPE);
	(void)close(fd);
	world_stop(&w, 0);
	CHECK_EQ(find(&w).kinds[RECORD_PEER_KILLED], 4);
	test_dir_done(&w.dir);
}

/* The keeper is held to its table too; without it there is no ledger. */
static void test_hostile_keeper(void)
{
	static const char *const bodies[] = {
		"",
		"{}",
		"[]",
		CHANNEL("0s", "scribe"),
		CHANNEL("0s", "root"),
		CHANNEL("0S", "relay"),
		CHANNEL("../x", "relay"),
		"{\"session\":\"0s\",\"user\":1,\"task\":\"\",\"role\":"
		"\"relay\"}",
		"{\"session\":\"0s\",\"user\":\"\",\"task\":\"\",\"role\":"
		"\"relay\",\"more\":1}",
	};

	for (size_t i = 0; i < N_ELEMS(bodies); i++) {
		struct world w;
		int fd;

		world_init(&w);
		fd = new_channel(&w, bodies[i]);
		CHECK_EQ(get_answer(fd, 1), -EPIPE);
		(void)close(fd);
		CHECK_EQ(wait_scribe(&w), 2);
		CHECK_EQ(find(&w).kinds[RECORD_PEER_KILLED], 1);
		(void)close(w.keeper);
		test_dir_done(&w.dir);
	}
}

/* A writer that never takes its answers is not served, and stops nobody. */
static void test_deaf_writer(void)
{
	struct world w;
	int deaf, fine;
	uint32_t sent = 0;

	world_init(&w);
	deaf = new_channel(&w, CHANNEL("0deaf", "relay"));
	fine = new_channel(&w, CHANNEL("0fine", "relay"));
	CHECK_EQ(fd_set_nonblock(deaf, true), 0);
	for (unsigned idle = 0; idle < 20;) {
		if (send_record(deaf, sent + 1, GRANT("")) == 0) {
			sent++;
			idle = 0;
			continue;
		}
		(void)usleep(10000);
		idle++;
	}
	CHECK_EQ(sent > 100, true);
	CHECK_EQ(send_record(fine, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(fine, 1) > 0, true);
	/* Once it listens it gets all of them, in order. */
	CHECK_EQ(fd_set_nonblock(deaf, false), 0);
	for (uint32_t i = 1; i <= sent && !test_failures; i++)
		CHECK_EQ(get_answer(deaf, i) > 0, true);
	(void)close(deaf);
	(void)close(fine);
	world_stop(&w, 0);
	CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], sent + 1);
	test_dir_done(&w.dir);
}

/* Records in flight when the keeper goes are still written. */
static void test_keeper_dies_first(void)
{
	struct world w;
	int relay;

	world_init(&w);
	relay = new_channel(&w, CHANNEL("0s1", "relay"));
	CHECK_EQ(send_record(relay, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 1), 2);
	(void)close(w.keeper);
	w.keeper = -1;
	CHECK_EQ(send_record(relay, 2, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 2), 3);
	CHECK_EQ(send_record(relay, 0, GRANT("")), 0);
	(void)close(relay);
	world_stop(&w, 0);
	CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], 3);
	test_dir_done(&w.dir);
}

static void test_kill_9(void)
{
	struct world w;

	world_init(&w);
	for (unsigned round = 0; round < 10; round++) {
		int relay = new_channel(&w, CHANNEL("0s1", "relay"));
		int64_t acked = 0;
		struct verify_report rep;

		for (uint32_t i = 1; i <= 20 + round; i++) {
			CHECK_EQ(send_record(relay, i, GRANT("")), 0);
			if (i % 4 == 0)
				continue;
			CHECK_EQ(send_record(relay, 0, GRANT("")), 0);
		}
		for (uint32_t i = 1; i <= 5 + round; i++)
			acked = get_answer(relay, i);
		CHECK_EQ(kill(w.pid, SIGKILL), 0);
		CHECK_EQ(wait_scribe(&w), 1000 + SIGKILL);
		(void)close(relay);
		(void)close(w.keeper);
		CHECK_EQ(verify_dir(w.dir.path, NULL, NULL, &rep), 0);
		CHECK_EQ((int64_t)rep.last_seq >= acked && acked > 0, true);
		world_start(&w);
	}
	world_done(&w, 0);
}

/* ---- changes of the ledger ---- */

#define ERASE(session, before)                                       \
	"{\"user\":\"u\",\"why\":\"w\",\"session\":\"" session "\"," \
	"\"before\":" before "}"
#define ROTATE "{\"user\":\"u\",\"why\":\"\"}"

static int send_change(const struct world *w, uint32_t type, const char *body)
{
	return ipc_send(w->keeper, type, 7, str_of(body), NULL, 0);
}

/* The keeper's answer: "n", 0 with a vkey, -1 for an error. */
static int64_t get_change(const struct world *w)
{
	struct pollfd p = { .fd = w->keeper, .events = POLLIN };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(ipc_msg) struct ipc_msg m;
	struct json *o = NULL;

	ipc_msg_init(&m);
	arena_init(&a, 4096);
	if (poll(&p, 1, 60000) != 1 ||
	    ipc_recv(w->keeper, &m, IPC_INLINE_MAX) != 0 ||
	    m.type != MSG_AMENDED || m.id != 7 ||
	    json_parse(&a, buf_str(&m.body), &o, NULL) != 0)
		return -2;
	if (json_find(o, "error"))
		return -1;
	return json_find_str(o, "vkey").len > 0 ? 0 : json_find_int(o, "n", -3);
}

static void write_many(int fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(send_record(fd, 0, GRANT(",\"host\":\"x\"")), 0);
	CHECK_EQ(send_record(fd, 9999, GRANT("")), 0);
	CHECK_EQ(get_answer(fd, 9999) > 0, true);
}

static uint64_t count_erased(const struct world *w)
{
	struct verify_report rep;

	CHECK_EQ(verify_dir(w->dir.path, NULL, NULL, &rep), 0);
	return rep.erased;
}

static void test_amended(void)
{
	struct world w;
	int mine, other;
	int64_t n;

	world_init(&w);
	mine = new_channel(&w, CHANNEL("0s1", "relay"));
	other = new_channel(&w, CHANNEL("0s2", "relay"));
	write_many(mine, 1500);
	write_many(other, 300);
	CHECK_EQ(send_change(&w, MSG_ERASE, ERASE("0s1", "0")), 0);
	/* The second one at once is told so, and who writes is served. */
	CHECK_EQ(send_change(&w, MSG_ERASE, ERASE("0s1", "0")), 0);
	for (uint32_t i = 1; i <= 50; i++) {
		CHECK_EQ(send_record(mine, i, GRANT(",\"host\":\"y\"")), 0);
		CHECK_EQ(get_answer(mine, i) > 0, true);
	}
	CHECK_EQ(get_change(&w), -1);
	/* And of those what came before it began. */
	n = get_change(&w);
	CHECK(n >= 1500 && n <= 1550);
	CHECK_EQ(count_erased(&w), n);
	CHECK_EQ(send_change(&w, MSG_ERASE, ERASE("none", "0")), 0);
	CHECK_EQ(get_change(&w), 0);
	CHECK_EQ(send_change(&w, MSG_ROTATE_KEY, ROTATE), 0);
	CHECK_EQ(get_change(&w), 0);
	write_many(mine, 10);
	CHECK_EQ(send_change(&w, MSG_ERASE, ERASE("", "9000000000000000000")),
		 0);
	CHECK_EQ(get_change(&w), 1500 + 50 + 10 + 300 - n);
	(void)close(mine);
	(void)close(other);
	world_stop(&w, 0);
	CHECK_EQ(find(&w).kinds[RECORD_LEDGER_ERASE], 2);
	CHECK_EQ(find(&w).kinds[RECORD_LEDGER_KEY], 1);
	CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], 1500 + 300 + 50 + 10 + 3);
	test_dir_done(&w.dir);
}

/* Killed in the middle: the next scribe goes on with it. */
static void test_amending_killed(void)
{
	for (unsigned round = 0; round < 12 && !test_failures; round++) {
		AUTO(fd) int dir = -1;
		struct world w;
		int relay;
		bool asked;

		world_init(&w);
		dir = test_dir_open(&w.dir);
		relay = new_channel(&w, CHANNEL("0s1", "relay"));
		write_many(relay, 1000);
		CHECK_EQ(send_change(&w, MSG_ERASE, ERASE("0s1", "0")), 0);
		(void)usleep(round * 400);
		CHECK_EQ(kill(w.pid, SIGKILL), 0);
		CHECK_EQ(wait_scribe(&w), 1000 + SIGKILL);
		(void)close(relay);
		(void)close(w.keeper);
		asked = faccessat(dir, "erasing", F_OK, 0) == 0 ||
			count_erased(&w) > 0;
		world_start(&w);
		relay = new_channel(&w, CHANNEL("0s2", "relay"));
		for (unsigned i = 0; i < 5000 && asked &&
				     faccessat(dir, "erasing", F_OK, 0) == 0;
		     i++)
			(void)usleep(2000);
		write_many(relay, 10);
		(void)close(relay);
		world_stop(&w, 0);
		CHECK_EQ(count_erased(&w), asked ? 1000 : 0);
		CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], 1012);
		test_dir_done(&w.dir);
	}
}

static void test_hostile_changes(void)
{
	static const struct {
		uint32_t type, id;
		const char *body;
	} rows[] = {
		{ MSG_ERASE, 0, ERASE("0s1", "0") }, /* nobody to answer */
		{ MSG_ERASE, 7, "" },
		{ MSG_ERASE, 7, "[]" },
		{ MSG_ERASE, 7, "{}" },
		{ MSG_ERASE, 7, ERASE("", "0") }, /* everything */
		{ MSG_ERASE, 7, ERASE("0s1", "-1") },
		{ MSG_ERASE, 7, ERASE("0s1", "\"0\"") },
		{ MSG_ERASE, 7, ROTATE },
		{ MSG_ERASE, 7,
		  ERASE("0123456789012345678901234567890123456789"
			"0123456789012345678901234",
			"0") },
		{ MSG_ROTATE_KEY, 7, ERASE("0s1", "0") },
		{ MSG_ROTATE_KEY, 7, "{\"user\":\"u\"}" },
		{ MSG_ROTATE_KEY, 7, "{\"user\":1,\"why\":\"\"}" },
		{ MSG_AMENDED, 7, "{\"n\":1}" },
	};

	for (size_t i = 0; i < N_ELEMS(rows) && !test_failures; i++) {
		struct world w;

		world_init(&w);
		CHECK_EQ(ipc_send(w.keeper, rows[i].type, rows[i].id,
				  str_of(rows[i].body), NULL, 0),
			 0);
		CHECK_EQ(wait_scribe(&w), 2);
		CHECK_EQ(find(&w).kinds[RECORD_PEER_KILLED], 1);
		CHECK_EQ(find(&w).kinds[RECORD_LEDGER_ERASE], 0);
		CHECK_EQ(find(&w).kinds[RECORD_LEDGER_KEY], 0);
		(void)close(w.keeper);
		test_dir_done(&w.dir);
		if (test_failures)
			printf("# row %zu\n", i);
	}
	/* No other writer may ask for it. */
	for (uint32_t type = MSG_ERASE; type <= MSG_AMENDED; type++) {
		struct world w;
		int relay;

		world_init(&w);
		relay = new_channel(&w, CHANNEL("0s1", "relay"));
		CHECK_EQ(ipc_send(relay, type, 7,
				  str_of(type == MSG_ERASE ? ERASE("0s1", "0")
							   : ROTATE),
				  NULL, 0),
			 0);
		CHECK_EQ(get_answer(relay, 7), -EPIPE);
		(void)close(relay);
		world_stop(&w, 0);
		CHECK_EQ(find(&w).kinds[RECORD_PEER_KILLED], 1);
		CHECK_EQ(find(&w).kinds[RECORD_LEDGER_ERASE], 0);
		CHECK_EQ(find(&w).kinds[RECORD_LEDGER_KEY], 0);
		test_dir_done(&w.dir);
	}
}

/* A new daemon's scribe waits for the old one's, which is ending. */
static void test_succession(void)
{
	struct world w, next;
	int relay;

	world_init(&w);
	relay = new_channel(&w, CHANNEL("0s1", "relay"));
	CHECK_EQ(send_record(relay, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 1), 2);
	next = w;
	world_start(&next);
	CHECK_EQ(send_record(relay, 2, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 2), 3);
	(void)close(relay);
	world_stop(&w, 0);

	relay = new_channel(&next, CHANNEL("0s2", "relay"));
	CHECK_EQ(send_record(relay, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(relay, 1), 5);
	(void)close(relay);
	world_done(&next, 0);
}

/*
 * The disk is full, then is not.  What was answered with an error is not in
 * the ledger; what nobody waited for comes later.
 */
static void test_full_disk(void)
{
	const struct rlimit more = { 1000000, RLIM_INFINITY };
	struct world w;
	int asker, teller;
	uint32_t good = 0;
	int64_t seq;

	file_limit = 4096;
	world_init(&w);
	file_limit = RLIM_INFINITY;
	asker = new_channel(&w, CHANNEL("0ask", "relay"));
	teller = new_channel(&w, CHANNEL("0tell", "relay"));
	do {
		CHECK_EQ(send_record(asker, good + 1, GRANT("")), 0);
		seq = get_answer(asker, good + 1);
		good += seq > 0;
	} while (seq > 0 && good < 100);
	CHECK_EQ(seq, 0);
	CHECK_EQ(good > 5 && good < 50, true);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(send_record(teller, 0, GRANT(",\"told\":1")), 0);
		CHECK_EQ(send_record(asker, 100 + i, GRANT("")), 0);
		CHECK_EQ(get_answer(asker, 100 + i), 0);
	}
	if (prlimit(w.pid, RLIMIT_FSIZE, &more, NULL) == 0) {
		CHECK_EQ(send_record(asker, 7, GRANT("")), 0);
		CHECK_EQ(get_answer(asker, 7) > 0, true);
		(void)close(asker);
		(void)close(teller);
		world_stop(&w, 0);
		CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], good + 5 + 1);
	} else { /* a scribe is not traceable: only root may raise it */
		(void)close(asker);
		(void)close(teller);
		world_stop(&w, 2);
		CHECK_EQ(find(&w).kinds[RECORD_NET_GRANT], good);
	}
	test_dir_done(&w.dir);
}

/* More waits than there is room for: its writer is not read, others are. */
static void test_full_disk_and_memory(void)
{
	static char big[RECORD_MAX_BODY];
	struct world w;
	int asker, teller;
	unsigned n = 0, idle = 0;

	file_limit = 512;
	world_init(&w);
	file_limit = RLIM_INFINITY;
	(void)snprintf(big, sizeof(big), GRANT(",\"x\":\"%020000d\""), 0);
	asker = new_channel(&w, CHANNEL("0ask", "relay"));
	teller = new_channel(&w, CHANNEL("0tell", "relay"));
	CHECK_EQ(fd_set_nonblock(teller, true), 0);
	while (idle < 20 * test_slow() && n < 1000) {
		if (send_record(teller, 0, big) == 0) {
			n++;
			idle = 0;
			continue;
		}
		(void)usleep(10000);
		idle++;
	}
	CHECK_EQ(n > 150 && n < 1000, true);
	CHECK_EQ(send_record(asker, 1, GRANT("")), 0);
	CHECK_EQ(get_answer(asker, 1), 0);
	(void)close(asker);
	(void)close(teller);
	world_stop(&w, 2);
	test_dir_done(&w.dir);
}

static bool status_has(pid_t pid, const char *line)
{
	char path[64];
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(fd) int fd = -1;
	const char *text;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	buf_init(&b, 65536);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(fd != -1 && fd_read_all(fd, &b) == 0, true);
	text = buf_cstr(&b);
	return text && strstr(text, line);
}

static void test_confined(void)
{
	struct world w;

	world_init(&w);
	CHECK_EQ(send_record(w.keeper, 1,
			     "{\"kind\":\"daemon.start\",\"verdict\":\"none\","
			     "\"trust\":\"kernel\",\"count\":1}"),
		 0);
	CHECK_EQ(get_answer(w.keeper, 1), 2);
	CHECK_EQ(status_has(w.pid, "NoNewPrivs:\t1\n"), true);
	if (find(&w).seccomp)
		CHECK_EQ(status_has(w.pid, "Seccomp:\t2\n"), true);
	else
		printf("# built with a sanitizer: no seccomp\n");
	world_done(&w, 0);
}

static void test_cannot_start(void)
{
	struct world w;

	test_dir_init(&w.dir);
	CHECK_EQ(chmod(w.dir.path, 0755), 0); /* others may look: refused */
	world_start(&w);
	CHECK_EQ(get_message(w.keeper, MSG_SCRIBE_FAILED, 0), 0);
	CHECK_EQ(get_answer(w.keeper, 1), -EPIPE);
	CHECK_EQ(wait_scribe(&w), 2);
	(void)close(w.keeper);
	test_dir_done(&w.dir);
}

#define SEEN(more)                                                \
	"{\"kind\":\"file.open\",\"verdict\":\"none\",\"trust\":" \
	"\"claimed\",\"count\":1,\"path\":\"" more "\"}"

/* Of a directory's records those of the kind, by their path or reason. */
static size_t count_of(const struct world *w, const char *what)
{
	AUTO(reader) struct reader *r = NULL;
	struct reader_line l;
	size_t n = 0;

	CHECK_EQ(reader_open(&r, w->dir.path), 0);
	while (reader_next(r, &l) == 0)
		n += memmem(l.text.ptr, l.text.len, what, strlen(what)) != NULL;
	return n;
}

/* Several in one message, a line each; all of them or none. */
static void test_batch(void)
{
	static const char *const wrong[] = {
		SEEN("x") "\n" SEEN("y") "\n" GRANT(""), /* not its kind */
		SEEN("x") "\n\n" SEEN("y"),
		"\n" SEEN("x"),
		SEEN("x") "\n{",
	};
	struct world w;
	int a, k;

	world_init(&w);
	a = new_channel(&w, CHANNEL("s1", "witness"));
	k = new_channel(&w, CHANNEL("s1", "keeper"));
	CHECK_EQ(send_record(k, 1, OPENED), 0);
	CHECK_EQ(get_message(k, MSG_APPENDED, 1) > 0, 1);
	CHECK_EQ(send_record(a, 0, SEEN("one") "\n" SEEN("two") "\n"), 0);
	CHECK_EQ(send_record(a, 0, SEEN("three")), 0);
	/* Its own answer comes when all of the others' is there. */
	CHECK_EQ(send_record(k, 2, OPENED), 0);
	CHECK_EQ(get_message(k, MSG_APPENDED, 2) > 0, 1);
	CHECK_EQ(count_of(&w, "\"path\":\"one\""), 1);
	CHECK_EQ(count_of(&w, "\"path\":\"two\""), 1);
	CHECK_EQ(count_of(&w, "\"path\":\"three\""), 1);
	(void)close(a);
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		a = new_channel(&w, CHANNEL("s1", "witness"));
		CHECK_EQ(send_record(a, 0, wrong[i]), 0);
		CHECK_EQ(get_message(a, MSG_APPENDED, 9), -EPIPE);
		(void)close(a);
	}
	a = new_channel(&w, CHANNEL("s1", "witness"));
	CHECK_EQ(send_record(a, 7, SEEN("x") "\n" SEEN("y")), 0);
	CHECK_EQ(get_message(a, MSG_APPENDED, 7), -EPIPE);
	(void)close(a);
	/* What is told of it is behind its end, and before this answer. */
	CHECK_EQ(send_record(k, 3, OPENED), 0);
	CHECK_EQ(get_message(k, MSG_APPENDED, 3) > 0, 1);
	CHECK_EQ(count_of(&w, "\"path\":\"x\""), 0);
	CHECK_EQ(count_of(&w, "peer.killed"), N_ELEMS(wrong) + 1);
	(void)close(k);
	world_done(&w, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "several records in a message", test_batch },
		{ "a session", test_session },
		{ "a record told when written", test_written },
		{ "records nobody waits for", test_unasked },
		{ "hostile writers", test_hostile_writers },
		{ "hostile frames", test_hostile_frames },
		{ "a hostile keeper", test_hostile_keeper },
		{ "a deaf writer", test_deaf_writer },
		{ "the keeper dies first", test_keeper_dies_first },
		{ "kill -9", test_kill_9 },
		{ "succession", test_succession },
		{ "a full disk", test_full_disk },
		{ "a full disk and a full memory", test_full_disk_and_memory },
		{ "confined", test_confined },
		{ "cannot start", test_cannot_start },
		{ "the ledger is changed", test_amended },
		{ "changed, and killed", test_amending_killed },
		{ "changes that nobody may ask for", test_hostile_changes },
	};

	return test_main(tests, N_ELEMS(tests));
}
