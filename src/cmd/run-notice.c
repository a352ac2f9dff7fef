/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run-notice.h"

#include <inttypes.h>
#include <stdio.h>

static struct str or_else(struct str s, struct str other)
{
	return s.len ? s : other;
}

bool notice_format_net(const struct json *j, char *dst, size_t size)
{
	struct str host =
		or_else(json_find_str(j, "host"), json_find_str(j, "addr"));
	struct str why =
		or_else(json_find_str(j, "reason"), STR("no rule allows it"));
	struct str hint = json_find_str(j, "hint");
	int64_t port = json_find_int(j, "port", 0);
	struct str proto = json_find_str(j, "proto");
	const char *kind = "refused ";
	char safe_host[128], safe_why[100], safe_hint[200], at[16] = "";

	if (host.len == 0)
		return false;
	str_sanitise(host, safe_host, sizeof(safe_host));
	str_sanitise(why, safe_why, sizeof(safe_why));
	str_sanitise(hint, safe_hint, sizeof(safe_hint));
	if (port > 0 && port <= UINT16_MAX)
		(void)snprintf(at, sizeof(at), ":%d", (int)port);
	if (str_eq(proto, STR("udp")))
		kind = "refused UDP to ";
	else if (str_eq(proto, STR("icmp")))
		kind = "refused ICMP to ";
	if (json_find_bool(j, "failed", false))
		kind = "no connection to ";
	(void)snprintf(dst, size, "%s%s%s (%s)%s%s", kind, safe_host, at,
		       safe_why, hint.len ? "; to allow: " : "",
		       hint.len ? safe_hint : "");
	return true;
}

bool notices_add(struct notices *ns, const char *text, uint64_t count)
{
	struct notice *t;

	if (count == 0)
		count = 1;
	for (size_t i = 0; i < ns->n; i++) {
		if (strncmp(ns->v[i].text, text, sizeof(ns->v[i].text) - 1) ==
		    0) {
			ns->v[i].count += count;
			return false;
		}
	}
	if (ns->n == NOTICE_MAX) {
		ns->other += count;
		return false;
	}
	t = &ns->v[ns->n++];
	*t = (struct notice){ .count = count };
	(void)snprintf(t->text, sizeof(t->text), "%s", text);
	return true;
}

void notices_told(struct notices *ns)
{
	if (ns->n > 0)
		ns->v[ns->n - 1].told = 1;
}

void notices_print(struct notices *ns, struct buf *b)
{
	for (size_t i = 0; i < ns->n; i++) {
		struct notice *t = &ns->v[i];

		if (t->told == 0 && t->count == 1)
			(void)buf_printf(b, "bawn: %s\n", t->text);
		else if (t->told < t->count)
			(void)buf_printf(b, "bawn: %s [%" PRIu64 " times]\n",
					 t->text, t->count);
		t->told = t->count;
	}
	if (ns->other > 0)
		(void)buf_printf(b,
				 "bawn: and %" PRIu64 " other refusals; "
				 "see 'bawn logs @'\n",
				 ns->other);
	ns->other = 0;
}
