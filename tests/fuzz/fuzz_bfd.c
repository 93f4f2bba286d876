/* SPDX-License-Identifier: Apache-2.0 */
/* BFD packets of a hostile peer, with time passing between them, and restarts that hand the session on. */
#include "base/clock.h"
#include "bgp/bfd/session.h"

#include <stdlib.h>

#define STEP    25  /* bytes of the input: milliseconds to wait, then one packet */
#define RESTART 255 /* instead of milliseconds; what is handed on may follow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bfd_session *s)
{
	/* Whatever the peer says, the session costs no more than it was configured to. */
	if (bfd_session_interval_us(s) && bfd_session_interval_us(s) < s->config.interval_us)
		abort();
	if (s->polling && s->state != BFD_UP)
		abort();
}

static void restart(
	struct bfd_session *s, const struct bfd_config *config, struct rd r, uint64_t now)
{
	struct bfd_handover h = bfd_session_handover(s);

	if (h.local_discriminator && (s->state != BFD_UP || !h.remote_discriminator))
		abort();
	if (rd_u8(&r) & 1) { /* a process that lies */
		h.config = *config;
		h.local_discriminator = rd_u32(&r);
		h.remote_discriminator = rd_u32(&r);
		h.remote_desired_tx_us = rd_u32(&r);
		h.remote_required_rx_us = rd_u32(&r);
		h.remote_multiplier = rd_u8(&r);
		h.diag = rd_u8(&r);
		h.remote_demand = rd_u8(&r) & 1;
	}
	if (!bfd_session_resume(s, config, &h, 42, now))
		bfd_session_init(s, config, 1, 42, now);
	else if (s->state != BFD_UP || bfd_session_handover(s).local_discriminator)
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

		if (data[0] == RESTART)
			restart(&s, &config, rd_init(data + 1, len - 1), now);
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
