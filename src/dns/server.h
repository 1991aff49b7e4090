/*
 * The guests' DNS: whatever they send to port 53 comes here.  A listed name
 * gets its A and AAAA records, an unlisted one is said not to exist, and
 * nothing else is ever asked of anyone, so a name cannot carry data out.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include "allow/allow.h"
#include "conf.h"
#include "gatehouse.h"

struct event_base;
struct resolver;

/* Addresses that a guest is about to be given for a name with pinned ports. */
struct dns_pin {
	uint32_t		 serial;
	uint32_t		 guest_id;
	const struct addr	*guest;
	const char		*name;
	uint32_t		 ttl;
	unsigned		 naddrs;
	const struct addr	*addrs;
};

/* How it tells of a refusal, and of what is to be open before it answers. */
struct dns_sink {
	uint64_t	(*next_id)(void *arg);
	void		(*hit)(const struct hit *, void *arg);
	void		*arg;
	/* dns_server_pinned() follows. False: there is nobody to tell. May be NULL. */
	bool		(*pin)(const struct dns_pin *, void *arg);
};

struct dns_server;
/* Does not listen before dns_server_listen(); binding needs no privilege. */
struct dns_server	*dns_server_new(struct event_base *, struct resolver *, const struct conf *,
			    const struct dns_sink *);
void			 dns_server_free(struct dns_server *);
/* NULL or a cause (caller frees); listens on what it does not yet listen on. */
char			*dns_server_listen(struct dns_server *);
bool			 dns_server_listening(const struct dns_server *);
/* The image stays the caller's; NULL: every query fails. */
void			 dns_server_set_allow(struct dns_server *, const struct allow_image *);
/* What was told by sink->pin with that serial is open, or will not be. */
void			 dns_server_pinned(struct dns_server *, uint32_t serial);
/* As the proxy's functions of the same names. */
void			 dns_server_set_guest(struct dns_server *, const struct addr *,
			    uint32_t guest_id, const char *name, bool frozen, const uint8_t mac[6]);
void			 dns_server_guests_begin(struct dns_server *);
void			 dns_server_guests_end(struct dns_server *);

#endif
