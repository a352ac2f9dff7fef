/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy's paths stand for, on one machine and in one project. */
#include "policy/policy.h"

#include "base/path.h"
#include "policy/scalar-parse.h"
#include "policy/schema.h"

#define POLICY_E_REFUSED 1

/* @s with every character quoted that means something in a glob. */
static struct str quote_glob(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, 2 * s.len + 1);
	size_t n = 0;

	if (!out)
		return (struct str){ 0 };
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("*?[\\", s.ptr[i]))
			out[n++] = '\\';
		out[n++] = s.ptr[i];
	}
	return (struct str){ .ptr = out, .len = n };
}

static int refuse_item(const struct policy_item *item, const char *why,
		       struct diag *err)
{
	char shown[64];

	str_sanitise(item->text, shown, sizeof(shown));
	diag_set(err, item->origin.line, 0, "%s: %s", shown, why);
	return POLICY_E_REFUSED;
}

/* @ret_base: what @ret_rest is relative to. */
static bool split_base(struct str text, const struct policy_vars *vars,
		       struct str *ret_base, struct str *ret_rest)
{
	struct str name;

	*ret_rest = text;
	*ret_base = vars->project;
	if (text.ptr[0] == '/') {
		*ret_base = STR("/");
	} else if (text.ptr[0] == '~') {
		*ret_base = vars->home;
		*ret_rest = str_skip(text, 1);
	} else if (scalar_path_variable(text, &name, ret_rest)) {
		*ret_base = str_eq(name, STR("HOME")) ? vars->home
			    : vars->env ? vars->env(vars->ctx, name)
					: (struct str){ 0 };
		if (ret_base->len == 0 || ret_base->ptr[0] != '/')
			return false;
	}
	/* "~/x", "$V/x": the rest is below the base, not below "/". */
	while (ret_rest->len > 0 && ret_rest->ptr[0] == '/')
		*ret_rest = str_skip(*ret_rest, 1);
	return true;
}

int policy_expand(struct arena *a, enum policy_key key,
		  const struct policy_item *item,
		  const struct policy_vars *vars, struct str *ret,
		  struct diag *reterr)
{
	bool glob = policy_schema[key].type == SCHEMA_GLOBS;
	struct str base, rest, out;

	if (!split_base(item->text, vars, &base, &rest))
		return refuse_item(item,
				   "the variable is not set to an "
				   "absolute path",
				   reterr);
	base = path_normalise(a, base, STR("."));
	if (glob && base.ptr)
		base = quote_glob(a, base);
	if (base.ptr)
		out = path_normalise(a, base, rest);
	else
		out = (struct str){ 0 };
	if (a->failed)
		return -ENOMEM;
	if (!out.ptr)
		return refuse_item(item, "too long", reterr);
	*ret = out;
	return 0;
}
