/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outer fragments are put together by the kernel, before anything of ours sees them. What becomes of
 * those that do not fit is in its counters: of this host (or its network namespace), ESP or not.
 */
#ifndef SLUICE_DATAPLANE_REASSEMBLY_H
#define SLUICE_DATAPLANE_REASSEMBLY_H

#include <stdint.h>

struct reassembly_counts {
	uint64_t failed;      /* packets given up: overlapping, too late, too many. IPv4 and IPv6 */
	uint64_t overlapping; /* of IPv4: fragments that others contradict */
};

/*
 * The number called `name` in the text of /proc/net/snmp or netstat, where a line of numbers follows
 * a line of names, both with `prefix` before them. 0: it is not there.
 */
uint64_t reassembly_number(const char *text, const char *prefix, const char *name);

struct reassembly_counts reassembly_now(void);

#endif
