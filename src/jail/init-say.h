/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init-say: what init and the warden tell their supervisor and hear from it, in
 * the same words (jail.h).
 */
#pragma once

#include "base/arena.h"
#include "ipc/ipc.h"
#include "jail/child.h"

/* MSG_INIT_FAILED, and the end of this process. */
noreturn_fn void say_failed(int sock, int error, const char *text);
/* Without a supervisor these end the process. */
void say_exit(int sock, int code, int sig, int exec_errno);
void say_stopped(int sock, int sig);

/*
 * The body of MSG_INIT_GO: words, streams (descriptors are taken), and the size
 * of the terminal c->tty.  They live in @a.  0, -EPROTO, -ENOMEM.
 */
must_check int go_parse(struct arena *a, struct ipc_msg *m, struct child *c);
/* {"signal":N}; 0: none that exists; -EPROTO. */
must_check int signal_parse(struct ipc_msg *m);
