/* SPDX-License-Identifier: Apache-2.0 */
/* BFD packets of a hostile peer, with time passing between them. */
#include "base/clock.h"
#include "bgp/bfd/session.h"

#include <stdlib.h>

#define STEP 25 /* bytes of the input: milliseconds to wait, then one packet */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bfd_session *s)
{
	/* Whatever the peer says, the session costs no more than it was configured to. */
	if (bfd_session_interval_us(s) && bfd_session_interval_us(s) < s->config.interval_us)
		abort();
	if (s->polling && s->state != BFD_UP)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bfd_config config = {.interval_us = 100000, .multiplier = 3};
	struct bfd_session s;
	uint64_t now = CLOCK_SECOND;

	bfd_session_init(&s, &config, 1, 42, now);
	for (; size; size -= size < STEP ? size : STEP) {
		size_t len = size < STEP ? size : STEP;
		uint8_t bytes[BFD_PACKET_SIZE];
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bfd_packet p;

		now += data[0] * CLOCK_MILLISECOND;
		bfd_session_timers(&s, now);
		if (bfd_packet_decode(rd_init(data + 1, len - 1), &p) == BFD_FINE) {
			struct wr again = wr_init(bytes, sizeof(bytes));
			struct bfd_packet q;

			bfd_packet_encode(&p, &again);
			if (bfd_packet_decode(rd_init(bytes, sizeof(bytes)), &q) != BFD_FINE)
				abort();
			bfd_session_receive(&s, &p, now);
		}
		for (int i = 0; bfd_session_output(&s, now, &w); i++) {
			if (w.bad || i > 1)
				abort();
			w = wr_init(bytes, sizeof(bytes));
		}
		if (bfd_session_next(&s) <= now && s.expire_at > now)
			abort();
		check(&s);
		data += len;
	}
	return 0;
}
