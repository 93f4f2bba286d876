/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/chain.h"

#include "base/secret.h"
#include "crypto/hmac.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_LEN     (2 * AUDIT_MAC_LEN)
#define TAIL        ",\"mac\":\""
#define TAIL_LEN    (sizeof(TAIL) - 1 + HEX_LEN + 2) /* with the quote and the brace */
#define HEAD_FORMAT "sluice-audit 1 %" PRIu64 " %" PRIu64 " %s %s"

static void to_hex(const uint8_t mac[AUDIT_MAC_LEN], char hex[HEX_LEN + 1])
{
	for (int i = 0; i < AUDIT_MAC_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

static bool from_hex(const char *hex, uint8_t mac[AUDIT_MAC_LEN])
{
	for (int i = 0; i < AUDIT_MAC_LEN; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		if (strspn(pair, "0123456789abcdef") != 2)
			return false;
		mac[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

/* What a MAC is of differs by its first word, so no line can be taken for a head. */
static void compute(const uint8_t key[AUDIT_KEY_LEN], const char *what,
	const uint8_t before[AUDIT_MAC_LEN], const char *text, size_t len,
	uint8_t mac[AUDIT_MAC_LEN])
{
	const struct chunk chunks[] = {
		{what, strlen(what) + 1}, {before, AUDIT_MAC_LEN}, {text, len}};

	if (!prf_compute(prf_find(PRF_HMAC_SHA2_256), key, AUDIT_KEY_LEN, chunks, 3, mac))
		abort();
}

bool audit_seal(struct audit_place *at, const uint8_t key[AUDIT_KEY_LEN], const char *object,
	char line[AUDIT_LINE_MAX])
{
	size_t len = strlen(object);
	uint8_t mac[AUDIT_MAC_LEN];
	char hex[HEX_LEN + 1];

	if (len < 3 || object[0] != '{' || object[len - 1] != '}' || strchr(object, '\n') ||
		len + TAIL_LEN + 1 >= AUDIT_LINE_MAX)
		return false;
	len--; /* the MAC stands before the brace */
	compute(key, "line", at->last, object, len, mac);
	to_hex(mac, hex);
	snprintf(line, AUDIT_LINE_MAX, "%.*s" TAIL "%s\"}\n", (int)len, object, hex);
	at->count++;
	memcpy(at->last, mac, sizeof(mac));
	return true;
}

bool audit_mac_of(const char *line, size_t len, uint8_t mac[AUDIT_MAC_LEN])
{
	const char *tail;

	if (len <= TAIL_LEN)
		return false;
	tail = line + len - TAIL_LEN;
	return !memcmp(tail, TAIL, sizeof(TAIL) - 1) && !memcmp(line + len - 2, "\"}", 2) &&
	       from_hex(tail + sizeof(TAIL) - 1, mac);
}

bool audit_follow(
	struct audit_place *at, const uint8_t key[AUDIT_KEY_LEN], const char *line, size_t len)
{
	uint8_t mac[AUDIT_MAC_LEN], said[AUDIT_MAC_LEN];

	if (!audit_mac_of(line, len, said))
		return false;
	compute(key, "line", at->last, line, len - TAIL_LEN, mac);
	if (!secret_equal(mac, said, sizeof(mac)))
		return false;
	at->count++;
	memcpy(at->last, mac, sizeof(mac));
	return true;
}

static void head_text(const struct audit_head *head, char text[AUDIT_HEAD_MAX])
{
	char begin[HEX_LEN + 1], end[HEX_LEN + 1];

	to_hex(head->begin.last, begin);
	to_hex(head->end.last, end);
	snprintf(text, AUDIT_HEAD_MAX, HEAD_FORMAT, head->begin.count, head->end.count, begin, end);
}

static void head_mac(
	const uint8_t key[AUDIT_KEY_LEN], const char *text, size_t len, uint8_t mac[AUDIT_MAC_LEN])
{
	static const uint8_t none[AUDIT_MAC_LEN];

	compute(key, "head", none, text, len, mac);
}

void audit_head_write(
	const struct audit_head *head, const uint8_t key[AUDIT_KEY_LEN], char text[AUDIT_HEAD_MAX])
{
	uint8_t mac[AUDIT_MAC_LEN];
	char hex[HEX_LEN + 1];
	size_t len;

	head_text(head, text);
	len = strlen(text);
	head_mac(key, text, len, mac);
	to_hex(mac, hex);
	snprintf(text + len, AUDIT_HEAD_MAX - len, " %s\n", hex);
}

/* A text is a head when writing what was read of it gives the same text again. */
bool audit_head_read(struct audit_head *head, const uint8_t key[AUDIT_KEY_LEN], const char *text)
{
	char begin[HEX_LEN + 1], end[HEX_LEN + 1], again[AUDIT_HEAD_MAX];
	struct audit_head h = {0};

	if (strlen(text) >= AUDIT_HEAD_MAX ||
		sscanf(text, "sluice-audit 1 %20" SCNu64 " %20" SCNu64 " %64[0-9a-f] %64[0-9a-f] ",
			&h.begin.count, &h.end.count, begin, end) != 4 ||
		strlen(begin) != HEX_LEN || strlen(end) != HEX_LEN ||
		!from_hex(begin, h.begin.last) || !from_hex(end, h.end.last))
		return false;
	audit_head_write(&h, key, again);
	if (strlen(again) != strlen(text) || !secret_equal(again, text, strlen(again)))
		return false;
	*head = h;
	return true;
}
