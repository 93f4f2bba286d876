/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/secrets.h"

#include "base/log.h"
#include "crypto/hash.h"

#include <unistd.h>

bool ike_secret_read(int own_fd, struct secret *out)
{
	uint8_t bytes[SECRET_MAX + 2];
	size_t len = 0;
	ssize_t n = 1;

	if (own_fd < 0)
		return false;
	while (n > 0 && len < sizeof(bytes)) {
		n = read(own_fd, bytes + len, sizeof(bytes) - len);
		if (n > 0)
			len += (size_t)n;
	}
	close(own_fd);
	len = secret_text_len(bytes, len);
	n = n < 0 || !len || !secret_set(out, bytes, len) ? -1 : 0;
	secret_wipe(bytes, sizeof(bytes));
	return n == 0;
}

void ike_secrets_take(struct ike_secrets *s, enum imsg_type type, uint32_t tunnel, int own_fd)
{
	if (tunnel != s->tunnel) {
		secret_clear(&s->ppk);
		secret_clear(&s->psk_previous);
	}
	s->tunnel = tunnel;
	if (type == IMSG_IKE_PSK_PREVIOUS) {
		if (!ike_secret_read(own_fd, &s->psk_previous))
			log_error("tunnel %u: the previous key could not be read", tunnel);
	} else if (!ike_secret_read(own_fd, &s->ppk)) {
		log_error(
			"tunnel %u: the post-quantum key could not be read; the tunnel stays down",
			tunnel);
		s->ppk.len = 32;
		random_bytes(s->ppk.bytes, s->ppk.len);
	}
}

void ike_secrets_give(struct ike_secrets *s, struct engine_tunnel *conf)
{
	if (s->tunnel == conf->number) {
		conf->psk_previous = s->psk_previous;
		if (conf->options.ppk_id_len)
			conf->ppk = s->ppk;
	}
	secret_clear(&s->ppk);
	secret_clear(&s->psk_previous);
	s->tunnel = EFFECT_NO_TUNNEL;
}
