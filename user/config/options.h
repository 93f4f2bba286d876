/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the configuration: a table for each mapping, which ends with a row without a key. */
#ifndef SLUICE_CONFIG_OPTIONS_H
#define SLUICE_CONFIG_OPTIONS_H

#include "config/config.h"
#include "config/node.h"

extern const struct walk_field options_concentrator[]; /* of struct concentrator_conf */
extern const struct walk_field options_site[];         /* of struct site_conf */
extern const struct walk_field options_tunnel[];       /* of struct tunnel_conf */
/* The rows at the end of options_tunnel: what may stand in defaults.tunnel, too. */
extern const struct walk_field *const options_default_tunnel;

/* Reads mappings of a tunnel's options, which are one, into the tunnel, as far as `fields` has them. */
bool read_tunnel_options(struct walk *w, const yaml_node_t *const *nodes, size_t count,
	const struct walk_field *fields, struct tunnel_conf *t);

/* Whether its values name files, which whoever may not read these must not choose. */
bool option_names_file(const struct walk_field *f);

#endif
