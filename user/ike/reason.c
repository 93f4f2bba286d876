/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/reason.h"

#include "base/types.h"

#include <assert.h>

struct row {
	const char *code;
	const char *sentence;
	const char *advice;
};

static const struct row rows[REASONS] = {
	[REASON_NONE] = {"", "", ""},
	[REASON_NO_IKE_PROPOSAL] = {"IKE_NO_PROPOSAL", "no phase 1 proposal of the peer is allowed",
		"Make encryption, integrity, PRF and group of phase 1 the same on both ends"},
	[REASON_NO_ESP_PROPOSAL] = {"ESP_NO_PROPOSAL", "no phase 2 proposal of the peer is allowed",
		"Make encryption, integrity and PFS group of phase 2 the same on both ends"},
	[REASON_KE_GROUP] = {"KE_GROUP", "the key exchange used another group than the one chosen",
		"Put the wanted group first on the device to save a round trip"},
	[REASON_KE_VALUE] = {"KE_VALUE", "the peer's key exchange value is not valid in its group",
		"Look for a broken or hostile device; the exchange was refused"},
	[REASON_PFS_REQUIRED] = {"PFS_REQUIRED",
		"the peer has no PFS group that this tunnel allows",
		"Switch PFS on at the device, with one of the allowed groups"},
	[REASON_UNKNOWN_ID] = {"AUTH_UNKNOWN_ID",
		"no tunnel between these two addresses has the identity that the peer presents",
		"Set the device's IKE identity to the one configured for the site"},
	[REASON_OTHER_ADDRESS] = {"OTHER_ADDRESS",
		"the device comes from another address, or to another one of the hub, than its "
		"tunnel has",
		"Correct `address` of the site, or leave it out so that the device may come from "
		"anywhere; or correct which address of the hub the device dials. Then have the "
		"device dial again: one that was refused may not do so by itself"},
	[REASON_WRONG_PSK] = {"AUTH_WRONG_PSK", "the peer's pre-shared key differs from ours",
		"Enter the same pre-shared key on both ends of this tunnel"},
	[REASON_WRONG_LOCAL_ID] = {"AUTH_WRONG_LOCAL_ID",
		"the peer wants to talk to another identity than ours",
		"Set the remote identity on the device to the hub's"},
	[REASON_AUTH_METHOD] = {"AUTH_METHOD",
		"the peer authenticates by a method that this tunnel does not have",
		"Choose pre-shared key or certificate on the device as this tunnel has it; for "
		"certificates, signatures with SHA-2"},
	[REASON_PEER_AUTH] = {"AUTH_PEER_INVALID", "the responder could not prove its identity",
		"Compare the pre-shared key and the remote identity on both ends"},
	[REASON_PPK_MISSING] = {"PPK_MISSING",
		"the tunnel has a post-quantum key, the peer does not use one",
		"Enter the key and its identity on the device; without it nobody gets in"},
	[REASON_PPK_UNKNOWN] = {"PPK_UNKNOWN",
		"the peer uses a post-quantum key that this tunnel does not have",
		"Compare the identity of the post-quantum key on both ends"},
	[REASON_PEER_REFUSED] = {"PEER_REFUSED", "the peer refused the request",
		"The peer's log says why; the notification it sent is shown here"},
	[REASON_CERT_NONE] = {"CERT_MISSING", "the peer sent no certificate",
		"Have the device send its certificate, also when it is not asked for"},
	[REASON_CERT_TOO_LARGE] = {"CERT_TOO_LARGE",
		"the peer sent more or longer certificates than are accepted",
		"Send the device's certificate and the subordinate authorities, nothing else"},
	[REASON_CERT_MALFORMED] = {"CERT_MALFORMED", "what the peer sent is no X.509 certificate",
		""},
	[REASON_CERT_UNTRUSTED] = {"CERT_UNTRUSTED",
		"no configured authority leads to the peer's certificate",
		"Add the authority to `ca`, or have the device send the certificates between"},
	[REASON_CERT_EXPIRED] = {"CERT_EXPIRED", "a certificate of the peer is past its validity",
		"Issue a new certificate and install it on the device; check the clocks"},
	[REASON_CERT_NOT_YET_VALID] = {"CERT_NOT_YET_VALID",
		"the validity of a certificate of the peer has not begun",
		"Check the clocks of the hub and of what issued the certificate"},
	[REASON_CERT_REVOKED] = {"CERT_REVOKED", "a certificate of the peer was revoked",
		"Issue a new certificate if the device is to be trusted again"},
	[REASON_CERT_NO_CRL] = {"CERT_NO_CRL",
		"no valid revocation list of an issuer is at hand, and one is required",
		"Put a fresh list of each authority into `crl` and reload"},
	[REASON_CERT_USAGE] = {"CERT_USAGE", "a certificate of the peer is for another purpose",
		"Issue it with the key usage digitalSignature; authorities need CA:TRUE"},
	[REASON_CERT_WEAK] = {"CERT_WEAK", "a key or hash in the peer's certificates is too weak",
		"Use RSA of at least 2048 bits or ECDSA, signed with SHA-2"},
	[REASON_CERT_IDENTITY] = {"CERT_IDENTITY",
		"the peer's identity does not stand in its certificate",
		"Issue the certificate with the identity as subjectAltName"},
	[REASON_CERT_SIGNATURE] = {"CERT_SIGNATURE",
		"the peer's signature does not verify with its certificate",
		"The device signs with another key than its certificate's"},
	[REASON_CERT_OWN] = {"CERT_OWN", "this tunnel has no certificate of the hub",
		"Set `certificate` and `private_key`"},
	[REASON_NO_TUNNEL] = {"NO_TUNNEL",
		"no tunnel is configured for these addresses, or it waits for its key",
		"Check the site's address and which hub address the device points to; in `sluice "
		"show "
		"tunnels`, one that waits for its key has NO_SECRET"},
	[REASON_TUNNEL_DISABLED] = {"TUNNEL_DISABLED", "the tunnel is switched off here",
		"Switch it on again with `sluice tunnel up`"},
	[REASON_TUNNEL_REMOVED] = {"TUNNEL_REMOVED",
		"the peer's tunnel was removed here a short time ago, so it gets no answer",
		"Add the site again, or switch the device off: after ten minutes it is refused"},
	[REASON_IKE_VERSION] = {"IKE_VERSION", "the peer speaks an IKE version that is not allowed",
		"Set the device to the version shown, or allow both for the tunnel"},
	[REASON_AGGRESSIVE] = {"IKE_AGGRESSIVE",
		"the peer starts IKEv1 in aggressive mode, which shows a hash of the key to anyone",
		"Set the device to main mode, or better to IKEv2"},
	[REASON_TS_UNACCEPTABLE] = {"TS_UNACCEPTABLE",
		"the traffic selectors have nothing in common with the tunnel's",
		"Use 0.0.0.0/0 (and ::/0) on the device, or the networks configured here"},
	[REASON_SECOND_CHILD] = {"SECOND_CHILD",
		"the peer asked for a second SA pair, a tunnel has exactly one",
		"The device is policy-based: make it one SA with any-any selectors"},
	[REASON_CHILD_NOT_FOUND] = {"CHILD_NOT_FOUND",
		"an SA named by one end is gone at the other", ""},
	[REASON_TEMPORARY] = {"TEMPORARY_FAILURE",
		"the exchange collided with another one and is tried again", ""},
	[REASON_MALFORMED] = {"MALFORMED", "a message could not be decoded", ""},
	[REASON_CRITICAL_PAYLOAD] = {"CRITICAL_PAYLOAD",
		"a message has a payload marked critical that is not known here", ""},
	[REASON_OVER_LIMIT] = {"OVER_LIMIT",
		"a message has more of something than is read here, the rest was left out", ""},
	[REASON_INTEGRITY] = {"INTEGRITY", "the integrity check of a message failed", ""},
	[REASON_UNKNOWN_SPI] = {"UNKNOWN_IKE_SPI", "a message belongs to no IKE SA here",
		"The peer still holds an SA from before a restart; its dead peer detection ends "
		"it"},
	[REASON_UNEXPECTED] = {"UNEXPECTED_MESSAGE", "a message does not fit the state of its SA",
		""},
	[REASON_MESSAGE_ID] = {"MESSAGE_ID", "a message is outside the window", ""},
	[REASON_HALF_OPEN_SOURCE] = {"HALF_OPEN_SOURCE",
		"one address has too many unfinished negotiations", ""},
	[REASON_HALF_OPEN_TOTAL] = {"HALF_OPEN_TOTAL", "there are too many unfinished negotiations",
		"Somebody may be flooding the hub; sites that are up are not affected"},
	[REASON_HALF_OPEN_TIMEOUT] = {"HALF_OPEN_TIMEOUT", "the peer did not finish a negotiation",
		"What is shown with it says how far it came; the device's log says whether it got "
		"our "
		"answers"},
	[REASON_COOKIE_SENT] = {"COOKIE_SENT", "the peer was asked to return a cookie first", ""},
	[REASON_NO_SLOT] = {"NO_SA_SLOT", "every SA slot of the tunnel is in use",
		"Wait for old SAs to go; it lasts some seconds"},
	[REASON_CRYPTO] = {"CRYPTO", "a cryptographic operation failed here", ""},
	[REASON_TIMEOUT] = {"NO_ANSWER", "the peer does not answer",
		"Check UDP 500 and 4500 on the way, and the site's address"},
	[REASON_DPD_TIMEOUT] = {"DPD_TIMEOUT", "the peer showed no life for the DPD timeout",
		"Check the site's uplink"},
	[REASON_PEER_DELETED_IKE] = {"PEER_DELETED_IKE", "the peer deleted the IKE SA",
		"The device ended the tunnel; see its log"},
	[REASON_PEER_DELETED_CHILD] = {"PEER_DELETED_CHILD", "the peer deleted the SA pair",
		"The device ended the tunnel; see its log"},
	[REASON_IKE_EXPIRED] = {"IKE_EXPIRED", "the IKE SA reached its lifetime without a rekey",
		"The rekey was refused or unanswered; compare phase 1 on both ends"},
	[REASON_CHILD_EXPIRED] = {"CHILD_EXPIRED",
		"the SA pair reached its lifetime without a rekey",
		"The rekey was refused or unanswered; compare phase 2 and PFS on both ends"},
	[REASON_NO_PAIR] = {"NO_SA_PAIR", "the IKE SA had no SA pair for long and is closed",
		"The reason before this one says why there was no pair. Not every device dials "
		"again by itself: strongSwan has to be told to"},
	[REASON_REPLACED] = {"REPLACED", "a newer IKE SA of the same tunnel took over", ""},
	[REASON_INITIAL_CONTACT] = {"INITIAL_CONTACT",
		"the peer started afresh and knows no older SA", ""},
	[REASON_TWO_DEVICES] = {"TWO_DEVICES", "two devices take this tunnel from each other",
		"Give each device the identity and the key of a site of its own, or switch one of "
		"them "
		"off; one device with two uplinks looks the same when it changes between them"},
	[REASON_REDUNDANT] = {"REDUNDANT_SA", "both ends rekeyed at once, the redundant SA goes",
		""},
	[REASON_ADMIN_DOWN] = {"ADMIN_DOWN", "the tunnel was switched off by the operator", ""},
	[REASON_ADMIN_RESET] = {"ADMIN_RESET", "the tunnel was reset", ""},
	[REASON_CONFIG_CHANGED] = {"CONFIG_CHANGED", "the tunnel's configuration changed", ""},
	[REASON_REMOVED] = {"REMOVED", "the tunnel was removed from the configuration", ""},
	[REASON_SHUTDOWN] = {"SHUTDOWN", "the hub shuts down", ""},
	[REASON_ENDPOINT_LOST] = {"ENDPOINT_LOST",
		"the hub's own device, link or address for this tunnel is not there",
		"See `sluice show endpoints`: it is one fault of the hub, not one of each site"},
	[REASON_ENDPOINT_BACK] = {"ENDPOINT_BACK",
		"the hub's own device, link and address for this tunnel are there again", ""},
	[REASON_NO_ESP] = {"NO_ESP", "nothing comes through the tunnel, though IKE works",
		"Let IP protocol 50 and UDP 4500 through on the way, and see whether the device's "
		"routes lead into its tunnel"},
	[REASON_REKEY_LIMIT] = {"REKEY_LIMIT",
		"the peer asks for new keys more often than once a second",
		"A device rekeys a few times an hour: see what lifetimes it has, and what makes it "
		"begin again"},
	[REASON_NO_SECRET] = {"NO_SECRET", "a key or certificate of the tunnel cannot be read",
		"Put the file that is named where it is expected: it is looked for every five "
		"seconds"},
	[REASON_REMOTE_UNKNOWN] = {"REMOTE_UNKNOWN",
		"the tunnel cannot be initiated without the site's address",
		"Give the site an address, or let the device start"},
	[REASON_WAITING] = {"WAITING", "waiting for the peer to start", ""},
	[REASON_IKE_UP] = {"IKE_UP", "IKE SA established", ""},
	[REASON_CHILD_UP] = {"CHILD_UP", "SA pair established", ""},
	[REASON_CHILD_REKEYED] = {"CHILD_REKEYED", "SA pair rekeyed", ""},
	[REASON_IKE_REKEYED] = {"IKE_REKEYED", "IKE SA rekeyed", ""},
	[REASON_PREVIOUS_PSK] = {"PREVIOUS_PSK", "the site still uses the previous pre-shared key",
		"Give the device the new key; then remove psk_previous"},
	[REASON_PEER_MOVED] = {"PEER_MOVED", "the peer has a new address or port", ""},
	[REASON_PATH_MTU] = {"PATH_MTU", "the path to the peer takes packets of another size now",
		"Where it is smaller than that of the hub's link, a line on the way is narrow: the "
		"hub follows it"},
	[REASON_RESTORED] = {"RESTORED", "IKE SA taken over from the process before", ""},
};

const char *reason_code(enum reason r)
{
	assert(r < REASONS);
	return rows[r].code;
}

const char *reason_sentence(enum reason r)
{
	assert(r < REASONS);
	return rows[r].sentence;
}

const char *reason_advice(enum reason r)
{
	assert(r < REASONS);
	return rows[r].advice;
}
