/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that a person has written, such as hub.yaml, and what a command wants it to say: the text, a zero, then lines of
 * PATH=VALUE, or PATH alone. What comes of it says that and nothing else, or there is a sentence.
 */
#include "base/utf8.h"
#include "store/adopt.h"
#include "store/edit.h"
#include "store/inside.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As hub takes them (ipc/rows.h). */
static bool is_row(const char *path, const char *value)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = value ? strlen(value) : 0, n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_printable((const uint8_t *)value + i, len - i);
		if (!n)
			return false;
	}
	return path[0] && path[0] != '.' && strlen(path) < 64 && !path[strspn(path, letters)] &&
	       !strstr(path, "..") && path[strlen(path) - 1] != '.';
}

static void set(json_t *tree, char *lines)
{
	for (char *line; (line = strsep(&lines, "\n"));) {
		char *value = strchr(line, '=');

		if (value)
			*value++ = '\0';
		if (is_row(line, value))
			(void)tree_set(tree, line, value ? json_string(value) : NULL);
	}
}

static void edit(const char *text, size_t len, json_t *tree)
{
	char why[EDIT_WHY_SIZE] = "", *made;
	unsigned int line = 0;
	size_t made_len;
	json_t *is;

	made = edit_text(text, len, tree, &made_len, &line, why);
	if (!made && (!why[0] || !line))
		abort();
	if (made) {
		is = tree_read(made, made_len);
		if (!json_equal(is, tree))
			abort();
		json_decref(is);
	}
	free(made);
}

static void adopt(const char *text, size_t len)
{
	struct adopted made = {0};
	char why[ADOPT_WHY_SIZE] = "";
	unsigned int line = 0;

	if (!adopt_text(text, len, "a", &made, &line, why)) {
		if (!why[0])
			abort();
		return;
	}
	free(made.main);
	free(made.own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\0', size);
	size_t len = end ? (size_t)(end - data) : size;
	char *text = malloc(len + 1),
	     *lines = strndup(end ? (const char *)end + 1 : "", end ? size - len - 1 : 0);
	char why[INSIDE_WHY_SIZE];
	unsigned int line;
	json_t *tree;

	if (!text || !lines)
		abort();
	memcpy(text, data, len);
	tree = tree_read(text, len);
	if (!tree && tree_is_blank(text, len))
		tree = json_object();
	if (json_is_object(tree)) {
		set(tree, lines);
		edit(text, len, tree);
	}
	adopt(text, len);
	line = 0;
	(void)inside_sites_only(text, len, &line, why);
	json_decref(inside_keys(text, len));
	json_decref(inside_all(text, len));
	json_decref(inside_list_with_nulls(text, len));
	json_decref(tree);
	free(lines);
	free(text);
	return 0;
}
