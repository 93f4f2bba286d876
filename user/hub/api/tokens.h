/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: what programs show in place of being a user. A file that only root may read has the SHA-256 of each, of 256
 * random bits; the token itself is told once, and nobody can find it out again.
 */
#ifndef SLUICE_HUB_API_TOKENS_H
#define SLUICE_HUB_API_TOKENS_H

#include "base/role.h"
#include "crypto/hash.h"
#include "ipc/msg_api.h"

#include <jansson.h>

#define TOKENS_MAX      256
#define TOKEN_TEXT_SIZE 81 /* "sluice_", the id, '_', 64 digits, NUL */

struct token {
	char id[API_TOKEN_ID_SIZE];
	struct grant grant;
	int64_t made_s, until_s; /* of the wall clock */
	uint8_t hash[SHA256_LEN];
	bool revoked; /* worth nothing, and in the file still: that could not be written */
};

struct tokens;

/*
 * Those of a directory, which need not be there yet. A file that cannot be read is left alone: until somebody repairs it
 * or takes it away no token is valid and none is made.
 */
struct tokens *tokens_new(const char *directory);
void tokens_free(struct tokens *t);

/* Looks whether the file can be read by now, if it could not. 0: it can; else errno why not. */
int tokens_broken(struct tokens *t);
/* Half a sentence for such an errno. */
const char *tokens_why(int error);

/* Whose text it is; NULL: of none that is valid now. How long that takes says nothing about the digits. */
const struct token *tokens_find(const struct tokens *t, const char *text, int64_t now_s);

/*
 * Makes one, whose text goes into `text`. False with errno: it could not be written, or there are too many (ENOSPC),
 * and it is worth nothing.
 */
bool tokens_make(struct tokens *t, struct grant grant, int64_t now_s, int64_t until_s,
	char text[TOKEN_TEXT_SIZE]);

/*
 * It is worth nothing from then on. False with errno: ENOENT, there is none of that id; else the file could not be
 * written, and has it still when the daemon starts again: so it can be revoked once more, until it is written.
 */
bool tokens_revoke(struct tokens *t, const char *id, int64_t now_s);

/* {"tokens": [{"id", "role", "scope", "made", "until"}]}, those that are valid. */
json_t *tokens_list(const struct tokens *t, int64_t now_s);

#endif
