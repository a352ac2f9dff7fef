/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A commit is signed by an agent outside; the key never enters.  The policy
 * says so by naming the agent's socket, and that one line is to be enough: when
 * the user's own git signs, git in the jail is told to sign as well, and which
 * key.  Without the socket nothing is told, and commits are made unsigned,
 * where a copied commit.gpgSign would make each of them fail.
 *
 *   format    agent                       what git is told
 *   ssh       SSH_AUTH_SOCK is named      the public key itself ("key::...")
 *   openpgp   a gpg-agent's is named      the key's name; and gpg finds the
 *                                         public keys in a copy of the keybox
 *
 * It is told in a file that git takes for the system's, after what the system's
 * own says: in the user's file it would stay when the policy's line has gone,
 * and in variables it would win over the project's word.
 *
 * gpg looks for its agent at ~/.gnupg/S.gpg-agent only.  So the socket is
 * offered there, wherever it is outside: the restricted one as well, which
 * gpg-agent makes for machines that are trusted less (S.gpg-agent.extra).
 *
 * Other formats and programs of the user's own (gpg.program) are not for here.
 */
#include "jail/gitconfig-parse.h"
#include "keeper/home.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"
#include "keeper/signing-parse.h"

#include "base/path.h"

#define OWN_FILE "/run/bawn/gitconfig"
#define ROOM     ((size_t)32 * 1024 * 1024) /* bytes, of all that is read */

bool plan_is_gpg_agent(struct str path)
{
	struct str name = path_basename(path);

	return str_eq(name, STR("S.gpg-agent")) ||
	       str_eq(name, STR("S.gpg-agent.extra"));
}

char *plan_gpg_socket(struct plan_work *w)
{
	w->gpg_agent = true;
	return arena_printf(w->arena, "%s/.gnupg/S.gpg-agent", w->home);
}

struct sign {
	struct plan_work *w;
	struct arena *arena;    /* of what is read */
	struct gitconfig of[2]; /* the user's files, in git's order */
	size_t n;
};

static bool load(struct sign *s, const char *path, size_t max, struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, max);
	if (!path || host_load(s->w->in->host, path, &b) != 0)
		return false;
	*ret = arena_str(s->arena, buf_str(&b));
	return ret->ptr != NULL;
}

static void load_config(struct sign *s, const char *name)
{
	const char *path = arena_printf(s->arena, "%s/%s", s->w->home, name);
	struct str text;

	if (load(s, path, GITCONFIG_MAX_BYTES, &text) &&
	    gitconfig_parse(s->arena, text, &s->of[s->n], NULL) == 0)
		s->n++;
}

static struct str find(const struct sign *s, const char *section,
		       const char *key)
{
	struct str found = { 0 };

	for (size_t i = s->n; i-- > 0 && !found.ptr;)
		found = gitconfig_find(&s->of[i], section, key);
	return found;
}

static bool is_true(struct str s)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };

	for (size_t i = 0; i < N_ELEMS(yes); i++) {
		if (s.len == strlen(yes[i]) &&
		    strncasecmp(s.ptr, yes[i], s.len) == 0)
			return true;
	}
	return false;
}

/* ---- the key ---- */

/* What git is told of ssh key @value.  False: there is no telling. */
static bool ssh_key(struct sign *s, struct str value, struct str *ret)
{
	struct arena *a = s->arena;
	struct str text = value;
	const char *path;

	if (str_starts(value, STR("key::")))
		text = str_skip(value, 5);
	if (!signing_ssh_key(a, text, ret)) {
		/* A file: of the pair only the public half is ever opened. */
		path = str_starts(value, STR("~/"))
			       ? arena_printf(a, "%s/%.*s", s->w->home,
					      STR_ARG(str_skip(value, 2)))
			       : arena_cstr(a, value);
		if (path && !str_ends(str_of(path), STR(".pub")))
			path = arena_printf(a, "%s.pub", path);
		if (!path || path[0] != '/' ||
		    !load(s, path, SIGNING_KEY_MAX, &text) ||
		    !signing_ssh_key(a, text, ret))
			return false;
	}
	ret->ptr = arena_printf(a, "key::%.*s", STR_ARG(*ret));
	*ret = str_of(ret->ptr);
	return ret->ptr != NULL;
}

/* The public keys, where gpg in the jail looks for them. */
static void put_keybox(struct sign *s)
{
	struct plan_work *w = s->w;
	static const char name[] = ".gnupg/pubring.kbx";
	const char *path = arena_printf(s->arena, "%s/%s", w->home, name);
	struct str file, keys;
	struct stat st;

	if (!path || host_stat(w->in->host, path, &st) != 0) {
		plan_notice(w,
			    "there is no ~/%s to sign with; gpg --import "
			    "your public key once in here",
			    name);
		return;
	}
	if (w->yard.home_fd == -1 ||
	    !home_wants_file(w->yard.home_fd, name, st.st_mtim.tv_sec))
		return;
	if (!load(s, path, SIGNING_KEYBOX_MAX, &file) ||
	    signing_keybox(s->arena, file, &keys) != 0 ||
	    home_put_file(w->yard.home_fd, name, keys, st.st_mtim.tv_sec,
			  w->yard.home_uid, w->yard.home_gid) != 0)
		plan_notice(w,
			    "~/%s could not be copied; gpg --import your "
			    "public key once in here",
			    name);
}

/* ---- what git is told ---- */

static void add(struct gitconfig *c, const char *section, const char *key,
		struct str value)
{
	if (value.ptr)
		c->entries[c->n++] = (struct gitconfig_entry){
			.section = str_of(section),
			.key = str_of(key),
			.value = value,
		};
}

static int tell(struct plan_work *w, const struct gitconfig *more)
{
	static const char after[] = "[include]\n\tpath = /etc/gitconfig\n";
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, GITCONFIG_MAX_BYTES);
	(void)buf_add(&b, STR(after));
	gitconfig_format(more, NULL, &b);
	if (b.failed)
		return -ENOMEM;
	env_list_set(&w->env, "GIT_CONFIG_SYSTEM", STR(OWN_FILE));
	return yard_add_file(&w->yard, OWN_FILE, buf_str(&b), 0644);
}

static int sign_with(struct sign *s, bool ssh)
{
	struct gitconfig_entry room[4];
	struct gitconfig c = { .entries = room };
	struct str key = find(s, "user", "signingkey");

	if (ssh && !ssh_key(s, key, &key)) {
		plan_notice(s->w, "user.signingKey names no ssh public key "
				  "that can be read; commits are not signed");
		return 0;
	}
	if (ssh)
		add(&c, "gpg", "format", STR("ssh"));
	else
		put_keybox(s);
	add(&c, "user", "signingkey", key);
	if (is_true(find(s, "commit", "gpgsign")))
		add(&c, "commit", "gpgsign", STR("true"));
	if (is_true(find(s, "tag", "gpgsign")))
		add(&c, "tag", "gpgsign", STR("true"));
	return c.n > 0 ? tell(s->w, &c) : 0;
}

int plan_add_signing(struct plan_work *w)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct sign s = { .w = w, .arena = &a };
	bool ssh_agent = env_list_find(&w->env, "SSH_AUTH_SOCK") != NULL;
	struct str format;
	bool ssh;
	int r = 0;

	if (!ssh_agent && !w->gpg_agent)
		return 0;
	arena_init(&a, ROOM);
	load_config(&s, ".config/git/config");
	load_config(&s, ".gitconfig");
	format = find(&s, "gpg", "format");
	ssh = str_eq(format, STR("ssh"));
	if (ssh ? ssh_agent && find(&s, "user", "signingkey").len > 0
		: w->gpg_agent &&
			    (!format.ptr || str_eq(format, STR("openpgp"))))
		r = sign_with(&s, ssh);
	return a.failed ? -ENOMEM : r;
}
