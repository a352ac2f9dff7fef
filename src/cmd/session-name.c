/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/session-name.h"

#include "ledger/record-parse.h"

int session_open(struct arena *a, const char *name, struct reader **ret,
		 struct str *ret_id)
{
	AUTO(reader) struct reader *r = NULL;
	const char *dir = reader_default_dir(a);
	int e;

	if (!dir) {
		cmd_error("neither HOME nor BAWN_STATE_DIR is set");
		return BAWN_EXIT_TROUBLE;
	}
	e = reader_open(&r, dir);
	if (e == -ENOENT) {
		cmd_error("no session has run yet (no ledger in %s)", dir);
		return BAWN_EXIT_REFUSED;
	}
	if (e == 0)
		e = reader_find_session(r, str_of(name), a, ret_id);
	if (e > 0) {
		cmd_error(e == 2 ? "'%.40s' is the beginning of more than one "
				   "session's id"
				 : "no session '%.40s' is on the ledger",
			  name);
		return BAWN_EXIT_REFUSED;
	}
	if (e < 0) {
		cmd_error("cannot read %s: %s", dir, strerror(-e));
		return BAWN_EXIT_TROUBLE;
	}
	/* From the beginning: finding moved the position. */
	reader_free(TAKE(r));
	e = reader_open(&r, dir);
	if (e < 0) {
		cmd_error("cannot read %s: %s", dir, strerror(-e));
		return BAWN_EXIT_TROUBLE;
	}
	*ret = TAKE(r);
	return -1;
}

bool session_has(struct str line, struct str id)
{
	struct record_line l;

	return record_line_scan(line, &l) && str_eq(l.session, id);
}
