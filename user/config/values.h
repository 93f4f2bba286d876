/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of single values: each is a walk_reader for the type its name says. */
#ifndef SLUICE_CONFIG_VALUES_H
#define SLUICE_CONFIG_VALUES_H

#include "config/config.h"
#include "config/node.h"

#include <stdint.h>

/* A word of a list that ends with NULL; its number goes into *to. */
bool read_choice(struct walk *w, const yaml_node_t *node, const char *const *words, uint8_t *to);

walk_reader read_bool;           /* bool: true, false, yes, no, on, off */
walk_reader read_name;           /* char[SITE_NAME_SIZE] */
walk_reader read_device;         /* char[CONFIG_DEVICE_SIZE] */
walk_reader read_asn;            /* uint32_t: G-02, G-03 */
walk_reader read_router_id;      /* struct ip_addr, IPv4 */
walk_reader read_address;        /* struct ip_addr; "any" leaves it unset */
walk_reader read_endpoint;       /* struct ip_endpoint: ADDRESS:PORT */
walk_reader read_prefix;         /* struct ip_prefix */
walk_reader read_inside4;        /* struct ip_prefix: T-04 */
walk_reader read_inside6;        /* struct ip_prefix: T-05 */
walk_reader read_identity;       /* struct ike_identity */
walk_reader read_secret_ref;     /* char[CONFIG_SECRET_REF_SIZE] */
walk_reader read_rate;           /* uint64_t bit/s: 100M, 5G, 1.25G */
walk_reader read_bytes;          /* uint64_t: 250k */
walk_reader read_pps;            /* uint64_t packets per second */
walk_reader read_horizon;        /* uint32_t microseconds: 25ms */
walk_reader read_workers;        /* uint32_t, 0 = auto */
walk_reader read_table;          /* uint32_t, or "main" */
walk_reader read_hold;           /* uint32_t seconds */
walk_reader read_keepalive;      /* uint32_t seconds */
walk_reader read_max_in;         /* uint32_t prefixes */
walk_reader read_max_out;        /* uint32_t prefixes */
walk_reader read_med;            /* uint32_t */
walk_reader read_drain_med;      /* uint32_t */
walk_reader read_family;         /* uint8_t: ipv4, ipv6 */
walk_reader read_allow_as_in;    /* uint8_t */
walk_reader read_bfd_interval;   /* uint32_t microseconds: 300ms */
walk_reader read_bfd_multiplier; /* uint8_t */
walk_reader read_directory;      /* char[CONFIG_PATH_SIZE]: absolute */
walk_reader read_log_form;       /* uint8_t, enum log_form, T-25 */

walk_reader read_p1_encryption; /* struct algorithm_set each */
walk_reader read_p2_encryption;
walk_reader read_integrity;
walk_reader read_prf;
walk_reader read_p1_groups;
walk_reader read_p2_groups;
walk_reader read_p1_lifetime; /* uint32_t seconds, T-16 */
walk_reader read_p2_lifetime; /* T-17 */
walk_reader read_margin;      /* T-18, upper bound checked later */
walk_reader read_fuzz;        /* uint32_t percent, T-19 */
walk_reader read_replay;      /* uint16_t, T-20 */
walk_reader read_dpd_interval;
walk_reader read_dpd_timeout;  /* T-01, lower bound checked later */
walk_reader read_ike_versions; /* struct ike_options, T-03 */
walk_reader read_dpd_action;   /* uint8_t, T-02 */
walk_reader read_startup;      /* uint8_t, T-21 */
walk_reader read_auth;         /* uint8_t, enum auth_kind */
walk_reader read_refs;         /* struct refs_conf */
walk_reader read_encap;        /* uint8_t, I-10 */
walk_reader read_ppk_id;       /* struct ike_options: ppk_id, RFC 8784 */
walk_reader read_fuzz_mode;    /* uint8_t, enum rekey_fuzz_mode */
walk_reader read_order;        /* uint8_t, enum proposal_order, T-15 */
walk_reader read_algorithms;   /* struct ike_options: the six sets of a named profile */
walk_reader read_selectors;    /* struct selector_set from a list of prefixes, T-06 to T-08 */

/* Sorts every set of the options. */
void order_algorithms(struct ike_options *o, enum proposal_order order);

/* The sets that hold without any other word. */
void set_default_algorithms(struct ike_options *o);

#endif
