/* SPDX-License-Identifier: Apache-2.0 */
/* import-work: what the files of the import share. */
#pragma once

#include "base/json.h"
#include "policy/import.h"

struct import_work {
	struct arena *arena;
	struct diag *reterr;
	struct import im;
	bool relative_to_home; /* relative paths are below ~/.claude */
	/* What is denied as a whole, and what was given back. */
	bool no_read_all, no_read_home, no_read_project;
	bool no_write_all, no_write_home, no_write_project;
	bool read_project, write_project; /* "." is allowed by a key */
	bool no_network;                  /* everything is denied */
	bool foreign_proxy;   /* another program decided what is reached */
	bool ports_denied[2]; /* 80, 443, for every host */
	struct import_list deny_write, denied_ports;
};

/* 0 or -ENOMEM; a list that is full is an error of the settings. */
must_check int import_add(struct import_work *w, struct import_list *l,
			  struct import_item item);
/* 1: nothing can be made of it, @key says where. */
must_check int import_refuse(struct import_work *w, struct str key,
			     const char *why);
/* @key is left out because of @why. */
must_check int import_leave(struct import_work *w, struct str key,
			    const char *why);
must_check int import_remark(struct import_work *w, struct str key,
			     const char *how);

enum import_access {
	IMPORT_DENY_READ,
	IMPORT_DENY_WRITE,
	IMPORT_ALLOW_READ,
	IMPORT_ALLOW_WRITE,
};

/* import-paths.c; @rule: in the dialect of permission rules. */
must_check int import_path(struct import_work *w, enum import_access access,
			   struct str text, bool literal, bool rule,
			   struct str key);
/* Once all paths are known: files.read, write, hide. */
must_check int import_finish_paths(struct import_work *w);

/* import-hosts.c */
must_check int import_host(struct import_work *w, bool allow, struct str text,
			   struct str key);
must_check int import_range(struct import_work *w, struct str text,
			    struct str key);
must_check int import_finish_hosts(struct import_work *w);

/* import-rules.c: "Read(./.env)" of permissions.allow, .deny and .ask. */
must_check int import_rule(struct import_work *w, bool allow, struct str text,
			   struct str key);

/* import-keys.c */
struct import_row {
	const char *name; /* "network.allowedDomains" */
	unsigned tools;   /* enum import_tool */
	/* NULL: left out, because of @why. */
	int (*take)(struct import_work *w, const struct json *v,
		    struct str key);
	const char *why;
};

extern const struct import_row import_rows[];
extern const size_t import_n_rows;
