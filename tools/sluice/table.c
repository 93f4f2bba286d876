/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SEPARATOR  "  "
#define WRAP_LEAST 24 /* columns of a text that is wrapped */

static void or_die(int error)
{
	if (!error)
		return;
	fprintf(stderr, "sluice: out of memory\n");
	exit(1);
}

void table_init(struct table *t, const struct table_column *columns)
{
	*t = (struct table){.scols = scols_new_table(), .columns = columns};
	or_die(!t->scols);
	scols_table_set_column_separator(t->scols, SEPARATOR);
	for (unsigned int i = 0; columns[i].name && i < TABLE_COLUMNS_MAX; i++) {
		int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
			    (columns[i].wrap ? SCOLS_FL_WRAP : 0);

		t->widths[i] = strlen(columns[i].name);
		or_die(!scols_table_new_column(
			t->scols, columns[i].name, columns[i].wrap ? 0.1 : 1, flags));
	}
	/* Whole lines for other programs. */
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
}

void table_row(struct table *t)
{
	t->line = scols_table_new_line(t->scols, NULL);
	or_die(!t->line);
	t->column = 0;
}

void table_text(struct table *t, const char *text)
{
	size_t width = strlen(text); /* of UTF-8 too much, which leaves room */

	if (width > t->widths[t->column])
		t->widths[t->column] = width;
	or_die(scols_line_set_data(t->line, t->column++, text));
}

void table_cell(struct table *t, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_text(t, text);
}

/* What a column takes at least. */
static size_t least_width(const struct table *t, unsigned int i)
{
	size_t name = strlen(t->columns[i].name);

	return t->columns[i].wrap && t->widths[i] > WRAP_LEAST
		       ? (name > WRAP_LEAST ? name : WRAP_LEAST)
		       : t->widths[i];
}

/* Hides columns until the others fit; their names go into `left_out`, of `size` bytes. */
static void fit(struct table *t, size_t room, char *left_out, size_t size)
{
	bool hidden[TABLE_COLUMNS_MAX] = {false};

	for (;;) {
		size_t width = 0;
		int last = -1;

		for (unsigned int i = 0; t->columns[i].name && i < TABLE_COLUMNS_MAX; i++) {
			if (hidden[i])
				continue;
			width += (width ? strlen(SEPARATOR) : 0) + least_width(t, i);
			if (t->columns[i].rank &&
				(last < 0 || t->columns[i].rank >= t->columns[last].rank))
				last = (int)i;
		}
		if (width <= room || last < 0)
			return;
		hidden[last] = true;
		or_die(scols_column_set_flags(
			scols_table_get_column(t->scols, (size_t)last), SCOLS_FL_HIDDEN));
		snprintf(left_out + strlen(left_out), size - strlen(left_out), "%s%s",
			left_out[0] ? ", " : "", t->columns[last].name);
	}
}

void table_print(struct table *t, const char *empty)
{
	char left_out[256] = "";
	struct winsize size;

	if (!scols_table_get_nlines(t->scols)) {
		puts(empty);
		scols_unref_table(t->scols);
		return;
	}
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		fit(t, size.ws_col, left_out, sizeof(left_out));
	or_die(scols_print_table(t->scols) != 0);
	if (left_out[0])
		printf("(no room for %s; a wider terminal or --json has them)\n", left_out);
	scols_unref_table(t->scols);
}
