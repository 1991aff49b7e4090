/* net as a process: what it opens, then gives up, before the first byte. */
#include "config.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "dns/resolver.h"
#include "drops/drops.h"
#include "log.h"
#include "net.h"
#include "proxy/chain.h"
#include "proxy/original.h"
#include "proxy/owner.h"
#include "role.h"

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
	struct resolver *resolver;
	struct owner *owner = NULL;
	static struct conf with_secrets;
	struct capture *capture;
	struct event *term;
	struct net *n;
	char *cause, *capture_cause = NULL;

	signal(SIGPIPE, SIG_IGN);
	/* The terminal's Ctrl-C and a reload are priv's to hear. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	with_secrets = *conf;
	if ((cause = chain_credentials(&with_secrets)) != NULL)
		fatalx("%s", cause);
	conf = &with_secrets;
	if (evutil_secure_rng_init() == -1 || (base = event_base_new()) == NULL)
		fatalx("cannot make an event base");
	if ((resolver = resolver_new(base, conf, &cause)) == NULL)
		fatalx("%s", cause);
	/* Without the log device guests are guarded all the same, only unseen. */
	capture = capture_open(conf, &capture_cause);
	if (capture == NULL)
		log_warnx("%s", capture_cause);
	if (conf->explicit_port != 0 && conf->nuids != 0 && (owner = owner_open(&cause)) == NULL) {
		log_warnx("%s", cause);
		free(cause);
	}
	if (!original_open(&cause)) {
		log_warnx("%s", cause);
		free(cause);
	}
	if ((cause = sandbox_enter(conf, ROLE_NET)) != NULL)
		fatalx("%s", cause);
	if ((term = evsignal_new(base, SIGTERM, main_term, base)) == NULL ||
	    event_add(term, NULL) == -1)
		fatalx("cannot watch for signals");
	n = net_new(base, resolver, conf, owner, ROLE_FD, capture, capture_cause, main_lost, base);
	event_base_dispatch(base);
	net_free(n);
	owner_free(owner);
	original_close();
	capture_free(capture);
	free(capture_cause);
	event_free(term);
	resolver_free(resolver);
	event_base_free(base);
	return 0;
}
