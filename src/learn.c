/*
 * Learning: for a while, names that no entry lists are let through, and which
 * guest reached which is remembered with the names themselves, in the model.
 * What came out of it becomes entries when an operator says so.
 *
 * Nothing of this is saved, and net ends it when this process does: whatever
 * fails, guests are back behind the list.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_text.h"
#include "methods.h"
#include "text.h"
#include "xmalloc.h"

enum {
	NAMES_MAX = 1000,	/* looked at, the latest first */
	NAMES_SHOWN = 20,	/* of one entry */
	NAMES_TOLD = 3,		/* in the timeline */
	PRESETS_MAX = 5,	/* named, of those that list what was learned */
	PORT_DEFAULT = 443,
};

/* ---- the mode ---- */

bool
learn_is_on(const struct engine *e)
{
	return e->policy.learn || (e->net_state_time != 0 && e->net_state.learning);
}

void
learn_json(const struct engine *e, json_t *j)
{
	const struct policy *p = &e->policy;
	const uint64_t now = now_mono();
	char who[WHO_SIZE];

	json_object_set_new(j, "mode", json_string(learn_is_on(e) ? "learn" : "enforce"));
	json_object_set_new(j, "learn_since", json_time(p->learn ? p->learn_since : 0));
	json_object_set_new(j, "learn_until", p->learn && p->learn_end > now ?
	    json_time(now_wall() + p->learn_end - now) : json_null());
	json_object_set_new(j, "learn_by", p->learn ? json_plain(who_name(p->learn_uid, who)) :
	    json_null());
}

void
learn_begin(struct engine *e, uint32_t uid, uint64_t seconds)
{
	struct policy *p = &e->policy;
	char who[WHO_SIZE], age[TEXT_SHORT_SIZE];

	p->learn_end = seconds != 0 ? now_mono() + seconds * 1000000 : 0;
	p->learn_since = now_wall();
	p->learn_uid = uid;
	policy_learn(e, true);
	event_note(e, EVENT_PROXY, EVENT_NOTICE, "", "%s lets the proxy learn %s%s: names that no "
	    "entry lists are let through", who_name(uid, who), seconds != 0 ? "for " :
	    "until told otherwise", seconds != 0 ? text_age(age, seconds) : "");
	alerts_update(e);
}

void
learn_end(struct engine *e, const char *why)
{
	if (!e->policy.learn)
		return;
	policy_learn(e, false);
	event_note(e, EVENT_PROXY, EVENT_NOTICE, "", "learning has ended: %s", why);
	alerts_update(e);
}

void
learn_poll(struct engine *e)
{
	const uint64_t end = e->policy.learn_end;

	if (end != 0 && now_mono() >= end)
		learn_end(e, "its time is over");
}

/* ---- what it has shown ---- */

/* The latest learned names, and who asked, as allow_propose() wants them. */
struct findings {
	const char		**names;
	size_t			 nnames;
	size_t			 left;		/* names beyond NAMES_MAX */
	json_t			*lookups;	/* names that were looked up and no more */
	size_t			 nlookups;
	struct learned_ask	*asks;
	size_t			 nasks;
	const char		**guests;
	size_t			 nguests, npresent;
};

/* The guest's number; one that is gone gets one too. */
static uint32_t
guest_number(struct findings *f, const char *name)
{
	for (size_t i = 0; i < f->nguests; i++)
		if (strcmp(f->guests[i], name) == 0)
			return (uint32_t)i;
	f->guests = xreallocarray(f->guests, f->nguests + 1, sizeof(*f->guests));
	f->guests[f->nguests] = name;
	return (uint32_t)f->nguests++;
}

/* No entry says anything of it for that guest, now. */
static bool
is_unlisted(struct engine *e, const struct domain *d, const char *guest)
{
	const struct allow_answer a = allow_lookup(e->policy.image, d->name, strlen(d->name),
	    d->last_port != 0 ? d->last_port : PORT_DEFAULT, guest, (int64_t)time(NULL));

	return a.reason == REASON_NOT_LISTED || a.reason == REASON_LEARNED;
}

static void
add_ask(struct findings *f, uint32_t guest, uint32_t count)
{
	f->asks[f->nasks++] = (struct learned_ask){ .name = (uint32_t)f->nnames, .guest = guest,
		.count = count };
}

/* The guest's name, or NULL: an address that is nobody's to this day.  Often it
 * is somebody's who was new then. */
static const char *
learner_name(struct engine *e, const struct learner *l)
{
	const char *name = model_learner_name(e->model, l);
	const struct guest *g;
	struct addr addr;

	if (!l->by_address)
		return name;
	g = addr_parse(name, &addr) ? inventory_by_addr(e->inventory, &addr) : NULL;
	return g != NULL ? g->name : NULL;
}

static void
find_asks(struct engine *e, struct findings *f, const struct domain *d, const char *vm)
{
	const size_t before = f->nasks;

	uint32_t others = d->learned_by_others;

	for (uint8_t i = 0; i < d->nlearners; i++) {
		const char *guest = learner_name(e, &d->learners[i]);

		if (guest == NULL)
			others += d->learners[i].count;
		else if ((vm == NULL || text_glob(vm, guest)) && is_unlisted(e, d, guest))
			add_ask(f, guest_number(f, guest), d->learners[i].count);
	}
	/* Whoever they are, no glob can be known to fit them. */
	if (others != 0 && vm == NULL && is_unlisted(e, d, ""))
		add_ask(f, LEARNED_BY_OTHERS, others);
	if (f->nasks > before)
		f->names[f->nnames++] = d->name;
}

/* What a look-up says has left by DNS, though no connection followed. */
static void
find_lookup(struct engine *e, struct findings *f, const struct domain *d, const char *vm)
{
	if (!d->lookup_learned || d->learned != 0 || !is_unlisted(e, d, d->last_guest) ||
	    (vm != NULL && !text_glob(vm, d->last_guest)))
		return;
	if (f->nlookups++ < NAMES_SHOWN)
		json_array_append_new(f->lookups, json_guest(d->name));
}

/* vm: of guests that it fits; NULL: of all. */
static void
findings_make(struct engine *e, const char *vm, struct findings *f)
{
	const size_t n = model_count(e->model, VIEW_DOMAINS);
	const void **rows = xcalloc(n, sizeof(*rows));

	*f = (struct findings){ .npresent = inventory_count(e->inventory), .lookups = json_array() };
	f->names = xcalloc(NAMES_MAX, sizeof(*f->names));
	f->asks = xcalloc(NAMES_MAX * (LEARNERS_MAX + 1), sizeof(*f->asks));
	for (size_t i = 0; i < f->npresent; i++)
		guest_number(f, inventory_guest(e->inventory, i)->name);
	f->npresent = f->nguests;	/* names of guests are each but once */
	model_rows(e->model, VIEW_DOMAINS, rows);
	for (size_t i = 0; i < n; i++) {
		const struct domain *d = rows[i];

		if (d->learned != 0 && f->nnames < NAMES_MAX)
			find_asks(e, f, d, vm);
		else
			f->left += d->learned != 0;
		find_lookup(e, f, d, vm);
	}
	free(rows);
}

static void
findings_free(struct findings *f)
{
	free(f->names);
	free(f->asks);
	free(f->guests);
	json_decref(f->lookups);
}

static struct proposal *
findings_propose(struct engine *e, const struct findings *f, const char *vm, size_t *n)
{
	const struct learned of = { .names = f->names, .guests = f->guests,
		.npresent = f->npresent, .asks = f->asks, .nasks = f->nasks, .vm = vm };

	return allow_propose(e->policy.list, &of, n);
}

/* The first of some names, by their numbers. */
static json_t *
names_json(const struct findings *f, const uint32_t *numbers, size_t n)
{
	json_t *names = json_array();

	for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
		json_array_append_new(names, json_guest(f->names[numbers[i]]));
	return names;
}

/* Presets that list some of it. */
static json_t *
presets_json(struct engine *e, const struct findings *f)
{
	const char *const dirs[] = { e->conf.presets[0], e->conf.presets[1] };
	struct preset_hint hints[PRESETS_MAX];
	size_t n = presets_suggest(dirs, sizeof(dirs) / sizeof(dirs[0]), f->names, f->nnames, hints,
	    PRESETS_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:I}",
		    "text", json_plain(hints[i].preset),
		    "covers", names_json(f, hints[i].name, hints[i].nnames),
		    "names", (json_int_t)hints[i].nnames));
	preset_hints_free(hints, n);
	return list;
}

static json_t *
proposal_json(const struct findings *f, const struct proposal *p)
{
	json_t *guests = json_array();

	for (size_t i = 0; i < p->nguests; i++)
		json_array_append_new(guests, json_guest(f->guests[p->guest[i]]));
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "text", json_plain(p->text),
	    "explain", json_plain_or_null(p->explain), "guests", guests,
	    "covers", names_json(f, p->name, p->nnames),
	    "names", (json_int_t)p->nnames, "asked", (json_int_t)p->count,
	    "warning", json_plain_or_null(p->warning));
}

void
method_entry_learned(struct engine *e, struct control_call *call, const json_t *params)
{
	const char *vm;
	char *cause = param_vm(params, &vm);
	struct findings f;
	struct proposal *list;
	json_t *entries;
	size_t n;

	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	findings_make(e, vm, &f);
	list = findings_propose(e, &f, vm, &n);
	entries = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(entries, proposal_json(&f, &list[i]));
	control_reply(call, json_pack("{s:s, s:o, s:o, s:O, s:I, s:I, s:I, s:I}",
	    "mode", learn_is_on(e) ? "learn" : "enforce", "entries", entries,
	    "presets", f.nnames > 0 ? presets_json(e, &f) : json_array(),
	    "lookups", f.lookups, "lookup_names", (json_int_t)f.nlookups,
	    "names", (json_int_t)f.nnames, "left", (json_int_t)f.left,
	    "forgotten", (json_int_t)model_learned_evicted(e->model)));
	proposals_free(list, n);
	findings_free(&f);
}

/* "added 5 learned entries: a.example, b.example, c.example, ..." */
static char *
what_was_added(const char *const *texts, size_t n)
{
	char *what = xasprintf("added %zu learned entr%s", n, n == 1 ? "y" : "ies"), *longer;

	for (size_t i = 0; i < n && i <= NAMES_TOLD; i++) {
		longer = xasprintf("%s%s%s", what, i == 0 ? ": " : ", ",
		    i < NAMES_TOLD ? texts[i] : "...");
		free(what);
		what = longer;
	}
	return what;
}

/* What a proposal without a warning says, into texts; returns how many. */
static size_t
choose(const struct proposal *list, size_t n, const char **texts, json_t *added, json_t *left)
{
	size_t chosen = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].warning != NULL) {
			json_array_append_new(left, json_pack("{s:o, s:o}", "text",
			    json_plain(list[i].text), "warning", json_plain(list[i].warning)));
			continue;
		}
		json_array_append_new(added, json_plain(list[i].text));
		texts[chosen++] = list[i].text;
	}
	return chosen;
}

/* Adds what may be added unseen, in one step; with dry_run only says what. */
static void
accept_learned(struct engine *e, struct control_call *call, const char *vm, bool dry)
{
	json_t *added = json_array(), *left = json_array();
	struct findings f;
	struct proposal *list;
	const char **texts;
	char *cause = NULL, *what;
	size_t n, chosen;

	findings_make(e, vm, &f);
	list = findings_propose(e, &f, vm, &n);
	texts = xcalloc(n, sizeof(*texts));
	chosen = choose(list, n, texts, added, left);
	if (!dry && chosen > 0) {
		what = what_was_added(texts, chosen);
		cause = policy_add_all(e, call->peer.uid, texts, chosen, what);
		free(what);
	}
	if (cause != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, json_pack("{s:b, s:O, s:O, s:I}", "dry_run", dry, "added", added,
		    "left_out", left, "left", (json_int_t)f.left));
	json_decref(added);
	json_decref(left);
	free(texts);
	proposals_free(list, n);
	findings_free(&f);
}

void
method_entry_accept(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *dry = json_object_get(params, "dry_run");
	const char *vm;
	char *cause = param_vm(params, &vm);

	if (cause == NULL && dry != NULL && !json_is_boolean(dry))
		cause = xstrdup("\"dry_run\" must be true or false");
	if (cause != NULL)
		bad_params(call, cause);
	else
		accept_learned(e, call, vm, json_is_true(dry));
}
