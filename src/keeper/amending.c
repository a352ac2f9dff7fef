/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/amending.h"

#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/state.h"
#include "ledger/record.h"
#include "ledger/store.h"

struct wish {
	struct str session, why;
	int64_t before; /* UTC ns; 0: any time */
};

static bool read_string(const struct json *body, const char *key,
			struct str *ret)
{
	const struct json *j = json_find(body, key);

	*ret = (struct str){ "", 0 };
	if (j && !json_is(j, JSON_STRING))
		return false;
	if (j)
		*ret = j->string;
	return true;
}

static bool read_wish(const struct json *body, uint32_t type, struct wish *ret)
{
	const struct json *before = json_find(body, "before");

	*ret = (struct wish){ .before = 0 };
	if (!read_string(body, "why", &ret->why) ||
	    ret->why.len > STORE_WHY_MAX)
		return false;
	if (type == MSG_ROTATE_KEY)
		return true;
	if (!read_string(body, "session", &ret->session) ||
	    !record_is_session(ret->session))
		return false;
	if (before && (!json_is(before, JSON_INT) || before->integer <= 0))
		return false;
	ret->before = before ? before->integer : 0;
	return ret->session.len > 0 || ret->before > 0;
}

static int pass_on(struct keeper *k, uint32_t type, const struct wish *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);

	buf_init(&b, AMENDING_MAX);
	json_open(&o, '{');
	json_kstr(&o, "user", str_of(k->config->user));
	json_kstr(&o, "why", w->why);
	if (type == MSG_ERASE) {
		json_kstr(&o, "session", w->session);
		json_kint(&o, "before", w->before);
	}
	json_close(&o, '}');
	return b.failed ? -EMSGSIZE
			: link_send(&k->scribe, type, k->amending.id,
				    buf_str(&b), NULL, 0);
}

int amending_begin(struct keeper *k, struct client *c, const struct ipc_msg *m,
		   const struct json *body)
{
	struct amending *a = &k->amending;
	struct wish w;

	if (!read_wish(body, m->type, &w))
		return -EPROTO;
	if (a->busy || k->stopping) {
		client_refuse(c, m->id, 2,
			      "the ledger is being changed already, or bawnd "
			      "is ending; try again");
		return 0;
	}
	/* A number of its own, so that a late answer is nobody else's. */
	*a = (struct amending){
		.client = c, .busy = true, .msg = m->id, .id = a->id + 1
	};
	if (pass_on(k, m->type, &w) != 0) {
		a->busy = false;
		a->client = NULL;
		client_refuse(c, m->id, 2,
			      "the ledger's writer cannot be told");
	}
	return 0;
}

void amending_over(struct keeper *k, const struct ipc_msg *m,
		   const struct json *body)
{
	struct amending *a = &k->amending;
	struct str error = json_find_str(body, "error");
	char text[256];

	if (!a->busy || m->id != a->id)
		return;
	a->busy = false;
	if (!a->client)
		return;
	if (error.ptr) {
		str_sanitise(error, text, sizeof(text));
		client_refuse(a->client, a->msg, 2, text);
	} else {
		client_send(a->client, MSG_OK, a->msg, buf_str(&m->body), NULL,
			    0);
	}
	a->client = NULL;
}

void amending_forget(struct keeper *k, const struct client *c)
{
	if (k->amending.client == c)
		k->amending.client = NULL;
}
