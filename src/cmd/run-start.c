/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The order is for speed: the request is sent before anything else is done,
 * and init is cloned, with all its namespaces, while the keeper reads the
 * policy and the zygote forks a relay.  Once the plan is there, init builds
 * the jail while we look for what is to be hidden.  The command starts when
 * the last of enum run_need has come, whichever that is.
 *
 * Whatever fails, and whenever a signal comes, ends in run_fail(): the jail is
 * killed by one signal to init, and nothing was made on the host that outlives
 * it but the control group, which run_finish() removes.
 */
#include "base/build-id.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/path.h"
#include "cmd/client.h"
#include "cmd/run-env.h"
#include "cmd/run-output.h"
#include "cmd/run-witness.h"
#include "cmd/run.h"
#include "ipc/protocol.h"
#include "jail/ground.h"

#define ARGV_WORDS 64u /* of the command, told to the keeper */
#define ARGV_BYTES 4096u

/* ---- MSG_OPEN ---- */

/* What a plan is made from; all other variables are none of the keeper's. */
static const char *const told_env[] = {
	"HOME",
	"PATH",
	"SHELL",
	"USER",
	"LOGNAME",
	"TERM",
	"SSH_AUTH_SOCK",
	"XDG_CONFIG_HOME",
	"XDG_CACHE_HOME",
	"GOPATH",
	"GOROOT",
	"GOPROXY",
	"CARGO_HOME",
	"RUSTUP_HOME",
	"NVM_DIR",
	"PYENV_ROOT",
	"SDKMAN_DIR",
	"JAVA_HOME",
	"VIRTUAL_ENV",
	"NPM_CONFIG_REGISTRY",
	"npm_config_registry",
	"PIP_INDEX_URL",
};

static void add_argv(struct run *r, struct json_out *w)
{
	size_t left = ARGV_BYTES;

	json_key(w, "argv");
	json_open(w, '[');
	for (int i = 0; i < r->argc && (unsigned)i < ARGV_WORDS && left > 0;
	     i++) {
		struct str word = str_of(r->argv[i]);

		if (word.len > left)
			word.len = left;
		left -= word.len;
		json_str(w, word);
	}
	json_close(w, ']');
	json_kint(w, "argc", r->argc);
}

static void add_env(struct json_out *w)
{
	json_key(w, "env");
	json_open(w, '{');
	for (size_t i = 0; i < N_ELEMS(told_env); i++) {
		const char *v = getenv(told_env[i]);

		if (v)
			json_kstr(w, told_env[i], str_of(v));
	}
	json_close(w, '}');
}

/* Only the names: the values go to the command without passing there. */
static void add_set(struct run *r, struct json_out *w)
{
	json_key(w, "set");
	json_open(w, '[');
	for (size_t i = 0; i < r->opts.env.n; i++) {
		struct str s = str_of(r->opts.env.items[i]);

		s.len = (size_t)(strchr(s.ptr, '=') - s.ptr) + 1;
		json_str(w, s);
	}
	json_close(w, ']');
}

int run_send_open(struct run *r)
{
	struct json_out w = JSON_OUT(&r->out);
	char cwd[PATH_LIMIT + 1];
	int e;

	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		return -ENOENT;
	buf_clear(&r->out);
	json_open(&w, '{');
	json_kstr(&w, "build", str_of(build_id()));
	json_kstr(&w, "cwd", str_of(cwd));
	add_argv(r, &w);
	if (r->opts.profile)
		json_kstr(&w, "profile", str_of(r->opts.profile));
	if (r->opts.policy)
		json_kstr(&w, "policy",
			  path_normalise(&r->arena, str_of(cwd),
					 str_of(r->opts.policy)));
	if (r->opts.task)
		json_kstr(&w, "task", str_of(r->opts.task));
	json_kbool(&w, "tty", r->tty.mode != PTY_NONE);
	add_env(&w);
	add_set(r, &w);
	json_kbool(&w, "plan_only", r->opts.plan);
	json_kbool(&w, "ask",
		   !r->opts.plan && !r->opts.no_ask && !r->opts.json &&
			   isatty(STDIN_FILENO) && isatty(STDERR_FILENO));
	json_kbool(&w, "json", r->opts.json);
	json_close(&w, '}');
	if (r->out.failed)
		return -ENOMEM;
	e = ipc_send(r->keeper_fd, MSG_OPEN, RUN_OPEN_ID, buf_str(&r->out),
		     NULL, 0);
	/* One that has just died is asked no more, by who reads from it. */
	return e == -EPIPE ? 0 : e;
}

/* ---- the jail, before its plan is known ---- */

/* After limits_prepare(). */
static int spawn_jail(struct run *r, enum plan_backend backend,
		      struct jail_ids ids, const struct ground *ground,
		      struct diag *why)
{
	struct jail_config jc = { .backend = backend,
				  .cgroup_fd = -1,
				  .tty = r->tty.mode != PTY_NONE,
				  .root_uid = ids.uid,
				  .root_gid = ids.gid };
	int e;

	jc.cgroup_fd = limits_clone_fd(r->limits);
	jc.ground = ground;
	e = jail_spawn(&r->jail, &jc, why);
	auto_fd(&jc.cgroup_fd);
	if (e < 0 && why->text[0] == '\0')
		diag_set(why, 0, 0, "%s", strerror(-e));
	return e != 0 ? 1 : limits_born(r->limits);
}

/*
 * Before the policy is known: the usual backend, which is not asked for when
 * it cannot be had and the policy wants another.
 */
static int spawn_early(struct run *r)
{
	AUTO(ground) struct ground g = GROUND_NULL;
	struct diag why = { 0 };
	bool has_ground;
	int e;

	limits_prepare(r->limits); /* while the keeper finds one */
	has_ground = run_take_ground(r, &g);
	e = spawn_jail(r, PLAN_NAMESPACES, (struct jail_ids){ 0, 0 },
		       has_ground ? &g : NULL, &why);
	r->witness_fd = TAKE_FD(g.witness);
	if (e > 0)
		(void)snprintf(r->no_jail, sizeof(r->no_jail),
			       "%s; 'bawn doctor' tells more", why.text);
	return e > 0 ? 0 : e;
}

int run_start(struct run *r)
{
	struct limits_config lc = { .hit = run_limit_hit, .owner = r };
	int e;

	pty_choose(&r->tty);
	if (run_reach() != 0) {
		run_fail(r, "the file system of the working directory does not "
			    "answer; try again when its server does");
		return -ECANCELED;
	}
	if (client_connect(true, &r->keeper_fd) != 0) {
		r->code = BAWN_EXIT_FAILED;
		r->phase = RUN_ENDING;
		return -ECONNREFUSED;
	}
	e = run_watch_signals(r);
	if (e == 0)
		e = run_send_open(r);
	if (e == 0 && !r->opts.plan)
		e = limits_new(&r->limits, &lc);
	if (e == 0 && !r->opts.plan)
		e = spawn_early(r);
	if (e == 0)
		e = loop_new(&r->loop, NULL);
	if (e == 0)
		e = run_watch_keeper(r);
	if (e == 0)
		e = loop_io_add(r->loop, &r->signal_io);
	if (e == 0 && r->jail)
		e = run_watch_jail(r);
	if (e < 0)
		run_fail(r, "cannot start: %s%s", strerror(-e),
			 error_advice(e));
	return e;
}

/* ---- MSG_GRANT ---- */

/*
 * The grant is {...,"plan":{...}}.  The plan's own text is cut out of it, so
 * that it need not be written again for init.  Inside a string its quotes
 * would be escaped, so this finds the member.
 */
static bool cut_plan(struct str body, struct str *ret_head, struct str *ret)
{
	static const char mark[] = ",\"plan\":";
	const char *at = memmem(body.ptr, body.len, mark, sizeof(mark) - 1);

	if (!at || body.len < sizeof(mark) || body.ptr[body.len - 1] != '}')
		return false;
	*ret_head = (struct str){ body.ptr, (size_t)(at - body.ptr) };
	*ret = str_skip(body, ret_head->len + sizeof(mark) - 1);
	ret->len--; /* the grant's own brace */
	return true;
}

static int read_head(struct run *r, struct str head)
{
	struct json *j = NULL;
	struct str id;

	buf_clear(&r->out);
	(void)buf_add(&r->out, head);
	(void)buf_addc(&r->out, '}');
	if (r->out.failed ||
	    json_parse(&r->arena, buf_str(&r->out), &j, NULL) != 0)
		return -EPROTO;
	id = json_find_str(j, "session");
	if (id.len >= sizeof(r->session))
		return -EPROTO;
	if (id.len > 0)
		memcpy(r->session, id.ptr, id.len);
	JSON_EACH (n, json_find(j, "notices")) {
		char text[512];

		if (n->type != JSON_STRING)
			continue;
		str_sanitise(n->string, text, sizeof(text));
		if (!r->opts.plan)
			cmd_error("%s", text);
	}
	return 0;
}

static int print_plan(struct run *r, struct str plan)
{
	printf("%.*s\n", STR_ARG(plan));
	r->code = fflush(stdout) == EOF ? BAWN_EXIT_TROUBLE : BAWN_EXIT_OK;
	r->phase = RUN_ENDING;
	r->closed = r->init_gone = true;
	loop_stop(r->loop, 0);
	return 0;
}

/*
 * As root, where the project's file system maps no ids: the jail has to be the
 * project's owner, which only the plan tells; as it does of another backend.
 */
static int begin_again(struct run *r, struct jail_ids ids, struct str plan,
		       struct diag *why)
{
	int e;

	loop_io_remove(r->loop, &r->jail_io);
	loop_io_remove(r->loop, &r->init_io);
	jail_free(TAKE(r->jail));
	limits_prepare(r->limits);
	e = spawn_jail(r, r->plan.backend, ids, NULL, why);
	if (e == 0)
		e = run_watch_jail(r);
	return e == 0 ? jail_configure(r->jail, &r->plan, plan, &ids, why) : e;
}

/* Ahead of the moment when it is needed. */
static int choose_env(struct run *r)
{
	int e = run_env_build(&r->arena, &r->plan, environ, r->opts.env.items,
			      r->opts.env.n, &r->env, &r->n_env);

	if (e <= 0)
		return e;
	run_fail(r, "more than %u variables for the command", PLAN_MAX_ENV);
	return 0;
}

int run_granted(struct run *r, struct ipc_msg *m)
{
	struct jail_ids ids = { 0, 0 };
	struct str head, text;
	struct diag why = { 0 };
	int e;

	if (r->phase != RUN_OPENING)
		return -EPROTO;
	if (!cut_plan(buf_str(&m->body), &head, &text))
		return -EPROTO;
	e = r->jail ? jail_offer(r->jail, text) : 0;
	if (e == 0 || e == -EPIPE) /* jail_configure() asks why */
		e = read_head(r, head);
	if (e < 0)
		return e;
	if (r->opts.plan)
		return print_plan(r, text);
	r->relay_fd = ipc_take_fd(m, 0);
	if (r->relay_fd == -1 || r->session[0] == '\0')
		return -EPROTO;
	e = plan_parse(&r->arena, text, &r->plan, &why);
	if (e > 0) {
		run_fail(r, "bawnd's plan makes no sense: %s", why.text);
		return 0;
	}
	if (e < 0)
		return e;
	r->phase = RUN_MAKING;
	r->granted = true;
	if (r->plan.backend != PLAN_NAMESPACES) {
		e = begin_again(r, ids, text, &why);
	} else if (r->jail) {
		e = jail_configure(r->jail, &r->plan, text, &ids, &why);
	} else {
		run_fail(r, "%s", r->no_jail);
		return 0;
	}
	if (e == JAIL_OTHER_IDS)
		e = begin_again(r, ids, text, &why);
	if (e != 0) {
		run_fail(r, "%s", why.text[0] ? why.text : strerror(-e));
		return 0;
	}
	if (r->plan.backend == PLAN_NAMESPACES && r->phase == RUN_MAKING)
		e = run_witness_start(r, ipc_take_fd(m, 1));
	if (e < 0)
		return e;
	e = run_limits_apply(r);
	if (e == 0 && r->phase == RUN_MAKING)
		e = run_watch_relay(r);
	if (e == 0 && r->phase == RUN_MAKING)
		e = run_hide_start(r);
	return e == 0 && r->phase == RUN_MAKING ? choose_env(r) : e;
}

/* ---- go ---- */

static int choose_fds(struct run *r, int fds[3])
{
	for (int i = 0; i < 3; i++)
		fds[i] = r->tty.stream[i] ? -1 : i;
	if (r->tty.mode == PTY_NONE)
		return 0;
	if (r->master == -1)
		return -EPROTO;

	struct pty_config c = { .choice = r->tty,
				.loop = r->loop,
				.master = r->master,
				.hangup = run_hangup,
				.output = r->plan.output ? run_output : NULL,
				.owner = r };

	return pty_new(&r->pty, &c);
}

static int go(struct run *r)
{
	struct jail_go g = { .argv = (const char *const *)r->argv,
			     .n_argv = (size_t)r->argc,
			     .env = r->env,
			     .n_env = r->n_env,
			     .cols = r->tty.cols,
			     .rows = r->tty.rows };
	int e = choose_fds(r, g.fds);

	if (e == 0)
		e = jail_go(r->jail, &g);
	if (e < 0)
		return e;
	r->phase = RUN_RUNNING;
	r->started_ns = clock_mono_ns();
	return limits_watch(r->limits, r->loop);
}

/*
 * When all but the jail is ready, init is told already: it goes on when the
 * walls stand, without a word from us in between.  Not where the terminal is
 * needed first, which init makes.
 */
static bool may_go(const struct run *r)
{
	unsigned ahead = r->tty.mode == PTY_NONE ? RUN_NEED_JAIL : 0;

	return r->phase == RUN_MAKING && (r->needs & ~ahead) == 0;
}

int run_try_go(struct run *r)
{
	int e = may_go(r) ? go(r) : 0;

	if (e == 0 && r->phase == RUN_RUNNING && r->needs == 0)
		e = run_hide_watch(r);
	if (e < 0)
		run_fail(r, "cannot start the command: %s", strerror(-e));
	return 0;
}
