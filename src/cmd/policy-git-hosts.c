/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn policy git-hosts: what `preset: git-hosts` stands for in this project,
 * and the user's word that the project's remotes may count.
 */
#include <fcntl.h>

#include "base/json.h"
#include "base/path.h"
#include "cmd/bawn-policy.h"
#include "keeper/git-hosts.h"

const struct option policy_git_hosts_options[POLICY_GIT_HOSTS_OPTIONS] = {
	{ .name = "accept",
	  .help = "from now on these remotes of this project count, or all",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct policy_opts, accept) },
	POLICY_JSON_OPTION,
	POLICY_HELP_OPTION,
};

/* The places that the keeper has from its own start. */
static bool find_places(struct arena *a, struct git_hosts_query *ret)
{
	const char *home = getenv("HOME"), *state = getenv("BAWN_STATE_DIR");

	if (!home || home[0] != '/')
		return false;
	ret->home = path_normalise(a, STR("/"), str_of(home));
	ret->xdg_config_home = str_of(getenv("XDG_CONFIG_HOME"));
	ret->state_dir = state && state[0] == '/'
				 ? state
				 : arena_printf(a, "%.*s/.local/state/bawn",
						STR_ARG(ret->home));
	return ret->home.ptr && ret->state_dir;
}

static void list(const struct git_hosts *h, struct buf *b)
{
	if (h->own.n == 0 && h->remotes.n == 0)
		(void)buf_add(b, STR("no host: neither your git configuration "
				     "nor a remote names one\n"));
	for (size_t i = 0; i < h->own.n; i++)
		(void)buf_printf(b, "%s:%u  your git configuration\n",
				 h->own.hosts[i].name,
				 (unsigned)h->own.hosts[i].port);
	for (size_t i = 0; i < h->remotes.n; i++) {
		const struct git_host *r = &h->remotes.hosts[i];

		(void)buf_printf(b, "%s:%u  remotes of this project, %s\n",
				 r->name, (unsigned)r->port,
				 r->accepted ? "accepted" : "not accepted");
	}
}

static void write_list(struct json_out *w, const char *key,
		       const struct git_host_list *l, bool remotes)
{
	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; i < l->n; i++) {
		json_open(w, '{');
		json_kstr(w, "host", str_of(l->hosts[i].name));
		json_kuint(w, "port", l->hosts[i].port);
		if (remotes)
			json_kbool(w, "accepted", l->hosts[i].accepted);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void list_json(const struct git_hosts *h, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kstr(&w, "project", str_of(h->project));
	write_list(&w, "own", &h->own, false);
	write_list(&w, "remotes", &h->remotes, true);
	json_close(&w, '}');
	(void)buf_addc(b, '\n');
}

/* "host:port", as the list has it; NULL: no such remote. */
static struct git_host *find(struct git_hosts *h, const char *word)
{
	for (size_t i = 0; i < h->remotes.n; i++) {
		struct git_host *r = &h->remotes.hosts[i];
		struct str rest = str_of(word);
		uint32_t port;

		if (str_starts(rest, str_of(r->name)) &&
		    rest.len > strlen(r->name) &&
		    rest.ptr[strlen(r->name)] == ':' &&
		    str_u32(str_skip(rest, strlen(r->name) + 1), 1, UINT16_MAX,
			    &port) &&
		    port == r->port)
			return r;
	}
	return NULL;
}

/* The words, or all; 2: one of the words is no remote. */
static int choose(struct git_hosts *h, int argc, char *const argv[])
{
	for (size_t i = 0; i < h->remotes.n && argc == 0; i++)
		h->remotes.hosts[i].accepted = true;
	for (int i = 0; i < argc; i++) {
		struct git_host *r = find(h, argv[i]);

		if (!r) {
			char shown[80];

			str_sanitise(str_of(argv[i]), shown, sizeof(shown));
			cmd_error("git-hosts: no remote of this project is "
				  "%s",
				  shown);
			return 2;
		}
		r->accepted = true;
	}
	return 0;
}

/*
 * Read; with --accept once more, as it is then.  1: no repository; 2: said on
 * stderr.
 */
static int read_all(struct arena *a, const struct policy_opts *o, int argc,
		    char *const argv[], const struct git_hosts_query *q,
		    struct git_hosts *ret)
{
	int r = git_hosts_read(a, q, ret);

	if (r != 0 || !o->accept)
		return r;
	if (!ret->project)
		return 1;
	r = choose(ret, argc, argv);
	if (r == 0)
		r = git_hosts_accept(a, q, ret);
	return r != 0 ? r : git_hosts_read(a, q, ret);
}

int policy_git_hosts(const struct policy_opts *o, int argc, char *const argv[])
{
	AUTO(fd) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(bytes) char *cwd = getcwd(NULL, 0);
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf out = BUF_NULL;
	struct git_hosts_query q = { .cwd = str_of(cwd) };
	struct git_hosts h;
	struct host host;
	int r;

	if (argc > 0 && !o->accept) {
		cmd_error("git-hosts: HOST:PORT goes with --accept");
		return BAWN_EXIT_USAGE;
	}
	arena_init(&a, POLICY_OUTPUT_MAX);
	buf_init(&out, POLICY_OUTPUT_MAX);
	if (root_fd == -1 || !cwd)
		return policy_trouble("the working directory", neg_errno());
	if (!find_places(&a, &q)) {
		cmd_error("HOME is not set to an absolute path");
		return BAWN_EXIT_TROUBLE;
	}
	r = host_init(&host, root_fd);
	if (r != 0)
		return policy_trouble("git-hosts", r);
	q.host = &host;
	r = read_all(&a, o, argc, argv, &q, &h);
	host_done(&host);
	if (r == 1)
		cmd_error("git-hosts: there is no repository here");
	if (r > 0)
		return BAWN_EXIT_REFUSED;
	if (r != 0)
		return policy_trouble("git-hosts", r);
	if (o->json)
		list_json(&h, &out);
	else
		list(&h, &out);
	return policy_put(&out);
}
