/* SPDX-License-Identifier: Apache-2.0 */
/* Remotes' URLs, and which of them count on made-up machines. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "keeper/git-hosts.h"
#include "keeper/git-url-parse.h"

#define PATH_ROOM 400

static void urls(void)
{
	static const struct {
		const char *text;
		int want;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "https://Forge.Example/a/b.git", 0, "forge.example", 443 },
		{ "https://u:p@forge.example:8443", 0, "forge.example", 8443 },
		{ "https://forge.example?x", 0, "forge.example", 443 },
		{ "http://forge.example/x:y@z", 0, "forge.example", 80 },
		{ "ssh://git@forge.example/~a/b", 0, "forge.example", 22 },
		{ "git+ssh://forge.example:2222/", 0, "forge.example", 2222 },
		{ "ssh+git://forge.example/", 0, "forge.example", 22 },
		{ "git://forge.example/x", 0, "forge.example", 9418 },
		{ "git@forge.example:a/b.git", 0, "forge.example", 22 },
		{ "forge.example:a/b.git", 0, "forge.example", 22 },
		{ "work:x", 0, "work", 22 },
		{ "git@forge.example:443/x", 0, "forge.example", 22 },
		/* no host */
		{ "/srv/git/a.git", GIT_URL_NONE, NULL, 0 },
		{ "../a", GIT_URL_NONE, NULL, 0 },
		{ "a/b:c", GIT_URL_NONE, NULL, 0 },
		{ "a.bundle", GIT_URL_NONE, NULL, 0 },
		{ "file:///srv/a", GIT_URL_NONE, NULL, 0 },
		{ "ext::sh", GIT_URL_NONE, NULL, 0 },
		{ "[::1]:x", GIT_URL_NONE, NULL, 0 }, /* as one of those */
		{ "ftp://forge.example/", GIT_URL_NONE, NULL, 0 },
		{ "HTTPS://forge.example/", GIT_URL_NONE, NULL, 0 },
		/* not in the grammar */
		{ "", GIT_URL_REFUSED, NULL, 0 },
		{ "https://", GIT_URL_REFUSED, NULL, 0 },
		{ "https:///x", GIT_URL_REFUSED, NULL, 0 },
		{ "https://@forge.example/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://a@b@forge.example/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example:/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example:0/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example:65536/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example:+1/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example:1:2/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://*.example/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://10.0.0.1/x", GIT_URL_REFUSED, NULL, 0 },
		{ "https://0x7f000001/", GIT_URL_REFUSED, NULL, 0 },
		{ "https://[::1]/x", GIT_URL_REFUSED, NULL, 0 },
		{ "git@10.0.0.1:x", GIT_URL_REFUSED, NULL, 0 },
		{ "-oProxyCommand=x:y", GIT_URL_REFUSED, NULL, 0 },
		{ "@h:x", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example/a b", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge.example\n", GIT_URL_REFUSED, NULL, 0 },
		{ "https://forge\xc3\xa9.example/", GIT_URL_REFUSED, NULL, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct git_url u = { .port = 0 };
		int r = git_url_parse(str_of(rows[i].text), &u);

		if (r != rows[i].want)
			printf("# %s\n", rows[i].text);
		CHECK_EQ(r, rows[i].want);
		if (r != 0 || !rows[i].host)
			continue;
		CHECK_STR(str_of(u.host), str_of(rows[i].host));
		CHECK_EQ(u.port, rows[i].port);
	}
}

static void too_long(void)
{
	char text[GIT_URL_MAX + 20] = "https://forge.example/";
	struct git_url u;
	size_t n = strlen(text);

	memset(text + n, 'a', GIT_URL_MAX - n);
	CHECK_EQ(git_url_parse((struct str){ text, GIT_URL_MAX }, &u), 0);
	text[GIT_URL_MAX] = 'a';
	CHECK_EQ(git_url_parse((struct str){ text, GIT_URL_MAX + 1 }, &u),
		 GIT_URL_REFUSED);
}

/* ---- machines ---- */

struct machine {
	char root[64], state[80];
	struct host host;
	int root_fd;
	struct arena arena;
	struct git_hosts_query q;
	struct git_hosts h;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const struct machine *m, const char *path, const char *text)
{
	char full[PATH_ROOM], *slash;

	(void)snprintf(full, sizeof(full), "%s%s", m->root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	must(dir_make(full, 0755) == 0, full);
	*slash = '/';
	must(file_save(AT_FDCWD, full, str_of(text), 0644, false) == 0, full);
}

static void machine_init(struct machine *m)
{
	*m = (struct machine){ .root = "/tmp/bawn-git-hosts-XXXXXX" };
	must(mkdtemp(m->root) != NULL, m->root);
	(void)snprintf(m->state, sizeof(m->state), "%s.state", m->root);
	m->root_fd = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(m->root_fd != -1 && host_init(&m->host, m->root_fd) == 0, "root");
	arena_init(&m->arena, (size_t)64 * 1024 * 1024);
	m->q = (struct git_hosts_query){ .host = &m->host,
					 .home = STR("/home/u"),
					 .cwd = STR("/home/u/proj/src"),
					 .state_dir = m->state };
	put(m, "/home/u/proj/src/x", "");
}

static void machine_done(struct machine *m)
{
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, m->root, m->state,
			 NULL };
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(1);
	}
	must(waitpid(pid, NULL, 0) == pid, "rm");
	host_done(&m->host);
	(void)close(m->root_fd);
	arena_done(&m->arena);
}

/* As `git-hosts --accept` does it without arguments. */
static int accept_all(struct machine *m)
{
	for (size_t i = 0; i < m->h.remotes.n; i++)
		m->h.remotes.hosts[i].accepted = true;
	return git_hosts_accept(&m->arena, &m->q, &m->h);
}

/* "host:port host:port" of what counts. */
static struct str counts(struct machine *m)
{
	struct policy_preset_host hosts[2 * GIT_HOSTS_MAX];
	AUTO(buf) struct buf b = BUF_NULL;
	size_t n;

	must(git_hosts_read(&m->arena, &m->q, &m->h) == 0, "read");
	n = git_hosts_list(&m->h, hosts, N_ELEMS(hosts));
	buf_init(&b, 65536);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&b, "%s%.*s:%u", i ? " " : "",
				 STR_ARG(hosts[i].host),
				 (unsigned)hosts[i].port);
	return arena_str(&m->arena, buf_str(&b));
}

static struct str notice(struct machine *m)
{
	return git_hosts_notice(&m->arena, &m->h);
}

static void own_files(void)
{
	struct machine m;

	machine_init(&m);
	CHECK_STR(counts(&m), STR(""));
	put(&m, "/etc/gitconfig",
	    "[credential \"https://etc.test\"]\nhelper=x\n");
	put(&m, "/home/u/.config/git/config",
	    "[remote \"x\"]\nurl = https://xdg.test\npushurl = p.test:x\n");
	put(&m, "/home/u/.gitconfig",
	    "[url \"ssh://git@base.test:2222/\"]\n"
	    "insteadOf = https://old.test/\ninsteadOf = gh:\n"
	    "[http \"https://http.test\"]\nsslverify = true\n"
	    "[http]\nproxy = http://proxy.test:3128\n"
	    "[include]\npath = ~/proj/more\n[user]\nname = https://no.test\n"
	    "[credential \"https://*.wild.test\"]\nhelper = x\n");
	put(&m, "/home/u/proj/more",
	    "[remote \"x\"]\nurl = https://inc.test\n");
	CHECK_STR(counts(&m),
		  STR("etc.test:443 xdg.test:443 p.test:22 base.test:2222 "
		      "old.test:443 http.test:443"));
	m.q.xdg_config_home = STR("/home/u/xdg");
	put(&m, "/home/u/xdg/git/config",
	    "[url \"https://other.test/\"]\ninsteadOf = x:\n");
	CHECK_STR(counts(&m), STR("etc.test:443 other.test:443 base.test:2222 "
				  "old.test:443 http.test:443"));
	/* Git refuses it as a whole, and so do we. */
	put(&m, "/home/u/.gitconfig", "[url \"https://base.test/\"\n");
	CHECK_STR(counts(&m), STR("etc.test:443 other.test:443"));
	machine_done(&m);
}

/* What a session can write is not the user's word. */
static void own_file_in_project(void)
{
	char link[PATH_ROOM];
	struct machine m;

	machine_init(&m);
	put(&m, "/home/u/proj/.git/config", "");
	put(&m, "/home/u/proj/dot/gitconfig",
	    "[url \"https://planted.test/\"]\ninsteadOf = x:\n");
	(void)snprintf(link, sizeof(link), "%s/home/u/.gitconfig", m.root);
	must(symlink("proj/dot/gitconfig", link) == 0, link);
	CHECK_STR(counts(&m), STR(""));
	/* From another project it is nobody's business. */
	put(&m, "/home/u/other/.git/config", "");
	m.q.cwd = STR("/home/u/other");
	CHECK_STR(counts(&m), STR("planted.test:443"));
	machine_done(&m);
}

static void remotes(void)
{
	struct machine m;

	machine_init(&m);
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"origin\"]\nurl = https://forge.test/a\n"
	    "pushurl = git@forge.test:a\n"
	    "[submodule \"s\"]\nurl = https://sub.test/s\n"
	    "[credential \"https://cred.test\"]\nhelper = x\n"
	    "[url \"https://planted.test/\"]\ninsteadOf = "
	    "https://forge.test/\n");
	CHECK_STR(counts(&m), STR(""));
	CHECK_STR(str_of(m.h.project), STR("/home/u/proj"));
	CHECK_STR(notice(&m),
		  STR("git-hosts: this repository's remotes name "
		      "forge.test:443 and 3 more, not accepted yet; see "
		      "'bawn policy git-hosts'"));
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"origin\"]\nurl = https://forge.test/a\n");
	CHECK_STR(counts(&m), STR(""));
	CHECK_EQ(accept_all(&m), 0);
	CHECK_STR(counts(&m), STR("forge.test:443"));
	CHECK_STR(notice(&m), STR(""));
	/* A session adds one, another port, another name. */
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"origin\"]\nurl = https://forge.test/a\n"
	    "[remote \"p\"]\nurl = https://forge.test:8443/a\n"
	    "[remote \"q\"]\nurl = ssh://forge.test/a\n"
	    "[remote \"r\"]\nurl = https://evil.test/a\n");
	CHECK_STR(counts(&m), STR("forge.test:443"));
	CHECK_EQ(notice(&m).len > 0, 1);
	/* Gone from the file, it counts no more; back again, it does. */
	put(&m, "/home/u/proj/.git/config", "[core]\nbare = false\n");
	CHECK_STR(counts(&m), STR(""));
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"o\"]\nurl = https://FORGE.test:443/\n");
	CHECK_STR(counts(&m), STR("forge.test:443"));
	/* One of two. */
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"o\"]\nurl = https://a.test/\npushurl = b.test:x\n");
	CHECK_STR(counts(&m), STR(""));
	m.h.remotes.hosts[1].accepted = true;
	CHECK_EQ(git_hosts_accept(&m.arena, &m.q, &m.h), 0);
	CHECK_STR(counts(&m), STR("b.test:22"));
	/* What is the user's own needs no accepting. */
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"o\"]\nurl = https://own.test/\n");
	put(&m, "/home/u/.gitconfig",
	    "[credential \"https://own.test\"]\nhelper = x\n");
	CHECK_STR(counts(&m), STR("own.test:443"));
	CHECK_STR(notice(&m), STR(""));
	machine_done(&m);
}

/* Accepting is for one project: another that names the same gains nothing. */
static void other_project(void)
{
	struct machine m;

	machine_init(&m);
	put(&m, "/home/u/proj/.git/config",
	    "[remote \"o\"]\nurl = https://forge.test/\n");
	put(&m, "/home/u/b/.git/config",
	    "[remote \"o\"]\nurl = https://forge.test/\n");
	/* One that says that proj's repository is its own. */
	put(&m, "/home/u/c/.git", "gitdir: ../proj/.git\n");
	(void)counts(&m);
	CHECK_EQ(accept_all(&m), 0);
	m.q.cwd = STR("/home/u/b");
	CHECK_STR(counts(&m), STR(""));
	m.q.cwd = STR("/home/u/c");
	CHECK_STR(counts(&m), STR(""));
	CHECK_EQ(m.h.remotes.n, 1);
	m.q.cwd = STR("/home/u/proj");
	CHECK_STR(counts(&m), STR("forge.test:443"));
	machine_done(&m);
}

static void worktree(void)
{
	struct machine m;

	machine_init(&m);
	put(&m, "/home/u/main/.git/config",
	    "[remote \"o\"]\nurl = https://forge.test/\n");
	put(&m, "/home/u/main/.git/worktrees/w/commondir", "../..\n");
	put(&m, "/home/u/w/.git", "gitdir: /home/u/main/.git/worktrees/w\n");
	m.q.cwd = STR("/home/u/w");
	CHECK_STR(counts(&m), STR(""));
	CHECK_EQ(m.h.remotes.n, 1);
	CHECK_EQ(accept_all(&m), 0);
	CHECK_STR(counts(&m), STR("forge.test:443"));
	machine_done(&m);
}

static void nothing_there(void)
{
	struct machine m;

	machine_init(&m);
	(void)counts(&m);
	CHECK_EQ(m.h.project != NULL, 0);
	CHECK_EQ(accept_all(&m), -ENOENT);
	/* A pointer to nowhere, and a file that git does not read. */
	put(&m, "/home/u/proj/.git", "gitdir: /nowhere\n");
	CHECK_STR(counts(&m), STR(""));
	put(&m, "/home/u/b/.git/config", "url = https://forge.test\n");
	m.q.cwd = STR("/home/u/b");
	CHECK_STR(counts(&m), STR(""));
	CHECK_EQ(m.h.remotes.n, 0);
	machine_done(&m);
}

static void many(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct machine m;

	machine_init(&m);
	buf_init(&b, 65536);
	for (unsigned i = 0; i < 100; i++)
		(void)buf_printf(
			&b, "[remote \"%u\"]\nurl = https://h%u.test\n", i, i);
	put(&m, "/home/u/proj/.git/config", buf_cstr(&b));
	CHECK_STR(counts(&m), STR(""));
	CHECK_EQ(m.h.remotes.n, GIT_HOSTS_MAX);
	CHECK_EQ(accept_all(&m), 0);
	(void)counts(&m);
	{
		struct policy_preset_host hosts[3];

		CHECK_EQ(git_hosts_list(&m.h, hosts, 3), 3);
	}
	machine_done(&m);
}

int main(void)
{
	static const struct test tests[] = {
		{ "URLs", urls },
		{ "a URL that is too long", too_long },
		{ "the user's own files", own_files },
		{ "a file of the user that a session can write",
		  own_file_in_project },
		{ "remotes count when accepted", remotes },
		{ "another project", other_project },
		{ "a worktree", worktree },
		{ "no repository", nothing_there },
		{ "more than there is room for", many },
	};

	return test_main(tests, N_ELEMS(tests));
}
