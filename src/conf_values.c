/* Values of options as an operator writes them, by their types. */
#include "config.h"

#include "conf_option.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "allow/allow.h"
#include "text.h"
#include "xmalloc.h"

enum { PORT_DNS = 53 };

/* Sets a plain option, or adds to a list; may cut the value up.  NULL or a
 * cause without the option's name. */
typedef char	*(*reader)(struct conf *, const struct option *, char *value);

static void *
field(struct conf *c, const struct option *o)
{
	return (char *)c + o->offset;
}

/* The next comma-separated item, without spaces around it; NULL at the end. */
static char *
item_next(char **rest)
{
	char *item = *rest, *end;

	if (item == NULL)
		return NULL;
	item += strspn(item, " \t");
	*rest = strchr(item, ',');
	if (*rest != NULL)
		*(*rest)++ = '\0';
	for (end = item + strlen(item); end > item && strchr(" \t", end[-1]) != NULL; end--)
		end[-1] = '\0';
	return item;
}

static char *
read_bool(struct conf *c, const struct option *o, char *value)
{
	bool *b = field(c, o);

	if (strcmp(value, "yes") == 0)
		*b = true;
	else if (strcmp(value, "no") == 0)
		*b = false;
	else
		return xasprintf("\"%s\" is neither yes nor no", value);
	return NULL;
}

static char *
read_account(struct conf *c, const struct option *o, char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	const size_t len = strlen(value);

	/* Only what is nobody by default may be. */
	if (len == 0 && *o->def == '\0') {
		memset(field(c, o), 0, sizeof(c->user));
		return NULL;
	}
	if (len == 0 || len >= sizeof(c->user))
		return xasprintf("a %s's name has 1 to %zu characters", o->unit,
		    sizeof(c->user) - 1);
	if (strchr(letters, value[0]) == NULL || value[strcspn(value, " \t,:/\"'\\")] != '\0')
		return xasprintf("\"%s\" is not a %s's name", value, o->unit);
	copy_string(field(c, o), value, sizeof(c->user));
	return NULL;
}

static char *
check_path(const char *path)
{
	if (path[0] != '/')
		return xasprintf("\"%s\" is not an absolute path; start it with /", path);
	if (strlen(path) >= CONF_PATH_SIZE)
		return xasprintf("the path is longer than %d bytes", CONF_PATH_SIZE - 1);
	return NULL;
}

static char *
read_path(struct conf *c, const struct option *o, char *value)
{
	/* Only what is none by default may be none. */
	char *cause = *value == '\0' && *o->def == '\0' ? NULL : check_path(value);

	if (cause == NULL)
		copy_string(field(c, o), value, CONF_PATH_SIZE);
	return cause;
}

/* Without ":", which would be two places. */
static char *
read_home(struct conf *c, const struct option *o, char *value)
{
	const bool below = strncmp(value, "~/", 2) == 0 && value[2] != '\0';
	char *cause = strchr(value, ':') != NULL ? xasprintf("\"%s\" has a \":\" in it", value) :
	    check_path(below ? value + 1 : value);

	if (cause == NULL)
		copy_string(field(c, o), value, CONF_PATH_SIZE);
	return cause;
}

static char *
read_globs(struct conf *c, const struct option *o, char *value)
{
	char *dst = field(c, o), *item, *cause;
	size_t len = strlen(dst);

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if ((cause = check_path(item)) != NULL)
			return cause;
		len += (size_t)snprintf(dst + len, CONF_PATH_SIZE - len, "%s%s",
		    len != 0 ? ", " : "", item);
		if (len >= CONF_PATH_SIZE)
			return xasprintf("the paths are longer than %d bytes together",
			    CONF_PATH_SIZE - 1);
	}
	return NULL;
}

static char *
read_dirs(struct conf *c, const struct option *o, char *value)
{
	char (*dir)[CONF_PATH_SIZE] = field(c, o), *item, *cause;
	int n = 0;

	while (n < 2 && dir[n][0] != '\0')
		n++;
	while ((item = item_next(&value)) != NULL) {
		if (n == 2)
			return xstrdup("more than two directories");
		if ((cause = check_path(item)) != NULL)
			return cause;
		copy_string(dir[n++], item, CONF_PATH_SIZE);
	}
	return NULL;
}

static char *
read_number(struct conf *c, const struct option *o, char *value)
{
	const char *why;
	uint64_t v;

	if (!text_number(value, o->min, o->max, &v, &why))
		return xasprintf("\"%s\": %s; a number from %llu to %llu is wanted", value, why,
		    (unsigned long long)o->min, (unsigned long long)o->max);
	if (o->type == TYPE_NUMBER16)
		*(uint16_t *)field(c, o) = (uint16_t)v;
	else
		*(uint32_t *)field(c, o) = (uint32_t)v;
	return NULL;
}

void
duration_format(char *dst, size_t size, uint64_t s)
{
	static const struct {
		uint64_t	unit;
		char		suffix;
	} units[] = { { DAY, 'd' }, { HOUR, 'h' }, { MINUTE, 'm' }, { 1, 's' } };
	size_t i = 0;

	while (s == 0 ? units[i].unit != 1 : s % units[i].unit != 0)
		i++;
	snprintf(dst, size, "%llu%c", (unsigned long long)(s / units[i].unit), units[i].suffix);
}

static char *
read_duration(struct conf *c, const struct option *o, char *value)
{
	char min[TEXT_SHORT_SIZE], max[TEXT_SHORT_SIZE];
	uint64_t v;

	if (o->min == 0 && (strcmp(value, "0s") == 0 || strcmp(value, "0") == 0))
		v = 0;
	else if (!text_duration(value, &v) || v < o->min || v > o->max) {
		duration_format(min, sizeof(min), o->min);
		duration_format(max, sizeof(max), o->max);
		return xasprintf("\"%s\" is not a duration from %s to %s, such as 90s, 15m, 2h",
		    value, min, max);
	}
	*(uint32_t *)field(c, o) = (uint32_t)v;
	return NULL;
}

static char *
read_profile(struct conf *c, const struct option *o, char *value)
{
	enum profile p;

	if (!profile_parse(value, &p))
		return xasprintf("\"%s\" is not a profile; there are %s", value, o->unit);
	*(uint32_t *)field(c, o) = p;
	return NULL;
}

/* Interface names end up in rules, so only the harmless characters pass. */
static char *
check_interface(const char *name)
{
	static const char fine[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t len = strlen(name), plain = strspn(name, fine);

	if (len == 0)
		return xstrdup("an interface name is missing between two commas");
	if (len >= GH_IFNAME_SIZE)
		return xasprintf("\"%s\" is longer than the %d characters of an interface name",
		    name, GH_IFNAME_SIZE - 1);
	if (strcmp(name, "*") == 0)
		return xstrdup("\"*\" alone would guard every interface of this host; "
		    "name the bridges");
	if (strcmp(name, "lo") == 0)
		return xstrdup("\"lo\" is the host's own loopback, not a bridge with guests");
	if (plain != len && !(name[plain] == '*' && plain + 1 == len))
		return xasprintf("\"%s\" is not an interface name: letters, digits, _ . - and "
		    "one * at the end", name);
	return NULL;
}

/* A manager that nobody knows would be none that is asked: one of those of the default,
 * a pattern of them, or "none". */
static char *
check_manager(const struct option *o, const char *item)
{
	const size_t len = strlen(item);

	if (strcmp(o->key, "managers") != 0 || strpbrk(item, "*?") != NULL ||
	    strcmp(item, "none") == 0)
		return NULL;
	for (const char *known = o->def; known != NULL; known = strchr(known, ',')) {
		known += strspn(known, ", ");
		if (strcspn(known, ",") == len && strncmp(known, item, len) == 0)
			return NULL;
	}
	return xasprintf("\"%s\" is no VM manager that is known here; there are: %s (libvirt is "
	    "virsh); a section [provider NAME] adds one", item, o->def);
}

static char *
read_names(struct conf *c, const struct option *o, char *value)
{
	struct conf_names *names = field(c, o);
	char *item, *cause;
	uint32_t i;

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if ((cause = check_interface(item)) != NULL || (cause = check_manager(o, item)) != NULL)
			return cause;
		for (i = 0; i < names->n && strcmp(names->name[i], item) != 0; i++)
			;
		if (i == CONF_NAMES_MAX)
			return xasprintf("more than %d interfaces", CONF_NAMES_MAX);
		if (i < names->n)
			continue;
		copy_string(names->name[names->n++], item, GH_IFNAME_SIZE);
	}
	return NULL;
}

static char *
add_ports(struct conf_ports *ports, char *value)
{
	const char *why;
	char *item;
	uint64_t v;
	uint32_t i;

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if (!text_number(item, 1, UINT16_MAX, &v, &why))
			return xasprintf("\"%s\": %s; a port from 1 to 65535 is wanted", item,
			    why);
		for (i = 0; i < ports->n && ports->port[i] != v; i++)
			;
		if (i == CONF_NAMES_MAX)
			return xasprintf("more than %d ports", CONF_NAMES_MAX);
		if (i == ports->n)
			ports->port[ports->n++] = (uint16_t)v;
	}
	return NULL;
}

static char *
read_ports(struct conf *c, const struct option *o, char *value)
{
	return add_ports(field(c, o), value);
}

/* A user's number; a name is looked up. */
static char *
user_id(const char *user, uint32_t *uid)
{
	struct passwd *pw;
	const char *why;
	uint64_t v;

	if (text_number(user, 0, UINT32_MAX - 1, &v, &why))
		*uid = (uint32_t)v;
	else if ((pw = getpwnam(user)) != NULL)
		*uid = pw->pw_uid;
	else
		return xasprintf("there is no user \"%s\" on this system; create it or give "
		    "its number", user);
	if (*uid == 0)
		return xstrdup("root cannot be guarded: it could undo the rules");
	return NULL;
}

/* "agent: 3128, 8080"; a user that stood before gets more ports. */
static char *
read_uids(struct conf *c, const struct option *o, char *value)
{
	char *ports = strchr(value, ':'), *rest = value, *user, *cause;
	struct conf_uid *u;
	uint32_t uid, i;

	if (*value == '\0')
		return NULL;
	if (ports == NULL)
		return xasprintf("\"%s\" has no ports; write \"%s: 8643\", or \"%s:\" for none",
		    value, value, value);
	*ports++ = '\0';
	ports += strspn(ports, " \t");
	user = item_next(&rest);
	if (rest != NULL || *user == '\0' || strlen(user) >= sizeof(u->user) ||
	    user[strcspn(user, " \t/\"'\\")] != '\0')
		return xasprintf("\"%s\" is not a user's name or number", user);
	if ((cause = user_id(user, &uid)) != NULL)
		return cause;
	for (i = 0; i < c->nuids && c->uids[i].uid != uid; i++)
		;
	if (i == CONF_NAMES_MAX)
		return xasprintf("more than %d users", CONF_NAMES_MAX);
	u = &c->uids[i];
	if (i == c->nuids) {
		c->nuids++;
		u->uid = uid;
		copy_string(u->user, user, sizeof(u->user));
	}
	return add_ports(&u->ports, ports);
}

/* Rewrites the item as "address/bits" in its one canonical spelling. */
static char *
canonical_prefix(char *item, char dst[CONF_PREFIX_SIZE])
{
	char *slash = strchr(item, '/'), text[ADDR_TEXT_SIZE];
	const char *why;
	struct addr a, net;
	uint64_t bits;
	unsigned width;

	if (slash != NULL)
		*slash++ = '\0';
	if (!addr_parse(item, &a))
		return xasprintf("\"%s\" is not an IPv4 or IPv6 address", item);
	width = a.family == 4 ? 32 : 128;
	bits = width;
	if (slash != NULL && !text_number(slash, 1, width, &bits, &why))
		return xasprintf("\"%s/%s\": the length is %s; 1 to %u is wanted", item, slash,
		    why, width);
	net = a;
	for (unsigned i = 0; i < width; i++) {
		if (i >= bits)
			net.bytes[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	}
	snprintf(dst, CONF_PREFIX_SIZE, "%s/%u", addr_format(&net, text), (unsigned)bits);
	if (!addr_equal(&a, &net))
		return xasprintf("%s/%u has bits set behind its length; %s is meant, or "
		    "%s/%u", item, (unsigned)bits, dst, item, width);
	return NULL;
}

static char *
read_prefixes(struct conf *c, const struct option *o, char *value)
{
	char prefix[CONF_PREFIX_SIZE], *item, *cause;
	uint32_t i;

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if ((cause = canonical_prefix(item, prefix)) != NULL)
			return cause;
		for (i = 0; i < c->nreach && strcmp(c->reach[i], prefix) != 0; i++)
			;
		if (i == CONF_NAMES_MAX)
			return xasprintf("more than %d ranges", CONF_NAMES_MAX);
		if (i == c->nreach)
			copy_string(c->reach[c->nreach++], prefix, CONF_PREFIX_SIZE);
	}
	return NULL;
}

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" */
static char *
parse_upstream(struct conf_upstream *u, char *item)
{
	char *port = NULL, *host = item, *end;
	const char *why;
	uint64_t v;

	if (*item == '[' && (end = strchr(item, ']')) != NULL && (end[1] == ':' || end[1] == '\0')) {
		host = item + 1;
		port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
	} else if ((end = strchr(item, ':')) != NULL && strchr(end + 1, ':') == NULL) {
		port = end + 1;
		*end = '\0';
	}
	u->port = PORT_DNS;
	if (!addr_parse(host, &u->addr))
		return xasprintf("\"%s\" is not an IPv4 or IPv6 address; a server is named by its "
		    "address, as in 192.0.2.1 or [2001:db8::1]:5353", host);
	if (port != NULL && !text_number(port, 1, UINT16_MAX, &v, &why))
		return xasprintf("\"%s\": %s; a port from 1 to 65535 is wanted", port, why);
	if (port != NULL)
		u->port = (uint16_t)v;
	return NULL;
}

static char *
read_upstreams(struct conf *c, const struct option *o, char *value)
{
	char *item, *cause;

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if (c->nupstreams == CONF_UPSTREAMS_MAX)
			return xasprintf("more than %d servers", CONF_UPSTREAMS_MAX);
		if ((cause = parse_upstream(&c->upstreams[c->nupstreams], item)) != NULL)
			return cause;
		c->nupstreams++;
	}
	return NULL;
}

/* "http://proxy.example:3128", "http://192.0.2.1:3128", "http://[2001:db8::1]:3128" */
static char *
read_chain(struct conf *c, const struct option *o, char *value)
{
	static const char scheme[] = "http://";
	char *host = value + sizeof(scheme) - 1, *port, *end;
	const char *why;
	struct addr addr;
	uint64_t v;

	(void)o;
	c->chain_host[0] = '\0';
	if (*value == '\0')
		return NULL;
	if (strncmp(value, scheme, sizeof(scheme) - 1) != 0)
		return xasprintf("\"%s\" does not start with http://, which is all that is spoken to "
		    "an upstream proxy; write http://HOST:PORT", value);
	if (strchr(host, '@') != NULL)
		return xstrdup("a user and password stand where anyone can read them; put them into "
		    "the file that upstream-auth-file names");
	if (*host != '\0' && host[strlen(host) - 1] == '/')
		host[strlen(host) - 1] = '\0';
	if ((port = strrchr(host, ':')) == NULL || !text_number(port + 1, 1, UINT16_MAX, &v, &why))
		return xasprintf("\"%s\" has no port; write http://HOST:PORT", value);
	*port = '\0';
	if (*host == '[' && (end = strchr(host, ']')) != NULL && end[1] == '\0') {
		*end = '\0';
		host++;
		if (!addr_parse(host, &addr) || addr.family != 6)
			return xasprintf("\"%s\" is not an IPv6 address", host);
		copy_string(c->chain_host, host, sizeof(c->chain_host));
	} else if (addr_parse(host, &addr) && addr.family == 4) {
		copy_string(c->chain_host, host, sizeof(c->chain_host));
	} else if ((why = allow_name_canonical(c->chain_host, host, strlen(host), false)) != NULL) {
		c->chain_host[0] = '\0';
		return xasprintf("\"%s\" is neither an address nor a host name: %s", host, why);
	}
	c->chain_port = (uint16_t)v;
	return NULL;
}

static char *
read_domains(struct conf *c, const struct option *o, char *value)
{
	char name[GH_NAME_SIZE], *item;
	const char *why;

	(void)o;
	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		const size_t dot = item[0] == '.';

		why = allow_name_canonical(name, item + dot, strlen(item + dot), false);
		if (why == NULL && strlen(name) + dot > GH_NAME_MAX)
			why = "it is too long";
		if (why != NULL)
			return xasprintf("\"%s\" is not a host name: %s", item, why);
		if (c->nchain_direct == CONF_NAMES_MAX)
			return xasprintf("more than %d names", CONF_NAMES_MAX);
		snprintf(c->chain_direct[c->nchain_direct++], GH_NAME_SIZE, "%s%s", dot ? "." : "",
		    name);
	}
	return NULL;
}

static char *
read_choice(struct conf *c, const struct option *o, char *value)
{
	const char *word = o->unit;

	for (uint32_t i = 0; *word != '\0'; i++) {
		const size_t len = strcspn(word, " ");

		if (strlen(value) == len && memcmp(value, word, len) == 0) {
			*(uint32_t *)field(c, o) = i;
			return NULL;
		}
		word += len;
		word += strncmp(word, " or ", 4) == 0 ? 4 : 0;
	}
	return xasprintf("\"%s\" is not %s", value, o->unit);
}

static char *
read_accounts(struct conf *c, const struct option *o, char *value)
{
	struct conf_accounts *a = field(c, o);
	char *item;

	if (*value == '\0')
		return NULL;
	while ((item = item_next(&value)) != NULL) {
		if (item[0] == '\0' || strlen(item) >= sizeof(a->name[0]) ||
		    item[strcspn(item, " \t:/\"'\\")] != '\0')
			return xasprintf("\"%s\" is not a user's name", item);
		if (strcmp(item, "root") == 0)
			return xstrdup("commands of VM managers never run as root; name the user whose "
			    "VMs they are");
		if (getpwnam(item) == NULL)
			return xasprintf("there is no user \"%s\"", item);
		if (a->n == CONF_NAMES_MAX)
			return xasprintf("more than %d users", CONF_NAMES_MAX);
		copy_string(a->name[a->n++], item, sizeof(a->name[0]));
	}
	return NULL;
}

static char *
read_command(struct conf *c, const struct option *o, char *value)
{
	return conf_command_parse(field(c, o), value);
}

static const struct {
	reader	read;
	bool	list;
} type_table[TYPE_COUNT] = {
	[TYPE_BOOL] = { read_bool, false },
	[TYPE_ACCOUNT] = { read_account, false },
	[TYPE_PATH] = { read_path, false },
	[TYPE_HOME] = { read_home, false },
	[TYPE_GLOBS] = { read_globs, true },
	[TYPE_DIRS] = { read_dirs, true },
	[TYPE_NUMBER] = { read_number, false },
	[TYPE_NUMBER16] = { read_number, false },
	[TYPE_DURATION] = { read_duration, false },
	[TYPE_PROFILE] = { read_profile, false },
	[TYPE_NAMES] = { read_names, true },
	[TYPE_PORTS] = { read_ports, true },
	[TYPE_UIDS] = { read_uids, true },
	[TYPE_PREFIXES] = { read_prefixes, true },
	[TYPE_UPSTREAMS] = { read_upstreams, true },
	[TYPE_CHAIN] = { read_chain, false },
	[TYPE_CHOICE] = { read_choice, false },
	[TYPE_ACCOUNTS] = { read_accounts, true },
	[TYPE_COMMAND] = { read_command, false },
	[TYPE_DOMAINS] = { read_domains, true },
};

bool
option_is_list(const struct option *o)
{
	return type_table[o->type].list;
}

void
option_clear(struct conf *c, const struct option *o)
{
	switch (o->type) {
	case TYPE_GLOBS:
		memset(field(c, o), 0, CONF_PATH_SIZE);
		break;
	case TYPE_DIRS:
		memset(field(c, o), 0, sizeof(c->rules));
		break;
	case TYPE_NAMES:
		memset(field(c, o), 0, sizeof(struct conf_names));
		break;
	case TYPE_PORTS:
		memset(field(c, o), 0, sizeof(struct conf_ports));
		break;
	case TYPE_ACCOUNTS:
		memset(field(c, o), 0, sizeof(struct conf_accounts));
		break;
	case TYPE_UIDS:
		memset(c->uids, 0, sizeof(c->uids));
		c->nuids = 0;
		break;
	case TYPE_PREFIXES:
		memset(c->reach, 0, sizeof(c->reach));
		c->nreach = 0;
		break;
	case TYPE_UPSTREAMS:
		memset(c->upstreams, 0, sizeof(c->upstreams));
		c->nupstreams = 0;
		break;
	case TYPE_DOMAINS:
		memset(c->chain_direct, 0, sizeof(c->chain_direct));
		c->nchain_direct = 0;
		break;
	default:
		break;
	}
}

char *
option_read(struct conf *c, const struct option *o, const char *value)
{
	char *copy = xstrdup(value), *cause;	/* readers cut it up */

	cause = type_table[o->type].read(c, o, copy);
	free(copy);
	return cause;
}
