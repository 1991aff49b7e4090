/*
 * Looking at /proc as root.  What is read is what the kernel writes: names of open files and
 * links, tables of sockets; nothing of a process's memory, for which it could keep us
 * waiting.  All of it has bounds, and a look ends when they are reached: the next goes on.
 */
#include "config.h"

#include "inventory/holders.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "userns.h"
#include "xmalloc.h"

enum {
	PROCESSES_MAX = 65536,
	FDS_LOOK = 8192,	/* open files in one look */
	FDS_ONE = 2048,		/* of one process */
	SOCKETS_MAX = 4096,	/* that may be some VM's own */
	LINES_MAX = 262144,	/* of the tables of sockets */
	TEXT_SIZE = 4096,
	LOOKS_MAX = 7,		/* 2 s after the first look, 4 s after the second, ... 2 min */
	PORTS = 65536,
	SYS_PTRACE = 19,	/* CAP_SYS_PTRACE */
};
static const uint64_t second = 1000000;
static const uint64_t own_every = 2 * 1000000ull;
static const uint64_t own_stays = 60 * 1000000ull;
enum { OWN_REST = 500 };	/* times as long as it took of a processor it is not done again */

struct process {
	struct holder	h, told;
	uint8_t		looks;
	bool		is_told, here;
	uint64_t	next, own_until;
};

struct own_socket {
	uint64_t	inode;
	uint32_t	uid, pid;	/* pid 0: no VM's */
	uint16_t	local_port;
	bool		udp, before, known;
	struct addr	peer;
	uint32_t	port;
};

struct holders {
	void		(*fn)(const struct holder *, void *);
	void		*arg;
	struct process	*all;		/* by number */
	size_t		 n;
	size_t		 budget, from;	/* from which process on the next look goes on */
	char		 netns[64];
	uint16_t	 ports_low, ports_high;
	struct own_socket *sockets;	/* by inode */
	size_t		 nsockets;
	uint64_t	 own_next;
};

static bool
is_vm(const struct process *p)
{
	return (p->h.flags & (HOLDER_VM | HOLDER_QEMU)) != 0 || (p->h.nlinks > 0 && p->looks > 1);
}

static void
tell(struct holders *s, struct process *p)
{
	if (is_vm(p) && (!p->is_told || memcmp(&p->h, &p->told, sizeof(p->h)) != 0)) {
		p->told = p->h;
		p->is_told = true;
		s->fn(&p->h, s->arg);
	} else if (!is_vm(p) && p->is_told) {
		p->told.flags |= HOLDER_GONE;
		p->is_told = false;
		s->fn(&p->told, s->arg);
	}
}

/* ---- one process ---- */

/* A small file below the directory, with a NUL behind it. */
static bool
text_read(int dir, const char *path, char text[TEXT_SIZE])
{
	const int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd != -1 ? read(fd, text, TEXT_SIZE - 1) : -1;

	if (fd != -1)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static bool
link_read(int dir, const char *path, char *dst, size_t size)
{
	const ssize_t n = readlinkat(dir, path, dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void
link_take(struct holder *h, int dir, const char *fd)
{
	char path[64], text[TEXT_SIZE], link[GH_IFNAME_SIZE];

	snprintf(path, sizeof(path), "fdinfo/%.16s", fd);
	if (h->nlinks == HOLDER_LINKS || !text_read(dir, path, text) || !holder_link_parse(text, link))
		return;
	for (uint32_t i = 0; i < h->nlinks; i++) {
		if (strcmp(h->links[i], link) == 0)
			return;
	}
	copy_string(h->links[h->nlinks++], link, GH_IFNAME_SIZE);
}

/* Calls fn with the name of each open file, and what it is, as far as the bounds allow. */
static void
files_each(struct holders *s, int dir, void (*fn)(int dir, const char *fd, const char *what, void *),
    void *arg)
{
	const int fds = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fds != -1 ? fdopendir(fds) : NULL;
	struct dirent *e;
	char what[64];

	if (d == NULL && fds != -1)
		close(fds);
	for (size_t n = 0; d != NULL && n < FDS_ONE && (e = readdir(d)) != NULL; n++) {
		if (e->d_name[0] != '.' && link_read(dirfd(d), e->d_name, what, sizeof(what)))
			fn(dir, e->d_name, what, arg);
		s->budget -= s->budget > 0;
	}
	if (d != NULL)
		closedir(d);
}

static void
on_file(int dir, const char *fd, const char *what, void *arg)
{
	struct holder *h = arg;

	if (strcmp(what, "anon_inode:kvm-vm") == 0 || strcmp(what, "/dev/vboxdrv") == 0 ||
	    strcmp(what, "/dev/vmmon") == 0)
		h->flags |= HOLDER_VM;
	else if (strcmp(what, "/dev/net/tun") == 0)
		link_take(h, dir, fd);
}

static int
process_open(uint32_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", (unsigned)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void
process_look(struct holders *s, struct process *p, uint64_t now)
{
	const int dir = process_open(p->h.pid);
	const uint32_t own = p->h.flags & HOLDER_OWN;
	char text[TEXT_SIZE], netns[64];

	p->h.flags = own;
	p->h.nlinks = 0;
	memset(p->h.links, 0, sizeof(p->h.links));
	memset(p->h.name, 0, sizeof(p->h.name));
	if (dir != -1 && text_read(dir, "status", text) &&
	    holder_status_parse(text, &p->h)) {
		if (strncmp(p->h.name, "qemu", strlen("qemu")) == 0 || strcmp(p->h.name, "kvm") == 0)
			p->h.flags |= HOLDER_QEMU;
		files_each(s, dir, on_file, &p->h);
		if ((is_vm(p) || p->h.nlinks > 0) && link_read(dir, "ns/net", netns, sizeof(netns)) &&
		    strcmp(netns, s->netns) != 0)
			p->h.flags |= HOLDER_AWAY;
	}
	if (dir != -1)
		close(dir);
	/* Who makes a link hands it to another at once, often. */
	p->next = now + (2 * second << (p->h.nlinks > 0 && p->looks == 0 ? 0 : p->looks));
	p->looks += p->looks < LOOKS_MAX - 1;
	/* Of one that is known little is to be expected. */
	if (p->looks > 2 && is_vm(p))
		p->looks = LOOKS_MAX - 1;
	tell(s, p);
}

/* ---- all of them ---- */

static int
pid_compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->h.pid > y->h.pid) - (x->h.pid < y->h.pid);
}

static void
process_new(struct holders *s, uint32_t pid, size_t *n, size_t *size)
{
	if (*n == *size) {
		*size = *size != 0 ? *size * 2 : 256;
		s->all = xreallocarray(s->all, *size, sizeof(*s->all));
	}
	memset(&s->all[*n], 0, sizeof(s->all[*n]));
	s->all[*n].h.pid = pid;
	s->all[(*n)++].here = true;
}

/* Those that have ended go, and new ones come. */
static void
processes_list(struct holders *s)
{
	DIR *proc = opendir("/proc");
	size_t before = s->n, n = s->n, size = s->n, kept = 0;
	struct dirent *e;
	struct process key, *p;

	if (proc == NULL)
		return;
	for (size_t i = 0; i < before; i++)
		s->all[i].here = false;
	while ((e = readdir(proc)) != NULL && n < PROCESSES_MAX) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		key.h.pid = (uint32_t)strtoul(e->d_name, NULL, 10);
		p = before > 0 ? bsearch(&key, s->all, before, sizeof(key), pid_compare) : NULL;
		if (p != NULL)
			p->here = true;
		else
			process_new(s, key.h.pid, &n, &size);
	}
	closedir(proc);
	for (size_t i = 0; i < n; i++) {
		if (s->all[i].here) {
			s->all[kept++] = s->all[i];
			continue;
		}
		if (!s->all[i].is_told)
			continue;
		s->all[i].told.flags |= HOLDER_GONE;
		s->fn(&s->all[i].told, s->arg);
	}
	s->n = kept;
	qsort(s->all, s->n, sizeof(*s->all), pid_compare);
}

/* ---- connections of their own ---- */

static int
inode_compare(const void *a, const void *b)
{
	const struct own_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static struct own_socket *
socket_find(struct own_socket *all, size_t n, uint64_t inode)
{
	const struct own_socket key = { .inode = inode };

	return n > 0 ? bsearch(&key, all, n, sizeof(key), inode_compare) : NULL;
}

static bool
is_loopback(const struct addr *a)
{
	const char *special = addr_special(a);

	return special != NULL && strcmp(special, "loopback") == 0;
}

static bool
is_any(const struct addr *a)
{
	static const uint8_t none[16];

	return memcmp(a->bytes, none, sizeof(none)) == 0;
}

struct tables {
	struct holders	*holders;
	uint8_t		*listens;	/* a bit a port */
	struct own_socket *all;
	size_t		 n, lines;
	bool		 udp;
};

static bool
user_has_vm(const struct holders *s, uint32_t uid)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i].is_told && s->all[i].h.uid == uid)
			return true;
	}
	return false;
}

/*
 * What a process connected to by itself: from a port that the kernel chose, and on which
 * nobody listens.  So neither those that were accepted count (VNC, a monitor, a migration
 * that comes in), nor what stays on this host.
 */
static void
socket_take(struct tables *t, const struct holder_socket *k)
{
	enum { ESTABLISHED = 1, SYN_SENT = 2, UNCONNECTED = 7, CLOSE_WAIT = 8, LISTEN = 10 };
	const struct holders *s = t->holders;
	uint8_t *port = &t->listens[k->local_port / 8];
	const uint8_t bit = (uint8_t)(1u << (k->local_port % 8));
	struct own_socket *o;

	if (!t->udp && k->state == LISTEN)
		*port |= bit;
	if (t->udp ? k->state != UNCONNECTED && k->state != ESTABLISHED :
	    k->state != ESTABLISHED && k->state != SYN_SENT && k->state != CLOSE_WAIT)
		return;
	if (k->local_port < s->ports_low || k->local_port > s->ports_high ||
	    is_loopback(&k->local) || is_loopback(&k->peer) ||
	    (!t->udp && addr_equal(&k->local, &k->peer)) || t->n == SOCKETS_MAX || k->inode == 0 ||
	    !user_has_vm(s, k->uid))
		return;
	o = &t->all[t->n++];
	*o = (struct own_socket){ .inode = k->inode, .uid = k->uid, .udp = t->udp,
		.local_port = k->local_port };
	if (!is_any(&k->peer)) {
		o->peer = k->peer;
		o->port = k->peer_port;
	}
}

static void
table_read(struct tables *t, const char *path)
{
	FILE *f = fopen(path, "re");
	struct holder_socket k;
	char line[512];

	while (f != NULL && t->lines < LINES_MAX && fgets(line, sizeof(line), f) != NULL) {
		t->lines++;
		if (holder_socket_parse(line, &k))
			socket_take(t, &k);
	}
	if (f != NULL)
		fclose(f);
}

static void
tables_read(struct tables *t)
{
	static const struct {
		const char	*path;
		bool		 udp;
	} reads[] = {
		{ "/proc/net/tcp", false }, { "/proc/net/tcp6", false },
		{ "/proc/net/udp", true }, { "/proc/net/udp6", true },
	};
	size_t kept = 0;

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		t->udp = reads[i].udp;
		table_read(t, reads[i].path);
	}
	for (size_t i = 0; i < t->n; i++) {
		const uint16_t port = t->all[i].local_port;

		if (t->all[i].udp || (t->listens[port / 8] & (1u << (port % 8))) == 0)
			t->all[kept++] = t->all[i];
	}
	t->n = kept;
	qsort(t->all, t->n, sizeof(*t->all), inode_compare);
}

struct owner {
	struct tables	*tables;
	uint32_t	 pid;
};

static void
on_owned(int dir, const char *fd, const char *what, void *arg)
{
	const struct owner *o = arg;
	struct own_socket *k;
	unsigned long long inode;

	if (sscanf(what, "socket:[%llu]", &inode) == 1 &&
	    (k = socket_find(o->tables->all, o->tables->n, inode)) != NULL)
		k->pid = o->pid;
}

/* Whose those are that were not there before. */
static void
owners_find(struct holders *s, struct tables *t)
{
	for (size_t i = 0; i < s->n && s->budget > 0; i++) {
		const struct holder *h = &s->all[i].h;
		struct owner o = { t, h->pid };
		bool any = false;
		int dir;

		for (size_t k = 0; s->all[i].is_told && k < t->n && !any; k++)
			any = !t->all[k].known && t->all[k].uid == h->uid;
		if (!any || (dir = process_open(h->pid)) == -1)
			continue;
		files_each(s, dir, on_owned, &o);
		close(dir);
	}
	/* What there was no time for is looked at the next time. */
	for (size_t k = 0; s->budget > 0 && k < t->n; k++)
		t->all[k].known = true;
}

static struct process *
process_find(struct holders *s, uint32_t pid)
{
	struct process key;

	key.h.pid = pid;
	return s->n > 0 ? bsearch(&key, s->all, s->n, sizeof(key), pid_compare) : NULL;
}

/* A name that is looked up is a datagram's socket for a moment, and no NIC. */
static void
owners_tell(struct holders *s, const struct tables *t, uint64_t now)
{
	for (size_t k = 0; k < t->n; k++) {
		const struct own_socket *o = &t->all[k];
		struct process *p = o->pid != 0 && (!o->udp || o->before) ? process_find(s, o->pid) : NULL;

		if (p == NULL || (p->h.flags & HOLDER_AWAY) != 0)
			continue;
		p->own_until = now + own_stays;
		if ((p->h.flags & HOLDER_OWN) != 0 && p->h.peer.family != 0)
			continue;
		p->h.flags |= HOLDER_OWN;
		p->h.peer = o->peer;
		p->h.peer_port = o->port;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->all[i];

		if ((p->h.flags & HOLDER_OWN) != 0 && now > p->own_until) {
			p->h.flags &= ~(uint32_t)HOLDER_OWN;
			memset(&p->h.peer, 0, sizeof(p->h.peer));
			p->h.peer_port = 0;
		}
		if (p->is_told)
			tell(s, p);
	}
}

static uint64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec / 1000;
}

static void
own_look(struct holders *s, uint64_t now)
{
	struct tables t = { .holders = s };
	const struct own_socket *was;
	const uint64_t began = cpu_us();
	uint64_t took;

	t.listens = xcalloc(PORTS / 8, 1);
	t.all = xcalloc(SOCKETS_MAX, sizeof(*t.all));
	tables_read(&t);
	for (size_t k = 0; k < t.n; k++) {
		if ((was = socket_find(s->sockets, s->nsockets, t.all[k].inode)) == NULL)
			continue;
		t.all[k].before = true;
		t.all[k].pid = was->pid;
		t.all[k].known = was->known;
	}
	s->budget = FDS_LOOK;
	owners_find(s, &t);
	owners_tell(s, &t, now);
	free(s->sockets);
	free(t.listens);
	s->sockets = xreallocarray(t.all, t.n + 1, sizeof(*t.all));
	s->nsockets = t.n;
	took = cpu_us() - began;
	s->own_next = now + (took * OWN_REST > own_every ? took * OWN_REST : own_every);
}

/* ---- from outside ---- */

struct holders *
holders_new(void (*fn)(const struct holder *, void *), void *arg)
{
	struct holders *s = xcalloc(1, sizeof(*s));
	unsigned low = 32768, high = 60999;
	char text[TEXT_SIZE], *caps;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	s->fn = fn;
	s->arg = arg;
	if (f != NULL && fscanf(f, "%u %u", &low, &high) != 2)
		low = 32768, high = 60999;
	if (f != NULL)
		fclose(f);
	/* The unit of before had not the capability. */
	if (userns_is_initial() && text_read(AT_FDCWD, "/proc/self/status", text) &&
	    (caps = strstr(text, "\nCapEff:")) != NULL &&
	    (strtoull(caps + strlen("\nCapEff:"), NULL, 16) & 1ull << SYS_PTRACE) == 0)
		log_warnx("guests: what files processes have open cannot be seen (CAP_SYS_PTRACE), so VMs "
		    "that no VM manager tells of are not, nor connections of their own; \"gatehouse setup\" "
		    "has the service allow it");
	s->ports_low = low < PORTS ? (uint16_t)low : 0;
	s->ports_high = high < PORTS ? (uint16_t)high : PORTS - 1;
	link_read(AT_FDCWD, "/proc/self/ns/net", s->netns, sizeof(s->netns));
	return s;
}

void
holders_free(struct holders *s)
{
	if (s == NULL)
		return;
	free(s->all);
	free(s->sockets);
	free(s);
}

void
holders_look(struct holders *s, uint64_t now)
{
	bool any = false;

	processes_list(s);
	s->budget = FDS_LOOK;
	for (size_t i = 0; i < s->n && s->budget > 0; i++) {
		struct process *p = &s->all[(s->from + i) % s->n];

		if (p->next <= now)
			process_look(s, p, now);
		if (s->budget == 0)
			s->from = (s->from + i + 1) % s->n;
	}
	for (size_t i = 0; i < s->n; i++)
		any |= s->all[i].is_told;
	if (any && now >= s->own_next)
		own_look(s, now);
}

void
holders_tell(struct holders *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i].is_told)
			s->fn(&s->all[i].told, s->arg);
	}
}
