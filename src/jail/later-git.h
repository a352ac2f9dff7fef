/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later-git: which keys of a git configuration run a program, or lead git to
 * another one.  Pure.
 */
#pragma once

#include "jail/gitconfig-parse.h"

bool later_git_runs(const struct gitconfig_entry *e);
/* Where core.hooksPath leads; {0}: nowhere special. */
struct str later_git_hooks(const struct gitconfig *c);
