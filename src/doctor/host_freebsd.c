#include "config.h"

#include "doctor/doctor.h"
#include "doctor/pf_host.h"

void
doctor_host(json_t *rows)
{
	pf_host(rows, "gatehouse");
}
