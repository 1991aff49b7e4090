#include "config.h"

#include "proxy/original_pf.h"

const struct natlook_layout *
original_layout(void)
{
	return &natlook_darwin;
}

void
original_limit(int fd)
{
}
