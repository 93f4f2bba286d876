/* SPDX-License-Identifier: Apache-2.0 */
#include "config/roles.h"

#include "config/values.h"

#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct user_grant, member)

/* A distinguished name as hub reads it, whose parts it looks at. */
static bool read_subject(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (strlen(text) >= CONFIG_DN_SIZE || !strchr(text, '=') || text[strcspn(text, "\n\r\t")])
		return walk_fail(w, node,
			"'%.40s' is no subject of a certificate, such as 'O=Example, CN=noc'",
			text);
	strcpy(to, text);
	return true;
}

static const struct walk_field fields[] = {
	{"group", read_name, AT(group)},
	{"certificate", read_subject, AT(certificate)},
	{"role", .words = role_names, AT(grant.role), .size = sizeof(uint8_t), .required = true},
	{"scope", read_name, AT(grant.scope)},
	{.key = NULL},
};

static bool read_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct access_conf *a = to;
	struct user_grant *g = &a->grants[index];

	a->count = index + 1;
	if (!walk_mapping(w, node, fields, g))
		return false;
	if (!g->group[0] == !g->certificate[0])
		return walk_fail(w, node, "either a group or a certificate is expected");
	return true;
}

bool read_access(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_ACCESS_MAX, read_item, to);
}

/* As snprintf(); a quote in a name stands twice between quotes. */
static size_t write_who(const struct user_grant *g, char *text, size_t size)
{
	char quoted[2 * CONFIG_DN_SIZE];
	size_t n = 0;

	if (g->group[0])
		return (size_t)snprintf(text, size, "group: %s", g->group);
	for (const char *c = g->certificate; *c; c++) {
		if (*c == '\'')
			quoted[n++] = '\'';
		quoted[n++] = *c;
	}
	quoted[n] = '\0';
	return (size_t)snprintf(text, size, "certificate: '%s'", quoted);
}

void write_access(const void *from, char *text, size_t size)
{
	const struct access_conf *a = from;
	size_t n = (size_t)snprintf(text, size, "[");

	for (uint32_t i = 0; i < a->count && n < size; i++) {
		const struct user_grant *g = &a->grants[i];

		n += (size_t)snprintf(text + n, size - n, "%s{", i ? ", " : "");
		n += write_who(g, text + n, size > n ? size - n : 0);
		if (n < size)
			n += (size_t)snprintf(text + n, size - n, ", role: %s%s%s}",
				role_names[g->grant.role], g->grant.scope[0] ? ", scope: " : "",
				g->grant.scope);
	}
	if (n < size)
		snprintf(text + n, size - n, "]");
}
