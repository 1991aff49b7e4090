#include "config.h"

#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"
#include "xmalloc.h"

enum { CALL_SECONDS = 40 };

static const char *
str(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

static bool
any_failed(const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (strcmp(str(row, "state"), doctor_state_name(DOCTOR_FAIL)) == 0)
			return true;
	}
	return false;
}

static json_t *
ask_daemon(const struct conf *conf, enum exit_code *code, char **cause)
{
	int fd = client_connect(conf->control, code, cause);
	json_t *result;

	if (fd == -1)
		return NULL;
	result = client_call(fd, "doctor", NULL, CALL_SECONDS, code, cause);
	close(fd);
	return result;
}

/* What the roles say, and what shows only where they run. */
static void
daemon_rows(json_t *rows, const struct conf *conf, const json_t *result)
{
	const char *guarded = conf_guarded_user(conf, (uint32_t)geteuid());

	json_array_extend(rows, json_object_get(result, "checks"));
	if (guarded != NULL) {
		doctor_add(rows, "ports", DOCTOR_SKIP, xasprintf("ports, resolver and canary cannot be told by "
		    "%s: the rules guard that user's own packets ([guard] uid)", guarded),
		    "run it as another user");
		return;
	}
	doctor_ports(rows, conf);
	if (json_is_true(json_object_get(result, "canary")))
		doctor_canary(rows, conf, str(result, "backend"));
	else
		doctor_add(rows, "canary", DOCTOR_SKIP, xstrdup("no rule is labelled canary, so that no "
		    "packet can be sent that is sure to be dropped"), NULL);
}

int
doctor_main(const struct conf *conf, const char *conf_path, bool json)
{
	json_t *rows = json_array(), *result;
	enum exit_code code = EXIT_DONE;
	char *cause = NULL, *text = NULL;

	doctor_files(rows, conf, conf_path);
	doctor_route(rows);
	doctor_host(rows, conf);
	doctor_softnet(rows, conf);
	result = ask_daemon(conf, &code, &cause);
	if (result != NULL) {
		daemon_rows(rows, conf, result);
		code = any_failed(rows) ? EXIT_NO : EXIT_DONE;
	} else
		doctor_add(rows, "daemon", code == EXIT_NOT_PERMITTED ? DOCTOR_SKIP : DOCTOR_FAIL,
		    xstrdup(cause), NULL);
	json_decref(result);
	result = json_pack("{s:b, s:o}", "ok", !any_failed(rows), "checks", rows);
	if (json)
		cli_print_json(result);
	else if ((text = doctor_text(result)) != NULL)
		fputs(text, stdout);
	free(text);
	json_decref(result);
	free(cause);
	return (int)code;
}
