#include "config.h"

#include "inventory/processes.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>

void
processes_look(const struct conf *conf, bool *running)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat st;

	if (proc == NULL)
		return;
	while ((e = readdir(proc)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    fstatat(dirfd(proc), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		for (uint32_t i = 0; i < conf->nuids; i++) {
			if (conf->uids[i].uid == st.st_uid)
				running[i] = true;
		}
	}
	closedir(proc);
}
