/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * What a process is (its program, parent, number in the jail) costs three system
 * calls, so it is remembered by its number.  Numbers are used again: an entry
 * counts for FRESH_NS, in which no system can go through all of them.  A process
 * that asked for execve(2) is looked at again; nothing else changes a program.
 *
 * A string may end right before memory that cannot be read, so it is asked for
 * in two pieces that meet at the end of a page; the kernel copies the first even
 * when the second is not there.
 */
#include "jail/witness-look.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/clock.h"

#define FRESH_NS (100 * NS_PER_MS)
#define EXEC_NS  NS_PER_S         /* an execve(2) of a thread takes less */
#define PLACES   1024u            /* remembered processes; a power of two */
#define PAGE     ((uint64_t)4096) /* the smallest there is */
#define FIRST    ((size_t)256) /* bytes of a string that are asked for first */
#define ARGS_MAX 64u           /* of which the text is read */
#define ARG_READ ((size_t)256) /* bytes of each */

/* What we want stands behind the groups, of which there may be 65,536. */
#define STATUS_MAX      ((size_t)1024 * 1024)

#define STAT_AFTER_NAME 3u /* fields of proc_pid_stat(5) */
#define STAT_PROCESSOR  39u

struct look {
	struct look_who places[PLACES];
};

int look_new(struct look **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void look_free(struct look *l)
{
	free(l);
}

/* ---- memory ---- */

/*
 * Memory that may be written or executed only is read by a system call, but not by
 * process_vm_readv(2): /proc/PID/mem does, where the kernel lets it.  Behind the
 * @got bytes at @addr.
 */
static ssize_t read_forced(pid_t tid, uint64_t addr, char *dst, size_t len,
			   ssize_t got)
{
	size_t have = got > 0 ? (size_t)got : 0;
	AUTO(fd) int fd = -1;
	char path[40];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return got;
	n = pread(fd, dst + have, len - have, (off_t)(addr + have));
	return n > 0 ? (ssize_t)have + n : got;
}

ssize_t look_bytes(pid_t tid, uint64_t addr, void *dst, size_t len)
{
	size_t first = (size_t)(PAGE - addr % PAGE);
	struct iovec to = { .iov_base = dst, .iov_len = len };
	struct iovec from[2] = {
		{ .iov_base = (void *)(uintptr_t)addr, .iov_len = len },
	};
	unsigned n = 1;
	ssize_t got;

	if (len == 0)
		return 0;
	if (first < len) {
		from[0].iov_len = first;
		from[1].iov_base = (void *)(uintptr_t)(addr + first);
		from[1].iov_len = len - first;
		n = 2;
	}
	got = process_vm_readv(tid, &to, 1, from, n, 0);
	if (got == -1 && errno != EFAULT)
		return neg_errno();
	if (got < (ssize_t)len)
		got = read_forced(tid, addr, dst, len, got);
	return got <= 0 ? -EFAULT : got;
}

ssize_t look_string(pid_t tid, uint64_t addr, char *dst, size_t size)
{
	size_t n = 0;

	ASSERT(size > 0);
	dst[0] = '\0';
	while (n < size) {
		size_t want = n == 0 ? FIRST : size;
		ssize_t got;
		char *end;

		if (want > size - n)
			want = size - n;
		/* In two pieces at most, which meet where a page ends. */
		if (want > 2 * PAGE - (addr + n) % PAGE)
			want = (size_t)(2 * PAGE - (addr + n) % PAGE);
		got = look_bytes(tid, addr + n, dst + n, want);
		if (got <= 0) {
			dst[0] = '\0';
			return -EFAULT;
		}
		end = memchr(dst + n, '\0', (size_t)got);
		if (end)
			return end - dst;
		n += (size_t)got;
	}
	dst[size - 1] = '\0';
	return -ENAMETOOLONG;
}

/* ---- links ---- */

size_t look_link(pid_t tid, const char *what, char *dst, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, what);
	n = readlink(path, dst, size);
	if (n <= 0 || (size_t)n >= size)
		n = 0;
	dst[n] = '\0';
	return (size_t)n;
}

size_t look_fd(pid_t tid, int fd, char *dst, size_t size)
{
	char what[24];

	dst[0] = '\0';
	if (fd < 0)
		return 0;
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	return look_link(tid, what, dst, size);
}

struct str look_absolute(pid_t tid, int dirfd, struct str path,
			 char dst[LOOK_FULL])
{
	size_t n;

	if (path.len > 0 && path.ptr[0] == '/')
		return path;
	n = dirfd == AT_FDCWD ? look_link(tid, "cwd", dst, LOOK_PATH)
			      : look_fd(tid, dirfd, dst, LOOK_PATH);
	if (n == 0 || dst[0] != '/') {
		dst[0] = '?';
		n = 1;
	}
	while (str_starts(path, STR("./")))
		path = str_skip(path, 2);
	/* An empty one is the directory, or descriptor, itself. */
	if (path.len > 0) {
		if (dst[n - 1] != '/')
			dst[n++] = '/';
		/* cannot overflow: both are shorter than LOOK_PATH */
		memcpy(dst + n, path.ptr, path.len);
		n += path.len;
	}
	return (struct str){ .ptr = dst, .len = n };
}

/* ---- arguments ---- */

struct quoted {
	char *dst;
	size_t len, size;
	bool full;
};

static void put(struct quoted *q, const char *s, size_t n)
{
	if (n > q->size - q->len)
		q->full = true;
	if (q->full)
		return;
	memcpy(q->dst + q->len, s, n);
	q->len += n;
}

static bool is_plain(const char *s, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=./:,@%";

	for (size_t i = 0; i < n; i++) {
		if (!memchr(plain, s[i], sizeof(plain) - 1))
			return false;
	}
	return n > 0;
}

static void put_word(struct quoted *q, const char *s, size_t n)
{
	if (q->len > 0)
		put(q, " ", 1);
	if (is_plain(s, n)) {
		put(q, s, n);
		return;
	}
	put(q, "'", 1);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\'')
			put(q, "'\\''", 4);
		else
			put(q, s + i, 1);
	}
	put(q, "'", 1);
}

struct args {
	uint64_t at[ARGS_MAX];
	size_t n;
	char text[ARGS_MAX * ARG_READ];
	size_t got;           /* of text */
	size_t len[ARGS_MAX]; /* asked for, to the end of the page */
};

/* The beginnings of all strings, by one call. */
static void read_beginnings(pid_t tid, struct args *a)
{
	struct iovec to = { .iov_base = a->text, .iov_len = sizeof(a->text) };
	struct iovec from[ARGS_MAX];
	ssize_t got;

	for (size_t i = 0; i < a->n; i++) {
		a->len[i] = (size_t)(PAGE - a->at[i] % PAGE);
		if (a->len[i] > ARG_READ)
			a->len[i] = ARG_READ;
		from[i].iov_base = (void *)(uintptr_t)a->at[i];
		from[i].iov_len = a->len[i];
	}
	got = process_vm_readv(tid, &to, 1, from, a->n, 0);
	a->got = got > 0 ? (size_t)got : 0;
}

bool look_argv(pid_t tid, uint64_t addr, char *dst, size_t size,
	       unsigned *ret_argc)
{
	static struct args a;
	static char word[LOOK_PATH];
	struct quoted q = { .dst = dst, .size = size - 1 };
	ssize_t got = look_bytes(tid, addr, a.at, sizeof(a.at));
	bool whole = false;
	size_t off = 0;

	a.n = 0;
	while (got > 0 && a.n < (size_t)got / sizeof(a.at[0]) && a.at[a.n] != 0)
		a.n++;
	whole = got > 0 && a.n < (size_t)got / sizeof(a.at[0]);
	read_beginnings(tid, &a);
	for (size_t i = 0; i < a.n && !q.full; off += a.len[i], i++) {
		const char *s = a.text + off, *end = NULL;

		if (off + a.len[i] <= a.got)
			end = memchr(s, '\0', a.len[i]);
		if (end) {
			put_word(&q, s, (size_t)(end - s));
			continue;
		}
		got = look_string(tid, a.at[i], word, sizeof(word));
		if (got < 0)
			whole = false;
		put_word(&q, word, strlen(word));
	}
	dst[q.len] = '\0';
	*ret_argc = (unsigned)a.n;
	return whole && !q.full;
}

bool look_words(const char *const *words, size_t n, char *dst, size_t size)
{
	struct quoted q = { .dst = dst, .size = size - 1 };

	for (size_t i = 0; i < n; i++)
		put_word(&q, words[i], strlen(words[i]));
	dst[q.len] = '\0';
	return !q.full;
}

/* ---- processes ---- */

static long number_at(const char *text, const char *key, bool last)
{
	const char *p = strstr(text, key);
	long n = 0;

	if (!p)
		return 0;
	for (p += strlen(key); *p && *p != '\n'; p++) {
		if (*p >= '0' && *p <= '9')
			n = n * 10 + (*p - '0');
		else if (last && p[1] >= '0' && p[1] <= '9')
			n = 0; /* the innermost namespace's is the last */
		if (n > INT32_MAX)
			return 0;
	}
	return n;
}

/* The beginning of /proc/TID/@what, terminated; "" when it cannot be read. */
static void read_file(pid_t tid, const char *what, char *dst, size_t size)
{
	char path[40];
	AUTO(fd) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd == -1 ? -1 : read(fd, dst, size - 1);
	dst[n > 0 ? n : 0] = '\0';
}

static void read_status(struct look_who *w)
{
	static char text[STATUS_MAX];

	read_file(w->tid, "status", text, sizeof(text));
	/* "Name:" comes first and has its line breaks escaped. */
	w->tgid = (pid_t)number_at(text, "\nTgid:\t", false);
	w->ppid = (pid_t)number_at(text, "\nPPid:\t", false);
	w->inside = (pid_t)number_at(text, "\nNStgid:\t", true);
}

uint32_t look_umask(pid_t tid)
{
	uint32_t mask = 0;
	char text[512];
	const char *p;

	read_file(tid, "status", text, sizeof(text));
	p = strstr(text, "\nUmask:\t");
	for (p = p ? p + strlen("\nUmask:\t") : ""; *p >= '0' && *p <= '7'; p++)
		mask = mask << 3 | (uint32_t)(*p - '0');
	return mask & 0777;
}

int look_cpu(pid_t tid)
{
	char text[1024];
	struct str rest, word;
	const char *end;
	uint32_t cpu;

	read_file(tid, "stat", text, sizeof(text));
	end = strrchr(text, ')'); /* its name may hold anything */
	if (!end)
		return -1;
	rest = str_of(end + 1);
	for (unsigned i = STAT_AFTER_NAME; i <= STAT_PROCESSOR; i++) {
		if (!str_word(&rest, &word))
			return -1;
	}
	return str_u32(word, 0, INT32_MAX, &cpu) ? (int)cpu : -1;
}

/* The beginning of one that is too long; who it is must not be hidden by that. */
static void read_exe(struct look_who *w)
{
	static const char more[] = "...";
	char path[40];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)w->tid);
	n = readlink(path, w->exe, sizeof(w->exe));
	if (n < 0)
		n = 0;
	if ((size_t)n < sizeof(w->exe))
		w->exe[n] = '\0';
	else
		memcpy(w->exe + sizeof(w->exe) - sizeof(more), more,
		       sizeof(more));
}

const struct look_who *look_who(struct look *l, pid_t tid)
{
	struct look_who *w = &l->places[(unsigned)tid % PLACES];
	uint64_t now = clock_mono_ns();

	if (w->tid != tid)
		w->exec_ns = 0;
	if (w->tid != tid || w->at_ns == 0 || now - w->at_ns > FRESH_NS) {
		w->tid = tid;
		w->at_ns = now;
		read_status(w);
		w->exe_old = true;
	}
	/* A thread that is not the first takes its process's number with it: until
	 * then what others of it call is of the program before. */
	if (w->exe_old || now - w->exec_ns < EXEC_NS) {
		read_exe(w);
		w->exe_old = false;
	}
	return w;
}

void look_exec(struct look *l, const struct look_who *who)
{
	struct look_who *own = &l->places[(unsigned)who->tid % PLACES];
	struct look_who *all = &l->places[(unsigned)who->tgid % PLACES];

	/* A thread that executes takes over its process's number. */
	if (own->tid == who->tid)
		own->exe_old = true;
	if (all->tid != who->tgid)
		return;
	all->exe_old = true;
	if (who->tid != who->tgid)
		all->exec_ns = clock_mono_ns();
}
