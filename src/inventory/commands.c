#include "config.h"

#include "inventory/commands.h"

const char *
command_path(void)
{
	return "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
}
