/*
 * Whatever bytes are said to be an image, it is refused, or look-ups in it
 * stay inside.  The header is put right first, so that the rest is reached.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "allow/allow.h"
#include "allow/hash.h"
#include "allow/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { BUCKETS_MAX = 8, NAMES = 6 };

static const char *const names[NAMES] = { "a.com", "x.a.com", "b.a.com", "c.b.a.com", "com",
	"x.y.c.b.a.com" };

/* What is left over after buckets, rules and globs are the keys. */
static void
put_right(uint8_t *image, size_t len)
{
	struct image_header h;
	struct image_layout at;

	memcpy(&h, image, sizeof(h));
	memcpy(h.magic, IMAGE_MAGIC, sizeof(h.magic));
	h.size = len;
	h.nbuckets = h.nbuckets % BUCKETS_MAX + 1;
	h.nrules %= BUCKETS_MAX;
	h.vms_len %= 64;
	h.keys_len = 0;
	at = image_layout(&h);
	if (at.size <= len)
		h.keys_len = (uint32_t)(len - at.size);
	h.bits4 = h.bits6[0] = h.bits6[1] = h.bits6[2] = UINT64_MAX;
	memset(h.depths, 0xff, sizeof(h.depths));
	memset(h.lengths, 0xff, sizeof(h.lengths));
	memcpy(image, &h, sizeof(h));
}

/* Every first slot is made to look like one of the names asked for. */
static void
tag(uint8_t *image, size_t len)
{
	struct image_header h;
	uint64_t hash;
	size_t at;

	memcpy(&h, image, sizeof(h));
	for (size_t i = 0; i < NAMES; i++) {
		hash = name_hash(h.key, names[i], strlen(names[i]));
		at = IMAGE_HEADER_SIZE + image_bucket_of(hash, h.nbuckets) *
		    sizeof(struct image_bucket) + i;
		if (at < len)
			image[at] = image_tag_of(hash);
	}
}

/* Addresses take other ways through keys and chains. */
static void
ask_addresses(const struct allow_image *im)
{
	static const char *const addrs[] = { "1.2.3.4", "203.0.113.1", "2600::1" };
	struct allow_range ranges[4];
	struct allow_port ports[2];
	struct addr a;

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		addr_parse(addrs[i], &a);
		allow_lookup_addr(im, &a, IPPROTO_TCP, 22, "agent-1", 1);
	}
	allow_ranges(im, "agent-1", 1, ranges, 4);
	for (size_t i = 0; i < NAMES; i++)
		allow_pinned_ports(im, names[i], strlen(names[i]), "agent-1", 1, ports, 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *image = malloc(len != 0 ? len : 1);
	struct allow_image *im;
	const char *why = NULL;

	if (image == NULL)
		abort();
	if (len != 0)
		memcpy(image, data, len);
	if (len >= IMAGE_HEADER_SIZE && len % 4 != 0) {
		put_right(image, len);
		tag(image, len);
	}
	im = image_over(image, len, &why);
	if (im == NULL && why == NULL)
		abort();
	for (size_t i = 0; im != NULL && i < NAMES; i++) {
		allow_lookup(im, names[i], strlen(names[i]), 443, "agent-1", 1);
		allow_lookup(im, names[i], strlen(names[i]), 22, "", 1);
	}
	if (im != NULL)
		ask_addresses(im);
	free(im);
	free(image);
	return 0;
}
