/*
 * A process that has what a virtual machine's has, and no guest in it:
 *
 *	hold [kvm] [tap NAME] [connect ADDRESS PORT] [udp ADDRESS PORT] [listen PORT]
 *
 * Says "held" once it has all of it, and ends with its stdin.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
hold_kvm(void)
{
	const int kvm = open("/dev/kvm", O_RDWR);

	if (kvm == -1 || ioctl(kvm, KVM_CREATE_VM, 0) == -1)
		fail("/dev/kvm");
}

static void
hold_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	const int fd = open("/dev/net/tun", O_RDWR);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd == -1 || ioctl(fd, TUNSETIFF, &ifr) == -1)
		fail("/dev/net/tun");
}

static void
hold_socket(int type, const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	const int fd = socket(AF_INET, type, 0);

	if (fd == -1 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		fail(address);
}

static void
hold_listener(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 1) == -1)
		fail(port);
	printf("listening\n");
	fflush(stdout);
	if (accept(fd, NULL, NULL) == -1)
		fail(port);
}

int
main(int argc, char **argv)
{
	char c;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "kvm") == 0)
			hold_kvm();
		else if (strcmp(argv[i], "tap") == 0 && i + 1 < argc)
			hold_tap(argv[++i]);
		else if (strcmp(argv[i], "listen") == 0 && i + 1 < argc)
			hold_listener(argv[++i]);
		else if (strcmp(argv[i], "connect") == 0 && i + 2 < argc) {
			hold_socket(SOCK_STREAM, argv[i + 1], argv[i + 2]);
			i += 2;
		} else if (strcmp(argv[i], "udp") == 0 && i + 2 < argc) {
			hold_socket(SOCK_DGRAM, argv[i + 1], argv[i + 2]);
			i += 2;
		} else
			return 2;
	}
	printf("held\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	return 0;
}
