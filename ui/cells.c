#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pane.h"
#include "text.h"

const char *
cell_string(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s == NULL ? "" : s;
}

double
cell_number(const json_t *row, const char *key)
{
	double v = json_number_value(json_object_get(row, key));

	/* Counters and times: what is not one is shown as none. */
	return v > 0 && v < 9e18 ? v : 0;
}

enum ink
cell_text(const json_t *row, const char *key, char *buf, size_t size)
{
	draw_clean(buf, size, cell_string(row, key));
	return INK_NORMAL;
}

enum ink
cell_count(const json_t *row, const char *key, char *buf, size_t size)
{
	char text[TEXT_SHORT_SIZE];
	double v = cell_number(row, key);

	snprintf(buf, size, "%s", text_count(text, (uint64_t)v));
	return v == 0 ? INK_DIM : INK_NORMAL;
}

static enum ink
bytes_text(double v, char *buf, size_t size)
{
	char text[TEXT_SHORT_SIZE];

	snprintf(buf, size, "%s", text_bytes(text, (uint64_t)v));
	return v == 0 ? INK_DIM : INK_NORMAL;
}

enum ink
cell_bytes(const json_t *row, const char *key, char *buf, size_t size)
{
	return bytes_text(cell_number(row, key), buf, size);
}

enum ink
cell_traffic(const json_t *row, double now, char *buf, size_t size)
{
	return bytes_text(cell_number(row, "bytes_up") + cell_number(row, "bytes_down"), buf, size);
}

enum ink
cell_allowed(const json_t *row, double now, char *buf, size_t size)
{
	return cell_count(row, "allowed", buf, size);
}

enum ink
cell_denied(const json_t *row, double now, char *buf, size_t size)
{
	return cell_count(row, "denied", buf, size) == INK_DIM ? INK_DIM : INK_WARN;
}

enum ink
cell_last(const json_t *row, double now, char *buf, size_t size)
{
	return cell_ago(row, "last", now, buf, size);
}

enum ink
cell_ago(const json_t *row, const char *key, double now, char *buf, size_t size)
{
	char text[TEXT_SHORT_SIZE];
	double then = cell_number(row, key);

	if (then == 0) {
		snprintf(buf, size, "-");
		return INK_DIM;
	}
	snprintf(buf, size, "%s", text_age(text, now > then ? (uint64_t)(now - then) : 0));
	return INK_NORMAL;
}

enum ink
cell_clock(const json_t *row, const char *key, double now, char *buf, size_t size)
{
	double when = cell_number(row, key);
	time_t t = (time_t)when, today = (time_t)now;
	struct tm tm, tm_now;

	if (when == 0 || localtime_r(&t, &tm) == NULL || localtime_r(&today, &tm_now) == NULL) {
		snprintf(buf, size, "-");
		return INK_DIM;
	}
	if (tm.tm_yday == tm_now.tm_yday && tm.tm_year == tm_now.tm_year)
		snprintf(buf, size, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	else
		snprintf(buf, size, "%02d-%02d %02d:%02d", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		    tm.tm_min);
	return INK_DIM;
}

void
cell_target(const json_t *drop, char *buf, size_t size)
{
	char dst[96], service[64];
	bool six;

	draw_clean(dst, sizeof(dst), cell_string(drop, "dst"));
	draw_clean(service, sizeof(service), cell_string(drop, "service"));
	six = strchr(dst, ':') != NULL;
	if (cell_number(drop, "dport") > 0)
		snprintf(buf, size, six ? "[%s]:%.0f" : "%s:%.0f", dst, cell_number(drop, "dport"));
	else if (service[0] != '\0')
		snprintf(buf, size, "%s %s", dst, service);
	else
		snprintf(buf, size, "%s", dst);
}
