/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker-confine: what a sink's process gives up before it speaks to anybody.
 *
 * It keeps the network and names: resolving needs files, sockets and, in
 * libcurl, threads.
 */
#pragma once

#include "export/worker.h"

#define WORKER_MEMORY ((size_t)1024 * 1024 * 1024) /* address space */

/* For good.  0; -errno.  Without Landlock in the kernel it is tolerated. */
must_check int worker_confine(const struct worker *w);
