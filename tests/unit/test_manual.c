/* SPDX-License-Identifier: Apache-2.0 */
/* sluice.yaml(5) against the rows of the options: each key with its range and its default, and what a change does. */
#include "config/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MANUAL_MAX (1u << 20)

static const struct {
	const char *section, *objects;
	const struct walk_field *fields;
} tables[] = {
	{"\n.Ss concentrator\n", "The concentrator's", options_concentrator},
	{"\n.Ss sites\n", "Of a site", options_site},
	{"\n.Ss tunnels\n", "Of a tunnel", options_tunnel},
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

static char manual[MANUAL_MAX];

static int load(void **state)
{
	FILE *f = fopen("docs/sluice.yaml.5", "re");

	(void)state;
	if (!f)
		return -1;
	manual[fread(manual, 1, sizeof(manual) - 1, f)] = '\0';
	fclose(f);
	return 0;
}

static bool has_word(const char *text, const char *end, const char *word, size_t len)
{
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), word, len)); at++) {
		bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');

		if (begins && !isalnum((unsigned char)at[len]) && at[len] != '_')
			return true;
	}
	return false;
}

/* The entry of a key: from its .It to the next one. Empty: there is none. */
static const char *find_entry(const char *section, const char *key, const char **end)
{
	const char *part = strstr(section + 1, "\n.Ss "), *whole = strstr(section + 1, "\n.Sh ");
	const char *last = part && part < whole ? part : whole, *line = section;

	while ((line = strstr(line + 1, "\n.It Cm ")) && line < last) {
		const char *head = strchr(line + 1, '\n');

		*end = strstr(line + 1, "\n.It ");
		if (!*end || *end > last)
			*end = last;
		if (has_word(line, head, key, strlen(key)))
			return line;
	}
	*end = section;
	return section;
}

static void must_have(const struct walk_field *f, const char *entry, const char *end,
	const char *word, size_t len)
{
	if (!has_word(entry, end, word, len))
		fail_msg("sluice.yaml(5): the entry of %s does not have %.*s", f->key, (int)len,
			word);
}

static void check_entry(const char *section, const struct walk_field *f)
{
	const char *end, *entry = find_entry(section, f->key, &end);
	const char *to = f->range ? strstr(f->range, " to ") : NULL, *least = to;

	if (entry == end)
		fail_msg("sluice.yaml(5) has no entry for %s", f->key);
	for (size_t i = 0; f->words && f->words[i]; i++)
		must_have(f, entry, end, f->words[i], strlen(f->words[i]));
	if (to) {
		while (least > f->range && least[-1] != ' ')
			least--;
		must_have(f, entry, end, least, (size_t)(to - least));
		must_have(f, entry, end, to + 4, strlen(to + 4));
	}
	if (f->initial && f->initial[0] != '[') /* of a list it is told in words */
		must_have(f, entry, end, f->initial, strlen(f->initial));
}

static void every_key_has_an_entry(void **state)
{
	(void)state;
	for (size_t i = 0; i < TABLES; i++) {
		const char *section = strstr(manual, tables[i].section);

		assert_non_null(section);
		for (const struct walk_field *f = tables[i].fields; f->key; f++) {
			assert_true(f->range || f->words || f->effect == CHANGE_ELSEWHERE);
			check_entry(section, f);
		}
	}
}

/* An item of the section CHANGES as the rows have it. */
static void write_item(FILE *out, enum change_effect effect, const char *head)
{
	fprintf(out, "\n.It %s", head);
	for (size_t i = 0; i < TABLES; i++) {
		bool any = false;

		for (const struct walk_field *f = tables[i].fields; f->key; f++) {
			if (f->effect != effect)
				continue;
			if (any)
				fprintf(out, " ,\n.Cm %s", f->key);
			else
				fprintf(out, "\n%s\n.Cm %s", tables[i].objects, f->key);
			any = true;
		}
		if (any)
			fputs(" .", out);
	}
	fputs("\n", out);
}

static void what_a_change_does(void **state)
{
	static const char *const heads[CHANGE_EFFECTS] = {
		[CHANGE_ELSEWHERE] = "As what takes its value from it, or stands in it",
		[CHANGE_LIVE] = "\\&In force at once, no tunnel and no session is interrupted",
		[CHANGE_NEXT] = "\\&In force from the next negotiation on, of IKE or of BGP",
		[CHANGE_SESSION] = "BGP sessions begin anew, of the site or of all",
		[CHANGE_JUDGED] = "A tunnel is set up anew where what runs is not allowed any more",
		[CHANGE_ANEW] = "The tunnel is set up anew",
		[CHANGE_TUNNEL] = "The tunnel ends, and another one takes its place",
		[CHANGE_SITE] = "Refused: another site has to be created",
		[CHANGE_RESTART] = "Refused while sluiced runs",
	};

	(void)state;
	for (int e = CHANGE_ELSEWHERE; e < CHANGE_EFFECTS; e++) {
		char *item = NULL;
		size_t size;
		FILE *out;

		if (e == CHANGE_PAUSE)
			continue; /* no key has it of itself */
		out = open_memstream(&item, &size);

		write_item(out, (enum change_effect)e, heads[e]);
		fclose(out);
		if (!strstr(manual, item))
			fail_msg("sluice.yaml(5), CHANGES: by the rows of the options it says%s",
				item);
		free(item);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_an_entry),
		cmocka_unit_test(what_a_change_does),
	};

	return cmocka_run_group_tests_name("manual", tests, load, NULL);
}
