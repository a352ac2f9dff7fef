/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * What the program prints depends on files and variables that a user changes
 * now and then; their identities are hashed into a key.  An answer is good
 * while its key is that of the machine now, and a day at most.  It is kept in
 * STATE/presets/package-registries (preset-parse.h).
 *
 * The program is the user's own machine talking about itself, but it runs the
 * clients' own code, so its output is read as foreign, limited in size and time.
 *
 * The clients run outside the jail, so none may be a program that a session
 * can write: an activated .venv, node_modules/.bin and the like are on many a
 * PATH and lie in a project.  The program gets those directories of the PATH
 * in which tools are installed (toolchain.h), that are not in the project at
 * hand, and whose clients are no links to elsewhere.
 *
 * An answer without hosts is not kept: the next session asks again.
 */
#include "keeper/preset.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "keeper/toolchain.h"

#define OUT_MAX    ((size_t)64 * 1024) /* bytes */
#define PATH_SIZE  4200
#define PATH_DEPTH 128u /* directories looked at for a ".git" */
#define NONE_NS    (UINT64_C(5) * NS_PER_S) /* how long "none" is believed */

/* ---- the key ---- */

static const char *const home_files[] = {
	".npmrc",           ".yarnrc",
	".yarnrc.yml",      ".config/pip/pip.conf",
	".pip/pip.conf",    ".config/uv/uv.toml",
	".config/go/env",   ".cargo/config.toml",
	".cargo/config",    ".cargo/registry/index",
	".m2/settings.xml", ".gradle/init.gradle",
	".gradle/init.d",   ".gemrc",
	".bundle/config",
};

static const char *const etc_files[] = {
	"/etc/npmrc",      "/usr/etc/npmrc", "/etc/pip.conf",
	"/etc/uv/uv.toml", "/etc/gemrc",
};

/* What the program asks, and what it runs to ask. */
static const char *const clients[] = {
	"npm",     "node", "yarn",   "pip",    "pip3",
	"python3", "go",   "cargo",  "rustup", "gradle",
	"gem",     "ruby", "bundle", "mvn",    "unzip",
};

static const enum open_env variables[] = {
	OPEN_HOME,
	OPEN_PATH,
	OPEN_XDG_CONFIG_HOME,
	OPEN_GOPROXY,
	OPEN_CARGO_HOME,
	OPEN_NPM_CONFIG_REGISTRY,
	OPEN_npm_config_registry,
	OPEN_PIP_INDEX_URL,
};

/* FNV-1a with two starts: it tells versions apart, nobody attacks it. */
static void mix(uint64_t key[2], const void *p, size_t len)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < len; i++) {
		key[0] = (key[0] ^ c[i]) * UINT64_C(0x100000001b3);
		key[1] = (key[1] ^ c[i]) * UINT64_C(0x10000000233);
	}
}

static void mix_file(uint64_t key[2], const char *path)
{
	struct stat st;
	int64_t id[3] = { 0 };

	if (stat(path, &st) == 0) {
		id[0] = (int64_t)st.st_ino;
		id[1] = st.st_mtim.tv_sec;
		id[2] = st.st_mtim.tv_nsec;
	}
	mix(key, id, sizeof(id));
}

/* The first @client on the PATH: one installed since is asked as well. */
static void mix_client(uint64_t key[2], struct str path, const char *client)
{
	char file[PATH_SIZE] = "";
	struct str dir;

	while (str_cut(&path, ':', &dir)) {
		(void)snprintf(file, sizeof(file), "%.*s/%s", STR_ARG(dir),
			       client);
		if (access(file, X_OK) == 0)
			break;
	}
	mix_file(key, file);
}

static void make_key(const struct open_request *q, uint64_t ret[2])
{
	char path[PATH_SIZE];

	ret[0] = UINT64_C(0xcbf29ce484222325);
	ret[1] = UINT64_C(0x84222325cbf29ce4);
	for (size_t i = 0; i < N_ELEMS(variables); i++) {
		mix(ret, q->env[variables[i]].ptr, q->env[variables[i]].len);
		mix(ret, "", 1);
	}
	for (size_t i = 0; i < N_ELEMS(home_files); i++) {
		(void)snprintf(path, sizeof(path), "%.*s/%s",
			       STR_ARG(q->env[OPEN_HOME]), home_files[i]);
		mix_file(ret, path);
	}
	for (size_t i = 0; i < N_ELEMS(etc_files); i++)
		mix_file(ret, etc_files[i]);
	for (size_t i = 0; i < N_ELEMS(clients); i++)
		mix_client(ret, q->env[OPEN_PATH], clients[i]);
}

/* ---- answers ---- */

static void read_hosts(struct preset_answer *known, struct str text)
{
	size_t bad = preset_parse(text, known);

	if (bad > 0)
		log_warn("preset %s: %zu lines make no sense", PRESET_NAME,
			 bad);
}

static void take_answer(struct preset *p, const uint64_t key[2], uint64_t at_s)
{
	memcpy(p->known.key, key, sizeof(p->known.key));
	p->known.at_s = at_s;
	p->version++;
}

static void file_path(const struct preset *p, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/presets/%s", p->state_dir,
		       PRESET_NAME);
}

static void save(const struct preset *p)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char path[PATH_SIZE];
	int r;

	buf_init(&b, OUT_MAX * 2);
	preset_format(&p->known, &b);
	(void)snprintf(path, sizeof(path), "%s/presets", p->state_dir);
	r = dir_make_private(path);
	file_path(p, path);
	if (r == 0)
		r = b.failed ? -ENOMEM
			     : file_save(AT_FDCWD, path, buf_str(&b), 0600,
					 false);
	if (r != 0)
		log_warn("preset %s: not kept: %s", PRESET_NAME, strerror(-r));
}

static bool is_fresh(uint64_t at_s)
{
	uint64_t now_s = clock_utc_ns() / NS_PER_S;

	return at_s <= now_s && now_s - at_s < PRESET_MAX_AGE_S;
}

static bool load(struct preset *p, const uint64_t key[2])
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct preset_answer *k = &p->known;
	char path[PATH_SIZE];

	buf_init(&b, OUT_MAX * 2);
	file_path(p, path);
	if (file_load(AT_FDCWD, path, &b) != 0 ||
	    !preset_parse_file(buf_str(&b), k) ||
	    memcmp(k->key, key, sizeof(k->key)) != 0 || !is_fresh(k->at_s) ||
	    k->n == 0)
		return false;
	take_answer(p, key, k->at_s);
	return true;
}

/* ---- the PATH of what runs outside ---- */

/* The project that is worked on, roughly: where git would look, or the cwd. */
static struct str find_project(struct arena *a, const struct open_request *q)
{
	struct str dir = q->cwd;

	for (unsigned i = 0; i < PATH_DEPTH && dir.len > 1; i++) {
		char *git = arena_printf(a, "%.*s/.git", STR_ARG(dir));

		if (git && access(git, F_OK) == 0)
			return dir;
		dir = path_dirname(dir);
	}
	return q->cwd;
}

struct outside {
	struct arena *arena;
	const struct open_request *request;
	struct str project;
};

/* @path has no way through links to where a session can write. */
static bool is_outside(const struct outside *o, const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) &&
	       !path_is_below(str_of(real), o->project) &&
	       toolchain_holds(o->arena, o->request, real);
}

static bool is_safe_dir(const struct outside *o, const char *dir)
{
	if (!is_outside(o, dir))
		return false;
	for (size_t i = 0; i < N_ELEMS(clients); i++) {
		char *file = arena_printf(o->arena, "%s/%s", dir, clients[i]);

		if (!file || (access(file, F_OK) == 0 && !is_outside(o, file)))
			return false;
	}
	return true;
}

/* In @a; NULL: no memory. */
static char *safe_path(struct arena *a, const struct open_request *q)
{
	struct outside o = { a, q, find_project(a, q) };
	AUTO(buf) struct buf b = BUF_NULL;
	struct str path = q->env[OPEN_PATH], entry;

	buf_init(&b, OPEN_MAX_BYTES);
	while (str_cut(&path, ':', &entry)) {
		char *dir = str_starts(entry, STR("/")) ? arena_cstr(a, entry)
							: NULL;

		if (dir && is_safe_dir(&o, dir))
			(void)buf_printf(&b, "%s%s", b.len > 0 ? ":" : "", dir);
	}
	return b.failed ? NULL : arena_cstr(a, buf_str(&b));
}

/* ---- the program ---- */

static void end_program(struct preset *p)
{
	loop_timer_clear(p->loop, &p->limit);
	loop_io_remove(p->loop, &p->io);
	if (p->out_fd != -1)
		(void)close(TAKE_FD(p->out_fd));
	if (p->pid > 0) {
		/* Its group: what it started must not outlive it. */
		(void)kill(-p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	p->pid = -1;
}

static void finish(struct preset *p)
{
	end_program(p);
	read_hosts(&p->known, buf_str(&p->out));
	take_answer(p, p->want_key, clock_utc_ns() / NS_PER_S);
	log_info("preset %s: %zu hosts", PRESET_NAME, p->known.n);
	if (p->known.n > 0)
		save(p);
	p->on_done(p->owner);
}

static int on_output(struct loop_io *io, uint32_t events)
{
	struct preset *p = io->owner;
	char *room = buf_reserve(&p->out, 4096);
	ssize_t n = room ? read(io->fd, room, 4096) : 0;

	(void)events;
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0)
		buf_added(&p->out, (size_t)n);
	else
		finish(p);
	return 0;
}

static int on_limit(struct loop_timer *t)
{
	struct preset *p = t->owner;

	log_warn("preset %s: the clients did not answer in time", PRESET_NAME);
	finish(p);
	return 0;
}

/* False: the variable leads into the project, or is none of its business. */
static bool may_know(const struct open_request *q, enum open_env e)
{
	struct str value = q->env[e];

	return value.ptr && e != OPEN_SSH_AUTH_SOCK && e != OPEN_PATH &&
	       !path_is_below(value, q->cwd) && !path_is_below(q->cwd, value);
}

static int put_env(const struct open_request *q, struct arena *a,
		   char *env[OPEN_ENV_MAX_ + 3])
{
	char *path = safe_path(a, q);
	size_t n = 0;

	for (unsigned e = 0; e < OPEN_ENV_MAX_; e++) {
		if (e == OPEN_HOME || may_know(q, (enum open_env)e))
			env[n++] = arena_printf(a, "%s=%.*s",
						open_env_name((enum open_env)e),
						STR_ARG(q->env[e]));
	}
	env[n++] = arena_printf(a, "PATH=%s", path ? path : "");
	env[n++] = arena_printf(a, "LC_ALL=C");
	env[n] = NULL;
	return a->failed || !path ? -ENOMEM : 0;
}

static int set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at,
		  int out_fd)
{
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	r = posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(fa, out_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(fa, 2, "/dev/null",
						     O_WRONLY, 0);
	if (r == 0)
		r = posix_spawnattr_setsigmask(at, &none);
	if (r == 0)
		r = posix_spawnattr_setpgroup(at, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK |
							 POSIX_SPAWN_SETPGROUP);
	return r;
}

static int start(struct preset *p, const struct open_request *q, int out_fd)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	char path[PATH_SIZE], name[] = "bawn-registries";
	char *argv[] = { name, NULL }, *env[OPEN_ENV_MAX_ + 3];
	int r;

	arena_init(&a, 32 * OPEN_MAX_BYTES);
	r = put_env(q, &a, env);
	if (r != 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/bawn-registries",
		       p->libexec_dir);
	r = posix_spawn_file_actions_init(&fa);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&at);
	if (r == 0) {
		r = set_up(&fa, &at, out_fd);
		if (r == 0)
			r = posix_spawn(&p->pid, path, &fa, &at, argv, env);
		(void)posix_spawnattr_destroy(&at);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	if (r != 0)
		p->pid = -1;
	return -r;
}

static int watch(struct preset *p)
{
	int r;

	p->io = (struct loop_io){
		.fd = p->out_fd, .events = EPOLLIN, .run = on_output, .owner = p
	};
	p->limit = (struct loop_timer){ .run = on_limit,
					.owner = p,
					.patient = true };
	r = fd_set_nonblock(p->out_fd, true);
	if (r == 0)
		r = loop_io_add(p->loop, &p->io);
	if (r == 0)
		r = loop_timer_set(p->loop, &p->limit,
				   clock_mono_ns() + PRESET_LIMIT_NS);
	return r;
}

static int ask(struct preset *p, const struct open_request *q)
{
	AUTO(fd) int write_fd = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return neg_errno();
	p->out_fd = fds[0];
	write_fd = fds[1];
	buf_clear(&p->out);
	r = start(p, q, write_fd);
	if (r == 0)
		r = watch(p);
	if (r != 0)
		end_program(p);
	return r;
}

/* ---- the outside ---- */

void preset_init(struct preset *p, struct loop *loop, const char *state_dir,
		 const char *libexec_dir, void (*on_done)(void *owner),
		 void *owner)
{
	*p = (struct preset){ .pid = -1,
			      .out_fd = -1,
			      .loop = loop,
			      .state_dir = state_dir,
			      .libexec_dir = libexec_dir,
			      .on_done = on_done,
			      .owner = owner };
	buf_init(&p->out, OUT_MAX);
}

void preset_done(struct preset *p)
{
	if (p->loop)
		end_program(p);
	buf_done(&p->out);
}

static bool is_known(const struct preset *p, const uint64_t key[2])
{
	uint64_t none_s = NONE_NS / NS_PER_S;

	if (p->version == 0 ||
	    memcmp(p->known.key, key, sizeof(p->known.key)) != 0)
		return false;
	if (p->known.n == 0)
		return clock_utc_ns() / NS_PER_S < p->known.at_s + none_s;
	return is_fresh(p->known.at_s);
}

bool preset_ready(struct preset *p, const struct open_request *q)
{
	uint64_t key[2];
	int r;

	make_key(q, key);
	if (is_known(p, key))
		return true;
	if (p->pid > 0)
		return false;
	if (load(p, key))
		return true;
	memcpy(p->want_key, key, sizeof(key));
	r = ask(p, q);
	if (r == 0)
		return false;
	log_warn("preset %s: %s/bawn-registries: %s", PRESET_NAME,
		 p->libexec_dir, strerror(-r));
	p->known.n = 0;
	take_answer(p, key, clock_utc_ns() / NS_PER_S);
	return true;
}

uint64_t preset_version(const struct preset *p)
{
	return p->version;
}

bool preset_hosts(const struct preset *p, struct str name,
		  struct policy_preset_host *ret, size_t max, size_t *ret_n)
{
	size_t n = p->known.n < max ? p->known.n : max;

	if (!str_eq(name, STR(PRESET_NAME)) || n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		ret[i] = p->known.hosts[i];
	*ret_n = n;
	return true;
}
