/* SPDX-License-Identifier: Apache-2.0 */
/* Header, payload chain, and the bodies in it: decoded, and where that works encoded again. */
#include "ike/identity.h"
#include "ike/selectors.h"
#include "ike/v2/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_selectors(struct span s)
{
	struct selector_set set, again;
	uint8_t buffer[512];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[64];

	if (!selectors_decode(s.bytes, s.len, &set) || !set.count)
		return;
	selectors_encode(&w, &set);
	if (!selectors_decode(buffer, wr_len(&w), &again) || !selectors_within(&set, &again) ||
		!selectors_narrow(&set, &again, &again))
		abort();
	selectors_format(&set, text, sizeof(text));
}

static void try_identity(struct span s)
{
	struct ike_identity id, again;
	uint8_t buffer[4 + sizeof(id.bytes)];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[IDENTITY_STR_SIZE];

	if (!identity_decode(s.bytes, s.len, &id))
		return;
	identity_encode(&w, &id);
	if (!identity_decode(buffer, wr_len(&w), &again) || !identity_equal(&id, &again))
		abort();
	identity_format(&id, text);
}

static void try_proposals(struct span s)
{
	struct proposal_policy p = {.protocol = PROTOCOL_ESP,
		.encr = {2, {{20, 128}, {12, 256}}},
		.integ = {1, {{12, 0}}},
		.ke = {1, {{19, 0}}},
		.ke_wanted = true};
	struct proposal_choice c, again;
	uint8_t buffer[512];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[240];

	if (proposal_choose(s.bytes, s.len, &p, 4, &c, text, sizeof(text)) != PROPOSAL_OK)
		return;
	proposal_encode_choice(&w, &c, c.spi);
	if (proposal_choose(buffer, wr_len(&w), &p, 4, &again, text, sizeof(text)) != PROPOSAL_OK ||
		again.suite.cipher != c.suite.cipher || again.suite.ke != c.suite.ke)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct ike_header h;
	struct payloads p;
	uint8_t critical;

	if (len < 1)
		return 0;
	(void)header_decode(bytes + 1, len - 1, &h);
	if (payloads_decode(bytes + 1, len - 1, bytes[0], &p, &critical) == DECODE_OK) {
		try_proposals(payload_get(&p, PAYLOAD_SA));
		try_identity(payload_get(&p, PAYLOAD_IDI));
		try_selectors(payload_get(&p, PAYLOAD_TSI));
		(void)payloads_find_error(&p);
	}
	try_proposals((struct span){bytes, len});
	try_identity((struct span){bytes, len});
	try_selectors((struct span){bytes, len});
	return 0;
}
