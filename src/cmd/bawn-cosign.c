/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-cosign: `bawn ledger cosign` and `bawn ledger cosigner`, executed by
 * bawn-ledger with the verb as its first argument.
 */
#include "cmd/bawn-cosign.h"

#include <signal.h>
#include <stdarg.h>

#include "base/log.h"

void cosign_error(const char *fmt, ...)
{
	char text[1024], safe[1200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_sanitise(str_of(text), safe, sizeof(safe));
	fprintf(stderr, "bawn ledger: %s\n", safe);
}

static const struct {
	const char *name;
	const struct option *options;
	size_t n_options;
	int (*run)(const struct cosign_opts *o);
} verbs[] = {
	{ "cosign", cosign_options, N_ELEMS(cosign_options), cosign_submit },
	{ "cosigner", cosigner_options, N_ELEMS(cosigner_options),
	  cosign_serve },
};

int main(int argc, char **argv)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct cosign_opts o = { .to = NULL };
	struct diag d = { 0 };
	int first = 0;

	(void)sigaction(SIGPIPE, &ignored, NULL); /* a peer may go */
	log_init("bawn-cosign", STDERR_FILENO, LOG_LEVEL_INFO);
	for (size_t i = 0; argc >= 2 && i < N_ELEMS(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (!options_parse(verbs[i].options, verbs[i].n_options,
				   argc - 1, argv + 1, &o, &first, &d)) {
			cosign_error("%s: %s", argv[1], d.text);
			return BAWN_EXIT_USAGE;
		}
		if (first != argc - 1) {
			cosign_error("%s: '%s' is too much", argv[1],
				     argv[1 + first]);
			return BAWN_EXIT_USAGE;
		}
		return verbs[i].run(&o);
	}
	cosign_error("this is for 'bawn ledger cosign' and 'cosigner'");
	return BAWN_EXIT_USAGE;
}
