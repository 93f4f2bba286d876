/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xfrm_algorithms.h"

#include <linux/xfrm.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <stdio.h>
#include <string.h>

struct cipher_name {
	uint16_t cipher, integ;
	const char *name;
	unsigned int icv_bits;
	bool aead;
};

static const struct cipher_name ciphers[] = {
	{.cipher = ESP_AES_GCM_16, .name = "rfc4106(gcm(aes))", .icv_bits = 128, .aead = true},
	{.cipher = ESP_CHACHA20_POLY1305,
		.name = "rfc7539esp(chacha20,poly1305)",
		.icv_bits = 128,
		.aead = true},
	{.cipher = ESP_AES_CBC, .name = "cbc(aes)"},
};

static const struct cipher_name integs[] = {
	{.integ = ESP_HMAC_SHA1_96, .name = "hmac(sha1)", .icv_bits = 96},
	{.integ = ESP_HMAC_SHA256_128, .name = "hmac(sha256)", .icv_bits = 128},
	{.integ = ESP_HMAC_SHA384_192, .name = "hmac(sha384)", .icv_bits = 192},
	{.integ = ESP_HMAC_SHA512_256, .name = "hmac(sha512)", .icv_bits = 256},
};

static const struct cipher_name *find_cipher(const struct esp_params *p)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (ciphers[i].cipher == p->cipher)
			return &ciphers[i];
	}
	return NULL;
}

static const struct cipher_name *find_integ(const struct esp_params *p)
{
	for (size_t i = 0; i < sizeof(integs) / sizeof(integs[0]); i++) {
		if (integs[i].integ == p->integ)
			return &integs[i];
	}
	return NULL;
}

static int put_aead(struct nl_msg *m, const struct cipher_name *c, const struct esp_params *p)
{
	size_t key = (size_t)p->key_len + ESP_SALT_SIZE;
	struct nlattr *a =
		nla_reserve(m, XFRMA_ALG_AEAD, (int)(sizeof(struct xfrm_algo_aead) + key));
	struct xfrm_algo_aead *alg;

	if (!a)
		return -NLE_NOMEM;
	alg = nla_data(a);
	memset(alg, 0, sizeof(*alg));
	snprintf(alg->alg_name, sizeof(alg->alg_name), "%s", c->name);
	alg->alg_key_len = (unsigned int)key * 8;
	alg->alg_icv_len = c->icv_bits;
	memcpy(alg->alg_key, p->key, p->key_len);
	memcpy(alg->alg_key + p->key_len, p->salt, ESP_SALT_SIZE);
	return 0;
}

static int put_cipher(struct nl_msg *m, const struct cipher_name *c, const struct esp_params *p)
{
	struct nlattr *a =
		nla_reserve(m, XFRMA_ALG_CRYPT, (int)(sizeof(struct xfrm_algo) + p->key_len));
	struct xfrm_algo *alg;

	if (!a)
		return -NLE_NOMEM;
	alg = nla_data(a);
	memset(alg, 0, sizeof(*alg));
	snprintf(alg->alg_name, sizeof(alg->alg_name), "%s", c->name);
	alg->alg_key_len = p->key_len * 8u;
	memcpy(alg->alg_key, p->key, p->key_len);
	return 0;
}

static int put_integ(struct nl_msg *m, const struct cipher_name *c, const struct esp_params *p)
{
	struct nlattr *a = nla_reserve(
		m, XFRMA_ALG_AUTH_TRUNC, (int)(sizeof(struct xfrm_algo_auth) + p->integ_len));
	struct xfrm_algo_auth *alg;

	if (!a)
		return -NLE_NOMEM;
	alg = nla_data(a);
	memset(alg, 0, sizeof(*alg));
	snprintf(alg->alg_name, sizeof(alg->alg_name), "%s", c->name);
	alg->alg_key_len = p->integ_len * 8u;
	alg->alg_trunc_len = c->icv_bits;
	memcpy(alg->alg_key, p->integ_key, p->integ_len);
	return 0;
}

int xfrm_put_algorithms(struct nl_msg *m, const struct esp_params *p)
{
	const struct cipher_name *c = find_cipher(p), *i = find_integ(p);
	int r;

	if (!c || (!c->aead && !i))
		return -NLE_OPNOTSUPP;
	if (c->aead)
		return put_aead(m, c, p);
	r = put_cipher(m, c, p);
	return r ? r : put_integ(m, i, p);
}
