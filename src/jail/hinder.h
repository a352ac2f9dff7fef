/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hinder: what stands in the way of a jail on this machine, and what mends it.
 * For the one line of `bawn run` that failed and for `bawn doctor`, so that
 * both say the same.  Asked after something was tried and refused; it reads
 * the knobs that are known to do that.
 */
#pragma once

#include "base/base.h"

struct hindrance {
	char why[120];
	char mend[240]; /* a command or a setting */
};

/*
 * For when something failed and said nothing of use: try what a jail needs of
 * this machine.  False: it is not the machine.  Takes a millisecond or two.
 */
must_check bool hinder_find(struct hindrance *ret);

/*
 * Making a user namespace, or others with it, ended in @error (-errno).
 * @kind: the only one that it can have been ("net"), or NULL.
 */
void hinder_namespaces(int error, const char *kind, struct hindrance *ret);
/* In a user namespace of ours, with all its capabilities, mounting did. */
void hinder_mounts(int error, struct hindrance *ret);
/* A fresh /proc. */
void hinder_proc(struct hindrance *ret);
/* As root: binding files for another user. */
void hinder_root(struct hindrance *ret);
/* As root: the id @uid for the jail. */
void hinder_ids(uint32_t uid, struct hindrance *ret);
