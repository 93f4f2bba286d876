/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/identity.h"

#include "crypto/cert.h"

#include <stdio.h>

bool identity_decode(const void *body, size_t len, struct ike_identity *id)
{
	struct rd r = rd_init(body, len);
	struct ike_identity got = {0};

	got.type = rd_u8(&r);
	rd_skip(&r, 3);
	if (r.bad || rd_left(&r) == 0 || rd_left(&r) > sizeof(got.bytes))
		return false;
	got.len = (uint16_t)rd_left(&r);
	rd_copy(&r, got.bytes, got.len);
	if (got.type == IKE_ID_NONE)
		return false;
	if ((got.type == IKE_ID_IPV4 && got.len != 4) || (got.type == IKE_ID_IPV6 && got.len != 16))
		return false;
	*id = got;
	return true;
}

void identity_encode(struct wr *w, const struct ike_identity *id)
{
	wr_u8(w, id->type);
	wr_zero(w, 3);
	wr_bytes(w, id->bytes, id->len);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

bool identity_equal(const struct ike_identity *a, const struct ike_identity *b)
{
	bool text = a->type == IKE_ID_FQDN || a->type == IKE_ID_RFC822;

	if (a->type == IKE_ID_DN && b->type == IKE_ID_DN &&
		(a->len != b->len || memcmp(a->bytes, b->bytes, a->len) != 0))
		return dn_equal(a->bytes, a->len, b->bytes, b->len);
	if (a->type != b->type || a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		uint8_t x = text ? lower(a->bytes[i]) : a->bytes[i];
		uint8_t y = text ? lower(b->bytes[i]) : b->bytes[i];

		if (x != y)
			return false;
	}
	return true;
}

static bool is_plain(uint8_t c)
{
	return c > ' ' && c < 127 && c != '\\';
}

/* A KEY_ID may be anything: what is no text, or looks like hexadecimal, is shown as hexadecimal. */
static bool wants_hex(const struct ike_identity *id)
{
	bool hex = id->len > 1 && memcmp(id->bytes, "0x", 2) == 0;

	for (unsigned int i = 0; i < id->len; i++)
		hex = hex || !is_plain(id->bytes[i]);
	return id->type == IKE_ID_KEY_ID && hex;
}

const char *identity_format(const struct ike_identity *id, char text[IDENTITY_STR_SIZE])
{
	enum { SHOWN = 64 }; /* bytes; a longer one is cut, and ends in dots */
	static const char *const kinds[] = {[IKE_ID_IPV4] = "ipv4",
		[IKE_ID_FQDN] = "fqdn",
		[IKE_ID_RFC822] = "rfc822",
		[IKE_ID_IPV6] = "ipv6",
		[IKE_ID_DN] = "dn",
		[IKE_ID_KEY_ID] = "keyid"};
	bool known = id->type < sizeof(kinds) / sizeof(kinds[0]) && kinds[id->type];
	bool hex = wants_hex(id);
	char dn[CERT_NAME_SIZE], address[ADDR_STR_SIZE];
	struct ip_addr a;
	int at;

	if (id->type == IKE_ID_NONE) {
		snprintf(text, IDENTITY_STR_SIZE, "-");
		return text;
	}
	at = known ? snprintf(text, IDENTITY_STR_SIZE, "%s:", kinds[id->type])
		   : snprintf(text, IDENTITY_STR_SIZE, "type%u:", id->type);
	if (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6) {
		a = addr_from_bytes(id->type == IKE_ID_IPV4 ? AF_INET : AF_INET6, id->bytes);
		snprintf(text + at, (size_t)(IDENTITY_STR_SIZE - at), "%s",
			addr_format(&a, address));
		return text;
	}
	if (id->type == IKE_ID_DN) {
		snprintf(text + at, (size_t)(IDENTITY_STR_SIZE - at), "%s",
			dn_to_text(id->bytes, id->len, dn));
		return text;
	}
	if (hex)
		at += snprintf(text + at, (size_t)(IDENTITY_STR_SIZE - at), "0x");
	for (int i = 0; i < id->len && i < SHOWN; i++)
		at += snprintf(text + at, (size_t)(IDENTITY_STR_SIZE - at),
			hex                      ? "%02x"
			: is_plain(id->bytes[i]) ? "%c"
						 : "\\x%02x",
			id->bytes[i]);
	if (id->len > SHOWN)
		snprintf(text + at, (size_t)(IDENTITY_STR_SIZE - at), "...");
	return text;
}
