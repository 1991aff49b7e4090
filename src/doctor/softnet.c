/* softnet, on hosts where tart is found. */
#include "config.h"

#include "doctor/doctor.h"

#include <stdlib.h>

#include "inventory/commands.h"
#include "inventory/softnet.h"
#include "xmalloc.h"

void
doctor_softnet(json_t *rows, const struct conf *conf)
{
	static const enum doctor_state states[] = {
		[SOFTNET_NONE] = DOCTOR_OK,
		[SOFTNET_WRITABLE] = DOCTOR_FAIL,
		[SOFTNET_SHADOWED] = DOCTOR_WARN,
		[SOFTNET_USERS] = DOCTOR_WARN,
		[SOFTNET_NO_SETUID] = DOCTOR_WARN,
		[SOFTNET_WELL] = DOCTOR_OK,
	};
	struct softnet_facts *facts = xmalloc(sizeof(*facts));
	struct inventory_user users[INVENTORY_USERS_MAX];
	char path[CONF_PATH_SIZE], *text, *todo = NULL;

	softnet_look(command_path(conf, path), facts);
	for (size_t i = 0, n = inventory_users(conf, users); i < n; i++)
		softnet_look_home(users[i].home, facts);
	if (facts->tart) {
		text = softnet_text(facts, &todo);
		doctor_add(rows, "softnet", states[softnet_judge(facts)], text, todo != NULL ? todo :
		    "apply rules that cover tart's bridge; they close the host's ports");
	}
	free(todo);
	free(facts);
}
