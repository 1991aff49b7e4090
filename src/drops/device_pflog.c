/*
 * pf's log interface (pflog(4)), by libpcap on bpf(4).  priv has made it and brought
 * it up before net starts.
 */
#include "config.h"

#include "drops/device.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "firewall/pf.h"
#include "log.h"
#include "xmalloc.h"

enum {
	SNAPLEN = 64 + 512,	/* the header, and of each packet what is decoded */
	BUFFER_SIZE = 4 << 20,	/* a burst waits there while we are elsewhere */
};

static char *
open_cause(const char *device, int rc, const char *text)
{
	if (rc == PCAP_ERROR_PERM_DENIED)
		return xasprintf("%s: reading the log of blocked packets needs root (it opens "
		    "/dev/bpf)", device);
	if (rc == PCAP_ERROR_NO_SUCH_DEVICE)
		return xasprintf("%s: there is no such interface; \"ifconfig %s create up\" makes it, "
		    "and so does the daemon when it loads rules", device, device);
	if (rc == PCAP_ERROR_IFACE_NOT_UP)
		return xasprintf("%s: the interface is down; \"ifconfig %s up\"", device, device);
	return xasprintf("%s: %s", device, text[0] != '\0' ? text : pcap_statustostr(rc));
}

/* What the rules log to: where pf can do no better, or the interface could not be made,
 * that is pflog0 (firewall/pf.c). */
static unsigned
log_number(const struct conf *conf)
{
	char device[GH_IFNAME_SIZE];

	snprintf(device, sizeof(device), "pflog%u", conf->pflog);
	return if_nametoindex(device) != 0 && pf_log_to_any(pf_host_here(), conf->pflog) ?
	    conf->pflog : 0;
}

pcap_t *
device_open(const struct conf *conf, char **cause)
{
	char device[GH_IFNAME_SIZE], error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p;
	int rc;

	snprintf(device, sizeof(device), "pflog%u", log_number(conf));
	p = pcap_create(device, error);
	if (p == NULL) {
		*cause = xasprintf("%s: %s", device, error);
		return NULL;
	}
	pcap_set_snaplen(p, SNAPLEN);
	pcap_set_buffer_size(p, BUFFER_SIZE);
	/* Else bpf tells of packets only when its buffer is full. */
	pcap_set_immediate_mode(p, 1);
	rc = pcap_activate(p);
	if (rc < 0) {
		*cause = open_cause(device, rc, pcap_geterr(p));
		goto fail;
	}
	if (rc > 0)
		log_warnx("%s: %s", device, pcap_statustostr(rc));
	if (pcap_datalink(p) != DLT_PFLOG) {
		*cause = xasprintf("%s: its packets are of link type %d, not a log of pf's", device,
		    pcap_datalink(p));
		goto fail;
	}
	if (pcap_setnonblock(p, 1, error) == -1) {
		*cause = xasprintf("%s: %s", device, error);
		goto fail;
	}
	return p;
fail:
	pcap_close(p);
	return NULL;
}

int
device_link(void)
{
	return DLT_PFLOG;
}

bool
device_reads_empty(void)
{
	return true;
}

uint64_t
device_lost(pcap_t *p)
{
	struct pcap_stat stat;

	return pcap_stats(p, &stat) == 0 ? stat.ps_drop : 0;
}

/* Its packets name their interface themselves. */
void
device_forget_names(void)
{
}
