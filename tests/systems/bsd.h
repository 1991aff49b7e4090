/*
 * What FreeBSD and macOS have in common, and this host's headers lack: as much of it as
 * our files for those systems use.  Included ahead of such a file (cc -include), whose
 * own lines for headers that are not here find empty ones.  So those files are compiled
 * on Linux too, and what breaks them is seen where they are changed.  Numbers are those
 * of the systems, and so are the structs of pf, bridges and routes; of sockets and
 * processes there are the fields that we read, not their places.  That the files are right
 * is shown where the systems are (tests/pf).
 */
#ifndef TESTS_SYSTEMS_BSD_H
#define TESTS_SYSTEMS_BSD_H

#include "config.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Every socket address begins with its own length. This host's do not. */
#define sa_len		sa_family
#define AF_LINK		18

/* sysctl(3) */
#define CTL_KERN	1
#define CTL_NET		4
#define KERN_PROC	14
#define KERN_PROC_UID	5
#define NET_RT_FLAGS	2
int	 sysctl(const int *, unsigned, void *, size_t *, const void *, size_t);
int	 sysctlbyname(const char *, void *, size_t *, const void *, size_t);
struct kinfo_proc {
	char	bytes[1088];
};

/* unistd.h, string.h */
int	 getpeereid(int, uid_t *, gid_t *);
int	 issetugid(void);
#ifndef HAVE_STRLCPY
#define strlcpy		bsd_strlcpy
size_t	 bsd_strlcpy(char *, const char *, size_t);
#endif

/* unix(4) */
#define LOCAL_PEERCRED	1
#define XUCRED_VERSION	0
#define MAXLOGNAME	33
struct xucred {
	unsigned	cr_version;
	uid_t		cr_uid;
	short		cr_ngroups;
	gid_t		cr_groups[16];
};

/* route(4) */
#define RTM_NEWADDR	0xc
#define RTM_DELADDR	0xd
#define RTF_LLINFO	0x400
struct sockaddr_dl {
	uint8_t		sdl_len, sdl_family;
	uint16_t	sdl_index;
	uint8_t		sdl_type, sdl_nlen, sdl_alen, sdl_slen;
	char		sdl_data[46];
};

/* kqueue(2) */
#define EVFILT_READ	(-1)
#define EVFILT_WRITE	(-2)
#define EV_ADD		0x0001
#define EV_CLEAR	0x0020
#define EV_EOF		0x8000
struct kevent {
	uintptr_t	ident;
	short		filter;
	unsigned short	flags;
	unsigned	fflags;
	int64_t		data;
	void		*udata;
};
#define EV_SET(e, i, f, fl, ff, d, u)	\
	(*(e) = (struct kevent){ .ident = (i), .filter = (f), .flags = (fl), .fflags = (ff), \
	    .data = (d), .udata = (u) })
int	 kqueue(void);
int	 kevent(int, const struct kevent *, int, struct kevent *, int, const struct timespec *);

/* Of a socket's generation in the lists of them. */
#define INP_IPV4	0x1

#endif
