/* Frames that came to priv, field by field. Pure; also driven by tests and a
 * fuzzer. */
#ifndef PRIV_CHECK_H
#define PRIV_CHECK_H

#include "msg.h"

/* NULL, or why no honest peer would send this (a static phrase). The size of
 * the body was checked before. */
const char	*frame_check(enum frame, const void *body);
const char	*pin_check(const struct fw_pin *);
const char	*fw_verb_name(enum fw_verb);

#endif
