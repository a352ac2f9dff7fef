/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sinks-files.h"

#include <stdio.h>

#include "policy/user-file.h"

int sinks_load_one(struct arena *a, struct sinks_file *f)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r = user_file_read(f->path, &b, NULL, &f->why);

	if (r == USER_FILE_E_NONE) {
		f->why.text[0] = '\0';
		return 0;
	}
	f->there = true;
	if (r < 0)
		diag_set(&f->why, 0, 0, "%s", strerror(-r));
	if (r == 0)
		r = sinks_parse(a, buf_str(&b), &f->sinks, &f->why);
	f->bad = r != 0;
	return r == -ENOMEM ? r : 0;
}

int sinks_load(struct arena *a, const char *home,
	       struct sinks_file ret[SINKS_FILES])
{
	int r;

	memset(ret, 0, SINKS_FILES * sizeof(ret[0]));
	ret[0].layer = "organisation";
	ret[0].path = SINKS_ORG_FILE;
	ret[1].layer = "user";
	r = sinks_load_one(a, &ret[0]);
	if (r != 0 || !home || home[0] != '/')
		return r;
	ret[1].path = arena_printf(a, "%s/" SINKS_USER_FILE, home);
	return ret[1].path ? sinks_load_one(a, &ret[1]) : -ENOMEM;
}

void sink_full_name(const struct sinks_file *f, const struct sink *s,
		    char dst[SINKS_FULL_NAME])
{
	(void)snprintf(dst, SINKS_FULL_NAME, "%s-%s", f->layer, s->name);
}
