/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counts of this host (or its network namespace): what becomes of packets before any of our sockets
 * sees them, ours or not.
 */
#ifndef SLUICE_DATAPLANE_SNMP_H
#define SLUICE_DATAPLANE_SNMP_H

#include <stdint.h>

/* Outer fragments are put together by the kernel. */
struct reassembly_counts {
	uint64_t failed;      /* packets given up: overlapping, too late, too many. IPv4 and IPv6 */
	uint64_t overlapping; /* of IPv4: fragments that others contradict */
};

/*
 * The number called `name` in the text of /proc/net/snmp or netstat, where a line of numbers follows
 * a line of names, both with `prefix` before them. 0: it is not there.
 */
uint64_t snmp_number(const char *text, const char *prefix, const char *name);

struct reassembly_counts snmp_reassembly(void);

/*
 * Datagrams that came to a port where a process listens, and not to the process: a bad header, length or checksum,
 * fragments that do not fit, no room. What a firewall drops is not among them. IPv4 and IPv6.
 */
uint64_t snmp_undelivered(void);

#endif
