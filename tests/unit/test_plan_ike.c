/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel that is up gets another value of one option: ike interrupts it exactly where the option's row says so. */
#include "ike_v1_lab.h"

#include "config/options.h"
#include "plan/known.h"

/*
 * For each option that ike gets (struct ike_options, selectors, ends), a value that what was negotiated does not fit,
 * or any other where nothing was. Of secrets and certificates there are tests of their own.
 */
static const struct {
	const char *key, *text;
} values[] = {
	{"address", "203.0.113.77"},
	{"ppk_identity", "key-1"},
	{"ike_versions", "[ikev1]"},
	{"esn", "false"},
	{"rekey_fuzz_mode", "early"},
	{"p1_encryption", "[aes128]"},
	{"p1_integrity", "[sha384]"},
	{"p1_prf", "[sha384]"},
	{"p1_dh_groups", "[20]"},
	{"p2_encryption", "[aes128]"},
	{"p2_integrity", "[sha384]"},
	{"p2_dh_groups", "[20]"},
	{"p1_lifetime", "3600"},
	{"p2_lifetime", "900"},
	{"rekey_margin", "60"},
	{"rekey_fuzz", "0"},
	{"replay_window", "2048"},
	{"dpd_interval", "5"},
	{"dpd_timeout", "86400"},
	{"dpd_action", "none"},
	{"startup_action", "start"},
	{"encap", "force"},
	{"auth", "cert"},
	{"hub_cidrs", "[10.0.0.0/24]"},
	{"site_cidrs", "[10.0.0.0/24]"},
	{"hub_identity", "other.example"},
};

/* NULL: ike does not get it. */
static const char *value_of(const struct walk_field *f)
{
	const size_t options = offsetof(struct tunnel_conf, options);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (!strcmp(values[i].key, f->key))
			return values[i].text;
	}
	if (f->offset >= options && f->offset < options + sizeof(struct ike_options))
		fail_msg("%s: this test has no value for it", f->key);
	return NULL;
}

/* Up, with algorithms that use every set, and a pair that had an exchange of its own. */
static struct lab *lab_up(void)
{
	struct lab *l = lab_new();

	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &l->conf[i].options;

		o->esn = true;
		o->p1_encryption = o->p2_encryption = one(12, 256);
		o->p1_integrity = o->p2_integrity = one(12, 0);
		o->p1_groups = o->p2_groups = one(19, 0);
		configure(l, i, "key");
	}
	site_starts(l);
	engine_command(l->e[HUB], 4, ENGINE_REKEY_CHILD, l->now);
	pass(l, 60 * S);
	assert_up(l);
	l->adds[HUB] = l->dels[HUB] = 0;
	return l;
}

static struct tunnel_conf conf_of(const struct lab *l)
{
	const struct engine_tunnel *c = &l->conf[HUB];

	return (struct tunnel_conf){.configured = true,
		.address = c->remote,
		.identity = c->remote_id,
		.local_identity = c->local_id,
		.local_ts = c->local_ts,
		.remote_ts = c->remote_ts,
		.options = c->options};
}

static void change(struct lab *l, const struct walk_field *f, const char *text)
{
	struct engine_tunnel *c = &l->conf[HUB];
	struct tunnel_conf t = conf_of(l);

	if (!walk_text(f, text, &t))
		fail_msg("%s: %s is not taken", f->key, text);
	c->remote = t.address;
	c->local_id = t.local_identity;
	c->local_ts = t.local_ts;
	c->remote_ts = t.remote_ts;
	c->options = t.options;
	configure(l, HUB, "key");
	pass(l, 3 * S);
}

static void ike_does_as_the_row_says(void **state)
{
	(void)state;
	for (const struct walk_field *f = options_tunnel; f->key; f++) {
		const char *text = value_of(f);
		bool ends = f->effect == CHANGE_JUDGED || f->effect == CHANGE_ANEW;
		struct lab *l;

		if (!text)
			continue;
		l = lab_up();
		change(l, f, text);
		if ((l->dels[HUB] > 0) != ends)
			fail_msg("%s: %s %s the tunnel", f->key, text, ends ? "leaves" : "ends");
		lab_free(l);
	}
}

/* Of each option that is judged by what was negotiated, what fits it; `values` has what does not, mostly. */
static const struct {
	const char *key, *text;
} fitting[] = {
	{"address", "any"},
	{"address", "203.0.113.2"},
	{"ike_versions", "[ikev1, ikev2]"},
	{"ike_versions", "[ikev2]"},
	{"esn", "true"},
	{"p1_encryption", "[aes256]"},
	{"p1_encryption", "[aes128, aes256]"},
	{"p1_integrity", "[sha256]"},
	{"p1_integrity", "[sha512, sha256]"},
	{"p1_prf", "[sha256]"},
	{"p1_dh_groups", "[19]"},
	{"p1_dh_groups", "[20, 19]"},
	{"p2_encryption", "[aes256]"},
	{"p2_integrity", "[sha256]"},
	{"p2_dh_groups", "[19]"},
	{"p2_dh_groups", "[none]"},
	{"encap", "auto"},
	{"encap", "force"},
};

/* What hub knows of the tunnel. */
static void know(const struct lab *l, struct model *m, struct site *site)
{
	struct site_tunnel *t = &site->tunnels[0];

	memset(m, 0, sizeof(*m));
	memset(site, 0, sizeof(*site));
	m->sites[0] = site;
	strcpy(site->conf.name, "a");
	t->ike.phase = TUNNEL_UP;
	t->ike.ike_version = l->state[HUB].ike_version;
	t->ike.peer = l->state[HUB].peer;
	t->ike.suite = l->state[HUB].suite;
	t->sas[t->sa_count++] = (struct tunnel_sa){
		.in_use = true, .suite = l->pair[HUB].suite, .udp_encap = l->pair[HUB].udp_encap};
}

static unsigned int ended, stayed;

static void predict_and_change(struct lab *l, const struct walk_field *f, const char *text)
{
	struct site *site = malloc(sizeof(*site));
	struct model *m = malloc(sizeof(*m));
	struct site_conf was = {.name = "a"}, is = was;
	struct plan_known known = {.model = m};
	bool whole, alone;

	know(l, m, site);
	was.tunnels[0] = is.tunnels[0] = conf_of(l);
	if (!walk_text(f, text, &is.tunnels[0]))
		fail_msg("%s: %s is not taken", f->key, text);
	whole = known_tunnel_effect(&known, &was, &is, 0) == CHANGE_ANEW;
	alone = known_option_effect(&known, f, &was, &is, 0) == CHANGE_ANEW;
	change(l, f, text);
	if (whole != alone || whole != (l->dels[HUB] > 0))
		fail_msg("%s: %s: a plan says %d, alone %d, and %u pairs have ended", f->key, text,
			whole, alone, l->dels[HUB]);
	*(whole ? &ended : &stayed) += 1;
	lab_free(l);
	free(site);
	free(m);
}

static struct lab *lab_v1_up(void)
{
	struct lab *l = lab_v1();

	site_starts(l);
	assert_up(l);
	l->adds[HUB] = l->dels[HUB] = 0;
	return l;
}

static void try_all(struct lab *(*make)(void))
{
	for (const struct walk_field *f = options_tunnel; f->key; f++) {
		if (f->effect != CHANGE_JUDGED || !value_of(f))
			continue;
		predict_and_change(make(), f, value_of(f));
		for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++) {
			if (!strcmp(fitting[i].key, f->key))
				predict_and_change(make(), f, fitting[i].text);
		}
	}
}

static void a_plan_says_what_ike_does(void **state)
{
	(void)state;
	ended = stayed = 0;
	try_all(lab_up);
	assert_true(ended > 8 && stayed > 10);
	try_all(lab_v1_up);
	assert_true(ended > 16 && stayed > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ike_does_as_the_row_says),
		cmocka_unit_test(a_plan_says_what_ike_does),
	};

	return cmocka_run_group_tests_name("plan_ike", tests, NULL, NULL);
}
