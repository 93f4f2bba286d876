/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device whose SYN comes in and who never acknowledges ours does not get what we send: ESP passes one way only. The
 * kernel lists such connections, and tells no process of them.
 */
#include "hub/site/site.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SYN_RECV    3 /* enum in linux/tcp_states.h, as /proc/net/tcp has it */
#define BGP_PORT    179
#define LATE_NS     (5 * CLOCK_SECOND) /* a handshake is over by then */
#define GAP_NS      (5 * CLOCK_SECOND) /* between two sights of one attempt */
#define ENTRIES_MAX 1024
#define LINES_MAX   65536 /* a host with more connections than that is not searched to the end */

bool half_open_parse(const char *line, int family, struct ip_addr *remote)
{
	unsigned int local_port, remote_port, state;
	char local[33], hex[33];
	uint8_t bytes[16];
	size_t words = family == AF_INET ? 1 : 4;

	if (sscanf(line, " %*u: %32[0-9A-F]:%4x %32[0-9A-F]:%4x %2x", local, &local_port, hex,
		    &remote_port, &state) != 5 ||
		state != SYN_RECV || local_port != BGP_PORT || strlen(hex) != 8 * words)
		return false;
	for (size_t i = 0; i < words; i++) { /* words in the order of this machine */
		uint32_t word;

		if (sscanf(hex + 8 * i, "%8x", &word) != 1)
			return false;
		memcpy(bytes + 4 * i, &word, 4);
	}
	*remote = addr_from_bytes(family, bytes);
	return true;
}

static bool is_late(const struct site *site, unsigned int t, uint64_t now)
{
	const struct site_tunnel *state = &site->tunnels[t];

	return state->open && state->bgp.state != BGP_ESTABLISHED &&
	       state->bgp.unanswered_since_ns && now >= state->bgp.unanswered_since_ns + LATE_NS;
}

static bool is_end_of(const struct tunnel_conf *conf, const struct ip_addr *a)
{
	struct ip_addr four = config_inside_site(&conf->inside);
	struct ip_addr six = config_inside_site(&conf->inside6);

	return addr_equal(&four, a) || addr_equal(&six, a);
}

void hub_half_open_seen(struct hub *h, const struct ip_addr *remote, uint64_t now)
{
	for (uint32_t i = 0; i < SITE_SLOTS * TUNNELS_PER_SITE; i++) {
		struct site *site = site_of_tunnel(&h->model, i);
		unsigned int t = i % TUNNELS_PER_SITE;
		struct site_tunnel *state = site ? &site->tunnels[t] : NULL;

		if (!site || !is_late(site, t, now) || !is_end_of(&site->conf.tunnels[t], remote))
			continue;
		if (now > state->half_open_ns + GAP_NS)
			state->half_open_since_ns = now;
		state->half_open_ns = now;
		return;
	}
}

bool tunnel_is_half_open(const struct site_tunnel *state, uint64_t now)
{
	return state->half_open_ns && now <= state->half_open_ns + GAP_NS &&
	       state->half_open_ns >= state->half_open_since_ns + LATE_NS;
}

static void read_list(struct hub *h, const char *path, int family, uint64_t now)
{
	FILE *f = fopen(path, "re");
	unsigned int found = 0, lines = 0;
	char line[512];

	while (f && found < ENTRIES_MAX && lines++ < LINES_MAX && fgets(line, sizeof(line), f)) {
		struct ip_addr remote;

		if (!half_open_parse(line, family, &remote))
			continue;
		hub_half_open_seen(h, &remote, now);
		found++;
	}
	if (f)
		fclose(f);
}

void hub_half_open_look(struct hub *h, uint64_t now)
{
	bool any = false;

	for (uint32_t i = 0; i < SITE_SLOTS * TUNNELS_PER_SITE && !any; i++) {
		const struct site *site = site_of_tunnel(&h->model, i);

		any = site && is_late(site, i % TUNNELS_PER_SITE, now);
	}
	if (!any)
		return;
	read_list(h, "/proc/net/tcp", AF_INET, now);
	read_list(h, "/proc/net/tcp6", AF_INET6, now);
}
