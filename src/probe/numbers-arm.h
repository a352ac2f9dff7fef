/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers-arm: of system calls of 32-bit ARM (EABI), -1 where it has none.  A test
 * compares them with libseccomp's.
 */
#pragma once

#define ARM_mount             21
#define ARM_umount2           52
#define ARM_pivot_root        218
#define ARM_chroot            61
#define ARM_fsopen            430
#define ARM_fsconfig          431
#define ARM_fsmount           432
#define ARM_fspick            433
#define ARM_move_mount        429
#define ARM_open_tree         428
#define ARM_open_tree_attr    467
#define ARM_mount_setattr     442
#define ARM_setns             375
#define ARM_unshare           337
#define ARM_clone             120
#define ARM_clone3            435
#define ARM_bpf               386
#define ARM_perf_event_open   364
#define ARM_userfaultfd       388
#define ARM_init_module       128
#define ARM_finit_module      379
#define ARM_delete_module     129
#define ARM_kexec_load        347
#define ARM_kexec_file_load   401
#define ARM_reboot            88
#define ARM_swapon            87
#define ARM_swapoff           115
#define ARM_acct              51
#define ARM_quotactl          131
#define ARM_quotactl_fd       443
#define ARM_settimeofday      79
#define ARM_clock_settime     262
#define ARM_adjtimex          124
#define ARM_clock_adjtime     372
#define ARM_sethostname       74
#define ARM_setdomainname     121
#define ARM_syslog            103
#define ARM_vhangup           111
#define ARM_iopl              (-1)
#define ARM_ioperm            (-1)
#define ARM_lookup_dcookie    249
#define ARM_fanotify_init     367
#define ARM_name_to_handle_at 370
#define ARM_open_by_handle_at 371
#define ARM_add_key           309
#define ARM_request_key       310
#define ARM_keyctl            311
#define ARM_pidfd_getfd       438
#define ARM_kcmp              378
#define ARM_io_uring_setup    425
#define ARM_io_uring_enter    426
#define ARM_io_uring_register 427
#define ARM_openat2           437
#define ARM_memfd_secret      (-1)
#define ARM_cachestat         451
#define ARM_statmount         457
#define ARM_listmount         458
#define ARM_lsm_set_self_attr 460
#define ARM_lsm_list_modules  461
#define ARM_listns            470
#define ARM_uselib            86
#define ARM_ustat             62
#define ARM_sysfs             135
#define ARM_nfsservctl        169
#define ARM_vmsplice          343
#define ARM_modify_ldt        (-1)
#define ARM_remap_file_pages  253
#define ARM_move_pages        344
#define ARM_migrate_pages     400
#define ARM_personality       136
#define ARM_seccomp           383
