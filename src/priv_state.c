/*
 * What priv remembers over restarts, in one small file of its own directory:
 *
 *	gatehouse-state 1
 *	profile filtered
 *	proxy run
 *	generation 7
 *	frozen-all
 *	frozen mac=02:77:00:00:00:11 port=ghv1 addr=10.77.0.11 addr=fd77::11
 *	end
 *
 * Written anew and renamed each time, so it is always whole.  The directory
 * is root's alone; the lock in it keeps a second daemon away.
 */
#include "config.h"

#include "priv.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "firewall/nft.h"
#include "log.h"
#include "sandbox.h"
#include "text.h"
#include "userns.h"
#include "xmalloc.h"

enum { STATE_FILE_MAX = 256 << 10, STATE_PATH_SIZE = CONF_PATH_SIZE + 16 };

static const char first_line[] = "gatehouse-state 1";

/* ---- text ---- */

static void
put_frozen(FILE *f, const struct fw_guest *g)
{
	char text[ADDR_TEXT_SIZE];

	fprintf(f, "frozen");
	if (g->has_mac)
		fprintf(f, " mac=%02x:%02x:%02x:%02x:%02x:%02x", g->mac[0], g->mac[1], g->mac[2],
		    g->mac[3], g->mac[4], g->mac[5]);
	if (g->port[0] != '\0')
		fprintf(f, " port=%s", g->port);
	for (uint32_t i = 0; i < g->naddrs; i++)
		fprintf(f, " addr=%s", addr_format(&g->addrs[i], text));
	fprintf(f, "\n");
}

char *
state_format(const struct state *s)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	fprintf(f, "%s\nprofile %s\nproxy %s\ngeneration %" PRIu32 "\n", first_line,
	    profile_name(s->profile), s->proxy_run ? "run" : "stopped", s->generation);
	if (s->frozen_all)
		fprintf(f, "frozen-all\n");
	for (uint32_t i = 0; i < s->nfrozen; i++)
		put_frozen(f, &s->frozen[i]);
	fprintf(f, "end\n");
	fclose(f);
	return text;
}

static bool
mac_parse(const char *s, uint8_t mac[6])
{
	unsigned b[6];
	int end = 0;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
	    &end) != 6 || s[end] != '\0')
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

static bool
frozen_word(struct fw_guest *g, const char *word)
{
	if (strncmp(word, "mac=", 4) == 0) {
		g->has_mac = 1;
		return mac_parse(word + 4, g->mac);
	}
	if (strncmp(word, "port=", 5) == 0)
		return nft_name_ok(word + 5) &&
		    copy_string(g->port, word + 5, sizeof(g->port)) < sizeof(g->port);
	return strncmp(word, "addr=", 5) == 0 && g->naddrs < FW_GUEST_ADDRS &&
	    addr_parse(word + 5, &g->addrs[g->naddrs++]);
}

static bool
frozen_parse(struct state *s, char *words)
{
	struct fw_guest *g;
	char *word;

	if (words == NULL || s->nfrozen == FW_FROZEN_MAX)
		return false;
	g = &s->frozen[s->nfrozen++];
	memset(g, 0, sizeof(*g));
	while ((word = strsep(&words, " ")) != NULL) {
		if (!frozen_word(g, word))
			return false;
	}
	return true;
}

/* One line after the first; *end is set by the last one. */
static bool
line_parse(struct state *s, char *line, bool *end)
{
	char *value = line;
	const char *key = strsep(&value, " "), *why;
	uint64_t number;

	if (*end)
		return false;
	if (strcmp(key, "end") == 0 && value == NULL) {
		*end = true;
		return true;
	}
	if (strcmp(key, "frozen-all") == 0 && value == NULL) {
		s->frozen_all = true;
		return true;
	}
	if (value == NULL)
		return false;
	if (strcmp(key, "profile") == 0)
		return profile_parse(value, &s->profile);
	if (strcmp(key, "proxy") == 0) {
		s->proxy_run = strcmp(value, "run") == 0;
		return s->proxy_run || strcmp(value, "stopped") == 0;
	}
	if (strcmp(key, "generation") == 0) {
		if (!text_number(value, 0, UINT32_MAX, &number, &why))
			return false;
		s->generation = (uint32_t)number;
		return true;
	}
	return strcmp(key, "frozen") == 0 && frozen_parse(s, value);
}

bool
state_parse(const char *text, struct state *s)
{
	char *copy = xstrdup(text), *rest = copy, *line = strsep(&rest, "\n");
	bool ok = strcmp(line, first_line) == 0, end = false;

	memset(s, 0, sizeof(*s));
	while (ok && (line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0')
			ok = line_parse(s, line, &end);
		else
			ok = end && rest == NULL;
	}
	free(copy);
	return ok && end;
}

/* ---- files ---- */

static void
state_path(const struct conf *conf, const char *name, char path[STATE_PATH_SIZE])
{
	snprintf(path, STATE_PATH_SIZE, "%s/%s", conf->state, name);
}

/* The whole file; "" if there is none. NULL and errno. */
static char *
read_small(const char *path)
{
	char *text;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return errno == ENOENT ? xstrdup("") : NULL;
	text = xcalloc(1, STATE_FILE_MAX + 1);
	n = read(fd, text, STATE_FILE_MAX);
	close(fd);
	if (n == -1) {
		free(text);
		return NULL;
	}
	return text;
}

char *
state_load(const struct conf *conf, struct state *s)
{
	char path[STATE_PATH_SIZE], *text, *cause = NULL;

	memset(s, 0, sizeof(*s));
	state_path(conf, "state", path);
	text = read_small(path);
	if (text == NULL)
		cause = xasprintf("%s: %s", path, strerror(errno));
	else if (text[0] == '\0') {
		s->profile = (enum profile)conf->profile;
		s->proxy_run = conf->proxy_run;
	} else if (!state_parse(text, s))
		cause = xasprintf("%s: is damaged", path);
	free(text);
	if (cause != NULL) {
		memset(s, 0, sizeof(*s));
		s->profile = conf->profile != PROFILE_NONE ? (enum profile)conf->profile :
		    PROFILE_FILTERED;
		s->frozen_all = true;
		/* Ids of hits must not come again; time goes on by itself. */
		s->generation = (uint32_t)(now_wall() / 1000000);
	}
	return cause;
}

char *
state_save(const struct conf *conf, const struct state *s)
{
	char path[STATE_PATH_SIZE], *text = state_format(s), *cause;

	state_path(conf, "state", path);
	cause = file_replace(path, text);
	free(text);
	return cause;
}

void
state_failed(const struct conf *conf, const char *cause)
{
	char path[STATE_PATH_SIZE], *text, *failed;

	state_path(conf, "failed", path);
	if (cause == NULL) {
		unlink(path);
		return;
	}
	text = xasprintf("%s\n", cause);
	if ((failed = file_replace(path, text)) != NULL)
		log_warnx("%s", failed);
	free(failed);
	free(text);
}

/* ---- directories ---- */

/* mkdir -p; *made tells whether the last one is new. */
static char *
make_directory(const char *path, mode_t mode, bool *made)
{
	char *copy = xstrdup(path), *cause = NULL;

	*made = false;
	for (char *p = copy + 1; cause == NULL; p++) {
		bool last = *p == '\0';

		if (*p != '/' && !last)
			continue;
		*p = '\0';
		if (mkdir(copy, last ? mode : 0755) == 0)
			*made = last;
		else if (errno != EEXIST)
			cause = xasprintf("%s: cannot be made: %s", copy, strerror(errno));
		if (last)
			break;
		*p = '/';
	}
	free(copy);
	return cause;
}

static char *
set_owner(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	char *cause = NULL;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 || fchown(fd, uid, gid) == -1 || fchmod(fd, mode) == -1)
		cause = xasprintf("%s: cannot be given to the roles: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return cause;
}

/*
 * Makes sure of the directory that the file will be in.  Its owner and mode
 * are ours to set if we made it, or if it is the one that belongs to
 * gatehouse by its installation; anything else is the operator's business.
 */
static char *
directory_of(const char *file, const char *ours, const struct account *a, uid_t uid, gid_t gid,
    mode_t mode)
{
	char *copy = xstrdup(file), *cause;
	const char *dir = dirname(copy);
	bool made;

	cause = make_directory(dir, mode & 0777, &made);
	if (cause == NULL && a->change && (made || strcmp(dir, ours) == 0))
		cause = set_owner(dir, uid, gid, mode);
	free(copy);
	return cause;
}

/* The allowlist is the engine's to rewrite, so the file is its own. */
static void
give_allowlist(const struct conf *conf, const struct account *a)
{
	struct stat st;
	int fd;

	if (!a->change || strncmp(conf->allowlist, SYSCONFDIR "/gatehouse/",
	    sizeof(SYSCONFDIR "/gatehouse/") - 1) != 0)
		return;
	fd = open(conf->allowlist, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0 &&
	    fchown(fd, a->uid, (gid_t)-1) == -1)
		log_warn("%s: cannot be given to the engine", conf->allowlist);
	close(fd);
}

static char *
state_directory(const struct conf *conf)
{
	char path[STATE_PATH_SIZE], *cause;
	struct stat st;
	bool made;

	cause = make_directory(conf->state, 0700, &made);
	if (cause != NULL)
		return cause;
	if (lstat(conf->state, &st) == -1 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return xasprintf("%s: must be a directory that belongs to root and that nobody else "
		    "may write", conf->state);
	state_path(conf, "empty", path);
	return make_directory(path, 0555, &made);
}

static char *
take_lock(const struct conf *conf, int *lock)
{
	char path[STATE_PATH_SIZE], text[16], *cause = NULL, *holder;
	int len;

	state_path(conf, "pid", path);
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*lock == -1)
		return xasprintf("%s: %s", path, strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) == -1) {
		holder = read_small(path);
		cause = xasprintf("a daemon already runs here (pid %.*s, state in %s); "
		    "if nobody can reach it any more, end it (the rules stay) and start it again",
		    holder != NULL ? (int)strcspn(holder, "\n") : 1, holder != NULL ? holder : "?",
		    conf->state);
		free(holder);
		close(*lock);
		*lock = -1;
		return cause;
	}
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(*lock, 0) == -1 || write(*lock, text, (size_t)len) != len)
		log_warn("%s: cannot be written", path);
	return NULL;
}

char *
state_prepare(const struct conf *conf, int *lock)
{
	const struct group *gr;
	struct account a;
	char *cause = sandbox_account(conf, &a);

	*lock = -1;
	if (cause == NULL)
		cause = state_directory(conf);
	if (cause == NULL)
		cause = take_lock(conf, lock);
	/* Set-group-id: the socket is to belong to the operators' group, which the
	 * engine is not a member of. */
	gr = getgrnam(conf->group);
	if (cause == NULL)
		cause = directory_of(conf->control, RUNSTATEDIR "/gatehouse", &a, a.uid,
		    gr != NULL ? gr->gr_gid : a.gid, 02755);
	if (cause == NULL)
		cause = directory_of(conf->allowlist, SYSCONFDIR "/gatehouse", &a, 0, a.gid, 01775);
	if (cause == NULL)
		give_allowlist(conf, &a);
	if (cause != NULL && *lock != -1) {
		close(*lock);
		*lock = -1;
	}
	return cause;
}
