/* The answer to "is it enforcing, is the proxy up, is anything wrong?". */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "json_text.h"

/* net reports each second; after so many without a word it is not up. */
static const uint64_t net_silence = 5 * 1000000ull;

const char *
status_firewall(const struct engine *e)
{
	if (!e->fw_known)
		return "unknown";
	if (e->fw.profile == PROFILE_NONE && !e->fw.loaded)
		return life_resting(e) ? "idle" : "open";
	if (!e->fw.loaded || e->fw.drift)
		return "drift";
	return e->fw.profile == PROFILE_OBSERVE ? "observing" : "enforcing";
}

const char *
status_proxy(const struct engine *e)
{
	bool heard = e->net != NULL && e->net_state_time != 0 &&
	    now_mono() - e->net_state_time < net_silence;

	if (!e->proxy_wanted || life_resting(e))
		return "stopped";
	return heard && e->net_state.proxy_up ? "up" : "down";
}

static json_t *
firewall_json(const struct engine *e)
{
	const struct fw_status *fw = &e->fw;

	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:b, s:I, s:I, s:o}",
	    "backend", json_plain(fw->backend), "place", json_plain(fw->place),
	    "profile", profile_name(fw->profile), "state", status_firewall(e),
	    "verified", json_time(fw->verified), "frozen_all", e->frozen_all || fw->frozen_all,
	    "frozen", (json_int_t)fw->frozen, "rules", (json_int_t)e->nrules,
	    "cause", json_plain_or_null(fw->cause));
}

static json_t *
proxy_json(const struct engine *e)
{
	const struct msg_net_state *s = &e->net_state;
	const char *state = status_proxy(e);

	json_t *j = json_pack("{s:s, s:o, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, "
	    "s:o}",
	    "state", state, "since", json_time(e->proxy_since),
	    "port", e->conf.proxy_port, "explicit_port", e->conf.explicit_port,
	    "connections", (json_int_t)s->connections, "accepted", (json_int_t)s->accepted,
	    "allowed", (json_int_t)s->allowed, "denied", (json_int_t)s->denied,
	    "limited", (json_int_t)s->limited, "accept_paused", s->accept_paused != 0,
	    "bytes_up", (json_int_t)s->bytes_up, "bytes_down", (json_int_t)s->bytes_down,
	    "rate", (json_int_t)e->rate, "hits_lost", (json_int_t)s->hits_lost,
	    "cause", strcmp(state, "down") == 0 ? json_plain_or_null(s->cause) : json_null());

	learn_json(e, j);
	return j;
}

static json_t *
drops_json(const struct engine *e)
{
	const struct msg_net_state *s = &e->net_state;
	bool up = e->net != NULL && s->capture_up;

	return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "state", up ? "up" : "down",
	    "packets", (json_int_t)s->drops_seen, "missed", (json_int_t)s->drops_missed,
	    "folded", (json_int_t)s->drops_folded,
	    "cause", up ? json_null() : json_plain_or_null(s->cause),
	    "news_time", e->news_time != 0 ? json_time(e->news_time) : json_null(),
	    "news", e->news_time != 0 ? json_guest(e->news) : json_null());
}

static json_t *
roles_json(const struct engine *e)
{
	json_t *list = json_array();

	for (enum role r = 0; r < ROLE_COUNT; r++) {
		struct role_state s = e->roles[r];

		if (r == ROLE_PRIV) {
			s.up = e->priv != NULL;
			s.pid = getppid();
		} else if (r == ROLE_ENGINE) {
			s.up = true;
			s.pid = getpid();
		}
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:I, s:o}",
		    "name", role_name(r), "state", s.up ? "up" : "down", "pid", s.pid,
		    "restarts", (json_int_t)s.restarts, "last_exit", json_plain_or_null(s.last_exit)));
	}
	return list;
}

static json_t *
alerts_json(const struct engine *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->nalerts; i++)
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}",
		    "time", json_time(e->alerts[i].since), "key", e->alerts[i].key,
		    "text", json_plain(e->alerts[i].text)));
	return list;
}

/* VM managers that are there, and how it stands with asking them. */
static json_t *
providers_json(const struct engine *e)
{
	json_t *list = json_array();
	struct asker_state st;

	for (size_t i = 0; asker_state(e->asker, i, &st); i++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:o, s:o, s:I}",
		    "name", st.manager, "user", json_plain_or_null(st.user),
		    "state", st.cause == NULL ? "up" : st.answered ? "stale" : "down",
		    "cause", json_plain_or_null(st.cause != NULL ? st.cause : ""),
		    "last", json_time(st.time), "guests", (json_int_t)st.guests));
	return list;
}

static json_t *
counts_json(const struct engine *e)
{
	size_t vms = inventory_count(e->inventory), running = 0, leaking = 0, unguardable = 0;

	for (size_t i = 0; i < vms; i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		if (g->state != GUEST_RUNNING)
			continue;
		running++;
		leaking += g->guard == NIC_LEAKING;
		unguardable += g->guard == NIC_UNGUARDABLE;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "vms", (json_int_t)vms, "running", (json_int_t)running, "leaking", (json_int_t)leaking,
	    "unguardable", (json_int_t)unguardable, "rules", (json_int_t)e->nrules,
	    "domains", (json_int_t)model_count(e->model, VIEW_DOMAINS),
	    "domains_evicted", (json_int_t)model_domains_evicted(e->model),
	    "learned_evicted", (json_int_t)model_learned_evicted(e->model),
	    "drops", (json_int_t)model_count(e->model, VIEW_DROPS),
	    "entries", (json_int_t)allowlist_count(e->policy.list),
	    "events", (json_int_t)model_count(e->model, VIEW_EVENTS));
}

json_t *
status_json(struct engine *e)
{
	uint64_t now = now_wall();

	return json_pack("{s:s, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:I, s:o}, s:o}",
	    "version", PACKAGE_VERSION, "host", json_plain(e->host), "time", json_time(now),
	    "uptime", (double)(now_mono() - e->started_mono) / 1e6,
	    "firewall", firewall_json(e), "proxy", proxy_json(e), "drops", drops_json(e),
	    "roles", roles_json(e), "alerts", alerts_json(e), "counts", counts_json(e),
	    "providers", providers_json(e),
	    "allowlist", "path", json_plain(e->conf.allowlist),
	    "entries", (json_int_t)allowlist_count(e->policy.list),
	    "error", json_plain_or_null(e->policy.error),
	    "config", json_plain(e->conf.path));
}
