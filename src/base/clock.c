/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/base.h"

#define S_PER_DAY UINT64_C(86400)

static uint64_t read_clock(clockid_t id)
{
	struct timespec t;

	ASSERT(clock_gettime(id, &t) == 0);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_utc_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* @days since 1970-01-01; below 2^18, so the loops are short. */
static void civil(uint64_t days, unsigned *ret_year, unsigned *ret_month,
		  unsigned *ret_day)
{
	static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30,
					    31, 31, 30, 31, 30, 31 };
	unsigned year = 1970;
	unsigned month = 0;

	while (days >= (is_leap(year) ? 366u : 365u)) {
		days -= is_leap(year) ? 366u : 365u;
		year++;
	}
	for (;;) {
		unsigned n =
			lengths[month] + (month == 1 && is_leap(year) ? 1 : 0);

		if (days < n)
			break;
		days -= n;
		month++;
	}
	*ret_year = year;
	*ret_month = month + 1;
	*ret_day = (unsigned)days + 1;
}

void clock_format_utc(uint64_t utc_ns, char *dst, unsigned long size)
{
	uint64_t s = utc_ns / NS_PER_S;
	unsigned of_day = (unsigned)(s % S_PER_DAY);
	unsigned year, month, day;

	civil(s / S_PER_DAY, &year, &month, &day);
	(void)snprintf(dst, size, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", year,
		       month, day, of_day / 3600, of_day / 60 % 60, of_day % 60,
		       (unsigned)(utc_ns % NS_PER_S));
}
