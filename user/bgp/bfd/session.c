/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/bfd/session.h"

#include "base/clock.h"

#define MICROSECOND UINT64_C(1000) /* nanoseconds */

/* ---- the state, in one place ---- */

/* RFC 5880 6.8.3: a poll sequence makes sure that the peer knows of a change. */
static void start_poll(struct bfd_session *s)
{
	if (s->polling)
		s->poll_again = true;
	s->polling = true;
	s->urgent = true;
}

/*
 * RFC 5880 6.8.3. Only Up allows the fast interval. Sending less often, and expecting to hear more
 * often, must wait until the peer has confirmed that it knows; outside of Up nothing waits.
 */
static void set_intervals(struct bfd_session *s)
{
	uint32_t fast = s->config.interval_us;
	uint32_t desired = s->state == BFD_UP || fast > BFD_SLOW_US ? fast : BFD_SLOW_US;
	bool changed = desired != s->desired_tx_us || fast != s->required_rx_us;

	s->desired_tx_us = desired;
	s->required_rx_us = fast;
	if (s->state != BFD_UP || desired < s->used_tx_us)
		s->used_tx_us = desired;
	if (s->state != BFD_UP || fast > s->used_rx_us)
		s->used_rx_us = fast;
	if (changed && s->state == BFD_UP)
		start_poll(s);
}

static void set_state(struct bfd_session *s, enum bfd_state state, enum bfd_diag diag)
{
	s->state = state;
	s->diag = diag;
	s->urgent = true; /* 6.8.7: sent between the periodic ones, so that the peer knows soon */
	if (state != BFD_UP)
		s->polling = s->poll_again = false;
	set_intervals(s);
}

/* ---- times ---- */

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

uint64_t bfd_session_detection(const struct bfd_session *s)
{
	uint64_t interval = larger(s->used_rx_us, s->remote_desired_tx_us);

	return s->remote_multiplier * interval * MICROSECOND;
}

uint32_t bfd_session_interval_us(const struct bfd_session *s)
{
	bool quiet = s->remote_demand && s->state == BFD_UP && s->remote_state == BFD_UP;

	if (!s->remote_required_rx_us || (quiet && !s->polling))
		return 0;
	return larger(s->used_tx_us, s->remote_required_rx_us);
}

/* RFC 5880 6.8.7: less by up to a quarter; by at least a tenth when one loss is too many. */
static uint64_t jittered(struct bfd_session *s, uint32_t us)
{
	uint64_t ns = us * MICROSECOND;
	uint64_t least = s->config.multiplier == 1 ? ns / 10 : 0;

	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return ns - least - s->random % (ns / 4 - least + 1);
}

static void schedule(struct bfd_session *s, uint64_t now)
{
	uint32_t us = bfd_session_interval_us(s);

	s->send_at = us ? now + jittered(s, us) : CLOCK_NEVER;
}

/* ---- events ---- */

void bfd_session_init(struct bfd_session *s, const struct bfd_config *config,
	uint32_t discriminator, uint64_t random, uint64_t now)
{
	*s = (struct bfd_session){.config = *config,
		.state = BFD_DOWN,
		.remote_state = BFD_DOWN,
		.local_discriminator = discriminator,
		.remote_required_rx_us = 1, /* 6.8.1: until the peer says what it wants */
		.expire_at = CLOCK_NEVER,
		.random = random | 1};
	set_intervals(s);
	s->send_at = now;
}

struct bfd_handover bfd_session_handover(const struct bfd_session *s)
{
	if (s->state != BFD_UP || s->remote_state != BFD_UP || !s->received_at)
		return (struct bfd_handover){0};
	return (struct bfd_handover){.config = s->config,
		.local_discriminator = s->local_discriminator,
		.remote_discriminator = s->remote_discriminator,
		.remote_desired_tx_us = s->remote_desired_tx_us,
		.remote_required_rx_us = s->remote_required_rx_us,
		.remote_multiplier = s->remote_multiplier,
		.diag = s->diag,
		.remote_demand = s->remote_demand};
}

bool bfd_session_resume(struct bfd_session *s, const struct bfd_config *config,
	const struct bfd_handover *h, uint64_t random, uint64_t now)
{
	if (!h->local_discriminator || !h->remote_discriminator || !h->remote_multiplier ||
		h->config.interval_us != config->interval_us ||
		h->config.multiplier != config->multiplier)
		return false;
	bfd_session_init(s, config, h->local_discriminator, random, now);
	s->remote_state = BFD_UP;
	s->remote_discriminator = h->remote_discriminator;
	s->remote_desired_tx_us = h->remote_desired_tx_us;
	s->remote_required_rx_us = h->remote_required_rx_us;
	s->remote_multiplier = h->remote_multiplier;
	s->remote_demand = h->remote_demand;
	/* As for one that has just come up, a poll asks the peer to confirm the intervals. */
	set_state(s, BFD_UP, h->diag < BFD_DIAGS ? (enum bfd_diag)h->diag : BFD_DIAG_NONE);
	s->expire_at = now + bfd_session_detection(s);
	schedule(s, now);
	return true;
}

void bfd_session_configure(struct bfd_session *s, const struct bfd_config *config, uint64_t now)
{
	s->config = *config;
	set_intervals(s);
	schedule(s, now);
}

void bfd_session_admin_down(struct bfd_session *s, bool on, uint64_t now)
{
	if ((s->state == BFD_ADMIN_DOWN) == on)
		return;
	set_state(s, on ? BFD_ADMIN_DOWN : BFD_DOWN, on ? BFD_DIAG_ADMIN_DOWN : BFD_DIAG_NONE);
	s->expire_at = CLOCK_NEVER;
	schedule(s, now);
}

/* RFC 5880 6.8.6, the last part: our state and the peer's give ours. */
static void follow(struct bfd_session *s)
{
	static const struct {
		bool moves;
		uint8_t to, diag;
	} table[BFD_STATES][BFD_STATES] = {
		[BFD_DOWN][BFD_DOWN] = {true, BFD_INIT, BFD_DIAG_NONE},
		[BFD_DOWN][BFD_INIT] = {true, BFD_UP, BFD_DIAG_NONE},
		[BFD_INIT][BFD_INIT] = {true, BFD_UP, BFD_DIAG_NONE},
		[BFD_INIT][BFD_UP] = {true, BFD_UP, BFD_DIAG_NONE},
		[BFD_INIT][BFD_ADMIN_DOWN] = {true, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN},
		[BFD_UP][BFD_DOWN] = {true, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN},
		[BFD_UP][BFD_ADMIN_DOWN] = {true, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN},
	};

	if (table[s->state][s->remote_state].moves)
		set_state(s, table[s->state][s->remote_state].to,
			table[s->state][s->remote_state].diag);
}

static void end_poll(struct bfd_session *s)
{
	s->polling = s->poll_again;
	s->poll_again = false;
	if (s->polling)
		return;
	s->used_tx_us = s->desired_tx_us;
	s->used_rx_us = s->required_rx_us;
}

void bfd_session_receive(struct bfd_session *s, const struct bfd_packet *p, uint64_t now)
{
	uint32_t interval = bfd_session_interval_us(s);

	s->remote_discriminator = p->mine;
	s->remote_state = p->state;
	s->remote_diag = p->diag;
	s->remote_demand = p->demand;
	s->remote_multiplier = p->multiplier;
	s->remote_desired_tx_us = p->desired_tx_us;
	s->remote_required_rx_us = p->required_rx_us;
	if (p->final && s->polling)
		end_poll(s);
	if (s->state == BFD_ADMIN_DOWN)
		return;
	follow(s);
	s->final_due |= p->poll;
	s->received_at = now;
	s->expire_at = now + bfd_session_detection(s);
	if (bfd_session_interval_us(s) != interval)
		schedule(s, now);
}

void bfd_session_timers(struct bfd_session *s, uint64_t now)
{
	if (s->expire_at > now)
		return;
	s->expire_at = CLOCK_NEVER;
	s->remote_discriminator = 0; /* 6.8.1: forgotten after a detection time of silence */
	s->remote_demand = false;
	s->remote_required_rx_us = larger(s->remote_required_rx_us, 1);
	if (s->state == BFD_INIT || s->state == BFD_UP)
		set_state(s, BFD_DOWN, BFD_DIAG_TIME_EXPIRED);
	schedule(s, now);
}

bool bfd_session_output(struct bfd_session *s, uint64_t now, struct wr *w)
{
	struct bfd_packet p = {.state = s->state,
		.diag = s->diag,
		.multiplier = s->config.multiplier,
		.final = s->final_due,
		.poll = s->polling && !s->final_due, /* 6.5: never both */
		.mine = s->local_discriminator,
		.yours = s->remote_discriminator,
		.desired_tx_us = s->desired_tx_us,
		.required_rx_us = s->required_rx_us};
	bool periodic = s->send_at <= now;

	if (!periodic && !s->final_due && !s->urgent)
		return false;
	if (periodic || s->urgent)
		schedule(s, now);
	s->final_due = s->urgent = false;
	bfd_packet_encode(&p, w);
	return true;
}

uint64_t bfd_session_next(const struct bfd_session *s)
{
	if (s->final_due || s->urgent)
		return 0;
	return s->send_at < s->expire_at ? s->send_at : s->expire_at;
}
