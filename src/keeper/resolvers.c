/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/resolvers.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "keeper/host.h"
#include "policy/net-text.h"

static const char *const files[2] = { "/etc/resolv.conf", "/etc/hosts" };

void resolvers_init(struct resolvers *r)
{
	*r = (struct resolvers){ 0 };
	buf_init(&r->text, HOSTS_MAX_BYTES);
}

void resolvers_done(struct resolvers *r)
{
	hosts_file_done(&r->hosts);
	buf_done(&r->text);
}

static void look(const struct host *host, const char *path, uint64_t ret[5])
{
	struct stat st;

	memset(ret, 0, 5 * sizeof(ret[0]));
	if (host_stat(host, path, &st) != 0)
		return;
	ret[0] = st.st_dev;
	ret[1] = st.st_ino;
	ret[2] = (uint64_t)st.st_size;
	ret[3] = (uint64_t)st.st_mtim.tv_sec;
	ret[4] = (uint64_t)st.st_mtim.tv_nsec;
}

static struct str load(struct resolvers *r, const struct host *host,
		       const char *path)
{
	buf_clear(&r->text);
	if (host_load(host, path, &r->text) != 0)
		return STR("");
	return buf_str(&r->text);
}

bool resolvers_check(struct resolvers *r, const struct host *host)
{
	uint64_t now[2][5];
	struct hosts_file hosts;

	for (size_t i = 0; i < N_ELEMS(files); i++)
		look(host, files[i], now[i]);
	if (r->version > 0 && memcmp(now, r->identity, sizeof(now)) == 0)
		return false;
	hosts_parse_resolv(load(r, host, files[0]), &r->conf);
	if (hosts_parse(load(r, host, files[1]), &hosts) == 0) {
		hosts_file_done(&r->hosts);
		r->hosts = hosts;
	}
	memcpy(r->identity, now, sizeof(now));
	r->version++;
	return true;
}

/* "127.0.0.1#53": a colon would be ambiguous with IPv6. */
static void write_server(struct json_out *w, const struct in6_addr *addr,
			 unsigned port)
{
	char text[NET_ADDR_TEXT], both[NET_ADDR_TEXT + 8];
	int n;

	net_addr_format(addr, text);
	n = snprintf(both, sizeof(both), "%s#%u", text, port);
	ASSERT(n > 0 && (size_t)n < sizeof(both));
	json_str(w, str_of(both));
}

static void write_hosts(struct json_out *w, const struct hosts_file *f)
{
	char text[NET_ADDR_TEXT];

	json_open(w, '[');
	for (size_t i = 0; i < f->n; i++) {
		net_addr_format(&f->entries[i].addr, text);
		json_open(w, '[');
		json_str(w, f->entries[i].name);
		json_str(w, str_of(text));
		json_close(w, ']');
	}
	json_close(w, ']');
}

void resolvers_format(const struct resolvers *r, const struct net_policy *net,
		      struct json_out *w)
{
	json_open(w, '{');
	json_key(w, "servers");
	json_open(w, '[');
	for (size_t i = 0; i < net->n_dns; i++)
		write_server(w, &net->dns[i].addr, net->dns[i].port);
	for (size_t i = 0; net->n_dns == 0 && i < r->conf.n_servers; i++)
		write_server(w, &r->conf.servers[i], 53);
	json_close(w, ']');
	json_key(w, "search");
	json_open(w, '[');
	for (size_t i = 0; i < r->conf.n_search; i++)
		json_str(w, str_of(r->conf.search[i]));
	json_close(w, ']');
	json_key(w, "hosts");
	write_hosts(w, &r->hosts);
	json_kuint(w, "timeout_ms", r->conf.timeout_ms);
	json_close(w, '}');
}
