/* SPDX-License-Identifier: Apache-2.0 */
/* wall: which one is left out.  Only in weakened builds. */
#include "base/wall.h"

#include <strings.h>

#define WALL_NAME_(name, sentence) [WALL_##name] = #name,
static const char *const names[WALL_MAX_] = { WALLS(WALL_NAME_) };

enum wall wall_left_out;

enum wall wall_find(const char *name)
{
	for (unsigned i = WALL_NONE + 1; name && i < WALL_MAX_; i++) {
		if (strcasecmp(names[i], name) == 0)
			return (enum wall)i;
	}
	return WALL_NONE;
}

/* Before main(): some of our processes have no environment later. */
__attribute__((constructor)) static void read_environment(void)
{
	wall_left_out = wall_find(getenv("BAWN_WEAKEN"));
}
