/* Strings on their way into JSON, and so onto someone's terminal. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <jansson.h>

/* What an operator or the system wrote: kept if it is UTF-8 without control
 * characters, else escaped.  Never NULL. */
json_t	*json_plain(const char *);
/* What a guest may have chosen: printable ASCII is kept, all else escaped. */
json_t	*json_guest(const char *);
/* json_plain(), or null for NULL and "". */
json_t	*json_plain_or_null(const char *);

#endif
