/* SPDX-License-Identifier: Apache-2.0 */
/* Many sites at once: files of CSV, YAML or JSON to what the daemon is asked, and its answer to such files. */
#ifndef SLUICE_TOOL_IMPORT_H
#define SLUICE_TOOL_IMPORT_H

#include <jansson.h>
#include <stdbool.h>

/* The format that the option names. False: there is no such one. */
bool import_format(const char *name);

/*
 * What each site of an import says unless its line says otherwise: FILE, a document, or KEY=VALUE, in whose values ${COLUMN}
 * stands for a cell of the line. False, with a line on standard error.
 */
bool import_template(const char *word);

/* [{"site", "at", "values"}] of a file, "-": standard input. NULL: a line on standard error for each mistake. */
json_t *import_read(const char *path);

/* Only sites that are in this list, and chosen of it (show_site.h); NULL: all. */
void export_choose(json_t *own_list);

/* The document of an export without the sites that are not chosen. */
void export_keep_chosen(json_t *document);

void print_export(const json_t *document);
void print_imported(const json_t *document);

#endif
