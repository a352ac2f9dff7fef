/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receiver: the process that reads what agents say of themselves, and what it
 * and its relay say to each other.
 *
 *   relay -> receiver  RECEIVER_CLIENT  a descriptor: a client
 *   receiver -> relay  RECEIVER_RECORD  a record of kind agent.event
 *                      RECEIVER_LOST    eight bytes: so many are missing
 *   relay -> receiver  EOF              read what is there already, exit
 */
#pragma once

#include "base/base.h"

enum {
	RECEIVER_CLIENT = 1,
	RECEIVER_RECORD,
	RECEIVER_LOST,
};

/* In a child of the relay, which has @take_fd and standard error alone. */
noreturn_fn void receiver_run(int take_fd);
