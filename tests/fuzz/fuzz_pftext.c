/* Whatever a rule file holds, each line of what is made of it has its place in it. */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/pf.h"
#include "xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char dir[] = "/tmp/gatehouse-fuzz-XXXXXX", path[64];

static void
clean(void)
{
	unlink(path);
	rmdir(dir);
}

static void
prepare(struct conf *c)
{
	if (path[0] == '\0') {
		if (mkdtemp(dir) == NULL)
			exit(1);
		snprintf(path, sizeof(path), "%s/filtered.pf", dir);
		umask(022);
		atexit(clean);
	}
	copy_string(c->rules[0], dir, sizeof(c->rules[0]));
	c->proxy_port = 8643;
	c->pflog = 15;
	c->bridges.n = c->egress.n = 1;
	copy_string(c->bridges.name[0], "bridge*", GH_IFNAME_SIZE);
	copy_string(c->egress.name[0], "em0", GH_IFNAME_SIZE);
	c->nuids = 2;
	c->uids[0].uid = 1001;
	c->uids[1] = (struct conf_uid){ .uid = 1002, .ports = { 1, { 80 } } };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pf_render_options options = { .host = &pf_host_macos,
		.log_to_any = true };
	static struct conf conf;
	struct pf_text t;
	size_t lines = 0;
	char *cause;
	FILE *f;

	prepare(&conf);
	if ((f = fopen(path, "w")) == NULL)
		exit(1);
	fwrite(data, 1, len, f);
	fclose(f);
	cause = pf_text_make(&conf, PROFILE_FILTERED, &options, &t);
	if (cause != NULL) {
		free(cause);
		return 0;
	}
	for (const char *p = t.text; *p != '\0'; p++)
		lines += *p == '\n';
	if (lines != t.nlines)
		abort();
	free(pf_text_locate(&t, xasprintf("stdin:%zu: syntax error", lines)));
	pf_text_free(&t);
	return 0;
}
