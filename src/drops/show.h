/*
 * A drop in words: for the console, the commands and the journal. All pure.
 */
#ifndef SHOW_H
#define SHOW_H

#include <jansson.h>

#include "gatehouse.h"

enum {
	DROP_WORD_SIZE = 24,
	DROP_NOTE_SIZE = 80,
	DROP_LINE_SIZE = 512
};

/* "tcp", "icmp6", "arp", "proto-253", "0x88b5"; "unknown" if nothing could be read. */
const char	*drop_proto(const struct drop *, char[DROP_WORD_SIZE]);
/* What was wanted: a port as "445", an ICMP type as "echo-request", else "". */
const char	*drop_service(const struct drop *, char[DROP_WORD_SIZE]);
/* What is special about it: "fragment", "truncated, vlan", "SMB"; "" if nothing. */
const char	*drop_note(const struct drop *, char[DROP_NOTE_SIZE]);
/*
 * Is it what any system sends by itself: multicast, discovery, name service
 * broadcasts, router solicitation, group membership? What contradicts itself,
 * was cut into fragments, or could change the neighbours' minds (a router
 * advertisement, an ARP answer) never is.
 */
bool		 drop_is_noise(const struct drop *);
/* Has it passed? The profile observe logs what it lets through, by this label; of a
 * log of pf's that holds more, pflog.c's labels say so. */
bool		 drop_has_passed(const struct drop *);

/* One line without its end; always terminates. Returns its first argument. */
char		*drop_format(char[DROP_LINE_SIZE], const struct drop *);
/* An object with the keys of the control protocol's drops view, but for id and
 * guest, which only the engine knows. The caller owns it. */
json_t		*drop_json(const struct drop *);

#endif
