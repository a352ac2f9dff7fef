/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/accepting.h"

#include <stdio.h>

#include "base/log.h"
#include "base/path.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/rules.h"
#include "keeper/state.h"
#include "ledger/record.h"

#define BODY_MAX ((size_t)16 * 1024)

static bool is_hash(struct str s)
{
	if (s.len != ACCEPT_KEY_TEXT - 1)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

/* Absolute and normal, as plan_locate() makes it. */
static bool is_project(struct str s)
{
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, BODY_MAX);
	return str_starts(s, STR("/")) && s.len <= PATH_LIMIT &&
	       str_eq(path_normalise(&a, STR("/"), s), s);
}

static int record(struct keeper *k, const struct accepting *p)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	char path[PATH_LIMIT + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", p->project,
		       RULES_PROJECT_NAME);
	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_POLICY_ACCEPT, "allow", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "path", str_of(path));
	json_kstr(&w, "sha256", str_of(p->hash));
	record_end(&w);
	return b.failed ? -ENOMEM
			: link_send(&k->scribe, MSG_APPEND, ACCEPTING_RECORD,
				    buf_str(&b), NULL, 0);
}

int accepting_begin(struct keeper *k, struct client *c, uint32_t msg,
		    const struct json *body)
{
	struct accepting *p = &k->accepting;
	struct str project = json_find_str(body, "project");
	struct str hash = json_find_str(body, "sha256");
	int r;

	if (!is_project(project) || !is_hash(hash))
		return -EPROTO;
	if (p->busy || k->stopping) {
		client_refuse(c, msg, 2, "busy; try again");
		return 0;
	}
	*p = (struct accepting){ .client = c, .msg = msg };
	p->project = strndup(project.ptr, project.len);
	if (!p->project)
		return -ENOMEM;
	memcpy(p->hash, hash.ptr, hash.len);
	p->busy = true;
	r = record(k, p);
	if (r != 0)
		accepting_recorded(k, false);
	return 0;
}

void accepting_recorded(struct keeper *k, bool ok)
{
	struct accepting *p = &k->accepting;
	int r;

	if (!p->busy)
		return;
	r = !ok ? -EIO
		: accept_add(k->config->state_dir, str_of(p->project), p->hash);
	if (r != 0)
		log_error("an acceptance is lost: %s", strerror(-r));
	if (p->client && r == 0)
		client_send(p->client, MSG_OK, p->msg, STR("{}"), NULL, 0);
	else if (p->client)
		client_refuse(p->client, p->msg, 2,
			      ok ? "the state directory cannot be written"
				 : "the ledger cannot be written");
	accepting_done(k);
}

void accepting_forget(struct keeper *k, const struct client *c)
{
	if (k->accepting.client == c)
		k->accepting.client = NULL;
}

void accepting_done(struct keeper *k)
{
	free(k->accepting.project);
	k->accepting = (struct accepting){ .busy = false };
}
