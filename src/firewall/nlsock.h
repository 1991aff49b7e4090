/*
 * Just enough netlink(7): dumps and attributes.  Lengths that come from the
 * kernel are checked all the same.
 */
#ifndef NLSOCK_H
#define NLSOCK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlsock_attr {
	uint16_t	 type;		/* without flags */
	size_t		 len;
	const uint8_t	*data;
};

/* A close-on-exec socket of the protocol, with a receive timeout; -1 and errno. */
int	 nlsock_open(int protocol, uint32_t groups);
/* Throws away what waits to be read: that something changed is all it says. */
void	 nlsock_drain(int fd);
/* Asks for a dump and calls back for each message. False and errno on failure. */
bool	 nlsock_dump(int fd, uint16_t type, const void *body, size_t len,
	    void (*cb)(const struct nlmsghdr *, void *), void *arg);
/* Sends one request and waits for its acknowledgement: 0 or an errno. */
int	 nlsock_request(int fd, uint16_t type, uint16_t flags, const void *body, size_t len);
/* The same, for what is told before it. */
int	 nlsock_get(int fd, uint16_t type, const void *body, size_t len,
	    void (*cb)(const struct nlmsghdr *, void *), void *arg);
/* Copies the fixed part of a message and finds what follows it. */
bool	 nlsock_body(const struct nlmsghdr *, void *fixed, size_t size, const uint8_t **rest,
	    size_t *left);
/* Steps over attributes; false at the end, or at one that does not fit. */
bool	 nlsock_attr_next(const uint8_t **, size_t *left, struct nlsock_attr *);
uint32_t nlsock_u32(const struct nlsock_attr *);	/* host order, 0 if short */
uint32_t nlsock_be32(const struct nlsock_attr *);
void	 nlsock_string(const struct nlsock_attr *, char *dst, size_t size);

#endif
