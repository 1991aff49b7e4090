/*
 * What VM managers told last, kept by priv for the engine that comes after this one: a
 * header, and the rows as they are in memory, which is the same for the same program.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/memfile.h"
#include "engine.h"
#include "hash.h"
#include "log.h"
#include "xmalloc.h"

enum { KEPT_ROWS = (KEPT_SIZE_MAX - 64) / (int)sizeof(struct sighting) };

static const char magic[8] = "ghkept1";
/* From one to the next at least, in microseconds, and as a multiple of what it took. */
static const uint64_t between = 200000, share = 50;

struct kept_header {
	char		magic[sizeof(magic)];
	uint32_t	row_size, n;
};

/* ---- for the next ---- */

static void
kept_send(struct engine *e, const struct sighting *rows, size_t n)
{
	const struct kept_header h = { .row_size = sizeof(*rows), .n = (uint32_t)n };
	const size_t size = sizeof(h) + n * sizeof(*rows);
	const struct msg_kept m = { .size = size };
	char *cause = NULL;
	void *map;
	int fd;

	if ((fd = memfile_new(size, &map, &cause)) == -1) {
		log_warnx("what VM managers told cannot be kept: %s", cause);
		free(cause);
		return;
	}
	memcpy(map, &h, sizeof(h));
	memcpy(map, magic, sizeof(magic));
	memcpy((char *)map + sizeof(h), rows, n * sizeof(*rows));
	if (memfile_seal(fd, map, size, size) == -1 ||
	    (e->priv != NULL && !msg_send(e->priv, FRAME_KEEP, &m, fd)))
		log_warnx("what VM managers told cannot be kept");
	close(fd);
}

void
kept_poll(struct engine *e)
{
	static const struct hash_key key;
	const uint64_t now = now_mono();
	struct sighting *rows;
	uint64_t hash;
	size_t n = 0;

	if (!e->kept_stale || now < e->kept_next)
		return;
	e->kept_stale = false;
	rows = xcalloc(KEPT_ROWS, sizeof(*rows));
	asker_sightings(e->asker, rows, &n, KEPT_ROWS);
	hash = hash_bytes(&key, rows, n * sizeof(*rows));
	if (hash != e->kept_hash)
		kept_send(e, rows, n);
	e->kept_hash = hash;
	free(rows);
	e->kept_next = now_mono() + between + share * (now_mono() - now);
}

/* ---- from the one before ---- */

#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)

static bool
row_is_sound(const struct sighting *s)
{
	bool sound = ENDS(s->provider) && ENDS(s->key) && ENDS(s->user) && ENDS(s->name) &&
	    ENDS(s->source) && ENDS(s->link) && ENDS(s->softnet_at) && ENDS(s->bridge) &&
	    ENDS(s->port) && s->state < GUEST_STATE_COUNT && s->kind < GUEST_KIND_COUNT &&
	    s->mode < NIC_MODE_COUNT && s->naddrs <= GUEST_ADDRS;

	for (uint32_t i = 0; sound && i < s->naddrs; i++)
		sound = s->addrs[i].family == 4 || s->addrs[i].family == 6;
	return sound;
}

const struct sighting *
kept_rows(const void *bytes, size_t len, size_t *n)
{
	const struct sighting *rows = (const void *)((const char *)bytes + sizeof(struct kept_header));
	struct kept_header h;

	*n = 0;
	if (len < sizeof(h))
		return NULL;
	memcpy(&h, bytes, sizeof(h));
	/* Of another version it is of no use. */
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.row_size != sizeof(*rows) ||
	    h.n > KEPT_ROWS || len != sizeof(h) + h.n * sizeof(*rows))
		return NULL;
	for (uint32_t i = 0; i < h.n; i++) {
		if (!row_is_sound(&rows[i]))
			return NULL;
	}
	*n = h.n;
	return rows;
}

static bool
read_all(int fd, void *bytes, size_t len)
{
	char *p = bytes;

	while (len > 0) {
		const ssize_t n = read(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void
kept_take(struct engine *e, const struct msg_kept *m, int fd)
{
	const size_t size = m->size <= KEPT_SIZE_MAX ? (size_t)m->size : 0;
	void *bytes = xmalloc(size + 1);
	const struct sighting *rows;
	size_t n;

	if (fd != -1 && read_all(fd, bytes, size) && (rows = kept_rows(bytes, size, &n)) != NULL)
		asker_recall(e->asker, rows, n);
	free(bytes);
}
