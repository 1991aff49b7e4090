/*
 * flood MAC COUNT [RATE [syn | split | dns ADDRESS]]: sends so many frames from eth0 to that
 * address, at most RATE (50,000) a second. Each is an IPv4 packet of 60 bytes from a
 * random address to another, UDP with random ports: what costs a watcher most.  With
 * "syn" it is the first of a TCP connection to port 443, with "split" in two fragments, the
 * first of which does not say so; with "dns" from ADDRESS, whoever
 * has it, it asks port 53 for a name.
 */
#include "config.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, PACKET_SIZE = 60, FRAME_SIZE = ETHER_HDR_LEN + PACKET_SIZE };

static uint8_t frames[BATCH][FRAME_SIZE];
static uint8_t own_mac[6];
static bool syn, split;
static struct in_addr asker;		/* with "dns" */
static uint64_t state = 1;

static uint32_t
next_random(void)
{
	/* SplitMix64, the same packets in each run. */
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(z >> 32);
}

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
checksum(uint8_t ip[20])
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* A query for an address, without its id. */
static const uint8_t question[PACKET_SIZE - 28] = "\0\0\1\0\0\1\0\0\0\0\0\0\5flood\10example1\0\0\1\0\1";

/* SYN, no data. */
static void
tcp_fill(uint8_t *p)
{
	uint32_t sum = IPPROTO_TCP + PACKET_SIZE - 20;

	put32(p + 20, (next_random() & 0xffff) << 16 | 443);
	put32(p + 24, next_random());
	put32(p + 28, 0);
	put32(p + 32, (uint32_t)(PACKET_SIZE - 20) << 26 | 0x02ffff);
	memset(p + 36, 0, PACKET_SIZE - 36);
	/* With options that say nothing. */
	memset(p + 40, 1, PACKET_SIZE - 40);
	for (int i = 12; i < PACKET_SIZE; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[36] = (uint8_t)(sum >> 8);
	p[37] = (uint8_t)sum;
}

static void
fill(uint8_t *frame, const uint8_t mac[6])
{
	static const uint8_t ip[] = { 0x45, 0, 0, PACKET_SIZE, 0, 0, 0, 0, 64, 17 };
	static const uint8_t udp_length[] = { 0, PACKET_SIZE - 20 };
	uint8_t *p = frame + ETHER_HDR_LEN;

	memcpy(frame, mac, 6);
	memcpy(frame + 6, own_mac, 6);
	memcpy(frame + 12, "\x08\x00", 2);
	memcpy(p, ip, sizeof(ip));
	/* Within 10.77/16, so that it does not look spoofed, to 198.18/15. */
	put32(p + 12, 0x0a4d0000 | (next_random() & 0xffff) | 0x0100);
	put32(p + 16, 0xc6120000 | (next_random() & 0x1ffff));
	if (asker.s_addr != 0)
		memcpy(p + 12, &asker, sizeof(asker));
	if (syn) {
		/* From the bridge's own network. */
		put32(p + 12, 0x0a4d0000 | (100 + next_random() % 100));
		p[9] = IPPROTO_TCP;
	}
	checksum(p);
	put32(p + 20, next_random());
	memcpy(p + 24, udp_length, sizeof(udp_length));
	if (asker.s_addr != 0) {
		put32(p + 20, (next_random() & 0xffff) << 16 | 53);
		memcpy(p + 28, question, sizeof(question));
		put32(p + 28, next_random() << 16 | 0x0100);
	}
	if (syn)
		tcp_fill(p);
}

/* The next fragment of a packet of two, the first with 8 bytes behind its header. Returns
 * the frame's length. */
static size_t
fill_fragment(uint8_t *frame, const uint8_t mac[6])
{
	enum { HEADERS = ETHER_HDR_LEN + 20, CUT = 8 };
	static uint8_t whole[FRAME_SIZE];
	static bool second;
	const size_t data = second ? FRAME_SIZE - HEADERS - CUT : CUT;
	uint8_t *p = frame + ETHER_HDR_LEN;

	if (!second) {
		fill(whole, mac);
		put32(whole + ETHER_HDR_LEN + 4, next_random() << 16);
	}
	memcpy(frame, whole, HEADERS);
	memcpy(frame + HEADERS, whole + HEADERS + (second ? CUT : 0), data);
	p[3] = (uint8_t)(20 + data);
	p[6] = second ? 0 : 0x20;
	p[7] = second;
	checksum(p);
	second = !second;
	return HEADERS + data;
}

static int
open_packet(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq ifr = { .ifr_name = "eth0" };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	to.sll_ifindex = (int)if_nametoindex("eth0");
	if (fd == -1 || to.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    ioctl(fd, SIOCGIFHWADDR, &ifr) == -1) {
		perror("eth0");
		exit(1);
	}
	memcpy(own_mac, ifr.ifr_hwaddr.sa_data, sizeof(own_mac));
	return fd;
}

/* Sleeps until so many were due. */
static void
pace(const struct timespec *start, uint64_t sent, uint64_t rate)
{
	const uint64_t due = sent * 1000000000 / rate;
	struct timespec until = *start;

	until.tv_sec += (time_t)((due + (uint64_t)start->tv_nsec) / 1000000000);
	until.tv_nsec = (long)((due + (uint64_t)start->tv_nsec) % 1000000000);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void
send_all(int fd, const uint8_t mac[6], uint64_t count, uint64_t rate)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec iov[BATCH];
	struct timespec start;
	uint64_t sent = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (sent < count) {
		unsigned n = 0;
		int done;

		for (; n < BATCH && n < count - sent; n++) {
			size_t len = FRAME_SIZE;

			if (split)
				len = fill_fragment(frames[n], mac);
			else
				fill(frames[n], mac);
			iov[n] = (struct iovec){ frames[n], len };
			messages[n].msg_hdr.msg_iov = &iov[n];
			messages[n].msg_hdr.msg_iovlen = 1;
		}
		done = sendmmsg(fd, messages, n, 0);
		if (done == -1 && errno != ENOBUFS && errno != EAGAIN) {
			perror("sendmmsg");
			exit(1);
		}
		if (done > 0)
			sent += (uint64_t)done;
		pace(&start, sent, rate);
	}
}

int
main(int argc, char **argv)
{
	unsigned m[6];
	uint8_t mac[6];

	split = argc == 5 && strcmp(argv[4], "split") == 0;
	syn = split || (argc == 5 && strcmp(argv[4], "syn") == 0);
	if (argc < 3 || (argc > 4 && !syn && (argc != 6 || strcmp(argv[4], "dns") != 0 ||
	    inet_aton(argv[5], &asker) == 0)) || sscanf(argv[1], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2],
	    &m[3], &m[4], &m[5]) != 6) {
		fprintf(stderr, "usage: flood MAC COUNT [RATE [syn | split | dns ADDRESS]]\n");
		return 2;
	}
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	send_all(open_packet(), mac, strtoull(argv[2], NULL, 10),
	    argc >= 4 ? strtoull(argv[3], NULL, 10) : 50000);
	return 0;
}
