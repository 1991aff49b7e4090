/* Ports of this host that somebody listens on. */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LISTENERS_BYTES = 65536 / 8 };

/* Whom a port is open to: everybody, or (local) what is on this host. */
struct listeners {
	uint8_t	tcp[2][LISTENERS_BYTES], udp[2][LISTENERS_BYTES];
};

void	 listener_add(struct listeners *, bool local, uint8_t proto, uint16_t port);
bool	 listener_has(const struct listeners *, bool local, uint8_t proto, uint16_t port);
bool	 listeners_none(const struct listeners *);
/* Adds what one of Linux's tables (/proc/net/tcp, tcp6, udp, udp6) has. Pure. */
void	 listeners_parse(const char *text, uint8_t proto, struct listeners *);
/* The same from what netstat(1) prints. listeners_netstat.c */
void	 listeners_netstat(const char *text, size_t len, struct listeners *);

/* ---- listeners_*.c ---- */
/* False where the system tells it only to netstat(1). */
bool	 listeners_read(struct listeners *);

#endif
