/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of single values: each is a walk_reader for the type its name says. */
#ifndef SLUICE_CONFIG_VALUES_H
#define SLUICE_CONFIG_VALUES_H

#include "config/config.h"
#include "config/node.h"

#include <stdint.h>

/* Whether a site, a group or a hub may be called that. */
bool name_is_valid(const char *name);

walk_reader read_nothing;      /* of a key that is read otherwise */
walk_reader read_bool;         /* bool: true, false, yes, no, on, off */
walk_reader read_name;         /* char[SITE_NAME_SIZE] */
walk_reader read_device;       /* char[CONFIG_DEVICE_SIZE] */
walk_reader read_asn;          /* uint32_t: an AS number */
walk_reader read_router_id;    /* struct ip_addr, IPv4 */
walk_reader read_address;      /* struct ip_addr; "any" leaves it unset */
walk_reader read_endpoint;     /* struct ip_endpoint: ADDRESS:PORT */
walk_reader read_prefix;       /* struct ip_prefix */
walk_reader read_inside4;      /* struct ip_prefix: a /30 */
walk_reader read_inside6;      /* struct ip_prefix: a /126 */
walk_reader read_identity;     /* struct ike_identity */
walk_reader read_secret_ref;   /* char[CONFIG_SECRET_REF_SIZE] */
walk_reader read_key_ref;      /* the same, and what a program prints */
walk_reader read_refs;         /* struct refs_conf */
walk_reader read_rate;         /* uint64_t bit/s: 100M, 5G, 1.25G */
walk_reader read_bytes;        /* uint64_t: 250k */
walk_reader read_pps;          /* uint64_t packets per second */
walk_reader read_horizon;      /* uint32_t microseconds: 25ms */
walk_reader read_workers;      /* uint32_t, 0 = auto */
walk_reader read_table;        /* uint32_t, or "main" */
walk_reader read_family;       /* uint8_t: ipv4, ipv6 */
walk_reader read_bfd_interval; /* uint32_t microseconds: 300ms */
walk_reader read_directory;    /* char[CONFIG_PATH_SIZE]: absolute */
walk_reader read_labels;       /* struct labels_conf: KEY: TEXT */

walk_reader read_encryption; /* struct algorithm_set each */
walk_reader read_integrity;
walk_reader read_prf;
walk_reader read_p1_groups;
walk_reader read_p2_groups;
walk_reader read_selectors;    /* struct selector_set from a list of prefixes */
walk_reader read_algorithms;   /* struct ike_options: the six sets of a named profile */
walk_reader read_ike_versions; /* struct tunnel_conf */
walk_reader read_ppk_id;       /* struct tunnel_conf: options.ppk_id, RFC 8784 */

/* write.c, algorithms.c: the same types as a file would have them. */
walk_writer write_bool, write_name, write_asn, write_router_id, write_address, write_endpoint,
	write_endpoints, write_inside4, write_inside6, write_identity, write_secret_ref,
	write_key_ref, write_refs, write_rate, write_bytes, write_pps, write_horizon, write_workers,
	write_table, write_family, write_directory, write_labels, write_selectors,
	write_ike_versions, write_ppk_id;
walk_writer write_encryption, write_integrity, write_prf, write_p1_groups, write_p2_groups;

/* Sorts every set of the options. */
void order_algorithms(struct ike_options *o, enum proposal_order order);

/* The sets of a profile. False: there is none of that name. */
bool set_algorithms(struct ike_options *o, const char *profile);

/* The sets that hold without any other word. */
void set_default_algorithms(struct ike_options *o);

#endif
