/* SPDX-License-Identifier: Apache-2.0 */
/* Guard rails: what rules permit, of what would be in force and was not before. */
#include "plan/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HUB                                                                                        \
	"concentrator: { name: hub, endpoints: [ { device: wan0, addresses: [198.51.100.1] } ]%s " \
	"}\n"
#define SITE                                                                                       \
	"  - { name: %s, asn: %u, %s tunnels: [ { inside: 169.254.%u.0/30, identity: %s, psk: "    \
	"'file:/k', %s } ] }\n"

/* Of a hub with these options and one or two sites with theirs. */
static struct config *hub_with(const char *hub, const char *site, const char *tunnel, bool two)
{
	char text[2048], error[CONFIG_ERROR_SIZE];
	int n = snprintf(
		text, sizeof(text), HUB "sites:\n" SITE, hub, "a", 65001u, site, 10u, "a", tunnel);
	struct config *c;

	if (two)
		n += snprintf(text + n, sizeof(text) - (size_t)n, SITE, "b", 65002u, site, 11u, "b",
			tunnel);
	c = config_parse("t", text, (size_t)n, error);
	if (!c)
		fail_msg("%s\n%s", text, error);
	return c;
}

static struct guard *rules(const char *text)
{
	char error[CONFIG_ERROR_SIZE];
	struct guard *g = guard_read("policy.yaml", text, strlen(text), error);

	if (!g)
		fail_msg("%s: %s", text, error);
	return g;
}

struct case_ {
	const char *rules, *hub, *site, *tunnel;
	const char *says; /* "": it is permitted */
};

/* before: of the site */
static void judge(const struct case_ *c, const char *before)
{
	struct config *was = hub_with("", before, "p1_lifetime: 7200", false);
	struct config *is = hub_with(c->hub, c->site, c->tunnel, false);
	struct guard *g = rules(c->rules);
	char error[CONFIG_ERROR_SIZE];
	bool ok = guard_check(g, was, is, error);

	if (ok != !c->says[0] || (!ok && strcmp(error, c->says) != 0))
		fail_msg("%s\n%s\nis not\n%s", c->rules, error, c->says);
	guard_free(g);
	config_free(was);
	config_free(is);
}

static void what_is_permitted(void **state)
{
	static const struct case_ cases[] = {
		{"allow: { tunnel.p1_dh_groups: [14, 19, 20] }", "", "", "p1_dh_groups: [19, 14]",
			""},
		{"\nallow:\n  tunnel.p1_dh_groups: [14, 19, 20]\n", "", "",
			"p1_dh_groups: [19, 2, 22]",
			"policy.yaml:3: allow tunnel.p1_dh_groups: site 'a' tunnel 0 would have 2; "
			"allowed are only 14, 19, 20\n"
			"policy.yaml:3: allow tunnel.p1_dh_groups: site 'a' tunnel 0 would have "
			"22; "
			"allowed are only 14, 19, 20"},
		/* By a profile, too. */
		{"deny: { tunnel.p1_dh_groups: 2 }", "", "", "algorithms: compatible",
			"policy.yaml:1: deny tunnel.p1_dh_groups: site 'a' tunnel 0 would have 2; "
			"not allowed are 2"},
		{"deny: { tunnel.p1_dh_groups: 2 }", "", "", "esn: false", ""},
		{"min: { tunnel.p1_lifetime: 7200 }", "", "", "p1_lifetime: 7000",
			"policy.yaml:1: min tunnel.p1_lifetime: site 'a' tunnel 0 would have 7000; "
			"the least is 7200"},
		{"min: { tunnel.p1_lifetime: 7200 }", "", "", "p1_lifetime: 7201", ""},
		{"max: { site.rate: 50M }", "", "rate: 50M,", "p1_lifetime: 7200", ""},
		{"max: { site.rate: 50M }", "", "rate: 50001k,", "p1_lifetime: 7200",
			"policy.yaml:1: max site.rate: site 'a' would have 50001k; the most is "
			"50M"},
		{"allow: { site.routing: bgp, tunnel.auth: psk }", "",
			"class: gateway, routing: static, static_routes: [10.0.0.0/8],",
			"p1_lifetime: 7200",
			"policy.yaml:1: allow site.routing: site 'a' would have static; allowed "
			"are "
			"only bgp"},
		{"max: { hub.hold_time: 60 }", ", hold_time: 90", "", "p1_lifetime: 7200",
			"policy.yaml:1: max hub.hold_time: the hub would have 90; the most is 60"},
		{"allow: { tunnel.ike_versions: [ikev2] }", "", "", "ike_versions: [ikev2]", ""},
		/* What is no number is neither small nor large. */
		{"max: { hub.workers: 4 }", ", workers: auto", "", "p1_lifetime: 7200",
			"policy.yaml:1: max hub.workers: the hub would have auto; the most is 4"},
		/* What one class of sites has and the other has not. */
		{"allow: { site.routing: [bgp, static] }\ndeny: { site.bandwidth: large, "
		 "site.static_routes: 10.0.0.0/8, site.ecmp: true }",
			"", "class: gateway, routing: static, static_routes: [10.0.0.0/8],",
			"esn: true",
			"policy.yaml:2: deny site.static_routes: site 'a' would have '10.0.0.0/8'; "
			"not allowed are '10.0.0.0/8'"},
		/* A mapping is one value, and a comma in a text parts nothing. */
		{"allow: { site.bfd: [off, {interval: 300ms, multiplier: 3}] }", "", "bfd: on,",
			"esn: true", ""},
		{"allow: { site.bfd: off }", "", "bfd: on,", "esn: true",
			"policy.yaml:1: allow site.bfd: site 'a' would have {interval: 300ms, "
			"multiplier: 3}; allowed are only off"},
		{"deny:\n  hub.access:\n    - group: ops\n      role: admin\n",
			", access: [{group: noc, role: viewer}, {group: ops, role: admin}]", "",
			"p1_lifetime: 7200",
			"policy.yaml:2: deny hub.access: the hub would have {group: ops, role: "
			"admin}; not allowed are {group: ops, role: admin}"},
		{"allow: { tunnel.psk: 'file:/k', tunnel.psk_previous: ['', 'exec:/p a, b'] }", "",
			"", "psk_previous: 'exec:/p a, b'", ""},
		{"# nothing yet\n", ", hold_time: 90", "",
			"p1_lifetime: 3600, p2_lifetime: 900, "
			"rekey_margin: 60",
			""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		judge(&cases[i], "");
}

/* What is not set any more has no value, which is one, too. */
static void what_is_not_set(void **state)
{
	static const struct {
		struct case_ c;
		const char *before;
	} cases[] = {
		{{"allow: { site.accept: [10.0.0.0/8 le 24] }", "", "", "esn: true",
			 "policy.yaml:1: allow site.accept: site 'a' would have ''; allowed are "
			 "only '10.0.0.0/8 le 24'"},
			"accept: [10.0.0.0/9],"},
		{{"allow: { site.accept: [[], 10.0.0.0/8 le 24] }", "", "", "esn: true", ""},
			"accept: [10.0.0.0/9],"},
		{{"allow: { site.group: ['', x] }", "", "", "esn: true", ""}, "group: y,"},
		{{"allow: { site.labels: [{}, {a: b}] }", "", "", "esn: true", ""},
			"labels: {c: d},"},
		{{"allow: { site.group: x }", "", "", "esn: true",
			 "policy.yaml:1: allow site.group: site 'a' would have ''; allowed are "
			 "only "
			 "x"},
			"group: y,"},
		{{"deny: { site.accept: [] }", "", "", "esn: true",
			 "policy.yaml:1: deny site.accept: site 'a' would have ''; not allowed are "
			 "''"},
			"accept: [10.0.0.0/9],"},
		{{"deny: { site.accept: [] }", "", "accept: [10.0.0.0/8],", "esn: true", ""},
			"accept: [10.0.0.0/9],"},
		{{"min: { site.allow_as_in: 2 }", "", "", "esn: true",
			 "policy.yaml:1: min site.allow_as_in: site 'a' would have 0; the least is "
			 "2"},
			"allow_as_in: 3,"},
		{{"allow: { site.allow_as_in: ['', 1] }", "", "", "esn: true", ""},
			"allow_as_in: 3,"},
		{{"max: { site.allow_as_in: 2 }", "", "", "esn: true", ""}, "allow_as_in: 3,"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		judge(&cases[i].c, cases[i].before);
}

/* What it is already does not keep other things from being changed; what is new is held to it. */
static void what_is_there_already(void **state)
{
	struct config *was = hub_with("", "", "p1_dh_groups: [2]", false);
	struct config *is = hub_with("", "rate: 5M,", "p1_dh_groups: [2]", true);
	struct guard *g = rules("deny: { tunnel.p1_dh_groups: [2] }");
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	assert_true(guard_check(g, was, was, error));
	assert_false(guard_check(g, was, is, error));
	assert_string_equal(error,
		"policy.yaml:1: deny tunnel.p1_dh_groups: site 'b' tunnel 0 would "
		"have 2; not allowed are 2");
	guard_free(g);
	config_free(was);
	config_free(is);
}

static void mistakes_of_a_policy(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"allow: { tunnel.p1_dh: [14] }\ndeny: { rate: 5M }\n",
			"policy.yaml:1: 'tunnel.p1_dh' is no key: hub.KEY, site.KEY or tunnel.KEY "
			"is "
			"expected\npolicy.yaml:2: 'rate' is no key: hub.KEY, site.KEY or "
			"tunnel.KEY is "
			"expected"},
		{"allow: { tunnel.p1_dh_groups: [14,\n  4] }",
			"policy.yaml:2: p1_dh_groups: '4' is no value of it"},
		{"min: { tunnel.auth: psk }",
			"policy.yaml:1: auth: it is no number, and has no min"},
		{"max: { site.rate: [5M, 6M] }",
			"policy.yaml:1: rate: ['5M', '6M'] is no value of it"},
		{"allow: { tunnel.p1_dh_groups: [[14, 19]] }",
			"policy.yaml:1: p1_dh_groups: ['14', '19'] is no value of it"},
		{"allow: { site.group: }", "policy.yaml:1: group: '' is no value of it"},
		{"max: { site.rate: '' }", "policy.yaml:1: rate: it is no number, and has no max"},
		{"max: { site.rate: 5M }\n---\ndeny: { tunnel.esn: off }\n",
			"policy.yaml:2: a second document begins here; a file has one"},
		{"max: { site.rate: 5M }\n--- [", "policy.yaml:3: not YAML"},
		{"max: { site.rate: 5M }\nmin: { site.rate: 1M }\nmax: { hub.burst: 5M }\n",
			"policy.yaml:3: 'max' stands twice"},
		{"max:\n  site.rate: 5M\n  hub.burst: 5M\n  site.rate: 6M\n",
			"policy.yaml:4: 'site.rate' stands twice"},
		{"forbid: { site.rate: 5M }", "policy.yaml:1: allow, deny, min or max is expected, "
					      "each with KEY: VALUES"},
		{"allow: 5", "policy.yaml:1: allow, deny, min or max is expected, each with KEY: "
			     "VALUES"},
		{"[]", "policy.yaml:1: a mapping of allow, deny, min and max is expected"},
		{"allow: [", "policy.yaml:2: not YAML"},
	};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(guard_read("policy.yaml", cases[i].text, strlen(cases[i].text), error));
		if (strncmp(error, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s: %s, not %s", cases[i].text, error, cases[i].says);
	}
}

/* As the managed VPNs of the clouds reserve some, and have none of the upper half. */
static void numbers_of_as(void **state)
{
	static const struct {
		uint32_t asn;
		const char *says;
	} cases[] = {
		{65001, ""},
		{65000, ""},
		{7224, "policy.yaml:1: deny site.asn: site 'a' would have 7224; not allowed are "
		       "7224, 9059"},
		{4200000000u,
			"policy.yaml:2: max site.asn: site 'a' would have 4200000000; the most is "
			"2147483647"},
	};
	struct guard *g =
		rules("deny: { site.asn: [7224, 9059] }\nmax: { site.asn: 2147483647 }\n");
	struct config *was = hub_with("", "", "p1_lifetime: 7200", false), *is;
	char text[1024], error[CONFIG_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int n = snprintf(text, sizeof(text), HUB "sites:\n" SITE, "", "a", cases[i].asn, "",
			10u, "a", "p1_lifetime: 7200");

		is = config_parse("t", text, (size_t)n, error);
		assert_non_null(is);
		error[0] = '\0';
		assert_int_equal(guard_check(g, was, is, error), !cases[i].says[0]);
		assert_string_equal(error, cases[i].says);
		config_free(is);
	}
	config_free(was);
	guard_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_permitted),
		cmocka_unit_test(numbers_of_as),
		cmocka_unit_test(what_is_not_set),
		cmocka_unit_test(what_is_there_already),
		cmocka_unit_test(mistakes_of_a_policy),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
