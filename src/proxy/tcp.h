/* What proxies like to ask of TCP, and each system has its own way for or none.
 * Whatever fails here costs time, never more. */
#ifndef TCP_H
#define TCP_H

/* A listener's connections wait in the kernel for their first bytes, for so many
 * seconds at most; 0: they come at once. */
extern const unsigned	 tcp_deferred;
void	 tcp_defer(int listener);
/* Sockets that listen on one port, to be set before bind(2): the kernel spreads
 * connections over them. */
void	 tcp_share(int listener);
/* The ACK of a handshake waits for the bytes that follow it soon. */
void	 tcp_late_ack(int fd);
/* For send(2): more follows at once, so that it need not leave by itself. */
extern const int	 tcp_more;

#endif
