/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/env-list.h"

#define FIRST_SIZE 64u

int env_list_init(struct env_list *e, struct arena *a)
{
	*e = (struct env_list){ .arena = a };
	e->size = FIRST_SIZE;
	e->items = arena_array(a, e->size, sizeof(char *));
	return e->items ? 0 : -ENOMEM;
}

static size_t find(const struct env_list *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->items[i], name, len) == 0 &&
		    e->items[i][len] == '=')
			return i;
	}
	return e->n;
}

static bool make_room(struct env_list *e)
{
	char **more;

	if (e->n < e->size)
		return true;
	more = arena_array(e->arena, 2 * e->size, sizeof(char *));
	if (!more)
		return false;
	memcpy(more, e->items, e->n * sizeof(char *));
	e->items = more;
	e->size *= 2;
	return true;
}

void env_list_set(struct env_list *e, const char *name, struct str value)
{
	size_t i = find(e, name);
	char *item;

	if (i == PLAN_MAX_ENV) {
		e->arena->failed = true;
		return;
	}
	item = arena_printf(e->arena, "%s=%.*s", name, STR_ARG(value));
	if (!item || !make_room(e))
		return;
	e->items[i] = item;
	if (i == e->n)
		e->n++;
}

const char *env_list_find(const struct env_list *e, const char *name)
{
	size_t i = find(e, name);

	return i < e->n ? e->items[i] + strlen(name) + 1 : NULL;
}
