/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole speaker with two neighbours, driven by the input: connections, bytes, time, tunnels and
 * configuration in any order. One neighbour is brought to Established first, so that UPDATEs count.
 */
#include "base/clock.h"
#include "base/wire.h"
#include "bgp/open.h"
#include "bgp/peer.h"
#include "bgp/speaker.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint64_t now;

static void take_output(struct bgp *b)
{
	for (uint32_t t = 0; t < 2; t++) {
		for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
			size_t len;

			bgp_output(b, t, d, &len);
			bgp_sent(b, t, d, len, now);
		}
	}
}

static void work(struct bgp *b)
{
	struct bgp_effect e;
	int turns = 0;

	do {
		while (bgp_run(b, now) && ++turns < 100)
			continue;
		while (bgp_next_effect(b, &e))
			continue;
		take_output(b);
	} while (bgp_can_say_more(b) && ++turns < 100);
}

static void establish(struct bgp *b, uint32_t tunnel, uint32_t as)
{
	struct bgp_open open = {.as = as,
		.hold_s = 30,
		.identifier = tunnel + 1,
		.family = {true, true},
		.enhanced_refresh = true,
		.extended_message = true,
		.graceful_restart = true,
		.restart_on_notify = tunnel,
		.restart_time_s = 60,
		.restart_family = {true, true},
		.forwarding = {true, false},
		.four_octet_as = true};
	uint8_t out[256];
	struct wr w = wr_init(out, sizeof(out));

	open_encode(&open, &w);
	bgp_message_encode_keepalive(&w);
	bgp_closed(b, tunnel, BGP_OUTGOING, BGP_WHY_RESET, "nobody there",
		now); /* which would be waited for */
	bgp_connected(b, tunnel, BGP_INCOMING, now);
	bgp_receive(b, tunnel, BGP_INCOMING, out, wr_len(&w), now);
	work(b);
}

static struct bgp_neighbor neighbor(uint32_t tunnel, uint8_t how)
{
	struct bgp_neighbor n = {.tunnel = tunnel,
		.site = "fuzz",
		.local4 = {AF_INET, {169, 254, (uint8_t)tunnel, 1}},
		.peer4 = {AF_INET, {169, 254, (uint8_t)tunnel, 2}},
		.local6 = {AF_INET6, {0xfd, (uint8_t)tunnel, [15] = 1}},
		.peer6 = {AF_INET6, {0xfd, (uint8_t)tunnel, [15] = 2}},
		.remote_as = 65010,
		.max_prefixes_in = how & 1 ? 3 : 1000,
		.max_prefixes_out = how & 2 ? 2 : 1000,
		.med_out = how,
		.group = how & 4 ? 9 : tunnel,
		.allow_default = how & 8,
		.share_default = how & 8 && how & 16,
		.as_override = how & 16,
		.allow_as_in = how & 32 ? 2 : 0,
		.ecmp = how & 64,
		.is_static = (how & 0x84) == 0x84};

	return n;
}

static void frame(
	struct bgp *b, uint32_t tunnel, enum bgp_direction d, uint8_t type, struct rd body)
{
	uint8_t out[MESSAGE_MAX];
	struct wr w = wr_init(out, sizeof(out));
	size_t place = bgp_message_begin(&w, type);
	size_t len = rd_left(&body);

	if (len)
		wr_bytes(&w, rd_bytes(&body, len), len);
	bgp_message_end(&w, place);
	if (!w.bad)
		bgp_receive(b, tunnel, d, out, wr_len(&w), now);
}

static void step(struct bgp *b, struct rd *r)
{
	uint8_t what = rd_u8(r), how = rd_u8(r);
	uint32_t tunnel = what >> 7;
	enum bgp_direction d = what >> 6 & 1;
	struct bgp_neighbor n;
	struct ip_prefix p = {.addr = {AF_INET, {10, how}}, .len = 16};
	struct rd body;

	switch (what & 15) {
	case 0:
		bgp_connected(b, tunnel, d, now);
		return;
	case 1:
		bgp_closed(b, tunnel, d, BGP_WHY_RESET, "fuzz", now);
		return;
	case 2:
		now += how * CLOCK_SECOND;
		return;
	case 3:
		bgp_tunnel_set(b, tunnel, how & 1, now);
		return;
	case 4:
		n = neighbor(tunnel, how);
		bgp_neighbor_set(b, &n, now);
		return;
	case 5:
		bgp_network_set(b, &p, tunnel);
		return;
	case 6:
		bgp_neighbor_delete(b, tunnel, now);
		n = neighbor(tunnel, how);
		bgp_neighbor_set(b, &n, now);
		bgp_tunnel_set(b, tunnel, true, now);
		return;
	case 7: /* raw bytes */
		body = rd_sub(r, how < rd_left(r) ? how : rd_left(r));
		bgp_receive(b, tunnel, d, body.p, rd_left(&body), now);
		return;
	case 8:
		work(b);
		bgp_statics_set(b, tunnel, &p, how & 1);
		return;
	default: /* a message with a sound header */
		body = rd_sub(r, how < rd_left(r) ? how : rd_left(r));
		frame(b, tunnel, d, what & 8 && (what & 15) < 14 ? MESSAGE_UPDATE : what & 7, body);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct bgp_config config = {.local_as = 64512,
		.router_id = 0x01020304,
		.hold_s = 30,
		.keepalive_s = 10,
		.site_to_site = true,
		.graceful_restart = true};
	struct rd r = rd_init(bytes, len);
	struct bgp *b = bgp_new(1);

	now = 1000 * CLOCK_SECOND;
	bgp_configure(b, &config, now);
	for (uint32_t t = 0; t < 2; t++) {
		struct bgp_neighbor n = neighbor(t, (uint8_t)(t ? 6 : 0));

		bgp_neighbor_set(b, &n, now);
		bgp_tunnel_set(b, t, true, now);
		work(b);
		establish(b, t, 65010);
		if (!peer_established(speaker_peer(b, t)))
			abort();
	}
	while (rd_left(&r))
		step(b, &r);
	work(b);
	bgp_shutdown(b, now);
	for (uint32_t t = 0; t < 2; t++)
		bgp_tunnel_set(b, t, false, now); /* static routes go with it */
	work(b);
	/* Nothing a peer said may stay when all sessions are gone. */
	for (int f = 0; f < BGP_FAMILIES; f++) {
		if (b->rib.table[f].used > b->policy.network_count)
			abort();
	}
	if (b->rib.attrs.used != 2) /* of networks and static routes */
		abort();
	bgp_free(b);
	return 0;
}
