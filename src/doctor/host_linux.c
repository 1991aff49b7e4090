/* Linux: every table of nftables, by libnftables, which root may ask. */
#include "config.h"

#include "doctor/doctor.h"

#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

/* Rules of the older interface are in no listing of nftables. */
static void
legacy(json_t *rows, const char *path, const char *tool)
{
	char name[64];
	FILE *f = fopen(path, "re");

	if (f != NULL && fgets(name, sizeof(name), f) != NULL) {
		name[strcspn(name, "\n")] = '\0';
		doctor_add(rows, "foreign", DOCTOR_WARN, xasprintf("there are rules of %s-legacy (table "
		    "%s), which are not looked at here", tool, name), "look at them with that tool; "
		    "better let whoever made them use nftables");
	}
	if (f != NULL)
		fclose(f);
}

void
doctor_host(json_t *rows, const struct conf *conf)
{
	struct nft_ctx *ctx;
	const char *text;

	(void)conf;
	if (geteuid() != 0) {
		doctor_add(rows, "foreign", DOCTOR_SKIP, xstrdup("tables of others can be listed by root "
		    "alone"), "run \"gatehouse doctor\" as root");
		return;
	}
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (ctx == NULL || nft_ctx_buffer_output(ctx) != 0 || nft_ctx_buffer_error(ctx) != 0)
		text = NULL;
	else {
		nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_JSON);
		text = nft_run_cmd_from_buffer(ctx, "list ruleset") == 0 ?
		    nft_ctx_get_output_buffer(ctx) : NULL;
	}
	if (text == NULL || !foreign_nft(rows, text, strlen(text)))
		doctor_add(rows, "foreign", DOCTOR_FAIL, xstrdup("nftables cannot be asked for its rules"),
		    "modprobe nf_tables; \"nft list ruleset\" says more");
	if (ctx != NULL)
		nft_ctx_free(ctx);
	legacy(rows, "/proc/net/ip_tables_names", "iptables");
	legacy(rows, "/proc/net/ip6_tables_names", "ip6tables");
}
