/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lack.h"

const char *const lack_words[LACK_MAX_ + 1] = {
	[LACK_HIDE] = "hide",
	[LACK_PROTECT] = "protect",
	[LACK_METADATA] = "metadata",
	[LACK_PRIVATE_HOME] = "private-home",
	[LACK_PRIVATE_TMP] = "private-tmp",
	[LACK_PRIVATE_ETC] = "private-etc",
	[LACK_PROCESSES] = "processes",
	[LACK_PORTS] = "ports",
	[LACK_TERMINALS] = "terminals",
	[LACK_TOTAL_KILL] = "total-kill",
	[LACK_PROCESS_LIMIT] = "process-limit",
	[LACK_AUDIT] = "audit",
};
