/*
 * What VM managers told the engine last, kept for the next one, which would else know their
 * guests by other names until they have answered it.  priv does not look into it: the engine
 * wrote it, and the engine that is given it trusts none of it.
 */
#include "config.h"

#include "priv.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "allow/memfile.h"
#include "log.h"

enum { PATH_SIZE = CONF_PATH_SIZE + 16 };

static void
kept_path(const struct conf *conf, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/managers", conf->state);
}

void
priv_kept_save(const struct conf *conf, const struct msg_kept *m, int from)
{
	const char *why = "no memory came with it";
	const void *map = from != -1 ? memfile_map(from, (size_t)m->size, &why) : NULL;
	char path[PATH_SIZE], temp[PATH_SIZE + 4];
	bool written = false;
	FILE *f;
	int fd;

	if (map == NULL) {
		log_warnx("what VM managers told cannot be kept: %s", why);
		return;
	}
	kept_path(conf, path);
	snprintf(temp, sizeof(temp), "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && (f = fdopen(fd, "w")) != NULL) {
		written = fwrite(map, (size_t)m->size, 1, f) == 1;
		written = fclose(f) == 0 && written;
	} else if (fd != -1)
		close(fd);
	if (!written || rename(temp, path) == -1)
		log_warn("%s: cannot be saved", path);
	memfile_unmap(map, (size_t)m->size);
}

void
priv_kept_tell(const struct conf *conf, struct roles *roles)
{
	struct msg_kept m = { .size = 0 };
	char path[PATH_SIZE];
	struct stat st;
	int fd;

	kept_path(conf, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= KEPT_SIZE_MAX) {
		m.size = (uint64_t)st.st_size;
		roles_send_fd(roles, ROLE_ENGINE, FRAME_KEPT, &m, fd);
	}
	close(fd);
}
