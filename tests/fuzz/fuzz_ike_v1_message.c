/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv1: payload chain, SA payloads, client identities, lifetimes, fragments. */
#include "ike/v1/client.h"
#include "ike/v1/v1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct ike_options options = {.p1_encryption = {2, {{12, 256}, {12, 128}}},
	.p1_integrity = {2, {{12, 0}, {2, 0}}},
	.p1_groups = {2, {{19, 0}, {14, 0}}},
	.p2_encryption = {2, {{20, 128}, {12, 256}}},
	.p2_integrity = {2, {{12, 0}, {2, 0}}},
	.p2_groups = {2, {{19, 0}, {0, 0}}}};

/* Field by field: what is between them may be anything. */
static bool same_choice(const struct v1_choice *a, const struct v1_choice *b)
{
	const struct suite *s = &a->suite, *t = &b->suite;

	return s->protocol == t->protocol && s->cipher == t->cipher && s->prf == t->prf &&
	       s->integ == t->integ && s->ke == t->ke && s->esn == t->esn && a->auth == b->auth &&
	       a->mode == b->mode && a->lifetime_s == b->lifetime_s && a->spi == b->spi &&
	       a->number == b->number && a->transform_len == b->transform_len &&
	       memcmp(a->transform, b->transform, a->transform_len) == 0;
}

static bool same_selector(const struct selector *a, const struct selector *b)
{
	return addr_equal(&a->first, &b->first) && addr_equal(&a->last, &b->last) &&
	       a->protocol == b->protocol && a->first_port == b->first_port &&
	       a->last_port == b->last_port;
}

/* A choice, written as an answer, is the same choice. */
static void try_proposals(struct span s, bool ike)
{
	struct v1_choice c, again;
	struct v1_policy p;
	uint8_t buffer[512];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[REASON_TEXT_SIZE];
	bool no_pfs;

	if (ike)
		v1_policy_ike(&options, &p);
	else
		v1_policy_esp(&options, true, &p);
	p.auths = 2;
	p.auth[0] = V1_AUTH_PSK;
	p.auth[1] = V1_AUTH_RSA;
	if (v1_choose(s.bytes, s.len, &p, &c, &no_pfs, text, sizeof(text)) != PROPOSAL_OK)
		return;
	if (ike)
		v1_encode_ike_choice(&w, &c);
	else
		v1_encode_esp_choice(&w, &c, c.spi);
	if (v1_choose(buffer, wr_len(&w), &p, &again, &no_pfs, text, sizeof(text)) != PROPOSAL_OK ||
		!same_choice(&c, &again))
		abort();
}

static void try_client(struct span s)
{
	struct selector got, again;
	uint8_t buffer[64];
	struct wr w = wr_init(buffer, sizeof(buffer));

	if (!v1_client_decode(s.bytes, s.len, &got))
		return;
	v1_client_encode(&w, &got);
	if (!v1_client_decode(buffer, wr_len(&w), &again) || !same_selector(&got, &again))
		abort();
}

/* The input in pieces of its own making. */
static void try_fragments(const uint8_t *bytes, size_t len)
{
	struct v1_sa v1 = {0};
	struct ike_sa sa = {.v1 = &v1};
	struct rd r = rd_init(bytes, len);

	while (rd_left(&r)) {
		struct rd one = rd_sub(&r, rd_u8(&r) * 8u);
		struct message m = {.raw = {one.p, rd_left(&one)}};
		struct blob whole = {0};

		if (!one.bad && v1_fragment_add(&sa, &m, &whole)) {
			if (whole.len > IKE_MESSAGE_MAX)
				abort();
			blob_free(&whole);
		}
		if (v1.partial && v1.partial->len > IKE_MESSAGE_MAX)
			abort();
	}
	v1_reassembly_free(v1.partial);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct v1_payloads p;

	if (len < 1)
		return 0;
	if (v1_payloads_decode(bytes + 1, len - 1, bytes[0], len & 1, &p)) {
		try_proposals(p.one[V1_SA], true);
		try_proposals(p.one[V1_SA], false);
		for (unsigned int i = 0; i < p.ids; i++)
			try_client(p.id[i]);
		for (unsigned int i = 0; i < p.notifies; i++)
			(void)v1_decode_lifetime(
				PROTOCOL_IKE, p.notify[i].data.bytes, p.notify[i].data.len);
		(void)v1_find_error(&p);
	}
	try_proposals((struct span){bytes, len}, true);
	try_proposals((struct span){bytes, len}, false);
	try_client((struct span){bytes, len});
	try_fragments(bytes, len);
	return 0;
}
