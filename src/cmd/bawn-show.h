/* SPDX-License-Identifier: Apache-2.0 */
/* bawn-show: the program that `bawn show` executes. */
#pragma once

#include "base/options.h"

#define SHOW_N_OPTIONS 3u
#define SHOW_SYNOPSIS  "show [--all] [--json | --html] SESSION [FILE]"
#define SHOW_HELP      "the story of one session"

struct show_opts {
	bool all, json, html;
};

extern const struct option show_options[SHOW_N_OPTIONS];
