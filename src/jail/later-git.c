/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From git-config(1) and the manuals of the commands.  A row with a subsection
 * "*" wants one, with "" wants none, with NULL takes both.
 */
#include "jail/later-git.h"

enum when {
	ANY = 0,
	PROGRAM, /* not a plain boolean */
	BANG,    /* begins with "!" */
	EXT,     /* begins with ext:: */
};

static const struct {
	const char *section, *sub, *key; /* key NULL: any */
	enum when when;
} rows[] = {
	{ "core", "", "hookspath", ANY },
	{ "core", "", "fsmonitor", PROGRAM },
	{ "core", "", "sshcommand", ANY },
	{ "core", "", "pager", ANY },
	{ "core", "", "editor", ANY },
	{ "core", "", "askpass", ANY },
	{ "core", "", "gitproxy", ANY },
	{ "core", "", "attributesfile", ANY },
	{ "core", "", "alternaterefscommand", ANY },
	{ "hook", NULL, NULL, ANY },
	{ "sequence", "", "editor", ANY },
	{ "pager", NULL, NULL, PROGRAM },
	{ "alias", NULL, NULL, BANG },
	{ "diff", NULL, "external", ANY },
	{ "diff", NULL, "textconv", ANY },
	{ "diff", NULL, "command", ANY },
	{ "difftool", NULL, "cmd", ANY },
	{ "difftool", NULL, "path", ANY },
	{ "mergetool", NULL, "cmd", ANY },
	{ "mergetool", NULL, "path", ANY },
	{ "merge", "*", "driver", ANY },
	{ "filter", "*", "clean", ANY },
	{ "filter", "*", "smudge", ANY },
	{ "filter", "*", "process", ANY },
	{ "include", NULL, "path", ANY },
	{ "includeif", NULL, "path", ANY },
	{ "credential", NULL, "helper", ANY },
	{ "gpg", NULL, "program", ANY },
	{ "gpg", NULL, "defaultkeycommand", ANY },
	{ "interactive", NULL, "difffilter", ANY },
	{ "uploadpack", NULL, "packobjectshook", ANY },
	{ "remote", NULL, "uploadpack", ANY },
	{ "remote", NULL, "receivepack", ANY },
	{ "remote", NULL, "vcs", ANY },
	{ "remote", NULL, "url", EXT },
	{ "remote", NULL, "pushurl", EXT },
	{ "url", NULL, "insteadof", ANY },
	{ "url", NULL, "pushinsteadof", ANY },
	{ "protocol", NULL, "allow", ANY },
	{ "submodule", "*", "update", BANG },
	{ "submodule", "*", "url", EXT },
	{ "trailer", NULL, "cmd", ANY },
	{ "trailer", NULL, "command", ANY },
	{ "tar", NULL, "command", ANY },
	{ "man", NULL, "cmd", ANY },
	{ "man", NULL, "path", ANY },
	{ "browser", NULL, "cmd", ANY },
	{ "browser", NULL, "path", ANY },
	{ "guitool", NULL, "cmd", ANY },
	{ "sendemail", NULL, "smtpserver", ANY },
	{ "sendemail", NULL, "sendmailcmd", ANY },
	{ "sendemail", NULL, "tocmd", ANY },
	{ "sendemail", NULL, "cccmd", ANY },
	{ "sendemail", NULL, "headercmd", ANY },
	{ "imap", NULL, "tunnel", ANY },
	{ "instaweb", NULL, "httpd", ANY },
	{ "init", NULL, "templatedir", ANY },
	{ "http", NULL, "proxy", ANY },
	{ "http", NULL, "sslverify", ANY },
	{ "http", NULL, "sslcainfo", ANY },
	{ "lfs", "*", "path", ANY },
};

static bool is_boolean(struct str v)
{
	static const struct str words[] = {
		STR("true"), STR("false"), STR("yes"), STR("no"), STR("on"),
		STR("off"),  STR("1"),     STR("0"),   STR("")
	};

	for (size_t i = 0; i < N_ELEMS(words); i++) {
		if (str_eq(v, words[i]))
			return true;
	}
	return false;
}

static bool when_fits(enum when when, const struct gitconfig_entry *e)
{
	switch (when) {
	case ANY:
		return true;
	case PROGRAM:
		return !e->bare && !is_boolean(e->value);
	case BANG:
		return str_starts(e->value, STR("!"));
	case EXT:
		return str_starts(e->value, STR("ext::"));
	}
	return true;
}

bool later_git_runs(const struct gitconfig_entry *e)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const char *sub = rows[i].sub;

		if (!str_eq(e->section, str_of(rows[i].section)) ||
		    (rows[i].key && !str_eq(e->key, str_of(rows[i].key))) ||
		    (sub && !*sub && e->subsection.ptr) ||
		    (sub && *sub && !e->subsection.ptr))
			continue;
		if (when_fits(rows[i].when, e))
			return true;
	}
	return false;
}

struct str later_git_hooks(const struct gitconfig *c)
{
	return gitconfig_find(c, "core", "hookspath");
}
