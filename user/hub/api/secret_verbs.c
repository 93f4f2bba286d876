/* SPDX-License-Identifier: Apache-2.0 */
/* sluice secret list, rotate, delete: what api may know of secrets, which is their names. */
#include "hub/api/access.h"
#include "hub/api/api.h"

#include "base/date.h"
#include "hub/api/secret_overlap.h"
#include "hub/api/secret_users.h"
#include "hub/secret/reads.h"
#include "hub/secret/rotation.h"
#include "ipc/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *refused(enum problem problem, const char *format, const char *detail)
{
	char text[PROBLEM_TEXT_SIZE];

	snprintf(text, sizeof(text), format, detail);
	return problem_json(problem, text);
}

/* ---- the list ---- */

struct listing {
	const struct hub *h;
	json_t *list, *users;
	char name
		[SITE_NAME_SIZE]; /* of the present one, of which NAME.previous was the one before */
	bool previous;
};

static const char *shown_name(const struct listing *l, const struct secret_user *user)
{
	static const char *const names[TUNNEL_KEYS] = {
		[TUNNEL_KEY_NONE] = "none",
		[TUNNEL_KEY_PRESENT] = "present",
		[TUNNEL_KEY_PREVIOUS] = "previous",
	};

	return names[secret_shown_by(l->h, user)];
}

static void add_user(void *context, const struct secret_user *user)
{
	struct listing *l = context;
	json_t *o = json_pack("{s:s, s:i, s:s}", "site", user->site->name, "tunnel",
		(int)user->tunnel, "as", secret_use_name(user->use));

	if (user->use == SECRET_AS_PSK || user->use == SECRET_IN_OVERLAP)
		json_object_set_new(o, "shown", json_string(shown_name(l, user)));
	json_array_append_new(l->users, o);
}

static void add(void *context, const char *name, int64_t set_s)
{
	struct listing *l = context;
	char set[DATE_TEXT_SIZE], read[DATE_TEXT_SIZE], base[SITE_NAME_SIZE];
	char ref[CONFIG_SECRET_REF_SIZE];
	int64_t read_s;

	snprintf(ref, sizeof(ref), "secret:%s", name);
	read_s = secret_read_s(ref);
	l->users = json_array();
	secret_users_each(l->h->config, name, add_user, l);
	json_array_append_new(l->list,
		json_pack("{s:s, s:s, s:b, s:o}", "name", name, "set", date_format(set_s, set),
			"waits", rotation_base(name, VAULT_NEXT, base), "used_by", l->users));
	if (read_s)
		json_object_set_new(json_array_get(l->list, json_array_size(l->list) - 1), "read",
			json_string(date_format(read_s, read)));
}

json_t *hub_secret_list(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct listing l = {.h = h, .list = json_array()};

	(void)site, (void)r;
	if (vault_each(add, &l))
		return json_pack("{s:o}", "secrets", l.list);
	json_decref(l.list);
	return refused(PROBLEM_FAILED, "the secrets cannot be read: %s", strerror(errno));
}

/* ---- changes ---- */

json_t *hub_secret_rotate(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char why[ROTATION_WHY_SIZE], text[SECRET_SENTENCE_SIZE];
	struct secret s = {0};
	enum rotation done;

	(void)site;
	if (h->applying)
		return problem_json(PROBLEM_BUSY, SECRET_BUSY);
	vault_make(&s);
	done = rotation_set(r->secret, &s, false, why);
	secret_clear(&s);
	switch (done) {
	case ROTATION_BAD:
		return refused(PROBLEM_BAD_REQUEST, "%s", why);
	case ROTATION_REFUSED:
		return refused(PROBLEM_REFUSED, "%s", why);
	case ROTATION_FAILED:
		return refused(PROBLEM_FAILED, "nothing was changed: %s", why);
	default:
		return json_pack("{s:s}", "ok", secret_set_sentence(h, r->secret, done, text));
	}
}

/* Ends a rotation, or takes back what waits. */
static json_t *delete_one(struct hub *h, const char *name, bool is_previous)
{
	char why[ROTATION_WHY_SIZE];
	bool ok = is_previous ? secret_overlap_end(h, name, why) : vault_delete(name);

	if (ok)
		return json_pack("{s:s}", "ok", "it is deleted");
	if (errno == ENOENT)
		return refused(PROBLEM_NO_SUCH_SECRET, "no secret is named '%s'", name);
	return is_previous
		       ? refused(PROBLEM_FAILED, "%s", why)
		       : refused(PROBLEM_FAILED, "it could not be deleted: %s", vault_why(errno));
}

/* What goes with it may be named by itself. */
static bool one_is_needed(struct hub *h, const char *name, bool alone, char *why, size_t size)
{
	static const char *const with_it[] = {"", VAULT_NEXT, VAULT_PREVIOUS};
	char which[2 * SITE_NAME_SIZE];

	for (size_t i = 0; i < (alone ? 1 : 3); i++) {
		snprintf(which, sizeof(which), "%s%s", name, with_it[i]);
		if (vault_has(which) && secret_is_needed(h, which, why, size))
			return true;
	}
	return false;
}

json_t *hub_secret_delete(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char base[SITE_NAME_SIZE], why[PROBLEM_TEXT_SIZE / 2];
	bool previous = rotation_base(r->secret, VAULT_PREVIOUS, base);
	bool next = rotation_base(r->secret, VAULT_NEXT, base);

	(void)site;
	if (h->applying)
		return problem_json(PROBLEM_BUSY, SECRET_BUSY);
	if (!r->force && one_is_needed(h, r->secret, previous || next, why, sizeof(why)))
		return refused(PROBLEM_REFUSED, "%s; with --force it is deleted all the same", why);
	if (previous || next)
		return delete_one(h, r->secret, previous);
	if (rotation_delete(r->secret))
		return json_pack("{s:s}", "ok", "it is deleted");
	if (errno == ENOENT || errno == EINVAL)
		return refused(PROBLEM_NO_SUCH_SECRET, "no secret is named '%s'", r->secret);
	return refused(PROBLEM_FAILED, "it could not be deleted: %s", vault_why(errno));
}
