/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in sluice.yaml or hub.yaml, and where: sites without a document of their own, and keys. Pure. */
#ifndef SLUICE_STORE_INSIDE_H
#define SLUICE_STORE_INSIDE_H

#include "store/tree.h"

#define INSIDE_WHY_SIZE 160

/* What it says there, and in *line where it begins; NULL: it is not there. */
json_t *inside_read(const char *text, size_t len, const char *site, unsigned int *line);

/*
 * [{"name", "line": where it begins, "tree": what it says}] of all that stand there; "" and null: it has none. What YAML
 * takes for null is null, as in JSON.
 */
json_t *inside_list_with_nulls(const char *text, size_t len);

/* By their names, where null is a text like any other. */
json_t *inside_all(const char *text, size_t len);

/*
 * Whether nothing is in it but one list of sites, as those are to be that are imported. False with a sentence, and in
 * *line where it begins: another key, a key twice, a second document. What is no YAML at all is not judged.
 */
bool inside_sites_only(const char *text, size_t len, unsigned int *line, char why[INSIDE_WHY_SIZE]);

/* {NAME: the line where it begins} of all that stand there. */
json_t *inside_lines(const char *text, size_t len);

/* {"concentrator.KEY" or "defaults.tunnel.KEY": {"line": N, "value": text}} of all that stand there. */
json_t *inside_keys(const char *text, size_t len);

#endif
