/* The Ethernet types that matter here (IEEE registry). */
#ifndef ETHERTYPE_H
#define ETHERTYPE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ETHERTYPE_FIRST = 0x0600,	/* below: a length, or Linux's marks for LLC */
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_EAPOL = 0x888e,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_LLDP = 0x88cc,
};

static inline bool
ethertype_is_vlan(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ;
}

#endif
