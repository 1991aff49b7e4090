#include "config.h"

#include "priv_check.h"

#include <netinet/in.h>

#include <string.h>

#include "allow/allow.h"
#include "firewall/frozen.h"
#include "firewall/nft.h"
#include "inventory/commands.h"
#include "text.h"

static const struct {
	const char	*name;
	bool		 profile, guest;	/* which arguments it takes */
} verb_table[FW_VERB_COUNT] = {
	[FW_NONE] = { "none", false, false },
	[FW_APPLY] = { "apply", true, false },
	[FW_FLUSH] = { "flush", false, false },
	[FW_LIST] = { "list", false, false },
	[FW_DIFF] = { "diff", true, false },
	[FW_FREEZE] = { "freeze", false, true },
	[FW_THAW] = { "thaw", false, true },
	[FW_REST] = { "rest", false, false },
};

const char *
fw_verb_name(enum fw_verb verb)
{
	return verb < FW_VERB_COUNT ? verb_table[verb].name : "unknown";
}

static bool
all_zero(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static const char *
addr_check(const struct addr *a)
{
	if (a->family != 4 && a->family != 6)
		return "an address has an unknown family";
	if (!all_zero(a->pad, sizeof(a->pad)) ||
	    (a->family == 4 && !all_zero(a->bytes + 4, sizeof(a->bytes) - 4)))
		return "an address has stray bytes";
	return NULL;
}

static const char *
guest_check(const struct fw_guest *g)
{
	const char *why;

	if (g->naddrs > FW_GUEST_ADDRS)
		return "a guest has too many addresses";
	if (g->has_mac > 1 || g->pad != 0)
		return "a flag of a guest is neither 0 nor 1";
	if (!g->has_mac && !all_zero(g->mac, sizeof(g->mac)))
		return "a guest has a hardware address and says it has none";
	if (memchr(g->port, '\0', sizeof(g->port)) == NULL)
		return "a guest's port is not terminated";
	if (g->port[0] != '\0' && !nft_name_ok(g->port))
		return "a guest's port is no interface name";
	for (uint32_t i = 0; i < g->naddrs; i++) {
		if ((why = addr_check(&g->addrs[i])) != NULL)
			return why;
	}
	if (!all_zero(g->addrs + g->naddrs, (FW_GUEST_ADDRS - g->naddrs) * sizeof(g->addrs[0])))
		return "a guest has more addresses than it says";
	return NULL;
}

static const char *
request_check(const struct msg_fw_request *r)
{
	if (r->verb <= FW_NONE || r->verb >= FW_VERB_COUNT)
		return "a firewall verb is unknown";
	if (r->everyone > 1)
		return "a firewall request is neither for everyone nor for one";
	if (verb_table[r->verb].profile ?
	    r->profile <= PROFILE_NONE || r->profile >= PROFILE_COUNT : r->profile != 0)
		return "a firewall request has a profile that is none, or that it does not take";
	if ((!verb_table[r->verb].guest || r->everyone) && !all_zero(&r->guest, sizeof(r->guest)))
		return "a firewall request has a guest that it does not take";
	if (!verb_table[r->verb].guest)
		return r->everyone ? "a firewall request is for everyone and cannot be" : NULL;
	if (r->everyone)
		return NULL;
	return frozen_is_nobody(&r->guest) ? "a firewall request is for no guest" :
	    guest_check(&r->guest);
}

/* Canonical, or "": it is remembered by line. */
static bool
name_is_good(const char name[GH_NAME_SIZE])
{
	char canonical[GH_NAME_SIZE];

	return memchr(name, '\0', GH_NAME_SIZE) != NULL &&
	    allow_name_canonical(canonical, name, strlen(name), false) == NULL &&
	    strcmp(canonical, name) == 0;
}

static bool
guest_name_is_good(const char name[GH_GUEST_SIZE])
{
	return memchr(name, '\0', GH_GUEST_SIZE) != NULL && text_is_plain(name, strlen(name));
}

static const char *
ends_check(const struct addr *src, const struct addr *dst, uint8_t proto, uint16_t port)
{
	const char *why = addr_check(src);

	if (why == NULL)
		why = addr_check(dst);
	if (why == NULL && src->family != dst->family)
		why = "a pin is between addresses of two families";
	if (why == NULL && proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		why = "a pin is for neither TCP nor UDP";
	if (why == NULL && port == 0)
		why = "a pin has no port";
	return why;
}

const char *
pin_check(const struct fw_pin *p)
{
	if (p->pad != 0 || p->seconds > FW_PIN_SECONDS_MAX)
		return "a pin has stray bytes, or is for too long";
	if (!name_is_good(p->name) || !guest_name_is_good(p->guest))
		return "a pin has a name that cannot be one";
	return ends_check(&p->src, &p->dst, p->proto, p->port);
}

static const char *
fw_pin_check(const struct msg_fw_pin *m)
{
	if (m->on > 1)
		return "a pin is neither on nor off";
	if (m->on && m->pin.seconds == 0)
		return "a pin is for no time";
	return pin_check(&m->pin);
}

static const char *
ranges_check(const struct msg_fw_ranges *m)
{
	if (m->first > 1 || m->last > 1 || m->n > FRAME_RANGES_MAX ||
	    !all_zero(m->range + m->n, (FRAME_RANGES_MAX - m->n) * sizeof(m->range[0])))
		return "a list of ranges is not what it says";
	for (uint32_t i = 0; i < m->n; i++) {
		const struct fw_range *r = &m->range[i];
		const char *why = ends_check(&r->src, &r->first, r->proto, r->port);

		if (why == NULL)
			why = addr_check(&r->last);
		if (why == NULL && (r->pad != 0 || addr_compare(&r->first, &r->last) > 0 ||
		    r->first.family != r->last.family))
			why = "a range of addresses is none";
		if (why != NULL)
			return why;
	}
	return NULL;
}

static const char *
senders_check(const struct msg_fw_senders *m)
{
	if (m->first > 1 || m->last > 1 || m->n > FRAME_SENDERS_MAX ||
	    !all_zero(m->sender + m->n, (FRAME_SENDERS_MAX - m->n) * sizeof(m->sender[0])))
		return "a list of senders is not what it says";
	for (uint32_t i = 0; i < m->n; i++) {
		const struct fw_sender *s = &m->sender[i];
		const char *why = addr_check(&s->addr);

		if (why != NULL)
			return why;
		if (!all_zero(s->pad, sizeof(s->pad)) || !mac_is_known(s->mac))
			return "a sender is none";
	}
	return NULL;
}

static const char *
kept_check(const struct msg_kept *m)
{
	return m->size == 0 || m->size > KEPT_SIZE_MAX ? "what is to be kept is nothing or too much" :
	    NULL;
}

static const char *
run_check(const struct msg_run *m)
{
	if (m->command <= COMMAND_NONE || m->command >= COMMAND_COUNT)
		return "a command of the inventory is unknown";
	if (memchr(m->key, '\0', sizeof(m->key)) == NULL ||
	    !command_key_ok((enum inventory_command)m->command, m->key))
		return "a command of the inventory has a guest that it does not take";
	if (m->command != COMMAND_CUSTOM && m->custom != 0)
		return "a command of the inventory has the number of a provider";
	return NULL;
}

/* One line, so that what it is given to can read it as one. */
static const char *
notify_check(const struct msg_notify *m)
{
	if (m->len < 2 || m->len >= sizeof(m->text) || m->text[m->len] != '\0' ||
	    m->text[m->len - 1] != '\n' || m->text[0] != '{')
		return "a message is no line of JSON";
	return text_is_plain(m->text, m->len - 1) ? NULL : "a message has a control character";
}

const char *
frame_check(enum frame type, const void *body)
{
	const struct msg_proxy *proxy = body;
	const struct msg_empty *empty = body;

	switch (type) {
	case FRAME_FW_REQUEST:
		return request_check(body);
	case FRAME_FW_PIN:
		return fw_pin_check(body);
	case FRAME_FW_RANGES:
		return ranges_check(body);
	case FRAME_FW_SENDERS:
		return senders_check(body);
	case FRAME_KEEP:
		return kept_check(body);
	case FRAME_RUN:
		return run_check(body);
	case FRAME_NOTIFY:
		return notify_check(body);
	case FRAME_PROXY_SAVE:
		return proxy->run > 1 || proxy->pad != 0 ? "proxy-save is neither run nor stop" : NULL;
	case FRAME_RELOAD:
	case FRAME_SHUTDOWN:
	case FRAME_READY:
		return empty->zero != 0 ? "an empty frame is not empty" : NULL;
	default:
		return "this type of frame is not for priv";
	}
}
