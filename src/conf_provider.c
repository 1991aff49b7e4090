/* [provider NAME]: VM managers that we do not know, by a command that prints JSON. */
#include "config.h"

#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

#define AT(field, size)	offsetof(struct conf_provider, field), size

static const struct {
	const char	*key;
	size_t		 offset, size;
	const char	*def;
} keys[] = {
	{ "user", AT(user, 32), "" },
	{ "rows", AT(rows, CONF_FIELD_SIZE), "" },
	{ "name", AT(field_name, CONF_FIELD_SIZE), "name" },
	{ "state", AT(field_state, CONF_FIELD_SIZE), "" },
	{ "running", AT(running, 32), "running" },
	{ "mac", AT(field_mac, CONF_FIELD_SIZE), "" },
	{ "address", AT(field_address, CONF_FIELD_SIZE), "" },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

char *
conf_command_parse(struct conf_command *c, const char *value)
{
	memset(c, 0, sizeof(*c));
	while (*(value += strspn(value, " \t")) != '\0') {
		const size_t len = strcspn(value, " \t");

		if (c->n == CONF_COMMAND_WORDS)
			return xasprintf("the command has more than %d words; write a script",
			    CONF_COMMAND_WORDS);
		if (len >= CONF_WORD_SIZE)
			return xasprintf("a word is longer than %d bytes; write a script",
			    CONF_WORD_SIZE - 1);
		memcpy(c->word[c->n++], value, len);
		value += len;
	}
	if (c->n > 0 && c->word[0][0] != '/')
		return xasprintf("\"%s\" is not an absolute path; start it with /", c->word[0]);
	return NULL;
}

void
conf_command_print(const struct conf_command *c, FILE *f)
{
	for (uint32_t i = 0; i < c->n; i++)
		fprintf(f, "%s%s", i > 0 ? " " : "", c->word[i]);
}

static bool
name_ok(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len < sizeof(((struct conf_provider *)0)->name) &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && name[0] != '-';
}

/* What these are called decides what is made of their words. */
static bool
is_taken(const char *name)
{
	static const char *const names[] = { "neighbours", "uid", "leases", "libvirt", "dhcpd", "qemu",
		"ps", "tart", "lima", "colima", "container", "utm", "multipass", "incus", "lxd", "virsh" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* The section's, which is made where it is new; NULL and *cause. */
static struct conf_provider *
provider_of(struct conf *c, const char *name, char **cause)
{
	struct conf_provider *p;

	*cause = NULL;
	for (uint32_t i = 0; i < c->nproviders; i++) {
		if (strcmp(c->providers[i].name, name) == 0)
			return &c->providers[i];
	}
	if (!name_ok(name))
		*cause = xasprintf("[provider %s]: a provider's name has 1 to %zu small letters, digits "
		    "and \"-\"", name, sizeof(p->name) - 1);
	else if (is_taken(name))
		*cause = xasprintf("[provider %s]: there is one of that name already; choose another", name);
	else if (c->nproviders == CONF_PROVIDERS_MAX)
		*cause = xasprintf("[provider %s]: there are %d already", name, CONF_PROVIDERS_MAX);
	if (*cause != NULL)
		return NULL;
	p = &c->providers[c->nproviders++];
	memset(p, 0, sizeof(*p));
	copy_string(p->name, name, sizeof(p->name));
	for (int i = 0; i < KEYS; i++)
		copy_string((char *)p + keys[i].offset, keys[i].def, keys[i].size);
	return p;
}

char *
conf_provider_take(struct conf *c, const char *name, const char *key, const char *value)
{
	struct conf_provider *p;
	char *cause, *named;

	if ((p = provider_of(c, name, &cause)) == NULL)
		return cause;
	if (strcmp(key, "command") == 0) {
		if ((cause = conf_command_parse(&p->command, value)) == NULL)
			return NULL;
		named = xasprintf("command: %s", cause);
		free(cause);
		return named;
	}
	for (int i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].key, key) != 0)
			continue;
		return copy_string((char *)p + keys[i].offset, value, keys[i].size) < keys[i].size ? NULL :
		    xasprintf("%s: longer than %zu bytes", key, keys[i].size - 1);
	}
	return xasprintf("there is no option \"%s\" in [provider %s]; it has command, user, rows, name, "
	    "state, running, mac, address", key, name);
}

char *
conf_provider_check(const struct conf *c)
{
	for (uint32_t i = 0; i < c->nproviders; i++) {
		const struct conf_provider *p = &c->providers[i];

		if (p->command.n == 0)
			return xasprintf("[provider %s] has no command", p->name);
		if (p->field_name[0] == '\0')
			return xasprintf("[provider %s] name says nothing: which field names a guest?",
			    p->name);
	}
	return NULL;
}

void
conf_provider_print(const struct conf *c, FILE *f)
{
	for (uint32_t i = 0; i < c->nproviders; i++) {
		const struct conf_provider *p = &c->providers[i];

		fprintf(f, "\n[provider %s]\ncommand = ", p->name);
		conf_command_print(&p->command, f);
		fputc('\n', f);
		for (int k = 0; k < KEYS; k++) {
			const char *value = (const char *)p + keys[k].offset;

			if (strcmp(value, keys[k].def) != 0)
				fprintf(f, "%s = %s\n", keys[k].key, value);
		}
	}
}
