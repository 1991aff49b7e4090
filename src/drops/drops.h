/*
 * Blocked packets: from the firewall's log device to struct drop.
 *
 *   capture.c       libpcap on the log device or a pcap file
 *   savefile.c      a pcap file that is written
 *   device_nflog.c  Linux's log device: opening, tuning, interface names
 *   device_pflog.c  pf's log interface (FreeBSD, macOS)
 *   nflog.c         the NFLOG header: TLVs
 *   pflog.c         pf's header (pflog.h)
 *   packet.c        VLAN tags, ARP, IPv4, IPv6 and its extension headers, TCP, UDP, ICMP
 *   aggregate.c     runs of like packets in a bounded table
 *   show.c          a drop as text and as JSON (show.h)
 *
 * Everything here was written by a guest: lengths are checked against what
 * was captured before any byte is read, and every read is byte by byte.
 */
#ifndef DROPS_H
#define DROPS_H

#include "conf.h"
#include "gatehouse.h"

struct event_base;

/*
 * Decodes one NFLOG record (after the pcap header). Always fills *drop with
 * what could be read; flags say what could not. count is 1, first and last
 * are the caller's to set. Returns the kernel's sequence number of the
 * record, or -1 if it has none: a gap tells exactly what was missed.
 */
int64_t	 nflog_decode(const uint8_t *, size_t caplen, size_t len, struct drop *);
/* How to name an interface by its index; without it (a file of who knows
 * which host) index 7 is shown as "#7". */
void	 nflog_names(void (*lookup)(uint32_t index, char name[GH_IFNAME_SIZE]));
/*
 * Decodes a packet that starts behind its Ethernet header. drop->ethertype is
 * the type of that header, or 0 if only the IP version can tell. len is the
 * length before capture cut it, at least caplen. Adds to *drop.
 */
void	 packet_decode(const uint8_t *, size_t caplen, size_t len, struct drop *);

/*
 * Runs of like packets: same addresses, protocol, destination port or ICMP
 * type, label, uid, interfaces, MAC and flags. At most max_runs (at least 16)
 * are kept apart, a quarter of them from any one interface, so that a flood
 * from one guest does not hide what others do; what finds no room is counted
 * into one run (DROP_FOLDED) for its interface and label.
 */
struct aggregate;
struct aggregate	*aggregate_new(size_t max_runs);
void			 aggregate_free(struct aggregate *);
void			 aggregate_add(struct aggregate *, const struct drop *);
/* False: not taken now; it is handed over again, with what came since. */
typedef bool		(*drop_taker)(const struct drop *, void *);
/* Hands over every run that changed since it was taken, with the counts since
 * then. A run that did not change for AGGREGATE_IDLE calls makes room. */
enum { AGGREGATE_IDLE = 12 };
void			 aggregate_flush(struct aggregate *, drop_taker, void *);
/* Packets counted into DROP_FOLDED runs; runs kept apart now. */
uint64_t		 aggregate_folded(const struct aggregate *);
size_t			 aggregate_runs(const struct aggregate *);

struct capture_stats {
	uint64_t	seen;		/* packets read */
	uint64_t	missed;		/* logged, but the device could not hold them */
	uint64_t	folded;		/* seen, but not kept apart */
	bool		up;
	char		cause[GH_CAUSE_SIZE];	/* why it is not */
};
struct capture;
/* Opens the log device; needs the privilege that net gives up afterwards, and
 * nothing but its open descriptors from then on. NULL and a cause. */
struct capture	*capture_open(const struct conf *, char **cause);
/* Starts delivering aggregated drops, four times a second. Reads in bounded
 * batches and never waits. A device that fails is not read again: up is false
 * then, and only a new process can open it anew. */
void		 capture_start(struct capture *, struct event_base *, drop_taker, void *arg);
/* One packet as the device gave it; bytes are valid during the call only. */
struct capture_packet {
	uint64_t	 time;		/* wall, microseconds */
	uint64_t	 missed;	/* by the device, since the tee began */
	const uint8_t	*bytes;
	size_t		 caplen, len;
};
/* Hands over each packet as it is read, from now on, besides the drops. NULL:
 * no more. */
void		 capture_tee(struct capture *, void (*packet)(const struct capture_packet *, void *),
		    void *arg);
void		 capture_stats(const struct capture *, struct capture_stats *);
void		 capture_free(struct capture *);

/* `gatehouse drops -r FILE` ("-": stdin): each packet in turn. NULL or a cause;
 * what stands before a broken record was delivered. */
char		*capture_read_file(const char *path, void (*emit)(const struct drop *, void *), void *);
/* A pcap file that is written, up to max packets (0: no limit). */
struct savefile;
/* "-": stdout. NULL and a cause. */
struct savefile	*savefile_open(const char *path, uint64_t max, char **cause);
void		 savefile_add(struct savefile *, uint64_t time, const uint8_t *, size_t caplen,
		    size_t len);
/* Everything added is with whoever reads the file, who may have gone: then it
 * is full. NULL or a cause. */
char		*savefile_flush(struct savefile *);
bool		 savefile_full(const struct savefile *);
uint64_t	 savefile_written(const struct savefile *);
void		 savefile_close(struct savefile *);
/* `gatehouse drops -w FILE` without a daemon: writes packets until the file is
 * full or a signal sets *stop. Needs the privilege to open the device, which
 * one process at a time can hold. NULL or a cause; what was written and missed
 * in either case. */
char		*capture_write_file(const struct conf *, const char *path, uint64_t max,
		    const volatile int *stop, uint64_t *written, uint64_t *missed);

#endif
