/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/tokens.h"

#include "base/date.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "tokens.json"
#define PREFIX    "sluice_"
#define DIGITS    (2 * SHA256_LEN)

struct tokens {
	char directory[PATH_MAX];
	int broken; /* errno why the file cannot be had; EUCLEAN: it is not understood */
	size_t count;
	struct token list[TOKENS_MAX];
};

/* ---- text ---- */

static void to_hex(const uint8_t *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static bool from_hex(const char *text, uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		if (!high || !low)
			return false;
		bytes[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

static bool hash_of(const char *text, uint8_t hash[SHA256_LEN])
{
	const struct chunk chunk = {text, strlen(text)};

	return hash_sha256(&chunk, 1, hash);
}

/* ---- the file ---- */

static json_t *token_json(const struct token *k)
{
	char hash[DIGITS + 1];

	to_hex(k->hash, sizeof(k->hash), hash);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "id", k->id, "role",
		role_names[k->grant.role], "scope", k->grant.scope, "made", (json_int_t)k->made_s,
		"until", (json_int_t)k->until_s, "sha256", hash);
}

static bool read_token(const json_t *o, struct token *k)
{
	const char *id, *role, *scope, *hash;
	json_int_t made, until;

	memset(k, 0, sizeof(*k));
	if (json_unpack((json_t *)o, "{s:s, s:s, s:s, s:I, s:I, s:s}", "id", &id, "role", &role,
		    "scope", &scope, "made", &made, "until", &until, "sha256", &hash))
		return false;
	k->grant.role = (uint8_t)role_find(role);
	k->made_s = made;
	k->until_s = until;
	if (k->grant.role >= ROLES || strlen(id) != sizeof(k->id) - 1 ||
		strlen(scope) >= sizeof(k->grant.scope))
		return false;
	strcpy(k->id, id);
	strcpy(k->grant.scope, scope);
	return from_hex(hash, k->hash, sizeof(k->hash));
}

static bool read_file(struct tokens *t, FILE *f)
{
	json_t *all = json_loadf(f, JSON_REJECT_DUPLICATES, NULL);
	bool ok = json_is_array(all) && json_array_size(all) <= TOKENS_MAX;

	for (size_t i = 0; ok && i < json_array_size(all); i++)
		ok = read_token(json_array_get(all, i), &t->list[t->count++]);
	json_decref(all);
	return ok;
}

/* What was revoked is in it no more. */
static bool write_file(const struct tokens *t)
{
	json_t *all = json_array();
	char *text;
	bool ok;

	for (size_t i = 0; i < t->count; i++) {
		if (!t->list[i].revoked)
			json_array_append_new(all, token_json(&t->list[i]));
	}
	text = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	if (!text)
		abort();
	ok = file_make_directory(t->directory, 0755) &&
	     file_replace(t->directory, FILE_NAME, text, strlen(text));
	free(text);
	return ok;
}

/* What the file says; none is valid if that cannot be found out. */
static void load(struct tokens *t)
{
	char path[PATH_MAX + 32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" FILE_NAME, t->directory);
	t->count = 0;
	f = fopen(path, "re");
	t->broken = f ? read_file(t, f) ? 0 : EUCLEAN : errno == ENOENT ? 0 : errno;
	if (f)
		fclose(f);
	if (t->broken)
		t->count = 0;
}

struct tokens *tokens_new(const char *directory)
{
	struct tokens *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	snprintf(t->directory, sizeof(t->directory), "%s", directory);
	load(t);
	if (t->broken)
		log_error("%s/" FILE_NAME ": %s; no token is valid", directory,
			tokens_why(t->broken));
	return t;
}

const char *tokens_why(int error)
{
	return error == EUCLEAN ? "it is not understood" : strerror(error);
}

int tokens_broken(struct tokens *t)
{
	if (!t->broken)
		return 0;
	load(t);
	if (!t->broken)
		log_info("%s/" FILE_NAME ": it can be read again, %zu tokens", t->directory,
			t->count);
	return t->broken;
}

void tokens_free(struct tokens *t)
{
	free(t);
}

/* ---- use ---- */

static bool is_valid(const struct token *k, int64_t now_s)
{
	return !k->revoked && now_s < k->until_s;
}

const struct token *tokens_find(const struct tokens *t, const char *text, int64_t now_s)
{
	const struct token *found = NULL;
	uint8_t hash[SHA256_LEN];

	if (strlen(text) != TOKEN_TEXT_SIZE - 1 || !hash_of(text, hash))
		return NULL;
	for (size_t i = 0; i < t->count; i++) {
		if (secret_equal(t->list[i].hash, hash, sizeof(hash)) &&
			is_valid(&t->list[i], now_s))
			found = &t->list[i];
	}
	return found;
}

static struct token *of_id(struct tokens *t, const char *id)
{
	for (size_t i = 0; i < t->count; i++) {
		if (!strcmp(t->list[i].id, id))
			return &t->list[i];
	}
	return NULL;
}

static void remove_at(struct tokens *t, size_t i)
{
	t->count--;
	memmove(&t->list[i], &t->list[i + 1], (t->count - i) * sizeof(t->list[0]));
}

static void forget_old(struct tokens *t, int64_t now_s)
{
	for (size_t i = t->count; i-- > 0;) {
		if (now_s >= t->list[i].until_s)
			remove_at(t, i);
	}
}

/* The file has them no more. */
static void forget_revoked(struct tokens *t)
{
	for (size_t i = t->count; i-- > 0;) {
		if (t->list[i].revoked)
			remove_at(t, i);
	}
}

bool tokens_make(struct tokens *t, struct grant grant, int64_t now_s, int64_t until_s,
	char text[TOKEN_TEXT_SIZE])
{
	struct token *k;
	uint8_t bytes[SHA256_LEN], id[4];
	char digits[DIGITS + 1];
	int why;

	forget_old(t, now_s);
	errno = t->broken ? t->broken : ENOSPC;
	if (t->broken || t->count == TOKENS_MAX)
		return false;
	k = &t->list[t->count];
	*k = (struct token){.grant = grant, .made_s = now_s, .until_s = until_s};
	do {
		random_bytes(id, sizeof(id));
		to_hex(id, sizeof(id), k->id);
	} while (of_id(t, k->id));
	random_bytes(bytes, sizeof(bytes));
	to_hex(bytes, sizeof(bytes), digits);
	snprintf(text, TOKEN_TEXT_SIZE, PREFIX "%s_%s", k->id, digits);
	secret_wipe(bytes, sizeof(bytes));
	secret_wipe(digits, sizeof(digits));
	if (!hash_of(text, k->hash))
		abort();
	t->count++;
	if (write_file(t)) {
		forget_revoked(t);
		return true;
	}
	/* It may stand in the file, if only that is not on the disk. */
	why = errno;
	t->count--;
	(void)write_file(t);
	errno = why;
	secret_wipe(text, TOKEN_TEXT_SIZE);
	return false;
}

bool tokens_revoke(struct tokens *t, const char *id, int64_t now_s)
{
	struct token *k = of_id(t, id);

	errno = t->broken ? t->broken : ENOENT;
	if (!k || now_s >= k->until_s)
		return false;
	k->revoked = true;
	forget_old(t, now_s);
	if (!write_file(t))
		return false;
	forget_revoked(t);
	return true;
}

json_t *tokens_list(const struct tokens *t, int64_t now_s)
{
	char made[DATE_TEXT_SIZE], until[DATE_TEXT_SIZE];
	json_t *list = json_array();

	for (size_t i = 0; i < t->count; i++) {
		const struct token *k = &t->list[i];

		if (is_valid(k, now_s))
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", k->id, "role",
					      role_names[k->grant.role], "scope", k->grant.scope,
					      "made", date_format(k->made_s, made), "until",
					      date_format(k->until_s, until)));
	}
	return json_pack("{s:o}", "tokens", list);
}
