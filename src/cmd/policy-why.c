/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn policy why: a verdict, the layer and line that decide it, and the
 * narrowest change that would flip it, in the words that refusals use.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/path.h"
#include "cmd/policy-why.h"
#include "policy/net-text.h"
#include "policy/policy-doc.h"
#include "policy/scalar-parse.h"

#define HTTPS_PORT 443u

const struct option policy_why_options[POLICY_WHY_OPTIONS] = {
	POLICY_JSON_OPTION,
	POLICY_USER_OPTIONS,
	POLICY_HELP_OPTION,
};

const char *why_user_file(struct policy_here *h)
{
	const struct open_request *q = &h->request;

	if (h->entry->file[0] != '\0')
		return h->entry->file;
	if (q->profile.len > 0)
		return arena_printf(
			&h->arena, "%.*s/.config/bawn/profiles/%.*s.yaml",
			STR_ARG(q->env[OPEN_HOME]), STR_ARG(q->profile));
	return arena_printf(&h->arena, "%.*s/.config/bawn/policy.yaml",
			    STR_ARG(q->env[OPEN_HOME]));
}

/* A section of the user's own takes the place of the built-in one. */
static const char *why_beside(const struct origin *o, const char *key)
{
	return str_eq(o->layer, STR("builtin")) &&
			       (strncmp(key, "files.", 6) == 0 ||
				strncmp(key, "limits.", 7) == 0)
		       ? ", beside the built-in lines of that section "
			 "(bawn policy show)"
		       : "";
}

const char *why_change(struct policy_here *h, const struct origin *o,
		       const char *key, const char *text)
{
	AUTO(buf) struct buf b = BUF_NULL;

	if (!net_layer_is_own(o->layer)) {
		buf_init(&b, POLICY_OUTPUT_MAX);
		net_hint_above(&b, o);
		return arena_cstr(&h->arena, buf_str(&b));
	}
	if (str_eq(o->layer, str_of(policy_layer_name(POLICY_PROJECT))))
		return arena_printf(&h->arena, "%s: - %s in %.*s", key, text,
				    STR_ARG(o->file));
	return arena_printf(&h->arena, "%s: - %s in %s%s", key, text,
			    why_user_file(h), why_beside(o, key));
}

/* ---- network ---- */

/* "HOST", "HOST:PORT", "[V6]:PORT", "SCHEME://HOST[:PORT]/..." */
static bool split_target(const char *text, struct str *ret_host,
			 uint16_t *ret_port)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} schemes[] = { { "https://", 443 }, { "http://", 80 },
			{ "ssh://", 22 },    { "git://", 9418 },
			{ "wss://", 443 },   { "ws://", 80 } };
	struct str s = str_of(text), host;
	size_t colon;
	uint64_t port = 0;

	*ret_port = HTTPS_PORT;
	for (size_t i = 0; i < N_ELEMS(schemes); i++) {
		if (!str_starts(s, str_of(schemes[i].scheme)))
			continue;
		s = str_skip(s, strlen(schemes[i].scheme));
		*ret_port = schemes[i].port;
		if (!str_cut(&s, '/', &host))
			return false;
		s = host;
		break;
	}
	if (s.len > 0 && s.ptr[0] == '[') {
		s = str_skip(s, 1);
		if (!str_cut(&s, ']', ret_host))
			return false;
		if (s.len > 0 && s.ptr[0] != ':')
			return false;
	} else {
		/* More than one colon: an address of IPv6 alone. */
		const char *first = memchr(s.ptr, ':', s.len);

		colon = first ? (size_t)(first - s.ptr) : s.len;
		if (first && memchr(first + 1, ':', s.len - colon - 1))
			colon = s.len;
		*ret_host = (struct str){ s.ptr, colon };
		s = str_skip(s, colon);
	}
	if (s.len == 0)
		return ret_host->len > 0;
	s = str_skip(s, 1);
	for (size_t i = 0; i < s.len && port <= UINT16_MAX; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		port = port * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*ret_port = (uint16_t)port;
	return ret_host->len > 0 && port >= 1 && port <= UINT16_MAX;
}

static void net_answer(struct policy_here *h, const struct net_verdict *v,
		       struct str name, const struct in6_addr *addr,
		       uint16_t port, struct why *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	ret->allow = v->verdict == VERDICT_ALLOW;
	ret->origin = v->origin;
	if (ret->allow) {
		ret->reason = v->rule->connect_port != 0
				      ? "network.allow; dialled where its "
					"`connect` says"
			      : name.len > 0
				      ? "network.allow; dialled if its address "
					"is public or a cidr rule names it"
				      : "network.allow";
		return;
	}
	ret->reason =
		v->rule ? "network.deny" : "no rule of network.allow fits";
	buf_init(&b, 1024);
	net_hint(&b, v, name, addr, port);
	if (!net_layer_is_own(v->origin.layer) || v->rule ||
	    str_eq(v->origin.layer, STR("project")))
		ret->change = arena_cstr(&h->arena, buf_str(&b));
	else
		ret->change =
			arena_printf(&h->arena, "%.*s in %s",
				     STR_ARG(buf_str(&b)), why_user_file(h));
}

/* Inside, these lead to the jail itself. */
static bool is_jail_itself(struct str name, const struct in6_addr *addr)
{
	const char *special = addr ? net_special(addr) : NULL;

	if (special)
		return strcmp(special, "loopback") == 0;
	return str_eq(name, STR("localhost")) || str_eq(name, STR("bawn")) ||
	       (name.len > 10 &&
		str_eq(str_skip(name, name.len - 10), STR(".localhost")));
}

int why_net(struct policy_here *h, const char *target, struct why *ret)
{
	char name[NET_NAME_MAX + 1], text[NET_ADDR_TEXT];
	struct net_verdict v;
	struct in6_addr addr;
	struct str host;
	const char *bad;
	bool wild = false;
	uint16_t port;
	int r = policy_here_compile(h);

	if (r != BAWN_EXIT_OK)
		return r;
	if (!split_target(target, &host, &port)) {
		cmd_error("why net: %s is not HOST:PORT", target);
		return BAWN_EXIT_USAGE;
	}
	if (net_addr_parse(host, &addr)) {
		net_endpoint_format(&addr, port, text);
		ret->subject = arena_cstr(&h->arena, str_of(text));
		host = (struct str){ 0 };
		v = net_decide_addr(&h->entry->net, &addr, port);
	} else {
		bad = scalar_host(&h->arena, host, &host, &wild);
		if (bad || wild || !net_name_parse(host, name)) {
			cmd_error("why net: %s is not a host name", target);
			return BAWN_EXIT_USAGE;
		}
		host = arena_str(&h->arena, str_of(name));
		ret->subject = arena_printf(&h->arena, "%s:%u", name, port);
		v = net_decide_name(&h->entry->net, host, port);
	}
	if (is_jail_itself(host, host.len > 0 ? NULL : &addr)) {
		ret->allow = true;
		ret->reason = "it is the session itself, not the host";
		return BAWN_EXIT_OK;
	}
	net_answer(h, &v, host, &addr, port, ret);
	return BAWN_EXIT_OK;
}

/* ---- environment ---- */

/* The entry of env.set or env.pass that speaks of @name; NULL: none. */
static const struct policy_item *find_env(const struct policy_here *h,
					  enum policy_key key, struct str name)
{
	const struct policy_value *v = &h->entry->policy.value[key];
	const struct policy_item *found = NULL;

	for (size_t i = 0; i < v->n; i++) {
		const struct policy_item *it = &v->items[i];

		/* Of env.set the last one holds. */
		if (key == POLICY_ENV_SET
			    ? str_eq(it->text, name) &&
				      policy_env_allows(&h->entry->policy,
							it->origin.layer, name,
							NULL)
			    : !found && glob_match(it->text, name))
			found = it;
	}
	return found;
}

static bool is_ours(const struct policy_here *h, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < h->plan.n_env_set; i++) {
		const char *e = h->plan.env_set[i];

		if (strncmp(e, name, len) == 0 && e[len] == '=')
			return true;
	}
	return false;
}

int why_env(struct policy_here *h, const char *name, struct why *ret)
{
	const struct policy_item *item;
	struct str s = str_of(name);
	struct origin o;
	int r = policy_here_plan(h);

	if (r != BAWN_EXIT_OK)
		return r;
	if (!scalar_is_env_name(s, false)) {
		cmd_error("why env: %s is not a variable's name", name);
		return BAWN_EXIT_USAGE;
	}
	ret->subject = name;
	item = find_env(h, POLICY_ENV_SET, s);
	if (item) {
		ret->allow = true;
		ret->origin = item->origin;
		ret->reason = "set by env.set";
		return BAWN_EXIT_OK;
	}
	if (is_ours(h, name)) {
		ret->allow = true;
		ret->reason = "made for the session";
		return BAWN_EXIT_OK;
	}
	item = find_env(h, POLICY_ENV_PASS, s);
	if (!policy_env_allows(&h->entry->policy, STR("user"), s, &o)) {
		ret->origin = o;
		ret->reason = "env.pass of this layer lacks it";
		ret->change = why_change(h, &o, "env.pass", name);
		return BAWN_EXIT_OK;
	}
	ret->allow = item != NULL;
	ret->origin = item ? item->origin
			   : h->entry->policy.value[POLICY_ENV_PASS].origin;
	ret->reason = !item          ? "nothing of env.pass fits"
		      : getenv(name) ? "passed by env.pass"
				     : "passed by env.pass; it is not set";
	if (!item)
		ret->change = arena_printf(
			&h->arena, "%s, or once: bawn run -e %s",
			why_change(h, &ret->origin, "env.pass", name), name);
	return BAWN_EXIT_OK;
}

/* ---- limits ---- */

static bool parse_count(struct str s, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9' || i > 9)
			return false;
		*ret = *ret * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	return s.len > 0;
}

static bool parse_limit(enum schema_type t, struct str s, uint64_t *ret)
{
	if (t == SCHEMA_SIZE)
		return scalar_size(s, ret);
	if (t == SCHEMA_TIME)
		return scalar_time(s, ret);
	return t == SCHEMA_CPU ? scalar_cpu(s, ret) : parse_count(s, ret);
}

static const char *format_limit(struct policy_here *h, enum schema_type t,
				uint64_t v)
{
	char text[24];

	if (t == SCHEMA_SIZE)
		scalar_size_format(v, text, sizeof(text));
	else if (t == SCHEMA_TIME)
		scalar_time_format(v, text, sizeof(text));
	else if (t == SCHEMA_CPU)
		scalar_cpu_format(v, text, sizeof(text));
	else
		(void)snprintf(text, sizeof(text), "%llu",
			       (unsigned long long)v);
	return arena_cstr(&h->arena, str_of(text));
}

int why_limit(struct policy_here *h, const char *name, const char *value,
	      struct why *ret)
{
	const char *shortened =
		strncmp(name, "limits.", 7) == 0 ? name + 7 : name;
	const struct policy_value *v;
	const struct schema_row *row;
	enum policy_key key;
	uint64_t asked = 0;

	if (schema_find(SECTION_LIMITS, str_of(shortened), &key) !=
	    SCHEMA_KEY) {
		cmd_error("why limit: %s is not memory, cpu, processes, disk "
			  "or time",
			  name);
		return BAWN_EXIT_USAGE;
	}
	row = &policy_schema[key];
	v = &h->entry->policy.value[key];
	if (value && !parse_limit(row->type, str_of(value), &asked)) {
		cmd_error("why limit: %s is not %s", value,
			  schema_type_name(row->type));
		return BAWN_EXIT_USAGE;
	}
	ret->subject = arena_printf(&h->arena, "limits.%s%s%s", row->name,
				    value ? " " : "", value ? value : "");
	ret->origin = v->origin;
	ret->allow = !v->set || asked <= v->number;
	ret->reason =
		!v->set ? "no limit"
			: arena_printf(&h->arena, "the limit is %s, %s",
				       format_limit(h, row->type, v->number),
				       row->help);
	if (!ret->allow && !net_layer_is_own(v->origin.layer))
		ret->change = why_change(h, &v->origin, "", "");
	else if (!ret->allow)
		ret->change = arena_printf(
			&h->arena, "limits.%s: %s in %s%s", row->name, value,
			str_eq(v->origin.layer, STR("project"))
				? h->entry->source[POLICY_PROJECT].path
				: why_user_file(h),
			why_beside(&v->origin, "limits."));
	return BAWN_EXIT_OK;
}

/* ---- */

static int put_text(const char *what, const struct why *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char text[1024];

	buf_init(&b, POLICY_OUTPUT_MAX);
	str_sanitise(str_of(w->subject), text, sizeof(text));
	buf_printf(&b, "%s  %s %s\n", w->allow ? "allow" : "deny", what, text);
	buf_printf(&b, "  because  %s\n", w->reason);
	if (w->origin.layer.len > 0) {
		str_sanitise(w->origin.file, text, sizeof(text));
		buf_printf(&b, "  decided  %.*s layer, %s:%u\n",
			   STR_ARG(w->origin.layer), text,
			   (unsigned)w->origin.line);
	} else {
		buf_printf(&b, "  decided  bawn itself, in every session\n");
	}
	if (w->change) {
		str_sanitise(str_of(w->change), text, sizeof(text));
		buf_printf(&b, "  change   %s\n", text);
	}
	return policy_put(&b);
}

static int put_json(const char *what, const struct why *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out j = JSON_OUT(&b);

	buf_init(&b, POLICY_OUTPUT_MAX);
	json_open(&j, '{');
	json_kstr(&j, "verdict", str_of(w->allow ? "allow" : "deny"));
	json_kstr(&j, "what", str_of(what));
	json_kstr(&j, "subject", str_of(w->subject));
	json_kstr(&j, "reason", str_of(w->reason));
	if (w->origin.layer.len > 0) {
		json_kstr(&j, "layer", w->origin.layer);
		json_kstr(&j, "file", w->origin.file);
		json_kuint(&j, "line", w->origin.line);
	}
	if (w->change)
		json_kstr(&j, "change", str_of(w->change));
	json_close(&j, '}');
	buf_addc(&b, '\n');
	return policy_put(&b);
}

static int ask(struct policy_here *h, int argc, char *const argv[],
	       struct why *ret)
{
	const char *what = argv[0], *subject = argv[1];

	if (strcmp(what, "limit") == 0)
		return why_limit(h, subject, argc > 2 ? argv[2] : NULL, ret);
	if (strcmp(what, "net") == 0) {
		if (argc > 2)
			cmd_error("rules by method and path are not in this "
				  "version: the answer is about the "
				  "connection");
		return why_net(h, subject, ret);
	}
	if (argc > 2) {
		cmd_error("why %s: one subject", what);
		return BAWN_EXIT_USAGE;
	}
	if (strcmp(what, "env") == 0)
		return why_env(h, subject, ret);
	return why_file(h, subject, strcmp(what, "write") == 0, ret);
}

int policy_why(const struct policy_opts *o, int argc, char *const argv[])
{
	static const char *const kinds[] = { "read", "write", "net", "env",
					     "limit" };
	AUTO(policy_here) struct policy_here *h = NULL;
	struct why w = { .subject = "", .reason = "" };
	bool known = false;
	int code;

	for (size_t i = 0; i < N_ELEMS(kinds); i++)
		known |= strcmp(argv[0], kinds[i]) == 0;
	if (!known) {
		cmd_error(strcmp(argv[0], "model") == 0 ||
					  strcmp(argv[0], "mcp") == 0
				  ? "why %s: not in this version"
				  : "why %s: not one of read, write, net, env, "
				    "limit",
			  argv[0]);
		return BAWN_EXIT_USAGE;
	}
	code = policy_here_new(&h, o);
	if (code == BAWN_EXIT_OK)
		code = ask(h, argc, argv, &w);
	if (code != BAWN_EXIT_OK)
		return code;
	if (h->arena.failed)
		return policy_trouble("bawn policy", -ENOMEM);
	code = o->json ? put_json(argv[0], &w) : put_text(argv[0], &w);
	return code != BAWN_EXIT_OK ? code
	       : w.allow            ? BAWN_EXIT_OK
				    : BAWN_EXIT_REFUSED;
}
