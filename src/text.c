#include "config.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "xmalloc.h"

size_t
text_escape(char *dst, size_t size, const void *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = bytes;
	size_t n = 0;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		bool plain = p[i] >= 0x20 && p[i] <= 0x7e && p[i] != '\\';

		if (n + (plain ? 1 : 4) >= size)
			break;
		if (plain) {
			dst[n++] = (char)p[i];
			continue;
		}
		dst[n++] = '\\';
		dst[n++] = 'x';
		dst[n++] = hex[p[i] >> 4];
		dst[n++] = hex[p[i] & 0xf];
	}
	dst[n] = '\0';
	return n;
}

/* value in units of unit^k, with one decimal below ten units. */
static void
scaled(char *dst, uint64_t v, unsigned unit, const char *suffixes)
{
	uint64_t whole = v, tenths = 0;
	size_t k = 0;

	/* 999.95K would print as 1000K, so step up a little early. */
	while (whole > 999 && suffixes[k + 1] != '\0') {
		tenths = whole % unit * 10 / unit;
		whole /= unit;
		k++;
	}
	if (k == 0 || whole >= 100)
		snprintf(dst, TEXT_SHORT_SIZE, "%llu%.*s", (unsigned long long)whole, k != 0,
		    suffixes + k);
	else
		snprintf(dst, TEXT_SHORT_SIZE, "%llu.%llu%c", (unsigned long long)whole,
		    (unsigned long long)tenths, suffixes[k]);
}

bool
text_is_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	}
	return true;
}

char *
text_bytes(char dst[TEXT_SHORT_SIZE], uint64_t v)
{
	scaled(dst, v, 1024, " KMGTPE");
	return dst;
}

char *
text_count(char dst[TEXT_SHORT_SIZE], uint64_t v)
{
	if (v < 1000)
		snprintf(dst, TEXT_SHORT_SIZE, "%u", (unsigned)v);
	else if (v < 10000)
		snprintf(dst, TEXT_SHORT_SIZE, "%u,%03u", (unsigned)(v / 1000),
		    (unsigned)(v % 1000));
	else
		scaled(dst, v, 1000, " KMGTPE");
	return dst;
}

char *
text_age(char dst[TEXT_SHORT_SIZE], uint64_t s)
{
	unsigned long long d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (s < 60)
		snprintf(dst, TEXT_SHORT_SIZE, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(dst, TEXT_SHORT_SIZE, "%llum", m);
	else if (d == 0)
		snprintf(dst, TEXT_SHORT_SIZE, "%lluh%02llum", h, m);
	else
		snprintf(dst, TEXT_SHORT_SIZE, "%llud%lluh", d, h);
	return dst;
}

int
text_hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
text_number(const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why)
{
	uint64_t v = 0;

	if (*s == '\0') {
		*why = "a number is missing";
		return false;
	}
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9') {
			*why = "not a number";
			return false;
		}
		if (v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10) {
			*why = "too large";
			return false;
		}
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v < min) {
		*why = "too small";
		return false;
	}
	if (v > max) {
		*why = "too large";
		return false;
	}
	*out = v;
	return true;
}

bool
text_duration(const char *s, uint64_t *seconds)
{
	static const struct {
		char		suffix;
		uint64_t	unit;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	enum { LONGEST = 366 * 86400 };
	size_t len = strlen(s);
	uint64_t v, unit = 1;
	const char *why;
	char digits[12];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, s, len + 1);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (digits[len - 1] == units[i].suffix) {
			unit = units[i].unit;
			digits[len - 1] = '\0';
			break;
		}
	}
	if (!text_number(digits, 1, LONGEST, &v, &why) || v > LONGEST / unit)
		return false;
	*seconds = v * unit;
	return true;
}

bool
text_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *retry = NULL;

	while (*s != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			retry = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star != NULL) {
			pattern = star + 1;
			s = ++retry;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Exactly n digits at *s, which moves past them. */
static bool
digits(const char **s, int n, int *out)
{
	*out = 0;
	while (n-- > 0) {
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (*(*s)++ - '0');
	}
	return true;
}

bool
text_time_parse(const char *s, int64_t *out)
{
	struct tm tm = { 0 }, check;
	time_t t;

	if (!digits(&s, 4, &tm.tm_year) || *s++ != '-' || !digits(&s, 2, &tm.tm_mon) ||
	    *s++ != '-' || !digits(&s, 2, &tm.tm_mday) || *s++ != 'T' ||
	    !digits(&s, 2, &tm.tm_hour) || *s++ != ':' || !digits(&s, 2, &tm.tm_min))
		return false;
	if (*s == ':') {
		s++;
		if (!digits(&s, 2, &tm.tm_sec))
			return false;
	}
	if (*s++ != 'Z' || *s != '\0' || tm.tm_year < 1970)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	check = tm;
	t = timegm(&tm);
	/* timegm() turns the 31st of April into the 1st of May; refuse it. */
	if (tm.tm_mon != check.tm_mon || tm.tm_mday != check.tm_mday ||
	    tm.tm_hour != check.tm_hour || tm.tm_min != check.tm_min || tm.tm_sec != check.tm_sec)
		return false;
	*out = t;
	return true;
}

char *
text_time_format(char dst[32], int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(dst, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		dst[0] = '\0';
	return dst;
}

unsigned
text_distance(const char *a, const char *b)
{
	enum { WORD_MAX = 31 };
	unsigned row[WORD_MAX + 1], up, corner, cost;
	const size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		corner = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			up = row[j];
			cost = corner + (a[i - 1] != b[j - 1]);
			if (up + 1 < cost)
				cost = up + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			corner = up;
			row[j] = cost;
		}
	}
	return row[lb];
}

void
text_lines_add(struct text_lines *l, uint32_t line)
{
	if (l->n < TEXT_LINES_TOLD)
		l->line[l->n] = line;
	l->n++;
}

char *
text_lines_wrong(const struct text_lines *l)
{
	const uint32_t told = l->n < TEXT_LINES_TOLD ? l->n : TEXT_LINES_TOLD;
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (uint32_t i = 0; i < told; i++)
		fprintf(f, "%s%" PRIu32, i == 0 ? l->n == 1 ? "; wrong too is line " :
		    "; wrong too are lines " : i == l->n - 1 ? " and " : ", ", l->line[i]);
	if (l->n >= TEXT_LINES_MAX)
		fprintf(f, " and many more");
	else if (l->n > told)
		fprintf(f, " and %" PRIu32 " more", l->n - told);
	fclose(f);
	return text;
}
