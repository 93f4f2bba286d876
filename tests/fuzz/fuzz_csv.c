/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: any bytes give records or a sentence, and what is written of records is read as the same. */
#include "store/csv.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CSV_WHY_SIZE] = "", *text = NULL;
	unsigned int line = 0;
	json_t *records = csv_read((const char *)data, size, &line, why), *again, *record, *cell;
	size_t i, k, len;
	FILE *f;

	if (!records && (!why[0] || !line))
		abort();
	f = open_memstream(&text, &len);
	if (!f)
		abort();
	json_array_foreach(records, i, record) {
		json_array_foreach(json_object_get(record, "cells"), k, cell) {
			if (k)
				putc(',', f);
			csv_write_cell(f, json_string_value(cell));
		}
		putc('\n', f);
	}
	fclose(f);
	again = records ? csv_read(text, len, &line, why) : NULL;
	if (records && !again)
		abort();
	/* A byte order mark or an empty cell alone is nothing; all else stays. */
	if (again && json_array_size(again) > json_array_size(records))
		abort();
	json_decref(again);
	json_decref(records);
	free(text);
	return 0;
}
