/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar, each line by itself; what does not fit is passed over:
 *
 *   resolv  = "nameserver" WSP addr *( WSP junk )
 *           / ( "search" / "domain" ) 1*( WSP name )   ; the last line counts
 *           / "options" 1*( WSP option )
 *   option  = ( "timeout" / "attempts" / "ndots" ) ":" 1*DIGIT / other
 *   hosts   = addr 1*( WSP name ) [ "#" comment ]
 *
 * In resolv.conf a comment is a line that starts with "#" or ";"; in hosts "#"
 * ends the line wherever it stands.  An address with a zone ("fe80::1%eth0") is
 * passed over: what a zone means depends on who dials.
 */
#include "keeper/hosts-parse.h"

#include "policy/net-text.h"

#define TIMEOUT_MAX_S 30u
#define ATTEMPTS_MAX  5u
#define NDOTS_MAX     15u

static void read_search(struct str words, struct hosts_resolv *ret)
{
	struct str word;

	ret->n_search = 0;
	while (ret->n_search < HOSTS_MAX_SEARCH && str_word(&words, &word)) {
		if (net_name_parse(word, ret->search[ret->n_search]))
			ret->n_search++;
	}
}

/* "timeout:3" for @name "timeout:". */
static void read_number(struct str word, struct str name, uint32_t max,
			uint32_t scale, uint32_t *ret)
{
	uint32_t v;

	if (str_starts(word, name) &&
	    str_u32(str_skip(word, name.len), 0, max, &v))
		*ret = v * scale;
}

static void read_options(struct str words, struct hosts_resolv *ret)
{
	struct str word;

	while (str_word(&words, &word)) {
		read_number(word, STR("timeout:"), TIMEOUT_MAX_S, 1000,
			    &ret->timeout_ms);
		read_number(word, STR("attempts:"), ATTEMPTS_MAX, 1,
			    &ret->attempts);
		read_number(word, STR("ndots:"), NDOTS_MAX, 1, &ret->ndots);
	}
}

static void read_server(struct str words, struct hosts_resolv *ret)
{
	struct str word;

	if (ret->n_servers < HOSTS_MAX_SERVERS && str_word(&words, &word) &&
	    net_addr_parse(word, &ret->servers[ret->n_servers]))
		ret->n_servers++;
}

static const struct {
	const char *keyword;
	void (*read)(struct str words, struct hosts_resolv *ret);
} keywords[] = {
	{ "nameserver", read_server },
	{ "search", read_search },
	{ "domain", read_search },
	{ "options", read_options },
};

void hosts_parse_resolv(struct str text, struct hosts_resolv *ret)
{
	struct str line, word;

	*ret = (struct hosts_resolv){ .timeout_ms = HOSTS_TIMEOUT_MS,
				      .attempts = 2,
				      .ndots = 1 };
	while (str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (str_starts(line, STR("#")) || str_starts(line, STR(";")) ||
		    !str_word(&line, &word))
			continue;
		for (size_t i = 0; i < N_ELEMS(keywords); i++) {
			if (str_eq(word, str_of(keywords[i].keyword)))
				keywords[i].read(line, ret);
		}
	}
	if (ret->timeout_ms == 0)
		ret->timeout_ms = 1000;
	if (ret->attempts == 0)
		ret->attempts = 1;
	if (ret->n_servers == 0 &&
	    net_addr_parse(STR("127.0.0.1"), &ret->servers[0]))
		ret->n_servers = 1;
}

static int add_names(struct hosts_file *f, const struct in6_addr *addr,
		     struct str words)
{
	char name[NET_NAME_MAX + 1];
	struct str word;

	while (f->n < HOSTS_MAX_NAMES && str_word(&words, &word)) {
		struct hosts_entry *e = &f->entries[f->n];

		if (!net_name_parse(word, name))
			continue;
		e->addr = *addr;
		e->name = arena_str(&f->arena, str_of(name));
		if (!e->name.ptr)
			return -ENOMEM;
		f->n++;
	}
	return 0;
}

/* An upper bound, so that the array is made once. */
static size_t count_words(struct str text)
{
	size_t n = 0;
	bool in_word = false;

	for (size_t i = 0; i < text.len && n < HOSTS_MAX_NAMES; i++) {
		char c = text.ptr[i];
		bool is_blank = c == ' ' || c == '\t' || c == '\n';

		n += !is_blank && !in_word;
		in_word = !is_blank;
	}
	return n;
}

int hosts_parse(struct str text, struct hosts_file *ret)
{
	struct hosts_file f = { 0 };
	struct str line, word, comment;
	int r = 0;

	arena_init(&f.arena, 8 * HOSTS_MAX_BYTES);
	f.entries = arena_array(&f.arena, count_words(text) + 1,
				sizeof(*f.entries));
	if (!f.entries)
		r = -ENOMEM;
	while (r == 0 && str_cut(&text, '\n', &line)) {
		struct in6_addr addr;

		comment = line;
		(void)str_cut(&comment, '#', &line);
		line = str_trim(line);
		if (str_word(&line, &word) && net_addr_parse(word, &addr))
			r = add_names(&f, &addr, line);
	}
	if (r != 0) {
		hosts_file_done(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void hosts_file_done(struct hosts_file *f)
{
	arena_done(&f->arena);
	f->entries = NULL;
	f->n = 0;
}
