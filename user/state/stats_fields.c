/* SPDX-License-Identifier: Apache-2.0 */
#include "state/stats_fields.h"

#include "state/history.h"

#include <assert.h>

#define FIELD(type, name)                                                                          \
	{                                                                                          \
#name, offsetof(struct type, name)                                                 \
	}

const struct stats_field site_drop_fields[] = {
	FIELD(site_stats, site_rate),
	FIELD(site_stats, site_pps),
	FIELD(site_stats, aggregate_rate),
	FIELD(site_stats, tunnel_down),
	FIELD(site_stats, replay),
	FIELD(site_stats, auth),
	FIELD(site_stats, selector),
	FIELD(site_stats, source),
	FIELD(site_stats, service),
	FIELD(site_stats, neighbour),
	FIELD(site_stats, foreign),
	FIELD(site_stats, isolation),
	FIELD(site_stats, malformed),
	FIELD(site_stats, ecn),
	FIELD(site_stats, mtu),
	FIELD(site_stats, horizon),
	FIELD(site_stats, sequence),
	FIELD(site_stats, ring_full),
	FIELD(site_stats, internal),
	{NULL, 0},
};
static_assert(sizeof(site_drop_fields) / sizeof(site_drop_fields[0]) - 1 <= HISTORY_REASONS,
	"the history has room for every reason");

const struct stats_field outside_fields[] = {
	FIELD(outside_stats, esp),
	FIELD(outside_stats, ike_passed),
	FIELD(outside_stats, ike_limited),
	FIELD(outside_stats, ike_first_limited),
	FIELD(outside_stats, ike_no_route),
	FIELD(outside_stats, unknown_spi),
	FIELD(outside_stats, wrong_outer),
	FIELD(outside_stats, fragment),
	FIELD(outside_stats, fragment_limited),
	FIELD(outside_stats, malformed),
	FIELD(outside_stats, no_socket),
	FIELD(outside_stats, not_ours),
	FIELD(outside_stats, keepalive),
	FIELD(outside_stats, clear_in),
	FIELD(outside_stats, clear_out),
	FIELD(outside_stats, clear_own),
	FIELD(outside_stats, too_big_icmp),
	{NULL, 0},
};

const struct stats_field inside_fields[] = {
	FIELD(inside_stats, no_route),
	FIELD(inside_stats, malformed),
	FIELD(inside_stats, multicast),
	FIELD(inside_stats, tunnel_unknown),
	{NULL, 0},
};

void stats_subtract(void *now, const void *base, size_t n)
{
	struct traffic *a = now;
	const struct traffic *b = base;

	for (size_t i = 0; i < n; i++) {
		a[i].packets -= a[i].packets < b[i].packets ? a[i].packets : b[i].packets;
		a[i].bytes -= a[i].bytes < b[i].bytes ? a[i].bytes : b[i].bytes;
	}
}

struct traffic stats_dropped(const struct site_stats *s)
{
	struct traffic sum = {0};

	for (const struct stats_field *f = site_drop_fields; f->name; f++) {
		sum.packets += stats_field_of(s, f)->packets;
		sum.bytes += stats_field_of(s, f)->bytes;
	}
	return sum;
}
