/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laws: a text is taken or refused with a reason; what was taken can be used as
 * it is: names that are safe in a path, no two the same, a place to send to, a
 * URL without TLS only to this machine, limits within the frame's.
 */
#include "export/sinks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct sinks *all, const struct sink *s)
{
	law(s->name && *s->name && !strpbrk(s->name, "/. \n"));
	law(strlen(s->name) <= SINK_NAME_MAX);
	law(s->type >= SINK_OTLP && s->type < SINK_TYPE_MAX_);
	law(s->form >= FORM_RECORD && s->form < FORM_MAX_);
	law(!!s->url + !!s->host + !!s->path == 1);
	law(!s->host || s->port);
	law(s->max_records > 0 && s->max_bytes >= 65536 && s->wait_s > 0);
	law(!s->certificate == !s->key);
	if (s->url)
		law(strncmp(s->url, "https://", 8) == 0 ||
		    strncmp(s->url, "http://127.", 11) == 0 ||
		    strncmp(s->url, "http://localhost", 16) == 0 ||
		    strncmp(s->url, "http://[::1]", 12) == 0);
	for (const struct sink *o = all->v; o < s; o++)
		law(strcmp(o->name, s->name) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct sinks s = { .n = 0 };
	struct diag d = { 0 };
	int r;

	arena_init(&a, SINKS_ARENA);
	r = sinks_parse(&a, (struct str){ (const char *)data, size }, &s, &d);
	law(r == 0 || r == 1);
	law((r == 0) == (d.text[0] == '\0'));
	law(r == 0 || s.n == 0);
	for (size_t i = 0; i < s.n; i++)
		check(&s, &s.v[i]);
	return 0;
}
