/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that is about BGP, BFD and who owns which prefix. */
#ifndef SLUICE_CONFIG_ROUTING_H
#define SLUICE_CONFIG_ROUTING_H

#include "config/schema.h"

walk_reader read_bfd;      /* struct bfd_conf: on, off, {interval, multiplier} */
walk_reader read_networks; /* struct networks_conf */
walk_reader read_med_mode; /* uint8_t */

/* What a site of a concentrator cannot have (V-03): each fails with the reason. */
walk_reader read_target;
walk_reader read_routing;
walk_reader read_static_routes;
walk_reader read_ecmp;

/* Prefixes that two sites of different groups claim, or that the hub has itself. */
bool check_routing(struct walk *w, const struct draft *d);

#endif
