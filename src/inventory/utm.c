/*
 * Manager "utm": `utmctl list`, a line a VM under a heading:
 *
 *	UUID                                 Status   Name
 *
 * The name may hold anything, blanks too, so that the UUID is the key; and a line
 * without one (of a name that holds a newline) is no row.  `utmctl ip-address`
 * prints an address a line, as the guest's agent says.
 */
#include "config.h"

#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "inventory/provider.h"
#include "xmalloc.h"

static enum guest_state
state_of(const char *word, size_t len)
{
	static const char *const words[] = { "started", "starting", "pausing", "paused", "resuming",
		"stopping" };

	if (len == strlen("stopped") && memcmp(word, "stopped", len) == 0)
		return GUEST_STOPPED;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (len == strlen(words[i]) && memcmp(word, words[i], len) == 0)
			return GUEST_RUNNING;
	}
	return GUEST_UNKNOWN;
}

static size_t
blanks(const char *s, size_t at, size_t len)
{
	while (at < len && s[at] == ' ')
		at++;
	return at;
}

static void
line_take(const char *line, size_t len, struct sighting *list, size_t *n, size_t max)
{
	const size_t word = blanks(line, GUEST_UUID_LENGTH, len);
	size_t end = word, name;
	struct sighting *s;

	while (end < len && line[end] != ' ')
		end++;
	name = blanks(line, end, len);
	if (word == GUEST_UUID_LENGTH || name == len ||
	    (s = guest_row_add(list, n, max, line, GUEST_UUID_LENGTH)) == NULL)
		return;
	s->state = (uint8_t)state_of(line + word, end - word);
	sighting_name(s->name, line + name, len - name);
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	const size_t had = *n;
	bool heading = false;
	const char *line;
	size_t k;

	while (guest_line(&text, &len, &line, &k)) {
		if (k >= GUEST_UUID_LENGTH && guest_is_uuid(line, GUEST_UUID_LENGTH))
			line_take(line, k, list, n, max);
		else if (k >= 5 && memcmp(line, "UUID ", 5) == 0)
			heading = true;
	}
	return heading || *n > had ? NULL : xstrdup("\"utmctl list\" printed no list of VMs");
}

static char *
address_parse(const char *text, size_t len, struct sighting *rows, size_t *nrows, size_t max)
{
	const char *line;
	size_t k;

	if (*nrows == 0)
		return NULL;
	rows[0].naddrs = 0;
	while (guest_line(&text, &len, &line, &k))
		guest_row_addr(&rows[0], line, k);
	return rows[0].naddrs > 0 ? NULL : xstrdup("\"utmctl ip-address\" printed no address");
}

const struct manager utm_manager = {
	.name = "utm",
	.list = COMMAND_UTM_LIST,
	.list_parse = list_parse,
	/* It needs the guest's agent. */
	.detail = { { COMMAND_UTM_ADDRESS, .running_only = true, .parse = address_parse } },
	.start = COMMAND_UTM_START,
	.stop = COMMAND_UTM_STOP,
	.off = COMMAND_UTM_OFF,
};
