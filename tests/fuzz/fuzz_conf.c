/* Whatever stands in gatehouse.conf, it is refused with a cause or taken; what
 * was taken prints as a file that gives the same configuration again. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct conf first, second;
	char *cause, *text = NULL;
	size_t size = 0;
	FILE *f;

	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	cause = conf_parse(&first, (const char *)data, len, "f");
	if (cause != NULL) {
		if (*cause == '\0' || first.path[0] != '\0')
			abort();
		free(cause);
		return 0;
	}
	if ((f = open_memstream(&text, &size)) == NULL)
		abort();
	conf_print(&first, f);
	fclose(f);
	if ((cause = conf_parse(&second, text, size, "f")) != NULL) {
		fprintf(stderr, "%s\n%s", cause, text);
		abort();
	}
	if (memcmp(&first, &second, sizeof(first)) != 0)
		abort();
	free(text);
	return 0;
}
