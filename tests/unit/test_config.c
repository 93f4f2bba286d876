/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what is read, and that each mistake is named with its line. */
#include "config_lab.h"

#include "store/documents.h"

static void test_defaults(void **state)
{
	struct config *c = must_parse(HUB SITE);
	const struct tunnel_conf *t = &c->sites[0].tunnels[0];

	(void)state;
	assert_int_equal(c->concentrator.asn, 64512);
	assert_int_equal(c->concentrator.aggregate_rate, 5000000000);
	assert_int_equal(c->site_count, 1);
	assert_int_equal(c->sites[0].rate, 100000000);
	assert_int_equal(c->sites[0].max_prefixes_in, 1000);
	assert_true(t->configured);
	assert_false(c->sites[0].tunnels[1].configured);
	assert_true(t->options.ikev1 && t->options.ikev2);
	assert_int_equal(t->options.p1_lifetime_s, 28800);
	assert_int_equal(t->options.p2_lifetime_s, 3600);
	assert_int_equal(t->options.rekey_margin_s, 540);
	assert_int_equal(t->options.replay_window, 1024);
	assert_int_equal(t->options.p1_encryption.count, 5);
	assert_int_equal(t->options.p1_encryption.items[0].id, 20);
	assert_int_equal(t->options.p1_encryption.items[0].key_bits, 256);
	assert_int_equal(t->local_ts.count, 2);
	assert_int_equal(t->identity.type, IKE_ID_FQDN);
	config_free(c);
}

static void test_inherit(void **state)
{
	struct config *c =
		must_parse("sites:\n"
			   "  - name: a\n"
			   "    asn: 65001\n"
			   "    rate: 50M\n"
			   "    address: 203.0.113.5\n"
			   "    tunnels:\n"
			   "      - { inside: 169.254.10.0/30, psk: 'file:/k' }\n"
			   "      - { inside: 169.254.10.4/30, psk: 'cred:k', encap: auto,"
			   " address: 203.0.113.9 }\n"
			   "defaults: { tunnel: { encap: force, p2_lifetime: 1200 } }\n" HUB);
	const struct site_conf *s = &c->sites[0];
	char text[ADDR_STR_SIZE];

	(void)state;
	assert_int_equal(s->rate, 50000000);
	assert_int_equal(s->tunnels[0].options.encap, ENCAP_FORCE);
	assert_int_equal(s->tunnels[1].options.encap, ENCAP_AUTO);
	assert_int_equal(s->tunnels[1].options.p2_lifetime_s, 1200);
	assert_string_equal(addr_format(&s->tunnels[0].address, text), "203.0.113.5");
	assert_string_equal(addr_format(&s->tunnels[1].address, text), "203.0.113.9");

	struct ip_addr a = config_inside_hub(&s->tunnels[1].inside);

	assert_string_equal(addr_format(&a, text), "169.254.10.5");
	a = config_inside_site(&s->tunnels[1].inside);
	assert_string_equal(addr_format(&a, text), "169.254.10.6");
	a = config_local_address(c, s, 1);
	assert_string_equal(addr_format(&a, text), "198.51.101.1");
	config_free(c);
}

static void test_examples(void **state)
{
	static const char *const paths[] = {"tools/examples/sluice.yaml",
		"tools/examples/dual-stack.yaml", "tools/examples/redundant.yaml"};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct config *c = documents_config_of(paths[i], error);

		if (!c)
			fail_msg("%s", error);
		config_free(c);
	}
}

/* What is about BGP, BFD and owners. */
static void test_routing(void **state)
{
	struct config *c = must_parse(
		"sites:\n"
		"  - { name: a, asn: 65001, bfd: on, bgp_transport: ipv6, as_override: yes,\n"
		"      allow_default: on, share_default: on, ttl_security: on,\n"
		"      allow_as_in: 2, prefixes: [10.1.0.0/16, 'fd01::/48'], bgp_password: "
		"'file:/p',\n"
		"      class: concentrator, routing: bgp, ecmp: off,\n"
		"      tunnels: [ { inside: 169.254.10.0/30, inside6: 'fd00:1::/126', identity: "
		"a.b,\n"
		"                   psk: 'file:/k' } ] }\n"
		"  - { name: b, asn: 65002, bfd: { interval: 100ms, multiplier: 5 },\n"
		"      tunnels: [ { inside: 169.254.10.4/30, identity: b.b, psk: 'file:/k' } ] }\n"
		"  - { name: c, asn: 65003, bfd: off,\n"
		"      tunnels: [ { inside: 169.254.10.8/30, identity: c.b, psk: 'file:/k' } ] "
		"}\n" HUB);

	(void)state;
	assert_int_equal(c->sites[0].bfd.interval_us, 300000);
	assert_int_equal(c->sites[0].bfd.multiplier, 3);
	assert_int_equal(c->sites[0].bgp_family, AF_INET6);
	assert_true(c->sites[0].as_override);
	assert_true(c->sites[0].share_default);
	assert_true(c->sites[0].ttl_security);
	assert_false(c->sites[1].share_default || c->sites[1].ttl_security);
	assert_int_equal(c->sites[0].allow_as_in, 2);
	assert_int_equal(c->sites[0].prefixes.count, 2);
	assert_string_equal(c->sites[0].bgp_password, "file:/p");
	assert_int_equal(c->sites[1].bfd.interval_us, 100000);
	assert_int_equal(c->sites[1].bfd.multiplier, 5);
	assert_int_equal(c->sites[1].bgp_family, AF_INET);
	assert_int_equal(c->sites[2].bfd.multiplier, 0);
	assert_true(c->concentrator.graceful_restart);
	config_free(c);
}

static void expect_groups(const char *text, const uint16_t *ids, unsigned int count)
{
	struct config *c = must_parse(text);
	const struct algorithm_set *set = &c->sites[0].tunnels[0].options.p2_groups;

	assert_int_equal(set->count, count);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(set->items[i].id, ids[i]);
	config_free(c);
}

/* Sets of algorithms, and their order. */
static void test_algorithms(void **state)
{
	struct config *c;

	(void)state;
	expect_groups(WITH("p2_dh_groups: [14, 2, 21, none, 31]"),
		(const uint16_t[]){21, 31, 14, 2, 0}, 5);
	expect_groups(WITH("p2_dh_groups: [14, 2, 21, 31], proposal_order: lowest-first"),
		(const uint16_t[]){2, 14, 31, 21}, 4);
	expect_groups(WITH("p2_dh_groups: [14, 2, 21], proposal_order: as-listed"),
		(const uint16_t[]){14, 2, 21}, 3);
	/* The profile comes first wherever it stands. */
	expect_groups(WITH("p2_dh_groups: [5], algorithms: compatible"), (const uint16_t[]){5}, 1);
	c = must_parse(HUB "  workers: auto\n" SITE);
	assert_int_equal(c->concentrator.workers, 0);
	config_free(c);
	c = must_parse(WITH("algorithms: compatible, proposal_order: lowest-first"));
	assert_int_equal(c->sites[0].tunnels[0].options.p1_groups.count, 13);
	assert_int_equal(c->sites[0].tunnels[0].options.p2_groups.count, 14);
	assert_int_equal(c->sites[0].tunnels[0].options.p1_integrity.items[0].id, 2);
	assert_int_equal(c->sites[0].tunnels[0].options.p1_encryption.items[0].id, 12);
	assert_int_equal(c->sites[0].tunnels[0].options.p1_encryption.items[0].key_bits, 128);
	config_free(c);
}

static void test_101_sites(void **state)
{
	size_t size = 1 << 16, n;
	char *text = malloc(size);

	(void)state;
	n = (size_t)snprintf(text, size, "%s", HUB "sites:\n");
	for (unsigned int i = 0; i < 101; i++) {
		n += (size_t)snprintf(text + n, size - n,
			"  - { name: s%u, asn: %u, tunnels: [ { inside: 169.254.%u.%u/30, "
			"identity: s%u,"
			" psk: 'file:/k' } ] }\n",
			i, 65000 + i, 10 + i / 64, i % 64 * 4, i);
	}
	must_refuse(
		text, "t:1: there would be 101 sites of class concentrator, and 100 is the most");
	*strrchr(text, '-') = '#';
	config_free(must_parse(text));
	free(text);
}

/* What a gateway may have. */
static void test_gateways(void **state)
{
	struct config *c = must_parse(HUB
		"  site_rate: 50M\n"
		"sites:\n"
		"  - { name: a, class: gateway, routing: static, static_routes: [10.1.0.0/16, "
		"'fd01::/48'],\n"
		"      tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n"
		"  - { asn: 65002, ecmp: on, bandwidth: large, class: gateway, name: b,\n"
		"      tunnels: [ { inside: 169.254.10.4/30, identity: b.b, psk: 'file:/k' },\n"
		"                 { inside: 169.254.10.8/30, identity: b.b, psk: 'file:/k' } ] }\n"
		"  - { name: c, asn: 65003,\n"
		"      tunnels: [ { inside: 169.254.10.12/30, identity: c.b, psk: 'file:/k' } ] "
		"}\n");

	(void)state;
	assert_int_equal(c->sites[0].routing, ROUTING_STATIC);
	assert_int_equal(c->sites[0].statics.count, 2);
	assert_int_equal(c->sites[0].rate, 1250000000);
	assert_int_equal(c->sites[0].pps, 140000);
	assert_int_equal(c->sites[0].max_prefixes_in, 100);
	assert_int_equal(c->sites[0].max_prefixes_out, 1000);
	assert_true(c->sites[1].ecmp);
	assert_int_equal(c->sites[1].rate, UINT64_C(5000000000));
	assert_int_equal(c->sites[1].pps, 400000);
	assert_int_equal(c->sites[2].site_class, SITE_CONCENTRATOR);
	assert_int_equal(c->sites[2].rate, 50000000);
	assert_int_equal(c->sites[2].max_prefixes_in, 1000);
	config_free(c);
}

#define PKI                                                                                        \
	"  certificate: file:/hub.pem\n"                                                           \
	"  private_key: file:/hub.key\n"                                                           \
	"  ca: ['file:/root.pem', 'cred:sub']\n"                                                   \
	"  crl: ['file:/crl.pem']\n"
#define CERT_SITE(options)                                                                         \
	"sites:\n  - name: a\n    asn: 65001\n    tunnels:\n      - { inside: 169.254.10.0/30, "   \
	"auth: cert, " options " }\n"

static void test_certificates(void **state)
{
	struct config *c = must_parse(HUB PKI CERT_SITE("identity: a.example"));
	const struct tunnel_conf *t = &c->sites[0].tunnels[0];

	(void)state;
	assert_int_equal(t->options.auth, AUTH_CERT);
	assert_string_equal(t->certificate.chain, "file:/hub.pem");
	assert_string_equal(t->certificate.key, "file:/hub.key");
	assert_int_equal(c->concentrator.ca.count, 2);
	assert_string_equal(c->concentrator.ca.refs[1], "cred:sub");
	assert_int_equal(c->concentrator.crl.count, 1);
	assert_false(c->concentrator.crl_required);
	config_free(c);
	c = must_parse(HUB PKI CERT_SITE("identity: 'C=DE, CN=a', certificate: 'file:/own.pem',"
					 " private_key: 'file:/own.key'"));
	t = &c->sites[0].tunnels[0];
	assert_int_equal(t->identity.type, IKE_ID_DN);
	assert_memory_equal(t->identity.bytes, "C=DE, CN=a", 10);
	assert_string_equal(t->certificate.chain, "file:/own.pem");
	config_free(c);
	/* An identity or an address. */
	c = must_parse(HUB PKI CERT_SITE("address: 203.0.113.5"));
	config_free(c);
	must_refuse(HUB PKI CERT_SITE("encap: auto"), "an identity or an address is needed");
	must_refuse(HUB PKI CERT_SITE("identity: a.example, psk: 'file:/k'"), "a psk, but auth");
	must_refuse(
		HUB PKI CERT_SITE("identity: a.example, certificate: 'file:/x'"), "come together");
	must_refuse(HUB CERT_SITE("identity: a.example"), "the hub has no certificate");
	must_refuse(
		HUB "  certificate: file:/hub.pem\n", "certificate and private_key come together");
	must_refuse(HUB CERT_SITE("identity: a.example, certificate: 'file:/x',"
				  " private_key: 'file:/y'"),
		"names no authority");
	must_refuse(HUB "sites:\n  - name: a\n    asn: 65001\n    tunnels:\n"
			"      - { inside: 169.254.10.0/30, identity: a.example }\n",
		"t:10: site 'a' tunnel 0: 'psk' is missing");
	must_refuse(WITH("auth: rsa"), "'rsa' is not one of: psk, cert");
}

static unsigned int doubts;
static char doubted[4][CONFIG_DOUBT_SIZE];

static void keep_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	(void)context, (void)kind;
	assert_non_null(site);
	assert_true(doubts < 4);
	snprintf(doubted[doubts++], CONFIG_DOUBT_SIZE, "%s", text);
}

#define ANOTHER(name, asn, net, more)                                                              \
	"  - name: " name "\n    asn: " asn "\n" more "    tunnels: [ { inside: " net              \
	"/30, identity: " name ".example, psk: 'file:/k' } ]\n"
#define CUT(name, key, net)                                                                        \
	"  - name: " name                                                                          \
	"\n    asn: 65009\n    tunnels: [ { inside: 169.254.19.0/30, identity: " name              \
	".example, psk: 'file:/k', " key ": [" net "] } ]\n"

/* What is allowed and hardly meant is told, and of each AS once. */
static void test_doubts(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{HUB SITE, NULL},
		{HUB SITE ANOTHER("b", "65002", "169.254.11.0", ""), NULL},
		{HUB SITE ANOTHER("b", "65001", "169.254.11.0", ""),
			"2 sites have AS 65001, and 'a', 'b' have no as_override"},
		{HUB SITE ANOTHER("b", "65001", "169.254.11.0", "    as_override: true\n"),
			"2 sites have AS 65001, and 'a' has no as_override"},
		{HUB "  site_to_site: false\n" SITE ANOTHER("b", "65001", "169.254.11.0", ""),
			NULL},
		{HUB SITE CUT("c", "site_cidrs", "10.2.0.0/24"),
			"site 'c' tunnel 0: site_cidrs leaves out 169.254.19.2, the site's inside"},
		{HUB SITE CUT("c", "hub_cidrs", "10.0.0.0/8"),
			"site 'c' tunnel 0: hub_cidrs leaves out 169.254.19.1, the hub's inside"},
		{HUB SITE CUT("c", "site_cidrs", "169.254.19.0/24, 10.2.0.0/24"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = must_parse(rows[i].text);

		doubts = 0;
		config_doubts(c, keep_doubt, NULL);
		config_free(c);
		assert_int_equal(doubts, rows[i].wanted ? 1 : 0);
		if (rows[i].wanted && !strstr(doubted[0], rows[i].wanted))
			fail_msg("told: %s\nwanted: %s", doubted[0], rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_routing),
		cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_101_sites),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
