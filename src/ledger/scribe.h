/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scribe: the process that appends to the ledger, and does nothing else.
 *
 * Runs in a child of the daemon.  Contract of the channels, in short (bodies
 * and who may send what are in doc/PROTOCOL.ledger):
 *
 *   keeper -> scribe  MSG_CHANNEL {"session","user","task","role"} + 1 fd
 *       A new writer at the other end of fd.  role: keeper, supervisor,
 *       relay or witness decides what kinds it may write.  All four are strings; session
 *       is 0 to 64 letters or digits; user and task 0 to 256 bytes.
 *   writer -> scribe  MSG_APPEND, body one record
 *       The keeper's own channel is a writer too: role keeper, no session.
 *       id 0: ordered, durable within 100 ms; then it may be several, a line
 *       each, SCRIBE_MAX_BATCH bytes together.  id != 0 asks for
 *   writer -> scribe  MSG_APPEND_TELL, the same with id != 0; is answered
 *       MSG_WRITTEN {} first, when the record is in the file
 *   scribe -> writer  MSG_APPENDED, the same id
 *       {"seq":N} once it is durable; {"error":"text"} when it could not be
 *       written, in which case it never will be: its effect must not happen.
 *
 *   keeper -> scribe  MSG_ERASE, MSG_ROTATE_KEY, of a user of the ledger; each
 *       is answered MSG_AMENDED (ledger/amend.h)
 *
 * A writer that sends anything else is closed and put on the ledger
 * (peer.killed).  A writer's EOF makes its records durable.  EOF of the keeper
 * ends the scribe, after the other writers have ended or two seconds.
 */
#pragma once

#include "ipc/ipc.h"

#define SCRIBE_MAX_BATCH IPC_INLINE_MAX /* bytes of a message of records */

/*
 * Takes the process over: closes other descriptors than @keeper_fd and stdio,
 * confines itself to @ledger_dir, returns the exit code when the keeper is
 * gone: 0 all is durable, 2 not.  Call _exit() with it.
 */
int scribe_run(int keeper_fd, const char *ledger_dir);
