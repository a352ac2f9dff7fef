/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers: of system calls, where the headers do not say: i386's, which a
 * program of another ABI cannot include, and those that this architecture or
 * these headers (6.1) lack.  A test compares them with the kernel's headers.
 */
#pragma once

#include <sys/syscall.h>

#define I386_mount             21
#define I386_umount2           52
#define I386_pivot_root        217
#define I386_chroot            61
#define I386_fsopen            430
#define I386_fsconfig          431
#define I386_fsmount           432
#define I386_fspick            433
#define I386_move_mount        429
#define I386_open_tree         428
#define I386_open_tree_attr    467
#define I386_mount_setattr     442
#define I386_setns             346
#define I386_unshare           310
#define I386_clone             120
#define I386_clone3            435
#define I386_bpf               357
#define I386_perf_event_open   336
#define I386_userfaultfd       374
#define I386_init_module       128
#define I386_finit_module      350
#define I386_delete_module     129
#define I386_kexec_load        283
#define I386_kexec_file_load   (-1)
#define I386_reboot            88
#define I386_swapon            87
#define I386_swapoff           115
#define I386_acct              51
#define I386_quotactl          131
#define I386_quotactl_fd       443
#define I386_settimeofday      79
#define I386_clock_settime     264
#define I386_adjtimex          124
#define I386_clock_adjtime     343
#define I386_sethostname       74
#define I386_setdomainname     121
#define I386_syslog            103
#define I386_vhangup           111
#define I386_iopl              110
#define I386_ioperm            101
#define I386_lookup_dcookie    253
#define I386_fanotify_init     338
#define I386_name_to_handle_at 341
#define I386_open_by_handle_at 342
#define I386_add_key           286
#define I386_request_key       287
#define I386_keyctl            288
#define I386_pidfd_getfd       438
#define I386_kcmp              349
#define I386_io_uring_setup    425
#define I386_io_uring_enter    426
#define I386_io_uring_register 427
#define I386_openat2           437
#define I386_memfd_secret      447
#define I386_cachestat         451
#define I386_statmount         457
#define I386_listmount         458
#define I386_lsm_set_self_attr 460
#define I386_lsm_list_modules  461
#define I386_listns            470
#define I386_uselib            86
#define I386_ustat             62
#define I386_sysfs             135
#define I386_nfsservctl        169
#define I386_vmsplice          316
#define I386_modify_ldt        123
#define I386_remap_file_pages  257
#define I386_move_pages        317
#define I386_migrate_pages     294
#define I386_personality       136
#define I386_seccomp           354

/* Numbers that are the same everywhere. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_lsm_set_self_attr
#define SYS_lsm_set_self_attr 460
#endif
#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461
#endif
#ifndef SYS_listns
#define SYS_listns 470
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif
#ifndef SYS_file_setattr
#define SYS_file_setattr 469
#endif

/* Not on each architecture. */
#ifndef SYS_iopl
#define SYS_iopl (-1)
#endif
#ifndef SYS_ioperm
#define SYS_ioperm (-1)
#endif
#ifndef SYS_lookup_dcookie
#define SYS_lookup_dcookie (-1)
#endif
#ifndef SYS_uselib
#define SYS_uselib (-1)
#endif
#ifndef SYS_ustat
#define SYS_ustat (-1)
#endif
#ifndef SYS_sysfs
#define SYS_sysfs (-1)
#endif
#ifndef SYS_nfsservctl
#define SYS_nfsservctl (-1)
#endif
#ifndef SYS_modify_ldt
#define SYS_modify_ldt (-1)
#endif
#ifndef SYS_remap_file_pages
#define SYS_remap_file_pages (-1)
#endif
#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load (-1)
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret (-1)
#endif
#ifndef SYS_open
#define SYS_open (-1)
#endif
#ifndef SYS_chmod
#define SYS_chmod (-1)
#endif
#ifndef SYS_creat
#define SYS_creat (-1)
#endif
#ifndef SYS_mkdir
#define SYS_mkdir (-1)
#endif
#ifndef SYS_mknod
#define SYS_mknod (-1)
#endif
#ifndef SYS_rename
#define SYS_rename (-1)
#endif
#ifndef SYS_link
#define SYS_link (-1)
#endif
#ifndef SYS_symlink
#define SYS_symlink (-1)
#endif
