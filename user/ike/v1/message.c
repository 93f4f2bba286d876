/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v1/message.h"

#define PAYLOAD_HEADER_LEN 4
#define DOI_IPSEC          1

static bool decode_notify(struct rd *r, struct notify *n, uint32_t *doi)
{
	*doi = rd_u32(r); /* 0: of ISAKMP itself */
	n->protocol = rd_u8(r);

	uint8_t spi_len = rd_u8(r);

	n->type = rd_u16(r);
	n->spi = (struct span){rd_bytes(r, spi_len), spi_len};
	n->data = (struct span){r->p, rd_left(r)};
	return !r->bad;
}

static bool decode_delete(struct rd *r, struct v1_delete *d, uint32_t *doi)
{
	*doi = rd_u32(r);
	d->protocol = rd_u8(r);
	d->spi_len = rd_u8(r);
	d->count = rd_u16(r);
	d->spis = (struct span){r->p, rd_left(r)};
	return !r->bad && d->spis.len == (size_t)d->spi_len * d->count;
}

/* A payload that may repeat, into its list. */
static bool keep(struct rd *body, struct span *list, unsigned int *count, unsigned int max,
	unsigned int *left_out)
{
	if (*count < max)
		list[(*count)++] = (struct span){body->p, rd_left(body)};
	else
		(*left_out)++;
	return true;
}

/* Errors, and the status types that somebody here looks for. */
static bool notify_matters(uint16_t type)
{
	return type < V1_NOTIFY_FIRST_STATUS || type == V1_NOTIFY_RESPONDER_LIFETIME ||
	       type == V1_NOTIFY_INITIAL_CONTACT || type == V1_NOTIFY_R_U_THERE ||
	       type == V1_NOTIFY_R_U_THERE_ACK;
}

static bool take_notify(struct rd *body, struct v1_payloads *p)
{
	struct notify n;
	uint32_t doi;

	if (!decode_notify(body, &n, &doi))
		return false;
	if (doi > DOI_IPSEC || !notify_matters(n.type))
		return true;
	if (p->notifies < V1_NOTIFIES_MAX)
		p->notify[p->notifies++] = n;
	else
		p->left_out++;
	return true;
}

static bool take_delete(struct rd *body, struct v1_payloads *p)
{
	struct v1_delete d;
	uint32_t doi;

	if (!decode_delete(body, &d, &doi))
		return false;
	if (doi > DOI_IPSEC)
		return true;
	if (p->deletes < V1_DELETES_MAX)
		p->delete[p->deletes++] = d;
	else
		p->left_out++;
	return true;
}

static bool decode_body(struct rd *body, uint8_t type, struct v1_payloads *p)
{
	switch (type) {
	case V1_ID:
		return p->ids < V1_IDS_MAX && keep(body, p->id, &p->ids, V1_IDS_MAX, &p->left_out);
	case V1_NAT_D:
	case V1_NAT_D_DRAFT:
		return keep(body, p->nat, &p->nats, V1_NAT_D_MAX, &p->left_out);
	case V1_CERT:
		return keep(body, p->cert, &p->certs, V1_CERTS_MAX, &p->left_out);
	case V1_VENDOR:
		return keep(body, p->vendor, &p->vendors, V1_VENDORS_MAX, &p->left_out);
	case V1_NOTIFY:
		return take_notify(body, p);
	case V1_DELETE:
		return take_delete(body, p);
	case V1_SA:
	case V1_KE:
	case V1_HASH:
	case V1_SIG:
	case V1_NONCE:
		if (p->present & V1_BIT(type))
			return false;
		p->one[type] = (struct span){body->p, rd_left(body)};
		p->present |= V1_BIT(type);
		return true;
	default:
		return true;
	}
}

bool v1_payloads_decode(
	const void *bytes, size_t len, uint8_t first, bool padded, struct v1_payloads *p)
{
	struct rd r = rd_init(bytes, len);
	const uint8_t *rest = NULL;
	uint8_t type = first;

	memset(p, 0, sizeof(*p));
	for (unsigned int count = 0; type != PAYLOAD_NONE; count++) {
		uint8_t next = rd_u8(&r);
		uint8_t reserved = rd_u8(&r);
		uint16_t payload_len = rd_u16(&r);
		struct rd body;

		/* RFC 2408 3.2. A wrong key shows here first. */
		if (r.bad || reserved || payload_len < PAYLOAD_HEADER_LEN)
			return false;
		body = rd_sub(&r, payload_len - PAYLOAD_HEADER_LEN);
		if (body.bad || !decode_body(&body, type, p))
			return false;
		if (count == 0 && type == V1_HASH)
			rest = r.p;
		type = next;
	}
	if (rest)
		p->after_hash = (struct span){rest, (size_t)(r.p - rest)};
	return padded || !rd_left(&r);
}

const struct notify *v1_find_notify(const struct v1_payloads *p, enum v1_notify type)
{
	for (unsigned int i = 0; i < p->notifies; i++) {
		if (p->notify[i].type == type)
			return &p->notify[i];
	}
	return NULL;
}

const struct notify *v1_find_error(const struct v1_payloads *p)
{
	for (unsigned int i = 0; i < p->notifies; i++) {
		if (p->notify[i].type < V1_NOTIFY_FIRST_STATUS)
			return &p->notify[i];
	}
	return NULL;
}

const char *v1_notify_name(uint16_t type)
{
	static const char *const names[] = {
		[1] = "INVALID-PAYLOAD-TYPE",
		[4] = "INVALID-COOKIE",
		[V1_NOTIFY_INVALID_MAJOR_VERSION] = "INVALID-MAJOR-VERSION",
		[V1_NOTIFY_INVALID_EXCHANGE_TYPE] = "INVALID-EXCHANGE-TYPE",
		[V1_NOTIFY_NO_PROPOSAL_CHOSEN] = "NO-PROPOSAL-CHOSEN",
		[V1_NOTIFY_PAYLOAD_MALFORMED] = "PAYLOAD-MALFORMED",
		[V1_NOTIFY_INVALID_KEY_INFORMATION] = "INVALID-KEY-INFORMATION",
		[V1_NOTIFY_INVALID_ID_INFORMATION] = "INVALID-ID-INFORMATION",
		[V1_NOTIFY_INVALID_CERTIFICATE] = "INVALID-CERTIFICATE",
		[V1_NOTIFY_INVALID_CERT_AUTHORITY] = "INVALID-CERT-AUTHORITY",
		[V1_NOTIFY_INVALID_HASH_INFORMATION] = "INVALID-HASH-INFORMATION",
		[V1_NOTIFY_AUTHENTICATION_FAILED] = "AUTHENTICATION-FAILED",
		[V1_NOTIFY_INVALID_SIGNATURE] = "INVALID-SIGNATURE",
		[29] = "UNSUPPORTED-EXCHANGE-TYPE",
	};

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "notify";
}

void v1_message_begin(
	struct message_writer *m, void *bytes, size_t size, const struct ike_header *h)
{
	message_begin(m, bytes, size, h);
	wr_set_u8(&m->w, 17, 0x10);
}

void v1_payload_begin(struct message_writer *m, enum v1_payload type)
{
	message_payload_begin(m, (enum ike_payload)type);
}

void v1_payload(struct message_writer *m, enum v1_payload type, const void *body, size_t len)
{
	message_payload(m, (enum ike_payload)type, body, len);
}

void v1_notification(struct message_writer *m, enum ike_protocol protocol, const void *spi,
	uint8_t spi_len, enum v1_notify type, const void *data, size_t len)
{
	v1_payload_begin(m, V1_NOTIFY);
	wr_u32(&m->w, DOI_IPSEC);
	wr_u8(&m->w, (uint8_t)protocol);
	wr_u8(&m->w, spi_len);
	wr_u16(&m->w, (uint16_t)type);
	wr_bytes(&m->w, spi, spi_len);
	wr_bytes(&m->w, data, len);
	message_payload_end(m);
}

bool v1_decrypt(const struct cipher *c, const uint8_t *key, uint8_t iv[CIPHER_IV_MAX],
	uint8_t *message, size_t len)
{
	uint8_t last[CIPHER_IV_MAX];

	if (len < IKE_HEADER_LEN + (size_t)c->block || (len - IKE_HEADER_LEN) % c->block)
		return false;
	memcpy(last, message + len - c->block, c->block);
	if (!cipher_cbc(c, false, key, iv, message + IKE_HEADER_LEN, len - IKE_HEADER_LEN))
		return false;
	memcpy(iv, last, c->block);
	return true;
}

size_t v1_message_end(struct message_writer *m, const struct cipher *c, const uint8_t *key,
	uint8_t iv[CIPHER_IV_MAX])
{
	size_t over = (wr_len(&m->w) - IKE_HEADER_LEN) % c->block, len;

	if (over)
		wr_zero(&m->w, c->block - over);
	wr_set_u8(&m->w, 19, m->head.flags | V1_ENCRYPTED);
	len = message_end(m);
	if (!len ||
		!cipher_cbc(c, true, key, iv, m->w.start + IKE_HEADER_LEN, len - IKE_HEADER_LEN))
		return 0;
	memcpy(iv, m->w.start + len - c->block, c->block);
	return len;
}
