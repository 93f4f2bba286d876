/* SPDX-License-Identifier: Apache-2.0 */
/* CSV, case by case of RFC 4180. */
#include "store/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void records(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{"", "[]"},
		{"\n\r\n\n", "[]"},
		{"a,b\n", "[{'line':1,'cells':['a','b']}]"},
		{"a,b", "[{'line':1,'cells':['a','b']}]"},
		{"\xef\xbb\xbf"
		 "a\r\nb\r\n",
			"[{'line':1,'cells':['a']},{'line':2,'cells':['b']}]"},
		{"a\r", "[{'line':1,'cells':['a']}]"},
		{"a\rb\n", "[{'line':1,'cells':['a\\rb']}]"},
		{"a,\n,\n", "[{'line':1,'cells':['a','']},{'line':2,'cells':['','']}]"},
		{"\"x, \"\"y\"\"\nz\",b\n\nc\n",
			"[{'line':1,'cells':['x, \\\"y\\\"\\nz','b']},{'line':4,'cells':['c']}]"},
		{"\"\"\n", "[]"},
		{" a , b\n", "[{'line':1,'cells':[' a ',' b']}]"},
	};
	char why[CSV_WHY_SIZE];
	unsigned int line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *o = csv_read(cases[i].text, strlen(cases[i].text), &line, why);
		char *text = json_dumps(o, JSON_COMPACT), wanted[256];

		assert_non_null(text);
		strcpy(wanted, cases[i].wanted);
		for (char *c = wanted; (c = strchr(c, '\''));)
			*c = '"';
		if (strcmp(text, wanted) != 0)
			fail_msg("%s is %s, not %s", cases[i].text, text, wanted);
		free(text);
		json_decref(o);
	}
}

static void what_is_none(void **state)
{
	static const struct {
		const char *text, *why;
		unsigned int line;
	} cases[] = {
		{"a\n\"b\nc\n", "does not end", 2},
		{"a\nb,\"c\"d\n", "something follows", 2},
		{"a\nb\"c\n", "within a cell", 2},
		{"a\n\xff\n", "UTF-8", 2},
	};
	char why[CSV_WHY_SIZE];
	unsigned int line;

	(void)state;
	assert_null(csv_read("a\n\0b\n", 5, &line, why));
	assert_non_null(strstr(why, "NUL"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(csv_read(cases[i].text, strlen(cases[i].text), &line, why));
		if (!strstr(why, cases[i].why) || line != cases[i].line)
			fail_msg("%s: %u: %s", cases[i].text, line, why);
	}
}

static void cells(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	csv_write_cell(f, "plain");
	putc(',', f);
	csv_write_cell(f, "a, \"b\"\n");
	putc(',', f);
	csv_write_cell(f, " x");
	fclose(f);
	assert_string_equal(text, "plain,\"a, \"\"b\"\"\n\",\" x\"");
	free(text);
}

/* A spreadsheet runs what begins so. */
static void formulas(void **state)
{
	static const char *const texts[] = {
		"=1+1", "+49", "-", "@SUM", "'=x", "''@", "'x", "'", "x=1", "\t=", "-a,b"};
	char *text = NULL, why[CSV_WHY_SIZE];
	json_t *records, *cells;
	unsigned int line;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (i)
			putc(',', f);
		csv_write_cell(f, texts[i]);
	}
	fclose(f);
	assert_string_equal(text, "'=1+1,'+49,'-,'@SUM,''=x,'''@,'x,',x=1,'\t=,\"'-a,b\"");
	records = csv_read(text, len, &line, why);
	cells = json_object_get(json_array_get(records, 0), "cells");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(json_string_value(json_array_get(cells, i)), texts[i]);
	json_decref(records);
	/* Without one it is what it says. */
	records = csv_read("=1,-\n", 5, &line, why);
	cells = json_object_get(json_array_get(records, 0), "cells");
	assert_string_equal(json_string_value(json_array_get(cells, 0)), "=1");
	assert_string_equal(json_string_value(json_array_get(cells, 1)), "-");
	json_decref(records);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(cells),
		cmocka_unit_test(formulas),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
