/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients-parse: from the configuration files of package clients, where they
 * fetch from; never with what they authenticate.  Pure.
 *
 * The files are written for other programs, so what is not understood is passed
 * over; a value is taken only when it is plain.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"

#define CLIENTS_FILE_MAX ((size_t)256 * 1024) /* bytes */
#define CLIENTS_URL_MAX  2048u                /* bytes */

/* Variables that say where a client fetches from. */
enum clients_var {
	CLIENTS_NPM_REGISTRY,
	CLIENTS_NPM_CAFILE,
	CLIENTS_NPM_NODEDIR, /* node's headers, for packages with C in them */
	CLIENTS_PIP_INDEX,
	CLIENTS_PIP_EXTRA,
	CLIENTS_PIP_TRUSTED,
	CLIENTS_PIP_CERT,
	CLIENTS_GOPROXY,
	CLIENTS_GOSUMDB,
	CLIENTS_GONOSUMDB,
	CLIENTS_GOPRIVATE,
	CLIENTS_GONOPROXY,
	CLIENTS_GOINSECURE,
	CLIENTS_VAR_MAX_,
};

const char *clients_var_name(enum clients_var v); /* "GOPROXY" */
bool clients_var_is_file(enum clients_var v);
bool clients_var_is_dir(enum clients_var v);

struct clients_config {
	struct str value[CLIENTS_VAR_MAX_]; /* .ptr NULL: not said */
};

/* Each adds to *ret what is not said there yet.  Failure is a->failed. */
void clients_parse_npmrc(struct arena *a, struct str text,
			 struct clients_config *ret);
void clients_parse_pip(struct arena *a, struct str text,
		       struct clients_config *ret);
void clients_parse_go(struct arena *a, struct str text,
		      struct clients_config *ret);
/* A value that the user's environment already has; it wins. */
void clients_take_var(struct arena *a, enum clients_var v, struct str value,
		      struct clients_config *ret);

/*
 * Cargo's "config.toml" with nothing but the tables source.* and registries.*,
 * their keys registry, index, replace-with and protocol: *ret in @a, empty when
 * there is none.
 */
void clients_filter_cargo(struct arena *a, struct str text, struct str *ret);

/*
 * An http or https URL (also with "sparse+" before it) without user, password,
 * query and fragment.  False: none of these, or not plain.
 */
bool clients_public_url(struct arena *a, struct str url, struct str *ret);
