/*
 * What the providers share: a list of sightings that has an end, text of
 * others made harmless, and the parsers, which are pure so that tests and
 * fuzzers can drive them.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include "inventory/inventory.h"

/* A zeroed row at the end of the list, or NULL when it is full. */
struct sighting	*sighting_add(struct sighting *, size_t *n, size_t max, const char *provider);

/*
 * A name from a lease file or a VM manager, which a guest may have chosen: letters,
 * digits, ".", "-" and "_" stay, anything else becomes "_", so that it is one
 * word for a shell, for an allowlist entry and for a terminal.  What looks like
 * an address is refused (dst becomes ""), for addresses are names of ours.
 */
void		 sighting_name(char dst[GH_GUEST_SIZE], const char *, size_t len);

/* "52:54:0:a:b:c": hexadecimal, leading zeros may be missing. */
bool		 mac_parse(const char *, size_t len, uint8_t mac[6]);
/* Not zero, not multicast. */
bool		 mac_is_guest(const uint8_t mac[6]);

/*
 * Calls fn with the text of every plain file that one of the globs ("/a/x*,
 * /b") names.  A missing file is nothing special; NULL, or a cause for the
 * first file that could not be read (caller frees).
 */
char		*files_each(const char *globs, void (*fn)(const char *, size_t, void *), void *);

/* The same for a parser of leases, with the time now in seconds. */
char		*leases_each(const char *globs, void (*parse)(const char *, size_t len, int64_t now,
		    struct sighting *, size_t *n, size_t max), struct sighting *, size_t *n,
		    size_t max);

/* dnsmasq's lease file, DHCPv6 too; now in seconds. What makes no sense is skipped. */
void		 leases_parse(const char *, size_t len, int64_t now, struct sighting *, size_t *n,
		    size_t max);
/* libvirt's *.status, JSON. False if it is not that. */
bool		 libvirt_parse(const char *, size_t len, int64_t now, struct sighting *, size_t *n,
		    size_t max);

/* macOS's /var/db/dhcpd_leases; now in seconds. What makes no sense is skipped. */
void		 bootpd_leases_parse(const char *, size_t len, int64_t now, struct sighting *, size_t *n,
		    size_t max);
bool		 qemu_is_qemu(const char *const *argv, size_t argc);
/* The arguments of a QEMU process, one guest. False if they are not those of one.
 * is_card tells of a device, whatever stands there for its PCI address or its path below
 * /sys, whether it is a network card; NULL: this system gives none away. */
bool		 qemu_args_parse(const char *const *argv, size_t argc,
		    bool (*is_card)(const char *pci), struct sighting *, size_t *n, size_t max);

char		*neighbours_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);
char		*uids_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);
char		*leases_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);
char		*libvirt_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);
char		*bootpd_leases_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);
char		*qemu_refresh(const struct conf *, struct sighting *, size_t *n, size_t max);

/* Descriptors that become readable when links or neighbours change, -1 where one does
 * for both; false if none does. */
enum { NEIGHBOURS_FDS = 2 };
bool		 neighbours_subscribe(int fds[NEIGHBOURS_FDS]);
/* Takes what one of them has to say, at most that many words; how many it took.  Calls
 * fn for each address that was heard with a hardware address behind one of the bridges,
 * where the system tells that. */
size_t		 neighbours_news(int fd, const struct conf_names *bridges, size_t max,
		    void (*fn)(const struct addr *, const uint8_t mac[6], void *), void *arg);

#endif
