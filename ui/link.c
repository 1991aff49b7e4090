#include "config.h"

#include "link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xmalloc.h"

enum {
	RETRY_FIRST_MS = 200,	/* doubles up to the last */
	RETRY_LAST_MS = 1600,
	CALL_SECONDS = 15,	/* until a request counts as unanswered */
	SWEEP_MS = 500,		/* how often that is looked at */
	OUTPUT_MAX = 1 << 20,	/* an engine that reads nothing is given up */
};

struct call {
	struct call	*next;
	json_int_t	 id;
	uint64_t	 deadline;	/* now_mono() */
	link_reply	 reply;
	void		*arg;
};

struct link {
	struct event_base		*base;
	const char			*path;
	const struct link_handlers	*handlers;
	void				*arg;
	enum link_state			 state;
	struct bufferevent		*bev;
	struct event			*retry, *sweep;
	unsigned			 retry_ms;
	char				*cause;
	enum exit_code			 code;
	json_t				*hello;
	uint64_t			 heard;
	json_int_t			 last_id;
	struct call			*calls;
};

static struct timeval
milliseconds(unsigned ms)
{
	return (struct timeval) { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
}

static void
link_set_state(struct link *l, enum link_state state)
{
	if (l->state == state)
		return;
	l->state = state;
	l->handlers->changed(l->arg);
}

/* Answers every call that waits with a cause. A callback may make new ones. */
static void
link_fail_calls(struct link *l, const char *error)
{
	struct call *calls = l->calls, *next;

	l->calls = NULL;
	for (; calls != NULL; calls = next) {
		next = calls->next;
		if (calls->reply != NULL)
			calls->reply(NULL, error, calls->arg);
		free(calls);
	}
}

/* Ends what is open, remembers why, and tries again later. Takes cause. */
static void
link_lost(struct link *l, char *cause, enum exit_code code)
{
	struct timeval delay;

	if (l->bev != NULL)
		bufferevent_free(l->bev);
	l->bev = NULL;
	free(l->cause);
	l->cause = cause;
	l->code = code;
	delay = milliseconds(l->retry_ms);
	l->retry_ms = l->retry_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : l->retry_ms * 2;
	evtimer_add(l->retry, &delay);
	l->state = LINK_DOWN;
	link_fail_calls(l, "the daemon went away before it answered; "
	    "the header shows whether it took effect once it is back");
	l->handlers->changed(l->arg);
}

static struct call *
link_take_call(struct link *l, json_int_t id)
{
	for (struct call **p = &l->calls; *p != NULL; p = &(*p)->next) {
		struct call *c = *p;

		if (c->id == id) {
			*p = c->next;
			return c;
		}
	}
	return NULL;
}

static void
link_take_line(struct link *l, const char *line, size_t len)
{
	json_t *message = json_loadb(line, len, 0, NULL);
	const json_t *id = json_object_get(message, "id"), *error, *result;
	const char *method = json_string_value(json_object_get(message, "method"));
	const char *text;
	struct call *c;

	l->heard = now_mono();
	if (!json_is_object(message)) {
		json_decref(message);
		link_lost(l, xasprintf("%s: what answers there is not gatehouse's daemon", l->path),
		    EXIT_NO_DAEMON);
		return;
	}
	if (method != NULL && strcmp(method, "update") == 0)
		l->handlers->update(json_object_get(message, "params"), l->arg);
	else if (json_is_integer(id) && (c = link_take_call(l, json_integer_value(id))) != NULL) {
		error = json_object_get(message, "error");
		result = json_object_get(message, "result");
		text = json_string_value(json_object_get(error, "message"));
		if (c->reply != NULL && result != NULL)
			c->reply(result, NULL, c->arg);
		else if (c->reply != NULL)
			c->reply(NULL, text != NULL ? text : "the daemon gave no reason", c->arg);
		free(c);
	}
	json_decref(message);
}

static void
link_readable(struct bufferevent *bev, void *arg)
{
	struct link *l = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;
	size_t len;

	while (l->bev == bev &&
	    (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF)) != NULL) {
		link_take_line(l, line, len);
		free(line);
	}
	if (l->bev == bev && evbuffer_get_length(in) > CONTROL_REPLY_MAX)
		link_lost(l, xasprintf("%s: the daemon sent a line that is too long", l->path),
		    EXIT_NO_DAEMON);
}

static void
link_event(struct bufferevent *bev, short what, void *arg)
{
	struct link *l = arg;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		link_lost(l, xasprintf("the daemon closed the connection (%s)", l->path),
		    EXIT_NO_DAEMON);
}

static void
link_greeted(const json_t *result, const char *error, void *arg)
{
	struct link *l = arg;
	json_int_t protocol = json_integer_value(json_object_get(result, "protocol"));

	if (l->bev == NULL)
		return;
	if (error != NULL) {
		link_lost(l, xstrdup(error), EXIT_NOT_PERMITTED);
		return;
	}
	if (protocol != CONTROL_PROTOCOL) {
		link_lost(l, xasprintf("the daemon speaks protocol %lld, this console %d; "
		    "install the same version of both", (long long)protocol, CONTROL_PROTOCOL),
		    EXIT_NO);
		return;
	}
	json_decref(l->hello);
	l->hello = json_deep_copy(result);
	l->retry_ms = RETRY_FIRST_MS;
	free(l->cause);
	l->cause = NULL;
	link_set_state(l, LINK_UP);
}

/* What an errno of connect() means for an operator. */
static char *
connect_cause(const char *path, int error, enum exit_code *code)
{
	*code = EXIT_NO_DAEMON;
	switch (error) {
	case ENOENT:
		return xasprintf("no socket at %s; start a daemon with: gatehouse daemon", path);
	case ECONNREFUSED:
		return xasprintf("nobody listens at %s; start a daemon with: gatehouse daemon", path);
	case EACCES:
	case EPERM:
		*code = EXIT_NOT_PERMITTED;
		return xasprintf("%s: not permitted; ask to be put into group %s", path,
		    GATEHOUSE_GROUP);
	default:
		return xasprintf("%s: %s", path, strerror(error));
	}
}

static int
link_open(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, saved;

	if (copy_string(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	/* On a Unix socket this never waits: EAGAIN means a full backlog. */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void
link_try(evutil_socket_t unused, short what, void *arg)
{
	struct link *l = arg;
	enum exit_code code;
	char *cause;
	int fd;

	if ((fd = link_open(l->path)) == -1) {
		cause = connect_cause(l->path, errno, &code);
		link_lost(l, cause, code);
		return;
	}
	l->bev = bufferevent_socket_new(l->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(l->bev, link_readable, NULL, link_event, l);
	bufferevent_enable(l->bev, EV_READ | EV_WRITE);
	link_set_state(l, LINK_GREETING);
	link_call(l, "hello", NULL, link_greeted, l);
}

static void
link_sweep(evutil_socket_t unused, short what, void *arg)
{
	struct timeval interval = milliseconds(SWEEP_MS);
	struct link *l = arg;
	uint64_t now = now_mono();
	bool more = true;

	evtimer_add(l->sweep, &interval);
	/* A callback may change the list, so look at it afresh after each. */
	while (more) {
		more = false;
		for (struct call *c = l->calls; c != NULL; c = c->next) {
			if (c->deadline > now)
				continue;
			link_take_call(l, c->id);
			if (c->reply != NULL)
				c->reply(NULL, "the daemon did not answer in time; it may still do "
				    "what was asked", c->arg);
			free(c);
			more = true;
			break;
		}
	}
}

struct link *
link_new(struct event_base *base, const char *path, const struct link_handlers *handlers,
    void *arg)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->path = path;
	l->handlers = handlers;
	l->arg = arg;
	l->retry_ms = RETRY_FIRST_MS;
	l->retry = evtimer_new(base, link_try, l);
	l->sweep = evtimer_new(base, link_sweep, l);
	link_sweep(-1, 0, l);
	event_active(l->retry, EV_TIMEOUT, 0);
	return l;
}

void
link_free(struct link *l)
{
	struct call *next;

	if (l == NULL)
		return;
	for (struct call *c = l->calls; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	if (l->bev != NULL)
		bufferevent_free(l->bev);
	event_free(l->retry);
	event_free(l->sweep);
	json_decref(l->hello);
	free(l->cause);
	free(l);
}

enum link_state
link_state(const struct link *l)
{
	return l->state;
}

const char *
link_cause(const struct link *l)
{
	return l->cause;
}

enum exit_code
link_exit_code(const struct link *l)
{
	return l->code;
}

const json_t *
link_hello(const struct link *l)
{
	return l->hello;
}

uint64_t
link_heard(const struct link *l)
{
	return l->heard;
}

void
link_call(struct link *l, const char *method, json_t *params, link_reply reply, void *arg)
{
	json_t *request;
	struct call *c;
	char *text;

	if (l->bev == NULL || (l->state != LINK_UP && strcmp(method, "hello") != 0)) {
		json_decref(params);
		if (reply != NULL)
			reply(NULL, "not connected to the daemon; nothing was asked of it", arg);
		return;
	}
	if (evbuffer_get_length(bufferevent_get_output(l->bev)) > OUTPUT_MAX) {
		json_decref(params);
		if (reply != NULL)
			reply(NULL, "the daemon takes no requests just now", arg);
		return;
	}
	request = json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", ++l->last_id, "method",
	    method, "params", params != NULL ? params : json_object());
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text == NULL) {
		if (reply != NULL)
			reply(NULL, "the words given are not valid UTF-8", arg);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->id = l->last_id;
	c->deadline = now_mono() + (uint64_t)CALL_SECONDS * 1000000;
	c->reply = reply;
	c->arg = arg;
	c->next = l->calls;
	l->calls = c;
	bufferevent_write(l->bev, text, strlen(text));
	bufferevent_write(l->bev, "\n", 1);
	free(text);
}
