/* SPDX-License-Identifier: Apache-2.0 */
#include "config/roles.h"

#include "config/values.h"

#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct user_grant, member)

static const struct walk_field fields[] = {
	{"group", read_name, AT(group), .required = true},
	{"role", .words = role_names, AT(grant.role), .size = sizeof(uint8_t), .required = true},
	{"scope", read_name, AT(grant.scope)},
	{.key = NULL},
};

static bool read_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct access_conf *a = to;

	a->count = index + 1;
	return walk_mapping(w, node, fields, &a->grants[index]);
}

bool read_access(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_ACCESS_MAX, read_item, to);
}

void write_access(const void *from, char *text, size_t size)
{
	const struct access_conf *a = from;
	size_t n = (size_t)snprintf(text, size, "[");

	for (uint32_t i = 0; i < a->count && n < size; i++) {
		const struct user_grant *g = &a->grants[i];

		n += (size_t)snprintf(text + n, size - n, "%s{group: %s, role: %s%s%s}",
			i ? ", " : "", g->group, role_names[g->grant.role],
			g->grant.scope[0] ? ", scope: " : "", g->grant.scope);
	}
	if (n < size)
		snprintf(text + n, size - n, "]");
}
