/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seccomp program that bubblewrap loads in bench/start: a refuse
 * list of the kind that its users pass it, so that both sides pay for a filter.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const refused[] = {
	"add_key",
	"bpf",
	"delete_module",
	"fanotify_init",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"mount",
	"mount_setattr",
	"move_mount",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"quotactl",
	"reboot",
	"request_key",
	"setns",
	"swapoff",
	"swapon",
	"umount2",
	"unshare",
	"userfaultfd",
};

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int bad = ctx == NULL;

	for (size_t i = 0; !bad && i < sizeof(refused) / sizeof(*refused);
	     i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]);

		if (nr != __NR_SCMP_ERROR)
			bad = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr,
					       0) != 0;
	}
	bad = bad ||
	      seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			       SCMP_A0(SCMP_CMP_GT, AF_NETLINK)) != 0;
	bad = bad || seccomp_export_bpf(ctx, STDOUT_FILENO) != 0;
	seccomp_release(ctx);
	if (bad)
		(void)fputs("bwrap-filter: libseccomp refused\n", stderr);
	return bad;
}
