/* SPDX-License-Identifier: Apache-2.0 */
/* run-rule: which line of a policy a record is about, as the plan tells it. */
#pragma once

#include "jail/plan.h"
#include "ledger/record.h"

/*
 * The @i-th of a plan's lists of rules.  False: no line of a policy; *ret
 * borrows from the plan.
 */
bool run_rule(char *const *rules, size_t n, size_t i, struct record_rule *ret);
/* The entry of plan.hide that covers @path; p->n_hide = none. */
size_t run_rule_hide(const struct plan *p, const char *path);
