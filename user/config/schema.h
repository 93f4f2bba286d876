/* SPDX-License-Identifier: Apache-2.0 */
/* Between schema.c, which fills the structs, and check.c, which compares them with each other. */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/node.h"

/*
 * What stands in sluice.yaml, or in hub.yaml, or in part here and in part there: the mappings, of which the first is there
 * in any case.
 */
struct draft_part {
	const yaml_node_t *nodes[2];
	size_t count;
};

/* A configuration being read, with the nodes its parts came from. Document 0 is sluice.yaml. */
struct draft {
	struct config *config;
	struct draft_part concentrator, default_tunnel;
	struct site_conf site;     /* what a site begins as */
	struct tunnel_conf tunnel; /* what every tunnel begins as: defaults.tunnel */
	const yaml_node_t *sites[CONFIG_SITES_MAX];
	const yaml_node_t *tunnels[CONFIG_SITES_MAX][TUNNELS_PER_SITE];
};

/* Fills the structs from sluice.yaml and hub.yaml, or NULL; values are in range one by one afterwards. */
bool schema_read(struct walk *w, const yaml_node_t *root, const yaml_node_t *hub, struct draft *d);

/* The value of a key of the concentrator; NULL: it is a default. */
const yaml_node_t *schema_hub_value(struct walk *w, const struct draft *d, const char *key);

/* Adds the site of a document of its own. `name` is that of its file. */
bool schema_read_site(struct walk *w, const yaml_node_t *root, const char *name, struct draft *d);

/* addresses.c: those that nobody can have, or that stand twice. */
bool check_addresses(struct walk *w, const struct draft *d);

/* Checks what single values cannot tell: uniqueness, families, relations. */
bool check_all(struct walk *w, const struct draft *d);

#endif
