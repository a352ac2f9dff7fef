/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/json.h"
#include "keeper/hostnet.h"

#define DNS_PORT   53
#define TIMEOUT_MS 5000

bool hostnet_addr_parse(struct str s, struct in6_addr *ret)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, '\0', s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET6, text, ret) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	*ret = (struct in6_addr){ 0 };
	ret->s6_addr[10] = 0xff;
	ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 12, &v4, sizeof(v4));
	return true;
}

static void add_search(struct arena *a, struct str line, struct hostnet *ret)
{
	char name[NET_NAME_MAX + 1];
	struct str word;

	ret->n_search = 0; /* the last line counts, resolv.conf(5) */
	while (str_word(&line, &word) && ret->n_search < HOSTNET_SEARCH_MAX) {
		if (net_name_parse(word, name))
			ret->search[ret->n_search++] =
				arena_str(a, str_of(name));
	}
}

void hostnet_resolv_parse(struct arena *a, struct str text, struct hostnet *ret)
{
	struct str line, word, value;

	while (str_cut(&text, '\n', &line)) {
		if (!str_word(&line, &word))
			continue;
		if (str_eq(word, STR("search")) || str_eq(word, STR("domain")))
			add_search(a, line, ret);
		if (!str_eq(word, STR("nameserver")) ||
		    !str_word(&line, &value) ||
		    ret->n_servers == HOSTNET_SERVERS_MAX)
			continue;

		struct net_resolver *s = &ret->servers[ret->n_servers];

		if (!hostnet_addr_parse(value, &s->addr))
			continue; /* a zone: link-local servers are rare */
		s->port = DNS_PORT;
		ret->n_servers++;
	}
}

static void add_host(struct arena *a, struct hostnet *ret, size_t *room,
		     struct str word, const struct in6_addr *addr)
{
	char name[NET_NAME_MAX + 1];

	if (!net_name_parse(word, name))
		return;
	if (ret->n_hosts == *room) {
		size_t n = *room ? 2 * *room : 64;
		struct hostnet_host *h = arena_array(a, n, sizeof(*h));

		if (!h)
			return;
		if (ret->n_hosts > 0)
			memcpy(h, ret->hosts, ret->n_hosts * sizeof(*h));
		ret->hosts = h;
		*room = n;
	}
	ret->hosts[ret->n_hosts].name = arena_str(a, str_of(name));
	ret->hosts[ret->n_hosts++].addr = *addr;
}

void hostnet_hosts_parse(struct arena *a, struct str text, struct hostnet *ret)
{
	struct str line, body, word;
	size_t room = 0;

	while (str_cut(&text, '\n', &line)) {
		struct in6_addr addr;

		if (!str_cut(&line, '#', &body) || !str_word(&body, &word) ||
		    !hostnet_addr_parse(word, &addr))
			continue;
		while (str_word(&body, &word) &&
		       ret->n_hosts < HOSTNET_HOSTS_MAX)
			add_host(a, ret, &room, word, &addr);
	}
}

static void add_addr(char dst[INET6_ADDRSTRLEN], const struct in6_addr *addr)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);

	(void)inet_ntop(v4 ? AF_INET : AF_INET6,
			v4 ? addr->s6_addr + 12 : addr->s6_addr, dst,
			INET6_ADDRSTRLEN);
}

void hostnet_format(const struct hostnet *h, const struct net_resolver *dns,
		    size_t n_dns, struct buf *b)
{
	const struct net_resolver *s = n_dns > 0 ? dns : h->servers;
	size_t n = n_dns > 0 ? n_dns : h->n_servers;
	struct json_out w = JSON_OUT(b);
	char text[INET6_ADDRSTRLEN], both[INET6_ADDRSTRLEN + 8];

	json_open(&w, '{');
	json_key(&w, "servers");
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++) {
		add_addr(text, &s[i].addr);
		(void)snprintf(both, sizeof(both), "%s#%u", text, s[i].port);
		json_str(&w, str_of(both));
	}
	json_close(&w, ']');
	json_key(&w, "search");
	json_open(&w, '[');
	for (size_t i = 0; i < h->n_search; i++)
		json_str(&w, h->search[i]);
	json_close(&w, ']');
	json_key(&w, "hosts");
	json_open(&w, '[');
	for (size_t i = 0; i < h->n_hosts; i++) {
		json_open(&w, '[');
		json_str(&w, h->hosts[i].name);
		add_addr(text, &h->hosts[i].addr);
		json_str(&w, str_of(text));
		json_close(&w, ']');
	}
	json_close(&w, ']');
	json_kint(&w, "timeout_ms", TIMEOUT_MS);
	json_close(&w, '}');
}
