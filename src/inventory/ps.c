/*
 * Manager "ps": VMs by their processes, from `ps -axww -o pid= -o uid= -o args=`, which
 * is the same on macOS, FreeBSD and Linux: a line a process, two numbers and the
 * arguments with a blank between them, so that one that holds a blank looks like two.
 *
 *	tart run [flags] NAME		the only place that says how its NIC gets out
 *	softnet --vm-mac-address MAC	a hint: the guest of that MAC is behind it
 *	qemu-system-* ...		qemu.c reads its arguments
 *	QEMULauncher qemu-*-softmmu ...	UTM's: the same
 *
 * Any user may give a process any arguments.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "inventory/provider.h"
#include "text.h"
#include "xmalloc.h"

enum { WORDS_MAX = 1024, LINE_MAX_BYTES = 256 << 10 };

struct process {
	uint32_t	 pid, uid;
	const char	*argv[WORDS_MAX];
	size_t		 argc;
	char		*words;			/* the line that they are in */
};

/* Cuts the line into words where it stands. False for a line of other shape. */
static bool
process_split(char *line, struct process *p)
{
	const char *pid = NULL, *uid = NULL, *why;
	char *word;
	uint64_t n;

	p->argc = 0;
	p->words = line;
	while ((word = strsep(&line, " ")) != NULL && p->argc < WORDS_MAX) {
		if (*word == '\0')
			continue;
		if (pid == NULL)
			pid = word;
		else if (uid == NULL)
			uid = word;
		else
			p->argv[p->argc++] = word;
	}
	if (p->argc == 0 || !text_number(pid, 1, INT32_MAX, &n, &why))
		return false;
	p->pid = (uint32_t)n;
	if (!text_number(uid, 0, UINT32_MAX, &n, &why))
		return false;
	p->uid = (uint32_t)n;
	return true;
}

static const char *
program_of(const struct process *p)
{
	const char *slash = strrchr(p->argv[0], '/');

	return slash != NULL ? slash + 1 : p->argv[0];
}

/* All rows of one process are one guest. */
static void
process_stamp(const struct process *p, struct sighting *s)
{
	snprintf(s->key, sizeof(s->key), "%u", p->pid);
	s->pid = p->pid;
	s->uid = p->uid;
	s->state = GUEST_RUNNING;
}

/* ---- tart ---- */

/* Options of `tart run` whose value may be the next word. */
static bool
tart_takes_value(const char *word)
{
	static const char *const options[] = { "--serial-path", "--disk", "--rosetta", "--dir",
		"--net-bridged", "--net-softnet-allow", "--net-softnet-block", "--net-softnet-expose",
		"--root-disk-opts" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(word, options[i]) == 0)
			return true;
	}
	return false;
}

struct tart {
	char		name[GH_GUEST_SIZE];
	size_t		name_len;
	bool		named;			/* words after its end are not the name's */
	const char	*bridged[GUEST_NICS];
	size_t		nbridged;
	bool		softnet;
};

static void
tart_name(struct tart *t, const char *word)
{
	if (t->named)
		return;
	if (t->name_len > 0 && t->name_len < sizeof(t->name) - 1)
		t->name[t->name_len++] = ' ';
	for (; *word != '\0' && t->name_len < sizeof(t->name) - 1; word++)
		t->name[t->name_len++] = *word;
}

static void
tart_option(struct tart *t, const char *word, const char *next)
{
	static const char bridged[] = "--net-bridged";

	t->named = t->name_len > 0;
	/* --net-host is softnet on a network that has no way out. */
	if (strncmp(word, "--net-softnet", strlen("--net-softnet")) == 0 ||
	    strcmp(word, "--net-host") == 0)
		t->softnet = true;
	if (strncmp(word, bridged, strlen(bridged)) != 0 || t->nbridged == GUEST_NICS)
		return;
	if (word[strlen(bridged)] == '=')
		t->bridged[t->nbridged++] = word + sizeof(bridged);
	else if (word[strlen(bridged)] == '\0' && next != NULL)
		t->bridged[t->nbridged++] = next;
}

static void
tart_take(const struct process *p, struct sighting *list, size_t *n, size_t max)
{
	struct tart t = { .softnet = false };
	struct sighting *guest, *s;

	for (size_t i = 2; i < p->argc; i++) {
		if (p->argv[i][0] != '-') {
			tart_name(&t, p->argv[i]);
			continue;
		}
		tart_option(&t, p->argv[i], i + 1 < p->argc ? p->argv[i + 1] : NULL);
		i += tart_takes_value(p->argv[i]);
	}
	if (t.name_len == 0 || (guest = guest_row_add(list, n, max, t.name, t.name_len)) == NULL)
		return;
	process_stamp(p, guest);
	guest->softnet = t.softnet;
	guest->mode = t.nbridged > 0 ? NIC_LAN : NIC_BRIDGE;
	for (size_t i = 0; i < t.nbridged; i++) {
		if ((s = i == 0 ? guest : guest_row_nic(guest, list, n, max)) == NULL)
			return;
		s->mode = NIC_LAN;
		guest_row_source(s, t.bridged[i], strlen(t.bridged[i]));
	}
}

static void
softnet_take(const struct process *p, struct sighting *list, size_t *n, size_t max)
{
	static const char option[] = "--vm-mac-address";
	const char *mac = NULL;
	struct sighting *s;

	for (size_t i = 1; i < p->argc; i++) {
		if (strcmp(p->argv[i], option) == 0 && i + 1 < p->argc)
			mac = p->argv[i + 1];
		else if (strncmp(p->argv[i], option, strlen(option)) == 0 &&
		    p->argv[i][strlen(option)] == '=')
			mac = p->argv[i] + sizeof(option);
	}
	if (mac == NULL || (s = sighting_add(list, n, max, "")) == NULL)
		return;
	guest_row_mac(s, mac);
	if (!s->has_mac) {
		(*n)--;
		return;
	}
	s->hint = true;
	s->softnet = true;
	s->mode = NIC_BRIDGE;
	/* tart starts it by its whole path. */
	if (p->argv[0][0] == '/' && strlen(p->argv[0]) < sizeof(s->softnet_at) &&
	    text_is_plain(p->argv[0], strlen(p->argv[0])))
		copy_string(s->softnet_at, p->argv[0], sizeof(s->softnet_at));
}

/* ---- all ---- */

/* A name of several words is one again, with the blanks that stood between them. */
static void
name_join(struct process *p)
{
	for (size_t i = 1; i + 2 < p->argc; i++) {
		size_t more = 0;

		if (strcmp(p->argv[i], "-name") != 0)
			continue;
		while (i + 2 + more < p->argc && p->argv[i + 2 + more][0] != '-')
			more++;
		if (more == 0)
			continue;
		for (char *c = p->words + (p->argv[i + 1] - p->words); c < p->argv[i + 1 + more]; c++) {
			if (*c == '\0')
				*c = ' ';
		}
		memmove(&p->argv[i + 2], &p->argv[i + 2 + more],
		    (p->argc - i - 2 - more) * sizeof(p->argv[0]));
		p->argc -= more;
	}
}

/* UTM's own key for it, or NULL. */
static const char *
utm_uuid(const struct process *p)
{
	for (size_t i = 1; i + 1 < p->argc; i++) {
		if (strcmp(p->argv[i], "-uuid") == 0 && guest_is_uuid(p->argv[i + 1], strlen(p->argv[i + 1])))
			return p->argv[i + 1];
	}
	return NULL;
}

/* skip: words before the program's own, which are UTM's. */
static void
qemu_take(struct process *p, size_t skip, struct sighting *list, size_t *n, size_t max)
{
	const char *uuid = skip > 0 ? utm_uuid(p) : NULL;
	const size_t had = *n;

	name_join(p);
	if (!qemu_args_parse(p->argv + skip, p->argc - skip, NULL, list, n, max))
		*n = had;
	for (size_t i = had; i < *n; i++) {
		process_stamp(p, &list[i]);
		if (uuid != NULL)
			copy_string(list[i].key, uuid, sizeof(list[i].key));
	}
}

static void
process_take(struct process *p, struct sighting *list, size_t *n, size_t max)
{
	const char *program = program_of(p);

	if (strcmp(program, "tart") == 0) {
		if (p->argc > 2 && strcmp(p->argv[1], "run") == 0)
			tart_take(p, list, n, max);
	} else if (strcmp(program, "softnet") == 0)
		softnet_take(p, list, n, max);
	else if (strncmp(program, "qemu-system-", strlen("qemu-system-")) == 0 ||
	    strcmp(program, "qemu-kvm") == 0 || strcmp(program, "kvm") == 0)
		qemu_take(p, 0, list, n, max);
	else if (strcmp(program, "QEMULauncher") == 0 && p->argc > 1)
		qemu_take(p, 1, list, n, max);
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	struct process *p = xmalloc(sizeof(*p));
	bool any = false;
	const char *line;
	char *copy;
	size_t k;

	while (guest_line(&text, &len, &line, &k)) {
		copy = xstrndup(line, k < LINE_MAX_BYTES ? k : LINE_MAX_BYTES);
		if (process_split(copy, p)) {
			any = true;
			process_take(p, list, n, max);
		}
		free(copy);
	}
	free(p);
	/* It lists itself at least. */
	return any ? NULL : xstrdup("\"ps\" printed no list of processes");
}

const struct manager ps_manager = {
	.name = "ps",
	.list = COMMAND_PS,
	.list_parse = list_parse,
	.system = true,
};
