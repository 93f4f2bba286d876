/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document says, apart from how it is written: a mapping is an object in the order of its keys, a list an array,
 * and every value a string. Pure.
 */
#ifndef SLUICE_STORE_TREE_H
#define SLUICE_STORE_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <yaml.h>

#define TREE_DEPTH_MAX 8    /* of lists and mappings in each other */
#define TREE_NODES_MAX 4096 /* what aliases repeat is counted each time */

/* NULL: it is not one document of YAML, or larger than that, or has a key that is no text, or one twice. */
json_t *tree_read(const char *text, size_t len);

/* Whether there is nothing in it but comments. */
bool tree_is_blank(const char *text, size_t len);

/* The same of a node of a document that has been parsed; with nulls as such, and not as texts. */
json_t *tree_of_node_with_nulls(yaml_document_t *yaml, const yaml_node_t *node);
json_t *tree_of_node(yaml_document_t *yaml, const yaml_node_t *node);

/*
 * Sets what a path names, such as "tunnels.1.psk": keys, and places in lists. What leads there comes to be, and a
 * place may be the one behind the last. NULL for own_value takes it away; nothing happens where it is not. False:
 * there is no such place.
 */
bool tree_set(json_t *tree, const char *path, json_t *own_value);

/* NULL: it is not there. */
json_t *tree_get(const json_t *tree, const char *path);

/* A value as it stands in one line of YAML, in quotes where it needs them. */
void tree_write_flow(FILE *f, const json_t *value);

/* A whole document: a line for each key, and for each key of a mapping in a list. */
void tree_write(FILE *f, const json_t *tree);

/* The same as text, malloc'ed. */
char *tree_text(const json_t *tree, size_t *len);

#endif
