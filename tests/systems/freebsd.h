/* FreeBSD's part of bsd.h; sizes are of 64-bit systems, releases 12 to 15. */
#ifndef TESTS_SYSTEMS_FREEBSD_H
#define TESTS_SYSTEMS_FREEBSD_H

#include "bsd.h"

#define KERN_PROC_PATHNAME	12
#define SHM_ANON		((char *)1)
#define SO_REUSEPORT_LB		0x00010000
#define IP_RECVDSTADDR		7
#define IP_SENDSRCADDR		IP_RECVDSTADDR

/* procctl(2) */
#define PROC_TRACE_CTL		7
#define PROC_TRACE_CTL_DISABLE	2
#define PROC_PDEATHSIG_CTL	11
#define P_PID			0
int	 procctl(int, int64_t, int, void *);

/* cpuset_getaffinity(2) */
#define CPU_LEVEL_WHICH		3
#define CPU_WHICH_PID		2
typedef struct {
	unsigned long	bits[16];
} cpuset_t;
int	 cpuset_getaffinity(int, int, int64_t, size_t, cpuset_t *);
int	 freebsd_cpu_count(const cpuset_t *);
#define CPU_COUNT(set)		freebsd_cpu_count(set)

/* capsicum(4) */
#define CAP_IOCTL		1
typedef struct {
	uint64_t	rights[2];
} cap_rights_t;
cap_rights_t	*cap_rights_init(cap_rights_t *, uint64_t);
int	 cap_rights_limit(int, const cap_rights_t *);
int	 cap_ioctls_limit(int, const unsigned long *, size_t);

/* netintro(4): groups of interfaces */
#define SIOCGIFGROUP		0xc0286988
struct ifg_req {
	char	ifgrq_group[IFNAMSIZ];
};
struct ifgroupreq {
	char		 ifgr_name[IFNAMSIZ];
	unsigned	 ifgr_len;
	struct ifg_req	*ifgr_groups;
};

/* route(4) */
#define RTF_PINNED		0x100000
struct rt_metrics {
	unsigned long	before[3], rmx_expire, after[10];
};
struct rt_msghdr {
	unsigned short	rtm_msglen;
	uint8_t		rtm_version, rtm_type;
	unsigned short	rtm_index, spare;
	int		rtm_flags, rtm_addrs, rtm_pid, rtm_seq, rtm_errno, rtm_fmask;
	unsigned long	rtm_inits;
	struct rt_metrics rtm_rmx;
};

/* if_bridge(4) */
#define BRDGGIFS		6
#define BRDGRTS			7
struct ifdrv {
	char		 ifd_name[IFNAMSIZ];
	unsigned long	 ifd_cmd;
	size_t		 ifd_len;
	void		*ifd_data;
};
struct ifbifconf {
	uint32_t	 ifbic_len;
	char		*ifbic_buf;
};
struct ifbaconf {
	uint32_t	 ifbac_len;
	char		*ifbac_buf;
};
struct ifbreq {
	char		ifbr_ifsname[IFNAMSIZ];
	uint32_t	ifbr_ifsflags, ifbr_stpflags, ifbr_path_cost;
	uint8_t		ifbr_portno, ifbr_priority, ifbr_proto, ifbr_role, ifbr_state;
	uint32_t	ifbr_addrcnt, ifbr_addrmax, ifbr_addrexceeded;
	uint8_t		pad[32];
};
struct ifbareq {
	char		ifba_ifsname[IFNAMSIZ];
	unsigned long	ifba_expire;
	uint8_t		ifba_flags, ifba_dst[6];
	uint16_t	ifba_vlan;
};

/* pf(4) */
struct pf_addr {
	uint32_t	addr32[4];
};
struct pfioc_natlook {
	struct pf_addr	saddr, daddr, rsaddr, rdaddr;
	uint16_t	sport, dport, rsport, rdport;
	uint8_t		af, proto, direction;
};
#define DIOCNATLOOK		0xc04c4417UL

/* The list of TCP sockets */
typedef uint64_t ksize_t;
struct in_endpoints {
	uint16_t	ie_fport, ie_lport;
	struct {
		uint32_t	pad[3];
		struct in_addr	addr;
	} ie_faddr4, ie_laddr4;
#define ie_faddr	ie_faddr4.addr
#define ie_laddr	ie_laddr4.addr
#define ie6_faddr	ie_faddr4
#define ie6_laddr	ie_laddr4
};
struct xsocket {
	ksize_t		xso_len, xso_so;
	uint32_t	so_uid;
};
struct xinpcb {
	ksize_t		xi_len;
	struct xsocket	xi_socket;
	struct {
		struct in_endpoints	inc_ie;
	} inp_inc;
	uint8_t		inp_vflag;
};
struct xtcpcb {
	ksize_t		xt_len;
	struct xinpcb	xt_inp;
};
struct xinpgen {
	ksize_t		xig_len;
	uint32_t	xig_count;
	uint64_t	xig_gen, xig_sogen;
};

#endif
