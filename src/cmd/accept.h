/* SPDX-License-Identifier: Apache-2.0 */
/* accept: telling the daemon that a project's policy counts. */
#pragma once

#include "base/base.h"

/*
 * @project: absolute, without links; @sha256: of the text, in hex.  An exit
 * code; what is wrong was said on stderr.
 */
must_check int accept_tell(const char *project, const char *sha256);
