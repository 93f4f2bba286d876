/* SPDX-License-Identifier: Apache-2.0 */
/* Documents without depth: {"tunnels.0.address": text}, as the head of a table has their keys. */
#ifndef SLUICE_TOOL_FLAT_H
#define SLUICE_TOOL_FLAT_H

#include <jansson.h>
#include <stdbool.h>

/* All that a document says goes into `flat`: a text, or a list of texts, by its path. */
void flat_add(json_t *flat, const json_t *document);

/* Whether it is the path of an option of a site or of one of its tunnels. */
bool flat_is_key(const char *path);

#endif
