/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/registry.h"

#include <fcntl.h>

#include "base/fd.h"

#define CONFIG_MAX ((size_t)64 * 1024) /* bytes of one client's file */

static void add(struct arena *a, struct registry_env *ret, const char *name,
		struct str value)
{
	if (value.len == 0 || ret->n == N_ELEMS(ret->set))
		return;
	for (size_t i = 0; i < ret->n; i++) {
		if (str_starts(str_of(ret->set[i]), str_of(name)) &&
		    ret->set[i][strlen(name)] == '=')
			return; /* the first source wins */
	}
	ret->set[ret->n] = arena_printf(a, "%s=%.*s", name, STR_ARG(value));
	if (ret->set[ret->n])
		ret->n++;
}

static struct str load(struct arena *a, const char *path)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, CONFIG_MAX);
	if (!path || file_load(AT_FDCWD, path, &b) != 0)
		return (struct str){ 0 };
	return arena_str(a, buf_str(&b));
}

/* {name of the variable, section, key, is it a URL} */
struct wanted {
	const char *name;
	struct str section, key;
	bool url;
};

static const struct wanted npm[] = {
	{ "npm_config_registry", STR(""), STR("registry"), true },
	{ "npm_config_cafile", STR(""), STR("cafile"), false },
};
static const struct wanted pip[] = {
	{ "PIP_INDEX_URL", STR("global"), STR("index-url"), true },
	{ "PIP_EXTRA_INDEX_URL", STR("global"), STR("extra-index-url"), true },
	{ "PIP_CERT", STR("global"), STR("cert"), false },
};
static const struct wanted go[] = {
	{ "GOPROXY", STR(""), STR("GOPROXY"), false },
	{ "GOSUMDB", STR(""), STR("GOSUMDB"), false },
	{ "GONOSUMDB", STR(""), STR("GONOSUMDB"), false },
	{ "GOPRIVATE", STR(""), STR("GOPRIVATE"), false },
};

static void take(struct arena *a, struct registry_env *ret, struct str text,
		 const struct wanted *w, size_t n)
{
	for (size_t i = 0; i < n && text.len > 0; i++) {
		struct str v = registry_ini_find(text, w[i].section, w[i].key);

		if (w[i].url)
			v = registry_url_clean(a, v);
		/* A credential hides as user:password@ in whatever list. */
		if (v.len > 0 && !memchr(v.ptr, '@', v.len) &&
		    !memchr(v.ptr, '$', v.len))
			add(a, ret, w[i].name, v);
	}
}

void registry_env(struct arena *a, const struct facts *f,
		  struct registry_env *ret)
{
	*ret = (struct registry_env){ 0 };
	add(a, ret, "npm_config_registry",
	    registry_url_clean(a, facts_env(f, "npm_config_registry")));
	add(a, ret, "npm_config_registry",
	    registry_url_clean(a, facts_env(f, "NPM_CONFIG_REGISTRY")));
	add(a, ret, "PIP_INDEX_URL",
	    registry_url_clean(a, facts_env(f, "PIP_INDEX_URL")));

	struct str goproxy = facts_env(f, "GOPROXY");

	if (goproxy.len > 0 && !memchr(goproxy.ptr, '@', goproxy.len))
		add(a, ret, "GOPROXY", goproxy);
	take(a, ret, load(a, arena_printf(a, "%s/.npmrc", f->home)), npm,
	     N_ELEMS(npm));
	take(a, ret, load(a, "/etc/npmrc"), npm, N_ELEMS(npm));
	take(a, ret, load(a, arena_printf(a, "%s/.config/pip/pip.conf", f->home)),
	     pip, N_ELEMS(pip));
	take(a, ret, load(a, arena_printf(a, "%s/.pip/pip.conf", f->home)), pip,
	     N_ELEMS(pip));
	take(a, ret, load(a, arena_printf(a, "%s/.config/go/env", f->home)), go,
	     N_ELEMS(go));
}
