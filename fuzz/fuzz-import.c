/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: settings of Claude Code or sandbox-runtime.  Laws, of what is made:
 *   1. it is in the language; only limits that several rules exceed together
 *      show later;
 *   2. a plain absolute path in filesystem.denyRead is not to be read: nothing
 *      at or above it is named, or a hide covers it;
 *   3. a plain absolute path in filesystem.denyWrite is not to be written;
 *   4. a plain host in network.deniedDomains is refused on every port;
 *   5. a host that is allowed stands in the settings;
 *   6. what is refused says why.
 */
#include "base/json.h"
#include "base/path.h"
#include "policy/import.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)16 * 1024 * 1024)

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_plain_path(struct str s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz0123456789_-/";

	for (size_t i = 0; i < s.len; i++) {
		if (!memchr(safe, s.ptr[i], sizeof(safe) - 1))
			return false;
	}
	return s.len > 1 && s.ptr[0] == '/' && s.ptr[s.len - 1] != '/' &&
	       !memmem(s.ptr, s.len, "//", 2);
}

static bool names(const struct policy_value *v, struct str path)
{
	for (size_t i = 0; i < v->n; i++) {
		if (path_is_below(path, v->items[i].text))
			return true;
	}
	return false;
}

static bool is_hidden(const struct policy *p, struct str path)
{
	const struct policy_value *v = &p->value[POLICY_FILES_HIDE];

	for (size_t i = 0; i < v->n; i++) {
		struct str glob = v->items[i].text;

		if (glob.ptr[0] == '/' &&
		    (glob_match(glob, path) || path_is_below(path, glob)))
			return true;
	}
	return false;
}

static void check_paths(const struct policy *p, const struct json *list,
			bool write)
{
	const struct policy_value *r = &p->value[POLICY_FILES_READ];
	const struct policy_value *w = &p->value[POLICY_FILES_WRITE];

	JSON_EACH (it, list) {
		if (!json_is(it, JSON_STRING) || !is_plain_path(it->string))
			continue;
		law(is_hidden(p, it->string) ||
		    (!names(w, it->string) &&
		     (write || !names(r, it->string))));
	}
}

static void check_denied(const struct net_policy *net, const struct json *list)
{
	JSON_EACH (it, list) {
		char name[NET_NAME_MAX + 1];

		if (!json_is(it, JSON_STRING) ||
		    !net_name_parse(it->string, name) ||
		    strcmp(name, "localhost") == 0)
			continue;
		law(net_decide_name(net, str_of(name), 0).verdict ==
		    VERDICT_DENY);
	}
}

static void check_allowed(const struct policy *p, struct str settings)
{
	const struct policy_value *v = &p->value[POLICY_NETWORK_ALLOW];

	for (size_t i = 0; i < v->n; i++) {
		struct str host = v->items[i].text;

		law(v->items[i].rule != NULL);
		if (v->items[i].rule->host.len == 0 ||
		    memchr(settings.ptr, '\\', settings.len))
			continue;
		law(memmem(settings.ptr, settings.len, host.ptr, host.len));
	}
}

static void check(struct arena *a, struct str text, struct str settings,
		  const struct json *o, enum import_tool tool)
{
	struct policy_stack in = { 0 };
	const struct json *top =
		tool == IMPORT_CLAUDE ? json_find(o, "sandbox") : o;
	const struct json *files = json_find(top, "filesystem");
	const struct json *hosts = json_find(top, "network");
	struct net_policy net;
	struct policy p;
	struct diag d = { 0 };
	int r;

	law(policy_builtin(a, &in.builtin) == 0);
	law(policy_parse(a, text, STR("user"), STR("f"), &in.layer[POLICY_USER],
			 &d) == 0);
	law(policy_effective(a, &in, &p, NULL, NULL, &d) == 0);
	check_paths(&p, json_find(files, "denyRead"), false);
	check_paths(&p, json_find(files, "denyWrite"), true);
	check_allowed(&p, settings);
	r = policy_net(a, &p, NULL, NULL, &net, &d);
	law(r == 0 || (r == 1 && d.text[0]));
	if (r == 0)
		check_denied(&net, json_find(hosts, "deniedDomains"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str settings = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	struct import im;
	struct diag d = { 0 };
	struct json *o = NULL;
	int r;

	arena_init(&a, IMPORT_ARENA_MAX + 2 * POLICY_ARENA_MAX);
	r = import_parse(&a, settings, false, IMPORT_ANY, &im, &d);
	law(r == 0 || (r == 1 && d.text[0]));
	if (r != 0)
		return 0;
	buf_init(&text, TEXT_MAX);
	import_format(&im, STR("f"), &text);
	law(!text.failed);
	if (text.len > POLICY_MAX_BYTES)
		return 0; /* the verb says so */
	law(json_parse(&a, settings, &o, NULL) == 0);
	check(&a, buf_str(&text), settings, o, im.tool);
	return 0;
}
