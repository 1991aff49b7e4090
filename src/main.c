/* Verbs and roles: what the words after "gatehouse" start. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "control.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("gatehouse %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	}
	fprintf(stderr, "usage: gatehouse --version\n");
	return EXIT_USAGE;
}
