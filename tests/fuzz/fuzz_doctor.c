/* Listings of others' rules: nftables' JSON, pf's lines. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "doctor/doctor.h"
#include "firewall/pf.h"
#include "xmalloc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = xstrndup((const char *)data, len), *lines;
	json_t *rows = json_array(), *result;
	struct conf conf;

	foreign_nft(rows, (const char *)data, len);
	conf_defaults(&conf);
	foreign_pf(rows, &pf_host_macos, text, text, &conf);
	if (json_array_size(rows) == 0)
		abort();
	result = json_pack("{s:o}", "checks", rows);
	lines = doctor_text(result);
	free(lines);
	json_decref(result);
	free(text);
	return 0;
}
