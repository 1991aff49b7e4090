/*
 * Linux's log device: libpcap's nflog:GROUP, which is a netlink socket.
 *
 * libpcap leaves the kernel's defaults, so what we need is asked of the same
 * socket afterwards: the sequence numbers that make losses countable, packets
 * cut to what the decoder reads, and records sent together ten times a second
 * (the default is once). The kernel's own limit on such a datagram stays:
 * each costs at most that much memory, and libpcap's buffer is larger.
 *
 * NETLINK_NO_ENOBUFS: without it one overflow makes the kernel drop everything
 * until the queue was read empty, and libpcap counts it by errno wrongly.
 */
#include "config.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drops/device.h"
#include "drops/drops.h"
#include "fds.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum {
	SNAPLEN = 65535,	/* libpcap's buffer; one datagram of the kernel fits */
	COPY_BYTES = 512,	/* of each packet, where the rule does not say less */
	BATCH_PACKETS = 64,
	BATCH_CENTISECONDS = 10,
	RECEIVE_BUFFER = 16 << 20,
	NAMES_MAX = 64,
};

/* Names by index, direct-mapped; index 0 is free. */
static struct {
	uint32_t	index;
	char		name[GH_IFNAME_SIZE];
} names[NAMES_MAX];
/* Opened before the sandbox: if_indextoname() would want a new socket. */
static int names_fd = -1;

static void
device_name(uint32_t index, char name[GH_IFNAME_SIZE])
{
	const size_t at = index % NAMES_MAX;
	struct ifreq ifr;

	if (names[at].index != index) {
		memset(&ifr, 0, sizeof(ifr));
		ifr.ifr_ifindex = (int)index;
		if (ioctl(names_fd, SIOCGIFNAME, &ifr) == -1)
			ifr.ifr_name[0] = '\0';
		text_escape(names[at].name, sizeof(names[at].name), ifr.ifr_name,
		    strnlen(ifr.ifr_name, sizeof(ifr.ifr_name)));
		names[at].index = index;
	}
	copy_string(name, names[at].name, GH_IFNAME_SIZE);
}

void
device_forget_names(void)
{
	memset(names, 0, sizeof(names));
}

/* One netlink message under construction. */
struct request {
	_Alignas(struct nlmsghdr) uint8_t bytes[256];
	size_t	len;
};

static void
request_put(struct request *r, uint16_t type, const void *value, size_t len)
{
	struct nlattr attr = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	if (r->len + NLA_ALIGN(attr.nla_len) > sizeof(r->bytes))
		fatalx("nflog request too long");
	memcpy(r->bytes + r->len, &attr, sizeof(attr));
	memcpy(r->bytes + r->len + NLA_HDRLEN, value, len);
	r->len += NLA_ALIGN(attr.nla_len);
}

/* Sent without asking for an answer, which would wait among the packets; if
 * the kernel refuses, records come without numbers and device_lost() is all. */
static void
tune(int fd, uint16_t group)
{
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(COPY_BYTES),
		.copy_mode = NFULNL_COPY_PACKET };
	const uint32_t timeout = htonl(BATCH_CENTISECONDS), threshold = htonl(BATCH_PACKETS);
	const uint16_t flags = htons(NFULNL_CFG_F_SEQ);
	const struct nfgenmsg nfg = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0,
		.res_id = htons(group) };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr header = { .nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG };
	struct request r = { .len = NLMSG_HDRLEN };

	memcpy(r.bytes + r.len, &nfg, sizeof(nfg));
	r.len += NLMSG_ALIGN(sizeof(nfg));
	request_put(&r, NFULA_CFG_MODE, &mode, sizeof(mode));
	request_put(&r, NFULA_CFG_TIMEOUT, &timeout, sizeof(timeout));
	request_put(&r, NFULA_CFG_QTHRESH, &threshold, sizeof(threshold));
	request_put(&r, NFULA_CFG_FLAGS, &flags, sizeof(flags));
	header.nlmsg_len = (uint32_t)r.len;
	memcpy(r.bytes, &header, sizeof(header));
	if (sendto(fd, r.bytes, r.len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) == -1)
		log_warn("nflog group %u: cannot ask for sequence numbers", group);
}

/* As large a queue as we may have: a burst waits there while we are elsewhere. */
static void
enlarge(int fd)
{
	const int size = RECEIVE_BUFFER, on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == -1)
		log_warn("nflog: cannot enlarge the receive buffer");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) == -1)
		log_warn("nflog: cannot turn off ENOBUFS");
}

/* The netlink address of who listens to the group, 0 if nobody seems to. It is
 * that process's id, unless it has several netlink sockets. */
static unsigned
listener_of(uint16_t group)
{
	FILE *f = fopen("/proc/net/netfilter/nfnetlink_log", "r");
	unsigned number, portid, found = 0;
	char line[128];

	if (f == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%u %u", &number, &portid) == 2 && number == group)
			found = portid;
	}
	fclose(f);
	return found;
}

static void
process_name(unsigned pid, char name[32])
{
	char path[64], comm[16];
	FILE *f;

	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fgets(comm, sizeof(comm), f) != NULL)
		text_escape(name, 32, comm, strcspn(comm, "\n"));
	fclose(f);
}

/* The kernel answers EPERM both to one who may not and to one who comes second. */
static char *
open_cause(uint16_t group, bool denied, const char *text)
{
	const unsigned listener = listener_of(group);
	char name[32];

	if (listener != 0) {
		process_name(listener, name);
		return xasprintf("nflog group %u: only one program can read it, and %s%s does; "
		    "end that, or set [drops] nflog-group to another number", group,
		    name[0] != '\0' ? name : "another", name[0] != '\0' ? " already" : "");
	}
	if (denied)
		return xasprintf("nflog group %u: reading the log of blocked packets needs "
		    "root (CAP_NET_ADMIN)", group);
	return xasprintf("nflog group %u: %s", group, text);
}

pcap_t *
device_open(const struct conf *conf, char **cause)
{
	char device[32], error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p;
	int fd, rc;

	snprintf(device, sizeof(device), "nflog:%u", conf->nflog_group);
	p = pcap_create(device, error);
	if (p == NULL) {
		*cause = xasprintf("nflog group %u: %s", conf->nflog_group, error);
		return NULL;
	}
	pcap_set_snaplen(p, SNAPLEN);
	errno = 0;
	rc = pcap_activate(p);
	if (rc < 0) {
		*cause = open_cause(conf->nflog_group,
		    rc == PCAP_ERROR_PERM_DENIED || errno == EPERM, pcap_geterr(p));
		goto fail;
	}
	if (pcap_setnonblock(p, 1, error) == -1) {
		*cause = xasprintf("%s: %s", device, error);
		goto fail;
	}
	if (names_fd == -1)
		names_fd = fds_socket(AF_INET, SOCK_DGRAM, 0);
	fd = pcap_get_selectable_fd(p);
	enlarge(fd);
	tune(fd, conf->nflog_group);
	nflog_names(device_name);
	return p;
fail:
	pcap_close(p);
	return NULL;
}

int
device_link(void)
{
	return DLT_NFLOG;
}

bool
device_reads_empty(void)
{
	return false;
}

uint64_t
device_lost(pcap_t *p)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	/* Datagrams, each of at least one packet. pcap_stats() counts overflows. */
	if (getsockopt(pcap_get_selectable_fd(p), SOL_SOCKET, SO_MEMINFO, info, &len) == -1)
		return 0;
	return info[SK_MEMINFO_DROPS];
}
