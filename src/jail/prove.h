/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove: tries the walls from inside, before the command exists.
 *
 * Each wall is tried where it stands alone, so that one does not answer for
 * another: namespaces are refused by the kernel's knob before the system call
 * filter refuses them too.  What the filter does with each call is checked when
 * it is built.
 */
#pragma once

#include "base/base.h"
#include "jail/plan.h"

/* All: 0, or -EPROTO and @reterr names the wall that is missing. */

/* The network as the command will see it, before anything is recorded. */
must_check int prove_net(const struct plan *p, struct diag *reterr);
/*
 * Inside the root, in Landlock's domain, and still with all capabilities: now
 * it is the domain alone that refuses to mount.
 */
must_check int prove_landlock(const struct plan *p, struct diag *reterr);
/*
 * An abstract socket made before that domain must be out of its reach, by the
 * domain alone: the network namespace is the same.  For kernels with scopes.
 */
must_check int prove_scopes_begin(void); /* the socket, or -errno */
must_check int prove_scopes(int outside, struct diag *reterr);
/* Without capabilities, before the filter. */
must_check int prove_bare(const struct plan *p, struct diag *reterr);
/*
 * In the command's process, right before exec: everything.  @n_fds: how many
 * descriptors, from 0 on, are to be open.
 */
must_check int prove_all(const struct plan *p, struct diag *reterr);
