/* SPDX-License-Identifier: Apache-2.0 */
/* Between schema.c, which fills the structs, and check.c, which compares them with each other. */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/node.h"

/* A configuration being read, with the nodes its parts came from. */
struct draft {
	struct config *config;
	const yaml_node_t *concentrator;
	const yaml_node_t *sites[CONFIG_SITES_MAX];
	const yaml_node_t *tunnels[CONFIG_SITES_MAX][TUNNELS_PER_SITE];
};

/* Fills the structs from the document; values are in range one by one afterwards. */
bool schema_read(struct walk *w, const yaml_node_t *root, struct draft *d);

/* addresses.c: those that nobody can have, or that stand twice. */
bool check_addresses(struct walk *w, const struct draft *d);

/* Checks what single values cannot tell: uniqueness, families, relations (features.md 2.2). */
bool check_all(struct walk *w, const struct draft *d);

#endif
