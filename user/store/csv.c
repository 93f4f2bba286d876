/* SPDX-License-Identifier: Apache-2.0 */
#include "store/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	const char *at, *end;
	unsigned int line;
	char *cell; /* of the size of all */
	const char *why;
};

static bool fail(struct reading *r, const char *why)
{
	r->why = why;
	return false;
}

static bool ends_line(const struct reading *r)
{
	return r->at == r->end || *r->at == '\n' ||
	       (*r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n'));
}

/* 2.5 to 2.7: within quotes anything may stand, and a quote twice. */
static bool read_quoted(struct reading *r, size_t *n)
{
	for (r->at++; r->at < r->end; r->at++) {
		if (*r->at == '"' && r->at + 1 < r->end && r->at[1] == '"') {
			r->at++;
		} else if (*r->at == '"') {
			r->at++;
			return ends_line(r) || *r->at == ',' ||
			       fail(r, "something follows the quote that ends a cell");
		}
		r->line += *r->at == '\n';
		r->cell[(*n)++] = *r->at;
	}
	return fail(r, "a quote does not end");
}

/* What a spreadsheet would take for a formula, and run; with such quotes in front it does not. */
static bool is_formula(const char *text)
{
	char first = text[strspn(text, "'")];

	return first && strchr("=+-@\t\r", first);
}

static bool read_cell(struct reading *r, json_t *cells)
{
	size_t n = 0, taken;
	bool ok = true;

	if (r->at < r->end && *r->at == '"') {
		ok = read_quoted(r, &n);
	} else {
		while (!ends_line(r) && *r->at != ',') {
			if (*r->at == '"')
				return fail(r, "a quote stands within a cell without quotes");
			r->cell[n++] = *r->at++;
		}
	}
	if (!ok)
		return false;
	if (memchr(r->cell, '\0', n))
		return fail(r, "a cell has a NUL in it");
	r->cell[n] = '\0';
	taken = r->cell[0] == '\'' && is_formula(r->cell); /* as csv_write_cell() has it */
	return !json_array_append_new(cells, json_stringn(r->cell + taken, n - taken)) ||
	       fail(r, "a cell is no text in UTF-8");
}

static bool read_record(struct reading *r, json_t *cells)
{
	for (;;) {
		if (!read_cell(r, cells))
			return false;
		if (ends_line(r))
			break;
		r->at++; /* the comma */
	}
	if (r->at < r->end && *r->at == '\r')
		r->at++;
	if (r->at < r->end)
		r->at++;
	r->line++;
	return true;
}

json_t *csv_read(const char *text, size_t len, unsigned int *line, char why[CSV_WHY_SIZE])
{
	struct reading r = {.at = text, .end = text + len, .line = 1, .cell = malloc(len + 1)};
	json_t *records = json_array();
	bool ok = true;

	if (!r.cell)
		abort();
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		r.at += 3;
	while (ok && r.at < r.end) {
		json_t *cells = json_array();

		*line = r.line;
		ok = read_record(&r, cells);
		/* A line with nothing in it is none. */
		if (ok && (json_array_size(cells) > 1 ||
				  json_string_length(json_array_get(cells, 0))))
			json_array_append_new(records,
				json_pack("{s:I, s:O}", "line", (json_int_t)*line, "cells", cells));
		json_decref(cells);
	}
	free(r.cell);
	if (ok)
		return records;
	snprintf(why, CSV_WHY_SIZE, "%s", r.why);
	json_decref(records);
	return NULL;
}

void csv_write_cell(FILE *f, const char *text)
{
	const char *before = is_formula(text) ? "'" : "";

	if (!text[strcspn(text, ",\"\r\n")] && text[0] != ' ') {
		fprintf(f, "%s%s", before, text);
		return;
	}
	fprintf(f, "\"%s", before);
	for (; *text; text++)
		fprintf(f, "%s%c", *text == '"' ? "\"" : "", *text);
	putc('"', f);
}
