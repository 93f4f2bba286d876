/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/secret_overlap.h"

#include "base/log.h"
#include "hub/api/api.h"
#include "hub/api/secret_users.h"
#include "hub/site/site.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is said ---- */

struct uses {
	unsigned int psk; /* tunnels whose devices may use either key */
	const struct site_conf
		*own; /* the first whose document names a psk_previous, which is another key */
	unsigned int own_tunnel;
	const struct site_conf *hard; /* the first with a use that knows no second key */
	enum secret_use hard_use;
};

static void count(void *context, const struct secret_user *user)
{
	struct uses *u = context;

	if (user->use == SECRET_AS_PSK && !user->site->tunnels[user->tunnel].psk_previous[0])
		u->psk++;
	if (user->use == SECRET_AS_PSK && user->site->tunnels[user->tunnel].psk_previous[0] &&
		!u->own) {
		u->own = user->site;
		u->own_tunnel = user->tunnel;
	}
	if (u->hard || (user->use != SECRET_AS_PPK && user->use != SECRET_AS_BGP_PASSWORD))
		return;
	u->hard = user->site;
	u->hard_use = user->use;
}

__attribute__((format(printf, 2, 3))) static void append(
	char text[SECRET_SENTENCE_SIZE], const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, SECRET_SENTENCE_SIZE - n, format, args);
	va_end(args);
}

const char *secret_set_sentence(
	struct hub *h, const char *name, enum rotation done, char text[SECRET_SENTENCE_SIZE])
{
	struct uses u = {0};

	if (done == ROTATION_DONE) {
		snprintf(text, SECRET_SENTENCE_SIZE, "the secret %s is there", name);
		return text;
	}
	secret_users_each(h->config, name, count, &u);
	snprintf(text, SECRET_SENTENCE_SIZE,
		"it waits as %s" VAULT_NEXT ": `sluice apply` puts it in force", name);
	if (u.psk)
		append(text,
			"; as psk, devices may then use the present one as well, until all of them "
			"(%u) have shown the new one",
			u.psk);
	if (u.own)
		append(text,
			"; site '%s' tunnel %u has a psk_previous of its own in its document: "
			"there the "
			"present one ends when it is applied",
			u.own->name, u.own_tunnel);
	if (u.hard)
		append(text,
			"; as %s (site '%s') there is no overlap: its device must have it when it "
			"is applied",
			secret_use_name(u.hard_use), u.hard->name);
	return text;
}

struct adding {
	struct hub *h;
	json_t *list;
};

static void add_finding(void *context, const char *name, int64_t set_s)
{
	struct adding *f = context;
	char base[SITE_NAME_SIZE], text[SECRET_SENTENCE_SIZE];
	struct uses u = {0};
	size_t n;

	(void)set_s;
	if (!rotation_base(name, VAULT_NEXT, base))
		return;
	secret_users_each(f->h->config, base, count, &u);
	n = (size_t)snprintf(text, sizeof(text),
		"secret %s is another one then; %u tunnels have it as psk, and stay", base, u.psk);
	if (u.own && n < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"; site '%s' tunnel %u has another psk_previous, and is set up anew",
			u.own->name, u.own_tunnel);
	if (u.hard && n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, "; site '%s' has it as %s, and %s",
			u.hard->name, secret_use_name(u.hard_use),
			u.hard_use == SECRET_AS_PPK ? "its tunnel is set up anew"
						    : "its BGP sessions start again");
	/* As the rules of a plan tell theirs (plan/findings.h). */
	json_array_append_new(f->list,
		json_pack("{s:s, s:s, s:b, s:o, s:s}", "kind", "secret-replaced", "severity",
			u.hard || u.own ? "warning" : "note", "new", true, "sites",
			u.hard  ? json_pack("[s]", u.hard->name)
			: u.own ? json_pack("[s]", u.own->name)
				: json_array(),
			"text", text));
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
