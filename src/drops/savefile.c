/*
 * A pcap file on its way to disk, or to a program that reads our stdout.
 *
 * libpcap knows the format; it buffers, and tells of errors only when asked to
 * flush.  A reader that went away is no error: it has what it wanted.
 */
#include "config.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "drops/device.h"
#include "drops/drops.h"
#include "xmalloc.h"

enum { SNAPLEN = 65535 };	/* what the file says of itself */

struct savefile {
	pcap_t		*format;	/* no device behind it */
	pcap_dumper_t	*dumper;
	char		*path;
	uint64_t	 written, max;
	bool		 reader_gone;
};

struct savefile *
savefile_open(const char *path, uint64_t max, char **cause)
{
	struct savefile *f = xcalloc(1, sizeof(*f));

	f->max = max;
	f->path = xstrdup(strcmp(path, "-") == 0 ? "standard output" : path);
	f->format = pcap_open_dead(device_link(), SNAPLEN);
	if (f->format == NULL || (f->dumper = pcap_dump_open(f->format, path)) == NULL) {
		*cause = xasprintf("%s", f->format != NULL ? pcap_geterr(f->format) : "out of memory");
		savefile_close(f);
		return NULL;
	}
	/* A reader wants to see the file's head before the first packet comes. */
	if ((*cause = savefile_flush(f)) != NULL) {
		savefile_close(f);
		return NULL;
	}
	return f;
}

void
savefile_add(struct savefile *f, uint64_t time, const uint8_t *bytes, size_t caplen, size_t len)
{
	const struct pcap_pkthdr h = { .caplen = (bpf_u_int32)caplen, .len = (bpf_u_int32)len,
		.ts = { .tv_sec = (time_t)(time / 1000000), .tv_usec = (suseconds_t)(time % 1000000) } };

	if (savefile_full(f))
		return;
	pcap_dump((u_char *)f->dumper, &h, bytes);
	f->written++;
}

char *
savefile_flush(struct savefile *f)
{
	if (f->reader_gone || pcap_dump_flush(f->dumper) != -1)
		return NULL;
	if (errno != EPIPE)
		return xasprintf("%s: %s", f->path, strerror(errno));
	f->reader_gone = true;
	return NULL;
}

bool
savefile_full(const struct savefile *f)
{
	return f->reader_gone || (f->max != 0 && f->written == f->max);
}

uint64_t
savefile_written(const struct savefile *f)
{
	return f->written;
}

void
savefile_close(struct savefile *f)
{
	if (f == NULL)
		return;
	if (f->dumper != NULL)
		pcap_dump_close(f->dumper);
	if (f->format != NULL)
		pcap_close(f->format);
	free(f->path);
	free(f);
}
