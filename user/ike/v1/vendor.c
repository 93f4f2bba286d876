/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor IDs, and NAT detection (RFC 3947 3), which needs one. */
#include "ike/v1/v1.h"

#include "crypto/hash.h"

enum vendor {
	VENDOR_NAT_T,
	VENDOR_NAT_T_03,
	VENDOR_NAT_T_02,
	VENDOR_DPD,
	VENDOR_FRAGMENTATION,
	VENDORS
};

/* The first 16 bytes count: what follows are versions and capabilities. */
static const struct vendor_row {
	uint8_t len;
	uint8_t bytes[20];
} vendors[VENDORS] = {
	[VENDOR_NAT_T] = {16, {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28,
				      0xf2, 0x0e, 0x95, 0x45, 0x2f}},
	[VENDOR_NAT_T_03] = {16, {0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d,
					 0x92, 0x15, 0x52, 0x9d, 0x56}},
	[VENDOR_NAT_T_02] = {16, {0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81,
					 0xb5, 0xec, 0x42, 0x7b, 0x1f}},
	[VENDOR_DPD] = {16, {0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc,
				    0x77, 0x57, 0x01, 0x00}},
	[VENDOR_FRAGMENTATION] = {20, {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7,
					      0xde, 0x7f, 0x00, 0xd6, 0xc2, 0xd3, 0x80}},
};

void v1_put_vendors(struct message_writer *w, const struct ike_sa *sa)
{
	for (int i = 0; i < VENDORS; i++) {
		bool draft = i == VENDOR_NAT_T_03 || i == VENDOR_NAT_T_02;

		/* The answer names the one way of NAT traversal that both have. */
		if (sa->initiator || (i == VENDOR_NAT_T ? sa->v1->nat_t
					     : draft    ? sa->v1->nat_t_draft && !sa->v1->nat_t
							: true))
			v1_payload(w, V1_VENDOR, vendors[i].bytes, vendors[i].len);
	}
}

void v1_read_vendors(struct ike_sa *sa, const struct v1_payloads *p)
{
	bool found[VENDORS] = {false};

	for (unsigned int i = 0; i < p->vendors; i++) {
		for (int v = 0; v < VENDORS; v++) {
			if (p->vendor[i].len >= 15 &&
				memcmp(p->vendor[i].bytes, vendors[v].bytes, 14) == 0)
				found[v] = true;
		}
	}
	sa->v1->nat_t = found[VENDOR_NAT_T];
	sa->v1->nat_t_draft = found[VENDOR_NAT_T_02] || found[VENDOR_NAT_T_03];
	sa->no_probes = !found[VENDOR_DPD];
	sa->v1->fragments = found[VENDOR_FRAGMENTATION];
}

static bool hash_endpoint(
	const struct ike_sa *sa, const struct ip_endpoint *ep, uint8_t out[PRF_MAX])
{
	uint8_t bytes[V1_COOKIES_LEN + 16 + 2];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct chunk chunk;

	wr_u64(&w, sa->spi_i);
	wr_u64(&w, sa->spi_r);
	wr_bytes(&w, ep->addr.bytes, addr_len(&ep->addr));
	wr_u16(&w, ep->port);
	chunk = (struct chunk){bytes, wr_len(&w)};
	return hash_compute(sa->suite.prf, &chunk, 1, out);
}

bool v1_put_nat(struct engine *e, struct message_writer *w, const struct ike_sa *sa,
	const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	enum v1_payload type = sa->v1->nat_t ? V1_NAT_D : V1_NAT_D_DRAFT;
	uint8_t hash[PRF_MAX];

	if (!sa->v1->nat_t && !sa->v1->nat_t_draft)
		return true;
	/* 3.2: the peer's endpoint first, then our own. */
	if (!hash_endpoint(sa, remote, hash))
		return false;
	v1_payload(w, type, hash, sa->suite.prf->len);
	/* A hash that fits no address makes the peer see a NAT, so that it encapsulates. */
	if (sa->forced_encap)
		e->env.random(e->env.context, hash, sizeof(hash));
	else if (!hash_endpoint(sa, local, hash))
		return false;
	v1_payload(w, type, hash, sa->suite.prf->len);
	return true;
}

static bool matches(const struct ike_sa *sa, struct span s, const uint8_t *hash)
{
	return s.len == sa->suite.prf->len && memcmp(s.bytes, hash, s.len) == 0;
}

bool v1_detect_nat(struct ike_sa *sa, const struct v1_payloads *p, const struct message *m)
{
	uint8_t here[PRF_MAX], there[PRF_MAX];
	bool same = false;

	if ((!sa->v1->nat_t && !sa->v1->nat_t_draft) || p->nats < 2)
		return true;
	if (!hash_endpoint(sa, &m->local, here) || !hash_endpoint(sa, &m->remote, there))
		return false;
	for (unsigned int i = 1; i < p->nats; i++)
		same = same || matches(sa, p->nat[i], there);
	sa->nat_here = !matches(sa, p->nat[0], here);
	sa->nat_there = !same;
	return true;
}
