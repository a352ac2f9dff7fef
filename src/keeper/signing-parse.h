/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing-parse: public halves of the keys that commits are signed with.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"

#define SIGNING_KEY_MAX    ((size_t)16 * 1024)       /* bytes of a .pub file */
#define SIGNING_KEYBOX_MAX ((size_t)4 * 1024 * 1024) /* bytes */

/*
 * *ret: "TYPE BASE64" of an ssh public key, with or without a comment, from
 * @text.  False: it is none, or there is more than one line.
 */
must_check bool signing_ssh_key(struct arena *a, struct str text,
				struct str *ret);

/*
 * GnuPG's keybox with nothing in it but its header and OpenPGP public keys:
 * *ret in @a.  0; -ENOMEM; 1 = not such a file.
 */
must_check int signing_keybox(struct arena *a, struct str file,
			      struct str *ret);
