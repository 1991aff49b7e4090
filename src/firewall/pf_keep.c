/*
 * What we took and must give back once the rules are flushed, in a small file of
 * priv's directory, for it outlives the daemon as the rules do:
 *
 *	gatehouse-pf 1
 *	token 15453987012345
 *	log 7 1790000000
 *	shut 1 1790000000
 *	end
 *
 * where behind the log interface, and behind a setting of bridges, is when this host was
 * started: they do not outlive that, so one that is there after another start is somebody
 * else's.
 */
#include "config.h"

#include "firewall/pf.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum {
	KEEP_MAX = 256,
	LOG_MAX = 15,
	BOOT_SLACK = 60,	/* seconds: the clock is set while the host runs */
};

static const char first_line[] = "gatehouse-pf 1";

static uint64_t
booted(void)
{
	return (now_wall() - now_mono()) / 1000000;
}

static char *
keep_format(const struct pf_keep *k)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	fprintf(f, "%s\n", first_line);
	if (k->token != 0)
		fprintf(f, "token %" PRIu64 "\n", k->token);
	if (k->shut)
		fprintf(f, "shut 1 %" PRIu64 "\n", booted());
	if (k->made_log)
		fprintf(f, "log %u %" PRIu64 "\n", k->log, booted());
	fprintf(f, "end\n");
	fclose(f);
	return text;
}

static bool
line_parse(struct pf_keep *k, char *line, bool *end)
{
	const char *key = strsep(&line, " "), *why;
	char *boot = NULL;
	uint64_t number;
	bool shut;

	if (*end)
		return false;
	if (line == NULL) {
		*end = strcmp(key, "end") == 0;
		return *end;
	}
	if (strcmp(key, "token") == 0)
		return text_number(line, 1, UINT64_MAX, &k->token, &why);
	shut = strcmp(key, "shut") == 0;
	if (!shut && strcmp(key, "log") != 0)
		return false;
	boot = line;
	line = strsep(&boot, " ");
	if (!text_number(line, shut, shut ? 1 : LOG_MAX, &number, &why) ||
	    (boot != NULL && !text_number(boot, 0, UINT64_MAX, &k->booted, &why)))
		return false;
	k->shut |= shut;
	k->made_log |= !shut;
	if (!shut)
		k->log = (unsigned)number;
	return true;
}

bool
pf_keep_parse(const char *text, struct pf_keep *k)
{
	char *copy = xstrdup(text), *rest = copy, *line = strsep(&rest, "\n");
	bool good = strcmp(line, first_line) == 0, end = false;

	memset(k, 0, sizeof(*k));
	while (good && (line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0')
			good = line_parse(k, line, &end);
		else
			good = rest == NULL;
	}
	free(copy);
	if (!good || !end)
		memset(k, 0, sizeof(*k));
	return good && end;
}

static void
keep_path(const struct conf *conf, char path[CONF_PATH_SIZE + 16])
{
	snprintf(path, CONF_PATH_SIZE + 16, "%s/pf", conf->state);
}

void
pf_keep_load(const struct conf *conf, struct pf_keep *k)
{
	char path[CONF_PATH_SIZE + 16], text[KEEP_MAX + 1];
	ssize_t n;
	int fd;

	memset(k, 0, sizeof(*k));
	keep_path(conf, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	n = read(fd, text, KEEP_MAX);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (!pf_keep_parse(text, k))
		log_warnx("%s: is damaged; pf may stay enabled when the rules are flushed", path);
	if (k->booted + BOOT_SLACK < booted() || booted() + BOOT_SLACK < k->booted)
		k->made_log = k->shut = false;
}

char *
pf_keep_save(const struct conf *conf, const struct pf_keep *k)
{
	char path[CONF_PATH_SIZE + 16], *text = keep_format(k), *cause;

	keep_path(conf, path);
	cause = file_replace(path, text);
	free(text);
	return cause;
}
