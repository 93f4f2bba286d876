/* SPDX-License-Identifier: Apache-2.0 */
/* The store of attributes: what a peer chooses does not fall into one chain. */
#include "bgp/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static unsigned int longest_chain(const struct attr_store *s)
{
	unsigned int longest = 0;

	for (uint32_t i = 0; i < s->size; i++) {
		unsigned int n = 0;

		for (const struct attrs *a = s->chains[i]; a; a = a->next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* The same bytes, divided among three attributes in every way; and nobody outside knows what falls together. */
static void no_peer_fills_a_chain(void **state)
{
	static const uint8_t bytes[480];
	enum { SPLITS = 1261 };
	static struct attrs *of[2][SPLITS];
	struct attr_store s[2];
	unsigned int same = 0;

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		unsigned int n = 0;

		attr_store_init(&s[k], 0x9e3779b97f4a7c15u + k);
		for (uint16_t large = 0; large <= sizeof(bytes); large += 12) {
			for (uint16_t ext = 0; large + ext <= (int)sizeof(bytes); ext += 8) {
				struct attr_draft d = {
					.large_communities = {bytes, large},
					.ext_communities = {bytes, ext},
					.communities = {bytes,
						(uint16_t)(sizeof(bytes) - large - ext)},
				};

				assert_true(n < SPLITS);
				of[k][n++] = attr_intern(&s[k], &d);
			}
		}
		assert_int_equal(n, SPLITS);
		assert_int_equal(s[k].used, SPLITS);
		assert_true(longest_chain(&s[k]) <= 8);
	}
	for (unsigned int n = 0; n < SPLITS; n++) {
		same += of[0][n]->hash == of[1][n]->hash;
		attr_unref(&s[0], of[0][n]);
		attr_unref(&s[1], of[1][n]);
	}
	assert_true(same <= 1);
	attr_store_fini(&s[0]);
	attr_store_fini(&s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_peer_fills_a_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
