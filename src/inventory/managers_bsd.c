#include "config.h"

#include "inventory/manager.h"

const struct manager *const managers_here[MANAGERS_MAX] = {
	&tart_manager, &lima_manager, &colima_manager, &container_manager, &utm_manager,
	&multipass_manager,
	&incus_manager, &lxd_manager, &virsh_manager, &ps_manager, NULL
};
