#include "config.h"

#include "proxy/tcp.h"

#include <sys/socket.h>

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "addr.h"

const unsigned tcp_deferred = 1;
const int tcp_more = MSG_MORE;

enum {
	SAVE_FROM_MAC = 2,	/* TCP_SAVE_SYN, since Linux 5.10 */
	SYN_SIZE = 512,		/* headers with all options and extensions that fit */
};

void
tcp_defer(int listener)
{
	const int seconds = (int)tcp_deferred;

	setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

void
tcp_share(int listener)
{
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

void
tcp_late_ack(int fd)
{
	const int off = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

bool
tcp_keep_sender(int listener)
{
	const int from = SAVE_FROM_MAC;

	return setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &from, sizeof(from)) == 0;
}

/* The kernel gives the headers alone, and does not say whether an Ethernet header is the
 * first: where the interface has none the IP header is, of 20 bytes or more. */
bool
tcp_sender(int fd, uint8_t mac[6])
{
	uint8_t syn[SYN_SIZE];
	const struct ether_header *eth = (const void *)syn;
	socklen_t len = sizeof(syn);
	unsigned version;

	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len) == -1 || len <= sizeof(*eth))
		return false;
	version = syn[sizeof(*eth)] >> 4;
	if (!(version == 4 && eth->ether_type == htons(ETHERTYPE_IP)) &&
	    !(version == 6 && eth->ether_type == htons(ETHERTYPE_IPV6)))
		return false;
	memcpy(mac, eth->ether_shost, 6);
	return mac_is_known(mac);
}
