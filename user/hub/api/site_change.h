/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to commands about documents; NULL: the answer comes later (see requests.c). */
#ifndef SLUICE_HUB_API_SITE_CHANGE_H
#define SLUICE_HUB_API_SITE_CHANGE_H

#include "hub/hub.h"
#include "ipc/msg_api.h"

#include <jansson.h>

typedef json_t *site_verb(struct hub *h, struct site *site, const struct imsg_api_request *r);

site_verb site_create, site_set, site_put, site_delete, site_adopt; /* site_change.c */
site_verb site_migration, site_migrate;                             /* migrate.c */
site_verb site_list, site_document;                                 /* site_documents.c */
site_verb site_import, site_export;                                 /* import.c */
site_verb hub_rollback;                                             /* rollback.c */
site_verb hub_set, hub_show, hub_release;                           /* hub_change.c */

#endif
