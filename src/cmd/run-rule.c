/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run-rule.h"

#include "base/path.h"

bool run_rule(char *const *rules, size_t n, size_t i, struct record_rule *ret)
{
	struct str rest, line;

	if (i >= n)
		return false;
	rest = str_of(rules[i]);
	*ret = (struct record_rule){ 0 };
	if (!str_cut(&rest, ' ', &ret->layer) || !str_cut(&rest, ' ', &line))
		return false;
	for (size_t k = 0; k < line.len; k++) {
		if (line.ptr[k] < '0' || line.ptr[k] > '9' || k > 8)
			return false;
		ret->line = ret->line * 10 + (uint32_t)(line.ptr[k] - '0');
	}
	ret->file = rest;
	return ret->layer.len > 0;
}

size_t run_rule_hide(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_hide; i++) {
		if (glob_match(str_of(p->hide[i]), str_of(path)))
			return i;
	}
	return p->n_hide;
}
