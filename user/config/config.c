/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_document(struct walk *w, struct draft *d)
{
	const yaml_node_t *root = yaml_document_get_root_node(w->document);

	if (!root) {
		snprintf(w->error, CONFIG_ERROR_SIZE, "%.150s:1: the file is empty", w->name);
		return false;
	}

	(void)schema_read(w, root, d);
	/* What an unknown key should have said is a default: the rest can be compared. */
	if (!w->values_bad)
		(void)check_all(w, d);
	return !w->error[0];
}

/* libyaml expands aliases as shared nodes: a document cannot grow beyond its text. */
static bool parse_into(
	struct config *c, const char *name, const char *text, size_t len, char *error)
{
	yaml_parser_t parser;
	yaml_document_t document;
	struct draft draft = {.config = c};
	struct walk w = {.document = &document, .name = name, .error = error};

	if (!yaml_parser_initialize(&parser)) {
		snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &document)) {
		snprintf(error, CONFIG_ERROR_SIZE, "%.150s:%zu: not YAML: %.200s", name,
			parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "unreadable");
		yaml_parser_delete(&parser);
		return false;
	}

	bool ok = read_document(&w, &draft);

	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
	return ok;
}

static void set_router_id(struct concentrator_conf *c)
{
	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		for (unsigned int a = 0; a < c->endpoints[e].address_count; a++) {
			if (!addr_is_set(&c->router_id) &&
				c->endpoints[e].addresses[a].family == AF_INET)
				c->router_id = c->endpoints[e].addresses[a];
		}
	}
	if (!addr_is_set(&c->router_id)) {
		/* RFC 6286: any number unique in the AS will do. */
		uint8_t id[4] = {(uint8_t)(c->asn >> 24), (uint8_t)(c->asn >> 16),
			(uint8_t)(c->asn >> 8), (uint8_t)c->asn};

		c->router_id = addr_from_bytes(AF_INET, id);
	}
}

struct config *config_parse(
	const char *name, const char *text, size_t len, char error[CONFIG_ERROR_SIZE])
{
	struct config *c = calloc(1, sizeof(*c));

	error[0] = '\0';
	if (!c) {
		snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
		return NULL;
	}
	if (!parse_into(c, name, text, len, error)) {
		free(c);
		return NULL;
	}
	set_router_id(&c->concentrator);
	return c;
}

struct config *config_load(const char *path, char error[CONFIG_ERROR_SIZE])
{
	struct config *c = NULL;
	FILE *f = fopen(path, "re");
	char *text = NULL;

	if (!f) {
		snprintf(error, CONFIG_ERROR_SIZE, "%.200s: %s", path, strerror(errno));
		return NULL;
	}
	text = malloc(CONFIG_FILE_MAX);

	size_t len = text ? fread(text, 1, CONFIG_FILE_MAX, f) : 0;

	if (!text || ferror(f) || len == CONFIG_FILE_MAX)
		snprintf(error, CONFIG_ERROR_SIZE, "%.200s: %s", path,
			ferror(f) ? strerror(errno) : "larger than 4 MiB");
	else
		c = config_parse(path, text, len, error);
	free(text);
	fclose(f);
	return c;
}

void config_free(struct config *c)
{
	free(c);
}

const struct site_conf *config_site(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		if (!strcmp(c->sites[i].name, name))
			return &c->sites[i];
	}
	return NULL;
}

static struct ip_addr inside_host(const struct ip_prefix *inside, unsigned int host)
{
	struct ip_addr a = inside->addr;
	unsigned int last = addr_len(&a);

	if (last)
		a.bytes[last - 1] |= (uint8_t)host;
	return a;
}

struct ip_addr config_inside_hub(const struct ip_prefix *inside)
{
	return inside_host(inside, 1);
}

struct ip_addr config_inside_site(const struct ip_prefix *inside)
{
	return inside_host(inside, 2);
}
