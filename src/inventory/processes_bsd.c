/* FreeBSD and macOS list a user's processes by sysctl(3). */
#include "config.h"

#include "inventory/processes.h"

#include <sys/param.h>
#include <sys/sysctl.h>
#include <sys/user.h>

#include <errno.h>
#include <stddef.h>

void
processes_look(const struct conf *conf, bool *running)
{
	int mib[] = { CTL_KERN, KERN_PROC, KERN_PROC_UID, 0 };
	struct kinfo_proc one;
	size_t len;

	for (uint32_t i = 0; i < conf->nuids; i++) {
		mib[3] = (int)conf->uids[i].uid;
		len = sizeof(one);
		/* There is room for one: that there are more is an error, and an answer. */
		running[i] = sysctl(mib, sizeof(mib) / sizeof(mib[0]), &one, &len, NULL, 0) == -1 ?
		    errno == ENOMEM : len > 0;
	}
}

char *
processes_each(bool (*wanted)(const char *const *, size_t), uint64_t *serial,
    void (*fn)(const struct process_args *, void *), void *arg)
{
	return NULL;
}
