/*
 * The allowlist in force.  The file is the truth: it is read when it, or a
 * preset it names, changes, and edits go to the file first.  What net was given is kept mapped here too,
 * so that "check" gives the very answer net gives.
 *
 * A file that is not there refuses everything.  A file that does not parse
 * changes nothing; until it does, edits are refused, for saving would
 * overwrite what someone is in the middle of writing.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

enum {
	/* An editor may take the file away for a moment while it saves. */
	MISSING_LOOKS = 2,
	ENDED_NAMED_MAX = 10000,	/* longer lists: do not search who ended */
};

static struct file_stamp
stamp_of(const char *path)
{
	struct file_stamp s = { 0 };
	struct stat st;

	if (stat(path, &st) == 0) {
		s.there = true;
		s.dev = st.st_dev;
		s.ino = st.st_ino;
		s.size = st.st_size;
		s.mtime = st.st_mtim;
		s.ctime = st.st_ctim;
	}
	return s;
}

static bool
stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->there == b->there && a->dev == b->dev && a->ino == b->ino &&
	    a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec && a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static bool
entry_is_listed(uint32_t id, void *arg)
{
	struct allow_entry entry;

	return allowlist_find(arg, id, &entry);
}

/* What is in force changes, or what has ended by now: for all who judge by it. */
static void
policy_tell(struct engine *e)
{
	struct policy *p = &e->policy;

	p->generation++;
	p->taken = now_mono();
	p->next_end = allowlist_next_end(p->list, (int64_t)time(NULL));
	policy_send(e);
	pinned_judge(e);
	model_touch(e->model, VIEW_ENTRIES);
	model_touch(e->model, VIEW_DOMAINS);
}

/* Puts a list and its compiled form in force. */
static void
policy_take(struct engine *e, struct allowlist *list, const struct compiled *c)
{
	struct policy *p = &e->policy;
	struct compiled old = { p->fd, p->size, p->image };

	if (list != p->list)
		allowlist_free(p->list);
	p->list = list;
	p->fd = c->fd;
	p->size = c->size;
	p->image = c->image;
	/* Here too, so that "check" goes on giving net's answer. */
	allow_image_learn(p->image, p->learn);
	model_retain_entries(e->model, entry_is_listed, list);
	policy_tell(e);
	compiled_free(&old);
}

void
policy_send(struct engine *e)
{
	struct policy *p = &e->policy;
	struct msg_allow allow = { .size = p->size, .generation = p->generation };
	const uint64_t now = now_mono();

	/* One whose time is over is ended by learn_poll(), and by net, in a moment. */
	if (p->learn && (p->learn_end == 0 || p->learn_end > now)) {
		allow.learn = 1;
		allow.learn_for = p->learn_end != 0 ? p->learn_end - now : 0;
	}
	if (p->fd != -1)
		engine_to_net(e, FRAME_ALLOW, &allow, p->fd);
}

void
policy_learn(struct engine *e, bool on)
{
	struct policy *p = &e->policy;

	p->learn = on;
	p->generation++;
	p->taken = now_mono();
	allow_image_learn(p->image, on);
	policy_send(e);
	model_touch(e->model, VIEW_DOMAINS);
}

/* Takes the cause over; alerts_update() tells it. */
static void
policy_error(struct engine *e, char *cause)
{
	free(e->policy.error);
	e->policy.error = cause;
}

/* Nothing is listed. */
static void
policy_empty(struct engine *e)
{
	struct allowlist *list;
	struct compiled c;
	char *cause = NULL;

	list = allowlist_parse("", 0, e->conf.allowlist, e->policy.list, &cause);
	if (list == NULL || (cause = compiled_make(&c, list)) != NULL)
		fatalx("cannot refuse everything: %s", cause);
	/* For what is added to it. */
	allowlist_use_presets(list, e->policy.presets);
	policy_take(e, list, &c);
}

/* Presets to be read afresh. */
static struct presets *
policy_presets(const struct engine *e)
{
	const char *const dirs[] = { e->conf.presets[0], e->conf.presets[1] };

	return presets_new(dirs, sizeof(dirs) / sizeof(dirs[0]));
}

static void
policy_missing(struct engine *e)
{
	const char *path = e->conf.allowlist;

	policy_empty(e);
	policy_error(e, xasprintf("%s is missing: every name is refused; "
	    "put the file back, or allow something with \"gatehouse allow ENTRY\"", path));
}

/* What was read, or why it cannot be. */
static void
policy_loaded(struct engine *e)
{
	struct policy *p = &e->policy;
	struct policy_load *w = p->load;

	load_wait(w);
	p->load = NULL;
	presets_free(p->presets);
	p->presets = w->presets;
	w->presets = NULL;
	if (w->list == NULL)
		policy_error(e, xasprintf("%s; until then %s", w->cause,
		    allowlist_count(p->list) > 0 ? "the former list stays in force" :
		    "every name is refused"));
	else {
		policy_error(e, NULL);
		policy_take(e, w->list, &w->made);
		w->list = NULL;
		w->made = (struct compiled){ .fd = -1 };
		event_note(e, EVENT_CONFIG, EVENT_INFO, "", "read the allowlist: %zu entries",
		    allowlist_count(p->list));
	}
	load_free(w);
}

static void
on_loaded(int fd, short what, void *arg)
{
	struct engine *e = arg;
	const bool again = e->policy.load->again;

	policy_loaded(e);
	if (again)
		policy_reload(e);
	if (e->policy.load == NULL) {
		alerts_update(e);
		methods_allowlist_read(e);
	}
}

static void
policy_load(struct engine *e)
{
	struct policy *p = &e->policy;

	/* First: a change while it is read is then seen later. */
	p->stamp = stamp_of(e->conf.allowlist);
	p->load = load_begin(e->base, e->conf.allowlist, p->list, policy_presets(e), on_loaded, e);
}

void
policy_start(struct engine *e)
{
	e->policy.fd = -1;
	e->policy.presets = policy_presets(e);
	/* A file that does not parse leaves this in force. */
	policy_empty(e);
	policy_reload(e);
	if (e->policy.load != NULL)
		policy_loaded(e);
}

void
policy_stop(struct engine *e)
{
	struct compiled c = { e->policy.fd, e->policy.size, e->policy.image };

	compiled_free(&c);
	load_free(e->policy.load);
	allowlist_free(e->policy.list);
	presets_free(e->policy.presets);
	free(e->policy.error);
}

void
policy_reload(struct engine *e)
{
	if (e->policy.load != NULL)
		e->policy.load->again = true;
	else if (stamp_of(e->conf.allowlist).there)
		policy_load(e);
	else
		policy_missing(e);
}

/* Says which entries ended in (from, to]. */
static void
note_ended(struct engine *e, int64_t from, int64_t to)
{
	struct allow_entry entry;
	size_t n = allowlist_count(e->policy.list);

	for (size_t i = 0; i < n && n <= ENDED_NAMED_MAX; i++) {
		char *text;

		if (!allowlist_entry(e->policy.list, i, &entry) || entry.until == 0 ||
		    entry.until < from || entry.until > to)
			continue;
		text = allow_entry_text(&entry);
		event_note(e, EVENT_ENTRY, EVENT_NOTICE, "", "ended: %s", text);
		free(text);
	}
}

/* The compiled form has the time in it: to tell net again is to have it judge what
 * is open. */
static void
policy_ends(struct engine *e)
{
	struct policy *p = &e->policy;
	int64_t now = (int64_t)time(NULL);

	if (p->next_end == 0 || now < p->next_end)
		return;
	note_ended(e, p->next_end, now);
	policy_tell(e);
}

void
policy_poll(struct engine *e)
{
	struct policy *p = &e->policy;
	struct file_stamp stamp = stamp_of(e->conf.allowlist);

	policy_ends(e);
	if (p->load != NULL)
		return;
	if (stamp.there) {
		p->missing = 0;
		if (!stamp_equal(&stamp, &p->stamp) || presets_changed(p->presets))
			policy_load(e);
	} else if (p->stamp.there && ++p->missing >= MISSING_LOOKS) {
		p->stamp = stamp;
		policy_missing(e);
	}
}

/* ---- edits ---- */

/* Before an edit: what was on disk at the latest look must be what is in force. */
static char *
edit_begin(struct engine *e)
{
	struct policy *p = &e->policy;

	if (p->load != NULL)
		return xasprintf("%s was changed and is being read; try again in a moment",
		    e->conf.allowlist);
	if (p->error != NULL && p->stamp.there)
		return xasprintf("the allowlist, or a preset of it, was edited by hand and does not "
		    "parse, so it is not touched: %s", p->error);
	return NULL;
}

/* After an edit that could not be kept: the list as it was. */
static void
edit_revert(struct engine *e, const char *before, size_t len)
{
	struct policy *p = &e->policy;
	struct allowlist *list;
	char *cause = NULL;

	list = p->stamp.there ? allowlist_load(e->conf.allowlist, p->list, &cause) : NULL;
	if (list == NULL) {
		free(cause);
		cause = NULL;
		list = allowlist_parse(before, len, e->conf.allowlist, p->list, &cause);
	}
	if (list == NULL)
		fatalx("cannot take back an edit: %s", cause);
	allowlist_use_presets(list, p->presets);
	allowlist_free(p->list);
	p->list = list;
}

/*
 * Saves the edited list and puts it in force, or takes the edit back.  before
 * is the text it was made in; cause is what the edit itself said.
 */
static char *
edit_end(struct engine *e, char *before, size_t len, char *cause)
{
	struct policy *p = &e->policy;
	struct compiled c = { .fd = -1 };

	if (cause == NULL && (cause = compiled_make(&c, p->list)) == NULL &&
	    (cause = allowlist_save(p->list, e->conf.allowlist)) != NULL)
		compiled_free(&c);
	if (cause != NULL)
		edit_revert(e, before, len);
	else {
		p->stamp = stamp_of(e->conf.allowlist);
		p->missing = 0;
		policy_error(e, NULL);
		policy_take(e, p->list, &c);
	}
	free(before);
	return cause;
}

/* "USER VERB ENTRY" into the timeline. */
static void
note_edit(struct engine *e, uint32_t uid, const char *verb, const struct allow_entry *entry)
{
	char who[WHO_SIZE], *text = allow_entry_text(entry);

	event_note(e, EVENT_ENTRY, EVENT_NOTICE, "", "%s %s %s", who_name(uid, who), verb, text);
	free(text);
}

char *
policy_add(struct engine *e, uint32_t uid, const char *text, struct allow_entry *entry)
{
	char *before, *cause;
	uint32_t id = 0;
	size_t len;

	if ((cause = edit_begin(e)) != NULL)
		return cause;
	before = allowlist_text(e->policy.list, &len);
	cause = edit_end(e, before, len, allowlist_add(e->policy.list, text, &id));
	if (cause != NULL)
		return cause;
	if (!allowlist_find(e->policy.list, id, entry))
		return xasprintf("%s was saved but is not in the list; see \"gatehouse entries\"",
		    text);
	note_edit(e, uid, entry->deny ? "added" : "allowed", entry);
	return NULL;
}

char *
policy_add_all(struct engine *e, uint32_t uid, const char *const *texts, size_t n,
    const char *what)
{
	char who[WHO_SIZE], *before, *cause;
	size_t len;

	if ((cause = edit_begin(e)) != NULL)
		return cause;
	before = allowlist_text(e->policy.list, &len);
	cause = edit_end(e, before, len, allowlist_add_all(e->policy.list, texts, n, what));
	if (cause == NULL)
		event_note(e, EVENT_ENTRY, EVENT_NOTICE, "", "%s %s", who_name(uid, who), what);
	return cause;
}

struct allowlist *
policy_try(struct engine *e, const char *text, struct allow_entry *entry, char **cause)
{
	struct allowlist *copy;
	uint32_t id = 0;
	size_t len;
	char *now;

	if ((*cause = edit_begin(e)) != NULL)
		return NULL;
	now = allowlist_text(e->policy.list, &len);
	copy = allowlist_parse(now, len, e->conf.allowlist, e->policy.list, cause);
	free(now);
	if (copy == NULL)
		return NULL;
	allowlist_use_presets(copy, e->policy.presets);
	if ((*cause = allowlist_add(copy, text, &id)) == NULL &&
	    allowlist_find(copy, id, entry))
		return copy;
	if (*cause == NULL)
		*cause = xasprintf("%s cannot be added", text);
	allowlist_free(copy);
	return NULL;
}

char *
policy_set(struct engine *e, uint32_t uid, const char *named, bool on, struct allow_entry *entry)
{
	char *before, *cause;
	size_t len;

	if ((cause = edit_begin(e)) != NULL ||
	    (cause = allowlist_named(e->policy.list, named, entry)) != NULL)
		return cause;
	if ((entry->state != ALLOW_OFF) == on)
		return NULL;
	before = allowlist_text(e->policy.list, &len);
	cause = edit_end(e, before, len, allowlist_set(e->policy.list, entry->id, on));
	if (cause != NULL)
		return cause;
	note_edit(e, uid, on ? "enabled" : "disabled", entry);
	allowlist_find(e->policy.list, entry->id, entry);
	return NULL;
}

char *
policy_remove(struct engine *e, uint32_t uid, const char *named, struct allow_entry *entry)
{
	char *before, *cause;
	size_t len;

	if ((cause = edit_begin(e)) != NULL ||
	    (cause = allowlist_named(e->policy.list, named, entry)) != NULL)
		return cause;
	before = allowlist_text(e->policy.list, &len);
	cause = edit_end(e, before, len, allowlist_remove(e->policy.list, entry->id));
	if (cause == NULL)
		note_edit(e, uid, "removed", entry);
	return cause;
}

char *
policy_undo(struct engine *e, uint32_t uid, char **what)
{
	char who[WHO_SIZE], *before, *cause;
	size_t len;

	*what = NULL;
	if ((cause = edit_begin(e)) != NULL)
		return cause;
	before = allowlist_text(e->policy.list, &len);
	cause = edit_end(e, before, len, allowlist_undo(e->policy.list, what));
	if (cause != NULL) {
		free(*what);
		*what = NULL;
		return cause;
	}
	event_note(e, EVENT_ENTRY, EVENT_NOTICE, "", "%s undid: %s", who_name(uid, who), *what);
	return NULL;
}
