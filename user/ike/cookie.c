/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless cookies: RFC 7296 2.6. Cookie = version | hash(secret | Ni | IPi | SPIi). */
#include "ike/internal.h"

#include "crypto/hash.h"

static bool make(const struct engine *e, unsigned int which, const struct message *m,
	uint8_t out[SHA256_LEN])
{
	struct span ni = payload_get(&m->p, PAYLOAD_NONCE);
	uint8_t spi[8];
	struct wr w = wr_init(spi, sizeof(spi));
	struct chunk chunks[] = {{e->cookie.secret[which], sizeof(e->cookie.secret[which])},
		{ni.bytes, ni.len}, {m->remote.addr.bytes, addr_len(&m->remote.addr)},
		{spi, sizeof(spi)}};

	wr_u64(&w, m->head.spi_i);
	return hash_sha256(chunks, 4, out);
}

static void refresh_secret(struct engine *e, uint64_t now)
{
	if (e->cookie.made && now - e->cookie.made < COOKIE_SECRET_LIFE)
		return;
	memcpy(e->cookie.secret[1], e->cookie.secret[0], sizeof(e->cookie.secret[0]));
	e->env.random(e->env.context, e->cookie.secret[0], sizeof(e->cookie.secret[0]));
	if (!e->cookie.made)
		memcpy(e->cookie.secret[1], e->cookie.secret[0], sizeof(e->cookie.secret[0]));
	e->cookie.made = now ? now : 1;
	e->cookie.version++;
}

void cookie_make(struct engine *e, const struct message *m, uint8_t out[33], uint64_t now)
{
	refresh_secret(e, now);
	out[0] = e->cookie.version;
	if (!make(e, 0, m, out + 1))
		memset(out + 1, 0, SHA256_LEN);
}

bool cookie_check(struct engine *e, const struct message *m, uint64_t now)
{
	const struct notify *n = payloads_find_notify(&m->p, NOTIFY_COOKIE);
	uint8_t expected[SHA256_LEN];
	uint8_t age;

	if (!n || n->data.len != 1 + SHA256_LEN)
		return false;
	refresh_secret(e, now);
	age = (uint8_t)(e->cookie.version - n->data.bytes[0]);
	return age <= 1 && make(e, age, m, expected) &&
	       secret_equal(expected, n->data.bytes + 1, SHA256_LEN);
}
