/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what is read, and that each mistake is named with its line. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HUB                                                                                        \
	"concentrator:\n"                                                                          \
	"  name: hub\n"                                                                            \
	"  endpoints:\n"                                                                           \
	"    - { device: wan0, addresses: [198.51.100.1, '2001:db8:a::1'] }\n"                     \
	"    - { device: wan1, addresses: [198.51.101.1] }\n"

#define SITE                                                                                       \
	"sites:\n"                                                                                 \
	"  - name: a\n"                                                                            \
	"    asn: 65001\n"                                                                         \
	"    tunnels:\n"                                                                           \
	"      - { inside: 169.254.10.0/30, identity: a.example, psk: 'file:/k' }\n"

static struct config *must_parse(const char *text)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", text, strlen(text), error);

	if (!c)
		fail_msg("%s", error);
	return c;
}

static void must_refuse(const char *text, const char *message)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", text, strlen(text), error);

	if (c)
		fail_msg("accepted; wanted: %s", message);
	if (!strstr(error, message))
		fail_msg("message: %s\nwanted: %s", error, message);
}

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
	static const char *const paths[] = {"packaging/sluice.yaml",
		"tools/examples/dual-stack.yaml", "tools/examples/redundant.yaml"};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct config *c = config_load(paths[i], error);

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

#define ROUTING(options)                                                                           \
	HUB "sites:\n  - { name: a, asn: 65001, " options                                          \
	    ", tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n"

#define T0 "169.254.10.0/30, identity: a.example, psk: 'file:/k'"
#define WITH(options)                                                                              \
	HUB "sites:\n  - name: a\n    asn: 65001\n    tunnels:\n      - { inside: " T0             \
	    ", " options " }\n"

static void expect_groups(const char *text, const uint16_t *ids, unsigned int count)
{
	struct config *c = must_parse(text);
	const struct algorithm_set *set = &c->sites[0].tunnels[0].options.p2_groups;

	assert_int_equal(set->count, count);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(set->items[i].id, ids[i]);
	config_free(c);
}

/* T-09, T-10, T-15. */
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

struct refusal {
	const char *text, *message;
};

static const struct refusal refusals[] = {
	{"", "t:1: the file is empty"},
	{"a:\n - [", "t:3: not YAML"},
	{"[]", "t:1: a mapping with"},
	{HUB "colour: red\n",
		"t:6: unknown key 'colour'; known here: concentrator, defaults, sites"},
	{"sites: []\n", "key 'concentrator' is missing"},
	{HUB "  asn: 0\n", "t:6: concentrator.asn: 0 is out of range"},
	{HUB "  asn: 23456\n", "AS 23456 is reserved"},
	{HUB "  asn: 1\n  asn: 2\n", "t:7: concentrator: key 'asn' stands twice"},
	{HUB "  site_rate: 100X\n", "t:6: concentrator.site_rate: '100X': unknown unit 'X'"},
	{HUB "  site_rate: -5\n", "is not a number"},
	{HUB "  site_rate: nan\n", "is not a number"},
	{HUB "  site_rate: 1\n", "out of range"},
	{HUB "  workers: 1.5\n", "a whole number expected"},
	{HUB "  workers: 17\n", "out of range"},
	{HUB "  df: keep\n", "copy"},
	{HUB "  df: clear\n  dataplane: xfrm\n", "df: clear needs dataplane: af_xdp"},
	{HUB "  rate_bytes: wire\n", "outer"},
	{HUB "  source_check: on\n", "'on' is not one of: strict, loose, off"},
	{HUB "  site_services: [ssh]\n",
		"t:6: concentrator.site_services[0]: 'ssh' is no service: tcp/PORT"},
	{HUB "  site_services: [tcp/22, tcp/0]\n", "'tcp/0' is no service"},
	{HUB "  site_services: [udp/65536]\n", "'udp/65536' is no service"},
	{HUB "  site_services: [tcp/22x]\n", "'tcp/22x' is no service"},
	{HUB "  rate_bytes: outer\n  dataplane: xfrm\n",
		"rate_bytes: outer needs dataplane: af_xdp"},
	{HUB "  drain_med: 0\n", "t:6: concentrator.drain_med: 0 is out of range"},
	{HUB "  df: set\n  dataplane: xfrm\n", "df: set needs dataplane: af_xdp"},
	{HUB "  keepalive: 20\n", "must be at most half of hold_time"},
	{HUB "  networks: [10.0.0.1/8]\n",
		"t:6: concentrator.networks[0]: '10.0.0.1/8' is not a prefix"},
	{"concentrator:\n  name: h\n  endpoints:\n    - { device: a, addresses: [10.0.0.1] }\n"
	 "    - { device: b, addresses: [10.0.0.1] }\n",
		"both have the same address"},
	{ROUTING("routing: static"), "'static' is not possible on a concentrator"},
	{ROUTING("static_routes: [10.0.0.0/8]"),
		"static routes are not possible on a concentrator"},
	{ROUTING("ecmp: on"), "equal-cost paths are not possible on a concentrator"},
	{ROUTING("bandwidth: large"), "bandwidth classes are for 'class: gateway'"},
	{ROUTING("class: branch"), "'branch' is not one of: concentrator, gateway"},
	{ROUTING("routing: static, class: gateway"), "routing 'static' needs static_routes"},
	{ROUTING("static_routes: [10.0.0.0/8], class: gateway"),
		"static routes do not go with BGP; 'routing: static' is needed"},
	{ROUTING("static_routes: [10.0.0.0/8], class: gateway, routing: static, ecmp: on"),
		"equal-cost paths need BGP"},
	{ROUTING("static_routes: [10.0.0.0/8], class: gateway, routing: static, bfd: on"),
		"t:7: site 'a': bfd belongs to a BGP session"},
	{ROUTING("static_routes: [10.0.0.0/8], class: gateway, routing: static, as_override: on"),
		"as_override belongs to a BGP session"},
	{ROUTING("static_routes: ['0.0.0.0/0'], class: gateway, routing: static"),
		"static route 0.0.0.0/0 needs allow_default"},
	{ROUTING("share_default: on"), "share_default needs allow_default"},
	{ROUTING("static_routes: [10.0.0.0/8, 10.1.0.0/16], class: gateway, routing: static, "
		 "max_prefixes: 1"),
		"2 static routes, max_prefixes is 1"},
	{HUB "  networks: [10.0.0.0/8]\nsites:\n  - { name: a, class: gateway, routing: static, "
	     "static_routes: [10.1.0.0/16],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"static route 10.1.0.0/16 lies within 10.0.0.0/8 of the hub"},
	{HUB "sites:\n  - { name: a, asn: 65001, prefixes: [10.1.0.0/16],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n"
	     "  - { name: b, class: gateway, routing: static, static_routes: [10.1.2.0/24],"
	     " tunnels: [ { inside: 169.254.10.4/30, identity: b.b, psk: 'file:/k' } ] }\n",
		"site 'b': static route 10.1.2.0/24 belongs to site 'a' (line 7)"},
	{HUB "sites:\n  - { name: a,"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': 'asn' is missing"},
	{ROUTING("bfd: { interval: 10ms }"), "out of range: 50000 to"},
	{ROUTING("bfd: { multiplier: 1 }"), "out of range: 2 to 50"},
	{ROUTING("bgp_transport: ipv6"), "bgp_transport 'ipv6' needs inside6"},
	{HUB "sites:\n  - { name: a, asn: 65001, prefixes: [0.0.0.0/0],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': prefix 0.0.0.0/0 is too short to be owned by one site"},
	{HUB "sites:\n  - { name: a, asn: 65001, prefixes: ['2000::/3'],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': prefix 2000::/3 is too short to be owned by one site"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"the list is empty; 'propagate: off'"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [10.1.0.0/16 le 15],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"'10.1.0.0/16 le 15' is neither a prefix nor 'PREFIX le LENGTH'"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [10.1.0.0/16 le 33],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"'10.1.0.0/16 le 33' is neither a prefix nor 'PREFIX le LENGTH'"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [10.1.0.0/16 ge 20],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"'10.1.0.0/16 ge 20' is neither a prefix nor 'PREFIX le LENGTH'"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [10.1.0.0/16], allow_default: true,"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': allow_default has no effect: 'accept' has no default route"},
	{HUB "sites:\n  - { name: a, asn: 65001, accept: [10.1.0.0/16], prefixes: [10.1.1.0/24],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': it owns 10.1.1.0/24, which it may not announce"},
	{HUB "  networks: [10.0.0.0/8]\nsites:\n  - { name: a, asn: 65001, prefixes: [10.1.0.0/16],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n",
		"site 'a': prefix 10.1.0.0/16 lies within 10.0.0.0/8 of the hub"},
	{HUB "sites:\n  - { name: a, asn: 65001, prefixes: [10.1.0.0/16],"
	     " tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n"
	     "  - { name: b, asn: 65002, prefixes: [10.1.2.0/24],"
	     " tunnels: [ { inside: 169.254.10.4/30, identity: b.b, psk: 'file:/k' } ] }\n",
		"site 'b': prefix 10.1.2.0/24 overlaps 10.1.0.0/16 of site 'a' (line 7)"},
	{WITH("p2_lifetime: 899"),
		"t:10: sites[0].tunnels[0].p2_lifetime: 899 is out of range: 900"},
	{WITH("p1_lifetime: 900, p2_lifetime: 900"), "must be less than p1_lifetime"},
	{WITH("p2_lifetime: 900"), "rekey_margin 540 is over half of p2_lifetime 900"},
	{WITH("dpd_timeout: 29"), "t:10: site 'a': dpd_timeout 29 is below 30"},
	{WITH("replay_window: 63"), "out of range: 64 to 2048"},
	{WITH("startup_action: start"), "needs the address of the site"},
	{WITH("startup_action: start, address: 203.0.113.5, ike_versions: [ikev1]"),
		"t:10: site 'a': startup_action 'start' needs ikev2"},
	{WITH("dpd_action: restart"), "dpd_action 'restart' needs the address of the site"},
	{WITH("address: 0.0.0.0"), "address: 0.0.0.0 is of this network, no address to send to"},
	{WITH("address: 127.0.0.1"), "127.0.0.1 is loopback"},
	{WITH("address: 239.1.1.1"), "239.1.1.1 is multicast"},
	{WITH("address: 255.255.255.255"), "255.255.255.255 is reserved"},
	{WITH("address: 198.51.100.1"), "address: 198.51.100.1 is the hub's own"},
	{HUB "  networks: [10.0.0.0/8, 10.0.0.0/8]\n", "t:6: networks: 10.0.0.0/8 stands twice"},
	{HUB "  networks: [127.0.0.0/8]\n", "127.0.0.0/8 is loopback, nothing is routed there"},
	{HUB "  networks: ['fe80::/10']\n", "fe80::/10 is link-local"},
	{ROUTING("prefixes: [224.0.0.0/4]"), "224.0.0.0/4 is multicast"},
	{"concentrator:\n  name: h\n  endpoints: [ { device: a, addresses: ['::1'] } ]\n",
		"t:3: concentrator.endpoints: ::1 is loopback"},
	{HUB "sites:\n"
	     "  - { name: a, asn: 65001, address: 203.0.113.5,"
	     " tunnels: [ { inside: 169.254.10.0/30, psk: 'file:/k' } ] }\n"
	     "  - { name: b, asn: 65002, address: 203.0.113.5,"
	     " tunnels: [ { inside: 169.254.10.4/30, psk: 'file:/k' } ] }\n",
		"site 'b' tunnel 0: site 'a' (line 7) has the same identity on this endpoint: "
		"nothing would tell the two apart"},
	{WITH("ike_versions: [ikev1], p1_encryption: [aes256-gcm16]"), "IKEv1 has AES-CBC only"},
	{WITH("ike_versions: [ikev1], p1_dh_groups: [31]"), "IKEv1 has groups up to 24 only"},
	{WITH("ike_versions: []"), "the set is empty"},
	{WITH("ike_versions: [ikev3]"), "'ikev3' is not one of: ikev1, ikev2"},
	{WITH("ike_versions: [ikev2, ikev2]"), "stands twice"},
	{WITH("p1_encryption: [des]"), "p1_encryption[0]: 'des' is not one of"},
	{WITH("p1_encryption: []"), "the set is empty"},
	{WITH("p1_dh_groups: [5]"), "'5' is not one of"},
	{WITH("p1_dh_groups: [none]"), "'none' is not one of"},
	{WITH("ppk: 'file:/p'"), "ppk and ppk_identity belong together"},
	{WITH("ppk: 'file:/p', ppk_identity: q"), "a ppk needs ike_versions: [ikev2]"},
	{WITH("ppk: 'file:/p', ppk_identity: ''"), "1 to 64 characters"},
	{WITH("algorithms: strong"), "'strong' is not one of: hardened, compatible"},
	{WITH("algorithms: [hardened]"), "expected"},
	{WITH("p1_encryption: [aes128, aes128]"), "stands twice"},
	{WITH("psk: geheim"), "key 'psk' stands twice"},
	{WITH("colour: red"), "unknown key 'colour'"},
	{HUB "sites:\n  - { name: a, asn: 64512, tunnels: [ { inside: " T0 " } ] }\n",
		"t:7: site 'a' has the hub's AS 64512"},
	{HUB "sites:\n  - { name: 'a b', asn: 1, tunnels: [ { inside: " T0 " } ] }\n",
		"letters, digits"},
	{HUB "sites:\n  - { name: a, asn: 1, tunnels: [ { inside: 169.254.1.0/30, psk: 'file:/k' } "
	     "] }\n",
		"169.254.1.0/30 is reserved"},
	{HUB "sites:\n  - { name: a, asn: 1, tunnels: [ { inside: 10.0.0.0/30, psk: 'file:/k' } ] "
	     "}\n",
		"an inside block is a /30 of 169.254.0.0/16"},
	{HUB "sites:\n  - { name: a, asn: 1, tunnels: [ { inside: 169.254.9.0/30, psk: 'file:/k' } "
	     "] }\n",
		"an identity or an address is needed"},
	{HUB "sites:\n  - { name: a, asn: 1, tunnels: [ { inside: 169.254.9.0/30, psk: hunter22 } "
	     "] }\n",
		"a reference expected"},
	{HUB SITE "  - name: b\n    asn: 65002\n    tunnels:\n"
		  "      - { inside: 169.254.10.0/30, identity: b.example, psk: 'file:/k' }\n",
		"t:14: site 'b': inside block 169.254.10.0/30 is taken by site 'a' (line 10)"},
	{HUB SITE "  - name: b\n    asn: 65002\n    tunnels:\n"
		  "      - { inside: 169.254.11.0/30, identity: a.example, psk: 'file:/k' }\n",
		"same identity on this endpoint"},
	{HUB SITE "  - name: a\n    asn: 65002\n    tunnels:\n"
		  "      - { inside: 169.254.11.0/30, identity: b.example, psk: 'file:/k' }\n",
		"t:11: site 'a' stands twice (line 7)"},
	{HUB "sites:\n  - { name: a, asn: 1, outer: ipv6, tunnels: [ { inside: 169.254.9.0/30, "
	     "identity: x,"
	     " psk: 'file:/k' }, { inside: 169.254.9.4/30, identity: y, psk: 'file:/k' } ] }\n",
		"endpoint 1 has no IPv6 address"},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		must_refuse(refusals[i].text, refusals[i].message);
}

/* An operator mends all of them at once, not one a run. */
static void test_all_mistakes(void **state)
{
	static const char values[] = HUB "  asn: 0\n  colour: red\n  workers: 17\n";
	static const char relations[] = HUB
		"  keepalive: 20\n"
		"sites:\n"
		"  - { name: a, asn: 64512, tunnels: [ { inside: 169.254.10.0/30, identity: a.b, "
		"psk: 'file:/k', startup_action: start } ] }\n"
		"  - { name: a, asn: 65002, tunnels: [ { inside: 169.254.10.0/30, identity: b.b, "
		"psk: 'file:/k', address: 127.0.0.1 } ] }\n";
	static const char slip[] = HUB
		"  hold-time: 30\n"
		"  keepalive: 20\n"
		"sites:\n"
		"  - { name: a, asn: 64512, tunnels: [ { inside: 169.254.10.0/30, identiti: a.b, "
		"address: 203.0.113.9, psk: 'file:/k' } ] }\n";
	static const char *const wanted[] = {"t:6: keepalive", "t:8: site 'a' has the hub's AS",
		"needs the address of the site", "t:9: site 'a' stands twice",
		"is taken by site 'a'", "is loopback"};
	char error[CONFIG_ERROR_SIZE], many[4096] = "concentrator:\n", name[64] = "";
	size_t n = strlen(many);

	(void)state;
	assert_null(config_parse("t", values, strlen(values), error));
	assert_non_null(strstr(error, "t:6: concentrator.asn"));
	assert_non_null(strstr(error, "\nt:7: concentrator: unknown key 'colour'"));
	assert_non_null(strstr(error, "\nt:8: concentrator.workers"));
	assert_null(config_parse("t", relations, strlen(relations), error));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!strstr(error, wanted[i]))
			fail_msg("message: %s\nwanted: %s", error, wanted[i]);
	}
	/* A slip in a key hides nothing. */
	assert_null(config_parse("t", slip, strlen(slip), error));
	assert_non_null(strstr(
		error, "t:6: concentrator: unknown key 'hold-time'; did you mean 'hold_time'?"));
	assert_non_null(strstr(error,
		"\nt:9: sites[0].tunnels[0]: unknown key 'identiti'; did you mean 'identity'?"));
	assert_non_null(strstr(error, "\nt:7: keepalive 20 s"));
	assert_non_null(strstr(error, "\nt:9: site 'a' has the hub's AS"));
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "  colour%d: red\n", i);
	for (size_t len = 1; len < sizeof(name); len++) { /* wherever the room ends */
		memset(name, 't', len);
		assert_null(config_parse(name, many, n, error));
		assert_string_equal(strrchr(error, '\n'), "\nand more");
	}
}

/* A secret typed where a reference belongs must not come back in the message. */
static void test_no_secret_in_message(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	const char *text =
		HUB "sites:\n  - { name: a, asn: 1, tunnels: [ { inside: 169.254.9.0/30, "
		    "identity: x, psk: Tr0ub4dor } ] }\n";

	(void)state;
	assert_null(config_parse("t", text, strlen(text), error));
	assert_null(strstr(error, "Tr0ub4dor"));
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
	must_refuse(text, "t:107: site 's100': more than 100 sites of class concentrator");
	*strrchr(text, '-') = '#';
	config_free(must_parse(text));
	free(text);
}

/* V-06, V-07, V-03 the other way round: what a gateway may have. */
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
	/* an identity or an address. */
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

static void keep_doubt(void *context, const char *text)
{
	(void)context;
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
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_no_secret_in_message),
		cmocka_unit_test(test_101_sites),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
