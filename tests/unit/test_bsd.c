/*
 * Files that FreeBSD and macOS share, and FreeBSD's own, compiled here against
 * tests/systems/freebsd.h.  The kernel is played: each of its calls that they make is
 * a function of this test.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <pcap/pcap.h>
#include <pwd.h>
#include <stdio.h>

#include "addr.h"
#include "doctor/doctor.h"
#include "drops/device.h"
#include "firewall/pf.h"
#include "inventory/bridge.h"
#include "inventory/processes.h"
#include "peer.h"
#include "proxy/original_pf.h"
#include "proxy/owner.h"
#include "proxy/poller.h"
#include "proxy/poller_kernel.h"
#include "xmalloc.h"

/* ---- the kernel ---- */

enum { LIST_SIZE = 4096 };
static uint8_t list[LIST_SIZE];
static size_t list_len;
static int list_grows, asked;		/* how often it is too long; how often it was asked for */

static struct {
	int	error;			/* of the next call that can fail */
	int	setting;
	bool	narrow;			/* it is of one byte */
	uid_t	euid;
} kernel;

int
sysctlbyname(const char *name, void *old, size_t *len, const void *new, size_t new_len)
{
	if (strcmp(name, "net.inet.tcp.pcblist") != 0) {
		if (kernel.error != 0) {
			errno = kernel.error;
			return -1;
		}
		if (new != NULL) {
			assert_int_equal(new_len, kernel.narrow ? 1 : sizeof(int));
			kernel.setting = kernel.narrow ? *(const uint8_t *)new : *(const int *)new;
			return 0;
		}
		*len = kernel.narrow ? 1 : sizeof(kernel.setting);
		if (old != NULL)
			memcpy(old, &kernel.setting, *len);
		return 0;
	}
	if (old == NULL) {
		*len = list_len;
		return 0;
	}
	asked++;
	if (list_grows > 0) {
		list_grows--;
		errno = ENOMEM;
		return -1;
	}
	assert_true(*len >= list_len);
	memcpy(old, list, list_len);
	*len = list_len;
	return 0;
}

int
sysctl(const int *mib, unsigned n, void *old, size_t *len, const void *new, size_t new_len)
{
	assert_int_equal(n, 4);
	assert_true(mib[0] == CTL_KERN && mib[1] == KERN_PROC && mib[2] == KERN_PROC_UID);
	if (mib[3] == 1001) {
		errno = ENOMEM;
		return -1;
	}
	*len = mib[3] == 1002 ? sizeof(struct kinfo_proc) : 0;
	return 0;
}

uid_t
geteuid(void)
{
	return kernel.euid;
}

/* ---- whose a connection over loopback is ---- */

static void
add_head(void)
{
	const struct xinpgen head = { .xig_len = sizeof(head) };

	memcpy(list + list_len, &head, sizeof(head));
	list_len += sizeof(head);
}

static void
add_socket(uint16_t local, uint16_t foreign, uint32_t uid, bool closed)
{
	struct xtcpcb t = { .xt_len = sizeof(t) };
	struct in_endpoints *e = &t.xt_inp.inp_inc.inc_ie;

	t.xt_inp.inp_vflag = INP_IPV4;
	e->ie_laddr.s_addr = e->ie_faddr.s_addr = htonl(INADDR_LOOPBACK);
	e->ie_lport = htons(local);
	e->ie_fport = htons(foreign);
	t.xt_inp.xi_socket.so_uid = uid;
	t.xt_inp.xi_socket.xso_so = closed ? 0 : 1;
	memcpy(list + list_len, &t, sizeof(t));
	list_len += sizeof(t);
}

/* A socket of this test with a port on loopback, as the proxy's end. */
static int
our_end(uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
the_list_of_sockets_tells_whose_one_is(void **state)
{
	struct addr loopback;
	uint16_t port;
	uint32_t uid = 0;
	const int fd = our_end(&port);

	assert_true(addr_parse("127.0.0.1", &loopback));
	list_len = 0;
	add_head();
	add_socket(40000, 9, 1, false);
	add_socket(40001, port, 1001, false);
	add_socket(40002, port, 1002, true);
	add_head();
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_KNOWN);
	assert_int_equal(uid, 1001);
	/* One that its process has closed is nobody's, and so is one that is not there. */
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40002, &uid), OWNER_GONE);
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40003, &uid), OWNER_GONE);
	/* It grew while it was asked for. */
	list_grows = 2;
	asked = 0;
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_KNOWN);
	assert_int_equal(asked, 3);
	list_grows = 99;
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_UNKNOWN);
	list_grows = 0;
	close(fd);
}

/* Entries of another length are another system's: nothing is taken from them. */
static void
a_list_of_another_version_says_nothing(void **state)
{
	struct addr loopback;
	uint16_t port;
	uint32_t uid;
	const int fd = our_end(&port);

	assert_true(addr_parse("127.0.0.1", &loopback));
	list_len = 0;
	add_head();
	add_socket(40001, port, 1001, false);
	list[sizeof(struct xinpgen)]++;
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_UNKNOWN);
	list[sizeof(struct xinpgen)]--;
	/* Broken off within it. */
	list_len -= 8;
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_UNKNOWN);
	list_len = 4;
	assert_int_equal(owner_ask(NULL, fd, &loopback, 40001, &uid), OWNER_UNKNOWN);
	close(fd);
}

static void
where_the_kernel_does_not_tell_nobody_is_served(void **state)
{
	char *cause;

	list_len = 0;
	kernel.error = 0;
	kernel.setting = 0;
	assert_null(owner_open(&cause));
	assert_cause(cause, "sysctl security.bsd.see_other_uids=1");
	kernel.setting = 1;
	assert_null(owner_open(&cause));
	assert_cause(cause, "net.inet.tcp.pcblist");
}

/* ---- who runs anything ---- */

static void
a_user_runs_something_if_the_list_has_more_than_none(void **state)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	bool running[3] = { false, false, true };

	c->nuids = 3;
	for (uint32_t i = 0; i < 3; i++)
		c->uids[i].uid = 1001 + i;
	processes_look(c, running);
	assert_true(running[0] && running[1] && !running[2]);
	free(c);
}

/* ---- who is at the other end ---- */

static struct xucred peer;
static socklen_t peer_len = sizeof(struct xucred);

int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	assert_int_equal(level, 0);
	assert_int_equal(name, LOCAL_PEERCRED);
	assert_true(*len >= sizeof(peer));
	memcpy(value, &peer, sizeof(peer));
	*len = peer_len;
	return 0;
}

int
getpeereid(int fd, uid_t *uid, gid_t *gid)
{
	if (fd != 3) {
		errno = ENOTCONN;
		return -1;
	}
	*uid = peer.cr_uid;
	*gid = peer.cr_groups[0];
	return 0;
}

struct passwd *
getpwuid(uid_t uid)
{
	static char name[] = "ops";
	static struct passwd pw = { .pw_name = name };

	return uid == 501 ? &pw : NULL;
}

struct group *
getgrgid(gid_t gid)
{
	static char name[] = "ops";
	static char *members[] = { name, NULL };
	static struct group gr = { .gr_mem = members };

	return gid == 77 ? &gr : NULL;
}

size_t
bsd_strlcpy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

static void
a_peer_is_in_the_groups_that_it_had(void **state)
{
	uid_t uid;

	peer = (struct xucred){ .cr_version = XUCRED_VERSION, .cr_uid = 501, .cr_ngroups = 2,
		.cr_groups = { 20, 88, 77 } };
	assert_true(peer_uid(3, &uid));
	assert_int_equal(uid, 501);
	assert_false(peer_uid(4, &uid));
	assert_true(peer_in_group(3, 88));
	/* What stands behind their number is none, */
	assert_false(peer_in_group(3, 77));
	/* and where there may be more than there is room for, the group's own list counts. */
	peer.cr_ngroups = 16;
	peer.cr_groups[2] = 0;
	assert_true(peer_in_group(3, 77));
	assert_false(peer_in_group(3, 78));
	peer.cr_uid = 502;
	assert_false(peer_in_group(3, 77));
	peer.cr_version++;
	assert_false(peer_in_group(3, 88));
	peer.cr_version--;
	peer_len--;
	assert_false(peer_in_group(3, 88));
	peer_len++;
	/* More than there is room for is not read. */
	peer.cr_ngroups = 400;
	assert_false(peer_in_group(3, 99));
}

/* ---- ioctl(2): groups, bridges, pf ---- */

static unsigned long ioctl_asked;
static unsigned nmembers;

static int
answer_groups(struct ifgroupreq *r)
{
	static const char *const groups[] = { "all", "bridge", "vm-network-12345" };

	if (strcmp(r->ifgr_name, "vm-public") != 0) {
		errno = ENXIO;
		return -1;
	}
	for (size_t i = 0; i < 3; i++)
		memcpy(r->ifgr_groups[i].ifgrq_group, groups[i], strlen(groups[i]));
	r->ifgr_len = 3 * sizeof(struct ifg_req);
	return 0;
}

static int
answer_bridge(const struct ifdrv *d)
{
	struct ifbifconf *c = d->ifd_data;
	struct ifbreq member = { .ifbr_portno = 1 };
	struct ifbareq a = { .ifba_expire = 1100, .ifba_dst = { 2, 0x77, 0, 0, 0, 11 } };

	if (strcmp(d->ifd_name, "bridge0") != 0) {
		errno = EINVAL;
		return -1;
	}
	assert_int_equal(d->ifd_len, sizeof(*c));
	memset(member.ifbr_ifsname, 'x', sizeof(member.ifbr_ifsname));
	memcpy(a.ifba_ifsname, "tap3", 5);
	if (d->ifd_cmd == BRDGGIFS) {
		memcpy(c->ifbic_buf, &member, sizeof(member));
		c->ifbic_len = nmembers * sizeof(member);
	} else {
		memcpy(c->ifbic_buf, &a, sizeof(a));
		a.ifba_flags = 1;
		memcpy(c->ifbic_buf + sizeof(a), &a, sizeof(a));
		/* Half of one more is none. */
		c->ifbic_len = 2 * sizeof(a) + 3;
	}
	return 0;
}

static int
answer_natlook(struct pfioc_natlook *l)
{
	if (kernel.error != 0) {
		errno = kernel.error;
		return -1;
	}
	assert_int_equal(l->sport, htons(40112));
	assert_int_equal(l->dport, htons(8643));
	l->rdaddr.addr32[0] = htonl(0xc6336407);
	l->rdport = htons(443);
	return 0;
}

int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *p;

	va_start(ap, request);
	p = va_arg(ap, void *);
	va_end(ap);
	ioctl_asked = request;
	if ((uint32_t)request == (uint32_t)SIOCGIFGROUP)
		return answer_groups(p);
	if ((uint32_t)request == (uint32_t)DIOCNATLOOK)
		return answer_natlook(p);
	return answer_bridge(p);
}

static void
an_interface_is_in_the_groups_that_it_has(void **state)
{
	assert_true(pf_in_group("vm-public", "bridge"));
	assert_true(pf_in_group("vm-public", "all"));
	assert_false(pf_in_group("vm-public", "brid"));
	assert_false(pf_in_group("vm-public", "tap"));
	/* A name may fill its place. */
	assert_true(pf_in_group("vm-public", "vm-network-12345"));
	assert_false(pf_in_group("em0", "bridge"));
}

static void
a_setting_of_bridges_is_asked_of_the_kernel(void **state)
{
	int value = -1;

	kernel.error = 0;
	kernel.setting = 1;
	assert_true(pf_bridge_setting("net.link.bridge.pfil_bridge", &value));
	assert_int_equal(value, 1);
	assert_true(pf_bridge_set("net.link.bridge.pfil_bridge", 2));
	assert_int_equal(kernel.setting, 2);
	kernel.narrow = true;
	assert_true(pf_bridge_set(PF_MEMBER_ADDRS, 1));
	assert_int_equal(kernel.setting, 1);
	value = -1;
	assert_true(pf_bridge_setting(PF_MEMBER_ADDRS, &value));
	assert_int_equal(value, 1);
	kernel.narrow = false;
	kernel.error = ENOENT;
	assert_false(pf_bridge_setting("net.link.bridge.pfil_bridge", &value));
	assert_false(pf_bridge_set(PF_MEMBER_ADDRS, 0));
	kernel.error = 0;
}

static unsigned rows;

static void
on_row(const struct bridge_row *r, void *arg)
{
	rows++;
	if (r->mac == NULL) {
		/* Not one byte of what stands behind it. */
		assert_int_equal(strlen(r->member), IFNAMSIZ);
		return;
	}
	assert_string_equal(r->member, "tap3");
	assert_int_equal(r->mac[5], 11);
	assert_true(r->left == 1100);
	assert_int_equal(r->fixed, rows == 3);
}

static void
a_bridge_lists_members_and_who_is_behind_them(void **state)
{
	rows = 0;
	nmembers = 1;
	bridge_read(3, "bridge0", on_row, NULL);
	assert_int_equal(rows, 3);
	/* A length that no bridge has written. */
	rows = 1;
	nmembers = 100000;
	bridge_read(3, "bridge0", on_row, NULL);
	assert_int_equal(rows, 3);
	rows = 0;
	bridge_read(3, "em0", on_row, NULL);
	assert_int_equal(rows, 0);
}

/* ---- pf(4): where a connection was going ---- */

static unsigned long only_request;
static int limited;

cap_rights_t *
cap_rights_init(cap_rights_t *r, uint64_t right)
{
	r->rights[0] = right;
	return r;
}

int
cap_rights_limit(int fd, const cap_rights_t *r)
{
	assert_true(r->rights[0] == CAP_IOCTL);
	limited++;
	errno = ENOSYS;
	return kernel.error == 0 ? 0 : -1;
}

int
cap_ioctls_limit(int fd, const unsigned long *requests, size_t n)
{
	assert_int_equal(n, 1);
	only_request = requests[0];
	return 0;
}

static void
pf_is_asked_that_question_and_no_other(void **state)
{
	uint8_t question[NATLOOK_SIZE_MAX];
	struct addr peer_addr, local, was;
	uint16_t port;

	kernel.error = 0;
	assert_int_equal(original_keep(17), 17);
	assert_true(limited == 1 && only_request == DIOCNATLOOK);
	assert_true(addr_parse("10.77.0.11", &peer_addr) && addr_parse("127.0.0.1", &local));
	natlook_ask(original_layout(), question, &peer_addr, 40112, &local, 8643);
	assert_int_equal(original_ask(17, question), 0);
	assert_true(ioctl_asked == DIOCNATLOOK);
	assert_true(natlook_answer(original_layout(), question, &was, &port));
	assert_int_equal(port, 443);
	assert_int_equal(was.bytes[0], 198);
	kernel.error = ENOENT;
	assert_int_equal(original_ask(17, question), ENOENT);
	/* A kernel without Capsicum leaves it as it is. */
	assert_int_equal(original_keep(17), 17);
	kernel.error = 0;
}

/* ---- the log interface, by libpcap ---- */

static int pcap_rc, pcap_link, pcap_closed, pcap_snaplen, pcap_blocking;
static char pcap_name[32];

pcap_t *
pcap_create(const char *device, char *error)
{
	static int one;

	snprintf(pcap_name, sizeof(pcap_name), "%s", device);
	return (pcap_t *)&one;
}

int
pcap_set_snaplen(pcap_t *p, int n)
{
	pcap_snaplen = n;
	return 0;
}

int
pcap_set_buffer_size(pcap_t *p, int n)
{
	return 0;
}

int
pcap_set_immediate_mode(pcap_t *p, int on)
{
	assert_int_equal(on, 1);
	return 0;
}

int
pcap_activate(pcap_t *p)
{
	return pcap_rc;
}

char *
pcap_geterr(pcap_t *p)
{
	static char text[] = "it broke";

	return text;
}

int
pcap_datalink(pcap_t *p)
{
	return pcap_link;
}

int
pcap_setnonblock(pcap_t *p, int on, char *error)
{
	pcap_blocking = !on;
	return 0;
}

void
pcap_close(pcap_t *p)
{
	pcap_closed++;
}

static void
the_log_interface_says_why_it_cannot_be_read(void **state)
{
	static const struct {
		int		 rc;
		const char	*why;
	} table[] = {
		{ PCAP_ERROR_PERM_DENIED, "pflog0: reading the log of blocked packets needs root" },
		{ PCAP_ERROR_NO_SUCH_DEVICE, "\"ifconfig pflog0 create up\" makes it" },
		{ PCAP_ERROR_IFACE_NOT_UP, "the interface is down; \"ifconfig pflog0 up\"" },
		{ PCAP_ERROR, "pflog0: it broke" },
	};
	struct conf *c = xcalloc(1, sizeof(*c));
	char *cause;

	c->pflog = 7;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		pcap_rc = table[i].rc;
		assert_null(device_open(c, &cause));
		assert_cause(cause, table[i].why);
	}
	pcap_rc = 0;
	pcap_link = DLT_EN10MB;
	assert_null(device_open(c, &cause));
	assert_cause(cause, "its packets are of link type 1, not a log of pf's");
	assert_int_equal(pcap_closed, 5);
	/* There is no pflog7 here, so that rules log to the other. */
	pcap_link = device_link();
	pcap_blocking = 1;
	assert_non_null(device_open(c, &cause));
	assert_string_equal(pcap_name, "pflog0");
	assert_int_equal(pcap_blocking, 0);
	assert_int_equal(pcap_snaplen, 576);
	assert_true(device_reads_empty());
	free(c);
}

/* ---- kqueue(2) ---- */

static struct kevent told[3], changed[2];
static int nchanged;

int
kqueue(void)
{
	return open("/dev/null", O_RDONLY);
}

int
kevent(int kq, const struct kevent *changes, int n, struct kevent *events, int max,
    const struct timespec *wait)
{
	if (n > 0) {
		memcpy(changed, changes, (size_t)n * sizeof(*changes));
		nchanged = n;
		return 0;
	}
	assert_true(wait != NULL && wait->tv_sec == 1 && wait->tv_nsec == 500000000);
	memcpy(events, told, sizeof(told));
	return 3;
}

static void
what_kqueue_tells_is_news_of_a_socket(void **state)
{
	struct poller_news news[POLLER_BATCH];
	int item;
	const int kq = poller_kernel_open();

	assert_int_equal(fcntl(kq, F_GETFD), FD_CLOEXEC);
	assert_true(poller_kernel_add(kq, 5, &item, false));
	assert_true(nchanged == 1 && changed[0].filter == EVFILT_READ && changed[0].ident == 5);
	assert_int_equal(changed[0].flags, EV_ADD | EV_CLEAR);
	/* Served elsewhere: told again as long as it is so. */
	assert_true(poller_kernel_add(kq, 5, POLLER_ELSEWHERE, false));
	assert_int_equal(changed[0].flags, EV_ADD);
	assert_true(poller_kernel_move(kq, 5, &item));
	assert_true(nchanged == 2 && changed[1].filter == EVFILT_WRITE);
	EV_SET(&told[0], 5, EVFILT_READ, EV_EOF, 0, 0, &item);
	EV_SET(&told[1], 5, EVFILT_WRITE, EV_EOF, 0, 0, &item);
	EV_SET(&told[2], 5, EVFILT_WRITE, EV_EOF, ECONNRESET, 0, &item);
	assert_int_equal(poller_kernel_wait(kq, news, 1500), 3);
	assert_int_equal(news[0].what, POLLER_IN | POLLER_END);
	/* Our own end of it is no news. */
	assert_int_equal(news[1].what, POLLER_OUT);
	assert_int_equal(news[2].what, POLLER_IN | POLLER_OUT | POLLER_END);
	assert_ptr_equal(news[2].item, &item);
	close(kq);
}

/* ---- doctor ---- */

static void
doctor_needs_root_and_pfctl(void **state)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	json_t *r = json_array();
	char *text;

	kernel.euid = 1001;
	kernel.error = ENOENT;
	doctor_host(r, c);
	kernel.euid = 0;
	doctor_host(r, c);
	assert_int_equal(json_array_size(r), 2);
	/* FreeBSD from 15 on. */
	kernel.error = 0;
	kernel.narrow = true;
	for (kernel.setting = 0; kernel.setting < 2; kernel.setting++)
		doctor_host(r, c);
	kernel.narrow = false;
	assert_int_equal(json_array_size(r), 6);
	assert_string_equal(json_string_value(json_object_get(json_array_get(r, 3), "state")), "ok");
	assert_string_equal(json_string_value(json_object_get(json_array_get(r, 5), "state")), "warn");
	text = json_dumps(r, 0);
	assert_non_null(strstr(text, "run \\\"gatehouse doctor\\\" as root"));
	assert_non_null(strstr(text, "/sbin/pfctl: cannot be run: is it there?"));
	free(text);
	json_decref(r);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_of_sockets_tells_whose_one_is),
		cmocka_unit_test(a_list_of_another_version_says_nothing),
		cmocka_unit_test(where_the_kernel_does_not_tell_nobody_is_served),
		cmocka_unit_test(a_user_runs_something_if_the_list_has_more_than_none),
		cmocka_unit_test(a_peer_is_in_the_groups_that_it_had),
		cmocka_unit_test(an_interface_is_in_the_groups_that_it_has),
		cmocka_unit_test(a_setting_of_bridges_is_asked_of_the_kernel),
		cmocka_unit_test(a_bridge_lists_members_and_who_is_behind_them),
		cmocka_unit_test(pf_is_asked_that_question_and_no_other),
		cmocka_unit_test(the_log_interface_says_why_it_cannot_be_read),
		cmocka_unit_test(what_kqueue_tells_is_news_of_a_socket),
		cmocka_unit_test(doctor_needs_root_and_pfctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
