#include "config.h"

#include <sys/param.h>
#include <sys/capsicum.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <net/if.h>
#include <net/pfvar.h>
#include <stddef.h>

#include "proxy/original_pf.h"

_Static_assert(DIOCNATLOOK == NATLOOK_REQUEST(sizeof(struct pfioc_natlook)), "the same question");
_Static_assert(sizeof(struct pfioc_natlook) == 76, "natlook_freebsd.c has the same struct");
_Static_assert(offsetof(struct pfioc_natlook, direction) == 74, "natlook_freebsd.c has the same");

const char original_device[] = "/dev/pf";

const struct natlook_layout *
original_layout(void)
{
	return &natlook_freebsd;
}

/* A kernel without Capsicum leaves it as it is. */
int
original_keep(int fd)
{
	const unsigned long only[] = { DIOCNATLOOK };
	cap_rights_t rights;

	cap_rights_init(&rights, CAP_IOCTL);
	if (cap_rights_limit(fd, &rights) == 0)
		(void)cap_ioctls_limit(fd, only, 1);
	return fd;
}

int
original_ask(int fd, uint8_t question[NATLOOK_SIZE_MAX])
{
	return ioctl(fd, DIOCNATLOOK, question) == -1 ? errno : 0;
}
