/*
 * What a doctor finds: rows of one line each, with what to do.  The engine makes
 * some of them (methods_doctor.c), the command the rest (doctor.h).
 */
#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

#include <jansson.h>

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARN,	/* may be meant so, or shows only sometimes */
	DOCTOR_FAIL,
	DOCTOR_SKIP,	/* cannot be told from here */
};

const char	*doctor_state_name(enum doctor_state);
/*
 * Adds {"check","state","text","todo"} to an array.  check is one word; todo, or
 * NULL, says what to do.  Takes over text.
 */
void		 doctor_add(json_t *rows, const char *check, enum doctor_state, char *text,
		    const char *todo);

/* {"checks": rows} as lines, caller frees. */
char		*doctor_text(const json_t *result);

#endif
