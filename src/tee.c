/*
 * The tee: while at least one client asked, net sends each blocked packet as
 * it is, and every such client gets it as a notification.
 *
 * Only one program can read the log device, so whoever wants to keep packets
 * gets them here.  Nothing waits for a client: what it has no room for is
 * skipped and counted, as is what net had to skip, and the count goes with
 * the next packet.  The packet itself is never looked into; it leaves as it
 * came, as base64.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base64.h"
#include "engine.h"
#include "xmalloc.h"

enum { LINE_SIZE = 256 + BASE64_SIZE(PACKET_BYTES_MAX) };

struct tee {
	struct tee	*next;
	uint64_t	 client;
	uint64_t	 packets, missed;
};

static struct tee **
tee_find(struct engine *e, uint64_t client)
{
	struct tee **p;

	for (p = &e->tees; *p != NULL && (*p)->client != client; p = &(*p)->next)
		continue;
	return p;
}

static void
tee_switch(struct engine *e, bool on)
{
	struct msg_tee m = { .on = on };

	engine_to_net(e, FRAME_TEE, &m, -1);
}

char *
tee_begin(struct engine *e, uint64_t client)
{
	struct tee **p = tee_find(e, client), *t = *p;

	if (t == NULL && (e->net == NULL || (e->net_state_time != 0 && !e->net_state.capture_up)))
		return xasprintf("nobody reads the log of blocked packets: %s",
		    e->net_state.cause[0] != '\0' ? e->net_state.cause :
		    "net is not running; it is started again");
	if (t == NULL) {
		const bool first = e->tees == NULL;

		t = *p = xcalloc(1, sizeof(*t));
		t->client = client;
		if (first)
			tee_switch(e, true);
	}
	t->packets = t->missed = 0;
	return NULL;
}

void
tee_end(struct engine *e, uint64_t client, uint64_t *packets, uint64_t *missed)
{
	struct tee **p = tee_find(e, client), *t = *p;

	*packets = t != NULL ? t->packets : 0;
	*missed = t != NULL ? t->missed : 0;
	if (t == NULL)
		return;
	*p = t->next;
	free(t);
	if (e->tees == NULL)
		tee_switch(e, false);
}

void
tee_send(struct engine *e)
{
	if (e->tees != NULL)
		tee_switch(e, true);
}

void
tee_missed(struct engine *e, uint64_t total)
{
	/* It only grows; a net that says otherwise says nothing. */
	const uint64_t more = total > e->tee_missed ? total - e->tee_missed : 0;

	for (struct tee *t = e->tees; more != 0 && t != NULL; t = t->next)
		t->missed += more;
	e->tee_missed += more;
}

void
tee_packet(struct engine *e, const struct msg_packet *m)
{
	char data[BASE64_SIZE(PACKET_BYTES_MAX)], line[LINE_SIZE];
	int len;

	tee_missed(e, m->missed);
	if (e->tees == NULL || m->caplen > PACKET_BYTES_MAX || m->len < m->caplen ||
	    m->len > INT32_MAX)
		return;
	base64_encode(data, m->bytes, m->caplen);
	for (struct tee *t = e->tees; t != NULL; t = t->next) {
		if (!control_room(e->control, t->client)) {
			t->missed++;
			continue;
		}
		t->packets++;
		len = snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"method\":\"packet\","
		    "\"params\":{\"time\":%llu.%06u,\"caplen\":%u,\"len\":%u,\"data\":\"%s\","
		    "\"missed\":%llu}}", (unsigned long long)(m->time / 1000000),
		    (unsigned)(m->time % 1000000), m->caplen, m->len, data,
		    (unsigned long long)t->missed);
		control_notify(e->control, t->client, line, (size_t)len);
	}
}
