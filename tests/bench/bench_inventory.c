/*
 * What 500 guests cost the engine: libvirt's list of them read, each of them heard as a
 * neighbour and known by a lease, joined and judged, as each [inventory] every (5 s).
 *
 *	make bench, or bench_inventory [GUESTS]
 *
 * Beside it the floor: the same bytes only split into lines.  CPU time counts.  What the
 * VM manager's own command costs is not in it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inventory/manager.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum { GUESTS = 500, PASSES = 60, EVERY_MS = 5000 };

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *
list_text(unsigned guests, size_t *len)
{
	char *text;
	FILE *f = xmemstream(&text, len);

	for (unsigned i = 0; i < guests; i++)
		fprintf(f, " %-5u agent-%04u   running\n", i + 1, i);
	fclose(f);
	return text;
}

static size_t
lines(const char *text)
{
	size_t n = 0;

	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

/* What the kernel and the leases say of them. */
static void
heard(struct sighting *list, size_t *n, unsigned guests)
{
	for (unsigned i = 0; i < guests; i++) {
		const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i };

		for (int lease = 0; lease < 2; lease++) {
			struct sighting *s = sighting_add(list, n, guests * 4, lease ? "leases" :
			    "neighbours");

			s->has_mac = true;
			memcpy(s->mac, mac, sizeof(mac));
			s->addrs[s->naddrs++] = (struct addr){ .family = 4,
				.bytes = { 10, 9, (uint8_t)(i >> 8), (uint8_t)i } };
			s->hint = lease;
			if (!lease)
				copy_string(s->bridge, "virbr0", sizeof(s->bridge));
			if (!lease)
				snprintf(s->port, sizeof(s->port), "vnet%u", i);
		}
	}
}

int
main(int argc, char **argv)
{
	const unsigned guests = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : GUESTS;
	struct sighting *list = xcalloc((size_t)guests * 4, sizeof(*list));
	struct inventory *inv;
	struct conf conf;
	double floor, ours, began;
	size_t len, n, split = 0;
	char *text, *cause;

	conf_defaults(&conf);
	text = list_text(guests, &len);
	inv = inventory_new(NULL, &conf, NULL, NULL);
	began = cpu_ms();
	for (int i = 0; i < PASSES; i++)
		split += lines(text);
	floor = (cpu_ms() - began) / PASSES;
	began = cpu_ms();
	for (int i = 0; i < PASSES; i++) {
		n = 0;
		if ((cause = virsh_manager.list_parse(text, len, list, &n, (size_t)guests * 4)) != NULL) {
			fprintf(stderr, "%s\n", cause);
			return 1;
		}
		/* As "virsh domiflist" has told before. */
		for (size_t k = 0; k < n; k++) {
			copy_string(list[k].provider, "virsh", sizeof(list[k].provider));
			list[k].has_mac = true;
			list[k].mac[0] = 2;
			list[k].mac[4] = (uint8_t)(k >> 8);
			list[k].mac[5] = (uint8_t)k;
		}
		heard(list, &n, guests);
		inventory_merge(inv, list, n, (1795370400ull + (uint64_t)i * 5) * 1000000);
	}
	ours = (cpu_ms() - began) / PASSES;
	printf("guests   lines ms   pass ms   of a core at every %d s\n", EVERY_MS / 1000);
	printf("%6zu   %8.3f   %7.3f   %.3f %%\n", inventory_count(inv), floor, ours,
	    ours / EVERY_MS * 100);
	inventory_free(inv);
	free(text);
	free(list);
	return split == 0;
}
