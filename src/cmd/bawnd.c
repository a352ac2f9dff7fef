/* SPDX-License-Identifier: Apache-2.0 */
/* bawnd: the daemon of one user.  The roles are in keeper, ledger and relay. */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/options.h"
#include "base/path.h"
#include "ipc/ipc.h"
#include "keeper/election.h"
#include "keeper/groundsman.h"
#include "keeper/keeper.h"
#include "ledger/scribe.h"
#include "relay/relay.h"

#define IDLE_S     60u
#define IDLE_MAX_S (7u * 24 * 3600)
#define CHILD_NS   (UINT64_C(4) * NS_PER_S) /* for scribe and zygote to end */

enum {
	EXIT_OK = 0,
	EXIT_TROUBLE = 2,
	EXIT_USAGE = 64
};

struct opts {
	uint32_t idle_s;
	bool has_idle, foreground, help, json, version;
};

static const struct option options[] = {
	{ .name = "idle",
	  .arg = "SECONDS",
	  .kind = OPTION_U32,
	  .min = 1,
	  .max = IDLE_MAX_S,
	  .target = offsetof(struct opts, idle_s),
	  .present = offsetof(struct opts, has_idle),
	  .help = "end after so long without sessions (default 60)" },
	{ .name = "foreground",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct opts, foreground),
	  .help = "stay, and write the log to stderr" },
	{ .name = "help",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct opts, help),
	  .help = "print this" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct opts, json),
	  .help = "with --help: the options as one JSON object" },
	{ .name = "version",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct opts, version),
	  .help = "print version and build" },
};

struct daemon {
	struct opts opts;
	char *state_dir, *runtime_dir, *libexec_dir;
	char user[KEEPER_NAME_MAX];
	int log_fd;
	pid_t scribe, zygote, groundsman;
	int scribe_fd, zygote_fd, groundsman_fd;
};

static void complain(const char *what, int error)
{
	if (error != 0)
		(void)fprintf(stderr, "bawnd: %s: %s\n", what,
			      strerror(-error));
	else
		(void)fprintf(stderr, "bawnd: %s\n", what);
}

/* ---- where things are ---- */

/* A directory named by variables, normalised; NULL: none is set. */
static char *find_dir(struct arena *a, const char *var, const char *parent_var,
		      const char *below)
{
	const char *dir = getenv(var), *parent = getenv(parent_var);

	if (dir && dir[0] == '/')
		return arena_cstr(a, path_normalise(a, STR("/"), str_of(dir)));
	if (!parent || parent[0] != '/')
		return NULL;
	return arena_cstr(a, path_normalise(a, str_of(parent), str_of(below)));
}

/* Without links, since what is compared with it later has none. */
static int make_dir(struct arena *a, char **dir)
{
	char *real;
	int r = dir_make_private(*dir);

	if (r != 0)
		return r;
	real = realpath(*dir, NULL);
	if (!real)
		return neg_errno();
	*dir = arena_cstr(a, str_of(real));
	free(real);
	return *dir ? 0 : -ENOMEM;
}

static char *find_libexec(struct arena *a)
{
	char self[PATH_LIMIT + 1], *beside;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return arena_cstr(a, STR(BAWN_LIBEXECDIR));
	self[n] = '\0';
	beside = arena_printf(a, "%.*s/bawn-registries",
			      STR_ARG(path_dirname(str_of(self))));
	if (beside && access(beside, X_OK) == 0)
		return arena_cstr(a, path_dirname(str_of(self)));
	/* As installed, wherever the whole of it was moved to. */
	beside = arena_printf(a, "%.*s/%s/bawn-registries",
			      STR_ARG(path_dirname(str_of(self))),
			      BAWN_LIBEXEC_NEAR);
	if (beside && access(beside, X_OK) == 0)
		return arena_cstr(a, path_dirname(str_of(beside)));
	return arena_cstr(a, STR(BAWN_LIBEXECDIR));
}

static int find_dirs(struct daemon *d, struct arena *a)
{
	int r;

	d->state_dir =
		find_dir(a, "BAWN_STATE_DIR", "HOME", ".local/state/bawn");
	if (!d->state_dir) {
		complain("neither HOME nor BAWN_STATE_DIR is set", 0);
		return -EINVAL;
	}
	d->runtime_dir =
		find_dir(a, "BAWN_RUNTIME_DIR", "XDG_RUNTIME_DIR", "bawn");
	if (!d->runtime_dir)
		d->runtime_dir =
			arena_printf(a, "/tmp/bawn-%u", (unsigned)getuid());
	d->libexec_dir = find_libexec(a);
	if (a->failed)
		return -ENOMEM;
	r = make_dir(a, &d->state_dir);
	if (r != 0) {
		complain(d->state_dir, r);
		return r;
	}
	r = make_dir(a, &d->runtime_dir);
	if (r != 0)
		complain(d->runtime_dir, r);
	return r;
}

/* Asked once, before there is anything to wait: it may go to a directory. */
static void find_user(struct daemon *d)
{
	const struct passwd *pw = getpwuid(getuid());

	if (!pw || strlen(pw->pw_name) >= sizeof(d->user))
		(void)snprintf(d->user, sizeof(d->user), "uid-%u",
			       (unsigned)getuid());
	else
		(void)snprintf(d->user, sizeof(d->user), "%s", pw->pw_name);
}

/* ---- the process ---- */

/* 0 in the child that goes on; the parent's exit code + 1 in the parent. */
static int go_background(void)
{
	pid_t pid = fork();

	if (pid == -1)
		return EXIT_TROUBLE + 1;
	if (pid > 0)
		return EXIT_OK + 1;
	(void)setsid();
	return 0;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * A socket as standard output is that of `bawn run`, who wants to hear why a
 * start fails: it stays in keeper and scribe, and nobody listens there later.
 */
static int quiet_stdio(const struct daemon *d)
{
	AUTO(fd) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd == -1 || dup2(null_fd, 0) == -1)
		return neg_errno();
	if (d->opts.foreground)
		return 0;
	if (is_socket(1))
		log_starter(1);
	else if (dup2(null_fd, 1) == -1)
		return neg_errno();
	return dup2(d->log_fd, 2) == -1 ? neg_errno() : 0;
}

typedef int (*role_fn)(const struct daemon *d, int fd);

static int be_scribe(const struct daemon *d, int fd)
{
	char path[PATH_LIMIT + 16];

	(void)prctl(PR_SET_NAME, "bawnd:scribe");
	(void)snprintf(path, sizeof(path), "%s/ledger", d->state_dir);
	log_init("scribe", d->log_fd, LOG_LEVEL_INFO);
	return scribe_run(fd, path);
}

static int be_zygote(const struct daemon *d, int fd)
{
	(void)prctl(PR_SET_NAME, "bawnd:zygote");
	log_starter(-1);
	(void)dup2(0, 1);
	log_init("zygote", d->log_fd, LOG_LEVEL_INFO);
	return zygote_run(fd);
}

static int be_groundsman(const struct daemon *d, int fd)
{
	(void)prctl(PR_SET_NAME, "bawnd:ground");
	log_starter(-1);
	(void)dup2(0, 1);
	log_init("ground", d->log_fd, LOG_LEVEL_INFO);
	return groundsman_run(fd);
}

/*
 * A child with a channel to us.  It inherits nothing else of ours but the log:
 * with the lock it would keep the election won after our death.
 */
static int start_role(const struct daemon *d, role_fn role, int lock_fd,
		      const int *others, size_t n_others, pid_t *ret_pid,
		      int *ret_fd)
{
	int fd = -1;
	pid_t pid = ipc_fork(&fd);

	if (pid == 0) {
		(void)close(lock_fd);
		for (size_t i = 0; i < n_others; i++)
			(void)close(others[i]);
		_exit(role(d, fd));
	}
	if (pid < 0)
		return pid;
	*ret_pid = pid;
	*ret_fd = fd;
	return 0;
}

/* Wait for @pid, kill it when @until has come. */
static void reap(pid_t pid, uint64_t until_ns)
{
	struct timespec nap = { .tv_nsec = 2 * 1000 * 1000 };

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ns() > until_ns)
			(void)kill(pid, SIGKILL);
		(void)nanosleep(&nap, NULL);
	}
}

/* ---- */

static int serve(struct daemon *d, struct election *e)
{
	struct keeper_config c = {
		.state_dir = d->state_dir,
		.runtime_dir = d->runtime_dir,
		.libexec_dir = d->libexec_dir,
		.user = d->user,
		.idle_ns = d->opts.idle_s * NS_PER_S,
		.socket_path = e->socket_path,
		.listen_fd = e->listen_fd,
		.log_fd = d->opts.foreground ? -1 : d->log_fd,
		.scribe_fd = d->scribe_fd,
		.zygote_fd = d->zygote_fd,
		.groundsman_fd = d->groundsman_fd,
		.uid = getuid(),
		.gid = getgid(),
	};
	int r;

	c.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.root_fd == -1)
		return neg_errno();
	r = keeper_run(&c);
	(void)close(c.root_fd);
	return r;
}

static int run_elected(struct daemon *d, struct election *e)
{
	uint64_t until;
	int r;

	/* Before anything grows: what is copied at fork is what they keep. */
	r = start_role(d, be_scribe, e->lock_fd, NULL, 0, &d->scribe,
		       &d->scribe_fd);
	if (r == 0)
		r = start_role(d, be_zygote, e->lock_fd, &d->scribe_fd, 1,
			       &d->zygote, &d->zygote_fd);
	if (r == 0)
		r = start_role(d, be_groundsman, e->lock_fd,
			       (int[]){ d->scribe_fd, d->zygote_fd }, 2,
			       &d->groundsman, &d->groundsman_fd);
	if (r == 0)
		r = election_announce(e);
	if (r == 0)
		r = serve(d, e);
	if (r < 0)
		log_error("%s: %s%s", d->state_dir, strerror(-r),
			  error_advice(r));
	election_retire(e);
	(void)close(d->groundsman_fd);
	(void)close(d->zygote_fd);
	(void)close(d->scribe_fd);
	until = clock_mono_ns() + CHILD_NS;
	if (d->groundsman > 0)
		reap(d->groundsman, until);
	if (d->zygote > 0)
		reap(d->zygote, until);
	if (d->scribe > 0)
		reap(d->scribe, until);
	log_info("ended (%d)", r);
	return r < 0 || r == KEEPER_BROKEN ? EXIT_TROUBLE : EXIT_OK;
}

static int run(struct daemon *d)
{
	struct election e = ELECTION_NULL;
	int r = election_win(&e, d->state_dir, d->runtime_dir);

	if (r == ELECTION_LOST) {
		if (d->opts.foreground)
			complain("another bawnd serves this user already", 0);
		return EXIT_OK;
	}
	if (r != 0) {
		log_error("%s/lock cannot be had: %s%s", d->state_dir,
			  strerror(-r), error_advice(r));
		return EXIT_TROUBLE;
	}
	log_info("build %s, pid %d", build_id(), (int)getpid());
	return run_elected(d, &e);
}

static int parse_options(struct opts *o, int argc, char *argv[])
{
	static const char summary[] =
		"The daemon of bawn; `bawn run` starts it when needed.";
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct diag why = { 0 };
	int rest = 0;

	if (!options_parse(options, N_ELEMS(options), argc, argv, o, &rest,
			   &why) ||
	    rest < argc) {
		complain(why.text[0] ? why.text : "takes no arguments", 0);
		return EXIT_USAGE;
	}
	if (o->version) {
		(void)printf("bawnd %s (build %s)\n", BAWN_VERSION, build_id());
		return EXIT_OK;
	}
	if (!o->help)
		return -1;
	buf_init(&b, (size_t)64 * 1024);
	if (o->json) {
		options_json("bawnd", "[OPTION...]", summary, options,
			     N_ELEMS(options), &w);
		(void)printf("%.*s\n", STR_ARG(buf_str(&b)));
		return EXIT_OK;
	}
	options_help(options, N_ELEMS(options), &b);
	(void)printf("usage: bawnd [OPTION...]\n%s\n%.*s", summary,
		     STR_ARG(buf_str(&b)));
	return EXIT_OK;
}

int main(int argc, char *argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct daemon d = { .opts = { .idle_s = IDLE_S },
			    .log_fd = -1,
			    .scribe_fd = -1,
			    .zygote_fd = -1,
			    .groundsman_fd = -1 };
	int r = parse_options(&d.opts, argc, argv);

	if (r >= 0)
		return r;
	(void)umask(077);
	arena_init(&a, (size_t)256 * 1024);
	if (find_dirs(&d, &a) != 0)
		return EXIT_TROUBLE;
	find_user(&d);
	r = d.opts.foreground ? fd_dup(2) : election_open_log(d.state_dir);
	if (r < 0) {
		(void)fprintf(stderr, "bawnd: %s/bawnd.log: %s%s\n",
			      d.state_dir, strerror(-r), error_advice(r));
		return EXIT_TROUBLE;
	}
	d.log_fd = r;
	log_init("keeper", d.log_fd, LOG_LEVEL_INFO);
	if (!d.opts.foreground) {
		r = go_background();
		if (r > EXIT_OK + 1)
			complain("no process to be had", -EAGAIN);
		if (r != 0)
			return r - 1;
	}
	(void)fd_raise_limit(); /* a session takes some */
	r = quiet_stdio(&d);
	if (r == 0 && chdir("/") == -1)
		r = neg_errno();
	if (r == 0)
		return run(&d);
	log_error("%s%s", strerror(-r), error_advice(r));
	return EXIT_TROUBLE;
}
