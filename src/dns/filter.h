/*
 * What a query deserves: the decision, without the sockets.
 */
#ifndef DNS_FILTER_H
#define DNS_FILTER_H

#include "dns/message.h"
#include "dns/pinner.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "hash.h"
#include "proxy/sources.h"

enum {
	FILTER_BUCKETS = 64,
	FILTER_TOLD = 1024,
	FILTER_RATE = 200,		/* queries a second of one guest, for long: more than
					 * rules/filtered.nft lets through by one port, so that
					 * a neighbour in its name leaves it some */
	FILTER_BURST = 600,		/* and at once */
	FILTER_WAITING_MAX = 2048,	/* queries of all guests that wait for a server */
	FILTER_WAITING_GUEST = 64,	/* and of one */
	FILTER_STREAMS_GUEST = 8,	/* TCP connections of one guest */
};

/* What one guest uses; all who are unknown are one. */
struct dns_guest {
	LIST_ENTRY(dns_guest)	link;
	uint32_t		id;
	uint64_t		since;		/* of tokens: monotonic milliseconds */
	uint32_t		tokens;		/* thousandths of a query */
	uint32_t		waiting, streams;
};

/* A decision that was told, to which queries alike belong for a moment. */
struct told {
	uint64_t		key, until, id;
	uint16_t		more;		/* like it that were not told */
};

struct filter {
	struct resolver		*resolver;
	struct pinner		 pinner;
	struct dns_sink		 sink;
	const struct allow_image *allow;
	struct source_counts	 counts;
	struct sources		 sources;
	struct hash_key		 key;
	uint32_t		 nguests, waiting;
	LIST_HEAD(, dns_guest)	 guests[FILTER_BUCKETS];
	struct told		 told[FILTER_TOLD];
};

/* One query, from when it came until it is answered. */
struct inquiry {
	struct dns_waiter	 waiter;	/* must be first */
	struct filter		*filter;
	struct dns_guest	*guest;		/* NULL: does not wait */
	struct dns_query	 query;
	struct addr		 addr;		/* who asks */
	uint16_t		 port;
	uint32_t		 guest_id;
	uint8_t			 mac[6];	/* that it was last known by */
	bool			 stream;	/* over TCP, where size does not matter */
	bool			 learned;	/* no entry lists the name */
	bool			 pinned;	/* entries list ports of the name */
	struct pin_wait		 pin;
	char			 name[GH_NAME_SIZE];	/* that is judged, or escaped if bad */
	void			(*done)(struct inquiry *, const uint8_t *msg, size_t len);
};

enum filter_result {
	FILTER_ANSWER,		/* in msg, *len bytes */
	FILTER_WAIT,		/* done runs later, once, unless filter_cancel() comes before */
	FILTER_SILENCE,
};

void			 filter_init(struct filter *, struct event_base *, struct resolver *,
			    const struct dns_sink *);
void			 filter_free(struct filter *);
/* addr, port, stream and done are set; the rest is filled in. */
enum filter_result	 filter_ask(struct filter *, struct inquiry *, const uint8_t *query,
			    size_t query_len, uint8_t msg[DNS_UDP_MAX], size_t *len);
void			 filter_cancel(struct inquiry *);
/* A TCP connection counts against its guest: NULL, and told, if that has most already, or
 * as many as any may. */
struct dns_guest	*filter_stream_open(struct filter *, const struct addr *, uint16_t port,
			    uint32_t most);
void			 filter_stream_close(struct dns_guest *);

#endif
