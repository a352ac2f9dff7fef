/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask-fd: where in a program's table what it takes for a UDP socket is put, so
 * that the filter, which sees numbers alone, asks for these and few others.
 * Below what select(2) can take, and the usual limit of descriptors.
 */
#pragma once

#define ASK_FD  960
#define ASK_FDS 64
