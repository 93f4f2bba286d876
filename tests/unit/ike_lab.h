/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines, hub and site, on a wire of memory: what the IKE tests share. */
#ifndef SLUICE_TESTS_UNIT_IKE_LAB_H
#define SLUICE_TESTS_UNIT_IKE_LAB_H

#include "ike/internal.h"
#include "ike/v2/v2.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define HUB  0
#define SITE 1
#define S    CLOCK_SECOND

/* Hub and site, and what they did last. The wire is perfect unless `cut`. */
struct lab {
	struct engine *e[2];
	struct engine_tunnel conf[2];
	uint64_t now;
	bool cut;
	unsigned int sent[2], keepalives[2], moved[2];
	unsigned int notes[2][REASONS];
	struct effect_note note[2][REASONS]; /* the last one of each */
	char last[2][REASON_TEXT_SIZE];      /* detail of the last note */
	unsigned int told[2][8];             /* notes about the tunnel of this number */
	bool seen[2][REASONS];               /* in a note or as a state's reason */
	struct effect_tunnel_state state[2];
	struct effect_sa_info pair[2]; /* that is in use */
	unsigned int afresh[2];        /* states that said so */
	struct ip_endpoint
		nat; /* what the hub sees instead of the site's address; family 0: no NAT */
	uint32_t gate[2];
	unsigned int adds[2], dels[2];
	bool (*drop)(struct lab *l, int from, const struct effect_send *s); /* NULL: none is lost */
};

static inline void lab_random(void *context, void *bytes, size_t len)
{
	static uint64_t random_state = 1;
	uint8_t *p = bytes;

	(void)context;
	for (size_t i = 0; i < len; i++) {
		random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[i] = (uint8_t)(random_state >> 56);
	}
}

static inline struct algorithm_set one(uint16_t id, uint16_t bits)
{
	return (struct algorithm_set){.count = 1, .items = {{id, bits}}};
}

static inline void set_any(struct selector_set *set)
{
	*set = (struct selector_set){.count = 1};
	set->selectors[0].first.family = set->selectors[0].last.family = AF_INET;
	memset(set->selectors[0].last.bytes, 0xff, 4);
	set->selectors[0].last_port = 65535;
}

static inline void configure(struct lab *l, int i, const char *psk_text)
{
	struct secret psk;

	secret_set(&psk, psk_text, strlen(psk_text));
	engine_tunnel_set(l->e[i], &l->conf[i], &psk, l->now);
}

static inline struct lab *lab_new(void)
{
	struct engine_env env = {.random = lab_random};
	struct engine_limits limits = engine_limits_default();
	struct lab *l = calloc(1, sizeof(*l));

	l->now = 1000 * S;
	for (int i = 0; i < 2; i++) {
		struct engine_tunnel *c = &l->conf[i];

		l->e[i] = engine_new(&env, &limits);
		c->number = (uint32_t)(4 + i);
		addr_parse(i ? "192.0.2.2" : "192.0.2.1", &c->local);
		addr_parse(i ? "192.0.2.1" : "192.0.2.2", &c->remote);
		c->local_id = (struct ike_identity){IKE_ID_FQDN, 1, {i ? 's' : 'h'}};
		c->remote_id = (struct ike_identity){IKE_ID_FQDN, 1, {i ? 'h' : 's'}};
		c->options = (struct ike_options){.ikev2 = true,
			.p1_encryption = one(20, 128),
			.p1_prf = one(5, 0),
			.p1_groups = one(31, 0),
			.p2_encryption = one(20, 128),
			.p2_groups = one(31, 0),
			.p1_lifetime_s = 28800,
			.p2_lifetime_s = 3600,
			.rekey_margin_s = 540,
			.dpd_interval_s = 10,
			.dpd_timeout_s = 30,
			.replay_window = 64};
		set_any(&c->local_ts);
		set_any(&c->remote_ts);
		engine_start(l->e[i], l->now);
	}
	configure(l, HUB, "key");
	configure(l, SITE, "key");
	return l;
}

static inline void lab_free(struct lab *l)
{
	engine_free(l->e[HUB]);
	engine_free(l->e[SITE]);
	free(l);
}

/* A datagram as it arrives: NAT changes the site's address and port. */
static inline void carry(struct lab *l, int from, const struct effect_send *s)
{
	struct ip_endpoint source = s->local, dest = s->remote;

	l->sent[from]++;
	l->keepalives[from] += s->len == 1;
	if (l->cut || (l->drop && l->drop(l, from, s)))
		return;
	if (l->nat.addr.family && from == SITE) {
		source = (struct ip_endpoint){l->nat.addr, (uint16_t)(l->nat.port + s->local.port)};
	} else if (l->nat.addr.family) {
		if (!addr_equal(&dest.addr, &l->nat.addr))
			return;
		dest = (struct ip_endpoint){
			l->conf[SITE].local, (uint16_t)(dest.port - l->nat.port)};
		if (dest.port != IKE_PORT && dest.port != IKE_PORT_NAT)
			return; /* a mapping that is gone */
	}
	engine_datagram(l->e[!from], &dest, &source, s->bytes, s->len, l->now);
}

static inline void settle(struct lab *l)
{
	bool any = true;

	while (any) {
		any = false;
		for (int i = 0; i < 2; i++) {
			struct effect *f = engine_effect(l->e[i]);

			any = any || f;
			if (!f)
				continue;
			switch (f->type) {
			case EFFECT_SEND:
				carry(l, i, &f->send);
				break;
			case EFFECT_NOTE:
				if (getenv("LAB_NOTES")) /* shows what both ends say */
					fprintf(stderr, "%d t%u %s: %s\n", i, f->tunnel,
						reason_code(f->note.reason), f->note.detail);
				l->notes[i][f->note.reason]++;
				l->note[i][f->note.reason] = f->note;
				memcpy(l->last[i], f->note.detail, sizeof(l->last[i]));
				if (f->tunnel < 8)
					l->told[i][f->tunnel]++;
				l->seen[i][f->note.reason] = true;
				break;
			case EFFECT_TUNNEL_STATE:
				l->state[i] = f->state;
				l->afresh[i] += f->state.afresh;
				l->seen[i][f->state.reason] = true;
				break;
			case EFFECT_SA_INFO:
				if (f->info.in_use)
					l->pair[i] = f->info;
				break;
			case EFFECT_SA_MOVED:
				l->moved[i]++;
				break;
			case EFFECT_SA_ADD:
				l->adds[i]++;
				break;
			case EFFECT_SA_DEL:
				l->dels[i]++;
				break;
			default:
				break;
			}
			effect_free(f);
		}
	}
}

static inline void pass(struct lab *l, uint64_t time)
{
	uint64_t end = l->now + time;

	settle(l);
	while (l->now < end) {
		uint64_t next = end;

		for (int i = 0; i < 2; i++) {
			uint64_t at = engine_next_timer(l->e[i]);

			next = at < next ? at : next;
		}
		l->now = next > l->now ? next : l->now;
		for (int i = 0; i < 2; i++)
			engine_timer(l->e[i], l->now);
		settle(l);
	}
}

static inline void site_starts(struct lab *l)
{
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "key");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, S);
}

static inline struct ike_sa *sa_of(struct lab *l, int i)
{
	struct ike_sa *sa = tunnel_ike(tunnel_find(l->e[i], l->conf[i].number));

	assert_non_null(sa);
	return sa;
}

static inline void assert_says(struct lab *l, enum reason why, const char *text)
{
	if (l->state[HUB].reason != why || !strstr(l->state[HUB].detail, text))
		fail_msg("%s: %s, instead of %s: %s", reason_code(l->state[HUB].reason),
			l->state[HUB].detail, reason_code(why), text);
}

#endif
