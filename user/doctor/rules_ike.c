/* SPDX-License-Identifier: Apache-2.0 */
/* Rung IKE: why a tunnel has no keys, or will have none soon. */
#include "doctor/rule.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>

/* ---- what ike says of the tunnel ---- */

/* The part of `text` between two marks; of the second one, or of the end. */
static void cut(
	struct doctor_case *c, const char *name, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from), *end;

	if (!at)
		return;
	at += strlen(from);
	end = strstr(at, to);
	doctor_word(c, name, "%.*s", (int)(end ? (size_t)(end - at) : strlen(at)), at);
}

/* How often it was seen, and with which words. */
static void note_refusal(struct doctor_case *c)
{
	const struct refusal *r = refusals_find(&c->state->refused, c->state->ike.reason);
	const char *detail = c->state->ike.detail;

	c->since_wall_ns = c->state->turned_wall_ns;
	doctor_word(c, "detail", "%s", detail);
	cut(c, "offered", detail, "offered ", "; allowed ");
	cut(c, "allowed", detail, "allowed ", "; ");
	if (!r)
		return;
	c->count = r->count;
	c->last_wall_ns = r->last_wall_ns;
	if (r->count > 1) {
		char first[DATE_TEXT_SIZE];

		snprintf(c->evidence, sizeof(c->evidence), "%s %u times since %s", r->code,
			r->count, date_format((int64_t)(r->first_wall_ns / CLOCK_SECOND), first));
	}
}

static bool is_up(const struct doctor_case *c)
{
	return c->state->ike.phase == TUNNEL_UP;
}

/* A reason of the tunnel, which is not up. */
static bool says(struct doctor_case *c)
{
	if (is_up(c) || strcmp(c->state->ike.reason, reason_code(c->rule->reason)) != 0)
		return false;
	note_refusal(c);
	return true;
}

/* The same, or of one that is up and will not stay so. */
static bool says_or_will(struct doctor_case *c)
{
	if (strcmp(c->state->ike.reason, reason_code(c->rule->reason)) != 0)
		return false;
	note_refusal(c);
	return true;
}

/* Of one that is up. */
static bool will(struct doctor_case *c)
{
	return is_up(c) && says_or_will(c);
}

static bool cert_says(struct doctor_case *c)
{
	static const enum reason reasons[] = {REASON_CERT_NONE, REASON_CERT_TOO_LARGE,
		REASON_CERT_MALFORMED, REASON_CERT_NO_CRL, REASON_CERT_USAGE, REASON_CERT_WEAK,
		REASON_CERT_SIGNATURE, REASON_CERT_OWN};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (is_up(c) || strcmp(c->state->ike.reason, reason_code(reasons[i])) != 0)
			continue;
		note_refusal(c);
		doctor_word(c, "what", "%s", reason_sentence(reasons[i]));
		return true;
	}
	return false;
}

static bool is_off(struct doctor_case *c)
{
	c->since_wall_ns = c->state->turned_wall_ns;
	return c->state->admin_down;
}

static bool no_secret(struct doctor_case *c)
{
	if (!c->state->no_secret || is_up(c))
		return false;
	note_refusal(c);
	return true;
}

/* ---- devices that no tunnel is known for ---- */

/* A reason of a device that is probably this tunnel's; REASON_NONE: any. */
static bool stranger_says(struct doctor_case *c)
{
	const struct unknown_entry *u;
	char at[ADDR_STR_SIZE];

	if (is_up(c) || !c->s->whole)
		return false;
	if (!c->searched)
		c->stranger = doctor_stranger_find(c);
	c->searched = true;
	u = c->stranger ? c->stranger->entry : NULL;
	if (!u || (c->rule->reason != REASON_NONE && u->reason != c->rule->reason))
		return false;
	c->since_wall_ns = c->state->turned_wall_ns;
	c->last_wall_ns = u->last_wall_ns;
	c->count = u->count;
	doctor_word(c, "from", "%s", addr_format(&u->remote.addr, at));
	doctor_word(c, "theirs", "%.*s", (int)c->stranger->identity_len, c->stranger->identity);
	doctor_word(c, "what", "%s", reason_sentence(u->reason));
	doctor_word(c, "detail", "%s", u->detail);
	cut(c, "offered", u->detail, "offered ", "; allowed ");
	cut(c, "allowed", u->detail, "allowed ", "; ");
	doctor_word(c, "advice", "%s", reason_advice(u->reason));
	snprintf(c->evidence, sizeof(c->evidence),
		"%s from %s, %u times; see `sluice show unknown`", reason_code(u->reason), at,
		u->count);
	return true;
}

/* ---- nothing comes ---- */

/* Time alone has told, and nobody anything. */
static bool knows_nothing(const struct doctor_case *c)
{
	static const enum reason reasons[] = {
		REASON_NONE, REASON_WAITING, REASON_DPD_TIMEOUT, REASON_TIMEOUT};
	bool known = true;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		known &= strcmp(c->state->ike.reason, reason_code(reasons[i])) != 0;
	return !known && !is_up(c) && !c->state->ike.ike_proposal[0];
}

static bool is_silent(struct doctor_case *c)
{
	char span[DOCTOR_SPAN_SIZE];

	if (!knows_nothing(c) || doctor_is_young(c, DOCTOR_SILENT_NS))
		return false;
	c->since_wall_ns = c->state->turned_wall_ns;
	doctor_word(c, "span", "%s",
		doctor_span((c->s->wall_ns - c->since_wall_ns) / CLOCK_SECOND, span));
	return true;
}

/* Whatever else: a tunnel that is not up has a reason. */
static bool is_down(struct doctor_case *c)
{
	if (is_up(c) || knows_nothing(c))
		return false;
	note_refusal(c);
	if (!c->state->ike.detail[0])
		doctor_word(c, "detail", "it is %s", tunnel_phase_name(c->state->ike.phase));
	return true;
}

#define IKE       .rung = DOCTOR_IKE, .severity = DOCTOR_ERROR
#define SAYS(R)   .reason = REASON_##R, .holds = says, .flags = DOCTOR_AT_ONCE
#define PROPOSALS "`p1_...` and `p2_...` of the tunnel, only if the device can do nothing better"
#define OFFERED   "the device offers [{offered}], and the hub allows [{allowed}]"

const struct doctor_rule doctor_rules_ike[] = {
	{.id = "tunnel-off",
		.rung = DOCTOR_IKE,
		.severity = DOCTOR_NOTE,
		.holds = is_off,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "an operator has switched it off",
		.both = "an operator has switched both tunnels off",
		.hub = "`sluice tunnel up {site} {tunnel}` lets it come again"},
	{.id = "no-secret",
		IKE,
		.holds = no_secret,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "its key or certificate cannot be read: {detail}",
		.hub = "put the file where it is expected; it is looked for every 5 seconds"},
	{.id = "wrong-identity",
		IKE,
		.holds = stranger_says,
		.reason = REASON_UNKNOWN_ID,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device at {from} says that it is {theirs}, and {identity} is "
			    "expected",
		.hub = "if the device is right: `sluice site set {site} "
		       "tunnels.{tunnel}.identity=` "
		       "with what it says",
		.device = "set its own IKE identity to {identity}"},
	{.id = "no-ike-proposal",
		IKE,
		.holds = stranger_says,
		.reason = REASON_NO_IKE_PROPOSAL,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "no common proposal of phase 1: the device at {from} offers {offered}",
		.hub = "allowed: {allowed}; " PROPOSALS,
		.device = "offer one that is allowed[ (strongSwan: `proposals = {ike_suite}`)]"},
	{.id = "ike-version",
		IKE,
		.holds = stranger_says,
		.reason = REASON_IKE_VERSION,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device at {from} speaks another version of IKE: {detail}",
		.hub = "`ike_versions` of the tunnel, if the device can do no other",
		.device = "{advice}"},
	{.id = "half-open",
		IKE,
		.holds = stranger_says,
		.reason = REASON_HALF_OPEN_TIMEOUT,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device at {from} begins and does not go on: {detail}",
		.hub = "see that what leaves from UDP 500 and 4500 of {address} is not filtered",
		.device = "let UDP 500 and 4500 to and from {address} through"},
	{.id = "refused-at-its-address",
		IKE,
		.holds = stranger_says,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "a device at {from} is refused: {what}[: {detail}]",
		.hub = "{advice}"},
	{.id = "wrong-psk",
		IKE,
		SAYS(WRONG_PSK),
		.sentence = "the device has another pre-shared key",
		.hub = "`sluice secret show` or the file of `psk` has the hub's",
		.device = "enter the key of this tunnel, and look whether it is the other "
			  "tunnel's"},
	{.id = "wrong-identity",
		IKE,
		SAYS(UNKNOWN_ID),
		.sentence = "the device has another identity: {detail}",
		.hub = "if the device is right: `sluice site set {site} "
		       "tunnels.{tunnel}.identity=` "
		       "with what it says",
		.device = "set its own IKE identity to {identity}"},
	{.id = "wrong-hub-identity",
		IKE,
		SAYS(WRONG_LOCAL_ID),
		.sentence = "the device expects another identity of the hub: {detail}",
		.hub = "if the device is right: `hub_identity` of the tunnel, or `identity` of the "
		       "concentrator",
		.device = "set the identity of its peer to {hub_identity}"},
	{.id = "other-address",
		IKE,
		SAYS(OTHER_ADDRESS),
		.sentence = "the device comes from another address, or to another one of the hub: "
			    "{detail}",
		.hub = "correct `address` of the site, or leave it out",
		.device = "dial {address} for this tunnel"},
	{.id = "no-ike-proposal",
		IKE,
		SAYS(NO_IKE_PROPOSAL),
		.sentence = "no common proposal of phase 1: " OFFERED,
		.hub = PROPOSALS,
		.device = "offer one that is allowed[ (strongSwan: `proposals = {ike_suite}`)]"},
	{.id = "no-esp-proposal",
		IKE,
		.reason = REASON_NO_ESP_PROPOSAL,
		.holds = says_or_will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "no common proposal of phase 2: {detail}",
		.hub = PROPOSALS,
		.device = "offer one that is allowed[ (strongSwan: `esp_proposals = "
			  "{esp_suite}`)]"},
	{.id = "pfs",
		IKE,
		.reason = REASON_PFS_REQUIRED,
		.holds = says_or_will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "PFS is on at one end only, or with other groups: {detail}",
		.hub = "`p2_dh_groups` of the tunnel has what is allowed",
		.device = "switch PFS on, with a group that is allowed[ (strongSwan: "
			  "`esp_proposals = {esp_suite}`)]"},
	{.id = "rekey-refused",
		IKE,
		.reason = REASON_NO_IKE_PROPOSAL,
		.holds = will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "it will end: {detail}",
		.hub = PROPOSALS,
		.device = "offer one that is allowed[ (strongSwan: `proposals = {ike_suite}`)]"},
	{.id = "rekey-refused",
		IKE,
		.reason = REASON_PEER_REFUSED,
		.holds = will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "it will end: {detail}",
		.device = "its log says why it refuses the rekey"},
	{.id = "two-devices",
		.rung = DOCTOR_IKE,
		.severity = DOCTOR_WARNING,
		.reason = REASON_TWO_DEVICES,
		.holds = says_or_will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "{detail}",
		.hub = "{advice}",
		.device = "switch the copied configuration off on one of the two"},
	{.id = "auth-method",
		IKE,
		SAYS(AUTH_METHOD),
		.sentence = "the device proves who it is by another method: {detail}",
		.hub = "`auth` of the tunnel says which one is expected",
		.device = "{advice}"},
	{.id = "hub-not-believed",
		IKE,
		SAYS(PEER_AUTH),
		.sentence = "the device could not prove who it is: {detail}",
		.hub = "{advice}",
		.device = "compare the pre-shared key, and its identity, which has to be "
			  "{identity}"},
	{.id = "ppk",
		IKE,
		SAYS(PPK_MISSING),
		.sentence = "the tunnel has a post-quantum key, and the device uses none",
		.device = "enter the key of `ppk` and its identity"},
	{.id = "ppk",
		IKE,
		SAYS(PPK_UNKNOWN),
		.sentence = "the device uses another post-quantum key: {detail}",
		.device = "compare the identity of the key"},
	{.id = "certificate-expired",
		IKE,
		SAYS(CERT_EXPIRED),
		.sentence = "the device's certificate is over: {detail}",
		.hub = "see that the hub's clock is right; issue a new certificate (`sluice ca "
		       "renew`, where it is the authority)",
		.device = "install a new certificate"},
	{.id = "certificate-not-yet-valid",
		IKE,
		SAYS(CERT_NOT_YET_VALID),
		.sentence = "the device's certificate is not valid yet: {detail}",
		.hub = "one of the clocks is wrong: the hub's, or that of what issued the "
		       "certificate"},
	{.id = "certificate-revoked",
		IKE,
		SAYS(CERT_REVOKED),
		.sentence = "the device's certificate was revoked: {detail}",
		.hub = "`crl` has the list; issue a new certificate if the device is to be trusted",
		.device = "install a new certificate"},
	{.id = "certificate-unknown-ca",
		IKE,
		SAYS(CERT_UNTRUSTED),
		.sentence = "the hub trusts no authority of the device's certificate: {detail}",
		.hub = "add the authority to `ca`",
		.device = "send the certificates in between, or use one of an authority that the "
			  "hub has"},
	{.id = "certificate-wrong-name",
		IKE,
		SAYS(CERT_IDENTITY),
		.sentence = "the device's identity does not stand in its certificate: {detail}",
		.hub = "issue it with {identity} as subjectAltName",
		.device = "set its own IKE identity to a name of its certificate"},
	{.id = "certificate",
		IKE,
		.holds = cert_says,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "{what}[: {detail}]",
		.hub = "{advice}"},
	{.id = "selectors",
		IKE,
		.reason = REASON_TS_UNACCEPTABLE,
		.holds = says_or_will,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the traffic selectors have nothing in common: {detail}",
		.hub = "`site_cidrs` and `hub_cidrs` of the tunnel have what is allowed",
		.device = "use 0.0.0.0/0 (and ::/0) on both sides, or what is allowed"},
	{.id = "ike-version",
		IKE,
		SAYS(IKE_VERSION),
		.sentence = "the device speaks another version of IKE: {detail}",
		.hub = "`ike_versions` of the tunnel, if the device can do no other",
		.device = "{advice}"},
	{.id = "ike-version",
		IKE,
		SAYS(AGGRESSIVE),
		.sentence = "the device begins IKEv1 in aggressive mode, which is not allowed",
		.device = "{advice}"},
	{.id = "peer-refused",
		IKE,
		SAYS(PEER_REFUSED),
		.sentence = "the device refuses: {detail}",
		.device = "its log says why"},
	{.id = "half-open",
		IKE,
		SAYS(HALF_OPEN_TIMEOUT),
		.sentence = "the device begins and does not go on: {detail}",
		.hub = "see that what leaves from UDP 500 and 4500 of {address} is not filtered",
		.device = "let UDP 500 and 4500 to and from {address} through"},
	{.id = "no-address",
		IKE,
		SAYS(REMOTE_UNKNOWN),
		.sentence = "the hub is to start it, and does not know the device's address",
		.hub = "give the site an `address`, or let the device start"},
	{.id = "silent",
		IKE,
		.holds = is_silent,
		.flags = DOCTOR_SILENCE,
		.sentence = "nothing has come from the device[ at {peer}] on UDP 500 and 4500 for "
			    "{span}",
		.both = "nothing has come from the site on UDP 500 and 4500 for {span}, by either "
			"tunnel",
		.hub = "`sluice timeline {site}` says what was before",
		.device = "see whether it has power and a line, dials {address}, and may send UDP "
			  "500 and 4500"},
	{.id = "device-ended-it",
		IKE,
		.reason = REASON_PEER_DELETED_IKE,
		.holds = says,
		.sentence = "the device has ended it, and does not come back",
		.both = "the device has ended both tunnels, and does not come back",
		.hub = "`sluice show log {site}`",
		.device = "its log says why"},
	{.id = "device-ended-it",
		IKE,
		.reason = REASON_PEER_DELETED_CHILD,
		.holds = says,
		.sentence = "the device has ended the SA pair, and asks for no new one",
		.hub = "`sluice show log {site}`",
		.device = "its log says why"},
	{.id = "not-rekeyed",
		IKE,
		.reason = REASON_CHILD_EXPIRED,
		.holds = says,
		.sentence = "its keys reached the end of their lifetime, and no new ones were made",
		.hub = "`sluice show log {site}`",
		.device = "compare phase 2 and PFS with {esp_suite}"},
	{.id = "not-rekeyed",
		IKE,
		.reason = REASON_IKE_EXPIRED,
		.holds = says,
		.sentence = "its IKE SA reached the end of its lifetime, and was not rekeyed",
		.hub = "`sluice show log {site}`",
		.device = "compare phase 1 with {ike_suite}"},
	{.id = "down",
		IKE,
		.holds = is_down,
		.sentence = "it is not up: {detail}",
		.hub = "[{advice}; ]`sluice show log {site}` has what came before"},
	{.id = NULL},
};
