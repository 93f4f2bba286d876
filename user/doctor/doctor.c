/* SPDX-License-Identifier: Apache-2.0 */
/* Tries the rules, puts what has one cause together, and sorts. */
#include "doctor/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENT_LEAST 3 /* tunnels of an address: fewer may be silent by chance */

const char *const doctor_rungs[DOCTOR_RUNGS] = {
	[DOCTOR_HUB] = "hub",
	[DOCTOR_IKE] = "ike",
	[DOCTOR_ESP] = "esp",
	[DOCTOR_INSIDE] = "inside",
	[DOCTOR_BGP] = "bgp",
	[DOCTOR_RATES] = "rates",
	[DOCTOR_ROUTES] = "routes",
};

const char *const doctor_severities[DOCTOR_SEVERITIES] = {
	[DOCTOR_NOTE] = "note",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_ERROR] = "error",
};

/* What is known of tunnels while their findings come together. */
struct looking {
	const struct doctor_snapshot *s;
	struct doctor_report *report;
	struct doctor_strangers strangers;
	const struct doctor_rule *cause[SITE_SLOTS][TUNNELS_PER_SITE]; /* NULL: none */
	size_t found[SITE_SLOTS][TUNNELS_PER_SITE]; /* which finding that is, counted from 1 */
	bool swallowed[SITE_SLOTS][TUNNELS_PER_SITE];
};

static struct doctor_case hub_case(const struct doctor_snapshot *s)
{
	return (struct doctor_case){.s = s};
}

static struct doctor_case tunnel_case(
	const struct looking *l, const struct site *site, unsigned int t)
{
	return (struct doctor_case){.s = l->s,
		.strangers = &l->strangers,
		.site = site,
		.tunnel = t,
		.state = &site->tunnels[t],
		.conf = &site->conf.tunnels[t]};
}

static void add_site(struct doctor_finding *f, const struct site *site)
{
	f->sites[site->slot / 64] |= UINT64_C(1) << site->slot % 64;
}

bool doctor_names(const struct doctor_finding *f, uint32_t slot)
{
	return f->sites[slot / 64] >> slot % 64 & 1;
}

static void write_texts(struct doctor_finding *f, const struct doctor_case *c, const char *sentence)
{
	doctor_expand(c, sentence, f->text);
	doctor_expand(c, c->rule->hub, f->hub);
	doctor_expand(c, c->rule->device, f->device);
}

static struct doctor_finding *add(struct doctor_report *r, const struct doctor_case *c)
{
	struct doctor_finding *f;

	r->list = realloc(r->list, (r->count + 1) * sizeof(*r->list));
	if (!r->list)
		abort();
	f = &r->list[r->count++];
	*f = (struct doctor_finding){.id = c->rule->id,
		.rung = c->rule->rung,
		.severity = c->rule->severity,
		.since_wall_ns = c->since_wall_ns,
		.last_wall_ns = c->last_wall_ns,
		.count = c->count};
	if (c->site) {
		memcpy(f->site, c->site->conf.name, sizeof(f->site));
		f->slot = c->site->slot;
	}
	memcpy(f->evidence, c->evidence, sizeof(f->evidence));
	write_texts(f, c, c->rule->sentence);
	return f;
}

static bool holds(struct doctor_case *c, const struct doctor_rule *rule)
{
	c->rule = rule;
	c->word_count = 0;
	c->since_wall_ns = c->last_wall_ns = 0;
	c->count = 0;
	c->evidence[0] = '\0';
	return rule->holds(c);
}

static bool does_not_carry(const struct looking *l, uint32_t slot, unsigned int t)
{
	enum doctor_verdict v = l->report->verdicts[slot][t];

	return v == VERDICT_DEAD || v == VERDICT_CONTROL_ONLY || v == VERDICT_ONE_WAY;
}

/* What is wrong with the hub stands for the tunnels that do not carry because of it: all, or those of an endpoint. */
static void swallow(struct looking *l, struct doctor_finding *f, const struct doctor_rule *rule,
	const struct endpoint *only)
{
	bool dead = rule->flags & DOCTOR_SWALLOWS_DEAD;

	if (!(rule->flags & (DOCTOR_SWALLOWS | DOCTOR_SWALLOWS_DEAD)))
		return;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = l->s->model->sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			if ((only && endpoint_of(l->s->model, site, t) != only) ||
				!does_not_carry(l, i, t) ||
				(dead && l->report->verdicts[i][t] != VERDICT_DEAD))
				continue;
			l->swallowed[i][t] = true;
			f->tunnels_lost++;
			add_site(f, site);
		}
	}
}

/* ---- the hub ---- */

static void look_at_endpoint(struct looking *l, unsigned int e, unsigned int a)
{
	struct doctor_case c = hub_case(l->s);

	c.endpoint = e;
	c.address = a;
	for (const struct doctor_rule *r = doctor_rules_endpoint; r->id; r++) {
		if (!holds(&c, r))
			continue;
		swallow(l, add(l->report, &c), r, &l->s->model->endpoints[e][a]);
		return;
	}
}

/* Who sees some sites only sees no more of the hub than its addresses. */
static void look_at_hub(struct looking *l)
{
	const struct concentrator_conf *conf = &l->s->model->config->concentrator;
	struct doctor_case c = hub_case(l->s);

	for (unsigned int e = 0; e < conf->endpoint_count; e++) {
		for (unsigned int a = 0; a < conf->endpoints[e].address_count; a++)
			look_at_endpoint(l, e, a);
	}
	for (const struct doctor_rule *r = doctor_rules_hub; l->s->whole && r->id; r++) {
		if (holds(&c, r))
			swallow(l, add(l->report, &c), r, NULL);
	}
}

/* ---- tunnels ---- */

/* Without the other way the site is not reached. */
static enum doctor_severity weight_of(
	const struct looking *l, const struct doctor_case *c, enum doctor_severity s)
{
	bool other = l->report->verdicts[c->site->slot][!c->tunnel] == VERDICT_UP;

	return s == DOCTOR_ERROR && other ? DOCTOR_WARNING : s;
}

static void name_tunnel(const struct looking *l, struct doctor_finding *f,
	const struct doctor_case *c, const char *sentence)
{
	enum doctor_verdict v = l->report->verdicts[c->site->slot][c->tunnel];
	bool other = l->report->verdicts[c->site->slot][!c->tunnel] == VERDICT_UP;
	char text[DOCTOR_TEXT_SIZE], span[DOCTOR_SPAN_SIZE];
	size_t at = strlen(f->evidence);
	uint64_t since = f->since_wall_ns;

	memcpy(text, sentence, sizeof(text));
	snprintf(f->text, sizeof(f->text), "%s tunnel %u: %.580s", c->site->conf.name, c->tunnel,
		text);
	if (f->severity == DOCTOR_WARNING && c->rule->severity == DOCTOR_ERROR && other && since &&
		v != VERDICT_UP)
		snprintf(f->evidence + at, sizeof(f->evidence) - at,
			"%stunnel %u carries the site alone, for %s", at ? "; " : "", !c->tunnel,
			doctor_span((l->s->wall_ns - since) / CLOCK_SECOND, span));
}

/* What to do for the other tunnel as well, where that is something else. */
static void add_to_do(const struct doctor_case *c, const char *pattern, char text[DOCTOR_TEXT_SIZE])
{
	char first[DOCTOR_TEXT_SIZE], other[DOCTOR_TEXT_SIZE];

	doctor_expand(c, pattern, other);
	if (!strcmp(text, other))
		return;
	memcpy(first, text, sizeof(first));
	snprintf(text, DOCTOR_TEXT_SIZE, "tunnel 0: %.300s; tunnel 1: %.300s", first, other);
}

/* The other tunnel of the site has the same cause: one finding, of both. */
static bool joins(struct looking *l, struct doctor_case *c)
{
	uint32_t slot = c->site->slot;
	struct doctor_finding *f;
	char text[DOCTOR_TEXT_SIZE];

	if (c->tunnel != 1 || !l->cause[slot][0] || strcmp(l->cause[slot][0]->id, c->rule->id) != 0)
		return false;
	f = &l->report->list[l->found[slot][0] - 1];
	doctor_expand(c, c->rule->both ? c->rule->both : c->rule->sentence, text);
	if (!c->rule->both)
		snprintf(f->text, sizeof(f->text), "%s, both tunnels: %.580s", c->site->conf.name,
			text);
	else
		snprintf(f->text, sizeof(f->text), "%s: %.600s", c->site->conf.name, text);
	add_to_do(c, c->rule->hub, f->hub);
	add_to_do(c, c->rule->device, f->device);
	f->tunnels |= 1u << c->tunnel;
	f->count += c->count;
	if (c->since_wall_ns > f->since_wall_ns)
		f->since_wall_ns = c->since_wall_ns;
	if (c->last_wall_ns > f->last_wall_ns)
		f->last_wall_ns = c->last_wall_ns;
	if (does_not_carry(l, slot, 1))
		f->tunnels_lost++;
	return true;
}

/* One that is the cause, and no word beside it. */
static void tell(struct looking *l, struct doctor_case *c, bool beside)
{
	uint32_t slot = c->site->slot;
	struct doctor_finding *f;
	char text[DOCTOR_TEXT_SIZE];

	if (!beside && joins(l, c)) {
		l->cause[slot][1] = c->rule;
		l->found[slot][1] = l->found[slot][0];
		return;
	}
	f = add(l->report, c);
	f->severity = weight_of(l, c, f->severity);
	f->tunnels = 1u << c->tunnel;
	f->tunnels_lost = !beside && does_not_carry(l, slot, c->tunnel);
	memcpy(text, f->text, sizeof(text));
	name_tunnel(l, f, c, text);
	if (beside)
		return;
	l->cause[slot][c->tunnel] = c->rule;
	l->found[slot][c->tunnel] = l->report->count;
}

/* True: the cause has been found, and what is above follows from it. */
static bool climb(
	struct looking *l, struct doctor_case *c, const struct doctor_rule *rules, bool found)
{
	for (const struct doctor_rule *r = rules; r->id; r++) {
		bool beside = r->flags & DOCTOR_BESIDE;

		if ((found && !beside) ||
			(!(r->flags & DOCTOR_AT_ONCE) && doctor_is_young(c, DOCTOR_GRACE_NS)) ||
			!holds(c, r))
			continue;
		tell(l, c, beside);
		found |= !beside;
	}
	return found;
}

static void look_at_tunnel(struct looking *l, const struct site *site, unsigned int t)
{
	struct doctor_case c = tunnel_case(l, site, t);
	bool found;

	if (l->swallowed[site->slot][t] || l->report->verdicts[site->slot][t] == VERDICT_NONE)
		return;
	found = climb(l, &c, doctor_rules_ike, false);
	found = climb(l, &c, doctor_rules_esp, found);
	climb(l, &c, doctor_rules_bgp, found);
}

static void look_at_site(struct looking *l, const struct site *site)
{
	struct doctor_case c = {.s = l->s,
		.site = site,
		.state = &site->tunnels[0],
		.conf = &site->conf.tunnels[0]};

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		look_at_tunnel(l, site, t);
	for (const struct doctor_rule *r = doctor_rules_site; r->id; r++) {
		char text[DOCTOR_TEXT_SIZE];
		struct doctor_finding *f;

		if (!holds(&c, r))
			continue;
		f = add(l->report, &c);
		memcpy(text, f->text, sizeof(text));
		snprintf(f->text, sizeof(f->text), "%s: %.600s", site->conf.name, text);
	}
}

/* ---- many tunnels, one cause ---- */

static bool all_silent(const struct looking *l, const struct endpoint *e, unsigned int *count)
{
	*count = 0;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = l->s->model->sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			enum doctor_verdict v = l->report->verdicts[i][t];

			if (v == VERDICT_NONE || v == VERDICT_OFF ||
				endpoint_of(l->s->model, site, t) != e)
				continue;
			if (!l->cause[i][t] || !(l->cause[i][t]->flags & DOCTOR_SILENCE) ||
				!addr_is_set(&site->tunnels[t].last_peer.addr))
				return false;
			++*count;
		}
	}
	return *count >= SILENT_LEAST;
}

/* The tunnels' own findings go, where no other tunnel is left in them. */
static void take_over(struct looking *l, const struct endpoint *e, struct doctor_finding *into)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = l->s->model->sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			struct doctor_finding *f;

			if (!l->found[i][t] || endpoint_of(l->s->model, site, t) != e)
				continue;
			f = &l->report->list[l->found[i][t] - 1];
			f->tunnels &= ~(1u << t);
			if (f->since_wall_ns > into->since_wall_ns)
				into->since_wall_ns = f->since_wall_ns;
			into->tunnels_lost++;
			add_site(into, site);
		}
	}
}

static void look_at_silence(struct looking *l, unsigned int e, unsigned int a)
{
	const struct endpoint *endpoint = &l->s->model->endpoints[e][a];
	struct doctor_case c = hub_case(l->s);
	unsigned int count;

	c.endpoint = e;
	c.address = a;
	c.rule = &doctor_rule_silent_address;
	if (!all_silent(l, endpoint, &count))
		return;
	doctor_word(&c, "count", "%u", count);
	take_over(l, endpoint, add(l->report, &c));
}

static void drop_empty(struct doctor_report *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct doctor_finding *f = &r->list[i];

		/* What was of tunnels that are all told of elsewhere. */
		if (f->site[0] && f->rung != DOCTOR_RATES && !f->tunnels)
			continue;
		if (kept != i)
			r->list[kept] = *f;
		kept++;
	}
	r->count = kept;
}

/* The sites that have a finding of that kind. */
static void sites_of(const struct doctor_report *r, const char *id, uint64_t sites[SITE_SLOTS / 64])
{
	memset(sites, 0, SITE_SLOTS / 8);
	for (size_t i = 0; i < r->count; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->site[0] && !strcmp(f->id, id))
			sites[f->slot / 64] |= UINT64_C(1) << f->slot % 64;
	}
}

/* Who else has the same. */
static void name_others(struct doctor_report *r)
{
	uint64_t sites[SITE_SLOTS / 64];
	const char *of = "";

	for (size_t i = 0; i < r->count; i++) {
		struct doctor_finding *f = &r->list[i];

		if (!f->site[0])
			continue;
		if (strcmp(of, f->id) != 0)
			sites_of(r, f->id, sites);
		of = f->id;
		memcpy(f->sites, sites, sizeof(sites));
		f->sites[f->slot / 64] &= ~(UINT64_C(1) << f->slot % 64);
	}
}

/* What is worse first, causes before what may follow from them, what concerns more before what concerns less. */
static int compare(const void *a, const void *b)
{
	const struct doctor_finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (!x->site[0] != !y->site[0])
		return x->site[0] ? 1 : -1;
	if (x->tunnels_lost != y->tunnels_lost)
		return x->tunnels_lost > y->tunnels_lost ? -1 : 1;
	if (x->rung != y->rung)
		return x->rung < y->rung ? -1 : 1;
	if (strcmp(x->site, y->site) != 0)
		return strcmp(x->site, y->site);
	return strcmp(x->text, y->text);
}

static void judge_all(struct looking *l)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; l->s->model->sites[i] && t < TUNNELS_PER_SITE; t++)
			l->report->verdicts[i][t] = doctor_judge(l->s, l->s->model->sites[i], t);
	}
}

struct doctor_report *doctor_look(const struct doctor_snapshot *s)
{
	const struct concentrator_conf *conf = &s->model->config->concentrator;
	struct looking *l = calloc(1, sizeof(*l));
	struct doctor_report *report = calloc(1, sizeof(*report));

	if (!l || !report)
		abort();
	l->s = s;
	l->report = report;
	judge_all(l);
	doctor_strangers_read(s, &l->strangers);
	look_at_hub(l);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (s->model->sites[i])
			look_at_site(l, s->model->sites[i]);
	}
	for (unsigned int e = 0; s->whole && e < conf->endpoint_count; e++) {
		for (unsigned int a = 0; a < conf->endpoints[e].address_count; a++)
			look_at_silence(l, e, a);
	}
	free(l);
	drop_empty(report);
	name_others(report);
	if (report->count)
		qsort(report->list, report->count, sizeof(*report->list), compare);
	return report;
}

void doctor_free(struct doctor_report *r)
{
	if (r)
		free(r->list);
	free(r);
}

bool doctor_concerns(const struct doctor_finding *f, const struct site *site, int tunnel)
{
	static const uint64_t none[SITE_SLOTS / 64];

	if (f->site[0])
		return f->slot == site->slot &&
		       (tunnel < 0 || !f->tunnels || f->tunnels & 1u << tunnel);
	/* What the hub has and no site is named for concerns all. */
	if (!memcmp(f->sites, none, sizeof(none)))
		return f->severity == DOCTOR_ERROR;
	return doctor_names(f, site->slot);
}
