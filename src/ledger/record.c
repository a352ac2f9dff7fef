/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/record.h"

#include "base/wall.h"

#define SCRIBE     (1u << RECORD_ROLE_SCRIBE)
#define KEEPER     (1u << RECORD_ROLE_KEEPER)
#define SUPERVISOR (1u << RECORD_ROLE_SUPERVISOR)
#define RELAY      (1u << RECORD_ROLE_RELAY)
#define WITNESS    (1u << RECORD_ROLE_WITNESS)

/* Who may send what: all there is to know about it is this table. */
static const struct {
	const char *name;
	unsigned roles;
} kinds[RECORD_KIND_MAX_] = {
	[RECORD_LEDGER_START] = { "ledger.start", SCRIBE },
	[RECORD_LEDGER_TORN] = { "ledger.torn", SCRIBE },
	[RECORD_LEDGER_FIRST] = { "ledger.first", SCRIBE },
	[RECORD_LEDGER_KEY] = { "ledger.key", SCRIBE },
	[RECORD_LEDGER_ERASE] = { "ledger.erase", SCRIBE },
	[RECORD_DAEMON_START] = { "daemon.start", KEEPER },
	[RECORD_DAEMON_STOP] = { "daemon.stop", KEEPER },
	[RECORD_PEER_KILLED] = { "peer.killed", KEEPER | SCRIBE },
	[RECORD_SESSION_OPEN] = { "session.open", KEEPER },
	[RECORD_SESSION_CLOSE] = { "session.close", KEEPER },
	[RECORD_SESSION_START] = { "session.start", SUPERVISOR },
	[RECORD_NET_GRANT] = { "net.grant", RELAY },
	[RECORD_NET_REFUSE] = { "net.refuse", RELAY },
	[RECORD_LIMIT_HIT] = { "limit.hit", SUPERVISOR },
	[RECORD_SYSCALL_REFUSE] = { "syscall.refuse", SUPERVISOR | WITNESS },
	[RECORD_FILE_HIDE] = { "file.hide", SUPERVISOR },
	[RECORD_SOCKET_GRANT] = { "socket.grant", SUPERVISOR },
	[RECORD_SESSION_NARROW] = { "session.narrow", KEEPER },
	[RECORD_POLICY_ACCEPT] = { "policy.accept", KEEPER },
	[RECORD_FILE_LATER] = { "file.later", SUPERVISOR },
	[RECORD_SINK_REJECT] = { "sink.reject", KEEPER },
	[RECORD_PROCESS_EXEC] = { "process.exec", WITNESS },
	[RECORD_PROCESS_HASH] = { "process.hash", WITNESS },
	[RECORD_FILE_OPEN] = { "file.open", WITNESS },
	[RECORD_FILE_CREATE] = { "file.create", WITNESS },
	[RECORD_FILE_RENAME] = { "file.rename", WITNESS },
	[RECORD_FILE_UNLINK] = { "file.unlink", WITNESS },
	[RECORD_FILE_LINK] = { "file.link", WITNESS },
	[RECORD_FILE_CHMOD] = { "file.chmod", WITNESS },
	[RECORD_FILE_CHANGE] = { "file.change", WITNESS },
	[RECORD_NET_CONNECT] = { "net.connect", WITNESS },
	[RECORD_NET_BIND] = { "net.bind", WITNESS },
	[RECORD_NET_LISTEN] = { "net.listen", WITNESS },
	[RECORD_NET_SEND] = { "net.send", WITNESS },
	[RECORD_SESSION_OUTPUT] = { "session.output", SUPERVISOR },
	[RECORD_AGENT_EVENT] = { "agent.event", RELAY },
	[RECORD_AGENT_LOST] = { "agent.lost", RELAY },
};

static const char *const role_names[RECORD_ROLE_MAX_] = {
	[RECORD_ROLE_SCRIBE] = "scribe",
	[RECORD_ROLE_KEEPER] = "keeper",
	[RECORD_ROLE_SUPERVISOR] = "supervisor",
	[RECORD_ROLE_RELAY] = "relay",
	[RECORD_ROLE_WITNESS] = "witness",
};

static bool is_kind(enum record_kind k)
{
	return k >= RECORD_LEDGER_START && k < RECORD_KIND_MAX_;
}

const char *record_kind_name(enum record_kind k)
{
	ASSERT(is_kind(k));
	return kinds[k].name;
}

bool record_kind_find(struct str name, enum record_kind *ret)
{
	for (unsigned k = RECORD_LEDGER_START; k < RECORD_KIND_MAX_; k++) {
		if (str_eq(name, str_of(kinds[k].name))) {
			*ret = (enum record_kind)k;
			return true;
		}
	}
	return false;
}

bool record_role_may(enum record_role r, enum record_kind k)
{
	return r >= RECORD_ROLE_SCRIBE && r < RECORD_ROLE_MAX_ && is_kind(k) &&
	       (!WALL(SCRIBE_ROLES) || (kinds[k].roles & 1u << r) != 0);
}

const char *record_role_name(enum record_role r)
{
	ASSERT(r >= RECORD_ROLE_SCRIBE && r < RECORD_ROLE_MAX_);
	return role_names[r];
}

bool record_role_find(struct str name, enum record_role *ret)
{
	for (unsigned r = RECORD_ROLE_SCRIBE; r < RECORD_ROLE_MAX_; r++) {
		if (str_eq(name, str_of(role_names[r]))) {
			*ret = (enum record_role)r;
			return true;
		}
	}
	return false;
}

void record_begin(struct json_out *w, enum record_kind k, const char *verdict,
		  enum record_trust t, const struct record_rule *rule,
		  uint64_t count)
{
	ASSERT(t == RECORD_KERNEL || t == RECORD_CLAIMED);
	ASSERT(count >= 1);
	json_open(w, '{');
	json_kstr(w, "kind", str_of(record_kind_name(k)));
	json_kstr(w, "verdict", str_of(verdict));
	json_kstr(w, "trust",
		  t == RECORD_KERNEL ? STR("kernel") : STR("claimed"));
	if (rule) {
		json_kstr(w, "rule.layer", rule->layer);
		json_kstr(w, "rule.file", rule->file);
		json_kuint(w, "rule.line", rule->line);
	}
	json_kuint(w, "count", count);
}

void record_end(struct json_out *w)
{
	json_close(w, '}');
}

static bool is_flat(const struct json *o)
{
	JSON_EACH (it, o) {
		if (it->type == JSON_ARRAY || it->type == JSON_OBJECT)
			return false;
	}
	return true;
}

static bool read_uint(const struct json *o, const char *key, uint64_t *ret)
{
	int64_t v = json_find_int(o, key, -1);

	*ret = v < 0 ? 0 : (uint64_t)v;
	return v >= 0;
}

static bool read_str(const struct json *o, const char *key, struct str *ret)
{
	const struct json *j = json_find(o, key);

	if (!json_is(j, JSON_STRING))
		return false;
	*ret = j->string;
	return true;
}

int record_read(struct arena *a, struct str line, struct record *ret)
{
	struct record_head h = { 0 };
	struct json *o = NULL;
	int64_t v;
	struct str kind, prev;
	int r = json_parse(a, line, &o, NULL);

	if (r != 0)
		return r;
	if (!json_is(o, JSON_OBJECT) || !is_flat(o))
		return 1;
	v = json_find_int(o, "v", 0);
	if ((v != 1 && v != 2) || !read_uint(o, "seq", &h.seq) ||
	    !read_uint(o, "at", &h.at) || !read_uint(o, "count", &h.count) ||
	    !read_str(o, "session", &h.session) ||
	    !read_str(o, "verdict", &h.verdict) ||
	    !read_str(o, "trust", &h.trust) || !read_str(o, "kind", &kind) ||
	    (v == 1 && !read_str(o, "prev", &prev)))
		return 1;

	(void)record_kind_find(kind, &h.kind); /* a later kind stays 0 */
	*ret = (struct record){ .head = h, .fields = o };
	return 0;
}

bool record_is_session(struct str id)
{
	for (size_t i = 0; i < id.len; i++) {
		if (!((id.ptr[i] >= 'a' && id.ptr[i] <= 'z') ||
		      (id.ptr[i] >= '0' && id.ptr[i] <= '9')))
			return false;
	}
	return id.len <= RECORD_SESSION_MAX;
}
