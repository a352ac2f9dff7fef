/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rare forbidden system calls: seccomp hands each to us, we record it and
 * answer with an error.  Nothing is ever allowed here, so what the process may
 * change while we look cannot matter but for the wording of the record, which
 * is marked as claimed.
 *
 * Folded by call and program: the first is recorded at once, repeats are
 * counted and recorded at the end.  Beyond SEEN_MAX kinds only the call counts.
 */
#include <inttypes.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "base/json.h"
#include "cmd/run.h"
#include "jail/seccomp.h"
#include "ledger/record.h"

#define SEEN_MAX 128u
#define EXE_MAX  256u

struct seen {
	int nr, error;
	char exe[EXE_MAX];
	uint64_t count, told;
};

struct run_witness {
	struct seen v[SEEN_MAX];
	size_t n;
};

/* Terminated; "" when it cannot be told. */
static void read_exe(uint32_t pid, char dst[EXE_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%" PRIu32 "/exe", pid);
	n = readlink(link, dst, EXE_MAX - 1);
	dst[n > 0 ? n : 0] = '\0';
}

static struct seen *find(struct run_witness *w, int nr, const char *exe)
{
	struct seen *s;

	for (size_t i = 0; i < w->n; i++) {
		s = &w->v[i];
		/* The last place takes all programs. */
		if (s->nr == nr &&
		    (strcmp(s->exe, exe) == 0 || i == SEEN_MAX - 1))
			return s;
	}
	if (w->n == SEEN_MAX)
		return &w->v[SEEN_MAX - 1];
	s = &w->v[w->n++];
	s->nr = nr;
	memcpy(s->exe, exe, strlen(exe) + 1);
	return s;
}

/* One call, as whoever refused it tells. */
struct refused {
	int nr, error;
	uint32_t pid;
	char args[140]; /* hexadecimal, a space between */
};

static int error_of(int nr)
{
	const struct seccomp_rare *rare = seccomp_rare_find(nr);

	return rare ? rare->error : ENOSYS;
}

static void record(struct run *r, struct seen *s, const struct refused *n)
{
	const struct seccomp_rare *rare = seccomp_rare_find(s->nr);
	struct json_out w = JSON_OUT(&r->out);

	buf_clear(&r->out);
	record_begin(&w, RECORD_SYSCALL_REFUSE, "deny", RECORD_CLAIMED, NULL,
		     s->count - s->told);
	if (rare)
		json_kstr(&w, "syscall", str_of(rare->name));
	else
		json_kint(&w, "syscall", s->nr);
	json_kint(&w, "errno", s->error);
	json_kstr(&w, "exe", str_of(s->exe));
	if (n) {
		json_kuint(&w, "pid", n->pid);
		json_kstr(&w, "args", str_of(n->args));
	}
	record_end(&w);
	run_record(r);
	s->told = s->count;
}

/* Kernels may know longer forms than our header. */
union notif {
	struct seccomp_notif n;
	char room[512];
};

static void count(struct run *r, const struct refused *f)
{
	char exe[EXE_MAX];
	struct seen *s;

	read_exe(f->pid, exe);
	s = find(r->seen, f->nr, exe);
	s->error = f->error;
	s->count++;
	if (s->told == 0)
		record(r, s, f);
}

static int on_notify(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	struct seccomp_notif_resp resp = { 0 };
	union notif in = { .room = { 0 } };
	struct refused f = { 0 };

	if (!(events & EPOLLIN)) {
		loop_io_remove(r->loop, io); /* nobody is left to ask */
		return 0;
	}
	if (ioctl(r->witness_fd, SECCOMP_IOCTL_NOTIF_RECV, &in.n) == -1)
		return 0; /* it was killed meanwhile */
	f.nr = in.n.data.nr;
	f.error = error_of(f.nr);
	f.pid = in.n.pid;
	(void)snprintf(f.args, sizeof(f.args),
		       "%#llx %#llx %#llx %#llx %#llx %#llx", in.n.data.args[0],
		       in.n.data.args[1], in.n.data.args[2], in.n.data.args[3],
		       in.n.data.args[4], in.n.data.args[5]);
	resp.id = in.n.id;
	resp.error = -f.error;
	count(r, &f);
	(void)ioctl(r->witness_fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	return 0;
}

int run_witness_refused(struct run *r, const struct json *j)
{
	struct refused f = {
		.nr = (int)json_find_int(j, "syscall", -1),
		.error = (int)json_find_int(j, "error", EPERM),
		.pid = (uint32_t)json_find_int(j, "pid", 0),
	};

	str_sanitise(json_find_str(j, "args"), f.args, sizeof(f.args));
	if (!r->seen)
		r->seen = calloc(1, sizeof(*r->seen));
	if (!r->seen)
		return -ENOMEM;
	count(r, &f);
	return 0;
}

int run_watch_witness(struct run *r, int fd)
{
	r->witness_fd = fd;
	r->seen = calloc(1, sizeof(*r->seen));
	if (!r->seen)
		return -ENOMEM;
	r->witness_io = (struct loop_io){
		.fd = fd, .events = EPOLLIN, .run = on_notify, .owner = r
	};
	return loop_io_add(r->loop, &r->witness_io);
}

void run_witness_flush(struct run *r)
{
	for (size_t i = 0; r->seen && i < r->seen->n; i++) {
		if (r->seen->v[i].told < r->seen->v[i].count)
			record(r, &r->seen->v[i], NULL);
	}
}

void run_witness_done(struct run *r)
{
	free(TAKE(r->seen));
}
