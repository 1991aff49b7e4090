/*
 * What the engine asks of priv: a list of requests by serial number, each with
 * the text that has come for it so far.  The listing of the kernel's rules is
 * such a request too, made by ourselves; it becomes the rows of the rules view,
 * with rates from the counters of two listings in a row.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

enum {
	PENDING_MAX = 32,
	FROZEN_PARSE_MAX = 1024,	/* elements of the frozen sets */
};

static const uint64_t answer_limit = 30 * 1000000ull;

static void
pending_free(struct fw_pending *p)
{
	free(p->text);
	free(p);
}

bool
rules_request(struct engine *e, const struct msg_fw_request *request,
    void (*done)(struct engine *, struct fw_pending *, const char *), struct control_call *call,
    void *arg)
{
	struct msg_fw_request m = *request;
	struct fw_pending *p;

	if (e->priv == NULL || e->npending >= PENDING_MAX)
		return false;
	m.serial = ++e->serial;
	if (!msg_send(e->priv, FRAME_FW_REQUEST, &m, -1))
		return false;
	p = xcalloc(1, sizeof(*p));
	p->serial = m.serial;
	p->verb = m.verb;
	p->profile = m.profile;
	p->sent = now_mono();
	p->done = done;
	p->call = call;
	p->arg = arg;
	p->next = e->pending;
	e->pending = p;
	e->npending++;
	return true;
}

static struct fw_pending *
pending_find(struct engine *e, uint32_t serial)
{
	struct fw_pending *p;

	for (p = e->pending; p != NULL && p->serial != serial; p = p->next)
		continue;
	return p;
}

static void
pending_end(struct engine *e, struct fw_pending *ended, const char *cause)
{
	struct fw_pending **p;

	for (p = &e->pending; *p != ended; p = &(*p)->next)
		continue;
	*p = ended->next;
	e->npending--;
	ended->done(e, ended, cause);
	pending_free(ended);
}

void
rules_text(struct engine *e, const struct msg_fw_text *m)
{
	struct fw_pending *p = pending_find(e, m->serial);

	if (p == NULL || m->len > FRAME_TEXT_MAX || p->len + m->len > FW_TEXT_MAX)
		return;
	p->text = xreallocarray(p->text, p->len + m->len + 1, 1);
	memcpy(p->text + p->len, m->text, m->len);
	p->len += m->len;
	p->text[p->len] = '\0';
}

void
rules_result(struct engine *e, const struct msg_fw_result *m)
{
	struct fw_pending *p = pending_find(e, m->serial);
	char cause[GH_CAUSE_SIZE];

	if (p == NULL)
		return;
	memcpy(cause, m->cause, sizeof(cause));
	cause[sizeof(cause) - 1] = '\0';
	if (!m->ok && cause[0] == '\0')
		copy_string(cause, "the firewall refused and did not say why; see the daemon's log",
		    sizeof(cause));
	pending_end(e, p, m->ok ? NULL : cause);
}

void
rules_expire(struct engine *e)
{
	uint64_t now = now_mono();
	struct fw_pending *p = e->pending;

	while (p != NULL) {
		if (now - p->sent < answer_limit) {
			p = p->next;
			continue;
		}
		pending_end(e, p, "the daemon's privileged part does not answer; "
		    "what the kernel holds is shown by \"gatehouse rules\"");
		p = e->pending;
	}
}

/* ---- the listing ---- */

/* Rates from the row of the same place, if it is the same rule still. */
static void
rules_rates(struct rule_row *rows, size_t n, const struct rule_row *old, size_t nold,
    double seconds)
{
	for (size_t i = 0; i < n && i < nold && seconds > 0; i++) {
		const struct fw_rule *was = &old[i].rule;
		struct rule_row *r = &rows[i];

		if (strcmp(was->text, r->rule.text) != 0 || strcmp(was->label, r->rule.label) != 0 ||
		    strcmp(was->chain, r->rule.chain) != 0 || r->rule.packets < was->packets)
			continue;
		r->rate = (double)(r->rule.packets - was->packets) / seconds;
	}
}

static bool
rules_same(const struct rule_row *a, size_t na, const struct rule_row *b, size_t nb)
{
	return na == nb && (na == 0 || memcmp(a, b, na * sizeof(*a)) == 0);
}

static void
rules_parsed(struct engine *e, const struct fw_rule *rules, int n, uint64_t now)
{
	struct rule_row *rows = xcalloc(RULES_MAX, sizeof(*rows));
	double seconds = (double)(now - e->rules_time) / 1e6;
	size_t kept = 0;

	/* A jump decides nothing: it is how the file is laid out, not a rule. */
	for (int i = 0; i < n; i++) {
		if (rules[i].label[0] != '\0' || strcmp(rules[i].action, "jump") != 0)
			rows[kept++].rule = rules[i];
	}
	if (e->rules_time != 0)
		rules_rates(rows, kept, e->rules, e->nrules, seconds);
	if (!rules_same(rows, kept, e->rules, e->nrules))
		model_touch(e->model, VIEW_RULES);
	free(e->rules);
	e->rules = rows;
	e->nrules = kept;
	e->rules_time = now;
}

static void
frozen_parsed(struct engine *e, const char *json, size_t len)
{
	struct fw_guest *found = xcalloc(FROZEN_PARSE_MAX, sizeof(*found));
	bool all = false;
	int n = fw_frozen_parse(json, len, found, FROZEN_PARSE_MAX, &all);

	if (n >= 0)
		freeze_adopt(e, found, n, all);
	free(found);
}

void
rules_listed(struct engine *e, struct fw_pending *p, const char *cause)
{
	struct fw_rule *rules;
	char *why = NULL;
	int n;

	e->rules_asked = false;
	free(e->rules_cause);
	e->rules_cause = cause != NULL ? xstrdup(cause) : NULL;
	if (e->rules_again) {
		e->rules_again = false;
		rules_poll(e, 0);
	}
	if (cause != NULL)
		return;
	rules = xcalloc(RULES_MAX, sizeof(*rules));
	n = fw_rules_parse(p->text != NULL ? p->text : "", p->len, rules, RULES_MAX, &why);
	if (n >= 0) {
		rules_parsed(e, rules, n, now_mono());
		if (!e->frozen_known)
			frozen_parsed(e, p->text, p->len);
	} else
		e->rules_cause = why;
	free(rules);
}

void
rules_poll(struct engine *e, uint64_t age)
{
	struct msg_fw_request m = { .verb = FW_LIST };

	uint64_t now = now_mono();

	e->rules_again |= e->rules_asked && age == 0;
	if (e->rules_asked || (e->rules_tried != 0 && now - e->rules_tried < age))
		return;
	e->rules_tried = now;
	e->rules_asked = rules_request(e, &m, rules_listed, NULL, NULL);
}

void
rules_free(struct engine *e)
{
	while (e->pending != NULL)
		pending_end(e, e->pending, "the daemon is ending");
	free(e->rules);
	free(e->rules_cause);
}
