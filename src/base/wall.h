/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wall: every wall that is ours to put up, by name, so that each can be left out
 * of a build that exists to fail its tests.
 *
 *   if (WALL(HIDEPID))
 *           ... what puts it up ...
 *
 * In every build but those, WALL() is the constant true and leaves nothing in
 * the program.  -Dweaken=hidepid makes a build without that one wall; in one of
 * -Dweaken=any the variable BAWN_WEAKEN names it, so that one build does for all
 * (tools/weaken).  Such a build cannot be installed, and says what it is with
 * --version.
 */
#pragma once

#include "base/base.h"

/* Generated: WEAKENED, an enum wall, in a weakened build; else nothing. */
#include "base/weaken.h"

#define WALLS(X)                                                              \
	/* namespaces */                                                      \
	X(USER_NS, "the jail's privileges are its own")                       \
	X(MNT_NS, "the jail's mounts are its own")                            \
	X(PID_NS, "processes outside cannot be named")                        \
	X(IPC_NS, "System V and POSIX queues of the host are not there")      \
	X(UTS_NS, "the host's name is not there")                             \
	X(CGROUP_NS, "control groups of the host are not named")              \
	X(NET_NS, "no network device")                                        \
	X(USERNS_KNOB, "no user namespace below, by the kernel's own limit")  \
	/* what init does to itself */                                        \
	X(NO_NEW_PRIVS, "set-id programs give nothing")                       \
	X(CAPABILITIES, "no capability, none to be had")                      \
	X(INIT_ENVIRON, "the user's environment is not in init's memory")     \
	X(INIT_DUMPABLE, "init cannot be traced or looked into")              \
	X(STREAMS, "no directory of the host is a stream")                    \
	X(OWN_DESCRIPTORS, "no descriptor but the three streams")             \
	X(OWN_SESSION, "no controlling terminal of somebody else")            \
	X(PROVE, "a wall that is missing ends the start")                     \
	X(PARENT_DEATH, "init dies with the supervisor, by signal")           \
	X(PARENT_SOCKET, "init dies with the supervisor, by its socket")      \
	/* mounts */                                                          \
	X(OLD_ROOT, "the host's tree is taken off")                           \
	X(ROOT_RO, "the jail's root is read-only")                            \
	X(BIND_RO, "what may only be read is mounted read-only")              \
	X(BIND_NOSUID, "no set-id program and no device in what is bound")    \
	X(PLANTED_LINKS, "no symlink that a session could plant is followed") \
	X(HIDEPID, "only what may be traced is in /proc")                     \
	X(PROC_SYS, "the kernel's knobs are read-only")                       \
	X(PROC_RO, "what else of /proc acts on the host is read-only")        \
	X(PROC_MASKS, "what of /proc tells of the host is empty")             \
	X(HIDE_COVERS, "hidden files are covered")                            \
	X(HIDE_PINS, "what holds a hidden file cannot be moved")              \
	X(HOST_SOCKETS, "sockets of the host in the project are covered")     \
	X(HIDE_LATER, "what comes to match hide is covered")                  \
	X(PRIVATE_TMP, "/tmp is the session's own")                           \
	X(PRIVATE_HOME, "the home is the project's own")                      \
	X(POLICY_FILE, "the project's policy cannot be changed from inside")  \
	/* what runs later outside */                                         \
	X(LATER_LOCKS, "what nobody needs to change is read-only")            \
	X(LATER_AGAIN, "and again, when the host has replaced it")            \
	X(LATER_TOLD, "what was changed is told")                             \
	/* Landlock */                                                        \
	X(LANDLOCK_FS, "files, once more, by path")                           \
	X(LANDLOCK_SCOPES, "abstract sockets and signals, once more")         \
	/* the system call filter, by group of rows in tools/gen-seccomp.c */ \
	X(SECCOMP_ABI, "other ABIs than the native one are killed")           \
	X(SECCOMP_NEWEST, "calls newer than the table do not exist")          \
	X(SECCOMP_MOUNT, "the mount calls, old and new")                      \
	X(SECCOMP_NS, "making and entering namespaces")                       \
	X(SECCOMP_BPF, "bpf, perf, userfaultfd")                              \
	X(SECCOMP_MODULES, "modules, another kernel")                         \
	X(SECCOMP_ADMIN, "what only an administrator needs")                  \
	X(SECCOMP_KEYRINGS, "keyrings, which no namespace divides")           \
	X(SECCOMP_PROCESSES, "descriptors of other processes")                \
	X(SECCOMP_IO_URING, "calls made where no filter sees them")           \
	X(SECCOMP_OPENAT2, "a mode that lies in memory")                      \
	X(SECCOMP_RARE, "rare calls with a history")                          \
	X(SECCOMP_SETID, "set-id bits in any mode")                           \
	X(SECCOMP_FAMILIES, "socket families that lead elsewhere")            \
	X(SECCOMP_PROTOCOLS, "MPTCP and others of the internet")              \
	X(SECCOMP_TERMINAL, "typing into a terminal")                         \
	X(SECCOMP_LISTENER, "a second listener")                              \
	X(SECCOMP_PERSONALITY, "personalities that unmake other walls")       \
	X(NESTED_KNOBS, "nested: namespaces are counted")                     \
	X(SECCOMP_XATTR, "nested: file capabilities")                         \
	X(SECCOMP_NETFILTER, "nested: netfilter's socket options")            \
	/* backend: landlock */                                               \
	X(FENCE_FILES, "only what the plan names, by Landlock alone")         \
	X(FENCE_TCP, "no TCP but through the warden")                         \
	X(FENCE_PUBLIC, "root reads of others what all may read")             \
	X(WARDEN_CAPS, "no capability, the warden neither")                   \
	X(BEHALF_VERDICT, "connect() only to what the plan allows")           \
	X(BEHALF_BIND, "servers of a session are on loopback")                \
	X(BEHALF_LOCAL, "no Unix socket but the own")                         \
	X(BEHALF_FILES, "modes and times of what the plan has writable")      \
	X(BEHALF_SETID, "no set-id mode")                                     \
	X(BEHALF_PROCESSES, "limits of the own processes alone")              \
	X(FAMILY_KILL, "what is left of a session is killed")                 \
	/* the start */                                                       \
	X(ENVIRONMENT, "only named variables go in")                          \
	X(PLANNED_LINKS,                                                      \
	  "no plan leads over a link that a session could make")              \
	X(LIMIT_PROCESSES, "processes are counted")                           \
	X(LIMIT_MEMORY, "memory is counted")                                  \
	X(LIMIT_DISK, "what a session may write is counted")                  \
	X(LIMIT_TIME, "a session ends in time")                               \
	X(LIMIT_CORE, "no core file")                                         \
	X(LIMIT_SHARES, "of what a user has once, a part")                    \
	/* the network */                                                     \
	X(NFT_PORTS, "the kernel refuses ports that no rule names")           \
	X(NFT_DENY, "the kernel refuses ranges that the policy denies")       \
	X(RELAY_VERDICT, "the relay decides again at accept()")               \
	X(RELAY_OWN, "the jail's own addresses are not for the relay")        \
	X(RELAY_NAMES, "a name that is not allowed has no address")           \
	X(RELAY_RANGES, "private ranges are dialled only when named")         \
	X(RELAY_TLS, "a port for TLS demands TLS")                            \
	X(RELAY_SNI, "the server name is the name that was resolved")         \
	/* around the relay */                                                \
	X(RELAY_UID, "a relay of root's is nobody")                           \
	X(RELAY_NAMESPACES, "a relay sees no other process")                  \
	X(RELAY_ROOT, "the relay sees no file")                               \
	X(RELAY_LANDLOCK, "the same once more, and no port of its own")       \
	X(RELAY_PROCESSES, "the relay's helpers are counted")                 \
	X(RELAY_DUMPABLE, "nobody of the user looks into a relay")            \
	X(RELAY_CAPS, "the relay has no capability")                          \
	X(RELAY_SECCOMP, "the relay's own filter")                            \
	/* the policy */                                                      \
	X(LAYERS_NET, "network: no layer widens the one above")               \
	X(LAYERS_FILES, "files: likewise")                                    \
	X(POLICY_MODE, "a policy that anybody may write is not heard")        \
	X(PROJECT_ACCEPTED, "a project wishes, and gets what was accepted")   \
	X(REMOTES_ACCEPTED, "a remote is a wish, too")                        \
	/* our own processes */                                               \
	X(GRANT_FIRST, "a grant is durable before its first byte")            \
	X(OPEN_FIRST, "a session is on the ledger before its command")        \
	X(REFUSALS, "what is refused is on the ledger")                       \
	X(RELAY_DEATH, "a session ends with its relay")                       \
	X(KEEPER_DEATH, "and with the keeper")                                \
	X(SCRIBE_DEATH, "no session without a scribe")                        \
	X(OWED, "a session that died has its closing record")                 \
	X(LEDGER_LOCK, "the ledger has one writer")                           \
	X(LEDGER_SYNC, "what is acknowledged is on the disk")                 \
	X(LEDGER_CHAIN, "the tree holds the hash of each record")             \
	X(SCRIBE_ROLES, "a writer says only what its role may say")           \
	X(SCRIBE_ENVELOPE, "a writer does not say for whom it speaks")        \
	X(SCRIBE_SECCOMP, "the scribe's own filter")                          \
	X(SCRIBE_LANDLOCK, "the scribe's own directory")                      \
	X(SINK_SECCOMP, "a sink's own filter")                                \
	X(SINK_LANDLOCK, "a sink's own files")                                \
	X(REQUEST_TABLE, "a request out of its table ends the peer")          \
	X(SEALED_BODIES, "a body does not change while it is read")           \
	X(WITNESS, "what a session does is on the ledger")                    \
	X(WITNESS_DEATH, "a session ends with its witness")                   \
	X(WITNESS_SECCOMP, "the witness's own filter")                        \
	X(GROUND_ONCE, "what was made ahead is of one session only")          \
	X(PEER_UID, "a daemon serves its own user")                           \
	X(PRIVATE_DIRS, "state that others could touch is not used")          \
	X(TERMINAL_TEXT, "no foreign byte steers the terminal")

#define WALL_NUMBER_(name, sentence) WALL_##name,
enum wall {
	WALL_NONE,
	WALLS(WALL_NUMBER_) WALL_MAX_
};
#undef WALL_NUMBER_

#ifdef WEAKENED
/* By name, without regard to case; WALL_NONE for NULL and what is unknown. */
enum wall wall_find(const char *name);
/* What BAWN_WEAKEN said when the program began. */
extern enum wall wall_left_out;

#define WALL(name) (WALL_##name != (WEAKENED))
#else
#define WALL(name) (WALL_##name != WALL_NONE)
#endif
