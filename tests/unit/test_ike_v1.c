/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv1 between two engines: main mode, quick mode, informational, and what goes wrong in them. */
#include "ike/v1/v1.h"

#include "ike_lab.h"

#include "crypto/hash.h"

#include <stdio.h>

/* Both speak IKEv1 only; the site starts. */
static struct lab *lab_v1(void)
{
	struct lab *l = lab_new();

	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &l->conf[i].options;

		o->ikev1 = true;
		o->ikev2 = false;
		o->p1_encryption = one(12, 256);
		o->p1_integrity = one(12, 0);
		o->p1_groups = one(14, 0);
		o->p2_groups = one(14, 0);
		configure(l, i, "key");
	}
	return l;
}

static void test_up(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	site_starts(l);
	pass(l, 5 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	assert_int_equal(l->state[HUB].ike_version, 1);
	assert_string_equal(l->state[HUB].ike_proposal, "aes256-sha256-prfsha256-modp2048");
	assert_false(l->state[HUB].nat_detected);
	assert_int_equal(sa_of(l, HUB)->local.port, IKE_PORT);
	assert_int_equal(l->adds[HUB], 1);
	assert_int_equal(l->adds[SITE], 1);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
