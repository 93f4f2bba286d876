/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of algorithms and selectors: names in the file, IANA numbers in the structs. */
#include "config/values.h"

#include <stdio.h>
#include <string.h>

struct algorithm_name {
	const char *name;
	uint16_t id, key_bits;
};

/* Strongest first: what proposal_order goes by. */
static const struct algorithm_name encryption_names[] = {
	{"aes256-gcm16", 20, 256},
	{"chacha20-poly1305", 28, 0},
	{"aes128-gcm16", 20, 128},
	{"aes256", 12, 256},
	{"aes128", 12, 128},
	{NULL, 0, 0},
};

static const struct algorithm_name integrity_names[] = {
	{"sha512", 14, 0},
	{"sha384", 13, 0},
	{"sha256", 12, 0},
	{"sha1", 2, 0},
	{NULL, 0, 0},
};

static const struct algorithm_name prf_names[] = {
	{"sha512", 7, 0},
	{"sha384", 6, 0},
	{"sha256", 5, 0},
	{"sha1", 2, 0},
	{NULL, 0, 0},
};

/* By NIST SP 800-57 strength; among equals the cheaper one first. */
static const struct algorithm_name p2_group_names[] = {
	{"21", 21, 0},
	{"18", 18, 0},
	{"20", 20, 0},
	{"17", 17, 0},
	{"16", 16, 0},
	{"31", 31, 0},
	{"19", 19, 0},
	{"15", 15, 0},
	{"14", 14, 0},
	{"24", 24, 0},
	{"23", 23, 0},
	{"5", 5, 0},
	{"2", 2, 0},
	{"22", 22, 0},
	{"none", 0, 0},
	{NULL, 0, 0},
};

/* Neither group 5 nor none. */
static const struct algorithm_name p1_group_names[] = {
	{"21", 21, 0},
	{"18", 18, 0},
	{"20", 20, 0},
	{"17", 17, 0},
	{"16", 16, 0},
	{"31", 31, 0},
	{"19", 19, 0},
	{"15", 15, 0},
	{"14", 14, 0},
	{"24", 24, 0},
	{"23", 23, 0},
	{"2", 2, 0},
	{"22", 22, 0},
	{NULL, 0, 0},
};

static unsigned int rank_of(const struct algorithm_name *names, uint16_t id, uint16_t key_bits)
{
	unsigned int rank = 0;

	while (names[rank].name && (names[rank].id != id || names[rank].key_bits != key_bits))
		rank++;
	return rank;
}

/* Sorts a set by its table, or by the table from behind. */
static void order_set(struct algorithm_set *set, const struct algorithm_name *names, bool lowest)
{
	for (unsigned int i = 1; i < set->count; i++) {
		for (unsigned int j = i; j > 0; j--) {
			unsigned int a =
				rank_of(names, set->items[j - 1].id, set->items[j - 1].key_bits);
			unsigned int b = rank_of(names, set->items[j].id, set->items[j].key_bits);

			if (lowest ? a >= b : a <= b)
				break;

			uint16_t id = set->items[j].id, bits = set->items[j].key_bits;

			set->items[j] = set->items[j - 1];
			set->items[j - 1].id = id;
			set->items[j - 1].key_bits = bits;
		}
	}
}

void order_algorithms(struct ike_options *o, enum proposal_order order)
{
	bool lowest = order == ORDER_LOWEST_FIRST;

	if (order == ORDER_AS_LISTED)
		return;
	order_set(&o->p1_encryption, encryption_names, lowest);
	order_set(&o->p1_integrity, integrity_names, lowest);
	order_set(&o->p1_prf, prf_names, lowest);
	order_set(&o->p1_groups, p1_group_names, lowest);
	order_set(&o->p2_encryption, encryption_names, lowest);
	order_set(&o->p2_integrity, integrity_names, lowest);
	order_set(&o->p2_groups, p2_group_names, lowest);
}

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

bool read_encryption(struct walk *w, const yaml_node_t *node, void *to)
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
	return read_set(w, node, p1_group_names, to);
}

bool read_p2_groups(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_set(w, node, p2_group_names, to);
}

static void write_set(const struct algorithm_set *set, const struct algorithm_name *names,
	char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "[");

	for (unsigned int i = 0; i < set->count && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
			names[rank_of(names, set->items[i].id, set->items[i].key_bits)].name);
	if (n < size)
		snprintf(text + n, size - n, "]");
}

void write_encryption(const void *from, char *text, size_t size)
{
	write_set(from, encryption_names, text, size);
}

void write_integrity(const void *from, char *text, size_t size)
{
	write_set(from, integrity_names, text, size);
}

void write_prf(const void *from, char *text, size_t size)
{
	write_set(from, prf_names, text, size);
}

void write_p1_groups(const void *from, char *text, size_t size)
{
	write_set(from, p1_group_names, text, size);
}

void write_p2_groups(const void *from, char *text, size_t size)
{
	write_set(from, p2_group_names, text, size);
}

#define SET(...)                                                                                   \
	{                                                                                          \
		.count = sizeof((uint16_t[][2]){__VA_ARGS__}) / 4, .items = { __VA_ARGS__ }        \
	}

struct profile {
	const char *name;
	struct algorithm_set encryption, integrity, prf, p1_groups, p2_groups;
};

static const struct profile profiles[] = {
	/* What RFC 8247 and 8221 still recommend. */
	{"hardened", SET({20, 256}, {28, 0}, {20, 128}, {12, 256}, {12, 128}),
		SET({14, 0}, {13, 0}, {12, 0}), SET({7, 0}, {6, 0}, {5, 0}),
		SET({21, 0}, {20, 0}, {16, 0}, {31, 0}, {19, 0}, {15, 0}, {14, 0}),
		SET({21, 0}, {20, 0}, {16, 0}, {31, 0}, {19, 0}, {15, 0}, {14, 0})},
	/* All that there is: for devices that know nothing newer. */
	{"compatible", SET({20, 256}, {28, 0}, {20, 128}, {12, 256}, {12, 128}),
		SET({14, 0}, {13, 0}, {12, 0}, {2, 0}), SET({7, 0}, {6, 0}, {5, 0}, {2, 0}),
		SET({21, 0}, {18, 0}, {20, 0}, {17, 0}, {16, 0}, {31, 0}, {19, 0}, {15, 0}, {14, 0},
			{24, 0}, {23, 0}, {2, 0}, {22, 0}),
		SET({21, 0}, {18, 0}, {20, 0}, {17, 0}, {16, 0}, {31, 0}, {19, 0}, {15, 0}, {14, 0},
			{24, 0}, {23, 0}, {5, 0}, {2, 0}, {22, 0})},
};

static void set_profile(struct ike_options *o, const struct profile *p)
{
	o->p1_encryption = o->p2_encryption = p->encryption;
	o->p1_integrity = o->p2_integrity = p->integrity;
	o->p1_prf = p->prf;
	o->p1_groups = p->p1_groups;
	o->p2_groups = p->p2_groups;
}

void set_default_algorithms(struct ike_options *o)
{
	set_profile(o, &profiles[0]);
}

bool set_algorithms(struct ike_options *o, const char *profile)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(profile, profiles[i].name) == 0) {
			set_profile(o, &profiles[i]);
			return true;
		}
	}
	return false;
}

bool read_algorithms(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (text && set_algorithms(to, text))
		return true;
	return text && walk_fail(w, node, "'%.40s' is not one of: hardened, compatible", text);
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
