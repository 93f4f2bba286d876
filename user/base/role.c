/* SPDX-License-Identifier: Apache-2.0 */
#include "base/role.h"

#include <string.h>

const char *const role_names[ROLES + 1] = {
	[ROLE_VIEWER] = "viewer",
	[ROLE_OPERATOR] = "operator",
	[ROLE_SECRET_READER] = "secret-reader",
	[ROLE_ADMIN] = "admin",
};

static const unsigned int rights[ROLES] = {
	[ROLE_VIEWER] = MAY_VIEW,
	[ROLE_OPERATOR] = MAY_VIEW | MAY_OPERATE,
	[ROLE_SECRET_READER] = MAY_VIEW | MAY_READ_SECRETS,
	[ROLE_ADMIN] = MAY_VIEW | MAY_OPERATE | MAY_READ_SECRETS | MAY_ADMINISTER,
};

enum role role_find(const char *name)
{
	unsigned int role = 0;

	while (role < ROLES && strcmp(role_names[role], name) != 0)
		role++;
	return (enum role)role;
}

unsigned int role_rights(enum role role)
{
	return role < ROLES ? rights[role] : 0;
}

enum role role_least(enum may right)
{
	unsigned int role = 0;

	while (role < ROLE_ADMIN && !(rights[role] & right))
		role++;
	return (enum role)role;
}

bool grant_covers(const struct grant *g, enum may right, const char *group)
{
	return role_rights(g->role) & right && (!g->scope[0] || !strcmp(g->scope, group));
}

bool grant_within(const struct grant *inner, const struct grant *outer)
{
	return !(role_rights(inner->role) & ~role_rights(outer->role)) &&
	       (!outer->scope[0] || !strcmp(inner->scope, outer->scope));
}
