/*
 * The timeline, and what is wrong right now.
 *
 * Guests cause most events, so they are collapsed (like ones within a minute
 * count up) and each guest has an allowance; what is over it becomes one line.
 * Thus no guest can push what an operator must see out of the ring.
 *
 * Alerts are not kept but computed from the state of things; comparing two
 * rounds tells which began and which are over.
 */
#include "config.h"

#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "drops/show.h"
#include "engine.h"
#include "host.h"
#include "inventory/guard.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum { GUEST_EVENTS_MAX = 60 };	/* of one guest, a minute */

/* What needs some time after a start or a change before it is wrong. */
static const uint64_t grace = 4 * 1000000ull;
/* A manager may be busy once. */
static const uint64_t manager_grace = 30 * 1000000ull;
/* How long a kind of drop is no news after it was. */
static const uint64_t news_every = 600 * 1000000ull;
/* How long a limit that refused someone is said to. */
static const uint64_t limit_shown = 30 * 1000000ull;

const char *
who_name(uint32_t uid, char dst[WHO_SIZE])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		snprintf(dst, WHO_SIZE, "%.30s (%u)", pw->pw_name, (unsigned)uid);
	else
		snprintf(dst, WHO_SIZE, "user %u", (unsigned)uid);
	return dst;
}

void
event_note(struct engine *e, enum event_kind kind, enum event_severity severity, const char *guest,
    const char *fmt, ...)
{
	struct event_record r = { .kind = kind, .severity = severity, .time = now_wall(), .count = 1 };
	char escaped[EVENT_TEXT_SIZE], *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	copy_string(r.guest, guest, sizeof(r.guest));
	copy_string(r.text, text, sizeof(r.text));
	text_escape(escaped, sizeof(escaped), text, strlen(text));
	/* Alerts have a key of their own: alerts_update(). */
	if (severity == EVENT_ALERTING && kind != EVENT_ALERT)
		notify_alert(e, event_kind_name(kind), event_kind_name(kind), guest, text, false);
	if (severity == EVENT_ALERTING)
		log_warnx("%s", escaped);
	else
		log_info("%s", escaped);
	model_event(e->model, &r, NULL, 0);
	free(text);
}

/* The rest of this guest's events of this minute, in one line. */
static void
event_overflow(struct engine *e, struct event_record *r)
{
	char key[GH_GUEST_SIZE + 8];

	snprintf(r->text, sizeof(r->text), "more than %d refusals a minute; "
	    "the rest is in Domains and Blocked", GUEST_EVENTS_MAX);
	snprintf(key, sizeof(key), "o|%s", r->guest);
	r->hit_id = 0;
	model_event(e->model, r, key, strlen(key));
}

static void
guest_label(char dst[GH_GUEST_SIZE], const struct guest *g, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	copy_string(dst, g != NULL ? g->name : addr_format(a, text), GH_GUEST_SIZE);
}

void
event_of_hit(struct engine *e, const struct hit *hit, const struct guest *g, unsigned found)
{
	struct event_record r = { .kind = EVENT_HIT, .time = hit->time, .count = 1, .hit_id = hit->id };
	const char *name = hit->name[0] != '\0' ? hit->name : model_no_name;
	char key[GH_GUEST_SIZE + GH_NAME_SIZE + 32];

	if (hit->verdict == VERDICT_ALLOW && (found & (MODEL_FIRST_ALLOW | MODEL_FIRST_LOOKUP)) == 0)
		return;
	guest_label(r.guest, g, &hit->guest);
	if ((found & MODEL_FIRST_LOOKUP) != 0) {
		/* The question has left this host, whatever comes after it. */
		r.severity = EVENT_INFO;
		snprintf(r.text, sizeof(r.text), "looked up %s (%s), for the first time", name,
		    reason_name(hit->reason));
	} else if (hit->verdict == VERDICT_ALLOW) {
		r.severity = EVENT_INFO;
		snprintf(r.text, sizeof(r.text), "allowed %s:%u (%s), for the first time", name,
		    hit->port, reason_name(hit->reason));
	} else if (hit->via == VIA_DNS) {
		r.severity = EVENT_NOTICE;
		snprintf(r.text, sizeof(r.text), "refused to look up %s (%s)", name,
		    reason_name(hit->reason));
	} else {
		r.severity = EVENT_NOTICE;
		snprintf(r.text, sizeof(r.text), "refused %s:%u (%s)", name, hit->port,
		    reason_name(hit->reason));
	}
	/* A look-up and the connection after it are one line, of whatever port. */
	if ((found & (MODEL_FOLLOWS | MODEL_FIRST_ALLOW)) != 0)
		r.count = 0;
	snprintf(key, sizeof(key), "h|%s|%s|%u|%u", r.guest, name, hit->reason, hit->verdict);
	if (model_guest_may_speak(e->model, g != NULL ? g->id : 0, GUEST_EVENTS_MAX, hit->time))
		model_event(e->model, &r, key, strlen(key));
	else
		event_overflow(e, &r);
}

/* Where it is remembered when a kind was news; of one that is not there, the place of
 * the oldest, and the time 0. */
static struct drop_news *
drop_kind(struct engine *e, const char *guest, const char *label)
{
	struct drop_news *oldest = e->drop_news;
	char key[sizeof(oldest->key)];

	snprintf(key, sizeof(key), "%s|%s", guest, label);
	for (struct drop_news *n = e->drop_news; n < &e->drop_news[DROP_NEWS]; n++) {
		if (strcmp(n->key, key) == 0)
			return n;
		if (n->time < oldest->time)
			oldest = n;
	}
	copy_string(oldest->key, key, sizeof(oldest->key));
	oldest->time = 0;
	return oldest;
}

/* What was blocked is news if nothing of its kind was that lately: the console tells it
 * whatever pane it shows. */
static void
drop_news(struct engine *e, const struct drop_record *d, const char *text)
{
	struct drop_news *n = drop_kind(e, d->guest, d->drop.label);
	const uint64_t now = now_mono();

	if (n->time != 0 && now - n->time < news_every)
		return;
	n->time = now;
	e->news_time = d->drop.last;
	snprintf(e->news, sizeof(e->news), "%s%s%s", d->guest, d->guest[0] != '\0' ? ": " : "", text);
}

void
event_of_drop(struct engine *e, const struct drop_record *d, uint64_t packets)
{
	struct event_record r = { .kind = EVENT_DROP, .time = d->drop.last, .count = d->drop.count };
	char key[GH_GUEST_SIZE + GH_LABEL_SIZE + 32], dst[ADDR_TEXT_SIZE];
	char proto[DROP_WORD_SIZE], service[DROP_WORD_SIZE];
	bool ports = d->drop.flags & DROP_PORTS, bracket = ports && d->drop.dst.family == 6;
	const bool noise = drop_is_noise(&d->drop), passed = drop_has_passed(&d->drop);

	r.severity = noise ? EVENT_INFO : EVENT_NOTICE;
	copy_string(r.guest, d->guest, sizeof(r.guest));
	drop_service(&d->drop, service);
	snprintf(r.text, sizeof(r.text), "%s %s to %s%s%s%s%s (%s)",
	    passed ? "passed" : "blocked", drop_proto(&d->drop, proto),
	    bracket ? "[" : "", addr_format(&d->drop.dst, dst),
	    bracket ? "]" : "", service[0] == '\0' ? "" : ports ? ":" : " ", service,
	    d->drop.label);
	if (!noise && !passed) {
		notify_drop(e, d, packets, r.text);
		drop_news(e, d, r.text);
	}
	/* One line for a scan: the text is that of its latest packet. */
	snprintf(key, sizeof(key), "d|%s|%s|%u", d->guest, d->drop.label, d->drop.proto);
	if (model_guest_may_speak(e->model, d->drop.guest_id, GUEST_EVENTS_MAX * 4, d->drop.last))
		model_event(e->model, &r, key, strlen(key));
	else
		event_overflow(e, &r);
}

void
event_of_pins(struct engine *e, const struct fw_pin *pins, size_t n)
{
	struct event_record r = { .kind = EVENT_RULES, .severity = EVENT_INFO, .time = now_wall(),
		.count = 1 };
	const struct fw_pin *p = pins;
	const struct guest *g = inventory_by_name(e->inventory, p->guest);
	char key[GH_GUEST_SIZE + GH_NAME_SIZE + 32];
	size_t addrs = 0, ports = 0;

	for (size_t i = 0; i < n; i++) {
		addrs += addr_equal(&pins[i].src, &p->src) && pins[i].port == p->port &&
		    pins[i].proto == p->proto;
		ports += addr_equal(&pins[i].src, &p->src) && addr_equal(&pins[i].dst, &p->dst);
	}
	guest_label(r.guest, g, &p->src);
	snprintf(r.text, sizeof(r.text), "opened %s:%u%s%s, %zu address%s", p->name, p->port,
	    p->proto == IPPROTO_UDP ? "/udp" : "", ports > 1 ? " and other ports" : "", addrs,
	    addrs == 1 ? "" : "es");
	snprintf(key, sizeof(key), "p|%s|%s|%u|%u", r.guest, p->name, p->port, p->proto);
	if (model_guest_may_speak(e->model, g != NULL ? g->id : 0, GUEST_EVENTS_MAX, r.time))
		model_event(e->model, &r, key, strlen(key));
	else
		event_overflow(e, &r);
}

/* ---- alerts ---- */

struct alert_list {
	struct alert	rows[ALERTS_MAX];
	size_t		n;
};

static void __attribute__((format(printf, 3, 4)))
alert_add(struct alert_list *l, const char *key, const char *fmt, ...)
{
	struct alert *a;
	va_list ap;
	char *text;

	if (l->n == ALERTS_MAX)
		return;
	a = &l->rows[l->n++];
	a->key = key;
	a->guest[0] = '\0';
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	copy_string(a->text, text, sizeof(a->text));
	free(text);
}

static void
firewall_alerts(const struct engine *e, struct alert_list *l, bool settled)
{
	const char *state = status_firewall(e);
	const char *cause = e->fw.cause;

	if (strcmp(state, "open") == 0)
		alert_add(l, "open", "no rules are in force: every guest reaches everything; "
		    "\"gatehouse apply\" closes");
	else if (strcmp(state, "drift") == 0)
		alert_add(l, "drift", "the kernel's rules are not those that were loaded%s%s; "
		    "\"gatehouse apply\" loads them again", cause[0] != '\0' ? ": " : "", cause);
	else if (strcmp(state, "observing") == 0)
		alert_add(l, "observing", "the profile observe blocks nothing; "
		    "\"gatehouse apply filtered\" does");
	else if (strcmp(state, "unknown") == 0 && settled)
		alert_add(l, "firewall", "it is not known which rules are in force%s%s",
		    cause[0] != '\0' ? ": " : "", cause);
	if (e->fw.uncovered && strcmp(state, "drift") != 0)
		alert_add(l, "uncovered", "%s", cause);
	if (e->rules_cause != NULL && settled)
		alert_add(l, "listing", "the kernel's rules cannot be listed: %s", e->rules_cause);
}

static void
net_alerts(const struct engine *e, struct alert_list *l, bool settled)
{
	const struct msg_net_state *s = &e->net_state;
	const char *proxy = status_proxy(e);

	if (e->net == NULL || e->net_state_time == 0) {
		/* A new configuration may ask for a new net. */
		if (settled && now_mono() - e->reloaded > grace)
			alert_add(l, "net", "the part that proxies is not running, so guests get "
			    "nothing; it is started again%s%s",
			    e->roles[ROLE_NET].last_exit[0] != '\0' ? "; it ended: " : "",
			    e->roles[ROLE_NET].last_exit);
		return;
	}
	if (learn_is_on(e))
		alert_add(l, "learn", "learning: guests reach and look up every name that no entry forbids; "
		    "\"gatehouse proxy enforce\" ends it");
	if (strcmp(proxy, "stopped") == 0 && !life_resting(e))
		alert_add(l, "proxy", "the proxy is stopped: guests reach no web site; "
		    "\"gatehouse proxy start\" starts it");
	else if (strcmp(proxy, "down") == 0 && now_mono() - e->proxy_changed > grace)
		alert_add(l, "proxy", "the proxy is down, so guests reach no web site%s%s",
		    s->cause[0] != '\0' ? ": " : "", s->cause);
	if (!s->dns_up)
		alert_add(l, "dns", "guests' DNS is not answered, so they resolve no name%s%s",
		    s->cause[0] != '\0' ? ": " : "", s->cause);
	if (!s->capture_up)
		alert_add(l, "capture", "blocked packets are not recorded%s%s",
		    s->cause[0] != '\0' ? ": " : "", s->cause);
	if (s->upstream_cause[0] != '\0')
		alert_add(l, "upstream", "%s", s->upstream_cause);
	if (s->users_unknown)
		alert_add(l, "users", "nobody on this host is served at 127.0.0.1 and ::1: the kernel "
		    "does not tell guarded users from others there; modprobe tcp_diag, and start the "
		    "daemon again");
	if (s->accept_paused)
		alert_add(l, "paused", "the proxy is out of descriptors or memory: new connections wait");
	if (e->limited_last != 0 && now_mono() - e->limited_last < limit_shown)
		alert_add(l, "limit", "guests%s%s%s are refused, for there is a limit: %s",
		    e->limited[0] != '\0' ? " (lastly " : "", e->limited, e->limited[0] != '\0' ? ")" : "",
		    e->limited_by != OUTCOME_NONE ? outcome_text(e->limited_by) :
		    "of connections or of look-ups");
	if (e->lost_last != 0 && now_mono() - e->lost_last < limit_shown)
		alert_add(l, "lost", "there are more decisions than can be told: some are enforced "
		    "and counted nowhere else (hits_lost in status --json)");
	if (s->allow_generation != e->policy.generation && now_mono() - e->policy.taken > grace)
		alert_add(l, "stale", "the proxy has not taken up the latest allowlist, "
		    "so the one before holds; a proxy that hangs is ended and started again by "
		    "itself");
}

static const struct alert *
alert_find(const struct alert *rows, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	}
	return NULL;
}

/* Whether any interface is there that the configuration calls a guarded bridge. */
static bool
bridge_exists(const struct conf_names *bridges)
{
	struct if_nameindex *all = if_nameindex();
	bool found = false;

	/* Not knowing is no reason to cry. */
	if (all == NULL)
		return true;
	for (const struct if_nameindex *i = all; i->if_index != 0 && !found; i++)
		found = fw_means(bridges, i->if_name);
	if_freenameindex(all);
	return found;
}

static void
bridge_alerts(const struct engine *e, struct alert_list *l)
{
	const struct conf_names *bridges = &e->conf.bridges;
	char names[GH_CAUSE_SIZE] = "";
	size_t used = 0;

	if (e->conf.nuids != 0 || bridge_exists(bridges))
		return;
	for (uint32_t i = 0; i < bridges->n && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
		    i > 0 ? ", " : "", bridges->name[i]);
	alert_add(l, "bridges", "no guarded bridge exists (%s): no guest is guarded; "
	    "\"bridge\" in section [guard] of %s names the bridges", names, e->conf.path);
}

/* Why its worst NIC is that, and the change that would mend it; caller frees. */
static char *
leak_text(const struct engine *e, const struct guest *g)
{
	char *why, *fix, *text;
	size_t worst = 0;

	while (g->nics[worst].guard != g->guard && worst < GUEST_NICS - 1)
		worst++;
	guard_explain(inventory_host(e->inventory), g, &g->nics[worst], &why, &fix);
	text = xasprintf("%s; %s", why, fix);
	free(why);
	free(fix);
	return text;
}

/* Who can make guests appear can make any number: in a minute some are told one by one. */
static bool
may_tell_leak(struct engine *e)
{
	const uint64_t now = now_mono();

	if (e->leaks_minute == 0 || now - e->leaks_minute > 60 * 1000000ull) {
		e->leaks_minute = now;
		e->leaks_told = 0;
	}
	return e->leaks_told < LEAKS_A_MINUTE && ++e->leaks_told > 0;
}

/* Where its text comes to be about another guest, the alert is as old as that. */
static void
alert_about(struct alert_list *l, const char *key, const char *guest)
{
	struct alert *a = &l->rows[l->n - 1];

	/* Not there where there are too many. */
	if (strcmp(a->key, key) == 0)
		copy_string(a->guest, guest, sizeof(a->guest));
}

/* The guests of which that is the worst: how many, and what is wrong with the first.
 * Where some were told of already, each that joins them is told of by itself. */
static void
guard_alert(struct engine *e, struct alert_list *l, const char *key, enum nic_guard guard)
{
	const bool stands = alert_find(e->alerts, e->nalerts, key) != NULL;
	const struct guest *first = NULL, *next;
	char *text, *line, topic[GH_GUEST_SIZE + 16], last[GH_GUEST_SIZE] = "";
	size_t n = 0;

	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		if (g->state != GUEST_RUNNING || g->guard != guard)
			continue;
		if (n++ == 0)
			first = g;
	}
	if (first == NULL)
		return;
	text = leak_text(e, first);
	if (n > 1)
		alert_add(l, key, "%zu guests have a way out past the rules, the first is %s: %s", n,
		    first->name, text);
	else
		alert_add(l, key, "%s has a way out past the rules: %s", first->name, text);
	alert_about(l, key, first->name);
	free(text);
	n = 0;
	while ((next = guest_leak_news(e, guard)) != NULL) {
		if (!stands)
			continue;
		if (!may_tell_leak(e)) {
			copy_string(last, next->name, sizeof(last));
			n++;
			continue;
		}
		text = leak_text(e, next);
		line = xasprintf("%s has a way out past the rules: %s", next->name, text);
		snprintf(topic, sizeof(topic), "%s %s", key, next->name);
		event_note(e, EVENT_ALERT, EVENT_ALERTING, next->name, "%s", line);
		notify_alert(e, "alert", topic, next->name, line, false);
		free(line);
		free(text);
	}
	if (n == 0)
		return;
	line = xasprintf("%zu more guest%s ha%s a way out past the rules, the last is %s", n,
	    n > 1 ? "s" : "", n > 1 ? "ve" : "s", last);
	snprintf(topic, sizeof(topic), "%s, more", key);
	event_note(e, EVENT_ALERT, EVENT_ALERTING, "", "%s", line);
	notify_alert(e, "alert", topic, "", line, false);
	free(line);
}

/* Whether they leak nobody can tell. */
static void
unseen_alert(struct engine *e, struct alert_list *l)
{
	const struct guest *first;
	char *text;
	size_t n;

	if ((first = guest_unseen(e, &n)) == NULL)
		return;
	text = leak_text(e, first);
	if (n > 1)
		alert_add(l, "unseen", "of %zu guests nobody knows whether they are guarded, the first is "
		    "%s: %s", n, first->name, text);
	else
		alert_add(l, "unseen", "nobody knows whether %s is guarded: %s", first->name, text);
	alert_about(l, "unseen", first->name);
	free(text);
}

static void
pinned_alerts(const struct engine *e, struct alert_list *l)
{
	if (allow_opens_ports(e->policy.image) && !host_forwards())
		alert_add(l, "forward", "entries list ports or addresses that guests reach by "
		    "themselves, but this host does not forward, so they open nothing: %s",
		    host_forwards_how());
	if (addresses_too_many(e) != 0)
		alert_add(l, "addresses", "entries for addresses make %zu ranges for all guests, and "
		    "%u fit: the rest stays closed; list fewer, or wider ranges",
		    addresses_too_many(e), FW_RANGES_MAX);
}

/* An alert that is over; what an operator was told to do may have been done. */
static void
alert_over(struct engine *e, const struct alert *a)
{
	if (strcmp(a->key, "drift") == 0 && e->fw.repaired && strcmp(status_firewall(e), "drift") != 0)
		event_note(e, EVENT_ALERT, EVENT_NOTICE, "", "over: gatehouse has loaded the rules again, "
		    "for the kernel's were not those that were loaded");
	else
		event_note(e, EVENT_ALERT, EVENT_NOTICE, "", "over: %s", a->text);
}

/* What is shown of its guests is old. */
static void
manager_alerts(const struct engine *e, struct alert_list *l)
{
	struct asker_state st;

	for (size_t i = 0; asker_state(e->asker, i, &st); i++) {
		const uint64_t heard = st.time != 0 ? st.time : e->started;

		if (st.cause == NULL || st.guests == 0 || now_wall() < heard + manager_grace)
			continue;
		alert_add(l, "manager", "%s%s%s does not answer, so what is shown of its %zu guests is "
		    "what it said last (STATE with ?): %s", st.manager, st.user[0] != '\0' ? " of " : "",
		    st.user, st.guests, st.cause);
		return;
	}
}

void
alerts_update(struct engine *e)
{
	struct alert_list l = { .n = 0 };
	bool settled = now_mono() - e->started_mono > grace;

	firewall_alerts(e, &l, settled);
	net_alerts(e, &l, settled);
	bridge_alerts(e, &l);
	guard_alert(e, &l, "leaking", NIC_LEAKING);
	guard_alert(e, &l, "unguardable", NIC_UNGUARDABLE);
	unseen_alert(e, &l);
	if (inventory_trouble(e->inventory) != NULL)
		alert_add(&l, "inventory", "guests may be missing: %s; it is tried again every %u s, and "
		    "\"gatehouse doctor\" says what else is wrong here", inventory_trouble(e->inventory),
		    e->conf.inventory_seconds);
	manager_alerts(e, &l);
	pinned_alerts(e, &l);
	if (e->policy.error != NULL)
		alert_add(&l, "allowlist", "%s", e->policy.error);
	else if (e->policy.list != NULL && allowlist_count(e->policy.list) == 0)
		alert_add(&l, "allowlist", "the allowlist has no entry: every name is refused; "
		    "\"gatehouse allow ENTRY\" adds one");
	if (e->reload_error != NULL)
		alert_add(&l, "reload", "the configuration was not taken up: %s", e->reload_error);
	if (e->notify_error != NULL && e->conf.notify.n > 0)
		alert_add(&l, "notify", "messages are not told: %s; \"command\" in section [notify] of %s "
		    "names what tells them", e->notify_error, e->conf.path);
	for (size_t i = 0; i < l.n; i++) {
		const struct alert *was = alert_find(e->alerts, e->nalerts, l.rows[i].key);

		l.rows[i].since = was != NULL && strcmp(was->guest, l.rows[i].guest) == 0 ? was->since :
		    now_wall();
		if (was != NULL)
			continue;
		event_note(e, EVENT_ALERT, EVENT_ALERTING, "", "%s", l.rows[i].text);
		notify_alert(e, "alert", l.rows[i].key, "", l.rows[i].text, false);
	}
	for (size_t i = 0; i < e->nalerts; i++) {
		if (alert_find(l.rows, l.n, e->alerts[i].key) != NULL)
			continue;
		alert_over(e, &e->alerts[i]);
		notify_alert(e, "alert", e->alerts[i].key, "", e->alerts[i].text, true);
	}
	memcpy(e->alerts, l.rows, sizeof(e->alerts));
	e->nalerts = l.n;
}
