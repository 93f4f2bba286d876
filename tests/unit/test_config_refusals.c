/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: each mistake is named with its line, and all of them at once. */
#include "config_lab.h"

#define ROUTING(options)                                                                           \
	HUB "sites:\n  - { name: a, asn: 65001, " options                                          \
	    ", tunnels: [ { inside: 169.254.10.0/30, identity: a.b, psk: 'file:/k' } ] }\n"

#define TUNNEL(inside, name)                                                                       \
	", tunnels: [ { inside: " inside "/30, identity: " name ", psk: 'file:/k' } ] }\n"
#define TAKES(options)                                                                             \
	HUB "sites:\n  - { name: a, asn: 65001" TUNNEL("169.254.10.0",                             \
		"a.b") "  - { name: b, asn: 65002, " options TUNNEL("169.254.10.4", "b.b")
#define AND_C TUNNEL("169.254.10.8", "c.b") "  - { name: c, asn: 65003, "

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
	{HUB "  site_rate: 100X\n",
		"t:6: concentrator.site_rate: '100X': unknown unit 'X'; units here: k, M, G"},
	{HUB "  asn: 64x\n", "t:6: concentrator.asn: '64x' is not a number"},
	{HUB "  psk: x\n",
		", crl, crl_required"}, /* every key is told, and none that is far from it */
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
	{HUB "  alarms: [{ rule: none }]\n",
		"t:6: concentrator.alarms[0]: no standard rule is called 'none'"},
	{HUB "  alarms: [{ rule: a, metric: dropped, comparison: above }]\n", "needs metric"},
	{HUB "  alarms: [{ enabled: false }]\n", "'rule' is missing"},
	{HUB "  alarms: [site_down]\n", "t:6: concentrator.alarms[0]"},
	{HUB "  alarms:\n    - { rule: site_down, period: 1m }\n    - { rule: site_down }\n",
		"t:8: concentrator.alarms[1]: the rule 'site_down' stands twice"},
	{HUB "  alarms: [{ rule: site_down, period: 90 }]\n", "a period is of whole minutes"},
	{HUB "  alarms: [{ rule: site_down, period: 2d }]\n", "out of range"},
	{HUB "  alarms: [{ rule: site_down, datapoints: 3 of 2 }]\n", "N from 1 on"},
	{HUB "  alarms: [{ rule: site_down, datapoints: 3/5 }]\n", "is not N of M"},
	{HUB "  alarms: [{ rule: site_down, period: 1d, datapoints: 2 of 2 }]\n",
		"longer than a day"},
	{HUB "  alarms: [{ rule: endpoint_down, site: a }]\n", "of no site"},
	{HUB "  alarms: [{ rule: endpoint_down, scope: site }]\n", "not known of that scope"},
	{HUB "  alarms: [{ rule: site_down, threshold: -1 }]\n", "is not a number"},
	{HUB "  alarms: [{ rule: site_down, comparison: '<' }]\n", "at_most"},
	{HUB "  alarms: [{ rule: Site-Down, metric: dropped, comparison: above, threshold: 1 }]\n",
		"small letters"},
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
	{TAKES("takes_over: c"), "t:8: site 'b': takes_over: there is no site 'c'"},
	{TAKES("takes_over: b"), "takes_over: another site is expected, and not 'b'"},
	{TAKES("takes_over_now: true"), "site 'b': takes_over_now needs takes_over"},
	{TAKES("takes_over: a, group: g"), "it is in the group of that one"},
	{TAKES("takes_over: a, class: gateway, routing: static, static_routes: [10.9.0.0/16]"),
		"it has routing 'static' and site 'a' another"},
	{TAKES("takes_over: a" AND_C "takes_over: b"),
		"site 'c': takes_over: site 'b' takes over site 'a'"},
	{TAKES("takes_over: a" AND_C "takes_over: a"),
		"takes_over: site 'a' is taken over by site 'c'"},
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
	{"concentrator:\n  name: h\n  endpoints: [ { device: 'a\"b', addresses: [10.0.0.1] } ]\n",
		"is not a device name"},
	{"concentrator:\n  name: h\n  endpoints: [ { device: 'a\\b', addresses: [10.0.0.1] } ]\n",
		"is not a device name"},
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
	{WITH("enacp: force"), "unknown key 'enacp'; did you mean 'encap'?"},
	{WITH("pks: geheim"), "unknown key 'pks'; did you mean 'psk'?"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_no_secret_in_message),
	};

	return cmocka_run_group_tests_name("config_refusals", tests, NULL, NULL);
}
