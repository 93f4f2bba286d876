/* SPDX-License-Identifier: Apache-2.0 */
/* A table that is told again, because the other end asks for it or says so (RFC 2918, RFC 7313). */
#include "bgp_lab.h"

static void a_refresh_replaces_the_table(void **state)
{
	const struct ip_prefix any = prefix("0.0.0.0/0");
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bgp_session *s;

	(void)state;
	join(0);
	announce(0, "10.1.0.0/24", true);
	announce(0, "10.1.1.0/24", true);
	pass(MINUTE);
	s = peer_established(lab.hub->peers[0]);
	bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_BEGIN);
	bgp_receive(lab.hub, 0, s->direction, bytes, wr_len(&w), lab.now);
	settle();
	assert_true(hub_has("10.1.1.0/24", 0)); /* stale, still in use */
	rib_learn(&lab.hub->rib, &lab.hub->peers[0]->rib, BGP_IPV4, &any, lab.hub->rib.own);
	rib_forget(&lab.hub->rib, &lab.hub->peers[0]->rib, BGP_IPV4, &any);
	w = wr_init(bytes, sizeof(bytes));
	bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_END);
	bgp_receive(lab.hub, 0, s->direction, bytes, wr_len(&w), lab.now);
	settle();
	assert_null(at(lab.hub, "10.1.1.0/24"));
	/* A request is answered in full, with marks around it. */
	w = wr_init(bytes, sizeof(bytes));
	bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_REQUEST);
	bgp_receive(lab.site[0], 0, peer_established(lab.site[0]->peers[0])->direction, bytes,
		wr_len(&w), lab.now);
	settle();
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_true(hub_has("10.1.1.0/24", 0));
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	/* RFC 7313 5: marks of a wrong length end the session. */
	w = wr_init(bytes, sizeof(bytes));
	bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_BEGIN);
	wr_u8(&w, 0);
	wr_set_u16(&w, 16, 24);
	bgp_receive(lab.hub, 0, s->direction, bytes, wr_len(&w), lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_REFRESH);
	assert_int_equal(lab.hub_state[0].error_subcode, 1);
}

/* What the hub has to say to a site, as letters: u(pdate), e(nd of RIB), b(egin), f(inish), k(eepalive). */
static void heard(uint32_t tunnel, char *letters)
{
	enum bgp_direction d = peer_established(speaker_peer(lab.hub, tunnel))->direction;
	struct bgp_notify error;
	struct bgp_message m;
	size_t len;

	do {
		const uint8_t *bytes = bgp_output(lab.hub, tunnel, d, &len);

		for (size_t at = 0; at < len; at += m.len) {
			assert_int_equal(bgp_message_decode(bytes + at, len - at, true, &m, &error),
				MESSAGE_COMPLETE);
			*letters++ = m.type == MESSAGE_KEEPALIVE       ? 'k'
				     : m.type == MESSAGE_ROUTE_REFRESH ? "?bf"[bytes[at + 21]]
				     : m.len == 23                     ? 'e'
								       : 'u';
		}
		bgp_sent(lab.hub, tunnel, d, len, lab.now);
		bgp_run(lab.hub, lab.now);
	} while (len || bgp_can_say_more(lab.hub));
	*letters = '\0';
}

/* RFC 7313 4: who asks before the first End-of-RIB is answered after it. */
static void an_early_refresh_waits(void **state)
{
	struct ip_prefix lan = prefix("172.16.0.0/16");
	struct rib_peer *peer;
	uint8_t bytes[64];
	char letters[64];
	enum bgp_direction d;

	(void)state;
	join(0);
	bgp_network_set(lab.hub, &lan, true);
	pass(MINUTE);
	peer = &speaker_peer(lab.hub, 0)->rib;
	d = peer_established(speaker_peer(lab.hub, 0))->direction;
	for (int early = 0; early <= 1; early++) {
		struct wr w = wr_init(bytes, sizeof(bytes));

		if (early)
			rib_tell_again(&lab.hub->rib, peer, BGP_IPV4); /* as if it were new */
		bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_REQUEST);
		bgp_receive(lab.hub, 0, d, bytes, wr_len(&w), lab.now);
		bgp_run(lab.hub, lab.now);
		heard(0, letters);
		assert_string_equal(letters, early ? "uebuf" : "buf");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(a_refresh_replaces_the_table),
		lab_test(an_early_refresh_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
