/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the configuration, by its row: what the reader takes the writer gives back, what holds without
 * the key, whether a change of it is noticed, and what that means.
 */
#include "../option_samples.h"

#include "plan/plan.h"

#define TEXT                                                                                       \
	"concentrator:\n"                                                                          \
	"  name: hub\n"                                                                            \
	"  endpoints: [{ device: wan0, addresses: [198.51.100.1] },\n"                             \
	"    { device: wan1, addresses: [198.51.101.1] }]\n"                                       \
	"sites:\n"                                                                                 \
	"  - { name: a, class: gateway, asn: 65001, tunnels: [\n"                                  \
	"    { inside: 169.254.10.0/30, identity: a.example, psk: 'file:/k' },\n"                  \
	"    { inside: 169.254.10.4/30, identity: a2.example, psk: 'file:/k' } ] }\n"              \
	"  - { name: b, asn: 65002, tunnels: [\n"                                                  \
	"    { inside: 169.254.10.8/30, identity: b.example, psk: 'file:/k' } ] }\n"

/* What has no value of its own, but those of other rows. */
static bool is_collection(const struct walk_field *f)
{
	return !strcmp(f->key, "algorithms") || !strcmp(f->key, "tunnels");
}

static struct config *parse(const char *text)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", text, strlen(text), error);

	if (!c)
		fail_msg("%s", error);
	return c;
}

static const struct change *find_change(const struct plan *p, const struct walk_field *f)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->changes[i].option == f)
			return &p->changes[i];
	}
	return NULL;
}

static void check_refusal(const struct plan *p, const struct walk_field *f)
{
	char text[CONFIG_ERROR_SIZE], wanted[200] = "";
	bool refused = plan_refusal(p, false, text, sizeof(text));

	assert_int_equal(refused, f->effect == CHANGE_SITE || f->effect == CHANGE_RESTART);
	if (f->effect == CHANGE_RESTART)
		snprintf(wanted, sizeof(wanted),
			"concentrator.%s cannot change while sluiced runs; `sluice apply "
			"--next-start` has it in force when it starts again; nothing was applied",
			f->key);
	if (f->effect == CHANGE_SITE)
		snprintf(wanted, sizeof(wanted),
			"site a: class and bandwidth cannot change; create another site, migrate, "
			"and remove this one; nothing was applied");
	if (refused)
		assert_string_equal(text, wanted);
}

/* Only this key of `object`, which is a part of `c`, gets another value. */
static void check_row(const struct walk_field *f, struct config *c, void *object)
{
	struct config *old = malloc(sizeof(*old)), *again = malloc(sizeof(*again));
	char *there = (char *)again + ((char *)object - (char *)c);
	char before[4096], other[4096], after[4096];
	const struct change *change;
	struct plan *p;

	assert_true(f->effect > CHANGE_UNSAID && f->effect < CHANGE_EFFECTS);
	assert_true(walk_write(f, object, before, sizeof(before)));
	memcpy(old, c, sizeof(*old));
	option_other_value(f, before, other, sizeof(other));
	if (!walk_text(f, other, object))
		fail_msg("%s: %s is not taken", f->key, other);

	assert_true(walk_write(f, object, after, sizeof(after)));
	memcpy(again, old, sizeof(*again));
	if (!walk_text(f, after, there) || memcmp(again, c, sizeof(*c)) != 0)
		fail_msg("%s: %s was read and %s was written", f->key, other, after);

	p = plan_make(old, c, NULL);
	change = find_change(p, f);
	if (strcmp(f->key, "name") || (void *)&c->concentrator == object) {
		if (!change || p->count != 1)
			fail_msg("%s: %zu changes", f->key, p->count);
		assert_int_equal(change->effect, f->effect);
		assert_string_equal(change->was, before);
		assert_string_equal(change->is, after);
		check_refusal(p, f);
	} else { /* it is another site */
		assert_int_equal(p->count, 2);
		assert_int_equal(p->changes[0].kind, CHANGE_ADDED);
		assert_int_equal(p->changes[1].kind, CHANGE_REMOVED);
		assert_int_equal(p->changes[1].effect, f->effect);
	}
	plan_free(p);
	free(old);
	free(again);
}

static void check_table(const struct walk_field *fields, size_t offset)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		struct config *c = parse(TEXT);

		c->concentrator.router_id_follows = false; /* it is chosen */
		if (is_collection(f))
			assert_int_equal(f->effect, CHANGE_ELSEWHERE);
		else
			check_row(f, c, (char *)c + offset);
		config_free(c);
	}
}

static void every_option_of_the_concentrator(void **state)
{
	(void)state;
	check_table(options_concentrator, offsetof(struct config, concentrator));
}

static void every_option_of_a_site(void **state)
{
	(void)state;
	check_table(options_site, offsetof(struct config, sites[0]));
}

static void every_option_of_a_tunnel(void **state)
{
	(void)state;
	check_table(options_tunnel, offsetof(struct config, sites[0].tunnels[1]));
}

/* The file says it, or does not: the same. */
static void what_holds_without_a_key(void **state)
{
	char text[2048];
	struct config *without = parse(TEXT), *with;

	(void)state;
	for (const struct walk_field *f = options_concentrator; f->key; f++) {
		if (!f->initial)
			continue;
		snprintf(text, sizeof(text), "concentrator:\n  %s: %s\n%s", f->key, f->initial,
			&TEXT[strlen("concentrator:\n")]);
		with = parse(text);
		assert_memory_equal(with, without, sizeof(*with));
		config_free(with);
	}
	for (const struct walk_field *f = options_site; f->key; f++) {
		if (!f->initial || !strcmp(f->key, "class"))
			continue;
		snprintf(text, sizeof(text), "%.*s%s: %s, name: b%s",
			(int)(strstr(TEXT, "name: b") - TEXT), TEXT, f->key, f->initial,
			strstr(TEXT, "name: b") + strlen("name: b"));
		with = parse(text);
		assert_memory_equal(with, without, sizeof(*with));
		config_free(with);
	}
	for (const struct walk_field *f = options_default_tunnel; f->key; f++) {
		if (!f->initial)
			continue;
		snprintf(text, sizeof(text), "%sdefaults: { tunnel: { %s: \"%s\" } }\n", TEXT,
			f->key, f->initial);
		if (f->initial[0] == '[')
			snprintf(text, sizeof(text), "%sdefaults: { tunnel: { %s: %s } }\n", TEXT,
				f->key, f->initial);
		with = parse(text);
		assert_memory_equal(with, without, sizeof(*with));
		config_free(with);
	}
	config_free(without);
}

/* A key whose effect is elsewhere: which rows have it, and what they say. */
static void what_is_inherited_has_an_effect(void **state)
{
	static const struct {
		const char *line, *key;
		enum change_effect effect;
	} rows[] = {
		{"site_rate: 64k", "rate", CHANGE_LIVE},
		{"site_packets_per_second: 100", "packets_per_second", CHANGE_LIVE},
		{"source_check: off", "source_check", CHANGE_LIVE},
		{"identity: hub.example", "hub_identity", CHANGE_ANEW},
		{"certificate: 'file:/c'\n  private_key: 'file:/p'", "certificate", CHANGE_NEXT},
	};
	struct config *was = parse(TEXT);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];
		enum change_effect effect = CHANGE_UNSAID;
		struct config *is;
		struct plan *p;

		snprintf(text, sizeof(text), "concentrator:\n  %s\n%s", rows[i].line,
			&TEXT[strlen("concentrator:\n")]);
		is = parse(text);
		p = plan_make(was, is, NULL);
		for (size_t k = 0; k < p->count; k++) {
			const struct change *c = &p->changes[k];

			if (c->site[0] && !strcmp(c->option->key, rows[i].key))
				effect = c->effect;
			else if (!c->site[0])
				assert_int_equal(c->effect, CHANGE_ELSEWHERE);
		}
		assert_int_equal(effect, rows[i].effect);
		plan_free(p);
		config_free(is);
	}
	config_free(was);
}

static enum change_effect of_endpoints(const char *endpoints, enum change_effect effects[3])
{
	static const struct {
		const char *site;
		unsigned int tunnel;
	} tunnels[] = {{"a", 0}, {"a", 1}, {"b", 0}};
	const char *from = strstr(TEXT, "  endpoints:"), *to = strstr(TEXT, "sites:");
	struct config *was = parse(TEXT), *is;
	enum change_effect most;
	char text[2048];
	struct plan *p;

	snprintf(text, sizeof(text), "%.*s  endpoints: %s\n%s", (int)(from - TEXT), TEXT, endpoints,
		to);
	is = parse(text);
	p = plan_make(was, is, NULL);
	assert_int_equal(p->count, 1);
	assert_string_equal(p->changes[0].option->key, "endpoints");
	most = p->changes[0].effect;
	assert_int_equal(p->most, most);
	for (int i = 0; i < 3; i++) {
		effects[i] = CHANGE_UNSAID;
		for (size_t k = 0; k < p->tunnel_count; k++) {
			if (!strcmp(p->tunnels[k].site, tunnels[i].site) &&
				p->tunnels[k].tunnel == tunnels[i].tunnel)
				effects[i] = p->tunnels[k].effect;
		}
	}
	assert_false(plan_refusal(p, false, text, sizeof(text)));
	plan_free(p);
	config_free(was);
	config_free(is);
	return most;
}

/*
 * The tunnels of an endpoint whose address is another one, and no others: not by a router ID that follows from an address
 * either. Another device makes no other tunnels.
 */
static void endpoints_concern_those_who_end_there(void **state)
{
	static const struct {
		const char *is;
		enum change_effect most, of[3];
	} rows[] = {
		{"[{ device: wan0, addresses: [198.51.100.9] }, { device: wan1, addresses: "
		 "[198.51.101.1] }]",
			CHANGE_TUNNEL, {CHANGE_TUNNEL, CHANGE_UNSAID, CHANGE_TUNNEL}},
		{"[{ device: wan0, addresses: [198.51.100.1] }, { device: wan1, addresses: "
		 "[198.51.101.9, '2001:db8::1'] }]",
			CHANGE_TUNNEL, {CHANGE_UNSAID, CHANGE_TUNNEL, CHANGE_UNSAID}},
		{"[{ device: wan0, addresses: [198.51.100.1, '2001:db8::1'] }, { device: wan1, "
		 "addresses: [198.51.101.1] }]",
			CHANGE_LIVE, {CHANGE_UNSAID, CHANGE_UNSAID, CHANGE_UNSAID}},
		{"[{ device: wan1, addresses: [198.51.100.1] }, { device: wan1, addresses: "
		 "[198.51.101.1] }]",
			CHANGE_PAUSE, {CHANGE_PAUSE, CHANGE_UNSAID, CHANGE_PAUSE}},
		{"[{ device: wan0, addresses: [198.51.100.1] }, { device: wan2, addresses: "
		 "[198.51.101.1] }]",
			CHANGE_PAUSE, {CHANGE_PAUSE, CHANGE_PAUSE, CHANGE_PAUSE}},
	};
	enum change_effect effects[3];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(of_endpoints(rows[i].is, effects), rows[i].most);
		assert_memory_equal(effects, rows[i].of, sizeof(effects));
	}
}

/* Sites are known by their names: in another order nothing is another. */
static void the_order_of_sites_is_nothing(void **state)
{
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct plan *p;

	(void)state;
	memcpy(&is->sites[0], &was->sites[1], sizeof(was->sites[1]));
	memcpy(&is->sites[1], &was->sites[0], sizeof(was->sites[0]));
	p = plan_make(was, is, NULL);
	assert_int_equal(p->count, 0);
	plan_free(p);
	config_free(was);
	config_free(is);
}

/* What tunnels have of the concentrator: sessions, and what certificates are judged by. */
static void effects_of_the_concentrator_on_a_tunnel(void **state)
{
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct concentrator_conf *c = &is->concentrator;
	struct site_conf *site = &is->sites[0];

	(void)state;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_UNSAID);
	c->packets.df = DF_SET;
	c->crl_required = true;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_UNSAID);
	c->hold_s++;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_NEXT);
	c->router_id.bytes[3]++; /* of an address; it stays what it is */
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_NEXT);
	c->router_id_follows = false;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_SESSION);
	site->tunnels[1].options.auth = AUTH_CERT;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_SESSION);
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 1), CHANGE_JUDGED);
	site->routing = ROUTING_STATIC;
	assert_int_equal(plan_hub_effect(NULL, &was->concentrator, c, site, 0), CHANGE_UNSAID);
	config_free(was);
	config_free(is);
}

/* Where the row leaves it open, what is known of the tunnel decides. */
static void what_is_known_decides(void **state)
{
	static struct model m;
	static struct site a;
	struct tunnel_facts facts[2][TUNNELS_PER_SITE] = {0};
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct plan_known k = {.model = &m, .candidate = is, .facts = facts};
	struct plan *p;

	(void)state;
	m.sites[7] = &a;
	a.conf = was->sites[0];
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		facts[0][t] = facts[1][t] = (struct tunnel_facts){.cert_fits = true};
	is->sites[0].max_prefixes_in = 3;
	strcpy(is->sites[0].tunnels[1].psk, "file:/other");
	is->sites[0].tunnels[1].options.ikev1 = false;

	/* What is down is not interrupted. */
	p = plan_make(was, is, &k);
	assert_int_equal(p->most, CHANGE_NEXT);
	assert_int_equal(p->tunnel_count, 2);
	assert_int_equal(p->tunnels[0].effect, CHANGE_LIVE);
	plan_free(p);

	/* Three prefixes of each family are allowed. */
	a.tunnels[0].bgp =
		(struct tunnel_bgp){.state = BGP_ESTABLISHED, .prefixes_in = 6, .prefixes_in6 = 3};
	p = plan_make(was, is, &k);
	assert_int_equal(p->tunnels[0].effect, CHANGE_LIVE);
	plan_free(p);
	for (int i = 0; i < 2; i++) {
		a.tunnels[0].bgp.prefixes_in = i ? 4 : 5;
		a.tunnels[0].bgp.prefixes_in6 = i ? 4 : 1;
		p = plan_make(was, is, &k);
		assert_int_equal(p->changes[0].effect, CHANGE_SESSION);
		assert_int_equal(p->tunnels[0].effect, CHANGE_SESSION);
		assert_int_equal(p->tunnels[1].effect, CHANGE_NEXT);
		plan_free(p);
	}

	/* Its key would be another one; and so it is when only the content of the file has changed. */
	a.tunnels[1].ike = (struct tunnel_ike){.phase = TUNNEL_UP,
		.ike_version = 2,
		.suite = {.encryption = 20, .key_bits = 256, .prf = 5, .group = 19}};
	p = plan_make(was, is, &k);
	assert_int_equal(p->most, CHANGE_SESSION);
	plan_free(p);
	facts[0][1].key = KNOWN_OTHER;
	p = plan_make(was, is, &k);
	assert_int_equal(find_change(p, options_tunnel + 4)->effect, CHANGE_ANEW);
	assert_int_equal(p->tunnels[1].effect, CHANGE_ANEW);
	plan_free(p);
	p = plan_make(
		was, was, &(struct plan_known){.model = &m, .candidate = was, .facts = facts});
	assert_int_equal(p->count, 0);
	assert_int_equal(p->most, CHANGE_ANEW);
	plan_free(p);
	config_free(was);
	config_free(is);
}

/* Authorities and lists concern who has shown a certificate that they do not stand for any longer. */
static void whom_authorities_end(void **state)
{
	static struct model m;
	static struct site a;
	struct tunnel_facts facts[2][TUNNELS_PER_SITE] = {0};
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct plan_known k = {.model = &m, .candidate = is, .facts = facts};
	struct plan *p;

	(void)state;
	m.sites[0] = &a;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		was->sites[0].tunnels[t].options.auth = AUTH_CERT;
		is->sites[0].tunnels[t].options.auth = AUTH_CERT;
		a.tunnels[t].ike = (struct tunnel_ike){.phase = TUNNEL_UP,
			.ike_version = 2,
			.suite = {.encryption = 20, .key_bits = 256, .prf = 5, .group = 19}};
	}
	a.conf = was->sites[0];
	facts[0][0].cert_fits = true;
	is->concentrator.crl_required = true;
	p = plan_make(was, is, &k);
	assert_int_equal(p->changes[0].effect, CHANGE_ANEW);
	assert_int_equal(p->tunnels[0].effect, CHANGE_NEXT);
	assert_int_equal(p->tunnels[1].effect, CHANGE_ANEW);
	plan_free(p);
	facts[0][1].cert_fits = true;
	p = plan_make(was, is, &k);
	assert_int_equal(p->changes[0].effect, CHANGE_NEXT);
	assert_int_equal(p->most, CHANGE_NEXT);
	plan_free(p);
	config_free(was);
	config_free(is);
}

/* Who has static routes has no session that could begin anew. */
static void a_session_that_is_not_there_does_not_end(void **state)
{
	struct config *c = parse(TEXT);
	struct site_conf *was = &c->sites[0], is;

	(void)state;
	was->routing = ROUTING_STATIC;
	memcpy(&is, was, sizeof(is));
	is.asn++;
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 0), CHANGE_LIVE);
	is.routing = ROUTING_BGP;
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 0), CHANGE_SESSION);
	config_free(c);
}

/* So is not said that it would. */
static void nor_is_it_said_to_end(void **state)
{
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct plan *p;

	(void)state;
	for (uint32_t i = 0; i < was->site_count; i++)
		was->sites[i].routing = is->sites[i].routing = ROUTING_STATIC;
	is->sites[0].asn++;
	is->concentrator.router_id.bytes[3]++;
	is->concentrator.router_id_follows = false;
	p = plan_make(was, is, NULL);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->most, CHANGE_LIVE);
	plan_free(p);
	was->sites[1].routing = is->sites[1].routing = ROUTING_BGP;
	p = plan_make(was, is, NULL);
	assert_int_equal(p->changes[0].effect, CHANGE_SESSION);
	assert_int_equal(p->changes[1].effect, CHANGE_LIVE);
	plan_free(p);
	config_free(was);
	config_free(is);
}

/* Of a site that nothing changes of: another one declares what it announces. */
static void routes_that_would_be_lost_interrupt(void **state)
{
	static struct model m;
	static struct site a, b;
	struct config *was = parse(TEXT), *is = parse(TEXT);
	struct plan_known k = {.model = &m, .candidate = is};
	struct route_table *t = route_table_new(1);
	struct ip_prefix p;
	struct route_entry *e;
	struct plan *plan;

	(void)state;
	a.conf = was->sites[0];
	b.conf = was->sites[1];
	m.sites[0] = &a;
	m.sites[1] = &b;
	m.config = was;
	m.routes = t;
	assert_true(prefix_parse("172.16.1.0/24", &p));
	e = route_table_get(t, &p);
	e->tunnel = 2;
	e->installed = true;
	is->sites[0].prefixes.count = 1;
	assert_true(prefix_parse("172.16.0.0/16", &is->sites[0].prefixes.prefixes[0]));
	plan = plan_make(was, is, &k);
	assert_int_equal(plan->most, CHANGE_SESSION);
	assert_int_equal(plan->tunnel_count, 3);
	assert_string_equal(plan->tunnels[2].site, is->sites[1].name);
	assert_int_equal(plan->tunnels[2].tunnel, 0);
	assert_int_equal(plan->tunnels[2].effect, CHANGE_SESSION);
	plan_free(plan);
	assert_true(prefix_parse("172.17.0.0/16", &is->sites[0].prefixes.prefixes[0]));
	plan = plan_make(was, is, &k);
	assert_int_equal(plan->most, CHANGE_LIVE);
	plan_free(plan);
	/* What is told to others no more is lost for them. */
	is->concentrator.site_to_site = false;
	plan = plan_make(was, is, &k);
	assert_int_equal(plan->most, CHANGE_SESSION);
	plan_free(plan);
	is->concentrator.site_to_site = true;
	/* And so are networks of the hub, for those who hear of them. */
	was->concentrator.networks.count = 1;
	assert_true(prefix_parse("10.0.0.0/16", &was->concentrator.networks.prefixes[0]));
	b.tunnels[0].bgp.state = BGP_ESTABLISHED;
	plan = plan_make(was, is, &k);
	assert_int_equal(plan->most, CHANGE_SESSION);
	assert_string_equal(plan->tunnels[plan->tunnel_count - 1].site, "b");
	assert_int_equal(plan->tunnels[plan->tunnel_count - 1].effect, CHANGE_SESSION);
	plan_free(plan);
	route_table_free(t);
	config_free(was);
	config_free(is);
}

static void effects_on_a_tunnel(void **state)
{
	struct config *c = parse(TEXT);
	struct site_conf *was = &c->sites[0], is;

	(void)state;
	memcpy(&is, was, sizeof(is));
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 0), CHANGE_UNSAID);
	is.tunnels[1].options.p1_lifetime_s--;
	is.rate--;
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 0), CHANGE_LIVE);
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 1), CHANGE_NEXT);
	is.ttl_security = true;
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 1), CHANGE_SESSION);
	is.tunnels[1].inside.addr.bytes[2]++;
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 0), CHANGE_SESSION);
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 1), CHANGE_TUNNEL);
	memset(&is.tunnels[1], 0, sizeof(is.tunnels[1]));
	assert_int_equal(plan_tunnel_effect(NULL, was, &is, 1), CHANGE_TUNNEL);
	assert_int_equal(plan_tunnel_effect(NULL, &is, was, 1), CHANGE_TUNNEL);
	assert_int_equal(plan_tunnel_effect(NULL, &is, &is, 1), CHANGE_UNSAID);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_of_the_concentrator),
		cmocka_unit_test(every_option_of_a_site),
		cmocka_unit_test(every_option_of_a_tunnel),
		cmocka_unit_test(what_holds_without_a_key),
		cmocka_unit_test(what_is_inherited_has_an_effect),
		cmocka_unit_test(endpoints_concern_those_who_end_there),
		cmocka_unit_test(the_order_of_sites_is_nothing),
		cmocka_unit_test(effects_on_a_tunnel),
		cmocka_unit_test(effects_of_the_concentrator_on_a_tunnel),
		cmocka_unit_test(what_is_known_decides),
		cmocka_unit_test(whom_authorities_end),
		cmocka_unit_test(a_session_that_is_not_there_does_not_end),
		cmocka_unit_test(nor_is_it_said_to_end),
		cmocka_unit_test(routes_that_would_be_lost_interrupt),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
