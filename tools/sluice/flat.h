/* SPDX-License-Identifier: Apache-2.0 */
/* Documents without depth: {"tunnels.0.address": text}, as the head of a table has their keys. */
#ifndef SLUICE_TOOL_FLAT_H
#define SLUICE_TOOL_FLAT_H

#include <jansson.h>
#include <stdbool.h>

/* All that a document says goes into `flat`: a text, or a list of texts, by its path. */
void flat_add(json_t *flat, const json_t *document);

/* For each tunnel that a site with a list of them does not have, "tunnels.N" becomes `value`. */
void flat_add_missing(json_t *flat, const json_t *document, json_t *value);

/* Whether it is the path of a tunnel itself. */
bool flat_is_tunnel(const char *path);

/* Whether what it is the path of is text in any case, and never a list or a mapping. */
bool flat_is_text(const char *path);

/* Whether it is the path of an option of a site or of one of its tunnels. */
bool flat_is_key(const char *path);

#endif
