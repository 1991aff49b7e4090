#include "config.h"

#include "inventory/commands.h"

#include <stdio.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "text.h"
#include "xmalloc.h"

enum { LIST_SECONDS = 15, ACT_SECONDS = 120, LASTING_SECONDS = 5 };

#define LIST(...)	{ __VA_ARGS__, NULL }
#define SYSTEM	"qemu:///system"

static const struct command_home
	tart_home = { "TART_HOME", offsetof(struct conf, tart_home) },
	lima_home = { "LIMA_HOME", offsetof(struct conf, lima_home) },
	colima_home = { "LIMA_HOME", offsetof(struct conf, colima_home) };

#define LIMA(name, home)									\
	[COMMAND_##name##_LIST] = { "limactl list", LIST("limactl", "list", "--json"), NULL,	\
	    LIST_SECONDS, false, false, &home },						\
	[COMMAND_##name##_NETWORKS] = { "limactl network list", LIST("limactl", "network",	\
	    "list", "--json"), NULL, LIST_SECONDS, false, false, &home },			\
	[COMMAND_##name##_START] = { "limactl start", LIST("limactl", "start", "--tty=false",	\
	    "%k"), NULL, ACT_SECONDS, true, false, &home },					\
	[COMMAND_##name##_STOP] = { "limactl stop", LIST("limactl", "stop", "%k"), NULL,	\
	    ACT_SECONDS, true, false, &home },							\
	[COMMAND_##name##_OFF] = { "limactl stop --force", LIST("limactl", "stop", "--force",	\
	    "%k"), NULL, ACT_SECONDS, true, false, &home }

static const struct manager_command table[COMMAND_COUNT] = {
	[COMMAND_TART_LIST] = { "tart list", LIST("tart", "list", "--format", "json"), NULL,
	    LIST_SECONDS, false, false, &tart_home },
	[COMMAND_TART_IP] = { "tart ip", LIST("tart", "ip", "%k"), NULL, LIST_SECONDS, true, false,
	    &tart_home },
	[COMMAND_TART_CONFIG] = { "cat config.json", LIST("/bin/cat", "%h/vms/%k/config.json"), NULL,
	    LIST_SECONDS, true, false, &tart_home },
	[COMMAND_TART_START] = { "tart run", LIST("tart", "run", "--no-graphics", "%k"), NULL,
	    LASTING_SECONDS, true, true, &tart_home },
	[COMMAND_TART_STOP] = { "tart stop", LIST("tart", "stop", "%k"), NULL, ACT_SECONDS, true,
	    false, &tart_home },

	LIMA(LIMA, lima_home),
	/* Colima's VMs are Lima's, in a home of their own. */
	LIMA(COLIMA, colima_home),

	[COMMAND_CONTAINER_LIST] = { "container list", LIST("container", "list", "--all", "--format",
	    "json"), "Library/Application Support/com.apple.container", LIST_SECONDS, false, false },
	[COMMAND_CONTAINER_START] = { "container start", LIST("container", "start", "%k"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_CONTAINER_STOP] = { "container stop", LIST("container", "stop", "%k"), NULL,
	    ACT_SECONDS, true, false },

	[COMMAND_UTM_LIST] = { "utmctl list", LIST("utmctl", "list"),
	    "Library/Containers/com.utmapp.UTM", LIST_SECONDS, false, false },
	[COMMAND_UTM_ADDRESS] = { "utmctl ip-address", LIST("utmctl", "ip-address", "%k"), NULL,
	    LIST_SECONDS, true, false },
	[COMMAND_UTM_START] = { "utmctl start", LIST("utmctl", "start", "%k"), NULL, ACT_SECONDS, true,
	    false },
	[COMMAND_UTM_STOP] = { "utmctl stop", LIST("utmctl", "stop", "%k"), NULL, ACT_SECONDS, true,
	    false },

	[COMMAND_MULTIPASS_LIST] = { "multipass list", LIST("multipass", "list", "--format", "json"),
	    NULL, LIST_SECONDS, false, false },
	[COMMAND_MULTIPASS_START] = { "multipass start", LIST("multipass", "start", "%k"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_MULTIPASS_STOP] = { "multipass stop", LIST("multipass", "stop", "%k"), NULL,
	    ACT_SECONDS, true, false },

	[COMMAND_INCUS_LIST] = { "incus list", LIST("incus", "list", "--all-projects", "--format",
	    "json"), NULL, LIST_SECONDS, false, false },
	[COMMAND_INCUS_START] = { "incus start", LIST("incus", "start", "--project", "%p", "%n"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_INCUS_STOP] = { "incus stop", LIST("incus", "stop", "--project", "%p", "%n"), NULL,
	    ACT_SECONDS, true, false },
	/* Ubuntu has an lxc that installs LXD when it is run. */
	[COMMAND_LXD_LIST] = { "lxc list", LIST("lxc", "list", "--all-projects", "--format", "json"),
	    "/var/lib/lxd/unix.socket:/var/snap/lxd/common/lxd/unix.socket", LIST_SECONDS, false, false },
	[COMMAND_LXD_START] = { "lxc start", LIST("lxc", "start", "--project", "%p", "%n"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_LXD_STOP] = { "lxc stop", LIST("lxc", "stop", "--project", "%p", "%n"), NULL,
	    ACT_SECONDS, true, false },

	/* Looking takes the socket that everyone may read. */
	[COMMAND_VIRSH_LIST] = { "virsh list", LIST("virsh", "-q", "-r", "-c", SYSTEM, "list", "--all"),
	    NULL, LIST_SECONDS, false, false },
	[COMMAND_VIRSH_NICS] = { "virsh domiflist", LIST("virsh", "-q", "-r", "-c", SYSTEM, "domiflist",
	    "%k"), NULL, LIST_SECONDS, true, false },
	[COMMAND_VIRSH_CHANGES] = { "virsh domstats", LIST("virsh", "-q", "-r", "-c", SYSTEM, "domstats",
	    "--interface", "--list-running"), NULL, LIST_SECONDS, false, false },
	[COMMAND_VIRSH_START] = { "virsh start", LIST("virsh", "-q", "-c", SYSTEM, "start", "%k"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_VIRSH_STOP] = { "virsh shutdown", LIST("virsh", "-q", "-c", SYSTEM, "shutdown", "%k"),
	    NULL, ACT_SECONDS, true, false },

	[COMMAND_INCUS_OFF] = { "incus stop --force", LIST("incus", "stop", "--force", "--project", "%p",
	    "%n"), NULL, ACT_SECONDS, true, false },
	[COMMAND_LXD_OFF] = { "lxc stop --force", LIST("lxc", "stop", "--force", "--project", "%p", "%n"),
	    NULL, ACT_SECONDS, true, false },
	[COMMAND_VIRSH_OFF] = { "virsh destroy", LIST("virsh", "-q", "-c", SYSTEM, "destroy", "%k"), NULL,
	    ACT_SECONDS, true, false },

	[COMMAND_CONTAINER_OFF] = { "container kill", LIST("container", "kill", "%k"), NULL, ACT_SECONDS,
	    true, false },
	[COMMAND_UTM_OFF] = { "utmctl stop --kill", LIST("utmctl", "stop", "--kill", "%k"), NULL,
	    ACT_SECONDS, true, false },
	[COMMAND_MULTIPASS_OFF] = { "multipass stop --force", LIST("multipass", "stop", "--force", "%k"),
	    NULL, ACT_SECONDS, true, false },

	[COMMAND_PS] = { "ps", LIST("/bin/ps", "-axww", "-o", "pid=", "-o", "uid=", "-o", "args="), NULL,
	    LIST_SECONDS, false, false },
	[COMMAND_NETSTAT] = { "netstat", LIST("netstat", "-an"), NULL, LIST_SECONDS, false, false },
};

const struct manager_command *
command_row(enum inventory_command c)
{
	return c > COMMAND_NONE && c < COMMAND_COUNT && table[c].name != NULL ? &table[c] : NULL;
}

bool
command_home(const struct conf *conf, enum inventory_command c, const char *user_home,
    struct command_place *place)
{
	const struct manager_command *row = command_row(c);
	const char *path;

	if (row == NULL || row->home == NULL) {
		copy_string(place->path, user_home, sizeof(place->path));
		place->env[0] = '\0';
		return false;
	}
	path = (const char *)conf + row->home->offset;
	if (strncmp(path, "~/", 2) == 0)
		snprintf(place->path, sizeof(place->path), "%s/%s", user_home, path + 2);
	else
		copy_string(place->path, path, sizeof(place->path));
	snprintf(place->env, sizeof(place->env), "%s=%s", row->home->variable, place->path);
	return true;
}

const char *
command_path(const struct conf *conf, char dst[CONF_PATH_SIZE])
{
	size_t n = 0;

	for (const char *p = conf->command_path; *p != '\0'; p++) {
		if (*p != ' ')
			dst[n++] = *p == ',' ? ':' : *p;
	}
	dst[n] = '\0';
	return dst;
}

bool
command_acts(enum inventory_command c)
{
	const struct manager_command *row = command_row(c);

	return row != NULL && (row->lasting || row->seconds == ACT_SECONDS);
}

/* "PROJECT/NAME", of which both are words of their own. */
static bool
two_words(const char *key)
{
	const char *slash = strchr(key, '/');

	return slash != NULL && slash != key && slash[1] != '\0' && slash[1] != '-' &&
	    strchr(slash + 1, '/') == NULL;
}

bool
command_key_ok(enum inventory_command c, const char *key)
{
	const struct manager_command *row = command_row(c);

	if (row == NULL || !row->guest)
		return *key == '\0';
	if (*key == '\0' || *key == '-' || strlen(key) >= GUEST_KEY_SIZE ||
	    !text_is_plain(key, strlen(key)))
		return false;
	for (int i = 0; row->argv[i] != NULL; i++) {
		if (strchr(row->argv[i], '/') != NULL && strstr(row->argv[i], "%k") != NULL &&
		    (strchr(key, '/') != NULL || strcmp(key, ".") == 0 || strcmp(key, "..") == 0))
			return false;
		if (strcmp(row->argv[i], "%n") == 0 && !two_words(key))
			return false;
	}
	if (strcmp(row->argv[0], "virsh") == 0 && (key[strspn(key, "+0123456789")] == '\0' ||
	    guest_is_uuid(key, strlen(key))))
		return false;
	return true;
}

/* What stands for "%C", and its length; NULL for what is no such word. */
static const char *
value_of(char c, const char *key, const char *home, size_t *len)
{
	const size_t project = strcspn(key, "/");

	switch (c) {
	case 'k':
		*len = strlen(key);
		return key;
	case 'p':
		*len = project;
		return key;
	case 'n':
		*len = strlen(key + project + 1);
		return key + project + 1;
	case 'h':
		*len = strlen(home);
		return home;
	default:
		return NULL;
	}
}

/* One word with what varies in it. */
static bool
word_fill(char dst[COMMAND_ARG_SIZE], const char *word, const char *key, const char *home)
{
	size_t n = 0;

	for (const char *p = word; *p != '\0'; p++) {
		const char *value = NULL;
		size_t len = 1;

		if (*p == '%')
			value = value_of(p[1], key, home, &len);
		if (n + len >= COMMAND_ARG_SIZE)
			return false;
		memcpy(dst + n, value != NULL ? value : p, len);
		n += len;
		p += value != NULL;
	}
	dst[n] = '\0';
	return true;
}

bool
command_fill(struct command_line *line, enum inventory_command c, const char *key, const char *home)
{
	const struct manager_command *row = command_row(c);
	int n = 0;

	if (row == NULL || !command_key_ok(c, key))
		return false;
	for (; row->argv[n] != NULL; n++) {
		if (!word_fill(line->words[n], row->argv[n], key, home))
			return false;
		line->argv[n] = line->words[n];
	}
	line->argv[n] = NULL;
	return true;
}
