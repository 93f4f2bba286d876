/* SPDX-License-Identifier: Apache-2.0 */
/* What is agreed on for an SA pair, in IKE_AUTH and CREATE_CHILD_SA alike: proposal and selectors, checked and written. */
#include "ike/v2/v2.h"

#include <stdio.h>

uint32_t spi_read(const uint8_t *bytes)
{
	struct rd r = rd_init(bytes, 4);

	return rd_u32(&r);
}

/* All would fit, but the peer has no group at all. */
static bool only_group_missing(struct span sa, const struct proposal_policy *p)
{
	struct proposal_policy without = *p;
	struct proposal_choice choice;

	if (!p->ke_wanted)
		return false;
	without.ke = (struct algorithm_set){.count = 1}; /* NONE */
	return proposal_choose(sa.bytes, sa.len, &without, 4, &choice, NULL, 0) == PROPOSAL_OK;
}

bool child_offer_check(const struct tunnel *t, const struct message *m, bool ke_wanted,
	struct child_offer *offer, enum ike_notify *notify, enum reason *why, char *text,
	size_t size)
{
	struct span sa = payload_get(&m->p, PAYLOAD_SA), tsi = payload_get(&m->p, PAYLOAD_TSI),
		    tsr = payload_get(&m->p, PAYLOAD_TSR);
	struct selector_set peer_side, our_side;
	struct proposal_policy policy;

	proposal_policy_esp(&t->conf.options, ke_wanted, &policy);
	*notify = NOTIFY_NO_PROPOSAL_CHOSEN;
	switch (proposal_choose(sa.bytes, sa.len, &policy, 4, &offer->choice, text, size)) {
	case PROPOSAL_OK:
		break;
	case PROPOSAL_NONE:
		*why = REASON_NO_ESP_PROPOSAL;
		if (only_group_missing(sa, &policy)) {
			*why = REASON_PFS_REQUIRED;
			proposal_groups_format(NO_GROUP_OFFERED, &policy, text, size);
		}
		return false;
	default:
		*why = REASON_MALFORMED;
		*notify = NOTIFY_INVALID_SYNTAX;
		snprintf(text, size, "SA payload");
		return false;
	}
	*why = REASON_MALFORMED;
	*notify = NOTIFY_INVALID_SYNTAX;
	snprintf(text, size, "traffic selectors");
	/* RFC 4303 2.1: an SPI below 256 cannot be sent to. */
	if (spi_read(offer->choice.spi) < 256 ||
		!selectors_decode(tsi.bytes, tsi.len, &peer_side) ||
		!selectors_decode(tsr.bytes, tsr.len, &our_side))
		return false;
	if (selectors_narrow(&peer_side, &t->conf.remote_ts, &offer->remote_ts) &&
		selectors_narrow(&our_side, &t->conf.local_ts, &offer->local_ts))
		return true;
	*why = REASON_TS_UNACCEPTABLE;
	*notify = NOTIFY_TS_UNACCEPTABLE;
	selectors_refused(&peer_side, &our_side, &t->conf.remote_ts, &t->conf.local_ts, text, size);
	return false;
}

bool child_answer_check(const struct tunnel *t, const struct message *m, bool ke_wanted,
	struct child_offer *offer, enum reason *why, char *text, size_t size)
{
	struct span sa = payload_get(&m->p, PAYLOAD_SA), tsi = payload_get(&m->p, PAYLOAD_TSI),
		    tsr = payload_get(&m->p, PAYLOAD_TSR);
	struct proposal_policy policy;

	proposal_policy_esp(&t->conf.options, ke_wanted, &policy);
	*why = REASON_NO_ESP_PROPOSAL;
	if (proposal_choose(sa.bytes, sa.len, &policy, 4, &offer->choice, text, size) !=
		PROPOSAL_OK) {
		if (only_group_missing(sa, &policy)) {
			*why = REASON_PFS_REQUIRED;
			proposal_groups_format(
				"the peer's answer has no group, so no forward secrecy", &policy,
				text, size);
		}
		return false;
	}
	*why = REASON_TS_UNACCEPTABLE;
	snprintf(text, size, "the peer's answer goes beyond what we offered");
	return spi_read(offer->choice.spi) >= 256 &&
	       selectors_decode(tsi.bytes, tsi.len, &offer->local_ts) &&
	       selectors_decode(tsr.bytes, tsr.len, &offer->remote_ts) && offer->local_ts.count &&
	       offer->remote_ts.count && selectors_within(&offer->local_ts, &t->conf.local_ts) &&
	       selectors_within(&offer->remote_ts, &t->conf.remote_ts);
}

void child_offer_write(
	struct message_writer *w, const struct child_offer *offer, bool initiator, uint32_t spi_in)
{
	uint8_t spi[4];
	struct wr spi_w = wr_init(spi, sizeof(spi));

	wr_u32(&spi_w, spi_in);
	message_payload_begin(w, PAYLOAD_SA);
	proposal_encode_choice(&w->w, &offer->choice, spi);
	message_payload_end(w);
	message_payload_begin(w, PAYLOAD_TSI);
	selectors_encode(&w->w, initiator ? &offer->local_ts : &offer->remote_ts);
	message_payload_end(w);
	message_payload_begin(w, PAYLOAD_TSR);
	selectors_encode(&w->w, initiator ? &offer->remote_ts : &offer->local_ts);
	message_payload_end(w);
}
