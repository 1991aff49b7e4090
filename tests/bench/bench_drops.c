/*
 * What a blocked packet costs once it was read from the kernel: decoding, and
 * decoding and aggregating, for one packet again and again and for a flood in
 * which no two are alike. One core; the ratio says what the aggregate adds.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drops/drops.h"

enum { RECORDS = 1 << 16, RECORD_SIZE = 160, ROUND_US = 700000, RUNS = 4096, FLUSH_EVERY = 12500 };

static uint8_t records[RECORDS][RECORD_SIZE];
static size_t record_len;
static uint64_t emitted;

static void
put_tlv(uint8_t *record, size_t *at, uint16_t type, const void *value, size_t len)
{
	const uint16_t tlv[] = { (uint16_t)(len + 4), type };

	memcpy(record + *at, tlv, sizeof(tlv));
	memcpy(record + *at + 4, value, len);
	*at += 4 + ((len + 3) & ~(size_t)3);
}

/* As the kernel sends it for a guest's packet that the host would forward. */
static void
build(uint8_t *record, uint32_t seed)
{
	static const uint8_t header[] = { 2, 0, 0x1b, 0xa5 }, packet_hdr[] = { 8, 0, 2, 0 };
	static const uint8_t in[] = { 0, 0, 0, 2 }, port[] = { 0, 0, 0, 3 };
	static const uint8_t mac[] = { 0, 6, 0, 0, 2, 0x77, 0, 0, 0, 17, 0, 0 };
	static const char prefix[] = "gatehouse:default";
	uint8_t ip[60] = { 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 11, 198, 18 };
	size_t at = sizeof(header);

	for (size_t i = 0; i < 4; i++) {
		ip[16 + i] = (uint8_t)(seed >> (24 - 8 * i));
		ip[20 + i] = (uint8_t)(seed * 2654435761u >> (24 - 8 * i));
	}
	ip[25] = 40;
	memcpy(record, header, sizeof(header));
	put_tlv(record, &at, 1, packet_hdr, sizeof(packet_hdr));
	put_tlv(record, &at, 10, prefix, sizeof(prefix));
	put_tlv(record, &at, 4, in, sizeof(in));
	put_tlv(record, &at, 6, port, sizeof(port));
	put_tlv(record, &at, 8, mac, sizeof(mac));
	put_tlv(record, &at, 9, ip, sizeof(ip));
	record_len = at;
}

static bool
count(const struct drop *d, void *arg)
{
	emitted += d->count;
	return true;
}

/* Microseconds of processor time, so that a busy machine does not count. */
static uint64_t
cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Packets a second over at least ROUND_US; stride 0 takes one record always. */
static double
measure(struct aggregate *runs, size_t stride)
{
	const uint64_t start = cpu_time();
	uint64_t n = 0, now;
	struct drop d;

	do {
		for (int i = 0; i < FLUSH_EVERY; i++, n++) {
			nflog_decode(records[n * stride % RECORDS], record_len, record_len, &d);
			d.first = d.last = n;
			if (runs != NULL)
				aggregate_add(runs, &d);
		}
		/* As often as a flood of 50,000 a second is flushed. */
		if (runs != NULL)
			aggregate_flush(runs, count, NULL);
		now = cpu_time();
	} while (now - start < ROUND_US);
	return (double)n * 1e6 / (double)(now - start);
}

static double
median_of_3(struct aggregate *runs, size_t stride)
{
	double a = measure(runs, stride), b = measure(runs, stride), c = measure(runs, stride);

	if ((a <= b && b <= c) || (c <= b && b <= a))
		return b;
	return (b <= a && a <= c) || (c <= a && a <= b) ? a : c;
}

static void
report(const char *what, size_t stride)
{
	struct aggregate *runs = aggregate_new(RUNS);
	double decoded, both;

	decoded = median_of_3(NULL, stride);
	both = median_of_3(runs, stride);
	printf("%-24s decoded %6.2f M/s, and aggregated %6.2f M/s (%.2f)\n", what,
	    decoded / 1e6, both / 1e6, both / decoded);
	aggregate_free(runs);
}

int
main(void)
{
	for (uint32_t i = 0; i < RECORDS; i++)
		build(records[i], i * 40503u + 1);
	report("one packet repeated", 0);
	report("no two packets alike", 1);
	return emitted == 0;
}
