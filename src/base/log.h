/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: lines for operators; lossy, not the ledger.  Library folders do not
 * call it; roles (cmd, keeper, relay's and scribe's main files) do.
 */
#pragma once

#include "base/base.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Prefix "bawnd[scribe]: "; @fd is where lines go, -1 drops them. */
void log_init(const char *role, int fd, enum log_level max);
/*
 * Errors go to the socket @fd too, without a prefix: whoever started us waits
 * there for why it failed.  Never blocks; -1: no more.
 */
void log_starter(int fd);
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
