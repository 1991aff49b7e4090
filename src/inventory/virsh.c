/*
 * Manager "virsh": libvirt's own shell.  `virsh list --all` has a line a domain: its
 * id or "-", its name, its state of one or two words; `virsh domiflist` of each a line
 * a NIC: this host's end of it or "-", type, source, model, MAC.  With -q there are
 * no headings, in every version; a name may hold spaces, a state is one of a few.
 * The name is the key: after a renaming a domain is found by its MAC.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "xmalloc.h"

enum { WORDS = 16, LINE_SIZE = 512 };

static const struct {
	const char		*text;
	enum guest_state	 state;
} states[] = {
	{ "in shutdown", GUEST_RUNNING }, { "pmsuspended", GUEST_RUNNING },
	{ "no state", GUEST_RUNNING }, { "shut off", GUEST_STOPPED }, { "running", GUEST_RUNNING },
	{ "crashed", GUEST_STOPPED }, { "paused", GUEST_RUNNING }, { "dying", GUEST_RUNNING },
	{ "idle", GUEST_RUNNING },
};

static void
trim(const char **line, size_t *len)
{
	while (*len > 0 && **line == ' ') {
		(*line)++;
		(*len)--;
	}
	while (*len > 0 && (*line)[*len - 1] == ' ')
		(*len)--;
}

/* False: no domain's line. */
static bool
domain_take(const char *line, size_t len, struct sighting *list, size_t *n, size_t max)
{
	struct sighting *s;
	size_t k;

	/* The id. */
	while (len > 0 && *line != ' ') {
		line++;
		len--;
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		k = strlen(states[i].text);
		if (len < k + 2 || memcmp(line + len - k, states[i].text, k) != 0 ||
		    line[len - k - 1] != ' ')
			continue;
		len -= k;
		trim(&line, &len);
		if ((s = guest_row_add(list, n, max, line, len)) != NULL)
			s->state = (uint8_t)states[i].state;
		return len > 0;
	}
	return false;
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	const char *line;
	size_t k;

	while (guest_line(&text, &len, &line, &k)) {
		trim(&line, &k);
		if (k > 0 && !domain_take(line, k, list, n, max))
			return xstrdup("\"virsh list\" printed what is no list of domains");
	}
	return NULL;
}

static const struct mode_word types[] = {
	{ "network", NIC_BRIDGE }, { "bridge", NIC_BRIDGE }, { "user", NIC_USER },
	{ "direct", NIC_LAN }, { "hostdev", NIC_LAN }, { "vdpa", NIC_LAN },
	{ "vhostuser", NIC_SOCKET }, { "client", NIC_SOCKET }, { "server", NIC_SOCKET },
	{ "mcast", NIC_SOCKET }, { "udp", NIC_SOCKET },
	{ NULL, NIC_UNKNOWN }
};

/* The words of a line, cut where it stands. */
static size_t
words_of(char *line, char *words[WORDS])
{
	size_t n = 0;
	char *word;

	while (n < WORDS && (word = strsep(&line, " \t")) != NULL) {
		if (*word != '\0')
			words[n++] = word;
	}
	return n;
}

static void
nic_take(char *line, struct sighting *s)
{
	char *words[WORDS];
	const size_t n = words_of(line, words);

	if (n < 4)
		return;
	guest_row_mac(s, words[n - 1]);
	s->mode = (uint8_t)guest_row_mode(types, words[1]);
	if (strcmp(words[0], "-") != 0)
		guest_row_ifname(s->link, words[0], strlen(words[0]));
	/* Of "network" it is the name of a network of libvirt's. */
	if (strcmp(words[1], "network") != 0 && strcmp(words[2], "-") != 0 && n == 5)
		guest_row_source(s, words[2], strlen(words[2]));
}

static char *
nics_parse(const char *text, size_t len, struct sighting *rows, size_t *nrows, size_t max)
{
	struct sighting base, *s;
	char copy[LINE_SIZE];
	const char *line;
	size_t n = 0, k;

	if (*nrows == 0)
		return NULL;
	base = rows[0];
	while (guest_line(&text, &len, &line, &k)) {
		trim(&line, &k);
		if (k == 0 || k >= sizeof(copy))
			continue;
		memcpy(copy, line, k);
		copy[k] = '\0';
		if ((s = guest_row_nic(&base, rows, &n, max)) == NULL)
			break;
		nic_take(copy, s);
		if (!s->has_mac)
			n--;
	}
	if (n == 0 && (s = guest_row_nic(&base, rows, &n, max)) != NULL)
		s->mode = NIC_NONE;
	*nrows = n;
	return NULL;
}

/* A block a domain: "Domain: 'NAME'", and lines among which are "  net.count=N" and
 * "  net.I.name=IFNAME"; the others are counters. */
static bool
is_of_nics(const char *line, size_t len)
{
	static const char count[] = "net.count=", name[] = ".name=";

	if (len > strlen(count) && memcmp(line, count, strlen(count)) == 0)
		return true;
	return len > strlen("net.") && memcmp(line, "net.", strlen("net.")) == 0 &&
	    memmem(line, len, name, strlen(name)) != NULL;
}

static uint64_t
digest_add(uint64_t digest, const char *line, size_t len)
{
	static const struct hash_key hash;

	return digest * 31 + hash_bytes(&hash, line, len);
}

static void
changes_parse(const char *text, size_t len, void (*fn)(const char *key, size_t len, uint64_t digest,
    void *), void *arg)
{
	static const char domain[] = "Domain: '";
	const char *line, *key = NULL;
	size_t k, nkey = 0;
	uint64_t digest = 0;

	while (guest_line(&text, &len, &line, &k)) {
		trim(&line, &k);
		if (k > strlen(domain) && memcmp(line, domain, strlen(domain)) == 0 && line[k - 1] == '\'') {
			if (key != NULL)
				fn(key, nkey, digest, arg);
			key = line + strlen(domain);
			nkey = k - strlen(domain) - 1;
			digest = 1;
		} else if (is_of_nics(line, k))
			digest = digest_add(digest, line, k);
	}
	if (key != NULL)
		fn(key, nkey, digest, arg);
}

static uint64_t
changes_known(const struct sighting *rows, size_t n)
{
	char line[64];
	uint64_t digest;
	int len;

	if (n == 1 && rows[0].mode == NIC_NONE)
		n = 0;
	len = snprintf(line, sizeof(line), "net.count=%zu", n);
	digest = digest_add(1, line, (size_t)len);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].link[0] == '\0')
			continue;
		len = snprintf(line, sizeof(line), "net.%zu.name=%s", i, rows[i].link);
		digest = digest_add(digest, line, (size_t)len);
	}
	return digest;
}

const struct manager virsh_manager = {
	.name = "virsh",
	.list = COMMAND_VIRSH_LIST,
	.list_parse = list_parse,
	.detail = { { COMMAND_VIRSH_NICS, .running_only = false, .parse = nics_parse } },
	.changes = COMMAND_VIRSH_CHANGES,
	.changes_parse = changes_parse,
	.changes_known = changes_known,
	.start = COMMAND_VIRSH_START,
	.stop = COMMAND_VIRSH_STOP,
	.off = COMMAND_VIRSH_OFF,
	.system = true,
};
