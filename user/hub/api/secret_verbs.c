/* SPDX-License-Identifier: Apache-2.0 */
/* sluice secret list, rotate, delete: what api may know of secrets, which is their names. */
#include "hub/api/access.h"
#include "hub/api/api.h"

#include "base/date.h"
#include "hub/secret/secret.h"
#include "hub/secret/vault.h"
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

static bool is_ref(const char *ref, const char *name)
{
	return !strncmp(ref, "secret:", 7) && !strcmp(ref + 7, name);
}

/* Of the configuration in force. */
static json_t *users_of(const struct hub *h, const char *name)
{
	json_t *list = json_array();

	for (uint32_t s = 0; s < h->config->site_count; s++) {
		const struct site_conf *site = &h->config->sites[s];

		for (int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *c = &site->tunnels[t];
			char previous[CONFIG_SECRET_REF_SIZE];

			if (!c->configured)
				continue;
			if (is_ref(c->psk, name) || is_ref(c->ppk, name) ||
				is_ref(site->bgp_password, name) ||
				is_ref(secret_previous(c, previous), name))
				json_array_append_new(list,
					json_pack("{s:s, s:i}", "site", site->name, "tunnel", t));
		}
	}
	return list;
}

struct listing {
	const struct hub *h;
	json_t *list;
};

static void add(void *context, const char *name, int64_t set_s)
{
	struct listing *l = context;
	char set[DATE_TEXT_SIZE];

	json_array_append_new(
		l->list, json_pack("{s:s, s:s, s:o}", "name", name, "set", date_format(set_s, set),
				 "used_by", users_of(l->h, name)));
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

/* The one of before stays, and is good for devices that still have it. */
static bool keep_previous(const char *name, const char *previous)
{
	struct secret s = {0};
	bool ok = vault_get(name, &s) && vault_set(previous, s.bytes, s.len);
	int why = errno;

	secret_clear(&s);
	errno = why;
	return ok;
}

json_t *hub_secret_rotate(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char previous[2 * SITE_NAME_SIZE];
	struct secret s = {0};
	bool had = vault_has(r->secret), ok;
	int why;

	(void)h, (void)site;
	snprintf(previous, sizeof(previous), "%s" VAULT_PREVIOUS, r->secret);
	if (strlen(previous) > VAULT_NAME_MAX)
		return problem_json(PROBLEM_BAD_REQUEST, "the name is too long to be rotated: 22 "
							 "characters at most");
	if (had && vault_has(previous))
		return refused(PROBLEM_REFUSED,
			"%s is there still: delete it when all devices have the present secret",
			previous);
	if (had && !keep_previous(r->secret, previous))
		return refused(PROBLEM_FAILED, "nothing was changed: %s", vault_why(errno));
	vault_make(&s);
	ok = vault_set(r->secret, s.bytes, s.len);
	why = errno;
	secret_clear(&s);
	if (!ok)
		return refused(PROBLEM_FAILED, "it could not be written: %s", vault_why(why));
	if (!had)
		return json_pack("{s:s}", "ok",
			"a new secret is there; `sluice secret show --reveal` tells it");
	return json_pack("{s:s}", "ok",
		"`sluice apply` puts the new secret in force; devices may use the one of before "
		"until "
		"its name with .previous is deleted");
}

json_t *hub_secret_delete(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *users = users_of(h, r->secret);
	bool used = json_array_size(users);

	(void)site;
	json_decref(users);
	if (!vault_has(r->secret))
		return refused(PROBLEM_NO_SUCH_SECRET, "no secret is named '%s'", r->secret);
	if (used && !r->force)
		return refused(PROBLEM_REFUSED,
			"'%s' is used by the configuration in force; with --force it is deleted "
			"all "
			"the same",
			r->secret);
	if (vault_delete(r->secret))
		return json_pack("{s:s}", "ok", "it is deleted");
	return refused(PROBLEM_FAILED, "it could not be deleted: %s", vault_why(errno));
}
