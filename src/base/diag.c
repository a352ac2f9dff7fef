/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"
#include "base/utf8.h"
#include "base/wall.h"

void assert_failed(const char *what, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%d: assertion failed: %s\n",
			 file, line, what);

	if (n > (int)sizeof(text) - 1)
		n = (int)sizeof(text) - 1;
	if (n > 0) {
		ssize_t ignored = write(STDERR_FILENO, text, (size_t)n);

		(void)ignored; /* the process ends either way */
	}
	abort();
}

void diag_set(struct diag *d, unsigned line, unsigned column, const char *fmt,
	      ...)
{
	va_list ap;

	if (!d)
		return;
	d->line = line;
	d->column = column;
	va_start(ap, fmt);
	if (vsnprintf(d->text, sizeof(d->text), fmt, ap) < 0)
		d->text[0] = '\0';
	va_end(ap);
}

bool error_is_shortage(int error)
{
	switch (error < 0 ? -error : error) {
	case ENOMEM:
	case ENOBUFS:
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return true;
	default:
		return false;
	}
}

const char *error_advice(int error)
{
	switch (error < 0 ? -error : error) {
	case ENOSPC:
	case EDQUOT:
		return "; make room there";
	case EROFS:
		return "; make it writable";
	case EACCES:
	case EPERM:
		return "; look at its owner and mode";
	case EMFILE:
	case ENFILE:
		return "; raise the limit of open files (ulimit -n)";
	case EAGAIN:
		return "; raise the limit of processes (ulimit -u)";
	default:
		return "";
	}
}

/* What @s starts with, in its shown form; returns bytes taken from @s. */
static size_t show_char(struct str s, char shown[5], size_t *ret_len)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t c = 0;
	size_t n = utf8_decode(s, &c);

	if (n > 0 && (utf8_is_printable(c) || !WALL(TERMINAL_TEXT))) {
		memcpy(shown, s.ptr, n);
		*ret_len = n;
		return n;
	}

	unsigned char b = (unsigned char)s.ptr[0];

	shown[0] = '\\';
	shown[1] = 'x';
	shown[2] = hex[b >> 4];
	shown[3] = hex[b & 15];
	*ret_len = 4;
	return 1;
}

void str_sanitise(struct str s, char *dst, size_t size)
{
	size_t len = 0;
	size_t safe = 0; /* the longest prefix that leaves room for "..." */

	ASSERT(size >= 8);
	while (s.len > 0) {
		char shown[5];
		size_t n;
		size_t took = show_char(s, shown, &n);

		if (len + n + 1 > size) {
			memcpy(dst + safe, "...", 4);
			return;
		}
		memcpy(dst + len, shown, n);
		len += n;
		if (len + 4 <= size)
			safe = len;
		s = str_skip(s, took);
	}
	dst[len] = '\0';
}
