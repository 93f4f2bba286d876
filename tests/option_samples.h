/* SPDX-License-Identifier: Apache-2.0 */
/* Values for the keys of the configuration, for tests that change each of them. */
#ifndef TESTS_OPTION_SAMPLES_H
#define TESTS_OPTION_SAMPLES_H

#include "config/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Another value for keys whose rows do not say what there is to choose from. */
static const struct {
	const char *key, *text;
} option_samples[] = {
	{"accept", "['10.0.0.0/8 le 24', 'fd00::/8 le 64']"},
	{"access", "[{group: netops, role: operator, scope: north}, {certificate: 'O=It''s, CN=a', "
		   "role: viewer}]"},
	{"alarms",
		"[{rule: site_down, period: 60}, {rule: over_rate, enabled: false}, {rule: mine, "
		"metric: dropped, statistic: sum, comparison: above, threshold: 2.5, datapoints: 2 "
		"of "
		"3, scope: hub, severity: info}]"},
	{"address", "203.0.113.7"},
	{"api", "'[2001:db8::1]:8443'"},
	{"api_ca", "['file:/clients']"},
	{"api_crl", "['file:/clients.crl']"},
	{"api_certificate", "file:/api"},
	{"api_private_key", "file:/api.key"},
	{"aggregate_rate", "1250M"},
	{"asn", "65100"},
	{"bandwidth", "large"},
	{"bfd", "{interval: 100ms, multiplier: 5}"},
	{"bgp_password", "cred:bgp"},
	{"bgp_transport", "ipv6"},
	{"burst", "64M"},
	{"ca", "['file:/ca', 'cred:other']"},
	{"certificate", "file:/cert"},
	{"crl", "['file:/crl']"},
	{"endpoints", "[{device: wan0, addresses: ['198.51.100.2', '2001:db8::1']}]"},
	{"group", "town"},
	{"hub_cidrs", "['10.0.0.0/15', 'fd00::/8']"},
	{"hub_identity", "'dn:C=DE, CN=it''s'"},
	{"identity", "'keyid:0x00ff'"},
	{"ike_versions", "[ikev2]"},
	{"inside", "'169.254.99.0/30'"},
	{"inside6", "'fd00:99::/126'"},
	{"takes_over", "b"},
	{"labels", "{region: 'north', cost-centre: '4711 a'}"},
	{"log_directory", "/var/log/other"},
	{"metrics", "'[2001:db8::1]:9100'"},
	{"name", "other"},
	{"networks", "['10.9.0.0/16', 'fd09::/48']"},
	{"outer", "ipv6"},
	{"p1_dh_groups", "[19, 2]"},
	{"p1_encryption", "[aes128, chacha20-poly1305]"},
	{"p1_integrity", "[sha384]"},
	{"p1_prf", "[sha384]"},
	{"p2_dh_groups", "[31, none]"},
	{"p2_encryption", "[aes256]"},
	{"p2_integrity", "[sha1, sha512]"},
	{"pacing_horizon", "1500us"},
	{"packets_per_second", "1000"},
	{"ppk", "file:/ppk"},
	{"ppk_identity", "'it''s'"},
	{"prefixes", "['10.7.0.0/16']"},
	{"private_key", "file:/key"},
	{"psk", "file:/other"},
	{"psk_previous", "file:/k"},
	{"rate", "1500k"},
	{"route_table", "100"},
	{"router_id", "192.0.2.9"},
	{"routing", "static"},
	{"site_cidrs", "['10.7.0.0/16']"},
	{"site_packets_per_second", "2000"},
	{"site_rate", "64001"},
	{"site_services", "[tcp/22, udp/53]"},
	{"static_routes", "['10.7.0.0/16', 'fd07::/48']"},
	{"workers", "auto"},
};

/* Another value than `present`. */
static inline void option_other_value(
	const struct walk_field *f, const char *present, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(option_samples) / sizeof(option_samples[0]); i++) {
		if (!strcmp(option_samples[i].key, f->key))
			snprintf(text, size, "%s", option_samples[i].text);
	}
	if (f->words)
		snprintf(text, size, "%s", f->words[!strcmp(f->words[0], present)]);
	else if (f->range && !strcmp(f->range, "true or false"))
		snprintf(text, size, "%s", strcmp(present, "true") ? "true" : "false");
	else if (!f->read)
		snprintf(text, size, "%u", atoi(present) == (int)f->max ? f->min : f->max);
	if (!text[0])
		fail_msg("%s: this test has no other value for it", f->key);
}

#endif
