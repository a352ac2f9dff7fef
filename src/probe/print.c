/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/print.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define ID_WIDTH 36

/* Anything else than printable ASCII is escaped: details hold foreign names. */
static void put_json(const char *key, const char *value)
{
	(void)printf("\"%s\":\"", key);
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			(void)printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			(void)printf("\\u%04x", c);
		else
			(void)putchar(c);
	}
	(void)putchar('"');
}

static void put_safe(const char *s)
{
	for (; *s; s++)
		(void)putchar(*s >= 0x20 && *s < 0x7f ? *s : '?');
}

void print_head(enum print_form form)
{
	struct utsname u = { 0 };

	(void)uname(&u);
	if (form == PRINT_TEXT)
		return;
	(void)printf("{\"probe\":%d,", PROBE_FORMAT);
	put_json("version", BAWN_PROBE_VERSION);
	(void)putchar(',');
	put_json("arch", u.machine);
	(void)putchar(',');
	put_json("kernel", u.release);
	(void)puts("}");
}

static const char *class_of(const struct attempt *a, char buf[16])
{
	(void)snprintf(buf, 16, "%.*s", (int)strcspn(a->id, "."), a->id);
	return buf;
}

static const char *error_text(const struct result *res, char buf[24])
{
	const char *name = res->error ? strerrorname_np(res->error) : NULL;

	if (res->signal) {
		const char *sig = sigabbrev_np(res->signal);

		(void)snprintf(buf, 24, "killed SIG%s", sig ? sig : "?");
		return buf;
	}
	if (res->error && !name) {
		(void)snprintf(buf, 24, "errno %d", res->error);
		return buf;
	}
	return name ? name : "";
}

static void print_json(const struct attempt *a, const struct result *res,
		       enum outcome outside)
{
	char class[16], error[24];

	(void)putchar('{');
	put_json("id", a->id);
	(void)putchar(',');
	put_json("class", class_of(a, class));
	(void)putchar(',');
	put_json("what", a->what);
	if (res) {
		(void)putchar(',');
		put_json("outcome", outcome_name(res->outcome));
		(void)putchar(',');
		put_json("error", error_text(res, error));
		(void)putchar(',');
		put_json("detail", res->detail);
	}
	if (outside != OUTCOME_NONE) {
		(void)putchar(',');
		put_json("outside", outcome_name(outside));
	}
	(void)putchar(',');
	put_json("ref", a->ref);
	(void)puts("}");
}

void print_row(enum print_form form, const struct attempt *a,
	       const struct result *res, enum outcome outside)
{
	char error[24];

	if (form == PRINT_JSON) {
		print_json(a, res, outside);
		(void)fflush(stdout);
		return;
	}
	(void)printf("%-*s %-9s %-13s %s", ID_WIDTH, a->id,
		     outcome_name(res->outcome), error_text(res, error),
		     a->what);
	if (res->detail[0]) {
		(void)fputs(" (", stdout);
		put_safe(res->detail);
		(void)putchar(')');
	}
	if (outside != OUTCOME_NONE && outside != OUTCOME_REACHABLE)
		(void)printf(" [outside: %s]", outcome_name(outside));
	(void)putchar('\n');
	(void)fflush(stdout);
}

void print_known(enum print_form form, const struct attempt *a)
{
	if (form == PRINT_JSON)
		print_json(a, NULL, OUTCOME_NONE);
	else
		(void)printf("%-*s %s [%s]\n", ID_WIDTH, a->id, a->what,
			     a->ref);
}

void print_sum(const unsigned count[OUTCOME_MAX_])
{
	(void)printf("\n%u reachable, %u refused, %u absent, %u untried\n",
		     count[OUTCOME_REACHABLE], count[OUTCOME_REFUSED],
		     count[OUTCOME_ABSENT], count[OUTCOME_UNTRIED]);
}
