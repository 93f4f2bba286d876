/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE identities as people write them (the kinds, and RFC 4514 names) and as ID payloads have them. What
 * is shown of one can be written: it is the same identity again, unless it was cut.
 */
#include "base/identity.h"
#include "base/wire.h"
#include "crypto/cert.h"
#include "ike/identity.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool ends_in_dots(const char *text)
{
	size_t len = strlen(text);

	return len >= 3 && !strcmp(text + len - 3, "...");
}

/* A name that is known to be one: its text is read as the same name. */
static void try_name_text(const struct ike_identity *id)
{
	char text[CERT_NAME_SIZE];
	struct ike_identity again;

	dn_to_text(id->bytes, id->len, text);
	if (ends_in_dots(text))
		return;
	if (!dn_from_text(text, &again) || !identity_equal(id, &again))
		abort();
}

static void try_name(const char *text)
{
	struct ike_identity id;

	if (!dn_from_text(text, &id))
		return;
	if (id.type != IKE_ID_DN || !id.len || id.len > sizeof(id.bytes))
		abort();
	try_name_text(&id);
}

/* The kinds whose value is bytes: what is shown has no escapes where it can be written. */
static void try_shown(const struct ike_identity *id)
{
	char shown[IDENTITY_STR_SIZE];
	struct ike_identity again;

	identity_format(id, shown);
	if (ends_in_dots(shown) || strchr(shown, '\\'))
		return;
	if (!identity_parse(shown, &again) || !identity_equal(id, &again))
		abort();
}

static void try_text(const char *text)
{
	struct ike_identity id;

	if (!identity_parse(text, &id))
		return;
	if (id.type == IKE_ID_NONE || !id.len || id.len > sizeof(id.bytes))
		abort();
	if (id.type != IKE_ID_DN)
		try_shown(&id);
}

/* The body of an ID payload is the same after it was read and written. */
static void try_payload(const uint8_t *bytes, size_t len)
{
	char shown[IDENTITY_STR_SIZE];
	uint8_t body[4 + IDENTITY_MAX];
	struct wr w = wr_init(body, sizeof(body));
	struct ike_identity id, again;

	if (!identity_decode(bytes, len, &id))
		return;
	identity_encode(&w, &id);
	if (!identity_decode(body, wr_len(&w), &again) || id.len != again.len ||
		memcmp(id.bytes, again.bytes, id.len) != 0 || !identity_equal(&id, &again))
		abort();
	identity_format(&id, shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		abort();
	memcpy(text, bytes, len);
	text[len] = '\0';
	try_text(text);
	try_name(text);
	try_payload(bytes, len);
	free(text);
	return 0;
}
