/* SPDX-License-Identifier: Apache-2.0 */
/* What hub takes of the api process, whoever that is by now: any bytes give rows, and a text of them says the same. */
#include "ipc/rows.h"
#include "store/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *value_of(const struct row *row)
{
	switch (row->kind) {
	case ROW_TEXT:
		return json_string(row->text);
	case ROW_LIST:
		return json_array();
	case ROW_MAPPING:
		return json_object();
	default:
		return NULL;
	}
}

static void write(const json_t *tree)
{
	size_t len;
	char *text = tree_text(tree, &len);
	json_t *is = tree_read(text, len);

	/* It may be deeper, or larger, than a document can be. */
	if (is && !json_equal(is, tree))
		abort();
	json_decref(is);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size + 1);
	const char *at = bytes, *end = bytes + size;
	json_t *tree = json_object();
	struct row row;

	if (!bytes)
		abort();
	memcpy(bytes, data, size);
	while (rows_next(&at, end, &row)) {
		if (strlen(row.path) >= ROW_PATH_SIZE || strlen(row.text) > ROW_TEXT_MAX)
			abort();
		if (row.kind != ROW_SITE && row.kind != ROW_PLACE)
			(void)tree_set(tree, row.path, value_of(&row));
	}
	write(tree);
	json_decref(tree);
	free(bytes);
	return 0;
}
