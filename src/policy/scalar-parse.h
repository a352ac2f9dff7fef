/* SPDX-License-Identifier: Apache-2.0 */
/* scalar-parse: the small languages inside a policy's scalars.  Pure. */
#pragma once

#include "base/arena.h"
#include "base/base.h"

/* "512M": K, M, G, T are powers of 1024; a unit is needed. */
must_check bool scalar_size(struct str s, uint64_t *ret);
/* "90s", "30m", "4h", "2d" -> seconds. */
must_check bool scalar_time(struct str s, uint64_t *ret);
/* "2", "0.5", up to three places -> thousandths. */
must_check bool scalar_cpu(struct str s, uint64_t *ret);
/* The canonical spelling of the same; @dst of at least 24 bytes. */
void scalar_size_format(uint64_t v, char *dst, size_t size);
void scalar_time_format(uint64_t v, char *dst, size_t size);
void scalar_cpu_format(uint64_t v, char *dst, size_t size);

/* The name of an environment variable; @pattern: with * in it, not alone. */
bool scalar_is_env_name(struct str s, bool pattern);

/*
 * A host as a policy spells it: "*." may stand in front, letters may be any of
 * IDNA's, which become A-labels here.  NULL, or why not.
 */
must_check const char *scalar_host(struct arena *a, struct str s,
				   struct str *ret, bool *ret_subdomains);

/* A path as a policy may name it.  NULL, or why not. */
must_check const char *scalar_path_check(struct str s, bool glob);
/*
 * "$XDG_RUNTIME_DIR/x" -> name, rest "/x".  False: does not begin with a
 * variable.
 */
bool scalar_path_variable(struct str s, struct str *ret_name,
			  struct str *ret_rest);
