#include "config.h"

#include "inventory/listeners.h"

bool
listeners_read(struct listeners *l)
{
	return false;
}
