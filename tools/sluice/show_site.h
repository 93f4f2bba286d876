/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TOOL_SHOW_SITE_H
#define SLUICE_TOOL_SHOW_SITE_H

#include <jansson.h>
#include <stdbool.h>

/* Whether there is all of that: "state,label.region", or "state=down,...". NULL is nothing. */
bool site_list_has(const char *names);

/* Which lines of the list are shown, with which columns, in which order; NULL: the usual. */
void site_list_choose(const char *where, const char *columns, const char *sort);

/* The document of a list without what is not shown, in the order that is asked for. */
void site_list_keep_chosen(json_t *document);

/* Whether one of the list is shown. */
bool site_list_is_chosen(const json_t *list, const char *site);

void print_site_list(const json_t *document);
void print_site_document(const json_t *document);

/* What the device of a site has to be told, each line with the same before it. */
void print_device(const json_t *document, const char *before);

/* The options of the concentrator, in the same words as `hub set` takes them. */
void print_hub(const json_t *document);

/* What came of a command that changes a site, and what is left to do. */
void print_site_changed(const json_t *document);

#endif
