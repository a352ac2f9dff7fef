/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: what the package clients of this machine are configured to use.
 *
 * No registry's name stands in this program: addresses come from the clients'
 * own files, and the preset's hosts from asking the clients themselves
 * (registries.sh), once a day.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "keeper/facts.h"
#include "policy/policy.h"

#define REGISTRY_HOSTS_MAX 64u

/* "K=V" lines for the jail's environment; no credentials among them. */
struct registry_env {
	char *set[16];
	size_t n;
};

/* Reads ~/.npmrc, pip.conf, go's env, cargo's config of @f->home. */
void registry_env(struct arena *a, const struct facts *f,
		  struct registry_env *ret);

/* A line "host[:port]" a registry.  False: none is usable. */
bool registry_hosts_parse(struct arena *a, struct str text,
			  struct policy_preset_host *ret, size_t max,
			  size_t *ret_n);
/* An URL without user and password; {0} when it is none. */
struct str registry_url_clean(struct arena *a, struct str url);
/* key=value of an ini text within [section] ("" = before any); {0}. */
struct str registry_ini_find(struct str text, struct str section,
			     struct str key);
