/* SPDX-License-Identifier: Apache-2.0 */
/* A site moves out of sluice.yaml, with all that a person has written about it. */
#include "store/adopt.h"
#include "store/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD                                                                                       \
	"# the hub\n"                                                                              \
	"concentrator: { name: hub }\n"                                                            \
	"\n"                                                                                       \
	"sites:   # all of them\n"

/* Texts end where they do; `site` moves. */
static void becomes(const char *text, const char *site, const char *main, const char *own)
{
	char why[ADOPT_WHY_SIZE];
	struct adopted made;
	unsigned int line;

	if (!adopt_text(text, strlen(text), site, &made, &line, why))
		fail_msg("%s\n%u: %s", text, line, why);
	if (made.main_len != strlen(main) || memcmp(made.main, main, made.main_len) != 0)
		fail_msg("of\n%s\nnot\n%s\nbut\n%.*s", text, main, (int)made.main_len, made.main);
	if (made.own_len != strlen(own) || memcmp(made.own, own, made.own_len) != 0)
		fail_msg("of\n%s\nnot\n%s\nbut\n%.*s", text, own, (int)made.own_len, made.own);
	free(made.main);
	free(made.own);
}

static void comments_go_with_it(void **state)
{
	static const char text[] = HEAD "  # caf\xc3\xa9 at the market\n"
					"  # since 2019\n"
					"  - name: a # short\n"
					"    asn: 65001\n"
					"#    rate: 5M\n"
					"\n"
					"    tunnels:\n"
					"      # by cable\n"
					"      - inside: 169.254.1.0/30\n"
					"        psk: file:/a # old\n"
					"      # the last\n"
					"\n"
					"    # more of a\n"
					"\n"
					"  # the depot\n"
					"  - { name: b, asn: 65002,\n"
					"      tunnels: [] } # closed\n"
					"\n"
					"# the end\n"
					"defaults: {}\n";

	(void)state;
	becomes(text, "a",
		HEAD "\n"
		     "  # the depot\n"
		     "  - { name: b, asn: 65002,\n"
		     "      tunnels: [] } # closed\n"
		     "\n"
		     "# the end\n"
		     "defaults: {}\n",
		"# caf\xc3\xa9 at the market\n"
		"# since 2019\n"
		"name: a # short\n"
		"asn: 65001\n"
		"#    rate: 5M\n"
		"\n"
		"tunnels:\n"
		"  # by cable\n"
		"  - inside: 169.254.1.0/30\n"
		"    psk: file:/a # old\n"
		"  # the last\n"
		"\n"
		"# more of a\n");
	becomes(text, "b",
		HEAD "  # caf\xc3\xa9 at the market\n"
		     "  # since 2019\n"
		     "  - name: a # short\n"
		     "    asn: 65001\n"
		     "#    rate: 5M\n"
		     "\n"
		     "    tunnels:\n"
		     "      # by cable\n"
		     "      - inside: 169.254.1.0/30\n"
		     "        psk: file:/a # old\n"
		     "      # the last\n"
		     "\n"
		     "    # more of a\n"
		     "\n"
		     "\n"
		     "# the end\n"
		     "defaults: {}\n",
		"# the depot\n"
		"{ name: b, asn: 65002,\n"
		"  tunnels: [] } # closed\n");
}

static void ways_to_write_a_list(void **state)
{
	(void)state;
	/* The only one: a list stays. */
	becomes("sites: # all\n- name: a\n  asn: 1", "a", "sites: [] # all\n", "name: a\nasn: 1\n");
	becomes("sites:\n# x\n\n-\n  asn: 1\n  name: a\nz: 1\n", "a", "sites: []\n# x\n\nz: 1\n",
		"\nasn: 1\nname: a\n");
	becomes("sites:\n  - # x\n    name: a\n  - name: b\n", "a", "sites:\n  - name: b\n",
		"# x\nname: a\n");
	becomes("sites:\r\n  - name: a\r\n    asn: 1\r\n  - name: b\r\n", "b",
		"sites:\r\n  - name: a\r\n    asn: 1\r\n", "name: b\r\n");
	becomes("sites:\n  - name: a\n    labels:\n      t: |\n        x\n         y\n\n  - name: "
		"b\n",
		"a", "sites:\n\n  - name: b\n", "name: a\nlabels:\n  t: |\n    x\n     y\n");
	/* In brackets, it is written anew. */
	becomes("sites: [{name: a, asn: 1}, {name: b, asn: 2}]\n", "a",
		"sites: [{name: b, asn: 2}]\n", "name: a\nasn: 1\n");
	becomes("sites: [ { name: a, asn: 1 } ]\n", "a", "sites: []\n", "name: a\nasn: 1\n");
}

static void what_cannot_be_moved(void **state)
{
	static const struct {
		const char *text, *why;
		unsigned int line;
	} cases[] = {
		{"sites:\n  - name: b\n", "no such site", 1},
		{"a: 1\n", "no such site", 1},
		{"sites: {}\n", "no such site", 1},
		{"sites: [\n", "no such site", 1},
		/* Somebody else's words. */
		{"x: &x 1\nsites:\n  - name: a\n    asn: *x\n", "not written as", 3},
		{"sites: [{name: a, # why\n  asn: 1}]\n", "a comment", 1},
	};
	char why[ADOPT_WHY_SIZE];
	struct adopted made;
	unsigned int line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(
			adopt_text(cases[i].text, strlen(cases[i].text), "a", &made, &line, why));
		if (!strstr(why, cases[i].why) || line != cases[i].line)
			fail_msg("%s: %u: %s", cases[i].text, line, why);
		assert_null(made.main);
	}
}

/* Of keys: where they stand, and what they say. */
static void keys_and_lines(void **state)
{
	static const char text[] =
		"concentrator:\n  name: hub\n  networks: [10.0.0.0/8, fd00::/8]\n"
		"defaults:\n  tunnel:\n    med: 5\nsites: []\n";
	json_t *keys = inside_keys(text, strlen(text)), *o;

	(void)state;
	assert_int_equal(json_object_size(keys), 3);
	o = json_object_get(keys, "concentrator.networks");
	assert_int_equal(json_integer_value(json_object_get(o, "line")), 3);
	assert_string_equal(
		json_string_value(json_object_get(o, "value")), "[10.0.0.0/8, 'fd00::/8']");
	o = json_object_get(keys, "defaults.tunnel.med");
	assert_int_equal(json_integer_value(json_object_get(o, "line")), 6);
	json_decref(keys);
	keys = inside_keys("concentrator: 5\ndefaults: [", 26);
	assert_int_equal(json_object_size(keys), 0);
	json_decref(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_go_with_it),
		cmocka_unit_test(ways_to_write_a_list),
		cmocka_unit_test(what_cannot_be_moved),
		cmocka_unit_test(keys_and_lines),
	};

	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
