/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/pace.h"

#include <stdlib.h>
#include <string.h>

static uint64_t leave(uint64_t start, uint64_t burst, uint64_t now)
{
	return start > now + burst ? start - burst : now;
}

enum pace_verdict pace_charge(
	struct rate_bucket *b, uint64_t now, uint32_t bytes, uint64_t horizon, uint64_t *departure)
{
	uint64_t byte_price = __atomic_load_n(&b->ns_per_byte_q16, __ATOMIC_ACQUIRE);
	uint64_t packet_price = __atomic_load_n(&b->ns_per_packet_q16, __ATOMIC_ACQUIRE);
	__u64 start;

	*departure = now;
	if (packet_price &&
		bucket_word(&b->packet_tat_ns) >
			now + b->packet_burst_ns + bucket_horizon(horizon, 1, packet_price))
		return PACE_PACKETS;
	if (byte_price) {
		if (!bucket_charge(&b->tat_ns, now, bucket_cost(bytes, byte_price),
			    b->burst_ns + bucket_horizon(horizon, SLUICE_PACKET_FULL, byte_price),
			    &start))
			return PACE_RATE;
		*departure = leave(start, b->burst_ns, now);
	}
	if (packet_price) {
		uint64_t when;

		bucket_charge(&b->packet_tat_ns, now, bucket_cost(1, packet_price), ~0ull, &start);
		when = leave(start, b->packet_burst_ns, now);
		if (when > *departure)
			*departure = when;
	}
	return PACE_SEND;
}

bool pace_init(struct pace_wheel *w, uint32_t buffers, uint64_t now)
{
	memset(w->head, 0xff, sizeof(w->head));
	memset(w->tail, 0xff, sizeof(w->tail));
	w->slot = now >> PACE_SLOT_SHIFT;
	w->count = 0;
	w->next = malloc(buffers * sizeof(*w->next));
	return w->next != NULL;
}

void pace_fini(struct pace_wheel *w)
{
	free(w->next);
	w->next = NULL;
}

void pace_put(struct pace_wheel *w, uint64_t departure, uint32_t buffer)
{
	uint64_t slot = departure >> PACE_SLOT_SHIFT;
	uint32_t i;

	if (slot < w->slot)
		slot = w->slot;
	if (slot > w->slot + PACE_SLOTS - 1)
		slot = w->slot + PACE_SLOTS - 1;
	i = slot % PACE_SLOTS;
	w->next[buffer] = PACE_NONE;
	if (w->head[i] == PACE_NONE)
		w->head[i] = buffer;
	else
		w->next[w->tail[i]] = buffer;
	w->tail[i] = buffer;
	w->count++;
}

uint32_t pace_take(struct pace_wheel *w, uint64_t now)
{
	uint64_t last = now >> PACE_SLOT_SHIFT;

	if (!w->count) {
		if (last > w->slot)
			w->slot = last;
		return PACE_NONE;
	}
	for (;;) {
		uint32_t i = w->slot % PACE_SLOTS;
		uint32_t buffer = w->head[i];

		if (w->slot > last)
			return PACE_NONE;
		if (buffer != PACE_NONE) {
			w->head[i] = w->next[buffer];
			w->count--;
			return buffer;
		}
		if (w->slot == last)
			return PACE_NONE;
		w->slot++;
	}
}

uint64_t pace_next_ns(const struct pace_wheel *w)
{
	if (!w->count)
		return UINT64_MAX;
	for (uint64_t slot = w->slot;; slot++) {
		if (w->head[slot % PACE_SLOTS] != PACE_NONE)
			return slot << PACE_SLOT_SHIFT;
	}
}
