/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /etc that tell a program who it is and how to find names, made for
 * each session; and a trust store with the policy's further authorities.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/path.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"
#include "ledger/hash.h"
#include "policy/policy.h"

#define NAMESERVER "10.0.2.3"
#define CA_MAX     ((size_t)1024 * 1024)     /* bytes of one file */
#define BUNDLE_MAX ((size_t)8 * 1024 * 1024) /* bytes of all */

static int add_text(struct plan_work *w, const char *dst, const char *text)
{
	if (!text)
		return -ENOMEM;
	return yard_add_file(&w->yard, dst, str_of(text), 0644);
}

static int add_passwd(struct plan_work *w)
{
	const struct plan *p = w->plan;
	const char *sh = env_list_find(&w->env, "SHELL");
	int r;

	/* A colon or a new line would make another field or line of it. */
	if (strpbrk(w->home, ":\n"))
		return plan_refuse(w, "the home directory's name holds \":\"");
	r = add_text(w, "/etc/passwd",
		     arena_printf(w->arena,
				  "root:x:0:0:root:/:/usr/sbin/nologin\n"
				  "%s:x:%u:%u:%s:%s:%s\n"
				  "nobody:x:65534:65534:nobody:/nonexistent:"
				  "/usr/sbin/nologin\n",
				  w->user, p->inside_uid, p->inside_gid,
				  w->user, w->home, sh));
	if (r != 0)
		return r;
	return add_text(w, "/etc/group",
			arena_printf(w->arena,
				     "root:x:0:\n%s:x:%u:\n"
				     "nogroup:x:65534:\n",
				     w->user, p->inside_gid));
}

/* One for each project and user, and none of the machine's. */
static int add_machine_id(struct plan_work *w)
{
	AUTO(hash) struct hash *h = NULL;
	char hex[LEDGER_HASH_LEN + 1];
	const char *what = arena_printf(w->arena, "machine-id %s %s",
					w->in->state_dir, w->project);
	int r = what ? hash_new(&h) : -ENOMEM;

	if (r == 0)
		r = hash_hex(h, str_of(what), hex);
	if (r != 0)
		return r;
	return add_text(w, "/etc/machine-id",
			arena_printf(w->arena, "%.32s\n", hex));
}

int plan_add_etc(struct plan_work *w)
{
	static const struct {
		const char *dst, *text;
	} fixed[] = {
		{ "/etc/resolv.conf", "nameserver " NAMESERVER "\n" },
		{ "/etc/hosts", "127.0.0.1 localhost\n"
				"::1 localhost ip6-localhost ip6-loopback\n"
				"127.0.1.1 bawn\n" },
		{ "/etc/hostname", "bawn\n" },
		{ "/etc/nsswitch.conf", "passwd: files\ngroup: files\n"
					"shadow: files\nhosts: files dns\n"
					"networks: files\nprotocols: files\n"
					"services: files\nethers: files\n"
					"rpc: files\nnetgroup: files\n" },
	};
	int r = add_passwd(w);

	for (size_t i = 0; i < N_ELEMS(fixed) && r == 0; i++)
		r = add_text(w, fixed[i].dst, fixed[i].text);
	return r != 0 ? r : add_machine_id(w);
}

/* ---- authorities ---- */

static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* The variables by which programs that do not ask the system are told. */
static const char *const bundle_vars[] = {
	"SSL_CERT_FILE",  "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
	"GIT_SSL_CAINFO", "PIP_CERT",           "NODE_EXTRA_CA_CERTS",
};

static int load_ca(struct plan_work *w, const struct policy_item *item,
		   struct buf *b)
{
	struct policy_vars vars = { .home = str_of(w->home),
				    .project = str_of(w->project) };
	AUTO(buf) struct buf one = BUF_NULL;
	struct diag why = { 0 };
	struct str text;
	char *path;
	int r = policy_expand(w->arena, POLICY_NETWORK_CA, item, &vars, &text,
			      &why);

	if (r > 0)
		return plan_refuse(w, "%.*s:%u: %s", STR_ARG(item->origin.file),
				   (unsigned)item->origin.line, why.text);
	if (r != 0)
		return r;
	path = arena_cstr(w->arena, text);
	if (!path)
		return -ENOMEM;
	buf_init(&one, CA_MAX);
	r = host_load(w->in->host, path, &one);
	if (r != 0)
		return plan_refuse(
			w, "%.*s:%u: %s: %s", STR_ARG(item->origin.file),
			(unsigned)item->origin.line, path, strerror(-r));
	if (!memmem(one.ptr + one.off, one.len, "-----BEGIN CERTIFICATE-----",
		    27))
		return plan_refuse(w,
				   "%.*s:%u: %s holds no certificate in "
				   "PEM form",
				   STR_ARG(item->origin.file),
				   (unsigned)item->origin.line, path);
	(void)buf_add(b, buf_str(&one));
	(void)buf_addc(b, '\n');
	return b->failed ? -ENOMEM : 0;
}

/* Into STATE/ca/HASH.pem; *ret is its path. */
static int save_bundle(struct plan_work *w, struct str text, char **ret)
{
	AUTO(hash) struct hash *h = NULL;
	char hex[LEDGER_HASH_LEN + 1];
	char *dir = arena_printf(w->arena, "%s/ca", w->in->state_dir);
	struct stat st;
	int r = dir ? hash_new(&h) : -ENOMEM;

	if (r == 0)
		r = hash_hex(h, text, hex);
	if (r != 0)
		return r;
	*ret = arena_printf(w->arena, "%s/%.32s.pem", dir, hex);
	if (!*ret)
		return -ENOMEM;
	if (w->in->plan_only || stat(*ret, &st) == 0)
		return 0;
	r = dir_make_private(dir);
	return r != 0 ? r : file_save(AT_FDCWD, *ret, text, 0644, false);
}

static int cover_bundles(struct plan_work *w, const char *src)
{
	static const char own[] = "/run/bawn/ca-certificates.crt";
	int r = yard_cover(&w->yard, own, src);

	for (size_t i = 0; i < N_ELEMS(bundles) && r == 0; i++)
		r = yard_cover(&w->yard, bundles[i], src);
	for (size_t i = 0; i < N_ELEMS(bundle_vars); i++)
		env_list_set(&w->env, bundle_vars[i], STR(own));
	return r;
}

int plan_add_ca(struct plan_work *w)
{
	const struct policy_value *v =
		&w->in->rules->policy.value[POLICY_NETWORK_CA];
	AUTO(buf) struct buf b = BUF_NULL;
	char *path = NULL;
	int r = 0;

	if (v->n == 0)
		return 0;
	buf_init(&b, BUNDLE_MAX);
	for (size_t i = 0; i < N_ELEMS(bundles) && b.len == 0; i++) {
		if (host_load(w->in->host, bundles[i], &b) != 0)
			buf_clear(&b); /* a machine without it */
	}
	for (size_t i = 0; i < v->n && r == 0; i++)
		r = load_ca(w, &v->items[i], &b);
	if (r == 0)
		r = save_bundle(w, buf_str(&b), &path);
	return r != 0 ? r : cover_bundles(w, path);
}
