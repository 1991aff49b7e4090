/* The host's firewall log device: one file for each system, picked by configure. */
#ifndef DEVICE_H
#define DEVICE_H

#include <pcap/pcap.h>
#include <stdbool.h>

#include "conf.h"

/* Opens, tunes and activates the device, not blocking. NULL and a cause. */
pcap_t		*device_open(const struct conf *, char **cause);
/* The link type of what it gives, DLT_*, also where there is no device. */
int		 device_link(void);
/* Reading while nothing waits is nothing special (bpf); else it is an error. */
bool		 device_reads_empty(void);
/* A lower bound of the packets lost since it was opened. */
uint64_t	 device_lost(pcap_t *);
/* Interfaces may have been renamed: look names up again. */
void		 device_forget_names(void);

#endif
