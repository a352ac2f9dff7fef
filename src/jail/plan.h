/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: everything that a jail will be, as data, before anything is done.
 *
 * Made by the keeper from the policy and the machine, printed by
 * `bawn run --plan`, executed by init.  Pure.  Strings live in the arena that
 * made the plan.
 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

/*
 * Started as root, the jail is this uid and gid on the host.  Nobody has it:
 * above the ranges that distributions give out (to 60000, systemd's to 61519)
 * and below 65534, so that no process and no file of the host belongs to it.
 */
#define PLAN_ROOT_UID 61837u
/* And this to itself: what programs expect of a user. */
#define PLAN_INSIDE_UID   1000u

#define PLAN_MAX_BYTES    ((size_t)4 * 1024 * 1024) /* as JSON */
#define PLAN_MAX_MOUNTS   512u
#define PLAN_MAX_GLOBS    256u
#define PLAN_MAX_UNLOCKED 128u
#define PLAN_MAX_ENV      1024u
#define PLAN_MAX_ENV_ONLY 4u
#define PLAN_N_LIMITS     5u
#define PLAN_MAX_CLASSES  64u
#define PLAN_MAX_CIDRS    256u
#define PLAN_MAX_PORTS    64u /* of one class or CIDR */

/* What the walls are made of. */
enum plan_backend {
	PLAN_NAMESPACES,
	PLAN_LANDLOCK, /* no mounts: a bind only says what may be reached */
};
#define PLAN_MAX_LACKS 16u

/* What the witness sees; each row more than the one before. */
enum plan_audit {
	PLAN_AUDIT_OFF, /* the rare forbidden calls */
	PLAN_AUDIT_WRITES,
	PLAN_AUDIT_ALL,
	PLAN_AUDIT_EXACT,
};

enum plan_op {
	PLAN_BIND = 1, /* src (file or directory) at dst, recursively */
	PLAN_DIR,      /* an empty directory of ours */
	PLAN_FILE,     /* text; covers what the host has there */
	PLAN_SYMLINK,  /* dst -> text */
	PLAN_TMPFS,    /* size bytes */
	PLAN_PROC,
	PLAN_DEV,
	PLAN_SOCKET, /* listener at dst, connected to host socket src */
	PLAN_OP_MAX_,
};

/*
 * In order; parents that are missing are made (0755) in our own root.  A dst
 * whose parent lies in a host directory must exist there.
 */
struct plan_mount {
	enum plan_op op;
	char *src, *dst;
	char *text; /* PLAN_FILE content, PLAN_SYMLINK target */
	size_t text_len;
	uint32_t mode;
	uint64_t size;
	bool writable; /* PLAN_BIND */
	bool optional; /* a missing src, or a dst that cannot be, is no error */
	bool noexec;
	/* PLAN_LANDLOCK: of it only what everybody may read (public.h). */
	bool public;
};

/*
 * Synthetic addresses of one set of ports.  A name whose allowed ports are
 * exactly ports[] gets an address from these ranges, so that the kernel itself
 * refuses the other ports at connect().
 */
struct plan_class {
	struct in_addr v4;
	struct in6_addr v6;
	uint8_t v4_bits, v6_bits; /* prefix lengths */
	uint16_t ports[PLAN_MAX_PORTS];
	size_t n_ports;
};

/* A range the policy names; v4 as ::ffff:a.b.c.d with bits + 96. */
struct plan_cidr {
	struct in6_addr addr;
	uint8_t bits;
	bool deny; /* all ports; comes before every allow */
	uint16_t ports[PLAN_MAX_PORTS];
	size_t n_ports;
};

struct plan_limits {        /* 0 = none */
	uint64_t memory;    /* bytes */
	uint32_t cpu_milli; /* 1000 = one CPU */
	uint32_t processes;
	uint64_t disk;   /* bytes */
	uint64_t time_s; /* seconds */
};

struct plan {
	char *session;     /* id */
	char *policy_hash; /* SHA-256, hex */
	char *project;     /* the workspace, absolute */
	char *cwd, *home, *hostname;
	uint32_t inside_uid, inside_gid; /* as the jail sees itself */
	uint32_t host_uid, host_gid;     /* on the host; 0: PLAN_LANDLOCK */
	/*
	 * Root only: host files of owner_uid appear as host_uid's through an
	 * idmapped mount.  Equal to host_uid when no mapping is needed.
	 */
	uint32_t owner_uid, owner_gid;
	enum plan_backend backend;
	char **lacks; /* words of backend_accept, of what is not there */
	size_t n_lacks;
	/* Sandboxes may be made inside, for which some walls give way. */
	bool nested;
	enum plan_audit audit;
	bool output;    /* of the terminal, recorded */
	bool telemetry; /* agents' own: the relay listens for it inside */
	struct plan_mount *mounts;
	size_t n_mounts;
	/*
	 * Paths and globs that must not be readable.  A glob is absolute, its
	 * first components fixed ("/home/u/p/" + "**" + "/.env").
	 */
	char **hide;
	size_t n_hide;
	/*
	 * What is writable by its own name in the policy: not made read-only
	 * though it runs later outside (later.h).  Paths without links.
	 */
	char **unlocked;
	size_t n_unlocked;
	/*
	 * For records: who says so, "LAYER LINE FILE" for each of hide and, in
	 * the order of struct plan_limits, for each limit; "" = no layer's line.
	 */
	char **hide_rule;
	size_t n_hide_rule;
	char **limit_rule;
	size_t n_limit_rule;
	char **limit_hint; /* for people: what would raise it */
	size_t n_limit_hint;
	char **env_pass; /* names, with * patterns */
	size_t n_env_pass;
	/* Each: patterns with a space between; a name has to fit one of each. */
	char **env_only;
	size_t n_env_only;
	char **env_set; /* "K=V" */
	size_t n_env_set;
	struct plan_class *classes;
	size_t n_classes;
	struct plan_cidr *cidrs;
	size_t n_cidrs;
	struct plan_limits limits;
};

/* One JSON object (the --plan form is the same).  b->failed on no room. */
void plan_format(const struct plan *p, struct buf *b);
/*
 * Strict: unknown members, wrong types and limits are refused.
 * 0, -ENOMEM, or 1 = not a plan (@reterr, may be NULL).
 */
must_check int plan_parse(struct arena *a, struct str json, struct plan *ret,
			  struct diag *reterr);
