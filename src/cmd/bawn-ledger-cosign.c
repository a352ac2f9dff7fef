/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger cosign, cosigner: a program of their own (cosign-options.h). */
#include <unistd.h>

#include "cmd/bawn-ledger.h"

int verb_cosign(const struct verb *v, int argc, char *const argv[])
{
	char *args[OPTIONS_MAX * 4], path[4096];
	struct verb_opts none;
	int first = 0;

	if (argc == 2 && argv[1][0] == '-' && strchr(argv[1], 'h'))
		return verb_parse(v, argc, argv, &none, &first);
	if ((size_t)argc + 2 > N_ELEMS(args)) {
		ledger_error("%s: too many arguments", v->name);
		return BAWN_EXIT_USAGE;
	}
	if (!cmd_libexec("bawn-cosign", path, sizeof(path))) {
		ledger_error("%s: the program bawn-cosign is not installed",
			     v->name);
		return BAWN_EXIT_TROUBLE;
	}
	args[0] = path;
	memcpy(args + 1, argv, (size_t)argc * sizeof(*argv));
	args[argc + 1] = NULL;
	(void)execv(path, args);
	ledger_error("%s: %s: %s", v->name, path, strerror(errno));
	return BAWN_EXIT_TROUBLE;
}
