/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML documents walked by tables: each mapping has a table of the keys it may hold, each key a
 * function that reads its value into a struct member. Every mistake is noted with its document and line.
 */
#ifndef SLUICE_CONFIG_NODE_H
#define SLUICE_CONFIG_NODE_H

#include "config/effect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

struct walk_document {
	yaml_document_t yaml;
	const char *name; /* stands in messages */
};

struct walk {
	struct walk_document *documents;
	size_t count, at; /* at: the document that a node was last found in */
	char *error;      /* CONFIG_ERROR_SIZE bytes, "" so far; a line for each mistake */
	bool full;        /* no more of them have room */
	bool values_bad; /* some value is missing or cannot be read: only keys are unknown otherwise */
	char where[192]; /* path of keys to the value being read */
};

/* Reads `node` into *to; on failure calls walk_fail() and returns false. */
typedef bool walk_reader(struct walk *w, const yaml_node_t *node, void *to);

/* Writes a value as the file would have it; "" where there is none. Cut off at `size`, with its NUL. */
typedef void walk_writer(const void *from, char *text, size_t size);

/* A row for a key. */
struct walk_field {
	const char *key;

	/* What its value may be: what `read` takes, a word, or, without both, a whole number. */
	walk_reader *read;
	walk_writer *write;
	const char *const *words; /* one of these, as a uint8_t: its place; NULL ends them */
	uint32_t min, max;        /* of an unsigned number of `size` bytes */
	const char *range;        /* in words for a manual; NULL: the words above */
	const char
		*initial; /* what holds without the key; NULL: nothing, or it follows from others */
	bool required;

	/* Where it goes: the member, or members, of the struct that the mapping fills. */
	size_t offset, size;
	bool whole; /* `read` and `write` get the struct, not the member */

	/* What a change of it does while sluiced runs. */
	enum change_effect effect;
};

/*
 * Reads a mapping by a table that ends with a field without a key. Goes on after a mistake, so that all of
 * them are said at once; false if there was any.
 */
bool walk_mapping(
	struct walk *w, const yaml_node_t *node, const struct walk_field *fields, void *to);

/* The same of several mappings that are one, in different documents: a key stands in one of them only. */
bool walk_mappings(struct walk *w, const yaml_node_t *const *nodes, size_t count,
	const struct walk_field *fields, void *to);

/* Reads one key of a mapping by its row, ahead of the others; true when it is not there. */
bool walk_key(struct walk *w, const yaml_node_t *node, const struct walk_field *fields,
	const char *key, void *to);

/*
 * Calls `item` for each element of a sequence with its index, at most `max`. False if that was false for one, or
 * there are more.
 */
bool walk_sequence(struct walk *w, const yaml_node_t *node, unsigned int max,
	bool (*item)(struct walk *w, const yaml_node_t *node, unsigned int index, void *to),
	void *to);

/* Sets every member whose row says what holds without the key, and leaves the others. */
void walk_initials(const struct walk_field *fields, void *to);

/* Reads a value into the struct of its row from `text`, as if it stood in a file. False: it cannot be read. */
bool walk_text(const struct walk_field *f, const char *text, void *to);

/* Writes the value that the struct of its row has. False, and "": the row has none to write. */
bool walk_write(const struct walk_field *f, const void *from, char *text, size_t size);

/* A word of a list that ends with NULL; its place goes into *to. */
bool walk_choice(struct walk *w, const yaml_node_t *node, const char *const *words, uint8_t *to);

struct walk_unit {
	const char *suffix;
	double factor;
};

/* Reads NUMBER[UNIT] in [min, max]; the unit multiplies. A table ends with a NULL suffix; NULL: no units. */
bool walk_number(struct walk *w, const yaml_node_t *node, const struct walk_unit *units, double min,
	double max, double *value);
bool walk_u32(struct walk *w, const yaml_node_t *node, uint32_t min, uint32_t max, uint32_t *to);

/* The text of a scalar, or NULL after walk_fail(). */
const char *walk_scalar(struct walk *w, const yaml_node_t *node);

/* Element i of a sequence, or key or value i of a mapping: `index` is what libyaml has for it. */
const yaml_node_t *walk_node(struct walk *w, const yaml_node_t *parent, int index);

/* The value of a key of a mapping, or NULL. */
const yaml_node_t *walk_find(struct walk *w, const yaml_node_t *node, const char *key);

enum { WALK_PLACE_SIZE = 160 };

/*
 * Writes where `other` stands for a message about `node`: "line N", or "FILE:N" when that is another
 * document. Returns text.
 */
const char *walk_place(struct walk *w, const yaml_node_t *node, const yaml_node_t *other,
	char text[WALK_PLACE_SIZE]);

/* Notes a mistake; always returns false, for `return walk_fail(...)`. */
__attribute__((format(printf, 3, 4))) bool walk_fail(
	struct walk *w, const yaml_node_t *node, const char *format, ...);

/*
 * Notes a mistake like walk_fail(), for a document that libyaml could not make nodes of: its name and line are
 * given.
 */
bool walk_refuse(struct walk *w, const char *name, size_t line, const char *what);

#endif
