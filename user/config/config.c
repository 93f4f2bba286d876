/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing may stand behind the document: what follows `---` would be lost without a word. */
static bool check_end(struct walk *w, const char *name, yaml_parser_t *parser)
{
	yaml_document_t next;
	size_t line;
	bool more;

	if (!yaml_parser_load(parser, &next))
		return walk_refuse(w, name, parser->problem_mark.line + 1, "not YAML");
	more = yaml_document_get_root_node(&next) != NULL;
	line = next.start_mark.line + 1;
	yaml_document_delete(&next);
	return !more || walk_refuse(w, name, line, "a second document begins here; a file has one");
}

/* libyaml expands aliases as shared nodes: a document cannot grow beyond its text. */
static bool load_yaml(struct walk *w, const struct config_text *t)
{
	struct walk_document *d = &w->documents[w->count];
	char why[200];
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return walk_refuse(w, t->name, 1, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)t->text, t->len);

	bool ok = yaml_parser_load(&parser, &d->yaml);

	if (!ok) {
		snprintf(why, sizeof(why), "not YAML: %s",
			parser.problem ? parser.problem : "unreadable");
		walk_refuse(w, t->name, parser.problem_mark.line + 1, why);
	} else {
		d->name = t->name;
		w->count++;
		/* In hub.yaml nothing need be said. */
		if (!yaml_document_get_root_node(&d->yaml) && (t->site || w->count == 1))
			ok = walk_refuse(w, t->name, 1, "the file is empty");
		else
			ok = check_end(w, t->name, &parser);
	}
	yaml_parser_delete(&parser);
	return ok;
}

static bool read_all(struct walk *w, const struct config_text *texts, size_t count, struct draft *d)
{
	const yaml_node_t *hub = NULL;
	bool ok = true;

	/* Nodes are found by their document, so all are there before one is read. */
	for (size_t i = 0; i < count; i++)
		ok &= load_yaml(w, &texts[i]);
	if (!ok)
		return false;
	for (size_t i = 1; i < count; i++) {
		if (!texts[i].site)
			hub = yaml_document_get_root_node(&w->documents[i].yaml);
	}
	(void)schema_read(w, yaml_document_get_root_node(&w->documents[0].yaml), hub, d);
	for (size_t i = 1; i < count; i++) {
		if (texts[i].site)
			(void)schema_read_site(w,
				yaml_document_get_root_node(&w->documents[i].yaml), texts[i].site,
				d);
	}
	/* What an unknown key should have said is a default: the rest can be compared. */
	if (!w->values_bad)
		(void)check_all(w, d);
	return !w->error[0];
}

void config_keep_router_id(struct concentrator_conf *is, const struct concentrator_conf *was)
{
	if (is->router_id_follows && was->router_id_follows)
		is->router_id = was->router_id;
}

static void set_router_id(struct concentrator_conf *c)
{
	c->router_id_follows = !addr_is_set(&c->router_id);
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

struct config *config_read(
	const struct config_text *texts, size_t count, char error[CONFIG_ERROR_SIZE])
{
	struct config *c = calloc(1, sizeof(*c));
	struct draft *draft = calloc(1, sizeof(*draft));
	struct walk w = {.documents = calloc(count, sizeof(*w.documents)), .error = error};
	bool ok = false;

	error[0] = '\0';
	if (!c || !draft || !w.documents) {
		snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
	} else {
		draft->config = c;
		ok = read_all(&w, texts, count, draft);
	}
	for (size_t i = 0; i < w.count; i++)
		yaml_document_delete(&w.documents[i].yaml);
	free(w.documents);
	free(draft);
	if (!ok) {
		free(c);
		return NULL;
	}
	set_router_id(&c->concentrator);
	return c;
}

struct config *config_parse(
	const char *name, const char *text, size_t len, char error[CONFIG_ERROR_SIZE])
{
	const struct config_text t = {.name = name, .text = text, .len = len};

	return config_read(&t, 1, error);
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
