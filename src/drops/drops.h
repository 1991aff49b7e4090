/*
 * Blocked packets: from the firewall's log device to struct drop.
 *
 *   capture.c    libpcap on nflog:GROUP or a pcap file
 *   nflog.c      the NFLOG header: TLVs (pflog.c: pf's header, later)
 *   packet.c     Ethernet, IPv4, IPv6 and its extension headers, TCP, UDP, ICMP
 *   aggregate.c  runs of like packets in a bounded table
 *
 * Everything here was written by a guest: lengths are checked against what
 * was captured before any byte is read, and every read is byte by byte.
 */
#ifndef DROPS_H
#define DROPS_H

#include "conf.h"
#include "gatehouse.h"

struct event_base;

/* Decodes one NFLOG record (after the pcap header). Always fills *drop with
 * what could be read; flags say what could not. count is 1. */
void	 nflog_decode(const uint8_t *, size_t caplen, size_t len, struct drop *);
/* Decodes a packet that starts with its IP header (or, with DROP_NOT_IP set by
 * the caller from the ethertype, nothing). */
void	 packet_decode(const uint8_t *, size_t caplen, size_t len, struct drop *);

/* Runs of like packets. Bounded: when the table is full, what is new is
 * counted into one run labelled as the rule with no addresses. */
struct aggregate;
struct aggregate	*aggregate_new(size_t max_runs);
void			 aggregate_free(struct aggregate *);
void			 aggregate_add(struct aggregate *, const struct drop *);
/* Hands over every run that changed since the last call, newest count only. */
void			 aggregate_flush(struct aggregate *, void (*emit)(const struct drop *, void *), void *);
uint64_t		 aggregate_folded(const struct aggregate *);

struct capture_stats {
	uint64_t	seen, missed, folded;
	bool		up;
};
struct capture;
/* Opens nflog:GROUP; needs the privilege that net gives up afterwards. */
struct capture	*capture_open(const struct conf *, char **cause);
/* Starts delivering aggregated drops, four times a second. */
void		 capture_start(struct capture *, struct event_base *,
		    void (*emit)(const struct drop *, void *), void *arg);
void		 capture_stats(const struct capture *, struct capture_stats *);
void		 capture_free(struct capture *);

/* `gatehouse drops -r FILE`: each packet in turn. NULL or a cause. */
char		*capture_read_file(const char *path, void (*emit)(const struct drop *, void *), void *);
/* `gatehouse drops -w FILE`: writes packets until count (0: no limit) or a
 * signal sets *stop. Needs the privilege to open the device. */
char		*capture_write_file(const struct conf *, const char *path, uint64_t count,
		    const volatile int *stop);

#endif
