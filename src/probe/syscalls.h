/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscalls: dangerous system calls by number, through every door that this
 * architecture's processes have into the kernel.
 *
 * Rows are made here since they are a product: calls by ABIs.  Ids:
 * kernel.NAME, kernel.i386-NAME, kernel.x32-NAME, kernel.arm-NAME.
 */
#pragma once

#include "probe/probe.h"

struct abi {
	const char *name;   /* as --abi says it */
	const char *prefix; /* of the name in an id */
	const char *via;
};

extern const struct abi abis[];
extern const size_t n_abis;

/* Calls @fn for each call that the ABI has a number for, or could have. */
void syscalls_each(const struct abi *abi,
		   void (*fn)(const struct attempt *a, void *userdata),
		   void *userdata);
/* Whether @word, of @len bytes, is the id of one of those rows. */
bool syscalls_find(const char *word, size_t len);
