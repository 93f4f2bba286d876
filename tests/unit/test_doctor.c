/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor: each rule with what it finds, and nothing of a hub that is well, or whose tunnels only begin. */
#include "doctor/rule.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "state/stats_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW         (864000 * CLOCK_SECOND)     /* ten days after the machine's start */
#define WALL        (1796472000 * CLOCK_SECOND) /* 2026-12-05T12:00:00Z */
#define AGO(s)      (NOW - (s)*CLOCK_SECOND)
#define WALL_AGO(s) (WALL - (s)*CLOCK_SECOND)
#define SITES       4

static struct {
	struct config *config;
	struct model model;
	struct site sites[SITES];
	struct fair fair[SLUICE_DIRECTIONS];
	struct doctor_snapshot s;
	struct doctor_report *r;
} lab;

static struct config *parse(void)
{
	char text[8192], error[CONFIG_ERROR_SIZE];
	size_t n = (size_t)snprintf(text, sizeof(text),
		"concentrator:\n  name: hub\n  asn: 64512\n  identity: hub.example\n"
		"  networks: [10.0.0.0/16]\n  aggregate_rate: 1G\n"
		"  endpoints: [{ device: wan0, addresses: [198.51.100.1] },\n"
		"    { device: wan1, addresses: [198.51.101.1] }]\nsites:\n");
	struct config *c;

	for (int i = 0; i < SITES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"  - { name: s%d, asn: %d, max_prefixes: 10, tunnels: [\n"
			"    { inside: 169.254.%d.0/30, identity: store%d.t0.example, psk: "
			"'file:/k' },\n"
			"    { inside: 169.254.%d.4/30, identity: store%d.t1.example, psk: "
			"'file:/k' } ] }\n",
			i, 65001 + i, 10 + i, 100 + i * 11, 10 + i, 100 + i * 11);
	c = config_parse("t", text, n, error);
	if (!c)
		fail_msg("%s", error);
	return c;
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static struct site_tunnel *tunnel(unsigned int i, unsigned int t)
{
	return &lab.sites[i].tunnels[t];
}

static void set_well(struct site_tunnel *t, unsigned int n)
{
	char peer[32];

	snprintf(peer, sizeof(peer), "203.0.113.%u", n);
	t->open = true;
	t->since_wall_ns = t->turned_wall_ns = WALL_AGO(7200);
	t->opened_ns = AGO(7200);
	t->ike = (struct tunnel_ike){.phase = TUNNEL_UP,
		.ike_version = 2,
		.peer = {.addr = address(peer), .port = 4500},
		.ike_proposal = "aes128gcm16-prfsha256-ecp256"};
	t->last_peer = t->ike.peer;
	t->sa_count = 1;
	t->sas[0] = (struct tunnel_sa){.spi_in = 1, .in_use = true, .inner_mtu = 1422};
	t->path = (struct tunnel_path){.path_mtu = 1500, .inner_mtu = 1422};
	t->bgp = (struct tunnel_bgp){.state = BGP_ESTABLISHED,
		.prefixes_in = 3,
		.established_wall_ns = WALL_AGO(7190),
		.turned_wall_ns = WALL_AGO(7190)};
	t->bfd = (struct tunnel_bfd){.present = true,
		.state = BFD_UP,
		.remote_state = BFD_UP,
		.packets_in = 1000,
		.packets_out = 1000};
}

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.config = parse();
	lab.model.config = lab.config;
	lab.model.started_ns = AGO(86400);
	lab.model.host.outside_count = 2;
	for (int e = 0; e < 2; e++) {
		snprintf(lab.model.host.outside[e].name, 16, "wan%d", e);
		lab.model.host.outside[e].mtu = e ? 1500 : 9000;
	}
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		fair_aggregate_set(&lab.fair[d], 1000000000);
		lab.model.fair[d] = &lab.fair[d];
	}
	for (int i = 0; i < MODEL_PROCESSES; i++)
		lab.model.plane.processes[i] = (struct model_process){
			.name = i ? "ike" : "hub", .pid = 40 + i, .uptime_s = 86400};
	for (unsigned int i = 0; i < SITES; i++) {
		lab.sites[i].slot = i;
		lab.sites[i].conf = lab.config->sites[i];
		lab.sites[i].history = history_new(AGO(86400));
		lab.model.sites[i] = &lab.sites[i];
		set_well(tunnel(i, 0), 10 + i);
		set_well(tunnel(i, 1), 110 + i);
	}
	lab.s = (struct doctor_snapshot){
		.model = &lab.model, .whole = true, .now_ns = NOW, .wall_ns = WALL};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	doctor_free(lab.r);
	for (int i = 0; i < SITES; i++)
		history_free(lab.sites[i].history);
	config_free(lab.config);
	return 0;
}

static void again(void)
{
	teardown(NULL);
	setup(NULL);
}

static void look(void)
{
	doctor_free(lab.r);
	lab.r = doctor_look(&lab.s);
}

static void nothing(void)
{
	look();
	if (lab.r->count)
		fail_msg("found: %s: %s", lab.r->list[0].id, lab.r->list[0].text);
}

static const struct doctor_finding *only(const char *id)
{
	look();
	for (size_t i = 0; lab.r->count != 1 && i < lab.r->count; i++)
		print_message("%s: %s\n", lab.r->list[i].id, lab.r->list[i].text);
	if (lab.r->count != 1)
		fail_msg("%s: %zu findings", id, lab.r->count);
	assert_string_equal(lab.r->list[0].id, id);
	return &lab.r->list[0];
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* ---- what is broken ---- */

static void fall(struct site_tunnel *t, unsigned int seconds, enum reason why, const char *detail)
{
	static const struct ip_endpoint none;

	t->open = false;
	t->sa_count = 0;
	t->since_wall_ns = t->turned_wall_ns = WALL_AGO(seconds);
	memset(&t->ike, 0, sizeof(t->ike));
	snprintf(t->ike.reason, sizeof(t->ike.reason), "%s", reason_code(why));
	snprintf(t->ike.detail, sizeof(t->ike.detail), "%s", detail);
	t->bgp = (struct tunnel_bgp){0};
	t->bfd = (struct tunnel_bfd){0};
	for (int i = 0; i < 3; i++)
		refusals_take(&t->refused, reason_code(why), detail, &none,
			WALL_AGO(seconds) + (uint64_t)i * CLOCK_SECOND);
}

static void end_session(struct site_tunnel *t, enum bgp_why why, const char *detail)
{
	t->bgp = (struct tunnel_bgp){
		.state = BGP_ACTIVE, .why = why, .turned_wall_ns = WALL_AGO(300)};
	snprintf(t->bgp.detail, sizeof(t->bgp.detail), "%s", detail);
}

static void knock(const char *from, enum reason why, const char *detail)
{
	struct unknown_entry *u = &lab.model.unknown.places[3];

	*u = (struct unknown_entry){.count = 5,
		.local = address("198.51.100.1"),
		.remote = {.addr = address(from), .port = 500},
		.proven = true,
		.reason = why,
		.first_wall_ns = WALL_AGO(50),
		.last_wall_ns = WALL_AGO(5)};
	snprintf(u->detail, sizeof(u->detail), "%s", detail);
}

static void drop(enum sluice_direction d, size_t field, uint64_t packets)
{
	struct site_stats none = {0}, some = {.offered = {10000, 15000000}};

	*(struct traffic *)((char *)&some + field) = (struct traffic){packets, packets * 1500};
	history_add(lab.sites[0].history, d, &none, AGO(31), &some, AGO(30));
}

enum kind {
	OF_IKE,  /* tunnel 0 of s0 is down, and ike says `reason` and `given` */
	OF_WILL, /* it is up, and ike says so */
	OF_BGP,  /* it is up, and its session is not, for `why` and `given` */
	OF_CODE, /* by `set` */
};

/* `text` and what to do, of the finding that is made. */
struct row {
	const char *id;
	enum kind kind;
	enum reason reason;
	enum bgp_why why;
	const char *given;
	void (*set)(void);
	const char *text, *advice;
};

static void admin_down(void)
{
	fall(tunnel(0, 0), 60, REASON_ADMIN_DOWN, "");
	tunnel(0, 0)->admin_down = true;
}

static void no_secret(void)
{
	fall(tunnel(0, 0), 60, REASON_NO_SECRET, "psk file:/k: No such file or directory");
	tunnel(0, 0)->no_secret = true;
}

static void wrong_at_its_address(void)
{
	fall(tunnel(0, 0), 60, REASON_DPD_TIMEOUT, "the peer showed no life for the DPD timeout");
	knock("203.0.113.10", REASON_UNKNOWN_ID, "identity fqdn:other.example");
}

static void wrong_elsewhere(void)
{
	fall(tunnel(0, 0), 60, REASON_WAITING, "waiting for the peer to start");
	knock("192.0.2.77", REASON_UNKNOWN_ID, "identity fqdn:stor100.t0.example");
}

static void proposal_at_its_address(void)
{
	fall(tunnel(0, 0), 60, REASON_PEER_DELETED_IKE, "");
	knock("203.0.113.10", REASON_NO_IKE_PROPOSAL, "offered 3des-md5-modp1024; allowed aes128");
}

static void version_at_its_address(void)
{
	fall(tunnel(0, 0), 60, REASON_PEER_DELETED_IKE, "");
	knock("203.0.113.10", REASON_IKE_VERSION, "version 1.0, allowed 2.0");
}

static void half_open_at_its_address(void)
{
	fall(tunnel(0, 0), 60, REASON_PEER_DELETED_IKE, "");
	knock("203.0.113.10", REASON_HALF_OPEN_TIMEOUT, "UDP 4500 from it may be blocked");
}

static void removed_at_its_address(void)
{
	fall(tunnel(0, 0), 60, REASON_PEER_DELETED_IKE, "");
	knock("203.0.113.10", REASON_NO_TUNNEL, "");
}

static void silent(void)
{
	fall(tunnel(0, 0), 7380, REASON_DPD_TIMEOUT, "the peer showed no life for the DPD timeout");
}

static void esp_50(void)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	tunnel(0, 0)->heard_ns = AGO(600);
	strcpy(tunnel(0, 0)->silent_text, "9 packets sent in the 600 s, none received");
}

static void esp_udp(void)
{
	esp_50();
	tunnel(0, 0)->sas[0].udp_encap = true;
}

static void deaf(void)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	tunnel(0, 0)->bgp.unanswered_since_ns = AGO(40);
	strcpy(tunnel(0, 0)->deaf_text, "nothing has answered the hub's SYN for 40 s");
}

static void bfd_init(void)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	tunnel(0, 0)->bfd.state = BFD_INIT;
}

static void selectors(void)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	strcpy(tunnel(0, 0)->sas[0].local_ts, "0.0.0.0/0");
	strcpy(tunnel(0, 0)->sas[0].remote_ts, "10.2.0.0/24");
}

static void ends(void)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	strcpy(tunnel(0, 0)->ends_text, "the device's inside address is 169.254.10.9");
}

static void second(void)
{
	static const struct ip_endpoint none;

	refusals_take(&tunnel(0, 0)->refused, "SECOND_CHILD",
		"asked for 10.7.0.0/24 to 0.0.0.0/0 beside the existing pair", &none, WALL_AGO(20));
}

static void narrow(void)
{
	tunnel(0, 0)->path = (struct tunnel_path){.path_mtu = 1300, .inner_mtu = 1238};
}

static void md5(enum tunnel_md5 kind)
{
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	tunnel(0, 0)->md5_at_ns = AGO(2);
	tunnel(0, 0)->md5_kind = kind;
	strcpy(tunnel(0, 0)->md5_text, "TCPMD5");
}

static void md5_missing(void)
{
	md5(TUNNEL_MD5_MISSING);
}

static void md5_wrong(void)
{
	md5(TUNNEL_MD5_WRONG);
}

static void md5_unexpected(void)
{
	md5(TUNNEL_MD5_UNEXPECTED);
}

static void limit(void)
{
	end_session(tunnel(0, 0), BGP_WHY_LIMIT, "prefix limit exceeded");
	tunnel(0, 0)->bgp.refused_until_ns = NOW + 43 * CLOCK_SECOND;
}

static void no_family(void)
{
	tunnel(0, 0)->bgp.why = BGP_WHY_NO_FAMILY;
}

static void announces_nothing(void)
{
	tunnel(0, 0)->bgp.prefixes_in = 0;
}

static void bfd_here(void)
{
	tunnel(0, 0)->bfd.state = BFD_DOWN;
	tunnel(0, 0)->bfd.packets_in = 0;
}

static void bfd_there(void)
{
	tunnel(0, 0)->bfd.present = false;
	tunnel(0, 0)->stray_bfd_ns = AGO(1);
}

static void bfd_off(void)
{
	tunnel(0, 0)->bfd.state = BFD_DOWN;
	tunnel(0, 0)->bfd.remote_state = BFD_ADMIN_DOWN;
}

static void kept_out(void)
{
	tunnel(0, 0)->bgp.kept_out = 2;
}

static void out_limited(void)
{
	tunnel(0, 0)->bgp.out_limited = true;
}

static void over_in(void)
{
	drop(SLUICE_IN, offsetof(struct site_stats, site_rate), 4000);
}

static void over_out(void)
{
	drop(SLUICE_OUT, offsetof(struct site_stats, horizon), 4000);
}

static void ring(void)
{
	drop(SLUICE_IN, offsetof(struct site_stats, ring_full), 7);
}

static void endpoint_lost(void)
{
	lab.model.endpoints[1][0] =
		(struct endpoint){.fault = ENDPOINT_NO_CARRIER, .since_wall_ns = WALL_AGO(300)};
	for (unsigned int i = 0; i < SITES; i++)
		fall(tunnel(i, 1), 300, REASON_DPD_TIMEOUT, "");
}

static void no_way(void)
{
	lab.model.endpoints[1][0].no_way = true;
}

static void all_silent(void)
{
	for (unsigned int i = 0; i < SITES; i++)
		fall(tunnel(i, 1), 300 - i, REASON_DPD_TIMEOUT, "");
}

static void unheard(void)
{
	lab.model.host.ike_unheard = true;
	silent();
}

static void not_forwarding(void)
{
	lab.model.host.settings_wrong = true;
}

static void strict(void)
{
	lab.model.host.rp_filter_strict = true;
}

static void inside_gone(void)
{
	lab.model.host.inside_gone = true;
	strcpy(lab.model.host.inside, "sluice0");
}

static void rule_wrong(void)
{
	lab.model.host.rule_wrong[1] = true;
}

static void metrics_missing(void)
{
	lab.model.host.metrics_missing = true;
}

static void api_missing(void)
{
	lab.model.host.api_missing = true;
}

static void process_gone(void)
{
	lab.model.plane.processes[2].pid = 0;
}

static void process_hung(void)
{
	lab.model.plane.processes[2].silent_s = 7;
}

static void process_restarted(void)
{
	lab.model.plane.processes[2].restarts = 1;
	lab.model.plane.processes[2].uptime_s = 90;
}

static void aggregate_in(void)
{
	lab.fair[SLUICE_IN].level = 80000000;
}

static void aggregate_out(void)
{
	lab.fair[SLUICE_OUT].level = 80000000;
}

static void events_lost(void)
{
	lab.model.events_lost = 20;
}

#define SAYS(ID, R, GIVEN, TEXT, ADVICE)                                                           \
	{                                                                                          \
		ID, OF_IKE, REASON_##R, 0, GIVEN, NULL, TEXT, ADVICE                               \
	}
#define WILL(ID, R, GIVEN, TEXT, ADVICE)                                                           \
	{                                                                                          \
		ID, OF_WILL, REASON_##R, 0, GIVEN, NULL, TEXT, ADVICE                              \
	}
#define ENDED(ID, W, GIVEN, TEXT, ADVICE)                                                          \
	{                                                                                          \
		ID, OF_BGP, 0, BGP_WHY_##W, GIVEN, NULL, TEXT, ADVICE                              \
	}
#define CODE(ID, SET, TEXT, ADVICE)                                                                \
	{                                                                                          \
		ID, OF_CODE, 0, 0, NULL, SET, TEXT, ADVICE                                         \
	}

static const struct row rows[] = {
	CODE("tunnel-off", admin_down, "s0 tunnel 0: an operator has switched it off",
		"`sluice tunnel up s0 0`"),
	CODE("no-secret", no_secret, "cannot be read: psk file:/k: No such file", "put the file"),
	CODE("wrong-identity", wrong_at_its_address,
		"the device at 203.0.113.10 says that it is fqdn:other.example, and "
		"fqdn:store100.t0.example is expected",
		"set its own IKE identity to fqdn:store100.t0.example"),
	CODE("wrong-identity", wrong_elsewhere,
		"192.0.2.77 says that it is fqdn:stor100.t0.example", "tunnels.0.identity="),
	CODE("no-ike-proposal", proposal_at_its_address, "offers 3des-md5-modp1024",
		"strongSwan: `proposals = aes"),
	CODE("ike-version", version_at_its_address, "version 1.0, allowed 2.0", "ike_versions"),
	CODE("half-open", half_open_at_its_address, "UDP 4500 from it may be blocked",
		"let UDP 500 and 4500 to and from 198.51.100.1 through"),
	CODE("refused-at-its-address", removed_at_its_address,
		"a device at 203.0.113.10 is refused", "Check the site's address"),
	SAYS("wrong-psk", WRONG_PSK, "the peer's pre-shared key differs from ours",
		"s0 tunnel 0: the device has another pre-shared key", "enter the key"),
	SAYS("wrong-identity", UNKNOWN_ID, "identity fqdn:x, expected fqdn:y", "identity fqdn:x",
		"fqdn:store100.t0.example"),
	SAYS("wrong-hub-identity", WRONG_LOCAL_ID, "wants fqdn:hub2, we are fqdn:hub.example",
		"wants fqdn:hub2", "set the identity of its peer to fqdn:hub.example"),
	SAYS("other-address", OTHER_ADDRESS, "it came from 203.0.113.9 to 198.51.101.1",
		"it came from 203.0.113.9", "dial 198.51.100.1"),
	SAYS("no-ike-proposal", NO_IKE_PROPOSAL, "offered 3des-md5-modp1024; allowed aes128-sha256",
		"the device offers 3des-md5-modp1024, and the hub allows aes128-sha256",
		"strongSwan: `proposals = aes"),
	SAYS("no-esp-proposal", NO_ESP_PROPOSAL, "offered 3des-md5; allowed aes128-sha256",
		"offered 3des-md5; allowed aes128-sha256", "strongSwan: `esp_proposals = aes"),
	WILL("no-esp-proposal", NO_ESP_PROPOSAL, "the tunnel ends at 2026-12-05T13:00:00Z",
		"the tunnel ends at", "esp_proposals"),
	WILL("pfs", PFS_REQUIRED, "no group is offered; allowed ecp256", "no group is offered",
		"switch PFS on"),
	WILL("rekey-refused", NO_IKE_PROPOSAL, "the tunnel ends at 2026-12-05T13:00:00Z",
		"it will end: the tunnel ends at", "proposals"),
	WILL("rekey-refused", PEER_REFUSED, "NO_PROPOSAL_CHOSEN", "NO_PROPOSAL_CHOSEN", "its log"),
	WILL("two-devices", TWO_DEVICES, "two devices take this tunnel from each other",
		"two devices take", "Give each device"),
	SAYS("auth-method", AUTH_METHOD, "PSK, certificates expected", "by another method: PSK",
		"`auth` of the tunnel"),
	SAYS("hub-not-believed", PEER_AUTH, "the responder could not prove its identity",
		"could not prove", "pre-shared key"),
	SAYS("ppk", PPK_MISSING, "", "and the device uses none", "enter the key of `ppk`"),
	SAYS("ppk", PPK_UNKNOWN, "keyid:x", "another post-quantum key: keyid:x",
		"identity of the key"),
	SAYS("certificate-expired", CERT_EXPIRED, "CN=store: valid until 2026-12-01", "valid until",
		"install a new certificate"),
	SAYS("certificate-not-yet-valid", CERT_NOT_YET_VALID, "CN=store: valid from 2026-12-09",
		"is not valid yet: CN=store", "clocks"),
	SAYS("certificate-revoked", CERT_REVOKED, "CN=store", "was revoked: CN=store", "`crl`"),
	SAYS("certificate-unknown-ca", CERT_UNTRUSTED, "CN=store: its issuer CN=x is not in `ca`",
		"its issuer CN=x", "add the authority"),
	SAYS("certificate-wrong-name", CERT_IDENTITY, "fqdn:x", "does not stand in its certificate",
		"issue it with fqdn:store100.t0.example"),
	SAYS("certificate", CERT_WEAK, "RSA-1024", "too weak: RSA-1024", "Use RSA of at least"),
	SAYS("selectors", TS_UNACCEPTABLE, "offered 172.16.0.0/12", "offered 172.16.0.0/12",
		"0.0.0.0/0"),
	SAYS("ike-version", IKE_VERSION, "version 1.0, allowed 2.0", "version 1.0", "ike_versions"),
	SAYS("ike-version", AGGRESSIVE, "", "aggressive mode", "main mode"),
	SAYS("peer-refused", PEER_REFUSED,
		"AUTHENTICATION_FAILED: it does not trust our certificate",
		"the device refuses: AUTHENTICATION_FAILED", "its log"),
	SAYS("half-open", HALF_OPEN_TIMEOUT, "it was answered and then silent",
		"does not go on: it was answered and then silent", "let UDP 500 and 4500"),
	SAYS("no-address", REMOTE_UNKNOWN, "", "does not know the device's address", "`address`"),
	CODE("silent", silent,
		"s0 tunnel 0: nothing has come from the device at 203.0.113.10 on UDP 500 and 4500 "
		"for 2 h 03 min",
		"dials 198.51.100.1"),
	SAYS("silent", WAITING, "waiting for the peer to start", "nothing has come from the device",
		"power"),
	SAYS("device-ended-it", PEER_DELETED_IKE, "", "the device has ended it",
		"its log says why"),
	SAYS("device-ended-it", PEER_DELETED_CHILD, "", "ended the SA pair", "its log says why"),
	SAYS("not-rekeyed", CHILD_EXPIRED, "", "no new ones were made", "phase 2 and PFS"),
	SAYS("not-rekeyed", IKE_EXPIRED, "", "was not rekeyed", "phase 1"),
	SAYS("down", CRYPTO, "a cryptographic operation failed here",
		"it is not up: a cryptographic operation failed here", "sluice show log s0"),
	CODE("esp-blocked", esp_50, "IP protocol 50 is blocked", "tunnels.0.encap=force"),
	CODE("esp-blocked", esp_udp, "in UDP 4500", "let UDP 4500"),
	CODE("esp-one-way", deaf, "does not reach BGP there", "encap=force"),
	CODE("esp-one-way", bfd_init, "does not hear the hub's", "UDP port 3784"),
	CODE("selectors-too-narrow", selectors,
		"the selectors 10.2.0.0/24 leave out the device's 169.254.10.2 inside address",
		"add 169.254.10.2 and 169.254.10.1"),
	CODE("inside-address", ends, "the device's inside address is 169.254.10.9",
		"give its tunnel interface 169.254.10.2, and its BGP neighbour 169.254.10.1"),
	CODE("policy-based", second, "it asked for 10.7.0.0/24 to 0.0.0.0/0", "route-based"),
	CODE("narrow-path", narrow,
		"the path takes 1300 bytes, less than the hub's links, which take 1500", "PPPoE"),
	CODE("md5-missing", md5_missing, "does not sign BGP", "169.254.10.1"),
	CODE("md5-wrong", md5_wrong, "with another password", "169.254.10.1"),
	CODE("md5-unexpected", md5_unexpected, "has no `bgp_password`", "set `bgp_password`"),
	ENDED("bgp-wrong-as", WRONG_AS, "OPEN refused: remote AS is 65099, expected 65001",
		"remote AS is 65099", "set its own AS to 65001"),
	ENDED("bgp-wrong-hub-as", BAD_AS, "NOTIFICATION received: bad peer AS",
		"expects another AS of the hub", "169.254.10.1 to 64512"),
	ENDED("bgp-hold-time", HOLD_TIME, "unacceptable hold time", "no common hold time",
		"at least 3 s"),
	CODE("prefix-limit", limit, "`max_prefixes`, which is 10; its session returns in 44 s",
		"max_prefixes="),
	ENDED("bgp-not-running", REFUSED, "the device refuses TCP port 179", "BGP does not run",
		"start BGP there"),
	ENDED("bgp-shut-down", SHUTDOWN, "NOTIFICATION received: Cease 6/2", "Cease 6/2",
		"switch its neighbour 169.254.10.1 on"),
	ENDED("bgp-notified", NOTIFIED, "NOTIFICATION received: Cease 6/5", "Cease 6/5", "its log"),
	ENDED("bgp-silent", SILENT, "hold timer expired", "hold timer expired", "too much to do"),
	ENDED("bgp-reset", RESET, "the device has reset the connection", "has reset the connection",
		"169.254.10.1 AS 64512 as a neighbour"),
	ENDED("bfd-down", BFD, "BFD: time expired", "BFD: time expired", "show bgp"),
	ENDED("no-session", OTHER, "connection: No route to host", "No route to host",
		"169.254.10.2 AS 65001"),
	CODE("no-family", no_family, "no address family in common", "unicast"),
	CODE("announces-nothing", announces_nothing, "announces nothing", "announce its networks"),
	CODE("bfd-hub-only", bfd_here, "BFD is on here", "port 3784"),
	CODE("bfd-device-only", bfd_there, "it is off here", "switch it on"),
	CODE("bfd-switched-off", bfd_off, "has switched BFD off", "switch BFD on"),
	CODE("prefixes-not-used", kept_out, "2 of 3 prefixes of the device are not used",
		"names whose they are"),
	CODE("announced-too-many", out_limited, "more prefixes than the site may be told of",
		"max_prefixes_out"),
	CODE("over-rate", over_in, "s0: the site sends more than its rate of 100.0 Mbit/s",
		"sluice report s0"),
	CODE("over-rate", over_out, "s0: more goes to the site than its rate", "sluice report s0"),
	CODE("endpoint-lost", endpoint_lost, "wan1 198.51.101.1 of the hub: link down (no carrier)",
		"ip addr show wan1"),
	CODE("no-way-out", no_way, "leads over wan1 but to its own network", "default route"),
	CODE("address-silent", all_silent,
		"nothing comes to wan1 198.51.101.1 of the hub from any of the 4 tunnels",
		"what is behind wan1"),
	CODE("process-gone", process_gone, "the process ike is not there", "log of the daemon"),
	CODE("process-hung", process_hung, "has not answered for 7 s", "log of the daemon"),
	CODE("inside-gone", inside_gone, "inside device sluice0 has gone", "restart"),
	CODE("firewall", unheard, "does not reach sluiced", "nft list ruleset"),
	CODE("not-forwarding", not_forwarding, "does not forward", "ip_forward"),
	CODE("rp-filter", strict, "reverse path filter", "rp_filter"),
	CODE("kernel-rule", rule_wrong, "forwarded from wan1", "ip rule"),
	CODE("ring-full", ring, "7 packets were dropped", "workers"),
	CODE("aggregate-short", aggregate_in, "the sites send more together", "sluice top"),
	CODE("aggregate-short", aggregate_out, "more goes to the sites together", "sluice top"),
	CODE("process-restarted", process_restarted, "was started again 90 s ago",
		"log of the daemon"),
	CODE("api-missing", api_missing, "API over TCP", "log of the daemon"),
	CODE("metrics-missing", metrics_missing, "metrics are not served", "log of the daemon"),
	CODE("events-lost", events_lost, "20 events", "log_directory"),
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void break_it(const struct row *row)
{
	struct site_tunnel *t = tunnel(0, 0);

	switch (row->kind) {
	case OF_IKE:
		fall(t, 60, row->reason, row->given);
		break;
	case OF_WILL:
		snprintf(t->ike.reason, sizeof(t->ike.reason), "%s", reason_code(row->reason));
		snprintf(t->ike.detail, sizeof(t->ike.detail), "%s", row->given);
		break;
	case OF_BGP:
		end_session(t, row->why, row->given);
		break;
	case OF_CODE:
		row->set();
		break;
	}
}

/* Alone, with its sentence, and with what to do. */
static void finds(void **state)
{
	const struct row *row = *state;
	const struct doctor_finding *f;
	char advice[2 * DOCTOR_TEXT_SIZE];

	setup(NULL);
	nothing();
	break_it(row);
	f = only(row->id);
	has(f->text, row->text);
	snprintf(advice, sizeof(advice), "%s\n%s", f->hub, f->device);
	has(advice, row->advice);
	for (const char *c = "{}[]"; *c; c++) {
		assert_null(strchr(f->text, *c));
		assert_null(strchr(advice, *c));
	}
	teardown(NULL);
}

static void every_rule_has_a_row(void **state)
{
	const struct doctor_rule *const tables[] = {doctor_rules_hub, doctor_rules_endpoint,
		doctor_rules_site, doctor_rules_ike, doctor_rules_esp, doctor_rules_bgp};

	(void)state;
	for (size_t k = 0; k < sizeof(tables) / sizeof(tables[0]); k++) {
		for (const struct doctor_rule *r = tables[k]; r->id; r++) {
			bool found = false;

			for (size_t i = 0; i < ROWS && !found; i++)
				found = !strcmp(rows[i].id, r->id) &&
					(!r->reason || rows[i].reason == r->reason ||
						rows[i].kind == OF_CODE);
			if (!found)
				fail_msg("%s: no test finds it", r->id);
		}
	}
}

/* ---- what is no news ---- */

static void beginning(void **state)
{
	(void)state;
	fall(tunnel(0, 0), 9, REASON_PEER_DELETED_IKE, "the peer deleted the IKE SA");
	nothing();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_STARTING);
	fall(tunnel(0, 0), 34, REASON_DPD_TIMEOUT, "the peer showed no life for the DPD timeout");
	nothing();
	set_well(tunnel(0, 0), 10);
	tunnel(0, 0)->turned_wall_ns = WALL_AGO(9);
	tunnel(0, 0)->opened_ns = AGO(9);
	end_session(tunnel(0, 0), BGP_WHY_UNANSWERED, "no connection yet");
	tunnel(0, 0)->bgp.turned_wall_ns = 0;
	nothing();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_STARTING);
	/* A session that ended just now. */
	set_well(tunnel(0, 0), 10);
	end_session(tunnel(0, 0), BGP_WHY_RESET, "the device has closed the connection");
	tunnel(0, 0)->bgp.turned_wall_ns = WALL_AGO(9);
	nothing();
	/* A hub that has just started. */
	fall(tunnel(0, 0), 3600, REASON_PEER_DELETED_IKE, "the peer deleted the IKE SA");
	lab.model.started_ns = AGO(9);
	nothing();
}

/* What ike noted before it came up again is no news. */
static void rekeying(void **state)
{
	static const struct ip_endpoint none;

	(void)state;
	refusals_take(&tunnel(0, 0)->refused, "TEMPORARY_FAILURE", "", &none, WALL_AGO(3));
	refusals_take(&tunnel(0, 0)->refused, "AUTH_WRONG_PSK", "", &none, WALL_AGO(100));
	tunnel(0, 0)->since_wall_ns = WALL_AGO(1);
	tunnel(0, 0)->sa_count = 2;
	tunnel(0, 0)->sas[1] = tunnel(0, 0)->sas[0];
	tunnel(0, 0)->sas[0].in_use = false;
	nothing();
}

static void strangers(void **state)
{
	(void)state;
	/* A scanner, and a device of nobody. */
	knock("192.0.2.77", REASON_NO_IKE_PROPOSAL, "offered 3des-md5-modp1024; allowed aes128");
	nothing();
	knock("192.0.2.77", REASON_UNKNOWN_ID, "identity fqdn:nobody.invalid");
	nothing();
	/* Its identity is nearly that of two tunnels that are not up. */
	fall(tunnel(0, 0), 34, REASON_WAITING, "");
	fall(tunnel(1, 0), 34, REASON_WAITING, "");
	knock("192.0.2.77", REASON_UNKNOWN_ID, "identity fqdn:store101.t0.example");
	nothing();
	set_well(tunnel(0, 0), 10);
	set_well(tunnel(1, 0), 11);
	/* One that was at the address of a tunnel that is up. */
	knock("203.0.113.10", REASON_UNKNOWN_ID, "identity fqdn:other.example");
	nothing();
}

/* Of each cause how often; what is no failure, and what was too long ago, is not counted. */
static void refusals(void **state)
{
	static const struct ip_endpoint none;
	static const char *const codes[] = {
		"AUTH_WRONG_PSK", "NO_ANSWER", "IKE_VERSION", "PEER_REFUSED", "DPD_TIMEOUT"};
	struct refusals r = {0};

	(void)state;
	refusals_take(&r, "CHILD_UP", "", &none, WALL);
	refusals_take(&r, "NO_SUCH_CODE", "", &none, WALL);
	refusals_take(&r, "", "", &none, WALL);
	assert_int_equal(r.kept[0].count, 0);
	for (unsigned int i = 0; i < 5; i++) {
		refusals_take(&r, codes[i], "a", &none, WALL + i * CLOCK_SECOND);
		refusals_take(&r, codes[i], "b", &none, WALL + i * CLOCK_SECOND + 1);
	}
	assert_null(refusals_find(&r, codes[0]));
	assert_null(refusals_find(&r, ""));
	for (unsigned int i = 1; i < 5; i++) {
		const struct refusal *of = refusals_find(&r, codes[i]);

		assert_int_equal(of->count, 2);
		assert_int_equal(of->first_wall_ns, WALL + i * CLOCK_SECOND);
		assert_string_equal(of->detail, "b");
	}
	refusals_take(&r, codes[4], "c", &none, WALL + 5 * CLOCK_SECOND + REFUSALS_PAUSE);
	assert_int_equal(refusals_find(&r, codes[4])->count, 1);
}

/* ---- what belongs together ---- */

static void one_cause_of_many(void **state)
{
	const struct doctor_finding *f;

	(void)state;
	endpoint_lost();
	f = only("endpoint-lost");
	assert_int_equal(f->tunnels_lost, SITES);
	for (uint32_t i = 0; i < SITES; i++)
		assert_true(doctor_names(f, i) && doctor_concerns(f, &lab.sites[i], 1));
	assert_int_equal(f->since_wall_ns, WALL_AGO(300));
	assert_false(doctor_names(f, SITES));
	again();
	all_silent();
	f = only("address-silent");
	assert_int_equal(f->tunnels_lost, SITES);
	/* One of them is heard: then it is theirs, each. */
	set_well(tunnel(3, 1), 113);
	look();
	assert_int_equal(lab.r->count, SITES - 1);
	assert_int_equal(lab.r->list[0].severity, DOCTOR_WARNING);
	assert_true(doctor_names(&lab.r->list[0], 1) && doctor_names(&lab.r->list[0], 2));
	assert_false(doctor_names(&lab.r->list[0], 0) || doctor_names(&lab.r->list[0], 3));
	assert_true(doctor_concerns(&lab.r->list[0], &lab.sites[0], 1));
	assert_false(doctor_concerns(&lab.r->list[0], &lab.sites[0], 0));
	assert_false(doctor_concerns(&lab.r->list[0], &lab.sites[1], 1));
}

static void both_tunnels(void **state)
{
	const struct doctor_finding *f;

	(void)state;
	fall(tunnel(0, 0), 7380, REASON_DPD_TIMEOUT, "");
	f = only("silent");
	assert_int_equal(f->severity, DOCTOR_WARNING);
	has(f->evidence, "tunnel 1 carries the site alone, for 2 h 03 min");
	fall(tunnel(0, 1), 3660, REASON_DPD_TIMEOUT, "");
	f = only("silent");
	assert_int_equal(f->severity, DOCTOR_ERROR);
	assert_int_equal(f->tunnels, 3);
	assert_int_equal(f->tunnels_lost, 2);
	assert_int_equal(f->since_wall_ns, WALL_AGO(3660));
	has(f->text,
		"s0: nothing has come from the site on UDP 500 and 4500 for 61 min, by either");
}

/* What mends one of them does not mend the other. */
static void what_to_do_for_each(void **state)
{
	const struct doctor_finding *f;

	(void)state;
	for (unsigned int t = 0; t < 2; t++)
		fall(tunnel(0, t), 60, REASON_UNKNOWN_ID, "the peer says that it is fqdn:another");
	f = only("wrong-identity");
	assert_int_equal(f->tunnels, 3);
	has(f->hub, "tunnels.0.identity");
	has(f->hub, "tunnels.1.identity");
}

static void the_order(void **state)
{
	static const char *const order[] = {
		"endpoint-lost", "silent", "wrong-psk", "over-rate", "tunnel-off"};

	(void)state;
	endpoint_lost();
	set_well(tunnel(3, 1), 113);
	fall(tunnel(1, 0), 7380, REASON_DPD_TIMEOUT, "");
	fall(tunnel(3, 0), 60, REASON_WRONG_PSK, "the peer's pre-shared key differs from ours");
	fall(tunnel(2, 0), 60, REASON_ADMIN_DOWN, "");
	tunnel(2, 0)->admin_down = true;
	over_in();
	look();
	assert_int_equal(lab.r->count, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(lab.r->list[i].id, order[i]);
}

static void verdicts(void **state)
{
	(void)state;
	esp_50();
	look();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_CONTROL_ONLY);
	assert_int_equal(lab.r->verdicts[0][1], VERDICT_UP);
	again();
	deaf();
	look();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_ONE_WAY);
	silent();
	look();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_DEAD);
	/* An IKE SA that got no pair. */
	strcpy(tunnel(0, 0)->ike.ike_proposal, "aes128gcm16-prfsha256-ecp256");
	tunnel(0, 0)->ike.phase = TUNNEL_NEGOTIATING;
	look();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_CONTROL_ONLY);
	admin_down();
	look();
	assert_int_equal(lab.r->verdicts[0][0], VERDICT_OFF);
	assert_int_equal(lab.r->verdicts[9][0], VERDICT_NONE);
}

/* Who sees some sites only hears nothing of strangers, of processes, and of what others suffer. */
static void not_all_of_it(void **state)
{
	(void)state;
	lab.s.whole = false;
	wrong_at_its_address();
	process_gone();
	only("silent");
	lab.model.endpoints[0][0] = (struct endpoint){.fault = ENDPOINT_DOWN};
	lab.model.sites[0] = NULL;
	assert_int_equal(only("endpoint-lost")->tunnels_lost, 0);
}

/* A hundred sites with something wrong everywhere: the hub does nothing else meanwhile. */
static void is_quick(void **state)
{
	static struct site many[CONFIG_SITES_MAX];
	struct timespec a, b;
	double ms;

	(void)state;
	for (uint32_t i = 0; i < CONFIG_SITES_MAX; i++) {
		memcpy(&many[i], &lab.sites[i % SITES], sizeof(many[i]));
		many[i].slot = i;
		snprintf(many[i].conf.name, sizeof(many[i].conf.name), "m%u", i);
		fall(&many[i].tunnels[0], 60, REASON_NO_IKE_PROPOSAL,
			"offered 3des; allowed aes128");
		fall(&many[i].tunnels[1], 60, REASON_WAITING, "");
		lab.model.sites[i] = &many[i];
	}
	for (uint32_t i = 0; i < UNKNOWN_MAX; i++) {
		knock("192.0.2.77", REASON_UNKNOWN_ID, "identity fqdn:stone-wall.t0.example");
		lab.model.unknown.places[i] = lab.model.unknown.places[3];
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	look();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	print_message("%u sites, %zu findings: %.1f ms\n", CONFIG_SITES_MAX, lab.r->count, ms);
	assert_true(ms < 1000); /* under sanitizers, on a machine that does other things, too */
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(every_rule_has_a_row),
		cmocka_unit_test(refusals),
		cmocka_unit_test_setup_teardown(beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(rekeying, setup, teardown),
		cmocka_unit_test_setup_teardown(strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(one_cause_of_many, setup, teardown),
		cmocka_unit_test_setup_teardown(both_tunnels, setup, teardown),
		cmocka_unit_test_setup_teardown(what_to_do_for_each, setup, teardown),
		cmocka_unit_test_setup_teardown(the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(not_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(is_quick, setup, teardown),
	};
	struct CMUnitTest tests[ROWS];
	int failed;

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){
			.name = rows[i].id, .test_func = finds, .initial_state = (void *)&rows[i]};
	failed = cmocka_run_group_tests_name("doctor finds", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("doctor", others, NULL, NULL);
}
