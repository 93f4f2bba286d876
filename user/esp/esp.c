/* SPDX-License-Identifier: Apache-2.0 */
#include "esp/esp.h"

#include "base/wire.h"
#include "esp/cipher.h"
#include "esp/replay.h"

#include <stdlib.h>
#include <string.h>

#define ESP_CACHE_LINE    64
#define TRAILER           2 /* pad length, next header */
#define NEXT_HEADER_IPV4  4
#define NEXT_HEADER_IPV6  41
#define NEXT_HEADER_DUMMY 59

/* Which inner packets an SA takes. */
struct selection {
	struct selector_set local, remote;
};

/* The first cache line is what each packet needs; a packet touches one or two more. */
struct esp_sa {
	uint32_t spi;
	bool outbound;
	uint16_t key_bytes; /* at cipher */
	uint64_t sequence;  /* outbound: last used */
	uint64_t reserved;  /* outbound: may be used without writing to progress */
	uint64_t sequence_max;
	struct esp_progress *progress; /* NULL: nobody takes over */
	uint64_t progress_tag;
	struct cipher *cipher;
	struct selection *selection; /* NULL: every packet */
	struct replay replay;
};

_Static_assert(offsetof(struct esp_sa, replay) <= ESP_CACHE_LINE, "one line for each packet");

/* False: no memory. */
static bool select_packets(struct esp_sa *sa, const struct esp_params *p)
{
	if (selectors_any(&p->local) && selectors_any(&p->remote))
		return true;
	sa->selection = malloc(sizeof(*sa->selection));
	if (!sa->selection)
		return false;
	*sa->selection = (struct selection){.local = p->local, .remote = p->remote};
	return true;
}

struct esp_sa *esp_sa_new(const struct esp_params *p, enum esp_engine engine)
{
	size_t size = (sizeof(struct esp_sa) + ESP_CACHE_LINE - 1) & ~(size_t)(ESP_CACHE_LINE - 1);
	struct esp_sa *sa = aligned_alloc(ESP_CACHE_LINE, size);

	if (!sa)
		return NULL;
	memset(sa, 0, sizeof(*sa));
	if (p->cipher == ESP_AES_GCM_16 || p->cipher == ESP_CHACHA20_POLY1305) {
		sa->cipher = cipher_aead_new(p, engine);
	} else if (p->cipher == ESP_AES_CBC) {
		sa->cipher = cipher_cbc_new(p);
	}
	if (!sa->cipher || !select_packets(sa, p)) {
		esp_sa_free(sa);
		return NULL;
	}
	sa->key_bytes = sa->cipher->size;
	sa->spi = p->spi;
	sa->outbound = p->outbound;
	sa->sequence_max = p->esn ? UINT64_MAX : UINT32_MAX;
	sa->reserved = sa->sequence_max;
	replay_init(&sa->replay, p->replay_window);
	return sa;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (!sa)
		return;
	if (sa->cipher)
		sa->cipher->ops->free(sa->cipher);
	free(sa->selection);
	free(sa);
}

const char *esp_sa_engine(const struct esp_sa *sa)
{
	return sa->cipher->ops->engine;
}

static uint32_t padding(const struct cipher *c, uint32_t len)
{
	return -(len + TRAILER) & (c->block - 1U);
}

uint32_t esp_sealed_len(const struct esp_sa *sa, uint32_t len)
{
	return esp_overhead(sa) + len + padding(sa->cipher, len);
}

uint32_t esp_overhead(const struct esp_sa *sa)
{
	const struct cipher *c = sa->cipher;

	return ESP_HEADER_SIZE + c->iv_len + TRAILER + c->icv_len;
}

uint64_t esp_sequence(const struct esp_sa *sa)
{
	return sa->outbound ? sa->sequence : sa->replay.top;
}

uint64_t esp_sequence_left(const struct esp_sa *sa)
{
	return sa->sequence_max - sa->sequence;
}

void esp_sequence_set(struct esp_sa *sa, uint64_t sequence)
{
	if (!sa->outbound)
		replay_continue(&sa->replay, sequence);
	else if (sequence > sa->sequence && sequence <= sa->sequence_max)
		sa->sequence = sequence;
}

/* In this order for whoever reads after this process was ended between two instructions. */
static void progress_write(struct esp_sa *sa, uint64_t sequence)
{
	__atomic_store_n(&sa->progress->check, ~(sequence ^ sa->progress_tag), __ATOMIC_RELEASE);
	__atomic_store_n(&sa->progress->sequence, sequence, __ATOMIC_RELEASE);
}

void esp_progress_keep(struct esp_sa *sa, struct esp_progress *at, uint64_t tag)
{
	sa->progress = at;
	sa->progress_tag = tag;
	sa->reserved = sa->sequence; /* the first packet reserves */
	progress_write(sa, esp_sequence(sa));
}

bool esp_progress_take(struct esp_sa *sa, const struct esp_progress *from, uint64_t tag)
{
	if (from->check != ~(from->sequence ^ tag) || from->sequence > sa->sequence_max)
		return false;
	esp_sequence_set(sa, from->sequence);
	return true;
}

/*
 * RFC 4303 3.3.3: never wrap. Under GCM a repeated number would give the key away. False: there is
 * none left.
 */
static bool reserve(struct esp_sa *sa)
{
	uint64_t left = sa->sequence_max - sa->sequence;

	if (!left)
		return false;
	sa->reserved = sa->sequence + (left < ESP_RESERVE ? left : ESP_RESERVE);
	if (sa->progress)
		progress_write(sa, sa->reserved);
	return true;
}

static bool selected(const struct esp_sa *sa, const struct inner *in, bool to_hub)
{
	const struct selection *s = sa->selection;

	return !s || inner_selected(in, &s->local, &s->remote, to_hub);
}

enum esp_result esp_seal(struct esp_sa *sa, uint8_t **packet, uint32_t *len)
{
	static const uint8_t ascending[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct cipher *c = sa->cipher;
	uint32_t pad = padding(c, *len);
	uint32_t payload = *len + pad + TRAILER;
	uint8_t *start = *packet - ESP_HEADER_SIZE - c->iv_len;
	struct inner in;
	struct wr w;

	if (!inner_parse(*packet, *len, &in) || in.total != *len)
		return ESP_MALFORMED;
	if (!selected(sa, &in, false))
		return ESP_SELECTOR;
	if (sa->sequence >= sa->reserved && !reserve(sa))
		return ESP_SEQUENCE;
	sa->sequence++;

	w = wr_init(start, ESP_HEADER_SIZE);
	wr_u32(&w, sa->spi);
	wr_u32(&w, (uint32_t)sa->sequence);
	/* RFC 4303 2.4. All at once: what is too much of it, the rest of the packet overwrites. */
	w = wr_init(*packet + *len, ESP_TAILROOM);
	wr_bytes(&w, ascending, sizeof(ascending));
	w = wr_init(*packet + *len + pad, TRAILER);
	wr_u8(&w, (uint8_t)pad);
	wr_u8(&w, in.family == 4 ? NEXT_HEADER_IPV4 : NEXT_HEADER_IPV6);
	/* A failure here is a library's; the number stays used. */
	if (!c->ops->seal(c, start, payload, sa->sequence))
		return ESP_AUTH;
	*packet = start;
	*len = ESP_HEADER_SIZE + c->iv_len + payload + c->icv_len;
	return ESP_OK;
}

/* After authentication: trailer, padding, inner header, selectors. */
static enum esp_result unwrap(struct esp_sa *sa, uint8_t *payload, uint32_t payload_len,
	uint8_t **packet, uint32_t *len, struct inner *in)
{
	uint32_t pad = payload[payload_len - 2];
	uint8_t next = payload[payload_len - 1];
	uint32_t inner_len;

	if (next == NEXT_HEADER_DUMMY)
		return ESP_DUMMY;
	if (pad + TRAILER > payload_len)
		return ESP_MALFORMED;
	inner_len = payload_len - TRAILER - pad;
	for (uint32_t i = 0; i < pad; i++) {
		if (payload[inner_len + i] != i + 1)
			return ESP_MALFORMED;
	}
	if (!inner_parse(payload, inner_len, in))
		return ESP_MALFORMED;
	if (next != (in->family == 4 ? NEXT_HEADER_IPV4 : NEXT_HEADER_IPV6))
		return ESP_MALFORMED;
	if (!selected(sa, in, true))
		return ESP_SELECTOR;
	*packet = payload;
	*len = in->total;
	return ESP_OK;
}

enum esp_result esp_open(struct esp_sa *sa, uint8_t **packet, uint32_t *len, struct inner *in)
{
	struct cipher *c = sa->cipher;
	uint32_t around = ESP_HEADER_SIZE + c->iv_len + c->icv_len;
	struct rd r = rd_init(*packet, *len);
	uint32_t spi = rd_u32(&r);
	uint64_t sequence = rd_u32(&r);
	uint32_t payload;

	if (r.bad || spi != sa->spi || *len < around + TRAILER)
		return ESP_MALFORMED;
	payload = *len - around;
	if (payload & (c->block - 1U))
		return ESP_MALFORMED;
	if (sa->sequence_max > UINT32_MAX)
		sequence = replay_extend(&sa->replay, (uint32_t)sequence);
	if (!replay_fresh(&sa->replay, sequence))
		return ESP_REPLAY;
	if (!c->ops->open(c, *packet, payload, sequence))
		return ESP_AUTH;
	replay_accept(&sa->replay, sequence);
	if (sa->progress && sequence == sa->replay.top)
		progress_write(sa, sequence);
	return unwrap(sa, *packet + ESP_HEADER_SIZE + c->iv_len, payload, packet, len, in);
}

void esp_prefetch(const struct esp_sa *sa)
{
	const struct replay *r = &sa->replay;
	const uint8_t *keys = (const uint8_t *)sa->cipher;

	__builtin_prefetch(r);
	for (uint32_t at = 0; at < sa->key_bytes; at += ESP_CACHE_LINE)
		__builtin_prefetch(keys + at);
	if (!sa->outbound)
		__builtin_prefetch(&r->words[(r->top >> 6) & r->mask], 1);
}

void esp_seal_batch(struct esp_sa *sa, struct esp_packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i + 2 < n)
			__builtin_prefetch(packets[i + 2].bytes);
		packets[i].result = esp_seal(sa, &packets[i].bytes, &packets[i].len);
	}
}

void esp_open_batch(struct esp_sa *sa, struct esp_packet *packets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i + 2 < n)
			__builtin_prefetch(packets[i + 2].bytes);
		packets[i].result =
			esp_open(sa, &packets[i].bytes, &packets[i].len, &packets[i].inner);
	}
}

static uint32_t icv_len(uint16_t integ)
{
	switch (integ) {
	case ESP_HMAC_SHA1_96:
		return 12;
	case ESP_HMAC_SHA256_128:
		return 16;
	case ESP_HMAC_SHA384_192:
		return 24;
	case ESP_HMAC_SHA512_256:
		return 32;
	default:
		return 0;
	}
}

uint32_t esp_inner_mtu(
	uint16_t cipher, uint16_t integ, bool udp_encap, uint8_t outer_family, uint32_t path_mtu)
{
	bool aead = cipher == ESP_AES_GCM_16 || cipher == ESP_CHACHA20_POLY1305;
	uint32_t around = (outer_family == 6 ? 40 : 20) + (udp_encap ? 8 : 0) + ESP_HEADER_SIZE +
			  (aead ? 8 + 16 : 16 + icv_len(integ));
	uint32_t block = aead ? 4 : 16;

	if (path_mtu < around + block)
		return 0;
	return (path_mtu - around) / block * block - TRAILER;
}
