/* What a VM manager's answers make of what is known of its guests. */
#include "config.h"

#include "hash.h"
#include "inventory/ask_seat.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/custom.h"
#include "log.h"
#include "xmalloc.h"

enum {
	AGAIN_FIRST_US = 5000000, AGAIN_MAX_SHIFT = 6,	/* after a failure, doubling to 5 min */
	REFRESH_LISTS = 60,		/* in so many lists all details are asked anew */
};
static const uint64_t absent_us = 60 * 1000000ull;
static const uint64_t next_us = 1000000;		/* until the next user is asked */
static const uint64_t again_max_us = 300 * 1000000ull;
static const uint64_t refresh_us = 30 * 1000000ull;	/* details at the earliest */

const char *
seat_name(const struct seat *s)
{
	return s->manager != NULL ? s->manager->name : s->asker->conf.providers[s->provider].name;
}

const char *
seat_user(const struct seat *s)
{
	return s->manager != NULL && s->manager->system ? "" : s->user.name;
}

bool
has_detail(const struct seat *s, unsigned step)
{
	return s->manager != NULL && step < MANAGER_DETAILS &&
	    s->manager->detail[step].command != COMMAND_NONE;
}

void
seat_forget(struct seat *s)
{
	free(s->told);
	s->told = NULL;
	s->ntold = 0;
}

/* How long one that failed so often is left alone. */
static uint64_t
rest_us(unsigned failures)
{
	const uint64_t wait = (uint64_t)AGAIN_FIRST_US <<
	    (failures < AGAIN_MAX_SHIFT ? failures : AGAIN_MAX_SHIFT);

	return wait < again_max_us ? wait : again_max_us;
}

/* The system's VMs are shown to who may see them: a member of a group, often.  So others
 * are asked in turn; when, after so many failures. */
static uint64_t
seat_pass_on(struct seat *s)
{
	const struct asker *a = s->asker;
	size_t at = 0;

	if (s->manager == NULL || !s->manager->system || a->nusers < 2)
		return rest_us(s->failures);
	while (at < a->nusers && a->users[at].uid != s->user.uid)
		at++;
	s->user = a->users[(at + 1) % a->nusers];
	return (s->failures + 1) % a->nusers != 0 ? next_us :
	    rest_us(s->failures / (unsigned)a->nusers);
}

void
seat_failed(struct seat *s, char *cause)
{
	if (s->cause == NULL || strcmp(s->cause, cause) != 0)
		log_warnx("inventory: %s%s%s: %s", seat_name(s), seat_user(s)[0] != '\0' ? " of " : "",
		    seat_user(s), cause);
	free(s->cause);
	s->cause = cause;
	s->absent = false;
	s->due = now_mono() + seat_pass_on(s);
	s->failures++;
	s->asker->events.changed(s->asker->events.arg);
}

void
seat_absent(struct seat *s)
{
	const bool had = s->ntold > 0 || s->cause != NULL;

	free(s->cause);
	s->cause = NULL;
	s->failures = 0;
	s->absent = true;
	s->due = now_mono() + absent_us;
	seat_forget(s);
	if (had)
		s->asker->events.changed(s->asker->events.arg);
}

static struct told *
told_find(struct told *told, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(told[i].key, key) == 0)
			return &told[i];
	}
	return NULL;
}

/* Of what the list says, except name and state, which may change by themselves. */
static uint64_t
listed_digest(const struct told *t)
{
	static const struct hash_key key;
	uint64_t digest = t->n;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct sighting *s = &t->rows[i];
		struct {
			uint32_t	has_mac, mode, pid, uid, naddrs;
			uint8_t		mac[6];
			char		source[GH_IFNAME_SIZE], link[GH_IFNAME_SIZE];
			struct addr	addrs[GUEST_ADDRS];
		} said;

		memset(&said, 0, sizeof(said));		/* what lies between, too */
		said.has_mac = s->has_mac;
		said.mode = s->mode;
		said.pid = s->pid;
		said.uid = s->uid;
		said.naddrs = s->naddrs;
		memcpy(said.mac, s->mac, sizeof(said.mac));
		copy_string(said.source, s->source, sizeof(said.source));
		copy_string(said.link, s->link, sizeof(said.link));
		for (uint32_t a = 0; a < s->naddrs; a++) {
			said.addrs[a].family = s->addrs[a].family;
			memcpy(said.addrs[a].bytes, s->addrs[a].bytes, sizeof(said.addrs[a].bytes));
		}
		digest = digest * 31 + hash_bytes(&key, &said, sizeof(said));
	}
	return digest;
}

/* Keeps what details said, while the list says nothing else. */
static void
told_keep(struct told *t, const struct told *was)
{
	const struct sighting *said = &t->rows[0];
	struct told fresh = *was;

	for (uint32_t i = 0; i < fresh.n; i++) {
		copy_string(fresh.rows[i].name, said->name, sizeof(fresh.rows[i].name));
		fresh.rows[i].state = said->state;
	}
	*t = fresh;
}

/* The rows of a list to guests; rows without key are no guest that could be asked
 * or acted on, and are one by one. */
static void
seat_listed(struct seat *s, const struct sighting *rows, size_t n)
{
	struct told *told = xcalloc(n, sizeof(*told)), *t;
	const struct told *was;
	size_t ntold = 0;

	for (size_t i = 0; i < n; i++) {
		t = rows[i].key[0] != '\0' ? told_find(told, ntold, rows[i].key) : NULL;
		if (t == NULL) {
			t = &told[ntold++];
			copy_string(t->key, rows[i].key, sizeof(t->key));
			t->state = rows[i].state;
		}
		if (t->n < TOLD_ROWS)
			t->rows[t->n++] = rows[i];
	}
	for (size_t i = 0; i < ntold; i++) {
		t = &told[i];
		t->listed = listed_digest(t);
		was = t->key[0] != '\0' ? told_find(s->told, s->ntold, t->key) : NULL;
		if (was != NULL && was->recalled && !s->recalled && has_detail(s, 0)) {
			const uint64_t listed = t->listed;

			told_keep(t, was);
			t->listed = listed;
		} else if (was != NULL && was->state == t->state && was->listed == t->listed &&
		    has_detail(s, 0))
			told_keep(t, was);
	}
	seat_forget(s);
	s->told = told;
	s->ntold = ntold;
}

void
seat_recall(struct seat *s, const struct sighting *rows, size_t n)
{
	if (s->answered != 0 || s->ntold > 0 || n == 0)
		return;
	s->recalled = true;
	s->answered = now_mono();
	seat_listed(s, rows, n);
	for (size_t i = 0; i < s->ntold; i++)
		s->told[i].recalled = true;
}

/* Those that were asked longest ago are asked again, so many that all have their turn in a
 * few minutes: a NIC may have been plugged in. */
static void
seat_refresh(struct seat *s)
{
	const uint64_t now = now_mono();

	for (size_t i = 0; i < s->ntold; i++) {
		if (has_detail(s, s->told[i].step))
			return;		/* enough to do */
	}
	for (size_t k = 0; k < 1 + s->ntold / REFRESH_LISTS; k++) {
		struct told *oldest = NULL;

		for (size_t i = 0; i < s->ntold; i++) {
			struct told *t = &s->told[i];

			if (!has_detail(s, t->step) && t->asked != 0 && now >= t->rest &&
			    (oldest == NULL || t->asked < oldest->asked))
				oldest = t;
		}
		if (oldest == NULL || now - oldest->asked <= refresh_us)
			return;
		oldest->step = 0;
	}
}

void
seat_list_done(struct seat *s, const char *text, size_t len)
{
	struct asker *a = s->asker;
	const uint64_t now = now_mono(), every = a->conf.inventory_seconds * 1000000ull;
	char *cause;
	size_t n = 0;

	cause = s->manager != NULL ? s->manager->list_parse(text, len, a->rows, &n, ASK_ROWS_MAX) :
	    custom_parse(&a->conf.providers[s->provider], text, len, a->rows, &n, ASK_ROWS_MAX);
	if (cause != NULL) {
		seat_failed(s, cause);
		return;
	}
	if (s->cause != NULL)
		log_info("inventory: %s: well again", seat_name(s));
	s->recalled = false;
	free(s->cause);
	s->cause = NULL;
	s->failures = 0;
	s->absent = false;
	s->answered = now;
	s->time = now_wall();
	s->took = now - s->began;
	s->listed = s->began;
	s->due = now + (s->took * REST > every ? s->took * REST : every);
	if (s->changes_due == 0)
		s->changes_due = now + refresh_us;
	seat_listed(s, a->rows, n);
	seat_refresh(s);
	a->events.changed(a->events.arg);
}

static void
seat_detail_done(struct seat *s, const char *text, size_t len)
{
	struct told *t = &s->told[s->at];
	const struct manager_detail *d = &s->manager->detail[t->step];
	struct sighting rows[TOLD_ROWS];
	size_t n = t->n;
	char *cause;

	memcpy(rows, t->rows, sizeof(rows));
	cause = d->parse(text, len, rows, &n, TOLD_ROWS);
	if (cause == NULL && n > 0) {
		memcpy(t->rows, rows, sizeof(rows));
		t->n = (uint32_t)n;
		s->asker->events.changed(s->asker->events.arg);
	}
	free(cause);
}

/* What it says is compared with what it said before, the first time with the details. */
static void
on_change(const char *key, size_t len, uint64_t digest, void *arg)
{
	struct seat *s = arg;

	for (size_t i = 0; i < s->ntold; i++) {
		struct told *t = &s->told[i];

		if (strlen(t->key) != len || memcmp(t->key, key, len) != 0)
			continue;
		if (t->changes == 0)
			t->changes = s->manager->changes_known(t->rows, t->n);
		if (t->changes != digest && t->asked != 0)
			t->step = 0;
		t->changes = digest;
		return;
	}
}

void
seat_changes_said(struct seat *s, const struct said *said, uint64_t now)
{
	s->changes_took = now - s->changes_began;
	s->changes_failed = said->cause != NULL;
	s->changes_due = now + (s->changes_failed ? again_max_us : refresh_us);
	if (s->changes_due < now + s->changes_took * REST)
		s->changes_due = now + s->changes_took * REST;
	if (!s->changes_failed)
		s->manager->changes_parse(said->text, said->len, on_change, s);
}

void
seat_detail_said(struct seat *s, const struct said *said, uint64_t now)
{
	struct told *t = &s->told[s->at];

	t->asked = now;
	t->recalled = false;
	if (said->how == RAN_EXITED) {
		if (said->cause == NULL)
			seat_detail_done(s, said->text, said->len);
		t->failures = 0;
	} else {
		if (t->failures == 0)
			log_warnx("inventory: %s, of %s: %s", seat_name(s), t->key, said->cause);
		t->rest = now + rest_us(t->failures);
		t->failures = t->failures < AGAIN_MAX_SHIFT ? t->failures + 1 : AGAIN_MAX_SHIFT;
		s->asker->events.changed(s->asker->events.arg);
	}
	t->step++;
}
