/* SPDX-License-Identifier: Apache-2.0 */
/* build-id: which build this is; made from the sources when building. */
#pragma once

#define BAWN_VERSION "0.1.0"

/* 16 hex digits; differs when any source differs. */
const char *build_id(void);
