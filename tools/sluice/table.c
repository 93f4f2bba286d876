/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void or_die(int error)
{
	if (!error)
		return;
	fprintf(stderr, "sluice: out of memory\n");
	exit(1);
}

void table_init(struct table *t, const struct table_column *columns)
{
	*t = (struct table){.scols = scols_new_table()};
	or_die(!t->scols);
	scols_table_set_column_separator(t->scols, "  ");
	for (; columns->name; columns++) {
		int flags =
			(columns->right ? SCOLS_FL_RIGHT : 0) | (columns->cut ? SCOLS_FL_TRUNC : 0);

		or_die(!scols_table_new_column(
			t->scols, columns->name, columns->cut ? 0.1 : 1, flags));
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

void table_print(struct table *t, const char *empty)
{
	if (scols_table_get_nlines(t->scols))
		or_die(scols_print_table(t->scols) != 0);
	else
		puts(empty);
	scols_unref_table(t->scols);
}
