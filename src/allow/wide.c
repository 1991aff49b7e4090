/*
 * Entries that open more than they say: below a public suffix anyone can have
 * a name; behind a resolver that speaks DNS over HTTPS every name can be
 * looked up, past the DNS filter; behind ECH's shared outer name stand sites
 * that are not seen; and on ports other than the web's nobody reads names.
 */
#include "config.h"

#include "allow/list.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBPSL
#include <libpsl.h>
#endif

#include "xmalloc.h"

/* Well-known ones; for each, what a browser or a library has built in, and
 * what its operator documents. */
static const char *const dns_names[] = {
	"8888.google",
	"1dot1dot1dot1.cloudflare-dns.com",
	"anycast.dns.nextdns.io",
	"anycast.uncensoreddns.org",
	"basic.rethinkdns.com",
	"chrome.cloudflare-dns.com",
	"chromium.dns.nextdns.io",
	"cloudflare-dns.com",
	"cloudflare-gateway.com",
	"dns.aa.net.uk",
	"dns.adguard-dns.com",
	"dns.adguard.com",
	"dns.alidns.com",
	"dns.cloudflare.com",
	"dns.controld.com",
	"dns.digitale-gesellschaft.ch",
	"dns.google",
	"dns.google.com",
	"dns.mullvad.net",
	"dns.njal.la",
	"dns.nextdns.io",
	"dns.pub",
	"dns.quad9.net",
	"dns.sb",
	"dns.switch.ch",
	"dns.twnic.tw",
	"dns.umbrella.com",
	"dns0.eu",
	"dns10.quad9.net",
	"dns11.quad9.net",
	"dns64.dns.google",
	"dns9.quad9.net",
	"doh.360.cn",
	"doh.applied-privacy.net",
	"doh.cleanbrowsing.org",
	"doh.cox.net",
	"doh.dns.apple.com",
	"doh.dns.sb",
	"doh.familyshield.opendns.com",
	"doh.ffmuc.net",
	"doh.libredns.gr",
	"doh.mullvad.net",
	"doh.opendns.com",
	"doh.pub",
	"doh.sandbox.opendns.com",
	"doh.tiar.app",
	"doh.umbrella.com",
	"doh.xfinity.com",
	"family.adguard-dns.com",
	"family.cloudflare-dns.com",
	"firefox.dns.nextdns.io",
	"freedns.controld.com",
	"mozilla.cloudflare-dns.com",
	"odoh.cloudflare-dns.com",
	"one.one.one.one",
	"ordns.he.net",
	"private.canadianshield.cira.ca",
	"protected.canadianshield.cira.ca",
	"public.dns.iij.jp",
	"security.cloudflare-dns.com",
	"sky.rethinkdns.com",
	"unfiltered.adguard-dns.com",
	"wikimedia-dns.org",
};

/* Relays for whole connections (MASQUE, RFC 9298), of which nobody sees where to. */
static const char *const relay_names[] = {
	"mask-api.icloud.com",
	"mask-h2.icloud.com",
	"mask.icloud.com",
};

/* Hosts of which every customer, or anyone at all, has a part that the name does
 * not tell: what is sent there can be fetched by whoever put it up. */
static const char *const shared_names[] = {
	"0x0.st",
	"api.telegram.org",
	"cdn.discordapp.com",
	"cdn.jsdelivr.net",
	"content.dropboxapi.com",
	"discord.com",
	"docs.google.com",
	"drive.google.com",
	"file.io",
	"firebasestorage.googleapis.com",
	"gist.github.com",
	"gist.githubusercontent.com",
	"hooks.slack.com",
	"ix.io",
	"pastebin.com",
	"raw.githubusercontent.com",
	"script.google.com",
	"script.googleusercontent.com",
	"sites.google.com",
	"storage.cloud.google.com",
	"storage.googleapis.com",
	"termbin.com",
	"transfer.sh",
	"unpkg.com",
	"webhook.site",
	"www.dropbox.com",
};

/* The outer name of every site behind Cloudflare whose client speaks ECH. */
static const char ech_name[] = "cloudflare-ech.com";

/* Names of one label that are no registry's, but that anyone, or everyone, has. */
static const struct {
	const char	*name, *why;
} special_names[] = {
	{ "local", "stands for what machines of a network call themselves (RFC 6762): any of them can "
	    "have a name below it; list the very names needed, as in NAME.local" },
	{ "localhost", "is each machine itself (RFC 6761): guests do not ask for it, and the proxy does "
	    "not connect to this host by it" },
};

/* Of TCP, where others than the web's own serve web sites, often many at one address:
 * those of Cloudflare, and what servers have for a second one. */
static const uint16_t tls_ports[] = { 2053, 2083, 2087, 2096, 4443, 8443, 9443, 10443 };

#ifdef HAVE_LIBPSL
bool
wide_is_suffix(const char *name)
{
	const psl_ctx_t *psl = psl_builtin();

	return psl != NULL &&
	    psl_is_public_suffix2(psl, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

const char *
wide_registrable(const char *name)
{
	const psl_ctx_t *psl = psl_builtin();

	return psl != NULL ? psl_registrable_domain(psl, name) : NULL;
}
#else
/* Without the list, the few that everybody writes. */
bool
wide_is_suffix(const char *name)
{
	static const char *const known[] = { "com", "net", "org", "edu", "gov", "info", "io",
		"dev", "app", "ai", "cloud", "sh", "co.uk", "github.io", "gitlab.io",
		"cloudfront.net", "amazonaws.com", "herokuapp.com", "vercel.app",
		"netlify.app", "pages.dev", "workers.dev", "web.app", "run.app" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

const char *
wide_registrable(const char *name)
{
	const char *below = NULL;

	for (; !wide_is_suffix(name) && strchr(name, '.') != NULL; name = strchr(name, '.') + 1)
		below = name;
	return below;
}
#endif

static bool
covers_name(const struct allow_entry *e, const char *name)
{
	const size_t n = strlen(name), m = strlen(e->name);

	if (n == m)
		return e->kind != ALLOW_BELOW && strcmp(e->name, name) == 0;
	return e->kind != ALLOW_EXACT && n > m && name[n - m - 1] == '.' &&
	    strcmp(name + n - m, e->name) == 0;
}

/* A deny entry that holds for all that the one in question lets through. */
struct denial {
	const struct allow_entry	*of;
	const char			*name;	/* looked for */
};

static bool
denies(const struct allow_entry *e, void *arg)
{
	const struct denial *d = arg;

	return e->deny && e->state == ALLOW_ON && e->kind <= ALLOW_BELOW &&
	    covers_name(e, d->name) && e->until == 0 && e->vm[0] == '\0' && e->port == 0 &&
	    (d->of->kind != ALLOW_EXACT || e->kind == ALLOW_EXACT);
}

static bool
is_denied(const struct allowlist *l, const struct allow_entry *of, const char *name)
{
	struct denial d = { .of = of, .name = name };
	const char *suffix = name;

	/* What is less specific than the entry itself is overridden by it. */
	while (strlen(suffix) >= strlen(of->name)) {
		if (index_visit(l, suffix, denies, &d))
			return true;
		if ((suffix = strchr(suffix, '.')) == NULL)
			break;
		suffix++;
	}
	return false;
}

static char *
answers_dns(const struct allowlist *l, const struct allow_entry *e)
{
	const char *first = NULL;
	char more[40] = "";
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(dns_names) / sizeof(dns_names[0]); i++) {
		if (!covers_name(e, dns_names[i]) || is_denied(l, e, dns_names[i]))
			continue;
		if (n++ == 0)
			first = dns_names[i];
	}
	if (n == 0)
		return NULL;
	if (e->kind == ALLOW_EXACT)
		return xasprintf("%s answers DNS over HTTPS, where a guest can look up any "
		    "name unseen; switch it off unless a guest must have it", first);
	if (n > 1)
		snprintf(more, sizeof(more), " and %u more name%s", n - 1, n > 2 ? "s" : "");
	return xasprintf("covers %s%s, which answer%s DNS over HTTPS, where a guest can look "
	    "up any name unseen; list the very names needed, or add !%s", first, more,
	    n > 1 ? "" : "s", first);
}

static char *
special_name(const struct allow_entry *e)
{
	for (size_t i = 0; i < sizeof(special_names) / sizeof(special_names[0]); i++) {
		if (strcmp(e->name, special_names[i].name) == 0)
			return xasprintf("%s %s", e->name, special_names[i].why);
	}
	return NULL;
}

/* A port at which the guest, at the addresses of the name, has whatever host is there. */
static char *
past_proxy(const struct allow_entry *e)
{
	if (e->proto == IPPROTO_UDP && (e->port == 80 || e->port == 443))
		return xstrdup("opens HTTP/3 past the proxy: at the addresses of that name a guest has "
		    "whatever host it asks for; without it clients fall back to TCP, where names are read");
	for (size_t i = 0; i < sizeof(tls_ports) / sizeof(tls_ports[0]); i++) {
		if (e->proto == IPPROTO_TCP && e->port == tls_ports[i])
			return xasprintf("goes past the proxy: at port %u of the addresses of that name a "
			    "guest has whatever host it asks for; only for clients that ask the proxy "
			    "(CONNECT) is the name in TLS read", e->port);
	}
	return NULL;
}

char *
wide_warning(const struct allowlist *l, const struct allow_entry *e)
{
	char *warning;

	if (e->deny || e->kind > ALLOW_BELOW)
		return NULL;
	if ((warning = special_name(e)) != NULL)
		return warning;
	if (e->kind != ALLOW_EXACT && wide_is_suffix(e->name))
		return xasprintf("%s is a public suffix: anyone can have a name below it; "
		    "list the very names needed, as in NAME.%s", e->name, e->name);
	if (covers_name(e, ech_name) && !is_denied(l, e, ech_name))
		return xasprintf("%s is the outer name of all sites of Cloudflare that use "
		    "ECH, so that a guest reaches any of them unseen; without it clients "
		    "fall back to the names themselves, which can be listed", ech_name);
	for (size_t i = 0; i < sizeof(relay_names) / sizeof(relay_names[0]); i++) {
		if (covers_name(e, relay_names[i]) && !is_denied(l, e, relay_names[i]))
			return xasprintf("%s relays to any host there is, unseen; switch it off, or "
			    "add !%s", relay_names[i], relay_names[i]);
	}
	warning = answers_dns(l, e);
	return warning != NULL ? warning : past_proxy(e);
}

char *
wide_shared(const struct allowlist *l, const struct allow_entry *e)
{
	if (e->deny || e->kind > ALLOW_BELOW)
		return NULL;
	/* A registry's own host, such as s3.amazonaws.com, serves every customer by path. */
	if (e->kind == ALLOW_EXACT && strchr(e->name, '.') != NULL && wide_is_suffix(e->name))
		return xasprintf("%s serves what every customer of it puts there", e->name);
	for (size_t i = 0; i < sizeof(shared_names) / sizeof(shared_names[0]); i++)
		if (covers_name(e, shared_names[i]) && !is_denied(l, e, shared_names[i]))
			return xasprintf("%s serves what anyone puts there, and a guest can leave "
			    "data there too", shared_names[i]);
	return NULL;
}
