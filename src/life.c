/*
 * [guard] flush-when-idle: where no guest has run for so long, the rules are
 * flushed and the proxy stopped; they are back as soon as a guest is heard of
 * or a port of a guarded bridge has a carrier, which is long before a guest
 * that boots asks for its address.
 *
 * priv remembers the profile all the while.  It loads it by itself when this role
 * or the daemon ends, for nobody looks for guests then.
 */
#include "config.h"

#include "engine.h"
#include "text.h"

/* A new engine does not know yet who runs. */
static const uint64_t settling = 10 * 1000000ull;

bool
life_resting(const struct engine *e)
{
	return e->fw_known && e->fw.profile == PROFILE_NONE && e->fw.resting != PROFILE_NONE;
}

static bool
busy(const struct engine *e)
{
	if (inventory_ports(e->inventory) > 0 || e->conf.nuids > 0)
		return true;
	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		if (inventory_guest(e->inventory, i)->state == GUEST_RUNNING)
			return true;
	}
	return false;
}

/* Of the answer to our own request, or because priv saw a link change. */
void
life_woken(struct engine *e)
{
	e->life_busy = now_mono();
	if (!e->life_told)
		event_note(e, EVENT_RULES, EVENT_NOTICE, "", "a guest may come: the rules are in force "
		    "again (%s)", profile_name((enum profile)e->fw.profile));
	e->life_told = false;
}

static void
asked(struct engine *e, struct fw_pending *p, const char *cause)
{
	char age[TEXT_SHORT_SIZE];

	e->life_asked = false;
	if (cause != NULL)
		event_note(e, EVENT_RULES, EVENT_ALERTING, "", "%s", cause);
	else if (p->verb == FW_REST)
		event_note(e, EVENT_RULES, EVENT_NOTICE, "", "no guest has run for %s: the rules are "
		    "flushed and the proxy stopped until one comes",
		    text_age(age, e->conf.rest_seconds));
	rules_poll(e, 0);
}

static void
ask(struct engine *e, enum fw_verb verb, enum profile profile)
{
	struct msg_fw_request m = { .verb = verb, .profile = profile };

	e->life_asked = rules_request(e, &m, asked, NULL, NULL);
}

void
life_judge(struct engine *e)
{
	const uint64_t now = now_mono();
	const uint64_t wait = e->conf.rest_seconds * 1000000ull;

	if (e->life_busy == 0)
		e->life_busy = e->started_mono + settling;
	if (busy(e) && now > e->life_busy)
		e->life_busy = now;
	if (!e->fw_known || e->life_asked)
		return;
	if (life_resting(e)) {
		if (busy(e) || wait == 0)
			ask(e, FW_APPLY, e->fw.resting);
	} else if (wait != 0 && e->fw.profile != PROFILE_NONE && e->fw.loaded &&
	    now > e->life_busy && now - e->life_busy >= wait)
		ask(e, FW_REST, PROFILE_NONE);
}
