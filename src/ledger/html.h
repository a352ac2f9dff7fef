/* SPDX-License-Identifier: Apache-2.0 */
/* html: foreign text in a page of HTML.  Pure. */
#pragma once

#include "base/buf.h"

/*
 * @text as text or as a quoted attribute's value: & < > " ' become
 * references, and what is not printable UTF-8 is shown as \xNN, so that
 * nothing of it is mark-up and none of it changes how the rest is read.
 */
void html_add(struct buf *b, struct str text);
