/*
 * Captures blocked packets from the log device, or from a pcap file.
 *
 * Live packets go straight into an aggregate; a timer hands over what changed
 * four times a second. Reading is bounded twice: per event, so that whatever
 * else the process does gets its turn, and per period of the timer, so that
 * no flood costs more than a share of a core. What the device cannot hold
 * meanwhile is lost, and counted by the gaps in its sequence numbers.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "drops/device.h"
#include "drops/drops.h"
#include "drops/pflog.h"
#include "log.h"
#include "xmalloc.h"

enum {
	RUNS_MAX = 4096,
	FLUSH_MS = 250,
	READS_PER_EVENT = 32,		/* datagrams, of about a dozen packets each */
	PACKETS_PER_FLUSH = 50000,	/* 200,000 a second */
	FLUSHES_PER_FORGET = 20,	/* interface names are trusted for 5 s */
	ERRORS_MAX = 16,		/* in a row, then the device is given up */
	POLL_MS = 200,
};

/* A link type that we read. */
struct decoder {
	int	  link;
	int64_t	(*decode)(const uint8_t *, size_t, size_t, struct drop *);
};

struct capture {
	pcap_t			*pcap;
	const struct decoder	*decoder;
	struct event		*readable, *timer;
	struct aggregate	*runs;
	drop_taker		 take;
	void			*arg;
	void			(*tee)(const struct capture_packet *, void *);
	void			*tee_arg;
	uint64_t		 tee_from;	/* missed, when the tee began */
	uint64_t		 seen, missed;
	uint32_t		 next_seq;	/* of the next record, if none is missed */
	unsigned		 budget;	/* packets until the next flush */
	unsigned		 flushes, errors;
	bool			 up;
	char			 cause[GH_CAUSE_SIZE];
};

/* Packets on their way from the device to a file. */
struct writer {
	struct capture	 capture;
	struct savefile	*file;
};

static const struct decoder decoders[] = {
	{ DLT_NFLOG, nflog_decode },
	{ DLT_PFLOG, pflog_decode },
};

static const struct decoder *
decoder_find(int link)
{
	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++) {
		if (decoders[i].link == link)
			return &decoders[i];
	}
	return NULL;
}

/* Decodes with the time of capture. Returns the sequence number, or -1. */
static int64_t
decode(const struct decoder *decoder, const struct pcap_pkthdr *h, const u_char *bytes,
    struct drop *d)
{
	int64_t seq;

	seq = decoder->decode(bytes, h->caplen, h->len, d);
	d->first = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec;
	d->last = d->first;
	return seq;
}

/* Counts a packet, and those before it that were numbered (from 0) but lost. */
static void
count(struct capture *c, int64_t seq)
{
	c->seen++;
	if (c->budget > 0)
		c->budget--;
	if (seq >= 0) {
		c->missed += (uint32_t)((uint32_t)seq - c->next_seq);
		c->next_seq = (uint32_t)seq + 1;
	}
}

static void
on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct capture *c = (struct capture *)(void *)arg;
	struct capture_packet p;
	struct drop d;

	count(c, decode(c->decoder, h, bytes, &d));
	aggregate_add(c->runs, &d);
	if (c->tee == NULL)
		return;
	p = (struct capture_packet){ .time = d.last, .missed = c->missed - c->tee_from,
		.bytes = bytes, .caplen = h->caplen, .len = h->len };
	c->tee(&p, c->tee_arg);
}

void
capture_tee(struct capture *c, void (*packet)(const struct capture_packet *, void *), void *arg)
{
	c->tee = packet;
	c->tee_arg = arg;
	c->tee_from = c->missed;
}

static void
capture_down(struct capture *c, const char *why)
{
	c->up = false;
	copy_string(c->cause, why, sizeof(c->cause));
	log_warnx("log of blocked packets: %s; nothing more is read from it", why);
}

/*
 * Reads up to so many datagrams. Always whole ones: what libpcap kept of one
 * would not make the descriptor readable.
 */
static void
capture_read(struct capture *c, unsigned datagrams, pcap_handler handler, void *arg)
{
	while (datagrams-- > 0 && c->budget > 0) {
		int n;

		errno = 0;
		n = pcap_dispatch(c->pcap, -1, handler, arg);
		if (n > 0) {
			c->errors = 0;
			continue;
		}
		/* libpcap reports an empty queue as an error here. */
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
			return;
		if (n == 0 && device_reads_empty())
			return;
		/* A datagram may hold no packet; a descriptor that is readable
		 * for ever and gives none must not keep us busy. */
		if (++c->errors == ERRORS_MAX)
			capture_down(c, n == 0 ? "it ended" : pcap_geterr(c->pcap));
		return;
	}
}

static bool
capture_device(struct capture *c, const struct conf *conf, char **cause)
{
	c->pcap = device_open(conf, cause);
	if (c->pcap == NULL)
		return false;
	c->decoder = decoder_find(pcap_datalink(c->pcap));
	if (c->decoder == NULL)
		fatalx("log device of link type %d", pcap_datalink(c->pcap));
	c->up = true;
	c->budget = PACKETS_PER_FLUSH;
	return true;
}

struct capture *
capture_open(const struct conf *conf, char **cause)
{
	struct capture *c = xcalloc(1, sizeof(*c));

	if (!capture_device(c, conf, cause)) {
		free(c);
		return NULL;
	}
	c->runs = aggregate_new(RUNS_MAX);
	return c;
}

static void
on_readable(int fd, short what, void *arg)
{
	struct capture *c = arg;

	capture_read(c, READS_PER_EVENT, on_packet, c);
	/* Without this a flood, or a broken device, would wake us at once again. */
	if (c->budget == 0 || !c->up)
		event_del(c->readable);
}

static void
on_timer(int fd, short what, void *arg)
{
	struct capture *c = arg;

	aggregate_flush(c->runs, c->take, c->arg);
	if (++c->flushes % FLUSHES_PER_FORGET == 0)
		device_forget_names();
	c->budget = PACKETS_PER_FLUSH;
	if (c->up)
		event_add(c->readable, NULL);
}

void
capture_start(struct capture *c, struct event_base *base, drop_taker take, void *arg)
{
	const struct timeval period = { .tv_usec = FLUSH_MS * 1000 };

	c->take = take;
	c->arg = arg;
	c->readable = event_new(base, pcap_get_selectable_fd(c->pcap), EV_READ | EV_PERSIST,
	    on_readable, c);
	c->timer = event_new(base, -1, EV_PERSIST, on_timer, c);
	if (c->readable == NULL || c->timer == NULL)
		fatalx("event_new failed");
	event_add(c->readable, NULL);
	event_add(c->timer, &period);
}

static void
stats_fill(const struct capture *c, struct capture_stats *s)
{
	const uint64_t lost = device_lost(c->pcap);

	memset(s, 0, sizeof(*s));
	s->seen = c->seen;
	/* The gap after the last record shows only with the next one. */
	s->missed = lost > c->missed ? lost : c->missed;
	s->up = c->up;
	copy_string(s->cause, c->cause, sizeof(s->cause));
}

void
capture_stats(const struct capture *c, struct capture_stats *s)
{
	stats_fill(c, s);
	s->folded = aggregate_folded(c->runs);
}

void
capture_free(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->timer != NULL)
		event_free(c->timer);
	aggregate_free(c->runs);
	pcap_close(c->pcap);
	free(c);
}

static char *
link_cause(const char *path, int link)
{
	const char *name = pcap_datalink_val_to_name(link);
	const char *text = pcap_datalink_val_to_description(link);

	return xasprintf("%s: packets of link type %s (%s) are not a firewall's log; make one "
	    "with: gatehouse drops -w FILE, or: tcpdump -i nflog:7077 -w FILE, or of pf: "
	    "tcpdump -i pflog7 -w FILE", path,
	    name != NULL ? name : "unknown", text != NULL ? text : "unknown");
}

char *
capture_read_file(const char *path, void (*emit)(const struct drop *, void *), void *arg)
{
	char error[PCAP_ERRBUF_SIZE] = "", *cause = NULL;
	const struct decoder *decoder;
	struct pcap_pkthdr *h;
	const u_char *bytes;
	uint64_t n = 0;
	pcap_t *p;
	int rc;

	p = pcap_open_offline(path, error);
	if (p == NULL) {
		/* Of a file that cannot be opened libpcap names the path itself. */
		if (strncmp(error, path, strlen(path)) == 0)
			return xasprintf("%s", error);
		return xasprintf("%s: %s", path, error);
	}
	decoder = decoder_find(pcap_datalink(p));
	if (decoder == NULL) {
		cause = link_cause(path, pcap_datalink(p));
		goto out;
	}
	while ((rc = pcap_next_ex(p, &h, &bytes)) == 1) {
		struct drop d;

		decode(decoder, h, bytes, &d);
		emit(&d, arg);
		n++;
	}
	if (rc == PCAP_ERROR)
		cause = xasprintf("%s: broken after packet %llu: %s", path,
		    (unsigned long long)n, pcap_geterr(p));
out:
	pcap_close(p);
	return cause;
}

static void
on_packet_to_file(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct writer *w = (struct writer *)(void *)arg;
	struct drop d;

	if (savefile_full(w->file))
		return;
	count(&w->capture, decode(w->capture.decoder, h, bytes, &d));
	savefile_add(w->file, d.last, bytes, h->caplen, h->len);
}

/* NULL, or why the file cannot be written. */
static char *
write_packets(struct writer *w, const volatile int *stop)
{
	struct pollfd pfd = { .fd = pcap_get_selectable_fd(w->capture.pcap), .events = POLLIN };
	char *cause;

	while (!*stop && w->capture.up && !savefile_full(w->file)) {
		if (poll(&pfd, 1, POLL_MS) == -1 && errno != EINTR)
			return xasprintf("poll: %s", strerror(errno));
		w->capture.budget = PACKETS_PER_FLUSH;
		capture_read(&w->capture, READS_PER_EVENT, on_packet_to_file, w);
		if ((cause = savefile_flush(w->file)) != NULL)
			return cause;
	}
	if (!w->capture.up)
		return xasprintf("%s", w->capture.cause);
	return NULL;
}

char *
capture_write_file(const struct conf *conf, const char *path, uint64_t max,
    const volatile int *stop, uint64_t *written, uint64_t *missed)
{
	struct capture_stats stats;
	struct writer w = { .file = NULL };
	char *cause = NULL;

	*written = *missed = 0;
	if (!capture_device(&w.capture, conf, &cause))
		return cause;
	w.file = savefile_open(path, max, &cause);
	if (w.file == NULL)
		goto out;
	cause = write_packets(&w, stop);
	stats_fill(&w.capture, &stats);
	*written = savefile_written(w.file);
	*missed = stats.missed;
	savefile_close(w.file);
out:
	pcap_close(w.capture.pcap);
	return cause;
}
