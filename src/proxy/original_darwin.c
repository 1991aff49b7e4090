/*
 * xnu takes questions to pf from root alone, whoever opened /dev/pf, so that a process
 * that stays root asks for us.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <unistd.h>

#include "proxy/asroot.h"
#include "proxy/original_pf.h"

_Static_assert(ASROOT_MAX >= (int)NATLOOK_SIZE_MAX, "there is room for the question");

const char original_device[] = "/dev/pf";

const struct natlook_layout *
original_layout(void)
{
	return &natlook_darwin;
}

static int
look(int fd, uint8_t *question)
{
	return ioctl(fd, natlook_darwin.request, question) == -1 ? errno : 0;
}

int
original_keep(int fd)
{
	const int asker = asroot_start(fd, look, NATLOOK_SIZE_MAX), error = errno;

	close(fd);
	errno = error;
	return asker;
}

int
original_ask(int fd, uint8_t question[NATLOOK_SIZE_MAX])
{
	return asroot_ask(fd, question, NATLOOK_SIZE_MAX);
}
