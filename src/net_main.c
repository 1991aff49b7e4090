/* net as a process: what it opens, then gives up, before the first byte. */
#include "config.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "drops/drops.h"
#include "log.h"
#include "net.h"
#include "role.h"

/*
 * Names are resolved through the servers of resolv.conf, and only them: no
 * hosts file, no search list, since a guest's name is always whole.
 */
static struct evdns_base *
main_dns(struct event_base *base, const struct conf *conf)
{
	static const char *const options[][2] = {
		{ "timeout:", "2" },	/* seconds until another server is asked */
		{ "attempts:", "3" },
		{ "max-inflight:", "512" },
	};
	struct evdns_base *dns = evdns_base_new(base, 0);

	if (dns == NULL)
		fatalx("cannot start resolving names");
	if (evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS, conf->resolv_conf) != 0)
		log_warnx("%s names no DNS server that could be used; asking 127.0.0.1 "
		    "([proxy] resolv-conf changes it)", conf->resolv_conf);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		evdns_base_set_option(dns, options[i][0], options[i][1]);
	return dns;
}

static void
main_lost(const char *why, void *base)
{
	log_info("priv is gone (%s), so net ends", why);
	event_base_loopbreak(base);
}

static void
main_term(evutil_socket_t sig, short what, void *base)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(base);
}

int
net_main(const struct conf *conf)
{
	struct event_base *base;
	struct evdns_base *dns;
	struct capture *capture;
	struct event *term;
	struct net *n;
	char *cause, *capture_cause = NULL;

	signal(SIGPIPE, SIG_IGN);
	/* The terminal's Ctrl-C and a reload are priv's to hear. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (evutil_secure_rng_init() == -1 || (base = event_base_new()) == NULL)
		fatalx("cannot make an event base");
	dns = main_dns(base, conf);
	/* Without the log device guests are guarded all the same, only unseen. */
	capture = capture_open(conf, &capture_cause);
	if (capture == NULL)
		log_warnx("%s", capture_cause);
	if ((cause = sandbox_enter(conf, ROLE_NET)) != NULL)
		fatalx("%s", cause);
	if ((term = evsignal_new(base, SIGTERM, main_term, base)) == NULL ||
	    event_add(term, NULL) == -1)
		fatalx("cannot watch for signals");
	n = net_new(base, dns, conf, ROLE_FD, capture, capture_cause, main_lost, base);
	event_base_dispatch(base);
	net_free(n);
	capture_free(capture);
	free(capture_cause);
	event_free(term);
	evdns_base_free(dns, 0);
	event_base_free(base);
	return 0;
}
