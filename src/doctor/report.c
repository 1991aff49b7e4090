#include "config.h"

#include "doctor/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "xmalloc.h"

const char *
doctor_state_name(enum doctor_state state)
{
	static const char *const names[] = { [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn",
		[DOCTOR_FAIL] = "fail", [DOCTOR_SKIP] = "skip" };

	return names[state];
}

void
doctor_add(json_t *rows, const char *check, enum doctor_state state, char *text, const char *todo)
{
	json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o}", "check", check, "state",
	    doctor_state_name(state), "text", json_plain(text),
	    "todo", todo != NULL ? json_plain(todo) : json_null()));
	free(text);
}

static const char *
str(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

char *
doctor_text(const json_t *result)
{
	const json_t *row;
	size_t i, size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	json_array_foreach(json_object_get(result, "checks"), i, row) {
		const char *todo = str(row, "todo"), *state = str(row, "state");

		fprintf(f, "%-4s %-9s %s%s%s\n", strcmp(state, "fail") == 0 ? "FAIL" : state,
		    str(row, "check"), str(row, "text"), todo[0] != '\0' ? "; " : "", todo);
	}
	fclose(f);
	return text;
}
