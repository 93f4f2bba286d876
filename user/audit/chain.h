/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log whose lines are chained by a key: each line is a JSON object that ends with a MAC over itself and the MAC of
 * the line before (HMAC-SHA256, RFC 2104). Whoever has not the key can neither change a line nor leave one out, nor
 * put two into another order, without the next MAC being wrong. That the end is missing is told by a head that is
 * kept apart from the lines and sealed by the same key.
 *
 * No file is touched here: lines and heads are text in memory.
 */
#ifndef SLUICE_AUDIT_CHAIN_H
#define SLUICE_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY_LEN  32
#define AUDIT_MAC_LEN  32
#define AUDIT_LINE_MAX 4096 /* bytes of a line with its end and a zero */
#define AUDIT_HEAD_MAX 320  /* bytes of a head with its end and a zero */

/* A place in the log: behind line `count`, which ended with the MAC `last`. */
struct audit_place {
	uint64_t count;
	uint8_t last[AUDIT_MAC_LEN];
};

/* What is kept apart: where the lines that are still there begin, and where they end. */
struct audit_head {
	struct audit_place begin, end;
};

/*
 * Writes the line for an object ("{...}", not empty) that stands behind *at, with a newline, and moves *at behind it.
 * False when it is too long or no object; *at is unchanged then.
 */
bool audit_seal(struct audit_place *at, const uint8_t key[AUDIT_KEY_LEN], const char *object,
	char line[AUDIT_LINE_MAX]);

/*
 * Whether `line` (len bytes, without newline) is the one that was written behind *at; moves *at behind it. False: it
 * was changed, or something before it is missing or stood elsewhere; *at is unchanged.
 */
bool audit_follow(
	struct audit_place *at, const uint8_t key[AUDIT_KEY_LEN], const char *line, size_t len);

/* The MAC that a line says it has, true or not; false when it says none. */
bool audit_mac_of(const char *line, size_t len, uint8_t mac[AUDIT_MAC_LEN]);

/* A head as text with a newline, and back. False: it is not one, or not of this key. */
void audit_head_write(
	const struct audit_head *head, const uint8_t key[AUDIT_KEY_LEN], char text[AUDIT_HEAD_MAX]);
bool audit_head_read(struct audit_head *head, const uint8_t key[AUDIT_KEY_LEN], const char *text);

#endif
