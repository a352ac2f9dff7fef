/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lack: what `backend: landlock` has not, each by the word that a policy accepts
 * it with (backend_accept); doc/landlock.md says what each means.
 */
#pragma once

#include "base/base.h"

enum lack {
	LACK_HIDE,
	LACK_PROTECT,
	LACK_METADATA,
	LACK_PRIVATE_HOME,
	LACK_PRIVATE_TMP,
	LACK_PRIVATE_ETC,
	LACK_PROCESSES,
	LACK_PORTS,
	LACK_TERMINALS,
	LACK_TOTAL_KILL,
	LACK_PROCESS_LIMIT,
	LACK_AUDIT,
	LACK_MAX_,
};

/* The words; NULL after the last. */
extern const char *const lack_words[LACK_MAX_ + 1];
