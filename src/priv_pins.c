/*
 * Pins, between the engine and the firewall.  What the engine asks for in one
 * go is put into the kernel in one go: a run of libnftables takes as long for
 * many as for one, and while it runs more come together.
 *
 * Pins outlive the engine here, and priv in a small file, so that a guest need
 * not look up again what it knows; the engine is told of all when it starts,
 * and takes away what its list no longer lets through.  The file holds
 *
 *	gatehouse-pins 1
 *	10.77.0.11 198.51.100.7 6 22 1790000000 git.example.org agent-1
 *
 *	10.77.0.11 52:54:00:0a:0b:0c
 *
 * a line for each: guest's address, address, protocol, port, when it ends,
 * name, guest; and guest's address and hardware address (a sender).  It is not
 * forced to the disk: if it is lost, pins are.
 */
#include "config.h"

#include "priv.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "inventory/provider.h"
#include "log.h"
#include "priv_check.h"
#include "text.h"
#include "xmalloc.h"

enum { ANSWERS_MAX = 64, LINE_SIZE = 512, WORDS = 6 };

static const char first_line[] = "gatehouse-pins 1\n";

/* A request that waits for the next commit. */
struct answer {
	uint32_t	 serial;
	char		*cause;		/* why it cannot be, already */
};

struct priv_pins {
	struct firewall		*fw;
	void			(*tell)(enum frame, const void *, void *);
	void			*arg;
	struct event		*soon;
	char			 path[CONF_PATH_SIZE + 16];
	bool			 unsaved;
	uint32_t		 nanswers;
	struct answer		 answers[ANSWERS_MAX];
	size_t			 nranges;	/* of a list that is coming in */
	struct fw_range		 ranges[FW_RANGES_MAX];
	size_t			 nsenders;	/* the same */
	struct fw_sender	 senders[FW_SENDERS_MAX];
};

/* ---- the file ---- */

static void
put_pin(FILE *f, const struct fw_pin *p, uint64_t wall)
{
	char src[ADDR_TEXT_SIZE], dst[ADDR_TEXT_SIZE];

	fprintf(f, "%s %s %u %u %" PRIu64 " %s %s\n", addr_format(&p->src, src),
	    addr_format(&p->dst, dst), p->proto, p->port, wall + p->seconds, p->name, p->guest);
}

static void
pins_save(struct priv_pins *pp)
{
	const uint64_t wall = now_wall() / 1000000;
	char temp[sizeof(pp->path) + 4], addr[ADDR_TEXT_SIZE], mac[MAC_TEXT_SIZE];
	struct fw_sender sender;
	struct fw_pin p;
	FILE *f;
	int fd;

	pp->unsaved = false;
	snprintf(temp, sizeof(temp), "%s.new", pp->path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || (f = fdopen(fd, "w")) == NULL) {
		log_warn("%s: cannot be saved", pp->path);
		if (fd != -1)
			close(fd);
		return;
	}
	fputs(first_line, f);
	for (size_t i = 0; firewall_pins(pp->fw, i, &p); i++) {
		if (p.seconds > 0)
			put_pin(f, &p, wall);
	}
	for (size_t i = 0; firewall_sender(pp->fw, i, &sender); i++)
		fprintf(f, "%s %s\n", addr_format(&sender.addr, addr),
		    mac_format(sender.mac, mac));
	if (fclose(f) != 0 || rename(temp, pp->path) == -1)
		log_warn("%s: cannot be saved", pp->path);
}

static bool
number_of(const char *word, uint64_t max, uint64_t *n)
{
	const char *why;

	return text_number(word, 0, max, n, &why);
}

bool
priv_pins_parse(char *line, uint64_t wall, struct fw_pin *p)
{
	char *words[WORDS], *rest = line;
	uint64_t proto, port, until;

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < WORDS; i++) {
		if ((words[i] = strsep(&rest, " ")) == NULL)
			return false;
	}
	if (rest == NULL || !addr_parse(words[0], &p->src) || !addr_parse(words[1], &p->dst) ||
	    !number_of(words[2], UINT8_MAX, &proto) || !number_of(words[3], UINT16_MAX, &port) ||
	    !number_of(words[4], UINT64_MAX, &until) ||
	    copy_string(p->name, words[5], sizeof(p->name)) >= sizeof(p->name) ||
	    copy_string(p->guest, rest, sizeof(p->guest)) >= sizeof(p->guest))
		return false;
	p->proto = (uint8_t)proto;
	p->port = (uint16_t)port;
	/* A clock that was put back makes no pin longer than any may be. */
	if (until > wall)
		p->seconds = until - wall < FW_PIN_SECONDS_MAX ? (uint32_t)(until - wall) :
		    FW_PIN_SECONDS_MAX;
	return pin_check(p) == NULL;
}

bool
priv_pins_parse_sender(char *line, struct fw_sender *sender)
{
	char *addr = strsep(&line, " ");

	memset(sender, 0, sizeof(*sender));
	return line != NULL && addr_parse(addr, &sender->addr) &&
	    mac_parse(line, strlen(line), sender->mac) && mac_is_known(sender->mac);
}

/* What the rules of pins need, and whose it is. */
static void
take_line(struct priv_pins *pp, char *line, uint64_t wall)
{
	struct fw_sender *sender = &pp->senders[pp->nsenders];
	struct fw_pin p;

	if (strchr(line, ' ') != strrchr(line, ' ')) {
		if (priv_pins_parse(line, wall, &p) && p.seconds > 0)
			free(firewall_pin(pp->fw, &p));
	} else if (pp->nsenders < FW_SENDERS_MAX && priv_pins_parse_sender(line, sender))
		pp->nsenders++;
}

void
priv_pins_load(struct priv_pins *pp)
{
	const uint64_t wall = now_wall() / 1000000;
	int fd = open(pp->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *f = fd != -1 ? fdopen(fd, "r") : NULL;
	char line[LINE_SIZE];

	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) == NULL || strcmp(line, first_line) != 0)
		log_warnx("%s: is damaged; guests must look names up again", pp->path);
	else
		while (fgets(line, sizeof(line), f) != NULL) {
			line[strcspn(line, "\n")] = '\0';
			take_line(pp, line, wall);
		}
	firewall_senders(pp->fw, pp->senders, pp->nsenders);
	pp->nsenders = 0;
	fclose(f);
}

/* ---- requests ---- */

static void
answer(struct priv_pins *pp, uint32_t serial, const char *cause)
{
	struct msg_fw_result m = { .serial = serial, .ok = cause == NULL };

	copy_string(m.cause, cause != NULL ? cause : "", sizeof(m.cause));
	pp->tell(FRAME_FW_RESULT, &m, pp->arg);
}

void
priv_pins_commit(struct priv_pins *pp)
{
	char *cause;

	event_del(pp->soon);
	cause = firewall_commit(pp->fw);
	for (uint32_t i = 0; i < pp->nanswers; i++) {
		struct answer *a = &pp->answers[i];

		answer(pp, a->serial, a->cause != NULL ? a->cause : cause);
		free(a->cause);
	}
	pp->nanswers = 0;
	free(cause);
	if (pp->unsaved)
		pins_save(pp);
}

static void
on_soon(int fd, short what, void *arg)
{
	priv_pins_commit(arg);
}

/* Takes the cause over. A serial of 0 asks for no answer. */
static void
answer_later(struct priv_pins *pp, uint32_t serial, char *cause)
{
	static const struct timeval at_once;

	if (serial == 0) {
		if (cause != NULL)
			log_warnx("pin: %s", cause);
		free(cause);
	} else
		pp->answers[pp->nanswers++] = (struct answer){ serial, cause };
	if (pp->nanswers == ANSWERS_MAX)
		priv_pins_commit(pp);
	else if (!event_pending(pp->soon, EV_TIMEOUT, NULL))
		event_add(pp->soon, &at_once);
}

static void
on_pin(struct priv_pins *pp, const struct msg_fw_pin *m)
{
	char *cause = NULL;

	if (m->on)
		cause = firewall_pin(pp->fw, &m->pin);
	else
		firewall_unpin(pp->fw, &m->pin);
	pp->unsaved = true;
	answer_later(pp, m->serial, cause);
}

/* Lists come in pieces, and count when they are whole. */
static void
on_ranges(struct priv_pins *pp, const struct msg_fw_ranges *m)
{
	char *cause = NULL;

	if (m->first)
		pp->nranges = 0;
	if (pp->nranges + m->n > FW_RANGES_MAX)
		cause = xasprintf("more than %d ranges of addresses", FW_RANGES_MAX);
	else {
		memcpy(pp->ranges + pp->nranges, m->range, m->n * sizeof(m->range[0]));
		pp->nranges += m->n;
	}
	if (m->last && cause == NULL)
		cause = firewall_ranges(pp->fw, pp->ranges, pp->nranges);
	if (m->last || cause != NULL)
		answer_later(pp, m->serial, cause);
}

static void
on_senders(struct priv_pins *pp, const struct msg_fw_senders *m)
{
	char *cause = NULL;

	if (m->first)
		pp->nsenders = 0;
	if (pp->nsenders + m->n > FW_SENDERS_MAX)
		cause = xasprintf("more than %d senders", FW_SENDERS_MAX);
	else {
		memcpy(pp->senders + pp->nsenders, m->sender, m->n * sizeof(m->sender[0]));
		pp->nsenders += m->n;
	}
	if (m->last && cause == NULL)
		firewall_senders(pp->fw, pp->senders, pp->nsenders);
	pp->unsaved |= m->last != 0;
	if (m->last || cause != NULL)
		answer_later(pp, 0, cause);
}

void
priv_pins_frame(struct priv_pins *pp, enum frame type, const void *body)
{
	if (type == FRAME_FW_PIN)
		on_pin(pp, body);
	else if (type == FRAME_FW_RANGES)
		on_ranges(pp, body);
	else
		on_senders(pp, body);
}

/* ---- telling the engine ---- */

void
priv_pins_tell(struct priv_pins *pp)
{
	struct msg_fw_pinned m = { .gone = 0 };

	for (size_t i = 0; firewall_pins(pp->fw, i, &m.pin); i++)
		pp->tell(FRAME_FW_PINNED, &m, pp->arg);
}

void
priv_pins_checked(struct priv_pins *pp)
{
	struct msg_fw_pinned m = { .gone = 1 };

	while (firewall_pin_ended(pp->fw, &m.pin))
		pp->tell(FRAME_FW_PINNED, &m, pp->arg);
}

struct priv_pins *
priv_pins_new(struct event_base *base, struct firewall *fw, const struct conf *conf,
    void (*tell)(enum frame, const void *, void *), void *arg)
{
	struct priv_pins *pp = xcalloc(1, sizeof(*pp));

	pp->fw = fw;
	pp->tell = tell;
	pp->arg = arg;
	snprintf(pp->path, sizeof(pp->path), "%s/pins", conf->state);
	pp->soon = evtimer_new(base, on_soon, pp);
	if (pp->soon == NULL)
		fatalx("out of memory (timer)");
	return pp;
}

void
priv_pins_free(struct priv_pins *pp)
{
	if (pp == NULL)
		return;
	for (uint32_t i = 0; i < pp->nanswers; i++)
		free(pp->answers[i].cause);
	event_free(pp->soon);
	free(pp);
}
