/* SPDX-License-Identifier: Apache-2.0 */
/* export-test: `bawn ledger sinks test NAME`, one made-up record. */
#pragma once

int export_test(int argc, char *const argv[]);
