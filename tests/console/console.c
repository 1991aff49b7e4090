/* The console alone, for its tests: console SOCKET, or console SOCKET COLUMNS
 * for the panes as text. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "ui.h"
#include "xmalloc.h"

int
main(int argc, char **argv)
{
	static struct conf conf;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: console SOCKET [COLUMNS]\n");
		return 2;
	}
	conf_defaults(&conf);
	copy_string(conf.control, argv[1], sizeof(conf.control));
	if (argc == 3)
		return ui_batch(&conf, stdout, atoi(argv[2]));
	return ui_run(&conf);
}
