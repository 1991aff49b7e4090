/*
 * A plan is data: what is to be there, in the order in which it is made; it is
 * undone from its end to its beginning.
 */
#include "config.h"

#include "setup/setup.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/pf.h"
#include "log.h"
#include "xmalloc.h"

struct setup_step *
setup_plan_add(struct setup_plan *p, enum setup_kind kind, const char *name)
{
	struct setup_step *s;

	if (p->n == SETUP_STEPS_MAX)
		fatalx("setup: a plan has more than %d steps", SETUP_STEPS_MAX);
	s = &p->step[p->n++];
	*s = (struct setup_step){ .kind = kind, .name = xstrdup(name), .owner = "root",
		.group = "root" };
	return s;
}

void
setup_words(struct setup_command *c, ...)
{
	const char *word;
	size_t n = 0;
	va_list ap;

	while (c->argv[n] != NULL)
		n++;
	va_start(ap, c);
	while ((word = va_arg(ap, const char *)) != NULL) {
		if (n + 1 == SETUP_ARGS_MAX)
			fatalx("setup: a command has more than %d words", SETUP_ARGS_MAX - 1);
		c->argv[n++] = xstrdup(word);
	}
	va_end(ap);
	c->argv[n] = NULL;
}

void
setup_tool_words(struct setup_command *c, const struct setup_site *site, const char *tool,
    const char *root_option)
{
	setup_words(c, tool, NULL);
	if (site->root[0] != '\0')
		setup_words(c, root_option, site->root, NULL);
}

/* The directory that a file is in; caller frees. */
static char *
directory(const char *file)
{
	char *copy = xstrdup(file), *dir = xstrdup(dirname(copy));

	free(copy);
	return dir;
}

static void
add_dir(struct setup_plan *p, const char *path, mode_t mode, const char *group)
{
	struct setup_step *s = setup_plan_add(p, SETUP_DIR, path);

	s->mode = mode;
	s->group = group;
}

/* Every option at its default, as an operator would begin with. */
static char *
sample(void)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	conf_sample(f);
	fclose(f);
	return text;
}

/* Also holds the record of what was done: it comes first, and goes last. */
void
setup_plan_state(struct setup_plan *p, const struct setup_site *site, const char *admin_group)
{
	add_dir(p, site->conf->state, 0700, admin_group);
}

/*
 * Owners and modes are those that priv gives them when it starts (priv_state.c):
 * the engine saves the allowlist by making a file beside it.
 */
char *
setup_plan_files(struct setup_plan *p, const struct setup_site *site, const char *admin_group)
{
	char *dir = directory(site->conf_path), *list_dir = directory(site->conf->allowlist);
	char *cause = NULL;
	struct setup_step *s;

	if (strcmp(dir, list_dir) != 0)
		add_dir(p, dir, 0755, admin_group);
	add_dir(p, list_dir, 01775, site->conf->user);
	free(dir);
	free(list_dir);
	s = setup_plan_add(p, SETUP_FILE, site->conf_path);
	s->mode = 0644;
	s->group = admin_group;
	s->text = site->undo ? NULL : sample();
	s = setup_plan_add(p, SETUP_FILE, site->conf->allowlist);
	s->mode = 0644;
	s->owner = site->conf->user;
	s->group = admin_group;
	s->text = site->undo ? NULL : setup_template(site, "allowlist", &cause);
	return cause;
}

static void
command_free(struct setup_command *c)
{
	for (size_t i = 0; i < SETUP_ARGS_MAX; i++)
		free(c->argv[i]);
}

void
setup_plan_free(struct setup_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct setup_step *s = &p->step[i];

		free(s->name);
		free(s->text);
		command_free(&s->is);
		command_free(&s->check);
		command_free(&s->load);
		command_free(&s->still);
		for (size_t k = 0; k < SETUP_COMMANDS_MAX; k++) {
			command_free(&s->make[k]);
			command_free(&s->drop[k]);
		}
	}
	free(p->next);
	memset(p, 0, sizeof(*p));
}

char *
setup_plan_give_back(const struct setup_site *site)
{
	struct pf_keep keep;
	char *token, *log, *text;

	memset(&keep, 0, sizeof(keep));
	if (site->root[0] == '\0')
		pf_keep_load(site->conf, &keep);
	token = keep.token != 0 ? xasprintf("; pfctl -X %" PRIu64, keep.token) : xstrdup("");
	log = keep.made_log ? xasprintf("; ifconfig pflog%u destroy", keep.log) : xstrdup("");
	text = xasprintf("%s%s", token, log);
	free(token);
	free(log);
	return text;
}
