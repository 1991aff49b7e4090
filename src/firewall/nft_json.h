/* Objects of nft's JSON listings; only for those who read them. */
#ifndef NFT_JSON_H
#define NFT_JSON_H

#include <jansson.h>

/* Calls back for each object of each document: {"KIND": object}. NULL or a
 * cause, caller frees. */
char	*nft_each_object(const char *json, size_t len, void (*cb)(const char *kind, json_t *object,
	    void *arg), void *arg);

#endif
