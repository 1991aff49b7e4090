#include "config.h"

#include "inventory/guest_row.h"

#include <string.h>

#include "inventory/provider.h"
#include "text.h"
#include "xmalloc.h"

enum { ERROR_SIZE = 160 };

static bool
key_usable(const char *key, size_t len)
{
	return len > 0 && len < GUEST_KEY_SIZE && key[0] != '-' && text_is_plain(key, len);
}

struct sighting *
guest_row_add(struct sighting *list, size_t *n, size_t max, const char *key, size_t len)
{
	struct sighting *s = sighting_add(list, n, max, "");

	if (s == NULL)
		return NULL;
	if (key_usable(key, len))
		memcpy(s->key, key, len);
	sighting_name(s->name, key, len);
	return s;
}

struct sighting *
guest_row_nic(const struct sighting *guest, struct sighting *list, size_t *n, size_t max)
{
	struct sighting *s = sighting_add(list, n, max, guest->provider);

	if (s == NULL)
		return NULL;
	memcpy(s->key, guest->key, sizeof(s->key));
	memcpy(s->user, guest->user, sizeof(s->user));
	memcpy(s->name, guest->name, sizeof(s->name));
	s->state = guest->state;
	s->kind = guest->kind;
	s->hint = guest->hint;
	s->softnet = guest->softnet;
	s->pid = guest->pid;
	s->uid = guest->uid;
	return s;
}

bool
guest_row_addr(struct sighting *s, const char *text, size_t len)
{
	char copy[ADDR_TEXT_SIZE];
	const char *slash = memchr(text, '/', len), *special;
	struct addr a;

	if (slash != NULL)
		len = (size_t)(slash - text);
	if (len >= sizeof(copy) || s->naddrs == GUEST_ADDRS)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strlen(copy) != len || !addr_parse(copy, &a))
		return false;
	if ((special = addr_special(&a)) != NULL && strcmp(special, "loopback") == 0)
		return false;
	for (uint32_t i = 0; i < s->naddrs; i++) {
		if (addr_equal(&s->addrs[i], &a))
			return false;
	}
	s->addrs[s->naddrs++] = a;
	return true;
}

void
guest_row_mac(struct sighting *s, const char *text)
{
	s->has_mac = text != NULL && mac_parse(text, strlen(text), s->mac) && mac_is_guest(s->mac);
	if (!s->has_mac)
		memset(s->mac, 0, sizeof(s->mac));
}

void
guest_row_ifname(char dst[GH_IFNAME_SIZE], const char *text, size_t len)
{
	char word[GH_GUEST_SIZE];

	sighting_name(word, text, len);
	copy_string(dst, word, GH_IFNAME_SIZE);
}

void
guest_row_source(struct sighting *s, const char *text, size_t len)
{
	guest_row_ifname(s->source, text, len);
}

enum nic_mode
guest_row_mode(const struct mode_word *known, const char *word)
{
	while (known->word != NULL && (word == NULL || strcmp(known->word, word) != 0))
		known++;
	return known->mode;
}

bool
guest_is_uuid(const char *s, size_t len)
{
	static const char pattern[GUEST_UUID_LENGTH + 1] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (len != GUEST_UUID_LENGTH)
		return false;
	for (size_t i = 0; i < GUEST_UUID_LENGTH; i++) {
		if (s[i] == '\0' || (pattern[i] == '-' ? s[i] != '-' :
		    strchr("0123456789abcdefABCDEF", s[i]) == NULL))
			return false;
	}
	return true;
}

bool
guest_line(const char **text, size_t *len, const char **line, size_t *n)
{
	const char *end;

	if (*len == 0)
		return false;
	end = memchr(*text, '\n', *len);
	*line = *text;
	*n = end != NULL ? (size_t)(end - *text) : *len;
	*text += *n + (end != NULL);
	*len -= *n + (end != NULL);
	if (*n > 0 && (*line)[*n - 1] == '\r')
		(*n)--;
	return true;
}

const char *
guest_json_string(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

uint32_t
guest_json_pid(const json_t *obj, const char *key)
{
	const json_int_t n = json_integer_value(json_object_get(obj, key));

	return n > 0 && n <= INT32_MAX ? (uint32_t)n : 0;
}

/* The message quotes the text. */
static char *
no_json(const char *command, const json_error_t *error)
{
	char what[ERROR_SIZE];

	text_escape(what, sizeof(what), error->text, strlen(error->text));
	return xasprintf("\"%s\" printed what is no JSON: line %d: %s", command, error->line, what);
}

json_t *
guest_json_next(const char **text, size_t *len, const char *command, char **cause)
{
	json_error_t error;
	json_t *j;

	while (*len > 0 && memchr(" \t\r\n", **text, 4) != NULL) {
		(*text)++;
		(*len)--;
	}
	if (*len == 0)
		return NULL;
	if ((j = json_loadb(*text, *len, JSON_DISABLE_EOF_CHECK, &error)) == NULL) {
		*cause = no_json(command, &error);
		return NULL;
	}
	*text += error.position;
	*len -= (size_t)error.position;
	return j;
}

json_t *
guest_json_array(const char *text, size_t len, const char *command, char **cause)
{
	json_error_t error;
	json_t *all = json_loadb(text, len, 0, &error);

	if (all == NULL)
		*cause = no_json(command, &error);
	else if (!json_is_array(all)) {
		*cause = xasprintf("\"%s\" printed JSON that is no list", command);
		json_decref(all);
		all = NULL;
	}
	return all;
}
