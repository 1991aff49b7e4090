/*
 * Listening ports from `netstat -an` of macOS and the BSDs, for a system that tells of
 * other users' sockets only so:
 *
 *	tcp46      0      0  *.445                  *.*                    LISTEN
 *	udp4       0      0  127.0.0.1.123          *.*
 *
 * The port is behind the last dot; a long address may be cut, its port never is.
 */
#include "config.h"

#include "inventory/listeners.h"

#include <netinet/in.h>

#include <string.h>

#include "inventory/guest_row.h"
#include "text.h"

enum { PROTO, RECEIVED, SENT, LOCAL, FOREIGN, STATE, WORDS, LINE_BYTES = 256 };

static bool
is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "::ffff:127.", 11) == 0 ||
	    strcmp(address, "::1") == 0 || strstr(address, "%lo") != NULL;
}

static void
line_take(char *line, struct listeners *l)
{
	const char *words[WORDS] = { "", "", "", "", "", "" }, *why;
	char *word, *port;
	size_t k = 0;
	uint64_t number;
	bool tcp;

	while (k < WORDS && (word = strsep(&line, " \t")) != NULL) {
		if (*word != '\0')
			words[k++] = word;
	}
	tcp = strncmp(words[PROTO], "tcp", 3) == 0;
	if ((!tcp && strncmp(words[PROTO], "udp", 3) != 0) || strcmp(words[FOREIGN], "*.*") != 0 ||
	    (tcp && strcmp(words[STATE], "LISTEN") != 0) ||
	    (port = strrchr(words[LOCAL], '.')) == NULL)
		return;
	*port++ = '\0';
	if (text_number(port, 1, UINT16_MAX, &number, &why))
		listener_add(l, is_loopback(words[LOCAL]), tcp ? IPPROTO_TCP : IPPROTO_UDP,
		    (uint16_t)number);
}

void
listeners_netstat(const char *text, size_t len, struct listeners *l)
{
	char copy[LINE_BYTES];
	const char *line;
	size_t k;

	while (guest_line(&text, &len, &line, &k)) {
		if (k >= sizeof(copy))
			continue;
		memcpy(copy, line, k);
		copy[k] = '\0';
		line_take(copy, l);
	}
}
