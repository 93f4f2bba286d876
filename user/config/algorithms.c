/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of algorithms and selectors: names in the file, IANA numbers in the structs. */
#include "config/values.h"

#include "config/config.h"

#include <string.h>

struct algorithm_name {
	const char *name;
	uint16_t id, key_bits;
};

static const struct algorithm_name encryption_names[] = {
	{"aes128-gcm16", 20, 128},
	{"aes256-gcm16", 20, 256},
	{"aes128", 12, 128},
	{"aes256", 12, 256},
	{NULL, 0, 0},
};

static const struct algorithm_name integrity_names[] = {
	{"sha256", 12, 0},
	{"sha384", 13, 0},
	{"sha512", 14, 0},
	{"sha1", 2, 0},
	{NULL, 0, 0},
};

static const struct algorithm_name prf_names[] = {
	{"sha256", 5, 0},
	{"sha384", 6, 0},
	{"sha512", 7, 0},
	{"sha1", 2, 0},
	{NULL, 0, 0},
};

static const struct algorithm_name group_names[] = {
	{"14", 14, 0},
	{"15", 15, 0},
	{"16", 16, 0},
	{"19", 19, 0},
	{"20", 20, 0},
	{"21", 21, 0},
	{"31", 31, 0},
	{NULL, 0, 0},
};

struct set_context {
	const struct algorithm_name *names;
	struct algorithm_set *set;
};

static bool read_member(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	const struct set_context *c = to;
	const char *text = walk_scalar(w, node);
	char known[160] = "";

	if (!text)
		return false;
	for (const struct algorithm_name *n = c->names; n->name; n++) {
		if (strcmp(n->name, text)) {
			strncat(known, known[0] ? ", " : "", sizeof(known) - strlen(known) - 1);
			strncat(known, n->name, sizeof(known) - strlen(known) - 1);
			continue;
		}
		for (unsigned int i = 0; i < c->set->count; i++) {
			if (c->set->items[i].id == n->id &&
				c->set->items[i].key_bits == n->key_bits)
				return walk_fail(w, node, "'%s' stands twice", text);
		}
		c->set->items[index].id = n->id;
		c->set->items[index].key_bits = n->key_bits;
		c->set->count = (uint8_t)(index + 1);
		return true;
	}
	return walk_fail(w, node, "'%.40s' is not one of: %s", text, known);
}

static bool read_set(
	struct walk *w, const yaml_node_t *node, const struct algorithm_name *names, void *to)
{
	struct algorithm_set set = {0};
	struct set_context context = {.names = names, .set = &set};

	if (!walk_sequence(w, node, ALGORITHMS_MAX, read_member, &context))
		return false;
	if (!set.count)
		return walk_fail(w, node, "the set is empty");
	memcpy(to, &set, sizeof(set));
	return true;
}

bool read_p1_encryption(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, encryption_names, to);
}

bool read_p2_encryption(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, encryption_names, to);
}

bool read_integrity(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, integrity_names, to);
}

bool read_prf(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, prf_names, to);
}

bool read_p1_groups(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, group_names, to);
}

bool read_p2_groups(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, group_names, to);
}

static bool read_selector(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct selector_set *set = to;
	struct selector *s = &set->selectors[index];
	struct ip_prefix p;

	if (!read_prefix(w, node, &p))
		return false;
	*s = (struct selector){.first = p.addr, .last = p.addr, .last_port = 65535};
	for (unsigned int bit = p.len; bit < addr_bits(&p.addr); bit++)
		s->last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	set->count = (uint8_t)(index + 1);
	return true;
}

bool read_selectors(struct walk *w, const yaml_node_t *node, void *to)
{
	struct selector_set set;

	memset(&set, 0, sizeof(set));
	if (!walk_sequence(w, node, SELECTORS_MAX, read_selector, &set))
		return false;
	if (!set.count)
		return walk_fail(w, node, "the list is empty");
	memcpy(to, &set, sizeof(set));
	return true;
}
