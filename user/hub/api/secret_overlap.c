/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/secret_overlap.h"

#include "base/log.h"
#include "hub/api/api.h"
#include "hub/api/secret_users.h"
#include "hub/site/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is said ---- */

/* Uses that know no second key. */
enum hard_use {
	HARD_PSK, /* its psk_previous is another one */
	HARD_PPK,
	HARD_PASSWORD,
	HARD_USES
};

struct uses {
	unsigned int psk;        /* tunnels that stay */
	json_t *hard[HARD_USES]; /* names of sites */
};

static const enum secret_use names_of[HARD_USES] = {
	[HARD_PSK] = SECRET_AS_PSK,
	[HARD_PPK] = SECRET_AS_PPK,
	[HARD_PASSWORD] = SECRET_AS_BGP_PASSWORD,
};

static const char *const as_what[HARD_USES] = {
	[HARD_PSK] = "psk beside a psk_previous of its own",
	[HARD_PPK] = "ppk",
	[HARD_PASSWORD] = "bgp_password",
};

static void add_site(json_t *names, const char *site)
{
	size_t n = json_array_size(names);

	if (!n || strcmp(json_string_value(json_array_get(names, n - 1)), site) != 0)
		json_array_append_new(names, json_string(site));
}

static void count(void *context, const struct secret_user *user)
{
	const struct tunnel_conf *conf = &user->site->tunnels[user->tunnel];
	struct uses *u = context;

	if (user->use == SECRET_AS_PSK && !conf->psk_previous[0])
		u->psk++;
	for (int i = 0; i < HARD_USES; i++) {
		if (user->use == names_of[i] && (i != HARD_PSK || conf->psk_previous[0]))
			add_site(u->hard[i], user->site->name);
	}
}

static void uses_of(struct uses *u, const struct hub *h, const char *name)
{
	*u = (struct uses){.hard = {json_array(), json_array(), json_array()}};
	secret_users_each(h->config, name, count, u);
}

static void uses_end(struct uses *u)
{
	for (int i = 0; i < HARD_USES; i++)
		json_decref(u->hard[i]);
}

enum { NAMED_MAX = 3 };

/* "site 'a'", "sites 'a', 'b', 'c' and 9 more" */
static const char *sites_text(const json_t *names, char text[160])
{
	size_t count = json_array_size(names), n;

	n = (size_t)snprintf(text, 160, "site%s", count > 1 ? "s" : "");
	for (size_t i = 0; i < count && i < NAMED_MAX; i++)
		n += (size_t)snprintf(text + n, 160 - n, "%s '%s'", i ? "," : "",
			json_string_value(json_array_get(names, i)));
	if (count > NAMED_MAX)
		snprintf(text + n, 160 - n, " and %zu more", count - NAMED_MAX);
	return text;
}

const char *secret_set_sentence(
	struct hub *h, const char *name, enum rotation done, char text[SECRET_SENTENCE_SIZE])
{
	struct uses u;
	char sites[160];
	size_t n;

	if (done == ROTATION_DONE) {
		snprintf(text, SECRET_SENTENCE_SIZE, "the secret %s is there", name);
		return text;
	}
	uses_of(&u, h, name);
	n = (size_t)snprintf(text, SECRET_SENTENCE_SIZE,
		"it waits as %s" VAULT_NEXT ": `sluice apply` puts it in force", name);
	if (u.psk)
		n += (size_t)snprintf(text + n, SECRET_SENTENCE_SIZE - n,
			"; as psk, devices may then use the present one as well, until all of them "
			"(%u) have shown the new one",
			u.psk);
	for (int i = 0; i < HARD_USES; i++) {
		if (json_array_size(u.hard[i]))
			n += (size_t)snprintf(text + n, SECRET_SENTENCE_SIZE - n,
				"; as %s (%s) there is no overlap: devices must have it when it is "
				"applied",
				as_what[i], sites_text(u.hard[i], sites));
	}
	uses_end(&u);
	return text;
}

struct adding {
	struct hub *h;
	json_t *list;
};

static void add_finding(void *context, const char *name, int64_t set_s)
{
	static const char *const then[HARD_USES] = {
		[HARD_PSK] = "and their tunnels are set up anew",
		[HARD_PPK] = "and their tunnels are set up anew",
		[HARD_PASSWORD] = "and their BGP sessions begin anew",
	};
	struct adding *f = context;
	char base[SITE_NAME_SIZE], text[SECRET_SENTENCE_SIZE], sites[160];
	json_t *names = json_array();
	struct uses u;
	size_t n;

	(void)set_s;
	if (!rotation_base(name, VAULT_NEXT, base)) {
		json_decref(names);
		return;
	}
	uses_of(&u, f->h, base);
	n = (size_t)snprintf(text, sizeof(text),
		"secret %s is another one then; %u tunnels have it as psk, and stay", base, u.psk);
	for (int i = 0; i < HARD_USES; i++) {
		if (!json_array_size(u.hard[i]))
			continue;
		json_array_extend(names, u.hard[i]);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "; %s: as %s, %s",
			sites_text(u.hard[i], sites), as_what[i], then[i]);
	}
	uses_end(&u);
	/* As the rules of a plan tell theirs (plan/findings.h). */
	json_array_append_new(
		f->list, json_pack("{s:s, s:s, s:b, s:o, s:s}", "kind", "secret-replaced",
				 "severity", json_array_size(names) ? "warning" : "note", "new",
				 true, "sites", names, "text", text));
}

void secret_add_findings(struct hub *h, json_t *plan)
{
	struct adding f = {.h = h, .list = json_object_get(plan, "findings")};

	(void)vault_each(add_finding, &f);
}

/* ---- the beginning ---- */

static void taken(void *context, const char *name, const char *why)
{
	(void)context;
	if (why)
		log_warn("secret %s: the one that waits is not in force: %s", name, why);
	else
		log_info("secret %s: the one that waited is in force", name);
}

void secret_take_over(struct hub *h)
{
	rotation_apply(taken, h);
}

static void say_waiting(void *context, const char *name, int64_t set_s)
{
	char base[SITE_NAME_SIZE];

	(void)set_s;
	if (rotation_base(name, VAULT_NEXT, base))
		log_warn("secret %s: another one waits further, %s", base, (const char *)context);
}

void secret_say_waiting(const char *why)
{
	(void)vault_each(say_waiting, (void *)why);
}

/* ---- the end ---- */

static void tell(void *context, const struct secret_user *user)
{
	struct hub *h = context;
	struct site *site = site_find(&h->model, user->site->name);

	if (site && user->use == SECRET_IN_OVERLAP)
		hub_ike_tunnel_send(h, site, user->tunnel);
}

bool secret_overlap_end(struct hub *h, const char *previous, char why[ROTATION_WHY_SIZE])
{
	bool had = vault_has(previous), ok = vault_delete(previous);
	int error = ok ? 0 : errno;

	if (!vault_has(previous) && (had || ok))
		secret_users_each(h->config, previous, tell, h);
	if (!ok)
		snprintf(why, ROTATION_WHY_SIZE,
			had && !vault_has(previous)
				? "it is gone, and after a loss of power it may be there again: %s"
				: "it could not be deleted: %s",
			vault_why(error));
	errno = error;
	return ok;
}

struct ending {
	struct secret_needs *needs;
	int64_t wall_s;
	size_t count;
	char (*names)[SITE_NAME_SIZE]; /* that are over */
};

static void find_over(void *context, const char *name, int64_t set_s)
{
	struct ending *e = context;
	char base[SITE_NAME_SIZE], why[256];

	if (!rotation_base(name, VAULT_PREVIOUS, base) || e->wall_s - set_s < SECRET_OVERLAP_S ||
		secret_needs(e->needs, name, why, sizeof(why)))
		return;
	e->names = reallocarray(e->names, e->count + 1, sizeof(*e->names));
	if (!e->names)
		abort();
	snprintf(e->names[e->count++], sizeof(e->names[0]), "%s", name);
}

static void end_one(struct hub *h, const char *name)
{
	char why[ROTATION_WHY_SIZE], detail[2 * SITE_NAME_SIZE + ROTATION_WHY_SIZE];
	uint64_t entry = hub_audit_note(h, "secret-overlap-ends", "asked", name);
	bool ok;

	if (!entry)
		return;
	ok = secret_overlap_end(h, name, why);
	if (ok)
		log_info("secret %s: no device needs it any more, and it is deleted", name);
	else
		log_error("secret %s: %s", name, why);
	snprintf(detail, sizeof(detail), "%s%s%s", name, ok ? "" : ": ", ok ? "" : why);
	/* Whoever reads the two as one sees the detail of this one. */
	hub_audit_note_end(h, entry, ok ? "done" : "refused", detail);
}

void secret_overlaps_look(struct hub *h, int64_t wall_s)
{
	struct ending e = {.wall_s = wall_s};

	/* What devices have shown is told by ike; and what is being applied may use anything. */
	if (!h->processes[PROCESS_IKE].channel || h->applying)
		return;
	e.needs = secret_needs_new(h);
	if (!vault_each(find_over, &e))
		e.count = 0;
	secret_needs_free(e.needs);
	for (size_t i = 0; i < e.count; i++)
		end_one(h, e.names[i]);
	free(e.names);
}
