/*
 * Drives a fuzz target without libFuzzer: replays every file of its corpus
 * (tests/fuzz/corpus/TARGET, after "fuzz_"), then mutations of them for
 * FUZZ_SECONDS (2), from a seed that it prints so that a failure can be had
 * again with FUZZ_SEED.  A sanitizer or an abort in the target is a failure.
 */
#include "config.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);


enum { INPUTS_MAX = 512, INPUT_SIZE = 64 << 10, EDITS_MAX = 8 };

static struct {
	uint8_t	*bytes;
	size_t	 len;
} corpus[INPUTS_MAX];
static size_t ninputs;
static uint64_t state;

static uint32_t
next(void)
{
	/* SplitMix64: good enough to choose edits, and the same everywhere. */
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

static void
load(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(INPUT_SIZE);

	if (f == NULL || bytes == NULL || ninputs == INPUTS_MAX) {
		perror(path);
		exit(1);
	}
	corpus[ninputs].len = fread(bytes, 1, INPUT_SIZE, f);
	corpus[ninputs++].bytes = bytes;
	fclose(f);
}

static void
load_all(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	char path[4096];

	if (d == NULL) {
		perror(dir);
		exit(1);
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		load(path);
	}
	closedir(d);
}

/* One random edit: flip, set, cut, double, or splice in another input. */
static size_t
edit(uint8_t *b, size_t len)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, '\r', '\n', ' ', '.', ':', '*' };
	size_t at = len != 0 ? next() % len : 0, n, from;
	const size_t other = next() % ninputs;

	switch (len == 0 ? 5 : next() % 6) {
	case 0:
		b[at] ^= (uint8_t)(1u << next() % 8);
		return len;
	case 1:
		b[at] = edges[next() % sizeof(edges)];
		return len;
	case 2:
		n = next() % (len - at) + 1;
		memmove(b + at, b + at + n, len - at - n);
		return len - n;
	case 3:
		n = next() % (len - at) + 1;
		if (len + n > INPUT_SIZE)
			return len;
		memmove(b + at + n, b + at, len - at);
		return len + n;
	case 4:
		return at;
	default:
		if (corpus[other].len == 0)
			return len;
		from = next() % corpus[other].len;
		n = next() % (corpus[other].len - from) + 1;
		if (at + n > INPUT_SIZE)
			return len;
		memcpy(b + at, corpus[other].bytes + from, n);
		return at + n > len ? at + n : len;
	}
}

/* Each run gets memory of its exact size, so that a read past it is seen. */
static void
run(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	if (copy == NULL)
		exit(1);
	memcpy(copy, bytes, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

int
main(int argc, char **argv)
{
	const char *seconds = getenv("FUZZ_SECONDS"), *seed = getenv("FUZZ_SEED");
	const char *srcdir = getenv("abs_srcdir"), *name = strrchr(argv[0], '/');
	uint64_t runs = 0;
	static uint8_t work[INPUT_SIZE];
	char dir[4096];
	time_t end;

	name = strstr(name != NULL ? name : argv[0], "fuzz_");
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			load(argv[i]);
	} else {
		snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".",
		    name != NULL ? name + 5 : "");
		load_all(dir);
	}
	if (ninputs == 0) {
		fprintf(stderr, "%s: no corpus\n", argv[0]);
		return 1;
	}
	for (size_t i = 0; i < ninputs; i++, runs++)
		run(corpus[i].bytes, corpus[i].len);
	state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("FUZZ_SEED=%llu\n", (unsigned long long)state);
	fflush(stdout);
	end = time(NULL) + (seconds != NULL ? atoi(seconds) : 2);
	while (argc == 1 && time(NULL) < end) {
		for (int i = 0; i < 256; i++, runs++) {
			const size_t pick = next() % ninputs;
			size_t len = corpus[pick].len;

			memcpy(work, corpus[pick].bytes, len);
			for (uint32_t n = next() % EDITS_MAX + 1; n > 0; n--)
				len = edit(work, len);
			run(work, len);
		}
	}
	printf("%zu inputs, %llu runs\n", ninputs, (unsigned long long)runs);
	for (size_t i = 0; i < ninputs; i++)
		free(corpus[i].bytes);
	return 0;
}
