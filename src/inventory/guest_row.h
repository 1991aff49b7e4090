/*
 * What the files of VM managers (manager.h) share: rows of guests from text that
 * is not to be trusted.
 */
#ifndef GUEST_ROW_H
#define GUEST_ROW_H

#include <jansson.h>

#include "inventory/inventory.h"

/*
 * A new row for a guest of this key, which names it too (guest_row_name() says
 * better).  A key that cannot stand in a command becomes "": the guest is shown
 * all the same.  NULL when the list is full.
 */
struct sighting	*guest_row_add(struct sighting *, size_t *n, size_t max, const char *key,
		    size_t len);
/* One more NIC for the guest of a row: who it is stays, what the NIC is does not.
 * NULL when the list is full. */
struct sighting	*guest_row_nic(const struct sighting *guest, struct sighting *, size_t *n,
		    size_t max);
/* "ADDRESS" or "ADDRESS/BITS". False, and nothing added, for text that is none, for one
 * that is there already, for loopback, and when there is no more room. */
bool		 guest_row_addr(struct sighting *, const char *, size_t len);
/* Text or NULL: none. */
void		 guest_row_mac(struct sighting *, const char *);
/* An interface's name: what could not be one becomes "_" as in sighting_name(). */
void		 guest_row_ifname(char dst[GH_IFNAME_SIZE], const char *, size_t len);
/* The same for its source. */
void		 guest_row_source(struct sighting *, const char *, size_t len);

/* What a manager's word for a kind of network means; the list ends with NULL. */
struct mode_word {
	const char	*word;
	enum nic_mode	 mode;
};
/* NIC_UNKNOWN for a word that is not in the list, or NULL. */
enum nic_mode	 guest_row_mode(const struct mode_word *, const char *word);

/* "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX", and no more. */
enum { GUEST_UUID_LENGTH = 36 };
bool		 guest_is_uuid(const char *, size_t len);

/* The next line of a text, without its end; false past the last. */
bool		 guest_line(const char **text, size_t *len, const char **line, size_t *n);

/* A member of an object, of this type, or NULL; obj may be NULL or no object. */
const char	*guest_json_string(const json_t *obj, const char *key);
/* A positive number that fits, else 0. */
uint32_t	 guest_json_pid(const json_t *obj, const char *key);
/* The next of values that stand one after the other. NULL at the end or with *cause. */
json_t		*guest_json_next(const char **text, size_t *len, const char *command, char **cause);
/* An array, or NULL and *cause: whose output it should be, and where it is wrong. */
json_t		*guest_json_array(const char *text, size_t len, const char *command, char **cause);

#endif
