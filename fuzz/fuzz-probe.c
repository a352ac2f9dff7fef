/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a file of fixtures and, as well, a baseline.  The laws:
 *   1. a refusal of fixtures says why, and names a line that is there;
 *   2. what was accepted lies within the text, and is not empty;
 *   3. written again from its values it is accepted, with the same values;
 *   4. a refused baseline names a line that is there;
 *   5. each row of an accepted one is found, with an outcome.
 */
#include "base/base.h"
#include "base/buf.h"
#include "probe/baseline.h"
#include "probe/fixtures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static unsigned lines_of(const char *text, size_t len)
{
	unsigned n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

/* All values as a file. */
static void write_again(const struct fixtures *f, const char *text, size_t size,
			struct buf *b)
{
	for (size_t key = 0; key < FIX_MAX_; key++) {
		for (size_t i = 0; i < f->n[key]; i++) {
			const struct fixture *v = &f->of[key][i];

			law(v->text > text && v->text + v->len <= text + size);
			law(v->len > 0 && v->len == strlen(v->text));
			(void)buf_printf(b, "%s=%s\n",
					 fixture_name((enum fixture_key)key),
					 v->text);
		}
	}
	law(!b->failed);
}

static bool same_address(const struct fixture *x, const struct fixture *y)
{
	if (x->addr.sa.sa_family != y->addr.sa.sa_family)
		return false;
	if (x->addr.sa.sa_family == AF_INET)
		return x->addr.in.sin_port == y->addr.in.sin_port &&
		       x->addr.in.sin_addr.s_addr == y->addr.in.sin_addr.s_addr;
	if (x->addr.sa.sa_family == AF_INET6)
		return x->addr.in6.sin6_port == y->addr.in6.sin6_port &&
		       IN6_ARE_ADDR_EQUAL(&x->addr.in6.sin6_addr,
					  &y->addr.in6.sin6_addr);
	return x->addr.sa.sa_family == AF_UNSPEC;
}

static void check_same(const struct fixtures *a, const struct fixtures *b)
{
	for (size_t key = 0; key < FIX_MAX_; key++) {
		law(a->n[key] == b->n[key]);
		for (size_t i = 0; i < a->n[key]; i++) {
			const struct fixture *x = &a->of[key][i];
			const struct fixture *y = &b->of[key][i];

			law(strcmp(x->text, y->text) == 0);
			law(x->number == y->number && x->port == y->port);
			law(same_address(x, y));
		}
	}
}

static void check_fixtures(char *text, size_t size)
{
	static struct fixtures once, twice;
	AUTO(buf) struct buf b = BUF_NULL;
	struct fixture_error e = { 0 };
	unsigned lines = lines_of(text, size);

	if (fixtures_parse(text, size, &once, &e) != 0) {
		law(e.text[0] != '\0' && e.line <= lines);
		law(e.line > 0 || size > FIXTURES_SIZE_MAX);
		return;
	}
	buf_init(&b, FIXTURES_SIZE_MAX + 1);
	write_again(&once, text, size, &b);
	if (b.len == 0)
		return;
	law(fixtures_parse(b.ptr + b.off, b.len, &twice, &e) == 0);
	check_same(&once, &twice);
}

static void check_baseline(const char *text, size_t size)
{
	static struct baseline base;
	unsigned bad = baseline_parse(text, size, &base);

	if (bad) {
		law(bad <= lines_of(text, size));
		return;
	}
	for (size_t i = 0; i < base.n; i++) {
		const struct baseline_row *row =
			baseline_find(&base, base.rows[i].id);

		law(row && row->id[0] && row->outcome != OUTCOME_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* One's own copy: the parser of fixtures writes into it. */
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	(void)memcpy(text, data, size);
	text[size] = '\0';
	check_baseline(text, size);
	check_fixtures(text, size);
	free(text);
	return 0;
}
