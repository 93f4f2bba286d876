/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that is about BGP, BFD and who owns which prefix. */
#ifndef SLUICE_CONFIG_ROUTING_H
#define SLUICE_CONFIG_ROUTING_H

#include "config/schema.h"

walk_reader read_bfd;      /* struct bfd_conf: on, off, {interval, multiplier} */
walk_reader read_networks; /* struct networks_conf */
walk_reader read_accept;   /* struct accept_conf */

/*
 * What only gateways can have: a site of the concentrator is refused with the reason. These
 * read into a struct site_conf whose class is known.
 */
walk_reader read_bandwidth;
walk_reader read_routing;
walk_reader read_static_routes;
walk_reader read_ecmp;

/* write.c: the same types as a file would have them. */
walk_writer write_bfd, write_networks, write_accept, write_bandwidth, write_routing,
	write_static_routes, write_ecmp;

/* Prefixes that two sites of different groups claim, or that the hub has itself; static routes. */
bool check_routing(struct walk *w, const struct draft *d);

#endif
