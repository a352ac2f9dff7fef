/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is "TIME [SESSION] VERB  SUBJECT  (DETAIL)".  Each kind is a row: its
 * verb, and functions that add subject and detail.  Every string of a record
 * goes through add_text(), which bounds and sanitises it.
 */
#include "ledger/tell.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define TEXT_MAX      240u /* bytes of one field as shown */
#define SESSION_SHOWN 10u  /* letters: the time in it */
#define HASH_SHOWN    12u  /* digits */

struct line {
	const struct json *rec;
	struct buf *b;
	bool detail; /* "(" is written */
};

static bool has(const struct line *l, const char *key)
{
	const struct json *j = json_find(l->rec, key);

	return j && j->type != JSON_NULL &&
	       !(j->type == JSON_STRING && j->string.len == 0);
}

static void add(struct line *l, const char *text)
{
	(void)buf_add(l->b, str_of(text));
}

static void add_str(struct line *l, struct str s)
{
	char text[TEXT_MAX];

	str_sanitise(s, text, sizeof(text));
	add(l, text);
}

/* The field as text; nothing when it is absent. */
static void add_text(struct line *l, const char *key)
{
	const struct json *j = json_find(l->rec, key);

	if (!j)
		return;
	if (j->type == JSON_INT)
		(void)buf_printf(l->b, "%" PRId64, j->integer);
	else if (j->type == JSON_BOOL)
		add(l, j->boolean ? "yes" : "no");
	else if (j->type == JSON_STRING || j->type == JSON_NUMBER)
		add_str(l, j->string);
}

/* Opens the parentheses, or puts @sep between two things in them. */
static void detail(struct line *l, const char *sep)
{
	add(l, l->detail ? sep : "  (");
	l->detail = true;
}

static void detail_text(struct line *l, const char *before, const char *key,
			const char *after)
{
	if (!has(l, key))
		return;
	detail(l, ", ");
	add(l, before);
	add_text(l, key);
	add(l, after);
}

/* The first digits suffice to tell one from another. */
static void detail_hash(struct line *l, const char *before, const char *key)
{
	struct str s = json_find_str(l->rec, key);

	if (s.len == 0)
		return;
	if (s.len > HASH_SHOWN)
		s.len = HASH_SHOWN;
	detail(l, ", ");
	add(l, before);
	add_str(l, s);
}

static void detail_bytes(struct line *l, const char *key, const char *after)
{
	static const char *const units[] = { "B",  "kB", "MB", "GB",
					     "TB", "PB", "EB" };
	int64_t v = json_find_int(l->rec, key, 0);
	unsigned u = 0;

	if (v <= 0)
		return;
	detail(l, ", ");
	while (v >= 10000) {
		v /= 1000;
		u++;
	}
	(void)buf_printf(l->b, "%" PRId64 " %s%s", v, units[u], after);
}

static void add_duration(struct line *l, int64_t us)
{
	if (us < 0)
		us = 0;
	if (us < 1000000) {
		(void)buf_printf(l->b, "%" PRId64 " ms", us / 1000);
		return;
	}
	(void)buf_printf(l->b, "%" PRId64 ".%02" PRId64 " s", us / 1000000,
			 us / 10000 % 100);
}

static void show_path(struct line *l)
{
	add_text(l, "path");
}

static void show_open(struct line *l)
{
	add_text(l, "argv");
}

static void more_open(struct line *l)
{
	detail_text(l, "in ", "cwd", "");
	if (has(l, "file"))
		detail_text(l, "policy ", "file", "");
	else
		detail_hash(l, "policy ", "policy");
	detail_text(l, "profile ", "profile", "");
	detail_text(l, "task ", "task", "");
}

static void show_start(struct line *l)
{
	add(l, "pid ");
	add_text(l, "pid");
}

/* Each "layer.NAME" in force: NAME, or NAME VALUE when it is no bool. */
static void more_start(struct line *l)
{
	static const struct str prefix = STR("layer.");

	JSON_EACH (it, l->rec) {
		struct str name = str_skip(it->key, prefix.len);

		if (!str_starts(it->key, prefix))
			continue;
		detail(l, ", ");
		if (it->type == JSON_BOOL && !it->boolean)
			add(l, "no ");
		add_str(l, name);
		if (it->type == JSON_INT)
			(void)buf_printf(l->b, " %" PRId64, it->integer);
		else if (it->type == JSON_STRING) {
			add(l, " ");
			add_str(l, it->string);
		}
	}
}

static void show_close(struct line *l)
{
	int64_t us = 0;

	if (json_find_int(l->rec, "signal", 0) > 0) {
		add(l, "by signal ");
		add_text(l, "signal");
	} else {
		add(l, "code ");
		add_text(l, "code");
	}
	if (has(l, "ms")) {
		add(l, " after ");
		if (!ckd_mul(&us, json_find_int(l->rec, "ms", 0), 1000))
			add_duration(l, us);
	}
}

static void more_close(struct line *l)
{
	int64_t cpu = 0, kb = json_find_int(l->rec, "maxrss_kb", 0);

	if (!ckd_add(&cpu, json_find_int(l->rec, "utime_us", 0),
		     json_find_int(l->rec, "stime_us", 0)) &&
	    cpu > 0) {
		detail(l, ", ");
		add(l, "cpu ");
		add_duration(l, cpu);
	}
	if (kb > 0) {
		detail(l, ", ");
		(void)buf_printf(l->b, "%" PRId64 " MB", kb / 1024);
	}
	detail_bytes(l, "bytes_in", " in");
	detail_bytes(l, "bytes_out", " out");
	detail_text(l, "", "reason", "");
}

/* HOST:PORT, [ADDR]:PORT; "/udp" and such unless it is TCP. */
static void show_net(struct line *l)
{
	struct str proto = json_find_str(l->rec, "proto");
	struct str addr = json_find_str(l->rec, "addr");

	if (has(l, "host")) {
		add_text(l, "host");
	} else if (addr.len > 0) {
		bool v6 = memchr(addr.ptr, ':', addr.len) != NULL;

		add(l, v6 ? "[" : "");
		add_str(l, addr);
		add(l, v6 ? "]" : "");
	}
	if (json_find_int(l->rec, "port", 0) > 0) {
		add(l, ":");
		add_text(l, "port");
	}
	if (proto.len > 0 && !str_eq(proto, STR("tcp"))) {
		add(l, "/");
		add_str(l, proto);
	}
}

static void more_grant(struct line *l)
{
	if (has(l, "host"))
		detail_text(l, "at ", "addr", "");
}

static void more_refuse(struct line *l)
{
	detail_text(l, "", "reason", "");
	if (has(l, "hint")) {
		detail(l, "; ");
		add(l, "would: ");
		add_text(l, "hint");
	}
}

static void show_limit(struct line *l)
{
	add_text(l, "limit");
	if (has(l, "value")) {
		add(l, " ");
		add_text(l, "value");
	}
}

static void more_reason(struct line *l)
{
	detail_text(l, "", "reason", "");
}

static void show_syscall(struct line *l)
{
	add_text(l, "syscall");
	if (has(l, "args")) {
		add(l, "(");
		add_text(l, "args");
		add(l, ")");
	}
}

/* What a filter answers, by the name that a reader looks for. */
static const char *error_name(int64_t e)
{
	static const struct {
		int64_t number;
		const char *name;
	} names[] = {
		{ EPERM, "EPERM" },           { ENOSYS, "ENOSYS" },
		{ EACCES, "EACCES" },         { EINVAL, "EINVAL" },
		{ ENOSPC, "ENOSPC" },         { EAFNOSUPPORT, "EAFNOSUPPORT" },
		{ EOPNOTSUPP, "EOPNOTSUPP" },
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (names[i].number == e)
			return names[i].name;
	}
	return NULL;
}

static void more_syscall(struct line *l)
{
	const char *name = error_name(json_find_int(l->rec, "errno", 0));

	detail_text(l, "by ", "exe", "");
	detail_text(l, "pid ", "pid", "");
	if (name) {
		detail(l, ", ");
		add(l, name);
	}
}

static void more_hide(struct line *l)
{
	detail_text(l, "visible for ", "ms", " ms");
}

static void show_policy(struct line *l)
{
	add(l, "its network, by policy ");
	add_text(l, "policy");
}

static void more_accept(struct line *l)
{
	detail_text(l, "sha256 ", "sha256", "");
}

static void show_later(struct line *l)
{
	add_text(l, "what");
	add(l, " ");
	add_text(l, "path");
}

static void more_later(struct line *l)
{
	detail_text(l, "", "detail", "");
	detail_text(l, "", "reason", "");
	detail_text(l, "after ", "ms", " ms");
}

/* "from -> to", where there are two names. */
static void show_paths(struct line *l)
{
	add_text(l, has(l, "path") ? "path" : "unread");
	if (has(l, "to")) {
		add(l, " -> ");
		add_text(l, "to");
	}
}

static void more_seen(struct line *l)
{
	detail_text(l, "", "access", "");
	detail_text(l, "", "what", "");
	detail_text(l, "", "mode", "");
	detail_text(l, "by ", "exe", "");
	detail_text(l, "pid ", "pid", "");
}

static void show_exec(struct line *l)
{
	add_text(l, has(l, "argv") ? "argv" : "path");
}

static void more_exec(struct line *l)
{
	detail_text(l, "", "path", "");
	detail_text(l, "in ", "cwd", "");
	detail_hash(l, "sha256 ", "sha256");
	detail_text(l, "pid ", "pid", "");
	detail_text(l, "of ", "ppid", "");
}

static void more_hash(struct line *l)
{
	detail_hash(l, "sha256 ", "sha256");
	detail_bytes(l, "bytes", "");
	detail_text(l, "", "reason", "");
}

static void show_socket(struct line *l)
{
	if (has(l, "path"))
		add_text(l, "path");
	else if (has(l, "addr"))
		show_net(l);
	else
		add_text(l, has(l, "family") ? "family" : "unread");
}

static void show_output(struct line *l)
{
	add_text(l, "bytes");
	add(l, " bytes to the terminal");
}

static void show_peer(struct line *l)
{
	add_text(l, "peer");
}

static void show_torn(struct line *l)
{
	add_text(l, "bytes");
	add(l, " bytes that were never acknowledged");
}

static void more_torn(struct line *l)
{
	detail_text(l, "kept in ", "kept", "");
	if (json_find_int(l->rec, "lost", 0) > 0)
		detail_text(l, "", "lost", " durable records are missing");
	detail_text(l, "", "reason", "");
}

static void show_daemon(struct line *l)
{
	add(l, "bawnd");
	if (has(l, "pid")) {
		add(l, " pid ");
		add_text(l, "pid");
	}
}

static void more_daemon(struct line *l)
{
	detail_text(l, "build ", "build", "");
	detail_text(l, "", "reason", "");
}

/* "claude_code.api_request" */
static void show_event(struct line *l)
{
	add_text(l, has(l, "name") ? "name" : "signal");
	if (has(l, "value")) {
		add(l, " ");
		add_text(l, "value");
	}
	if (has(l, "unit")) {
		add(l, " ");
		add_text(l, "unit");
	}
}

static void more_event(struct line *l)
{
	int64_t cost = json_find_int(l->rec, "cost_microusd", -1);

	detail_text(l, "", "service", "");
	detail_text(l, "", "model", "");
	detail_text(l, "tool ", "tool", "");
	detail_text(l, "", "decision", "");
	detail_text(l, "", "tokens_in", " tokens in");
	detail_text(l, "", "tokens_out", " out");
	if (cost >= 0) {
		detail(l, ", ");
		(void)buf_printf(l->b, "$%" PRId64 ".%06" PRId64,
				 cost / 1000000, cost % 1000000);
	}
	detail_text(l, "", "ms", " ms");
	detail_text(l, "error ", "error", "");
	detail_text(l, "", "text", "");
	detail(l, ", ");
	add(l, "it says");
}

static void show_lost(struct line *l)
{
	add(l, "of the agent's own telemetry");
}

/* "20:21:22", with the date in front when it is not @now's. */
static void add_time(struct line *l, uint64_t at_ns, uint64_t now_ns)
{
	time_t at = (time_t)(at_ns / NS_PER_S);
	time_t now = (time_t)(now_ns / NS_PER_S);
	struct tm t = { 0 }, n = { 0 };

	if (!localtime_r(&at, &t) || !localtime_r(&now, &n)) {
		add(l, "--:--:--");
		return;
	}
	if (t.tm_year != n.tm_year || t.tm_yday != n.tm_yday)
		(void)buf_printf(l->b, "%04d-%02d-%02d ", t.tm_year + 1900,
				 t.tm_mon + 1, t.tm_mday);
	(void)buf_printf(l->b, "%02d:%02d:%02d", t.tm_hour, t.tm_min, t.tm_sec);
}

static void show_first(struct line *l)
{
	add_text(l, "lines");
	add(l, " lines of the ledger's first form");
}

static void show_key(struct line *l)
{
	add_text(l, "vkey");
}

static void show_erase(struct line *l)
{
	add_text(l, "n");
	add(l, json_find_int(l->rec, "n", 0) == 1 ? " payload" : " payloads");
	if (!has(l, "of"))
		return;
	add(l, " of session ");
	add_text(l, "of");
}

static void more_erase(struct line *l)
{
	uint64_t before = (uint64_t)json_find_int(l->rec, "before", 0);

	if (before > 0) {
		detail(l, ", ");
		add(l, "before ");
		add_time(l, before, 0);
	}
	detail_text(l, "by ", "user", "");
	more_reason(l);
	detail_text(l, "", "why", "");
}

static void more_key(struct line *l)
{
	detail_text(l, "by ", "user", "");
	detail_text(l, "", "why", "");
}

static void show_sink(struct line *l)
{
	add(l, "record ");
	add_text(l, "record");
	add(l, " by sink ");
	add_text(l, "sink");
}

static const struct {
	const char *verb;
	void (*subject)(struct line *l);
	void (*detail)(struct line *l);
} rows[RECORD_KIND_MAX_] = {
	[RECORD_LEDGER_START] = { "ledger", show_start, more_start },
	[RECORD_LEDGER_TORN] = { "cut", show_torn, more_torn },
	[RECORD_LEDGER_FIRST] = { "took in", show_first, NULL },
	[RECORD_LEDGER_KEY] = { "new key", show_key, more_key },
	[RECORD_LEDGER_ERASE] = { "erased", show_erase, more_erase },
	[RECORD_DAEMON_START] = { "up", show_daemon, more_daemon },
	[RECORD_DAEMON_STOP] = { "down", show_daemon, more_daemon },
	[RECORD_PEER_KILLED] = { "killed", show_peer, more_reason },
	[RECORD_SESSION_OPEN] = { "opened", show_open, more_open },
	[RECORD_SESSION_CLOSE] = { "closed", show_close, more_close },
	[RECORD_SESSION_START] = { "started", show_start, more_start },
	[RECORD_NET_GRANT] = { "allowed", show_net, more_grant },
	[RECORD_NET_REFUSE] = { "refused", show_net, more_refuse },
	[RECORD_LIMIT_HIT] = { "limit", show_limit, more_reason },
	[RECORD_SYSCALL_REFUSE] = { "refused", show_syscall, more_syscall },
	[RECORD_FILE_HIDE] = { "hidden", show_path, more_hide },
	[RECORD_SOCKET_GRANT] = { "allowed", show_path, NULL },
	[RECORD_SESSION_NARROW] = { "narrowed", show_policy, NULL },
	[RECORD_POLICY_ACCEPT] = { "accepted", show_path, more_accept },
	[RECORD_FILE_LATER] = { "later", show_later, more_later },
	[RECORD_PROCESS_EXEC] = { "ran", show_exec, more_exec },
	[RECORD_PROCESS_HASH] = { "program", show_path, more_hash },
	[RECORD_FILE_OPEN] = { "opened", show_paths, more_seen },
	[RECORD_FILE_CREATE] = { "made", show_paths, more_seen },
	[RECORD_FILE_RENAME] = { "renamed", show_paths, more_seen },
	[RECORD_FILE_UNLINK] = { "removed", show_paths, more_seen },
	[RECORD_FILE_LINK] = { "linked", show_paths, more_seen },
	[RECORD_FILE_CHMOD] = { "chmod", show_paths, more_seen },
	[RECORD_FILE_CHANGE] = { "changed", show_paths, more_seen },
	[RECORD_NET_CONNECT] = { "connect", show_socket, more_seen },
	[RECORD_NET_BIND] = { "bind", show_socket, more_seen },
	[RECORD_NET_LISTEN] = { "listen", show_socket, more_seen },
	[RECORD_NET_SEND] = { "send", show_socket, more_seen },
	[RECORD_SESSION_OUTPUT] = { "output", show_output, NULL },
	[RECORD_SINK_REJECT] = { "rejected", show_sink, more_reason },
	[RECORD_AGENT_EVENT] = { "said", show_event, more_event },
	[RECORD_AGENT_LOST] = { "lost", show_lost, more_reason },
};

static void add_rule(struct line *l)
{
	if (!has(l, "rule.layer"))
		return;
	detail(l, ", ");
	add(l, "rule ");
	add_text(l, "rule.layer");
	if (has(l, "rule.file")) {
		add(l, " ");
		add_text(l, "rule.file");
	}
	if (json_find_int(l->rec, "rule.line", 0) > 0) {
		add(l, ":");
		add_text(l, "rule.line");
	}
}

/* A kind of a later version: its name, and that we know no more. */
static void add_unknown(struct line *l)
{
	add_text(l, "kind");
	add(l, "  (a kind of record that this version does not know");
	l->detail = true;
}

void tell_record(const struct tell *t, const struct record *r, struct buf *b)
{
	struct line l = { .rec = r->fields, .b = b };
	struct str session = r->head.session;

	add_time(&l, r->head.at, t->now_ns);
	add(&l, " ");
	if (t->show_session) {
		if (session.len > SESSION_SHOWN)
			session.len = SESSION_SHOWN;
		add_str(&l, session.len > 0 ? session : STR("----------"));
		add(&l, " ");
	}
	if (r->head.kind == 0) {
		add_unknown(&l);
	} else {
		(void)buf_printf(b, "%-8s ", rows[r->head.kind].verb);
		if (rows[r->head.kind].subject)
			rows[r->head.kind].subject(&l);
		if (rows[r->head.kind].detail)
			rows[r->head.kind].detail(&l);
		add_rule(&l);
	}
	if (r->head.count > 1) {
		detail(&l, ", ");
		(void)buf_printf(b, "%" PRIu64 " times", r->head.count);
	}
	if (l.detail)
		add(&l, ")");
	(void)buf_addc(b, '\n');
}
