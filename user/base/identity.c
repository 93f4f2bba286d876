/* SPDX-License-Identifier: Apache-2.0 */
#include "base/identity.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

static bool set_bytes(struct ike_identity *id, uint8_t type, const void *bytes, size_t len)
{
	if (!len || len > sizeof(id->bytes))
		return false;
	id->type = type;
	id->len = (uint16_t)len;
	memcpy(id->bytes, bytes, len);
	return true;
}

/* "keyid:0x" and an even number of digits stand for bytes that are no text. */
static bool set_key_id(struct ike_identity *id, const char *text)
{
	size_t len = strlen(text);
	uint8_t bytes[sizeof(id->bytes)];
	char pair[3] = "";

	if (strncmp(text, "0x", 2))
		return set_bytes(id, IKE_ID_KEY_ID, text, len);
	if (len == 2 || len % 2 || len / 2 - 1 > sizeof(bytes) || !is_hex(text + 2, len - 2))
		return false;
	for (size_t i = 0; i < len / 2 - 1; i++) {
		memcpy(pair, text + 2 + 2 * i, 2);
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return set_bytes(id, IKE_ID_KEY_ID, bytes, len / 2 - 1);
}

static bool set_address(struct ike_identity *id, int family, const char *text)
{
	struct ip_addr a;

	return addr_parse(text, &a) && (!family || a.family == family) &&
	       set_bytes(
		       id, a.family == AF_INET ? IKE_ID_IPV4 : IKE_ID_IPV6, a.bytes, addr_len(&a));
}

/* Devices send all kinds of text as a name or a mailbox: who says the kind may have any of it. */
static bool set_fqdn(struct ike_identity *id, const char *text)
{
	return !strpbrk(text, " \t") && set_bytes(id, IKE_ID_FQDN, text, strlen(text));
}

static bool set_rfc822(struct ike_identity *id, const char *text)
{
	return !strpbrk(text, " \t") && set_bytes(id, IKE_ID_RFC822, text, strlen(text));
}

/* hub makes DER of it, and says when it is none. */
static bool set_dn(struct ike_identity *id, const char *text)
{
	return strchr(text, '=') && set_bytes(id, IKE_ID_DN, text, strlen(text));
}

static bool set_ipv4(struct ike_identity *id, const char *text)
{
	return set_address(id, AF_INET, text);
}

static bool set_ipv6(struct ike_identity *id, const char *text)
{
	return set_address(id, AF_INET6, text);
}

static const struct kind {
	const char *prefix;
	bool (*set)(struct ike_identity *id, const char *text);
} kinds[] = {
	{"ipv4:", set_ipv4},
	{"ipv6:", set_ipv6},
	{"fqdn:", set_fqdn},
	{"rfc822:", set_rfc822},
	{"dn:", set_dn},
	{"keyid:", set_key_id},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

bool identity_parse(const char *text, struct ike_identity *id)
{
	*id = (struct ike_identity){0};
	for (size_t i = 0; i < KINDS; i++) {
		size_t len = strlen(kinds[i].prefix);

		if (!strncmp(text, kinds[i].prefix, len))
			return kinds[i].set(id, text + len);
	}
	if (set_address(id, 0, text))
		return true;
	/* What stands before a colon would be a kind, and there is no other. */
	if (strchr(text, ':') && strcspn(text, ":") < strcspn(text, "=@"))
		return false;
	if (strchr(text, '='))
		return set_dn(id, text);
	if (strpbrk(text, ",:"))
		return false;
	if (!strchr(text, '@'))
		return set_fqdn(id, text);
	/* "@name" is how some programs write a name. */
	return text[0] != '@' && text[strlen(text) - 1] != '@' && set_rfc822(id, text);
}
