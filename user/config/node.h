/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document walked by tables: each mapping has a table of the keys it may hold, each key a
 * function that reads its value into a struct member. Every mistake is noted with its line.
 */
#ifndef SLUICE_CONFIG_NODE_H
#define SLUICE_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

struct walk {
	yaml_document_t *document;
	const char *name;
	char *error;     /* CONFIG_ERROR_SIZE bytes, "" so far; a line for each mistake */
	bool full;       /* no more of them have room */
	bool values_bad; /* some value is missing or cannot be read: only keys are unknown otherwise */
	char where[192]; /* path of keys to the value being read */
};

/* Reads `node` into *to; on failure calls walk_fail() and returns false. */
typedef bool walk_reader(struct walk *w, const yaml_node_t *node, void *to);

struct walk_field {
	const char *key;
	walk_reader *read;
	size_t offset; /* of the member in the struct that the mapping fills */
	bool required;
};

/*
 * Reads a mapping by a table that ends with a field without a key. Goes on after a mistake, so that all of
 * them are said at once; false if there was any.
 */
bool walk_mapping(
	struct walk *w, const yaml_node_t *node, const struct walk_field *fields, void *to);

/*
 * Calls `item` for each element of a sequence with its index, at most `max`. False if that was false for one, or
 * there are more.
 */
bool walk_sequence(struct walk *w, const yaml_node_t *node, unsigned int max,
	bool (*item)(struct walk *w, const yaml_node_t *node, unsigned int index, void *to),
	void *to);

/* The text of a scalar, or NULL after walk_fail(). */
const char *walk_scalar(struct walk *w, const yaml_node_t *node);

/* The value of a key of a mapping, or NULL. */
const yaml_node_t *walk_find(struct walk *w, const yaml_node_t *node, const char *key);

unsigned int walk_line(const yaml_node_t *node);

/* Notes a mistake; always returns false, for `return walk_fail(...)`. */
__attribute__((format(printf, 3, 4))) bool walk_fail(
	struct walk *w, const yaml_node_t *node, const char *format, ...);

#endif
