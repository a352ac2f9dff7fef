/* SPDX-License-Identifier: Apache-2.0 */
/* path: absolute paths and patterns as text.  Pure; asks no file system. */
#pragma once

#include "base/arena.h"
#include "base/base.h"

#define PATH_LIMIT 4095u /* bytes, as in limits.h without the NUL */

/*
 * Absolute form of @p seen from @base: "." and ".." are resolved as text, runs
 * of "/" become one, no "/" at the end.  @base counts only when @p is relative.
 * {0}: too long, holds NUL, @base is needed and not absolute, or no room in @a.
 */
struct str path_normalise(struct arena *a, struct str base, struct str p);
/* @p is @dir or below it; both normalised. */
bool path_is_below(struct str p, struct str dir);
struct str path_dirname(struct str p);
struct str path_basename(struct str p);
/*
 * Globs: "*" and "?" stay within one component, "**" as a whole component is
 * any number of them, also none ("/a/" "**" matches "/a"), [a-z] and [!a-z]
 * sets, no braces, "\" quotes.  Case counts, a leading dot does not.  "?" and
 * sets take one character of UTF-8.  Linear in |glob| * |s|.  A glob that is
 * not valid may match anything or nothing.
 */
bool glob_match(struct str glob, struct str s);
/* Well formed: closed sets, "**" alone in its component, <= PATH_LIMIT. */
bool glob_is_valid(struct str glob);
/* Holds one of * ? [ */
bool glob_is_pattern(struct str s);
