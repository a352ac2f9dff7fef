/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/reach.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/fd.h"

#define TABLE_MAX ((size_t)4 * 1024 * 1024) /* bytes of /proc/net/tcp */
#define LISTENS   "0A"

bool reach_is_loopback(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		return a->s6_addr[12] == 127 || a->s6_addr[12] == 0;
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a);
}

static bool covers(const void *range, unsigned bits, const void *addr)
{
	const uint8_t *r = range, *a = addr;
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(r, a, whole) == 0 &&
	       (rest == 0 ||
		((r[whole] ^ a[whole]) & (uint8_t)(0xff00u >> rest)) == 0);
}

static bool class_covers(const struct plan_class *c, const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a)
		       ? covers(&c->v4, c->v4_bits, a->s6_addr + 12)
		       : covers(&c->v6, c->v6_bits, a);
}

static bool has_port(const uint16_t *ports, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

bool reach_is_named(const struct plan *p, const struct in6_addr *a)
{
	for (size_t i = 0; i < p->n_classes; i++) {
		if (class_covers(&p->classes[i], a))
			return true;
	}
	return false;
}

bool reach_allows(const struct plan *p, const struct in6_addr *a, uint16_t port)
{
	bool allowed = false;

	for (size_t i = 0; i < p->n_cidrs; i++) {
		const struct plan_cidr *c = &p->cidrs[i];

		if (!covers(&c->addr, c->bits, a))
			continue;
		if (c->deny)
			return false;
		/* As in the kernel: ::/0 is of IPv6. */
		if (IN6_IS_ADDR_V4MAPPED(a) && c->bits < 96)
			continue;
		allowed = allowed || has_port(c->ports, c->n_ports, port);
	}
	for (size_t i = 0; i < p->n_classes; i++) {
		const struct plan_class *c = &p->classes[i];

		if (class_covers(c, a))
			return has_port(c->ports, c->n_ports, port);
	}
	return allowed;
}

/* "sl local remote st queues timer retrnsmt uid timeout inode ..." */
static bool is_row(struct str line, ino_t ino, uint16_t port)
{
	struct str word[10], at;
	uint64_t v;

	for (size_t i = 0; i < N_ELEMS(word); i++) {
		if (!str_word(&line, &word[i]))
			return false;
	}
	if (!str_eq(word[3], STR(LISTENS)) || word[1].len < 5 ||
	    !str_u64(word[9], 0, UINT64_MAX, &v) || v != ino)
		return false;
	at = str_skip(word[1], word[1].len - 4);
	v = 0;
	for (size_t i = 0; i < at.len; i++) {
		char c = at.ptr[i];

		if (c >= '0' && c <= '9')
			v = 16 * v + (uint64_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			v = 16 * v + 10 + (uint64_t)(c - 'A');
		else
			return false;
	}
	return v == port;
}

/* Local addresses of IPv6 that are v4's in disguise. */
static bool is_mapped(struct str line)
{
	struct str word;

	if (!str_word(&line, &word)) /* its number */
		return false;
	return str_word(&line, &word) &&
	       str_starts(word, STR("0000000000000000FFFF0000"));
}

static bool find_row(const char *path, ino_t ino, uint16_t port,
		     struct str *ret, struct buf *b)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct str rest;

	buf_clear(b);
	if (fd == -1 || fd_read_all(fd, b) != 0)
		return false;
	rest = buf_str(b);
	while (str_cut(&rest, '\n', ret)) {
		if (is_row(*ret, ino, port))
			return true;
	}
	return false;
}

bool reach_listens(ino_t ino, uint16_t port, bool *ret_v6)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str line;

	buf_init(&b, TABLE_MAX);
	*ret_v6 = false;
	if (find_row("/proc/net/tcp", ino, port, &line, &b))
		return true;
	if (!find_row("/proc/net/tcp6", ino, port, &line, &b))
		return false;
	*ret_v6 = !is_mapped(line);
	return true;
}
