#include "config.h"

#include "inventory/commands.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "userns.h"
#include "xmalloc.h"

/* A directory of accounts may be large and far away. */
enum { ACCOUNTS_MAX = 4096 };

static bool
may_run(uid_t uid)
{
	return userns_has_uid(uid) && !userns_is_real_root(uid);
}

static bool
user_take(struct inventory_user *u, const struct passwd *pw, bool system_only)
{
	memset(u, 0, sizeof(*u));
	if (pw == NULL || !may_run(pw->pw_uid) ||
	    copy_string(u->name, pw->pw_name, sizeof(u->name)) >= sizeof(u->name) ||
	    copy_string(u->home, pw->pw_dir, sizeof(u->home)) >= sizeof(u->home))
		return false;
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->system_only = system_only;
	return true;
}

static bool
logs_in(const struct passwd *pw)
{
	const char *shell = strrchr(pw->pw_shell, '/');

	shell = shell != NULL ? shell + 1 : pw->pw_shell;
	return pw->pw_uid >= host_first_uid() && pw->pw_uid < 60000 && strcmp(shell, "nologin") != 0 &&
	    strcmp(shell, "false") != 0;
}

size_t
inventory_users(const struct conf *conf, struct inventory_user users[INVENTORY_USERS_MAX])
{
	const struct passwd *pw;
	size_t n = 0;

	for (uint32_t i = 0; i < conf->inventory_users.n && n < INVENTORY_USERS_MAX; i++)
		n += user_take(&users[n], getpwnam(conf->inventory_users.name[i]), false);
	if (conf->inventory_users.n != 0)
		return n;
	setpwent();
	for (int i = 0; n < INVENTORY_USERS_MAX && i < ACCOUNTS_MAX && (pw = getpwent()) != NULL; i++)
		n += logs_in(pw) && user_take(&users[n], pw, false);
	endpwent();
	if (n == 0)
		n += user_take(&users[n], getpwnam(conf->user), true);
	if (n == 0)
		n += user_take(&users[n], getpwuid(geteuid()), false);
	return n;
}
