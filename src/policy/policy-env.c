/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"
#include "policy/policy.h"

/* The user's is above the project's, and the project narrows it all the same:
 * it is the one layer that is asked about what a higher one brings. */
static bool is_asked(enum policy_layer narrow, struct str provider)
{
	if (str_eq(provider, str_of(policy_layer_name(narrow))))
		return false;
	if (str_eq(provider, str_of(policy_layer_name(POLICY_ORG))))
		return false;
	if (str_eq(provider, str_of(policy_layer_name(POLICY_TEAM))))
		return narrow == POLICY_ORG;
	return true;
}

static bool lets_in(const struct policy_value *v, struct str name)
{
	for (size_t i = 0; i < v[POLICY_ENV_PASS].n; i++) {
		if (glob_match(v[POLICY_ENV_PASS].items[i].text, name))
			return true;
	}
	for (size_t i = 0; i < v[POLICY_ENV_SET].n; i++) {
		if (str_eq(v[POLICY_ENV_SET].items[i].text, name))
			return true;
	}
	return false;
}

bool policy_env_allows(const struct policy *p, struct str layer,
		       struct str name, struct origin *ret_origin)
{
	for (size_t i = 0; i < p->n_narrow; i++) {
		const struct policy_narrow *n = &p->narrow[i];

		if (!n->value[POLICY_ENV_PASS].set ||
		    !is_asked(n->layer, layer) || lets_in(n->value, name))
			continue;
		if (ret_origin)
			*ret_origin = n->value[POLICY_ENV_PASS].origin;
		return false;
	}
	return true;
}
