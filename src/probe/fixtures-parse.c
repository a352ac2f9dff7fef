/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file  = *( line LF )
 * line  = "" / "#" *any / key "=" value
 *
 * No blanks are taken away, no quotes, no escapes: a value is what stands
 * between the sign and the end of the line, and none may be empty or hold a control character.
 */
#include "probe/fixtures.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "probe/probe.h"

struct key_row;
typedef bool value_fn(struct fixture *v);

static bool is_word(struct fixture *v);
static bool is_path(struct fixture *v);
static bool is_text(struct fixture *v);
static bool is_env(struct fixture *v);
static bool is_addr4(struct fixture *v);
static bool is_addr6(struct fixture *v);
static bool is_name(struct fixture *v);
static bool is_name_port(struct fixture *v);
static bool is_vsock(struct fixture *v);
static bool is_pid(struct fixture *v);
static bool is_port(struct fixture *v);
static bool is_number(struct fixture *v);
static bool is_slash_name(struct fixture *v);

static const struct key_row {
	const char *name;
	value_fn *check;
	const char *form;
	bool repeated;
	const char *help;
} keys[FIX_MAX_] = {
	[FIX_MARKER] = { "marker", is_word, "WORD", false,
			 "8 to 64 letters and digits, written into what can be "
			 "written and held by every secret" },
	[FIX_PROJECT] = { "project", is_path, "PATH", false,
			  "where the sandboxed program works" },
	[FIX_HOME] = { "home", is_path, "PATH", false,
		       "the user's home outside" },
	[FIX_OUTSIDE_DIR] = { "outside_dir", is_path, "PATH", false,
			      "a directory that must not be written; it holds "
			      "a file named `there`" },
	[FIX_SECRET_FILE] = { "secret_file", is_path, "PATH", true,
			      "outside of the project, not to be read" },
	[FIX_HIDDEN_FILE] = { "hidden_file", is_path, "PATH", true,
			      "in the project, not to be read" },
	[FIX_PROTECTED_FILE] = { "protected_file", is_path, "PATH", true,
				 "in the project, not to be changed" },
	[FIX_SECRET_ENV] = { "secret_env", is_env, "NAME=VALUE", true,
			     "in the environment outside only" },
	[FIX_UNIX_PATH] = { "unix_path", is_path, "PATH", true,
			    "a listening socket of the host" },
	[FIX_UNIX_ABSTRACT] = { "unix_abstract", is_text, "NAME", true,
				"the same without a path; no leading @" },
	[FIX_UNIX_ALLOWED] = { "unix_allowed", is_path, "PATH", false,
			       "one that is allowed, and sends a directory's "
			       "descriptor to each who comes" },
	[FIX_TCP4] = { "tcp4", is_addr4, "ADDR:PORT", false,
		       "a listener on the host's loopback" },
	[FIX_TCP4_LAN] = { "tcp4_lan", is_addr4, "ADDR:PORT", false,
			   "one on another address of the host" },
	[FIX_TCP6] = { "tcp6", is_addr6, "[ADDR]:PORT", false,
		       "one on the host's IPv6 loopback" },
	[FIX_UDP4] = { "udp4", is_addr4, "ADDR:PORT", false,
		       "a UDP socket of the host that echoes" },
	[FIX_UDP6] = { "udp6", is_addr6, "[ADDR]:PORT", false, "the same" },
	[FIX_DNS4] = { "dns4", is_addr4, "ADDR:PORT", false,
		       "a name server of the host that answers any name" },
	[FIX_ALLOWED] = { "allowed", is_name_port, "NAME:PORT", false,
			  "what the policy allows" },
	[FIX_DENIED_NAME] = { "denied_name", is_name, "NAME", false,
			      "a name that it does not" },
	[FIX_VSOCK] = { "vsock", is_vsock, "CID:PORT", false,
			"a listener in the vsock family" },
	[FIX_HOST_PID] = { "host_pid", is_pid, "PID", true,
			   "a process outside, made for this" },
	[FIX_LISTEN_PORT] = { "listen_port", is_port, "PORT", false,
			      "the host keeps trying to connect to it" },
	[FIX_SYSV_SHM] = { "sysv_shm", is_number, "ID", false,
			   "System V shared memory that holds the marker" },
	[FIX_SYSV_SEM] = { "sysv_sem", is_number, "ID", false,
			   "a System V semaphore" },
	[FIX_SYSV_MSG] = { "sysv_msg", is_number, "ID", false,
			   "a System V message queue" },
	[FIX_POSIX_SHM] = { "posix_shm", is_slash_name, "/NAME", false,
			    "POSIX shared memory that holds the marker" },
	[FIX_POSIX_MQ] = { "posix_mq", is_slash_name, "/NAME", false,
			   "a POSIX message queue" },
	[FIX_KEY] = { "key", is_text, "DESCRIPTION", false,
		      "a `user` key in the user's or session's keyring" },
	[FIX_HOST_TTY] = { "host_tty", is_path, "PATH", false,
			   "a terminal of the host" },
	[FIX_OUTLIVE] = { "outlive", is_number, "SECONDS", false,
			  "how long a process that breaks away sleeps; its "
			  "name is bawn-probe-left" },
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool is_word(struct fixture *v)
{
	for (size_t i = 0; i < v->len; i++) {
		if (!is_alnum(v->text[i]))
			return false;
	}
	return v->len >= 8 && v->len <= 64;
}

static bool is_text(struct fixture *v)
{
	return v->len <= 100;
}

static bool is_path(struct fixture *v)
{
	return v->text[0] == '/';
}

static bool is_slash_name(struct fixture *v)
{
	return v->text[0] == '/' && v->len > 1 && v->len < 200 &&
	       strchr(v->text + 1, '/') == NULL;
}

static bool is_env(struct fixture *v)
{
	const char *eq = strchr(v->text, '=');

	/* A short value would be found anywhere. */
	return eq && eq != v->text && strlen(eq + 1) >= 8;
}

static bool to_number(const char *s, size_t len, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 10 || (len > 1 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = 10 * n + (uint64_t)(s[i] - '0');
	}
	if (n > max)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool is_number(struct fixture *v)
{
	return to_number(v->text, v->len, INT32_MAX, &v->number);
}

static bool is_pid(struct fixture *v)
{
	return is_number(v) && v->number > 1;
}

static bool is_port(struct fixture *v)
{
	return to_number(v->text, v->len, UINT16_MAX, &v->number) &&
	       v->number > 0;
}

/* The text before the last colon in @buf, the number after it in @port. */
static bool cut_port(const struct fixture *v, uint32_t max, char *buf,
		     size_t size, uint32_t *port)
{
	const char *colon = strrchr(v->text, ':');
	size_t len = colon ? (size_t)(colon - v->text) : 0;

	if (len == 0 || len >= size)
		return false;
	(void)memcpy(buf, v->text, len);
	buf[len] = '\0';
	return to_number(colon + 1, v->len - len - 1, max, port) && *port > 0;
}

static bool is_addr4(struct fixture *v)
{
	char host[64];
	uint32_t port;

	if (!cut_port(v, UINT16_MAX, host, sizeof(host), &port))
		return false;
	v->addr.in.sin_family = AF_INET;
	v->addr.in.sin_port = htons((uint16_t)port);
	v->number = port;
	return inet_pton(AF_INET, host, &v->addr.in.sin_addr) == 1;
}

static bool is_addr6(struct fixture *v)
{
	char host[64];
	uint32_t port;
	size_t len;

	if (!cut_port(v, UINT16_MAX, host, sizeof(host), &port))
		return false;
	len = strlen(host);
	if (host[0] != '[' || host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	v->addr.in6.sin6_family = AF_INET6;
	v->addr.in6.sin6_port = htons((uint16_t)port);
	v->number = port;
	return inet_pton(AF_INET6, host + 1, &v->addr.in6.sin6_addr) == 1;
}

static bool is_host_name(const char *s)
{
	size_t label = 0, len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' ? label == 0 : !is_alnum(s[i]) && s[i] != '-')
			return false;
		label = s[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return len > 0 && len <= 253 && label > 0;
}

static bool is_name(struct fixture *v)
{
	return is_host_name(v->text);
}

static bool is_name_port(struct fixture *v)
{
	char host[256];

	return cut_port(v, UINT16_MAX, host, sizeof(host), &v->number) &&
	       is_host_name(host);
}

static bool is_vsock(struct fixture *v)
{
	char cid[16];

	return cut_port(v, UINT32_MAX, cid, sizeof(cid), &v->port) &&
	       to_number(cid, strlen(cid), UINT32_MAX, &v->number);
}

/* ---- the file ---- */

static int fail(struct fixture_error *e, unsigned line, const char *fmt, ...)
	printf_like(3, 4);

static int fail(struct fixture_error *e, unsigned line, const char *fmt, ...)
{
	va_list ap;

	e->line = line;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

static const struct key_row *find_key(const char *s, size_t len)
{
	for (size_t i = 0; i < FIX_MAX_; i++) {
		if (strlen(keys[i].name) == len &&
		    memcmp(keys[i].name, s, len) == 0)
			return &keys[i];
	}
	return NULL;
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	}
	return false;
}

/* @s: @len bytes and a 0. */
static int parse_line(const char *s, size_t len, unsigned line,
		      struct fixtures *ret, struct fixture_error *e)
{
	const char *eq = memchr(s, '=', len);
	size_t key_len = eq ? (size_t)(eq - s) : 0;
	const struct key_row *row;
	struct fixture v = { 0 };
	size_t key;

	if (len > FIXTURE_LINE_MAX)
		return fail(e, line, "longer than %u bytes", FIXTURE_LINE_MAX);
	if (has_control(s, len))
		return fail(e, line, "a control character");
	if (len == 0 || s[0] == '#')
		return 0;
	if (!eq)
		return fail(e, line, "not of the form key=value");
	row = find_key(s, key_len);
	if (!row)
		return fail(e, line, "no key is named \"%.*s\"",
			    (int)(key_len < 40 ? key_len : 40), s);
	key = (size_t)(row - keys);
	v.text = eq + 1;
	v.len = len - key_len - 1;
	if (v.len == 0 || !row->check(&v))
		return fail(e, line, "%s wants %s: %s", row->name, row->form,
			    row->help);
	if (ret->n[key] == (row->repeated ? FIXTURE_REPEAT : 1))
		return fail(e, line, "%s is there %zu times already", row->name,
			    ret->n[key]);
	ret->of[key][ret->n[key]++] = v;
	return 0;
}

int fixtures_parse(char *text, size_t len, struct fixtures *ret,
		   struct fixture_error *reterr)
{
	unsigned line = 1;

	*ret = (struct fixtures){ 0 };
	if (len > FIXTURES_SIZE_MAX)
		return fail(reterr, 0, "longer than %u bytes",
			    FIXTURES_SIZE_MAX);
	for (size_t at = 0; at < len; line++) {
		char *end = memchr(text + at, '\n', len - at);

		if (!end)
			return fail(reterr, line, "the line has no end");
		*end = '\0';
		if (parse_line(text + at, (size_t)(end - text) - at, line, ret,
			       reterr) == -1)
			return -1;
		at = (size_t)(end - text) + 1;
	}
	return 0;
}

void fixtures_help(FILE *f)
{
	for (size_t i = 0; i < FIX_MAX_; i++)
		(void)fprintf(
			f, "  %-15s %-12s %s%s\n", keys[i].name, keys[i].form,
			keys[i].repeated ? "(repeatable) " : "", keys[i].help);
}

const char *fixture_name(enum fixture_key key)
{
	return keys[key].name;
}

const struct fixture *fixture_first(const struct fixtures *f,
				    enum fixture_key key)
{
	return f->n[key] ? &f->of[key][0] : NULL;
}

const char *fixture_text(const struct fixtures *f, enum fixture_key key)
{
	return f->n[key] ? f->of[key][0].text : NULL;
}
