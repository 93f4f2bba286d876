/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection: RFC 7296 2.23. */
#include "ike/internal.h"

#include "crypto/hash.h"

static void hash_endpoint(
	uint64_t spi_i, uint64_t spi_r, const struct ip_endpoint *ep, uint8_t out[SHA1_LEN])
{
	uint8_t bytes[8 + 8 + 16 + 2];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct chunk chunk;

	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	wr_bytes(&w, ep->addr.bytes, addr_len(&ep->addr));
	wr_u16(&w, ep->port);
	chunk = (struct chunk){bytes, wr_len(&w)};
	if (!hash_sha1(&chunk, 1, out))
		memset(out, 0, SHA1_LEN);
}

void nat_write(struct engine *e, struct message_writer *m, uint64_t spi_i, uint64_t spi_r,
	const struct ip_endpoint *local, const struct ip_endpoint *remote, bool fake_source)
{
	uint8_t hash[SHA1_LEN];

	/* A hash that fits no address makes the peer see a NAT, so that it encapsulates. */
	if (fake_source)
		e->env.random(e->env.context, hash, sizeof(hash));
	else
		hash_endpoint(spi_i, spi_r, local, hash);
	message_notify(m, 0, NULL, 0, NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	hash_endpoint(spi_i, spi_r, remote, hash);
	message_notify(m, 0, NULL, 0, NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

/* True when notifications of this type are there and none of them fits the endpoint. */
static bool differs(const struct message *m, enum ike_notify type, const struct ip_endpoint *ep)
{
	uint8_t hash[SHA1_LEN];
	bool any = false;

	hash_endpoint(m->head.spi_i, m->head.spi_r, ep, hash);
	for (unsigned int i = 0; i < m->p.notifies; i++) {
		const struct notify *n = &m->p.notify[i];

		if (n->type != type)
			continue;
		if (n->data.len == SHA1_LEN && memcmp(n->data.bytes, hash, SHA1_LEN) == 0)
			return false;
		any = true;
	}
	return any;
}

void nat_detect(const struct message *m, bool *here, bool *there)
{
	*there = differs(m, NOTIFY_NAT_DETECTION_SOURCE_IP, &m->remote);
	*here = differs(m, NOTIFY_NAT_DETECTION_DESTINATION_IP, &m->local);
}
