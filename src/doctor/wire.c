/*
 * What only packets show.  All of them stay on this host, but for the question
 * that our own DNS filter asks of its servers for a name that is listed.
 */
#include "config.h"

#include "doctor/doctor.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "allow/allow.h"
#include "control.h"
#include "dns/message.h"
#include "fds.h"
#include "xmalloc.h"

enum { PORT_MS = 2000, DNS_MS = 6000, CANARY_MS = 4000, CANARY_STEP_MS = 100, DISCARD_PORT = 9,
	CALL_SECONDS = 10 };

/* ---- the way out ---- */

/* The interface with the address that packets to dst would be sent from; "" if there
 * is no way.  Connecting a datagram socket sends nothing. */
static void
way_to(const struct sockaddr *dst, socklen_t len, char name[GH_IFNAME_SIZE], bool *tunnel)
{
	struct sockaddr_storage own = { .ss_family = AF_UNSPEC };
	socklen_t own_len = sizeof(own);
	int fd = fds_socket(dst->sa_family, SOCK_DGRAM, 0);
	struct ifaddrs *all = NULL;
	struct addr mine, other;
	uint16_t port;

	name[0] = '\0';
	if (fd != -1 && connect(fd, dst, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && getifaddrs(&all) == 0 &&
	    addr_from_sockaddr(&mine, &port, (struct sockaddr *)&own)) {
		for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
			if (i->ifa_addr == NULL || !addr_from_sockaddr(&other, &port, i->ifa_addr) ||
			    !addr_equal(&mine, &other))
				continue;
			copy_string(name, i->ifa_name, GH_IFNAME_SIZE);
			*tunnel = (i->ifa_flags & IFF_POINTOPOINT) != 0;
		}
	}
	if (all != NULL)
		freeifaddrs(all);
	if (fd != -1)
		close(fd);
}

void
doctor_route(json_t *rows)
{
	/* Of networks for documentation: routed like any that is not known better. */
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(DISCARD_PORT) };
	char way[GH_IFNAME_SIZE];
	bool tunnel = false;

	inet_pton(AF_INET, "198.51.100.1", &v4.sin_addr);
	inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	way_to((struct sockaddr *)&v4, sizeof(v4), way, &tunnel);
	if (way[0] == '\0')
		way_to((struct sockaddr *)&v6, sizeof(v6), way, &tunnel);
	if (way[0] == '\0')
		doctor_add(rows, "route", DOCTOR_WARN, xstrdup("this host has no way to the internet, so "
		    "guests have none"), "add a default route");
	else if (tunnel)
		doctor_add(rows, "route", DOCTOR_WARN, xasprintf("packets to the internet go through %s, a "
		    "tunnel: what guests are let through goes there too", way), "where that is not meant, "
		    "leave this host's own traffic out of the VPN; one that forbids local traffic also "
		    "cuts guests off");
	else
		doctor_add(rows, "route", DOCTOR_OK, xasprintf("packets to the internet go through %s", way),
		    NULL);
}

/* ---- ports ---- */

static bool
wait_for(int fd, short what, int ms)
{
	struct pollfd p = { .fd = fd, .events = what };

	return poll(&p, 1, ms) == 1;
}

/* 0, or an errno. */
static int
port_open(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = fds_socket_async(AF_INET, SOCK_STREAM, 0), error = 0;
	socklen_t len = sizeof(error);

	if (fd == -1)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		if (errno != EINPROGRESS)
			error = errno;
		else if (!wait_for(fd, POLLOUT, PORT_MS))
			error = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	close(fd);
	return error;
}

static bool
port_row(json_t *rows, const char *what, uint16_t port)
{
	const int error = port == 0 ? 0 : port_open(port);

	if (error != 0)
		doctor_add(rows, "ports", DOCTOR_FAIL, xasprintf("nothing takes connections at TCP port %u "
		    "(%s): %s", port, what, strerror(error)), "\"gatehouse status\" says whether it was "
		    "stopped; else the daemon's log says why");
	return error == 0;
}

/* The first name that every guest may look up, canonical. */
static bool
listed_name(const struct conf *conf, char name[GH_NAME_SIZE])
{
	char *cause = NULL;
	struct allowlist *list = allowlist_load(conf->allowlist, NULL, &cause);
	struct allow_entry e;
	bool found = false;

	for (size_t i = 0; list != NULL && !found && allowlist_entry(list, i, &e); i++) {
		if (e.state != ALLOW_ON || e.deny || e.vm[0] != '\0' ||
		    (e.kind != ALLOW_EXACT && e.kind != ALLOW_TREE))
			continue;
		memcpy(name, e.name, GH_NAME_SIZE);
		found = true;
	}
	allowlist_free(list);
	free(cause);
	return found;
}

/* Asks our filter as a guest would, but on its own port. NULL or why there is no
 * answer. */
static char *
ask(const struct conf *conf, const char *name, struct dns_reply *reply)
{
	enum { ID = 0x6768 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(conf->dns_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t query[DNS_QUERY_MAX], answer[DNS_UDP_MAX];
	const size_t len = dns_query_write(query, ID, name, DNS_TYPE_A, true);
	int fd = fds_socket(AF_INET, SOCK_DGRAM, 0);
	char *cause = NULL;
	ssize_t n = -1;

	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    send(fd, query, len, 0) == -1)
		cause = xasprintf("cannot ask: %s", strerror(errno));
	else if (!wait_for(fd, POLLIN, DNS_MS))
		cause = xstrdup("no answer came");
	else if ((n = recv(fd, answer, sizeof(answer), 0)) == -1)
		cause = xstrdup(strerror(errno));
	else if (!dns_reply_read(reply, answer, (size_t)n, ID, name, DNS_TYPE_A))
		cause = xstrdup("the answer is none");
	if (fd != -1)
		close(fd);
	return cause;
}

static void
resolver_row(json_t *rows, const struct conf *conf)
{
	static const char todo[] = "see [dns] upstream and [proxy] resolv-conf in gatehouse.conf: "
	    "do those servers answer this host?";
	char name[GH_NAME_SIZE], *cause;
	struct dns_reply reply;

	if (conf->chain_host[0] != '\0') {
		doctor_add(rows, "resolver", DOCTOR_SKIP, xstrdup("the upstream proxy resolves names"), NULL);
		return;
	}
	if (!listed_name(conf, name)) {
		doctor_add(rows, "resolver", DOCTOR_SKIP, xstrdup("the allowlist has no name that "
		    "could be asked for, or cannot be read"), NULL);
		return;
	}
	if ((cause = ask(conf, name, &reply)) != NULL)
		doctor_add(rows, "resolver", DOCTOR_FAIL, xasprintf("guests cannot look up %s: %s", name,
		    cause), todo);
	else if (reply.rcode == DNS_SERVFAIL)
		doctor_add(rows, "resolver", DOCTOR_FAIL, xasprintf("guests cannot look up %s: none of the "
		    "servers answered", name), todo);
	else if (reply.rcode != DNS_NOERROR || reply.naddrs == 0)
		doctor_add(rows, "resolver", DOCTOR_OK, xasprintf("it answers; %s has no address", name),
		    NULL);
	else
		doctor_add(rows, "resolver", DOCTOR_OK, xasprintf("it answers, for %s", name), NULL);
	free(cause);
}

void
doctor_ports(json_t *rows, const struct conf *conf)
{
	bool well = port_row(rows, "the proxy", conf->proxy_port);

	well = port_row(rows, "the explicit proxy", conf->explicit_port) && well;
	well = port_row(rows, "the DNS filter", conf->dns_port) && well;
	if (well)
		doctor_add(rows, "ports", DOCTOR_OK, xstrdup("proxy and DNS filter take connections"), NULL);
	resolver_row(rows, conf);
}

/* ---- the canary ---- */

/* When the log showed the latest one, 0 if none. */
static double
canary_seen(const struct conf *conf)
{
	enum exit_code code;
	char *cause = NULL;
	int fd = client_connect(conf->control, &code, &cause);
	json_t *result = fd == -1 ? NULL : client_call(fd, "drops", json_pack("{s:s, s:s, s:b, s:i}",
	    "filter", "canary", "sort", "last", "desc", 1, "limit", 5), CALL_SECONDS, &code, &cause);
	const json_t *row;
	double seen = 0, last;
	size_t i;

	json_array_foreach(json_object_get(result, "rows"), i, row) {
		const char *label = json_string_value(json_object_get(row, "label"));

		last = json_number_value(json_object_get(row, "last"));
		if (label != NULL && strcmp(label, "canary") == 0 && last > seen)
			seen = last;
	}
	json_decref(result);
	free(cause);
	if (fd != -1)
		close(fd);
	return seen;
}

/* 0: it went out. EPERM: the rules dropped it. */
static int
canary_send(const char *to)
{
	struct sockaddr_in dst = { .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT) };
	int fd = fds_socket(AF_INET, SOCK_DGRAM, 0), error = 0;

	inet_pton(AF_INET, to, &dst.sin_addr);
	if (fd == -1 || sendto(fd, "gatehouse doctor", 16, 0, (struct sockaddr *)&dst,
	    sizeof(dst)) == -1)
		error = errno;
	if (fd != -1)
		close(fd);
	return error;
}

void
doctor_canary(json_t *rows, const struct conf *conf, const char *backend)
{
	const bool nft = strcmp(backend, "nftables") == 0;
	const double before = canary_seen(conf);
	const int error = canary_send(nft ? "127.0.71.72" : "192.0.2.72");
	char *todo;

	if (error == ENETUNREACH || error == EADDRNOTAVAIL) {
		doctor_add(rows, "canary", DOCTOR_SKIP, xstrdup("there is no route for a packet that the "
		    "rules would drop"), NULL);
		return;
	}
	/* Where a rule has dropped it, the kernel says so to who sends; pf does not always. */
	if (nft && error == 0) {
		doctor_add(rows, "canary", DOCTOR_FAIL, xstrdup("a packet that the rules should drop went "
		    "out: they are not asked"), "\"gatehouse apply\"; \"nft list ruleset\" shows what else "
		    "is there");
		return;
	}
	for (int ms = 0; ms < CANARY_MS; ms += CANARY_STEP_MS) {
		poll(NULL, 0, CANARY_STEP_MS);
		if (canary_seen(conf) > before) {
			doctor_add(rows, "canary", DOCTOR_OK, xstrdup("a packet was sent that the rules drop, "
			    "and came up in the log"), NULL);
			return;
		}
	}
	todo = nft ? xstrdup("does another program read the nflog group ([drops] nflog-group)? "
	    "modprobe nfnetlink_log") : xasprintf("is the log interface up (ifconfig pflog%u)?",
	    conf->pflog);
	doctor_add(rows, "canary", DOCTOR_FAIL, xstrdup("a packet was dropped by the rules, but did not "
	    "come up in the log"), todo);
	free(todo);
}
