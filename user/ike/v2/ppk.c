/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-quantum preshared keys: RFC 8784. A tunnel that has one takes no peer without it: section 3
 * permits to go on without (NO_PPK_AUTH), which would let an attacker who records choose.
 */
#include "ike/v2/v2.h"

#define PPK_ID_FIXED 2 /* 5.1 */

/* 3: SK_d, SK_pi and SK_pr are replaced by prf+(PPK, themselves). */
static bool mix(struct ike_sa *sa, const struct secret *ppk)
{
	uint8_t *keys[] = {sa->keys.d, sa->keys.p_i, sa->keys.p_r};
	uint8_t mixed[PRF_MAX];
	size_t len = sa->suite.prf->len;
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct chunk seed = {keys[i], len};

		ok = prf_plus(sa->suite.prf, ppk->bytes, ppk->len, &seed, 1, mixed, len);
		if (ok)
			memcpy(keys[i], mixed, len);
	}
	secret_wipe(mixed, sizeof(mixed));
	return ok;
}

static bool peer_knows(const struct message *m)
{
	return payloads_find_notify(&m->p, NOTIFY_USE_PPK) != NULL;
}

void ppk_announce(struct message_writer *w)
{
	message_notify(w, 0, NULL, 0, NOTIFY_USE_PPK, NULL, 0);
}

/* Which tunnel it will be is not known yet: one of this address that has a PPK is reason enough. */
bool ppk_wanted_by_request(const struct engine *e, const struct message *m)
{
	for (unsigned int i = 0; peer_knows(m) && i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		if (t && t->conf.ppk.len && addr_equal(&t->conf.local, &m->local.addr))
			return true;
	}
	return false;
}

enum reason ppk_check_init_response(struct ike_sa *sa, const struct message *m)
{
	sa->ppk_announced = sa->tunnel->conf.ppk.len && peer_knows(m);
	return sa->tunnel->conf.ppk.len && !sa->ppk_announced ? REASON_PPK_MISSING : REASON_NONE;
}

bool ppk_write_identity(struct ike_sa *sa, struct message_writer *w)
{
	const struct engine_tunnel *conf = &sa->tunnel->conf;
	uint8_t data[1 + PPK_ID_MAX] = {PPK_ID_FIXED};

	if (!conf->ppk.len)
		return true;
	memcpy(data + 1, conf->options.ppk_id, conf->options.ppk_id_len);
	message_notify(w, 0, NULL, 0, NOTIFY_PPK_IDENTITY, data, 1u + conf->options.ppk_id_len);
	return mix(sa, &conf->ppk);
}

enum reason ppk_take_identity(struct ike_sa *sa, const struct tunnel *t, const struct message *m)
{
	const struct notify *n = payloads_find_notify(&m->p, NOTIFY_PPK_IDENTITY);
	const struct ike_options *o = &t->conf.options;

	if (!n || !sa->ppk_announced)
		return t->conf.ppk.len ? REASON_PPK_MISSING : REASON_NONE;
	if (!t->conf.ppk.len || n->data.len != 1u + o->ppk_id_len ||
		n->data.bytes[0] != PPK_ID_FIXED ||
		memcmp(n->data.bytes + 1, o->ppk_id, o->ppk_id_len) != 0)
		return REASON_PPK_UNKNOWN;
	return mix(sa, &t->conf.ppk) ? REASON_NONE : REASON_CRYPTO;
}

void ppk_confirm(const struct ike_sa *sa, struct message_writer *w)
{
	if (sa->tunnel->conf.ppk.len)
		message_notify(w, 0, NULL, 0, NOTIFY_PPK_IDENTITY, NULL, 0);
}

enum reason ppk_check_auth_response(const struct ike_sa *sa, const struct message *m)
{
	return sa->tunnel->conf.ppk.len && !payloads_find_notify(&m->p, NOTIFY_PPK_IDENTITY)
		       ? REASON_PPK_MISSING
		       : REASON_NONE;
}
