#include "config.h"

#include "inventory/custom.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/provider.h"
#include "text.h"
#include "xmalloc.h"

/* What a path ("status.networks.0.address") leads to, or NULL. */
static json_t *
at_path(json_t *j, const char *path)
{
	char word[CONF_FIELD_SIZE];
	const char *why;
	uint64_t i;

	while (*path != '\0' && j != NULL) {
		const size_t len = strcspn(path, ".");

		memcpy(word, path, len);
		word[len] = '\0';
		if (json_is_array(j))
			j = text_number(word, 0, UINT32_MAX, &i, &why) ? json_array_get(j, (size_t)i) : NULL;
		else
			j = json_object_get(j, word);
		path += len + (path[len] == '.');
	}
	return j;
}

static const char *
string_at(json_t *j, const char *path)
{
	return *path != '\0' ? json_string_value(at_path(j, path)) : NULL;
}

/* An address, or a list of them. */
static void
addresses_take(struct sighting *s, json_t *j, const char *path)
{
	json_t *value = *path != '\0' ? at_path(j, path) : NULL, *one;
	size_t i;

	if (json_is_string(value))
		guest_row_addr(s, json_string_value(value), json_string_length(value));
	json_array_foreach (value, i, one) {
		if (json_is_string(one))
			guest_row_addr(s, json_string_value(one), json_string_length(one));
	}
}

static enum guest_state
state_at(const struct conf_provider *p, json_t *row)
{
	json_t *state = p->field_state[0] != '\0' ? at_path(row, p->field_state) : NULL;

	if (json_is_boolean(state))
		return json_is_true(state) ? GUEST_RUNNING : GUEST_STOPPED;
	if (!json_is_string(state))
		return GUEST_UNKNOWN;
	return strcmp(json_string_value(state), p->running) == 0 ? GUEST_RUNNING : GUEST_STOPPED;
}

/* name: of the member that the row is, where rows are an object's; else NULL. */
static void
row_take(const struct conf_provider *p, const char *name, json_t *row, struct sighting *list,
    size_t *n, size_t max)
{
	const char *said = string_at(row, p->field_name);
	struct sighting *s;

	if (said != NULL)
		name = said;
	if (name == NULL || *name == '\0' ||
	    (s = guest_row_add(list, n, max, name, strlen(name))) == NULL)
		return;
	s->state = (uint8_t)state_at(p, row);
	guest_row_mac(s, string_at(row, p->field_mac));
	addresses_take(s, row, p->field_address);
}

static char *
all_take(const struct conf_provider *p, json_t *all, struct sighting *list, size_t *n, size_t max)
{
	json_t *rows = at_path(all, p->rows), *row;
	const char *name;
	size_t i;

	json_array_foreach (rows, i, row)
		row_take(p, NULL, row, list, n, max);
	/* An object is a guest if it has a name, else its members are. */
	if (json_is_object(rows) && string_at(rows, p->field_name) != NULL)
		row_take(p, NULL, rows, list, n, max);
	else if (json_is_object(rows)) {
		json_object_foreach (rows, name, row)
			row_take(p, name, row, list, n, max);
	} else if (!json_is_array(rows))
		return xasprintf("\"%s\" printed JSON that has no list of guests%s%s", p->command.word[0],
		    p->rows[0] != '\0' ? " at " : "", p->rows);
	return NULL;
}

char *
custom_parse(const struct conf_provider *p, const char *text, size_t len, struct sighting *list,
    size_t *n, size_t max)
{
	char *cause = NULL;
	json_t *all;

	while (cause == NULL &&
	    (all = guest_json_next(&text, &len, p->command.word[0], &cause)) != NULL) {
		cause = all_take(p, all, list, n, max);
		json_decref(all);
	}
	return cause;
}
