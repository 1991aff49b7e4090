/* What proxies like to ask of TCP, and each system has its own way for or none.
 * Whatever fails here costs time, never more. */
#ifndef TCP_H
#define TCP_H

#include <stdbool.h>
#include <stdint.h>

/* A listener's connections wait in the kernel for their first bytes, for so many
 * seconds at most; 0: they come at once. */
extern const unsigned	 tcp_deferred;
void	 tcp_defer(int listener);
/* Sockets that listen on one port, to be set before bind(2): the kernel spreads
 * connections over them. */
void	 tcp_share(int listener);
/* The ACK of a handshake waits for the bytes that follow it soon. */
void	 tcp_late_ack(int fd);
/* Has a listener keep who sent the first packet of a connection, for tcp_sender(). False
 * where the system cannot. */
bool	 tcp_keep_sender(int listener);
/* The hardware address that this packet came from, once. False if it came by no Ethernet
 * or bridge, or that is not known. */
bool	 tcp_sender(int fd, uint8_t mac[6]);
/* For send(2): more follows at once, so that it need not leave by itself. */
extern const int	 tcp_more;

#endif
