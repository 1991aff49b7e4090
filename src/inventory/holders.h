/*
 * Processes that hold a virtual machine, whatever they are called: KVM's end of one, a port of
 * a bridge, or QEMU's name; and those of them that have connections of their own.  Only
 * root may see that of all: priv looks (holders_*.c), and tells the engine, which makes
 * sightings of it (holders.c).
 */
#ifndef HOLDERS_H
#define HOLDERS_H

#include "inventory/inventory.h"

enum {
	HOLDER_VM = 1 << 0,		/* it has a virtual machine: KVM's, VirtualBox's, VMware's */
	HOLDER_QEMU = 1 << 1,		/* it is called so */
	HOLDER_AWAY = 1 << 2,		/* in another network namespace: links are not this host's */
	HOLDER_OWN = 1 << 3,		/* it has connected to elsewhere by itself, as peer says */
	HOLDER_GONE = 1 << 4,		/* it has ended, or is none any more */
	HOLDER_LINKS = 8,
	HOLDER_NAME_SIZE = 16,
};

struct holder {
	uint32_t	pid, parent, uid;
	uint32_t	flags;
	uint32_t	nlinks;
	char		name[HOLDER_NAME_SIZE];		/* of its own choosing */
	char		links[HOLDER_LINKS][GH_IFNAME_SIZE];	/* taps that it has open */
	struct addr	peer;				/* family 0: not known, or several kinds */
	uint32_t	peer_port;
};

/* ---- holders_linux.c, holders_none.c: as root ---- */
struct holders;
/* fn is told of each that is found, is another than before, or ends. */
struct holders	*holders_new(void (*fn)(const struct holder *, void *), void *arg);
void		 holders_free(struct holders *);
/* Looks for new processes, and at some of the others; now is mono, microseconds.  Each is
 * looked at when it is new and then ever more rarely, for it may become one later. */
void		 holders_look(struct holders *, uint64_t now);
/* Tells of all anew. */
void		 holders_tell(struct holders *);

/* ---- holders.c ---- */
/* A line of /proc/net/tcp, tcp6, udp or udp6. */
struct holder_socket {
	struct addr	local, peer;
	uint16_t	local_port, peer_port;
	uint32_t	state, uid;
	uint64_t	inode;
};
bool	 holder_socket_parse(const char *line, struct holder_socket *);
/* Name, user and parent of /proc/PID/status. */
bool	 holder_status_parse(const char *text, struct holder *);
/* "iff:" of /proc/PID/fdinfo/N. */
bool	 holder_link_parse(const char *text, char link[GH_IFNAME_SIZE]);

/* What the engine was told of. */
struct holder_table {
	struct holder	*all;
	size_t		 n, size;
};
void	 holder_table_take(struct holder_table *, const struct holder *);
/* Appends rows for those that no provider has told of, and for what those that it has do
 * beside it.  is_port: whether a link is a port of a bridge of this host. */
void	 holder_table_sightings(const struct holder_table *, bool (*is_port)(const char *link),
	    struct sighting *, size_t *n, size_t max);

#endif
