/*
 * Reading the allowlist beside the event loop: a long list takes a good part
 * of a second to read and to compile, and consoles are answered meanwhile.
 *
 * A thread does it, with objects that nobody else knows of until it has ended;
 * then it rings, and the event loop takes them over.  Two things are shared,
 * and both only read: the list that is followed, of which the engine changes
 * nothing while a load goes on (see edit_begin()), and its bytes and ids alone
 * are what the thread looks at; and the path.  Presets are the load's own.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

void
compiled_free(struct compiled *c)
{
	allow_image_close(c->image);
	if (c->fd != -1)
		close(c->fd);
	*c = (struct compiled){ .fd = -1 };
}

char *
compiled_make(struct compiled *c, const struct allowlist *list)
{
	const char *why;
	char *cause = NULL;

	*c = (struct compiled){ .fd = -1 };
	if ((c->fd = allow_compile(list, &c->size, &cause)) == -1)
		return cause;
	if ((c->image = allow_image_open(c->fd, c->size, &why)) == NULL) {
		cause = xasprintf("the compiled allowlist is not valid: %s", why);
		compiled_free(c);
	}
	return cause;
}

static void *
load_main(void *arg)
{
	struct policy_load *w = arg;
	ssize_t n;

	w->list = allowlist_load(w->path, w->old, &w->cause);
	if (w->list != NULL) {
		allowlist_use_presets(w->list, w->presets);
		w->cause = compiled_make(&w->made, w->list);
	}
	if (w->cause != NULL) {
		allowlist_free(w->list);
		w->list = NULL;
	}
	while ((n = write(w->bell[1], "", 1)) == -1 && errno == EINTR)
		;
	return NULL;
}

static void
load_thread(struct policy_load *w)
{
	sigset_t all, former;

	/* Signals are the event loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	w->threaded = pthread_create(&w->thread, NULL, load_main, w) == 0;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	/* Late is better than never. */
	if (!w->threaded)
		load_main(w);
}

struct policy_load *
load_begin(struct event_base *base, const char *path, const struct allowlist *old,
    struct presets *presets, event_callback_fn done, void *arg)
{
	struct policy_load *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(path);
	w->old = old;
	w->presets = presets;
	w->made.fd = -1;
	if (pipe(w->bell) == -1)
		fatal("cannot read the allowlist");
	for (int i = 0; i < 2; i++)
		evutil_make_socket_closeonexec(w->bell[i]);
	w->rung = event_new(base, w->bell[0], EV_READ, done, arg);
	if (w->rung == NULL || event_add(w->rung, NULL) == -1)
		fatalx("out of memory (allowlist)");
	load_thread(w);
	return w;
}

void
load_wait(struct policy_load *w)
{
	if (w->threaded)
		pthread_join(w->thread, NULL);
	w->threaded = false;
}

void
load_free(struct policy_load *w)
{
	if (w == NULL)
		return;
	load_wait(w);
	event_free(w->rung);
	close(w->bell[0]);
	close(w->bell[1]);
	compiled_free(&w->made);
	allowlist_free(w->list);
	presets_free(w->presets);
	free(w->cause);
	free(w->path);
	free(w);
}
