/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/congestion.h"

#include "base/wire.h"
#include "dataplane/adjust.h"

static uint32_t flow_of(const struct inner *in)
{
	struct rd r = rd_init(in->source, in->family == 4 ? 8 : 32); /* both addresses */
	uint64_t hash = in->protocol;

	if (!in->fragment)
		hash ^= (uint64_t)in->source_port << 32 | (uint64_t)in->destination_port << 16;
	while (rd_left(&r))
		hash = (hash ^ rd_u32(&r)) * 0xff51afd7ed558ccdull;
	return (uint32_t)(hash >> 32) % SLUICE_TOLD_FLOWS;
}

bool congestion_tell(struct congestion *c, uint8_t *ip, uint32_t len, const struct rate_bucket *b,
	uint64_t wait, uint64_t horizon, uint64_t now)
{
	uint64_t price = __atomic_load_n(&b->ns_per_byte_q16, __ATOMIC_RELAXED);
	struct inner in;
	uint64_t *told;

	horizon = bucket_horizon(horizon, SLUICE_PACKET_FULL, price);
	if (wait < bucket_mark(horizon, price) || !inner_parse(ip, len, &in))
		return false;
	told = &c->told_ns[flow_of(&in)];
	if (now - *told < SLUICE_TOLD_NS + horizon || !adjust_congested(ip))
		return false;
	*told = now;
	return true;
}
