/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/prove-reasons.h"

const struct prove_reason prove_reasons[PROVE_REASONS_MAX] = {
	{ { "proc.init-limits", "proc.init-affinity", "proc.init-signal",
	    "proc.parent-limits", "proc.parent-affinity",
	    "proc.parent-signal" },
	  "proc.{init,parent}-{limits,...}",
	  "process 1 here is the session's own init" },
	{ { "proc.sibling-*", "proc.own-child-ptrace" },
	  "proc.sibling-*, own-child-ptrace",
	  "its own processes, as debuggers need it" },
	{ { "proc.config", "proc.interrupts", "fs.system-machine-id",
	    "proc.modules", "proc.powercap" },
	  "proc.interrupts, fs.machine-id ...",
	  "what this system shows to any user" },
	{ { "kernel.memfd-exec", "kernel.writable-code", "kernel.mlock",
	    "kernel.low-page" },
	  "kernel.{memfd-exec,mlock,...}",
	  "its own memory, within its limits" },
	{ { "kernel.af-netlink-route", "net.see-tcp", "net.see-udp",
	    "net.see-neighbours" },
	  "kernel.af-netlink-route, net.see-*",
	  "its own network, which it cannot change" },
	{ { "net.resolver-loopback" },
	  "net.resolver-loopback",
	  "port 53 is always the session's resolver" },
	{ { "net.udp4-sendto", "net.udp4-sendmmsg" },
	  "net.udp4-sendto, udp4-sendmmsg",
	  "datagrams reach its own resolver only",
	  .landlock = true },
	{ { "fs.list-home", "fs.home-history", "fs.write-var-tmp" },
	  "fs.list-home, fs.write-var-tmp",
	  "private directories in their places" },
	/* The latter before 6.10, with the BPF module: everybody may. */
	{ { "handover.own-program-writable", "fs.security-attribute" },
	  "own-program-writable, security-attr.",
	  "the file it was tried on is its own" },
	{ { "wtx.*" }, "wtx.*", "new ones: told at the end" },
};
const size_t n_prove_reasons = N_ELEMS(prove_reasons);

/* Of those that a reason's glob covers: these must be refused all the same. */
static const char *const never[] = {
	"wtx.bawn-policy",  "wtx.git-hook",       "wtx.git-hook-other",
	"wtx.git-dir-swap", "wtx.git-hooks-swap", "wtx.claude-settings",
	"wtx.mcp-json",
};

static bool is_never(struct str id)
{
	for (size_t i = 0; i < N_ELEMS(never); i++) {
		if (str_eq(id, str_of(never[i])))
			return true;
	}
	return false;
}

const struct prove_reason *prove_reason_find(struct str id, bool landlock)
{
	for (size_t i = 0; !is_never(id) && i < n_prove_reasons; i++) {
		const char *const *ids = prove_reasons[i].ids;

		if (prove_reasons[i].landlock && !landlock)
			continue;
		for (size_t j = 0; j < PROVE_REASON_IDS && ids[j]; j++) {
			if (glob_match(str_of(ids[j]), id))
				return &prove_reasons[i];
		}
	}
	return NULL;
}

/* doc/landlock.md has the words, and what they mean. */
static const struct {
	const char *id; /* a glob */
	enum lack lack;
} lacks[] = {
	{ "fs.hidden-*", LACK_HIDE },
	{ "fs.protected-*", LACK_PROTECT },
	{ "fs.stat-secret", LACK_METADATA },
	{ "fs.access-secret", LACK_METADATA },
	{ "fs.inotify-outside", LACK_METADATA },
	{ "proc.host-visible", LACK_PROCESSES },
	{ "proc.host-fd", LACK_PROCESSES },
	{ "proc.init-cmdline", LACK_PROCESSES },
	{ "proc.init-fd", LACK_PROCESSES },
	{ "proc.parent-cmdline", LACK_PROCESSES },
	{ "proc.parent-fd", LACK_PROCESSES },
	{ "proc.keys", LACK_PROCESSES },
	/* for root, who has no capability; see "Started as root" there */
	{ "handover.uid-zero", LACK_PROCESSES },
	{ "handover.uid-root-mapped", LACK_PROCESSES },
	{ "handover.gid-root-mapped", LACK_PROCESSES },
	{ "proc.timer-list", LACK_PROCESSES },
	{ "proc.vmallocinfo", LACK_PROCESSES },
	{ "proc.slabinfo", LACK_PROCESSES },
	{ "proc.kpagecount", LACK_PROCESSES },
	{ "ipc.sysv-*-list", LACK_PROCESSES },
	{ "net.listen", LACK_PORTS },
	{ "net.low-port", LACK_PORTS },
	{ "net.see-*", LACK_PORTS },
	{ "ipc.other-terminals", LACK_TERMINALS },
};

enum lack prove_lack_find(struct str id)
{
	if (is_never(id))
		return LACK_PROTECT;
	for (size_t i = 0; i < N_ELEMS(lacks); i++) {
		if (glob_match(str_of(lacks[i].id), id))
			return lacks[i].lack;
	}
	return LACK_MAX_;
}
