/* SPDX-License-Identifier: Apache-2.0 */
/* The lab of the IKE tests, with IKEv1. */
#ifndef SLUICE_TESTS_UNIT_IKE_V1_LAB_H
#define SLUICE_TESTS_UNIT_IKE_V1_LAB_H

#include "ike/v1/v1.h"

#include "ike_lab.h"

/* Both speak IKEv1 only; nobody has started. */
static inline struct lab *lab_v1(void)
{
	struct lab *l = lab_new();

	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &l->conf[i].options;

		o->ikev1 = true;
		o->ikev2 = false;
		o->p1_encryption = one(12, 256);
		o->p1_integrity = one(12, 0);
		o->p1_groups = one(19, 0);
		o->p2_groups = one(19, 0);
		configure(l, i, "key");
	}
	return l;
}

static inline void assert_up(struct lab *l)
{
	struct engine_view hub, site;

	engine_look(l->e[HUB], l->conf[HUB].number, &hub);
	engine_look(l->e[SITE], l->conf[SITE].number, &site);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	assert_int_equal(hub.spi_in, site.spi_out);
	assert_int_equal(hub.spi_out, site.spi_in);
}

static inline void assert_refused(struct lab *l, enum reason hub, const char *site_text)
{
	site_starts(l);
	assert_true(l->notes[HUB][hub] > 0);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	if (site_text)
		assert_non_null(strstr(l->state[SITE].detail, site_text));
	assert_int_equal(l->adds[HUB], 0);
	lab_free(l);
}

/* Takes what the hub would do now, and counts it. */
static inline void drain(struct lab *l)
{
	struct effect *f;

	while ((f = engine_effect(l->e[HUB]))) {
		if (f->type == EFFECT_NOTE)
			l->notes[HUB][f->note.reason]++;
		l->sent[HUB] += f->type == EFFECT_SEND;
		effect_free(f);
	}
}

#endif
