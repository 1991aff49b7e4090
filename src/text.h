/*
 * Text for people: guest bytes made harmless, sizes, ages, numbers; and the
 * one strict way in which numbers are read.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes the bytes as printable ASCII: anything outside 0x20..0x7e, and the
 * backslash, becomes \xNN.  Stops before it would overflow and always
 * terminates.  Returns the length written.
 */
size_t	 text_escape(char *dst, size_t size, const void *bytes, size_t len);

/* No control character among so many bytes. */
bool	 text_is_plain(const char *, size_t len);

/* "512", "1.5K", "48.2M": at most five characters. Powers of 1024. Returns dst. */
enum { TEXT_SHORT_SIZE = 24 };
char	*text_bytes(char dst[TEXT_SHORT_SIZE], uint64_t);
/* "12", "1,204", "3.2M": at most five characters below ten million. Returns dst. */
char	*text_count(char dst[TEXT_SHORT_SIZE], uint64_t);
/* A duration in seconds as "7s", "4m", "4h12m", "3d4h".  Returns dst. */
char	*text_age(char dst[TEXT_SHORT_SIZE], uint64_t seconds);

/* 0 to 15; -1: it is no hexadecimal digit. */
int	 text_hex_value(int c);
/*
 * Decimal digits only, no sign, no space, within [min, max].  False leaves
 * *out alone and sets *why to a static phrase ("not a number", "must be
 * between ...").
 */
bool	 text_number(const char *, uint64_t min, uint64_t max, uint64_t *out, const char **why);
/* "90", "30s", "15m", "2h", "7d" to seconds, between 1 s and 366 days. */
bool	 text_duration(const char *, uint64_t *seconds);
/* Shell-style * and ? over the whole string, case-sensitive, in O(n*m). */
bool	 text_glob(const char *pattern, const char *string);
/* Edit distance of two words; 32 where one of them is longer than 31 bytes. */
unsigned text_distance(const char *, const char *);
/* "YYYY-MM-DDTHH:MM[:SS]Z" to and from seconds since the epoch. */
bool	 text_time_parse(const char *, int64_t *);
char	*text_time_format(char dst[32], int64_t);

/* Lines of a file that are wrong beside the first one that is; zeroed to begin with. */
enum { TEXT_LINES_TOLD = 5 };
enum { TEXT_LINES_MAX = 1000 };		/* who finds so many need look for no more */
struct text_lines {
	uint32_t	line[TEXT_LINES_TOLD], n;
};
void	 text_lines_add(struct text_lines *, uint32_t line);
/* "; wrong too are lines 4, 7 and 9", "" if there are none; caller frees. */
char	*text_lines_wrong(const struct text_lines *);

#endif
