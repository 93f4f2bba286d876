/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard rails: which values may be set, by whoever sets them. Rules are over the keys of the schema, and are held against
 * what would be in force: it does not matter whether a default, a profile or a document says it. Pure.
 */
#ifndef SLUICE_PLAN_GUARD_H
#define SLUICE_PLAN_GUARD_H

#include "config/config.h"

struct guard;

/*
 * Reads the rules of policy.yaml, which `name` names in messages. For guard_free(); NULL with a line for each mistake:
 *
 *	allow: { tunnel.p1_dh_groups: [14, 19, 20], site.routing: [bgp] }
 *	deny: { tunnel.p2_integrity: [sha1] }
 *	min: { tunnel.p1_lifetime: 3600 }
 *	max: { site.rate: 200M }
 */
struct guard *guard_read(
	const char *name, const char *text, size_t len, char error[CONFIG_ERROR_SIZE]);
void guard_free(struct guard *g);

/*
 * Whether all is permitted that differs from what is in force; with NULL nothing is, and all is looked at. False with a
 * line for each value that is not.
 */
bool guard_check(const struct guard *g, const struct config *was, const struct config *is,
	char error[CONFIG_ERROR_SIZE]);

#endif
