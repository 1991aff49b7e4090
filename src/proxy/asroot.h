/*
 * A process that stays what this one is about to stop being, and asks for it the one
 * question that only such a process may.  It does nothing else, and ends with this one.
 */
#ifndef ASROOT_H
#define ASROOT_H

#include <stddef.h>
#include <stdint.h>

enum { ASROOT_MAX = 128 };

/* Answers in place: 0 or an errno. */
typedef int	(*asroot_fn)(int subject, uint8_t *question);

/* While there is one thread.  What to ask through, or -1 and errno; size: of a question. */
int	 asroot_start(int subject, asroot_fn, size_t size);
/* As asroot_fn, and an errno too if nobody answers.  Any thread. */
int	 asroot_ask(int asker, uint8_t *question, size_t size);

#endif
