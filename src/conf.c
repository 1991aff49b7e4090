/*
 * The configuration file.  option_table[] has one row an option: where it
 * stands in the file and in struct conf, its type and bounds, its default as
 * an operator would write it, and its help.  The parser, the defaults, the
 * print-back (conf_print.c) and the sample file are loops over that table; values are
 * read in conf_values.c.
 *
 * inih splits lines; it gets them one by one from line_next(), which counts
 * them, drops the indentation (to inih that would be a continuation of the
 * line above) and refuses what inih would cut short without a word.
 *
 * A plain option may stand once.  A list may stand several times and adds up;
 * its first line replaces the default.
 */
#include "config.h"

#include "conf_option.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "host.h"
#include "text.h"
#include "userns.h"
#include "xmalloc.h"

enum {
	FILE_MAX = 64 << 10,
	LINE_MAX_WANTED = 1024,
	PORT_UNPRIVILEGED = 1024,
};

#define AT(field) offsetof(struct conf, field)

const struct option option_table[] = {
	{ "daemon", "user", TYPE_ACCOUNT, AT(user), 0, 0, GATEHOUSE_USER, "user",
	    "Who the roles that face guests and consoles run as, where that user exists." },
	{ "daemon", "group", TYPE_ACCOUNT, AT(group), 0, 0, GATEHOUSE_GROUP, "group",
	    "Members may operate the daemon through the control socket." },
	{ "daemon", "control", TYPE_PATH, AT(control), 0, 0,
	    RUNSTATEDIR "/gatehouse/control.sock", "path", "The control socket." },
	{ "daemon", "state", TYPE_PATH, AT(state), 0, 0, LOCALSTATEDIR "/lib/gatehouse",
	    "directory", "What the daemon remembers over restarts: profile, frozen guests." },
	{ "daemon", "others-may-watch", TYPE_BOOL, AT(others_may_watch), 0, 0, "no", "yes or no",
	    "Whether users outside the group may look at everything, but change nothing." },

	{ "guard", "bridge", TYPE_NAMES, AT(bridges), 0, 0, host_bridges,
	    "interfaces",
	    "Bridges with guests behind them. A * at the end stands for any ending. On\n"
	    "macOS and FreeBSD it is bridge* unless told otherwise." },
	{ "guard", "uid", TYPE_UIDS, 0, 0, 0, "", "USER: PORT, ...",
	    "A host user whose processes are guarded like a guest: they reach only these\n"
	    "TCP ports of the loopback. One user a line." },
	{ "guard", "profile", TYPE_PROFILE, AT(profile), 0, 0, "filtered",
	    "filtered, lockdown, observe or none",
	    "Rules for the first start; later starts keep what was in force." },
	{ "guard", "block-tcp", TYPE_PORTS, AT(block_tcp), 0, 0, "139, 445", "ports",
	    "TCP ports of this host that guests never reach, with a rule and counter of\n"
	    "their own (SMB, NetBIOS)." },
	{ "guard", "block-udp", TYPE_PORTS, AT(block_udp), 0, 0, "137, 138", "ports",
	    "The same for UDP." },
	{ "guard", "rules", TYPE_DIRS, AT(rules), 0, 0,
	    SYSCONFDIR "/gatehouse/rules, " PKGDATADIR "/rules", "one or two directories",
	    "Where the rule files are; a file in the first one wins." },
	{ "guard", "check-every", TYPE_DURATION, AT(check_seconds), 1, HOUR, "3s", "duration",
	    "How often the kernel's rules are compared with what was loaded." },
	{ "guard", "repair", TYPE_BOOL, AT(repair), 0, 0, "yes", "yes or no",
	    "Whether rules that someone else changed are loaded again; else it is only told." },
	{ "guard", "auto", TYPE_BOOL, AT(auto_apply), 0, 0, "yes", "yes or no",
	    "Whether the daemon loads the rules when it starts, before any guest does. No:\n"
	    "only \"gatehouse apply\" does, and what it loaded is kept in force after that." },
	{ "guard", "on-unguarded", TYPE_CHOICE, AT(on_unguarded), 0, 0, "tell", "tell or stop",
	    "What happens to a running guest that has a way out which the rules do not cover:\n"
	    "it is an alert, or it is also stopped, where its VM manager can." },
	{ "guard", "flush-when-idle", TYPE_DURATION, AT(rest_seconds), 0, DAY, "0s",
	    "duration, 0s for never",
	    "Rules are flushed and the proxy stopped when no guest has run for so long; both\n"
	    "are back before the next guest has an address." },
	{ "guard", "egress", TYPE_NAMES, AT(egress), 0, 0, "", "interfaces",
	    "With pf: interfaces by which guests reach pinned ports under the host's own\n"
	    "address. None: somebody else translates addresses, or nobody need." },

	{ "allow", "file", TYPE_PATH, AT(allowlist), 0, 0, SYSCONFDIR "/gatehouse/allowlist",
	    "path", "The allowlist, see gatehouse-allowlist(5)." },
	{ "allow", "presets", TYPE_DIRS, AT(presets), 0, 0,
	    SYSCONFDIR "/gatehouse/presets, " PKGDATADIR "/presets", "one or two directories",
	    "Where the files are that @NAME stands for; a file in the first one wins." },

	{ "proxy", "run", TYPE_BOOL, AT(proxy_run), 0, 0, "yes", "yes or no",
	    "Whether the proxy runs at the first start; later starts keep its state.\n"
	    "Stopped, guests have no web at all." },
	{ "proxy", "port", TYPE_NUMBER16, AT(proxy_port), PORT_UNPRIVILEGED, UINT16_MAX, "8643",
	    "port", "TCP port of this host where the proxy listens." },
	{ "proxy", "explicit-port", TYPE_NUMBER16, AT(explicit_port), 0, UINT16_MAX, "3128",
	    "port, 0 for none",
	    "TCP port of this host for clients that know they ask a proxy, by http_proxy\n"
	    "and https_proxy. Only guests and the host itself reach it." },
	{ "proxy", "workers", TYPE_NUMBER, AT(workers), 0, 16, "0", "threads",
	    "Threads that serve connections; 0: one for each processor, at most 16." },
	{ "proxy", "max-connections", TYPE_NUMBER, AT(max_connections), 1, 65536, "4096",
	    "connections", "Open connections of all guests together." },
	{ "proxy", "max-per-guest", TYPE_NUMBER, AT(max_per_guest), 1, 65536, "512",
	    "connections", "Open connections of one guest." },
	{ "proxy", "max-new-in-all", TYPE_NUMBER, AT(max_new_in_all), 0, 100000, "5000",
	    "connections, 0 for no limit", "New connections a second of all guests together." },
	{ "proxy", "max-new-per-second", TYPE_NUMBER, AT(max_new_per_guest), 0, 100000, "500",
	    "connections, 0 for no limit",
	    "New connections a second of one guest; what it did not use for two seconds\n"
	    "may come at once." },
	{ "proxy", "head-timeout", TYPE_DURATION, AT(head_seconds), 1, 5 * MINUTE, "10s",
	    "duration", "How long a client may take to say which name it wants." },
	{ "proxy", "connect-timeout", TYPE_DURATION, AT(connect_seconds), 1, 5 * MINUTE, "10s",
	    "duration", "How long a name may take to resolve and answer." },
	{ "proxy", "handshake-timeout", TYPE_DURATION, AT(handshake_seconds), 1, 5 * MINUTE, "30s",
	    "duration", "How long a server may take for its first byte of TLS." },
	{ "proxy", "idle-timeout", TYPE_DURATION, AT(idle_seconds), 10, DAY, "15m", "duration",
	    "A connection without a byte in either direction ends after this." },
	{ "proxy", "max-lifetime", TYPE_DURATION, AT(lifetime_seconds), 0, 365 * DAY, "0s",
	    "duration, 0s for none", "A connection ends after this, whatever it is used for." },
	{ "proxy", "head-size", TYPE_NUMBER, AT(head_bytes), 1024, 65536, "16384", "bytes",
	    "Largest HTTP request head." },
	{ "proxy", "hello-size", TYPE_NUMBER, AT(hello_bytes), 1024, 65536, "65536", "bytes",
	    "Largest TLS ClientHello." },
	{ "proxy", "resolv-conf", TYPE_PATH, AT(resolv_conf), 0, 0, "/etc/resolv.conf", "path",
	    "Which DNS servers are asked for listed names, unless [dns] upstream says so." },
	{ "proxy", "reach", TYPE_PREFIXES, 0, 0, 0, "", "address ranges",
	    "Private ranges that listed names may lead to, such as 10.8.0.0/16. The proxy\n"
	    "dials no other address outside the public internet." },

	{ "proxy", "upstream", TYPE_CHAIN, 0, 0, 0, "", "http://HOST:PORT",
	    "A proxy of the company's network, through which every connection that is let\n"
	    "through is made, by CONNECT. It resolves the names then." },
	{ "proxy", "upstream-auth-file", TYPE_PATH, AT(chain_auth_file), 0, 0, "", "path",
	    "A file with the line \"user:password\" for it, which others cannot read." },
	{ "proxy", "no-upstream", TYPE_DOMAINS, 0, 0, 0, "", "names",
	    "Names that are connected to without it: NAME, or .NAME with all below it." },

	{ "dns", "port", TYPE_NUMBER16, AT(dns_port), PORT_UNPRIVILEGED, UINT16_MAX, "8653",
	    "port", "UDP and TCP port of this host where guests' DNS queries are answered; the\n"
	    "rules redirect port 53 to it." },
	{ "dns", "upstream", TYPE_UPSTREAMS, 0, 0, 0, "", "addresses",
	    "DNS servers that are asked for listed names: ADDRESS, ADDRESS:PORT or\n"
	    "[ADDRESS]:PORT. None: those of [proxy] resolv-conf." },

	{ "drops", "nflog-group", TYPE_NUMBER16, AT(nflog_group), 1, UINT16_MAX, "7077", "group",
	    "The netfilter log group that blocked packets are read from." },
	{ "drops", "pflog", TYPE_NUMBER16, AT(pflog), 0, 15, "7", "number",
	    "With pf: which pflog interface blocked packets are logged to and read from." },

	{ "inventory", "leases", TYPE_GLOBS, AT(leases), 0, 0,
	    "/var/lib/misc/dnsmasq.leases, /var/lib/incus/networks/*/dnsmasq.leases, "
	    "/var/lib/lxd/networks/*/dnsmasq.leases, "
	    "/var/lib/libvirt/dnsmasq/*.leases", "paths",
	    "Lease files of dnsmasq, for guests' names; * and ? stand for any text." },
	{ "inventory", "libvirt-status", TYPE_GLOBS, AT(libvirt_status), 0, 0,
	    "/var/lib/libvirt/dnsmasq/*.status", "paths",
	    "libvirt's lists of leases, for guests' names." },
	{ "inventory", "dhcpd-leases", TYPE_GLOBS, AT(dhcpd_leases), 0, 0,
	    "/var/db/dhcpd_leases", "paths",
	    "Lease files of macOS's bootpd, for guests' names." },
	{ "inventory", "every", TYPE_DURATION, AT(inventory_seconds), 1, HOUR, "5s", "duration",
	    "How often guests are looked for; new neighbours show at once all the same." },
	{ "inventory", "user", TYPE_ACCOUNTS, AT(inventory_users), 0, 0, "", "users",
	    "Whose VMs are asked for: commands of VM managers run as them, never as root.\n"
	    "None: everyone who can log in here and has VMs." },
	{ "inventory", "managers", TYPE_NAMES, AT(managers), 0, 0,
	    "tart, lima, colima, container, utm, multipass, incus, lxd, virsh, ps", "names",
	    "Which VM managers are asked, where they are installed. Providers of your own, in\n"
	    "sections [provider NAME], are asked besides." },
	{ "inventory", "tart-home", TYPE_HOME, AT(tart_home), 0, 0, "~/.tart", "path",
	    "Where tart keeps a user's VMs, as TART_HOME says; ~/ is that user's home." },
	{ "inventory", "lima-home", TYPE_HOME, AT(lima_home), 0, 0, "~/.lima", "path",
	    "Where Lima does, as LIMA_HOME says." },
	{ "inventory", "colima-home", TYPE_HOME, AT(colima_home), 0, 0, "~/.colima/_lima", "path",
	    "Where Colima does: _lima in its own directory." },
	{ "inventory", "path", TYPE_GLOBS, AT(command_path), 0, 0,
	    "/opt/homebrew/bin, /usr/local/bin, /usr/bin, /bin, /usr/sbin, /sbin, /snap/bin, "
	    "/Applications/UTM.app/Contents/MacOS", "directories",
	    "Where their commands are looked for." },

	{ "notify", "command", TYPE_COMMAND, AT(notify), 0, 0, "", "path and words",
	    "What is run for an alert or a blocked packet that is no noise, with a line of\n"
	    "JSON on its stdin; no shell is between. There are some in conf/notify." },
	{ "notify", "user", TYPE_ACCOUNT, AT(notify_user), 0, 0, "", "user",
	    "Who runs it, never root. None: [daemon] user." },
	{ "notify", "drops", TYPE_BOOL, AT(notify_drops), 0, 0, "yes", "yes or no",
	    "Whether blocked packets are told too, not alerts alone." },
	{ "notify", "every", TYPE_DURATION, AT(notify_seconds), 1, HOUR, "1m", "duration",
	    "How long like messages are gathered into one." },
};
enum { OPTIONS = sizeof(option_table) / sizeof(option_table[0]) };
const int option_count = OPTIONS;

/* One pass over one file. */
struct parse {
	struct conf	*conf;
	const char	*text;
	size_t		 len, at;
	int		 line;		/* of what line_next() handed out last */
	int		 seen[OPTIONS];	/* the line an option stood on, 0: none */
	char		*cause;		/* the first one */
	int		 cause_line;
	struct text_lines more;		/* that are wrong too */
};

void
conf_defaults(struct conf *c)
{
	char *cause;

	memset(c, 0, sizeof(*c));
	for (int i = 0; i < OPTIONS; i++) {
		/* A default that its own reader refuses shows in the unit test. */
		if ((cause = option_read(c, &option_table[i], option_table[i].def)) != NULL)
			free(cause);
	}
}

/* Keeps the first cause; takes it over. */
static void
parse_fail(struct parse *p, char *cause)
{
	if (p->cause == NULL) {
		p->cause = cause;
		p->cause_line = p->line;
		return;
	}
	free(cause);
	text_lines_add(&p->more, (uint32_t)p->line);
}

static char *
unknown_section(const char *section)
{
	const char *best = option_table[0].section;
	char safe[128];

	for (int i = 0; i < OPTIONS; i++) {
		if (text_distance(section, option_table[i].section) < text_distance(section, best))
			best = option_table[i].section;
	}
	text_escape(safe, sizeof(safe), section, strlen(section));
	return xasprintf("there is no section [%s]; the nearest is [%s]", safe, best);
}

/* "user, group, control": every option of a section; caller frees. */
static char *
section_keys(const char *section)
{
	char *all = xstrdup(""), *more;

	for (int i = 0; i < OPTIONS; i++) {
		if (strcmp(option_table[i].section, section) != 0)
			continue;
		more = xasprintf("%s%s%s", all, *all != '\0' ? ", " : "", option_table[i].key);
		free(all);
		all = more;
	}
	return all;
}

/* Where else the key stands, what it looks like, or what there is. */
static char *
unknown_key(const char *section, const char *key)
{
	enum { LIKE = 3 };	/* so many letters off is still a slip */
	const struct option *best = NULL;
	char safe[128], *all, *cause;

	text_escape(safe, sizeof(safe), key, strlen(key));
	for (int i = 0; i < OPTIONS; i++) {
		const struct option *o = &option_table[i];

		if (strcmp(o->key, key) == 0)
			return xasprintf("there is no option \"%s\" in [%s]; it stands in [%s]",
			    safe, section, o->section);
		if (strcmp(o->section, section) == 0 &&
		    (best == NULL || text_distance(key, o->key) < text_distance(key, best->key)))
			best = o;
	}
	if (best != NULL && text_distance(key, best->key) <= LIKE)
		return xasprintf("there is no option \"%s\" in [%s]; the nearest is \"%s\"",
		    safe, section, best->key);
	all = section_keys(section);
	cause = xasprintf("there is no option \"%s\" in [%s]; it has %s", safe, section, all);
	free(all);
	return cause;
}

/* The NAME of "provider NAME", else NULL. */
static const char *
provider_of(const char *section)
{
	static const char word[] = "provider ";

	return strncmp(section, word, sizeof(word) - 1) == 0 ? section + sizeof(word) - 1 : NULL;
}

static bool
section_known(const char *section)
{
	if (provider_of(section) != NULL)
		return true;
	for (int i = 0; i < OPTIONS; i++) {
		if (strcmp(option_table[i].section, section) == 0)
			return true;
	}
	return false;
}

static int
option_find(const char *section, const char *key)
{
	for (int i = 0; i < OPTIONS; i++) {
		if (strcmp(option_table[i].section, section) == 0 &&
		    strcmp(option_table[i].key, key) == 0)
			return i;
	}
	return -1;
}

/* inih's callback: one "key = value". */
static int
option_take(void *arg, const char *section, const char *key, const char *value)
{
	struct parse *p = arg;
	const struct option *o;
	char *cause;
	int i;

	if (*section == '\0') {
		parse_fail(p, xasprintf("\"%s\" stands before the first [section]", key));
		return 0;
	}
	if (provider_of(section) != NULL) {
		if ((cause = conf_provider_take(p->conf, provider_of(section), key, value)) != NULL)
			parse_fail(p, cause);
		return cause == NULL;
	}
	if (!section_known(section))
		return 0;	/* told where it begins */
	if ((i = option_find(section, key)) == -1) {
		parse_fail(p, unknown_key(section, key));
		return 0;
	}
	o = &option_table[i];
	if (p->seen[i] != 0 && !option_is_list(o)) {
		parse_fail(p, xasprintf("\"%s\" stands on line %d already; remove one of them",
		    key, p->seen[i]));
		return 0;
	}
	if (p->seen[i] == 0)
		option_clear(p->conf, o);
	p->seen[i] = p->line;
	if ((cause = option_read(p->conf, o, value)) != NULL) {
		parse_fail(p, xasprintf("%s: %s", key, cause));
		free(cause);
		return 0;
	}
	return 1;
}

/* What inih would let pass or cut short: NULL if the line is fine. */
static char *
line_check(const char *line, size_t len, size_t max)
{
	char *name, *cause = NULL;
	const char *end;

	if (len > max)
		return xasprintf("the line is longer than %zu bytes; a list may go on in a "
		    "second line of the same name", max);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return xasprintf("byte 0x%02x is no text", (unsigned char)line[i]);
	}
	/* inih says nothing of a section without options. */
	if (len == 0 || line[0] != '[' || (end = memchr(line, ']', len)) == NULL)
		return NULL;
	name = xstrndup(line + 1, (size_t)(end - line - 1));
	if (!section_known(name))
		cause = unknown_section(name);
	free(name);
	return cause;
}

/* The next line of the text, without its end, indentation and byte order mark. */
static const char *
line_cut(struct parse *p, size_t *len)
{
	const char *line = p->text + p->at, *end;

	*len = p->len - p->at;
	p->line++;
	if ((end = memchr(line, '\n', *len)) != NULL)
		*len = (size_t)(end - line);
	p->at += *len + (end != NULL);
	if (p->line == 1 && *len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		*len -= 3;
	}
	if (*len > 0 && line[*len - 1] == '\r')
		--*len;
	while (*len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		--*len;
	}
	return line;
}

/* inih's reader: the next line into dst, NULL at the end or after an error. */
static char *
line_next(char *dst, int size, void *arg)
{
	struct parse *p = arg;
	const char *line;
	size_t len;
	char *cause;

	if (p->at == p->len)
		return NULL;
	line = line_cut(p, &len);
	if ((cause = line_check(line, len, (size_t)size - 3)) != NULL) {
		parse_fail(p, cause);
		/* What follows is no part of the section before. */
		if (line[0] != '[' || len > (size_t)size - 3)
			len = 0;
	}
	memcpy(dst, line, len);
	dst[len] = '\0';
	return dst;
}

static bool
ports_hold(const struct conf_ports *ports, uint16_t port)
{
	for (uint32_t i = 0; i < ports->n; i++) {
		if (ports->port[i] == port)
			return true;
	}
	return false;
}

static bool
is_loopback(const char *host)
{
	struct addr a;

	if (strcmp(host, "localhost") == 0)
		return true;
	return addr_parse(host, &a) && strcmp(addr_special(&a) != NULL ? addr_special(&a) : "",
	    "loopback") == 0;
}

/* What single options cannot see. NULL or a cause without file and line. */
static char *
cross_check(const struct conf *c)
{
	const size_t socket_max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	struct passwd *pw = getpwnam(c->user);

	if (strlen(c->control) > socket_max)
		return xasprintf("[daemon] control: a socket's path has at most %zu bytes",
		    socket_max);
	if (c->bridges.n == 0 && c->nuids == 0)
		return xstrdup("[guard] names neither a bridge nor a uid: nothing would be "
		    "guarded");
	if (c->rules[0][0] == '\0')
		return xstrdup("[guard] rules names no directory, so there are no rules to load");
	for (uint32_t i = 0; i < c->nuids; i++) {
		if (strcmp(c->uids[i].user, c->user) == 0 ||
		    (pw != NULL && pw->pw_uid == c->uids[i].uid))
			return xasprintf("[guard] uid: %s is the user that the proxy runs as "
			    "([daemon] user); guard another", c->uids[i].user);
	}
	if (c->proxy_port == c->dns_port)
		return xasprintf("[proxy] port and [dns] port are both %u; change one",
		    c->proxy_port);
	if (ports_hold(&c->block_tcp, c->proxy_port))
		return xasprintf("[proxy] port %u is in [guard] block-tcp: no guest would reach "
		    "the proxy", c->proxy_port);
	if (ports_hold(&c->block_tcp, c->dns_port) || ports_hold(&c->block_udp, c->dns_port))
		return xasprintf("[dns] port %u is in [guard] block-tcp or block-udp: no guest "
		    "could resolve a name", c->dns_port);
	if (c->explicit_port != 0 && c->explicit_port < PORT_UNPRIVILEGED)
		return xasprintf("[proxy] explicit-port %u is too small; a number from %d, or 0 for "
		    "none", c->explicit_port, PORT_UNPRIVILEGED);
	if (c->explicit_port == c->proxy_port || c->explicit_port == c->dns_port)
		return xasprintf("[proxy] explicit-port and [%s] port are both %u; change one",
		    c->explicit_port == c->proxy_port ? "proxy" : "dns", c->explicit_port);
	if (c->explicit_port != 0 && ports_hold(&c->block_tcp, c->explicit_port))
		return xasprintf("[proxy] explicit-port %u is in [guard] block-tcp; take it out "
		    "there, or set it to 0", c->explicit_port);
	if (is_loopback(c->chain_host) && c->chain_port == c->explicit_port && c->explicit_port != 0)
		return xasprintf("[proxy] upstream is this proxy itself (explicit-port is %u)",
		    c->explicit_port);
	if (c->chain_auth_file[0] != '\0' && c->chain_host[0] == '\0')
		return xstrdup("[proxy] upstream-auth-file without upstream: name the proxy too");
	if (c->notify_user[0] != '\0' && (pw = getpwnam(c->notify_user)) == NULL)
		return xasprintf("[notify] user: there is no user \"%s\"", c->notify_user);
	if (c->notify_user[0] != '\0' && userns_is_real_root(pw->pw_uid))
		return xstrdup("[notify] user: the command never runs as root; name another");
	if (c->max_per_guest > c->max_connections)
		return xasprintf("[proxy] max-per-guest (%u) is more than max-connections (%u)",
		    c->max_per_guest, c->max_connections);
	return conf_provider_check(c);
}

/* Reads a text over the defaults. NULL or a cause with file and line. */
static char *
text_read(struct conf *c, const char *text, size_t len, const char *path)
{
	struct parse p = { .conf = c, .text = text, .len = len };
	char *cause = NULL, *more;
	int bad;

	conf_defaults(c);
	copy_string(c->path, path, sizeof(c->path));
#if HAVE_DECL_INI_MAX_LINE
	ini_max_line = LINE_MAX_WANTED;
#endif
	bad = ini_parse_stream(line_next, &p, option_take, &p);
	more = text_lines_wrong(&p.more);
	if (bad > 0 && (p.cause == NULL || bad < p.cause_line))
		cause = xasprintf("%s:%d: neither \"[section]\" nor \"name = value\" nor a comment",
		    path, bad);
	else if (p.cause != NULL)
		cause = xasprintf("%s:%d: %s%s", path, p.cause_line, p.cause, more);
	else if (bad != 0)
		cause = xasprintf("%s: out of memory", path);
	free(more);
	free(p.cause);
	return cause;
}

char *
conf_parse(struct conf *conf, const char *text, size_t len, const char *path)
{
	struct conf *fresh = xmalloc(sizeof(*fresh));
	char *cause = text_read(fresh, text, len, path), *why;

	if (cause == NULL && (why = cross_check(fresh)) != NULL) {
		cause = xasprintf("%s: %s", path, why);
		free(why);
	}
	if (cause == NULL)
		*conf = *fresh;
	free(fresh);
	return cause;
}

/* The whole file; NULL and *cause. Caller frees. */
static char *
file_read(const char *path, size_t *len, char **cause)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	ssize_t n;

	*len = 0;
	if (fd == -1 || fstat(fd, &st) == -1) {
		*cause = xasprintf("%s: %s%s", path, strerror(errno), errno == ENOENT ?
		    "; install it, or name another with -f" : "");
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		*cause = xasprintf("%s: not a plain file of at most %d KiB", path,
		    FILE_MAX >> 10);
		goto out;
	}
	/* It tells root which rules to load. */
	if (geteuid() == 0 && (st.st_mode & S_IWOTH) != 0) {
		*cause = xasprintf("%s: anyone can write it, so it is not read: chmod o-w %s", path, path);
		goto out;
	}
	text = xmalloc(FILE_MAX);
	while (*len < FILE_MAX && (n = read(fd, text + *len, FILE_MAX - *len)) != 0) {
		if (n == -1) {
			*cause = xasprintf("%s: %s", path, strerror(errno));
			free(text);
			text = NULL;
			goto out;
		}
		*len += (size_t)n;
	}
out:
	if (fd != -1)
		close(fd);
	return text;
}

char *
conf_load(struct conf *conf, const char *path)
{
	char *text, *cause = NULL;
	size_t len;

	if (strlen(path) >= sizeof(conf->path))
		return xasprintf("%s: the path is longer than %zu bytes", path,
		    sizeof(conf->path) - 1);
	if ((text = file_read(path, &len, &cause)) == NULL)
		return cause;
	cause = conf_parse(conf, text, len, path);
	free(text);
	return cause;
}

char *
conf_load_partly(struct conf *conf, const char *path)
{
	char *text, *cause = NULL;
	size_t len;

	conf_defaults(conf);
	if ((text = file_read(path, &len, &cause)) != NULL)
		cause = text_read(conf, text, len, path);
	else
		copy_string(conf->path, path, sizeof(conf->path));
	conf->unread = text == NULL;
	free(text);
	conf->partial = cause != NULL;
	return cause;
}

const char *
conf_default_path(void)
{
	const char *path = host_getenv("GATEHOUSE_CONF");

	return path != NULL && *path != '\0' ? path : SYSCONFDIR "/gatehouse/gatehouse.conf";
}
