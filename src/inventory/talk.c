#include "config.h"

#include "inventory/talk.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/commands.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum {
	STEP = 64 << 10,
	ERROR_MAX = 4096,	/* of stderr; the rest is not kept */
	GRACE = 5,		/* seconds beyond priv's own deadline */
	DRAIN = 1,		/* seconds that an output may stay open after the end */
};

struct stream {
	int		 fd;
	struct event	*event;
	char		*text;
	size_t		 len, size, max;
	bool		 expected;	/* it has not come yet, or is not at its end */
	size_t		 spilt;		/* read and thrown away */
};

struct talk {
	struct talk	*next;
	struct talks	*talks;
	uint32_t	 serial;
	char		 name[64];
	struct stream	 out, err;
	struct event	*deadline;
	bool		 ran, flooded;
	struct msg_ran	 end;
	void		(*said)(const struct said *, void *);
	void		*arg;
};

struct talks {
	struct event_base	*base;
	bool			(*run)(const struct msg_run *, void *);
	void			*arg;
	struct talk		*list;
	uint32_t		 serial;
};

static void
stream_close(struct stream *s)
{
	if (s->event != NULL)
		event_free(s->event);
	if (s->fd != -1)
		close(s->fd);
	s->event = NULL;
	s->fd = -1;
	s->expected = false;
}

void
talk_end(struct talk *t)
{
	struct talk **p;

	if (t == NULL)
		return;
	for (p = &t->talks->list; *p != t; p = &(*p)->next)
		continue;
	*p = t->next;
	stream_close(&t->out);
	stream_close(&t->err);
	free(t->out.text);
	free(t->err.text);
	event_free(t->deadline);
	free(t);
}

/* The first line of what it complained of, harmless. */
static void
complaint(const struct talk *t, char *dst, size_t size)
{
	const char *text = t->err.len > 0 ? t->err.text : "";
	const size_t len = t->err.len;
	size_t from = 0, to;

	while (from < len && strchr(" \t\r\n", text[from]) != NULL)
		from++;
	for (to = from; to < len && text[to] != '\n' && text[to] != '\r'; to++)
		continue;
	text_escape(dst, size, text + from, to - from);
}

static void
talk_over(struct talk *t)
{
	char cause[GH_CAUSE_SIZE * 2] = "", why[GH_CAUSE_SIZE];
	struct said said = { .how = (enum ran)t->end.how, .text = t->out.len > 0 ? t->out.text : "",
		.len = t->out.len };
	void (*const call)(const struct said *, void *) = t->said;
	void *const arg = t->arg;
	char *const text = t->out.text;

	if (t->flooded)
		snprintf(cause, sizeof(cause), "%s prints more than %d MiB", t->name,
		    COMMAND_OUTPUT_MAX >> 20);
	else if (t->end.how != RAN_EXITED)
		text_escape(cause, sizeof(cause), t->end.cause, strlen(t->end.cause));
	else if (t->end.status != 0) {
		complaint(t, why, sizeof(why));
		snprintf(cause, sizeof(cause), "%s failed (exit status %u)%s%s", t->name,
		    (unsigned)t->end.status, why[0] != '\0' ? ": " : "", why);
	}
	if (t->flooded)
		said.how = RAN_KILLED;
	if (cause[0] != '\0')
		said.cause = cause;
	/* It may begin the next one, or end all of them. */
	t->out.text = NULL;
	talk_end(t);
	call(&said, arg);
	free(text);
}

static void
talk_look(struct talk *t)
{
	const struct timeval drain = { .tv_sec = DRAIN };

	if (!t->ran)
		return;
	if (!t->out.expected && !t->err.expected)
		talk_over(t);
	else
		event_add(t->deadline, &drain);
}

static bool
stream_take(struct stream *s)
{
	ssize_t n;

	if (s->size - s->len < STEP + 1) {
		s->size = s->len + 2 * STEP;
		s->text = xreallocarray(s->text, s->size, 1);
	}
	n = read(s->fd, s->text + s->len, STEP);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	s->len += (size_t)n;
	s->text[s->len] = '\0';
	return true;
}

static void
on_out(evutil_socket_t fd, short what, void *arg)
{
	struct talk *t = arg;

	if (!stream_take(&t->out))
		stream_close(&t->out);
	else if (t->out.len > t->out.max) {
		t->flooded = true;
		stream_close(&t->out);
	}
	talk_look(t);
}

static void
on_err(evutil_socket_t fd, short what, void *arg)
{
	struct talk *t = arg;

	if (!stream_take(&t->err))
		stream_close(&t->err);
	else if (t->err.len > t->err.max) {
		/* What it goes on with is not kept, and has an end as well. */
		t->err.spilt += t->err.len - t->err.max;
		t->err.len = t->err.max;
		if (t->err.spilt > COMMAND_OUTPUT_MAX) {
			t->flooded = true;
			stream_close(&t->err);
		}
	}
	talk_look(t);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct talk *t = arg;

	if (!t->ran) {
		t->end.how = RAN_KILLED;
		snprintf(t->end.cause, sizeof(t->end.cause), "%s did not end in time", t->name);
	}
	talk_over(t);
}

struct talk *
talk_begin(struct talks *ts, const struct msg_run *request, const char *name, unsigned seconds,
    void (*said)(const struct said *, void *), void *arg)
{
	const struct timeval wait = { .tv_sec = (time_t)seconds + GRACE };
	struct msg_run m = *request;
	struct talk *t;

	m.serial = ++ts->serial;
	if (!ts->run(&m, ts->arg))
		return NULL;
	t = xcalloc(1, sizeof(*t));
	t->talks = ts;
	t->serial = m.serial;
	copy_string(t->name, name, sizeof(t->name));
	t->out = (struct stream){ .fd = -1, .max = COMMAND_OUTPUT_MAX, .expected = true };
	t->err = (struct stream){ .fd = -1, .max = ERROR_MAX, .expected = true };
	t->said = said;
	t->arg = arg;
	t->deadline = evtimer_new(ts->base, on_deadline, t);
	if (t->deadline == NULL || event_add(t->deadline, &wait) == -1)
		fatalx("out of memory (inventory)");
	t->next = ts->list;
	ts->list = t;
	return t;
}

static struct talk *
talk_find(struct talks *ts, uint32_t serial)
{
	struct talk *t;

	for (t = ts->list; t != NULL && t->serial != serial; t = t->next)
		continue;
	return t;
}

void
talks_output(struct talks *ts, const struct msg_output *m, int fd)
{
	struct talk *t = talk_find(ts, m->serial);
	struct stream *s = t != NULL ? m->error ? &t->err : &t->out : NULL;

	if (s == NULL || s->fd != -1 || !s->expected || fd == -1) {
		if (fd != -1)
			close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	s->fd = fd;
	s->event = event_new(ts->base, fd, EV_READ | EV_PERSIST, m->error ? on_err : on_out, t);
	if (s->event == NULL || event_add(s->event, NULL) == -1)
		fatalx("out of memory (inventory)");
}

void
talks_ran(struct talks *ts, const struct msg_ran *m)
{
	struct talk *t = talk_find(ts, m->serial);

	if (t == NULL || t->ran)
		return;
	t->ran = true;
	t->end = *m;
	t->end.cause[sizeof(t->end.cause) - 1] = '\0';
	if (m->how >= RAN_COUNT)
		t->end.how = RAN_FAILED;
	/* What was not begun prints nothing. */
	if (t->out.fd == -1)
		t->out.expected = false;
	if (t->err.fd == -1)
		t->err.expected = false;
	talk_look(t);
}

struct talks *
talks_new(struct event_base *base, bool (*run)(const struct msg_run *, void *), void *arg)
{
	struct talks *ts = xcalloc(1, sizeof(*ts));

	ts->base = base;
	ts->run = run;
	ts->arg = arg;
	return ts;
}

void
talks_free(struct talks *ts)
{
	if (ts == NULL)
		return;
	while (ts->list != NULL)
		talk_end(ts->list);
	free(ts);
}
