/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in files: of the home that the fixtures name, and of the system.  A
 * file of the home counts when it holds the marker, since sandboxes put
 * others in the place of some.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

static void try_home(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const char *home = fixture_text(r->fixtures, FIX_HOME);
	char path[FIXTURE_LINE_MAX + 128];

	if (!home) {
		say_untried(out, "no fixture: home");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", home, (const char *)a->arg);
	try_read_marked(r, path, out);
}

static void try_system(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	glob_t g = { 0 };
	char buf[64];
	int e = ENOENT;

	(void)r;
	if (glob(a->arg, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			if (read_file(g.gl_pathv[i], buf, sizeof(buf)) > 0) {
				say_reachable(out, "%s", g.gl_pathv[i]);
				globfree(&g);
				return;
			}
			e = errno;
		}
	}
	globfree(&g);
	say_refused(out, e, "%s", "");
}

#define ROOT_FILE "/root/.bashrc" /* style-ok: of any machine */
#define HOME(id, what, path) \
	ROW("fs.home-" id, what, "credentials of the user", try_home, path)
#define SYSTEM(id, what, path) \
	ROW("fs.system-" id, what, "secrets of the host", try_system, path)

const struct attempt secret_rows[] = {
	HOME("ssh-key", "a private key", ".ssh/id_ed25519"),
	HOME("ssh-config", "machines of the user", ".ssh/config"),
	HOME("aws", "AWS credentials", ".aws/credentials"),
	HOME("gcloud", "Google Cloud credentials",
	     ".config/gcloud/application_default_credentials.json"),
	HOME("azure", "Azure tokens", ".azure/msal_token_cache.json"),
	HOME("kube", "Kubernetes credentials", ".kube/config"),
	HOME("docker", "registry credentials", ".docker/config.json"),
	HOME("netrc", "passwords of machines", ".netrc"),
	HOME("npmrc", "npm's token", ".npmrc"),
	HOME("pypirc", "the upload password", ".pypirc"),
	HOME("cargo", "cargo's token", ".cargo/credentials.toml"),
	HOME("gem", "gem's token", ".gem/credentials"),
	HOME("git-credentials", "git's passwords", ".git-credentials"),
	HOME("gh", "GitHub's token", ".config/gh/hosts.yml"),
	HOME("gnupg", "private keys", ".gnupg/private-keys-v1.d/key"),
	HOME("pass", "passwords", ".password-store/a.gpg"),
	HOME("keyring", "the desktop's keyring",
	     ".local/share/keyrings/login.keyring"),
	HOME("vault", "a Vault token", ".vault-token"),
	HOME("terraform", "a Terraform token",
	     ".terraform.d/credentials.tfrc.json"),
	HOME("pgpass", "database passwords", ".pgpass"),
	HOME("claude", "an agent's login", ".claude/.credentials.json"),
	HOME("codex", "an agent's login", ".codex/auth.json"),
	HOME("gemini", "an agent's login", ".gemini/oauth_creds.json"),
	HOME("history", "what was typed", ".bash_history"),
	HOME("firefox", "saved passwords",
	     ".mozilla/firefox/default/logins.json"),
	HOME("chrome", "cookies", ".config/google-chrome/Default/Cookies"),
	HOME("documents", "anything else", "Documents/notes.txt"),
	SYSTEM("shadow", "hashes of passwords", "/etc/shadow"),
	SYSTEM("ssh-host-key", "the host's keys", "/etc/ssh/ssh_host_*_key"),
	SYSTEM("sudoers", "who may be root", "/etc/sudoers"),
	SYSTEM("tls-key", "private keys of servers", "/etc/ssl/private/*"),
	SYSTEM("root-home", "files of root", ROOT_FILE),
	SYSTEM("log", "logs", "/var/log/*log"),
	SYSTEM("journal", "the journal", "/var/log/journal/*/*"),
	SYSTEM("spool", "mail and jobs", "/var/spool/cron/crontabs/*"),
	SYSTEM("machine-id", "which machine this is", "/etc/machine-id"),
	SYSTEM("service-token", "a pod's token",
	       "/var/run/secrets/kubernetes.io/serviceaccount/token"),
	SYSTEM("docker-data", "containers' files",
	       "/var/lib/docker/containers/*/*"),
};
END_ROWS(secret);
