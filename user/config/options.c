/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row for each key: how its value is read and written, what it may be, what holds without it, where it goes,
 * and what a change of it does to a hub that runs.
 */
#include "config/options.h"

#include "config/access.h"
#include "config/alarms.h"
#include "config/roles.h"
#include "config/routing.h"
#include "config/values.h"

/* A type with a reader and a writer of its own, and what its values are. */
#define TYPE(name, values)  .read = read_##name, .write = write_##name, .range = values
#define NUMBER(least, most) .min = least, .max = most, .range = #least " to " #most
#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define SWITCH TYPE(bool, "true or false")

#define AT(type, member)                                                                           \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
/* Members that one key fills: from the first to the last of them. */
#define SPAN(type, first, last)                                                                    \
	.offset = offsetof(struct type, first), .size = offsetof(struct type, last) +              \
							sizeof(((struct type *)NULL)->last) -      \
							offsetof(struct type, first)

/* ---- tunnels ---- */

#define IKE(member) AT(tunnel_conf, options.member)

enum { TUNNEL_ALONE = 8 }; /* rows of what no two tunnels have in common */

const struct walk_field options_tunnel[] = {
	{"inside", TYPE(inside4, "a /30 of 169.254.0.0/16"), AT(tunnel_conf, inside),
		.required = true, .effect = CHANGE_TUNNEL},
	{"inside6", TYPE(inside6, "a /126 of fd00::/8"), AT(tunnel_conf, inside6),
		.effect = CHANGE_TUNNEL},
	{"identity", TYPE(identity, "an IKE identity"), AT(tunnel_conf, identity),
		.effect = CHANGE_TUNNEL},
	{"address", TYPE(address, "an address, or any"), AT(tunnel_conf, address),
		.effect = CHANGE_JUDGED},
	{"psk", TYPE(key_ref, "a reference"), AT(tunnel_conf, psk), .effect = CHANGE_JUDGED},
	{"psk_previous", TYPE(key_ref, "a reference"), AT(tunnel_conf, psk_previous),
		.effect = CHANGE_JUDGED},
	{"ppk", TYPE(key_ref, "a reference"), AT(tunnel_conf, ppk), .effect = CHANGE_ANEW},
	{"ppk_identity", TYPE(ppk_id, "1 to 64 characters"), .whole = true,
		SPAN(tunnel_conf, options.ppk_id_len, options.ppk_id), .effect = CHANGE_ANEW},

	/* From here on: what may stand in defaults.tunnel, too. */
	{"algorithms", .read = read_nothing, .initial = "hardened", .effect = CHANGE_ELSEWHERE},
	{"activity_log",
		WORDS([LOG_FORM_JSON] = "json", [LOG_FORM_TEXT] = "text", [LOG_FORM_OFF] = "off"),
		AT(tunnel_conf, activity_log), .initial = "json", .effect = CHANGE_LIVE},
	{"bgp_log",
		WORDS([LOG_FORM_JSON] = "json", [LOG_FORM_TEXT] = "text", [LOG_FORM_OFF] = "off"),
		AT(tunnel_conf, bgp_log), .initial = "json", .effect = CHANGE_LIVE},
	{"proposal_order",
		WORDS([ORDER_STRONGEST_FIRST] = "strongest-first",
			[ORDER_LOWEST_FIRST] = "lowest-first", [ORDER_AS_LISTED] = "as-listed"),
		AT(tunnel_conf, order), .initial = "strongest-first", .effect = CHANGE_NEXT},
	{"ike_versions", TYPE(ike_versions, "a list of ikev1 and ikev2"), .whole = true,
		SPAN(tunnel_conf, options.ikev1, options.ikev2), .initial = "[ikev1, ikev2]",
		.effect = CHANGE_JUDGED},
	{"esn", SWITCH, IKE(esn), .initial = "true", .effect = CHANGE_JUDGED},
	{"rekey_fuzz_mode", WORDS([FUZZ_WINDOW] = "window", [FUZZ_EARLY] = "early"), IKE(fuzz_mode),
		.initial = "window", .effect = CHANGE_NEXT},
	{"p1_encryption", TYPE(encryption, "a list of algorithms"), IKE(p1_encryption),
		.effect = CHANGE_JUDGED},
	{"p1_integrity", TYPE(integrity, "a list of algorithms"), IKE(p1_integrity),
		.effect = CHANGE_JUDGED},
	{"p1_prf", TYPE(prf, "a list of algorithms"), IKE(p1_prf), .effect = CHANGE_JUDGED},
	{"p1_dh_groups", TYPE(p1_groups, "a list of groups"), IKE(p1_groups),
		.effect = CHANGE_JUDGED},
	{"p2_encryption", TYPE(encryption, "a list of algorithms"), IKE(p2_encryption),
		.effect = CHANGE_JUDGED},
	{"p2_integrity", TYPE(integrity, "a list of algorithms"), IKE(p2_integrity),
		.effect = CHANGE_JUDGED},
	{"p2_dh_groups", TYPE(p2_groups, "a list of groups"), IKE(p2_groups),
		.effect = CHANGE_JUDGED},
	{"p1_lifetime", NUMBER(900, 28800), IKE(p1_lifetime_s), .initial = "28800",
		.effect = CHANGE_NEXT},
	{"p2_lifetime", NUMBER(900, 3600), IKE(p2_lifetime_s), .initial = "3600",
		.effect = CHANGE_NEXT},
	{"rekey_margin", NUMBER(60, 1800), IKE(rekey_margin_s), .initial = "540",
		.effect = CHANGE_NEXT},
	{"rekey_fuzz", NUMBER(0, 100), IKE(rekey_fuzz_percent), .initial = "100",
		.effect = CHANGE_NEXT},
	{"replay_window", NUMBER(64, 2048), IKE(replay_window), .initial = "1024",
		.effect = CHANGE_NEXT},
	{"dpd_interval", NUMBER(1, 3600), IKE(dpd_interval_s), .initial = "10",
		.effect = CHANGE_LIVE},
	{"dpd_timeout", NUMBER(1, 86400), IKE(dpd_timeout_s), .initial = "30",
		.effect = CHANGE_LIVE},
	{"dpd_action", WORDS([DPD_CLEAR] = "clear", [DPD_NONE] = "none", [DPD_RESTART] = "restart"),
		IKE(dpd_action), .initial = "clear", .effect = CHANGE_LIVE},
	{"startup_action", WORDS([STARTUP_ADD] = "add", [STARTUP_START] = "start"), IKE(startup),
		.initial = "add", .effect = CHANGE_LIVE},
	{"encap", WORDS([ENCAP_AUTO] = "auto", [ENCAP_FORCE] = "force"), IKE(encap),
		.initial = "auto", .effect = CHANGE_JUDGED},
	{"auth", WORDS([AUTH_PSK] = "psk", [AUTH_CERT] = "cert"), IKE(auth), .initial = "psk",
		.effect = CHANGE_ANEW},
	{"certificate", TYPE(secret_ref, "a reference"), AT(tunnel_conf, certificate.chain),
		.effect = CHANGE_NEXT},
	{"private_key", TYPE(secret_ref, "a reference"), AT(tunnel_conf, certificate.key),
		.effect = CHANGE_NEXT},
	{"hub_cidrs", TYPE(selectors, "a list of prefixes"), AT(tunnel_conf, local_ts),
		.initial = "[0.0.0.0/0, '::/0']", .effect = CHANGE_ANEW},
	{"site_cidrs", TYPE(selectors, "a list of prefixes"), AT(tunnel_conf, remote_ts),
		.initial = "[0.0.0.0/0, '::/0']", .effect = CHANGE_ANEW},
	{"hub_identity", TYPE(identity, "an IKE identity"), AT(tunnel_conf, local_identity),
		.effect = CHANGE_ANEW},
	{"med", NUMBER(0, 4294967295), AT(tunnel_conf, med), .initial = "100",
		.effect = CHANGE_LIVE},
	{.key = NULL},
};

const struct walk_field *const options_default_tunnel = options_tunnel + TUNNEL_ALONE;

bool read_tunnel_options(struct walk *w, const yaml_node_t *const *nodes, size_t count,
	const struct walk_field *fields, struct tunnel_conf *t)
{
	/* The profile comes first wherever it stands: single sets change it. */
	const yaml_node_t *profile = NULL;

	for (size_t i = 0; i < count && !profile; i++)
		profile = walk_find(w, nodes[i], "algorithms");
	if (profile && !read_algorithms(w, profile, &t->options))
		return false;
	return walk_mappings(w, nodes, count, fields, t);
}

static bool read_tunnel(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct site_conf *site = to;
	struct tunnel_conf *t = &site->tunnels[index];

	t->configured = true;
	return read_tunnel_options(w, &node, 1, options_tunnel, t);
}

static bool read_tunnels(struct walk *w, const yaml_node_t *node, void *to)
{
	struct site_conf *site = to;

	if (!walk_sequence(w, node, TUNNELS_PER_SITE, read_tunnel, site))
		return false;
	if (!site->tunnels[0].configured)
		return walk_fail(w, node, "the list is empty");
	return true;
}

/* ---- sites ---- */

#define SITE(member) AT(site_conf, member)

const struct walk_field options_site[] = {
	/* schema.c asks for it where it is not that of the file. */
	{"name", TYPE(name, "a name"), SITE(name), .effect = CHANGE_TUNNEL},
	{"class", WORDS([SITE_CONCENTRATOR] = "concentrator", [SITE_GATEWAY] = "gateway"),
		SITE(site_class), .initial = "concentrator", .effect = CHANGE_SITE},
	{"bandwidth", TYPE(bandwidth, "standard or large"), SITE(bandwidth), .whole = true,
		.effect = CHANGE_SITE},
	{"asn", TYPE(asn, "1 to 4294967294"), SITE(asn), .effect = CHANGE_SESSION},
	{"group", TYPE(name, "a name"), SITE(group), .effect = CHANGE_LIVE},
	{"takes_over", TYPE(name, "a name"), SITE(takes_over), .effect = CHANGE_LIVE},
	{"takes_over_now", SWITCH, SITE(takes_over_now), .initial = "false", .effect = CHANGE_LIVE},
	{"labels", TYPE(labels, "a mapping of words to text"), SITE(labels), .effect = CHANGE_LIVE},
	{"address", TYPE(address, "an address, or any"), SITE(address), .effect = CHANGE_ELSEWHERE},
	{"outer", TYPE(family, "ipv4 or ipv6"), SITE(outer_family), .effect = CHANGE_TUNNEL},
	{"rate", TYPE(rate, "64k to 400G"), SITE(rate), .effect = CHANGE_LIVE},
	{"packets_per_second", TYPE(pps, "100 to 1000M"), SITE(pps), .effect = CHANGE_LIVE},
	{"max_prefixes", NUMBER(1, 100000), SITE(max_prefixes_in), .effect = CHANGE_LIVE},
	{"max_prefixes_out", NUMBER(1, 100000), SITE(max_prefixes_out), .effect = CHANGE_LIVE},
	{"allow_default", SWITCH, SITE(allow_default), .initial = "false", .effect = CHANGE_LIVE},
	{"share_default", SWITCH, SITE(share_default), .initial = "false", .effect = CHANGE_LIVE},
	{"source_check",
		WORDS([SOURCES_STRICT] = "strict", [SOURCES_LOOSE] = "loose",
			[SOURCES_OFF] = "off"),
		SITE(source_check), .effect = CHANGE_LIVE},
	{"propagate", SWITCH, SITE(propagate), .initial = "on", .effect = CHANGE_LIVE},
	{"as_override", SWITCH, SITE(as_override), .initial = "false", .effect = CHANGE_LIVE},
	{"allow_as_in", NUMBER(1, 10), SITE(allow_as_in), .effect = CHANGE_LIVE},
	{"bgp_transport", TYPE(family, "ipv4 or ipv6"), SITE(bgp_family), .initial = "ipv4",
		.effect = CHANGE_SESSION},
	{"ttl_security", SWITCH, SITE(ttl_security), .initial = "off", .effect = CHANGE_SESSION},
	{"bgp_password", TYPE(key_ref, "a reference"), SITE(bgp_password),
		.effect = CHANGE_SESSION},
	{"bfd", TYPE(bfd, "on, off, or an interval and a multiplier"), SITE(bfd), .initial = "off",
		.effect = CHANGE_LIVE},
	{"prefixes", TYPE(networks, "a list of prefixes"), SITE(prefixes), .effect = CHANGE_LIVE},
	{"accept", TYPE(accept, "a list of prefixes, each with a longest length"), SITE(accept),
		.effect = CHANGE_LIVE},
	{"routing", TYPE(routing, "bgp or static"), SITE(routing), .whole = true, .initial = "bgp",
		.effect = CHANGE_SESSION},
	{"static_routes", TYPE(static_routes, "a list of prefixes"), SITE(statics), .whole = true,
		.effect = CHANGE_LIVE},
	{"ecmp", TYPE(ecmp, "true or false"), SITE(ecmp), .whole = true, .initial = "off",
		.effect = CHANGE_LIVE},
	{"tunnels", .read = read_tunnels, .whole = true, .required = true,
		.effect = CHANGE_ELSEWHERE},
	{.key = NULL},
};

/* ---- the concentrator ---- */

static bool read_address_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct endpoint_conf *e = to;

	if (!read_address(w, node, &e->addresses[index]))
		return false;
	if (!addr_is_set(&e->addresses[index]))
		return walk_fail(w, node, "an address of the hub is needed");
	e->address_count = index + 1;
	return true;
}

static bool read_addresses(struct walk *w, const yaml_node_t *node, void *to)
{
	struct endpoint_conf *e = to;

	return walk_sequence(w, node, CONFIG_ADDRESSES_MAX, read_address_item, e);
}

static const struct walk_field endpoint_fields[] = {
	{"device", .read = read_device, AT(endpoint_conf, device), .required = true},
	{"addresses", .read = read_addresses, .whole = true, .required = true},
	{.key = NULL},
};

static bool read_endpoint_item(
	struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct concentrator_conf *c = to;

	c->endpoint_count = index + 1;
	return walk_mapping(w, node, endpoint_fields, &c->endpoints[index]);
}

static bool read_endpoints(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_ENDPOINTS, read_endpoint_item, to);
}

#define HUB(member) AT(concentrator_conf, member)

const struct walk_field options_concentrator[] = {
	{"name", TYPE(name, "a name"), HUB(name), .required = true, .effect = CHANGE_LIVE},
	{"asn", TYPE(asn, "1 to 4294967294"), HUB(asn), .initial = "64512",
		.effect = CHANGE_RESTART},
	{"router_id", TYPE(router_id, "an IPv4 address"), HUB(router_id), .effect = CHANGE_SESSION},
	{"endpoints", TYPE(endpoints, "one or two devices with addresses"), .whole = true,
		SPAN(concentrator_conf, endpoint_count, endpoints), .required = true,
		.effect = CHANGE_TUNNEL},
	{"networks", TYPE(networks, "a list of prefixes"), HUB(networks), .effect = CHANGE_LIVE},
	{"identity", TYPE(identity, "an IKE identity"), HUB(identity), .effect = CHANGE_ELSEWHERE},
	{"site_rate", TYPE(rate, "64k to 400G"), HUB(site_rate), .initial = "100M",
		.effect = CHANGE_ELSEWHERE},
	{"site_packets_per_second", TYPE(pps, "100 to 1000M"), HUB(site_pps), .initial = "140000",
		.effect = CHANGE_ELSEWHERE},
	{"aggregate_rate", TYPE(rate, "64k to 400G"), HUB(aggregate_rate), .initial = "5G",
		.effect = CHANGE_LIVE},
	{"burst", TYPE(bytes, "3k to 64M"), HUB(burst), .initial = "250k", .effect = CHANGE_LIVE},
	{"rate_bytes", WORDS([RATE_INNER] = "inner", [RATE_OUTER] = "outer"),
		HUB(packets.rate_bytes), .initial = "inner", .effect = CHANGE_LIVE},
	{"pacing_horizon", TYPE(horizon, "0 to 200ms"), HUB(packets.pacing_horizon_us),
		.initial = "25ms", .effect = CHANGE_LIVE},
	{"ecn_marking", SWITCH, HUB(packets.ecn_marking), .initial = "false",
		.effect = CHANGE_LIVE},
	{"outside_forwarding", SWITCH, HUB(outside_forwarding), .initial = "false",
		.effect = CHANGE_LIVE},
	{"dataplane",
		WORDS([DATAPLANE_AUTO] = "auto", [DATAPLANE_AF_XDP] = "af_xdp",
			[DATAPLANE_XFRM] = "xfrm"),
		HUB(dataplane), .initial = "auto", .effect = CHANGE_RESTART},
	{"df", WORDS([DF_COPY] = "copy", [DF_CLEAR] = "clear", [DF_SET] = "set"), HUB(packets.df),
		.initial = "copy", .effect = CHANGE_LIVE},
	{"workers", TYPE(workers, "auto, or 1 to 16"), HUB(workers), .initial = "1",
		.effect = CHANGE_RESTART},
	{"route_table", TYPE(table, "main, or 1 to 4294967294"), HUB(route_table),
		.initial = "main", .effect = CHANGE_LIVE},
	{"hold_time", NUMBER(3, 3600), HUB(hold_s), .initial = "30", .effect = CHANGE_NEXT},
	{"keepalive", NUMBER(1, 1200), HUB(keepalive_s), .initial = "10", .effect = CHANGE_NEXT},
	{"site_to_site", SWITCH, HUB(site_to_site), .initial = "true", .effect = CHANGE_LIVE},
	{"site_services", TYPE(services, "a list of tcp/PORT, udp/PORT, or any"),
		HUB(site_services), .effect = CHANGE_LIVE},
	{"access", TYPE(access, "a list of groups of users or certificates, each with a role"),
		HUB(access), .effect = CHANGE_LIVE},
	{"alarms", TYPE(alarms, "a list of rules"), HUB(alarms), .effect = CHANGE_LIVE},
	{"api", TYPE(endpoint, "ADDRESS:PORT"), HUB(api), .effect = CHANGE_LIVE},
	{"api_role", .words = role_names, HUB(api_role), .initial = "viewer",
		.effect = CHANGE_LIVE},
	{"api_certificate", TYPE(secret_ref, "a reference"), HUB(api_certificate.chain),
		.effect = CHANGE_LIVE},
	{"api_private_key", TYPE(secret_ref, "a reference"), HUB(api_certificate.key),
		.effect = CHANGE_LIVE},
	{"api_ca", TYPE(refs, "a list of references"), HUB(api_ca), .effect = CHANGE_LIVE},
	{"api_crl", TYPE(refs, "a list of references"), HUB(api_crl), .effect = CHANGE_LIVE},
	{"source_check",
		WORDS([SOURCES_STRICT] = "strict", [SOURCES_LOOSE] = "loose",
			[SOURCES_OFF] = "off"),
		HUB(source_check), .initial = "strict", .effect = CHANGE_ELSEWHERE},
	{"graceful_restart", SWITCH, HUB(graceful_restart), .initial = "true",
		.effect = CHANGE_NEXT},
	{"med_mode", WORDS([MED_EQUAL] = "equal", [MED_PRIMARY_BACKUP] = "primary-backup"),
		HUB(med_mode), .initial = "equal", .effect = CHANGE_LIVE},
	{"drain_med", NUMBER(1, 4294967295), HUB(drain_med), .initial = "10",
		.effect = CHANGE_LIVE},
	{"allow_fast_dpd", SWITCH, HUB(allow_fast_dpd), .initial = "false", .effect = CHANGE_LIVE},
	{"metrics", TYPE(endpoint, "ADDRESS:PORT"), HUB(metrics), .effect = CHANGE_LIVE},
	{"log_directory", TYPE(directory, "an absolute path"), HUB(log_directory),
		.effect = CHANGE_LIVE},
	{"certificate", TYPE(secret_ref, "a reference"), HUB(certificate.chain),
		.effect = CHANGE_ELSEWHERE},
	{"private_key", TYPE(secret_ref, "a reference"), HUB(certificate.key),
		.effect = CHANGE_ELSEWHERE},
	{"ca", TYPE(refs, "a list of references"), HUB(ca), .effect = CHANGE_JUDGED},
	{"crl", TYPE(refs, "a list of references"), HUB(crl), .effect = CHANGE_JUDGED},
	{"crl_required", SWITCH, HUB(crl_required), .initial = "false", .effect = CHANGE_JUDGED},
	{.key = NULL},
};

bool option_names_file(const struct walk_field *f)
{
	return f->read == read_secret_ref || f->read == read_key_ref || f->read == read_refs ||
	       f->read == read_directory;
}
