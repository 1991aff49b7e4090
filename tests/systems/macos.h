/* macOS's part of bsd.h. */
#ifndef TESTS_SYSTEMS_MACOS_H
#define TESTS_SYSTEMS_MACOS_H

#include "bsd.h"

/* dyld(3), ptrace(2) */
#define PT_DENY_ATTACH		31
int	 _NSGetExecutablePath(char *, uint32_t *);
int	 ptrace(int, pid_t, char *, int);

/* route(4) */
#undef RTF_LOCAL
#define RTF_LOCAL		0x200000
struct rt_metrics {
	uint32_t	before[3];
	int32_t		rmx_expire;
	uint32_t	after[10];
};
struct rt_msghdr {
	unsigned short	rtm_msglen;
	uint8_t		rtm_version, rtm_type;
	unsigned short	rtm_index;
	int		rtm_flags, rtm_addrs, rtm_pid, rtm_seq, rtm_errno, rtm_use;
	uint32_t	rtm_inits;
	struct rt_metrics rtm_rmx;
};

/* The list of TCP sockets */
struct in_addr_4in6 {
	uint32_t	pad[3];
	struct in_addr	ia46_addr4;
};
union darwin_pcb_addr {
	struct in_addr_4in6	inp46_local, inp46_foreign;
	struct in6_addr		inp6_local, inp6_foreign;
};
struct xsocket64 {
	uint32_t	xso_len;
	uint64_t	xso_so;
	uint32_t	so_uid;
};
struct xinpcb64 {
	uint64_t		xi_len;
	uint16_t		inp_fport, inp_lport;
	uint8_t			inp_vflag;
	union darwin_pcb_addr	inp_dependfaddr, inp_dependladdr;
	struct xsocket64	xi_socket;
};
struct xtcpcb64 {
	uint32_t	xt_len;
	struct xinpcb64	xt_inpcb;
};
struct xinpgen {
	uint32_t	xig_len, xig_count;
	uint64_t	xig_gen, xig_sogen;
};

#endif
