/* SPDX-License-Identifier: Apache-2.0 */
/* bawn-cosign: what its verbs share. */
#pragma once

#include "cmd/cmd.h"
#include "cmd/cosign-options.h"

/* One line on stderr, sanitised. */
void cosign_error(const char *fmt, ...) printf_like(1, 2);

/* The exit codes. */
int cosign_submit(const struct cosign_opts *o);
int cosign_serve(const struct cosign_opts *o);
