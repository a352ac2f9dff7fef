/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later-walk: the second pass of later-state.h, over all its trees, in steps.
 * What is near the top comes first, and what tools fill (later_is_heap) last.
 */
#pragma once

#include "jail/later-state.h"

struct later_walk;

must_check int later_walk_new(struct later_walk **ret, struct later_state *s);
void later_walk_free(struct later_walk *w);
DEFINE_AUTO(later_walk, struct later_walk, later_walk_free);

/* 0: all is looked at; 1: call again; -errno: the rest is not. */
must_check int later_walk_step(struct later_walk *w, uint64_t budget_ns);
/* Directories that are known and not looked at yet. */
size_t later_walk_left(const struct later_walk *w);
