/* SPDX-License-Identifier: Apache-2.0 */
#include "config/access.h"

#include "config/values.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool parse_service(const char *text, struct service_conf *s)
{
	bool tcp = !strncmp(text, "tcp/", 4), udp = !strncmp(text, "udp/", 4);
	unsigned long port;
	char *end;

	*s = (struct service_conf){0};
	if (!strcmp(text, "any"))
		return true;
	if ((!tcp && !udp) || !isdigit((unsigned char)text[4]))
		return false;
	port = strtoul(text + 4, &end, 10);
	if (*end || !port || port > UINT16_MAX)
		return false;
	s->protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	s->port = (uint16_t)port;
	return true;
}

static bool read_service_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct services_conf *s = to;
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (!parse_service(text, &s->services[index]))
		return walk_fail(w, node,
			"'%.40s' is no service: tcp/PORT, udp/PORT or any, such as tcp/22", text);
	s->count = index + 1;
	return true;
}

bool read_services(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_SERVICES_MAX, read_service_item, to);
}
