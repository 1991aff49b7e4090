/*
 * What the packet filter lets guests reach beyond the proxy: pins, each from
 * one address of a guest to one address that our DNS gave out to it, on one
 * port, for a while; and ranges, which are entries for addresses.
 *
 * This is priv's record of both, and the text that makes the kernel's sets hold
 * it.  It touches no kernel itself.  In the kernel a pin is an element of
 * @pins4 or @pins6 that ends by itself; each packet that it lets pass renews an
 * element of @live4 or @live6, by which an open connection outlasts its pin.
 *
 * Changes are staged, and are in force once pins_changes() was loaded and
 * pins_settle() called.  Times are of now_mono().
 */
#ifndef PINS_H
#define PINS_H

#include "firewall/firewall.h"

struct pins;
struct pins	*pins_new(void);
void		 pins_free(struct pins *);

/* A new pin, or a longer time for an old one (never a shorter).  NULL or a
 * cause, caller frees: there is no room. */
char		*pins_add(struct pins *, const struct fw_pin *, uint64_t now);
/* Takes one away, with all that lives by it. */
void		 pins_remove(struct pins *, const struct fw_pin *);
/* These ranges and no others.  NULL or a cause, caller frees: they overlap. */
char		*pins_set_ranges(struct pins *, const struct fw_range *, size_t n, uint64_t now);

/* These senders and no others. */
void		 pins_set_senders(struct pins *, const struct fw_sender *, size_t n);
/* The i-th; false past the last. */
bool		 pins_sender(const struct pins *, size_t i, struct fw_sender *);

bool		 pins_changed(const struct pins *);
/* Commands for what is staged; caller frees. */
char		*pins_changes(const struct pins *, uint64_t now);
/* Commands that fill empty sets; caller frees. */
char		*pins_text(const struct pins *, uint64_t now);
/* What was staged is in force. True: connections may have lost what they lived
 * by, and pins_dooms() tells which until the next change. */
bool		 pins_settle(struct pins *);
/* What was staged could not be put in force: new pins are forgotten. */
void		 pins_unsettle(struct pins *);

/* A connection: who began it, to where. */
struct flow_key {
	struct addr	src, dst;
	uint16_t	port;
	uint8_t		proto;
	bool		nat;		/* its destination was changed: it goes to the proxy */
};
/* A pin or a range lets it pass. */
bool		 pins_hold(const struct pins *, const struct flow_key *);
/* One that was taken away did, and none does now. */
bool		 pins_doom(const struct pins *, const struct flow_key *);

/*
 * Compares a listing, asked for at that time, with what should be there: NULL,
 * or why not, a static phrase.  Pins that are over, and by which nothing lives
 * any more, are then to be had from pins_ended().
 */
const char	*pins_see(struct pins *, const char *json, size_t len, uint64_t asked);
/* Forgets one that is over, and says which; false: there is none. */
bool		 pins_ended(struct pins *, struct fw_pin *);

/* The i-th pin in force, seconds being what is left of it (0: something lives
 * by it still); false past the last. */
bool		 pins_get(const struct pins *, size_t i, uint64_t now, struct fw_pin *);

/* The i-th range whose time is not over; false past the last. */
bool		 pins_range(const struct pins *, size_t i, uint64_t now, struct fw_range *);
/* The i-th pin or range that the latest change took away, whatever else may hold
 * what lives by it; false past the last. */
bool		 pins_cut(const struct pins *, size_t i, struct fw_range *);
/* For kernels that do not tell by what something lives: those whose time is over
 * end, but for those that lives() says something lives by. */
void		 pins_expire(struct pins *, uint64_t now, bool (*lives)(const struct fw_pin *,
		    void *), void *arg);

/* An element of one of our sets, as a listing has it. */
struct pins_element {
	bool		live, range, sender, owned;	/* else a pin */
	struct addr	src, first, last;	/* of the latter two src alone */
	uint8_t		mac[6];		/* of a sender */
	uint16_t	port;
	uint8_t		proto;
	uint32_t	expires;	/* seconds, 0: never */
};
/* Calls back for each. False: the listing cannot be read. nft_list.c */
bool		 pins_read(const char *json, size_t len, void (*cb)(const struct pins_element *,
		    void *), void *arg);
/* A set whose elements pins_read() reads. */
bool		 pins_is_set(const char *family, const char *set);

#endif
