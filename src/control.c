/*
 * The server's end of the control socket: lines in, lines out.
 *
 * A client is a connection with what it sent and has not been read yet (less
 * than one request), and what it was sent and has not read yet.  Both are
 * bounded: a line longer than CONTROL_REQUEST_MAX is answered with an error
 * and skipped; while more than CONTROL_UNREAD_MAX of answers wait, no more of
 * its requests are read, so a client that only writes is held by its own
 * socket.  What requests mean is the handler's business.
 */
#include "config.h"

#include "control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "json_text.h"
#include "log.h"
#include "peer.h"
#include "xmalloc.h"

enum {
	LISTEN_BACKLOG = 16,
	READ_SIZE = 16 << 10,
	TURN_REQUESTS = 16,	/* of one client before others have their turn */
	METHOD_MAX = 64,
};

struct client {
	struct client		*next;
	struct control		*control;
	struct control_peer	 peer;
	int			 fd;
	struct event		*readable, *writable, *again;
	struct evbuffer		*in, *out;
	size_t			 scanned;	/* bytes of in without a newline */
	unsigned		 calls;		/* taken by the handler, not answered */
	bool			 skipping;	/* the rest of an oversized line */
	bool			 ended;		/* it will send no more */
	bool			 closing;	/* once out is empty */
};

struct control {
	struct event_base	*base;
	struct control_handler	 handler;
	struct client		*clients;
	size_t			 nclients, nwatchers;
	uint64_t		 next_client;
	int			 fd;
	struct event		*listener, *resume;
	char			 path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	/* What decides who may act. */
	bool			 others_may_watch, has_group, self_is_operator;
	gid_t			 group;
	char			 group_name[32];
};

/* ---- clients ---- */

static void
client_free(struct client *c)
{
	struct control *s = c->control;
	struct client **p;

	for (p = &s->clients; *p != c; p = &(*p)->next)
		continue;
	*p = c->next;
	s->nclients--;
	if (!c->peer.operator)
		s->nwatchers--;
	if (s->handler.closed != NULL)
		s->handler.closed(c->peer.client, s->handler.arg);
	event_free(c->readable);
	event_free(c->writable);
	event_free(c->again);
	evbuffer_free(c->in);
	evbuffer_free(c->out);
	close(c->fd);
	free(c);
}

static struct client *
client_find(struct control *s, uint64_t id)
{
	struct client *c;

	for (c = s->clients; c != NULL && c->peer.client != id; c = c->next)
		continue;
	return c;
}

static void
client_send(struct client *c, const char *line, size_t len)
{
	if (evbuffer_add(c->out, line, len) == -1 || evbuffer_add(c->out, "\n", 1) == -1)
		fatalx("out of memory (control)");
	event_add(c->writable, NULL);
}

/* Sends the object and drops the reference. */
static void
client_send_json(struct client *c, json_t *message)
{
	char *line = json_dumps(message, JSON_COMPACT);

	if (line == NULL)
		fatalx("cannot write a control message");
	client_send(c, line, strlen(line));
	free(line);
	json_decref(message);
}

/* Takes the reference to id, which may be NULL. */
static json_t *
error_message(json_t *id, int code, const char *text)
{
	return json_pack("{s:s, s:o, s:{s:i, s:o}}", "jsonrpc", "2.0", "id",
	    id != NULL ? id : json_null(), "error", "code", code, "message", json_plain(text));
}

static void
client_error(struct client *c, json_t *id, int code, const char *text)
{
	client_send_json(c, error_message(id, code, text));
}

/* ---- requests ---- */

/* Jansson recurses as deep as the text nests, so the text is looked at first. */
static bool
depth_ok(const char *text, size_t len)
{
	int depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		if (string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				string = false;
		} else if (text[i] == '"')
			string = true;
		else if (text[i] == '{' || text[i] == '[') {
			if (++depth > CONTROL_DEPTH_MAX)
				return false;
		} else if (text[i] == '}' || text[i] == ']')
			depth--;
	}
	return true;
}

/* NULL, or what is wrong with the members of a request. */
static const char *
request_check(const json_t *request)
{
	const json_t *version = json_object_get(request, "jsonrpc");
	const json_t *id = json_object_get(request, "id");
	const json_t *method = json_object_get(request, "method");
	const json_t *params = json_object_get(request, "params");

	if (!json_is_object(request))
		return json_is_array(request) ? "batches are not taken; send one request a line" :
		    "a request is an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" must be a string, a number or null";
	if (json_string_length(id) > METHOD_MAX)
		return "\"id\" is too long";
	if (!json_is_string(method) || json_string_length(method) > METHOD_MAX)
		return "\"method\" must be the name of a method";
	if (params != NULL && !json_is_object(params))
		return "\"params\" must be an object";
	return NULL;
}

static void
client_request(struct client *c, const char *line, size_t len)
{
	struct control *s = c->control;
	struct control_call *call;
	json_t *request, *params, *id;
	json_error_t error;
	const char *why;

	if (!depth_ok(line, len)) {
		client_error(c, NULL, CONTROL_PARSE, "the request is nested too deeply");
		return;
	}
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (request == NULL) {
		client_error(c, NULL, CONTROL_PARSE, "the request is not JSON");
		return;
	}
	why = request_check(request);
	id = json_object_get(request, "id");
	if (why != NULL) {
		if (!json_is_string(id) && !json_is_number(id))
			id = NULL;
		if (json_string_length(id) > METHOD_MAX)
			id = NULL;
		client_error(c, json_incref(id), CONTROL_INVALID, why);
	} else {
		params = json_object_get(request, "params");
		params = params != NULL ? json_incref(params) : json_object();
		call = xcalloc(1, sizeof(*call));
		call->control = s;
		call->peer = c->peer;
		call->id = json_incref(id);
		c->calls++;
		s->handler.request(call, json_string_value(json_object_get(request, "method")),
		    params, s->handler.arg);
		json_decref(params);
	}
	json_decref(request);
}

/* Takes one line out of what was read. False: there is none yet. */
static bool
client_line(struct client *c)
{
	struct evbuffer_ptr from, end;
	size_t len, eol;
	char *line;

	evbuffer_ptr_set(c->in, &from, c->scanned, EVBUFFER_PTR_SET);
	end = evbuffer_search(c->in, "\n", 1, &from);
	len = evbuffer_get_length(c->in);
	if (end.pos == -1) {
		c->scanned = len;
		if (len > CONTROL_REQUEST_MAX) {
			evbuffer_drain(c->in, len);
			c->scanned = 0;
			if (!c->skipping)
				client_error(c, NULL, CONTROL_INVALID, "the request is too long");
			c->skipping = true;
		}
		return false;
	}
	len = (size_t)end.pos;
	eol = 1;
	c->scanned = 0;
	if (c->skipping || len > CONTROL_REQUEST_MAX) {
		if (!c->skipping)
			client_error(c, NULL, CONTROL_INVALID, "the request is too long");
		c->skipping = false;
		evbuffer_drain(c->in, len + eol);
		return true;
	}
	line = xmalloc(len + 1);
	evbuffer_remove(c->in, line, len);
	line[len] = '\0';
	evbuffer_drain(c->in, eol);
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > 0)
		client_request(c, line, len);
	free(line);
	return true;
}

static bool
client_full(const struct client *c)
{
	return evbuffer_get_length(c->out) > CONTROL_UNREAD_MAX || c->calls >= TURN_REQUESTS;
}

/* It has sent all it will: what is left is no whole request. */
static void
client_finish(struct client *c)
{
	if (evbuffer_get_length(c->in) > 0 && !c->skipping)
		client_error(c, NULL, CONTROL_PARSE, "the request ends before its newline");
	evbuffer_drain(c->in, evbuffer_get_length(c->in));
	c->scanned = 0;
	c->closing = true;
	event_add(c->writable, NULL);
}

/* Answers what has arrived, as far as the client's share goes. */
static void
client_turn(struct client *c)
{
	static const struct timeval now = { 0, 0 };
	int n;

	if (c->closing)
		return;
	for (n = 0; n < TURN_REQUESTS && !client_full(c); n++) {
		if (client_line(c))
			continue;
		if (c->ended)
			client_finish(c);
		else
			event_add(c->readable, NULL);
		return;
	}
	event_del(c->readable);
	if (!client_full(c))
		event_add(c->again, &now);
}

static void
client_again(int fd, short what, void *arg)
{
	client_turn(arg);
}

static void
client_readable(int fd, short what, void *arg)
{
	struct client *c = arg;
	int n = evbuffer_read(c->in, fd, READ_SIZE);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		client_free(c);
		return;
	}
	if (n == 0) {
		c->ended = true;
		event_del(c->readable);
	}
	client_turn(c);
}

static void
client_writable(int fd, short what, void *arg)
{
	struct client *c = arg;
	bool was_full = client_full(c);
	int n;

	if (evbuffer_get_length(c->out) > 0) {
		n = evbuffer_write(c->out, fd);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			client_free(c);
			return;
		}
	}
	if (evbuffer_get_length(c->out) > 0)
		event_add(c->writable, NULL);
	else if (c->closing && c->calls == 0) {
		client_free(c);
		return;
	}
	if (was_full && !client_full(c))
		client_turn(c);
}

/* ---- who it is ---- */

/* NULL when the peer may connect, else why not; caller frees. */
static char *
peer_identify(const struct control *s, int fd, struct control_peer *peer)
{
	uid_t uid;

	if (!peer_uid(fd, &uid))
		return xasprintf("the system does not say who you are: %s", strerror(errno));
	peer->uid = uid;
	peer->operator = uid == 0 || (s->self_is_operator && uid == geteuid()) ||
	    (s->has_group && peer_in_group(fd, s->group));
	if (peer->operator || s->others_may_watch)
		return NULL;
	return xasprintf("user %u may not use gatehouse here: become root or a member of group "
	    "%s, or let others watch with \"others-may-watch = yes\" in gatehouse.conf",
	    (unsigned)uid, s->group_name[0] != '\0' ? s->group_name : GATEHOUSE_GROUP);
}

/* Says no in one line, without waiting, and closes. */
static void
refuse(int fd, enum control_error code, const char *why)
{
	json_t *message = error_message(NULL, code, why);
	char *line = json_dumps(message, JSON_COMPACT);
	char *text = xasprintf("%s\n", line != NULL ? line : "");

	if (send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		log_debug("a refused client does not listen: %s", strerror(errno));
	close(fd);
	free(text);
	free(line);
	json_decref(message);
}

void
control_adopt(struct control *s, int fd)
{
	struct control_peer peer = { 0 };
	struct client *c;
	char *cause;

	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	if ((cause = peer_identify(s, fd, &peer)) != NULL) {
		refuse(fd, CONTROL_NOT_PERMITTED, cause);
		free(cause);
		return;
	}
	/* Watchers must not be able to lock operators out. */
	if (s->nclients >= CONTROL_CLIENTS_MAX ||
	    (!peer.operator && s->nwatchers >= CONTROL_WATCHERS_MAX)) {
		refuse(fd, CONTROL_BUSY, "too many consoles are connected; close one and try again");
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->control = s;
	c->fd = fd;
	c->peer = peer;
	c->peer.client = ++s->next_client;
	c->in = evbuffer_new();
	c->out = evbuffer_new();
	c->readable = event_new(s->base, fd, EV_READ | EV_PERSIST, client_readable, c);
	c->writable = event_new(s->base, fd, EV_WRITE, client_writable, c);
	c->again = event_new(s->base, -1, 0, client_again, c);
	if (c->in == NULL || c->out == NULL || c->readable == NULL || c->writable == NULL ||
	    c->again == NULL || event_add(c->readable, NULL) == -1)
		fatalx("out of memory (control)");
	c->next = s->clients;
	s->clients = c;
	s->nclients++;
	if (!peer.operator)
		s->nwatchers++;
}

/* ---- the socket ---- */

static void
control_accept(int fd, short what, void *arg)
{
	static const struct timeval pause = { 0, 500000 };
	struct control *s = arg;
	int conn = accept(fd, NULL, NULL);

	if (conn != -1) {
		control_adopt(s, conn);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors: the socket stays readable, so look away for a while. */
	log_warn("cannot accept a console");
	event_del(s->listener);
	event_add(s->resume, &pause);
}

static void
control_resume(int fd, short what, void *arg)
{
	struct control *s = arg;

	event_add(s->listener, NULL);
}

/* A socket file that nobody answers is left over and removed. */
static char *
socket_clear(const struct sockaddr_un *sun)
{
	struct stat st;
	char *cause = NULL;
	int fd;

	if (lstat(sun->sun_path, &st) == -1)
		return NULL;
	if (!S_ISSOCK(st.st_mode))
		return xasprintf("%s is in the way and is not a socket: remove it", sun->sun_path);
	fd = fds_socket_async(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return xasprintf("socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN)
		cause = xasprintf("%s: another gatehouse daemon is serving there; "
		    "stop it with \"gatehouse shutdown\" first", sun->sun_path);
	else if (unlink(sun->sun_path) == -1)
		cause = xasprintf("%s: cannot remove what a former daemon left: %s",
		    sun->sun_path, strerror(errno));
	close(fd);
	return cause;
}

static void
control_permissions(struct control *s, const struct conf *conf)
{
	struct group *gr = getgrnam(conf->group);
	struct passwd *pw = getpwnam(conf->user);
	struct stat st;

	copy_string(s->group_name, conf->group, sizeof(s->group_name));
	s->others_may_watch = conf->others_may_watch;
	s->has_group = gr != NULL;
	if (gr != NULL)
		s->group = gr->gr_gid;
	/* The daemon's own user may act, unless it is the one that net runs as too. */
	s->self_is_operator = pw == NULL || pw->pw_uid != geteuid();
	if (gr != NULL && chown(s->path, (uid_t)-1, gr->gr_gid) == -1 &&
	    (stat(s->path, &st) == -1 || st.st_gid != gr->gr_gid))
		log_warn("%s: cannot give it to group %s; only root can connect", s->path,
		    conf->group);
	if (chmod(s->path, s->others_may_watch ? 0666 : 0660) == -1)
		log_warn("%s: cannot set its mode", s->path);
}

char *
control_listen(struct control *s, const struct conf *conf)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char *cause;
	mode_t mask;
	int fd, failed;

	if (copy_string(sun.sun_path, conf->control, sizeof(sun.sun_path)) >= sizeof(sun.sun_path))
		return xasprintf("%s: the path is too long for a socket; set [daemon] control to "
		    "one shorter than %zu bytes", conf->control, sizeof(sun.sun_path));
	if ((cause = socket_clear(&sun)) != NULL)
		return cause;
	if ((fd = fds_socket_async(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return xasprintf("socket: %s", strerror(errno));
	mask = umask(0117);
	failed = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1;
	umask(mask);
	if (failed) {
		cause = xasprintf("%s: cannot serve the control socket: %s; does its directory "
		    "exist, and may user %u write there?", sun.sun_path, strerror(errno),
		    (unsigned)geteuid());
		close(fd);
		return cause;
	}
	copy_string(s->path, sun.sun_path, sizeof(s->path));
	control_permissions(s, conf);
	s->fd = fd;
	s->listener = event_new(s->base, fd, EV_READ | EV_PERSIST, control_accept, s);
	s->resume = event_new(s->base, -1, 0, control_resume, s);
	if (s->listener == NULL || s->resume == NULL || event_add(s->listener, NULL) == -1)
		fatalx("out of memory (control)");
	return NULL;
}

void
control_reconf(struct control *s, const struct conf *conf)
{
	if (s->fd != -1)
		control_permissions(s, conf);
}

struct control *
control_new(struct event_base *base, const struct control_handler *handler)
{
	struct control *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->handler = *handler;
	s->fd = -1;
	s->self_is_operator = true;
	return s;
}

void
control_free(struct control *s)
{
	if (s == NULL)
		return;
	while (s->clients != NULL)
		client_free(s->clients);
	if (s->fd != -1) {
		event_free(s->listener);
		event_free(s->resume);
		close(s->fd);
		unlink(s->path);
	}
	free(s);
}

/* ---- answers ---- */

/* Sends the message unless the client is gone or asked for no answer. */
static void
call_end(struct control_call *call, json_t *message)
{
	struct client *c = client_find(call->control, call->peer.client);

	if (c != NULL) {
		bool was_full = client_full(c);

		c->calls--;
		if (call->id != NULL)
			client_send_json(c, json_incref(message));
		else if (c->closing)
			event_add(c->writable, NULL);
		/* An answer that came late may let its next requests be read. */
		if (was_full && !client_full(c)) {
			static const struct timeval now = { 0, 0 };

			event_add(c->again, &now);
		}
	}
	json_decref(message);
	json_decref(call->id);
	free(call);
}

void
control_reply(struct control_call *call, json_t *result)
{
	call_end(call, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id",
	    call->id != NULL ? call->id : json_null(), "result", result));
}

void
control_fail(struct control_call *call, enum control_error code, char *cause)
{
	call_end(call, error_message(json_incref(call->id), code, cause));
	free(cause);
}

bool
control_ready(struct control *s, uint64_t client)
{
	struct client *c = client_find(s, client);

	return c != NULL && !c->closing && evbuffer_get_length(c->out) == 0;
}

bool
control_room(struct control *s, uint64_t client)
{
	struct client *c = client_find(s, client);

	return c != NULL && !c->closing && evbuffer_get_length(c->out) <= CONTROL_STREAM_MAX;
}

void
control_notify(struct control *s, uint64_t client, const char *line, size_t len)
{
	struct client *c = client_find(s, client);

	if (c != NULL && !c->closing)
		client_send(c, line, len);
}

size_t
control_clients(const struct control *s)
{
	return s->nclients;
}
