/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the jail's network, made the way a session makes it. */
#include <sched.h>
#include <stdio.h>

#include "cmd/doctor.h"
#include "jail/net.h"
#include "jail/nl.h"

/* Up to step @n: 1 sockets and routes, 2 rules, 3 log. */
static void try_steps(struct probe_result *r, unsigned n)
{
	struct plan_class classes[] = {
		{ .v4_bits = 24, .v6_bits = 64, .ports = { 443 }, .n_ports = 1 }
	};
	struct plan p = { .classes = classes, .n_classes = 1 };
	struct diag why = { 0 };
	struct net_sockets s;
	char *scratch = malloc(NL_BYTES);
	int e;

	if (!scratch)
		return;
	classes[0].v4.s_addr = htonl(0xc6120000); /* 198.18.0.0 */
	classes[0].v6.s6_addr[0] = 0xfd;
	e = net_prepare(scratch, &s, &why);
	if (e == 0 && n > 1)
		e = net_rules(&p, scratch, &why);
	if (e == 0 && n > 2)
		e = net_log(scratch, &s, &why);
	r->ok = e == 0;
	if (e != 0)
		probe_say(r, "%.150s", why.text[0] ? why.text : strerror(-e));
	free(scratch);
}

static void try_routes(struct probe_result *r)
{
	try_steps(r, 1);
}

static void try_rules(struct probe_result *r)
{
	try_steps(r, 2);
}

static void try_log(struct probe_result *r)
{
	try_steps(r, 3);
}

#define NO_JAIL "no session can start"

const struct probe net_probes[] = {
	{ "anyip", "every address local, transparent sockets", PROBE_USERNS,
	  CLONE_NEWNET, true, false, try_routes, NO_JAIL,
	  "a kernel with CONFIG_IPV6 and CONFIG_NETFILTER" },
	{ "tproxy", "nft rules that hand connections over", PROBE_USERNS,
	  CLONE_NEWNET, true, false, try_rules, NO_JAIL,
	  "modprobe -a nf_tables nft_tproxy nft_socket (CONFIG_NFT_TPROXY)" },
	{ "nflog", "refused packets told", PROBE_USERNS, CLONE_NEWNET, true,
	  false, try_log, NO_JAIL,
	  "modprobe -a nfnetlink_log nft_log (CONFIG_NETFILTER_NETLINK_LOG)" },
};
const size_t n_net_probes = N_ELEMS(net_probes);
