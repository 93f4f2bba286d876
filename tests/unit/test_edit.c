/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as trees, and changes of a person's text that leave the rest as it is. */
#include "store/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static json_t *tree_of(const char *text)
{
	json_t *tree = tree_read(text, strlen(text));

	if (!tree)
		fail_msg("not read: %s", text);
	return tree;
}

/* `values`: PATH=VALUE, where a VALUE that begins with '[' or '{' is YAML, or PATH alone, which takes it away. */
static char *edited(const char *text, const char *const *values)
{
	json_t *tree = tree_of(text);
	char why[EDIT_WHY_SIZE], path[64], *made;
	unsigned int line;
	size_t len;

	for (; *values; values++) {
		const char *value = strchr(*values, '=');
		json_t *v = NULL;

		snprintf(path, sizeof(path), "%.*s", (int)strcspn(*values, "="), *values);
		if (value)
			v = strchr("[{", value[1]) && value[1] ? tree_of(value + 1)
							       : json_string(value + 1);
		assert_true(tree_set(tree, path, v));
	}
	made = edit_text(text, strlen(text), tree, &len, &line, why);
	json_decref(tree);
	if (made)
		made[len] = '\0';
	return made;
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void becomes(const char *text, const char *const *values, const char *wanted)
{
	char *made = edited(text, values);

	if (!made || strcmp(made, wanted))
		fail_msg("of\n%s\nnot\n%s\nbut\n%s", text, wanted, made ? made : "nothing");
	free(made);
}

#define SITE                                                                                       \
	"# Cafe am Markt, \xc3\xa4ltester Kunde\n"                                                 \
	"asn: 65001   # theirs\n"                                                                  \
	"prefixes: [10.1.0.0/24]\n"                                                                \
	"\n"                                                                                       \
	"tunnels:\n"                                                                               \
	"  # by cable\n"                                                                           \
	"  - identity: \"a.example\"   # old router\n"                                             \
	"    inside: 169.254.10.0/30\n"                                                            \
	"  - { identity: b.example, inside: 169.254.10.4/30 } # by radio\n"                        \
	"# the end\n"

static void what_is_not_meant_stays(void **state)
{
	(void)state;
	becomes(SITE, VALUES("asn=65001"), SITE);
	becomes(SITE,
		VALUES("asn=65002", "rate=50M", "tunnels.0.identity=c.example", "tunnels.1.med=7",
			"tunnels.0.med=8"),
		"# Cafe am Markt, \xc3\xa4ltester Kunde\n"
		"asn: 65002   # theirs\n"
		"prefixes: [10.1.0.0/24]\n"
		"\n"
		"tunnels:\n"
		"  # by cable\n"
		"  - identity: c.example   # old router\n"
		"    inside: 169.254.10.0/30\n"
		"    med: 8\n"
		"  - { identity: b.example, inside: 169.254.10.4/30, med: 7 } # by radio\n"
		"rate: 50M\n"
		"# the end\n");
	/* What goes leaves its comment behind. */
	becomes(SITE, VALUES("asn", "prefixes", "tunnels.1.inside"),
		"# Cafe am Markt, \xc3\xa4ltester Kunde\n"
		"# theirs\n"
		"\n"
		"tunnels:\n"
		"  # by cable\n"
		"  - identity: \"a.example\"   # old router\n"
		"    inside: 169.254.10.0/30\n"
		"  - { identity: b.example } # by radio\n"
		"# the end\n");
	becomes(SITE, VALUES("tunnels.1"),
		"# Cafe am Markt, \xc3\xa4ltester Kunde\n"
		"asn: 65001   # theirs\n"
		"prefixes: [10.1.0.0/24]\n"
		"\n"
		"tunnels:\n"
		"  # by cable\n"
		"  - identity: \"a.example\"   # old router\n"
		"    inside: 169.254.10.0/30\n"
		"# by radio\n"
		"# the end\n");
}

/* A '#' of a text is none of a comment. */
static void texts_with_a_hash(void **state)
{
	(void)state;
	becomes("a: 'Berlin #2'\nb: 1\n", VALUES("a=Berlin"), "a: Berlin\nb: 1\n");
	becomes("l: { a: \"x # \\xe4\", b: 1 }\n", VALUES("l.a"), "l: { b: 1 }\n");
	becomes("b: 1\n\xc3\xa4: \"x # y\"\n", VALUES("\xc3\xa4"), "b: 1\n");
	becomes("a: |\n  x\n  # y\nb: 1\n", VALUES("a=z"), "a: z\nb: 1\n");
	assert_null(edited("a: | # why\n  x\nb: 1\n", VALUES("a=z")));
	assert_null(edited("a: ['#1', # why\n  x]\nb: 1\n", VALUES("a=z")));
}

static void lists_and_mappings(void **state)
{
	(void)state;
	becomes("p: [a, b, c]\n", VALUES("p=[a, c]"), "p: [a, c]\n");
	becomes("p: [a, b, c]\n", VALUES("p=[a]"), "p: [a, ]\n");
	becomes("p: [a]\n", VALUES("p=[a, b, '::/0']"), "p: [a, b, '::/0']\n");
	becomes("p: [a]\n", VALUES("p=[b, c]"), "p: [b, c]\n");
	becomes("p: [a]\n", VALUES("p=[]"), "p: []\n");
	becomes("p:\n  - a # 1\n  - b # 2\n", VALUES("p=[a, b, c]"),
		"p:\n  - a # 1\n  - b # 2\n  - c\n");
	becomes("p:\n- a\n- b\nq: 1\n", VALUES("p=[x]"), "p: [x]\nq: 1\n");
	becomes("p:\n- a\n- b\nq: 1\n", VALUES("p=[b]"), "p:\n- b\nq: 1\n");
	becomes("bfd: on\n", VALUES("bfd={interval: 300ms, multiplier: 3}"),
		"bfd: { interval: 300ms, multiplier: 3 }\n");
	becomes("bfd: { interval: 300ms, multiplier: 3 }\n", VALUES("bfd.multiplier=5"),
		"bfd: { interval: 300ms, multiplier: 5 }\n");
	becomes("bfd:\n  interval: 300ms\n  multiplier: 3\nq: 1", VALUES("bfd=off"),
		"bfd: off\nq: 1");
	becomes("a: 1", VALUES("labels.region=north"), "a: 1\nlabels: { region: north }\n");
	becomes("{\"asn\": 65001, \"rate\": \"5M\"}", VALUES("asn=2", "rate", "med=1"),
		"{\"asn\": 2, med: 1}");
	becomes("a:\nb: 1\n", VALUES("a=2"), "a: 2\nb: 1\n");
	becomes("a: |\n  text\n  more\nb: 1\n", VALUES("a=2"), "a: 2\nb: 1\n");
	becomes("a: 'it''s'\n", VALUES("a=: # \" '"), "a: ': # \" '''\n");
	becomes("a: 1\r\nb: 2\r\n", VALUES("a=3"), "a: 3\r\nb: 2\r\n");
}

/* Rather nothing than what somebody would miss. */
static void what_would_be_lost_is_refused(void **state)
{
	static const char *const texts[] = {
		"p:\n  # first\n  - a\n  - b\n",
		"p: &x [a]\nq: *x\n",
		"p: [a, # why\n  b]\n",
		"\xef\xbb\xbfp: [a]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *made = edited(texts[i], VALUES("p=x"));

		if (made)
			fail_msg("%s became %s", texts[i], made);
	}
}

static void what_is_no_document(void **state)
{
	static const char *const texts[] = {"", "a: [", "a: 1\na: 2\n", "a: 1\n---\nb: 1\n",
		"a: 1\n---\n[", "a: 1\n...\n}", "&a [*a]", "[[[[[[[[[[]]]]]]]]]]", "[1]: 2\n",
		"a: \"\\0\"\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *tree = tree_read(texts[i], strlen(texts[i]));

		if (tree && i + 1 < sizeof(texts) / sizeof(texts[0]))
			fail_msg("%s was read", texts[i]);
		json_decref(tree);
	}
}

static void what_says_nothing_yet(void **state)
{
	static const struct {
		const char *was, *is;
	} cases[] = {
		{"", "a: 1\n"}, {"# mine\n", "# mine\na: 1\n"}, {"\n# mine", "\n# mine\na: 1\n"}};
	json_t *tree = tree_of("a: 1\n");
	char why[EDIT_WHY_SIZE], *made;
	unsigned int line;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		made = edit_text(cases[i].was, strlen(cases[i].was), tree, &len, &line, why);
		assert_non_null(made);
		assert_int_equal(len, strlen(cases[i].is));
		assert_memory_equal(made, cases[i].is, len);
		free(made);
	}
	json_decref(tree);
	assert_false(tree_is_blank("a: 1\n", 5));
	assert_false(tree_is_blank("a: [", 4));
}

static void places(void **state)
{
	json_t *tree = tree_of("a: 1\nt: [{x: 1}]\n");

	(void)state;
	assert_string_equal(json_string_value(tree_get(tree, "t.0.x")), "1");
	assert_null(tree_get(tree, "t.1.x"));
	assert_null(tree_get(tree, "a.x"));
	assert_true(tree_set(tree, "t.1.x", json_string("2")));
	assert_false(tree_set(tree, "t.3.x", json_string("2")));
	assert_false(tree_set(tree, "t.y", json_string("2")));
	assert_true(tree_set(tree, "nothing.of.it", NULL));
	assert_null(tree_get(tree, "nothing"));
	json_decref(tree);
}

static void as_it_is_written(void **state)
{
	json_t *tree = tree_of("{asn: 1, p: ['::/0', a], labels: {a: 'b c'}, tunnels: [{a: "
			       "'file:/x', b: 'secret: x'}, {c: ''}]}");
	size_t len;
	char *text = tree_text(tree, &len);

	(void)state;
	assert_string_equal(text, "asn: 1\np: ['::/0', a]\nlabels: { a: 'b c' }\ntunnels:\n"
				  "  - a: file:/x\n    b: 'secret: x'\n  - c: ''\n");
	json_t *again = tree_of(text);

	assert_true(json_equal(tree, again));
	json_decref(again);
	json_decref(tree);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_meant_stays),
		cmocka_unit_test(texts_with_a_hash),
		cmocka_unit_test(lists_and_mappings),
		cmocka_unit_test(what_would_be_lost_is_refused),
		cmocka_unit_test(what_is_no_document),
		cmocka_unit_test(what_says_nothing_yet),
		cmocka_unit_test(places),
		cmocka_unit_test(as_it_is_written),
	};

	return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
