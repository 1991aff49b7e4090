/* The configuration as it would be written in a file, and the sample of all options. */
#include "config.h"

#include "conf_option.h"

#include <string.h>

#include "addr.h"

enum { PER_LINE = 8 };	/* values of a list on one printed line */

static const void *
const_field(const struct conf *c, const struct option *o)
{
	return (const char *)c + o->offset;
}

/* The i-th of the directories of an option of TYPE_DIRS. */
static const char *
dir_at(const struct conf *c, const struct option *o, uint32_t i)
{
	return (const char *)const_field(c, o) + (size_t)i * CONF_PATH_SIZE;
}

/* How many elements a list has, 1 for anything else. */
static uint32_t
list_length(const struct conf *c, const struct option *o)
{
	switch (o->type) {
	case TYPE_DIRS:
		return *dir_at(c, o, 1) != '\0' ? 2 : 1;
	case TYPE_NAMES:
		return ((const struct conf_names *)const_field(c, o))->n;
	case TYPE_PORTS:
		return ((const struct conf_ports *)const_field(c, o))->n;
	case TYPE_ACCOUNTS:
		return ((const struct conf_accounts *)const_field(c, o))->n;
	case TYPE_COMMAND:
		return ((const struct conf_command *)const_field(c, o))->n != 0;
	case TYPE_ACCOUNT:
		return *(const char *)const_field(c, o) != '\0';
	case TYPE_PREFIXES:
		return c->nreach;
	case TYPE_UPSTREAMS:
		return c->nupstreams;
	case TYPE_DOMAINS:
		return c->nchain_direct;
	case TYPE_CHAIN:
		return c->chain_host[0] != '\0';
	case TYPE_PATH:
	case TYPE_HOME:
		return *(const char *)const_field(c, o) != '\0';
	default:
		return 1;
	}
}

static void
choice_print(const struct option *o, uint32_t i, FILE *f)
{
	const char *word = o->unit;

	while (i-- > 0 && strstr(word, " or ") != NULL)
		word = strstr(word, " or ") + 4;
	fprintf(f, "%.*s", (int)strcspn(word, " "), word);
}

/* One element of a list, or the value of anything else. */
static void
value_print(const struct conf *c, const struct option *o, uint32_t i, FILE *f)
{
	char text[ADDR_TEXT_SIZE];

	switch (o->type) {
	case TYPE_BOOL:
		fputs(*(const bool *)const_field(c, o) ? "yes" : "no", f);
		break;
	case TYPE_ACCOUNT:
	case TYPE_PATH:
	case TYPE_HOME:
	case TYPE_GLOBS:
		fputs(const_field(c, o), f);
		break;
	case TYPE_DIRS:
		fputs(dir_at(c, o, i), f);
		break;
	case TYPE_NUMBER:
		fprintf(f, "%u", *(const uint32_t *)const_field(c, o));
		break;
	case TYPE_NUMBER16:
		fprintf(f, "%u", *(const uint16_t *)const_field(c, o));
		break;
	case TYPE_DURATION:
		duration_format(text, sizeof(text), *(const uint32_t *)const_field(c, o));
		fputs(text, f);
		break;
	case TYPE_PROFILE:
		fputs(profile_name(*(const uint32_t *)const_field(c, o)), f);
		break;
	case TYPE_NAMES:
		fputs(((const struct conf_names *)const_field(c, o))->name[i], f);
		break;
	case TYPE_CHOICE:
		choice_print(o, *(const uint32_t *)const_field(c, o), f);
		break;
	case TYPE_ACCOUNTS:
		fputs(((const struct conf_accounts *)const_field(c, o))->name[i], f);
		break;
	case TYPE_COMMAND:
		conf_command_print(const_field(c, o), f);
		break;
	case TYPE_PORTS:
		fprintf(f, "%u", ((const struct conf_ports *)const_field(c, o))->port[i]);
		break;
	case TYPE_PREFIXES:
		fputs(c->reach[i], f);
		break;
	case TYPE_UPSTREAMS:
		fprintf(f, c->upstreams[i].addr.family == 6 ? "[%s]:%u" : "%s:%u",
		    addr_format(&c->upstreams[i].addr, text), c->upstreams[i].port);
		break;
	case TYPE_CHAIN:
		fprintf(f, strchr(c->chain_host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u",
		    c->chain_host, c->chain_port);
		break;
	case TYPE_DOMAINS:
		fputs(c->chain_direct[i], f);
		break;
	default:
		break;
	}
}

/* Eight ports a line, so that a user's line is never too long to be read. */
static void
uids_print(const struct conf *c, const struct option *o, FILE *f)
{
	for (uint32_t i = 0; i < c->nuids; i++) {
		const struct conf_ports *ports = &c->uids[i].ports;
		uint32_t k = 0;

		do {
			fprintf(f, "%s = %s:", o->key, c->uids[i].user);
			for (uint32_t n = 0; n < PER_LINE && k < ports->n; n++, k++)
				fprintf(f, "%s%u", n == 0 ? " " : ", ", ports->port[k]);
			fputc('\n', f);
		} while (k < ports->n);
	}
	if (c->nuids == 0)
		fprintf(f, "%s =\n", o->key);
}

static void
option_print(const struct conf *c, const struct option *o, FILE *f)
{
	/* Prefixes are the longest elements and the shortest lines. */
	const uint32_t n = list_length(c, o), each = o->type == TYPE_PREFIXES ? 3 :
		o->type == TYPE_DOMAINS ? 1 : PER_LINE;

	if (o->type == TYPE_UIDS) {
		uids_print(c, o, f);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (i % each == 0)
			fprintf(f, "%s%s = ", i == 0 ? "" : "\n", o->key);
		else
			fputs(", ", f);
		value_print(c, o, i, f);
	}
	if (n == 0)
		fprintf(f, "%s =", o->key);
	fputc('\n', f);
}

static bool
section_starts(int i)
{
	return i == 0 || strcmp(option_table[i].section, option_table[i - 1].section) != 0;
}

void
conf_print(const struct conf *c, FILE *f)
{
	for (int i = 0; i < option_count; i++) {
		if (section_starts(i))
			fprintf(f, "%s[%s]\n", i == 0 ? "" : "\n", option_table[i].section);
		option_print(c, &option_table[i], f);
	}
	conf_provider_print(c, f);
}

/* A help text as comment lines. */
static void
help_print(const struct option *o, FILE *f)
{
	fputs("# ", f);
	for (const char *s = o->help; *s != '\0'; s++) {
		fputc(*s, f);
		if (*s == '\n')
			fputs("# ", f);
	}
	fprintf(f, "\n# (%s)\n", o->unit);
}

void
conf_sample(FILE *f)
{
	fputs("# gatehouse.conf: see gatehouse.conf(5).\n"
	    "#\n"
	    "# Each option stands here commented out, with its default. A list may go on in\n"
	    "# a second line of the same name. Check with: gatehouse daemon -n\n", f);
	for (int i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];

		if (section_starts(i))
			fprintf(f, "\n[%s]\n", o->section);
		else
			fputc('\n', f);
		help_print(o, f);
		fprintf(f, "#%s =%s%s\n", o->key, *o->def != '\0' ? " " : "", o->def);
	}
}
