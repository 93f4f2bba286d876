/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may do, and of which sites. */
#ifndef SLUICE_BASE_ROLE_H
#define SLUICE_BASE_ROLE_H

#include "base/types.h"

enum role {
	ROLE_VIEWER,
	ROLE_OPERATOR,
	ROLE_SECRET_READER,
	ROLE_ADMIN,
	ROLES,
};

/* 0 is a hole: what nobody may. */
enum may {
	MAY_VIEW = 1 << 0,
	MAY_OPERATE = 1 << 1,
	MAY_READ_SECRETS = 1 << 2,
	MAY_ADMINISTER = 1 << 3,
};

struct grant {
	uint8_t role; /* enum role */
	char scope
		[SITE_NAME_SIZE]; /* sites of this group only; "": of all, and of the hub itself */
};

/* "viewer", ...; NULL ends them. */
extern const char *const role_names[ROLES + 1];

/* The role of that name; ROLES: there is none. */
enum role role_find(const char *name);

/* enum may, or'ed. */
unsigned int role_rights(enum role role);

/* The lesser role that has the right. */
enum role role_least(enum may right);

/* Whether the right is granted for sites of a group; "" is for what is of the whole hub. */
bool grant_covers(const struct grant *g, enum may right, const char *group);

/* Whether all that one permits the other one does, too. */
bool grant_within(const struct grant *inner, const struct grant *outer);

#endif
