/*
 * pf: the question is an ioctl on /dev/pf, which is root's, so it is opened before
 * the sandbox, for reading: such a descriptor changes nothing.  The system's own file
 * keeps it good for who we become.
 */
#include "config.h"

#include "proxy/original.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "proxy/original_pf.h"
#include "xmalloc.h"

static int pf = -1;

bool
original_open(char **cause)
{
	*cause = NULL;
	pf = open(original_device, O_RDONLY | O_CLOEXEC);
	if (pf != -1)
		pf = original_keep(pf);
	if (pf == -1) {
		*cause = xasprintf("%s: %s: guests' connections are judged by name alone, and "
		    "shown without the address they were for; pf must be there (kldload pf), and "
		    "the daemon be started as root", original_device, strerror(errno));
		return false;
	}
	return true;
}

void
original_close(void)
{
	if (pf != -1)
		close(pf);
	pf = -1;
}

/* Once: it will be so for every connection. */
static void
tell_once(const char *why)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&told))
		log_warnx("pf does not say where a connection was going (%s); it, and others like "
		    "it, are judged by name alone", why);
}

enum original
original_destination(int fd, uint8_t family, struct addr *addr, uint16_t *port)
{
	const struct natlook_layout *layout = original_layout();
	uint8_t question[NATLOOK_SIZE_MAX];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss), peer_len = sizeof(ss);
	struct addr local, peer;
	uint16_t local_port, peer_port;
	int error;

	if (pf == -1)
		return ORIGINAL_UNTOLD;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    !addr_from_sockaddr(&local, &local_port, (const struct sockaddr *)&ss) ||
	    getpeername(fd, (struct sockaddr *)&ss, &peer_len) == -1 ||
	    !addr_from_sockaddr(&peer, &peer_port, (const struct sockaddr *)&ss) ||
	    peer.family != family || local.family != family)
		return ORIGINAL_NONE;
	/* From this host itself, by the proxy's own port: pf may have no state of that at all. */
	if (addr_equal(&peer, &local))
		return ORIGINAL_NONE;
	natlook_ask(layout, question, &peer, peer_port, &local, local_port);
	error = original_ask(pf, question);
	/* What pf turned has a state as long as it is open. */
	if (error == ENOENT)
		return ORIGINAL_NONE;
	if (error != 0) {
		tell_once(strerror(error));
		return ORIGINAL_UNTOLD;
	}
	if (natlook_answer(layout, question, addr, port))
		return ORIGINAL_KNOWN;
	tell_once("it gave no address");
	return ORIGINAL_UNTOLD;
}
