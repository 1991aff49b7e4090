/* The lab's guests are network namespaces, which only Linux has. */
#include "config.h"

#include "demo.h"

#include <stdio.h>

#include "control.h"

int
demo_main(int argc, char **argv)
{
	fprintf(stderr, "gatehouse demo: the lab of guests needs Linux's network namespaces; here, "
	    "start a VM and \"gatehouse daemon\" as root, and run \"gatehouse\"\n");
	return EXIT_NO;
}
