/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: attributes, ownership, results and slices.  Depends on libc only.
 *
 * Results: 0 = done; < 0 = -errno, we could not; > 0 = an enum the function
 * documents, the world said no.  Pure except where a function says otherwise.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define must_check        __attribute__((warn_unused_result))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define noreturn_fn       __attribute__((noreturn))
#define fallthrough_ok    __attribute__((fallthrough))
#define N_ELEMS(a)        (sizeof(a) / sizeof((a)[0]))

/* A sanitizer's run time makes system calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/*
 * AUTO(kind) runs auto_kind(&var) when var leaves its scope.  Always
 * initialise such a variable where it is declared.  TAKE() moves the value
 * out and leaves NULL behind, so the caller becomes the owner.
 */
#define AUTO(kind) __attribute__((cleanup(auto_##kind)))
#define DEFINE_AUTO(kind, type, drop)            \
	static inline void auto_##kind(type **p) \
	{                                        \
		drop(*p);                        \
	}                                        \
	struct auto_##kind##_needs_semicolon

#define TAKE(ptr)                                   \
	({                                          \
		__typeof__(ptr) *take_p_ = &(ptr);  \
		__typeof__(ptr) take_v_ = *take_p_; \
		*take_p_ = NULL;                    \
		take_v_;                            \
	})

/* The same for a descriptor: leaves -1 behind. */
#define TAKE_FD(fd)                     \
	({                              \
		int *take_p_ = &(fd);   \
		int take_v_ = *take_p_; \
		*take_p_ = -1;          \
		take_v_;                \
	})

static inline void auto_fd(int *fd)
{
	if (*fd >= 0) /* else none, or an error in its place */
		(void)close(*fd);
}

/* Close it, if there is one; there is none then. */
static inline void drop_fd(int *fd)
{
	auto_fd(fd);
	*fd = -1;
}

static inline void auto_bytes(char **p)
{
	free(*p);
}

/* errno as a result.  Never 0, even where a library forgot to set errno. */
static inline int neg_errno(void)
{
	int e = errno;

	return e > 0 ? -e : -EIO;
}

/* Not about what was asked for: @error says that something ran out. */
bool error_is_shortage(int error);
/* What helps against @error (either sign), as "; make room there"; or "". */
const char *error_advice(int error);

/* Overflow-checked arithmetic under the names of C23.  True: it overflowed. */
#define ckd_add(ret, a, b) __builtin_add_overflow(a, b, ret)
#define ckd_sub(ret, a, b) __builtin_sub_overflow(a, b, ret)
#define ckd_mul(ret, a, b) __builtin_mul_overflow(a, b, ret)

/* Never compiled out; for our own mistakes, never for input. */
#define ASSERT(cond)                                              \
	do {                                                      \
		if (!(cond))                                      \
			assert_failed(#cond, __FILE__, __LINE__); \
	} while (0)
noreturn_fn void assert_failed(const char *what, const char *file, int line);

/* Bytes owned by someone else.  Not terminated, may hold NUL; {0} is empty. */
struct str {
	const char *ptr;
	size_t len;
};

#define STR(lit) ((struct str){ .ptr = (lit), .len = sizeof(lit) - 1 })
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).ptr

/* @c NULL gives the empty slice. */
static inline struct str str_of(const char *c)
{
	return (struct str){ .ptr = c, .len = c ? strlen(c) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* From byte @n on; empty when s is shorter. */
struct str str_skip(struct str s, size_t n);
/* -1, 0, 1 in byte order. */
int str_cmp(struct str a, struct str b);

/* Cut what precedes @sep, or all; *s keeps what follows.  False: *s is empty. */
bool str_cut(struct str *s, char sep, struct str *ret);
/* Cut a line that ends with LF, without it.  False: none; *s is as it was. */
bool str_cut_line(struct str *s, struct str *ret);

/* Cut the next run of bytes that are not space or tab.  False: none left. */
bool str_word(struct str *s, struct str *ret);

/* Without spaces, tabs and CR at both ends. */
struct str str_trim(struct str s);

/* Plain decimal within [min, max]: no sign, no spaces, no leading zero. */
must_check bool str_u32(struct str s, uint32_t min, uint32_t max,
			uint32_t *ret);
must_check bool str_u64(struct str s, uint64_t min, uint64_t max,
			uint64_t *ret);

/*
 * Where a text was wrong, for humans; owned by the caller, no allocation.
 * @line, @column count from 1; 0 = not about a place.
 */
struct diag {
	unsigned line, column;
	char text[240];
};

/* @d may be NULL.  Cuts at the end of d->text. */
void diag_set(struct diag *d, unsigned line, unsigned column, const char *fmt,
	      ...) printf_like(4, 5);

/*
 * Copy @s to @dst, terminated, with everything but printable UTF-8 shown as
 * \xNN, so that a foreign string cannot steer a terminal.  Cuts, and ends with
 * "..." when it did.  @size >= 8.
 */
void str_sanitise(struct str s, char *dst, size_t size);
