/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/rotation.h"

#include "config/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN (VAULT_NAME_MAX - (sizeof(VAULT_PREVIOUS) - 1))

static const char *with(const char *name, const char *suffix, char text[2 * SITE_NAME_SIZE])
{
	snprintf(text, 2 * SITE_NAME_SIZE, "%.31s%s", name, suffix);
	return text;
}

bool rotation_base(const char *name, const char *suffix, char base[SITE_NAME_SIZE])
{
	size_t len = strlen(name), end = strlen(suffix);

	if (len <= end || len >= SITE_NAME_SIZE || strcmp(name + len - end, suffix) != 0)
		return false;
	snprintf(base, SITE_NAME_SIZE, "%.*s", (int)(len - end), name);
	return true;
}

static const char *name_fault(const char *name)
{
	char base[SITE_NAME_SIZE];

	if (!name_is_valid(name))
		return vault_why(EINVAL);
	if (rotation_base(name, VAULT_NEXT, base) || rotation_base(name, VAULT_PREVIOUS, base))
		return "names that end so are given by sluiced: set the secret itself";
	return strlen(name) > NAME_MAX_LEN ? "the name is too long: 22 characters at most" : NULL;
}

static bool is(const char *name, const struct secret *s)
{
	struct secret there = {0};
	bool same = vault_get(name, &there) && there.len == s->len &&
		    secret_equal(there.bytes, s->bytes, s->len);

	secret_clear(&there);
	return same;
}

/* One that is not there or is damaged is used by nobody; one that cannot be read at the moment may be. */
static bool nobody_uses(int error)
{
	return error == ENOENT || error == EBADMSG || error == EKEYREJECTED;
}

/* One that nobody uses may be replaced at once. */
static bool can_be_read(const char *name)
{
	struct secret there = {0};
	bool can = vault_get(name, &there) || !nobody_uses(errno);

	secret_clear(&there);
	return can;
}

enum rotation rotation_set(
	const char *name, const struct secret *s, bool over, char why[ROTATION_WHY_SIZE])
{
	char next[2 * SITE_NAME_SIZE], previous[2 * SITE_NAME_SIZE];
	const char *fault = name_fault(name);
	bool waits;

	if (fault) {
		snprintf(why, ROTATION_WHY_SIZE, "%s", fault);
		return ROTATION_BAD;
	}
	waits = can_be_read(name);
	with(name, VAULT_NEXT, next);
	with(name, VAULT_PREVIOUS, previous);
	if (waits && !over && vault_has(next)) {
		snprintf(why, ROTATION_WHY_SIZE,
			"%s waits already: `sluice apply` puts it in force, `sluice secret delete` "
			"takes it back",
			next);
		return ROTATION_REFUSED;
	}
	if (waits && vault_has(previous)) {
		snprintf(why, ROTATION_WHY_SIZE,
			"devices may still use %s: `sluice secret list` says which; it ends when "
			"none does, or is deleted",
			previous);
		return ROTATION_REFUSED;
	}
	if (!vault_set(waits ? next : name, s->bytes, s->len)) {
		snprintf(why, ROTATION_WHY_SIZE, "%s", vault_why(errno));
		/* Where only its directory is not on the disk it is there, and nobody was told so. */
		if (is(waits ? next : name, s))
			(void)vault_delete(waits ? next : name);
		return ROTATION_FAILED;
	}
	return waits ? ROTATION_WAITS : ROTATION_DONE;
}

/* Why not; NULL: it is used now. A crash in between leaves what was used, or both, and the next call goes on. */
static const char *take_over(const char *name, const struct secret *next)
{
	char previous[2 * SITE_NAME_SIZE];
	struct secret now = {0};
	bool had = vault_get(name, &now), ok;
	int why = errno;

	with(name, VAULT_PREVIOUS, previous);
	if (!had && !nobody_uses(why))
		return vault_why(why);
	if (had && is(name, next)) { /* it stopped here */
		secret_clear(&now);
		return NULL;
	}
	if (had && vault_has(previous) && !is(previous, &now)) {
		secret_clear(&now);
		return "devices may still use the one of before";
	}
	ok = (!had || vault_set(previous, now.bytes, now.len)) &&
	     vault_set(name, next->bytes, next->len);
	why = errno;
	/* Where only the directory is not on the disk it is used all the same. */
	ok = ok || is(name, next);
	if (!ok && had && is(name, &now))
		(void)vault_delete(previous);
	secret_clear(&now);
	return ok ? NULL : vault_why(why);
}

struct waiting {
	size_t count;
	char (*names)[SITE_NAME_SIZE];
};

static void add(void *context, const char *name, int64_t set_s)
{
	struct waiting *w = context;
	char base[SITE_NAME_SIZE];

	(void)set_s;
	if (!rotation_base(name, VAULT_NEXT, base))
		return;
	w->names = realloc(w->names, (w->count + 1) * sizeof(*w->names));
	if (!w->names)
		abort();
	memcpy(w->names[w->count++], base, sizeof(base));
}

void rotation_apply(rotation_told *tell, void *context)
{
	struct waiting w = {0};

	if (!vault_each(add, &w))
		return;
	for (size_t i = 0; i < w.count; i++) {
		char next[2 * SITE_NAME_SIZE];
		struct secret s = {0};
		const char *why = vault_get(with(w.names[i], VAULT_NEXT, next), &s)
					  ? take_over(w.names[i], &s)
					  : vault_why(errno);

		secret_clear(&s);
		if (!why && !vault_delete(next))
			why = vault_why(errno);
		tell(context, w.names[i], why);
	}
	free(w.names);
}

static void mend(const char *name)
{
	char next[2 * SITE_NAME_SIZE], previous[2 * SITE_NAME_SIZE];
	struct secret now = {0};

	with(name, VAULT_NEXT, next);
	with(name, VAULT_PREVIOUS, previous);
	if (vault_get(name, &now) && is(next, &now))
		(void)vault_delete(next);
	else if (is(previous, &now))
		(void)vault_delete(previous);
	secret_clear(&now);
}

void rotation_mend(void)
{
	struct waiting w = {0};

	if (vault_each(add, &w)) {
		for (size_t i = 0; i < w.count; i++)
			mend(w.names[i]);
	}
	free(w.names);
}

bool rotation_delete(const char *name)
{
	static const char *const with_it[] = {VAULT_NEXT, VAULT_PREVIOUS};
	char other[2 * SITE_NAME_SIZE];

	/* They first: what is left of a secret would be taken for one of the next that is called so. */
	for (size_t i = 0; i < 2; i++) {
		with(name, with_it[i], other);
		if (!vault_delete(other) && errno != ENOENT && errno != EINVAL)
			return false;
	}
	return vault_delete(name);
}
