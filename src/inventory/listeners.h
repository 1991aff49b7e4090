/* Ports of this host that others than the host itself can reach. */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LISTENERS_MAX = 256 };

struct listener {
	uint8_t		proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t	port;
};

/*
 * Adds what one of Linux's tables (/proc/net/tcp, tcp6, udp, udp6) has, but what is bound
 * to a loopback address.  Each once; sorted after listeners_sort(). Pure.
 */
void	 listeners_parse(const char *text, uint8_t proto, struct listener *, size_t *n);
/* The same from what netstat(1) prints. listeners_netstat.c */
void	 listeners_netstat(const char *text, size_t len, struct listener *, size_t *n);
/* Adds one that is not in it, as long as there is room. */
void	 listener_add(struct listener *, size_t *n, uint8_t proto, uint16_t port);
void	 listeners_sort(struct listener *, size_t n);

/* ---- listeners_*.c ---- */
/* False where the system tells it only to netstat(1). */
bool	 listeners_read(struct listener[LISTENERS_MAX], size_t *n);

#endif
