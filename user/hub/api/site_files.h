/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_HUB_API_SITE_FILES_H
#define SLUICE_HUB_API_SITE_FILES_H

#include "hub/hub.h"
#include "store/documents.h"

#include <limits.h>

/* A file of the directory of sluice.yaml, and the document of a site there. */
void site_file(const struct hub *h, const char *name, char path[PATH_MAX]);
void site_document_file(const struct hub *h, const char *site, char path[PATH_MAX]);

/* The entity tag of what is said of the concentrator: the later one of hub.yaml and sluice.yaml. */
uint64_t hub_document_etag(const struct hub *h);

/* What the device of a site would have to be told by this configuration (view_device()); NULL: it has no such site. */
json_t *hub_device(const struct hub *h, const struct config *c, const char *site);

#endif
