/* What the lab's internet says to one client, in clear or through TLS. */
#ifndef WEB_H
#define WEB_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* One open connection; ssl is NULL in clear text. */
struct peer {
	int	fd;
	SSL	*ssl;
};

/* Bytes read, at least one; 0 or less: that was all. */
ssize_t	 peer_read(struct peer *, void *, size_t);
/* All of it, or false. */
bool	 peer_write(struct peer *, const void *, size_t);

/* HTTP/1: requests one after the other until the peer or an answer ends it.
 * Files are those of the directory www in the one named. */
void	 web_serve(struct peer *, const char *directory);
/* HTTP/2, where ALPN chose it: every request is answered with the name that
 * the ClientHello asked for. */
void	 http2_serve(struct peer *);

#endif
