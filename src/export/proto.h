/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto: the five things that protocol buffers are written with.  Pure; a
 * failure is b->failed.  A field that has its default value is the caller's to
 * leave out.
 */
#pragma once

#include "base/buf.h"

void proto_varint(struct buf *b, uint32_t field, uint64_t v);
void proto_fixed64(struct buf *b, uint32_t field, uint64_t v);
/* Text, bytes, and messages made before. */
void proto_bytes(struct buf *b, uint32_t field, struct str s);
/*
 * A message whose length is not known yet: what is appended between the two
 * becomes its content.  The result of the first is for the second.
 */
must_check size_t proto_begin(struct buf *b, uint32_t field);
void proto_end(struct buf *b, size_t at);
