/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v2/message.h"

#include <stdio.h>

#include "base/secret.h"

#define PAYLOAD_HEADER_LEN 4
#define CRITICAL_BIT       0x80

bool header_decode(const void *bytes, size_t len, struct ike_header *h)
{
	struct rd r = rd_init(bytes, len);

	h->spi_i = rd_u64(&r);
	h->spi_r = rd_u64(&r);
	h->next_payload = rd_u8(&r);
	h->version = rd_u8(&r);
	h->exchange = rd_u8(&r);
	h->flags = rd_u8(&r);
	h->id = rd_u32(&r);
	h->len = rd_u32(&r);
	return !r.bad && h->spi_i && h->len == len && len <= IKE_MESSAGE_MAX;
}

static bool decode_notify(struct rd *r, struct notify *n)
{
	n->protocol = rd_u8(r);

	uint8_t spi_len = rd_u8(r);

	n->type = rd_u16(r);
	n->spi = (struct span){rd_bytes(r, spi_len), spi_len};
	n->data = (struct span){r->p, rd_left(r)};
	return !r->bad;
}

static bool decode_delete(struct rd *r, struct delete_list *d)
{
	d->protocol = rd_u8(r);

	uint8_t spi_len = rd_u8(r);

	d->count = rd_u16(r);
	d->spis = (struct span){r->p, rd_left(r)};
	/* 3.11: an IKE SA is deleted without SPI; ESP SPIs have four bytes. */
	if (d->protocol == PROTOCOL_IKE)
		return !r->bad && spi_len == 0 && d->count == 0 && d->spis.len == 0;
	return !r->bad && spi_len == 4 && d->spis.len == 4u * d->count;
}

/* 3.6. Other encodings than X.509 for signatures are of no use here and left out. */
static bool decode_cert(struct rd *r, struct payloads *p)
{
	uint8_t encoding = rd_u8(r);

	if (!r->bad && encoding == CERT_X509_SIGNATURE && p->certs < IKE_CERTS_MAX)
		p->cert[p->certs++] = (struct span){r->p, rd_left(r)};
	return !r->bad;
}

/*
 * Error types, and the status types that somebody here looks for: 3.10.1 has all others ignored, and
 * a peer may send any number of them.
 */
static bool notify_matters(uint16_t type)
{
	switch (type) {
	case NOTIFY_INITIAL_CONTACT:
	case NOTIFY_NAT_DETECTION_SOURCE_IP:
	case NOTIFY_NAT_DETECTION_DESTINATION_IP:
	case NOTIFY_COOKIE:
	case NOTIFY_REKEY_SA:
	case NOTIFY_FRAGMENTATION_SUPPORTED:
	case NOTIFY_USE_PPK:
	case NOTIFY_PPK_IDENTITY:
	case NOTIFY_SIGNATURE_HASH_ALGORITHMS:
		return true;
	default:
		return type < NOTIFY_FIRST_STATUS;
	}
}

static bool take_notify(struct rd *body, struct payloads *p)
{
	struct notify n;

	if (!decode_notify(body, &n))
		return false;
	if (!notify_matters(n.type))
		return true;
	if (p->notifies < IKE_NOTIFIES_MAX)
		p->notify[p->notifies++] = n;
	else
		p->left_out++;
	return true;
}

static bool take_delete(struct rd *body, struct payloads *p)
{
	struct delete_list d;

	if (!decode_delete(body, &d))
		return false;
	if (p->deletes < IKE_DELETES_MAX)
		p->delete[p->deletes++] = d;
	else
		p->left_out++;
	return true;
}

/* One payload body into *p; false when it is malformed. */
static bool decode_body(struct rd *body, uint8_t type, struct payloads *p)
{
	switch (type) {
	case PAYLOAD_NOTIFY:
		if (!take_notify(body, p))
			return false;
		break;
	case PAYLOAD_DELETE:
		if (!take_delete(body, p))
			return false;
		break;
	case PAYLOAD_CERT:
		if (!decode_cert(body, p))
			return false;
		break;
	case PAYLOAD_CERTREQ: /* we have one certificate to show, whoever is asked for */
	case PAYLOAD_VENDOR:
		break;
	default:
		if (p->present & PAYLOAD_BIT(type))
			return false;
		p->one[type - PAYLOAD_SA] = (struct span){body->p, rd_left(body)};
	}
	p->present |= PAYLOAD_BIT(type);
	return true;
}

/* RFC 7383 2.5: two numbers, then all as in SK. */
static bool decode_fragment(struct rd *body, struct payloads *p)
{
	p->fragment = rd_u16(body);
	p->fragments = rd_u16(body);
	if (body->bad || p->fragment == 0 || p->fragment > p->fragments)
		return false;
	return decode_body(body, PAYLOAD_SK, p);
}

enum decode_result payloads_decode(
	const void *bytes, size_t len, uint8_t first, struct payloads *p, uint8_t *critical)
{
	struct rd r = rd_init(bytes, len);
	uint8_t type = first;

	memset(p, 0, sizeof(*p));
	while (type != PAYLOAD_NONE) {
		uint8_t next = rd_u8(&r);
		uint8_t flags = rd_u8(&r);
		uint16_t payload_len = rd_u16(&r);
		struct rd body;

		if (r.bad || payload_len < PAYLOAD_HEADER_LEN)
			return DECODE_MALFORMED;
		body = rd_sub(&r, payload_len - PAYLOAD_HEADER_LEN);
		if (body.bad)
			return DECODE_MALFORMED;
		if (type == PAYLOAD_SKF) {
			if (!decode_fragment(&body, p))
				return DECODE_MALFORMED;
		} else if (type < PAYLOAD_SA || type > PAYLOAD_EAP) {
			/* 2.5: unknown payloads are skipped unless marked critical. */
			*critical = type;
			if (flags & CRITICAL_BIT)
				return DECODE_CRITICAL;
		} else if (!decode_body(&body, type, p)) {
			return DECODE_MALFORMED;
		}
		if (type == PAYLOAD_SK || type == PAYLOAD_SKF) {
			p->sk_first = next; /* 3.14: always the last one */
			break;
		}
		type = next;
	}
	return rd_left(&r) ? DECODE_MALFORMED : DECODE_OK;
}

const struct notify *payloads_find_notify(const struct payloads *p, enum ike_notify type)
{
	for (unsigned int i = 0; i < p->notifies; i++) {
		if (p->notify[i].type == type)
			return &p->notify[i];
	}
	return NULL;
}

const struct notify *payloads_find_error(const struct payloads *p)
{
	for (unsigned int i = 0; i < p->notifies; i++) {
		if (p->notify[i].type < NOTIFY_FIRST_STATUS)
			return &p->notify[i];
	}
	return NULL;
}

const char *exchange_format(uint8_t exchange, char text[EXCHANGE_TEXT_SIZE])
{
	static const char *const names[] = {
		"IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA", "INFORMATIONAL"};

	if (exchange >= EXCHANGE_IKE_SA_INIT && exchange <= EXCHANGE_INFORMATIONAL)
		snprintf(text, EXCHANGE_TEXT_SIZE, "%s", names[exchange - EXCHANGE_IKE_SA_INIT]);
	else
		snprintf(text, EXCHANGE_TEXT_SIZE, "exchange %u", exchange);
	return text;
}

const char *notify_name(uint16_t type)
{
	switch (type) {
	case NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD:
		return "UNSUPPORTED_CRITICAL_PAYLOAD";
	case NOTIFY_INVALID_IKE_SPI:
		return "INVALID_IKE_SPI";
	case NOTIFY_INVALID_MAJOR_VERSION:
		return "INVALID_MAJOR_VERSION";
	case NOTIFY_INVALID_SYNTAX:
		return "INVALID_SYNTAX";
	case NOTIFY_INVALID_MESSAGE_ID:
		return "INVALID_MESSAGE_ID";
	case NOTIFY_INVALID_SPI:
		return "INVALID_SPI";
	case NOTIFY_NO_PROPOSAL_CHOSEN:
		return "NO_PROPOSAL_CHOSEN";
	case NOTIFY_INVALID_KE_PAYLOAD:
		return "INVALID_KE_PAYLOAD";
	case NOTIFY_AUTHENTICATION_FAILED:
		return "AUTHENTICATION_FAILED";
	case NOTIFY_NO_ADDITIONAL_SAS:
		return "NO_ADDITIONAL_SAS";
	case NOTIFY_TS_UNACCEPTABLE:
		return "TS_UNACCEPTABLE";
	case NOTIFY_TEMPORARY_FAILURE:
		return "TEMPORARY_FAILURE";
	case NOTIFY_CHILD_SA_NOT_FOUND:
		return "CHILD_SA_NOT_FOUND";
	default:
		return "notify";
	}
}

bool sk_open(uint8_t *message, size_t len, const struct payloads *outer, const struct suite *s,
	const struct sk_keys *k, struct span *inner)
{
	const struct cipher *c = s->cipher;
	struct span body = payload_get(outer, PAYLOAD_SK);
	size_t icv_len = cipher_is_aead(c) ? c->tag_len : s->integ->icv_len;

	if (!body.bytes || body.len < c->iv_len + icv_len + 1u)
		return false;

	size_t at = (size_t)(body.bytes - message);
	uint8_t *iv = message + at, *text = iv + c->iv_len;
	size_t text_len = body.len - c->iv_len - icv_len;
	uint8_t *icv = text + text_len;

	if (text_len % c->block)
		return false;
	if (cipher_is_aead(c)) {
		/* RFC 5282 5.1: the header up to and with the SK payload's own header. */
		if (!cipher_open(c, k->encr, k->salt, iv, message, at, text, text_len, icv))
			return false;
	} else {
		uint8_t expected[ICV_MAX];

		if (!integ_compute(s->integ, k->integ, message, len - icv_len, expected) ||
			!secret_equal(expected, icv, icv_len) ||
			!cipher_cbc(c, false, k->encr, iv, text, text_len))
			return false;
	}

	size_t padding = text[text_len - 1] + 1u;

	if (padding > text_len)
		return false;
	*inner = (struct span){text, text_len - padding};
	return true;
}

void message_begin(struct message_writer *m, void *bytes, size_t size, const struct ike_header *h)
{
	*m = (struct message_writer){.w = wr_init(bytes, size), .head = *h, .next_at = 16};
	wr_u64(&m->w, h->spi_i);
	wr_u64(&m->w, h->spi_r);
	wr_u8(&m->w, PAYLOAD_NONE);
	wr_u8(&m->w, 0x20);
	wr_u8(&m->w, h->exchange);
	wr_u8(&m->w, h->flags);
	wr_u32(&m->w, h->id);
	wr_u32(&m->w, 0);
}

void message_payload_begin(struct message_writer *m, enum ike_payload type)
{
	wr_set_u8(&m->w, m->next_at, (uint8_t)type);
	m->payload_at = wr_len(&m->w);
	m->next_at = m->payload_at;
	wr_u8(&m->w, PAYLOAD_NONE);
	wr_u8(&m->w, 0);
	wr_u16(&m->w, 0);
}

void message_payload_end(struct message_writer *m)
{
	wr_set_u16(&m->w, m->payload_at + 2, (uint16_t)(wr_len(&m->w) - m->payload_at));
}

void message_payload(struct message_writer *m, enum ike_payload type, const void *body, size_t len)
{
	message_payload_begin(m, type);
	wr_bytes(&m->w, body, len);
	message_payload_end(m);
}

void message_notify(struct message_writer *m, enum ike_protocol protocol, const void *spi,
	uint8_t spi_len, enum ike_notify type, const void *data, size_t len)
{
	message_payload_begin(m, PAYLOAD_NOTIFY);
	wr_u8(&m->w, (uint8_t)protocol);
	wr_u8(&m->w, spi_len);
	wr_u16(&m->w, (uint16_t)type);
	wr_bytes(&m->w, spi, spi_len);
	wr_bytes(&m->w, data, len);
	message_payload_end(m);
}

void message_sk_begin(struct message_writer *m, const struct suite *s, const uint8_t *iv)
{
	message_payload_begin(m, PAYLOAD_SK);
	m->sk_at = m->payload_at;
	m->iv_at = wr_len(&m->w);
	wr_bytes(&m->w, iv, s->cipher->iv_len);
}

void message_skf_begin(struct message_writer *m, const struct suite *s, const uint8_t *iv,
	uint8_t first, uint16_t number, uint16_t total)
{
	message_payload_begin(m, PAYLOAD_SKF);
	m->sk_at = m->payload_at;
	wr_set_u8(&m->w, m->sk_at, first);
	wr_u16(&m->w, number);
	wr_u16(&m->w, total);
	m->iv_at = wr_len(&m->w);
	wr_bytes(&m->w, iv, s->cipher->iv_len);
}

static bool set_total(struct message_writer *m)
{
	size_t len = wr_len(&m->w);

	if (m->w.bad || len > IKE_MESSAGE_MAX)
		return false;
	wr_set_u16(&m->w, 24, (uint16_t)(len >> 16));
	wr_set_u16(&m->w, 26, (uint16_t)len);
	return true;
}

size_t message_end(struct message_writer *m)
{
	return set_total(m) ? wr_len(&m->w) : 0;
}

size_t message_end_sk(struct message_writer *m, const struct suite *s, const struct sk_keys *k)
{
	const struct cipher *c = s->cipher;
	size_t iv_at = m->iv_at, text_at = iv_at + c->iv_len;
	size_t padding = c->block - 1 - (wr_len(&m->w) - text_at) % c->block;
	size_t icv_len = cipher_is_aead(c) ? c->tag_len : s->integ->icv_len;

	wr_zero(&m->w, padding);
	wr_u8(&m->w, (uint8_t)padding);

	size_t text_len = wr_len(&m->w) - text_at;
	uint8_t *icv = wr_room(&m->w, icv_len);
	uint8_t *bytes = m->w.start;

	wr_set_u16(&m->w, m->sk_at + 2, (uint16_t)(wr_len(&m->w) - m->sk_at));
	if (!set_total(m))
		return 0;

	size_t len = wr_len(&m->w);

	if (cipher_is_aead(c)) {
		if (!cipher_seal(c, k->encr, k->salt, bytes + iv_at, bytes, iv_at, bytes + text_at,
			    text_len, icv))
			return 0;
	} else if (!cipher_cbc(c, true, k->encr, bytes + iv_at, bytes + text_at, text_len) ||
		   !integ_compute(s->integ, k->integ, bytes, len - icv_len, icv)) {
		return 0;
	}
	return len;
}
