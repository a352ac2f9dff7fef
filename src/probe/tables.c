/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/rows.h"

/* Sizes are known where the rows are: a table of pointers to both. */
static const struct {
	const struct attempt *rows;
	const size_t *n;
} tables[] = {
	{ handover_rows, &n_handover_rows },
	{ kernel_rows, &n_kernel_rows },
	{ family_rows, &n_family_rows },
	{ young_rows, &n_young_rows },
	{ proc_rows, &n_proc_rows },
	{ knob_rows, &n_knob_rows },
	{ device_rows, &n_device_rows },
	{ fs_rows, &n_fs_rows },
	{ place_rows, &n_place_rows },
	{ secret_rows, &n_secret_rows },
	{ setid_rows, &n_setid_rows },
	{ wtx_rows, &n_wtx_rows },
	{ ipc_rows, &n_ipc_rows },
	{ terminal_rows, &n_terminal_rows },
	{ net_rows, &n_net_rows },
	{ route_rows, &n_route_rows },
	{ res_rows, &n_res_rows },
};

const size_t n_attempt_tables = N_ELEMS(tables);

struct attempt_table attempt_table(size_t i)
{
	return (struct attempt_table){ tables[i].rows, *tables[i].n };
}
